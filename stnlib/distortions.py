"""Distorted digits: the article's affine mix, the paper's R, RTS, P and E, clutter, and pairs to add."""

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from keras import ops

from stnlib import _checks, _compile, poses, transforms
from stnlib.grid import transform_points
from stnlib.sampling import PADDINGS, sample

CHUNK = 4096  # images resampled at once, fewer where they have more numbers than this:
NUMBERS = 2**24
BULK = 30_000  # images from which on a compilation pays, a third of a second each
FILL = 0.97  # of the image is covered by an object where nothing is left of its distortion
SIDE = 28  # the size for which the distortions were described; others follow in proportion


@dataclasses.dataclass(frozen=True)
class Clutter:
    """Clutter: crops of other images, scattered over the canvas.

    :param pieces: how many.
    :param piece: their height and width, in pixels of a 28-pixel image.
    """

    pieces: int
    piece: int


@dataclasses.dataclass(frozen=True)
class Distortion:
    """One kind of random distortion.

    :param name: its name in `DISTORTIONS`.
    :param draw: `draw(rng, count)` returns random theta `(count, P)`, output to input.
    :param transform: the transform that theta belongs to.
    :param canvas: height of the result for an image of 28 pixels.
    :param clutter: a `Clutter` for the background, or None; with clutter, images are placed at integer pixels.
    :param channels: with more than one, each channel holds another image, and the label is the sum of their labels.
    """

    name: str
    draw: Callable[[np.random.Generator, int], np.ndarray] | None = None
    transform: str = "affine"
    canvas: int = SIDE
    clutter: Clutter | None = None
    channels: int = 1

    @property
    def classes(self) -> int:
        """The number of classes: 10, or more where labels are sums of digits.

        >>> DISTORTIONS["RTS"].classes, DISTORTIONS["addition"].classes
        (10, 19)
        """
        return 9 * self.channels + 1

    def output_size(self, height: int = SIDE, width: int = SIDE) -> tuple[int, int]:
        """The size of the distorted images, for images of `height` and `width`.

        >>> DISTORTIONS["RTS"].output_size()
        (42, 42)
        >>> DISTORTIONS["clutter"].output_size(48, 188)
        (103, 403)
        """
        return round(height * self.canvas / SIDE), round(width * self.canvas / SIDE)


DISTORTIONS = {
    distortion.name: distortion
    for distortion in (
        Distortion("R", poses.rotated),
        Distortion("RTS", poses.rotated_scaled_translated, canvas=42),
        Distortion("P", poses.projected, "projective"),
        Distortion("P_stretch", poses.stretched, "projective"),
        Distortion("E", poses.elastic, "tps"),
        Distortion("article", poses.article),
        Distortion("clutter", canvas=60, clutter=Clutter(pieces=6, piece=6)),
        Distortion("article_clutter", canvas=40, clutter=Clutter(pieces=5, piece=5)),
        Distortion("addition", poses.rotated_scaled_translated, canvas=42, channels=2),
    )
}


class Distorted(NamedTuple):
    """The result of `distort`.

    :param images: distorted images `(N, H_out, W_out, C)`, float32.
    :param theta: the theta `(N, P)` that made them, output to input.
    """

    images: np.ndarray
    theta: np.ndarray


