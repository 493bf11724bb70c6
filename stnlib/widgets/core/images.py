"""Images on their way between Python and the page."""

import base64
import functools
import io
import json

import numpy as np

from stnlib import _checks
from stnlib.widgets.core.pack import FOLDER

MAX_SIDE = 1024
PAGE_SIDE = 256


def pixels(image, name="image"):
    """Any image array as `(H, W, C)`: uint8 stays uint8, anything else becomes float32.

    :Shapes: `(H, W)`, `(H, W, 1)` or `(H, W, 3)` array-likes (NumPy, Keras tensors, nested lists) of finite floats,
        booleans, or integers from 0 to 255.
    :Convention: floats outside [0, 1] are kept; the widget then shows the full range.
    :Errors: ValueError, one line that begins with `name`, for anything else.

    >>> pixels([[0, 255], [128, 0]]).shape, pixels([[0.5]]).dtype.name
    ((2, 2, 1), 'float32')
    """
    array = _array(image, name)
    if array.ndim == 4:
        _checks.fail(name, f"a batch of shape {array.shape}", "one image: pass images[0]")
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or array.shape[-1] not in (1, 3):
        _checks.fail(name, f"shape {array.shape}", "(H, W), (H, W, 1) or (H, W, 3)")
    if min(array.shape[:2]) < 1 or max(array.shape[:2]) > MAX_SIDE:
        _checks.fail(name, f"shape {array.shape}", f"1 to {MAX_SIDE} pixels a side")
    return _values(array, name)


def grey(name, expected, accepts):
    """A check that a value is an image of one channel whose height and width `accepts`; returns it as `pixels` does."""

    def check(value):
        array = pixels(value, name)
        if array.shape[-1] != 1 or not accepts(*array.shape[:2]):
            _checks.fail(name, f"shape {array.shape}", expected)
        return array

    return check


def _array(image, name):
    """The input as a NumPy array of numbers."""
    try:
        array = np.asarray(image)
    except Exception as error:
        _checks.fail(name, f"{type(image).__name__} ({error})", "an array of numbers")
    if array.dtype.kind not in "buif" and "float" not in array.dtype.name:
        _checks.fail(name, f"{type(image).__name__} of {array.dtype}", "an array of numbers")
    return array


def _values(array, name):
    """Integers and booleans to uint8, floats to float32, both checked."""
    if array.dtype.kind == "b":
        return array.astype("uint8") * np.uint8(255)
    if array.dtype.kind in "ui":
        if array.min() < 0 or array.max() > 255:
            _checks.fail(name, f"integers from {array.min()} to {array.max()}", "0 to 255")
        return array.astype("uint8")
    with np.errstate(over="ignore"):
        array = array.astype("float32")
    if not np.isfinite(array).all():
        _checks.fail(name, "NaN or infinity", "finite numbers")
    return array


def value_range(array):
    """The values that are shown as black and as white: 0 and 1, or the image's own extremes where they lie beyond."""
    if array.dtype == np.uint8:
        return 0.0, 1.0
    return min(0.0, float(array.min())), max(1.0, float(array.max()))


def as_bytes(array):
    """The image as uint8, as the widget shows it."""
    if array.dtype == np.uint8:
        return array
    low, high = value_range(array)
    return np.round((array.astype("float64") - low) / (high - low) * 255).astype("uint8")


def encode(array):
    """A `(H, W, C)` array as plain JSON for the page: 8 bits a value, reduced to at most 256 pixels a side.

    :Convention: `range` says which values 0 and 255 stand for; `size` is the image's own size, before it was reduced.

    >>> encode(pixels([[0, 255]]))["shape"]
    [1, 2, 1]
    """
    if array is None:
        return None
    small = for_page(array)
    return {
        "shape": list(small.shape),
        "size": list(array.shape[:2]),
        "range": list(value_range(array)),
        "data": base64.b64encode(small.tobytes()).decode(),
    }


def for_page(array):
    """The image as uint8 of at most PAGE_SIDE pixels a side, each pixel the mean of those it stands for."""
    array = as_bytes(array)
    height, width, channels = array.shape
    scale = PAGE_SIDE / max(height, width)
    if scale >= 1:
        return array
    from PIL import Image

    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(_picture(array).resize(size, Image.Resampling.BOX)).reshape(size[1], size[0], channels)


def decode(state):
    """The array that the page or `encode` wrote, uint8.

    >>> decode(encode(pixels([[1, 2]]))).ravel().tolist()
    [1, 2]
    """
    if state is None:
        return None
    return np.frombuffer(base64.b64decode(state["data"]), np.uint8).reshape(state["shape"]).copy()


def _picture(array):
    from PIL import Image

    return Image.fromarray(array if array.shape[-1] == 3 else array[..., 0])


def png(array):
    """A uint8 `(H, W, 1)` or `(H, W, 3)` array as the bytes of a PNG file."""
    buffer = io.BytesIO()
    _picture(array).save(buffer, "png")
    return buffer.getvalue()


@functools.cache
def digits(file="shared/digits.json"):
    """The digits in a file of the widgets' folder, name to `(28, 28, 1)` uint8."""
    stored = json.loads((FOLDER / file).read_text("utf-8"))
    return {name: decode(state) for name, state in stored.items()}
