"""Recipes: ways to train a transformer that finds something on a larger image, on three tasks, from labels or poses.

A task gives images with an object somewhere on them, its labels and its corners. A recipe says how the network is built
and trained; all recipes share the classifier, the images and the number of steps in an epoch.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np
from keras import layers, ops

from stnlib import datasets, distortions, fitting, models, plates, poses, training
from stnlib.experiments import data
from stnlib.experiments.procedures import Classification
from stnlib.grid import transform_points
from stnlib.health import health
from stnlib.layers import SpatialTransformer
from stnlib.optimizers import SlowAdam

TRAIN, TEST = 6000, 1000  # images of a task
GRID = (8, 16)  # the points at which maps are compared, (rows, columns)
MEASURES = ("outside", "zoom", "spread", "flipped", "alive", "features", "correlation")  # of a transformer's health


class Objects(NamedTuple):
    """Images (N, H, W, C) with labels, and the corners (N, 4, 2) of the object on each, (x, y) in [-1, 1]."""

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    corners_train: np.ndarray
    corners_test: np.ndarray
    name: str


@dataclasses.dataclass(frozen=True)
class Task:
    """Where the images of a task come from, and the networks that suit it.

    `load(dataset)` gives the objects; `classifier(shape)` is a network from half-size images to logits; the
    localization network sees images shrunk by `shrink`.
    """

    name: str
    load: Callable[[str], Objects]
    classifier: Callable[[tuple], keras.Model]
    shrink: int


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How a network with a transformer is built and trained.

    `transformer`: False is the control, the classifier alone on the halved image. `slow` multiplies the learning
    rate of `slowed`, the "transformer" or its "head". `features` are those of the localization network, "relu" or
    "tanh" (of normalised sums). `frozen` is the share of the epochs before the transformer is trained. `growing` is
    the share of the epochs over which the distortion grows from none to full. `pose_epochs` are spent, before all
    else, on regressing the known theta. `pooled`: the transformer's output is twice as large, then pooled.
    """

    transformer: bool = True
    slow: float = 1.0
    slowed: str = "transformer"
    features: str = "relu"
    padding_mode: str = "zeros"
    frozen: float = 0.0
    growing: float = 0.0
    pose_epochs: int = 0
    pooled: bool = False


