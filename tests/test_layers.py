import json
import subprocess
import sys
import warnings

import keras
import numpy as np
import pytest
from keras import layers, ops

import stnlib
from stnlib import transforms
from stnlib.layers import SpatialTransformer, TimeDistributed, identity_head


def array(tensor):
    return ops.convert_to_numpy(tensor)


def localization():
    return keras.Sequential([layers.Flatten(), layers.Dense(8, activation="relu")], name="look")


def images(batch=3, size=(8, 9), channels=2, seed=0):
    return np.random.default_rng(seed).normal(size=(batch, *size, channels)).astype("float32")


def bend(layer, seed=0):
    """Move the head away from the identity, so that a test sees the transform."""
    rng = np.random.default_rng(seed)
    for weight in layer.head.weights:
        weight.assign(array(weight.value) + rng.normal(size=weight.shape).astype("float32") * 0.05)


@pytest.mark.parametrize("transform", transforms.NAMES)
@pytest.mark.parametrize("align_corners", [False, True])
def test_every_transform_starts_as_the_exact_identity(transform, align_corners):
    layer = SpatialTransformer(localization(), transform, align_corners=align_corners)
    x = images()
    assert np.abs(array(layer(x)) - x).max() <= 1e-6 * 9 * np.ptp(x)
    theta = array(layer.theta(x))
    assert np.array_equal(theta, np.tile(transforms.identity(transform), (3, 1)))


def test_the_head_is_a_dense_layer_with_zero_kernel():
    layer = SpatialTransformer(localization())
    layer.build((None, 8, 8, 1))
    assert isinstance(layer.head, layers.Dense)
    assert not array(layer.head.kernel.value).any()
    assert array(layer.head.bias.value).tolist() == [1, 0, 0, 0, 1, 0]


def test_the_layer_is_theta_then_grid_then_sampler():
    layer = SpatialTransformer(
        localization(), output_size=(4, 5), mode="bicubic", padding_mode="border", align_corners=True
    )
    x = images()
    layer(x)
    bend(layer)
    grid = stnlib.affine_grid(layer.theta(x), (4, 5), align_corners=True)
    expected = stnlib.grid_sample(x, grid, "bicubic", "border", align_corners=True)
    assert np.abs(array(layer(x)) - array(expected)).max() < 1e-5


def test_theta_may_be_asked_before_the_layer_is_built():
    layer = SpatialTransformer(localization())
    assert layer.theta(images()).shape == (3, 6)
    assert np.abs(array(layer(images())) - images()).max() < 1e-4


@pytest.mark.parametrize(("output_size", "expected"), [(None, (8, 9)), ((4, 5), (4, 5)), ([1, 1], (1, 1))])
def test_output_shape(output_size, expected):
    layer = SpatialTransformer(localization(), output_size=output_size)
    assert layer.compute_output_shape((None, 8, 9, 2)) == (None, *expected, 2)
    assert layer(images()).shape == (3, *expected, 2)
    symbolic = layer(keras.Input((8, 9, 2)))
    assert tuple(symbolic.shape) == (None, *expected, 2)


LOAD = """
import sys, numpy as np, keras, stnlib
for case in sys.argv[1:]:
    stored = np.load(case + ".npz")
    found = keras.ops.convert_to_numpy(keras.models.load_model(case + ".keras")(stored["x"]))
    print(float(np.abs(found - stored["y"]).max()))
"""


def test_models_save_and_load_in_a_fresh_process_without_custom_objects(tmp_path):
    cases = []
    for name in transforms.NAMES:
        layer = SpatialTransformer(localization(), name, (5, 6), control_points=(3, 4), padding_mode="reflection")
        model = keras.Sequential([keras.Input((8, 9, 2)), layer])
        bend(layer)
        cases.append(str(tmp_path / name))
        model.save(cases[-1] + ".keras")
        np.savez(cases[-1] + ".npz", x=images(), y=array(model(images())))
    command = [sys.executable, "-c", LOAD, *cases]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-2000:]
    errors = [float(line) for line in run.stdout.split()]
    assert len(errors) == len(cases)
    assert max(errors) < 1e-5


def test_the_config_is_plain_and_round_trips():
    layer = SpatialTransformer(localization(), "tps", (4, 4), (2, 3), "bicubic", "border", True, name="eye")
    config = json.loads(json.dumps(layer.get_config()))
    again = SpatialTransformer.from_config(config)
    assert {**again.get_config(), "localization": 0} == {**layer.get_config(), "localization": 0}


