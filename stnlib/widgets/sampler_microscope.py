"""SamplerMicroscope: what one sampling point reads, and which way its value grows."""

import numpy as np

from stnlib.widgets import _checks, _fallback, _images
from stnlib.widgets._host import Instrument

SIDE = 6
SIDES = (2, 12)


def contrasting_patch():
    """The 6x6 piece of the first embedded digit whose neighbours differ most, two decimals.

    >>> contrasting_patch().shape
    (6, 6)
    """
    image = next(iter(_images.digits().values()))[..., 0] / 255
    places = [(row, column) for row in range(image.shape[0] - SIDE) for column in range(image.shape[1] - SIDE)]
    pieces = [image[row : row + SIDE, column : column + SIDE] for row, column in places]
    return max(pieces, key=lambda piece: np.abs(np.diff(piece, 2)).sum()).round(2)


def patch_rows(value):
    """Pixel values `(H, W)`, each side from 2 to 12, as rows of floats; ValueError for anything else.

    >>> patch_rows([[0, 1], [1, 0.5]])
    [[0.0, 1.0], [1.0, 0.5]]
    """
    array = _images.pixels(value)
    if array.shape[-1] != 1 or not SIDES[0] <= min(array.shape[:2]) <= max(array.shape[:2]) <= SIDES[1]:
        raise ValueError(f"patch: got shape {array.shape}, expected (H, W) with 2 to 12 pixels a side")
    values = array[..., 0] / 255 if array.dtype == "uint8" else array[..., 0].astype("float64")
    return values.round(6).tolist()


class SamplerMicroscope(Instrument):
    """A small patch of pixels with one sampling point: neighbours, weights, value, gradient, and V along x.

    Shapes: `patch` `(H, W)`, 2 to 12 pixels a side, values as in AffineExplorer (None: a 6x6 piece of a digit);
        `point` `(x, y)` in pixels, pixel centres at whole numbers; `mode` nearest | bilinear | bicubic.
    Convention: zero outside the patch; on the lattice the slope is the one from the right and from below.
        All three traits sync both ways.
    Errors: ValueError names the argument, what came and what is expected.
    Source: Jaderberg et al. 2015, equations 4 to 7; Keys 1981.

    >>> SamplerMicroscope(patch=[[0, 0.5], [1, 0]], point=(0.5, 0.5)).point
    [0.5, 0.5]
    """

    stem = "sampler_microscope"
    patch = _images.Checked(patch_rows).tag(sync=True)
    point = _images.Checked(_checks.point).tag(sync=True)
    mode = _images.Checked(_checks.choice("mode", ("nearest", "bilinear", "bicubic"))).tag(sync=True)

    def __init__(self, patch=None, point=None, mode="bilinear", **traits):
        """See the class."""
        patch = contrasting_patch() if patch is None else patch
        rows = patch_rows(patch)
        centre = (0.35 * (len(rows[0]) - 1), 0.55 * (len(rows) - 1))
        super().__init__(patch=patch, point=centre if point is None else point, mode=mode, **traits)

    def fallback(self):
        """The picture and the sentence for a page without JavaScript."""
        return _fallback.microscope(self.patch, self.point), (
            "The sampling point lies among four pixels. A box of one pixel around it (orange) covers a part of each, "
            "and the parts are the bilinear weights. With JavaScript you can move the point here."
        )
