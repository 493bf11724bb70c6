"""TrainingReplay: what a reader does, and what the page then shows."""

import numpy as np
import pytest

from stnlib import datasets
from stnlib.widgets import TrainingReplay
from stnlib.widgets.training_replay import recorded
from tests.js.acts import get, picture, settle, text

pytestmark = pytest.mark.repository
LAST = len(recorded()["moments"]) - 1


@pytest.fixture
def open_widget(open_widget):
    """A page whose recording has come."""

    def opened(widget, **options):
        page = open_widget(widget, **options)
        page.wait_for_function("document.querySelector('[data-ref=status]').textContent")
        return page

    return opened


def test_the_slider_goes_through_the_moments(open_widget):
    page = open_widget(TrainingReplay())
    means, digits = picture(page, "meansCanvas"), picture(page, "digitsCanvas")
    assert "Before training" in text(page, "status") and text(page, "theta0") == "1.00"
    slider = page.locator("[data-ref=moment]")
    slider.press("End")
    settle(page)
    moment = recorded()["moments"][LAST]
    assert get(page, "position") == LAST
    assert f"accuracy {round(100 * moment['accuracy'])}" in text(page, "status").replace("\u00a0", " ")
    assert picture(page, "meansCanvas") != means and picture(page, "digitsCanvas") != digits
    assert text(page, "theta0") == f"{moment['thetas'][0][0]:.2f}"


def test_play_runs_to_the_end_and_stops(open_widget):
    page = open_widget(TrainingReplay(position=LAST - 2))
    page.get_by_role("button", name="play", exact=True).click()
    page.wait_for_function(f"document.querySelector('.stn-widget').model.get('position') === {LAST}")
    page.get_by_role("button", name="play", exact=True).wait_for()


def test_a_choice_of_digit_shows_its_theta(open_widget):
    page = open_widget(TrainingReplay(position=LAST))
    page.locator("[data-ref=watch] input").nth(3).check()
    settle(page)
    assert text(page, "theta4") == f"{recorded()['moments'][LAST]['thetas'][3][4]:.2f}"


def test_the_chart_is_a_slider_too(open_widget):
    page = open_widget(TrainingReplay())
    chart = page.locator("[data-ref=chart]")
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    page.mouse.click(box["x"] + box["width"] - 20, box["y"] + box["height"] / 2)
    settle(page)
    assert get(page, "position") == LAST


def test_the_recording_learns():
    accuracies = [moment["accuracy"] for moment in recorded()["moments"]]
    assert accuracies[-1] > 0.8 > 0.2 > accuracies[0]
    assert np.allclose(recorded()["moments"][0]["thetas"], [1, 0, 0, 0, 1, 0])


def test_the_accuracy_says_how_many_digits_it_is_about(open_widget):
    page = open_widget(TrainingReplay())
    assert recorded()["count"] == len(datasets.load("uci").y_test)
    assert f"on all {recorded()['count']} digits" in text(page, "status").replace("\u00a0", " ")


def test_the_numbers_of_theta_keep_off_the_brackets(open_widget):
    """The book's style sheet takes the space right of a table's last column."""
    page = open_widget(TrainingReplay())
    page.locator("main").evaluate("(one) => one.classList.add('bd-article')")
    page.add_style_tag(content=".bd-article table :is(th, td):last-child { padding-right: 0 }")
    space = page.locator("[data-ref=theta2]").evaluate("(one) => parseFloat(getComputedStyle(one).paddingRight)")
    assert space >= 4
