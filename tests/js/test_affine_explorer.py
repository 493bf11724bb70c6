"""AffineExplorer in the page: by mouse, touch and keys, in numbers and in pictures."""

import re

import numpy as np
import pytest

import stnlib
from stnlib.widgets import AffineExplorer
from stnlib.widgets.core import images
from tests.js.acts import centre, get, mouse_drag, picture, put, settle, text, touch_drag

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}
HANDLES = [(u, v) for u in (-1, 0, 1) for v in (-1, 0, 1)]
START = [[0.6, -0.2, 0.1], [0.1, 0.7, -0.1]]
CENTRE = ".stn-centre"


def handle(u, v):
    return f'.stn-handle[data-u="{u}"][data-v="{v}"]'


def side(page):
    """The width of the shown image in CSS pixels: two normalised units."""
    return page.evaluate("document.querySelector('.stn-widget').instrument.view.width")


def window_point(theta, u, v):
    return np.array(theta) @ [u, v, 1]


@pytest.mark.parametrize(("u", "v"), HANDLES)
def test_a_dragged_handle_takes_its_point_of_the_window_along(open_widget, u, v):
    page = open_widget(AffineExplorer(theta=START))
    before = picture(page, "outputCanvas"), picture(page, "inputCanvas")
    mouse_drag(page, handle(u, v), 24, -15)
    moved = window_point(get(page, "theta"), u, v) - window_point(START, u, v)
    np.testing.assert_allclose(moved, np.array([24, -15]) * 2 / side(page), atol=1e-6)
    assert picture(page, "outputCanvas") != before[0]
    assert picture(page, "inputCanvas") != before[1]
    np.testing.assert_allclose(shown_theta(page), get(page, "theta"), atol=0.0051)


def shown_theta(page):
    values = page.locator("[data-theta]").evaluate_all("(inputs) => inputs.map((input) => Number(input.value))")
    return np.reshape(values, (2, 3))


@pytest.mark.parametrize("options", [{}, {"viewport": {"width": 320, "height": 800}}], ids=["desktop", "narrow"])
def test_the_equation_has_numbers_on_both_sides_in_one_line(open_widget, options):
    page = open_widget(AffineExplorer(theta=START), **options)
    read, written = (
        [float(text.replace("−", "-")) for text in page.locator(f".stn-vector.stn-name-{side} i").all_inner_texts()]
        for side in ("input", "output")
    )
    np.testing.assert_allclose(read, np.array(START) @ written, atol=0.015)
    tops = page.locator(".stn-term").evaluate_all("(terms) => terms.map((term) => term.getBoundingClientRect().top)")
    assert np.ptp(tops) < 20


def test_the_centre_moves_only_the_translation_and_an_edge_leaves_the_opposite_one(open_widget):
    page = open_widget(AffineExplorer(theta=START))
    mouse_drag(page, CENTRE, 20, 10)
    after = np.array(get(page, "theta"))
    np.testing.assert_array_equal(after[:, :2], np.array(START)[:, :2])
    mouse_drag(page, handle(1, 0), 15, 15)
    edge = get(page, "theta")
    np.testing.assert_allclose(window_point(edge, -1, 0), window_point(after, -1, 0), atol=1e-9)
    np.testing.assert_allclose(np.array(edge)[:, 1], after[:, 1], atol=1e-9)


def test_a_corner_rotates_and_scales_about_the_centre(open_widget):
    page = open_widget(AffineExplorer())
    mouse_drag(page, handle(1, 1), 10, -30)
    (a, b, tx), (c, d, ty) = get(page, "theta")
    assert (a, b, tx, ty) == pytest.approx((d, -c, 0, 0))


@pytest.mark.parametrize("options", [{}, {"java_script_enabled": True, **PHONE}])
def test_touch_drags_a_handle_and_the_page_stays(open_widget, options):
    page = open_widget(AffineExplorer(), **(options | {"has_touch": True}))
    x, y = centre(page, CENTRE)
    scroll, width = page.evaluate("scrollY"), side(page)
    touch_drag(page, x, y, 12, 30)
    moved = np.array(get(page, "theta"))[:, 2]
    np.testing.assert_allclose(moved, np.array([12, 30]) * 2 / width, atol=1e-3)
    assert page.evaluate("scrollY") == scroll