class Recipes(Classification):
    """Trains by a recipe; tests the answers, and whether the transformer finds the object."""

    @staticmethod
    def load(run) -> Objects:
        """Load the task's images, those of the last task from memory."""
        return loaded(run.distortion, run.dataset)

    @property
    def recipe(self) -> Recipe:
        """How this run is trained."""
        return self.run.network.recipe

    @property
    def thaw(self) -> int:
        """The epoch in which a transformer that was frozen at first begins to be trained."""
        return round(self.recipe.frozen * self.run.epochs)

    def model(self) -> keras.Model:
        """Build and compile the network."""
        task, shape = TASKS[self.run.distortion], self.source.x_train.shape[1:]
        model = network(task, self.recipe, shape, self.run.transform)
        if self.thaw:
            model.get_layer("transformer").trainable = False
        return self.compile(model)

    def compile(self, model: keras.Model, done: int = 0) -> keras.Model:
        """Compile the network with the recipe's optimizer, `done` steps into the schedule."""
        rate = Later(self.learning_rate, self.run.epochs * self.steps, done)
        optimizer = keras.optimizers.Adam(rate)
        if self.recipe.slow != 1:
            transformer = model.get_layer("transformer")
            slow = transformer.head if self.recipe.slowed == "head" else transformer
            optimizer = SlowAdam(slow, factor=self.recipe.slow, learning_rate=rate)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(optimizer, loss, jit_compile=keras.backend.backend() == "jax")
        return model

    def begin_epoch(self, model: keras.Model, epoch: int) -> None:
        """Teach the pose before the first epoch, thaw the transformer before the epoch for that, if so told."""
        if epoch == 0 and self.recipe.pose_epochs:
            self.teach_pose(model)
        if epoch and epoch == self.thaw:
            self.release(model)

    def restore(self, model: keras.Model, epoch: int) -> None:
        """Thaw the transformer where that was done before the end of this epoch."""
        if 0 < self.thaw <= epoch:
            self.release(model)

    def release(self, model: keras.Model) -> None:
        """Let the transformer be trained from now on, with an optimizer that has not seen it yet."""
        model.get_layer("transformer").trainable = True
        self.compile(model, done=self.thaw * self.steps)
        model.optimizer.build(model.trainable_variables)

    def teach_pose(self, model: keras.Model) -> None:
        """Regress the theta that shows each training image's object upright and full."""
        training.set_seed(self.run.seed)
        images, corners = (part[: self.run.train_size] for part in (self.source.x_train, self.source.corners_train))
        target = fitting.from_corners(corners, transform=self.run.transform)
        training.fit_pose(model.get_layer("transformer"), images, target, self.recipe.pose_epochs)

    def training_set(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """Make the training images of an epoch: all of the distortion, or the share that it has grown to."""
        source, ramp = self.source, self.recipe.growing * self.run.epochs
        order = np.random.default_rng((self.run.seed, epoch, 0)).permutation(len(source.x_train))
        images = source.x_train[: self.run.train_size]
        order = order[order < len(images)]
        if epoch < ramp:
            images = distortions.ease(images, source.corners_train[: len(images)], epoch / ramp)
        return images[order], source.y_train[order]

    def test_sets(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """The test images, fully distorted."""
        return {"distorted": (self.source.x_test, self.source.y_test)}

    def errors(self, model: keras.Model, tests: dict) -> dict[str, float]:
        """Measure the share of images with a wrong answer; of characters, too, where an image holds several."""
        x, y = tests["distorted"]
        right = model.predict(x, batch_size=250, verbose=0).argmax(axis=-1) == y
        wrong = {"distorted": float(1 - right.reshape(len(x), -1).all(axis=-1).mean())}
        return wrong | ({"characters": float(1 - right.mean())} if right.ndim > 1 else {})

    def checksum(self) -> str:
        """Identify the test set by its corners and labels."""
        return data.sha256([self.source.y_test.astype("int64"), data.fixed(self.source.corners_test)])

    def describe(self, model: keras.Model, tests: dict) -> dict:
        """Tell the recipe, and what the transformer does on the test images."""
        found = {"recipe": dataclasses.asdict(self.recipe)}
        if self.recipe.transformer:
            images, corners = self.source.x_test, self.source.corners_test
            transformer = model.get_layer("transformer")
            report = health(transformer, images, truth=fitting.from_corners(corners))[0]
            measures = {name: getattr(report, name) for name in ("state", *MEASURES)}
            theta = ops.convert_to_numpy(transformer.theta(images))
            found["found"] = measures | tracking(self.run.transform, theta, corners, images.shape[2] / images.shape[1])
        return found


@keras.saving.register_keras_serializable(package="stnlib")
class Later(keras.optimizers.schedules.LearningRateSchedule):
    """A cosine from `rate` to 0 over `steps`, of which `done` lie in the past.

    >>> float(Later(1.0, steps=10, done=5)(0))
    0.5
    """

    def __init__(self, rate: float, steps: int, done: int = 0):
        self.options = {"rate": rate, "steps": steps, "done": done}
        self.cosine = keras.optimizers.schedules.CosineDecay(rate, steps)

    def __call__(self, step):
        """The learning rate at a step of this optimizer."""
        return self.cosine(step + self.options["done"])

    def get_config(self) -> dict:
        """Everything that `from_config` needs, as plain values."""
        return self.options


# -- networks ----------------------------------------------------------------------------------------------------------


def network(task: Task, recipe: Recipe, shape: tuple, transform: str | None) -> keras.Model:
    """Build a recipe's network for images of a shape: something that halves them, then the task's classifier.

    >>> network(TASKS["RTS"], Recipe(), (42, 42, 1), "affine").output_shape
    (None, 10)
    """
    height, width, channels = shape
    half = (height // 2, width // 2, channels)
    if not recipe.transformer:
        return keras.Sequential([keras.Input(shape), layers.AveragePooling2D(2), task.classifier(half)])
    size = (height // 2 * 2, width // 2 * 2) if recipe.pooled else half[:2]
    transformer = SpatialTransformer(
        models.finder(shape, recipe.features, task.shrink),
        transform,
        output_size=size,
        padding_mode=recipe.padding_mode,
        name="transformer",
    )
    pool = [layers.AveragePooling2D(2)] if recipe.pooled else []
    return keras.Sequential([keras.Input(shape), transformer, *pool, task.classifier(half)])


def digit_classifier(shape: tuple) -> keras.Model:
    """Build a small CNN: images `(B, *shape)` to logits `(B, 10)`.

    >>> digit_classifier((21, 21, 1)).output_shape
    (None, 10)
    """
    stack = [
        *models.convolution(16),
        layers.MaxPooling2D(2),
        *models.convolution(32),
        layers.MaxPooling2D(2),
        layers.Flatten(),
    ]
    dense = [layers.Dense(64, activation="relu"), layers.Dense(10)]
    return keras.Sequential([keras.Input(shape), *stack, *dense], name="classifier")


def plate_classifier(shape: tuple) -> keras.Model:
    """Build a CNN that reads the five characters of a plate: logits `(B, 5, 33)`.

    >>> plate_classifier((24, 94, 3)).output_shape
    (None, 5, 33)
    """
    return models.reader(shape, plates.LENGTH, len(plates.ALPHABET))


# -- tasks -------------------------------------------------------------------------------------------------------------


def plates_task(dataset: str = "plates", train: int = TRAIN, test: int = TEST) -> Objects:
    """Draw the plates of the task.

    >>> plates_task(train=2, test=1).x_train.shape
    (2, 48, 188, 3)
    """
    x, y = plates.make(train, seed=1), plates.make(test, seed=2)
    return Objects(x.images, x.labels, y.images, y.labels, x.corners, y.corners, "plates")


def digits_task(name: str, dataset: str = "mnist") -> Objects:
    """Distort the first digits of a data set, once, in a way that moves their squares.

    >>> digits_task("RTS", "uci").corners_test.shape
    (360, 4, 2)
    """
    digits = datasets.load(dataset)
    train = distortions.distort(digits.x_train[:TRAIN], name, seed=1)
    test = distortions.distort(digits.x_test[:TEST], name, seed=2)
    corners = [corners_of(made.theta) for made in (train, test)]
    return Objects(train.images, digits.y_train[:TRAIN], test.images, digits.y_test[:TEST], *corners, digits.name)


def corners_of(theta: np.ndarray) -> np.ndarray:
    """Find where an affine distortion puts the image's corners: `(N, 6)` to `(N, 4, 2)`.

    >>> corners_of(np.array([[2.0, 0, 0, 0, 2, 0]]))[0, 0].tolist()
    [-0.5, -0.5]
    """
    forward = poses.inverse(theta.reshape(-1, 2, 3)).reshape(-1, 2, 3)
    return poses.CORNERS @ forward[:, :, :2].transpose(0, 2, 1) + forward[:, None, :, 2]


TASKS = {
    task.name: task
    for task in (
        Task("plates", plates_task, plate_classifier, shrink=4),
        Task("RTS", functools.partial(digits_task, "RTS"), digit_classifier, shrink=2),
        Task("clutter", functools.partial(digits_task, "clutter"), digit_classifier, shrink=2),
    )
}


@functools.lru_cache(maxsize=1)
def loaded(task: str, dataset: str) -> Objects:
    """Load the images of a task.

    >>> loaded("RTS", "uci").name
    'uci'
    """
    return TASKS[task].load(dataset)


# -- geometry ----------------------------------------------------------------------------------------------------------


def points(transform: str, theta: np.ndarray) -> np.ndarray:
    """Find where maps read a coarse grid of points: `(N, P)` to `(N, 128, 2)`, NumPy float64."""
    read = transform_points(ops.convert_to_tensor(theta, "float32"), transform, *GRID)
    return ops.convert_to_numpy(read).reshape(len(theta), -1, 2).astype("float64")


def affine_part(read: np.ndarray) -> np.ndarray:
    """Fit affine maps to what other maps read: points `(N, 128, 2)` to theta `(N, 6)`."""
    x, y = ((2 * np.arange(count) + 1) / count - 1 for count in GRID[::-1])
    return fitting.fit("affine", np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2), read)


def tracking(transform: str, theta: np.ndarray, corners: np.ndarray, aspect: float = 1.0) -> dict:
    """Compare what a transformer does with where the objects are.

    :Convention: `corrected` is the share of the truth's spread over images that is taken away, `rotation_corrected`
        that of its rotation, `correlations` those of the six affine entries with the truth. A map that is off in the
        same way for all images counts as right. Nothing is told of a theta that is not finite.

    >>> corners = poses.CORNERS * np.array([0.4, 0.5, 0.6])[:, None, None]
    >>> round(tracking("affine", fitting.from_corners(corners, transform="affine"), corners)["corrected"], 3)
    1.0
    """
    if not np.isfinite(theta).all():
        return {"corrected": None, "rotation_corrected": None, "correlations": None}
    read, truth = points(transform, theta), points("projective", fitting.from_corners(corners))
    own, true = (affine_part(maps) for maps in (read, truth))
    angle, true_angle = (np.arctan2(maps[:, 3], maps[:, 0] * aspect) for maps in (own, true))
    left = (angle - true_angle + np.pi) % (2 * np.pi) - np.pi
    return {
        "corrected": 1 - deviation(read - truth) / deviation(truth),
        "rotation_corrected": float(1 - left.std() / true_angle.std()) if true_angle.std() > 1e-6 else None,
        "correlations": [correlation(a, b) for a, b in zip(own.T, true.T, strict=True)],
    }


def deviation(read: np.ndarray) -> float:
    """Measure how far points `(N, K, 2)` lie from their means over the images, root mean square."""
    return float(np.sqrt(np.mean((read - read.mean(axis=0)) ** 2)))


def correlation(a: np.ndarray, b: np.ndarray) -> float | None:
    """Correlate two series; None where one of them does not vary."""
    return float(np.corrcoef(a, b)[0, 1]) if min(a.std(), b.std()) > 1e-6 else None
