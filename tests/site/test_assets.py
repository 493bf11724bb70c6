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
    import site_docstrings
    import site_outputs
    import site_pages
    import site_slim

    modules = (site_assets, site_docstrings, site_outputs, site_pages, site_slim)
    yield {module.__name__: module for module in modules}
    sys.path.remove(str(ROOT / "tools"))


@pytest.mark.parametrize("name", ["site_assets", "site_docstrings", "site_outputs", "site_pages", "site_slim"])
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


def test_rules_that_scripts_need_stay(tools):
    css = ".shown-by-script{a:b}.nowhere{a:b}.page .part:hover,.page .nowhere{a:b}:root{--x:1}a{b:c}"
    slim = tools["site_slim"].purge(css, {"shown-by-script", "page", "part"})
    assert slim == ".shown-by-script{a:b}.page .part:hover{a:b}:root{--x:1}a{b:c}"


def test_slimming_twice_changes_nothing(tools):
    module = tools["site_slim"]
    css = '@media print{.a{x:"}"}.b{x:y}}@font-face{font-family:own;src:url(a.woff2)}.a::before{content:"\\f058"}'
    once = module.purge(css, {"a"})
    assert module.purge(once, {"a"}) == once
    assert ".b" not in once
    assert 'content:"\\f058"' in once


def test_a_font_that_comes_late_never_replaces_another(site):
    rules = (site / "_static" / "vendor" / "fonts" / "fonts.css").read_text("utf-8").splitlines()
    late = [rule for rule in rules if "url(data:" not in rule]
    assert late and all("font-display:optional" in rule for rule in late)
