"""Distorted digits: geometry against known transformations and SciPy, ranges, seeds."""

import numpy as np
import pytest
from scipy import ndimage

from stnlib import distortions, poses
from stnlib.datasets import load


@pytest.fixture(scope="module")
def digits():
    return load("uci")


def smooth(size=28):
    """A picture without sharp edges, zero near the border."""
    y, x = np.mgrid[0:size, 0:size]
    image = np.exp(-((x - size * 0.55) ** 2 + (y - size * 0.45) ** 2) / size) + 0.5 * np.exp(-((x - 9) ** 2) / 8)
    fade = np.hanning(size)
    return (image * fade * fade[:, None])[None, :, :, None].astype("float32")


@pytest.mark.parametrize("name", distortions.DISTORTIONS)
def test_shape_range_and_seed(digits, name):
    x = digits.x_train[:50]
    first, again = distortions.distort(x, name, seed=3), distortions.distort(x, name, seed=3)
    other = distortions.distort(x, name, seed=(3, 1))
    record = distortions.DISTORTIONS[name]
    assert first.images.shape == (50, *record.output_size(), record.channels) and first.images.dtype == np.float32
    assert first.images.min() >= 0 and first.images.max() <= 1 + 1e-6
    np.testing.assert_array_equal(first.images, again.images)
    np.testing.assert_array_equal(first.theta, again.theta)
    assert np.abs(first.images - other.images).max() > 0.1


@pytest.mark.parametrize("padding_mode", ["zeros", "border"])
@pytest.mark.parametrize("name", ["R", "RTS", "P", "E"])
def test_many_images_are_distorted_as_few_are(digits, name, padding_mode, monkeypatch):
    record, x = distortions.DISTORTIONS[name], digits.x_train[:40]
    theta = record.draw(np.random.default_rng(0), 40)
    options = record.output_size(), record.transform, padding_mode
    one_by_one = distortions.warp(x, theta, *options)
    monkeypatch.setattr(distortions, "BULK", 40)
    monkeypatch.setattr(distortions, "CHUNK", 16)
    np.testing.assert_allclose(distortions.warp(x, theta, *options), one_by_one, atol=2e-5)


def test_few_images_are_not_compiled(digits, monkeypatch):
    assert distortions.BULK > 10_000  # MNIST's test set: its pixels stay those of the recorded results
    bulk = []
    in_bulk = distortions._compile.in_bulk
    monkeypatch.setattr(distortions._compile, "in_bulk", lambda *f, **how: bulk.append(how) or in_bulk(*f, **how))
    monkeypatch.setattr(distortions, "BULK", 40)
    for count in (39, 40):
        distortions.distort(digits.x_train[:count], "R")
        assert len(bulk) == (count == 40)


def test_unknown_name(digits):
    with pytest.raises(ValueError, match=r"name: .*'RST'"):
        distortions.distort(digits.x_test, "RST")


def test_warp_needs_one_theta_for_each_image():
    with pytest.raises(ValueError, match="theta"):
        distortions.warp(np.zeros((3, 4, 4, 1)), np.zeros((2, 6)))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: distortions.warp(x[0], np.zeros((28, 6))), r"images: expected \(N, H, W, C\)"),
        (lambda x: distortions.warp(x, np.zeros((5, 4)), transform="bend"), "transform: expected one of"),
        (lambda x: distortions.warp(x, np.zeros((5, 4))), "theta: expected 6 numbers for each of 5 images"),
        (lambda x: distortions.warp(x, np.zeros((5, 6)), 14), "output_size: expected two whole numbers"),
        (lambda x: distortions.distort(x[..., 0]), r"images: expected \(N, H, W, C\)"),
        (lambda x: distortions.warp(x, np.zeros((5, 6)), padding_mode="edge"), "padding_mode: expected one of"),
        (lambda x: distortions.mixed(x, np.arange(5), 1, name="RTS"), "name: expected one of"),
        (lambda x: distortions.mixed(x, np.arange(9), 1), "y: expected one for each of 5 images"),
        (lambda x: distortions.addition(x, np.arange(4)), "labels: expected one for each of 5 images"),
        (lambda x: distortions.ease(x, np.zeros((4, 4, 2)), 0.5), "corners: .* each of 5 images, got shape"),
        (lambda x: distortions.ease(x, np.zeros((5, 3, 2)), 0.5), "corners: .* each of 5 images, got shape"),
        (lambda x: distortions.ease(x, np.tile(poses.CORNERS, (5, 1, 1)), 1.5), "share: expected a number from 0 to 1"),
    ],
)
def test_bad_arguments_are_named_on_one_line(digits, call, message):
    with pytest.raises(ValueError, match=message) as caught:
        call(digits.x_test[:5])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", distortions.DISTORTIONS)
