"""Where do I add X? One record: what is added to a table is served wherever the table is, as CONTRIBUTING.md says."""

import dataclasses
import itertools

import keras
import numpy as np
import pytest
from keras import ops

import stnlib
from stnlib import distortions, fitting, sampling, transforms
from stnlib.distortions import Distortion
from stnlib.experiments import __main__, listing, runs
from stnlib.experiments.catalog import EXPERIMENTS
from stnlib.health import health
from stnlib.sampling import Mode, Padding
from stnlib.transforms import Transform

FAR = 8  # pixels by which the oracle continues the image; no point lies farther out


def array(tensor):
    return ops.convert_to_numpy(tensor)


def wrap(x, size, align_corners):
    return ops.mod(x, ops.cast(size, x.dtype))


@pytest.fixture
def wrapped(monkeypatch):
    monkeypatch.setitem(sampling.PADDINGS, "wrap", Padding(wrap, folds=True, joins=True))


def case(align_corners, dtype="float64"):
    """Images, points about them, and the same as a copy of the images that NumPy has continued on every side."""
    rng = np.random.default_rng(0)
    images = rng.normal(size=(2, 4, 5, 3))
    continued = np.pad(images, ((0, 0), (FAR, FAR), (FAR, FAR), (0, 0)), mode="wrap")
    pixels = rng.uniform(2 - FAR, FAR, (2, 6, 7, 2))
    grids = [
        2 * (pixels + shift) / (size - 1) - 1 if align_corners else (2 * (pixels + shift) + 1) / size - 1
        for shift, size in ((0, np.array([5, 4])), (FAR, np.array([5, 4]) + 2 * FAR))
    ]
    return [part.astype(dtype) for part in (images, grids[0], continued, grids[1])]


@pytest.mark.parametrize(("mode", "align_corners"), list(itertools.product(sampling.MODES, (False, True))))
def test_a_padding_that_joins_the_edges_is_one_record(wrapped, mode, align_corners):
    images, grid, continued, there = case(align_corners)
    found = array(stnlib.grid_sample(images, grid, mode, "wrap", align_corners))
    np.testing.assert_allclose(
        found, array(stnlib.grid_sample(continued, there, mode, "zeros", align_corners)), atol=1e-9
    )


@pytest.mark.tensorflow
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="the other backends compile nothing here")
def test_it_is_compiled_like_any_other(wrapped):
    tf = pytest.importorskip("tensorflow")
    images, grid, *_ = case(False, "float32")

    def slopes(images, grid, training):
        with tf.GradientTape() as tape:
            tape.watch([images, grid])
            loss = tf.reduce_sum(tf.sin(sampling.sample(images, grid, padding_mode="wrap", training=training)))
        return tape.gradient(loss, [images, grid])

    tensors = tf.constant(images), tf.constant(grid)
    compiled = tf.function(slopes)(*tensors, training=True)
    for got, expected in zip(compiled, slopes(*tensors, training=False), strict=True):
        np.testing.assert_allclose(got, expected, atol=2e-5)


def test_layer_and_warp_take_it(wrapped):
    images = np.random.default_rng(1).normal(size=(2, 4, 5, 3)).astype("float32")
    shift = np.float32([[1, 0, 3 / 5, 0, 1, 0]] * 2)  # one pixel and a half to the right
    expected = (np.roll(images, -1, axis=2) + np.roll(images, -2, axis=2)) / 2
    layer = stnlib.SpatialTransformer(keras.layers.Flatten(), padding_mode="wrap")
    layer.build(images.shape)
    layer.head.bias.assign(shift[0])
    for moved in (array(layer(images)), distortions.warp(images, shift, padding_mode="wrap")):
        np.testing.assert_allclose(moved, expected, atol=1e-5)


def test_an_interpolation_mode_is_one_record(monkeypatch):
    monkeypatch.setitem(sampling.MODES, "ramp", Mode(lambda images, x, y: (x + 10 * y)[..., None]))
    grid = np.float32([[[[-0.5, 0.5], [0.5, 0.5]]]])
    image = np.zeros((1, 2, 2, 1), "float32")
    assert array(stnlib.grid_sample(image, grid, "ramp")).ravel().tolist() == [10, 11]
    layer = stnlib.SpatialTransformer(keras.layers.Flatten(), mode="ramp")
    assert array(layer(image)).ravel().tolist() == [0, 1, 10, 11]


