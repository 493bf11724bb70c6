"""Random poses: how the theta of each distortion is drawn, in NumPy, float64, output to input."""

from collections.abc import Callable, Sequence

import numpy as np

CORNERS = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], "float64")  # (x, y), clockwise
LEAST_BEND = 0.2  # at each corner of a shape that is clearly convex


def affine(angle: np.ndarray, scale: np.ndarray, shear: np.ndarray, translation: np.ndarray) -> np.ndarray:
    """Compose affine matrices: rotation times shear times scale, then translation.

    :Shapes: angle and shear `(N,)`, scale and translation `(N, 2)` as (x, y); result `(N, 2, 3)`.
    :Convention: radians; y points down.
    :Source: Jaderberg et al. 2015, equation (1).

    >>> angle, scale, shift = np.zeros(1), np.full((1, 2), 2.0), np.ones((1, 2))
    >>> affine(angle, scale, shear=np.zeros(1), translation=shift).tolist()
    [[[2.0, 0.0, 1.0], [0.0, 2.0, 1.0]]]
    """
    cos, sin, lean = np.cos(angle), np.sin(angle), np.tan(shear)
    first = np.stack([cos, sin], axis=-1) * scale[:, :1]
    second = np.stack([cos * lean - sin, sin * lean + cos], axis=-1) * scale[:, 1:]
    return np.stack([first, second, translation], axis=-1)


def inverse(matrix: np.ndarray) -> np.ndarray:
    """Invert a map from input to output (where the digit goes) into theta (where the output samples).

    :Shapes: `(N, 2, 3)` to flat theta `(N, 6)`.

    >>> inverse(np.array([[[2.0, 0.0, 1.0], [0.0, 4.0, 0.0]]])).tolist()
    [[0.5, 0.0, -0.5, 0.0, 0.25, 0.0]]
    """
    linear = np.linalg.inv(matrix[:, :, :2])
    return np.concatenate([linear, -linear @ matrix[:, :, 2:]], axis=-1).reshape(-1, 6) + 0.0


def article(rng: np.random.Generator, count: int) -> np.ndarray:
    """Draw the article's mix: all of scale, shift, rotation and shear, or one of them, equally likely.

    :Shapes: theta `(count, 6)`.
    :Source: xeonqq's article: scale 0.5 to 1.3 and shift 30% for each axis, rotation 75, shear 30 degrees.

    >>> article(np.random.default_rng(0), 3).shape
    (3, 6)
    """
    kind = rng.integers(5, size=count)
    drawn = [
        rng.uniform(0.5, 1.3, (count, 2)),
        rng.uniform(-0.6, 0.6, (count, 2)),
        np.radians(rng.uniform(-75, 75, count)),
        np.radians(rng.uniform(-30, 30, count)),
    ]
    still = [np.ones((count, 2)), np.zeros((count, 2)), np.zeros(count), np.zeros(count)]
    scale, translation, angle, shear = (
        np.where(np.isin(kind, [index, 4]).reshape(-1, *[1] * (move.ndim - 1)), move, rest)
        for index, (move, rest) in enumerate(zip(drawn, still, strict=True))
    )
    return inverse(affine(angle, scale, shear, translation))


def rotated(rng: np.random.Generator, count: int) -> np.ndarray:
    """Draw the paper's R: a rotation of up to 90 degrees either way; theta `(count, 6)`.

    >>> rotated(np.random.default_rng(0), 3).shape
    (3, 6)
    """
    angle = np.radians(rng.uniform(-90, 90, count))
    return inverse(affine(angle, np.ones((count, 2)), np.zeros(count), np.zeros((count, 2))))


def rotated_scaled_translated(rng: np.random.Generator, count: int, size: int = 28, canvas: int = 42) -> np.ndarray:
    """Draw the paper's RTS: rotation up to 45 degrees either way, scale 0.7 to 1.2, any position; theta `(count, 6)`.

    :Source: Jaderberg et al. 2015, appendix A.1. That the scaled 28-pixel square stays inside the canvas is our
        assumption.

    >>> rotated_scaled_translated(np.random.default_rng(0), 3).shape
    (3, 6)
    """
    angle = np.radians(rng.uniform(-45, 45, count))
    scale = rng.uniform(0.7, 1.2, count) * size / canvas
    room = (1 - scale)[:, None]
    translation = rng.uniform(-1, 1, (count, 2)) * room
    return inverse(affine(angle, np.repeat(scale[:, None], 2, axis=1), np.zeros(count), translation))


def projected(rng: np.random.Generator, count: int, size: int = 28, sigma: float = 5) -> np.ndarray:
    """Draw the paper's P: scale 0.75 to 1, each corner moved by N(0, 5 px); theta `(count, 8)`.

    :Convention: both coordinates of a corner move, each by its own random draw.
    :Source: Jaderberg et al. 2015, appendix A.1; corners that don't form a convex quadrilateral are drawn again.

    >>> projected(np.random.default_rng(0), 3).shape
    (3, 8)
    """
    return _with_corners(rng, count, lambda left: rng.normal(0, 2 * sigma / size, (left, 4, 2)))


def stretched(rng: np.random.Generator, count: int, size: int = 28, sigma: float = 5) -> np.ndarray:
    """Draw an alternative interpretation of P: each corner moves along its diagonal; theta `(count, 8)`.

    :Convention: one draw of N(0, 5 px) for each corner: how much farther from the centre it lies.
    :Source: Jaderberg et al. 2015, appendix A.1, read as a stretch; otherwise as `projected`.

    >>> stretched(np.random.default_rng(0), 3).shape
    (3, 8)
    """
    outwards = CORNERS / np.sqrt(2)
    return _with_corners(rng, count, lambda left: outwards * rng.normal(0, 2 * sigma / size, (left, 4, 1)))


