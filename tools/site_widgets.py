"""Sphinx extension: the directive `live-widget` puts one of stnlib's widgets on a page.

In a chapter a widget is the value of a cell. The introduction is no notebook, so it names the
widget instead, and the page shows the same HTML that the cell would have given:

    ```{live-widget} TrainLab
    :small:
    ```

An option sets the trait of its name. The modules of a page's widgets, which a cell's output holds, become files
that book.js asks for when the page is there.
"""

import hashlib
import html
import json
import os
import re
from pathlib import Path
from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util.docutils import SphinxDirective

HERE = "(document.currentScript.parentElement);"  # the end of core/host.js: the widget that it starts


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


class Modules:
    """The modules of a site's widgets, each a script that starts the widgets that name it."""

    def __init__(self, folder):
        """Write into the folder "widgets" there."""
        from stnlib.widgets.core import pack

        self.folder = folder / "widgets"
        self.folder.mkdir(exist_ok=True)
        self.host = (pack.FOLDER / "core" / "host.js").read_text("utf-8").strip()
        payload = r'<script type="application/json">((?:(?!</script>).)*)</script>'
        self.widget = re.compile(rf"{payload}\s*<script>\s*{re.escape(self.host)}\s*</script>", re.DOTALL)

    def write(self, module):
        """Write a module's script; returns its name."""
        name = hashlib.sha256((self.host + module).encode()).hexdigest()[:12]
        start = self.host.replace(HERE, "(data.parentElement, file);")
        scripts = f"document.querySelectorAll('script[data-module$=\"/{name}.js\"]')"
        text = f"{{\nconst file = {json.dumps(module)};\nfor (const data of {scripts})\n{start}\n}}\n"
        (self.folder / f"{name}.js").write_text(text, encoding="utf-8")
        return name

    def taken_out(self, html, static):
        """A page's text with its widgets' modules in files; `static` is the way from the page to `_static`."""

        def taken(match):
            payload = json.loads(match[1])
            name = self.write(payload.pop("module"))
            rest = json.dumps(payload).replace("<", "\\u003c")
            return f'<script type="application/json" data-module="{static}/widgets/{name}.js">{rest}</script>'

        return self.widget.sub(taken, html)


def write_data(app, exception):
    """Put the widgets' modules and large data beside the book's other files."""
    if exception is not None or app.builder.format != "html":
        return
    static = Path(app.outdir) / "_static"
    write_files(static)
    modules = Modules(static)
    for page in Path(app.outdir).rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        if 'class="stn-widget"' in text:
            page.write_text(modules.taken_out(text, os.path.relpath(static, page.parent)), encoding="utf-8")


def setup(app):
    """Register the directive, and the data files."""
    app.add_directive("live-widget", LiveWidget)
    app.connect("html-page-context", say_where_data_is)
    app.connect("build-finished", write_data)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
