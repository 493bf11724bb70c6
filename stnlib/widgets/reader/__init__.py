"""DigitReader: rotate, shift, scale or draw a digit, and see what networks with and without a transformer predict."""

import traitlets

from stnlib import _checks
from stnlib.widgets.core import images, still, traits
from stnlib.widgets.core.host import Pictured
from stnlib.widgets.reader import networks as packing

DIGITS = "reader/digits.json"
PICTURES = (*images.digits(DIGITS), "drawing", "own")
SIDE = packing.SIDE
digit_pixels = images.grey("image", f"({SIDE}, {SIDE}) or ({SIDE}, {SIDE}, 1)", lambda h, w: h == w == SIDE)


def packed_networks(value):
    """Networks by name, packed: Keras models are packed, what was packed stays as it is, None means the book's own."""
    if value is None:
        return None
    if not isinstance(value, dict) or not 1 <= len(value) <= 4 or not all(isinstance(name, str) for name in value):
        _checks.fail("networks", type(value).__name__, "a dictionary of one to four models by name")
    return {name: each if is_packed(each) else packing.pack(each) for name, each in value.items()}


def is_packed(value):
    """Whether a value is what `pack` returns.

    >>> is_packed({})
    False
    """
    return isinstance(value, dict) and {"layers", "weights"} <= set(value)


class DigitReader(Pictured):
    """A digit to rotate, scale, shift or draw; what up to four networks predict; and where one's transformer looks.

    :Shapes: `networks` a dictionary of Keras models from `(B, 28, 28, 1)` to ten logits, by name (None: the article's
        FCN mixed, CNN, STN+FCN and STN+CNN, trained on MNIST, original and distorted); `image` `(28, 28)` or
        `(28, 28, 1)` (None: an MNIST digit); `shift` `(right, down)` in pixels, at most 14.
    :Convention: `angle` in degrees, counter-clockwise; `size` 0.3 to 2; `view` names the network whose transformer is
        shown; `name` is what the page calls `image`. Weights are rounded to float16. A drawing is scaled and centred
        as MNIST's digits are; `image` is taken as it is. All traits sync both ways.
    :Errors: ValueError names the argument, what is expected and what came; networks may have the layers Dense, Conv2D
        (valid), MaxPooling2D(2), Flatten, Dropout and an affine SpatialTransformer.
    :Source: the networks are those of xeonqq's article.

    >>> DigitReader(angle=40).angle
    40.0
    """

    folder = "reader"
    digits = DIGITS
    image = traits.Image(digit_pixels)
    drawing = traits.Image(digit_pixels)
    picture = traits.Checked(traits.choice("picture", PICTURES))
    angle = traits.Checked(traits.between("angle", -180, 180))
    size = traits.Checked(traits.between("size", 0.3, 2))
    shift = traits.Checked(traits.pair("shift", "(right, down) in pixels", -14, 14))
    view = traitlets.Unicode("STN+FCN").tag(sync=True)
    networks = traits.Checked(packed_networks, allow_none=True, default_value=None)
    wanted = traitlets.Bool(False).tag(sync=True)

    def __init__(self, image=None, networks=None, angle=45, size=1, shift=(0, 0), **options):
        """See the class."""
        given = {"networks": networks, "angle": angle, "size": size, "shift": shift}
        super().__init__(**({"image": image} | given | options))

    @traitlets.observe("wanted")
    def _send_networks(self, change):
        """The page has asked for the networks: they are large, so nobody gets them unasked."""
        if self.networks is None:
            self.networks = packing.packaged()

    @classmethod
    def page_files(cls):
        """The packaged networks."""
        return {"networks": packing.packaged()}

    def whole_state(self):
        """The state with the networks in it, a megabyte more."""
        state = self.state()
        return state | {"networks": state["networks"] or packing.packaged()}

    def fallback(self):
        """The picture and the sentence for a page without JavaScript."""
        return still.still(self.shown(), "A digit"), (
            "With JavaScript you can rotate, scale, shift or draw a digit here, and four networks predict it: FCN, "
            "CNN, and each of them with a spatial transformer in front."
        )
