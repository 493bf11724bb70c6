"""Sphinx extension of the book: pages that carry only what they use.

It does five things, none of which a configuration value can do:

- a page asks only for the style sheets and scripts of features that it uses, and scripts wait
  until the page is read (`defer`);
- the theme's style sheets lose every rule that no page can match, and its icon font every
  glyph but those that the remaining rules name;
- tokens of code that no rule colours are bare text, which makes pages lighter;
- only notebooks get a Colab button, and the maths is rendered by the Node that is installed;
- a short formula and the comma or bracket that touches it stay on one line.
"""

import re
from pathlib import Path

import node
import pydata_sphinx_theme
import site_bundle
import site_slim
from docutils import nodes

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
# What touches a formula before and after it; a browser may break the line there, for a formula is a box to it.
BEFORE, AFTER = re.compile(r"[(“]*$"), re.compile(r"[,.;:!?)”]*")
SHORT = 24  # characters of TeX; a longer formula has to break somewhere on a phone
# Tokens of code that have the colour of all code: names, marks, operators, spaces, functions that Python has.
PLAIN = "n", "p", "o", "w", "nb", "bp"
PLAIN_TOKEN = re.compile(rf'<span class="(?:{"|".join(PLAIN)})">([^<]*)</span>')
CODE = re.compile(r"<pre>.*?</pre>", re.DOTALL)
# "4. " before a chapter's title; the page's style sheet makes it "Chapter 4".
CHAPTER_NUMBER = re.compile(r'(<h1><span class="section-number">\d+)\. ?(</span>)')


def choose_node(app, config):
    """Let KaTeX run in the Node that the environment installed, or the machine's."""
    import sphinxcontrib.katex

    sphinxcontrib.katex.NODEJS_BINARY = node.path()
    # Its Unix socket can refuse a connection that comes too early; its network socket tries again.
    server = sphinxcontrib.katex.KaTeXServer
    server.start_server_process = server.start_network_socket
    sphinxcontrib.katex.STARTUP_TIMEOUT = 60


def keep_together(doctree):
    """Put a short formula and the marks that touch it into one span of class "together".

    >>> sentence = nodes.paragraph("", "", nodes.Text("see ("), nodes.math("", "x"), nodes.Text("), or"))
    >>> keep_together(sentence)
    >>> [part.astext() for part in sentence.children], sentence[1]["classes"]
    (['see ', '(x),', ' or'], ['together'])
    """
    for formula in list(doctree.findall(nodes.math)):
        line, place = formula.parent, formula.parent.index(formula)
        before, after = (line[i] if 0 <= i < len(line) else None for i in (place - 1, place + 1))
        opening = BEFORE.search(before)[0] if isinstance(before, nodes.Text) else ""
        closing = AFTER.match(after)[0] if isinstance(after, nodes.Text) else ""
        if len(formula.astext()) <= SHORT and (opening or closing):
            marks = nodes.Text(opening), formula.deepcopy(), nodes.Text(closing)
            line[place] = nodes.inline("", "", *marks, classes=["together"])
            if opening:
                line[place - 1] = nodes.Text(before.removesuffix(opening))
            if closing:
                line[place + 1] = nodes.Text(after.removeprefix(closing))


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


def colab_button(buttons, is_notebook):
    """Replace the theme's launch menu of one entry by that entry; only notebooks have it."""
    kept = []
    for button in buttons:
        if button.get("label") != "launch-buttons":
            kept.append(button)
        elif is_notebook:
            for entry in button["buttons"]:
                kept.append(entry | {"text": "Run in Colab", "icon": "fas fa-rocket", "label": "colab"})
    return kept


def polish(body):
    """Return a page's text with bare chapter numbers, roles that browsers know, no empty headers, fewer spans in code.

    >>> polish('<h1><span class="section-number">4. </span>Why?</h1>')
    '<h1><span class="section-number">4</span>Why?</h1>'
    >>> polish('<th class="head"><p></p></th><th class="head"><p>a</p></th>')
    '<td></td><th class="head"><p>a</p></th>'
    >>> polish('<pre><span></span><span class="n">x</span> <span class="o">=</span> <span class="mi">1</span></pre>')
    '<pre>x = <span class="mi">1</span></pre>'
    """
    body = body.replace('role="doc-biblioentry"', 'role="listitem"').replace(' role="doc-backlink"', "")
    body = re.sub(r'(<a class="reference internal"[^>]*>) +', r" \1", body)
    body = re.sub(r'<th class="head[^"]*">(?:<p></p>)?</th>', "<td></td>", body)
    body = CODE.sub(lambda code: PLAIN_TOKEN.sub(r"\1", code[0]).replace("<span></span>", ""), body)
    return CHAPTER_NUMBER.sub(r"\1\2", body)


def defer_scripts(scripts, wait):
    """Let script files wait, but for the one whose values the inline scripts read at once."""
    for script in scripts:
        script.attributes.pop("defer", None)  # pages share these objects
        if wait and script.filename and "documentation_options" not in str(script.filename):
            script.attributes["defer"] = "defer"


def trim_page(app, pagename, templatename, context, doctree):
    """Drop the assets that this page does not use, and defer its scripts."""
    body = context.get("body") or ""
    if body:
        context["body"] = polish(body)
    for kind in ("css_files", "script_files"):
        context[kind] = [asset for asset in context.get(kind, []) if is_needed(asset, body)]
    # The search page's own scripts expect the others to be there.
    defer_scripts(context["script_files"], wait=pagename != "search")
    is_notebook = str(app.env.doc2path(pagename)).endswith(".ipynb")
    context["header_buttons"] = colab_button(context.get("header_buttons", []), is_notebook)


def slim_styles(app, exception):
    """Cut the built style sheets down to what the built pages can use, and join those that a page asks for."""
    if exception is None and app.builder.format == "html":
        theme = Path(pydata_sphinx_theme.__file__).parent / "theme" / "pydata_sphinx_theme" / "static"
        site_slim.slim(Path(app.outdir), theme)
        site_bundle.bundle(Path(app.outdir))


def setup(app):
    """Connect the steps to the build."""
    app.connect("config-inited", choose_node)
    app.connect("doctree-resolved", lambda app, doctree, docname: keep_together(doctree))
    app.connect("html-page-context", trim_page, priority=900)
    app.connect("build-finished", slim_styles, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
