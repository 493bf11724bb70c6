"""What search engines, link previews and lost visitors see; the offline archive; how to cite."""

import struct
import zipfile
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest
import site_meta
import yaml
import zip_book
from docutils.core import publish_doctree

pytestmark = pytest.mark.repository

ROOT = Path(__file__).resolve().parent.parent
GENERAL = "What the whole book is about, in one sentence of some length."


def described(text, tags=f'<meta content="{GENERAL}" name="description" />'):
    """The tags of a page with a text."""
    config = SimpleNamespace(myst_html_meta={"description": GENERAL}, html_baseurl="https://o.github.io/book/")
    context = {"metatags": tags, "pageurl": "https://o.github.io/book/a.html"}
    document = publish_doctree(f"Title\n=====\n\n{text}\n\nMore\n----\n\nNothing\n")
    for section in document.findall(lambda node: node.tagname == "document"):
        section.__class__ = site_meta.nodes.section
    site_meta.describe(SimpleNamespace(config=config), "a", "page.html", context, document)
    return context["metatags"]


class TestDescription:
    def test_a_page_without_one_gets_its_first_paragraph(self):
        words = "A network that was trained on upright digits fails on rotated ones, and this page shows how often."
        tags = described(words)
        assert f'<meta name="description" content="{words}" />' in tags
        assert f'<meta property="og:description" content="{words}" />' in tags
        assert GENERAL not in tags

    def test_a_page_with_one_keeps_it(self):
        tags = described("Words. " * 20, '<meta content="Its &quot;own&quot; description." name="description" />')
        assert tags.count('name="description"') == 1
        assert 'content="Its &quot;own&quot; description."' in tags

    def test_a_link_shows_a_picture(self):
        tags = described("Words. " * 20)
        assert 'property="og:image" content="https://o.github.io/book/_static/social-card.png"' in tags
        assert 'property="og:url" content="https://o.github.io/book/a.html"' in tags


def test_the_card_has_the_size_that_previews_want_and_is_light():
    data = (ROOT / "book" / "_static" / site_meta.CARD).read_bytes()
    assert struct.unpack(">2I", data[16:24]) == (1200, 630) and len(data) < 100_000


def test_the_sitemap_lists_pages_by_their_full_address():
    tree = ElementTree.fromstring(site_meta.sitemap("https://o.github.io/book/", ["b & c", "a"]).encode())
    assert [node.text for node in tree.iter() if node.tag.endswith("loc")] == [
        "https://o.github.io/book/a.html",
        "https://o.github.io/book/b%20%26%20c.html",
    ]


class TestArchive:
    @pytest.fixture
    def book(self, tmp_path):
        folder = tmp_path / "html"
        (folder / "_static").mkdir(parents=True)
        (folder / "index.html").write_text("<p>hello</p>")
        (folder / "_static" / "book.css").write_text("p {}")
        return folder

    def test_it_holds_every_file_below_one_folder(self, book, tmp_path):
        archive = tmp_path / "stn-hands-on.zip"
        assert zip_book.pack(book, archive) == 2
        with zipfile.ZipFile(archive) as packed:
            assert packed.namelist() == ["stn-hands-on/_static/book.css", "stn-hands-on/index.html"]
            assert packed.read("stn-hands-on/index.html") == b"<p>hello</p>"

    def test_the_same_pages_give_the_same_bytes(self, book, tmp_path):
        first, second = tmp_path / "a" / "x.zip", tmp_path / "b" / "x.zip"
        for archive in (first, second):
            archive.parent.mkdir()
            zip_book.pack(book, archive)
            (book / "index.html").touch()
        assert first.read_bytes() == second.read_bytes()


def test_the_citation_agrees_with_the_package():
    import tomllib

    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert cited["cff-version"] == "1.2.0" and cited["authors"] and cited["message"]
    assert cited["version"] == project["version"] and cited["license"] == project["license"]
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    assert cited["title"] == config["title"]
