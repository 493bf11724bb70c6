"""Every page of the built book: quiet, offline, light, steady, readable by everyone, all links alive."""

import functools
import gzip
import re
from urllib.parse import unquote, urlsplit

import pytest
import yaml
from axe_playwright_python.sync_playwright import Axe
from bs4 import BeautifulSoup

from tests.js.acts import settle
from tests.site.conftest import DESKTOP, NARROW, PHONE, ROOT, chapters, pages
from tools.site_pages import PLAIN, SHORT

pytestmark = pytest.mark.site

MEGABYTE = 1_000_000
AXE = {"resultTypes": ["violations"]}  # it lists what passes, too, unless told not to
COLOURS = AXE | {"runOnly": ["color-contrast", "link-in-text-block"]}
NO_CONTRAST = AXE | {"rules": {"color-contrast": {"enabled": False}}}  # the slowest by far; see COLOURED
# Text that differs from all before it in the names, classes or own colours of what it stands in; the rest looks alike.
COLOURED = """() => {
  const seen = new Set();
  for (const one of document.body.querySelectorAll("*")) {
    const said = [...one.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
    if (!said || !one.checkVisibility()) continue;
    let kind = "";
    for (let at = one; at; at = at.parentElement) {
      const { color, background, opacity, fontSize } = at.style;
      kind += [at.localName, at.getAttribute("class"), color, background, opacity, fontSize].join();
    }
    one.toggleAttribute("data-coloured", !seen.has(kind));
    seen.add(kind);
  }
}"""
PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".webp")


def is_picture(name):
    """Whether a file is a picture; a page's figures are."""
    return name.endswith(PICTURES) or name.startswith("_images/")


def unfold(page):
    """Open what is folded."""
    page.evaluate(
        """() => document.querySelectorAll("details").forEach((one) => {
            one.toggleAttribute("data-was", one.open);
            one.open = true;
        })"""
    )


def fold(page):
    """Fold again what was folded."""
    page.evaluate(
        "document.querySelectorAll('details').forEach((one) => (one.open = one.hasAttribute('data-was')))",
    )


@functools.cache
def soup(site, path):
    """What a page consists of; to be looked at only."""
    return BeautifulSoup((site / path).read_text(encoding="utf-8"), "html.parser")


@functools.cache
def anchors(site, path):
    """The ids of a page, to which links may lead."""
    return {node["id"] for node in soup(site, path).find_all(id=True)}


@pytest.mark.parametrize("over", ["http", "file"])
def test_a_page_makes_no_foreign_request_and_no_error(look, path, over):
    opened = look(path, over=over)
    own = urlsplit(opened.page.url)
    foreign = [
        url
        for url in opened.requests
        if urlsplit(url).scheme not in ("data", "blob")
        and (urlsplit(url).scheme, urlsplit(url).netloc) != (own.scheme, own.netloc)
    ]
    assert foreign == []
    assert opened.failures == []
    assert opened.errors == []


MARKED = """() => {
  const links = [...document.querySelectorAll("#pst-page-toc-nav a[href^='#']")];
  const begin = ({ hash }) => document.getElementById(hash.slice(1)).getBoundingClientRect().top;
  const read = links.filter((link) => begin(link) <= 0.3 * innerHeight);
  const atEnd = scrollY + innerHeight >= document.documentElement.scrollHeight - 2;
  const marked = links.filter((link) => link.matches(".active"));
  const current = atEnd ? links.at(-1) : read.at(-1);
  return marked.length === (current ? 1 : 0) && marked[0] === current;
}"""


@pytest.mark.parametrize("path", ["book/04_grid_generator.html", "book/05_sampler.html"])
def test_the_contents_mark_the_section_that_is_read_however_one_scrolls(visit, path):
    """By the screen down to the end and up again, past headings that never come to the top of the window."""
    page = visit(path).page
    for key in ["PageDown"] * 24 + ["End"] + ["PageUp"] * 24 + ["End", "Home"]:
        page.keyboard.press(key)
        page.wait_for_function(MARKED, timeout=5000)


