import itertools

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

import stnlib
from stnlib import grid as grids
from stnlib import sampling
from tests.calculus import differences, gradient, whole

SHAPES = 20 if keras.backend.backend() == "jax" else 60  # JAX compiles for every new one
EVERY = list(itertools.product(sampling.MODES, sampling.PADDINGS, (False, True)))


def array(tensor):
    return ops.convert_to_numpy(tensor)


def close(a, b, atol):
    return np.allclose(a, b, rtol=0, atol=atol)


def sample(images, points, *options):
    return array(stnlib.grid_sample(images, points, *options))


def to_grid(pixels, size, align_corners=False):
    """Normalised coordinates of positions in pixels; the inverse of `to_pixels`, written apart from it."""
    return 2 * pixels / (size - 1) - 1 if align_corners else (2 * pixels + 1) / size - 1


def at_pixels(images, x, y, *options, align_corners=False):
    """Read images at x, y `(H_out, W_out)` in pixels."""
    points = [
        to_grid(np.asarray(p, "float64"), n, align_corners) for p, n in ((x, images.shape[2]), (y, images.shape[1]))
    ]
    grid = np.stack(points, axis=-1)[None]
    return sample(images, grid, *options, align_corners) if options else sample(images, grid)


@pytest.mark.parametrize(("mode", "padding", "align_corners"), EVERY)
@pytest.mark.parametrize("size", [(1, 1), (1, 7), (2, 2), (28, 28), (5, 333)])
def test_identity_is_exact(mode, padding, align_corners, size):
    """Within 1e-6 x the longer side x the range in float32; 1e-12 in float64. The last row and column count too."""
    images = np.random.default_rng(0).normal(size=(2, *size, 3))
    for dtype, bound in (("float32", 1e-6 * max(size) * np.ptp(images)), ("float64", 1e-12)):
        theta = np.tile(np.eye(2, 3, dtype=dtype), (2, 1, 1))
        points = stnlib.affine_grid(theta, size, align_corners)
        values = sample(images.astype(dtype), points, mode, padding, align_corners)
        assert values.dtype == dtype
        assert close(values, images.astype(dtype), bound)


def test_x_is_the_column_and_y_the_row():
    images = np.arange(6.0).reshape(1, 2, 3, 1)
    assert at_pixels(images, [[2]], [[0]]).item() == pytest.approx(2)
    assert at_pixels(images, [[0]], [[1]]).item() == pytest.approx(3)


def test_bilinear_by_hand():
    images = np.array([[1.0, 2.0], [3.0, 5.0]]).reshape(1, 2, 2, 1)
    value = 0.75 * 0.5 * 1 + 0.25 * 0.5 * 2 + 0.75 * 0.5 * 3 + 0.25 * 0.5 * 5
    assert at_pixels(images, [[0.25]], [[0.5]]).item() == pytest.approx(value)


def test_a_pixel_fades_to_zero_over_one_pixel_beyond_the_border():
    images = np.full((1, 3, 3, 1), 8.0)
    x = [[-0.25, -0.5, -1.0, -5.0, 2.25, 3.0]]
    assert close(at_pixels(images, x, np.ones((1, 6))).ravel(), [6, 4, 0, 0, 6, 0], 1e-9)


@pytest.mark.parametrize("mode", ["bilinear", "nearest"])
@pytest.mark.parametrize("align_corners", [False, True])
def test_border_repeats_the_edge_and_reflection_mirrors(mode, align_corners):
    images = np.array([10.0, 20.0, 30.0]).reshape(1, 1, 3, 1).repeat(2, axis=1)
    x = [[-1.0, -2.0, 3.0, 4.0]]
    y = np.zeros((1, 4))
    border = at_pixels(images, x, y, mode, "border", align_corners=align_corners).ravel()
    mirrored = at_pixels(images, x, y, mode, "reflection", align_corners=align_corners).ravel()
    assert close(border, [10, 10, 30, 30], 1e-9)
    assert close(mirrored, [20, 30, 20, 10] if align_corners else [10, 20, 30, 20], 1e-9)


def test_nearest_takes_the_even_pixel_half_way():
    images = np.arange(5.0).reshape(1, 1, 5, 1)
    x = [[0.5, 1.5, 2.5, 3.5]]
    assert at_pixels(images, x, np.zeros((1, 4)), "nearest", "zeros").ravel().tolist() == [0, 2, 2, 4]


def test_bilinear_equals_scipy_inside_the_image():
    ndimage = pytest.importorskip("scipy.ndimage")
    rng = np.random.default_rng(1)
    images = rng.normal(size=(1, 9, 6, 1))
    x, y = rng.uniform(0, 5, (4, 5)), rng.uniform(0, 8, (4, 5))
    expected = ndimage.map_coordinates(images[0, ..., 0], [y, x], order=1)
    assert close(at_pixels(images, x, y)[0, ..., 0], expected, 1e-12)


