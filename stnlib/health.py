"""Diagnose a spatial transformer from its theta for some images: collapsed, asleep, working, ...

Loss and accuracy don't show this: a classifier may do well behind a transformer that does nothing.
"""

import contextlib
import dataclasses
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from stnlib import _checks, transforms
from stnlib.grid import transform_points
from stnlib.layers import SpatialTransformer

BATCH = 256
ASLEEP = 0.02  # below this spread theta counts as the same for all images
ALIVE = 0.02  # a feature that varies by less than this share of its size, a saturated tanh say, carries nothing
SIDE = 16  # the lattice of sampling points that is looked at has so many points along each axis


@dataclasses.dataclass(frozen=True)
class State:
    """One state of a transformer: a measure above or below a limit, what it means, and what to do next.

    :param name: such as "collapsed".
    :param measure: the attribute of `Health` that is compared.
    :param means: what it means.
    :param step: what to do next.
    :param above: the state holds if the measure is above this limit,
    :param below: or below this one.
    """

    name: str
    measure: str
    means: str
    step: str
    above: float = np.inf
    below: float = -np.inf

    def holds(self, health: "Health") -> bool:
        """Whether a transformer with these measures is in this state.

        >>> health = Health("eye", 0.95, 9.0, 0.1, 1.0, 32, 32, 0.0)
        >>> STATES[1].name, STATES[1].holds(health)
        ('collapsed', True)
        """
        value = getattr(health, self.measure)
        return value > self.above or value < self.below


# The first that holds is the verdict. The limits lie between what was seen in runs that failed and in runs that worked.
STATES = (
    State(
        "not a number",
        "undefined",
        "theta is NaN or infinite.",
        "Look for NaN in the images, then train again from the start at a lower rate, with clipnorm=1.",
        above=0.0,
    ),
    State(
        "collapsed",
        "outside",
        "Most sampling points lie outside the image: the output is padding, and no gradient leads back.",
        "Train again from the identity with stnlib.optimizers.SlowAdam(transformer, factor=0.1).",
        above=0.8,
    ),
    State(
        "cut off",
        "severed",
        "The loss passes no gradient to theta: it does not depend on where the transformer looks.",
        "Check that the classifier takes the transformer's output, and that mode is not nearest, which passes none.",
        above=0.0,
    ),
    State(
        "dead features",
        "live",
        "Most features of the localization are zero or saturated, the same for all images: theta cannot follow them.",
        "Teach known poses first (stnlib.training.fit_pose), with LayerNormalization and tanh at the end, no ReLU.",
        below=0.25,
    ),
    State(
        "transposed",
        "exchanged",
        "theta fits the truth once x and y change places: one of the two has its numbers in (row, column) order.",
        "Convert theta with stnlib.transforms.theta_from_scipy, or reorder the rows of the head that was converted.",
        above=0.7,
    ),
    State(
        "inverted",
        "backwards",
        "theta moves against the truth: one of the two maps input to output.",
        "theta maps output to input. Invert the other one with stnlib.transforms.invert.",
        above=0.5,
    ),
    State(
        "skewed",
        "skew",
        "Most windows are far too long for their width, as from a head with random weights.",
        "Train again from the identity: zero kernel and identity bias in the layer that gives theta.",
        above=4.0,
    ),
    State(
        "flipped",
        "flipped",
        "Most images come out mirrored or upside down.",
        "Teach upright poses first: stnlib.training.fit_pose(transformer, training.PosePairs(upright_images)).",
        above=0.5,
    ),
    State(
        "zoomed out",
        "zoom",
        "The window is larger than the image: the output is a small picture with padding around it.",
        'Make the background 0 or set padding_mode="border", so that no frame shows where the window is; train again.',
        above=1.5,
    ),
    State(
        "asleep",
        "spread",
        "theta is the same for all images.",
        "Teach known poses first (stnlib.training.fit_pose), or let the distortion grow (Curriculum) over many steps.",
        below=ASLEEP,
    ),
    State(
        "off target",
        "correlation",
        "theta varies, but not with the truth.",
        "Teach known poses first: stnlib.training.fit_pose(transformer, images, thetas).",
        below=0.3,
    ),
    State(
        "not rotating",
        "rotation",
        "theta follows places and sizes, but little of the rotation.",
        "Teach known poses first (stnlib.training.fit_pose), or let the rotation grow (stnlib.training.Curriculum).",
        below=0.05,
    ),
    State(
        "aliased",
        "stride",
        "theta follows the images, but samples lie more than two pixels apart, so that detail between them is lost.",
        "Sample at twice the output_size, then average: keras.layers.AveragePooling2D(2).",
        above=2.5,
    ),
    State("working", "outside", "theta follows the images.", "Compare with the same model without it.", below=np.inf),
)


