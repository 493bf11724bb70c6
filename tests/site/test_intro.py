"""The introduction: where it leads."""

import re

import pytest
import site_cells
import yaml
from bs4 import BeautifulSoup

from tests.site.conftest import ROOT

pytestmark = pytest.mark.site


@pytest.fixture
def intro(site):
    """The introduction, as it was built."""
    return BeautifulSoup((site / "book" / "intro.html").read_text(encoding="utf-8"), "html.parser")


def test_it_links_to_the_repository(intro):
    url = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))["repository"]["url"]
    assert intro.select_one(f'article a[href="{url}"]').get_text() == "repository"


def test_next_leads_where_it_says_to_start(intro):
    (named,) = [p for p in intro.select("article p") if "start with" in p.get_text()]
    (button,) = intro.select("a.right-next")
    assert [link["href"] for link in named.select("a")] == [button["href"]]


def test_it_prints_how_many_parameters_the_layer_adds(intro):
    shown = intro.select_one("div.cell .output.stream").get_text()
    for name in ("without", "with"):
        line = next(line for line in shown.splitlines() if f"accuracy {name} a transformer" in line)
        assert line.endswith(" parameters)")


def test_it_shows_the_parts_before_the_code_that_uses_them(intro):
    article = str(intro.select_one("article"))
    assert article.index('id="fig-pipeline"') < article.index("cell_input")


def test_it_says_what_the_layer_adds_to_a_cnn(intro):
    text = " ".join(intro.select_one("article").get_text().split())
    told = re.search(r"with the layer is (\S+) accurate on distorted digits, a plain CNN .*? parameters (\S+) \(", text)
    assert list(told.groups()) == [site_cells.accuracy(model) for model in ("stn_cnn", "cnn_wide")]
