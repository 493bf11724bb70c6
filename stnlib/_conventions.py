"""Converters between stnlib's theta and the conventions of other libraries; all of them NumPy, float64.

stnlib's theta maps output to input in normalised coordinates, (x, y), and its meaning depends on `align_corners`.
The others work in pixels, with pixel centres at integers. Sizes are (height, width); `output_size=None`: the input's.
`stnlib.transforms` exports them.
"""

from typing import Any

import numpy as np

from stnlib import _checks, poses

Size = tuple[int, int]


def theta_to_torch(
    theta: Any,
    align_corners: bool = False,
    input_size: Size | None = None,
    output_size: Size | None = None,
    torch_align_corners: bool | None = None,
) -> np.ndarray:
    """Convert theta to that of `torch.nn.functional.affine_grid`.

    :Shapes: theta `(B, 6)` or `(B, 2, 3)` to `(B, 2, 3)`.
    :Convention: with the same `align_corners` in both libraries, the numbers are the same. If torch uses another one,
        give `torch_align_corners` and both sizes.
    :Errors: ValueError for other shapes and for missing sizes.

    >>> theta_to_torch([[1, 0, 0.5, 0, 1, 0]]).tolist()
    [[[1.0, 0.0, 0.5], [0.0, 1.0, 0.0]]]
    """
    align_corners = _checks.flag(align_corners, "align_corners")
    theirs = _or(torch_align_corners, align_corners)
    return _realign(theta, align_corners, theirs, input_size, output_size)


def theta_from_torch(
    theta: Any,
    align_corners: bool = False,
    input_size: Size | None = None,
    output_size: Size | None = None,
    torch_align_corners: bool | None = None,
) -> np.ndarray:
    """Convert torch's theta to stnlib's: the inverse of `theta_to_torch`, with the same arguments and errors.

    :Shapes: theta `(B, 2, 3)` or `(B, 6)` to `(B, 6)`.

    >>> theta_from_torch([[[1, 0, 0.5], [0, 1, 0]]]).tolist()
    [[1.0, 0.0, 0.5, 0.0, 1.0, 0.0]]
    """
    align_corners = _checks.flag(align_corners, "align_corners")
    theirs = _or(torch_align_corners, align_corners)
    return _realign(theta, theirs, align_corners, input_size, output_size).reshape(-1, 6)


def theta_to_opencv(
    theta: Any, input_size: Size, output_size: Size | None = None, align_corners: bool = False
) -> np.ndarray:
    """Convert theta to the pixel matrices of OpenCV.

    :Shapes: theta `(B, 6)` or `(B, 2, 3)` to `(B, 2, 3)`; projective theta `(B, 8)` or `(B, 3, 3)` to `(B, 3, 3)`.
    :Convention: input to output, pixels, (x, y). `cv2.warpAffine(image, matrix, (width_out, height_out))`, or
        `cv2.warpPerspective`, without WARP_INVERSE_MAP, samples the same points.
    :Errors: ValueError for other shapes, sizes that are not pairs, a theta that is not invertible, and one-pixel axes
        with `align_corners=True` (they have no scale).

    >>> theta_to_opencv([[1, 0, 0.5, 0, 1, 0]], (4, 4)).tolist()
    [[[1.0, 0.0, -1.0], [0.0, 1.0, 0.0]]]
    """
    theta = _array(theta, "theta")
    if theta.shape[1:] not in ((6,), (2, 3), (8,), (3, 3)):
        _checks.fail("theta", f"shape {theta.shape}", "(B, 6), (B, 2, 3), (B, 8) or (B, 3, 3)")
    if theta.shape[1:] not in ((8,), (3, 3)):
        return _inverse(_to_pixels(theta, input_size, output_size, align_corners), "theta")[:, :2] + 0.0
    if theta.shape[1:] == (8,):
        theta = poses.matrices(theta)
    source, target = _frames(input_size, output_size, align_corners)
    return _scaled(_inverse(source @ theta @ np.linalg.inv(target), "theta"), "theta") + 0.0