def test_no_images_give_no_images(name):
    assert len(distortions.distort(np.zeros((0, 28, 28, 1)), name).images) == 0


@pytest.mark.parametrize("name", distortions.DISTORTIONS)
@pytest.mark.parametrize("shape", [(48, 188, 3), (20, 9, 1), (1, 5, 2)])
def test_images_of_any_size_and_any_number_of_channels(name, shape):
    images = np.random.default_rng(0).uniform(0.2, 1, (6, *shape)).astype("float32")
    made, record = distortions.distort(images, name, seed=1), distortions.DISTORTIONS[name]
    assert made.images.shape == (6, *record.output_size(*shape[:2]), shape[2] * record.channels)
    assert made.images.min() >= 0 and made.images.max() <= 1 + 1e-5 and np.all(made.images.max(axis=(1, 2, 3)) > 0)


@pytest.mark.parametrize(
    "name", [name for name in distortions.DISTORTIONS if not distortions.DISTORTIONS[name].clutter]
)
def test_colours_are_moved_alike(name):
    grey = np.random.default_rng(0).uniform(size=(4, 28, 28, 1)).astype("float32")
    images = distortions.distort(np.concatenate([grey, grey / 2], axis=-1), name, seed=1).images
    np.testing.assert_allclose(images[..., 1::2], images[..., ::2] / 2, atol=1e-6)


def test_a_wide_image_is_rotated_and_not_sheared():
    disc = (np.hypot(*(np.indices((48, 188)) - [[[23.5]], [[93.5]]])) < 20).astype("float32")[None, :, :, None]
    rotated = distortions.distort(np.tile(disc, (5, 1, 1, 1)), "R", seed=0).images
    assert np.abs(rotated - disc).mean() < 0.01


def test_where_a_wide_image_goes_is_not_changed_by_its_rotation():
    square = np.random.default_rng(0).normal(size=(5, 2, 3)) + np.eye(2, 3)
    wide = poses.in_pixels(square.reshape(5, 6), 3.0).reshape(5, 2, 3)
    centres = [np.linalg.solve(theta[:, :, :2], -theta[:, :, 2:]) for theta in (square, wide)]
    np.testing.assert_allclose(*centres, atol=1e-9)
    pixels = np.diag([3.0, 1.0])
    np.testing.assert_allclose(pixels @ wide[:, :, :2] @ np.linalg.inv(pixels), square[:, :, :2], atol=1e-9)


@pytest.mark.parametrize(("padding_mode", "outside"), [("zeros", 0), ("border", 1), ("reflection", 1)])
def test_what_lies_outside_is_a_choice(padding_mode, outside):
    shifted = distortions.warp(np.ones((1, 4, 4, 1)), [[1, 0, 1.5, 0, 1, 0]], padding_mode=padding_mode)
    assert shifted[0, 0, :, 0].tolist() == [1, outside, outside, outside]


def test_identity_changes_nothing(digits):
    theta = np.tile(distortions.affine_theta(), (10, 1))
    np.testing.assert_allclose(distortions.warp(digits.x_test[:10], theta), digits.x_test[:10], atol=2e-5)


def test_theta_reads_to_the_right_so_the_digit_moves_left():
    moved = distortions.warp(smooth(), [distortions.affine_theta(translation=(6 / 28, 0))])
    np.testing.assert_allclose(moved[:, :, :-3], smooth()[:, :, 3:], atol=1e-5)


def test_a_positive_angle_rotates_the_digit_counter_clockwise():
    quarter = distortions.warp(smooth(), [distortions.affine_theta(angle=np.pi / 2)])
    np.testing.assert_allclose(quarter[0], np.rot90(smooth()[0]), atol=1e-5)


