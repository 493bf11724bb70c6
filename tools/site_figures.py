"""Sphinx extension: figures that are numbered, dark on dark pages, light to load and legible on a phone.

- The first sentence of a caption is its point, and looks like it; code that is folded away stands below what it drew.
- The figures of cells get colours for dark pages (site_dark.py), and their photographs a fifth of the bytes.
- A picture says how large it is, so that nothing moves when it comes, and comes when it is about to be seen.
- A figure whose names would be too small on a phone stays as wide as they need, and scrolls in its own box.
"""

import base64
import io
import re
from pathlib import Path

import site_dark
from docutils import nodes
from myst_nb.sphinx_ import HideCodeCellNode
from PIL import Image
from sphinx.transforms.post_transforms import SphinxPostTransform

PICTURE = re.compile(r'<img\b[^>]*?\bsrc="([^"]*_images/[^"]+)"[^>]*>')
DRAWN_IN_PLACE = re.compile(r'class="stn-(?:pipeline|widget)\b')
SENTENCE_END = re.compile(r"[.?!](?=\s)")
SIZE = re.compile(r'<svg\b[^>]*?\b(width|height)="([\d.]+)pt"[^>]*?\b(?:width|height)="([\d.]+)pt"')
LETTERS = re.compile(r'<g\b[^>]*\btransform="[^"]*scale\(([\d.]+) -\1\)')
EMBEDDED = re.compile(r"data:image/png;base64,([A-Za-z0-9+/=\s]+)")
DRAWN = 4096  # colours: a picture with more is a photograph, whose last bits nobody sees
LEAST = 9  # px: no letter is smaller
PHONE = 280  # px that a figure has at least


class CodeBelow(SphinxPostTransform):
    """Put code that is folded away below its output."""

    default_priority = 200  # after MyST-NB has folded it
    formats = ("html",)

    def run(self, **options):
        """Exchange the two in every cell that has both."""
        for cell in self.document.findall(nodes.container):
            if cell.get("nb_element") == "cell_code" and len(cell) == 2 and isinstance(cell[0], HideCodeCellNode):
                code, output = cell.children
                if "nb_element" in output.attributes:
                    code["classes"] = ["below-output"]
                    cell.children = [output, code]


def mark_point(caption):
    """Set off a caption's first sentence, if another follows.

    >>> caption = nodes.caption("", "", nodes.Text("See "), nodes.math("", "x"), nodes.Text(". Then this."))
    >>> mark_point(caption)
    >>> [part.astext() for part in caption.children], caption[0]["classes"]
    (['See x.', ' Then this.'], ['point'])
    """
    for index, part in enumerate(caption.children):
        end = SENTENCE_END.search(part) if isinstance(part, nodes.Text) else None
        if end:
            point = nodes.inline("", "", *caption.children[:index], nodes.Text(part[: end.end()]), classes=["point"])
            caption.children = [point, nodes.Text(part[end.end() :]), *caption.children[index + 1 :]]
            caption.setup_child(point)
            return


def mark_points(app, doctree, docname):
    """Set off the point of every figure and table on a page."""
    captions = (caption for figure in doctree.findall(nodes.figure) for caption in figure.findall(nodes.caption))
    titles = (title for table in doctree.findall(nodes.table) for title in table.findall(nodes.title))
    for caption in [*captions, *titles]:
        mark_point(caption)


def photographs_lighter(svg):
    """An SVG whose embedded photographs are WebP; digits, heat maps and other drawings keep every pixel as it was."""

    def lighter(match):
        picture = Image.open(io.BytesIO(base64.b64decode(match[1]))).convert("RGBA")
        if picture.getcolors(DRAWN) or picture.getextrema()[3] != (255, 255):
            return match[0]
        packed = io.BytesIO()
        picture.convert("RGB").save(packed, "WEBP", quality=90, method=6)
        return f"data:image/webp;base64,{base64.b64encode(packed.getvalue()).decode()}"

    return EMBEDDED.sub(lighter, svg)


def measures(path):
    """A picture's width and height in px, and the width that its smallest letters need; 0 where it has none.

    An SVG of matplotlib's is measured by its letters; any other picture by its pixels.
    """
    if path.suffix != ".svg":
        with Image.open(path) as picture:
            return (*picture.size, 0)
    text = path.read_text(encoding="utf-8")
    found = SIZE.search(text)
    if not found:
        return 0, 0, 0
    first, second = (float(size) * 4 / 3 for size in found.group(2, 3))
    width, height = (first, second) if found[1] == "width" else (second, first)
    points = min(map(float, LETTERS.findall(text)), default=0) * 100
    return round(width), round(height), round(width * LEAST / (points * 4 / 3)) if points else 0


def sized(tag, width, height, legible=0, lazy=True):
    """A picture's tag with its size; in a box that scrolls, where its letters need more room than a phone has.

    >>> sized('<img alt="a" src="b.svg" />', 300, 100)
    '<img width="300" height="100" loading="lazy" alt="a" src="b.svg" />'
    >>> sized('<img style="width: 8px; height: 4px;" src="b.png">', 16, 8, lazy=False)
    '<img width="8" height="4" src="b.png">'
    """
    given = re.search(r' style="width: ([\d.]+)px; height: ([\d.]+)px;?"', tag)
    if given:
        tag, width, height = tag.replace(given[0], ""), *given.groups()
    wide = f'style="--legible: {legible}px" ' if legible > PHONE else ""
    waits = 'loading="lazy" ' if lazy else ""
    tag = tag.replace("<img ", f'<img {wide}width="{width}" height="{height}" {waits}', 1)
    return f'<span class="wide-figure">{tag}</span>' if wide else tag


def finish_page(page, known):
    """Give the pictures of a built page their sizes; `known` keeps what was measured.

    The first comes at once, unless a drawing or a widget stands before it: then it is not on the first screen.
    """

    def finished(match):
        path = (page.parent / match[1]).resolve()
        if path not in known:
            known[path] = measures(path)
        at_once = match.start() == start and not beneath
        return sized(match[0], *known[path], lazy=not at_once) if known[path][0] else match[0]

    text = page.read_text(encoding="utf-8")
    found = PICTURE.search(text)
    if found:
        start = found.start()
        beneath = DRAWN_IN_PLACE.search(text, 0, start)
        page.write_text(PICTURE.sub(finished, text), encoding="utf-8")


def finish(app, exception):
    """Give the figures their dark colours, then the pages their sizes."""
    if exception is not None or app.builder.format != "html":
        return
    folder, known = Path(app.outdir), {}
    for path in (folder / "_images").glob("*.svg"):
        text = path.read_text(encoding="utf-8")
        if "matplotlib" in text and "prefers-color-scheme" not in text:
            path.write_text(photographs_lighter(site_dark.themed(text)), encoding="utf-8")
    for page in folder.rglob("*.html"):
        finish_page(page, known)


def setup(app):
    """Connect the steps to the build."""
    app.add_post_transform(CodeBelow)
    app.connect("doctree-resolved", mark_points)
    app.connect("build-finished", finish, priority=100)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
