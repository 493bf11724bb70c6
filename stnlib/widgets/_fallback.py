"""Pictures in SVG for pages without JavaScript."""

import base64
import itertools

import numpy as np

from stnlib.widgets import _images


def picture_uri(image):
    """An image array as a PNG data URI."""
    return "data:image/png;base64," + base64.b64encode(_images.png(_images.as_bytes(image))).decode()


def explorer(image, theta):
    """Input with the window of theta on it, an arrow, and the output: the input seen through the window."""
    if np.allclose(theta, [[1, 0, 0], [0, 1, 0]]):
        angle = np.radians(30)
        theta = 0.8 * np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0]])
    corners = np.array([[-1, -1, 1], [1, -1, 1], [1, 1, 1], [-1, 1, 1]]) @ np.transpose(theta)
    window = " ".join(f"{x:.3f},{y:.3f}" for x, y in corners)
    uri = picture_uri(image)
    seen = IMAGE.format(uri=uri, more=f' transform="{_inverse(theta)}"')
    return TEMPLATE.format(image=IMAGE.format(uri=uri, more=""), window=window, dots=_dots(theta), seen=seen)


def _dots(theta):
    """One SVG dot for each point of an 8x8 sampling grid."""
    axis = (2 * np.arange(8) + 1) / 8 - 1
    points = np.array([[x, y, 1] for y in axis for x in axis]) @ np.transpose(theta)
    return "".join(f"M{x:.3f} {y:.3f}h0" for x, y in points)


def _inverse(theta):
    """The SVG transform that shows the input as the output sees it, or nothing where theta is singular."""
    square = np.vstack([theta, [0, 0, 1]])
    if abs(np.linalg.det(square)) < 1e-6:
        return "scale(0)"
    a, b, tx, c, d, ty = np.linalg.inv(square)[:2].ravel()
    return f"matrix({a:.4f} {c:.4f} {b:.4f} {d:.4f} {tx:.4f} {ty:.4f})"


IMAGE = (
    '<image href="{uri}" x="-1" y="-1" width="2" height="2" preserveAspectRatio="none"'
    ' style="image-rendering: pixelated"{more}/>'
)
TEMPLATE = """<svg viewBox="-1.7 -1.7 6.4 3.4" width="640" height="340" role="img"
 aria-label="An image with a turned sampling grid over it, and beside it the output: the image as the grid reads it">
{image}<path d="M-1-1h2v2h-2z" fill="none" stroke="#0072b2" stroke-width="0.03"/>
<polygon points="{window}" fill="none" stroke="#e69f00" stroke-width="0.04"/>
<path d="{dots}" stroke="#e69f00" stroke-width="0.06" stroke-linecap="round"/>
<path d="M2.3 0H1.75m0.15-0.15L1.75 0l0.15 0.15" fill="none" stroke="#e69f00" stroke-width="0.05"/>
<svg x="2.5" y="-1" width="2" height="2" viewBox="-1 -1 2 2"><path d="M-1-1h2v2h-2z"/>{seen}
<path d="M-1-1h2v2h-2z" fill="none" stroke="#009e73" stroke-width="0.06"/></svg></svg>"""


def microscope(rows, point):
    """A patch of pixels, and on it the box of one pixel around the sampling point."""
    patch = _images.pixels(rows)
    height, width, _ = patch.shape
    x, y = point
    image = (
        f'<image href="{picture_uri(patch)}" x="-0.5" y="-0.5" width="{width}" height="{height}"'
        ' preserveAspectRatio="none" style="image-rendering: pixelated"/>'
    )
    return (
        f'<svg viewBox="-1.2 -1.2 {width + 1.4} {height + 1.4}" width="340" height="340" role="img"'
        f' aria-label="A patch of {height} by {width} pixels with a sampling point between four of them">{image}'
        f'<path d="M-0.5-0.5h{width}v{height}h-{width}z" fill="none" stroke="#0072b2" stroke-width="0.05"/>'
        f'<path d="M{x - 0.5:.3f} {y - 0.5:.3f}h1v1h-1z" fill="#e69f00" fill-opacity="0.45" stroke="#e69f00"'
        f' stroke-width="0.06"/><circle cx="{x:.3f}" cy="{y:.3f}" r="0.12" fill="#fff" stroke="#e69f00"'
        ' stroke-width="0.07"/></svg>'
    )


