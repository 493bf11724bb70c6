"""Checks of trait values; each returns the stored form or raises ValueError with one line."""

import numpy as np


def choice(name, values):
    """A check that a value equals one of `values`; returns that one.

    >>> choice("mode", ("nearest", "bilinear"))("nearest")
    'nearest'
    """

    def check(value):
        if value not in values:
            raise ValueError(f"{name}: got {value!r}, expected one of {', '.join(map(repr, values))}")
        return values[values.index(value)]

    return check


def numbers(name, value, shapes, expected):
    """Finite numbers of one of the given shapes as a float64 array.

    >>> numbers("point", (1, 2), [(2,)], "(x, y)").tolist()
    [1.0, 2.0]
    """
    try:
        array = np.asarray(value, dtype="float64")
    except (TypeError, ValueError):
        raise ValueError(f"{name}: got {value!r}, expected {expected}") from None
    if array.shape not in shapes:
        raise ValueError(f"{name}: got shape {array.shape}, expected {expected}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name}: got NaN or infinity, expected finite numbers")
    return array


def theta_rows(value):
    """Six finite numbers, row-major or 2x3, as two rows of three floats.

    >>> theta_rows([1, 0, 0, 0, 1, 0])
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    """
    array = numbers("theta", value, [(6,), (2, 3), (1, 6), (1, 2, 3)], "(2, 3) or (6,)")
    return array.reshape(2, 3).tolist()


def point(value):
    """Two finite numbers `(x, y)` as a list.

    >>> point((1, 2.5))
    [1.0, 2.5]
    """
    return numbers("point", value, [(2,)], "(x, y)").tolist()


def output_size(value):
    """Two whole numbers `(H_out, W_out)` from 1 to 512 as a list.

    >>> output_size((14, 28))
    [14, 28]
    """
    array = numbers("output_size", value, [(2,)], "(H_out, W_out)")
    if (array != array.round()).any() or array.min() < 1 or array.max() > 512:
        raise ValueError(f"output_size: got {value!r}, expected whole numbers from 1 to 512")
    return array.astype(int).tolist()
