"""What state a spatial transformer is in, from its theta for some images: collapsed, asleep, working, ...

Losses and accuracies do not show it: a classifier may do well behind a transformer that does nothing.
"""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
from keras import ops

from stnlib import _checks, transforms
from stnlib.grid import transform_points
from stnlib.layers import SpatialTransformer

BATCH = 256
SIDE = 16  # the lattice of sampling points that is looked at has so many points along each axis


@dataclasses.dataclass(frozen=True)
class State:
    """One state: it holds where a measure lies above or below a limit; what it means, and what to do next."""

    name: str
    measure: str
    means: str
    step: str
    above: float = np.inf
    below: float = -np.inf

    def holds(self, health: "Health") -> bool:
        """Whether a transformer with these measures is in this state.

        >>> STATES[1].name, STATES[1].holds(Health("eye", 0.95, 9.0, 0.1, 1.0, 32, 32, 0.0))
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
        "dead features",
        "live",
        "Most features of the localization are the same for all images, so theta cannot follow them.",
        "End the localization in LayerNormalization and a tanh layer instead of a ReLU, and train again.",
        below=0.25,
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
        'Set padding_mode="border", so that the frame carries no message, and train again.',
        above=1.5,
    ),
    State(
        "asleep",
        "spread",
        "theta is the same for all images.",
        "Let the distortion grow while it trains (stnlib.training.Curriculum), or teach known poses first (fit_pose).",
        below=0.02,
    ),
    State(
        "off target",
        "correlation",
        "theta varies, but not with the truth.",
        "Teach known poses first: stnlib.training.fit_pose(transformer, images, thetas).",
        below=0.3,
    ),
    State("working", "outside", "theta follows the images.", "Compare with the same model without it.", below=np.inf),
)


@dataclasses.dataclass(frozen=True)
class Health:
    """What was measured of one transformer.

    :Convention: `outside`: share of the sampling points beyond the image's edges. `zoom`: area of the window that is
        sampled, by the image's (median over images). `spread`: standard deviation of the sampling points over images,
        normalised units (the image is 2 wide). `flipped`: share of images mirrored or rotated by more than 90 degrees.
        `alive` of `features` vary over the images. `away`: distance of the mean sampling points from the identity's.
        `gradient`: norm of the loss's gradient in the head, None without labels. `correlation`: that of the sampling
        points with the true ones, over images; NaN without truth.

    >>> Health("eye", 0.0, 1.0, 0.0, 0.0, 30, 32, 0.0)
    eye: outside 0 %, zoom 1, spread 0, live features 30 of 32: asleep (identity)
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

    @property
    def live(self) -> float:
        """The share of the localization's features that vary over the images."""
        return self.alive / self.features

    @property
    def diagnosis(self) -> State:
        """The first of `STATES` that holds."""
        return next(state for state in STATES if state.holds(self))

    @property
    def state(self) -> str:
        """The name of the state: collapsed, asleep, dead features, flipped, zoomed out, working, ..."""
        return self.diagnosis.name

    @property
    def verdict(self) -> str:
        """The state, what it means, and the next step."""
        return f"{self.name} is {self.state}: {self.diagnosis.means} {self.diagnosis.step}"

    def __repr__(self):
        """All of it on one line."""
        parts = [f"outside {100 * self.outside:.0f} %", f"zoom {self.zoom:.3g}", f"spread {self.spread:.3g}"]
        parts.append(f"live features {self.alive} of {self.features}")
        if self.gradient is not None:
            parts.append(f"head's gradient {self.gradient:.1e}")
        if not np.isnan(self.correlation):
            parts.append(f"correlation {self.correlation:.2f}")
        kind = "" if self.state != "asleep" else " (identity)" if self.away < 0.05 else " (one common map)"
        return f"{self.name}: {', '.join(parts)}: {self.state}{kind}"


def health(model: keras.Layer, images: Any, truth: Any = None, labels: Any = None) -> list[Health]:
    """Examine the transformers of a trained model, or one transformer, with some of its images.

    :Shapes: images `(N, H, W, C)`, N of at least 2 (some 100 are plenty), as the model takes them; truth `(N, P)`;
        labels as in training. One `Health` for each transformer, in the order in which images reach them.
    :Convention: truth is theta, output to input, of the layer's own transform, or affine `(N, 6)` or projective
        `(N, 8)`; of several transformers it is that of the first. labels, and a compiled model, are needed for the
        gradient only.
    :Errors: ValueError for a model without a transformer, fewer than two images, and truth of another shape.

    >>> eye = SpatialTransformer(keras.layers.Flatten(), name="eye")
    >>> health(eye, np.random.default_rng(0).random((8, 4, 4, 1)))
    [eye: outside 0 %, zoom 1, spread 0, live features 16 of 16: asleep (identity)]
    >>> print(health(eye, np.random.default_rng(0).random((8, 4, 4, 1)))[0].verdict)
    eye is asleep: theta is the same for all images. Let the distortion grow ...
    """
    images = np.asarray(images, "float32")
    if len(images) < 2:
        _checks.fail("images", f"{len(images)}", "at least 2, to see whether theta differs")
    with _watching(model) as seen:
        for first in range(0, len(images), BATCH):
            model(ops.convert_to_tensor(images[first : first + BATCH]), training=False)
    reached = {layer: parts for layer, parts in seen.items() if parts}
    if not reached:
        _checks.fail("model", f"{model.name!r} without one", "a model with a SpatialTransformer, or the layer itself")
    norms = {} if labels is None else _gradients(model, list(reached), images[:BATCH], labels)
    reports = []
    for layer, parts in reached.items():
        features, theta = (np.concatenate(arrays).astype("float64") for arrays in zip(*parts))
        measures = _measure(layer, features, theta)
        if truth is not None and not reports:
            measures["correlation"] = _correlation(layer, theta, np.asarray(truth, "float64"))
        reports.append(Health(layer.name, gradient=norms.get(layer), **measures))
    return reports


