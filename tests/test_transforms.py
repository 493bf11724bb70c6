import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

import stnlib
from stnlib import transforms

SIZES = [(6, 6), (5, 9)]


def array(tensor):
    return ops.convert_to_numpy(tensor)


def close(a, b, atol=1e-9):
    return np.allclose(a, b, rtol=0, atol=atol)


SIDEWAYS = [[1, 0, 0, 0, 1, 0, -1, 0]]  # sends x = 1 to infinity


def thetas(seed, count=3):
    """Affine thetas near the identity, float64 `(count, 6)`."""
    return np.array([[1.0, 0, 0, 0, 1, 0]]) + np.random.default_rng(seed).normal(size=(count, 6)) * 0.2


def homographies(seed, count=3):
    rng = np.random.default_rng(seed)
    return np.concatenate([thetas(seed, count), rng.normal(size=(count, 2)) * 0.2], axis=1)


@pytest.mark.parametrize("transform", transforms.NAMES)
def test_every_number_of_theta_has_a_name_of_its_own(transform):
    count = transforms.parameter_count(transform)
    assert len(set(transforms.parameter_names(transform))) == count
    assert transforms.identity(transform).shape == (count,)


def test_theta_has_as_many_numbers_as_documented():
    counts = {"attention": 3, "rigid": 3, "similarity": 4, "affine": 6, "projective": 8, "tps": 32}
    assert {name: transforms.parameter_count(name) for name in counts} == counts


def test_tps_counts_two_numbers_per_control_point():
    assert transforms.parameter_count("tps", (3, 5)) == 30
    assert transforms.parameter_names("tps", (2, 2))[:3] == ("dx[0,0]", "dy[0,0]", "dx[0,1]")


def test_matrices_are_what_the_names_say():
    s, angle, tx, ty = 0.8, 0.3, 0.1, -0.2
    cos, sin = np.cos(angle), np.sin(angle)
    turned = [[cos, -sin, tx], [sin, cos, ty]]
    assert close(array(transforms.matrix("rigid", [[angle, tx, ty]])), [turned], 1e-6)
    similar = [[s * cos, -s * sin, tx], [s * sin, s * cos, ty]]
    assert close(array(transforms.matrix("similarity", [[s, angle, tx, ty]])), [similar], 1e-6)
    assert close(array(transforms.matrix("attention", [[s, tx, ty]])), [[[s, 0, tx], [0, s, ty]]], 1e-6)
    projective = array(transforms.matrix("projective", homographies(0)))
    assert projective.shape == (3, 3, 3)
    assert close(projective[:, 2, 2], 1)


def test_a_positive_angle_turns_the_grid_from_x_towards_y():
    """y points down, so the grid turns clockwise on the screen and the picture the other way."""
    points = array(stnlib.affine_grid(transforms.matrix("rigid", [[np.pi / 2, 0, 0]]), (1, 3), align_corners=True))
    assert close(points[0, 0], [(0, -1), (0, 0), (0, 1)], 1e-6)


def test_a_normalised_rotation_is_no_pixel_rotation_on_an_oblong_image():
    """On a 10 x 20 image a turn by 90 degrees in normalised units also stretches: 10 pixels of x read 5 of y."""
    turn = array(transforms.matrix("rigid", [[np.pi / 2, 0, 0]]))
    pixels = transforms.theta_to_scipy(turn, (10, 20))[0, :2, :2]
    assert close(np.abs(pixels), [[0, 0.5], [2, 0]], 1e-6)


def test_compose_does_b_first():
    a, b = thetas(1), thetas(2)
    expected = [
        np.vstack([x.reshape(2, 3), [0, 0, 1]]) @ np.vstack([y.reshape(2, 3), [0, 0, 1]])
        for x, y in zip(a, b, strict=True)
    ]
    composed = array(transforms.compose(a, b))
    assert close(composed, np.stack(expected)[:, :2].reshape(3, 6), 1e-9)


