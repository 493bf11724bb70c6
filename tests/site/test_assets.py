"""The tools behind the pages: pinned packages, slim style sheets."""

import doctest
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
    import site_outputs
    import site_pages
    import site_slim

    modules = (site_assets, site_outputs, site_pages, site_slim)
    yield {module.__name__: module for module in modules}
    sys.path.remove(str(ROOT / "tools"))


@pytest.mark.parametrize("name", ["site_assets", "site_outputs", "site_pages", "site_slim"])
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


def test_a_font_that_comes_late_never_replaces_another(site):
    rules = (site / "_static" / "vendor" / "fonts" / "fonts.css").read_text("utf-8").splitlines()
    late = [rule for rule in rules if "url(data:" not in rule]
    assert late and all("font-display:optional" in rule for rule in late)
