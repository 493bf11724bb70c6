"""The browser of the tests, the pictures and the benchmarks: one way to find and to start it."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator

NAMES = ("chromium", "chromium-browser", "google-chrome")
MISSING = "no Chromium on the PATH: install Debian's package chromium, or set CHROMIUM to a browser's path"
# Nothing but the page itself asks for anything.
OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def find() -> str | None:
    """The path of a Chromium, or None."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


@contextlib.contextmanager
def started() -> Iterator:
    """A running Chromium, as Playwright drives it."""
    from playwright.sync_api import sync_playwright

    path = find()
    if path is None:
        raise FileNotFoundError(MISSING)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=OPTIONS)
        try:
            yield browser
        finally:
            browser.close()
