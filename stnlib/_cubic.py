"""The weights of cubic convolution (Keys 1981)."""

SHARPNESS = -0.75


def weights(t):
    """The weights of the four neighbours at -1, 0, 1 and 2 of a point at t in [0, 1]; they sum to 1.

    >>> weights(0.0), sum(weights(0.25))
    ((0.0, 1.0, 0.0, 0.0), 1.0)
    """
    return _far(t + 1), _near(t), _near(1 - t), _far(2 - t)


def _near(t):
    return ((SHARPNESS + 2) * t - (SHARPNESS + 3)) * t * t + 1


def _far(t):
    return ((SHARPNESS * t - 5 * SHARPNESS) * t + 8 * SHARPNESS) * t - 4 * SHARPNESS
