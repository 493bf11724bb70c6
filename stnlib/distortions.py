"""Distorted digits: the article's affine mix, the paper's R, RTS, P and E, clutter, and pairs to add."""

from typing import NamedTuple

import numpy as np
from keras import ops

from stnlib import _checks, poses, transforms
from stnlib.grid import transform_points
from stnlib.sampling import sample

CHUNK = 4096
SIZES = {"R": 28, "RTS": 42, "P": 28, "P_stretch": 28, "E": 28, "article": 28}
NAMES = (*SIZES, "clutter", "article_clutter")


class Distorted(NamedTuple):
    """Distorted images (N, H, W, 1) float32 and the theta (N, P) that made them, output to input."""

    images: np.ndarray
    theta: np.ndarray


def warp(images, theta, output_size=None, transform="affine"):
    """Resample images, each by its own theta, with zeros outside.

    Shapes: images `(N, H, W, C)`, theta `(N, P)`; result `(N, H_out, W_out, C)`, NumPy float32.
    Convention: theta maps output to input, corners not aligned; `output_size` None is the input's.
    Errors: ValueError when images and theta differ in number, for other shapes and for an unknown transform.
    Source: Jaderberg et al. 2015, section 3, the sampler of `stnlib.SpatialTransformer`.

    >>> image = np.eye(3, dtype="float32").reshape(1, 3, 3, 1)
    >>> warp(image, [[-1, 0, 0, 0, 1, 0]])[0, :, :, 0].tolist()
    [[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]
    """
    images, theta = np.asarray(images, "float32"), np.asarray(theta, "float32")
    _batch(images)
    count = transforms.parameter_count(transform)
    if theta.shape != (len(images), count):
        _checks.fail("theta", f"shape {theta.shape}", f"{count} numbers for each of {len(images)} images")
    size = images.shape[1:3] if output_size is None else _checks.sizes(output_size, "output_size")
    result = np.empty((len(images), *size, images.shape[-1]), "float32")
    for start in range(0, len(images), CHUNK):
        part = slice(start, start + CHUNK)
        points = transform_points(ops.convert_to_tensor(theta[part]), transform, *size)
        result[part] = ops.convert_to_numpy(sample(ops.convert_to_tensor(images[part]), points))
    return result


def affine_theta(angle=0.0, scale=(1.0, 1.0), shear=0.0, translation=(0.0, 0.0)):
    """Write an affine theta: rotation times shear times scale, then translation.

    Shapes: scalars, and pairs `(x, y)`; result `(6,)`, row-major, float32.
    Convention: radians, normalised coordinates, output to input: scale 2 shows the digit half as large.
    Source: Jaderberg et al. 2015, equation (1).

    >>> affine_theta(scale=(2, 2), translation=(0.5, 0)).tolist()
    [2.0, 0.0, 0.5, 0.0, 2.0, 0.0]
    """
    matrix = poses.affine(*(np.asarray(a, "float64")[None] for a in (angle, scale, shear, translation)))
    return matrix.reshape(6).astype("float32")


def distort(images, name="article", seed=0):
    """Distort every image at random.

    Shapes: images `(N, 28, 28, 1)` in [0, 1]; a `Distorted` tuple: images `(N, H, W, 1)`, theta `(N, P)`.
    Convention: theta is output to input, affine (6), projective (8) for `P` and `P_stretch`, thin plate
        spline (32) for `E`; under clutter it places the digit. `seed` may be a tuple, such as (seed, epoch).
    Errors: ValueError for an unknown name and for images of another shape.
    Source: xeonqq's article (`article`); Jaderberg et al. 2015, section 4.1 and appendix A.

    >>> distort(np.ones((2, 28, 28, 1)), "RTS").images.shape
    (2, 42, 42, 1)
    """
    _checks.choice(name, "name", NAMES)
    _batch(np.asarray(images), side=28)
    rng = np.random.default_rng(seed)
    if name == "clutter":
        return _clutter(images, rng, size=60, pieces=6, piece=6)
    if name == "article_clutter":
        return _clutter(images, rng, size=40, pieces=5, piece=5)
    theta = poses.DRAWS[name](rng, len(images)).astype("float32")
    size = (SIZES[name], SIZES[name])
    return Distorted(warp(images, theta, size, poses.TRANSFORMS.get(name, "affine")), theta)


