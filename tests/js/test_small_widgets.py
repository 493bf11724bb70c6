"""SamplerMicroscope and PoolingProbe in the page."""

import itertools
import re

import numpy as np
import pytest
from scipy import ndimage, signal

import stnlib
from stnlib.widgets import PoolingProbe, SamplerMicroscope
from stnlib.widgets.core import images
from stnlib.widgets.core.traits import MODES, PADDINGS
from stnlib.widgets.microscope import contrasting_patch
from tests.js.acts import centre, get, mouse_drag, picture, put, settle, text, touch_drag

POINT = "[data-ref=point]"


def read(patch, x, y, mode, padding):
    """stnlib's value at a point in pixels, float64."""
    height, width = patch.shape
    grid = np.array([[[[(2 * x + 1) / width - 1, (2 * y + 1) / height - 1]]]])
    return np.asarray(stnlib.grid_sample(patch[None, :, :, None], grid, mode=mode, padding_mode=padding)).item()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("padding", PADDINGS)
def test_value_and_slopes_are_those_of_stnlib(open_widget, mode, padding):
    random = np.random.default_rng(5)
    patch = random.random((6, 5)).round(3)
    page = open_widget(SamplerMicroscope(patch, mode=mode, padding_mode=padding))
    step = 1e-5
    for x, y in random.uniform(-1.4, (5.4, 6.4), (14, 2)).round(3) + 0.0004:
        put(page, "point", [x, y])
        reading = page.evaluate("document.querySelector('.stn-widget').instrument.reading")
        slopes = [
            (read(patch, x + step, y, mode, padding) - read(patch, x - step, y, mode, padding)) / (2 * step),
            (read(patch, x, y + step, mode, padding) - read(patch, x, y - step, mode, padding)) / (2 * step),
        ]
        assert reading["value"] == pytest.approx(read(patch, x, y, mode, padding), abs=1e-6)
        assert [reading["dx"], reading["dy"]] == pytest.approx(slopes, abs=1e-5)
        assert sum(term["weight"] for term in reading["terms"]) == pytest.approx(1)
        assert float(text(page, "value")) == pytest.approx(reading["value"], abs=0.00051)
        assert float(text(page, "dx")) == pytest.approx(reading["dx"], abs=0.00051)


def test_on_the_lattice_the_slope_is_the_one_from_the_right(open_widget):
    page = open_widget(SamplerMicroscope([[0, 0.5, 0.75], [0, 0.5, 0.75]], point=(1, 0)))
    assert text(page, "dx") == "0.250"
    assert "kink" in text(page, "lesson")


def test_the_point_is_dragged_by_mouse_touch_and_keys(open_widget):
    page = open_widget(SamplerMicroscope(point=(2, 2)), has_touch=True)
    scale = page.evaluate("document.querySelector('.stn-widget').instrument.view.scale")
    before = picture(page, "canvas"), picture(page, "strip")
    mouse_drag(page, POINT, 30, -20)
    np.testing.assert_allclose(get(page, "point"), [2 + 30 / scale, 2 - 20 / scale], atol=1e-6)
    assert (picture(page, "canvas"), picture(page, "strip")) != before
    put(page, "point", [2, 2])
    touch_drag(page, *centre(page, POINT), 0, 40)
    np.testing.assert_allclose(get(page, "point"), [2, 2 + 40 / scale], atol=0.02)
    put(page, "point", [2, 2])
    page.locator(POINT).press("ArrowLeft")
    page.locator(POINT).press("Shift+ArrowDown")
    np.testing.assert_allclose(get(page, "point"), [1.9, 2.02], atol=1e-9)


def test_the_point_stays_within_reach_and_a_number_beyond_it_is_refused(open_widget):
    page = open_widget(SamplerMicroscope(point=(2, 2)))
    mouse_drag(page, POINT, 900, -900)
    assert get(page, "point") == [6.5, -1.5]
    field = page.locator("[data-ref=x]")
    field.fill("-2.5")
    assert get(page, "point") == [6.5, -1.5] and field.get_attribute("aria-invalid") == "true"
    field.fill("-1.2")
    assert get(page, "point") == [-1.2, -1.5] and field.get_attribute("aria-invalid") == "false"


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
@pytest.mark.parametrize("aim", ["brighter", "darker"])
def test_the_point_follows_the_arrow_of_the_loss_and_is_stuck_by_nearest(open_widget, motion, aim):
    page = open_widget(SamplerMicroscope(point=(2.2, 2.2), mode="nearest"), reduced_motion=motion)
    page.get_by_label(aim, exact=True).check()
    page.locator("[data-ref=climb]").click()
    settle(page, 20)
    assert get(page, "point") == [2.2, 2.2]
    assert "does not move" in text(page, "lesson")
    page.get_by_label("bilinear").check()
    settle(page)
    before = float(text(page, "value"))
    page.locator("[data-ref=climb]").click()
    page.wait_for_function("document.querySelector('[data-ref=climbText]').textContent === 'follow the arrow'")
    settle(page)
    gain = float(text(page, "value")) - before
    assert gain > 0.2 if aim == "brighter" else gain < -0.2


