"""A page that holds one widget."""

import pytest
import site_widgets

from tests.tabs import listen

PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>A widget</title>
<meta name="stn-data" content="_static/">
<style>body {{ margin: 0 }} main {{ max-width: 48rem; margin: auto; padding: 1rem }}
html[data-theme="dark"] body {{ background: #14181e; color: #ced6dd }}</style></head>
<body><main><h1>A widget</h1>{widget}<p style="height: 60rem">Text below</p></main></body></html>"""


@pytest.fixture(scope="session")
def data_folder(tmp_path_factory):
    """The widgets' large data as the book has them beside its pages."""
    folder = tmp_path_factory.mktemp("book")
    site_widgets.write_files(folder)
    return folder


@pytest.fixture
def open_page(open_tab, tmp_path, data_folder):
    """Open HTML over file:// in an empty tab; console errors fail the test at its end."""
    pages, errors = [], []
    (tmp_path / "_static").symlink_to(data_folder)

    def open_it(widget, **options):
        path = tmp_path / f"page{len(pages)}.html"
        path.write_text(PAGE.format(widget=widget), "utf-8")
        page = open_tab(**({"viewport": {"width": 1280, "height": 1000}} | options))
        pages.append(page)
        listen(page, "console", lambda message: message.type == "error" and errors.append(message.text))
        listen(page, "pageerror", lambda error: errors.append(str(error)))
        page.goto(path.as_uri())
        return page

    yield open_it
    for page in pages:
        page.goto("about:blank")
    assert errors == []


@pytest.fixture
def open_widget(open_page):
    """Open a page with one widget, and wait until it is alive."""

    def open_it(widget, **options):
        page = open_page(widget.to_page(), **options)
        page.wait_for_function("document.querySelector('.stn-widget').instrument")
        return page

    return open_it
