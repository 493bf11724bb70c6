"""Figures as a reader sees them: numbered, with the code below, dark on dark pages, steady, legible on a phone."""

import io

import pytest
from PIL import Image

from tests.site.conftest import PHONE
from tests.site.test_pages import soup
from tools.site_figures import LEAST, measures

pytestmark = pytest.mark.site

FIGURES = "article img[src*='_images/']"
DRAWN = "article img[src$='.svg'][src*='_images/']"
PAPER = {"light": (255, 255, 255), "dark": (20, 25, 30)}


def corner(picture):
    """The colour of a picture's paper, as it is shown."""
    picture.scroll_into_view_if_needed()
    picture.evaluate("(one) => one.decode()")
    shown = Image.open(io.BytesIO(picture.screenshot())).convert("RGB")
    return shown.getpixel((14, 2))


def test_a_picture_has_its_place_before_it_comes(site, path):
    for number, picture in enumerate(soup(site, path).select(FIGURES)):
        assert int(float(picture["width"])) > 0 and int(float(picture["height"])) > 0, picture
        beneath = picture.find_previous(class_=["stn-pipeline", "stn-widget"])
        assert (picture.get("loading") == "lazy") == (number > 0 or beneath is not None), picture


def test_captions_are_numbered_in_their_order(site, path):
    captions = soup(site, path).select("article figcaption .caption-number")
    numbers = [caption.get_text(strip=True) for caption in captions]
    chapter = path[5:7].lstrip("0") if path[5:7].isdigit() else ""
    starts = f"Figure {chapter}." if chapter else "Figure "
    assert all(number.startswith(starts) for number in numbers), numbers
    assert [int(number.removeprefix(starts)) for number in numbers] == list(range(1, len(numbers) + 1))


def test_folded_code_stands_below_what_it_drew(site, chapter):
    for output in soup(site, chapter).select("div.cell > div.cell_output"):
        assert not output.find_previous_sibling("details"), output.parent.get_text()[:80]


@pytest.mark.parametrize("scheme", PAPER)
def test_figures_have_the_colour_of_the_page(visit, chapter, scheme):
    page = visit(chapter, scheme=scheme, reduced_motion="reduce").page
    pictures = page.locator(DRAWN)
    shown = [pictures.nth(number) for number in range(pictures.count())]
    assert {corner(one) for one in shown if one.is_visible()} <= {PAPER[scheme]}


def test_figures_follow_the_colour_switch(visit):
    page = visit("book/05_sampler.html", reduced_motion="reduce").page
    picture = page.locator(DRAWN).first
    seen = [corner(picture)]
    for _ in range(2):
        page.locator(".theme-switch-button:visible").click()
        seen.append(corner(picture))
    assert set(seen) == set(PAPER.values())


def test_the_pipeline_has_no_paper_of_its_own_on_a_dark_page(visit):
    page = visit("book/04_grid_generator.html", scheme="dark").page
    paper = "(one) => getComputedStyle(one).backgroundColor"
    assert page.locator(".cell_output .text_html:has(.stn-pipeline)").evaluate(paper) == "rgba(0, 0, 0, 0)"


def test_letters_of_figures_are_large_enough_on_a_phone(site, look, chapter):
    page = look(chapter, size=PHONE).page
    shown = page.locator(DRAWN).evaluate_all(
        "(all) => all.filter((one) => one.checkVisibility()).map((one) => [one.getAttribute('src'), one.clientWidth])"
    )
    for name, width in shown:
        size, _, legible = measures((site / chapter).parent / name)
        letters = LEAST * width / legible if legible else LEAST
        assert letters > LEAST - 0.2, f"{name}: {letters:.1f} px in a figure of {size} px"
    excess = page.locator(".wide-figure").evaluate_all("(all) => all.map((one) => one.scrollWidth - one.clientWidth)")
    assert not [pixels for pixels in excess if 0 < pixels < 5], f"figures that scroll by a hair: {excess}"
