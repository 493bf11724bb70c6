"""The networks that run in the page: what they are trained on, how, and what they do with rotated digits.

FCN, CNN and both behind a transformer are trained on the same images for as many epochs. The transformers spend the
first of these on poses alone: which map undoes a distortion that is known. A fifth network, STN+CNN trained all at once
from labels, stands beside them: its classifier copes with rotations, and its transformer corrects little of one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np
from keras import layers, ops
from tqdm import tqdm

from stnlib import distortions, models, poses, training
from stnlib.datasets import Digits
from stnlib.layers import SpatialTransformer
from stnlib.optimizers import SlowAdam

ROTATION = 75  # degrees either way that training images are rotated
EPOCHS, POSE_EPOCHS = 18, 8
BATCH, RATE, POSE_RATE, SLOW = 64, 1e-3, 2e-3, 0.1
UPRIGHT = 0.25  # the share of the training images that stay as they were
ROTATIONS = tuple(range(30, 61, 5))  # degrees, measured either way
SHAPE = (28, 28, 1)


@dataclasses.dataclass(frozen=True)
class Plan:
    """A network of the page: its classifier, whether a transformer stands before it, and whether that learns first.

    `stands_for` names the network that it can replace.
    """

    classifier: Callable[[], keras.Model]
    transformer: bool = False
    pose_first: bool = False
    stands_for: str | None = None


NETWORKS = {
    "FCN": Plan(models.fcn),
    "CNN": Plan(models.cnn),
    "STN+FCN": Plan(models.fcn, transformer=True, pose_first=True),
    "STN+CNN": Plan(models.cnn, transformer=True, pose_first=True),
    "STN+CNN at once": Plan(models.cnn, transformer=True, stands_for="STN+CNN"),
}


class TrainingSet(NamedTuple):
    """The images of an epoch, their labels, and the theta that undoes the distortion of each."""

    images: np.ndarray
    labels: np.ndarray
    theta: np.ndarray


def training_set(digits: Digits, epoch: int) -> TrainingSet:
    """Distort the training digits for an epoch, a quarter of them not at all.

    :Convention: rotation up to 75 degrees either way, size 0.5 to 1.3, shift up to 8.4 pixels, small ones more often.
    """
    rng = np.random.default_rng((0, epoch))
    order = rng.permutation(len(digits.x_train))
    count = len(order)
    kept = rng.random(count) < UPRIGHT
    angle = np.where(kept, 0, np.radians(rng.uniform(-ROTATION, ROTATION, count)))
    size = np.where(kept, 1, rng.uniform(0.5, 1.3, count))
    shift = np.where(kept, 0, rng.uniform(0, 0.6, count))[:, None] * rng.uniform(-1, 1, (count, 2))
    undo = poses.affine(angle, np.repeat(size[:, None], 2, axis=1), np.zeros(count), shift)
    images = distortions.warp(digits.x_train[order], poses.inverse(undo))
    return TrainingSet(images, digits.y_train[order], undo.reshape(-1, 6).astype("float32"))


def localization() -> keras.Model:
    """Build the page's localization network: half the resolution, 16 filters of 5x5, 64 units.

    >>> localization().count_params()
    26080
    """
    stack = [
        layers.AveragePooling2D(2),
        layers.Conv2D(16, 5, activation="relu"),
        layers.MaxPooling2D(2),
        layers.Flatten(),
        layers.Dense(64, activation="relu"),
    ]
    return keras.Sequential([keras.Input(SHAPE), *stack], name="localization")


def build(name: str) -> keras.Model:
    """Build a network of the page.

    >>> build("STN+CNN").count_params() - build("CNN").count_params()
    26470
    """
    plan = NETWORKS[name]
    if not plan.transformer:
        return plan.classifier()
    transformer = SpatialTransformer(localization(), "affine", name="transformer")
    return keras.Sequential([keras.Input(SHAPE), transformer, plan.classifier()])


def train(digits: Digits, epochs: int = EPOCHS, pose_epochs: int = POSE_EPOCHS) -> dict[str, keras.Model]:
    """Train all networks of the page, epoch by epoch on the same images; weights are rounded as the page has them."""
    pose_steps, steps = (count * -(-len(digits.x_train) // BATCH) for count in (pose_epochs, epochs))
    found = {}
    for name, plan in NETWORKS.items():
        training.set_seed(0)
        found[name] = compiled(build(name), steps - plan.pose_first * pose_steps, plan.pose_first)
    learners = [model.get_layer("transformer") for name, model in found.items() if NETWORKS[name].pose_first]
    pose = poser(learners[0], pose_steps)
    for epoch in tqdm(range(epochs), unit="epoch"):
        images, labels, theta = training_set(digits, epoch)
        if epoch < pose_epochs:
            moved = (theta != [1, 0, 0, 0, 1, 0]).any(axis=1)
            pose.fit(images[moved], theta[moved], batch_size=BATCH, verbose=0)
            for learner in learners[1:]:
                learner.set_weights(learners[0].get_weights())
        for name, model in found.items():
            if epoch >= pose_epochs or not NETWORKS[name].pose_first:
                model.fit(images, labels, batch_size=BATCH, verbose=0)
    for model in found.values():
        model.set_weights([weights.astype("float16").astype("float32") for weights in model.get_weights()])
    return found


def poser(transformer: SpatialTransformer, steps: int) -> keras.Model:
    """Compile a transformer's localization and head, as a network from images to theta, for a number of steps."""
    images = keras.Input(SHAPE)
    model = keras.Model(images, transformer.head(transformer.localization(images)))
    rate = keras.optimizers.schedules.CosineDecay(POSE_RATE, steps)
    model.compile(keras.optimizers.Adam(rate), "mse", jit_compile=keras.backend.backend() == "jax")
    return model