def warp(
    images: Any,
    theta: Any,
    output_size: tuple[int, int] | None = None,
    transform: str = "affine",
    padding_mode: str = "zeros",
) -> np.ndarray:
    """Resample images, each by its own theta.

    :Shapes: images `(N, H, W, C)`, theta `(N, P)`; result `(N, H_out, W_out, C)`, NumPy float32.
    :Convention: theta maps output to input, with `align_corners=False`; `output_size=None` keeps the input's size;
        `padding_mode` as in `stnlib.grid_sample`. On TensorFlow, 30,000 images or more are resampled by compiled
        code: several times faster, equal within rounding.
    :Errors: ValueError when images and theta differ in number, for other shapes and for unknown names.
    :Source: Jaderberg et al. 2015, section 3, the sampler of `stnlib.SpatialTransformer`.

    >>> image = np.eye(3, dtype="float32").reshape(1, 3, 3, 1)
    >>> warp(image, [[-1, 0, 0, 0, 1, 0]])[0, :, :, 0].tolist()
    [[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]
    """
    images, theta = batch(images), np.asarray(theta, "float32")
    count = transforms.parameter_count(transform)
    if theta.shape != (len(images), count):
        _checks.fail("theta", f"shape {theta.shape}", f"{count} numbers for each of {len(images)} images")
    _checks.choice(padding_mode, "padding_mode", PADDINGS)
    size = images.shape[1:3] if output_size is None else _checks.sizes(output_size, "output_size")
    how = {"size": tuple(size), "transform": transform, "padding_mode": padding_mode}
    resampled = _compile.in_bulk(_resampled, **how) if len(images) >= BULK else functools.partial(_resampled, **how)
    result = np.empty((len(images), *size, images.shape[-1]), "float32")
    chunk = min(CHUNK, NUMBERS // math.prod(result.shape[1:]) + 1)
    for start in range(0, len(images), chunk):
        part = slice(start, start + chunk)
        sampled = resampled(ops.convert_to_tensor(images[part]), ops.convert_to_tensor(theta[part]))
        result[part] = ops.convert_to_numpy(sampled)
    return result


def _resampled(images, theta, size, transform, padding_mode):
    """The images of `warp`, as tensors, unchecked."""
    return sample(images, transform_points(theta, transform, *size), padding_mode=padding_mode)


def ease(images: Any, corners: Any, share: float) -> np.ndarray:
    """Reduce a distortion: share 1 leaves the image unchanged, share 0 rectifies the object to fill the frame.

    :Shapes: images `(N, H, W, C)`, the object's corners `(N, 4, 2)` in [-1, 1]; result like images, NumPy float32.
    :Convention: at share 0 a margin of 3% of the half side remains. Beyond the image its edge is repeated. Shares
        that grow from epoch to epoch are a curriculum for `stnlib.training.Curriculum`.
    :Errors: ValueError for images without corners, and for a share outside 0 to 1.

    >>> image = np.ones((1, 4, 4, 1), "float32")
    >>> float(abs(ease(image, poses.CORNERS[None] / 2, 1.0) - image).max())
    0.0
    """
    images = batch(images)
    if np.shape(corners) != (len(images), 4, 2):
        got = repr(corners) if np.ndim(corners) == 0 else f"shape {np.shape(corners)}"
        _checks.fail("corners", got, f"(N, 4, 2), for each of {len(images)} images")
    if not np.isfinite(corners).all():
        _checks.fail("corners", "NaN for some images", "(N, 4, 2), numbers")
    if not 0 <= share <= 1:
        _checks.fail("share", repr(share), "a number from 0 to 1")
    eased = (1 - share) * FILL * poses.CORNERS + share * np.asarray(corners)
    return warp(images, poses.homography(eased, corners), None, "projective", "border")


def affine_theta(
    angle: float = 0.0,
    scale: tuple[float, float] = (1.0, 1.0),
    shear: float = 0.0,
    translation: tuple[float, float] = (0.0, 0.0),
) -> np.ndarray:
    """Compose an affine theta: rotation times shear times scale, then translation.

    :Shapes: scalars, and pairs `(x, y)`; result `(6,)`, row-major, float32.
    :Convention: radians, normalised coordinates, output to input: scale 2 shows the digit half as large.
    :Source: Jaderberg et al. 2015, equation (1).

    >>> affine_theta(scale=(2, 2), translation=(0.5, 0)).tolist()
    [2.0, 0.0, 0.5, 0.0, 2.0, 0.0]
    """
    matrix = poses.affine(*(np.asarray(a, "float64")[None] for a in (angle, scale, shear, translation)))
    return matrix.reshape(6).astype("float32")


def distort(images: Any, name: str = "article", seed: Any = 0) -> Distorted:
    """Distort every image at random.

    :param name: the distortion, one of `DISTORTIONS`: "R", "RTS", "P", "P_stretch", "E", "article", "clutter",
        "article_clutter", "addition".
    :param seed: an integer, or a tuple such as (seed, epoch).
    :Shapes: images `(N, H, W, C)`, float in [0, 1]; a `Distorted` tuple: images `(N, H_out, W_out, C)` float32, theta
        `(N, P)`.
    :Convention: theta maps output to input, for the transform `DISTORTIONS[name].transform`; under clutter it places
        the image, in `addition` (two images each, on separate channels) it is `(N, 12)`. Sizes in pixels refer to a
        28-pixel image and scale with the image; rotations and shears are those of square pixels.
    :Errors: ValueError for an unknown name and for images of another shape.
    :Source: xeonqq's article (`article`); Jaderberg et al. 2015, section 4.1 and appendix A.

    >>> distort(np.ones((2, 28, 28, 1)), "RTS").images.shape
    (2, 42, 42, 1)
    """
    distortion = DISTORTIONS[_checks.choice(name, "name", DISTORTIONS)]
    images = batch(images)
    if distortion.channels > 1:
        return _side_by_side(images, *pairing(len(images), seed, _aspect(images)))
    rng = np.random.default_rng(seed)
    if distortion.clutter:
        return _cluttered(images, rng, distortion)
    theta = _drawn(distortion, rng, len(images), _aspect(images))
    size = distortion.output_size(*images.shape[1:3])
    return Distorted(warp(images, theta, size, distortion.transform), theta)


def mixed(x: Any, y: Any, copies: int, seed: Any = 0, name: str = "article") -> tuple[np.ndarray, np.ndarray]:
    """Mix the clean images with distorted copies of each, as the article does for training.

    :Shapes: x `(N, H, W, C)`, y `(N,)`; result `(N (1 + copies), H, W, C)` and its labels, shuffled.
    :Errors: ValueError for a distortion that changes the size, and for another number of labels than of images.
    :Source: xeonqq's article, which has one copy of each of MNIST's 60,000 digits.

    >>> images, labels = mixed(np.ones((3, 28, 28, 1)), np.arange(3), copies=2)
    >>> images.shape, sorted(labels.tolist())
    ((9, 28, 28, 1), [0, 0, 0, 1, 1, 1, 2, 2, 2])
    """
    _checks.choice(name, "name", [known.name for known in DISTORTIONS.values() if known.canvas == SIDE])
    x = batch(x, "x")
    y = _labelled(x, y, "y")
    copy = distort(np.tile(x, (copies, 1, 1, 1)), name, seed).images
    order = np.random.default_rng(seed).permutation(len(x) * (copies + 1))
    return np.concatenate([x, copy])[order], np.tile(y, copies + 1)[order]


def addition(images: Any, labels: Any, seed: Any = 0) -> tuple[np.ndarray, np.ndarray]:
    """Pair digits to be added, each distorted like RTS on its own channel.

    :Shapes: images `(N, H, W, C)`, labels `(N,)`; result `(N, 1.5 H, 1.5 W, 2 C)` and sums `(N,)`.
    :Convention: the first channels hold image i, the last its partner, drawn at random. Each image is a partner once,
        perhaps its own.
    :Errors: ValueError for images of another shape, and for another number of labels than of images.
    :Source: Jaderberg et al. 2015, appendix A.2.

    >>> pairs, sums = addition(np.ones((4, 28, 28, 1)), np.arange(4))
    >>> pairs.shape, sums.shape
    ((4, 42, 42, 2), (4,))
    """
    images = batch(images)
    labels = _labelled(images, labels, "labels")
    partner, theta = pairing(len(images), seed, _aspect(images))
    return _side_by_side(images, partner, theta).images, labels + labels[partner]


def pairing(count: int, seed: Any = 0, aspect: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Draw the random choices of `addition`: each image's partner, and the poses of both.

    :Shapes: the partners' indices `(N,)` and theta `(2, N, 6)`, output to input, one for each channel.
    :Convention: `aspect` is the images' width, with their height as the unit.
    :Source: Jaderberg et al. 2015, appendix A.2.

    >>> partner, theta = pairing(4)
    >>> sorted(partner.tolist()), theta.shape
    ([0, 1, 2, 3], (2, 4, 6))
    """
    rng = np.random.default_rng(seed)
    partner = rng.permutation(count)
    draw = DISTORTIONS["addition"].draw
    return partner, np.stack([poses.in_pixels(draw(rng, count), aspect) for _ in range(2)])


def batch(images: Any, argument: str = "images") -> np.ndarray:
    """Images `(N, H, W, C)` as float32, in the range that they have.

    >>> batch(np.ones((2, 4, 4, 1))).dtype
    dtype('float32')
    """
    images = np.asarray(images)
    if images.ndim != 4:
        _checks.fail(argument, f"shape {images.shape}", "(N, H, W, C)")
    return images.astype("float32", copy=False)


def _labelled(images: np.ndarray, labels: Any, argument: str) -> np.ndarray:
    """Labels, one for each image."""
    labels = np.asarray(labels)
    if labels.shape[:1] != (len(images),):
        _checks.fail(argument, f"shape {labels.shape}", f"one for each of {len(images)} images")
    return labels


def _aspect(images: np.ndarray) -> float:
    """Width over height."""
    return images.shape[2] / images.shape[1]


def _drawn(distortion: Distortion, rng: np.random.Generator, count: int, aspect: float) -> np.ndarray:
    """Theta `(count, P)` for images of that aspect; corners and control points move by shares of their sides."""
    theta = distortion.draw(rng, count)
    return (poses.in_pixels(theta, aspect) if distortion.transform == "affine" else theta).astype("float32")


def _side_by_side(images: np.ndarray, partner: np.ndarray, theta: np.ndarray) -> Distorted:
    """Each image and its partner, each in its own pose and on its own channel."""
    size = DISTORTIONS["addition"].output_size(*images.shape[1:3])
    channels = [warp(part, pose, size) for part, pose in zip((images, images[partner]), theta, strict=True)]
    return Distorted(np.concatenate(channels, axis=-1), np.concatenate(theta, axis=-1).astype("float32"))


def _cluttered(images: np.ndarray, rng: np.random.Generator, distortion: Distortion) -> Distorted:
    """Put each image at a random position on a larger canvas, with crops of other images."""
    count, *frame, channels = images.shape
    size = distortion.output_size(*frame)
    piece = [max(1, round(side * distortion.clutter.piece / SIDE)) for side in frame]
    canvas = np.zeros((count, *size, channels), "float32")
    corner = _places(rng, count, frame, size)
    _stamp(canvas, images, corner)
    for _ in range(distortion.clutter.pieces):
        others = (np.arange(count) + rng.integers(1, max(count, 2), count)) % count
        crops = images[others][_window(_places(rng, count, piece, frame), piece)]
        _stamp(canvas, crops, _places(rng, count, piece, size))
    return Distorted(canvas, poses.placement(corner, frame, size).astype("float32"))


def _places(rng: np.random.Generator, count: int, size: Any, canvas: Any) -> np.ndarray:
    """Random corners (row, column), `(count, 2)`, of windows of `size` inside a canvas."""
    return rng.integers(0, [outer - inner + 1 for inner, outer in zip(size, canvas, strict=True)], (count, 2))


def _window(corner: np.ndarray, size: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Index arrays (N, 1, 1), (N, height, 1), (N, 1, width) of the windows at `corner` (row, column)."""
    rows, columns = (corner[:, i, None] + np.arange(size[i]) for i in (0, 1))
    return np.arange(len(corner))[:, None, None], rows[:, :, None], columns[:, None, :]


def _stamp(canvas: np.ndarray, patches: np.ndarray, corner: np.ndarray) -> None:
    """Lay a patch on each canvas, in place; where both are bright, the brighter wins."""
    window = _window(corner, patches.shape[1:3])
    canvas[window] = np.maximum(canvas[window], patches)