def test_affine_theta_against_matrices():
    theta = distortions.affine_theta(0.3, (1.2, 0.7), 0.2, (0.1, -0.4)).reshape(2, 3)
    rotation = np.array([[np.cos(0.3), -np.sin(0.3)], [np.sin(0.3), np.cos(0.3)]])
    lean = np.array([[1, np.tan(0.2)], [0, 1]])
    np.testing.assert_allclose(theta[:, :2], rotation @ lean @ np.diag([1.2, 0.7]), atol=1e-6)
    np.testing.assert_allclose(theta[:, 2], [0.1, -0.4], atol=1e-7)


def test_warp_agrees_with_scipy():
    theta = distortions.affine_theta(0.5, (1.3, 0.8), 0.2, (0.2, -0.1)).reshape(2, 3).astype("float64")
    swap = theta[::-1, 1::-1]  # SciPy's axes are (y, x)
    centre = np.array([13.5, 13.5])
    offset = centre + 14 * theta[::-1, 2] - swap @ centre
    expected = ndimage.affine_transform(smooth()[0, :, :, 0].astype("float64"), swap, offset, order=1)
    np.testing.assert_allclose(distortions.warp(smooth(), theta.reshape(1, 6))[0, :, :, 0], expected, atol=1e-4)


def test_article_draws_five_distortions_equally():
    theta = poses.article(np.random.default_rng(0), 20000).reshape(-1, 2, 3)
    linear, shift = theta[:, :, :2], theta[:, :, 2]
    forward = np.linalg.inv(linear)
    still = np.abs(linear - np.eye(2)).max(axis=(1, 2)) == 0
    moved = np.abs(shift).max(axis=1) > 0
    square = np.abs(linear @ linear.transpose(0, 2, 1) - np.eye(2)).max(axis=(1, 2)) < 1e-9
    diagonal = (np.abs(linear[:, 0, 1]) < 1e-12) & (np.abs(linear[:, 1, 0]) < 1e-12)
    kinds = {
        "translation": still & moved,
        "rotation": square & ~still & ~moved,
        "scale": diagonal & ~still & ~moved,
        "shear": ~square & ~diagonal & ~moved,
        "all": ~still & moved,
    }
    for name, mask in kinds.items():
        assert 0.18 < mask.mean() < 0.22, name
    assert np.abs(shift[kinds["translation"]]).max() <= 0.6
    angle = np.degrees(np.arctan2(linear[:, 1, 0], linear[:, 0, 0]))[kinds["rotation"]]
    assert 73 < np.abs(angle).max() <= 75
    size = np.diagonal(forward, axis1=1, axis2=2)[kinds["scale"]]
    assert 0.5 <= size.min() < 0.51 and 1.29 < size.max() <= 1.3
    lean = np.degrees(np.arctan(forward[:, 0, 1]))[kinds["shear"]]
    assert 29 < np.abs(lean).max() <= 30


def test_rotations_of_the_paper():
    linear = poses.rotated(np.random.default_rng(0), 5000).reshape(-1, 2, 3)[:, :, :2]
    angle = np.degrees(np.arctan2(linear[:, 1, 0], linear[:, 0, 0]))
    assert 88 < angle.max() <= 90 and -90 <= angle.min() < -88


def test_rts_keeps_the_scaled_square_on_the_canvas():
    forward = poses.inverse(poses.rotated_scaled_translated(np.random.default_rng(0), 5000).reshape(-1, 2, 3))
    forward = forward.reshape(-1, 2, 3)
    size = np.sqrt(np.abs(np.linalg.det(forward[:, :, :2]))) * 42 / 28
    assert 0.7 <= size.min() < 0.71 and 1.19 < size.max() <= 1.2
    assert np.all(np.abs(forward[:, :, 2]) <= (1 - size * 28 / 42)[:, None] + 1e-12)


def test_rts_loses_no_ink_at_the_border(digits):
    distorted = distortions.distort(digits.x_test, "RTS", seed=0)
    forward = poses.inverse(distorted.theta.reshape(-1, 2, 3).astype("float64")).reshape(-1, 2, 3)
    grows = np.abs(np.linalg.det(forward[:, :, :2])) * 42**2 / 28**2
    ink = distorted.images.sum(axis=(1, 2, 3)) / digits.x_test.sum(axis=(1, 2, 3))
    assert np.median(np.abs(ink / grows - 1)) < 0.02


