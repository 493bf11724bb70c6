"""Sphinx extension: what search engines, link previews and lost visitors see.

Each page gets a description (its own, or its first paragraph), a canonical address and a preview card; beside
the pages lie `sitemap.xml` and `404.html`. The address is that of GitHub Pages for the repository that _config.yml
names.
"""

import html
import re
from pathlib import Path
from urllib.parse import quote, urlsplit

from docutils import nodes

CARD = "social-card.png"
ALT = "A handwritten 2, distorted; the same with a sampling grid over it; and upright, as the grid reads it."
LENGTH = 160  # characters of a description that search engines show
NOT_LISTED = {"search", "genindex", "404"}
LOST = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<meta name="description" content="This page of the book does not exist: here is the way to its first page.">
<link rel="icon" href="data:,">
<title>Page not found: {title}</title>
<script>
const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => {{ document.documentElement.dataset.theme = dark.matches ? "dark" : "light"; }};
dark.addEventListener("change", follow);
follow();
</script>
<style>
:root {{ color-scheme: light dark; }}
:root {{ background: #fff; color: #22282e; }}
:root[data-theme="dark"] {{ background: #14191e; color: #d9e0e6; }}
body {{ max-width: 34rem; margin: 18vh auto 0; padding: 0 1.2rem; font: 1.1rem/1.6 system-ui, sans-serif; }}
a {{ color: #0b5c8a; }}
:root[data-theme="dark"] a {{ color: #7cc4ec; }}
</style>
</head>
<body>
<main>
<h1>This page is somewhere else</h1>
<p>The address leads outside the book, like a sampling point outside the image: zeros. It may have moved when
chapters were renumbered.</p>
<p><a href="{address}">Go to the first page of {title}</a></p>
</main>
</body>
</html>
"""


def pages_address(repository):
    """The address under which GitHub Pages publishes a repository.

    >>> pages_address("https://github.com/Owner/stn-hands-on/")
    'https://owner.github.io/stn-hands-on/'
    """
    owner, name = urlsplit(repository).path.strip("/").split("/")[:2]
    return f"https://{owner.lower()}.github.io/{name}/"


def set_address(app, config):
    """Give Sphinx the address for canonical links, unless one is set."""
    repository = (config.html_theme_options or {}).get("repository_url")
    if not config.html_baseurl and repository:
        config.html_baseurl = pages_address(repository)


def shortened(text, length=LENGTH):
    """A text's first sentences, as many as fit, or as many words as fit.

    >>> shortened("One. Two is longer.", 12), shortened("Some words that go on", 12)
    ('One.', 'Some words…')
    """
    text = " ".join(text.split())
    if len(text) <= length:
        return text
    ends = [match.end() for match in re.finditer(r"[.?!](?= )", text[: length + 1])]
    if ends and ends[-1] >= length / 3:
        return text[: ends[-1]]
    return text[:length].rsplit(" ", 1)[0].rstrip(",;:") + "…"


def first_paragraph(doctree):
    """The text of a page's first paragraph, or nothing."""
    for paragraph in doctree.findall(nodes.paragraph):
        if isinstance(paragraph.parent, nodes.section) and len(paragraph.astext()) >= 50:
            return paragraph.astext()
    return ""


def describe(app, pagename, templatename, context, doctree):
    """Set the page's description, and what a link to it shows elsewhere."""
    tags = context.get("metatags") or ""
    general = (app.config.myst_html_meta or {}).get("description", "")
    own = re.search(r'<meta content="([^"]*)" name="description"', tags)
    text = html.unescape(own[1]) if own else general
    if doctree is not None and text == general:
        text = shortened(first_paragraph(doctree)) or general
    tags = re.sub(r'<meta content="[^"]*" name="description"[^>]*>\s*', "", tags)
    if doctree is not None:
        tags += f'\n<meta name="description" content="{html.escape(text, quote=True)}" />'
    card = f"{app.config.html_baseurl}_static/{CARD}"
    graph = {"type": "article", "description": text, "image": card, "image:alt": ALT, "url": context.get("pageurl")}
    for name, value in graph.items():
        if value:
            tags += f'\n<meta property="og:{name}" content="{html.escape(value, quote=True)}" />'
    context["metatags"] = tags + '\n<meta name="twitter:card" content="summary_large_image" />'


def sitemap(address, names):
    """The sitemap's text for some pages.

    >>> sitemap("https://a.b/", ["book/intro"]).splitlines()[2]
    '<url><loc>https://a.b/book/intro.html</loc></url>'
    """
    lines = [f"<url><loc>{html.escape(address + quote(name))}.html</loc></url>" for name in sorted(names)]
    head = '<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n'
    return head + "\n".join(lines) + "\n</urlset>\n"


def write_files(app, exception):
    """Write the sitemap and the page for addresses that lead nowhere."""
    if exception is not None or app.builder.format != "html":
        return
    out, address = Path(app.outdir), app.config.html_baseurl
    listed = set(app.env.found_docs) - NOT_LISTED
    (out / "sitemap.xml").write_text(sitemap(address, listed), encoding="utf-8")
    title = html.escape(app.config.html_title or app.config.project)
    (out / "404.html").write_text(LOST.format(title=title, address=html.escape(address)), encoding="utf-8")


def setup(app):
    """Connect the steps to the build."""
    app.connect("config-inited", set_address)
    app.connect("html-page-context", describe, priority=800)
    app.connect("build-finished", write_files, priority=100)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
