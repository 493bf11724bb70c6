"""Training: repeatable, learns, records theta."""

import keras
import numpy as np
import pytest

from stnlib import models, training
from stnlib.datasets import load


@pytest.fixture(scope="module")
def digits():
    data = load("uci")
    return data.x_train[:320], data.y_train[:320], data.x_test, data.y_test


def trained(digits, build=models.fcn, seed=0, **options):
    training.set_seed(seed)
    model = training.compile(build())
    history = training.fit(model, *digits[:2], epochs=2, seed=seed, **options)
    return model, history


def test_fit_learns_and_prints_one_line(digits, capsys):
    model, history = trained(digits)
    line = capsys.readouterr().out
    assert line.count("\n") == 1 and line.startswith("fcn: epoch 1 2, training accuracy 0.")
    assert history.history["loss"][-1] < history.history["loss"][0]
    assert training.accuracy(model, *digits[2:]) > 0.5


@pytest.mark.parametrize(("epochs", "shown"), [(15, "1 2 3"), (16, "2 4 6"), (45, "3 6 9"), (47, "4 8 12")])
def test_the_line_names_at_most_sixteen_epochs(digits, capsys, epochs, shown):
    model = training.compile(keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)]))
    training.fit(model, np.ones((4, 2), "float32"), np.zeros(4), epochs=epochs)
    numbers = capsys.readouterr().out.split("epoch ")[1].split(",")[0]
    assert numbers.startswith(shown + " ") and numbers.endswith(f" {epochs}")
    assert len(numbers.split()) <= 16


def test_the_seed_decides(digits):
    weights = [np.concatenate([w.ravel() for w in trained(digits, seed=s)[0].get_weights()]) for s in (0, 0, 1)]
    np.testing.assert_allclose(weights[0], weights[1], atol=1e-5)
    assert np.abs(weights[0] - weights[2]).max() > 0.01


def test_probabilities_and_accuracy(digits):
    model, _ = trained(digits)
    p = training.probabilities(model, digits[2])
    assert p.shape == (360, 10) and p.min() >= 0
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-5)
    assert training.accuracy(model, digits[2], p.argmax(axis=1)) == 1
    assert training.accuracy(model, digits[2], (p.argmax(axis=1) + 1) % 10) == 0


def test_labels_may_stand_in_a_column_but_not_in_a_table(digits):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Identity()])
    assert training.accuracy(model, np.eye(3), [[0], [1], [2]]) == 1
    with pytest.raises(ValueError, match="y: expected one label for each of 3 images"):
        training.accuracy(model, np.eye(3), np.eye(3))


@pytest.mark.parametrize("epochs", [0, 1.5, True])
def test_epochs_are_counted(digits, epochs):
    with pytest.raises(ValueError, match="epochs: expected a whole number"):
        training.fit(training.compile(models.fcn()), *digits[:2], epochs=epochs)


@pytest.mark.skipif(keras.backend.backend() == "torch", reason="PyTorch draws dropout from the global seed")
def test_dropout_follows_the_seed_of_the_making_not_of_the_fit(digits):
    """As the docstring of `fit` says: without dropout a second fit from the same weights ends alike."""
    ends = []
    for rate in (0.0, 0.5):
        layers = [keras.layers.Flatten(), keras.layers.Dropout(rate), keras.layers.Dense(10)]
        model = keras.Sequential([keras.Input((28, 28, 1)), *layers])
        start = model.get_weights()
        for _ in range(2):
            model.set_weights(start)
            training.fit(training.compile(model), *digits[:2], epochs=1, seed=0)
            ends.append(model.get_weights()[0])
    np.testing.assert_allclose(ends[0], ends[1], atol=1e-6)
    assert np.abs(ends[2] - ends[3]).max() > 1e-4


def test_theta_history_begins_at_the_identity(digits):
    watch = training.ThetaHistory(digits[2][:5])
    trained(digits, models.stn, callbacks=[watch])
    assert [theta.shape for theta in watch.thetas] == [(5, 6)] * 3
    np.testing.assert_array_equal(watch.thetas[0], np.tile([1, 0, 0, 0, 1, 0], (5, 1)))
    assert np.abs(watch.thetas[-1] - watch.thetas[0]).max() > 1e-3


def test_learning_rate_is_an_option():
    model = training.compile(models.fcn(), learning_rate=0.5)
    assert float(keras.ops.convert_to_numpy(model.optimizer.learning_rate)) == 0.5