def test_a_section_that_is_asked_for_is_marked(visit):
    page = visit("book/04_grid_generator.html").page
    for name in ("Output to input", "Recap", "Where is -1?"):
        link = page.locator("#pst-page-toc-nav").get_by_role("link", name=name)
        link.click()
        page.wait_for_function("(link) => link.matches('.active')", arg=link.element_handle(), timeout=5000)
        page.wait_for_function(MARKED, timeout=5000)


def test_a_page_is_light(site, look, path):
    """A DigitReader's networks and a recorded training have budgets of their own; other pages do not ask for them."""
    opened = look(path)
    asked = {unquote(urlsplit(url).path).lstrip("/") for url in opened.requests if url.startswith("http")}
    sizes = {name: (site / name).stat().st_size for name in asked if not is_picture(name)}
    has_maths = opened.page.locator(".katex").count() > 0
    networks = sum(sizes.pop(name) for name in list(sizes) if name.startswith("_static/network-"))
    recording = sizes.pop("_static/training_recording.css", 0)
    assert sum(sizes.values()) <= (1.2 if has_maths else 0.8) * MEGABYTE, sizes
    assert networks <= 1.2 * MEGABYTE and recording <= 0.15 * MEGABYTE
    assert (recording > 0) == (opened.page.locator("[data-widget=training_replay]").count() > 0)
    assert (networks > 0) == (opened.page.locator("[data-widget=reader]").count() > 0)


def test_a_page_asks_for_little_before_it_is_scrolled(site, look, path):
    """As servers send it, compressed; networks for a reader in the first screen have a budget of their own."""
    early = look(path, size=PHONE).early
    asked = {unquote(urlsplit(url).path).lstrip("/") for url in early if url.startswith("http")}
    assert path in asked
    text = (".html", ".css", ".js", ".svg", ".json")
    sizes = {name: (site / name).read_bytes() for name in asked if not name.startswith("_static/network-")}
    sizes = {name: len(gzip.compress(data) if name.endswith(text) else data) for name, data in sizes.items()}
    assert sum(sizes.values()) <= 0.4 * MEGABYTE, sizes


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_nothing_jumps_while_a_page_loads(look, path, size):
    """Nor when its first widget comes to life."""
    shifts = look(path, size=size).shifts
    assert sum(shift["value"] for shift in shifts) <= 0.1, shifts


@pytest.mark.parametrize("size", [PHONE, NARROW], ids=["390px", "320px"])
def test_a_page_does_not_scroll_sideways(look, path, size):
    page = look(path, size=PHONE).page
    page.set_viewport_size({"width": size[0], "height": size[1]})
    settle(page)
    wide = page.evaluate(
        """() => {
            const clipped = (node) => {
                for (let box = node.parentElement; box; box = box.parentElement)
                    if (getComputedStyle(box).overflowX !== "visible" && box !== document.body) return true;
                return false;
            };
            return [...document.querySelectorAll("main *")]
                .filter((node) => node.checkVisibility({visibilityProperty: true}))
                .filter((node) => node.getBoundingClientRect().right > innerWidth + 1 && !clipped(node))
                .map((node) => node.outerHTML.slice(0, 120));
        }"""
    )
    width = page.evaluate("document.documentElement.scrollWidth")
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    assert wide == []
    assert width <= size[0]


def test_equations_fit_on_a_phone(look, path):
    page = look(path, size=PHONE).page
    wide = page.evaluate(
        """() => [...document.querySelectorAll(".katex-display, div.math")]
            .filter((one) => one.scrollWidth > one.clientWidth + 1).map((one) => one.textContent.slice(0, 80))"""
    )
    assert wide == []


