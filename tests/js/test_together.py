"""Several widgets on one page: none takes another's choices or looks."""

import pytest

from stnlib.widgets import AffineExplorer, TrainingReplay, TrainLab

ALIVE = "(count) => [...document.querySelectorAll('.stn-widget')].filter((el) => el.instrument).length === count"
# The names of groups of radio buttons in which nothing is chosen.
UNCHOSEN = """[...document.querySelectorAll(".stn-choice")]
  .filter((group) => group.querySelector("input") && !group.querySelector("input:checked"))
  .map(({ dataset }) => dataset.choice)"""


@pytest.fixture
def open_widgets(open_page):
    """Open a page with some widgets, and wait until all are alive."""

    def open_it(*widgets, **options):
        page = open_page("".join(widget.to_page() for widget in widgets), **options)
        page.wait_for_function(ALIVE, arg=len(widgets))
        return page

    return open_it


def test_a_choice_in_one_widget_leaves_those_of_another(open_widgets):
    page = open_widgets(TrainLab(), TrainingReplay())
    assert page.evaluate(UNCHOSEN) == []
    page.locator("[data-widget=training_replay] [data-ref=watch]").get_by_label("7").check()
    assert page.evaluate(UNCHOSEN) == []


def test_brackets_are_as_wide_as_their_matrix(open_widgets):
    page = open_widgets(AffineExplorer(), TrainingReplay())
    table = page.locator("table.stn-matrix")
    row = table.locator("tr").first
    assert table.bounding_box()["width"] < 1.3 * row.bounding_box()["width"] < 400
