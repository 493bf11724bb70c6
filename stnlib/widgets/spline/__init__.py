"""SplineExplorer: drag the control points of a thin plate spline, see the grid and the output follow."""

import numpy as np

from stnlib.widgets.core import images, still, traits
from stnlib.widgets.core.host import Pictured

PICTURES = (*images.digits(), "photo", "own")
ROWS = 4
LATTICE = np.stack(np.meshgrid(np.linspace(-1, 1, ROWS), np.linspace(-1, 1, ROWS)), axis=-1)


def displacements(value):
    """32 finite numbers, (dx, dy) of each control point, as a list of floats.

    >>> displacements(np.zeros((16, 2))) == 32 * [0.0]
    True
    """
    return traits.array("theta", value, [(32,), (1, 32), (16, 2)], "(32,) or (16, 2)").ravel().tolist()


class SplineExplorer(Pictured):
    """A thin plate spline's 4 x 4 control points over an image, each to drag, and the output beside it.

    :param image: `(H, W)`, `(H, W, 1)` or `(H, W, 3)`, values as in `AffineExplorer`; None: an embedded digit.
    :param theta: 32 numbers, (dx, dy) of each control point, row by row, as in `tps_grid`; None: zeros, the identity.
    :param options: `picture` ("digit 2", "photo", "own", ...) and `name`, as in `AffineExplorer`.
    :Convention: `align_corners=False`, bilinear, zeros outside. All traits sync both ways.
    :Errors: ValueError names the argument, the expected value and the given one.
    :Source: Bookstein 1989; Jaderberg et al. 2015, section 3.2.

    >>> explorer = SplineExplorer(theta=[0.4] + 31 * [0])
    >>> explorer.theta[:2]
    [0.4, 0.0]
    """

    folder = "spline"
    theta = traits.Checked(displacements)
    image = traits.Image()
    picture = traits.Checked(traits.choice("picture", PICTURES))

    def __init__(self, image=None, theta=None, **options):
        """See the class."""
        super().__init__(**({"image": image, "theta": 32 * [0] if theta is None else theta} | options))

    def fallback(self):
        """The picture and the sentence for a page without JavaScript."""
        at = LATTICE + np.reshape(self.theta, LATTICE.shape)
        cells = np.stack([at[:-1, :-1], at[:-1, 1:], at[1:, 1:], at[1:, :-1]], axis=2).reshape(-1, 4, 2)
        return still.still(self.shown(), "An image, and where the control points of theta read it", *cells), (
            "Each control point of the output reads the input (blue) at a corner of the cells (orange), and the pixels "
            "between follow smoothly. With JavaScript you can drag the corners here."
        )
