"""How the runs of an experiment are trained and tested: what `measure` asks for, epoch by epoch."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np

from stnlib import training
from stnlib.datasets import Digits, load
from stnlib.distortions import DISTORTIONS
from stnlib.experiments import data, files

LEARNING_RATE = 1e-3
FALLS = (50_000, 100_000)  # the steps after which the paper's learning rate is a tenth
Rate = float | keras.optimizers.schedules.LearningRateSchedule


def falling(rate: float, steps: int) -> Rate:
    """A rate that falls as the paper's does; Keras counts steps from 0 and lets a value hold up to its boundary.

    >>> [round(float(falling(1.0, 150_000)(step)), 2) for step in (49_999, 50_000, 100_000)]
    [1.0, 0.1, 0.01]
    """
    rates = [rate / 10**times for times in range(len(FALLS) + 1)]
    return keras.optimizers.schedules.PiecewiseConstantDecay([fall - 1 for fall in FALLS], rates)


SCHEDULES: dict[str, Callable[[float, int], Rate]] = {  # of the first learning rate and the run's number of steps
    "constant": lambda rate, steps: rate,
    "cosine": keras.optimizers.schedules.CosineDecay,
    "steps": falling,
}


@keras.saving.register_keras_serializable(package="stnlib")
class Later(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule of which `done` steps have been taken.

    >>> float(Later(keras.optimizers.schedules.CosineDecay(1.0, 10), done=5)(0))
    0.5
    """

    def __init__(self, schedule: keras.optimizers.schedules.LearningRateSchedule, done: int):
        self.schedule, self.done = schedule, done

    def __call__(self, step):
        """The learning rate at a step of this optimizer."""
        return self.schedule(step + self.done)

    def get_config(self) -> dict:
        """Everything that `from_config` needs, as plain values."""
        return {"schedule": keras.optimizers.schedules.serialize(self.schedule), "done": self.done}

    @classmethod
    def from_config(cls, config: dict) -> Later:
        """The schedule that has this configuration."""
        return cls(keras.optimizers.schedules.deserialize(config["schedule"]), config["done"])


class Classification:
    """Trains a classifier of distorted digits; other kinds of experiments override what they do otherwise."""

    learning_rate = LEARNING_RATE

    def __init__(self, run, source: Digits):
        self.run, self.source = run, source

    @staticmethod
    def load(run) -> Digits:
        """Load the images that a run starts from."""
        return load(run.dataset)

    @property
    def steps(self) -> int:
        """The number of steps of one epoch."""
        return self.run.steps(len(self.source.x_train[: self.run.train_size]))

    def model(self) -> keras.Model:
        """Build and compile the network."""
        run = self.run
        return training.compile(run.network.build(DISTORTIONS[run.distortion], run.transform), self.optimizer())

    def rate(self, epoch: int = 0) -> Rate:
        """The learning rate, or the experiment's schedule of it, for an optimizer that begins in an epoch."""
        rate = SCHEDULES[self.run.plan.schedule](self.learning_rate, self.run.epochs * self.steps)
        return Later(rate, epoch * self.steps) if epoch and callable(rate) else rate

    def optimizer(self) -> keras.optimizers.Optimizer:
        """The optimizer, with its schedule."""
        return keras.optimizers.Adam(self.rate())

    def begin_epoch(self, model: keras.Model, epoch: int) -> None:
        """Prepare the network for an epoch, for example by unfreezing a part of it."""

    def restore(self, model: keras.Model, epoch: int) -> None:
        """Bring the optimizer to the form that it had in an epoch, before its checkpoint is read."""

    def training_set(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """Make the training images and labels of an epoch, in the order in which they are used."""
        return data.training_set(self.run, self.source, epoch)

    def test_sets(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Make the fixed test sets, by name."""
        return data.test_sets(self.run, self.source)

    def errors(self, model: keras.Model, tests: dict) -> dict[str, float]:
        """Measure the shares of wrong answers on the test sets."""
        return {name: 1 - training.accuracy(model, *test) for name, test in tests.items()}

    def checksum(self) -> str:
        """Identify the test sets."""
        return data.checksum(self.run, self.source)

    def describe(self, model: keras.Model, tests: dict) -> dict:
        """Tell what else a record holds about the trained network: which test images it gets wrong."""
        return {"wrong": {name: files.packed(wrong_answers(model, *test)) for name, test in tests.items()}}


class AsPublished(Classification):
    """Trains as the paper describes it, by plain gradient descent."""

    learning_rate = 1e-2

    def optimizer(self) -> keras.optimizers.Optimizer:
        """The optimizer, with its schedule."""
        return keras.optimizers.SGD(self.rate())


def wrong_answers(model: keras.Model, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Mark the images of which a classifier gets any label wrong, True for each."""
    missed = training.probabilities(model, x).argmax(axis=-1) != y
    return missed.reshape(len(x), -1).any(axis=1)
