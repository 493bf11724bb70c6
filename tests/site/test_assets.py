"""The tools behind the pages: pinned packages, slim style sheets."""

import base64
import doctest
import io
import json
import re
import sys

import pytest

from tests.site.conftest import ROOT

pytestmark = pytest.mark.repository


@pytest.fixture(scope="module")
def tools():
    sys.path.insert(0, str(ROOT / "tools"))
    import site_assets
    import site_bundle
    import site_outputs
    import site_pages
    import site_slim

    modules = (site_assets, site_bundle, site_outputs, site_pages, site_slim)
    yield {module.__name__: module for module in modules}
    sys.path.remove(str(ROOT / "tools"))


@pytest.mark.parametrize("name", ["site_assets", "site_bundle", "site_outputs", "site_pages", "site_slim"])
def test_the_examples_of_a_tool_run(tools, name):
    outcome = doctest.testmod(tools[name])
    assert outcome.attempted > 0
    assert outcome.failed == 0


def test_npm_packages_are_pinned_and_no_registry_is_named():
    wanted = json.loads((ROOT / "package.json").read_text(encoding="utf-8"))["dependencies"]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in wanted.values())
    lock = (ROOT / "package-lock.json").read_text(encoding="utf-8")
    assert '"resolved"' not in lock
    locked = json.loads(lock)["packages"]
    assert {name: locked[f"node_modules/{name}"]["version"] for name in wanted} == wanted


def test_assets_are_installed_once(tools, monkeypatch, tmp_path):
    module = tools["site_assets"]
    calls = []
    monkeypatch.setattr(module, "VENDOR", tmp_path / "vendor")
    monkeypatch.setattr(module, "STAMP", tmp_path / "vendor" / ".stamp")
    monkeypatch.setattr(module, "npm_ci", lambda: calls.append("npm ci"))
    monkeypatch.setattr(module, "copy_assets", lambda packages, target: target.mkdir(parents=True))
    module.main()
    module.main()
    assert calls == ["npm ci"]


def test_a_lost_asset_is_installed_again(tools, monkeypatch, tmp_path):
    module = tools["site_assets"]
    monkeypatch.setattr(module, "STAMP", tmp_path / ".stamp")
    before = module.fingerprint()
    lock = tmp_path / "package-lock.json"
    lock.write_text("{}", encoding="utf-8")
    monkeypatch.setattr(module, "ROOT", tmp_path)
    assert module.fingerprint() != before


CSS = """
.shown-by-script{a:b}.nowhere{a:b}.page .part:hover,.page .nowhere{a:b}:root{--x:1}a{b:c}
:is(.part,.nowhere) a{b:c}:is(.gone,.nowhere) a{b:c}.part:not(.nowhere){b:c}
@media print{.part{x:"}"}.nowhere{x:y}}@font-face{font-family:own;src:url(a.woff2)}.part::before{content:"\\f058"}
"""


def test_rules_that_no_page_or_script_can_match_go(tools, tmp_path):
    """Twice, for what is slim stays as it is."""
    (tmp_path / "_static").mkdir()
    (tmp_path / "index.html").write_text('<body class="page"><a class="part">words</a></body>')
    (tmp_path / "_static" / "late.js").write_text('document.body.classList.add("shown-by-script")')
    sheet = tmp_path / "a.css"
    sheet.write_text(CSS)
    for _ in range(2):
        tools["site_slim"].purge(tmp_path, [sheet])
        css = sheet.read_text()
        for kept in (".shown-by-script{", ".page .part:hover{", ":root{--x:1}", "a{b:c}", ":is(.part", '.part{x:"}"}'):
            assert kept in css
        for kept in (".part:not(.nowhere){b:c}", "@font-face{font-family:own", 'content:"\\f058"'):
            assert kept in css
        assert ".gone" not in css
        assert ".nowhere{" not in css


def test_code_never_changes_its_font(site):
    """Its letters all have another width in the machine's own font, so that lines would break elsewhere."""
    rules = (site / "_static" / "vendor" / "fonts" / "fonts.css").read_text("utf-8").splitlines()
    late = {rule.split('"')[1]: rule for rule in rules if "url(data:" not in rule}
    assert "font-display:optional" in late["Source Code Pro"] and "font-display:swap" in late["Source Sans 3"]


@pytest.fixture
def built(tmp_path):
    """A built site: two pages with style sheets, one without."""
    sheets = {
        "styles/theme.css": '@charset "UTF-8";\n@import "../basic.css";',
        "basic.css": "/* basic */ .basic { background: url(file.png) }",
        "katex/katex.css": "@font-face { src: url(fonts/a.woff2) } .maths { a: url(data:x) }",
        "book.css": ".book { a: b }",
    }
    for name, css in sheets.items():
        path = tmp_path / "_static" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(css)
    pages = {
        "search.html": ("styles/theme.css", "book.css"),
        "book/a.html": ("styles/theme.css", "katex/katex.css", "book.css"),
    }
    (tmp_path / "book").mkdir()
    for name, asked in pages.items():
        up = "../" * name.count("/")
        links = "\n".join(f'<link rel="stylesheet" href="{up}_static/{one}?v=1" />' for one in asked)
        (tmp_path / name).write_text(f"<head>{links}<script></script></head>")
    (tmp_path / "404.html").write_text("<head></head>")
    return tmp_path


def test_style_sheets_are_joined(tools, built):
    tools["site_bundle"].bundle(built)
    text = (built / "book" / "a.html").read_text()
    paths = [built / "book" / name for name in re.findall(r'href="([^"]+)"', text)]
    first, maths, last = (path.read_text() for path in paths)
    assert first == ".basic{background: url(../file.png)}"
    assert maths == "@font-face{src: url(../katex/fonts/a.woff2)}.maths{a: url(data:x)}"
    assert last == ".book{a: b}"
    assert text.endswith("<script></script></head>") and "404" not in text
    others = re.findall(r'href="([^"]+)"', (built / "search.html").read_text())
    assert [(built / name).resolve() for name in others] == [paths[0].resolve(), paths[2].resolve()]
    assert (built / "404.html").read_text() == "<head></head>"


def test_a_page_asks_for_few_style_sheets_and_those_for_no_more(site):
    for page in sorted((site / "book").glob("*.html")):
        names = re.findall(r'<link rel="stylesheet"[^>]*href="([^"]+)"', page.read_text("utf-8"))
        assert len(names) <= 3, page
        assert not any("@import" in (page.parent / name).read_text("utf-8") for name in names)


def test_every_letter_of_a_formula_is_in_the_fonts_that_the_site_has(tools, site):
    """The fonts inside the style sheet are cut down to the letters of the formulas."""
    from fontTools.ttLib import TTFont

    slim = tools["site_slim"]
    css = (site / "_static" / "vendor" / "katex" / "katex.min.css").read_text("utf-8")
    faces = dict(
        re.findall(r"font-family:(\w+);font-style:(?:normal|italic);[^}]*?data:font/woff;base64,([^)\"]+)", css)
    )
    letters = slim.maths_letters(page.read_text("utf-8") for page in site.rglob("*.html"))
    for family, wanted in zip(("KaTeX_Main", "KaTeX_Math"), letters, strict=True):
        data = base64.b64decode(faces[family])
        there = set(map(chr, TTFont(io.BytesIO(data)).getBestCmap()))
        whole = TTFont(
            ROOT / "node_modules" / "katex" / "dist" / "fonts" / f"{slim.MATHS_FONTS[family != 'KaTeX_Main']}.ttf"
        )
        assert wanted & set(map(chr, whole.getBestCmap())) <= there
        assert len(data) < 14_000