@pytest.mark.parametrize("canvas", ["inputCanvas", "outputCanvas"])
def test_a_swipe_over_a_picture_scrolls_the_page(open_widget, canvas):
    page = open_widget(AffineExplorer(), **PHONE)
    box = page.locator(f"[data-ref={canvas}]").bounding_box()
    x, y = box["x"] + box["width"] * 0.03, box["y"] + box["height"] * 0.66
    touch_drag(page, x, y, 0, -120)
    page.wait_for_function("scrollY > 20")
    assert get(page, "theta") == [[1, 0, 0], [0, 1, 0]]


def test_keys_move_a_handle_and_shift_moves_it_less(open_widget):
    page = open_widget(AffineExplorer())
    page.locator(CENTRE).press("ArrowRight")
    page.locator(CENTRE).press("ArrowDown")
    page.locator(CENTRE).press("Shift+ArrowUp")
    np.testing.assert_allclose(get(page, "theta"), [[1, 0, 0.05], [0, 1, 0.04]], atol=1e-9)
    page.wait_for_function("document.querySelector('[role=status]').textContent.includes('Centre')")
    assert "x 0.05, y 0.04" in text(page, "live")


def test_every_handle_is_reached_by_tab_and_shows_its_focus(open_widget):
    page = open_widget(AffineExplorer())
    page.locator(CENTRE).focus()
    names = []
    for _ in HANDLES:
        names.append(page.evaluate("document.activeElement.ariaLabel"))
        outline = page.evaluate("getComputedStyle(document.activeElement, '::before').outlineStyle")
        assert outline == "solid"
        page.keyboard.press("Tab")
    assert len(set(names)) == len(HANDLES)


def test_numbers_sliders_and_model_follow_each_other(open_widget):
    page = open_widget(AffineExplorer(more=True))
    page.locator('[data-theta="2"]').fill("0.3")
    assert get(page, "theta")[0][2] == 0.3
    settle(page)
    assert page.locator("[data-part=moveX]").input_value() == "0.3"
    page.locator("[data-part=angle]").fill("90")
    np.testing.assert_allclose(get(page, "theta"), [[0, -1, 0.3], [1, 0, 0]], atol=1e-9)
    put(page, "theta", [[0.5, 0, 0], [0, -0.5, 0.25]])
    assert page.locator("[data-part=moveY]").input_value() == "0.25"
    assert page.locator("[data-out=scaleX]").inner_text() == "0.50"
    np.testing.assert_allclose(shown_theta(page), [[0.5, 0, 0], [0, -0.5, 0.25]])


@pytest.mark.parametrize("entry", ["", "-", "e"])
def test_what_is_no_number_changes_nothing_and_is_marked(open_widget, entry):
    page = open_widget(AffineExplorer())
    field = page.locator('[data-theta="0"]')
    field.fill("")
    field.press_sequentially(entry)
    assert get(page, "theta") == [[1, 0, 0], [0, 1, 0]]
    assert field.get_attribute("aria-invalid") == "true"
    field.blur()
    assert field.input_value() == "1.00"
    assert field.get_attribute("aria-invalid") is None


@pytest.mark.parametrize("seed", range(6))
def test_theta_read_into_parts_and_back_is_the_same(open_widget, seed):
    theta = np.random.default_rng(seed).normal(size=(2, 3))
    page = open_widget(AffineExplorer(theta=theta))
    parts = page.evaluate("document.querySelector('.stn-widget').instrument.parts")
    np.testing.assert_allclose(compose(parts), theta, atol=1e-9)


def compose(parts):
    """Rotation times shear times scale, then the translation."""
    angle, shear = np.radians(parts["angle"]), np.radians(parts["shear"])
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = turn @ [[1, np.tan(shear)], [0, 1]] @ np.diag([parts["scaleX"], parts["scaleY"]])
    return np.column_stack([linear, [parts["moveX"], parts["moveY"]]])


