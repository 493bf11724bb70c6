"""DigitReader: rotate, shift, scale or draw a digit, and see what networks with and without a transformer predict."""

import html
import re

import traitlets

from stnlib import _checks
from stnlib.widgets.core import images, still, traits
from stnlib.widgets.core.host import Pictured
from stnlib.widgets.reader import networks as packing

DIGITS = "reader/digits.json"
PICTURES = (*images.digits(DIGITS), "drawing", "own")
SIDE = packing.SIDE
ROW = '<tr><th scope="row">{}</th><td></td><td></td></tr>'
VIEW = "STN+FCN"


def digit_pixels(name):
    """A check that a value is a grey image of 28x28 pixels."""
    return images.grey(name, f"({SIDE}, {SIDE}) or ({SIDE}, {SIDE}, 1)", lambda h, w: h == w == SIDE)


def chosen_networks(value):
    """Networks by name, packed, or the names of packaged ones, which the page asks for when it needs them.

    >>> chosen_networks(("FCN", "CNN"))
    ['FCN', 'CNN']
    """
    known = list(packing.packaged())
    if value is None:
        return known
    if isinstance(value, list | tuple):
        names = list(value)
        texts = all(isinstance(name, str) for name in names)
        if not names or not texts or not set(names) <= set(known) or len(set(names)) < len(names):
            _checks.fail("networks", repr(value), f"names out of {known}, each once")
        return names
    named = isinstance(value, dict) and all(isinstance(name, str) for name in value)
    if not named or not 1 <= len(rows(value)) <= 4:
        _checks.fail("networks", type(value).__name__, f"one to four models by name in a dict, or some of {known}")
    return {name: each if is_packed(each) else packing.pack(each) for name, each in value.items()}


def rows(names):
    """The names that have their own row: a packaged network that replaces another shares its row.

    >>> rows(["CNN", "STN+CNN", "STN+CNN at once"])
    ['CNN', 'STN+CNN']
    """
    return [name for name in names if packing.packaged().get(name, {}).get("stands_for") not in names]


def is_packed(value):
    """Whether a value is what `pack` returns.

    >>> is_packed({})
    False
    """
    return isinstance(value, dict) and {"layers", "weights"} <= set(value)


class DigitReader(Pictured):
    """A digit to rotate, scale, shift or draw; the predictions of up to four networks; a transformer's window.

    :param image: `(28, 28)` or `(28, 28, 1)`, shown as given; None: an MNIST digit.
    :param networks: a dictionary of Keras models by name, from `(B, 28, 28, 1)` to ten logits, or a list of packaged
        networks: "FCN", "CNN", "STN+FCN", "STN+CNN", "STN+CNN at once". None: all of these; they were trained on MNIST,
        original and distorted.
    :param angle: the digit's rotation in degrees, -180 to 180; positive is counter-clockwise (in `PoseGradient`:
        clockwise).
    :param size: 0.3 to 2.
    :param shift: (right, down) in pixels, at most 14.
    :param options: `view` (the network whose window is shown), `relieved` (show "STN+CNN at once" instead of STN+CNN),
        `picture` and `name`, as in `AffineExplorer`.
    :Convention: weights are rounded to float16. A drawing is scaled and centred like MNIST's digits. All traits sync
        both ways.
    :Errors: ValueError names the argument, the expected value and the given one. Networks may have the layers Dense,
        Conv2D (valid), MaxPooling2D(2), AveragePooling2D(2), Flatten, Dropout and an affine SpatialTransformer, one
        after the other.
    :Source: the classifiers are those of xeonqq's article; `stnlib.experiments.page` trains and measures the networks.

    >>> DigitReader(angle=40, networks=["FCN", "CNN"]).networks
    ['FCN', 'CNN']
    """

    folder = "reader"
    digits = DIGITS
    image = traits.Image(digit_pixels("image"))
    drawing = traits.Image(digit_pixels("drawing"))
    picture = traits.Checked(traits.choice("picture", PICTURES))
    angle = traits.Checked(traits.between("angle", -180, 180))
    size = traits.Checked(traits.between("size", 0.3, 2))
    shift = traits.Checked(traits.pair("shift", "(right, down) in pixels", -14, 14))
    view = traits.Checked(traits.text("view"), default_value=VIEW)
    relieved = traits.Checked(traits.flag("relieved"), default_value=False)
    networks = traits.Checked(chosen_networks, default_value=None)
    wanted = traits.Checked(traits.flag("wanted"), default_value=False)

    def __init__(self, image=None, networks=None, angle=60, size=1, shift=(0, 0), **options):
        """See the class."""
        given = {"networks": networks, "angle": angle, "size": size, "shift": shift}
        super().__init__(**({"image": image} | given | options))

    @traitlets.validate("view")
    def _check_view(self, proposal):
        if proposal["value"] == VIEW:  # the default, whatever the networks
            return VIEW
        return traits.choice("view", self._transforming())(proposal["value"])

    @traitlets.observe("wanted")
    def _send_networks(self, change):
        """Send the networks, which are large, when the page asks for them."""
        self.networks = self._whole_networks()

    def _whole_networks(self):
        """The networks, packed."""
        if isinstance(self.networks, dict):
            return self.networks
        return {name: packing.packaged()[name] for name in self.networks}

    def _transforming(self):
        """The names of the networks that have a transformer."""
        found = self._whole_networks().items()
        return [name for name, network in found if any(layer["kind"] == "transformer" for layer in network["layers"])]

    @classmethod
    def page_files(cls):
        """The packaged networks, a file each."""
        return {packing.page_file(name): network for name, network in packing.packaged().items()}

    def whole_state(self):
        """The state with the networks in it, up to a megabyte more."""
        return self.state() | {"networks": self._whole_networks()}

    def template(self):
        """The markup with a row for each network, so that nothing moves when the networks come."""
        table = "".join(ROW.format(html.escape(name)) for name in rows(self.networks))
        markup = re.sub(r"(?<=<tbody data-ref=\"answers\">).*?(?=</tbody>)", table, super().template(), flags=re.DOTALL)
        if rows(self.networks) == list(self.networks):
            markup = re.sub(r'data-ref="(relieved|lessonRoom)"', r"\g<0> hidden", markup)
        return markup if self._transforming() else markup.replace('class="stn-app"', 'class="stn-app stn-plain"')

    def fallback(self):
        """The picture and the sentence for a page without JavaScript."""
        return still.still(self.shown(), "A digit"), (
            "With JavaScript you can rotate, scale, shift or draw a digit here, and see what "
            f"{in_words(rows(self.networks))} predict."
        )


def in_words(names):
    """Names as a sentence has them.

    >>> in_words(["FCN", "CNN", "STN+FCN"])
    'FCN, CNN and STN+FCN'
    """
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last
