import keras
import numpy as np
import pytest
from keras import layers, ops

import stnlib
from stnlib.optimizers import SlowAdam


def model():
    keras.utils.set_random_seed(0)
    look = keras.Sequential([layers.Flatten(), layers.Dense(4)])
    return keras.Sequential(
        [keras.Input((6, 6, 1)), stnlib.SpatialTransformer(look, name="transformer"), layers.Flatten(), layers.Dense(3)]
    )


def first_step(net, optimizer, **options):
    """How far each weight moves in one step of training, by its place in the model."""
    before = [ops.convert_to_numpy(weight.value) for weight in net.trainable_variables]
    net.compile(optimizer, "mse", **options)
    x = np.random.default_rng(0).normal(size=(8, 6, 6, 1)).astype("float32")
    net.train_on_batch(x, np.ones((8, 3), "float32"))
    after = [ops.convert_to_numpy(weight.value) for weight in net.trainable_variables]
    return [np.abs(b - a).max() for a, b in zip(before, after, strict=True)]


@pytest.mark.parametrize("jit_compile", [False, "auto"])
def test_only_the_slow_layer_takes_shorter_steps(jit_compile):
    plain, slow = model(), model()
    usual = first_step(plain, keras.optimizers.Adam(0.01), jit_compile=jit_compile)
    optimizer = SlowAdam(slow.get_layer("transformer"), factor=0.1, learning_rate=0.01)
    found = first_step(slow, optimizer, jit_compile=jit_compile)
    localized = {weight.path for weight in slow.get_layer("transformer").trainable_variables}
    for weight, a, b in zip(slow.trainable_variables, usual, found, strict=True):
        assert b == pytest.approx(a * (0.1 if weight.path in localized else 1), rel=1e-3, abs=1e-8)
    assert max(usual) == pytest.approx(0.01, rel=1e-2)  # the first step of Adam is the learning rate


def test_scaling_the_gradient_instead_does_nothing_under_adam():
    """Why the class exists: a tenth of the gradient, the same step."""
    weight = keras.Variable([1.0])
    steps = []
    for scale in (1.0, 0.1):
        weight.assign([1.0])
        keras.optimizers.Adam(0.01).apply([ops.convert_to_tensor([2.0 * scale])], [weight])
        steps.append(1 - float(ops.convert_to_numpy(weight.value)[0]))
    assert steps[0] == pytest.approx(steps[1], rel=1e-4)


def test_a_compiled_model_keeps_its_slow_weights_when_saved(tmp_path):
    net = model()
    net.compile(SlowAdam(net.get_layer("transformer"), factor=0.2), "mse")
    net.save(tmp_path / "net.keras")
    optimizer = keras.models.load_model(tmp_path / "net.keras").optimizer
    assert optimizer.factor == 0.2
    assert optimizer.slow == [0, 1, 2, 3]


@pytest.mark.parametrize("trained", [False, True])
def test_a_loaded_model_still_takes_shorter_steps(trained, tmp_path):
    net = model()
    net.compile(SlowAdam(net.get_layer("transformer"), factor=0.1, learning_rate=0.01), "mse")
    if trained:
        net.optimizer.build(net.trainable_variables)
    net.save(tmp_path / "net.keras")
    again = keras.models.load_model(tmp_path / "net.keras")
    assert {weight.path for weight in again.trainable_variables} != {weight.path for weight in net.trainable_variables}
    head = again.get_layer("transformer").head
    before = [ops.convert_to_numpy(weight.value) for weight in again.trainable_variables]
    again.optimizer.apply([ops.ones(weight.shape) for weight in again.trainable_variables], again.trainable_variables)
    steps = [np.abs(ops.convert_to_numpy(w.value) - b).max() for w, b in zip(again.trainable_variables, before)]
    slow = {id(weight) for weight in again.get_layer("transformer").trainable_variables}
    assert id(head.bias) in slow
    for weight, step in zip(again.trainable_variables, steps, strict=True):
        assert step == pytest.approx(0.001 if id(weight) in slow else 0.01, rel=1e-2)


@pytest.mark.parametrize("path", ["nothing/here", "twice"])
def test_a_path_must_name_one_trained_weight(path):
    weights = [keras.Variable([1.0], name="twice"), keras.Variable([1.0], name="twice")]
    with pytest.raises(ValueError, match=f"slow: expected weights that are trained, each once.* got '{path}'"):
        SlowAdam([path]).build(weights)


def test_a_transformer_with_only_its_localization_built_is_refused():
    """Its head has no weights yet, and would learn at the full rate without a word."""
    look = keras.Sequential([keras.Input((6, 6, 1)), layers.Flatten(), layers.Dense(4)])
    with pytest.raises(ValueError, match=r"slow: expected a built layer .*call the model once"):
        SlowAdam(stnlib.SpatialTransformer(look))


def test_a_frozen_layer_must_be_unfrozen_first():
    net = model()
    transformer = net.get_layer("transformer")
    transformer.trainable = False
    with pytest.raises(ValueError, match=r"slow: .*unfreeze first: trainable = True.*'transformer', frozen"):
        SlowAdam(transformer)
    transformer.trainable = True
    optimizer = SlowAdam(transformer)
    transformer.trainable = False
    with pytest.raises(ValueError, match=r"slow: .*Unfreeze it first, or make SlowAdam anew"):
        optimizer.build(net.trainable_variables)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((layers.Flatten(),), "slow: expected a built layer with weights to train"),
        ((3,), "slow: expected a built layer"),
        ((["head/kernel"], 0), "factor: expected a number above 0, got 0"),
        ((["head/kernel"], "slow"), "factor: expected a number above 0"),
        ((["head/kernel"], np.inf), "factor: expected a number above 0, got inf"),
        (([],), "slow: expected a built layer"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        SlowAdam(*arguments)


def test_weight_decay_is_refused():
    with pytest.raises(ValueError, match="weight_decay: expected None"):
        SlowAdam(["head/kernel"], weight_decay=0.1)


def test_a_factor_of_numpy_will_do():
    assert SlowAdam(["head/kernel"], np.float32(0.5)).factor == 0.5
