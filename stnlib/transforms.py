"""What theta means: the transforms by name, their identity, matrices, composition and inverse.

Every theta maps **output to input** coordinates, both normalised to [-1, 1], x to the right and y down.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
from keras import ops
from numpy.typing import ArrayLike

from stnlib import _checks, _matrices
from stnlib._conventions import (
    theta_from_keras,
    theta_from_opencv,
    theta_from_scipy,
    theta_from_torch,
    theta_to_keras,
    theta_to_opencv,
    theta_to_scipy,
    theta_to_torch,
)

__all__ = [
    "compose",
    "identity",
    "invert",
    "matrix",
    "parameter_count",
    "parameter_names",
    "theta_from_keras",
    "theta_from_opencv",
    "theta_from_scipy",
    "theta_from_torch",
    "theta_to_keras",
    "theta_to_opencv",
    "theta_to_scipy",
    "theta_to_torch",
]


def _attention(theta, aspect):
    s, tx, ty = _matrices.columns(theta)
    return _matrices.rows((s, ops.zeros_like(s), tx), (ops.zeros_like(s), s, ty))


def _rigid(theta, aspect):
    angle, tx, ty = _matrices.columns(theta)
    return _rotation(ops.ones_like(angle), angle, tx, ty, aspect)


def _similarity(theta, aspect):
    return _rotation(*_matrices.columns(theta), aspect)


def _rotation(s, angle, tx, ty, aspect):
    cos, sin = s * ops.cos(angle), s * ops.sin(angle)
    return _matrices.rows((cos, -sin / aspect, tx), (sin * aspect, cos, ty))


def _affine(theta, aspect):
    return ops.reshape(theta, (-1, 2, 3))


def _projective(theta, aspect):
    return _matrices.homogeneous(theta)


@dataclasses.dataclass(frozen=True)
class Transform:
    """A kind of transformation.

    :param names: the names of theta's parameters; for a spline, of each control point's.
    :param identity: their values for the identity.
    :param matrix: `matrix(theta, aspect)` returns `(B, 2, 3)` for an affine map, `(B, 3, 3)` for a projective one. None
        for a spline.
    :param rotates: whether it can rotate a picture.
    :param uses_aspect: whether the matrix depends on the aspect; theta then ends in (tx, ty).
    """

    names: tuple[str, ...]
    identity: tuple[float, ...]
    matrix: Callable | None = None
    rotates: bool = True
    uses_aspect: bool = False


TRANSFORMS = {
    "attention": Transform(("s", "tx", "ty"), (1, 0, 0), _attention, rotates=False),
    "rigid": Transform(("angle", "tx", "ty"), (0, 0, 0), _rigid, uses_aspect=True),
    "similarity": Transform(("s", "angle", "tx", "ty"), (1, 0, 0, 0), _similarity, uses_aspect=True),
    "affine": Transform(("a", "b", "tx", "c", "d", "ty"), (1, 0, 0, 0, 1, 0), _affine),
    "projective": Transform(("a", "b", "tx", "c", "d", "ty", "g", "h"), (1, 0, 0, 0, 1, 0, 0, 0), _projective),
    "tps": Transform(("dx", "dy"), (0, 0)),
}
NAMES = tuple(TRANSFORMS)


def parameter_names(transform: str, control_points: tuple[int, int] = (4, 4)) -> tuple[str, ...]:
    """The names of theta's parameters, in order.

    :Convention: attention: s, tx, ty; rigid: angle, tx, ty; similarity: s, angle, tx, ty; affine: the rows (a, b, tx),
        (c, d, ty); projective: the rows (a, b, tx), (c, d, ty), (g, h, 1); tps: dx, dy of each control point, row by
        row. Angles are in radians, lengths in normalised units.
    :Errors: ValueError for an unknown name or fewer than 2 x 2 control points.

    >>> parameter_names("similarity")
    ('s', 'angle', 'tx', 'ty')
    """
    record = TRANSFORMS[_checks.choice(transform, "transform", TRANSFORMS)]
    rows, columns = _checks.sizes(control_points, "control_points", least=2)
    if record.matrix:
        return record.names
    return tuple(f"{name}[{i},{j}]" for i in range(rows) for j in range(columns) for name in record.names)


def parameter_count(transform: str, control_points: tuple[int, int] = (4, 4)) -> int:
    """The number of parameters: 3 (attention, rigid), 4 (similarity), 6 (affine), 8 (projective), 2 K (tps).

    :Errors: ValueError for an unknown name or fewer than 2 x 2 control points.

    >>> parameter_count("affine"), parameter_count("tps", control_points=(4, 4))
    (6, 32)
    """
    return len(parameter_names(transform, control_points))


def identity(transform: str, control_points: tuple[int, int] = (4, 4)) -> np.ndarray:
    """The theta of the identity, which leaves images unchanged.

    :Shapes: `(P,)`, float32 NumPy.
    :Errors: ValueError for an unknown name or fewer than 2 x 2 control points.

    >>> identity("affine").tolist()
    [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]
    """
    count = parameter_count(transform, control_points)
    return np.resize(np.array(TRANSFORMS[transform].identity, "float32"), count)


def matrix(transform: str, theta: ArrayLike, aspect: float = 1.0) -> Any:
    """The matrices that theta represents.

    :Shapes: theta `(B, P)` to `(B, 2, 3)`, or to `(B, 3, 3)` for projective.
    :Convention: attention: [[s, 0, tx], [0, s, ty]]; rigid and similarity: [[s cos, -s sin, tx], [s sin, s cos, ty]]
        (rigid: s = 1). A positive angle rotates the sampling grid clockwise on the screen, so the image rotates
        counter-clockwise. On a non-square image this is not a rotation in pixels unless `aspect` is the image's
        width / height; rigid and similarity are then [[s cos, -s sin / aspect, tx], [s sin aspect, s cos, ty]].
    :Errors: ValueError for an unknown name, for "tps" (it has no matrix), for a theta of another shape, and for NaN
        or infinity in a list or a NumPy array; tensors are not checked.
    :Source: Jaderberg et al. 2015, section 3.2.

    >>> np.asarray(matrix("attention", [[0.5, 0.25, 0.125]])).tolist()
    [[[0.5, 0.0, 0.25], [0.0, 0.5, 0.125]]]
    """
    _checks.choice(transform, "transform", [name for name, record in TRANSFORMS.items() if record.matrix])
    given = _checks.from_list(theta, "theta")
    theta = _checks.floating(given, "theta", rank=2)
    _checks.finite(given, "theta")
    count = len(TRANSFORMS[transform].names)
    if theta.shape[1] != count:
        _checks.fail("theta", f"shape {tuple(theta.shape)}", f"(B, {count}) for {transform!r}")
    return to_matrix(transform, theta, _checks.positive(aspect, "aspect"))


def to_matrix(transform, theta, aspect=1.0):
    """`matrix` without its checks, for the layer: theta `(B, P)` to `(B, 2, 3)` or `(B, 3, 3)`."""
    return TRANSFORMS[transform].matrix(theta, aspect)


def compose(a: ArrayLike, b: ArrayLike) -> Any:
    """The theta of the matrix product A B.

    :Shapes: a, b affine `(B, 6)` or `(B, 2, 3)`, projective `(B, 8)` or `(B, 3, 3)`, same B. Affine if both are, else
        projective with last entry 1; flat if both are flat.
    :Convention: *coordinates* (x, y, 1) are mapped by b first, then by a. *Images* go the other way, since theta maps
        output to input: sampling with `compose(a, b)` equals sampling with a, then sampling the result with b.
    :Errors: ValueError for other shapes and, where the values are known, for a product whose last entry is 0 (it
        sends the centre to infinity).

    >>> zoom, shift = [[0.5, 0, 0, 0, 0.5, 0]], [[1, 0, 0.5, 0, 1, 0]]
    >>> np.asarray(compose(zoom, shift)).tolist()
    [[0.5, 0.0, 0.25, 0.0, 0.5, 0.0]]
    """
    a, b = _matrices.as_theta(a, "a"), _matrices.as_theta(b, "b")
    _checks.same_batch(a, b, "b", "a")
    dtype = _checks.precision(a, b)
    product = _matrices.product(*(ops.cast(_matrices.homogeneous(theta), dtype) for theta in (a, b)))
    flat = len(a.shape) == 2 and len(b.shape) == 2
    return _matrices.like(product, _matrices.is_affine(a) and _matrices.is_affine(b), flat, "a and b")


def invert(theta: ArrayLike) -> Any:
    """The inverse of `theta`, in the same form: affine `(B, 6)`, `(B, 2, 3)`, projective `(B, 8)`, `(B, 3, 3)`.

    :Convention: float16 is computed in float32.
    :Errors: ValueError for other shapes and, where the values are known, for a theta that is not invertible, or whose
        inverse has 0 as last entry (it sends the centre to infinity).

    >>> np.asarray(invert([[2.0, 0, 0, 0, 2, 1]])).tolist()
    [[0.5, 0.0, 0.0, 0.0, 0.5, -0.5]]
    """
    theta = _matrices.as_theta(theta, "theta")
    m = ops.cast(_matrices.homogeneous(theta), _checks.precision(theta))
    first, second, third = m[:, 0], m[:, 1], m[:, 2]
    pairs = ((second, third), (third, first), (first, second))
    cofactors = [_matrices.cross(*pair) for pair in pairs]
    determinant = ops.sum(first * cofactors[0], axis=-1)
    _matrices.refuse_zero(determinant)
    inverse = ops.stack(cofactors, axis=-1) / determinant[:, None, None]
    return _matrices.like(inverse, _matrices.is_affine(theta), len(theta.shape) == 2)