@contextlib.contextmanager
def _watching(model: keras.Layer) -> Iterator[dict]:
    """While images go through a model, note the features and the theta of each of its transformers."""
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
        part = tuple(ops.convert_to_numpy(ops.cast(one, "float32")) for one in (features, found))
        seen.setdefault(layer, []).append(part)
        return found

    return theta


def _points(transform: str, theta: np.ndarray, layer: SpatialTransformer) -> np.ndarray:
    theta = ops.convert_to_tensor(theta, "float32")
    points = transform_points(theta, transform, SIDE, SIDE, layer.control_points, layer.align_corners, layer.aspect)
    return ops.convert_to_numpy(points).astype("float64")


def _area(points: np.ndarray) -> np.ndarray:
    """The signed area that the outer points of grids `(N, SIDE, SIDE, 2)` enclose."""
    edge = [points[:, 0, :-1], points[:, :-1, -1], points[:, -1, :0:-1], points[:, :0:-1, 0]]
    x, y = np.moveaxis(np.concatenate(edge, axis=1), -1, 0)
    return 0.5 * np.sum(x * np.roll(y, -1, axis=1) - np.roll(x, -1, axis=1) * y, axis=1)


def _measure(layer: SpatialTransformer, features: np.ndarray, theta: np.ndarray) -> dict:
    defined = np.isfinite(theta).all(axis=1)
    points = _points(layer.transform, np.where(defined[:, None], theta, 0), layer)[defined]
    identity = _points(layer.transform, transforms.identity(layer.transform, layer.control_points)[None], layer)
    if not len(points):
        points = identity
    middle = SIDE // 2
    right, down = points[:, middle, -1] - points[:, middle, 0], points[:, -1, middle] - points[:, 0, middle]
    mirrored = right[:, 0] * down[:, 1] - right[:, 1] * down[:, 0] < 0
    alive = np.ptp(features, axis=0) > 1e-6 * max(1.0, np.abs(features[np.isfinite(features)]).max(initial=0))
    return {
        "undefined": float(np.mean(~defined)),
        "outside": float(np.mean((np.abs(points) > 1 + 1e-5).any(axis=-1))),
        "zoom": float(np.median(np.abs(_area(points))) / np.abs(_area(identity))[0]),
        "spread": float(np.sqrt(points.var(axis=0).mean())),
        "flipped": float(np.mean(mirrored | (right[:, 0] + down[:, 1] < 0))),
        "away": float(np.sqrt(((points.mean(axis=0) - identity) ** 2).mean())),
        "alive": int(alive.sum()),
        "features": features.shape[1],
    }


def _correlation(layer: SpatialTransformer, theta: np.ndarray, truth: np.ndarray) -> float:
    """Over images, between the sampling points' coordinates and the true ones', on average."""
    families = {6: "affine", 8: "projective", theta.shape[1]: layer.transform}
    if truth.ndim != 2 or len(truth) != len(theta) or truth.shape[1] not in families:
        counts = " or ".join(str(count) for count in sorted(families))
        _checks.fail("truth", f"shape {truth.shape}", f"({len(theta)}, {counts})")
    found, true = (
        _points(transform, values, layer).reshape(len(theta), -1)
        for transform, values in ((layer.transform, theta), (families[truth.shape[1]], truth))
    )
    found, true = found - found.mean(axis=0), true - true.mean(axis=0)
    scale = np.sqrt((found**2).sum(axis=0) * (true**2).sum(axis=0))
    varies = np.sqrt((true**2).mean(axis=0)) > 1e-4
    correlations = (found * true).sum(axis=0) / np.where(scale > 1e-12, scale, np.inf)
    return float(correlations[varies].mean()) if varies.any() else np.nan


def _gradients(model: keras.Model, layers: list, images: np.ndarray, labels: Any) -> dict:
    """The norm of the gradient of the model's own loss in each head."""
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
    """After each epoch one line on the health of every transformer in the model, at the end the verdicts.

    :Convention: `images`, `truth` and `labels` as in `health`, some 100 of the validation set. `reports` keeps a list
        of `Health` for each epoch.

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
