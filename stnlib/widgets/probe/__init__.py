"""PoolingProbe: what convolution and max-pooling keep of a digit that is shifted."""

from stnlib.widgets.core import images, still, traits
from stnlib.widgets.core.host import Pictured

PICTURES = (*images.digits(), "own")
EDGES = ("left", "right", "top", "bottom")
probe_pixels = images.grey("image", "(H, W) or (H, W, 1), 8 pixels a side or more", lambda h, w: min(h, w) >= 8)


class PoolingProbe(Pictured):
    """A shifted digit after an edge filter (Sobel), ReLU and max-pooling; cells that don't change are marked.

    :param image: `(H, W)` or `(H, W, 1)`, values as in `AffineExplorer`; None: an embedded digit.
    :param shift: (right, down) in multiples of half a pixel.
    :param edge: "left", "right", "top" or "bottom".
    :param pool: 2 or 4.
    :param options: `picture` and `name`, as in `AffineExplorer`.
    :Convention: shifts by half pixels use the bilinear sampler, zeros outside. A cell is active above a tenth of the
        largest activation, and counts as unchanged if it changes by at most a fifth. All traits sync both ways.
    :Errors: ValueError names the argument, the expected value and the given one.
    :Source: the edge filters are Sobel and Feldman's (1968).

    >>> PoolingProbe(shift=(0.5, 0)).shift
    [0.5, 0.0]
    """

    folder = "probe"
    image = traits.Image(probe_pixels)
    picture = traits.Checked(traits.choice("picture", PICTURES))
    shift = traits.Checked(traits.pair("shift", "(right, down) in pixels", -8, 8, step=0.5))
    edge = traits.Checked(traits.choice("edge", EDGES))
    pool = traits.Checked(traits.choice("pool", (2, 4)))

    def __init__(self, image=None, shift=(0, 0), edge="left", pool=2, **options):
        """See the class."""
        super().__init__(**({"image": image, "shift": shift, "edge": edge, "pool": pool} | options))

    def fallback(self):
        """The picture and the sentence for a page without JavaScript."""
        return still.still(self.shown(), "An image"), (
            "With JavaScript you can shift this image here, and see which cells stay the same behind edge filters and "
            "max-pooling."
        )
