"""PoolingProbe: what convolution and max-pooling keep of a digit that slides."""

import numpy as np

from stnlib.widgets import _checks, _fallback, _images
from stnlib.widgets._pictured import Pictured

PICTURES = ("digit 2", "digit 3", "digit 4", "digit 5", "digit 7", "own")
LEAST = 8
REACH = 8


def probe_pixels(value):
    """A grey image of 8 pixels a side or more, as `_images.pixels` stores it."""
    array = _images.pixels(value)
    if array.shape[-1] != 1 or min(array.shape[:2]) < LEAST:
        raise ValueError(f"image: got shape {array.shape}, expected (H, W) or (H, W, 1), {LEAST} pixels a side or more")
    return array


def half_pixels(value):
    """A shift `(right, down)` in whole and half pixels from -8 to 8, as a list.

    >>> half_pixels((1, -0.5))
    [1.0, -0.5]
    """
    array = _checks.numbers("shift", value, [(2,)], "(right, down)")
    if (2 * array != np.round(2 * array)).any() or np.abs(array).max() > REACH:
        raise ValueError(f"shift: got {value!r}, expected whole or half pixels from -{REACH} to {REACH}")
    return array.tolist()


class PoolingProbe(Pictured):
    """A digit that slides through edge filters (Sobel), ReLU and max-pooling; cells that stay are marked.

    Shapes: `image` `(H, W)` or `(H, W, 1)`, values as in AffineExplorer (None: an embedded digit); `shift`
        `(right, down)` in whole and half pixels; `edge` left | right | top | bottom; `pool` 2 | 4.
    Convention: half pixels by the bilinear sampler, zeros outside; a cell counts as active above a tenth of the
        largest activation, and stays when it changes by no more than a fifth. All traits sync both ways.
    Errors: ValueError names the argument, what came and what is expected.
    Source: the edge filters are Sobel and Feldman's (1968).

    >>> PoolingProbe(shift=(0.5, 0)).shift
    [0.5, 0.0]
    """

    stem = "pooling_probe"
    image = _images.Image(probe_pixels)
    picture = _images.Checked(_checks.choice("picture", PICTURES)).tag(sync=True)
    shift = _images.Checked(half_pixels).tag(sync=True)
    edge = _images.Checked(_checks.choice("edge", ("left", "right", "top", "bottom"))).tag(sync=True)
    pool = _images.Checked(_checks.choice("pool", (2, 4))).tag(sync=True)

    def __init__(self, image=None, shift=(0, 0), edge="left", pool=2, **traits):
        """See the class."""
        super().__init__(**({"image": image, "shift": shift, "edge": edge, "pool": pool} | traits))

    def fallback(self):
        """The picture and the sentence for a page without JavaScript."""
        picture, stay, change = _fallback.probe(self.shown(), self.edge, self.pool)
        return picture, (
            f"The image, and what a filter for {self.edge} edges and max-pooling make of it; below, the same a pixel "
            f"further right. Of the cells that are active before or after, {stay} stay (framed) and {change} change "
            "(crossed). With JavaScript you can slide it here."
        )