def test_twice_in_one_functional_model_and_on_feature_maps():
    inputs = keras.Input((12, 12, 1))
    first = SpatialTransformer(localization())(inputs)
    features = layers.Conv2D(5, 3)(first)
    second = SpatialTransformer(localization(), "attention", output_size=(4, 4))(features)
    model = keras.Model(inputs, layers.Dense(3)(layers.Flatten()(second)))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, jit_compile=keras.backend.backend() == "jax")
    model.fit(images(4, (12, 12), 1), np.array([0, 1, 2, 0]), verbose=0)
    assert model.predict(images(2, (12, 12), 1), verbose=0).shape == (2, 3)


def test_in_a_subclassed_model():
    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self.transformer = SpatialTransformer(localization(), "similarity")
            self.classify = keras.Sequential([layers.Flatten(), layers.Dense(2)])

        def call(self, x):
            return self.classify(self.transformer(x))

    model = Net()
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(images(), np.array([0, 1, 0]), verbose=0)
    assert model.predict(images(), verbose=0).shape == (3, 2)


@pytest.fixture
def compiling():
    """Keras compiles nothing while TensorFlow is kept deterministic, as an experiment's test leaves it."""
    if keras.backend.backend() == "tensorflow":
        from tensorflow.python.framework import config

        config.disable_op_determinism()


@pytest.mark.usefixtures("compiling")
@pytest.mark.parametrize(("transform", "jit_compile"), [("projective", False), ("tps", True)])
def test_training_moves_theta(transform, jit_compile):
    if jit_compile and keras.backend.backend() == "torch":
        pytest.skip("Keras compiles nothing on PyTorch by default")
    keras.utils.set_random_seed(0)
    layer = SpatialTransformer(localization(), transform)
    model = keras.Sequential([keras.Input((8, 9, 2)), layer, layers.Flatten(), layers.Dense(2)])
    model.compile(keras.optimizers.Adam(0.01), "mse", jit_compile=jit_compile)
    assert model.jit_compile == jit_compile
    x = images(16)
    model.fit(x, np.zeros((16, 2)), epochs=2, batch_size=8, verbose=0)
    theta = array(layer.theta(x))
    assert np.isfinite(theta).all()
    assert np.abs(theta - transforms.identity(transform)).max() > 1e-4


def test_the_batch_may_differ_from_call_to_call_and_be_empty():
    model = keras.Sequential([keras.Input((8, 9, 2)), SpatialTransformer(localization())])
    for batch in (1, 5):
        assert model.predict(images(batch), verbose=0).shape == (batch, 8, 9, 2)
    assert model(images(0)).shape == (0, 8, 9, 2)


def test_mixed_precision_keeps_theta_and_grid_in_float32():
    """A ramp of 512 pixels: a float16 grid would be off by 0.06 pixels, 1e-4 of the range, and so would its theta."""
    policy = keras.dtype_policies.DTypePolicy("mixed_float16")
    layer = SpatialTransformer(localization(), dtype=policy)
    ramp = np.linspace(0, 1, 512, dtype="float32").reshape(1, 1, 512, 1)
    output = layer(ramp)
    assert "float16" in str(output.dtype)
    assert "float32" in str(layer.theta(ramp).dtype)
    assert np.abs(array(output).astype("float32") - ramp).max() <= 5e-4  # half a float16 step at 1


def both(localized=None, transform="affine", **options):
    """A layer that also returns theta, off the identity."""
    layer = SpatialTransformer(localized or localization(), transform, return_theta=True, name="eye", **options)
    layer.build((None, 8, 9, 2))
    bend(layer)
    return layer


@pytest.mark.parametrize("transform", transforms.NAMES)
def test_theta_comes_beside_the_images_and_is_the_one_that_moved_them(transform):
    layer, x = both(transform=transform, output_size=(5, 6)), images()
    output, theta = layer(x)
    np.testing.assert_array_equal(array(theta), array(layer.theta(x)))
    alone = SpatialTransformer.from_config({**layer.get_config(), "return_theta": False})
    alone.build((None, 8, 9, 2))
    alone.set_weights(layer.get_weights())
    np.testing.assert_allclose(array(output), array(alone(x)), atol=1e-6)
    shapes = layer.compute_output_shape((None, 8, 9, 2))
    assert shapes == ((None, 5, 6, 2), (None, transforms.parameter_count(transform)))
    assert shapes == tuple(tuple(spec.shape) for spec in layer(keras.Input((8, 9, 2))))