def _with_corners(rng: np.random.Generator, count: int, draw_moves: Callable[[int], np.ndarray]) -> np.ndarray:
    """The theta `(count, 8)` that squares, 0.75 to 1 of the frame, get by moving their corners.

    `draw_moves(left)` is `(left, 4, 2)`; corners that do not form a convex shape are drawn again.
    """
    moved = np.empty((count, 4, 2))
    todo = np.arange(count)
    while len(todo):
        scale = rng.uniform(0.75, 1, (len(todo), 1, 1))
        moved[todo] = CORNERS * scale + draw_moves(len(todo))
        todo = todo[~(bends(moved[todo]) > LEAST_BEND).all(axis=1)]
    return homography(moved, np.broadcast_to(CORNERS, moved.shape))


def bends(corners: np.ndarray) -> np.ndarray:
    """The cross products of successive edges of polygons: `(N, K, 2)` to `(N, K)`.

    :Convention: positive at a clockwise corner (y points down); a convex polygon has the same sign at all corners.

    >>> bends(CORNERS[None]).tolist()
    [[4.0, 4.0, 4.0, 4.0]]
    """
    edge = np.roll(corners, -1, axis=1) - corners
    after = np.roll(edge, -1, axis=1)
    return edge[..., 0] * after[..., 1] - edge[..., 1] * after[..., 0]


def matrices(theta: np.ndarray) -> np.ndarray:
    """Projective thetas `(N, 8)` as matrices `(N, 3, 3)`, whose last entry is 1.

    >>> matrices(np.array([[1, 0, 2, 0, 1, 3, 0, 0]]))[0].tolist()
    [[1.0, 0.0, 2.0], [0.0, 1.0, 3.0], [0.0, 0.0, 1.0]]
    """
    return np.append(theta, np.ones((len(theta), 1)), axis=1).reshape(-1, 3, 3)


def homography(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Find the projective theta `(N, 8)` that maps four points to four others, both `(N, 4, 2)` as (x, y).

    >>> homography(CORNERS[None], CORNERS[None] / 2).round(9).tolist()
    [[0.5, 0.0, 0.0, 0.0, 0.5, 0.0, 0.0, 0.0]]
    """
    x, y = source[..., 0], source[..., 1]
    u, v = target[..., 0], target[..., 1]
    one, zero = np.ones_like(x), np.zeros_like(x)
    for_u = np.stack([x, y, one, zero, zero, zero, -u * x, -u * y], axis=-1)
    for_v = np.stack([zero, zero, zero, x, y, one, -v * x, -v * y], axis=-1)
    equations = np.concatenate([for_u, for_v], axis=1)
    return np.linalg.solve(equations, np.concatenate([u, v], axis=1)[..., None])[..., 0]


def elastic(rng: np.random.Generator, count: int, size: int = 28, sigma: float = 1.5, points: int = 4) -> np.ndarray:
    """Draw the paper's E: scale 0.75 to 1, 16 control points moved by N(0, 1.5 px); theta `(count, 32)`.

    :Source: Jaderberg et al. 2015, appendix A.1. The displacements are those of the input points that are sampled.

    >>> elastic(np.random.default_rng(0), 3).shape
    (3, 32)
    """
    axis = np.linspace(-1, 1, points)
    lattice = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(1, -1, 2)
    scale = rng.uniform(0.75, 1, (count, 1, 1))
    shift = lattice / scale - lattice + rng.normal(0, 2 * sigma / size, (count, points**2, 2))
    return shift.reshape(count, 2 * points**2)


def placement(corner: np.ndarray, size: Sequence[int], canvas: Sequence[int]) -> np.ndarray:
    """The theta `(N, 6)` that puts an image's top left corner at `corner` (row, column) of a canvas.

    :Convention: `size` and `canvas` are (height, width) in pixels.

    >>> placement(np.array([[16, 16]]), (28, 28), (60, 60)).round(3).tolist()
    [[2.143, 0.0, 0.0, 0.0, 2.143, 0.0]]
    """
    size, canvas = (np.asarray(sides[::-1], "float64") for sides in (size, canvas))
    scale = np.broadcast_to(size / canvas, (len(corner), 2))
    centre = (2 * corner[:, ::-1] + size) / canvas - 1
    return inverse(affine(np.zeros(len(corner)), scale, np.zeros(len(corner)), centre))


def in_pixels(theta: np.ndarray, aspect: float) -> np.ndarray:
    """Convert affine maps drawn for square images, so that on other images they rotate and shear in pixels.

    :Shapes: theta `(N, 6)`, output to input, to theta `(N, 6)`.
    :Convention: `aspect` is width / height. The translation stays as drawn.

    >>> quarter = np.array([[0.0, -1.0, 0.0, 1.0, 0.0, 0.0]])  # 90 degrees
    >>> in_pixels(quarter, 4.0).tolist()
    [[0.0, -0.25, 0.0, 4.0, 0.0, 0.0]]
    """
    if aspect == 1:
        return theta
    matrix = theta.reshape(-1, 2, 3)
    linear = matrix[:, :, :2] * [[1, 1 / aspect], [aspect, 1]]
    centre = np.linalg.solve(matrix[:, :, :2], matrix[:, :, 2:])
    return np.concatenate([linear, linear @ centre], axis=-1).reshape(-1, 6)