def theta_from_opencv(
    matrix: Any, input_size: Size, output_size: Size | None = None, align_corners: bool = False
) -> np.ndarray:
    """Convert OpenCV's pixel matrices to theta: the inverse of `theta_to_opencv`, with the same errors.

    :Shapes: matrices `(2, 3)` or `(B, 2, 3)` to theta `(B, 6)`. Homographies `(3, 3)` or `(B, 3, 3)`, such as those of
        `cv2.findHomography`, to projective theta `(B, 8)`, or to `(B, 6)` if the last row of each is 0 0 1.

    >>> theta_from_opencv([[1, 0, -1], [0, 1, 0]], (4, 4)).tolist()
    [[1.0, 0.0, 0.5, 0.0, 1.0, 0.0]]
    """
    matrix = _array(matrix, "matrix")
    if matrix.shape[-2:] == (3, 3) and (matrix[..., 2, :] != (0, 0, 1)).any():
        source, target = _frames(input_size, output_size, align_corners)
        pixels = _inverse(matrix.reshape(-1, 3, 3), "matrix")
        return _scaled(np.linalg.inv(source) @ pixels @ target, "matrix").reshape(-1, 9)[:, :8]
    return _from_pixels(_inverse(_square(matrix, "matrix"), "matrix"), input_size, output_size, align_corners)


def theta_to_keras(
    theta: Any, input_size: Size, output_size: Size | None = None, align_corners: bool = False
) -> np.ndarray:
    """Convert theta to the vectors of `keras.ops.image.affine_transform` (a0, a1, a2, b0, b1, b2, 0, 0).

    :Shapes: theta `(B, 6)` or `(B, 2, 3)` to `(B, 8)`.
    :Convention: output to input, pixels, (x, y).
    :Errors: as for `theta_to_opencv`.

    >>> theta_to_keras([[1, 0, 0.5, 0, 1, 0]], (4, 4)).tolist()
    [[1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0]]
    """
    pixels = _to_pixels(theta, input_size, output_size, align_corners)
    return pixels.reshape(-1, 9)[:, :8]


def theta_from_keras(
    vector: Any, input_size: Size, output_size: Size | None = None, align_corners: bool = False
) -> np.ndarray:
    """Convert Keras's vectors to theta: the inverse of `theta_to_keras`.

    :Shapes: vectors `(8,)` or `(B, 8)` to theta `(B, 6)`.
    :Errors: ValueError for other shapes, and if one of the last two entries is not 0.

    >>> theta_from_keras([1, 0, 1, 0, 1, 0, 0, 0], (4, 4)).tolist()
    [[1.0, 0.0, 0.5, 0.0, 1.0, 0.0]]
    """
    vector = _array(vector, "vector")
    if vector.shape[-1:] != (8,) or vector.ndim > 2:
        _checks.fail("vector", f"shape {vector.shape}", "(8,) or (B, 8)")
    vector = vector.reshape(-1, 8)
    if vector[:, 6:].any():
        _checks.fail("vector", "a projective one", "an affine one, last two entries 0")
    return _from_pixels(_square(vector[:, :6].reshape(-1, 2, 3), "vector"), input_size, output_size, align_corners)


def theta_to_scipy(
    theta: Any, input_size: Size, output_size: Size | None = None, align_corners: bool = False
) -> np.ndarray:
    """Convert theta to the matrices of `scipy.ndimage.affine_transform`; pass it one, and `output_shape`.

    :Shapes: theta `(B, 6)` or `(B, 2, 3)` to `(B, 3, 3)`.
    :Convention: output to input, pixels, (row, column).
    :Errors: as for `theta_to_opencv`.

    >>> theta_to_scipy([[1, 0, 0.5, 0, 1, 0]], (4, 4))[0].tolist()
    [[1.0, 0.0, 0.0], [0.0, 1.0, 1.0], [0.0, 0.0, 1.0]]
    """
    return _swap(_to_pixels(theta, input_size, output_size, align_corners))