def test_compose_seen_from_images_samples_with_a_then_with_b():
    y, x = np.mgrid[-1:1:33j, -1:1:33j]
    images = np.exp(-((x - 0.1) ** 2 + (y + 0.2) ** 2) * 3)[None, ..., None]  # smooth: two samplings blur little
    a, b = thetas(4, 1), thetas(5, 1)

    def warp(image, theta):
        return stnlib.grid_sample(image, stnlib.affine_grid(theta, (33, 33)), padding_mode="border")

    twice, once = array(warp(warp(images, a), b)), array(warp(images, transforms.compose(a, b)))
    assert np.abs(twice - once)[:, 10:-10, 10:-10].max() < 0.01
    assert np.abs(array(warp(images, transforms.compose(b, a))) - once).max() > 0.02  # the order matters


@pytest.mark.parametrize("shape", [(6,), (2, 3), (8,), (3, 3)])
def test_invert_undoes_and_keeps_the_form(shape):
    flat = homographies(6) if shape in ((8,), (3, 3)) else thetas(6)
    theta = array(transforms.matrix("projective", flat)) if shape == (3, 3) else flat.reshape(3, *shape)
    back = array(transforms.invert(theta))
    assert back.shape == theta.shape
    identity = array(transforms.compose(theta, back))
    assert close(identity.reshape(3, -1)[:, :6], np.tile([1, 0, 0, 0, 1, 0], (3, 1)), 1e-9)


def test_a_matrix_may_be_asked_with_whole_numbers():
    assert array(transforms.matrix("affine", [[1, 0, 0, 0, 1, 0]])).tolist() == [[[1, 0, 0], [0, 1, 0]]]


def test_half_precision_is_inverted_in_single_precision():
    found = transforms.invert(np.array([[300, 0, 0, 0, 300, 1]], "float16"))
    np.testing.assert_allclose(array(found), [[1 / 300, 0, 0, 0, 1 / 300, -1 / 300]], rtol=1e-6)


def test_composing_float32_with_float64_gives_float64():
    assert array(transforms.compose(thetas(1).astype("float32"), thetas(2))).dtype == "float64"


def test_affine_and_projective_compose_to_projective():
    both = transforms.compose(thetas(7), homographies(8))
    assert tuple(both.shape) == (3, 8)
    assert tuple(transforms.compose(thetas(7).reshape(3, 2, 3), homographies(8)).shape) == (3, 3, 3)


@given(st.integers(0, 999))
@settings(max_examples=30)
def test_compose_is_associative(seed):
    a, b, c = homographies(seed), thetas(seed + 1), homographies(seed + 2)
    left = transforms.compose(transforms.compose(a, b), c)
    assert close(array(left), array(transforms.compose(a, transforms.compose(b, c))), 1e-6)


CONVERTERS = {
    "torch": (transforms.theta_to_torch, transforms.theta_from_torch),
    "opencv": (transforms.theta_to_opencv, transforms.theta_from_opencv),
    "keras": (transforms.theta_to_keras, transforms.theta_from_keras),
    "scipy": (transforms.theta_to_scipy, transforms.theta_from_scipy),
}


@pytest.mark.parametrize("library", CONVERTERS)
@pytest.mark.parametrize("align_corners", [False, True])
def test_converters_round_trip(library, align_corners):
    there, back = CONVERTERS[library]
    sizes = {"input_size": (5, 9), "output_size": (7, 4), "align_corners": align_corners}
    assert close(back(there(thetas(9), **sizes), **sizes), thetas(9))


def test_torch_with_the_other_alignment_reads_the_same_points():
    options = {"input_size": (5, 9), "output_size": (7, 4)}
    theta = thetas(10)
    other = transforms.theta_to_torch(theta, False, torch_align_corners=True, **options)
    here, there = stnlib.affine_grid(theta, (7, 4)), stnlib.affine_grid(other, (7, 4), align_corners=True)
    for axis, size in ((0, 9), (1, 5)):
        pixels = ((array(here)[..., axis] + 1) * size - 1) / 2
        assert close(pixels, (array(there)[..., axis] + 1) * (size - 1) / 2)
    assert close(transforms.theta_from_torch(other, False, torch_align_corners=True, **options), theta)


