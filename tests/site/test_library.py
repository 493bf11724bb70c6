"""The library's page, as it is built: contents that name the modules, entries that say something, code that fits."""

import re

from bs4 import BeautifulSoup

from tests.site.conftest import DESKTOP
from tests.test_library_page import MODULES

PATH = "book/api.html"


def test_the_contents_name_every_module(site):
    page = BeautifulSoup((site / PATH).read_text(encoding="utf-8"), "html.parser")
    listed = {entry.get_text() for entry in page.select("#pst-page-toc-nav li.toc-h2 > a")}
    assert {f"stnlib.{name}" for name in (*MODULES, "pipeline", "widgets", "experiments")} <= listed


def test_no_entry_is_empty_or_names_what_is_private(site):
    page = BeautifulSoup((site / PATH).read_text(encoding="utf-8"), "html.parser")
    text = page.select_one("article").get_text()
    assert re.findall(r"Alias for field number|keras\.src\.|\(\*args, \*\*kwargs\)|OWNER/", text) == []
    entries = page.select("dl.py")
    assert entries and all(entry.dd.get_text(strip=True) for entry in entries)


def test_code_fits_on_a_desktop(visit):
    page = visit(PATH, size=DESKTOP).page
    cut = page.evaluate(
        """() => [...document.querySelectorAll(".highlight pre")]
            .filter((one) => one.scrollWidth > one.clientWidth + 1).map((one) => one.textContent.slice(0, 80))"""
    )
    assert cut == []
