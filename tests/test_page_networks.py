"""The networks of the page: what was measured of them holds what the book says, and how they are trained."""

import json

import numpy as np
import pytest

from stnlib import datasets
from stnlib.experiments import page
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
