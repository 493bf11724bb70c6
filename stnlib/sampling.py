"""The sampler: reads an image between its pixels, so that gradients flow to the grid and to the image.

Images are `(B, H, W, C)`; pixel centres lie at integers, (0, 0) top left, x right, y down.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import keras
import numpy as np  # noqa: F401 (for the examples)
from keras import ops
from numpy.typing import ArrayLike

from stnlib import _checks, _compile, _symbolic

SHARPNESS = -0.75  # of the cubic kernel, Keys's a


def to_pixels(coordinate, size, align_corners=False):
    """A normalised coordinate in [-1, 1] as a position in pixels along an axis of `size` pixels.

    :Convention: `align_corners=False`: -1 is the outer edge of pixel 0, at -0.5; `True`: -1 is its centre, at 0.

    >>> to_pixels(-1.0, 4), to_pixels(-1.0, 4, align_corners=True)
    (-0.5, 0.0)
    """
    if align_corners:
        return (coordinate + 1) * (size - 1) / 2
    return ((coordinate + 1) * size - 1) / 2


def read(images, column, row):
    """Pixels at integer positions; zero outside.

    :Shapes: images `(B, H, W, C)`, column and row `(B, H_out, W_out)`, to `(B, H_out, W_out, C)`.

    >>> column, row = ops.zeros((1, 1, 2)), ops.full((1, 1, 2), -1.0)
    >>> np.asarray(read(ops.ones((1, 2, 2, 1)), column, row)).ravel().tolist()
    [0.0, 0.0]
    """
    batch, height, width, channels = ops.shape(images)
    j, i = ops.cast(column, "int32"), ops.cast(row, "int32")
    inside = (j >= 0) & (j < width) & (i >= 0) & (i < height)
    j, i = ops.where(inside, j, 0), ops.where(inside, i, 0)
    first = ops.reshape(ops.arange(batch, dtype="int32"), (-1, 1, 1)) * height
    pixels = ops.take(ops.reshape(images, (-1, channels)), (first + i) * width + j, axis=0)
    pixels = ops.reshape(pixels, (*ops.shape(column), channels))  # on JAX an empty batch loses its shape
    return ops.where(inside[..., None], pixels, ops.zeros_like(pixels))


def bilinear(images, x, y):
    """The bilinear core: each point mixes its four neighbours, weighted by (1 - distance in x) (1 - distance in y).

    :Shapes: images `(B, H, W, C)`, x and y `(B, H_out, W_out)` in pixels, to `(B, H_out, W_out, C)`.
    :Convention: pixels outside the image are zero, so the value is zero from one pixel beyond the border.
    :Source: Jaderberg et al. 2015, equation 5.

    >>> image = ops.reshape(ops.convert_to_tensor([0.0, 10.0]), (1, 1, 2, 1))
    >>> x, y = ops.full((1, 1, 1), 0.25), ops.zeros((1, 1, 1))
    >>> np.asarray(bilinear(image, x, y)).item()
    2.5
    """
    _, height, width, _ = ops.shape(images)
    x = ops.clip(x, -2, ops.cast(width + 1, x.dtype))
    y = ops.clip(y, -2, ops.cast(height + 1, y.dtype))
    left, top = ops.floor(x), ops.floor(y)
    right, bottom = left + 1, top + 1
    return (
        ((right - x) * (bottom - y))[..., None] * read(images, left, top)
        + ((x - left) * (bottom - y))[..., None] * read(images, right, top)
        + ((right - x) * (y - top))[..., None] * read(images, left, bottom)
        + ((x - left) * (y - top))[..., None] * read(images, right, bottom)
    )


def nearest(images, x, y):
    """The nearest pixel's value; zero outside.

    :Shapes: images `(B, H, W, C)`, x and y `(B, H_out, W_out)` in pixels, to `(B, H_out, W_out, C)`.
    :Convention: halfway between two pixels, the even one. The gradient with respect to x and y is zero.
    :Source: Jaderberg et al. 2015, equation 4.

    >>> image = ops.reshape(ops.convert_to_tensor([0.0, 10.0]), (1, 1, 2, 1))
    >>> x, y = ops.full((1, 1, 1), 0.75), ops.zeros((1, 1, 1))
    >>> np.asarray(nearest(image, x, y)).item()
    10.0
    """
    _, height, width, _ = ops.shape(images)
    column = ops.round(ops.clip(x, -1, ops.cast(width, x.dtype)))
    row = ops.round(ops.clip(y, -1, ops.cast(height, y.dtype)))
    place = (column + row)[..., None]
    return ops.where(ops.isnan(place), place, read(images, column, row))


def bicubic(images, x, y, padding_mode="zeros", align_corners=False):
    """Cubic convolution over 4 x 4 neighbours; the padding applies to each neighbour separately.

    :Shapes: images `(B, H, W, C)`, x and y `(B, H_out, W_out)` in pixels, to `(B, H_out, W_out, C)`.
    :Convention: may overshoot the range of the image.
    :Source: Keys 1981, with a = -0.75.

    >>> image = ops.reshape(ops.arange(0.0, 40.0, 10.0), (1, 1, 4, 1))
    >>> x, y = ops.full((1, 1, 1), 1.5), ops.zeros((1, 1, 1))
    >>> np.asarray(bicubic(image, x, y, "border")).item()
    15.0
    """
    _, height, width, _ = ops.shape(images)
    columns, weights_x = _cubic_taps(x, width, padding_mode, align_corners)
    rows, weights_y = _cubic_taps(y, height, padding_mode, align_corners)
    value = 0.0
    for row, weight_y in zip(rows, weights_y, strict=True):
        line = 0.0
        for column, weight_x in zip(columns, weights_x, strict=True):
            line = line + weight_x[..., None] * read(images, column, row)
        value = value + weight_y[..., None] * line
    return value


def _cubic_taps(x, size, padding_mode, align_corners):
    """The four neighbours along one axis, padded, and their weights."""
    if not PADDINGS[padding_mode].folds:
        x = ops.clip(x, -3, ops.cast(size + 2, x.dtype))
    first = ops.floor(x)
    taps = [pad(first + k, size, padding_mode, align_corners) for k in (-1, 0, 1, 2)]
    return taps, cubic_weights(x - first)


def cubic_weights(t):
    """The weights of the four neighbours at -1, 0, 1 and 2 of a point at t in [0, 1]; they sum to 1.

    :Source: Keys 1981, with a = -0.75.

    >>> cubic_weights(0.0), sum(cubic_weights(0.25))
    ((0.0, 1.0, 0.0, 0.0), 1.0)
    """
    return _far(t + 1), _near(t), _near(1 - t), _far(2 - t)


def _near(t):
    return ((SHARPNESS + 2) * t - (SHARPNESS + 3)) * t * t + 1


def _far(t):
    return ((SHARPNESS * t - 5 * SHARPNESS) * t + 8 * SHARPNESS) * t - 4 * SHARPNESS


def _leave(x, size, align_corners):
    return x


def _clip(x, size, align_corners):
    """Positions kept on the image; those on the first or last centre or beyond pass no gradient, on any backend."""
    last = ops.cast(size - 1, x.dtype)
    inside = (x > 0) & (x < last)
    return ops.where(inside, x, ops.stop_gradient(ops.clip(x, 0, last)))


def _reflect(x, size, align_corners):
    """Positions folded back at the mirrors, which stand on the outer centres or half a pixel farther out."""
    last = ops.cast(size - 1, x.dtype)
    low, span = (0.0, ops.where(last > 0, last, ops.ones_like(last))) if align_corners else (-0.5, last + 1)
    beyond = ops.mod(ops.abs(x - low), 2 * span)
    return _clip(ops.where(beyond > span, 2 * span - beyond, beyond) + low, size, align_corners)


@dataclasses.dataclass(frozen=True)
class Padding:
    """A padding mode.

    :param move: `move(x, size, align_corners)` returns the position that is sampled instead of x.
    :param folds: whether a position far outside may be moved to any pixel of the image.
    :param joins: whether the pixel after the last is the first; `move` then leaves the positions between the two.
    """

    move: Callable
    folds: bool = False
    joins: bool = False


PADDINGS = {"zeros": Padding(_leave), "border": Padding(_clip), "reflection": Padding(_reflect, folds=True)}


def pad(x, size, padding_mode, align_corners=False):
    """Apply a padding mode to positions in pixels: zeros leaves them, border clips, reflection mirrors and clips.

    :Convention: reflection mirrors at the centres of the outer pixels (`align_corners=True`) or at their outer edges
        (`False`). A position on the centre of the first or last pixel, or beyond, has no gradient.

    >>> x = ops.convert_to_tensor([-2.0, 4.0])
    >>> np.asarray(pad(x, 4, "reflection")).tolist()
    [1.0, 3.0]
    """
    return PADDINGS[padding_mode].move(x, size, align_corners)


def _join(images):
    """The first row and column once more, after the last."""
    images = ops.concatenate([images, images[:, :1]], axis=1)
    return ops.concatenate([images, images[:, :, :1]], axis=2)


def _locate(coordinate, size, padding_mode, align_corners):
    """Normalised coordinates to pixels; infinity lies outside, and reflects to the edge pixel."""
    size = ops.cast(size, coordinate.dtype)
    x = to_pixels(coordinate, size, align_corners)
    if keras.backend.standardize_dtype(x.dtype) == "float64":
        x = _to_pixels_rounded_once(coordinate, size, align_corners)
    edge = ops.where(coordinate > 0, size - 1, ops.zeros_like(x))
    beyond = edge if PADDINGS[padding_mode].folds else coordinate
    return ops.where(ops.isinf(coordinate) | ops.isinf(x), beyond, x)


def _to_pixels_rounded_once(coordinate, size, align_corners):
    """`to_pixels` in float64 as fused multiply-add rounds it, so that lattice points keep the side they have in torch.

    The leading digits give an exact product, the rest is added last.
    """
    distance = coordinate + 1
    leading = ops.cast(ops.stop_gradient(ops.clip(distance, -2, 4)), "float32")
    leading = ops.cast(leading, "float64")
    scale = (size - 1) / 2 if align_corners else size / 2
    return to_pixels(leading - 1, size, align_corners) + (distance - leading) * scale


@dataclasses.dataclass(frozen=True)
class Mode:
    """An interpolation mode.

    :param core: `core(images, x, y)` interpolates at positions in pixels.
    :param pads: whether the core pads by itself and takes the padding mode as well.
    """

    core: Callable
    pads: bool = False


MODES = {"bilinear": Mode(bilinear), "nearest": Mode(nearest), "bicubic": Mode(bicubic, pads=True)}


def sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=False, training=False):
    """`grid_sample` without input checks, for the layer.

    :Convention: the result has the images' dtype; float16 and bfloat16 are computed in float32. `training` tells that
        gradients will be needed; on TensorFlow, bilinear is then compiled, with the same values.

    >>> np.asarray(sample(ops.ones((1, 2, 2, 1)), ops.zeros((1, 1, 1, 2)))).item()
    1.0
    """
    if training and mode == "bilinear" and _compile.pays(images, grid):
        return _compile.compiled(_sample, images, grid, padding_mode=padding_mode, align_corners=align_corners)
    return _sample(images, grid, MODES[mode], padding_mode, align_corners)


def _sample(images, grid, mode, padding_mode, align_corners):
    dtype = _checks.precision(images, grid)
    pixels, grid = ops.cast(images, dtype), ops.cast(grid, dtype)
    _, height, width, _ = ops.shape(images)
    x, y = ops.unstack(grid, 2, axis=-1)
    x = _locate(x, width, padding_mode, align_corners)
    y = _locate(y, height, padding_mode, align_corners)
    if mode.pads:
        values = mode.core(pixels, x, y, padding_mode, align_corners)
    else:
        x = pad(x, width, padding_mode, align_corners)
        y = pad(y, height, padding_mode, align_corners)
        values = mode.core(_join(pixels) if PADDINGS[padding_mode].joins else pixels, x, y)
    return ops.cast(values, images.dtype)


def grid_sample(
    images: ArrayLike,
    grid: ArrayLike,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool = False,
) -> Any:
    """Sample images at the points of a grid.

    :Shapes: images `(B, H, W, C)` and grid `(B, H_out, W_out, 2)` to `(B, H_out, W_out, C)`.
    :param grid: points (x, y) in [-1, 1], float32 or float64 (float16 is converted to float32).
    :param mode: "bilinear", "nearest" or "bicubic".
    :param padding_mode: "zeros", "border" or "reflection".
    :Convention: the semantics of `torch.nn.functional.grid_sample`, channels last. An infinite entry lies outside the
        image; a NaN entry gives NaN under every padding. At pixel centres bilinear has the gradient from the right and
        from below; on the border it is zero where the padding clips.
    :Errors: ValueError for another rank or last axis, a dtype that is not floating-point, an empty image, batch sizes
        that differ, an unknown mode or padding.
    :Source: Jaderberg et al. 2015, section 3.3.

    >>> image = np.arange(4.0, dtype="float32").reshape(1, 2, 2, 1)
    >>> np.asarray(grid_sample(image, np.zeros((1, 1, 1, 2), "float32"))).item()
    1.5
    """
    images = _checks.floating(images, "images", rank=4)
    grid = _checks.floating(grid, "grid", rank=4)
    if grid.shape[-1] != 2:
        _checks.fail("grid", f"shape {tuple(grid.shape)}", "(B, H_out, W_out, 2)")
    if 0 in tuple(images.shape[1:]):
        _checks.fail("images", f"shape {tuple(images.shape)}", "at least one pixel and one channel")
    _checks.same_batch(images, grid, "grid", "images")
    options = {
        "mode": _checks.choice(mode, "mode", MODES),
        "padding_mode": _checks.choice(padding_mode, "padding_mode", PADDINGS),
        "align_corners": _checks.flag(align_corners, "align_corners"),
    }
    return _symbolic.draw(sample, images, grid, **options)
