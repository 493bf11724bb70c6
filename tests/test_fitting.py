"""theta from points: exact where the family can be, nearest where it cannot."""

import numpy as np
import pytest
from keras import ops
from scipy.optimize import least_squares

from stnlib import fitting, transforms
from stnlib.grid import transform_points

AXIS = np.linspace(-1, 1, 5)
POINTS = np.stack(np.meshgrid(AXIS, AXIS), axis=-1).reshape(-1, 2)
THETAS = {  # far from the identity; any other transform is tried near it
    "attention": [[0.5, 0.2, -0.3], [1.5, 0, 0.1]],
    "rigid": [[0.7, 0.2, -0.3], [-2.5, 0, 0.1]],
    "similarity": [[0.6, 0.7, 0.2, -0.3], [1.2, -2.5, 0, 0.1]],
    "affine": [[0.9, 0.2, 0.1, -0.3, 0.7, -0.2], [-1, 0, 0.3, 0.5, 1.2, 0]],
    "projective": [[0.9, 0.2, 0.1, -0.3, 0.7, -0.2, 0.2, -0.1], [1, 0, 0.3, 0.1, 1.2, 0, 0, 0.3]],
    "tps": np.random.default_rng(0).normal(0, 0.1, (2, 32)),
}


def moved(transform, theta, size=5):
    """Where stnlib's own grid puts the points of a lattice over [-1, 1]."""
    theta = ops.convert_to_tensor(np.asarray(theta, "float64"))
    points = transform_points(theta, transform, size, size, align_corners=True)
    return ops.convert_to_numpy(points).reshape(len(theta), -1, 2)


def test_every_transform_has_its_line_in_FITS_but_the_spline():
    assert {*fitting.FITS, "tps"} == set(transforms.NAMES)


@pytest.mark.parametrize("transform", transforms.NAMES)
def test_the_map_that_made_the_points_is_found(transform):
    identity = transforms.identity(transform)
    near = identity + np.random.default_rng(0).normal(0, 0.1, identity.shape)
    theta = np.asarray(THETAS.get(transform, [near]))
    found = fitting.fit(transform, POINTS, moved(transform, theta))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, theta, atol=2e-6)


@pytest.mark.parametrize("transform", ["rigid", "similarity"])
def test_rotations_in_pixels_are_found_with_their_aspect(transform):
    theta = np.asarray(THETAS[transform])
    matrix = ops.convert_to_numpy(transforms.matrix(transform, theta.astype("float32"), aspect=3.9)).astype("float64")
    targets = np.concatenate([POINTS, np.ones((25, 1))], axis=1) @ np.swapaxes(matrix, 1, 2)
    np.testing.assert_allclose(fitting.fit(transform, POINTS, targets, aspect=3.9), theta, atol=2e-6)


@pytest.mark.parametrize("transform", ["rigid", "similarity", "affine", "projective"])
def test_no_theta_near_by_comes_nearer(transform):
    noise = np.random.default_rng(1).normal(0, 0.05, (1, 25, 2))
    targets = moved(transform, THETAS[transform][:1]) + noise
    found = fitting.fit(transform, POINTS, targets)[0]
    best = least_squares(lambda theta: (moved(transform, theta[None]) - targets).ravel(), found)
    assert (
        best.cost
        >= least_squares(lambda theta: (moved(transform, theta[None]) - targets).ravel(), found, max_nfev=1).cost - 1e-6
    )
    np.testing.assert_allclose(found, best.x, atol=1e-4)


def test_a_spline_through_few_points_bends_little_and_meets_them():
    corners = np.array([[-0.8, -1.1], [1.1, -0.9], [0.9, 1.0], [-1.0, 0.8]])
    theta = fitting.fit("tps", fitting.CORNERS, corners[None])
    four = moved("tps", theta, size=2).reshape(-1, 2)
    np.testing.assert_allclose(four, corners[[0, 1, 3, 2]], atol=1e-5)
    assert (
        np.abs(moved("tps", theta) - moved("affine", fitting.fit("affine", fitting.CORNERS, corners[None]))).max() < 0.2
    )


@pytest.mark.parametrize("align_corners", [False, True])
def test_the_corners_of_a_quadrilateral_become_those_of_the_output(align_corners):
    pixels = np.array([[[10, 5], [150, 12], [140, 40], [20, 30]]], "float64")
    theta = fitting.from_corners(pixels, (48, 188), align_corners=align_corners)
    found = fitting.project(theta, fitting.CORNERS)
    back = (found + 1) * [187, 47] / 2 if align_corners else ((found + 1) * [188, 48] - 1) / 2
    np.testing.assert_allclose(back, pixels, atol=1e-3)
    np.testing.assert_allclose(
        fitting.from_corners((2 * pixels + 1) / [188, 48] - 1), fitting.from_corners(pixels, (48, 188))
    )