def warped(images, theta, output_size, align_corners):
    return array(
        stnlib.grid_sample(images, stnlib.affine_grid(theta, output_size, align_corners), align_corners=align_corners)
    )


@pytest.mark.parametrize(("size", "align_corners"), list(itertools.product(SIZES, (False, True))))
def test_scipy_reads_the_same_pixels(size, align_corners):
    ndimage = pytest.importorskip("scipy.ndimage")
    images, theta = np.random.default_rng(11).normal(size=(1, *size, 1)), thetas(12, 1)
    matrix = transforms.theta_to_scipy(theta, size, (7, 4), align_corners)[0]
    expected = ndimage.affine_transform(images[0, ..., 0], matrix, output_shape=(7, 4), order=1, mode="grid-constant")
    assert close(warped(images, theta, (7, 4), align_corners)[0, ..., 0], expected)


@pytest.mark.parametrize(("size", "align_corners"), list(itertools.product(SIZES, (False, True))))
def test_keras_reads_the_same_pixels(size, align_corners):
    """Inside the image; at the border Keras pads otherwise."""
    images, theta = np.random.default_rng(13).normal(size=(1, *size, 1)).astype("float32"), thetas(14, 1) * 0.5
    vector = transforms.theta_to_keras(theta, size, size, align_corners).astype("float32")
    expected = array(ops.image.affine_transform(images, vector, data_format="channels_last"))
    assert close(warped(images, theta, size, align_corners), expected, 1e-4)