def test_the_climb_can_be_stopped(open_widget):
    page = open_widget(SamplerMicroscope([[0, 0.05, 0.1, 0.15, 0.2, 0.25]] * 6, point=(0.5, 2)))
    page.locator("[data-ref=climb]").click()
    page.wait_for_function("document.querySelector('.stn-widget').model.get('point')[0] > 0.52")
    page.get_by_role("button", name="stop").click()
    there = get(page, "point")
    settle(page, 20)
    assert get(page, "point") == there and there[0] < 5
    assert page.get_by_role("button", name="follow the arrow").is_visible()


def test_the_arrow_turns_round_with_the_loss(open_widget):
    page = open_widget(SamplerMicroscope(point=(2.2, 2.2)))
    before = picture(page, "canvas")
    page.get_by_label("darker").check()
    settle(page)
    assert picture(page, "canvas") != before and "darker" in text(page, "lesson")


def test_beyond_the_border_the_padding_is_seen_and_explained(open_widget):
    page = open_widget(SamplerMicroscope(point=(-1, 2.2)))
    shown = set()
    for padding, word in (("zeros", "flat"), ("border", "nearest border pixel"), ("reflection", "mirror")):
        page.get_by_label(padding, exact=True).check()
        settle(page)
        shown.add(picture(page, "canvas"))
        assert word in text(page, "lesson") or padding == "zeros"
    assert len(shown) == 3


def test_the_thumbnail_says_which_piece_of_which_digit(open_widget):
    patch, place = contrasting_patch()
    row, column = place["row"], place["column"]
    digit = images.digits()[place["picture"]][row : row + 6, column : column + 6, 0] / 255
    np.testing.assert_allclose(patch, digit, atol=0.0051)
    page = open_widget(SamplerMicroscope())
    told = f"rows {row} to {row + 5}, columns {column} to {column + 5} of a {place['picture'][-1]}"
    assert text(page, "originText") == told
    assert text(open_widget(SamplerMicroscope(np.eye(4))), "originText") == "your pixels, 4 by 4"
    changed = SamplerMicroscope()
    changed.patch = np.eye(3)
    assert changed.origin is None


def test_the_strip_sets_x(open_widget):
    page = open_widget(SamplerMicroscope(point=(2, 2)))
    box = page.locator("[data-ref=strip]").bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.8, box["y"] + box["height"] / 2)
    x, y = get(page, "point")
    assert 4 < x < 6
    assert y == 2


# ---- PoolingProbe

SOBEL = np.outer([1, 2, 1], [-1, 0, 1]) / 4
FILTERS = {"left": SOBEL, "right": -SOBEL, "top": SOBEL.T, "bottom": -SOBEL.T}


