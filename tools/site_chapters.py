"""Sphinx extension: a chapter has the number that its file's name begins with, on its page and in its figures.

Sphinx counts the pages of numbered parts instead; a part that lacks a chapter would shift the numbers of all later
ones. Figures of pages without a number are counted on each page; Sphinx counts them across all such pages.
"""

import re

from docutils import nodes
from sphinx.environment.collectors.toctree import TocTreeCollector


def number(docname):
    """The number in a chapter's name, or None where the page is not a chapter.

    >>> number("book/13_paper"), number("book/notation")
    (13, None)
    """
    match = re.fullmatch(r"(?:.*/)?(\d\d)_\w+", docname)
    return int(match[1]) if match else None


def renumber(env):
    """Put the chapters' own numbers first in their section numbers; returns the pages that changed."""
    changed = []
    for docname, numbers in env.toc_secnumbers.items():
        own = number(docname)
        if own is None or not numbers.get("") or numbers[""][0] == own:
            continue
        env.toc_secnumbers[docname] = {
            anchor: counted and (own, *counted[1:])  # a section without a number keeps None
            for anchor, counted in numbers.items()
        }
        for entry in [*env.tocs[docname].findall(nodes.reference), env.titles[docname]]:
            if counted := entry.get("secnumber"):
                entry["secnumber"] = [own, *counted[1:]]
        changed.append(docname)
    return changed


def count_by_page(fignumbers):
    """Begin anew with 1 on every page whose figures and tables have a number alone, without a chapter's.

    >>> numbers = {"intro": {"figure": {"a": (1,)}}, "bugs": {"figure": {"b": (2,), "c": (3,)}, "table": {"d": (1,)}}}
    >>> count_by_page(numbers)
    >>> numbers["bugs"]
    {'figure': {'b': (1,), 'c': (2,)}, 'table': {'d': (1,)}}
    """
    for page in fignumbers.values():
        for numbers in page.values():
            alone = (name for name, number in sorted(numbers.items(), key=lambda item: item[1]) if len(number) == 1)
            numbers.update({name: (count,) for count, name in enumerate(alone, 1)})


def number_chapters(app, env):
    """Renumber the chapters, then the figures, which are counted within chapters and other pages."""
    changed = renumber(env) + TocTreeCollector().assign_figure_numbers(env)
    count_by_page(env.toc_fignumbers)
    return changed


def setup(app):
    """Connect the step to the build, after Sphinx has counted."""
    app.connect("env-get-updated", number_chapters, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
