"""The built book, served over http and opened from disk, in Debian's Chromium.

A missing book skips these tests with a reason, and is an error where `CI` is set.
`SITE_FOLDER` names another built book than `_build/html`.
"""

import functools
import os
import threading
from dataclasses import dataclass, field
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.tabs import listen

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(os.environ.get("SITE_FOLDER", ROOT / "_build" / "html")).resolve()
# Desktop and phone; the narrow one is the smallest that pages must fit.
DESKTOP, PHONE, NARROW = (1280, 800), (390, 844), (320, 640)
PAGES_OPEN = 3


def pages(folder=FOLDER):
    """The pages of a built book, by their paths, without those that only lead to another (the root does)."""
    found = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.html"))
    return [
        path
        for path in found
        if not path.startswith(("_static/", "_sources/"))
        and 'http-equiv="refresh"' not in (folder / path).read_text(encoding="utf-8")[:1000].lower()
    ]


def chapters(folder=FOLDER):
    """The pages that are notebooks, but for the quick start."""
    named = [path for path in pages(folder) if (ROOT / path).with_suffix(".ipynb").exists()]
    return [path for path in named if path != "book/quickstart.html"]


def missing(reason):
    """Skip for a reason, or fail for it where nothing may be missing."""
    if os.environ.get("CI"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def pytest_generate_tests(metafunc):
    """Run a test that takes `path` for every page, one that takes `chapter` for every notebook.

    A test that brings values of its own for them keeps those.
    """
    given = [mark.args[0] for mark in metafunc.definition.iter_markers("parametrize")]
    given = {name.strip() for names in given for name in (names.split(",") if isinstance(names, str) else names)}
    for name, listed in (("path", pages), ("chapter", chapters)):
        if name in metafunc.fixturenames and name not in given:
            metafunc.parametrize(name, listed() or ["book/intro.html"])


def pytest_collection_modifyitems(items):
    """Let the tests of one page follow each other, for they share it."""

    def page(item):
        values = item.callspec.params if hasattr(item, "callspec") else {}
        return values.get("path", values.get("chapter", ""))

    items.sort(key=page)


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves files without a line for each."""

    def log_message(self, *args):
        """Say nothing."""


# Shifts while a page came, those aside that a reader's own act caused.
SHIFTS = """() => new Promise((done) => {
    const seen = [];
    new PerformanceObserver((list) => seen.push(...list.getEntries())).observe({type: "layout-shift", buffered: true});
    setTimeout(() => done(seen.filter((one) => !one.hadRecentInput).map((one) => ({
        value: one.value,
        nodes: one.sources.map((source) => source.node?.outerHTML?.slice(0, 80)),
    }))), 100);
})"""


@dataclass
class Visit:
    """An open page, and what it asked for and said so far; `look` notes what it asked for at first, and what moved."""

    page: object
    requests: list = field(default_factory=list)
    failures: list = field(default_factory=list)
    errors: list = field(default_factory=list)
    early: list = field(default_factory=list)
    shifts: list = field(default_factory=list)

    def listen(self):
        """Record requests, failed ones, and errors on the console."""
        listen(self.page, "request", lambda request: self.requests.append(request.url))
        listen(self.page, "requestfailed", lambda request: self.failures.append(request.url))
        listen(self.page, "response", lambda answer: answer.status >= 400 and self.failures.append(answer.url))
        listen(self.page, "pageerror", lambda error: self.errors.append(str(error)))
        listen(self.page, "console", lambda line: line.type == "error" and self.errors.append(line.text))

    def explore(self):
        """Bring every part of the page into view once, pictures and widgets until all that they ask for has come."""
        self.early = list(self.requests)
        self.page.evaluate(
            """async () => {
                for (let y = 0; y < document.documentElement.scrollHeight; y += innerHeight) {
                    scrollTo(0, y);
                    await new Promise(requestAnimationFrame);
                }
            }"""
        )
        self.page.wait_for_function(
            """() => {
                const shown = [...document.querySelectorAll(".stn-widget")].filter((one) => one.checkVisibility());
                const waits = ({instrument}) => !instrument || Array.isArray(instrument.model.get("networks"));
                const pictures = [...document.images].filter((one) => one.checkVisibility());
                const late = shown.find(waits) ?? pictures.find((one) => !one.complete);
                late?.scrollIntoView();
                return !late;
            }"""
        )
        self.shifts = self.page.evaluate(SHIFTS)


@pytest.fixture(scope="session")
def site():
    """The folder of the built book."""
    if not (FOLDER / "index.html").exists():
        missing(f"no built book in {FOLDER}: run `make book`")
    return FOLDER


@pytest.fixture(scope="session")
def server(site):
    """The address under which the built book is served."""
    handler = functools.partial(QuietHandler, directory=site)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{listening.server_port}"
        listening.shutdown()


@pytest.fixture(scope="session")
def opened(site, server):
    """A function that opens a page in a tab: `opened(take, path, ...)`; further arguments go to Tabs.take."""

    def open_it(take, path, size=DESKTOP, scheme="light", over="http", wait="load", **options):
        viewport = {"width": size[0], "height": size[1]}
        result = Visit(take(over=over, viewport=viewport, color_scheme=scheme, **options))
        result.listen()
        base = server if over == "http" else site.as_uri()
        result.page.goto(f"{base}/{path}", wait_until=wait)
        return result

    return open_it


@pytest.fixture
def visit(opened, open_tab):
    """A function that opens a page for one test: `visit(path, size=, scheme=, over="http" or "file", **context)`."""
    return functools.partial(opened, open_tab)


@pytest.fixture(scope="session")
def look(opened, tabs):
    """A function that opens and explores a page, or returns it from the last tests, which left it as it was."""
    visits = {}

    def look_at(path, size=DESKTOP, over="http"):
        key = path, size, over
        if key not in visits:
            if len(visits) == PAGES_OPEN:
                tabs.give_back(visits.pop(next(iter(visits))).page)
            wait = "networkidle" if size == PHONE else "load"
            visits[key] = opened(tabs.take, path, size=size, over=over, wait=wait)
            visits[key].explore()
        return visits[key]

    return look_at
