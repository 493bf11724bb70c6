"""theta from points: the map of a family that comes nearest to given pairs of points; NumPy, float64 inside."""

from collections.abc import Callable
from typing import Any

import numpy as np
from keras import ops

from stnlib import _checks
from stnlib.grid import spline_weights, transform_points
from stnlib.poses import CORNERS, bends, homography, matrices
from stnlib.transforms import TRANSFORMS

STEPS = 10
SIDE = 13
FAR = 8  # normalised corners lie in [-1, 1] or near it
OPEN = 1e-12  # of the largest singular value: equations that leave an unknown open
LATTICE = np.stack(np.meshgrid(*(np.linspace(-1, 1, SIDE),) * 2), axis=-1).reshape(-1, 2)


def fit(
    transform: str, points: Any, targets: Any, control_points: tuple[int, int] = (4, 4), aspect: float = 1.0
) -> np.ndarray:
    """Fit theta by least squares, so that it maps `points` of the output as near as possible to `targets` in the input.

    :Shapes: points `(N, 2)` or `(B, N, 2)`, targets `(B, N, 2)`, to theta `(B, P)`, float32.
    :Convention: normalised coordinates, (x, y), output to input. With fewer points than theta has parameters, "tps"
        takes the smallest displacements that fit. `aspect` is that of the layer, for "rigid" and "similarity".
    :Errors: ValueError for an unknown transform, other shapes, NaN and infinity, and for points that leave the map
        open: too few, or all on one line.
    :Source: attention, similarity, affine and tps are linear; rigid: Kabsch 1976; projective: Hartley and Zisserman
        2004, the linear start, then Gauss-Newton steps.

    >>> square = [[-1, -1], [1, -1], [1, 1], [-1, 1]]
    >>> quarter = [[[0, 0], [1, 0], [1, 1], [0, 1]]]
    >>> fit("attention", square, quarter).round(2).tolist()
    [[0.5, 0.5, 0.5]]
    """
    _checks.choice(transform, "transform", (*FITS, "tps"))
    rows, columns = _checks.sizes(control_points, "control_points", least=2)
    targets = _points(targets, "targets")
    points = _points(points, "points")
    if points.shape[1] != targets.shape[1] or len(points) not in (1, len(targets)):
        _checks.fail("points", f"shape {points.shape}", f"a point for each of the targets, {targets.shape}")
    points = np.broadcast_to(points, targets.shape)
    if transform == "tps":
        return _tps(points, targets, (rows, columns)).astype("float32")
    if not TRANSFORMS[transform].uses_aspect:
        return FITS[transform](points, targets).astype("float32")
    wide = np.array([_checks.positive(aspect, "aspect"), 1])
    theta = FITS[transform](points * wide, targets * wide)
    theta[:, -2:] /= wide
    return theta.astype("float32")


def from_corners(
    corners: Any,
    input_size: tuple[int, int] | None = None,
    transform: str = "projective",
    control_points: tuple[int, int] = (4, 4),
    align_corners: bool = False,
    aspect: float = 1.0,
) -> np.ndarray:
    """The theta that rectifies a quadrilateral, so that what lies inside it fills the output.

    :Shapes: corners `(B, 4, 2)` to theta `(B, P)`, float32.
    :Convention: corners are (x, y), in the order top left, top right, bottom right, bottom left of the output. With
        `input_size` (height, width) they are in pixels of the input, with pixel centres at integers (half a pixel
        less than in the table of `stnlib.pictures.read`); without it they are normalised. Transforms other than
        "projective" approximate the homography; `aspect` as in `fit`.
    :Errors: ValueError for other shapes, an unknown transform, corners that don't form a convex quadrilateral, and
        pixels without `input_size`.

    >>> corners = [[[9.5, 4.5], [29.5, 4.5], [29.5, 14.5], [9.5, 14.5]]]
    >>> from_corners(corners, (20, 40), "affine").round(2).tolist()
    [[0.5, 0.0, 0.0, 0.0, 0.5, 0.0]]
    """
    corners = _points(corners, "corners")
    if corners.shape[1:] != (4, 2):
        _checks.fail("corners", f"shape {corners.shape}", "(B, 4, 2)")
    if not convex(corners).all():
        _checks.fail("corners", "a shape that is not convex", "four corners in order, of a convex shape")
    if input_size is None and corners.size and np.abs(corners).max() > FAR:
        _checks.fail("input_size", "None", f"(height, width), for corners in pixels: one is {np.abs(corners).max():g}")
    if input_size is not None:
        height, width = _checks.sizes(input_size, "input_size", least=2 if align_corners else 1)
        size = np.array([width, height])
        corners = 2 * corners / (size - 1) - 1 if align_corners else (2 * corners + 1) / size - 1
    theta = homography(np.broadcast_to(CORNERS, corners.shape), corners)
    if transform == "projective":
        return theta.astype("float32")
    return fit(transform, LATTICE, project(theta, LATTICE), control_points, aspect)