def test_projective_theta_takes_moved_corners_back():
    rng = np.random.default_rng(0)
    corners = np.array([[[-1, -1], [1, -1], [1, 1], [-1, 1]]], "float64")
    moved = corners + rng.normal(0, 0.1, (1, 4, 2))
    matrix = np.append(poses.homography(moved, corners)[0], 1).reshape(3, 3)
    mapped = np.c_[moved[0], np.ones(4)] @ matrix.T
    np.testing.assert_allclose(mapped[:, :2] / mapped[:, 2:], corners[0], atol=1e-12)


def drawn_corners(theta):
    """Where the corners of the picture come to lie, (N, 4, 2), for projective theta (N, 8)."""
    back = np.linalg.inv(np.c_[theta, np.ones(len(theta))].reshape(-1, 3, 3))
    corners = np.array([[-1, -1, 1], [1, -1, 1], [1, 1, 1], [-1, 1, 1]]) @ back.transpose(0, 2, 1)
    return corners[..., :2] / corners[..., 2:]


def test_projective_draws_are_convex_and_spread_as_told():
    corners = drawn_corners(poses.projected(np.random.default_rng(0), 3000))
    assert (poses.bends(corners) > 0).all()
    spread = corners.std(axis=0) * 14
    assert np.all((spread > 4.2) & (spread < 5.3))


def test_stretched_corners_stay_on_their_diagonals():
    corners = drawn_corners(poses.stretched(np.random.default_rng(0), 3000))
    assert (poses.bends(corners) > 0).all()
    outwards = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    assert np.abs(poses.stretched(np.random.default_rng(0), 100)[:, [2, 5]]).max() < 1e-12  # the centre stays
    across = (corners * outwards[:, ::-1] * [1, -1]).sum(axis=-1)
    np.testing.assert_allclose(across, 0, atol=1e-9)
    along = (corners * outwards).sum(axis=-1) / np.sqrt(2) * 14  # pixels from the centre
    shrunk = np.sqrt(2) * 14 * (1 - 0.75) / np.sqrt(12)  # how far the scale alone spreads them
    assert np.all(np.abs(along.std(axis=0) / np.hypot(5, shrunk) - 1) < 0.1)
    assert np.all(np.abs(along.mean(axis=0) / (np.sqrt(2) * 14 * 0.875) - 1) < 0.05)


def test_elastic_displacements():
    theta = poses.elastic(np.random.default_rng(0), 5000).reshape(-1, 4, 4, 2)
    middle = theta[:, 1, 1]
    assert abs(middle[:, 0].std() * 14 - 1.5) < 0.2
    corner = theta[:, 0, 0, 0]  # the lattice is read from 1 to 4/3 of the way out
    assert -1 / 3 < corner.mean() < 0


@pytest.mark.parametrize(("name", "size"), [("clutter", 60), ("article_clutter", 40)])
def test_clutter_theta_finds_the_digit(digits, name, size):
    x = digits.x_test[:40]
    cluttered = distortions.distort(x, name, seed=1)
    assert cluttered.images.shape == (40, size, size, 1)
    back = np.linalg.inv(np.concatenate([cluttered.theta.reshape(-1, 2, 3), np.tile([[[0, 0, 1.0]]], (40, 1, 1))], 1))
    found = distortions.warp(cluttered.images, back[:, :2].reshape(-1, 6), (28, 28))
    assert np.all(found >= x - 1e-4)  # the digit, and what clutter fell on it
    extra = cluttered.images.sum(axis=(1, 2, 3)) - x.sum(axis=(1, 2, 3))
    assert np.median(extra) > 1


def test_mixed_keeps_images_and_labels_together(digits):
    x, y = digits.x_train[:20], np.arange(20)
    images, labels = distortions.mixed(x, y, copies=2, seed=0)
    assert images.shape == (60, 28, 28, 1) and np.bincount(labels).tolist() == [3] * 20
    clean = [np.abs(images[labels == k] - x[k]).max(axis=(1, 2, 3)).min() for k in range(20)]
    assert max(clean) == 0
    assert np.any(labels[1:] < labels[:-1])


def test_addition(digits):
    pairs, sums = distortions.addition(digits.x_test[:30], digits.y_test[:30], seed=2)
    assert pairs.shape == (30, 42, 42, 2) and pairs.dtype == np.float32
    partner = np.random.default_rng(2).permutation(30)
    np.testing.assert_array_equal(sums, digits.y_test[:30] + digits.y_test[partner])
    assert np.all(pairs.sum(axis=(1, 2)) > 1)
