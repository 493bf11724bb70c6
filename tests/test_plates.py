"""The plates: what is on them is what the labels say, and theta and corners are the true ones."""

import itertools

import numpy as np
import pytest

from stnlib import distortions, plates


@pytest.fixture(scope="module")
def made():
    return plates.make(60, seed=3)


def test_the_same_seed_gives_the_same_plates(made):
    again, other = plates.make(60, seed=3), plates.make(60, seed=4)
    assert all(np.array_equal(a, b) for a, b in zip(made, again, strict=True))
    assert not any(np.array_equal(a, b) for a, b in zip(made, other, strict=True))


def test_shapes_and_ranges(made):
    assert made.images.shape == (60, 48, 188, 3) and made.images.dtype == np.float32
    assert made.images.min() >= 0 and made.images.max() <= 1 and made.images.std() > 0.1
    np.testing.assert_allclose(made.images * 255, np.round(made.images * 255), atol=1e-4)
    assert made.labels.shape == (60, 5) and set(np.unique(made.labels)) <= set(range(len(plates.ALPHABET)))
    assert len(set(plates.ALPHABET)) == 33
    assert np.all(np.abs(made.corners) < 1)  # the whole plate is on the image
    empty = plates.make(0)
    assert empty.images.shape == (0, 48, 188, 3) and empty.theta.shape == (0, 8)


def test_theta_takes_the_corners_of_the_plate_to_those_on_the_image(made):
    corners = np.array([[-1, -1, 1], [1, -1, 1], [1, 1, 1], [-1, 1, 1.0]])
    matrix = np.c_[made.theta, np.ones(60)].reshape(-1, 3, 3).astype("float64")
    mapped = corners @ matrix.transpose(0, 2, 1)
    np.testing.assert_allclose(mapped[..., :2] / mapped[..., 2:], made.corners, atol=1e-5)


def test_theta_rectifies_the_plate(made):
    """Read by the true theta, a plate looks like the one that is drawn from the front, light and noise aside."""
    rectified = distortions.warp(made.images, made.theta, (32, 128), "projective").mean(axis=-1)
    likeness = []
    for image, label in zip(rectified, made.labels, strict=True):
        front = [plates.face(np.random.default_rng(seed), plates.text(label)) for seed in range(12)]
        shown = [np.asarray(one.convert("L").resize((128, 32)), float) for one in front]
        likeness.append(max(abs(np.corrcoef(image[3:-3].ravel(), one[3:-3].ravel())[0, 1]) for one in shown))
    assert np.median(likeness) > 0.8
    other = [abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) for a, b in itertools.pairwise(rectified)]
    assert np.median(other) < 0.6


def test_plates_are_rotated_sheared_shifted_and_seen_from_aside(made):
    corners = (plates.make(300, seed=5).corners + 1) / 2 * [188, 48]
    top, bottom = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 3]
    angle = np.degrees(np.arctan2(top[:, 1], top[:, 0]))
    assert angle.max() > 8 and angle.min() < -8
    lengths = np.linalg.norm(top, axis=1), np.linalg.norm(bottom, axis=1)
    assert np.std(lengths[0] / lengths[1]) > 0.01  # perspective
    assert np.all(corners.mean(axis=1).std(axis=0) > [8, 2])
    left = corners[:, 3] - corners[:, 0]
    lean = left[:, 0] / left[:, 1]
    assert lean.max() > 0.3 and lean.min() < -0.3


def test_labels_as_text():
    assert plates.text([0, 9, 10, 32]) == "09AZ"


@pytest.mark.parametrize("count", [-1, 2.5, True, "9"])
def test_a_count_that_is_none(count):
    with pytest.raises(ValueError, match="count: expected a whole number of at least 0"):
        plates.make(count)


def test_plates_of_another_alphabet_and_length():
    made = plates.make(30, seed=1, alphabet="XY", length=7)
    assert made.labels.shape == (30, 7) and set(np.unique(made.labels)) == {0, 1}
    assert set(plates.text(made.labels[0], "XY")) <= {"X", "Y"}


@pytest.mark.parametrize(("options", "message"), [({"alphabet": ""}, "alphabet: "), ({"length": 0}, "length: ")])
def test_plates_without_characters(options, message):
    with pytest.raises(ValueError, match=message):
        plates.make(1, **options)