# the motion towards a theta has arrived
NEAR = """(theta) => theta.every((row, i) => row.every((value, j) =>
  Math.abs(document.querySelector('.stn-widget').model.get('theta')[i][j] - value) < 1e-12))"""


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
def test_presets(open_widget, motion):
    page = open_widget(AffineExplorer(theta=START), reduced_motion=motion)
    expected = {
        "rotate": [[np.sqrt(3) / 2, -0.5, 0], [0.5, np.sqrt(3) / 2, 0]],
        "zoom": [[0.5, 0, 0], [0, 0.5, 0]],
        "flip": [[-1, 0, 0], [0, 1, 0]],
        "identity": [[1, 0, 0], [0, 1, 0]],
    }
    for name, theta in expected.items():
        page.locator(f"[data-preset={name}]").click()
        page.wait_for_function(NEAR, arg=theta)
        np.testing.assert_allclose(get(page, "theta"), theta, atol=1e-12)


def test_the_dice_roll_the_articles_distortions(open_widget):
    page = open_widget(AffineExplorer(), reduced_motion="reduce")
    rolled = []
    for _ in range(60):
        page.locator("[data-preset=dice]").click()
        parts = page.evaluate("document.querySelector('.stn-widget').instrument.parts")
        assert abs(parts["angle"]) <= 75
        assert abs(parts["shear"]) <= 30
        assert max(abs(parts["moveX"]), abs(parts["moveY"])) <= 0.6
        assert min(parts["scaleX"], parts["scaleY"]) >= 0.5
        assert max(parts["scaleX"], parts["scaleY"]) <= 1.3
        changed = (parts["angle"] != 0, parts["shear"] != 0, parts["moveX"] != 0, parts["scaleX"] != 1)
        rolled.append(changed)
    assert {sum(changed) for changed in rolled} == {1, 4}
    assert len(set(rolled)) == 5


OPTIONS = [
    ({}, (28, 28)),
    ({"align_corners": True, "padding_mode": "border"}, (28, 28)),
    ({"mode": "nearest", "padding_mode": "reflection", "output_size": (7, 7)}, (7, 7)),
    ({"mode": "bicubic", "padding_mode": "reflection", "output_size": (9, 14), "align_corners": True}, (9, 14)),
]


@pytest.mark.parametrize(("traits", "size"), OPTIONS)
@pytest.mark.parametrize("channels", [1, 3])
def test_the_output_is_what_stnlib_computes(open_widget, traits, size, channels):
    image = np.random.default_rng(3).integers(0, 256, (28, 20, channels), dtype="uint8")
    theta = np.random.default_rng(4).normal(size=(2, 3))
    if "output_size" not in traits:
        size = image.shape[:2]
    page = open_widget(AffineExplorer(image, theta, **traits))
    shown = page.evaluate("Array.from(document.querySelector('.stn-widget').instrument.result.data)")
    options = {name: value for name, value in traits.items() if name != "output_size"}
    grid = stnlib.affine_grid(theta[None], size, align_corners=traits.get("align_corners", False))
    expected = np.asarray(stnlib.grid_sample(image[None] / 255, grid, **options))
    np.testing.assert_allclose(np.reshape(shown, (*size, channels)), expected[0], atol=1e-5)


def test_the_choices_set_the_traits_and_the_picture(open_widget):
    page = open_widget(AffineExplorer(theta=START, more=True))
    clicks = [
        ("photo", "picture", "photo"),
        ("nearest", "mode", "nearest"),
        ("reflection", "padding_mode", "reflection"),
        ("14×14", "output_size", [14, 14]),
        ("True", "align_corners", True),
        ("same", "output_size", None),
    ]
    for label, trait, value in clicks:
        before = picture(page, "outputCanvas"), picture(page, "inputCanvas")
        page.get_by_label(label, exact=True).check()
        settle(page)
        assert get(page, trait) == value
        assert (picture(page, "outputCanvas"), picture(page, "inputCanvas")) != before


def test_an_image_of_ones_own_is_on_offer_under_its_name(open_widget):
    assert open_widget(AffineExplorer(more=True)).locator("[data-ref=own]").is_hidden()
    page = open_widget(AffineExplorer(image=np.eye(5), name="a diagonal", more=True))
    assert page.get_by_label("a diagonal", exact=True).is_checked()
    assert text(page, "reduced") == ""


def test_a_reduced_image_is_said_to_be_reduced(open_widget):
    page = open_widget(AffineExplorer(image=np.zeros((300, 600)), more=True))
    assert text(page, "reduced") == ", reduced from 300\u00d7600 to 128\u00d7256 pixels"


