"""The networks of the page: what was measured of them holds what the book says, and how they are trained."""

import json

import keras
import numpy as np
import pytest
from keras import layers

from stnlib import datasets, models
from stnlib.experiments import page
from stnlib.layers import SpatialTransformer
from stnlib.widgets import DigitReader
from stnlib.widgets.reader import networks
from tests.packed import unpack

pytestmark = pytest.mark.repository
AT_ONCE = "STN+CNN at once"
WAYS = [str(way * size) for size in page.ROTATIONS for way in (1, -1)]


def record(name):
    """What was measured of a packaged network."""
    return networks.packaged()[name]["measured"]


def test_rotations_from_30_to_60_degrees_were_measured_on_the_whole_test_set():
    assert (page.ROTATIONS[0], page.ROTATIONS[-1]) == (30, 60)
    assert set(networks.packaged()) == set(page.NETWORKS)
    for name, network in networks.packaged().items():
        assert record(name)["test_images"] == 10_000
        assert set(record(name)["accuracy"]) == {"0", *WAYS}
        assert network["parameters"] == page.build(name).count_params() and network["rotation"] == page.ROTATION


@pytest.mark.parametrize("name", ["STN+FCN", "STN+CNN"])
def test_the_transformers_take_back_most_of_a_rotation_by_60_degrees(name):
    assert min(record(name)["corrected"][way] for way in ("60", "-60")) >= 0.6


@pytest.mark.parametrize("classifier", ["FCN", "CNN"])
def test_a_transformer_puts_its_network_ahead_at_every_rotation(classifier):
    with_one, without = (record(name)["accuracy"] for name in (f"STN+{classifier}", classifier))
    assert all(with_one[way] > without[way] for way in WAYS)


def test_a_strong_classifier_relieves_its_transformer():
    relieved, first = (record(name)["corrected"] for name in (AT_ONCE, "STN+CNN"))
    assert all(relieved[way] < 0.4 * first[way] for way in ("60", "-60"))
    assert networks.measured()[AT_ONCE]["accuracy"] > networks.measured()["CNN"]["accuracy"]
    assert networks.packaged()[AT_ONCE]["stands_for"] == "STN+CNN"


def test_the_packaged_networks_weigh_little():
    assert networks.FILE.stat().st_size <= 1_130_000


def test_the_record_is_that_of_the_packaged_weights():
    """Half of MNIST's test set, one rotation, the two networks that are quickest to ask."""
    try:
        digits = datasets.load("mnist")
    except (OSError, ValueError):
        pytest.skip("MNIST is not at hand: set STNLIB_DATA_DIR")
    images = page.rotated(digits.x_test, 60)
    for name in ("FCN", "STN+FCN"):
        model = unpack(networks.packaged()[name], page.build(name))
        found = (model.predict(images, batch_size=1000, verbose=0).argmax(axis=1) == digits.y_test).mean()
        assert found == pytest.approx(record(name)["accuracy"]["60"], abs=5e-4)


def test_on_the_readers_2_the_fcn_fails_within_its_rotations_and_the_others_from_labels_only_beyond():
    two, angles = DigitReader().shown()[None] / 255, np.arange(-180, 181, 5)
    images = np.concatenate([page.rotated(two.astype("float32"), degrees) for degrees in angles])
    wrong = {
        name: set(angles[unpack(networks.packaged()[name], page.build(name)).predict(images, verbose=0).argmax(1) != 2])
        for name in ("FCN", "CNN", "STN+CNN at once")
    }
    inside = [degrees for degrees in wrong["FCN"] if abs(degrees) < page.ROTATION]
    assert len(inside) > 3 and min(inside) > 0  # counter-clockwise
    for name in ("CNN", "STN+CNN at once"):
        assert wrong[name] and all(abs(degrees) > page.ROTATION for degrees in wrong[name]), name
    assert wrong["FCN"] & wrong["CNN"]


def test_the_fcn_is_as_accurate_on_its_own_training_digits():
    """A tenth of MNIST's training set, rotated: the network doesn't fit what it was trained on."""
    try:
        digits = datasets.load("mnist")
    except (OSError, ValueError):
        pytest.skip("MNIST is not at hand: set STNLIB_DATA_DIR")
    model = unpack(networks.packaged()["FCN"], page.build("FCN"))
    images = page.rotated(digits.x_train[:6000], 45)
    found = (model.predict(images, batch_size=1000, verbose=0).argmax(axis=1) == digits.y_train[:6000]).mean()
    assert found == pytest.approx(record("FCN")["accuracy"]["45"], abs=0.02)


