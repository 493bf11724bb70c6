"""What a reader does with the pages: search, switch the colours, print, go by keyboard, do without scripts."""

import pytest

from tests.site.conftest import PHONE

pytestmark = pytest.mark.site
CHAPTER = "book/05_sampler.html"


def theme(page):
    return page.evaluate("document.documentElement.dataset.theme")


def test_the_colour_switch_goes_round_and_is_remembered(visit):
    page = visit(CHAPTER).page
    seen = [theme(page)]
    for _ in range(2):
        page.locator(".theme-switch-button:visible").click()
        seen.append(theme(page))
    assert set(seen) == {"light", "dark"}
    page.reload()
    assert theme(page) == seen[-1]


def test_paper_is_white(visit):
    page = visit(CHAPTER, scheme="dark").page
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert theme(page) == "light"
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert theme(page) == "dark"


@pytest.mark.parametrize("over", ["http", "file"])
def test_the_search_finds_a_chapter(visit, over):
    page = visit("search.html?q=sampler", over=over).page
    page.locator('#search-results a[href*="05_sampler"]').first.wait_for()


def test_one_search_button_is_in_sight(visit):
    for options in ({}, {"size": PHONE}):
        page = visit(CHAPTER, **options).page
        assert page.locator(".search-button__button:visible").count() == 1
        page.locator(".search-button__button:visible").click()
        assert page.locator("#pst-search-dialog input").is_visible()


def test_the_first_tab_stop_skips_to_the_text(visit):
    page = visit(CHAPTER).page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('href')") == "#main-content"


def test_the_menu_opens_on_a_phone(visit):
    page = visit(CHAPTER, size=PHONE).page
    assert not page.locator("nav.bd-links").is_visible()
    page.locator(".primary-toggle:visible").click()
    assert page.locator("nav.bd-links").is_visible()


def test_what_scrolls_sideways_can_be_reached_by_keyboard(visit):
    page = visit(CHAPTER, size=PHONE).page
    page.evaluate("document.fonts.ready")
    unreachable = page.evaluate(
        """() => [...document.querySelectorAll("main *")]
            .filter((box) => ["auto", "scroll"].includes(getComputedStyle(box).overflowX)
                && box.scrollWidth > box.clientWidth + 1 && box.tabIndex < 0 && !box.querySelector("a, button, input"))
            .map((box) => box.outerHTML.slice(0, 100))"""
    )
    assert unreachable == []


def test_a_page_reads_without_scripts(visit):
    page = visit(CHAPTER, java_script_enabled=False).page
    assert page.locator("article h1").is_visible()
    assert page.locator("article .katex").first.is_visible()
    assert page.locator("nav.bd-links").is_visible()
    assert not page.locator(".theme-switch-button").is_visible()


def test_italics_come_late_without_moving_anything(visit, site):
    """On a first visit over a slow line the machine's own italics stand there first, in the same measure."""
    page = visit("404.html", size=PHONE).page

    def late(route):
        page.wait_for_timeout(700)
        route.continue_()

    page.route("**/*italic*.woff2", late)
    page.goto(page.url.replace("404.html", CHAPTER))
    page.wait_for_function("""document.fonts.check('italic 1em "Source Sans 3"')""")
    shifts = page.evaluate(
        """() => new Promise((done) => {
            let sum = 0;
            new PerformanceObserver((list) => { for (const one of list.getEntries()) sum += one.value; })
                .observe({type: "layout-shift", buffered: true});
            setTimeout(() => done(sum), 200);
        })"""
    )
    assert shifts <= 0.05


def test_numbers_in_a_table_stand_to_the_right(visit):
    cells = visit("book/02_baselines.html").page.locator("table .text-right")
    aligned = cells.evaluate_all("(all) => all.map((one) => getComputedStyle(one).textAlign)")
    assert aligned and set(aligned) == {"right"}
