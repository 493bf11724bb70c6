"""SamplerMicroscope: the value at one sampling point, its weights and its gradient."""

import numpy as np
import traitlets

from stnlib.widgets.core import images, still, traits
from stnlib.widgets.core.host import Instrument

AIMS = ("brighter", "darker")
SIDE = 6
small = images.grey("patch", "(H, W) with 2 to 12 pixels a side", lambda h, w: 2 <= min(h, w) <= max(h, w) <= 12)


def contrasting_patch():
    """The 6x6 piece of the first embedded digit whose neighbours differ most, two decimals, and where it lies.

    >>> patch, place = contrasting_patch()
    >>> patch.shape, place["picture"]
    ((6, 6), 'digit 2')
    """
    name, image = next((name, digit[..., 0] / 255) for name, digit in images.digits().items())

    def piece(place):
        return image[place[0] : place[0] + SIDE, place[1] : place[1] + SIDE]

    row, column = max(np.ndindex(*np.subtract(image.shape, SIDE)), key=lambda at: np.abs(np.diff(piece(at), 2)).sum())
    return piece((row, column)).round(2), {"picture": name, "row": int(row), "column": int(column)}


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

    :param patch: `(H, W)`, 2 to 12 pixels a side, values as in `AffineExplorer`; None: a 6x6 crop of a digit.
    :param point: (x, y) in pixels, with pixel centres at integers.
    :param mode: "nearest", "bilinear" or "bicubic".
    :param padding_mode: "zeros", "border" or "reflection".
    :param aim: "brighter" or "darker": whether the loss falls as V gets brighter or darker.
    :Convention: `align_corners=False`. At pixel centres the slope is that from the right and from below. The arrow is
        the negative gradient of the loss. All traits sync both ways.
    :Errors: ValueError names the argument, the expected value and the given one.
    :Source: Jaderberg et al. 2015, equations 4 to 7; Keys 1981.

    >>> SamplerMicroscope(patch=[[0, 0.5], [1, 0]], point=(0.5, 0.5)).point
    [0.5, 0.5]
    """

    folder = "microscope"
    patch = traits.Checked(patch_rows)
    point = traits.Checked(traits.pair("point", "(x, y)"))
    mode = traits.Checked(traits.choice("mode", traits.MODES))
    padding_mode = traits.Checked(traits.choice("padding_mode", traits.PADDINGS))
    aim = traits.Checked(traits.choice("aim", AIMS))
    origin = traitlets.Dict(allow_none=True, default_value=None, read_only=True).tag(sync=True)

    def __init__(self, patch=None, point=None, mode="bilinear", padding_mode="zeros", aim="brighter", **options):
        """See the class."""
        origin = None
        if patch is None:
            patch, origin = contrasting_patch()
        rows = patch_rows(patch)
        centre = (0.35 * (len(rows[0]) - 1), 0.55 * (len(rows) - 1))
        given = {"patch": patch, "point": centre if point is None else point, "mode": mode}
        super().__init__(**given, padding_mode=padding_mode, aim=aim, **options)
        self.set_trait("origin", origin)

    @traitlets.observe("patch")
    def _forget_origin(self, change):
        self.set_trait("origin", None)

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