def test_no_line_starts_with_the_comma_of_a_formula(look, path):
    page = look(path, size=PHONE).page
    torn = page.evaluate(
        """(short) => [...document.querySelectorAll("span.math")].filter((formula) => {
            const next = formula.nextSibling;
            if (next?.nodeType !== Node.TEXT_NODE || !/^[,.;:!?)”]/.test(next.data)) return false;
            if (!formula.checkVisibility() || formula.querySelector("annotation").textContent.length > short)
                return false;
            const range = document.createRange();
            range.setStart(next, 0);
            range.setEnd(next, 1);
            const last = [...formula.querySelectorAll(".base")].at(-1);
            return range.getBoundingClientRect().top >= last.getBoundingClientRect().bottom;
        }).map((formula) => formula.parentElement.closest("p, li, td")?.textContent.slice(0, 80))""",
        SHORT,
    )
    assert torn == []


FOOTER = "Math.max(...[...document.querySelectorAll('footer')].map((e) => e.getBoundingClientRect().bottom))"


def test_a_page_ends_with_its_footer(look, chapter):
    """What is folded away, the solutions, does not lengthen it."""
    page = look(chapter, size=PHONE).page
    solutions = page.locator(".solution.toggle").count()
    page.wait_for_function(f"document.querySelectorAll('.solution.toggle-hidden').length === {solutions}")
    assert page.evaluate(f"document.documentElement.scrollHeight - scrollY - {FOOTER}") < 3


def test_no_button_covers_the_title_of_a_box(look, chapter):
    page = look(chapter, size=PHONE).page
    page.wait_for_selector(".admonition-title > .toggle-button", state="attached")
    gaps = page.evaluate(
        """() => [...document.querySelectorAll(".admonition-title > .toggle-button")].flatMap((button) => {
            const words = document.createRange();
            words.setStart(button.parentElement, 0);
            words.setEndBefore(button);
            return [...words.getClientRects()].map((line) => button.getBoundingClientRect().left - line.right);
        })"""
    )
    assert len(gaps) >= 1
    assert min(gaps) >= 0


def test_code_and_printed_lines_fit_on_a_desktop(look, chapter):
    page = look(chapter, size=DESKTOP).page
    listed = page.evaluate(
        """() => [...document.querySelectorAll(".cell pre")]
            .map((one) => [one.checkVisibility() && one.scrollWidth - one.clientWidth, one.textContent.slice(0, 80)])"""
    )
    assert listed  # what is folded may be wider
    assert [code for excess, code in listed if excess > 1] == []


def broken_rules(page, scheme, rules, inside=None):
    """What axe finds with everything unfolded, in a colour scheme."""
    page.emulate_media(reduced_motion="reduce", color_scheme=scheme)
    page.wait_for_function("(scheme) => document.documentElement.dataset.theme === scheme", arg=scheme)
    unfold(page)
    report = Axe().run(page, context=inside, options=rules)
    fold(page)
    page.emulate_media(color_scheme="light")
    return report.generate_report() if report.violations_count else ""


def illegible(page, scheme):
    """Text that does not stand out from what is behind it, each kind of text once."""
    unfold(page)
    page.evaluate(COLOURED)
    fold(page)
    return broken_rules(page, scheme, COLOURS, "[data-coloured]")


def test_a_page_is_accessible(look, path):
    assert broken_rules(look(path).page, "light", NO_CONTRAST) == ""


def test_a_page_is_accessible_on_a_phone(look, path):
    assert broken_rules(look(path, size=PHONE).page, "light", NO_CONTRAST) == ""


def test_text_is_legible_by_day_and_in_the_dark(look, path):
    assert illegible(look(path).page, "light") == ""
    assert illegible(look(path, size=PHONE).page, "dark") == ""


@pytest.mark.parametrize("path", ["book/intro.html", "book/05_sampler.html"])
def test_what_surrounds_a_page_on_a_desktop_is_legible_in_the_dark(look, path):
    assert illegible(look(path).page, "dark") == ""


