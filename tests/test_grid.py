import tracemalloc

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

import stnlib
from stnlib import grid, transforms
from tests.calculus import differences, gradient, whole

BOTH = pytest.mark.parametrize("align_corners", [False, True])


def array(tensor):
    return ops.convert_to_numpy(tensor)


def close(a, b, atol=1e-7):
    return np.allclose(a, b, rtol=0, atol=atol)


def affine_loop(theta, height, width, align_corners):
    """Equation (1) of the paper, one output pixel at a time."""
    points = np.empty((len(theta), height, width, 2))
    xs, ys = (grid.axis_coordinates(n, align_corners) for n in (width, height))
    for b, i, j in np.ndindex(len(theta), height, width):
        points[b, i, j] = theta[b].reshape(2, 3) @ (xs[j], ys[i], 1)
    return points


@BOTH
@pytest.mark.parametrize("size", [(1, 1), (1, 4), (3, 5)])
def test_affine_grid_equals_the_loop(align_corners, size):
    theta = np.random.default_rng(0).normal(size=(3, 6))
    expected = affine_loop(theta, *size, align_corners)
    assert close(array(stnlib.affine_grid(theta, size, align_corners)), expected, atol=1e-12)
    square = theta.reshape(3, 2, 3)
    assert close(array(stnlib.affine_grid(square, size, align_corners=align_corners)), expected, atol=1e-12)


def test_align_corners_false_puts_minus_one_on_the_outer_edge():
    assert grid.axis_coordinates(4).tolist() == [-0.75, -0.25, 0.25, 0.75]


def test_align_corners_true_puts_minus_one_on_the_outer_centre():
    assert close(grid.axis_coordinates(4, align_corners=True), [-1, -1 / 3, 1 / 3, 1])


@BOTH
def test_one_pixel_lies_in_the_middle(align_corners):
    assert grid.axis_coordinates(1, align_corners).tolist() == [0.0]


def test_theta_maps_output_to_input_with_x_first():
    """tx = 0.5 makes every output pixel read half an image further right: the picture moves left."""
    points = array(stnlib.affine_grid([[1, 0, 0.5, 0, 1, 0]], (2, 2)))
    assert close(points[0, 0, 0], (0.0, -0.5))


def test_row_major_theta_is_x_row_then_y_row():
    points = array(stnlib.affine_grid([[0, 1, 0, 0, 0, 0.25]], (3, 3)))
    assert close(points[0, :, 0, 0], grid.axis_coordinates(3))
    assert close(points[..., 1], 0.25)


@pytest.mark.parametrize("transform", transforms.NAMES)
@BOTH
def test_identity_of_every_transform_is_the_pixel_centres(transform, align_corners):
    theta = ops.convert_to_tensor(transforms.identity(transform, (3, 4))[None])
    points = array(grid.transform_points(theta, transform, 5, 7, (3, 4), align_corners))
    x, y = (grid.axis_coordinates(n, align_corners) for n in (7, 5))
    assert np.array_equal(points[0], np.stack(np.meshgrid(x, y), -1).astype("float32"))


def test_projective_grid_divides_by_the_third_row():
    theta = np.array([[1.1, 0.2, 0.1, -0.1, 0.9, 0.3, 0.2, -0.3]])
    points = array(stnlib.projective_grid(theta, (4, 5)))
    matrix = np.append(theta[0], 1).reshape(3, 3)
    xs, ys = grid.axis_coordinates(5), grid.axis_coordinates(4)
    for i, j in np.ndindex(4, 5):
        u, v, w = matrix @ (xs[j], ys[i], 1)
        assert close(points[0, i, j], (u / w, v / w), atol=1e-12)


@given(st.lists(st.floats(-3, 3, width=32), min_size=8, max_size=8), st.integers(1, 5), st.integers(1, 5))
@settings(max_examples=60)
def test_a_projective_grid_across_the_horizon_is_never_nan(theta, height, width):
    grid = whole(lambda theta: stnlib.projective_grid(theta, (height, width)))
    assert np.isfinite(array(grid(np.array([theta], "float32")))).all()


def test_the_horizon_through_a_pixel_centre_gives_finite_values_and_gradients():
    theta = np.array([[0.0, 0, 0, 0, 0, 0, 4, 0]])  # 1 + 4 x = 0 at x = -0.25, where 0 / 0 would be NaN
    assert np.isfinite(array(stnlib.projective_grid(theta, (1, 4)))).all()
    (slope,) = gradient(lambda t: ops.sum(grid.projective_points(transforms.to_matrix("projective", t), 1, 4)), theta)
    assert np.isfinite(slope).all()