def test_at_first_there_are_the_picture_presets_theta_and_the_rest_under_more(open_widget):
    page = open_widget(AffineExplorer())
    assert (
        page.get_by_role("button", name="rotate", exact=True).is_visible()
        and page.locator("[data-theta]").first.is_visible()
    )
    assert page.locator("[data-part=angle]").is_hidden() and page.get_by_label("bicubic").is_hidden()
    page.get_by_text("more: sliders, images, sampling").click()
    assert page.locator("[data-part=angle]").is_visible() and page.get_by_label("bicubic").is_visible()
    page.wait_for_function("document.querySelector('.stn-widget').model.get('more')")


@pytest.mark.parametrize("size", [(1280, 700), (390, 700)])
def test_the_picture_stays_in_view_while_options_are_used(open_widget, size):
    page = open_widget(AffineExplorer(more=True), viewport={"width": size[0], "height": size[1]})
    for control in ("[data-part=moveY]", "[data-ref=align]"):
        page.locator(control).evaluate("(e) => e.scrollIntoView({ block: 'end' })")
        settle(page)
        for canvas in ("inputCanvas", "outputCanvas"):
            box = page.locator(f"[data-ref={canvas}]").bounding_box()
            assert box["y"] >= 0 and box["y"] + box["height"] <= size[1]
            middle = (box["x"] + box["width"] / 2, box["y"] + 4)
            found = page.evaluate("([x, y]) => document.elementFromPoint(x, y).closest('.stn-stage') !== null", middle)
            assert found, "something lies over the picture"


def test_a_large_window_zooms_the_stage_out_and_a_small_one_in_again(open_widget):
    page = open_widget(AffineExplorer(), reduced_motion="reduce")
    before = side(page)
    put(page, "theta", [[2, 0, 0.3], [0, 2, 0]])
    stage = page.locator("[data-ref=inputStage]").bounding_box()
    spots = {centre(page, handle(u, v)) for u, v in HANDLES}
    for x, y in spots:
        assert stage["x"] + 8 < x < stage["x"] + stage["width"] - 8
        assert stage["y"] + 8 < y < stage["y"] + stage["height"] - 8
    assert side(page) < 0.7 * before
    put(page, "theta", [[1, 0, 0], [0, 1, 0]])
    assert side(page) == before


def test_the_stage_does_not_zoom_under_the_hand(open_widget):
    page = open_widget(AffineExplorer(), reduced_motion="reduce")
    before = side(page)
    x, y = centre(page, handle(1, 1))
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 60, y + 60, steps=4)
    settle(page)
    assert side(page) == before
    page.mouse.up()
    settle(page)
    assert side(page) < before


# ---- the game


def test_the_game_is_won_by_the_target_s_window(open_widget):
    page = open_widget(AffineExplorer(more=True), reduced_motion="reduce")
    plain = picture(page, "outputCanvas")
    page.get_by_role("button", name="match a target").click()
    settle(page)
    assert text(page, "score").startswith("Match 0%") and picture(page, "outputCanvas") != plain
    page.locator("[data-part=angle]").fill("180")
    settle(page)
    assert "matched" not in text(page, "score")
    page.get_by_role("button", name="show the answer").click()
    settle(page)
    assert text(page, "score").startswith("Match 100%: done, 1 matched")
    page.get_by_role("button", name="end the game").click()
    settle(page)
    assert get(page, "theta") == [[1, 0, 0], [0, 1, 0]] and picture(page, "outputCanvas") == plain


# ---- the probed pixel


def test_hovering_a_pixel_spells_out_its_product(open_widget):
    theta = np.array([[0.5, -0.25, 0.2], [0.3, 0.8, -0.1]])
    page = open_widget(AffineExplorer(theta=theta, output_size=(10, 10), more=True))
    box = page.locator("[data-ref=outputCanvas]").bounding_box()
    row, column = 2, 7
    page.mouse.move(box["x"] + box["width"] * (column + 0.5) / 10, box["y"] + box["height"] * (row + 0.5) / 10)
    settle(page)
    x, y = (2 * column + 1) / 10 - 1, (2 * row + 1) / 10 - 1
    expected = theta @ [x, y, 1]
    pixels = ((expected + 1) * 28 - 1) / 2
    for axis, name in enumerate(("sumX", "sumY")):
        numbers = [float(n) for n in re.findall(r"-?\d+\.\d+", text(page, name))]
        a, b, t = theta[axis]
        np.testing.assert_allclose(numbers, [a, x, b, y, t, expected[axis], pixels[axis]], atol=0.051)
        np.testing.assert_allclose(numbers[:6], [a, x, b, y, t, expected[axis]], atol=0.0051)
    assert f"row {row}, column {column}" in text(page, "value")


