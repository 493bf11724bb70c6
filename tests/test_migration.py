"""Weights from PyTorch: kernels by hand, the tutorial's network against what PyTorch gave and gives."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from stnlib import datasets, migration, transforms

IMAGES = 8


def answers(state, images):
    """theta and log-probabilities of the rebuilt network."""
    model = migration.tutorial()
    migration.move_weights(model, state)
    theta = ops.convert_to_numpy(model.get_layer("transformer").theta(images))
    return theta, ops.convert_to_numpy(ops.log_softmax(model(images)))


def test_the_rebuilt_network_answers_as_recorded_from_pytorch():
    record = migration.recorded()
    theta, found = answers(migration.random_state(0), datasets.load("uci").x_test[: len(record["theta"])])
    assert np.abs(theta - transforms.theta_from_torch(record["theta"])).max() <= 1e-5
    assert np.abs(found - record["log_probabilities"]).max() <= 1e-5
    assert theta.std(axis=0).min() > 0.01 and found.std(axis=0).min() > 0.01  # or anything would agree


@pytest.mark.parametrize("seed", [1, 2])
def test_the_rebuilt_network_answers_as_pytorch_does(seed):
    pytest.importorskip("torch", reason="PyTorch is in the backends environment")
    from tests.fixtures import torch_tutorial

    state = migration.random_state(seed)
    images = np.random.default_rng(seed).random((IMAGES, 28, 28, 1), "float32")
    theta, found = answers(state, images)
    expected_theta, expected = torch_tutorial.answers(state, images)
    assert np.abs(theta - transforms.theta_from_torch(expected_theta)).max() <= 1e-5
    assert np.abs(found - expected).max() <= 1e-5


def test_the_shapes_are_those_of_pytorchs_own_layers():
    pytest.importorskip("torch", reason="PyTorch is in the backends environment")
    from tests.fixtures import torch_tutorial

    theirs = {name: tuple(value.shape) for name, value in torch_tutorial.Net().state_dict().items()}
    assert {name: value.shape for name, value in migration.random_state().items()} == theirs


def test_a_dense_layer_behind_a_flatten_needs_its_rows_in_keras_order():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(2, 3, 4, 5)).astype("float32")  # (B, C, H, W)
    weight = rng.normal(size=(7, 60)).astype("float32")
    expected = features.reshape(2, -1) @ weight.T
    flat = layers.Flatten()(features.transpose(0, 2, 3, 1))
    found = ops.convert_to_numpy(flat) @ migration.kernel_from_torch(weight, (3, 4, 5))
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert np.abs(ops.convert_to_numpy(flat) @ migration.kernel_from_torch(weight) - expected).max() > 1


def test_a_layer_may_have_no_bias_and_a_model_that_does_not_fit_stays_as_it_was():
    layers = [keras.layers.Dense(2, use_bias=False, name="a"), keras.layers.Dense(2, name="b")]
    model = keras.Sequential([keras.Input((3,)), *layers])
    state = {"first.weight": np.ones((2, 3)), "second.weight": np.ones((2, 2)), "second.bias": np.ones(2)}
    before = model.get_weights()
    for names in ({"a": ("first", None), "b": ("first", None)}, {"a": ("first", None), "c": ("second", None)}):
        with pytest.raises(ValueError, match="expected"):
            migration.move_weights(model, state, names)
        assert all((one == other).all() for one, other in zip(before, model.get_weights(), strict=True))
    migration.move_weights(model, state, {"a": ("first", None), "b": ("second", None)})
    assert ops.convert_to_numpy(model(np.ones((1, 3), "float32"))).tolist() == [[7, 7]]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: migration.kernel_from_torch(np.zeros(3)), r"weight: expected \(out, in, H, W\) or \(out, in\)"),
        (lambda: migration.kernel_from_torch(np.zeros((2, 9)), (2, 2, 2)), "flattened: expected .* 9 numbers in all"),
        (lambda: migration.move_weights(keras.Sequential(), {}), "names: expected layers of the model"),
        (lambda: migration.move_weights(migration.tutorial(), {"a.weight": 0}), "state: expected .*localization.0"),
    ],
)
def test_what_does_not_fit_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