@pytest.mark.parametrize("dtype", ["float32", "mixed_float16"])
def test_a_functional_model_with_theta_as_an_output_trains_saves_and_loads(dtype, tmp_path):
    inputs = keras.Input((8, 9, 2))
    layer = both(dtype=keras.dtype_policies.DTypePolicy(dtype))
    output, theta = layer(inputs)
    assert (output.dtype, theta.dtype) == (dtype.removeprefix("mixed_"), "float32")
    answer = layers.Dense(2, dtype="float32")(layers.Flatten()(output))
    model = keras.Model(inputs, {"answer": answer, "theta": theta})
    model.compile("sgd", {"answer": "mse", "theta": None})
    model.fit(images(), {"answer": np.zeros((3, 2))}, verbose=0)
    model.save(tmp_path / "watched.keras")
    again = keras.models.load_model(tmp_path / "watched.keras")
    for name, value in model(images()).items():
        np.testing.assert_allclose(array(again(images())[name]), array(value), atol=1e-5)
    assert "float32" in str(again(images())["theta"].dtype)


def test_theta_in_a_subclassed_model():
    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self.transformer = both()
            self.classify = keras.Sequential([layers.Flatten(), layers.Dense(2)])

        def call(self, x):
            output, theta = self.transformer(x)
            self.add_loss(keras.ops.mean(theta**2))
            return self.classify(output)

    model = Net()
    model.compile("adam", "mse")
    before = array(model.transformer.theta(images()))
    model.fit(images(), np.zeros((3, 2)), verbose=0)
    assert np.abs(array(model.transformer.theta(images())) - before).max() > 0


@pytest.mark.parametrize("dtype", ["float32", "mixed_float16"])
def test_theta_of_every_frame_of_a_film(dtype, tmp_path):
    layer, film = both(dtype=keras.dtype_policies.DTypePolicy(dtype)), np.stack([images(seed=s) for s in range(4)], 1)
    wrapped = TimeDistributed(layer)
    output, theta = wrapped(film)
    near = 1e-5 if dtype == "float32" else 2e-2
    for time in range(4):
        np.testing.assert_allclose(array(theta)[:, time], array(layer.theta(film[:, time])), atol=near)
        np.testing.assert_allclose(array(output)[:, time], array(layer(film[:, time])[0]), atol=near)
    assert wrapped.compute_output_shape((None, 4, 8, 9, 2)) == ((None, 4, 8, 9, 2), (None, 4, 6))
    inputs = keras.Input((None, 8, 9, 2))
    outputs = wrapped(inputs)
    assert [spec.dtype for spec in outputs] == [dtype.removeprefix("mixed_"), "float32"]
    model = keras.Model(inputs, outputs)
    model.save(tmp_path / "film.keras")
    found = keras.models.load_model(tmp_path / "film.keras").predict(film, verbose=0)
    np.testing.assert_allclose(found[1], array(theta), atol=near)


def channels_first(x):
    return np.moveaxis(x, -1, 1)


@pytest.fixture
def keras_channels_first():
    keras.config.set_image_data_format("channels_first")
    yield
    keras.config.set_image_data_format("channels_last")


@pytest.mark.parametrize("size", [None, (5, 6)])
def test_channels_first_does_what_channels_last_does(size, tmp_path):
    last = both(output_size=size, padding_mode="border")
    body = keras.Sequential([layers.Flatten(data_format="channels_first"), layers.Dense(8, activation="relu")])
    first = SpatialTransformer(
        body, output_size=size, padding_mode="border", return_theta=True, data_format="channels_first"
    )
    model = keras.Sequential([keras.Input((2, 8, 9)), first])
    first.set_weights(last.get_weights())
    x = images()
    output, theta = last(x)
    found = model.predict(channels_first(x), verbose=0)
    np.testing.assert_allclose(found[0], channels_first(array(output)), atol=1e-5)
    np.testing.assert_allclose(found[1], array(theta), atol=1e-5)
    assert model.output_shape[0] == (None, 2, *(size or (8, 9)))
    model.save(tmp_path / "first.keras")
    again = keras.models.load_model(tmp_path / "first.keras")
    np.testing.assert_allclose(again.predict(channels_first(x), verbose=0)[0], found[0], atol=1e-5)