@pytest.mark.parametrize(("size", "align_corners"), list(itertools.product(SIZES, (False, True))))
def test_opencv_reads_the_same_pixels(size, align_corners):
    cv2 = pytest.importorskip("cv2", reason="OpenCV is in the backends environment")
    images, theta = np.random.default_rng(15).normal(size=(1, *size, 1)), thetas(16, 1)
    matrix = transforms.theta_to_opencv(theta, size, (7, 4), align_corners)[0]
    expected = cv2.warpAffine(images[0, ..., 0], matrix, (4, 7), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    assert close(warped(images, theta, (7, 4), align_corners)[0, ..., 0], expected, 0.1)  # OpenCV rounds to 1/32 pixel


HOMOGRAPHY = [[0.9, 0.2, 0.1, -0.1, 0.8, -0.1, 0.2, -0.15], [1.1, 0, -0.2, 0.1, 0.7, 0, 0, 0.3]]


@pytest.mark.parametrize("align_corners", [False, True])
def test_homographies_go_to_opencv_and_back(align_corners):
    sizes = {"input_size": (9, 12), "output_size": (7, 4), "align_corners": align_corners}
    matrices = transforms.theta_to_opencv(HOMOGRAPHY, **sizes)
    assert matrices.shape == (2, 3, 3)
    assert close(transforms.theta_from_opencv(matrices, **sizes), HOMOGRAPHY)
    assert close(transforms.theta_from_opencv(5 * matrices[0], **sizes), HOMOGRAPHY[:1])
    square = np.append(HOMOGRAPHY, np.ones((2, 1)), axis=1).reshape(-1, 3, 3)
    assert close(transforms.theta_to_opencv(square, **sizes), matrices)
    affine = transforms.theta_to_opencv(np.append(thetas(3), np.zeros((3, 2)), axis=1), **sizes)
    assert close(affine[:, :2], transforms.theta_to_opencv(thetas(3), **sizes))
    assert transforms.theta_from_opencv(np.eye(3), **sizes).shape == (1, 6)


@pytest.mark.parametrize("align_corners", [False, True])
def test_opencv_warps_a_perspective_alike(align_corners):
    cv2 = pytest.importorskip("cv2", reason="OpenCV is in the backends environment")
    images, theta = np.random.default_rng(15).normal(size=(1, 9, 12, 1)), np.array(HOMOGRAPHY[:1])
    matrix = transforms.theta_to_opencv(theta, (9, 12), (7, 5), align_corners)[0]
    expected = cv2.warpPerspective(images[0, ..., 0], matrix, (5, 7), flags=cv2.INTER_LINEAR)
    grid = stnlib.projective_grid(theta, (7, 5), align_corners)
    found = array(stnlib.grid_sample(images, grid, align_corners=align_corners))[0, ..., 0]
    assert close(found, expected, 0.1)  # OpenCV rounds to 1/32 pixel


@pytest.mark.parametrize("align_corners", [False, True])
def test_torch_affine_grid_means_the_same_theta(align_corners):
    torch = pytest.importorskip("torch", reason="PyTorch is in the backends environment")
    theta = thetas(17)
    there = torch.tensor(transforms.theta_to_torch(theta, align_corners))
    expected = torch.nn.functional.affine_grid(there, (3, 1, 7, 4), align_corners=align_corners)
    assert close(array(stnlib.affine_grid(theta, (7, 4), align_corners)), expected.numpy())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: transforms.identity("nonsense"), "transform: expected one of .*'attention'.* got 'nonsense'"),
        (lambda: transforms.identity("tps", (1, 4)), "control_points: expected two whole numbers >= 2"),
        (lambda: transforms.matrix("tps", np.zeros((1, 32), "float32")), "transform: expected one of"),
        (lambda: transforms.matrix("rigid", np.zeros((1, 4), "float32")), r"theta: expected \(B, 3\) for 'rigid'"),
        (lambda: transforms.compose(thetas(0), np.eye(2)), "b: expected .* got shape"),
        (lambda: transforms.compose(thetas(0), thetas(0, 2)), "b: expected the batch size of a, 3, got batch 2"),
        (lambda: transforms.invert(np.zeros((1, 6), "float32")), "theta: expected a matrix with an inverse"),
        (lambda: transforms.theta_to_opencv(np.zeros((1, 6)), (4, 4)), "theta: expected a matrix with an inverse"),
        (lambda: transforms.theta_from_opencv(np.zeros((2, 3)), (4, 4)), "matrix: expected a matrix with an inverse"),
        (lambda: transforms.theta_from_opencv(np.zeros((3, 3)), (4, 4)), "matrix: expected a matrix with an inverse"),
        (lambda: transforms.theta_to_opencv([[1, 0, 0, 0, 1, 0, -2, 0]], (2, 2)), "theta: expected one that can be"),
        (
            lambda: transforms.theta_from_torch(thetas(0), torch_align_corners="x"),
            "^torch_align_corners: expected True",
        ),
        (
            lambda: transforms.theta_from_torch(thetas(0), "x", torch_align_corners=True),
            "^align_corners: expected True",
        ),
        (lambda: transforms.matrix("affine", np.full((1, 6), np.nan, "float32")), "theta: expected finite numbers"),
        (lambda: transforms.compose(SIDEWAYS, [[1, 0, 1, 0, 1, 0]]), "a and b: expected one that can be scaled"),
        (lambda: transforms.invert([[1, 1, 0, 1, 1, 1, 0, 0.5]]), "theta: expected one that can be scaled"),
        (lambda: transforms.theta_to_scipy(thetas(0), (1, 4), align_corners=True), "input_size: expected .* >= 2"),
        (lambda: transforms.theta_to_torch(thetas(0), torch_align_corners=True), "input_size: expected"),
        (lambda: transforms.theta_from_keras([1, 0, 0, 0, 1, 0, 0.1, 0], (4, 4)), "vector: expected an affine one"),
        (lambda: transforms.theta_from_keras([1, 0], (4, 4)), "vector: expected"),
        (lambda: transforms.theta_from_scipy(np.zeros((4, 4)), (4, 4)), "matrix: expected"),
        (lambda: transforms.theta_from_scipy(np.ones((3, 3)), (4, 4)), "matrix: expected an affine one"),
        (lambda: transforms.theta_to_scipy([["a"]], (4, 4)), "theta: expected an array of numbers"),
        (lambda: transforms.theta_to_scipy([[np.nan] * 6], (4, 4)), "theta: expected finite numbers"),
    ],
)
def test_bad_arguments_are_named_on_one_line(call, message):
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)