def mixed(x, y, copies, seed=0, name="article"):
    """Mix the clean images with distorted copies of each, as the article trains.

    Shapes: x `(N, 28, 28, 1)`, y `(N,)`; result `(N (1 + copies), 28, 28, 1)` and its labels, shuffled.
    Errors: ValueError for a distortion that changes the size.
    Source: xeonqq's article, which has one copy of each of MNIST's 60,000 digits.

    >>> images, labels = mixed(np.ones((3, 28, 28, 1)), np.arange(3), copies=2)
    >>> images.shape, sorted(labels.tolist())
    ((9, 28, 28, 1), [0, 0, 0, 1, 1, 1, 2, 2, 2])
    """
    _checks.choice(name, "name", [known for known, size in SIZES.items() if size == 28])
    copy = distort(np.tile(x, (copies, 1, 1, 1)), name, seed).images
    order = np.random.default_rng(seed).permutation(len(x) * (copies + 1))
    images = np.concatenate([np.asarray(x, "float32"), copy])[order]
    return images, np.tile(y, copies + 1)[order]


def addition(images, labels, seed=0):
    """Pair digits to be added, each transformed like RTS on a channel of its own.

    Shapes: images `(N, 28, 28, 1)`, labels `(N,)`; result `(N, 42, 42, 2)` and sums `(N,)` in 0..18.
    Convention: the first channel holds image i, the second one at random, each once; it may be image i again.
    Source: Jaderberg et al. 2015, appendix A.2.

    >>> pairs, sums = addition(np.ones((4, 28, 28, 1)), np.arange(4))
    >>> pairs.shape, sums.shape
    ((4, 42, 42, 2), (4,))
    """
    images, labels = np.asarray(images, "float32"), np.asarray(labels)
    partner, theta = pairing(len(images), seed)
    channels = [warp(part, pose, (42, 42)) for part, pose in zip((images, images[partner]), theta, strict=True)]
    return np.concatenate(channels, axis=-1), labels + labels[partner]


def pairing(count, seed=0):
    """Draw what `addition` does: who is added to whom, and the poses of both.

    Shapes: the partners' indices `(N,)` and theta `(2, N, 6)`, output to input, one for each channel.
    Source: Jaderberg et al. 2015, appendix A.2.

    >>> partner, theta = pairing(4)
    >>> sorted(partner.tolist()), theta.shape
    ([0, 1, 2, 3], (2, 4, 6))
    """
    rng = np.random.default_rng(seed)
    partner = rng.permutation(count)
    return partner, np.stack([poses.DRAWS["RTS"](rng, count) for _ in range(2)])


def _batch(images, side=None):
    """Refuse what is no batch `(N, H, W, C)`, or one of another size than `side`."""
    if images.ndim != 4 or (side is not None and images.shape[1:3] != (side, side)):
        expected = "(N, H, W, C)" if side is None else f"(N, {side}, {side}, 1)"
        _checks.fail("images", f"shape {images.shape}", expected)


def _clutter(images, rng, size, pieces, piece):
    """Put each digit at a random place of a `size` x `size` canvas, with crops of other digits."""
    images = np.asarray(images, "float32")
    count, height = images.shape[:2]
    canvas = np.zeros((count, size, size, 1), "float32")
    corner = rng.integers(0, size - height + 1, (count, 2))
    _stamp(canvas, images, corner)
    for _ in range(pieces):
        others = (np.arange(count) + rng.integers(1, max(count, 2), count)) % count
        crops = _crop(images[others], rng.integers(0, height - piece + 1, (count, 2)), piece)
        _stamp(canvas, crops, rng.integers(0, size - piece + 1, (count, 2)))
    return Distorted(canvas, poses.placement(corner, height, size).astype("float32"))


def _window(corner, size):
    """Index arrays (N, 1, 1), (N, size, 1), (N, 1, size) of the windows at `corner` (row, column)."""
    rows, columns = (corner[:, i, None] + np.arange(size) for i in (0, 1))
    return np.arange(len(corner))[:, None, None], rows[:, :, None], columns[:, None, :]


def _crop(images, corner, size):
    """Cut a window out of each image."""
    return images[_window(corner, size)]


def _stamp(canvas, patches, corner):
    """Lay a patch on each canvas, in place; where both are bright, the brighter wins."""
    window = _window(corner, patches.shape[1])
    canvas[window] = np.maximum(canvas[window], patches)