def test_code_that_lost_its_tokens_has_the_colours_that_it_had(visit):
    page = visit("book/04_grid_generator.html").page
    for scheme in "light", "dark":
        page.emulate_media(color_scheme=scheme)
        page.wait_for_function("(scheme) => document.documentElement.dataset.theme === scheme", arg=scheme)
        different = page.evaluate(
            """([names]) => names.filter((name) => {
                const code = document.querySelector(".cell_input .highlight pre");
                const token = code.appendChild(document.createElement("span"));
                const look = (one) => ["color", "fontWeight", "fontStyle", "textDecoration", "backgroundColor"]
                    .map((part) => getComputedStyle(one)[part]).join();
                const bare = look(token);
                token.className = name;
                const named = look(token);
                token.remove();
                return named !== bare;
            })""",
            [[*PLAIN, "k"]],
        )
        assert different == ["k"]  # a keyword does look different


def test_every_picture_says_what_it_shows(site, path):
    for picture in soup(site, path).select("article img"):
        words = picture.get("alt", "").split()
        assert len(words) >= 3, picture
        assert not any(word.startswith(("_images/", "../")) for word in words), picture


def test_every_page_has_a_title_a_description_and_one_heading(site, path):
    page = soup(site, path)
    assert page.title.get_text(strip=True)
    assert len(page.select_one('meta[name="description"]')["content"]) >= 50
    assert len(page.select("main h1:not(#jb-print-docs-body h1)")) == 1


def test_internal_links_lead_somewhere(site, path):
    for link in soup(site, path).select("a[href], link[href], script[src], img[src]"):
        target = urlsplit(link.get("href") or link.get("src"))
        if target.scheme or target.netloc:
            continue
        file = ((site / path).parent / unquote(target.path)).resolve() if target.path else site / path
        assert file.is_file(), link
        if target.fragment and file.suffix == ".html":
            assert unquote(target.fragment) in anchors(site, file.relative_to(site).as_posix()), link


def colab_links(site, path):
    return [link["href"] for link in soup(site, path).select('a[href*="colab.research.google.com"]')]


def test_a_chapter_opens_itself_in_colab(site, chapter):
    repository = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))["repository"]
    name = repository["url"].removeprefix("https://github.com/")
    notebook = chapter.replace(".html", ".ipynb")
    expected = f"https://colab.research.google.com/github/{name}/blob/{repository['branch']}/{notebook}"
    assert colab_links(site, chapter) == [expected]
    assert (ROOT / notebook).is_file()


def test_the_intro_says_how_long_the_chapters_take(site):
    said = re.search(r"take about ([\d.]+) hours to read", soup(site, "book/intro.html").get_text())
    numbered = [soup(site, path).get_text() for path in chapters(site) if re.match(r"book/\d", path)]
    printed = [re.search(r"Reading: about (\d+) minutes", text) for text in numbered]
    known = sum(int(found[1]) for found in printed if found)
    assert known - 15 <= 60 * float(said[1]) <= known + 15 + 5 * printed.count(None)  # below 5 minutes none is printed


def test_only_notebooks_offer_colab(site):
    assert len(chapters(site)) >= 6
    without = set(pages(site)) - set(chapters(site)) - {"book/quickstart.html", "book/intro.html"}
    assert not any(colab_links(site, path) for path in without)
    assert len(colab_links(site, "book/quickstart.html")) == 1


def test_the_intro_shows_the_quick_start_with_its_result_and_opens_it_in_colab(site):
    intro, quickstart = (soup(site, f"book/{name}.html") for name in ("intro", "quickstart"))
    (shown,), (own,) = (page.select("div.cell") for page in (intro, quickstart))
    for part in (".cell_input", ".output.stream"):
        assert shown.select_one(part).get_text() == own.select_one(part).get_text()
    for name in ("without", "with"):
        assert f"accuracy {name} a transformer: 0." in shown.get_text()
    assert shown.select_one("figure img")["src"] == own.select_one("figure img")["src"]
    assert colab_links(site, "book/intro.html") == colab_links(site, "book/quickstart.html")
