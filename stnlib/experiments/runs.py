"""What there is to measure: the list of runs, and what identifies each."""

from __future__ import annotations

import dataclasses
import math

from stnlib import _checks
from stnlib.experiments.catalog import EXPERIMENTS, Experiment, Model


@dataclasses.dataclass(frozen=True)
class Run:
    """All that decides a result: the same Run gives the same numbers."""

    experiment: str
    model: str
    transform: str | None
    distortion: str
    seed: int
    epochs: int
    dataset: str = "mnist"
    train_size: int | None = None

    @property
    def name(self) -> str:
        """The run's file name, without ending.

        >>> Run("paper", "st_cnn", "affine", "RTS", seed=0, epochs=80).name
        'paper-RTS-st_cnn-affine-80-epochs-seed-0'
        """
        parts = [self.experiment, self.distortion, self.model, self.transform, self.epochs, "epochs", "seed", self.seed]
        if self.dataset != "mnist":
            parts.append(self.dataset)
        if self.train_size is not None:
            parts += ["of", self.train_size]
        return "-".join(str(part) for part in parts if part is not None)

    @property
    def plan(self) -> Experiment:
        """The record of its experiment.

        >>> Run("clutter", "cnn", None, "clutter", seed=0, epochs=80).plan.batch_size
        256
        """
        return EXPERIMENTS[self.experiment]

    @property
    def network(self) -> Model:
        """The record of its network.

        >>> Run("clutter", "cnn", None, "clutter", seed=0, epochs=80).network.label
        'CNN'
        """
        return self.plan.model(self.model)

    def steps(self, digits: int) -> int:
        """Count the steps of an epoch for a number of training digits; the article adds a distorted copy of each.

        >>> Run("article", "cnn", None, "article", seed=0, epochs=5).steps(60_000)
        3750
        """
        doubled = self.plan.doubled and not self.network.clean
        return math.ceil(digits * (1 + doubled) / self.plan.batch_size)

    @property
    def command(self) -> str:
        """The command that repeats the run.

        >>> Run("article", "cnn", None, "article", seed=1, epochs=5).command
        'python -m stnlib.experiments article --model cnn --distortion article --epochs 5 --seed 1 --dataset mnist'
        """
        words = ["python -m stnlib.experiments", self.experiment]
        for option in ("model", "transform", "distortion", "epochs", "seed", "dataset", "train_size"):
            if getattr(self, option) is not None:
                words += [f"--{option.replace('_', '-')}", str(getattr(self, option))]
        return " ".join(words)


def select(
    experiment: str,
    model: str | None = None,
    transform: str | None = None,
    distortion: str | None = None,
    seed: int | None = None,
    epochs: int | None = None,
    dataset: str | None = None,
    train_size: int | None = None,
) -> list[Run]:
    """List the runs of one experiment; what is None stands for all of its kind, or for the record's own value.

    :Convention: `seed` None is 0; `dataset` says which digits, `mnist` by default.
    :Errors: ValueError where nothing fits.

    >>> [run.name for run in select("paper", "st_fcn", "tps", "E", 0)]
    ['paper-E-st_fcn-tps-80-epochs-seed-0']
    """
    plan = EXPERIMENTS[_checks.choice(experiment, "experiment", EXPERIMENTS)]
    asked = {"model": model, "transform": transform, "distortion": distortion, "seed": seed or 0, "dataset": dataset}
    found = _fitting(plan, **asked, epochs=epochs, train_size=train_size)
    if not found:
        raise ValueError(nothing_fits(experiment, **asked))
    return found


def everything(experiment: str | None = None, seed: int | None = None, **options) -> list[Run]:
    """List all runs, or those of one experiment or one seed, in the order in which they are worth having.

    :Convention: a seed at a time, in the order of `EXPERIMENTS`; transformers of other kinds than affine come last.
        `options` are the others of `select`; what does not fit them is left out.

    >>> everything()[0].name
    'article-article-fcn_clean-5-epochs-seed-0'
    """
    plans = [plan for plan in EXPERIMENTS.values() if experiment in (None, plan.name)]
    seeds = sorted({each for plan in plans for each in plan.seeds if seed in (None, each)})
    listed = [run for each in seeds for plan in plans for run in _fitting(plan, each, **options)]
    return sorted(listed, key=lambda run: (run.seed, run.transform not in (None, "affine")))


def nothing_fits(experiment: str, **asked) -> str:
    """Say that no run is what was asked for.

    >>> nothing_fits("clutter", model="st2_fcn", transform=None, seed=0)
    'clutter: no run fits model st2_fcn, seed 0'
    """
    return f"{experiment}: no run fits " + ", ".join(f"{n} {value}" for n, value in asked.items() if value is not None)


def _fitting(
    plan: Experiment,
    seed: int,
    model: str | None = None,
    transform: str | None = None,
    distortion: str | None = None,
    epochs: int | None = None,
    dataset: str | None = None,
    train_size: int | None = None,
) -> list[Run]:
    """The runs of an experiment that fit, in the order of its cells; none for a seed or a data set that it lacks."""
    return [
        Run(plan.name, m, t, d, seed, epochs or plan.planned_epochs(m), plan.dataset(d, dataset), train_size)
        for _, m, t, d in plan.cells()
        if model in (None, m) and transform in (None, t) and distortion in (None, d)
        if seed in plan.seeds and (d in plan.own_data or dataset in (None, *plan.datasets))
    ]