def project(theta: Any, points: Any) -> np.ndarray:
    """Map points by a homography.

    :Shapes: theta `(B, 8)`, points `(N, 2)` or `(B, N, 2)`, to `(B, N, 2)`, float64.
    :Errors: ValueError for theta of another shape.

    >>> project([[1, 0, 0.5, 0, 1, 0, 0, 0]], [[0, 0], [1, 1]]).tolist()
    [[[0.5, 0.0], [1.5, 1.0]]]
    """
    theta, points = np.asarray(theta, "float64"), np.asarray(points, "float64")
    if theta.ndim != 2 or theta.shape[1] != 8:
        _checks.fail("theta", f"shape {theta.shape}", "(B, 8), homographies, as from from_corners")
    matrix = matrices(theta)
    image = np.concatenate([points, np.ones((*points.shape[:-1], 1))], axis=-1) @ np.swapaxes(matrix, 1, 2)
    return image[..., :2] / image[..., 2:]


def convex(corners: Any) -> np.ndarray:
    """Tell which quadrilaterals are convex with their corners in order, so that a homography can rectify them.

    :Shapes: corners `(B, 4, 2)` to `(B,)`, bool.

    >>> convex([CORNERS, CORNERS[[0, 2, 1, 3]]]).tolist()
    [True, False]
    """
    turning = bends(np.asarray(corners, "float64"))
    return (turning > 0).all(axis=1) | (turning < 0).all(axis=1)


def remainder(
    transform: str,
    theta: Any,
    size: tuple[int, int],
    control_points: tuple[int, int] = (4, 4),
    aspect: float = 1.0,
) -> np.ndarray:
    """How well a transform can approximate given homographies: the error that remains, in pixels of the input.

    :Shapes: theta `(B, 8)`, projective, to `(B,)`: the root mean square of the best fit, over a lattice of 13 x 13
        points from edge to edge of the output; over its pixels, which lie farther inside, it is somewhat smaller.
    :Convention: `size` is the input's (height, width); `control_points` and `aspect` are those of the layer.

    >>> sheared = [[0.5, 0, 0, 0.1, 0.5, 0, 0, 0]]
    >>> remainder("affine", sheared, (48, 188)).round(3).tolist()
    [0.0]
    """
    height, width = _checks.sizes(size, "size")
    targets = project(theta, LATTICE)
    found = fit(transform, LATTICE, targets, control_points, aspect)
    theta = ops.convert_to_tensor(found)
    reached = transform_points(theta, transform, SIDE, SIDE, control_points, align_corners=True, aspect=aspect)
    reached = ops.convert_to_numpy(reached).reshape(targets.shape)
    away = (reached - targets) * np.array([width, height]) / 2
    return np.sqrt((away**2).sum(axis=-1).mean(axis=1))


def _points(value: Any, argument: str) -> np.ndarray:
    try:
        points = np.asarray(value, "float64")
    except (TypeError, ValueError) as error:
        raise ValueError(f"{argument}: expected an array of numbers, got {type(value).__name__}") from error
    if points.ndim not in (2, 3) or points.shape[-1] != 2:
        _checks.fail(argument, f"shape {points.shape}", "(B, N, 2)")
    if not np.isfinite(points).all():
        _checks.fail(argument, "NaN or infinity", "finite numbers")
    return points if points.ndim == 3 else points[None]