@pytest.mark.parametrize("control_points", [(2, 2), (4, 4), (2, 5), (3, 3)])
def test_a_tps_grid_passes_through_its_control_points(control_points):
    """The lattice spans [-1, 1], as do the pixel centres with align_corners=True: they coincide."""
    rows, columns = control_points
    shifts = np.random.default_rng(1).normal(size=(2, rows, columns, 2)) * 0.3
    points = array(stnlib.tps_grid(shifts.reshape(2, -1), control_points, control_points, align_corners=True))
    x, y = np.meshgrid(np.linspace(-1, 1, columns), np.linspace(-1, 1, rows))
    assert close(points, np.stack([x, y], -1) + shifts, atol=1e-9)


def test_tps_equals_scipys_thin_plate_spline():
    interpolate = pytest.importorskip("scipy.interpolate")
    shifts = np.random.default_rng(2).normal(size=(16, 2)) * 0.2
    x, y = np.meshgrid(np.linspace(-1, 1, 4), np.linspace(-1, 1, 4))
    lattice = np.stack([x.ravel(), y.ravel()], -1)
    spline = interpolate.RBFInterpolator(lattice, lattice + shifts, kernel="thin_plate_spline", degree=1)
    x, y = np.meshgrid(grid.axis_coordinates(7), grid.axis_coordinates(6))
    expected = spline(np.stack([x.ravel(), y.ravel()], -1)).reshape(6, 7, 2)
    points = array(stnlib.tps_grid(shifts.reshape(1, -1), (6, 7)))
    assert close(points[0], expected, atol=1e-9)


def test_tps_moves_by_an_affine_map_exactly():
    """Displacements of an affine map give that affine map everywhere, outside the lattice too."""
    theta = np.array([[1.2, 0.1, 0.3, -0.2, 0.8, 0.1]])
    x, y = np.meshgrid(np.linspace(-1, 1, 4), np.linspace(-1, 1, 3))
    lattice = np.stack([x.ravel(), y.ravel(), np.ones(12)])
    shifts = (theta.reshape(2, 3) @ lattice - lattice[:2]).T.reshape(1, -1)
    bent, straight = stnlib.tps_grid(shifts, (5, 6), (3, 4)), stnlib.affine_grid(theta, (5, 6))
    assert close(array(bent), array(straight), atol=1e-9)


def test_splines_of_many_sizes_do_not_fill_the_memory():
    """Twelve matrices of 10 MB; the latest few are kept, and the result of an old one is the same when made anew."""
    theta = np.random.default_rng(0).normal(size=(1, 32)).astype("float32")
    first = array(stnlib.tps_grid(theta, (280, 280)))
    tracemalloc.start()
    for width in range(281, 293):
        stnlib.tps_grid(theta, (280, width))
    kept = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert kept < 100e6
    assert (array(stnlib.tps_grid(theta, (280, 280))) == first).all()


def test_a_tensor_that_is_not_finite_gives_nan_samples_and_waits_for_nobody():
    theta = ops.convert_to_tensor(np.float32([[1, 0, np.nan, 0, 1, 0]]))
    points = stnlib.affine_grid(theta, (2, 3))
    assert np.isnan(array(points)[..., 0]).all()
    assert np.isnan(array(stnlib.grid_sample(np.ones((1, 4, 4, 1), "float32"), points))).all()


@pytest.mark.parametrize("transform", transforms.NAMES)
def test_theta_gradients_equal_central_differences(transform):
    rng = np.random.default_rng(3)
    theta = transforms.identity(transform, (2, 3))[None] + rng.normal(size=(2, 1)) * 0.1
    theta = theta.astype("float64") + rng.normal(size=theta.shape) * 0.05
    weights = rng.normal(size=(2, 3, 4, 2))

    def total(theta):
        points = grid.transform_points(ops.convert_to_tensor(theta), transform, 3, 4, (2, 3))
        return ops.sum(ops.multiply(weights, points))

    # Keras computes cos and sin of float64 in float32 on JAX: there a coarser step, a wider bound.
    coarse = keras.backend.backend() == "jax" and transform in ("rigid", "similarity")
    slopes = differences(total, theta, step=1e-3 if coarse else 1e-6)
    assert close(gradient(total, theta)[0], slopes[0], atol=1e-2 if coarse else 1e-6)


