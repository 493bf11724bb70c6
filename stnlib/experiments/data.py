"""The images of a run: training images for each epoch, and test sets fixed by seed, with checksums."""

from __future__ import annotations

import functools
import hashlib

import numpy as np

from stnlib import distortions
from stnlib.datasets import Digits

TEST_SEED = 20150605  # the day the paper was submitted


def training_set(run, digits: Digits, epoch: int) -> tuple[np.ndarray, np.ndarray]:
    """Make the training images of one epoch, in the order in which they are used.

    :Shapes: x `(N, S, S, C)`, y `(N,)`.
    :Convention: all randomness comes from (run.seed, epoch); an experiment that doubles its images keeps them, the
        others distort afresh.
    """
    x, y = digits.x_train[: run.train_size], digits.y_train[: run.train_size]
    order = np.random.default_rng((run.seed, epoch, 0))
    if run.plan.doubled:
        x, y = doubled(run, x, y)
        index = order.permutation(len(x))
        return x[index], y[index]
    index = order.permutation(len(x))
    return distorted(run, x[index], y[index], seed=(run.seed, epoch, 1))


def doubled(run, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mix clean digits and one distorted copy of each; clean only for a network that is trained on those."""
    clean = framed(run, x)
    if run.network.clean:
        return clean, y
    copy = distortions.distort(x, run.distortion, seed=(run.seed, 2)).images
    return np.concatenate([clean, copy]), np.concatenate([y, y])


def framed(run, x: np.ndarray) -> np.ndarray:
    """Give clean digits the size of the distorted ones."""
    size = distortions.DISTORTIONS[run.distortion].output_size(*x.shape[1:3])
    margins = [(outer - inner) // 2 for inner, outer in zip(x.shape[1:3], size, strict=True)]
    return np.pad(x, ((0, 0), *((margin, margin) for margin in margins), (0, 0)))


def distorted(run, x: np.ndarray, y: np.ndarray, seed) -> tuple[np.ndarray, np.ndarray]:
    """Distort the images, or pair them for an addition."""
    if distortions.DISTORTIONS[run.distortion].channels > 1:
        return distortions.addition(x, y, seed)
    return distortions.distort(x, run.distortion, seed).images, y


def test_sets(run, digits: Digits) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Make the fixed test sets of a run, by name.

    :Shapes: {name: (x, y)}, with the names of its experiment's record.
    """
    sets = {"distorted": distorted(run, digits.x_test, digits.y_test, TEST_SEED)}
    if "original" in run.plan.tests:
        sets["original"] = (framed(run, digits.x_test), digits.y_test)
    return sets


def checksum(run, digits: Digits) -> str:
    """Identify a test set across platforms by the poses that made it and its labels.

    :Convention: SHA-256 of theta rounded to 1e-4 and of the labels. Clutter, at integer pixels, adds its images in
        units of 1/255; the addition its pairs.
    """
    distortion = distortions.DISTORTIONS[run.distortion]
    parts = [digits.y_test.astype("int64")]
    if distortion.channels > 1:
        partner, theta = distortions.pairing(len(digits.x_test), TEST_SEED)
        parts += [digits.y_test.astype("int64") + digits.y_test[partner], partner.astype("int64"), fixed(theta)]
    else:
        made = distortions.distort(digits.x_test, run.distortion, TEST_SEED)
        parts += [fixed(made.theta)]
        if distortion.clutter:
            parts += [np.round(made.images * 255).astype("uint8")]
    return sha256(parts)


def sha256(parts: list[np.ndarray]) -> str:
    """Hash some arrays, one after the other.

    >>> sha256([np.arange(3, dtype="int64")])[:8]
    'ab25350e'
    """
    contents = [np.ascontiguousarray(part).tobytes() for part in parts]
    return functools.reduce(lambda digest, part: digest.update(part) or digest, contents, hashlib.sha256()).hexdigest()


def fixed(theta: np.ndarray) -> np.ndarray:
    """Round poses to integer multiples of 1e-4, the same on every platform."""
    return np.round(np.asarray(theta, "float64") * 1e4).astype("int64")
