"""AffineExplorer: drag the sampling grid, see theta and the output follow."""

import functools

import numpy as np

from stnlib.widgets.core import images, still, traits
from stnlib.widgets.core.host import Pictured

PICTURES = (*images.digits(), "photo", "drawing", "own")
IDENTITY = ((1, 0, 0), (0, 1, 0))


def theta_rows(value):
    """Six finite numbers, row-major or 2x3, as two rows of three floats.

    >>> theta_rows([1, 0, 0, 0, 1, 0])
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    """
    array = traits.array("theta", value, [(6,), (2, 3), (1, 6), (1, 2, 3)], "(2, 3) or (6,)")
    return array.reshape(2, 3).tolist()


def output_size(value):
    """Two integers `(H_out, W_out)` from 1 to 512 as a list.

    >>> output_size((14, 28))
    [14, 28]
    """
    return [int(side) for side in traits.pair("output_size", "(H_out, W_out)", 1, 512, step=1)(value)]


class AffineExplorer(Pictured):
    """An image with the affine sampling grid over it, the output beside it, and theta in every form between.

    :param image: `(H, W)`, `(H, W, 1)` or `(H, W, 3)`, floats or integers from 0 to 255; None: an embedded digit.
    :param theta: 2x3 or 6 numbers, output to input as in `affine_grid`.
    :param options: `picture` ("digit 2", "photo", "drawing", "own", ...), `mode`, `padding_mode`, `align_corners`,
        `output_size` (H_out, W_out), `name` (a label for `image`), `more` (show the sliders, options and the game).
    :Convention: all traits sync both ways. Images are shown in 8 bits, at most 256 pixels a side.
    :Errors: ValueError names the argument, the expected value and the given one.
    :Source: Jaderberg et al. 2015, sections 3.2 and 3.3.

    >>> explorer = AffineExplorer(theta=[[0.5, 0, 0], [0, 0.5, 0]])
    >>> explorer.theta
    [[0.5, 0.0, 0.0], [0.0, 0.5, 0.0]]
    """

    folder = "explorer"
    theta = traits.Checked(theta_rows)
    image = traits.Image()
    drawing = traits.Image(functools.partial(images.pixels, name="drawing"))
    picture = traits.Checked(traits.choice("picture", PICTURES))
    mode = traits.Checked(traits.choice("mode", traits.MODES))
    padding_mode = traits.Checked(traits.choice("padding_mode", traits.PADDINGS))
    align_corners = traits.Checked(traits.flag("align_corners"), default_value=False)
    output_size = traits.Checked(output_size, allow_none=True)
    more = traits.Checked(traits.flag("more"), default_value=False)

    def __init__(self, image=None, theta=None, **options):
        """See the class; further traits by name, such as `mode="nearest"` or `picture="photo"`."""
        given = {"mode": "bilinear", "padding_mode": "zeros", "output_size": None}
        given |= {"theta": IDENTITY if theta is None else theta, "image": image}
        super().__init__(**(given | options))

    def fallback(self):
        """The picture and the sentence for a page without JavaScript."""
        corners = np.array([[-1, -1, 1], [1, -1, 1], [1, 1, 1], [-1, 1, 1]]) @ np.transpose(self.theta)
        return still.still(self.shown(), "An image, and the window that theta lays over it", corners), (
            "Each pixel of the output reads the input (blue) at one point of the window (orange); theta says where. "
            "With JavaScript you can drag the window here."
        )
