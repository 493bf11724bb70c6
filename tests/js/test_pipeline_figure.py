"""The pipeline figure in a browser: no text on another, legible at every width, readable in light and dark."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from stnlib import pipeline

LIGHT = "--pst-color-text-base:#22282e;--pst-color-text-muted:#55606b;background:#ffffff"
DARK = "--pst-color-text-base:#d9e0e6;--pst-color-text-muted:#9eabb7;background:#14191e"
TEXTS = """() => [...document.querySelectorAll(".stn-pipeline text")].filter((text) => text.checkVisibility())
    .map((text) => {
        const {left, top, right, bottom} = text.getBoundingClientRect();
        const scale = text.getScreenCTM().a;
        return {words: text.textContent, size: scale * parseFloat(getComputedStyle(text).fontSize),
                left, top: top + 2, right, bottom: bottom - 2};
    })"""


@pytest.fixture
def opened(open_tab):
    """A function that opens a page with the figure alone: `opened(width, lit=, theme=)`."""

    def open_it(width, lit=None, theme="light"):
        page = open_tab(viewport={"width": width, "height": 900})
        style = (
            f"{DARK if theme == 'dark' else LIGHT};color:var(--pst-color-text-base);font-family:sans-serif;margin:16px"
        )
        page.set_content(
            f'<html lang="en" data-theme="{theme}"><title>A figure</title><body style="{style}"><main>'
            f"<h1>A figure</h1>{pipeline.pipeline(lit=lit).html}</main></body></html>"
        )
        return page

    return open_it


@pytest.mark.parametrize("width", [320, 390, 760, 1280])
@pytest.mark.parametrize("lit", [None, "training"])
def test_texts_are_apart_and_large_enough(opened, width, lit):
    texts = opened(width, lit).evaluate(TEXTS)
    assert len(texts) > 30
    assert [text["words"] for text in texts if text["size"] < 9] == []
    for place, one in enumerate(texts):
        for other in texts[place + 1 :]:
            apart = one["right"] <= other["left"] or other["right"] <= one["left"]
            assert apart or one["bottom"] <= other["top"] or other["bottom"] <= one["top"], (one, other)


def test_one_arrangement_is_shown_and_it_fits(opened):
    shown = (
        "[...document.querySelectorAll('svg')].filter((one) => one.checkVisibility()).map((one) => one.classList[0])"
    )
    for width, expected in ((320, "tall"), (390, "tall"), (760, "wide"), (1280, "wide")):
        page = opened(width)
        assert page.evaluate(shown) == [expected]
        assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_takes_the_colours_of_the_page(opened, theme):
    page = opened(760, "grid", theme)
    ink = page.evaluate("getComputedStyle(document.querySelector('[data-part=grid] .title')).fill")
    assert ink == {"light": "rgb(34, 40, 46)", "dark": "rgb(217, 224, 230)"}[theme]
    report = Axe().run(page)
    assert report.violations_count == 0, report.generate_report()