@pytest.mark.usefixtures("keras_channels_first")
def test_the_layer_follows_the_data_format_of_keras():
    layer = SpatialTransformer(layers.Flatten())
    assert layer.data_format == "channels_first"
    assert layer.compute_output_shape((None, 3, 28, 20)) == (None, 3, 28, 20)
    x = channels_first(images(channels=3, size=(28, 20)))
    np.testing.assert_allclose(array(layer(x)), x, atol=1e-4)
    assert SpatialTransformer(layers.Flatten(), data_format="channels_last").data_format == "channels_last"


@pytest.mark.parametrize("transform", ["rigid", "similarity"])
def test_with_an_aspect_a_rotation_is_one_in_pixels(transform):
    """Where the corners of a 48 x 188 frame are read, in pixels: distances stay, with aspect 1 they do not."""
    theta = {"rigid": [[0.4, 0.1, -0.2]], "similarity": [[1, 0.4, 0.1, -0.2]]}[transform]
    corners = np.array([[-1, -1, 1], [1, -1, 1], [1, 1, 1], [-1, 1, 1]])
    half = np.array([94, 24])
    for aspect, kept in ((188 / 48, True), (1.0, False)):
        read = corners @ array(transforms.matrix(transform, theta, aspect))[0].T * half
        lengths = np.linalg.norm(read - np.roll(read, 1, axis=0), axis=1)
        assert np.allclose(lengths, [48, 188, 48, 188], atol=1e-3) == kept
    centre = read.mean(axis=0)
    np.testing.assert_allclose(centre, np.array([0.1, -0.2]) * half, atol=1e-3)


def test_the_layer_rotates_in_pixels_and_keeps_its_aspect(tmp_path):
    layer = SpatialTransformer(layers.Flatten(), "rigid", aspect=3)
    x = np.zeros((1, 9, 27, 1), "float32")
    x[0, 4, 8:19] = 1  # a horizontal bar of 11 pixels
    model = keras.Sequential([keras.Input((9, 27, 1)), layer])
    layer.head.bias.assign(np.array([np.pi / 2, 0, 0], "float32"))
    turned = array(model(x))[0, :, :, 0]
    np.testing.assert_allclose(turned[:, 13], 1, atol=1e-4)  # a vertical bar, as thin as before
    assert np.abs(np.delete(turned, 13, axis=1)).max() < 1e-4
    model.save(tmp_path / "turned.keras")
    again = keras.models.load_model(tmp_path / "turned.keras")
    np.testing.assert_allclose(array(again(x))[0, :, :, 0], turned, atol=1e-6)


def test_whole_numbers_are_refused_when_the_model_is_drawn():
    with pytest.raises(ValueError, match=r"images: expected floating-point .*Rescaling.*got dtype uint8"):
        SpatialTransformer(localization())(keras.Input((8, 9, 2), dtype="uint8"))


@keras.saving.register_keras_serializable(package="tests")
class Unbuilt(keras.layers.Layer):
    """A localization written by hand, without `build`."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.parts = [layers.Flatten(), layers.Dense(4, activation="tanh")]

    def call(self, x):
        return self.parts[1](self.parts[0](x))


@keras.saving.register_keras_serializable(package="tests")
class UnbuiltModel(keras.Model):
    """The same as a subclassed model."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.flatten, self.dense = layers.Flatten(), layers.Dense(4, activation="tanh")

    def call(self, x):
        return self.dense(self.flatten(x))


