"""Training: seeds, one way to compile and fit, accuracy, the history of theta; poses first, and a curriculum."""

import time
from collections.abc import Callable, Sequence
from math import ceil
from typing import Any

import keras
import numpy as np
from keras import ops

from stnlib import _checks, _compile, distortions, fitting, poses
from stnlib.health import TransformerHealth, health
from stnlib.layers import SpatialTransformer

__all__ = [
    "Curriculum",
    "PosePairs",
    "ProgressLine",
    "Snapshots",
    "ThetaHistory",
    "TransformerHealth",
    "accuracy",
    "compile",
    "fit",
    "fit_pose",
    "health",
    "probabilities",
    "random_quads",
    "set_seed",
]

BATCH = 512
TRIES = 1000  # quadrilaterals in a row that don't fit


def set_seed(seed: int) -> None:
    """Seed Python, NumPy and the backend, so that a model built and trained next can be repeated.

    >>> set_seed(1)
    """
    keras.utils.set_random_seed(int(seed))


def compile(model: keras.Model, learning_rate: Any = 1e-3) -> keras.Model:
    """Compile a classifier that outputs logits: Adam, cross-entropy, accuracy; returns the model.

    :param learning_rate: a number, a schedule, or an optimizer such as `SlowAdam`.
    :Convention: labels are integers, one or several per image. On TensorFlow XLA compiles the sampler only, and 16
        steps run per call, which is faster on CPUs; inside the scope of a `tf.distribute` strategy, one step.

    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
    >>> model = compile(model)
    >>> float(model.optimizer.learning_rate)
    0.001
    """
    whole, backend = isinstance(learning_rate, keras.optimizers.Optimizer), keras.backend.backend()
    model.compile(
        optimizer=learning_rate if whole else keras.optimizers.Adam(learning_rate),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=backend == "jax",
        steps_per_execution=16 if backend == "tensorflow" and not _compile.distributed() else 1,
    )
    return model


