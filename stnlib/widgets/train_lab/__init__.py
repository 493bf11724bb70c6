"""TrainLab: a spatial transformer that trains in the page, beside a classifier without one."""

import functools
import json
from pathlib import Path

import traitlets

from stnlib import _checks
from stnlib.widgets.core import images, still, traits
from stnlib.widgets.core.host import Instrument

WINDOW = [(-0.75, -0.35), (0.35, -0.75), (0.75, 0.35), (-0.35, 0.75)]


@functools.cache
def digits():
    """The digits that the laboratory trains on, packed: see `pack_digits`.

    >>> digits()["train"], len(digits()["labels"])
    (1437, 1797)
    """
    return json.loads(Path(__file__).with_name("digits.json").read_text("utf-8"))


def packed_digits(value):
    """Digits in the form of `digits`.

    >>> packed_digits(digits()) is digits()
    True
    """
    if not isinstance(value, dict) or set(value) != set(digits()):
        _checks.fail("digits", repr(value), f"a dictionary of {', '.join(digits())}")
    return value


class TrainLab(Instrument):
    """A spatial transformer that trains on real digits in the browser, beside a classifier without one.

    :param small: show the class means and the accuracy only.
    :param transform: "rigid", "similarity" or "affine".
    :param sampler: "bilinear" or "nearest".
    :param start: the initial theta, "identity" or "random".
    :param head_rate: the learning rate of the head, 0.1, 1 or 3 times that of the other layers.
    :param rotation: the largest rotation of the digits either way, 30, 60 or 90 degrees.
    :param lean: the angle that the rotations are centred on, 0 or 30 degrees counter-clockwise.
    :param growing: let the range of rotations grow during the first half of a run.
    :param rival: the classifier without a transformer, "linear", "dense" or "convolution".
    :param speed: "slow", "normal" or "full".
    :param seed: the random seed; a run that collapses at the defaults restarts with the next one.
    :param playing: start or pause the training.
    :Convention: digits have 28x28 pixels, the transformer's output 14x14. All traits sync both ways.
    :Errors: ValueError names the argument, the expected value and the given one.

    >>> TrainLab(rotation=90, growing=True).rotation
    90
    """

    folder = "train_lab"
    small = traits.Checked(traits.flag("small"), default_value=False)
    transform = traits.Checked(traits.choice("transform", ("rigid", "similarity", "affine")), default_value="affine")
    sampler = traits.Checked(traits.choice("sampler", ("bilinear", "nearest")), default_value="bilinear")
    start = traits.Checked(traits.choice("start", ("identity", "random")), default_value="identity")
    head_rate = traits.Checked(traits.choice("head_rate", (0.1, 1, 3)), default_value=0.1)
    rotation = traits.Checked(traits.choice("rotation", (30, 60, 90)), default_value=60)
    lean = traits.Checked(traits.choice("lean", (0, 30)), default_value=0)
    growing = traits.Checked(traits.flag("growing"), default_value=False)
    rival = traits.Checked(traits.choice("rival", ("linear", "dense", "convolution")), default_value="linear")
    speed = traits.Checked(traits.choice("speed", ("slow", "normal", "full")), default_value="normal")
    seed = traits.Checked(traits.integer("seed"), default_value=1)
    playing = traits.Checked(traits.flag("playing"), default_value=False)
    digits = traits.Checked(packed_digits)

    @traitlets.default("digits")
    def _default_digits(self):
        return digits()

    def state(self):
        """The state without the digits: pages of the book have them in a file."""
        return {name: value for name, value in super().state().items() if name != "digits"}

    @classmethod
    def page_files(cls):
        """The digits."""
        return {"train_digits": digits()}

    def whole_state(self):
        """The state with the digits in it, 80 kB more."""
        return self.state() | {"digits": self.digits}

    def template(self):
        """The markup, marked where the laboratory is small."""
        size = " stn-lab-small" if self.small else ""
        return super().template().replace('class="stn-app stn-lab"', f'class="stn-app stn-lab{size}"')

    def fallback(self):
        """The picture and the sentence for a page without JavaScript."""
        image = next(iter(images.digits().values()))
        return still.still(image, "A digit, and on it a rotated window", WINDOW), (
            "With JavaScript a spatial transformer trains here while you watch: the mean image of each class begins "
            "as a blob and becomes a digit, though nobody tells the network how any digit was rotated."
        )
