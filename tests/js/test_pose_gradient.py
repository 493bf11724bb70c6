"""PoseGradient: what a reader does, and what the page then shows."""

import numpy as np
import pytest

from stnlib.widgets import PoseGradient
from tests.js.acts import get, picture, put, settle, text

pytestmark = pytest.mark.repository
PICTURES = ("inputCanvas", "outputCanvas", "wantsCanvas", "sharesCanvas")


def test_a_step_moves_the_window_along_the_pulls(open_widget):
    page = open_widget(PoseGradient())
    before = [picture(page, name) for name in PICTURES]
    assert "Step 0" in text(page, "story") and "predicts 8, which is wrong" in text(page, "story")
    assert text(page, "pull0").startswith("+")
    page.get_by_role("button", name="one step").click()
    settle(page)
    assert get(page, "pose")[0] > 0 and "Step 1:" in text(page, "story")
    assert all(picture(page, name) != old for name, old in zip(PICTURES, before, strict=True))


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
@pytest.mark.parametrize("rotation", [30, -30])
def test_a_run_straightens_the_two_without_being_told_an_angle(open_widget, motion, rotation):
    page = open_widget(PoseGradient(rotation=rotation), reduced_motion=motion)
    page.get_by_role("button", name="run").click()
    page.wait_for_function("document.querySelector('[data-ref=story]').textContent.includes('nearly gone')")
    assert "predicts 2, which is right" in text(page, "story")
    assert np.degrees(get(page, "pose")[0]) == pytest.approx(rotation, abs=10)
    page.get_by_role("button", name="run").wait_for()


def test_another_digit_or_rotation_starts_again(open_widget):
    page = open_widget(PoseGradient(), reduced_motion="reduce")
    page.get_by_role("button", name="one step").click()
    page.get_by_label("7", exact=True).check()
    settle(page)
    assert get(page, "pose") == [0, 0, 0] and get(page, "picture") == "digit 7" and "Step 0" in text(page, "story")
    page.get_by_role("button", name="one step").click()
    page.get_by_role("button", name="start again").click()
    settle(page)
    assert get(page, "pose") == [0, 0, 0]


def test_python_moves_the_window(open_widget):
    page = open_widget(PoseGradient())
    before = picture(page, "outputCanvas")
    put(page, "pose", [0.5, 0.1, 0])
    assert picture(page, "outputCanvas") != before and text(page, "pose0") == "29\u00b0"


def test_the_rotation_has_a_direction_and_the_key_stands_under_its_picture(open_widget):
    page = open_widget(PoseGradient())
    assert "clockwise" in page.locator(".stn-sliders label").inner_text()
    key, wants = (page.locator(name).first.bounding_box() for name in (".stn-way-darker", "[data-ref=wantsCanvas]"))
    assert wants["x"] <= key["x"] <= wants["x"] + wants["width"] and key["y"] >= wants["y"] + wants["height"]


def test_the_longest_pull_is_as_long_as_a_stroke_is_wide(open_widget):
    page = open_widget(PoseGradient())
    longest = page.evaluate("""() => {
      const widget = document.querySelector(".stn-widget").instrument;
      const lengths = [];
      widget.paintArrow = (context, view, point, dx, dy) => lengths.push(Math.hypot(dx, dy));
      for (const stage of widget.stages) stage.paint();
      return Math.max(...lengths);
    }""")
    assert longest >= 4
