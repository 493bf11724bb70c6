"""SplineExplorer in the page: each control point by mouse, touch and keys; the output is the library's."""

import numpy as np
import pytest

import stnlib
from stnlib.widgets import SplineExplorer
from tests.js.acts import centre, get, mouse_drag, picture, put, settle, text, touch_drag

LATTICE = np.stack(np.meshgrid(np.linspace(-1, 1, 4), np.linspace(-1, 1, 4)), axis=-1).reshape(16, 2)


def handle(k):
    return f".stn-point >> nth={k}"


def side(page):
    """The width of the shown image in CSS pixels: two normalised units."""
    return page.evaluate("document.querySelector('.stn-widget').instrument.view.width")


def moves(page):
    return np.reshape(get(page, "theta"), (16, 2))


@pytest.mark.parametrize("channels", [1, 3])
def test_the_output_is_what_stnlib_computes(open_widget, channels):
    random = np.random.default_rng(channels)
    image = random.integers(0, 256, (28, 20, channels), dtype="uint8")
    theta = random.normal(0, 0.3, 32)
    page = open_widget(SplineExplorer(image, theta))
    shown = page.evaluate("Array.from(document.querySelector('.stn-widget').instrument.result.data)")
    expected = np.asarray(stnlib.grid_sample(image[None] / 255, stnlib.tps_grid(theta[None], (28, 20))))
    np.testing.assert_allclose(np.reshape(shown, image.shape), expected[0], atol=1e-6)


def test_a_handle_stands_where_its_control_point_reads(open_widget):
    theta = np.random.default_rng(0).normal(0, 0.1, (16, 2))
    page = open_widget(SplineExplorer(theta=theta))
    stage = page.locator("[data-ref=inputCanvas]").bounding_box()
    middle = stage["x"] + stage["width"] / 2, stage["y"] + stage["height"] / 2
    for k in range(16):
        offset = np.subtract(centre(page, handle(k)), middle)
        np.testing.assert_allclose(offset * 2 / side(page), LATTICE[k] + theta[k], atol=0.01)


@pytest.mark.parametrize("k", [0, 5, 11, 15])
def test_a_dragged_point_moves_alone_and_the_pictures_follow(open_widget, k):
    page = open_widget(SplineExplorer())
    before = picture(page, "inputCanvas"), picture(page, "outputCanvas")
    mouse_drag(page, handle(k), 24, -15)
    expected = np.zeros((16, 2))
    expected[k] = np.array([24, -15]) * 2 / side(page)
    np.testing.assert_allclose(moves(page), expected, atol=1e-6)
    assert picture(page, "inputCanvas") != before[0] and picture(page, "outputCanvas") != before[1]
    assert text(page, "story").startswith(f"Control point {k} ") and f"entries {2 * k} and {2 * k + 1}" in text(
        page, "story"
    )


def test_touch_drags_a_point_and_the_page_stays(open_widget):
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}
    page = open_widget(SplineExplorer(), **phone)
    x, y = centre(page, handle(6))
    scroll = page.evaluate("scrollY")
    touch_drag(page, x, y, -8, 14)
    np.testing.assert_allclose(moves(page)[6], np.array([-8, 14]) * 2 / side(page), atol=1e-3)
    assert page.evaluate("scrollY") == scroll


def test_keys_move_a_point_and_shift_moves_it_less(open_widget):
    page = open_widget(SplineExplorer())
    for key in ("ArrowRight", "ArrowDown", "Shift+ArrowUp"):
        page.locator(handle(10)).press(key)
    np.testing.assert_allclose(get(page, "theta")[20:22], [0.05, 0.04], atol=1e-9)
    page.wait_for_function("document.querySelector('[role=status]').textContent.includes('Control point 10')")
    assert "d = (0.05, 0.04)" in text(page, "live")


def test_every_point_is_reached_by_tab_in_the_order_of_theta(open_widget):
    page = open_widget(SplineExplorer())
    page.locator(handle(0)).focus()
    for k in range(16):
        assert page.evaluate("document.activeElement.ariaLabel").startswith(f"Control point {k}:")
        assert page.evaluate("getComputedStyle(document.activeElement, '::before').outlineStyle") == "solid"
        page.keyboard.press("Tab")


ARRIVED = """(wanted) => document.querySelector('.stn-widget').model.get('theta')
  .every((v, i) => Math.abs(v - wanted[i]) < 1e-12)"""


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
def test_presets_show_the_identity_an_affine_map_and_a_fold(open_widget, motion):
    page = open_widget(SplineExplorer(theta=np.full(32, 0.2)), reduced_motion=motion)
    rotation = np.array([[np.sqrt(3) / 2, -0.5], [0.5, np.sqrt(3) / 2]])
    fold = np.zeros((16, 2))
    fold[5, 0], fold[6, 0] = 2 / 3, -2 / 3
    presets = {
        "reset": (np.zeros((16, 2)), "a copy of the input"),
        "rotate": (LATTICE @ rotation.T - LATTICE, "No cell is turned inside out"),
        "fold": (fold, "% of the cells are turned inside out"),
    }
    for name, (theta, words) in presets.items():
        page.get_by_role("button", name=name).click()
        page.wait_for_function(ARRIVED, arg=theta.ravel().tolist())
        settle(page)
        assert words in text(page, "story")


def test_random_moves_all_points_otherwise_each_time(open_widget):
    page = open_widget(SplineExplorer(), reduced_motion="reduce")
    rolled = []
    for _ in range(2):
        page.get_by_role("button", name="random").click()
        rolled.append(moves(page))
    assert np.all(rolled[0] != rolled[1]) and np.abs(rolled).max() < 0.5


def test_folded_cells_are_counted_as_stnlib_s_grid_has_them(open_widget):
    theta = np.random.default_rng(3).normal(0, 0.4, (1, 32))
    grid = np.asarray(stnlib.tps_grid(theta, (49, 49), align_corners=True))[0]
    across, down = grid[:-1, 1:] - grid[:-1, :-1], grid[1:, :-1] - grid[:-1, :-1]
    folded = across[..., 0] * down[..., 1] < across[..., 1] * down[..., 0]
    page = open_widget(SplineExplorer(theta=theta))
    shown = page.evaluate("document.querySelector('.stn-widget').instrument.folded")
    np.testing.assert_array_equal(shown, np.argwhere(folded))


def test_another_picture_is_read_with_the_same_theta(open_widget):
    page = open_widget(SplineExplorer(np.eye(9), [0.3] * 32, name="a diagonal"))
    assert page.get_by_label("a diagonal").is_checked()
    for label in ("7", "photo"):
        before = picture(page, "outputCanvas")
        page.get_by_label(label, exact=True).check()
        settle(page)
        assert picture(page, "outputCanvas") != before and get(page, "theta") == [0.3] * 32


def test_python_moves_the_points(open_widget):
    page = open_widget(SplineExplorer())
    before = picture(page, "outputCanvas")
    put(page, "theta", [0.3] * 32)
    assert picture(page, "outputCanvas") != before and "d = (0.30, 0.30)" in text(page, "story")