def maps(image, shift, pool):
    """Edge maps and pooled maps by SciPy."""
    moved = ndimage.shift(image, (shift[1], shift[0]), order=1, mode="grid-constant")
    edges = [np.maximum(signal.correlate2d(moved, kernel, "valid"), 0) for kernel in FILTERS.values()]
    rows, columns = (side // pool * pool for side in edges[0].shape)
    blocks = [edge[:rows, :columns].reshape(rows // pool, pool, columns // pool, pool) for edge in edges]
    return edges, [block.max(axis=(1, 3)) for block in blocks]


@pytest.mark.parametrize(("shift", "pool"), [((0, 0), 2), ((1, 0), 2), ((-2.5, 3), 4), ((0.5, -0.5), 2)])
def test_the_maps_are_those_of_scipy(open_widget, shift, pool):
    image = np.random.default_rng(2).integers(0, 256, (28, 23), dtype="uint8")
    page = open_widget(PoolingProbe(image, shift=shift, pool=pool))
    edges, pooled = maps(image / 255, shift, pool)
    shown = page.evaluate(
        "(() => { const { now } = document.querySelector('.stn-widget').instrument;"
        " return ['edges', 'pooled'].map((layer) => Array.from(now[layer].data)); })()"
    )
    np.testing.assert_allclose(shown[0], np.stack(edges, -1).ravel(), atol=1e-5)
    np.testing.assert_allclose(shown[1], np.stack(pooled, -1).ravel(), atol=1e-5)


def test_the_shares_are_those_of_the_definition(open_widget):
    image = images.digits()["digit 2"][..., 0] / 255
    page = open_widget(PoolingProbe(shift=(1.5, -1)))
    for layer, index in (("edges", 0), ("pooled", 1)):
        before, after = maps(image, (0, 0), 2)[index], maps(image, (1.5, -1), 2)[index]
        kept = active = 0
        for old, new in zip(before, after, strict=True):
            larger = np.maximum(old, new)
            loud = larger >= 0.1 * old.max()
            active += loud.sum()
            kept += (loud & (abs(old - new) <= 0.2 * larger)).sum()
        shown = page.evaluate(f"document.querySelector('.stn-widget').instrument.shares.{layer}")
        assert shown == pytest.approx(kept / active, abs=0.01)
        assert re.search(rf"\b{round(100 * shown)}%", text(page, "verdict"))


def test_in_place_everything_stays(open_widget):
    page = open_widget(PoolingProbe())
    shares = page.evaluate("document.querySelector('.stn-widget').instrument.shares")
    assert set(shares.values()) == {1}


def test_the_digit_is_slid_by_mouse_keys_numbers_and_chart(open_widget):
    page = open_widget(PoolingProbe())
    width = page.locator("[data-ref=inputCanvas]").bounding_box()["width"]
    before = [picture(page, name) for name in ("inputCanvas", "edgesCanvas", "pooledCanvas", "chart")]
    mouse_drag(page, "[data-ref=handle]", 2.6 * width / 28, -width / 28)
    assert get(page, "shift") == [2.5, -1]
    after = [picture(page, name) for name in ("inputCanvas", "edgesCanvas", "pooledCanvas", "chart")]
    assert all(old != new for old, new in zip(before, after, strict=True))
    page.locator("[data-ref=handle]").press("ArrowLeft")
    page.locator("[data-ref=handle]").press("Shift+ArrowDown")
    assert get(page, "shift") == [1.5, -0.5]
    page.locator("[data-ref=x]").fill("3")
    assert get(page, "shift") == [3, -0.5]
    box = page.locator("[data-ref=chart]").bounding_box()
    page.mouse.click(box["x"] + 46, box["y"] + 40)
    assert get(page, "shift") == [-8, -0.5]
    page.locator("[data-ref=reset]").click()
    settle(page)
    assert get(page, "shift") == [0, 0]


def test_the_choices_of_the_probe_set_its_traits(open_widget):
    page = open_widget(PoolingProbe(shift=(1, 0)))
    for label, trait, value in (("7", "picture", "digit 7"), ("bottom", "edge", "bottom"), ("4×4", "pool", 4)):
        before = picture(page, "pooledCanvas")
        page.get_by_label(label, exact=True).check()
        settle(page)
        assert get(page, trait) == value
        assert picture(page, "pooledCanvas") != before


def drawn(open_widget, widget, kept):
    """What a widget draws by `kept`, JavaScript that is called with the context's method, its arguments and fill."""
    page = open_widget(widget)
    return page.evaluate(
        """() => {
      const drawn = [];
      for (const method of ["fillText", "arc", "fill"]) {
        const draw = CanvasRenderingContext2D.prototype[method];
        CanvasRenderingContext2D.prototype[method] = function (...given) {
          const { canvas, fillStyle } = this;
          drawn.push({ method, given: given.map(String), on: canvas.dataset.ref, fill: fillStyle });
          return draw.apply(this, given);
        };
      }
      document.querySelector(".stn-widget").instrument.frame();
      return drawn.filter(KEPT); // now: a later frame would draw all of it again
    }""".replace("KEPT", kept)
    )


def test_at_first_all_four_areas_carry_their_weight(open_widget):
    found = drawn(open_widget, SamplerMicroscope(), "({ method, on }) => method === 'fillText' && on === 'loupe'")
    assert len(found) == 4 and sum(float(one["given"][0]) for one in found) == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize(("mode", "jumps"), [("bilinear", 3), ("nearest", 2), ("bicubic", 0)])
def test_where_a_curve_jumps_one_of_its_two_ends_is_hollow(open_widget, mode, jumps):
    """A row 0, 0.5, 0.75: bilinear's slope jumps at the three centres and where the zeros begin."""
    widget = SamplerMicroscope([[0, 0.5, 0.75]] * 3, point=(0.8, 1), mode=mode, padding_mode="border")
    dots = drawn(open_widget, widget, "({ method, on }) => method !== 'fillText' && on === 'strip'")
    pairs = itertools.pairwise(dots)
    ends = [fill["fill"] for arc, fill in pairs if arc["method"] == "arc" and arc["given"][2] == "3.5"]
    assert len(ends) == 2 * jumps
    hollow, filled = (ends.count(fill) for fill in (max(ends, default=""), min(ends, default="")))
    assert hollow == filled == jumps


def test_the_box_leaves_the_values_that_it_weights_legible(open_widget):
    """It covers the lower part of the upper pixels, so their values stand above it."""
    page = open_widget(SamplerMicroscope(point=(1.75, 2.75)))
    heights = page.evaluate("""() => {
      const [widget, heights] = [document.querySelector(".stn-widget").instrument, []];
      const top = widget.view.place(1.75, 2.75)[1] - widget.view.scale / 2;
      const write = CanvasRenderingContext2D.prototype.strokeText;
      CanvasRenderingContext2D.prototype.strokeText = function (text, x, y) {
        heights.push([y - top, this.textBaseline, parseFloat(this.font)]);
      };
      widget.stage.paint();
      CanvasRenderingContext2D.prototype.strokeText = write;
      return heights;
    }""")
    upper = [high for high, baseline, letters in heights if (high + letters if baseline == "top" else high) <= 0]
    assert len(heights) == 4 and len(upper) == 2
