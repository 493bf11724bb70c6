"""Images and parameters on their way between Python and the page."""

import base64
import functools
import json
import struct
import zlib

import numpy as np
import traitlets

from stnlib.widgets._pack import FOLDER

MAX_SIDE = 1024


def pixels(image):
    """Any image array as `(H, W, C)`, C 1 or 3: uint8 stays uint8, anything else becomes float32.

    Accepts `(H, W)`, `(H, W, 1)` or `(H, W, 3)` array-likes (NumPy, Keras tensors, nested lists) of finite
    floats, booleans, or integers from 0 to 255. Floats outside [0, 1] are kept; the widget then shows the
    whole range. Raises ValueError, one line, for anything else.

    >>> pixels([[0, 255], [128, 0]]).shape, pixels([[0.5]]).dtype.name
    ((2, 2, 1), 'float32')
    """
    array = _array(image)
    if array.ndim == 4:
        raise ValueError(f"image: got a batch of shape {array.shape}, expected one image: pass images[0]")
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or array.shape[-1] not in (1, 3):
        raise ValueError(f"image: got shape {array.shape}, expected (H, W), (H, W, 1) or (H, W, 3)")
    if min(array.shape[:2]) < 1 or max(array.shape[:2]) > MAX_SIDE:
        raise ValueError(f"image: got shape {array.shape}, expected 1 to {MAX_SIDE} pixels a side")
    return _values(array)


def _array(image):
    """The input as a NumPy array of numbers."""
    try:
        array = np.asarray(image)
    except Exception as error:
        raise ValueError(f"image: got {type(image).__name__}, expected an array of numbers ({error})") from None
    if array.dtype.kind not in "buif" and "float" not in array.dtype.name:
        raise ValueError(f"image: got {type(image).__name__} of {array.dtype}, expected an array of numbers")
    return array


def _values(array):
    """Integers and booleans to uint8, floats to float32, both checked."""
    if array.dtype.kind == "b":
        return array.astype("uint8") * np.uint8(255)
    if array.dtype.kind in "ui":
        if array.min() < 0 or array.max() > 255:
            raise ValueError(f"image: got integers from {array.min()} to {array.max()}, expected 0 to 255")
        return array.astype("uint8")
    with np.errstate(over="ignore"):
        array = array.astype("float32")
    if not np.isfinite(array).all():
        raise ValueError("image: got NaN or infinity, expected finite numbers")
    return array


def encode(array):
    """A `(H, W, C)` array as plain JSON: shape, dtype and base64 of the little-endian bytes."""
    if array is None:
        return None
    data = array.astype(array.dtype.newbyteorder("<")).tobytes()
    return {"shape": list(array.shape), "dtype": array.dtype.name, "data": base64.b64encode(data).decode()}


def decode(state):
    """The array that `encode` wrote.

    >>> decode(encode(pixels([[1, 2]]))).ravel().tolist()
    [1, 2]
    """
    if state is None:
        return None
    data = np.frombuffer(base64.b64decode(state["data"]), np.dtype(state["dtype"]).newbyteorder("<"))
    return data.reshape(state["shape"]).astype(state["dtype"])


def png(array):
    """A uint8 `(H, W, 1)` or `(H, W, 3)` array as the bytes of a PNG file (ISO/IEC 15948)."""
    height, width, channels = array.shape
    header = struct.pack(">2I5B", width, height, 8, 0 if channels == 1 else 2, 0, 0, 0)
    rows = b"".join(b"\0" + row.tobytes() for row in array)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )


def as_bytes(array):
    """The image as uint8, as the widget shows it: [0, 1], or the image's own range where that is wider."""
    if array.dtype == np.uint8:
        return array
    low, high = min(0.0, float(array.min())), max(1.0, float(array.max()))
    return np.round((array.astype("float64") - low) / (high - low) * 255).astype("uint8")


@functools.cache
def digits():
    """The embedded digits, name to `(28, 28, 1)` uint8; `python -m stnlib.widgets` writes the file."""
    stored = json.loads((FOLDER / "digits.json").read_text("utf-8"))
    return {name: decode(state) for name, state in stored.items()}


class Checked(traitlets.TraitType):
    """A trait whose value passes through a function that returns the stored form or raises ValueError."""

    def __init__(self, check, **options):
        super().__init__(**options)
        self.check = check

    def validate(self, obj, value):
        return None if value is None and self.allow_none else self.check(value)


class Image(Checked):
    """A synced trait that holds an image array, and crosses to the page as JSON."""

    def __init__(self, check=pixels):
        super().__init__(check, allow_none=True, default_value=None)
        self.tag(sync=True, to_json=lambda value, _: encode(value), from_json=lambda value, _: decode(value))