def _least_squares(rows_x: list, rows_y: list, targets: np.ndarray) -> np.ndarray:
    """Solve rows of equations for x and for y, each entry `(B, N)`, for the unknowns `(B, U)`."""
    system = np.concatenate([np.stack(rows_x, axis=-1), np.stack(rows_y, axis=-1)], axis=1)
    right = np.concatenate([targets[..., 0], targets[..., 1]], axis=1)
    return (_inverse(system) @ right[..., None])[..., 0]


def _inverse(system: np.ndarray) -> np.ndarray:
    """The pseudoinverse of equations `(B, N, U)` that determine all unknowns."""
    left, sizes, right = np.linalg.svd(system, full_matrices=False)
    if system.shape[1] < system.shape[2] or (sizes[:, -1] <= OPEN * sizes[:, 0]).any():
        _checks.fail("points", "too few, or all on one line", "points that determine the map")
    return np.swapaxes(right, 1, 2) @ (np.swapaxes(left, 1, 2) / sizes[..., None])


def _attention(points: np.ndarray, targets: np.ndarray) -> np.ndarray:
    x, y = points[..., 0], points[..., 1]
    one, zero = np.ones_like(x), np.zeros_like(x)
    return _least_squares([x, one, zero], [y, zero, one], targets)


def _similarity(points: np.ndarray, targets: np.ndarray) -> np.ndarray:
    x, y = points[..., 0], points[..., 1]
    one, zero = np.ones_like(x), np.zeros_like(x)
    cos, sin, tx, ty = _least_squares([x, -y, one, zero], [y, x, zero, one], targets).T
    return np.stack([np.hypot(cos, sin), np.arctan2(sin, cos), tx, ty], axis=-1)


def _rigid(points: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """The best rotation about the centres of mass has the angle of the best similarity."""
    angle = _similarity(points, targets)[:, 1]
    (x, y), cos, sin = points.mean(axis=1).T, np.cos(angle), np.sin(angle)
    shift = targets.mean(axis=1) - np.stack([cos * x - sin * y, sin * x + cos * y], axis=-1)
    return np.concatenate([angle[:, None], shift], axis=1)


def _affine(points: np.ndarray, targets: np.ndarray) -> np.ndarray:
    system = np.concatenate([points, np.ones((*points.shape[:2], 1))], axis=-1)
    return np.swapaxes(_inverse(system) @ targets, 1, 2).reshape(-1, 6)


def _projective(points: np.ndarray, targets: np.ndarray) -> np.ndarray:
    x, y = points[..., 0], points[..., 1]
    one, zero = np.ones_like(x), np.zeros_like(x)

    def solve(image, depth, right):
        u, v = image[..., 0] / depth, image[..., 1] / depth
        first, second = np.stack([x, y, one]) / depth, np.zeros((3, *x.shape))
        for_u, for_v = [*first, *second, -u * x, -u * y], [*second, *first, -v * x, -v * y]
        return _least_squares(for_u, for_v, right)

    theta = solve(targets, one + zero, targets)
    for _ in range(STEPS if points.shape[1] > 4 else 0):
        image, depth = project(theta, points), theta[:, 6:7] * x + theta[:, 7:] * y + 1
        theta = theta + solve(image, depth, targets - image)
    return theta


def _tps(points: np.ndarray, targets: np.ndarray, control_points: tuple[int, int]) -> np.ndarray:
    """The best affine map, and on top of it the smallest displacements that bring the rest."""
    affine = np.concatenate([_affine(points, targets), np.zeros((len(points), 2))], axis=1)
    lattice = np.stack(np.meshgrid(*(np.linspace(-1, 1, n) for n in control_points[::-1])), axis=-1).reshape(-1, 2)
    weights = np.stack([spline_weights(one, control_points) for one in points])
    rest = np.linalg.pinv(weights) @ (targets - project(affine, points))
    return (project(affine, lattice) - lattice + rest).reshape(len(points), -1)


FITS: dict[str, Callable] = {
    "attention": _attention,
    "rigid": _rigid,
    "similarity": _similarity,
    "affine": _affine,
    "projective": _projective,
}