@dataclasses.dataclass(frozen=True)
class Health:
    """The measurements of one transformer.

    :param name: the layer's name.
    :param outside: share of the sampling points outside the image.
    :param zoom: area of the sampled window, as a multiple of the image's area (median over images).
    :param spread: standard deviation of the sampling points over images, in normalised units (the image is 2 wide).
    :param flipped: share of images mirrored or rotated by more than 90 degrees, relative to the truth if given.
    :param alive: number of the localization's features that vary over images.
    :param features: number of its features.
    :param away: distance of the mean sampling points from those of the identity.
    :param undefined: share of images with a NaN or infinite theta.
    :param gradient: norm of the loss's gradient in the head; None without labels.
    :param correlation: correlation of the sampling points with the true ones, over images; NaN without truth.
    :param swapped: the same with x and y exchanged.
    :param stride: distance between neighbouring sampling points, in pixels of the input, along the axis where it is
        larger (median over images).
    :param skew: how many times as long as wide the window is, relative to the truth if given (median over images).
    :param rotation: share of the true rotation that theta follows; NaN if unknown.

    >>> Health("eye", 0.0, 1.0, 0.0, 0.0, 30, 32, 0.0)
    eye: outside 0%, zoom 1, spread 0, live features 30 of 32: asleep (identity)
    """

    name: str
    outside: float
    zoom: float
    spread: float
    flipped: float
    alive: int
    features: int
    away: float
    undefined: float = 0.0
    gradient: float | None = None
    correlation: float = np.nan
    swapped: float = np.nan
    stride: float = 1.0
    skew: float = 1.0
    rotation: float = np.nan

    @property
    def severed(self) -> float:
        """1 if the head's gradient was measured and is zero, else 0."""
        return float(self.gradient == 0)

    @property
    def exchanged(self) -> float:
        """The correlation with x and y exchanged, if the plain one is low and theta varies; else NaN."""
        return self.swapped if self.spread > ASLEEP and self.correlation < 0.5 else np.nan

    @property
    def backwards(self) -> float:
        """The negative correlation, if theta varies; else NaN."""
        return -self.correlation if self.spread > ASLEEP else np.nan

    @property
    def live(self) -> float:
        """The share of the localization's features that vary over the images."""
        return self.alive / self.features

    @property
    def unchecked(self) -> bool:
        """Whether it is working for all that is known, which without the true theta is not much."""
        return self.state == "working" and np.isnan(self.correlation)

    @property
    def diagnosis(self) -> State:
        """The first of `STATES` that holds."""
        return next(state for state in STATES if state.holds(self))

    @property
    def state(self) -> str:
        """The name of the state: collapsed, asleep, dead features, flipped, zoomed out, working, ..."""
        return self.diagnosis.name

    @property
    def summary(self) -> str:
        """The state, and in brackets which kind of sleep it is, or that the truth is unknown."""
        if self.state == "asleep":
            return "asleep (identity)" if self.away < 0.05 else "asleep (one common map)"
        return f"{self.state} (truth unknown)" if self.unchecked else self.state

    @property
    def verdict(self) -> str:
        """The state, what it means, and the next step."""
        means = self.diagnosis.means
        if self.unchecked:
            means = "theta differs between images; whether it fits them shows only in pictures, before and after."
        return f"{self.name}: {self.state}. {means} {self.diagnosis.step}"

    def __repr__(self):
        """All measurements and the state, on one line."""
        parts = [f"theta NaN or infinite for {100 * self.undefined:.0f}% of the images"] if self.undefined else []
        if self.undefined < 1:  # the measures are those of the other images
            parts += [f"outside {100 * self.outside:.0f}%", f"zoom {self.zoom:.3g}", f"spread {self.spread:.3g}"]
            parts.append(f"live features {self.alive} of {self.features}")
        if self.gradient is not None:
            parts.append(f"head's gradient {self.gradient:.1e}")
        if self.stride > 2:
            parts.append(f"stride {self.stride:.2g}")
        if not np.isnan(self.correlation):
            parts.append(f"correlation {round(self.correlation, 2) + 0.0:.2f}")  # 0.00, not -0.00
        if not np.isnan(self.rotation):
            parts.append(f"rotation {round(100 * self.rotation)}%")
        return f"{self.name}: {', '.join(parts)}: {self.summary}"