@pytest.fixture(scope="module")
def few():
    """A hundred digits."""
    digits = datasets.load("uci")
    parts = {part: getattr(digits, part)[:100] for part in ("x_train", "y_train", "x_test", "y_test")}
    return digits._replace(**parts)


def test_the_training_set_knows_how_each_digit_was_distorted(few):
    made = page.training_set(few, epoch=3)
    kept = (made.theta == [1, 0, 0, 0, 1, 0]).all(axis=1)
    assert 0.1 < kept.mean() < 0.4
    order = np.random.default_rng((0, 3)).permutation(100)
    np.testing.assert_allclose(made.images[kept], few.x_train[order][kept], atol=1e-6)
    np.testing.assert_array_equal(made.labels, few.y_train[order])
    back = page.distortions.warp(made.images, made.theta)
    inside = np.abs(made.theta[:, [2, 5]]).max(axis=1) < 0.1
    assert np.abs(back - few.x_train[order])[inside & ~kept].mean() < 0.05
    assert not np.array_equal(page.training_set(few, epoch=4).images, made.images)


@pytest.mark.tensorflow
@pytest.mark.usefixtures("eagerly")
def test_training_gives_every_network_its_epochs_and_weights_that_the_page_holds(few):
    trained = page.train(few, epochs=2, pose_epochs=1)
    assert list(trained) == list(page.NETWORKS)
    for name, model in trained.items():
        assert all(np.array_equal(one, one.astype("float16")) for one in model.get_weights())
        plan = page.NETWORKS[name]
        assert int(model.optimizer.iterations) == (1 if plan.pose_first else 2) * 2
        json.dumps(networks.pack(model))
    measured = page.measure(trained["STN+FCN"], few)
    assert set(measured["corrected"]) == set(WAYS) and measured["test_images"] == 100
    assert page.measure(trained["FCN"], few)["corrected"] == {}


# ---- what is packed, and what is refused

SHAPE = (28, 28, 1)


def stack(*parts):
    """A classifier of these layers, then Flatten and Dense(10)."""
    return keras.Sequential([keras.Input(SHAPE), *parts, layers.Flatten(), layers.Dense(10)])


def graph(build):
    """A functional classifier: `build` makes logits of flat pixels."""
    inputs = keras.Input(SHAPE)
    return keras.Model(inputs, build(layers.Flatten()(inputs)))


class Dense(layers.Dense):
    """A layer of the reader's own, with a name that Keras uses."""

    def call(self, inputs):
        return -super().call(inputs)


class Negative(keras.Sequential):
    """A model of the reader's own, with a call of its own."""

    def call(self, inputs, training=None, mask=None):
        return -super().call(inputs)


class Own(keras.Model):
    """A model whose layers run in another order than they are listed."""

    def __init__(self):
        super().__init__()
        self.last, self.first = layers.Dense(10), layers.Dense(10)

    def call(self, inputs):
        return self.last(self.first(inputs))

    def compute_output_shape(self, shape):
        return (shape[0], 10)


def relu(x):
    """An activation that only has the name."""
    return keras.ops.maximum(x, -1.0)


def unflattened():
    return keras.Sequential(
        [keras.Input(SHAPE), layers.MaxPooling2D(2), layers.Dense(1), layers.Flatten(), layers.Dense(10)]
    )


def channels_first(kind, *arguments):
    """A network whose layer takes the rows of the picture for its channels."""
    return stack(kind(*arguments, data_format="channels_first"))


def transforming(**options):
    body = keras.Sequential([keras.Input(SHAPE), layers.Flatten(), layers.Dense(4)])
    return stack(SpatialTransformer(body, **options))


def small_map():
    """A transformer that enlarges what a pooling layer made small."""
    body = keras.Sequential([keras.Input((14, 14, 1)), layers.Flatten(), layers.Dense(4)])
    return stack(layers.MaxPooling2D(2), SpatialTransformer(body, output_size=(28, 28)))


def theta_alone():
    """A classifier of theta, not of what the transformer shows."""
    inputs = keras.Input(SHAPE)
    _, theta = SpatialTransformer(models.localization(), return_theta=True)(inputs)
    return keras.Model(inputs, layers.Dense(10)(theta))


