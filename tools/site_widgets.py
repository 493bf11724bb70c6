"""Sphinx extension: the directive `live-widget` puts one of stnlib's widgets on a page.

In a chapter a widget is the value of a cell. The introduction is no notebook, so it names the
widget instead, and the page shows the same HTML that the cell would have given:

    ```{live-widget} TrainLab
    :small:
    ```

An option sets the trait of its name.
"""

import html
import json
from pathlib import Path
from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util.docutils import SphinxDirective


class LiveWidget(SphinxDirective):
    """The page form of the widget class that the argument names."""

    required_arguments = 1
    option_spec: ClassVar = {"small": directives.flag}

    def run(self):
        """Return the widget's HTML; the page is read again when the widgets' files change."""
        from stnlib import widgets

        for path in filter(Path.is_file, Path(widgets.__file__).parent.rglob("*")):
            self.env.note_dependency(str(path))
        widget = getattr(widgets, self.arguments[0], None)
        if widget is None:
            raise self.error(f"stnlib.widgets has no {self.arguments[0]}")
        return [nodes.raw("", widget(**dict.fromkeys(self.options, True)).to_page(), format="html")]


def say_where_data_is(app, pagename, templatename, context, doctree):
    """A page that shows a widget says in which folder the widgets' large data are."""
    if 'class="stn-widget"' in (context.get("body") or ""):
        folder = html.escape(context["pathto"]("_static/data.css", 1).removesuffix("data.css"))
        context["metatags"] = f'{context.get("metatags", "")}\n<meta name="stn-data" content="{folder}">'


def write_files(folder):
    """Write the widgets' large data into a folder, as shared/page_file.js reads them."""
    from stnlib import widgets

    for name in widgets.__all__:
        for file, value in getattr(widgets, name).page_files().items():
            text = json.dumps(value, separators=(",", ":")).replace("'", "\\u0027")
            (folder / f"{file}.css").write_text(f".stn-data-{file} {{ --stn-data: '{text}' }}\n", "utf-8")


def write_data(app, exception):
    """Put the widgets' large data beside the book's other files."""
    if exception is None and app.builder.format == "html":
        write_files(Path(app.outdir) / "_static")


def setup(app):
    """Register the directive, and the data files."""
    app.add_directive("live-widget", LiveWidget)
    app.connect("html-page-context", say_where_data_is)
    app.connect("build-finished", write_data)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
