"""The page of descendants: one screen or two, and a picture that shows what its caption says."""

import re
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.repository

PAGE = Path(__file__).resolve().parent.parent / "book" / "descendants.md"


def test_it_is_short():
    assert len(PAGE.read_text(encoding="utf-8").split()) <= 900


def test_it_tells_where_the_gradient_does_not_reach_the_points():
    rows = PAGE.read_text(encoding="utf-8").split("* - ")[2:]
    reached = {row.split(" {cite}")[0]: row.splitlines()[3].removeprefix("  - ") for row in rows}
    no = {method: answer for method, answer in reached.items() if answer != "yes"}
    assert [method.split(": ")[1] for method in no] == ["RoIAlign", "RAFT"]
    assert all(answer.startswith("no: ") for answer in no.values())


def test_every_method_says_what_it_is_for():
    rows = PAGE.read_text(encoding="utf-8").split("* - ")[2:]
    assert all(re.match(r"\*\*[^*]+\*\*: \w", row) for row in rows)


class TestFeatureMaps:
    def test_no_place_is_empty_and_the_correlation_is_no_inequality(self):
        from site_maps import drawing

        assert "<div></div>" not in drawing() and "r = 0." in drawing()

    def test_the_filter_is_drawn_and_the_two_maps_to_compare_are_framed(self):
        from site_maps import VERTICAL, drawing

        words = re.sub(r"<[^>]+>", " ", drawing()).replace("−", "-").split()
        assert [int(word) for word in words[:9]] == list((4 * VERTICAL).ravel())
        assert drawing().count("outline") == 2

    def test_the_filter_stands_above_two_rows_whose_columns_match(self):
        from site_maps import drawing

        notes = re.findall(r"<p [^>]*>([^<]*)</p>", drawing())
        assert notes[0].startswith("A filter for vertical edges") and len(notes) == 7
        assert [notes[1], notes[4]] == ["the digit →", "rotated by 90° →"]
        assert [notes[2], notes[5]] == ["filter response", "filter response →"]
        assert notes[3].startswith("The framed maps correlate") and notes[6] == "rotated back by 90°"

    def test_a_filter_is_slid_over_the_image(self):
        from scipy.ndimage import correlate
        from site_maps import VERTICAL, response

        image = np.random.default_rng(0).random((6, 7))
        np.testing.assert_allclose(response(image), np.abs(correlate(image, VERTICAL, mode="constant")), atol=1e-12)

    def test_rotating_the_map_back_does_not_restore_it(self):
        from site_maps import maps

        digit, upright, rotated, sideways, back = maps()
        np.testing.assert_array_equal(np.rot90(rotated, -1), digit)
        np.testing.assert_array_equal(np.rot90(back), sideways)
        assert np.corrcoef(upright.ravel(), back.ravel())[0, 1] < 0.7