def fit(
    model: keras.Model,
    x: Any,
    y: Any,
    epochs: int,
    batch_size: int = 64,
    seed: int | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> keras.callbacks.History:
    """Train with a single line of progress; returns Keras's History.

    :Shapes: x `(N, ...)`, y `(N,)` or `(N, K)`; or, with y None, x is a `tf.data.Dataset` or a `PyDataset` of batches.
    :param seed: given to `set_seed` first, so it fixes the order of the images; None sets no seed. Dropout follows
        the seed that was set when the model was built (on PyTorch, this one).
    :Errors: ValueError for `epochs` that is not an integer above 0, and for labels that the model has no output for.

    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
    >>> history = fit(compile(model), np.ones((4, 2)), np.zeros(4), epochs=2)
    sequential...: epoch 1 2, training accuracy ..., ... s
    """
    _checks.whole(epochs, "epochs")
    _classes(model, y)
    if seed is not None:
        set_seed(seed)
    batches = {"shuffle": False} if y is None else {"batch_size": batch_size}
    return model.fit(x, y, **batches, epochs=epochs, verbose=0, callbacks=[ProgressLine(), *callbacks])


def _classes(model: keras.Model, y: Any) -> None:
    """Refuse labels that a classifier has no output for."""
    shape = getattr(model, "output_shape", None)
    if not isinstance(shape, tuple) or not isinstance(y, np.ndarray) or y.dtype.kind not in "iu" or not y.size:
        return
    if not 0 <= y.min() <= y.max() < shape[-1]:
        _checks.fail(
            "y", f"labels from {y.min()} to {y.max()}", f"integers from 0 to {shape[-1] - 1}, as the model has"
        )


class ProgressLine(keras.callbacks.Callback):
    """Prints one line that grows with the epochs, at most 16 of them, and ends with the training accuracy."""

    def on_train_begin(self, logs=None):
        """Begin the line with the model's name."""
        self.start = time.perf_counter()
        print(f"{self.model.name}: epoch", end="", flush=True)

    def on_epoch_end(self, epoch, logs=None):
        """Add the epoch's number; with many epochs, only every second, third, ... and the last one."""
        self.logs, done, epochs = logs or {}, epoch + 1, self.params["epochs"]
        if done % ceil(epochs / 15) == 0 or done == epochs:
            print(f" {done}", end="", flush=True)

    def on_train_end(self, logs=None):
        """End the line with the accuracy and the time."""
        seconds = time.perf_counter() - self.start
        print(f", training accuracy {self.logs.get('accuracy', float('nan')):.3f}, {seconds:.0f} s", flush=True)


class ThetaHistory(keras.callbacks.Callback):
    """Callback that records a transformer's theta for some images: before training, then after each epoch.

    Another `fit` begins anew.

    :param images: images `(N, H, W, C)` as they reach the transformer.
    :param layer: the transformer, or its name in the model. If it lies inside another model, pass the layer.
    :Result: `thetas`, a list of NumPy arrays `(N, P)`.

    >>> ThetaHistory(np.zeros((2, 28, 28, 1))).thetas
    []
    """

    def __init__(self, images: Any, layer: SpatialTransformer | str = "transformer"):
        super().__init__()
        self.images = np.asarray(images, "float32")
        self.layer = layer
        self.thetas = []

    def on_train_begin(self, logs=None):
        """Record theta before training."""
        self.thetas = []
        self._record()

    def on_epoch_end(self, epoch, logs=None):
        """Record theta after the epoch."""
        self._record()

    def _record(self):
        layer = _layer(self.model, self.layer)
        self.thetas.append(ops.convert_to_numpy(layer.theta(ops.convert_to_tensor(self.images))))


def _layer(model: keras.Model, layer: SpatialTransformer | str) -> SpatialTransformer:
    """The transformer, given as a layer or by its name in the model."""
    return model.get_layer(layer) if isinstance(layer, str) else layer


class Snapshots(keras.callbacks.Callback):
    """Callback that records theta, the transformer's output and the logits for some images, at chosen steps.

    :param images: `(N, H, W, C)`.
    :param labels: `(N,)`.
    :param steps: training steps to record; 0 is before training. The last step is recorded, too. If several steps run
        per call (`steps_per_execution`), the first step that Keras reports at or after the given one.
    :param layer: the transformer, or its name in the model.
    :Result: `moments`, a list of dictionaries of NumPy arrays: `step`, `theta` `(N, P)`, `outputs`
        `(N, H_out, W_out, C)` and `logits` `(N, classes)`.

    >>> Snapshots(np.zeros((2, 28, 28, 1)), [3, 4], steps=(0, 50)).moments
    []
    """

    def __init__(
        self,
        images: Any,
        labels: Any,
        steps: Sequence[int] = (0, 20, 50, 100, 200, 500, 1000, 2000, 5000),
        layer: SpatialTransformer | str = "transformer",
    ):
        super().__init__()
        self.images, self.labels = np.asarray(images, "float32"), np.asarray(labels)
        if self.labels.shape != (len(self.images),):
            _checks.fail("labels", f"shape {self.labels.shape}", f"one for each of {len(self.images)} images")
        self.steps, self.layer = sorted(steps), layer
        self.moments: list[dict] = []

    def on_train_begin(self, logs=None):
        """Keep the moment before training."""
        self.done, self.moments = 0, []
        self._keep_due()

    def on_epoch_begin(self, epoch, logs=None):
        """Count on from the epochs before."""
        self.before = self.done

    def on_train_batch_end(self, batch, logs=None):
        """Keep this moment if it is due."""
        steps = self.params["steps"]  # the last steps of an epoch may be fewer than run at a time
        self.done = self.before + (batch + 1 if steps is None else min(batch + 1, steps))
        self._keep_due()

    def on_train_end(self, logs=None):
        """Keep the last moment."""
        if not self.moments or self.moments[-1]["step"] < self.done:
            self._keep()

    def _keep_due(self):
        taken = self.moments[-1]["step"] if self.moments else -1
        if any(taken < step <= self.done for step in self.steps):
            self._keep()

    def _keep(self):
        layer = _layer(self.model, self.layer)
        images = ops.convert_to_tensor(self.images)
        outputs, theta, logits = layer(images, training=False), layer.theta(images), self.model(images, training=False)
        outputs = outputs[0] if layer.return_theta else outputs
        found = {"theta": theta, "outputs": outputs, "logits": logits}
        self.moments.append({"step": self.done} | {name: ops.convert_to_numpy(part) for name, part in found.items()})


def probabilities(model: keras.Model, x: Any) -> np.ndarray:
    """The class probabilities that a model predicts.

    :Shapes: x `(N, ...)` to NumPy `(N, classes)`, or `(N, K, classes)` for K labels per image.
    :Convention: the model outputs logits.

    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(4)])
    >>> probabilities(model, np.ones((3, 2))).sum(axis=1).round(3).tolist()
    [1.0, 1.0, 1.0]
    """
    x = np.asarray(x, "float32")
    parts = [model(x[first : first + BATCH], training=False) for first in range(0, max(len(x), 1), BATCH)]
    return np.concatenate([ops.convert_to_numpy(ops.softmax(logits)) for logits in parts])


def accuracy(model: keras.Model, x: Any, y: Any, whole: bool = False) -> float:
    """Measure the share of labels that the model predicts correctly, from 0 to 1.

    :Shapes: x `(N, ...)`, labels y `(N,)` or `(N, 1)`; `(N, K)` for a model that outputs `(N, K, classes)`.
    :param whole: count the images with all labels correct, not the labels.
    :Errors: ValueError for labels of another shape.

    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Identity()])
    >>> accuracy(model, np.eye(4), np.array([0, 1, 2, 0]))
    0.75
    """
    labels, found = np.asarray(y), probabilities(model, x).argmax(axis=-1)
    if found.ndim == 1 and labels.shape == (len(found), 1):
        labels = labels[:, 0]
    if labels.shape != found.shape:
        wanted = "one label" if found.ndim == 1 else f"labels of shape {found.shape[1:]}"
        _checks.fail("y", f"shape {labels.shape}", f"{wanted} for each of {len(found)} images")
    right = found == labels
    return float(np.mean(right.reshape(len(right), -1).all(axis=1) if whole else right))


def fit_pose(
    layer: SpatialTransformer,
    images: Any,
    thetas: Any = None,
    epochs: int = 10,
    batch_size: int = 64,
    learning_rate: float = 1e-3,
    verbose: Any = 0,
) -> keras.callbacks.History:
    """Train a transformer on known poses, before the model is trained on labels.

    :Shapes: images `(N, H, W, C)` and thetas `(N, P)`; or, with thetas None, a `PyDataset` of known length that yields
        such pairs, such as `PosePairs`.
    :Convention: trains the localization network and the head on the mean squared error of theta, with Adam and cosine
        decay. `stnlib.fitting.from_corners` converts corners to theta.
    :Errors: ValueError for a layer that is not a `SpatialTransformer` or is frozen, thetas of another shape, integer
        images, and numbers that are not finite.

    >>> layer = SpatialTransformer(keras.layers.Flatten())
    >>> images = np.ones((8, 4, 4, 1), "float32")
    >>> thetas = np.tile([1, 0, 0.5, 0, 1, 0], (8, 1))
    >>> history = fit_pose(layer, images, thetas, epochs=50, learning_rate=0.05)
    >>> bool(history.history["loss"][-1] < 0.01)
    True
    """
    if not isinstance(layer, SpatialTransformer):
        _checks.fail("layer", type(layer).__name__, "a SpatialTransformer")
    if not layer.trainable:
        _checks.fail("layer", "a frozen one", "a layer to train (set layer.trainable = True)")
    batches = images
    if thetas is not None:
        images, thetas = _seen(images), np.asarray(thetas, "float32")
        _checks.finite(thetas, "thetas")
        if thetas.shape != (len(images), layer.head.units):
            _checks.fail("thetas", f"shape {thetas.shape}", f"({len(images)}, {layer.head.units})")
        batches = range(0, len(images), _checks.whole(batch_size, "batch_size"))
    elif not isinstance(images, keras.utils.PyDataset):
        _checks.fail("thetas", "None", "one theta for each image, or a PyDataset of both as images")
    _checks.whole(epochs, "epochs")
    model = _Pose(layer)
    decay = keras.optimizers.schedules.CosineDecay(learning_rate, epochs * len(batches))
    model.compile(keras.optimizers.Adam(decay), "mse", jit_compile=keras.backend.backend() == "jax")
    options = {} if thetas is None else {"batch_size": batch_size}
    return model.fit(images, thetas, epochs=epochs, verbose=verbose, **options)


def _seen(images: Any) -> np.ndarray:
    """Images as a transformer sees them, behind any Rescaling: finite floating-point numbers."""
    images = np.asarray(images)
    if images.dtype.kind in "iub":
        _checks.fail("images", f"dtype {images.dtype}", "floating-point numbers, as they reach the layer")
    return _checks.finite(distortions.batch(images), "images")


class _Pose(keras.Model):
    """From images to the theta of a transformer."""

    def __init__(self, layer):
        super().__init__(name="pose")
        self.layer = layer

    def build(self, input_shape):
        if not self.layer.built:
            self.layer.build(input_shape)

    def call(self, images):
        return self.layer.theta(images)


def random_quads(
    rng: np.random.Generator,
    count: int,
    size: tuple[int, int],
    scale: tuple[float, float] = (0.5, 0.95),
    angle: float = 15.0,
    shear: float = 0.3,
    perspective: float = 0.05,
) -> np.ndarray:
    """Draw random quadrilaterals inside an image: the thetas that rectify them.

    :Shapes: theta `(count, 8)`, projective, output to input.
    :Convention: `size` is (height, width) in pixels. An upright rectangle with the image's aspect ratio is scaled,
        sheared, rotated by up to `angle` degrees and placed uniformly; its corners move by N(0, `perspective`) times
        its sides. Quadrilaterals that don't fit into the image, or aren't convex, are drawn again.
    :Errors: ValueError for scales that are not 0 < low <= high, and if 1,000 quadrilaterals in a row don't fit.

    >>> random_quads(np.random.default_rng(0), 3, (48, 188)).shape
    (3, 8)
    """
    height, width = _checks.sizes(size, "size")
    if not (np.shape(scale) == (2,) and 0 < scale[0] <= scale[1]):
        _checks.fail("scale", repr(scale), "two numbers, 0 < low <= high")
    frame, found, failed = np.array([width, height]), [], 0
    while len(found) < count:
        if failed == TRIES:
            got = f"scale {scale}, angle {angle}, shear {shear}, perspective {perspective}"
            _checks.fail("scale", f"{TRIES} in a row that don't, with {got}", "quadrilaterals that fit into the image")
        quad = fitting.CORNERS / 2 + rng.normal(0, perspective, (4, 2))
        quad = quad * frame * rng.uniform(*scale)
        quad[:, 0] += rng.uniform(-shear, shear) * quad[:, 1]
        rotation = np.radians(rng.uniform(-angle, angle))
        cos, sin = np.cos(rotation), np.sin(rotation)
        quad = quad @ np.array([[cos, sin], [-sin, cos]])
        room = frame - np.ptp(quad, axis=0)
        fits = (room >= 0).all() and fitting.convex(quad[None]).all()
        failed = 0 if fits else failed + 1
        if fits:
            found.append(2 * (quad - quad.min(axis=0) + rng.uniform(0, room)) / frame - 1)
    return fitting.from_corners(np.reshape(found, (count, 4, 2)))


def moved_quads(rng: np.random.Generator, count: int, corners: Any, share: float = 0.1) -> np.ndarray:
    """Draw from known quadrilaterals, and move them a little: the thetas that rectify them.

    :Shapes: corners `(N, 4, 2)` to theta `(count, 8)`, projective, output to input.
    :Convention: sizes change and centres move by up to `share`, of the size and of half the image.

    >>> corners = fitting.CORNERS[None] / 2
    >>> moved_quads(np.random.default_rng(0), 2, corners, share=0.0).round(2)[0].tolist()
    [0.5, 0.0, 0.0, 0.0, 0.5, 0.0, 0.0, 0.0]
    """
    quads = np.asarray(corners, "float64")[rng.integers(0, len(corners), count)]
    centres = quads.mean(axis=1, keepdims=True)
    quads = centres + (quads - centres) * rng.uniform(1 - share, 1 + share, (count, 1, 1))
    return fitting.from_corners(quads + rng.uniform(-share, share, (count, 1, 2)))


class PosePairs(keras.utils.PyDataset):
    """Randomly warped images, each with the theta that undoes the warp: pose labels with few or no annotations.

    :Shapes: batches of images `(B, *output_size, C)` and theta `(B, P)`, for `fit_pose` or any `model.fit`.
    :param images: `(N, H, W, C)`, floating-point, roughly upright: clean renderings, or the well-posed part of a
        training set.
    :param transform: that of the layer, like `control_points` and `aspect`.
    :param draw: `draw(rng, count)` returns the projective thetas `(count, 8)` that undo the warp; by default
        `random_quads` of the output's size, or with corners `moved_quads`.
    :param corners: `(N, 4, 2)`, normalised, if the images are not upright: those of the object in each. Its
        surroundings then move with it, so that a few images of the real kind go a long way.
    :Convention: each epoch draws new warps; `seed` fixes them all.

    >>> pairs = PosePairs(np.ones((10, 8, 8, 1)), "similarity", batch_size=4)
    >>> images, theta = pairs[0]
    >>> len(pairs), images.shape, theta.shape
    (3, (4, 8, 8, 1), (4, 4))
    """

    def __init__(
        self,
        images: Any,
        transform: str = "affine",
        draw: Callable[[np.random.Generator, int], np.ndarray] | None = None,
        output_size: tuple[int, int] | None = None,
        control_points: tuple[int, int] = (4, 4),
        aspect: float = 1.0,
        padding_mode: str = "border",
        batch_size: int = 64,
        seed: int = 0,
        corners: Any = None,
        **options,
    ):
        super().__init__(**options)
        self.images = _seen(images)
        self.corners = None if corners is None else np.asarray(corners, "float64")
        if corners is not None and self.corners.shape != (len(self.images), 4, 2):
            _checks.fail("corners", f"shape {self.corners.shape}", f"({len(self.images)}, 4, 2)")
        self.size = self.images.shape[1:3] if output_size is None else _checks.sizes(output_size, "output_size")
        self.draw = draw or self._quads
        self.transform, self.control_points, self.aspect = transform, control_points, aspect
        self.padding_mode = padding_mode
        self.batch_size, self.seed, self.epoch = _checks.whole(batch_size, "batch_size"), seed, 0

    def __len__(self):
        """The number of batches in an epoch."""
        return ceil(len(self.images) / self.batch_size)

    def __getitem__(self, index):
        """One batch: the warped images and the theta that undoes each warp."""
        order = np.random.default_rng((self.seed, self.epoch)).permutation(len(self.images))
        chosen = order[index * self.batch_size : (index + 1) * self.batch_size]
        back = np.asarray(self.draw(np.random.default_rng((self.seed, self.epoch, index)), len(chosen)), "float64")
        warp = np.linalg.inv(poses.matrices(back))
        if self.corners is not None:
            warp = poses.matrices(fitting.from_corners(self.corners[chosen])) @ warp
        warp = (warp / warp[:, 2:, 2:]).reshape(-1, 9)[:, :8]
        warped = distortions.warp(self.images[chosen], warp, self.size, "projective", self.padding_mode)
        moved = fitting.project(back, fitting.LATTICE)
        return warped, fitting.fit(self.transform, fitting.LATTICE, moved, self.control_points, self.aspect)

    def _quads(self, rng, count):
        if self.corners is None:
            return random_quads(rng, count, self.size)
        return moved_quads(rng, count, self.corners)

    def on_epoch_end(self):
        """Draw new warps for the next epoch."""
        self.epoch += 1


class Curriculum(keras.utils.PyDataset):
    """Training images whose distortion grows from none to full, for `model.fit` with labels alone.

    :Shapes: batches of x and y as `make` returns them.
    :param make: `make(strength, rng)` returns one epoch's images and labels.
    :param ramp: strength is 0 in the first epoch, grows linearly, and is 1 from epoch `ramp` on (counted from 0).
    :Convention: `seed` fixes all random draws.

    >>> def make(strength, rng):
    ...     return np.full((4, 1), strength), np.zeros(4)
    >>> data = Curriculum(make, ramp=2, batch_size=2)
    >>> data.on_epoch_end(); data[0][0].tolist()
    [[0.5], [0.5]]
    """

    def __init__(
        self,
        make: Callable[[float, np.random.Generator], tuple[Any, Any]],
        ramp: int,
        batch_size: int = 64,
        seed: int = 0,
        **options,
    ):
        super().__init__(**options)
        self.make, self.ramp, self.seed, self.epoch = make, ramp, seed, 0
        self.batch_size = _checks.whole(batch_size, "batch_size")
        self._draw()

    @property
    def strength(self) -> float:
        """The current strength of the distortion, from 0 to 1."""
        return min(1.0, self.epoch / self.ramp) if self.ramp else 1.0

    def _draw(self):
        rng = np.random.default_rng((self.seed, self.epoch))
        self.x, self.y = (np.asarray(part) for part in self.make(self.strength, rng))
        if len(self.x) != len(self.y):
            _checks.fail("make", f"{len(self.x)} images and {len(self.y)} labels", "as many labels as images")
        self.order = rng.permutation(len(self.x))

    def __len__(self):
        """The number of batches in an epoch."""
        return ceil(len(self.x) / self.batch_size)

    def __getitem__(self, index):
        """One batch of this epoch's images and labels."""
        chosen = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        return self.x[chosen], self.y[chosen]

    def on_epoch_end(self):
        """Make the next epoch's images."""
        self.epoch += 1
        self._draw()