def theta_from_scipy(
    matrix: Any, input_size: Size, output_size: Size | None = None, align_corners: bool = False
) -> np.ndarray:
    """Convert SciPy's matrices to theta: the inverse of `theta_to_scipy`.

    :Shapes: matrices `(3, 3)`, `(2, 3)` or a batch of them to theta `(B, 6)`.
    :Errors: ValueError for other shapes, and for a projective matrix.

    >>> theta_from_scipy([[1, 0, 0], [0, 1, 1], [0, 0, 1]], (4, 4)).tolist()
    [[1.0, 0.0, 0.5, 0.0, 1.0, 0.0]]
    """
    return _from_pixels(_swap(_square(matrix, "matrix")), input_size, output_size, align_corners)


def _array(value, argument):
    try:
        array = np.asarray(value, "float64")
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{argument}: expected an array of numbers, got {type(value).__name__}") from error
    if not np.isfinite(array).all():
        _checks.fail(argument, "NaN or infinity", "finite numbers")
    return array


def _square(matrix, argument):
    """A matrix or a batch of them, 2x3 or affine 3x3, as `(B, 3, 3)`."""
    matrix = _array(matrix, argument)
    if matrix.ndim not in (2, 3) or matrix.shape[-2:] not in ((2, 3), (3, 3)):
        _checks.fail(argument, f"shape {matrix.shape}", "(2, 3) or (3, 3), or a batch of them")
    matrix = matrix.reshape(-1, *matrix.shape[-2:])
    if matrix.shape[1] == 3 and (matrix[:, 2] != (0, 0, 1)).any():
        _checks.fail(argument, "a projective matrix", "an affine one, last row 0 0 1")
    square = np.tile(np.eye(3), (len(matrix), 1, 1))
    square[:, :2] = matrix[:, :2]
    return square


def _theta(theta):
    theta = _array(theta, "theta")
    if theta.shape[1:] not in ((6,), (2, 3)):
        _checks.fail("theta", f"shape {theta.shape}", "(B, 6) or (B, 2, 3)")
    return _square(theta.reshape(-1, 2, 3), "theta")


def _frame(size, argument, align_corners):
    """The `(3, 3)` matrix from normalised coordinates to pixels of an image of `size`."""
    height, width = _checks.sizes(size, argument, least=2 if align_corners else 1)
    scale_x, scale_y = (width - 1, height - 1) if align_corners else (width, height)
    return np.array([[scale_x / 2, 0, (width - 1) / 2], [0, scale_y / 2, (height - 1) / 2], [0, 0, 1]])


def _frames(input_size, output_size, align_corners):
    align_corners = _checks.flag(align_corners, "align_corners")
    source = _frame(input_size, "input_size", align_corners)
    return source, source if output_size is None else _frame(output_size, "output_size", align_corners)


def _to_pixels(theta, input_size, output_size, align_corners):
    source, target = _frames(input_size, output_size, align_corners)
    return source @ _theta(theta) @ np.linalg.inv(target)


def _from_pixels(pixels, input_size, output_size, align_corners):
    source, target = _frames(input_size, output_size, align_corners)
    return (np.linalg.inv(source) @ pixels @ target)[:, :2].reshape(-1, 6)


def _or(torch_align_corners, align_corners):
    return align_corners if torch_align_corners is None else _checks.flag(torch_align_corners, "torch_align_corners")


def _realign(theta, align_corners, wanted, input_size, output_size):
    """theta as `(B, 2, 3)`, re-expressed for another `align_corners` where that differs."""
    square = _theta(theta)
    if wanted != align_corners:
        pixels = _to_pixels(square[:, :2], input_size, output_size, align_corners)
        square[:, :2] = _from_pixels(pixels, input_size, output_size, wanted).reshape(-1, 2, 3)
    return square[:, :2]


def _inverse(matrices, argument):
    if (np.linalg.det(matrices) == 0).any():
        _checks.fail(argument, "a singular matrix", "a matrix with an inverse")
    return np.linalg.inv(matrices)


def _scaled(homographies, argument):
    """Homographies with last entry 1."""
    last = homographies[:, 2:, 2:]
    if (np.abs(last) < 1e-12 * np.abs(homographies).max(axis=(1, 2), keepdims=True)).any():
        _checks.fail(
            argument, "a homography that sends the centre to infinity", "one that can be scaled to last entry 1"
        )
    return homographies / last


def _swap(matrices):
    """Exchange the roles of x and y."""
    order = [1, 0, 2]
    return matrices[:, order][:, :, order]
