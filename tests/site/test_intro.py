"""The introduction: where it leads."""

import pytest
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
