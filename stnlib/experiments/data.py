"""The images of a run: training images for each epoch, and test sets fixed by seed, with checksums."""

import functools
import hashlib

import numpy as np

from stnlib import distortions

TEST_SEED = 20150605  # the day the paper was submitted
MARGIN = 6  # pixels that turn 28 into the 40 of the article's clutter


def training_set(run, digits, epoch):
    """Make the training images of one epoch, in the order in which they are used.

    Shapes: x `(N, S, S, C)`, y `(N,)`.
    Convention: all randomness comes from (run.seed, epoch); the article keeps its images, the paper
        distorts afresh.
    """
    x, y = digits.x_train[: run.train_size], digits.y_train[: run.train_size]
    order = np.random.default_rng((run.seed, epoch, 0))
    if run.experiment == "article":
        x, y = article_images(run, x, y)
        index = order.permutation(len(x))
        return x[index], y[index]
    index = order.permutation(len(x))
    return distorted(run, x[index], y[index], seed=(run.seed, epoch, 1))


def article_images(run, x, y):
    """Mix clean digits and one distorted copy of each; clean only for `fcn_clean`."""
    clean = framed(run, x)
    if run.model == "fcn_clean":
        return clean, y
    copy = distortions.distort(x, run.distortion, seed=(run.seed, 2)).images
    return np.concatenate([clean, copy]), np.concatenate([y, y])


def framed(run, x):
    """Give clean digits the size of the distorted ones."""
    if run.distortion != "article_clutter":
        return x
    return np.pad(x, ((0, 0), (MARGIN, MARGIN), (MARGIN, MARGIN), (0, 0)))


def distorted(run, x, y, seed):
    """Distort the images, or pair them for the addition."""
    if run.distortion == "addition":
        return distortions.addition(x, y, seed)
    return distortions.distort(x, run.distortion, seed).images, y


def test_sets(run, digits):
    """Make the fixed test sets of a run, by name.

    Shapes: {name: (x, y)}; `original` only for the article.
    """
    sets = {"distorted": distorted(run, digits.x_test, digits.y_test, TEST_SEED)}
    if run.experiment == "article":
        sets["original"] = (framed(run, digits.x_test), digits.y_test)
    return sets


def checksum(run, digits):
    """Identify a test set across platforms by the poses that made it and its labels.

    Convention: SHA-256 of theta rounded to 1e-4 and of the labels. Clutter, made of whole pixels, adds its images in
        units of 1/255; the addition its pairs.
    """
    rng_free = [digits.y_test.astype("int64")]
    if run.distortion == "addition":
        partner, theta = distortions.pairing(len(digits.x_test), TEST_SEED)
        rng_free += [digits.y_test.astype("int64") + digits.y_test[partner], partner.astype("int64"), fixed(theta)]
    else:
        made = distortions.distort(digits.x_test, run.distortion, TEST_SEED)
        rng_free += [fixed(made.theta)]
        if "clutter" in run.distortion:
            rng_free += [np.round(made.images * 255).astype("uint8")]
    parts = [np.ascontiguousarray(part).tobytes() for part in rng_free]
    return functools.reduce(lambda digest, part: digest.update(part) or digest, parts, hashlib.sha256()).hexdigest()


def fixed(theta):
    """Round poses to whole numbers of 1e-4, the same on every platform."""
    return np.round(np.asarray(theta, "float64") * 1e4).astype("int64")