def health(model: keras.Layer, images: Any, truth: Any = None, labels: Any = None) -> list[Health]:
    """Diagnose the transformers of a model, or one transformer, on some images.

    :param model: a model with transformers, or a transformer.
    :param images: at least 2 images, `(N, H, W, C)`, as the model takes them; about 100 are plenty.
    :param truth: the true theta of the first transformer, `(N, P)` for its own transform, or affine `(N, 6)` or
        projective `(N, 8)`. `(N, T, P)` if the transformer is called on T images per sample (in `TimeDistributed`, or
        several times).
    :param labels: labels as in training, for the gradient only; the model must then be compiled.
    :Result: one `Health` for each transformer, in the order in which images reach them.
    :Errors: ValueError for a model without a transformer or with one that it never calls, for fewer than two images,
        for truth of another shape, and for labels without a compiled model. A warning for images from 0 to 1 where the
        model rescales pixels from 0 to 255.

    >>> eye = SpatialTransformer(keras.layers.Flatten(), name="eye")
    >>> images = np.random.default_rng(0).random((8, 4, 4, 1))
    >>> health(eye, images)
    [eye: outside 0%, zoom 1, spread 0, live features 16 of 16: asleep (identity)]
    >>> print(health(eye, images)[0].verdict)
    eye: asleep. theta is the same for all images. Teach known poses first ...
    """
    try:
        images = np.asarray(images, "float32")
    except (TypeError, ValueError):
        _checks.fail("images", f"a {type(images).__name__}", "an array (N, H, W, C), a batch of a data set say")
    if len(images) < 2:
        _checks.fail("images", f"{len(images)}", "at least 2, to see whether theta differs")
    scales = [layer.scale for layer in model._flatten_layers() if isinstance(layer, keras.layers.Rescaling)]
    if any(np.max(scale) < 0.05 for scale in scales) and images.max() <= 1:
        warnings.warn("images: none above 1, and the model divides by 255 or so: does it take pixels?", stacklevel=2)
    seen: dict = {}
    for first in range(0, len(images), BATCH):
        batch = images[first : first + BATCH]
        with _watching(model) as calls:
            model(ops.convert_to_tensor(batch), training=False)
        for layer, parts in calls.items():
            seen.setdefault(layer, []).append([_by_sample(part, len(batch)) for part in zip(*parts, strict=True)])
    if not seen:
        unused = [layer.name for layer in model._flatten_layers() if isinstance(layer, SpatialTransformer)]
        got = f"{model.name!r}, which never calls {unused[0]!r}" if unused else f"{model.name!r} without one"
        _checks.fail("model", got, "a model whose output comes through a SpatialTransformer, or the layer itself")
    norms = {} if labels is None else _gradients(model, list(seen), images[:BATCH], labels)
    reports = []
    for layer, batches in seen.items():
        features, theta, sizes = (np.concatenate(arrays).astype("float64") for arrays in zip(*batches, strict=True))
        known = None if truth is None or reports else _true_points(layer, theta, truth)
        reports.append(Health(layer.name, gradient=norms.get(layer), **_measure(layer, features, theta, sizes, known)))
    return reports


@contextlib.contextmanager
def _watching(model: keras.Layer) -> Iterator[dict]:
    """While images go through a model, record the features and the theta of each of its transformers."""
    layers = [layer for layer in model._flatten_layers() if isinstance(layer, SpatialTransformer)]
    seen: dict = {}
    try:
        for layer in layers:
            layer.theta = _noting(layer, seen)
        yield seen
    finally:
        for layer in layers:
            del layer.theta


def _noting(layer: SpatialTransformer, seen: dict) -> Callable:
    def theta(images):
        features = layer.localization(layer.checked(images))
        found = layer.head(features)
        part = [ops.convert_to_numpy(ops.cast(one, "float32")) for one in (features, found)]
        size = images.shape[2:] if layer.data_format == "channels_first" else images.shape[1:3]
        seen.setdefault(layer, []).append([*part, np.tile(size, (len(part[0]), 1))])
        return found

    return theta


def _by_sample(calls: Sequence[np.ndarray], count: int) -> np.ndarray:
    """A layer's outputs in its calls for `count` samples, grouped by sample.

    >>> _by_sample([np.array([[1], [3]]), np.array([[2], [4]])], 2).ravel().tolist()
    [1, 2, 3, 4]
    """
    if any(len(one) % count for one in calls):
        return np.concatenate(calls)
    width = calls[0].shape[1]
    return np.concatenate([one.reshape(count, -1, width) for one in calls], axis=1).reshape(-1, width)


