"""The widgets on the pages of the built book."""

import re

import pytest

from stnlib.widgets.core import pack
from stnlib.widgets.reader import networks
from tests.js.acts import at_rest, centre, mouse_drag, settle, touch_drag
from tests.site.conftest import DESKTOP, FOLDER, PHONE, pages

pytestmark = pytest.mark.site


def first_widgets():
    """The pages that show a widget with a handle to drag, each with the name of its first widget."""
    for path in pages():
        found = re.search(r'data-widget="(\w+)"', (FOLDER / path).read_text("utf-8"))
        if found and "stn-handle" in pack.template(found[1]):
            yield path, found[1]


PAGES = list(first_widgets()) or [("book/intro.html", "explorer")]
HANDLE = ".stn-corner, .stn-handle:not(.stn-edge)"
PICTURES = "[...document.querySelector('.stn-widget').querySelectorAll('canvas')].map((canvas) => canvas.toDataURL())"
MOBILE = {"size": PHONE, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}


@pytest.fixture
def widget_page(visit):
    """A function that opens a page, waits for its first widget, and brings it into view."""

    def opened(path, **options):
        result = visit(path, **options)
        result.page.wait_for_function("document.querySelector('.stn-widget')?.instrument")
        result.page.locator(".stn-widget").first.scroll_into_view_if_needed()
        return result

    return opened


@pytest.mark.parametrize(("path", "widget"), PAGES)
@pytest.mark.parametrize("over", ["http", "file"])
def test_the_page_has_its_widget_and_a_dragged_handle_changes_the_picture(widget_page, path, widget, over):
    opened = widget_page(path, over=over)
    page = opened.page
    assert page.locator(".stn-widget").first.get_attribute("data-widget") == widget
    before = page.evaluate(PICTURES)
    mouse_drag(page, HANDLE, 21, -18)
    assert page.evaluate(PICTURES) != before
    assert opened.errors == []


@pytest.mark.parametrize(("path", "widget"), PAGES)
def test_a_swipe_over_a_picture_scrolls_and_touch_drags_a_handle(widget_page, path, widget):
    page = widget_page(path, **MOBILE).page
    box = page.locator(".stn-widget canvas").first.bounding_box()
    scroll = page.evaluate("scrollY")
    touch_drag(page, box["x"] + 0.03 * box["width"], box["y"] + 0.66 * box["height"], 0, -140)
    page.wait_for_function(f"Math.abs(scrollY - {scroll}) > 20")
    at_rest(page)
    centre(page, HANDLE)
    at_rest(page)
    x, y = centre(page, HANDLE)
    before, scroll = page.evaluate(PICTURES), page.evaluate("scrollY")
    touch_drag(page, x, y, -18, -18)
    assert page.evaluate(PICTURES) != before
    assert page.evaluate("scrollY") == scroll


@pytest.mark.parametrize(("path", "widget"), PAGES)
def test_keys_change_the_picture(widget_page, path, widget):
    page = widget_page(path).page
    before = page.evaluate(PICTURES)
    page.locator(HANDLE).first.press("ArrowRight")
    settle(page)
    assert page.evaluate(PICTURES) != before


@pytest.mark.parametrize(("path", "widget"), PAGES)
def test_without_javascript_a_picture_stands_in(visit, path, widget):
    page = visit(path, java_script_enabled=False).page
    assert page.locator(".stn-fallback svg").first.is_visible()
    assert page.locator(".stn-app").first.is_hidden()


def test_the_page_s_own_switch_darkens_the_widget(widget_page):
    page = widget_page("book/intro.html").page
    colour = "getComputedStyle(document.querySelector('.stn-widget')).backgroundColor"
    page.evaluate("document.documentElement.dataset.theme = 'light'")
    light = page.evaluate(colour)
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    assert page.evaluate(colour) != light


READER = ".stn-widget[data-widget=reader]"


@pytest.mark.parametrize("over", ["http", "file"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_networks_come_to_who_scrolls_down_and_answer(visit, over, size):
    opened = visit("book/06_training.html", over=over, size=size)
    page = opened.page
    page.wait_for_function(f"document.querySelector('{READER}')?.instrument")
    assert not any("_static/network-" in url for url in opened.requests)
    page.locator(READER).scroll_into_view_if_needed()
    page.wait_for_function(f"document.querySelector('{READER}').instrument.answers")
    answers = f"document.querySelector('{READER} [data-ref=answers]').innerText"
    before = page.evaluate(answers)
    page.locator(f"{READER} [data-ref=angle]").fill("150")
    page.wait_for_function(f"{answers} !== {before!r}")
    assert opened.errors == [] == opened.failures
    asked = [url for url in opened.requests if "_static/network-" in url]
    assert len(asked) == len(set(asked)) == len(networks.packaged())