@pytest.mark.parametrize(
    ("dtype", "expected"), [("float16", "float32"), ("float32", "float32"), ("float64", "float64")]
)
def test_the_grid_is_float32_or_better(dtype, expected):
    points = stnlib.affine_grid(np.array([[1, 0, 0, 0, 1, 0]], dtype), (2, 2))
    assert array(points).dtype == expected


def test_an_empty_batch_gives_an_empty_grid():
    assert array(stnlib.affine_grid(np.zeros((0, 6), "float32"), (2, 3))).shape == (0, 2, 3, 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([[1, 0, 0]], (2, 2)), "theta: expected .B, 6. or .B, 2, 3., got shape .1, 3."),
        ((np.eye(2, 3, dtype="int32")[None], (2, 2)), "theta: expected floating-point numbers .*int32"),
        (([[1, 0, 0, 0, 1, np.nan]], (2, 2)), "theta: expected finite numbers, got NaN or infinity"),
        (([[1, 0, 0, 0, 1, np.inf]], (2, 2)), "theta: expected finite numbers, got NaN or infinity"),
        (("theta", (2, 2)), "theta: expected an array of numbers"),
        (([[1, 0, 0, 0, 1, 0]], (0, 2)), "output_size: expected two whole numbers >= 1"),
        (([[1, 0, 0, 0, 1, 0]], 5), "output_size: expected two whole numbers >= 1"),
        (([[1, 0, 0, 0, 1, 0]], (2.0, 2)), "output_size: expected two whole numbers >= 1"),
        (([[1, 0, 0, 0, 1, 0]], {3, 4}), "output_size: expected two whole numbers >= 1"),
        (([[1, 0, 0, 0, 1, 0]], (2, 2), "yes"), "align_corners: expected True or False, got 'yes'"),
    ],
)
def test_affine_grid_names_the_bad_argument(arguments, message):
    with pytest.raises(ValueError, match=message) as caught:
        stnlib.affine_grid(*arguments)
    assert "\n" not in str(caught.value)


def test_the_output_size_may_be_read_off_a_tensor():
    images = ops.zeros((1, 2, 3, 1))
    assert array(stnlib.affine_grid([[1.0, 0, 0, 0, 1, 0]], images.shape[1:3])).shape == (1, 2, 3, 2)


@pytest.mark.tensorflow
def test_the_output_size_may_be_a_shape_of_tensorflow():
    import tensorflow as tf

    theta = np.float32([[1, 0, 0, 0, 1, 0]])
    grid_of = tf.function(lambda images: stnlib.affine_grid(theta, images.shape[1:3]))
    assert grid_of(tf.zeros((1, 2, 3, 1))).shape == (1, 2, 3, 2)
    for unknown in (tf.TensorShape(None), tf.TensorShape([2, None])):
        with pytest.raises(ValueError, match="output_size: expected two whole numbers >= 1"):
            stnlib.affine_grid(theta, unknown)


def test_the_other_grids_name_the_bad_argument():
    with pytest.raises(ValueError, match=r"theta: expected \(B, 8\), got shape \(1, 6\)"):
        stnlib.projective_grid([[1, 0, 0, 0, 1, 0]], (2, 2))
    with pytest.raises(ValueError, match=r"theta: expected \(B, 18\), got shape \(1, 32\)"):
        stnlib.tps_grid(np.zeros((1, 32), "float32"), (2, 2), control_points=(3, 3))
    with pytest.raises(ValueError, match="control_points: expected two whole numbers >= 2"):
        stnlib.tps_grid(np.zeros((1, 32), "float32"), (2, 2), control_points=(1, 16))


def test_a_list_of_tensors_keeps_its_gradient_and_its_precision():
    values = np.array([[1.0, 0, 0.2, 0, 1, 0]])
    found = gradient(lambda theta: ops.sum(stnlib.affine_grid([theta[0]], (2, 3))), values)
    assert close(found, differences(lambda theta: ops.sum(stnlib.affine_grid(theta, (2, 3))), values), atol=1e-6)
    assert keras.backend.standardize_dtype(stnlib.affine_grid(list(values), (2, 3)).dtype) == "float64"