def _points(transform: str, theta: np.ndarray, layer: SpatialTransformer) -> np.ndarray:
    theta = ops.convert_to_tensor(theta, "float32")
    points = transform_points(theta, transform, SIDE, SIDE, layer.control_points, layer.align_corners, layer.aspect)
    return ops.convert_to_numpy(points).astype("float64")


def _area(points: np.ndarray) -> np.ndarray:
    """The signed area enclosed by the outer points of grids `(N, SIDE, SIDE, 2)`."""
    edge = [points[:, 0, :-1], points[:, :-1, -1], points[:, -1, :0:-1], points[:, :0:-1, 0]]
    x, y = np.moveaxis(np.concatenate(edge, axis=1), -1, 0)
    return 0.5 * np.sum(x * np.roll(y, -1, axis=1) - np.roll(x, -1, axis=1) * y, axis=1)


def _frame(points: np.ndarray) -> np.ndarray:
    """The vectors across and down the middle of grids `(N, SIDE, SIDE, 2)`, as the columns of `(N, 2, 2)`."""
    middle = SIDE // 2
    return np.stack([points[:, middle, -1] - points[:, middle, 0], points[:, -1, middle] - points[:, 0, middle]], -1)


def _stride(layer: SpatialTransformer, points: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Pixels of the input, `(N, 2)` of them high and wide, from one sample to the next, along the worse axis."""
    less = 1 if layer.align_corners else 0  # with aligned corners -1 and 1 are the centres of the outer pixels
    height, width = layer.output_size or (sizes[:, 0], sizes[:, 1])
    across = _frame(points) * ((sizes[:, ::-1] - less) / 2)[:, :, None] / (SIDE - 1)
    samples = np.stack(np.broadcast_arrays(width, height, sizes[:, 0])[:2], axis=-1)
    return (np.linalg.norm(across, axis=1) * (SIDE - less) / np.maximum(samples - less, 1)).max(axis=1)


def _measure(
    layer: SpatialTransformer, features: np.ndarray, theta: np.ndarray, sizes: np.ndarray, truth: np.ndarray | None
) -> dict:
    """The measurements of `Health`; `truth` is the true sampling points, if known."""
    defined = np.isfinite(theta).all(axis=1)
    points = _points(layer.transform, np.where(defined[:, None], theta, 0), layer)[defined]
    identity = _points(layer.transform, transforms.identity(layer.transform, layer.control_points)[None], layer)
    upright = identity if truth is None else truth[defined]
    sizes = sizes[defined]
    if not len(points):
        points = upright = identity
        sizes = np.ones((1, 2))
    frame = _frame(points) @ np.linalg.pinv(_frame(upright))
    flipped = (np.linalg.det(frame) < 0) | (np.trace(frame, axis1=1, axis2=2) < 0)
    longer, shorter = np.linalg.svd(np.nan_to_num(frame, posinf=0, neginf=0), compute_uv=False).T
    size_of = np.abs(np.where(np.isfinite(features), features, 0)).max(axis=0)
    alive = np.ptp(features, axis=0) > np.maximum(ALIVE * size_of, 1e-6 * max(1.0, size_of.max()))
    measures = {
        "undefined": float(np.mean(~defined)),
        "outside": float(np.mean((np.abs(points) > 1 + 1e-5).any(axis=-1))),
        "zoom": float(np.median(np.abs(_area(points))) / np.abs(_area(identity))[0]),
        "spread": float(np.sqrt(points.var(axis=0).mean())),
        "flipped": float(np.mean(flipped)),
        "away": float(np.sqrt(((points.mean(axis=0) - identity) ** 2).mean())),
        "alive": int(alive.sum()),
        "features": features.shape[1],
        "skew": float(np.median(longer / np.maximum(shorter, 1e-6))),
        "stride": float(np.median(_stride(layer, points, sizes))),
    }
    if truth is not None and defined.all():
        measures["correlation"] = _correlation(points, truth)
        measures["swapped"] = _correlation(points.transpose(0, 2, 1, 3)[..., ::-1], truth)
        if transforms.TRANSFORMS[layer.transform].rotates:
            measures["rotation"] = _rotation(points, truth)
    return measures


def _true_points(layer: SpatialTransformer, theta: np.ndarray, truth: Any) -> np.ndarray:
    """The sampling points of the true theta."""
    truth = np.asarray(ops.convert_to_numpy(truth) if ops.is_tensor(truth) else truth, "float64")
    _checks.finite(truth, "truth")
    families = {6: "affine", 8: "projective", theta.shape[1]: layer.transform}
    flat = truth.reshape(-1, truth.shape[-1]) if truth.ndim in (2, 3) else truth
    if flat.ndim != 2 or len(flat) != len(theta) or flat.shape[1] not in families:
        counts = " or ".join(str(count) for count in sorted(families))
        _checks.fail("truth", f"shape {truth.shape}", f"({len(theta)}, {counts})")
    return _points(families[flat.shape[1]], flat, layer)


def _correlation(found: np.ndarray, true: np.ndarray) -> float:
    """The correlation over images of the sampling points' coordinates with the true ones, on average."""
    found, true = (points.reshape(len(points), -1) for points in (found, true))
    found, true = found - found.mean(axis=0), true - true.mean(axis=0)
    scale = np.sqrt((found**2).sum(axis=0) * (true**2).sum(axis=0))
    varies = np.sqrt((true**2).mean(axis=0)) > 1e-4
    correlations = (found * true).sum(axis=0) / np.where(scale > 1e-12, scale, np.inf)
    return float(correlations[varies].mean()) if varies.any() else np.nan


def _rotation(found: np.ndarray, true: np.ndarray) -> float:
    """How many degrees grids rotate for each degree of the true ones; NaN where those rotate by less than 3 or so."""
    found, true = (_angles(_frame(points)) for points in (found, true))
    return float(np.mean(found * true) / true.var()) if true.std() >= 0.05 else np.nan


def _angles(frame: np.ndarray) -> np.ndarray:
    """How far each grid is rotated from their mean, the short way round, in radians."""
    angles = np.arctan2(frame[:, 1, 0] - frame[:, 0, 1], frame[:, 0, 0] + frame[:, 1, 1])
    near = np.angle(np.exp(1j * (angles - np.angle(np.exp(1j * angles).mean()))))
    return near - near.mean()


def _gradients(model: keras.Model, layers: list, images: np.ndarray, labels: Any) -> dict:
    """The norm of the gradient of the model's own loss in each head."""
    if not getattr(model, "compiled", False):
        _checks.fail("labels", f"{model.name!r} not compiled", "a compiled model with them, for its loss")
    labels = keras.tree.map_structure(lambda one: ops.convert_to_tensor(np.asarray(one)[: len(images)]), labels)
    images = ops.convert_to_tensor(images)

    def loss():
        return model.compute_loss(x=images, y=labels, y_pred=model(images, training=False))

    norms = {}
    for layer in layers:
        weights = layer.head.trainable_variables
        if weights:
            parts = [ops.convert_to_numpy(part) for part in _differentiate(loss, weights) if part is not None]
            norms[layer] = float(np.sqrt(sum((part.astype("float64") ** 2).sum() for part in parts)))
    return norms


def _differentiate(loss: Callable, variables: list) -> list:
    """The gradients of `loss()` in Keras variables, on whichever backend runs."""
    values = [variable.value for variable in variables]
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            value = loss()
        return tape.gradient(value, values)
    if keras.backend.backend() == "torch":
        import torch

        return torch.autograd.grad(loss(), values, allow_unused=True)
    import jax

    def at(values):
        with keras.StatelessScope(state_mapping=list(zip(variables, values))):
            return loss()

    return jax.grad(at)(values)


class TransformerHealth(keras.callbacks.Callback):
    """Callback that prints a line on every transformer of the model after each epoch, and the verdicts at the end.

    :Convention: `images`, `truth` and `labels` as in `health`; take about 100 images of the validation set.
    :Result: `reports`, for each epoch a list of `Health`.

    >>> TransformerHealth(np.zeros((2, 28, 28, 1))).reports
    []
    """

    def __init__(self, images: Any, truth: Any = None, labels: Any = None):
        super().__init__()
        self.images, self.truth, self.labels, self.reports = images, truth, labels, []

    def on_epoch_end(self, epoch, logs=None):
        """Print the lines of this epoch."""
        self.reports.append(health(self.model, self.images, self.truth, self.labels))
        for report in self.reports[-1]:
            print(f" epoch {epoch + 1}, {report}", flush=True)

    def on_train_end(self, logs=None):
        """Print the verdicts, each with its next step."""
        for report in self.reports[-1] if self.reports else ():
            print(report.verdict, flush=True)