SOBEL = np.outer([1, 2, 1], [-1, 0, 1]) / 4
FILTERS = {"left": SOBEL, "right": -SOBEL, "top": SOBEL.T, "bottom": -SOBEL.T}
QUIET, TOLERANCE = 0.1, 0.2  # of the largest activation; of the cell's own


def pooled(image, edge, pool):
    """What one edge filter, ReLU and max-pooling leave of an image of one channel, as an array `(h, w)`."""
    windows = np.lib.stride_tricks.sliding_window_view(image[..., 0].astype("float64"), (3, 3))
    edges = np.maximum(np.einsum("ijkl,kl->ij", windows, FILTERS[edge]), 0)
    height, width = (side // pool for side in edges.shape)
    return edges[: height * pool, : width * pool].reshape(height, pool, width, pool).max((1, 3))


def marks(before, after):
    """Which cells stay, and which change, of those that are active before or after; two boolean arrays."""
    larger = np.maximum(before, after)
    active = (larger >= QUIET * before.max()) & (larger > 0)
    close = np.abs(after - before) <= TOLERANCE * larger
    return active & close, active & ~close


def probe(image, edge, pool):
    """An image and its pooled cells, in place and a pixel further right; and how many stay, how many change."""
    moved = np.zeros_like(image)
    moved[:, 1:] = image[:, :-1]
    before, after = pooled(image, edge, pool), pooled(moved, edge, pool)
    stays, changes = marks(before, after)
    frames = "".join(f"M{x}.1 {y}.1h.8v.8h-.8z" for y, x in np.argwhere(stays))
    crosses = "".join(f"M{x}.2 {y}.2l.6 .6m0-.6l-.6 .6" for y, x in np.argwhere(changes))
    peak = before.max() or 1
    shown = [_images.as_bytes(image), before / peak, _images.as_bytes(moved), np.minimum(after / peak, 1)]
    places = itertools.product((1, 3.3), (1, 3.3))
    pictures = [
        f'<g transform="translate({x} {y})">{IMAGE.format(uri=picture_uri(each.reshape(*each.shape[:2], 1)), more="")}'
        '<path d="M-1-1h2v2h-2z" fill="none" stroke="#0072b2" stroke-width="0.03"/></g>'
        for each, (y, x) in zip(shown, places, strict=True)
    ]
    scale = f"{2 / after.shape[1]:.5f} {2 / after.shape[0]:.5f}"
    picture = PROBE.format(pictures="".join(pictures), scale=scale, frames=frames, crosses=crosses)
    return picture, int(stays.sum()), int(changes.sum())


PROBE = """<svg viewBox="-0.1 -0.1 4.5 4.5" width="380" height="380" role="img"
 aria-label="Above, an image and the cells that an edge filter and pooling make of it; below, the same a pixel further
 right, with frames around the cells that stay and crosses on those that change">{pictures}
<g transform="translate(2.3 2.3) scale({scale})" fill="none" stroke-width="0.12">
<path d="{frames}" stroke="#009e73"/><path d="{crosses}" stroke="#d55e00"/></g></svg>"""


def reader(image):
    """An image, turned in five steps from a quarter to the right to a quarter to the left."""
    digit = f'<path d="M-1-1h2v2h-2z"/>{IMAGE.format(uri=picture_uri(image), more="")}'
    turned = "".join(
        f'<g transform="translate({2.5 * i} 0) rotate({90 - 45 * i}) scale(0.7)">{digit}</g>' for i in range(5)
    )
    return READER.format(turned=turned)


READER = """<svg viewBox="-1.1 -1.1 12.2 2.2" width="640" height="116" role="img"
 aria-label="A digit, turned in five steps from a quarter to the right to a quarter to the left">{turned}</svg>"""