def shifted(theta, aspect):
    tx, ty = ops.unstack(theta, 2, axis=1)
    one, zero = ops.ones_like(tx), ops.zeros_like(tx)
    return ops.stack([ops.stack([one, zero, tx], axis=1), ops.stack([zero, one, ty], axis=1)], axis=1)


@pytest.fixture
def translation(monkeypatch):
    record = Transform(("tx", "ty"), (0, 0), shifted, rotates=False)
    monkeypatch.setitem(transforms.TRANSFORMS, "translation", record)
    monkeypatch.setitem(fitting.FITS, "translation", lambda points, targets: (targets - points).mean(axis=1))


def test_a_transform_is_one_record(translation):
    images = np.random.default_rng(2).random((3, 6, 6, 1)).astype("float32")
    layer = stnlib.SpatialTransformer(keras.layers.Flatten(), "translation")
    np.testing.assert_allclose(array(layer(images)), images, atol=1e-5)
    layer.head.bias.assign([1 / 3, 0])
    np.testing.assert_allclose(array(layer(images))[:, :, :5], images[:, :, 1:], atol=1e-5)
    theta = np.float32([[0.5, 0.25]])
    moved = array(transforms.matrix("translation", theta))
    assert moved.tolist() == [[[1, 0, 0.5], [0, 1, 0.25]]]
    corners = fitting.CORNERS
    np.testing.assert_allclose(fitting.fit("translation", corners, (corners + theta)[None]), theta, atol=1e-6)


def test_nothing_is_said_about_rotations_of_a_transform_that_has_none(translation):
    images = np.random.default_rng(3).random((24, 8, 8, 1)).astype("float32")
    angles = np.linspace(-0.5, 0.5, 24)
    truth = array(transforms.matrix("rigid", np.stack([angles, 0 * angles, 0 * angles], 1).astype("float32")))
    for transform, said in (("translation", False), ("rigid", True)):
        layer = stnlib.SpatialTransformer(keras.layers.Flatten(), transform)
        layer.build(images.shape)
        assert ("rotation" in str(health(layer, images, truth=truth.reshape(24, 6))[0])) == said


def test_a_transform_that_rotates_in_pixels_is_fitted_with_its_aspect(monkeypatch):
    monkeypatch.setitem(transforms.TRANSFORMS, "turned", transforms.TRANSFORMS["rigid"])
    monkeypatch.setitem(fitting.FITS, "turned", fitting.FITS["rigid"])
    targets = fitting.CORNERS[None] * 0.7 + 0.1
    found, expected = (fitting.fit(name, fitting.CORNERS, targets, aspect=3.0) for name in ("turned", "rigid"))
    np.testing.assert_array_equal(found, expected)


def test_a_distortion_is_one_record(monkeypatch):
    monkeypatch.setitem(distortions.DISTORTIONS, "left", Distortion("left", lambda rng, count: LEFT.repeat(count, 0)))
    images = np.random.default_rng(4).random((2, 28, 28, 1)).astype("float32")
    found = distortions.distort(images, "left")
    np.testing.assert_allclose(found.images[:, :, :27], images[:, :, 1:], atol=1e-5)
    np.testing.assert_allclose(distortions.mixed(images, [0, 1], 1, name="left")[0].sum(), images.sum() * 2, rtol=0.1)


def test_an_experiment_is_one_record(monkeypatch, tmp_path, capsys):
    small = dataclasses.replace(EXPERIMENTS["clutter"], name="toy", distortions=("R",), published={}, epochs=2)
    monkeypatch.setitem(EXPERIMENTS, "toy", small)
    assert {run.model for run in runs.everything() if run.experiment == "toy"} == {model.name for model in small.models}
    __main__.main(["plan", "toy", "--seed", "1", "--out", str(tmp_path)])
    printed = capsys.readouterr().out
    assert "python -m stnlib.experiments toy --model cnn --distortion R --epochs 2 --seed 1" in printed
    assert "toy" in listing.text(tmp_path)


LEFT = np.array([[1, 0, 2 / 28, 0, 1, 0]])  # one pixel