def second_output():
    """A part with two outputs, of which the second is used."""
    inputs = keras.Input((784,))
    part = keras.Model(inputs, [layers.Dense(10)(inputs), layers.Dense(10)(inputs)])
    return graph(lambda flat: part(flat)[1])


def quantized():
    model = graph(layers.Dense(10))
    model.layers[-1].quantize("int8")
    return model


REFUSED = {
    "dilation": lambda: stack(layers.Conv2D(2, 3, dilation_rate=2)),
    "groups": lambda: stack(layers.Conv2D(4, 3), layers.Conv2D(4, 3, groups=2)),
    "strides": lambda: stack(layers.Conv2D(2, 3, strides=2)),
    "rows as channels": lambda: channels_first(layers.Conv2D, 2, 1),
    "rows pooled as channels": lambda: stack(layers.Conv2D(4, 1), layers.MaxPooling2D(2, data_format="channels_first")),
    "flattened in another order": lambda: stack(layers.Conv2D(2, 3), layers.Flatten(data_format="channels_first")),
    "a pool that overlaps": lambda: stack(layers.MaxPooling2D(2, strides=1)),
    "dense on a map": unflattened,
    "dense without bias": lambda: graph(layers.Dense(10, use_bias=False)),
    "eight bits": quantized,
    "another activation of that name": lambda: graph(layers.Dense(10, activation=relu)),
    "a layer's name taken": lambda: graph(Dense(10)),
    "a model's own call": lambda: Negative([keras.Input(SHAPE), layers.Flatten(), layers.Dense(10)]),
    "a part's own call": lambda: graph(Own()),
    "an operation between layers": lambda: graph(lambda flat: keras.ops.tanh(layers.Dense(10)(flat))),
    "a factor between layers": lambda: graph(lambda flat: layers.Dense(10)(2 * flat)),
    "two ways": lambda: graph(lambda flat: layers.Add()([layers.Dense(10)(flat), layers.Dense(10)(flat)])),
    "a dropout that stays on": lambda: graph(lambda flat: layers.Dense(10)(layers.Dropout(0.5)(flat, training=True))),
    "the second output": second_output,
    "theta alone": theta_alone,
    "a transformer's other output size": small_map,
    "a transformer by rows": lambda: transforming(data_format="channels_first", output_size=(28, 28)),
    "a transformer's other mode": lambda: transforming(mode="bicubic"),
}


@pytest.mark.parametrize("build", REFUSED.values(), ids=REFUSED)
def test_a_network_that_the_page_would_compute_wrongly_is_refused_on_one_line(build):
    model = build()
    with pytest.raises(ValueError, match=r"^networks: expected .+, got .+$"):
        DigitReader(networks={"mine": model})


def repeated():
    """One layer that is called twice."""
    twice, last = layers.Dense(784, activation="relu"), layers.Dense(10)
    return graph(lambda flat: last(twice(twice(flat))))


def with_theta():
    """A transformer that gives theta, too, which nothing uses; in front of a part."""
    inputs = keras.Input(SHAPE)
    image, _ = SpatialTransformer(layers.Flatten(), return_theta=True)(inputs)
    return keras.Model(inputs, models.fcn()(image))


def unused():
    """A branch that doesn't reach the output."""
    inputs = keras.Input(SHAPE)
    flat = layers.Flatten()(inputs)
    layers.Dense(3)(flat)
    return keras.Model(inputs, layers.Dense(10)(flat, training=False))


def single_pixel():
    """A dense layer on a map of one pixel."""
    return keras.Sequential([keras.Input(SHAPE), layers.Conv2D(3, 28), layers.Dense(10), layers.Flatten()])


@pytest.mark.parametrize(
    ("build", "kinds"),
    [
        (repeated, ["dense", "dense", "dense"]),
        (with_theta, ["transformer", "dense", "dense"]),
        (unused, ["dense"]),
        (single_pixel, ["conv", "dense"]),
        (lambda: graph(layers.Dense(10, activation=keras.ops.relu)), ["dense"]),
    ],
)
def test_what_the_page_can_run_is_packed_in_the_order_in_which_it_runs(build, kinds):
    assert [layer["kind"] for layer in networks.pack(build())["layers"]] == kinds


@pytest.mark.parametrize("name", list(networks.packaged()))
def test_the_packaged_networks_are_packed_as_they_were(name):
    stored = networks.packaged()[name]
    packed = networks.pack(unpack(stored, page.build(name)))
    assert packed == {part: stored[part] for part in packed}
