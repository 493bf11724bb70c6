"""A chapter's number is that of its file; an address that a page had before leads to the page."""

import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import site_chapters
import site_redirects
import yaml
from bs4 import BeautifulSoup
from docutils import nodes

pytestmark = pytest.mark.repository


def counted(**numbers):
    """What Sphinx has counted: pages with a title and one section each."""
    env = SimpleNamespace(toc_secnumbers={}, tocs={}, titles={})
    for name, count in numbers.items():
        docname = f"book/{name.lstrip('_')}"
        env.toc_secnumbers[docname] = {"": (count,), "#why": (count, 1), "#how": None}
        env.tocs[docname] = nodes.bullet_list("", nodes.reference("", "Why?", secnumber=[count]), nodes.reference())
        env.titles[docname] = nodes.title(secnumber=[count])
    return env


def test_a_chapter_has_one_name_in_the_sidebar_and_on_the_cards_of_the_intro():
    root = Path(__file__).resolve().parent.parent
    toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    numbered = [page for part in toc["parts"] if part.get("numbered") for page in part["chapters"]]
    sidebar = [(Path(page["file"]).name, f"{number}. {page['title']}") for number, page in enumerate(numbered, 1)]
    intro = (root / "book" / "intro.md").read_text(encoding="utf-8")
    cards = re.findall(r"\{grid-item-card\} (.+)\n:link: (\w+)", intro)
    assert [(page, title) for title, page in cards] == sidebar


def test_the_page_after_the_intro_is_the_first_chapter():
    toc = yaml.safe_load((Path(__file__).resolve().parent.parent / "_toc.yml").read_text(encoding="utf-8"))
    assert toc["parts"][0]["chapters"][0]["file"] == "book/01_motivation"


class TestNumbers:
    def test_a_chapter_that_is_missing_shifts_no_other(self):
        env = counted(_08_beyond_affine=8, _13_paper=9)
        assert site_chapters.renumber(env) == ["book/13_paper"]
        assert env.toc_secnumbers["book/13_paper"] == {"": (13,), "#why": (13, 1), "#how": None}
        assert env.tocs["book/13_paper"][0]["secnumber"] == env.titles["book/13_paper"]["secnumber"] == [13]
        assert env.toc_secnumbers["book/08_beyond_affine"] == {"": (8,), "#why": (8, 1), "#how": None}

    def test_a_page_without_a_number_in_its_name_keeps_what_it_has(self):
        env = counted(notation=3)
        assert site_chapters.renumber(env) == [] and env.titles["book/notation"]["secnumber"] == [3]


class TestRedirects:
    def test_a_browser_and_a_search_engine_find_the_page(self, tmp_path):
        (tmp_path / "book").mkdir()
        site_redirects.write_redirects(tmp_path, {"book/13_paper"}, "https://o.github.io/b/")
        page = BeautifulSoup((tmp_path / "book" / "09_paper.html").read_text(encoding="utf-8"), "html.parser")
        assert page.select_one("meta[http-equiv=refresh]")["content"] == "0; url=13_paper.html"
        assert page.select_one("link[rel=canonical]")["href"] == "https://o.github.io/b/book/13_paper.html"
        assert page.a["href"] == "13_paper.html"

    @pytest.mark.parametrize("pages", [{"a", "b"}, set()])
    def test_a_name_in_use_and_one_that_leads_nowhere_are_refused(self, tmp_path, pages):
        with pytest.raises(ValueError, match="a cannot lead to b"):
            site_redirects.write_redirects(tmp_path, pages, "", {"a": "b"})
