"""Sphinx extension: the earlier addresses of pages that have moved lead to where they are now."""

import html
from pathlib import Path
from posixpath import dirname, relpath

MOVED = {"book/09_paper": "book/13_paper"}
PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<meta http-equiv="refresh" content="0; url={link}">
<link rel="canonical" href="{address}">
<title>This page has moved</title>
</head>
<body>
<p>This page has moved: <a href="{link}">go to where it is now</a>.</p>
</body>
</html>
"""


def redirect(old, new, address):
    """The page that stands at an earlier name and leads to the present one.

    >>> print(*redirect("book/09_paper", "book/13_paper", "https://a.b/").splitlines()[6:8], sep=chr(10))
    <meta http-equiv="refresh" content="0; url=13_paper.html">
    <link rel="canonical" href="https://a.b/book/13_paper.html">
    """
    link = relpath(f"{new}.html", dirname(old) or ".")
    return PAGE.format(link=html.escape(link), address=html.escape(f"{address}{new}.html"))


def write_redirects(out, pages, address, moved=None):
    """Write a page for each earlier name; a name in use, or one that leads nowhere, is an error."""
    for old, new in (MOVED if moved is None else moved).items():
        if old in pages or new not in pages:
            why = "it is a page" if old in pages else "there is no such page"
            raise ValueError(f"{old} cannot lead to {new}: {why}")
        (Path(out) / f"{old}.html").write_text(redirect(old, new, address), encoding="utf-8")


def write(app, exception):
    """Write the redirects of a built book."""
    if exception is None and app.builder.format == "html":
        write_redirects(app.outdir, app.env.found_docs, app.config.html_baseurl)


def setup(app):
    """Connect the step to the build, after the pages are written and slimmed."""
    app.connect("build-finished", write, priority=950)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