@pytest.mark.parametrize(
    ("padding", "align_corners", "scipy_mode"),
    [
        ("zeros", False, "grid-constant"),
        ("border", False, "nearest"),
        ("reflection", False, "reflect"),
        ("reflection", True, "mirror"),
    ],
)
def test_padding_equals_scipy_outside_the_image(padding, align_corners, scipy_mode):
    ndimage = pytest.importorskip("scipy.ndimage")
    rng = np.random.default_rng(2)
    images = rng.normal(size=(1, 7, 5, 1))
    x, y = rng.uniform(-9, 14, (6, 7)), rng.uniform(-9, 16, (6, 7))
    expected = ndimage.map_coordinates(images[0, ..., 0], [y, x], order=1, mode=scipy_mode)
    assert close(at_pixels(images, x, y, "bilinear", padding, align_corners=align_corners)[0, ..., 0], expected, 1e-9)


@pytest.mark.parametrize("points", [3, 4])
def test_bicubic_weights_sum_to_one_and_reproduce_lines(points):
    images = np.arange(8.0).reshape(1, 1, 8, 1)
    x = np.linspace(2, 4.9, points)[None]
    assert close(at_pixels(images, x, np.zeros_like(x), "bicubic", "border").ravel(), x.ravel(), 0.2)
    flat = np.full_like(images, 7)
    assert close(at_pixels(flat, x, np.zeros_like(x), "bicubic", "border"), 7, 1e-12)


def test_bicubic_kernel_is_keys_with_a_075():
    images = np.eye(5).reshape(5, 1, 5, 1)
    t = 0.3
    expected = [
        -0.75 * (d**3 - 5 * d**2 + 8 * d - 4) if d > 1 else 1.25 * d**3 - 2.25 * d**2 + 1
        for d in (1 + t, t, 1 - t, 2 - t)
    ]
    grid = np.tile([[[[to_grid(1 + t, 5), 0.0]]]], (5, 1, 1, 1))
    assert close(sample(images, grid, "bicubic", "border").ravel()[:4], expected, 1e-12)


@pytest.mark.parametrize(("mode", "padding", "align_corners"), EVERY)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e38, -1e38])
@pytest.mark.parametrize("size", [(5, 5), (1, 1)])
def test_grid_entries_that_are_no_numbers(mode, padding, align_corners, bad, size):
    """NaN gives NaN under every padding; infinity lies outside: zero, or the ones of the image. Never a wild read."""
    images = np.ones((1, *size, 2), "float32")
    points = np.array([[[[bad, 0], [0, bad], [bad, bad]]]], "float32")
    values = sample(images, points, mode, padding, align_corners)
    if np.isnan(bad):
        assert np.isnan(values).all()
    elif np.isfinite(bad) and size == (1, 1) and align_corners:
        assert close(values, 1, 1e-6)  # a single centre: every finite coordinate means it
    else:
        assert close(values, 0 if padding == "zeros" else 1, 1e-6)


def test_nan_in_the_image_stays_where_it_is():
    images = np.ones((1, 4, 4, 1), "float32")
    images[0, 0, 0] = np.nan
    assert np.isfinite(at_pixels(images, [[-2.0, 2.0, 9.0]], [[-2.0, 2.0, 9.0]])).all()


@pytest.mark.parametrize("options", EVERY)
def test_an_empty_batch_gives_an_empty_batch(options):
    values = sample(np.zeros((0, 3, 4, 2), "float32"), np.zeros((0, 5, 6, 2), "float32"), *options)
    assert values.shape == (0, 5, 6, 2)


@given(
    st.integers(0, 3),
    st.integers(1, 6),
    st.integers(1, 6),
    st.integers(1, 4),
    st.integers(0, 5),
    st.integers(1, 5),
    st.sampled_from(EVERY),
    st.integers(0, 999),
)
@settings(max_examples=SHAPES)
def test_any_shape_gives_that_shape_and_finite_values(batch, height, width, channels, rows, columns, options, seed):
    rng = np.random.default_rng(seed)
    images = rng.uniform(size=(batch, height, width, channels)).astype("float32")
    points = rng.uniform(-3, 3, (batch, rows, columns, 2)).astype("float32")
    values = array(whole(lambda images, points: stnlib.grid_sample(images, points, *options))(images, points))
    assert values.shape == (batch, rows, columns, channels)
    assert np.isfinite(values).all()
    if options[0] != "bicubic" and values.size:
        assert values.min() >= 0
        assert values.max() <= images.max() + 1e-5


@given(st.integers(0, 999), st.sampled_from(EVERY))
@settings(max_examples=30)
def test_sampling_is_linear_in_the_image(seed, options):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, 1, 4, 5, 1))
    points = rng.uniform(-2, 2, (1, 3, 3, 2))
    both = sample(2 * a - b, points, *options)
    assert close(both, 2 * sample(a, points, *options) - sample(b, points, *options), 1e-9)