def test_the_probe_goes_by_keys_and_speaks(open_widget):
    page = open_widget(AffineExplorer(output_size=(10, 10), more=True))
    probe = page.locator("[data-ref=probe]")
    probe.focus()
    for _ in range(12):
        probe.press("ArrowLeft")
    probe.press("ArrowDown")
    settle(page)
    assert re.match(r"Output row 3, column 0 reads", text(page, "value"))
    page.wait_for_function("document.querySelector('[role=status]').textContent.includes('column 0')")


def test_the_arrow_runs_from_the_output_pixel_to_its_point_in_the_input(open_widget):
    page = open_widget(AffineExplorer(theta=[[0.5, 0, 0], [0, 0.5, 0]]))
    link = page.locator("[data-ref=link]").bounding_box()
    path = page.locator(".stn-link-line").get_attribute("d")
    x0, y0, x1, y1 = (float(n) for n in re.findall(r"-?\d+\.?\d*", path))
    probe = centre(page, "[data-ref=probe]")
    assert np.hypot(link["x"] + x0 - probe[0], link["y"] + y0 - probe[1]) < 12
    stage = page.locator("[data-ref=inputStage]").bounding_box()
    row, column = page.evaluate("document.querySelector('.stn-widget').instrument.probed()")
    x_in, y_in = 0.5 * ((2 * column + 1) / 28 - 1), 0.5 * ((2 * row + 1) / 28 - 1)
    aim = [
        stage["x"] + stage["width"] / 2 + x_in * side(page) / 2,
        stage["y"] + stage["height"] / 2 + y_in * side(page) / 2,
    ]
    assert np.hypot(link["x"] + x1 - aim[0], link["y"] + y1 - aim[1]) < 22


# ---- drawing


def test_a_drawing_by_pointer_becomes_the_image_and_goes_to_python(open_widget):
    explorer = AffineExplorer(more=True)
    page = open_widget(explorer)
    page.get_by_label("draw", exact=True).check()
    blank = picture(page, "outputCanvas")
    mouse_drag(page, "[data-ref=padCanvas]", 40, 0)
    assert picture(page, "outputCanvas") != blank
    explorer.set_state({"drawing": get(page, "drawing")})
    drawn = explorer.drawing[..., 0]
    assert drawn.shape == (28, 28)
    assert drawn[14, 14:18].min() > 200
    assert drawn[:8].max() == 0
    page.locator("[data-ref=wipe]").click()
    assert images.decode(get(page, "drawing")).max() == 0


def test_a_drawing_by_keys(open_widget):
    page = open_widget(AffineExplorer(more=True))
    page.get_by_label("draw", exact=True).check()
    page.locator("[data-ref=padCanvas]").focus()
    page.keyboard.down("Space")
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    page.keyboard.up("Space")
    assert images.decode(get(page, "drawing"))[14, 14:20, 0].min() == 255


def test_the_picture_hides_no_control_that_fits_below_it(open_widget):
    """It stays in view only while `more`, which is long, is open."""
    page = open_widget(AffineExplorer(), viewport={"width": 1280, "height": 700})
    covered = """() => [...document.querySelectorAll("[data-preset], [data-theta]")].filter((control) => {
      const { left, top, width, height } = control.getBoundingClientRect();
      const at = document.elementFromPoint(left + width / 2, top + height / 2);
      return at && at.closest(".stn-panels");
    }).length"""
    page.locator("[data-theta='3']").evaluate("(field) => scrollBy(0, field.getBoundingClientRect().top - 150)")
    assert page.evaluate(covered) == 0
    page.locator("[data-ref=more] summary").click()
    page.locator("[data-ref=align]").evaluate("(group) => group.scrollIntoView({ block: 'end' })")
    assert page.locator(".stn-panels").bounding_box()["y"] >= 0
