"""The grid generator: for each output pixel, the input point that is sampled for it.

Grids are `(B, H_out, W_out, 2)`, last axis (x, y), normalised to [-1, 1] over the input, x right, y down.
"""

import collections
import functools
import threading
from typing import Any

import numpy as np
from keras import ops
from numpy.typing import ArrayLike

from stnlib import _checks, _symbolic, transforms

HORIZON = 1e-6
KEPT_BYTES = 2**26


def axis_coordinates(size, align_corners=False):
    """Normalised coordinates of the `size` pixel centres along one axis, float64 NumPy `(size,)`.

    `align_corners=False`: -1 and 1 are the outer edges of the outer pixels, so centres lie half a pixel inside.
    `align_corners=True`: -1 and 1 are the centres of the outer pixels. A single pixel lies at 0 either way.

    >>> axis_coordinates(4).tolist()
    [-0.75, -0.25, 0.25, 0.75]
    >>> axis_coordinates(3, align_corners=True).tolist()
    [-1.0, 0.0, 1.0]
    """
    index = np.arange(size)
    if align_corners and size > 1:
        return 2 * index / (size - 1) - 1
    return (2 * index + 1) / size - 1


def affine_points(theta, height, width, align_corners=False):
    """The core of `affine_grid`: theta `(B, 2, 3)` to input points `(B, height, width, 2)`, in theta's dtype.

    Row by row x_in = a x + b y + tx, y_in = c x + d y + ty (Jaderberg et al. 2015, equation 1).

    >>> identity = ops.convert_to_tensor([[[1.0, 0, 0], [0, 1, 0]]])
    >>> np.asarray(affine_points(identity, 1, 2)).tolist()
    [[[[-0.5, 0.0], [0.5, 0.0]]]]
    """
    x = ops.convert_to_tensor(axis_coordinates(width, align_corners), theta.dtype)
    y = ops.convert_to_tensor(axis_coordinates(height, align_corners), theta.dtype)[:, None]
    theta = theta[:, :, :, None, None]
    x_in = theta[:, 0, 0] * x + theta[:, 0, 1] * y + theta[:, 0, 2]
    y_in = theta[:, 1, 0] * x + theta[:, 1, 1] * y + theta[:, 1, 2]
    return ops.stack([x_in, y_in], axis=-1)


def projective_points(theta, height, width, align_corners=False):
    """The core of `projective_grid`: theta `(B, 3, 3)` to input points `(B, height, width, 2)`.

    A denominator smaller than 1e-6 in absolute value is replaced by 1e-6, so points on the horizon are never NaN.

    >>> identity = ops.convert_to_tensor([[[1.0, 0, 0], [0, 1, 0], [0, 0, 1]]])
    >>> np.asarray(projective_points(identity, 1, 2)).tolist()
    [[[[-0.5, 0.0], [0.5, 0.0]]]]
    """
    points = affine_points(theta[:, :2], height, width, align_corners)
    x = ops.convert_to_tensor(axis_coordinates(width, align_corners), theta.dtype)
    y = ops.convert_to_tensor(axis_coordinates(height, align_corners), theta.dtype)[:, None]
    last = theta[:, 2, :, None, None]
    depth = last[:, 0] * x + last[:, 1] * y + last[:, 2]
    nearest = ops.where(depth < 0, -HORIZON, HORIZON)
    depth = ops.where(ops.abs(depth) < HORIZON, ops.cast(nearest, depth.dtype), depth)
    return points / depth[..., None]


def tps_points(theta, height, width, control_points=(4, 4), align_corners=False):
    """The core of `tps_grid`: displacements `(B, 2 K)` to input points `(B, height, width, 2)`.

    The thin-plate spline is linear in the displacements, so one fixed matrix maps them to the pixels; it is kept
    while there is room.

    >>> np.asarray(tps_points(ops.zeros((1, 8)), 1, 2, (2, 2))).tolist()
    [[[[-0.5, 0.0], [0.5, 0.0]]]]
    """
    weights, base = _tps_weights(height, width, tuple(control_points), align_corners)
    weights, base = (ops.convert_to_tensor(array, theta.dtype) for array in (weights.T, base.T))
    x, y = (base[axis] + theta[:, axis::2] @ weights for axis in (0, 1))
    return ops.reshape(ops.stack([x, y], axis=-1), (-1, height, width, 2))


def spline_weights(points, control_points=(4, 4)):
    """The matrix `(N, K)` from the displacements of a lattice to those of points `(N, 2)`, float64 NumPy.

    >>> spline_weights(np.array([[-1.0, -1.0]]), (2, 2)).round(6).tolist()
    [[1.0, 0.0, 0.0, 0.0]]
    """
    lattice = _lattice(*(np.linspace(-1, 1, n) for n in control_points))
    count = len(lattice)
    system = np.zeros((count + 3, count + 3))
    system[:count] = _tps_basis(lattice, lattice)
    system[count:, :count] = system[:count, count:].T
    return _tps_basis(points, lattice) @ np.linalg.solve(system, np.eye(count + 3, count))


def _kept(function):
    """Cache a function of hashable arguments that returns arrays: the latest results, up to KEPT_BYTES in total."""
    results, lock = collections.OrderedDict(), threading.Lock()

    @functools.wraps(function)
    def call(*key):
        with lock:
            found = results.pop(key, None) or function(*key)
            results[key] = found
            while sum(array.nbytes for arrays in results.values() for array in arrays) > KEPT_BYTES:
                results.popitem(last=False)
        return found

    return call


