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

from stnlib import datasets, distortions, fitting, models, plates, poses, training, transforms
from stnlib.experiments import data
from stnlib.experiments.procedures import Classification
from stnlib.grid import axis_coordinates, transform_points
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
    localization network sees images shrunk by `shrink`; `angle` is the largest rotation, in degrees.
    """

    name: str
    load: Callable[[str], Objects]
    classifier: Callable[[tuple], keras.Model]
    shrink: int
    angle: float


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How a network with a transformer is built and trained.

    `transformer`: False is the control, the classifier alone on the halved image. `slow` multiplies the learning
    rate of `slowed`, the "transformer" or its "head". `features` are those of the localization network, "relu",
    "tanh" (of sums normalised in each image) or "batch" (the same, normalised over the batch). `frozen` is the share
    of the epochs before the transformer is trained; with `reader_first` the images are upright in these epochs, and
    for as many epochs after them the transformer is trained alone. `growing` is the share of the epochs over which
    the distortion grows from none to full. `pose_epochs` are spent, before all else, on regressing the known theta,
    or with `pairs` the one that undoes a random warp of upright images, which needs no poses; a run on fewer images
    takes as many steps. `augmented`: each epoch moves the images a little. `pooled`: the transformer's output is twice
    as large, then pooled. `penalty` weighs the squared distance of theta from the identity, `bound` is the largest
    distance of each of its numbers.
    """

    transformer: bool = True
    slow: float = 1.0
    slowed: str = "transformer"
    features: str = "relu"
    padding_mode: str = "zeros"
    frozen: float = 0.0
    reader_first: bool = False
    growing: float = 0.0
    pose_epochs: int = 0
    pairs: bool = False
    augmented: bool = False
    pooled: bool = False
    penalty: float = 0.0
    bound: float | None = None


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

    def frozen(self, epoch: int) -> str | None:
        """The part of the network that is not trained in an epoch."""
        if epoch < self.thaw:
            return "transformer"
        return "classifier" if self.recipe.reader_first and epoch < 2 * self.thaw else None

    def model(self) -> keras.Model:
        """Build and compile the network."""
        task, shape = TASKS[self.run.distortion], self.source.x_train.shape[1:]
        return self.compile(network(task, self.recipe, shape, self.run.transform), epoch=0)

    def compile(self, model: keras.Model, epoch: int) -> keras.Model:
        """Compile the network for this epoch and those after it: what is trained, and the recipe's optimizer."""
        rate = self.rate(epoch)
        optimizer = keras.optimizers.Adam(rate)
        if self.recipe.transformer:
            transformer = model.get_layer("transformer")
            for part in (transformer, model.get_layer("classifier")):
                part.trainable = part.name != self.frozen(epoch)
            if self.recipe.slow != 1 and transformer.trainable:
                slow = transformer.head if self.recipe.slowed == "head" else transformer
                optimizer = SlowAdam(slow, factor=self.recipe.slow, learning_rate=rate)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(optimizer, loss, jit_compile=keras.backend.backend() == "jax")
        return model

    def begin_epoch(self, model: keras.Model, epoch: int) -> None:
        """Teach the pose before the first epoch; freeze and thaw before the epochs for that."""
        if epoch == 0 and self.recipe.pose_epochs:
            self.teach_pose(model)
        if epoch and self.frozen(epoch) != self.frozen(epoch - 1):
            self.compile(model, epoch)  # with an optimizer that has not seen the other weights yet
            model.optimizer.build(model.trainable_variables)

    def restore(self, model: keras.Model, epoch: int) -> None:
        """Freeze and thaw what was frozen and thawed before the end of this epoch."""
        for begun in range(1, epoch + 1):
            self.begin_epoch(model, begun)

    def teach_pose(self, model: keras.Model) -> None:
        """Regress the theta that shows each training image's object upright and full."""
        training.set_seed(self.run.seed)
        used = len(self.source.x_train[: self.run.train_size])
        epochs = round(self.recipe.pose_epochs * len(self.source.x_train) / used)
        training.fit_pose(model.get_layer("transformer"), *self.poses(), epochs=epochs)

    def poses(self) -> tuple:
        """Pair images with the theta to regress: arrays of both, or a data set of pairs that each epoch draws anew."""
        images, corners = (part[: self.run.train_size] for part in (self.source.x_train, self.source.corners_train))
        transform, seed = self.run.transform, self.run.seed
        if self.recipe.pairs:
            angle, upright = TASKS[self.run.distortion].angle, distortions.ease(images, corners, 0.0)
            draw = functools.partial(training.random_quads, size=images.shape[1:3], angle=angle)
            return (training.PosePairs(upright, transform, draw, seed=seed),)

        def pairs(strength, rng):
            seen, there = moved(rng, images, corners)
            return seen, fitting.from_corners(there, transform=transform)

        if self.recipe.augmented:
            return (training.Curriculum(pairs, ramp=0, seed=seed),)
        return images, fitting.from_corners(corners, transform=transform)

    def training_set(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """Make the training images of an epoch: all of the distortion, or the share that it has grown to, or none."""
        source, recipe, ramp = self.source, self.recipe, self.recipe.growing * self.run.epochs
        order = np.random.default_rng((self.run.seed, epoch, 0)).permutation(len(source.x_train))
        images, corners = (part[: self.run.train_size] for part in (source.x_train, source.corners_train))
        order = order[order < len(images)]
        if epoch < ramp or (recipe.reader_first and epoch < self.thaw):
            images = distortions.ease(images, corners, epoch / ramp if ramp else 0.0)
        if recipe.augmented:
            images, _ = moved(np.random.default_rng((self.run.seed, epoch, 1)), images, corners)
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
        found = super().describe(model, tests) | {"recipe": dataclasses.asdict(self.recipe)}
        if self.recipe.transformer:
            images, corners = self.source.x_test, self.source.corners_test
            transformer = model.get_layer("transformer")
            report = health(transformer, images, truth=fitting.from_corners(corners))[0]
            measures = {name: getattr(report, name) for name in ("state", *MEASURES)}
            theta = ops.convert_to_numpy(transformer.theta(images))
            found["found"] = measures | tracking(self.run.transform, theta, corners, images.shape[2] / images.shape[1])
        return found


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
    options = {"output_size": size, "padding_mode": recipe.padding_mode, "name": "transformer"}
    finder = localization(shape, recipe.features, task.shrink)
    if recipe.penalty or recipe.bound:
        transformer = HeldTransformer(finder, transform, recipe.penalty, recipe.bound, **options)
    else:
        transformer = SpatialTransformer(finder, transform, **options)
    pool = [layers.AveragePooling2D(2)] if recipe.pooled else []
    return keras.Sequential([keras.Input(shape), transformer, *pool, task.classifier(half)])


def localization(shape: tuple, features: str, shrink: int) -> keras.Sequential:
    """Build the localization network of a recipe.

    >>> [layer.name for layer in localization((42, 42, 1), "batch", 2).layers[-2:]]
    ['batch_normalization', 'tanh']
    """
    if features != "batch":
        return models.finder(shape, features, shrink)
    *stack, _, _ = models.finder(shape, "tanh", shrink).layers
    normalised = [layers.BatchNormalization(momentum=0.9, name="batch_normalization")]
    tanh = layers.Activation("tanh", name="tanh")
    return keras.Sequential([keras.Input(shape), *stack, *normalised, tanh], name="localization")


@keras.saving.register_keras_serializable(package="stnlib")
class HeldTransformer(SpatialTransformer):
    """A transformer whose theta is held near the identity: by a penalty, within a bound, or both.

    :Convention: the mean over the images of `penalty` times the squared distance of theta from the identity is added
        to the loss; each number of theta stays within `bound` of the identity's, by a tanh. Other arguments are those
        of `SpatialTransformer`.

    >>> held = HeldTransformer(layers.Flatten(), bound=0.5)
    >>> held.build((None, 2, 2, 1)); _ = held.head.bias.assign([9.0, 0, 0, 0, -9, 0])
    >>> held.theta(np.ones((1, 2, 2, 1), "float32")).numpy().round(2).tolist()
    [[1.5, 0.0, 0.0, 0.0, 0.5, 0.0]]
    """

    def __init__(
        self,
        localization: keras.layers.Layer,
        transform: str = "affine",
        penalty: float = 0.0,
        bound: float | None = None,
        **options,
    ):
        super().__init__(localization, transform, **options)
        self.penalty, self.bound = penalty, bound
        rest = transforms.identity(transform, self.control_points)
        if penalty:
            self.head.activity_regularizer = lambda theta: penalty * ops.sum((theta - rest) ** 2)
        if bound:
            self.head.activation = lambda theta: rest + bound * ops.tanh((theta - rest) / bound)

    def get_config(self) -> dict:
        """Everything that `from_config` needs, as plain values."""
        return super().get_config() | {"penalty": self.penalty, "bound": self.bound}


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


def corners_of(theta: np.ndarray, corners: np.ndarray = poses.CORNERS) -> np.ndarray:
    """Find where an affine distortion puts corners, the image's own by default: `(N, 6)` to `(N, 4, 2)`.

    >>> corners_of(np.array([[2.0, 0, 0, 0, 2, 0]]))[0, 0].tolist()
    [-0.5, -0.5]
    """
    forward = poses.inverse(theta.reshape(-1, 2, 3)).reshape(-1, 2, 3)
    return corners @ forward[:, :, :2].transpose(0, 2, 1) + forward[:, None, :, 2]


def moved(rng: np.random.Generator, images: np.ndarray, corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Zoom, rotate and shift images a little, at random, and their objects' corners with them.

    >>> images, there = moved(np.random.default_rng(0), np.ones((1, 4, 4, 1)), poses.CORNERS[None] / 2)
    >>> images.shape, there.shape
    ((1, 4, 4, 1), (1, 4, 2))
    """
    count, height, width = images.shape[:3]
    scale, angle = rng.uniform(0.9, 1.1, (count, 2)), rng.uniform(-0.1, 0.1, count)
    forward = poses.affine(angle, scale, np.zeros(count), rng.uniform(-0.1, 0.1, (count, 2)))
    theta = poses.in_pixels(poses.inverse(forward), width / height)
    return distortions.warp(images, theta, padding_mode="border"), corners_of(theta, corners)


TASKS = {
    task.name: task
    for task in (
        Task("plates", plates_task, plate_classifier, shrink=4, angle=16),
        Task("RTS", functools.partial(digits_task, "RTS"), digit_classifier, shrink=2, angle=45),
        Task("clutter", functools.partial(digits_task, "clutter"), digit_classifier, shrink=2, angle=0),
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
    x, y = map(axis_coordinates, GRID[::-1])
    return fitting.fit("affine", np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2), read)


def tracking(transform: str, theta: np.ndarray, corners: np.ndarray, aspect: float = 1.0) -> dict:
    """Compare what a transformer does with where the objects are.

    :Convention: `corrected` is the share of the truth's spread over images that is taken away, `rotation_corrected`
        that of its rotation, `correlations` those of the six affine entries with the truth. A map that is off in the
        same way for all images counts as right. Nothing is told of a theta that is not finite. `stnlib.health` measures
        the sampling points themselves; here, affine maps fitted to them are compared, so that all transforms can be.

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