@pytest.mark.parametrize("transform", ["affine", "tps"])
def test_other_families_come_near_the_rectifying_homography(transform):
    corners = np.array([[[-0.8, -0.5], [0.7, -0.7], [0.8, 0.5], [-0.7, 0.6]]])
    exact = fitting.project(fitting.from_corners(corners), POINTS)
    off = np.abs(moved(transform, fitting.from_corners(corners, transform=transform)) - exact).max()
    assert off < (0.1 if transform == "affine" else 0.01)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fitting.remainder("affine", None, (8, 8)), r"theta: expected \(B, 8\)"),
        (lambda: fitting.project(np.ones((2, 6)), POINTS), r"theta: expected \(B, 8\).* got shape \(2, 6\)"),
        (lambda: fitting.fit("shear", POINTS, POINTS[None]), "transform: expected one of"),
        (lambda: fitting.fit("affine", POINTS, [[1, 2, 3]]), r"targets: expected \(B, N, 2\)"),
        (lambda: fitting.fit("affine", "points", POINTS), "points: expected an array of numbers"),
        (lambda: fitting.fit("affine", POINTS * np.nan, POINTS), "points: expected finite numbers"),
        (lambda: fitting.from_corners(np.zeros((1, 3, 2))), r"corners: expected \(B, 4, 2\)"),
        (lambda: fitting.from_corners([[[0, 0], [1, 1], [1, 0], [0, 1]]]), "corners: .* not convex"),
        (lambda: fitting.fit("affine", POINTS[:2], POINTS[None, :2]), "points: .* determine the map, got too few"),
        (lambda: fitting.fit("affine", POINTS[:5], POINTS[None, :5]), "points: .* on one line"),
        (lambda: fitting.fit("tps", POINTS[:5], POINTS[None, :5]), "points: .* on one line"),
        (lambda: fitting.fit("similarity", POINTS[:1], POINTS[None, :1]), "points: .* got too few"),
        (lambda: fitting.fit("projective", POINTS[:3], POINTS[None, :3]), "points: .* got too few"),
        (lambda: fitting.fit("projective", POINTS[:5], POINTS[None, :5]), "points: .* on one line"),
        (lambda: fitting.from_corners([fitting.CORNERS * 20 + 30]), "input_size: .* corners in pixels: one is 50"),
        (lambda: fitting.from_corners([fitting.CORNERS], (0, 3)), "input_size: expected two whole numbers"),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_the_remainder_is_what_the_nearest_map_of_a_family_leaves_in_pixels():
    shift = [[1, 0, 0.5, 0, 1, 0, 0, 0]]
    assert fitting.remainder("attention", shift, (48, 188)).max() < 1e-4
    lean = fitting.from_corners(fitting.CORNERS[None] / 2 + [[[0.2, 0], [0.2, 0], [0, 0], [0, 0]]])
    assert fitting.remainder("affine", lean, (48, 188)).max() < 1e-4
    # the x of half the rows lies, on average over a lattice of 13, this far from the best common x, in half widths
    best = 0.1 * np.sqrt(np.mean(np.linspace(-1, 1, 13) ** 2)) * 188 / 2
    np.testing.assert_allclose(fitting.remainder("attention", lean, (48, 188)), best, rtol=1e-4)


def test_richer_families_leave_less():
    theta = fitting.from_corners([[[-0.6, -0.7], [0.5, -0.4], [0.7, 0.5], [-0.8, 0.4]]])
    left = [float(fitting.remainder(name, theta, (48, 188), aspect=188 / 48)[0]) for name in transforms.NAMES]
    order = dict(zip(transforms.NAMES, left, strict=True))
    assert order["attention"] > order["affine"] > order["tps"] > order["projective"]
    assert order["similarity"] > order["affine"] and order["projective"] < 1e-3


def test_convex_tells_quadrilaterals_whose_corners_are_in_order():
    dented = [[-1, -1], [1, -1], [-0.5, -0.5], [-1, 1]]
    assert fitting.convex([fitting.CORNERS, fitting.CORNERS[::-1], fitting.CORNERS[[1, 0, 2, 3]], dented]).tolist() == [
        True, True, False, False,
    ]  # fmt: skip
