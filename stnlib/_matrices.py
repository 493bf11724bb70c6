"""The algebra of homogeneous 3x3 matrices behind `stnlib.transforms`."""

import numpy as np
from keras import ops

from stnlib import _checks


def columns(theta):
    """The numbers of theta `(B, P)`, each `(B,)`."""
    return [theta[:, i] for i in range(theta.shape[1])]


def rows(*rows):
    """A matrix `(B, rows, columns)` of numbers `(B,)`."""
    return ops.stack([ops.stack(row, axis=-1) for row in rows], axis=-2)


def as_theta(theta, argument):
    """A checked theta in one of the four forms that have a matrix."""
    given = _checks.from_list(theta, argument)
    theta = _checks.floating(given, argument)
    if tuple(theta.shape[1:]) not in ((6,), (8,), (2, 3), (3, 3)):
        expected = "(B, 6), (B, 2, 3), (B, 8) or (B, 3, 3)"
        _checks.fail(argument, f"shape {tuple(theta.shape)}", expected)
    _checks.finite(given, argument)
    return theta


def is_affine(theta):
    """True for the two affine forms."""
    return tuple(theta.shape[1:]) in ((6,), (2, 3))


def homogeneous(theta):
    """Any theta with a matrix, as `(B, 3, 3)`."""
    count = int(np.prod(theta.shape[1:]))
    if count == 9:
        return theta
    flat = ops.reshape(theta, (-1, count))
    last = (0.0, 0.0, 1.0)[count - 6 :]
    ones = ops.ones_like(flat[:, :1])
    return ops.reshape(ops.concatenate([flat] + [ones * v for v in last], axis=1), (-1, 3, 3))


def product(a, b):
    """Matrix product without the reduced precision that accelerators use for matmul."""
    return ops.sum(a[:, :, :, None] * b[:, None, :, :], axis=2)


def cross(a, b):
    """Cross product of `(B, 3)` vectors; Keras's own takes the batch for the axis on PyTorch when B is 3."""
    next_a, last_a = ops.roll(a, -1, axis=1), ops.roll(a, 1, axis=1)
    next_b, last_b = ops.roll(b, -1, axis=1), ops.roll(b, 1, axis=1)
    return next_a * last_b - last_a * next_b


def like(m, affine, flat, argument="theta"):
    """A `(B, 3, 3)` matrix in the form asked for; projective ones are scaled to last entry 1."""
    if affine:
        return ops.reshape(m[:, :2], (-1, 6)) if flat else m[:, :2]
    refuse_zero(m[:, 2, 2], "a map whose last entry is 0", "one that can be scaled to last entry 1", argument)
    m = m / m[:, 2:, 2:]
    return ops.reshape(m, (-1, 9))[:, :8] if flat else m


def refuse_zero(divisor, got="a singular matrix", expected="a matrix with an inverse", argument="theta"):
    """Raise ValueError where a divisor is known now and zero."""
    values = _checks.known(divisor)
    if values is not None and (values == 0).any():
        _checks.fail(argument, got, expected)
