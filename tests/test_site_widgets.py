"""Widgets on the book's pages: their modules lie in files, which start what names them."""

import json
import re

import pytest
import site_widgets

from stnlib.widgets import AffineExplorer, PoolingProbe

pytestmark = pytest.mark.repository


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A page with three widgets, and the folder of its files."""
    folder = tmp_path_factory.mktemp("site")
    widgets = (AffineExplorer(), PoolingProbe(), AffineExplorer())
    text = "\n".join(f"<p>words</p>{widget.to_page()}" for widget in widgets)
    return site_widgets.Modules(folder).taken_out(text, "../_static"), folder / "widgets"


def test_widgets_of_a_kind_share_their_module(page):
    text, folder = page
    named = re.findall(r'data-module="\.\./_static/widgets/(\w+)\.js"', text)
    assert named[0] == named[2] != named[1] and {f"{name}.js" for name in named} == {
        one.name for one in folder.iterdir()
    }


def test_a_page_keeps_the_state_and_no_module(page):
    text, folder = page
    payloads = [json.loads(one) for one in re.findall(r'application/json"[^>]*>(.*?)</script>', text)]
    assert [set(payload) for payload in payloads] == [{"state"}] * 3
    assert payloads[0]["state"] == json.loads(json.dumps(AffineExplorer().state()))
    assert "export default" not in text
    for path in folder.iterdir():
        script = path.read_text("utf-8")
        assert f'[data-module$="/{path.name}"]' in script and "export default { render };" in script
        assert "currentScript" not in script
