"""SamplerMicroscope: the value at one sampling point, its weights and its gradient."""

import numpy as np

from stnlib.widgets.core import images, still, traits
from stnlib.widgets.core.host import Instrument

MODES = ("nearest", "bilinear", "bicubic")
SIDE = 6
small = images.grey("patch", "(H, W) with 2 to 12 pixels a side", lambda h, w: 2 <= min(h, w) <= max(h, w) <= 12)


def contrasting_patch():
    """The 6x6 piece of the first embedded digit whose neighbours differ most, two decimals.

    >>> contrasting_patch().shape
    (6, 6)
    """
    image = next(iter(images.digits().values()))[..., 0] / 255
    places = [(row, column) for row in range(image.shape[0] - SIDE) for column in range(image.shape[1] - SIDE)]
    pieces = [image[row : row + SIDE, column : column + SIDE] for row, column in places]
    return max(pieces, key=lambda piece: np.abs(np.diff(piece, 2)).sum()).round(2)


def patch_rows(value):
    """Pixel values `(H, W)`, each side from 2 to 12, as rows of floats.

    >>> patch_rows([[0, 1], [1, 0.5]])
    [[0.0, 1.0], [1.0, 0.5]]
    """
    array = small(value)
    values = array[..., 0] / 255 if array.dtype == "uint8" else array[..., 0].astype("float64")
    return values.round(6).tolist()


class SamplerMicroscope(Instrument):
    """A small patch of pixels with one sampling point: neighbours, weights, value, gradient, and V along x.

    :Shapes: `patch` `(H, W)`, 2 to 12 pixels a side, values as in AffineExplorer (None: a 6x6 piece of a digit);
        `point` `(x, y)` in pixels, pixel centres at whole numbers; `mode` nearest | bilinear | bicubic.
    :Convention: zero outside the patch; on the lattice the slope is the one from the right and from below.
        All three traits sync both ways.
    :Errors: ValueError names the argument, what is expected and what came.
    :Source: Jaderberg et al. 2015, equations 4 to 7; Keys 1981.

    >>> SamplerMicroscope(patch=[[0, 0.5], [1, 0]], point=(0.5, 0.5)).point
    [0.5, 0.5]
    """

    folder = "microscope"
    patch = traits.Checked(patch_rows)
    point = traits.Checked(traits.pair("point", "(x, y)"))
    mode = traits.Checked(traits.choice("mode", MODES))

    def __init__(self, patch=None, point=None, mode="bilinear", **options):
        """See the class."""
        patch = contrasting_patch() if patch is None else patch
        rows = patch_rows(patch)
        centre = (0.35 * (len(rows[0]) - 1), 0.55 * (len(rows) - 1))
        super().__init__(patch=patch, point=centre if point is None else point, mode=mode, **options)

    def fallback(self):
        """The picture and the sentence for a page without JavaScript."""
        height, width = np.shape(self.patch)
        x, y = self.point
        corners = [(2 * (x + right) / width - 1, 2 * (y + down) / height - 1) for right, down in BOX]
        return still.still(images.pixels(self.patch), "A patch of pixels with a box around a point", corners), (
            "The sampling point lies among four pixels. A box of one pixel around it (orange) covers a part of each, "
            "and the parts are the bilinear weights. With JavaScript you can move the point here."
        )


BOX = ((0, 0), (1, 0), (1, 1), (0, 1))
