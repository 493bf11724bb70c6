"""Fewer requests before the first paint: the style sheets of the built pages, joined.

What all pages begin with becomes one sheet, what they all end with another, and what is between them one more for each
set of features. Imported sheets are put in the place of their import, for a browser asks for them one after the other.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable
from pathlib import Path

LINK = re.compile(r'<link rel="stylesheet"[^>]*?href="([^"?]+)[^>]*>\s*')
IMPORT = re.compile(r'@import\s+"([^"]+)";')
ADDRESS = re.compile(r"""url\((["']?)(?!data:|#)([^"')]+)\1\)""")
CHARSET = re.compile(r'@charset "[^"]*";')
BUNDLES = Path("_static", "bundles")


def minified(css: str) -> str:
    """A style sheet without comments and needless spaces.

    >>> minified("/* why */\\n.a > b {\\n  color : red;\\n}\\n")
    '.a > b{color : red}'
    """
    css = re.sub(r"/\*.*?\*/", "", css, flags=re.S)
    css = re.sub(r"\s+", " ", css)
    return re.sub(r"\s*([{};])\s*", r"\1", css).replace(";}", "}").strip()


def read(sheet: Path, folder: Path) -> str:
    """A style sheet with what it imports; its addresses are seen from another folder."""

    def moved(match):
        return f"url({os.path.relpath(sheet.parent / match[2], folder)})"

    css = CHARSET.sub("", sheet.read_text(encoding="utf-8"))
    css = ADDRESS.sub(moved, css)
    return IMPORT.sub(lambda match: read((sheet.parent / match[1]).resolve(), folder), css)


def common(lists: list[list]) -> int:
    """How many first items some lists share.

    >>> common([[1, 2, 3], [1, 2], [1, 2, 4]])
    2
    """
    return next((i for i, items in enumerate(zip(*lists, strict=False)) if len(set(items)) > 1), min(map(len, lists)))


def parts(sheets: Iterable[list[Path]]) -> dict[tuple, list[list[Path]]]:
    """For each list of style sheets: what it shares with all at its start, what it has of its own, and at its end.

    >>> parts([["base", "maths", "book"], ["base", "book"]])[("base", "book")]
    [['base'], ['book']]
    """
    lists = [list(one) for one in {tuple(one) for one in sheets}]
    first = common(lists)
    last = common([one[first:][::-1] for one in lists])
    cut = {tuple(one): [one[:first], one[first : len(one) - last], one[len(one) - last :]] for one in lists}
    return {key: [part for part in value if part] for key, value in cut.items()}


def write(sheets: list[Path], folder: Path) -> Path:
    """Write some style sheets as one, named by its content."""
    css = "\n".join(minified(read(sheet, folder)) for sheet in sheets)
    path = folder / f"{hashlib.sha256(css.encode()).hexdigest()[:12]}.css"
    path.write_text(css, encoding="utf-8")
    return path


def bundle(site: Path) -> None:
    """Join the style sheets of all pages of a built site, in place."""
    texts = {page: page.read_text(encoding="utf-8") for page in site.rglob("*.html")}
    asked = {page: [(page.parent / name).resolve() for name in LINK.findall(text)] for page, text in texts.items()}
    asked = {page: sheets for page, sheets in asked.items() if sheets}
    folder = (site / BUNDLES).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    written = {}
    cut = parts(asked.values())
    for page, sheets in asked.items():
        links = []
        for part in map(tuple, cut[tuple(sheets)]):
            if part not in written:
                written[part] = write(list(part), folder)
            links.append(f'<link rel="stylesheet" href="{os.path.relpath(written[part], page.parent.resolve())}">\n')
        text = texts[page]
        start = LINK.search(text).start()
        page.write_text(text[:start] + "".join(links) + LINK.sub("", text[start:]), encoding="utf-8")
