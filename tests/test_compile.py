"""What XLA compiles for a model that trains has the values and gradients of the plain library; TensorFlow only."""

import itertools

import keras
import numpy as np
import pytest

import stnlib
from stnlib.sampling import MODES, PADDINGS, sample

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="the other backends compile nothing here"),
]
tf = pytest.importorskip("tensorflow")

CASES = list(itertools.product(PADDINGS, (False, True)))


def case(shape=(3, 5, 6, 2), out=(4, 7), dtype="float32", seed=0):
    random = np.random.default_rng(seed)
    images = random.normal(size=shape).astype(dtype)
    return images, random.uniform(-1.7, 1.7, (shape[0], *out, 2)).astype(dtype)


def results(images, grid, **options):
    """Value, gradient to the images, gradient to the grid."""
    images, grid = tf.convert_to_tensor(images), tf.convert_to_tensor(grid)
    with tf.GradientTape() as tape:
        tape.watch([images, grid])
        value = sample(images, grid, **options)
        loss = tf.reduce_sum(tf.sin(value))
    return value, *tape.gradient(loss, [images, grid], unconnected_gradients="zero")


def in_graph(images, grid, jit_compile=False, **options):
    function = tf.function(lambda i, g: results(i, g, **options, training=True), jit_compile=jit_compile)
    return function(tf.constant(images), tf.constant(grid))


@pytest.mark.parametrize(("padding_mode", "align_corners"), CASES)
def test_values_and_gradients_are_those_of_the_plain_library(padding_mode, align_corners):
    options = {"padding_mode": padding_mode, "align_corners": align_corners}
    for jit_compile in (False, True):
        for got, expected in zip(in_graph(*case(), jit_compile, **options), results(*case(), **options), strict=True):
            np.testing.assert_allclose(got, expected, atol=2e-5)


@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (2, 1, 7, 3), (2, 7, 1, 1), (1, 4, 4, 5), (0, 3, 3, 1)])
def test_every_shape_works_one_pixel_and_no_image_included(shape):
    for got, expected in zip(in_graph(*case(shape)), results(*case(shape)), strict=True):
        np.testing.assert_allclose(got, expected, atol=2e-5)


ALL = list(itertools.product(MODES, PADDINGS, (False, True)))


@pytest.mark.parametrize(("mode", "padding_mode", "align_corners"), ALL)
def test_in_a_graph_height_and_width_may_be_unknown(mode, padding_mode, align_corners):
    options = {"mode": mode, "padding_mode": padding_mode, "align_corners": align_corners}
    unknown = (tf.TensorSpec((None, None, None, 2)), tf.TensorSpec((None, None, None, 2)))
    function = tf.function(lambda i, g: stnlib.grid_sample(i, g, **options), input_signature=unknown)
    for shape in ((3, 5, 6, 2), (2, 1, 4, 2)):
        images, grid = case(shape)
        np.testing.assert_allclose(function(images, grid), stnlib.grid_sample(images, grid, **options), atol=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_the_result_keeps_the_dtype_and_float64_its_digits(dtype):
    got, expected = in_graph(*case(dtype=dtype)), results(*case(dtype=dtype))
    for a, b in zip(got, expected, strict=True):
        assert a.dtype == dtype
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-12 if dtype == "float64" else 0.02)


@pytest.mark.parametrize(("padding_mode", "align_corners"), CASES)
def test_nan_and_infinity_follow_the_rule(padding_mode, align_corners):
    images, grid = (np.zeros_like(array) for array in case())  # of the shapes that were compiled above
    grid[0, 0, :4, 0] = grid[0, 1, :4, 1] = [np.nan, np.inf, -np.inf, 1e38]
    options = {"padding_mode": padding_mode, "align_corners": align_corners}
    value, over_images, _ = in_graph(images + 1, grid, **options)
    outside = float(padding_mode != "zeros")
    np.testing.assert_allclose(value[0, :2, :4, 0], [[np.nan, outside, outside, outside]] * 2)
    assert np.isfinite(over_images).all()


def test_a_nan_pixel_does_not_leak_to_points_that_do_not_touch_it():
    images = np.zeros((1, 3, 3, 1), "float32")
    images[0, 0, 0] = np.nan
    grid = np.array([[[[-3.0, -3.0], [1.0, 1.0]]]], "float32")
    assert np.isfinite(in_graph(images, grid)[0]).all()


def test_the_batch_size_may_be_unknown():
    signature = [tf.TensorSpec((None, 5, 6, 2)), tf.TensorSpec((None, 4, 7, 2))]
    function = tf.function(lambda i, g: sample(i, g, training=True), input_signature=signature)
    for batch in (3, 1, 0):
        images, grid = case((batch, 5, 6, 2))
        np.testing.assert_allclose(function(images, grid), stnlib.grid_sample(images, grid), atol=1e-6)


def test_float64_gradients_agree_with_central_differences():
    images, grid = case(dtype="float64")
    step, gradients = 1e-6, in_graph(images, grid)[1:]
    loss = tf.function(lambda i, g: tf.reduce_sum(tf.sin(sample(i, g, training=True))))
    for gradient, moved in zip(gradients, ((1, 0), (0, 1)), strict=True):
        direction = np.random.default_rng(1).normal(size=gradient.shape)
        ends = []
        for s in (step, -step):
            shifted = [a + s * direction if use else a for a, use in zip((images, grid), moved, strict=True)]
            ends.append(float(loss(*map(tf.constant, shifted))))
        slope = (ends[0] - ends[1]) / (2 * step)
        np.testing.assert_allclose(np.sum(gradient * direction), slope, rtol=1e-6)


@pytest.mark.slow
def test_second_derivatives_are_those_of_the_plain_library():
    images, grid = (tf.constant(a) for a in case())

    def curvature(images, grid, training=True):
        with tf.GradientTape() as outer:
            outer.watch([images, grid])
            inner = results(images, grid, training=training)
            loss = tf.reduce_sum(inner[1] ** 2) + tf.reduce_sum(inner[2] ** 2)
        return outer.gradient(loss, [images, grid])

    for got, expected in zip(tf.function(curvature)(images, grid), curvature(images, grid, False), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-3, atol=1e-3)


def test_identity_is_exact():
    images = np.random.default_rng(0).random((2, 60, 60, 3), "float32")
    grid = stnlib.affine_grid([[1.0, 0, 0, 0, 1, 0]] * 2, (60, 60))
    warp = tf.function(lambda i: sample(i, grid, training=True))
    assert np.abs(warp(images) - images).max() <= 1e-6 * 60


def test_an_exported_layer_answers_as_before(tmp_path):
    images = np.random.default_rng(0).random((3, 8, 8, 1), "float32")
    layer = stnlib.SpatialTransformer(keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(4)]))
    model = keras.Sequential([keras.Input((8, 8, 1)), layer])
    layer.head.bias.assign([0.8, 0.2, 0.1, -0.2, 0.7, 0.0])
    model.export(tmp_path / "model", verbose=False)
    loaded = tf.saved_model.load(tmp_path / "model")
    served = loaded.serve(images)
    np.testing.assert_allclose(served, model.predict(images, verbose=0), atol=1e-5)
    np.testing.assert_allclose(served, model(images), atol=1e-5)