@pytest.mark.parametrize(("mode", "padding", "align_corners"), EVERY)
def test_gradients_equal_central_differences_off_the_lattice(mode, padding, align_corners):
    rng = np.random.default_rng(3)
    images = rng.normal(size=(1, 3, 4, 1))
    points = rng.uniform(-1.6, 1.6, (1, 2, 3, 2))
    weights = rng.normal(size=(1, 2, 3, 1))

    def total(images, points):
        values = stnlib.grid_sample(images, points, mode, padding, align_corners)
        return ops.sum(ops.multiply(ops.convert_to_tensor(weights), values))

    found, expected = gradient(total, images, points), differences(total, images, points)
    assert close(found[0], expected[0], 1e-6)
    assert close(found[1], expected[1], 1e-5)
    assert mode == "nearest" or np.abs(expected[1]).max() > 0.1


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_theta_gradients_through_grid_and_sampler(mode):
    rng = np.random.default_rng(4)
    images = rng.normal(size=(2, 6, 7, 2))
    theta = np.array([[1.03, 0.11, 0.07, -0.13, 0.91, 0.05]] * 2)

    def total(theta):
        return ops.sum(ops.square(stnlib.grid_sample(images, stnlib.affine_grid(theta, (4, 5)), mode)))

    assert close(gradient(total, theta)[0], differences(total, theta)[0], 1e-4)


def test_on_the_lattice_the_bilinear_gradient_is_the_one_from_the_right_and_below():
    images = np.array([1.0, 2.0, 4.0, 8.0, 16.0]).reshape(1, 1, 5, 1).repeat(3, axis=1)
    x, y = np.array([[[1.0, 2.0, 3.0]]]), np.ones((1, 1, 3))
    (slope, down) = gradient(lambda x, y: ops.sum(sampling.bilinear(ops.convert_to_tensor(images), x, y)), x, y)
    assert slope.ravel().tolist() == [2, 4, 8]
    assert down.ravel().tolist() == [0, 0, 0]


def test_nearest_has_no_gradient_for_the_grid():
    images = np.random.default_rng(5).normal(size=(1, 4, 4, 1))
    (slope,) = gradient(lambda g: ops.sum(stnlib.grid_sample(images, g, "nearest")), np.full((1, 2, 2, 2), 0.3))
    assert not slope.any()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_the_result_has_the_images_dtype_and_the_grid_float32_accuracy(dtype):
    """At 1,024 pixels a float16 grid would be 0.12 pixels off; the ramp shows it."""
    images = ops.cast(np.arange(1024.0).reshape(1, 1, 1024, 1) / 1024, dtype)
    points = stnlib.affine_grid(np.eye(2, 3, dtype="float32")[None], (1, 1024))
    values = stnlib.grid_sample(images, points)
    assert dtype in str(values.dtype)
    error = np.abs(array(ops.cast(values, "float64")) - array(ops.cast(images, "float64"))).max()
    assert error <= {"float16": 1e-3, "bfloat16": 4e-3}.get(dtype, 1e-6)


def test_the_loop_of_the_definition():
    """Equation (5) as it stands, over every pixel of the image, against the four neighbours."""
    rng = np.random.default_rng(6)
    images = rng.normal(size=(1, 4, 5, 1))
    x, y = rng.uniform(-2, 6, (3, 3)), rng.uniform(-2, 5, (3, 3))
    expected = np.zeros((3, 3))
    for i, j, n, m in np.ndindex(3, 3, 4, 5):
        expected[i, j] += images[0, n, m, 0] * max(0, 1 - abs(x[i, j] - m)) * max(0, 1 - abs(y[i, j] - n))
    assert close(at_pixels(images, x, y)[0, ..., 0], expected, 1e-12)


GOOD = np.zeros((1, 2, 2, 1), "float32")
POINTS = np.zeros((1, 2, 2, 2), "float32")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((GOOD[0], POINTS), r"images: expected 4 axes, got shape \(2, 2, 1\)"),
        ((GOOD.astype("uint8"), POINTS), "images: expected floating-point numbers .* got dtype uint8"),
        ((GOOD, POINTS[..., :1]), r"grid: expected \(B, H_out, W_out, 2\), got shape \(1, 2, 2, 1\)"),
        ((GOOD, POINTS[0]), "grid: expected 4 axes"),
        ((GOOD, POINTS.astype("int32")), "grid: expected floating-point numbers"),
        ((GOOD, np.zeros((3, 2, 2, 2), "float32")), "grid: expected the batch size of images, 1, got batch 3"),
        ((GOOD[:, :0], POINTS), "images: expected at least one pixel and one channel"),
        ((GOOD, POINTS, "linear"), "mode: expected one of 'bilinear', 'nearest', 'bicubic', got 'linear'"),
        ((GOOD, POINTS, "bilinear", "zero"), "padding_mode: expected one of 'zeros'"),
        ((GOOD, POINTS, "bilinear", "zeros", 1), "align_corners: expected True or False, got 1"),
        ((None, POINTS), "images: expected"),
    ],
)
def test_bad_arguments_are_named_on_one_line(arguments, message):
    with pytest.raises(ValueError, match=message) as caught:
        stnlib.grid_sample(*arguments)
    assert "\n" not in str(caught.value)


def test_axis_coordinates_and_to_pixels_are_inverse():
    for size, align_corners in itertools.product((1, 2, 5, 1000), (False, True)):
        pixels = sampling.to_pixels(grids.axis_coordinates(size, align_corners), size, align_corners)
        assert close(pixels, np.arange(size), 1e-9)