@pytest.mark.parametrize("build", [Unbuilt, UnbuiltModel])
def test_a_localization_without_build_is_built_without_a_warning(build, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        model = keras.Sequential([keras.Input((8, 9, 2)), both(build())])
        model.save(tmp_path / "unbuilt.keras")
        again = keras.models.load_model(tmp_path / "unbuilt.keras")
    assert len(model.trainable_variables) == 4
    for one, other in zip(model(images()), again(images())):
        np.testing.assert_allclose(array(one), array(other), atol=1e-6)


@pytest.mark.tensorflow
def test_export_to_savedmodel(tmp_path):
    import tensorflow as tf

    layer = SpatialTransformer(localization(), "tps")
    model = keras.Sequential([keras.Input((8, 9, 2)), layer])
    bend(layer)
    model.export(tmp_path / "served", verbose=False)
    served = tf.saved_model.load(str(tmp_path / "served"))
    for batch in (1, 4):
        x = images(batch)
        assert np.abs(array(served.serve(x)) - array(model(x))).max() < 1e-5


def test_the_functions_draw_functional_models_that_save_and_load(tmp_path):
    inputs, theta = keras.Input((8, 9, 2)), keras.Input((6,))
    grid = stnlib.affine_grid(theta, (4, 5))
    model = keras.Model([inputs, theta], stnlib.grid_sample(inputs, grid, padding_mode="border"))
    assert model.output_shape == (None, 4, 5, 2)
    model.save(tmp_path / "drawn.keras")
    x, numbers = images(), np.tile(np.float32([1, 0.1, 0, 0, 0.9, 0.1]), (3, 1))
    again = keras.models.load_model(tmp_path / "drawn.keras")
    assert np.abs(array(again([x, numbers])) - array(model([x, numbers]))).max() < 1e-6


class Bad(keras.layers.Layer):
    def call(self, x):
        return x


class Two(keras.layers.Layer):
    def call(self, x):
        return [keras.ops.mean(x, axis=(2, 3)), keras.ops.max(x, axis=(2, 3))]


@pytest.mark.parametrize("transform", ["affine", "tps"])
def test_a_head_alone_saves_and_loads_and_is_cloned_as_the_identity(transform, tmp_path):
    model = keras.Sequential([keras.Input((5,)), identity_head(transform, (2, 3))])
    model.layers[0].bias.assign(array(model.layers[0].bias.value) + 0.5)
    model.save(tmp_path / "head.keras")
    again = keras.models.load_model(tmp_path / "head.keras")
    x = np.ones((2, 5), "float32")
    identity = np.tile(transforms.identity(transform, (2, 3)), (2, 1))
    np.testing.assert_array_equal(array(again(x)), identity + np.float32(0.5))
    np.testing.assert_array_equal(array(keras.models.clone_model(again)(x)), identity)


@pytest.mark.parametrize("built", [False, True])
def test_whole_numbers_are_refused_and_not_cut_off(built):
    layer = SpatialTransformer(layers.Flatten())
    if built:
        layer.build((None, 4, 4, 1))
    with pytest.raises(ValueError, match="images: expected floating-point numbers"):
        layer(np.arange(16, dtype="uint8").reshape(1, 4, 4, 1))


def test_a_built_layer_asks_for_a_batch_of_images():
    layer = SpatialTransformer(layers.Flatten())
    layer.build((None, 4, 4, 1))
    with pytest.raises(ValueError, match="images: expected 4 axes"):
        layer(np.zeros((4, 4, 1), "float32"))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: SpatialTransformer(lambda x: x), "localization: expected a Keras layer or model, got function"),
        (lambda: SpatialTransformer(localization(), "shear"), "transform: expected one of"),
        (lambda: SpatialTransformer(localization(), output_size=5), "output_size: expected two whole numbers"),
        (lambda: SpatialTransformer(localization(), control_points=(1, 1)), "control_points: expected .* >= 2"),
        (lambda: SpatialTransformer(localization(), mode="cubic"), "mode: expected one of"),
        (lambda: SpatialTransformer(localization(), padding_mode=None), "padding_mode: expected one of"),
        (lambda: SpatialTransformer(localization(), align_corners="no"), "align_corners: expected True or False"),
        (lambda: SpatialTransformer(localization(), return_theta=1), "return_theta: expected True or False"),
        (
            lambda: SpatialTransformer(localization(), data_format="last"),
            "data_format: expected one of 'channels_last'",
        ),
        (lambda: SpatialTransformer(localization()).build((None, 8, 8)), r"images: expected \(B, H, W, C\)"),
        (lambda: SpatialTransformer(localization()).build((None, None, 8, 1)), "output_size: expected .height, width."),
        (lambda: SpatialTransformer(Bad()).build((None, 8, 8, 1)), r"localization: expected features \(B, F\)"),
        (lambda: SpatialTransformer(Two()).build((None, 8, 8, 1)), r"localization: expected features .*got a list"),
    ],
)
def test_bad_arguments_are_named_on_one_line(call, message):
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)
