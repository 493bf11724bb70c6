"""The experiments: one record each, with the networks that it measures. All else iterates over `EXPERIMENTS`."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping

import keras

from stnlib.distortions import DISTORTIONS, Distortion
from stnlib.experiments import networks, published
from stnlib.experiments.procedures import AsPublished, Classification
from stnlib.experiments.recipes import Recipe, Recipes
from stnlib.models import cnn, fcn


@dataclasses.dataclass(frozen=True)
class Model:
    """A network of an experiment: how it is built, called and drawn, and what is special about its training.

    `build(distortion, transform)` makes it for a record of `DISTORTIONS`; `transformer` tells whether the transform
    matters; `without` names the same network without one; `clean`: trained on undistorted images only; `time_of`:
    trained for as many epochs as fit into the processor time of the first of two (model, transform) pairs, where an
    epoch costs that of the second; `epochs`, where it is another number than the experiment's; `recipe` is for
    `recipes` only, and builds, too.
    """

    name: str
    label: str
    build: Callable[[Distortion, str | None], keras.Model] | None
    color: str
    marker: str
    transformer: bool = False
    without: str | None = None
    recipe: Recipe | None = None
    epochs: int | None = None
    clean: bool = False
    time_of: tuple[tuple[str, str | None], tuple[str, str | None]] | None = None


@dataclasses.dataclass(frozen=True)
class Experiment:
    """What is measured together, and how.

    `distortions` and `models` span its cells, `transforms` are those that its transformers are measured with.
    `doubled`: trained on the clean images and one fixed distorted copy of each, else on images distorted afresh in
    each epoch. `schedule` is that of the learning rate, a name of `SCHEDULES`. `tests` names the test sets.
    `datasets` are those that can be distorted, the first by default; `own_data` names those that a distortion has for
    itself. `published` holds errors in percent by (model, transform, distortion, test), each the mean of
    `published_seeds` runs. `procedure` trains and tests; `timed` tells whether a training step of its networks belongs
    into the benchmark of training.
    """

    name: str
    distortions: tuple[str, ...]
    models: tuple[Model, ...]
    epochs: int
    batch_size: int = 256
    schedule: str = "cosine"
    transforms: tuple[str, ...] = ("affine",)
    doubled: bool = False
    tests: tuple[str, ...] = ("distorted",)
    seeds: tuple[int, ...] = (0, 1, 2)
    datasets: tuple[str, ...] = ("mnist", "uci")
    own_data: Mapping[str, str] = dataclasses.field(default_factory=dict)
    published: Mapping[tuple, float] = dataclasses.field(default_factory=dict)
    published_seeds: int = 3
    procedure: type[Classification] = Classification
    timed: bool = True

    def model(self, name: str) -> Model:
        """Find a network by its name.

        >>> EXPERIMENTS["paper"].model("st_fcn").label
        'ST-FCN'
        """
        return next(model for model in self.models if model.name == name)

    def cells(self) -> list[tuple[str, str, str | None, str]]:
        """List what is measured: (experiment, model, transform, distortion), models in order.

        >>> len(EXPERIMENTS["clutter"].cells()), EXPERIMENTS["clutter"].cells()[-1]
        (4, ('clutter', 'st_cnn', 'affine', 'clutter'))
        """
        return [
            (self.name, model.name, transform, distortion)
            for model in self.models
            for distortion in self.distortions
            for transform in (self.transforms if model.transformer else (None,))
        ]

    def planned_epochs(self, model: str) -> int:
        """The number of epochs of a network's full measurement.

        >>> EXPERIMENTS["recipes"].planned_epochs("pose"), EXPERIMENTS["recipes"].planned_epochs("curriculum")
        (12, 40)
        """
        return self.model(model).epochs or self.epochs

    def dataset(self, distortion: str, wanted: str | None = None) -> str:
        """The data set that a distortion is measured on where `wanted` was asked for.

        >>> EXPERIMENTS["paper"].dataset("R"), EXPERIMENTS["paper"].dataset("R", "uci")
        ('mnist', 'uci')
        """
        return self.own_data.get(distortion) or wanted or self.datasets[0]

    def published_error(
        self, model: str, transform: str | None, distortion: str, test: str = "distorted"
    ) -> float | None:
        """Look up a published error in percent, or None.

        >>> EXPERIMENTS["paper"].published_error("st_cnn", "affine", "RTS")
        0.5
        """
        return self.published.get((model, transform, distortion, test))


_FCN = functools.partial(networks.article, fcn)
_CNN = functools.partial(networks.article, cnn)
_STN_FCN = functools.partial(networks.article_stn, "fcn")
_STN_CNN = functools.partial(networks.article_stn, "cnn")
ARTICLE = (
    Model("fcn_clean", "FCN clean", _FCN, "fcn_clean", "x", clean=True),
    Model("fcn_mixed", "FCN mixed", _FCN, "fcn_mixed", "s"),
    Model("cnn", "CNN", _CNN, "cnn", "^"),
    Model("stn_fcn", "STN+FCN", _STN_FCN, "stn_fcn", "o", transformer=True, without="fcn_mixed"),
    Model("stn_cnn", "STN+CNN", _STN_CNN, "stn_cnn", "D", transformer=True, without="cnn"),
    Model("cnn_wide", "wide CNN", networks.article_wide, "input", "v"),
    Model("cnn_long", "long CNN", _CNN, "neutral", "P", time_of=(("stn_cnn", "affine"), ("cnn", None))),
)

_paper = functools.partial(functools.partial, networks.paper)
_DENSE = {"classifier": networks.fcn_layers, "localization": networks.fcn_localization}
_CONVOLUTIONAL = {"classifier": networks.cnn_layers, "localization": networks.cnn_localization}
_PLAIN = (
    Model("fcn", "FCN", _paper(classifier=networks.fcn_layers), "fcn", "s"),
    Model("cnn", "CNN", _paper(classifier=networks.cnn_layers), "cnn", "^"),
)
_ST_FCN = Model("st_fcn", "ST-FCN", _paper(**_DENSE), "stn_fcn", "o", transformer=True, without="fcn")
_ST_CNN = Model("st_cnn", "ST-CNN", _paper(**_CONVOLUTIONAL), "stn_cnn", "D", transformer=True, without="cnn")
_ST2_FCN = Model("st2_fcn", "2 × ST-FCN", _paper(**_DENSE, transformers=2), "stn_cnn", "*", True, without="fcn")
PAPER = (*_PLAIN, _ST_FCN, _ST_CNN)
ADDITION = (*_PLAIN, _ST_FCN, _ST2_FCN)
PROTOCOL = (_PLAIN[0], _ST_FCN)


def _recipe(name: str, label: str, color: str, marker: str, epochs: int | None = None, **recipe) -> Model:
    """A recipe as a model of its experiment."""
    made = Recipe(**recipe)
    return Model(name, label, None, color, marker, made.transformer, recipe=made, epochs=epochs)


_TANH = {"features": "tanh", "padding_mode": "border"}
_BATCH = {"features": "batch", "padding_mode": "border", "slow": 0.5}
_GROWING = _TANH | {"slow": 0.3, "growing": 0.3}
_READER = _TANH | {"slow": 0.3, "frozen": 0.25, "reader_first": True}
_POSE = _TANH | {"slow": 0.1, "pose_epochs": 10}
RECIPES = (
    _recipe("cnn", "CNN alone", "cnn", "^", transformer=False),
    _recipe("cnn_curriculum", "CNN alone, growing distortion", "cnn", "v", transformer=False, growing=0.3),
    _recipe("cnn_augmented", "CNN alone, augmented", "cnn", "s", 24, transformer=False, augmented=True),
    _recipe("adam", "the usual way: Adam", "neutral", "x", 24),
    _recipe("head_01", "head's rate × 0.1", "neutral", "s", 24, slow=0.1, slowed="head"),
    _recipe("head_001", "head's rate × 0.01", "neutral", "D", 24, slow=0.01, slowed="head"),
    _recipe("slow_01", "SlowAdam × 0.1", "input", "s", 24, slow=0.1),
    _recipe("warm", "frozen for a third", "input", "x", 24, frozen=1 / 3),
    _recipe("penalty", "identity penalty", "input", "D", 24, penalty=0.1),
    _recipe("bounded", "bounded theta", "input", "P", 24, bound=1.0),
    _recipe("tanh", "tanh features, SlowAdam × 0.1", "grid", "s", 24, features="tanh", slow=0.1),
    _recipe("border", "tanh features, border, SlowAdam × 0.3", "grid", "o", 24, **_TANH, slow=0.3),
    _recipe("batch", "batch-normalised, border, SlowAdam × 0.5", "grid", "D", 24, **_BATCH),
    _recipe("reader", "reader first, SlowAdam × 0.3", "grid", "P", **_READER),
    _recipe("curriculum", "growing distortion", "stn_cnn", "D", **_GROWING),
    _recipe("curriculum_relu", "growing distortion, ReLU features", "stn_cnn", "x", **_GROWING | {"features": "relu"}),
    _recipe("curriculum_zeros", "growing distortion, zeros", "stn_cnn", "s", **_GROWING | {"padding_mode": "zeros"}),
    _recipe("curriculum_pooled", "growing distortion, pooled output", "stn_cnn", "P", **_GROWING, pooled=True),
    _recipe("curriculum_augmented", "growing distortion, augmented", "stn_cnn", "o", **_GROWING, augmented=True),
    _recipe("pose", "poses first", "stn_fcn", "o", 12, slow=0.1, pose_epochs=10),
    _recipe("pose_border", "poses first, tanh, border", "stn_fcn", "s", 12, **_POSE),
    _recipe("pose_tanh", "poses first, tanh, zeros", "stn_fcn", "D", 24, **_POSE | {"padding_mode": "zeros"}),
    _recipe("pose_augmented", "poses first, augmented", "stn_fcn", "P", 24, **_POSE, augmented=True),
    _recipe("pairs", "random warps first", "stn_fcn", "x", 24, **_POSE, pairs=True),
)

EXPERIMENTS = {
    experiment.name: experiment
    for experiment in (
        Experiment(
            "article",
            distortions=("article", "article_clutter"),
            models=ARTICLE,
            epochs=5,
            batch_size=32,
            schedule="constant",
            doubled=True,
            tests=("original", "distorted"),
            published=published.ARTICLE,
            published_seeds=1,
        ),
        Experiment(
            "paper",
            distortions=("RTS", "R", "P", "E"),
            models=PAPER,
            epochs=80,
            transforms=("affine", "projective", "tps"),
            published=published.PAPER,
        ),
        Experiment("clutter", ("clutter",), PAPER, epochs=80, published=published.CLUTTER),
        Experiment("addition", ("addition",), ADDITION, epochs=80, published=published.ADDITION),
        # the paper's P as its description can be understood, too
        Experiment("stretch", ("P_stretch",), PAPER, epochs=20, published=published.STRETCH),
        # as the paper trained: its optimizer, and as many images as its 150,000 steps of 256
        Experiment(
            "protocol",
            distortions=("R", "RTS", "P_stretch", "E"),
            models=PROTOCOL,
            epochs=640,
            schedule="steps",
            published=published.PROTOCOL,
            procedure=AsPublished,
            timed=False,
        ),
        Experiment(
            "recipes",
            distortions=("plates", "RTS", "clutter"),
            models=RECIPES,
            epochs=40,
            batch_size=64,
            transforms=("affine", "projective", "tps"),
            seeds=(0, 1, 2, 3, 4),
            own_data={"plates": "plates"},
            procedure=Recipes,
            timed=False,
        ),
    )
}


def same_networks(experiment: str, distortion: str) -> tuple[str, str]:
    """Name the experiment and the distortion that stand for all whose networks are the same, layer by layer.

    :Convention: those whose networks are among another's count as that one.

    >>> same_networks("paper", "E"), same_networks("protocol", "P_stretch"), same_networks("paper", "RTS")
    (('paper', 'R'), ('paper', 'R'), ('paper', 'RTS'))
    """
    models = EXPERIMENTS[experiment].models
    found = (
        (other.name, like)
        for other in EXPERIMENTS.values()
        if other.timed and all(model in other.models for model in models)
        for like in other.distortions
        if _shape(like) == _shape(distortion)
    )
    return next(found, (experiment, distortion))


def _shape(distortion: str) -> tuple:
    """What networks see of a distortion."""
    record = DISTORTIONS[distortion]
    return record.canvas, record.channels