@_kept
def _tps_weights(height, width, control_points, align_corners):
    """The matrix `(H W, K)` from displacements to pixels, and the identity points `(H W, 2)`, float64 NumPy."""
    base = _lattice(axis_coordinates(height, align_corners), axis_coordinates(width, align_corners))
    return spline_weights(base, control_points), base


def _lattice(ys, xs):
    y, x = np.meshgrid(ys, xs, indexing="ij")
    return np.stack([x.ravel(), y.ravel()], axis=-1)


def _tps_basis(points, lattice):
    """Rows (r^2 log r^2 to each lattice point, 1, x, y), Bookstein 1989."""
    squared = ((points[:, None] - lattice[None]) ** 2).sum(-1)
    kernel = squared * np.log(np.where(squared == 0, 1, squared))
    return np.concatenate([kernel, np.ones((len(points), 1)), points], axis=1)


def transform_points(theta, transform, height, width, control_points=(4, 4), align_corners=False, aspect=1.0):
    """Input points `(B, height, width, 2)` of any transform by name, theta `(B, P)`; unchecked, for the layer.

    >>> theta = ops.convert_to_tensor([[0.0, 0.25, 0.0]])
    >>> np.asarray(transform_points(theta, "rigid", 1, 2)).tolist()
    [[[[-0.25, 0.0], [0.75, 0.0]]]]
    """
    if transforms.TRANSFORMS[transform].matrix is None:
        return tps_points(theta, height, width, control_points, align_corners)
    matrices = transforms.to_matrix(transform, theta, aspect)
    points = affine_points if matrices.shape[1] == 2 else projective_points
    return points(matrices, height, width, align_corners)


def affine_grid(theta: ArrayLike, output_size: tuple[int, int], align_corners: bool = False) -> Any:
    """The sampling grid of an affine map.

    :Shapes: theta `(B, 2, 3)` or `(B, 6)` row-major to `(B, H_out, W_out, 2)`; `output_size` is (H_out, W_out).
    :Convention: theta maps output to input, in normalised coordinates. The grid is float64 for a float64 theta, else
        float32. The same values as `torch.nn.functional.affine_grid`.
    :Errors: ValueError for another shape, a theta that is not floating-point, a size below 1, and for NaN or infinity
        in a list or a NumPy array. Tensors are not checked, to avoid waiting for the device; NaN gives NaN points.
    :Source: Jaderberg et al. 2015, section 3.2.

    >>> np.asarray(affine_grid([[1.0, 0, 0, 0, 1, 0]], (1, 2))).tolist()
    [[[[-0.5, 0.0], [0.5, 0.0]]]]
    """
    theta = _theta(theta, ((6,), (2, 3)), "(B, 6) or (B, 2, 3)")
    return _grid("affine", theta, output_size, (4, 4), align_corners)


def projective_grid(theta: ArrayLike, output_size: tuple[int, int], align_corners: bool = False) -> Any:
    """The sampling grid of a homography: theta is the 3x3 matrix row by row without its last entry, 1.

    :Shapes: theta `(B, 8)` to `(B, H_out, W_out, 2)`.
    :Convention: as `affine_grid`. A division by zero gives a far-away point, not NaN.
    :Errors: as `affine_grid`.

    >>> np.asarray(projective_grid([[1.0, 0, 0, 0, 1, 0, 0, 0]], (1, 2))).tolist()
    [[[[-0.5, 0.0], [0.5, 0.0]]]]
    """
    return _grid("projective", _theta(theta, ((8,),), "(B, 8)"), output_size, (4, 4), align_corners)


def tps_grid(
    theta: ArrayLike,
    output_size: tuple[int, int],
    control_points: tuple[int, int] = (4, 4),
    align_corners: bool = False,
) -> Any:
    """The sampling grid of a thin-plate spline: theta is (dx, dy) of each control point.

    :Shapes: theta `(B, 2 rows columns)` to `(B, H_out, W_out, 2)`.
    :Convention: `control_points` (rows, columns), each >= 2, is a regular lattice over [-1, 1]^2, row by row; the
        output point p of the lattice samples the input at p + (dx, dy), and the spline (kernel r^2 log r^2, plus an
        affine part) interpolates in between. Zeros are the exact identity.
    :Errors: as `affine_grid`, and ValueError for fewer than 2 x 2 control points.
    :Source: Bookstein 1989.

    >>> np.asarray(tps_grid(np.zeros((1, 32), "float32"), (1, 2))).tolist()
    [[[[-0.5, 0.0], [0.5, 0.0]]]]
    """
    rows, columns = _checks.sizes(control_points, "control_points", least=2)
    count = 2 * rows * columns
    theta = _theta(theta, ((count,),), f"(B, {count})")
    return _grid("tps", theta, output_size, (rows, columns), align_corners)


def _theta(theta, shapes, expected):
    """A checked theta, flat `(B, P)`, in the grid's dtype: float64 stays, all else becomes float32."""
    given = _checks.from_list(theta, "theta")
    theta = _checks.floating(given, "theta")
    if tuple(theta.shape[1:]) not in shapes:
        _checks.fail("theta", f"shape {tuple(theta.shape)}", expected)
    _checks.finite(given, "theta")
    theta = ops.reshape(theta, (-1, int(np.prod(theta.shape[1:]))))
    return ops.cast(theta, _checks.precision(theta))


def _grid(transform, theta, output_size, control_points, align_corners):
    height, width = _checks.sizes(output_size, "output_size")
    align_corners = _checks.flag(align_corners, "align_corners")
    return _symbolic.draw(
        transform_points,
        theta,
        transform=transform,
        height=height,
        width=width,
        control_points=control_points,
        align_corners=align_corners,
    )
