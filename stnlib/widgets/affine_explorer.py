"""AffineExplorer: drag the sampling grid, see theta and the output follow."""

import traitlets

from stnlib.widgets import _checks, _fallback, _images
from stnlib.widgets._pictured import Pictured

PICTURES = ("digit 2", "digit 3", "digit 4", "digit 5", "digit 7", "photo", "drawing", "own")
IDENTITY = ((1, 0, 0), (0, 1, 0))


class AffineExplorer(Pictured):
    """An image with the affine sampling grid over it, the output beside it, and theta in every form between.

    Shapes: `image` `(H, W)`, `(H, W, 1)` or `(H, W, 3)`, floats or integers from 0 to 255 (None: an embedded
        digit); `theta` 2x3 or 6 numbers; `output_size` `(H_out, W_out)` or None for the image's size.
    Convention: theta maps output to input, normalised coordinates, x right, y down, as in `affine_grid`.
        All traits sync both ways: `theta` (a nested list), `image`, `drawing`, `picture` ("digit 2", "photo",
        "drawing", "own", ...), `mode`, `padding_mode`, `align_corners`, `output_size`.
    Errors: ValueError names the argument, what came and what is expected.
    Source: Jaderberg et al. 2015, sections 3.2 and 3.3.

    >>> explorer = AffineExplorer(theta=[[0.5, 0, 0], [0, 0.5, 0]])
    >>> explorer.theta
    [[0.5, 0.0, 0.0], [0.0, 0.5, 0.0]]
    """

    stem = "affine_explorer"
    theta = _images.Checked(_checks.theta_rows).tag(sync=True)
    image = _images.Image()
    drawing = _images.Image()
    picture = _images.Checked(_checks.choice("picture", PICTURES)).tag(sync=True)
    mode = _images.Checked(_checks.choice("mode", ("nearest", "bilinear", "bicubic"))).tag(sync=True)
    padding_mode = _images.Checked(_checks.choice("padding_mode", ("zeros", "border", "reflection"))).tag(sync=True)
    align_corners = traitlets.Bool(False).tag(sync=True)
    output_size = _images.Checked(_checks.output_size, allow_none=True).tag(sync=True)

    def __init__(self, image=None, theta=None, **traits):
        """See the class; further traits by name, such as `mode="nearest"` or `picture="photo"`."""
        given = {"mode": "bilinear", "padding_mode": "zeros", "output_size": None}
        given |= {"theta": IDENTITY if theta is None else theta, "image": image}
        super().__init__(**(given | traits))

    def fallback(self):
        """The picture and the sentence for a page without JavaScript."""
        picture = _fallback.explorer(self.shown(), self.theta)
        return picture, (
            "Each pixel of the output (green) reads the input (blue) at one point of the sampling grid (orange); "
            "theta says where. With JavaScript you can drag the grid here."
        )
