"""DigitReader: turn, move or draw a digit, and see what networks with and without a transformer read."""

import traitlets

from stnlib.widgets import _checks, _fallback, _images, _networks
from stnlib.widgets._pictured import Pictured

PICTURES = ("digit 2", "digit 3", "digit 4", "digit 5", "digit 7", "drawing", "own")
SIDE, REACH = _networks.SIDE, 14


def digit_pixels(value):
    """A grey image of 28x28 pixels, as `_images.pixels` stores it."""
    array = _images.pixels(value)
    if array.shape != (SIDE, SIDE, 1):
        raise ValueError(f"image: got shape {array.shape}, expected ({SIDE}, {SIDE}) or ({SIDE}, {SIDE}, 1)")
    return array


def between(name, low, high):
    """A check that a value is one number from `low` to `high`; returns it as a float.

    >>> between("size", 0.3, 2)(1)
    1.0
    """

    def check(value):
        number = float(_checks.numbers(name, value, [()], f"a number from {low} to {high}"))
        if not low <= number <= high:
            raise ValueError(f"{name}: got {value!r}, expected a number from {low} to {high}")
        return number

    return check


def shift_pixels(value):
    """A shift `(right, down)` in pixels from -14 to 14, as a list.

    >>> shift_pixels((1, -2.5))
    [1.0, -2.5]
    """
    array = _checks.numbers("shift", value, [(2,)], "(right, down)")
    if abs(array).max() > REACH:
        raise ValueError(f"shift: got {value!r}, expected pixels from -{REACH} to {REACH}")
    return array.tolist()


def packed_networks(value):
    """Networks by name, packed: Keras models are packed, what was packed stays as it is, None means the book's own."""
    if value is None:
        return None
    if not isinstance(value, dict) or not 1 <= len(value) <= 4 or not all(isinstance(name, str) for name in value):
        raise ValueError(f"networks: got {type(value).__name__}, expected a dictionary of one to four models by name")
    return {name: each if is_packed(each) else _networks.pack(each) for name, each in value.items()}


def is_packed(value):
    """Whether a value is what `_networks.pack` returns.

    >>> is_packed({})
    False
    """
    return isinstance(value, dict) and {"layers", "weights"} <= set(value)


class DigitReader(Pictured):
    """A digit to turn, zoom, move or draw; what up to four networks read; and where the transformer of one looks.

    Shapes: `networks` a dictionary of Keras models from `(B, 28, 28, 1)` to ten logits, by name (None: the article's
        FCN mixed, CNN, STN+FCN and STN+CNN, trained on MNIST upright and bent); `image` `(28, 28)` or `(28, 28, 1)`
        (None: an embedded digit); `shift` `(right, down)` in pixels, at most 14.
    Convention: `angle` in degrees, anticlockwise; `size` 0.3 to 2; `view` names the network whose transformer is
        shown. Weights are rounded to float16. A drawing is scaled and centred as MNIST's digits are; `image` is
        taken as it is. All traits sync both ways.
    Errors: ValueError names the argument, what came and what is expected; networks may have the layers Dense, Conv2D
        (valid), MaxPooling2D(2), Flatten, Dropout and an affine SpatialTransformer.
    Source: the networks are those of xeonqq's article.

    >>> DigitReader(angle=40).angle
    40.0
    """

    stem = "digit_reader"
    image = _images.Image(digit_pixels)
    drawing = _images.Image(digit_pixels)
    picture = _images.Checked(_checks.choice("picture", PICTURES)).tag(sync=True)
    angle = _images.Checked(between("angle", -180, 180)).tag(sync=True)
    size = _images.Checked(between("size", 0.3, 2)).tag(sync=True)
    shift = _images.Checked(shift_pixels).tag(sync=True)
    view = traitlets.Unicode("STN+FCN").tag(sync=True)
    networks = _images.Checked(packed_networks, allow_none=True, default_value=None).tag(sync=True)
    wanted = traitlets.Bool(False).tag(sync=True)

    def __init__(self, image=None, networks=None, angle=40, size=1, shift=(0, 0), **traits):
        """See the class."""
        given = {"networks": networks, "angle": angle, "size": size, "shift": shift}
        super().__init__(**({"image": image} | given | traits))

    @traitlets.observe("wanted")
    def _send_networks(self, change):
        """The page has asked for the networks: they are large, so nobody gets them unasked."""
        if self.networks is None:
            self.networks = _networks.packaged()

    def fallback(self):
        """The picture and the sentence for a page without JavaScript."""
        return _fallback.reader(self.shown()), (
            "A digit, turned step by step. With JavaScript you can turn, zoom, move or draw one here, and four "
            "networks say what they read: FCN, CNN, and either of them behind a spatial transformer."
        )
