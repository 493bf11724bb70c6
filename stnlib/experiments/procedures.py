"""How the runs of an experiment are trained and tested: what `measure` asks for, epoch by epoch."""

from __future__ import annotations

import keras
import numpy as np

from stnlib import training
from stnlib.datasets import Digits, load
from stnlib.distortions import DISTORTIONS
from stnlib.experiments import data

LEARNING_RATE = 1e-3


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
        model = run.network.build(DISTORTIONS[run.distortion], run.transform)
        rate = self.learning_rate
        if run.plan.schedule == "cosine":
            rate = keras.optimizers.schedules.CosineDecay(rate, run.epochs * self.steps)
        return training.compile(model, rate)

    def begin_epoch(self, model: keras.Model, epoch: int) -> None:
        """Prepare the network for an epoch: thaw a part of it, say."""

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
        """Tell what else a record holds about the trained network: the test images that it gets wrong."""
        return {"wrong": {name: wrong_answers(model, *test) for name, test in tests.items()}}


def wrong_answers(model: keras.Model, x: np.ndarray, y: np.ndarray) -> list[int]:
    """List the places of the images that a classifier gets wrong."""
    return np.flatnonzero(training.probabilities(model, x).argmax(axis=1) != y).tolist()