def compiled(model: keras.Model, steps: int, slowly: bool) -> keras.Model:
    """Compile a network for a number of steps; a transformer trained before learns at a tenth of the rate."""
    rate = keras.optimizers.schedules.CosineDecay(RATE, steps)
    slow = SlowAdam(model.get_layer("transformer"), factor=SLOW, learning_rate=rate) if slowly else rate
    return training.compile(model, slow)


def measure(model: keras.Model, digits: Digits) -> dict:
    """Measure a network on the entire test set, upright and rotated either way.

    :Convention: by degrees, counter-clockwise positive: `accuracy`, and with a transformer `corrected`, the median
        share of the rotation that it corrects, compared with what it does to the same digit upright.
    """
    transformer = next((layer for layer in model.layers if layer.name == "transformer"), None)
    found, upright = {"accuracy": {}, "corrected": {}}, None
    for degrees in (0, *(way * size for size in ROTATIONS for way in (1, -1))):
        images = rotated(digits.x_test, degrees)
        found["accuracy"][str(degrees)] = round(training.accuracy(model, images, digits.y_test), 4)
        if transformer:
            angle = angles(transformer, images)
            upright = angle if degrees == 0 else upright
            if degrees:
                taken = (upright - angle + 180) % 360 - 180
                found["corrected"][str(degrees)] = round(float(np.median(taken / degrees)), 4)
    return {"test_images": len(digits.x_test), **found}


def rotated(images: np.ndarray, degrees: float) -> np.ndarray:
    """Rotate images counter-clockwise."""
    theta = distortions.affine_theta(np.radians(degrees))
    return distortions.warp(images, np.repeat(theta[None], len(images), axis=0))


def angles(transformer: SpatialTransformer, images: np.ndarray) -> np.ndarray:
    """By how many degrees each window is rotated."""
    parts = [transformer.theta(images[first : first + 1000]) for first in range(0, len(images), 1000)]
    theta = np.concatenate([ops.convert_to_numpy(part) for part in parts])
    return np.degrees(np.arctan2(theta[:, 3] - theta[:, 1], theta[:, 0] + theta[:, 4]))
