"""Sphinx extension: a chapter has the number that its file's name begins with, on its page and in its figures.

Sphinx counts the pages of numbered parts instead; a part that lacks a chapter would shift the numbers of all later
ones.
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


def number_chapters(app, env):
    """Renumber the chapters, then their figures, which are counted within chapters."""
    return renumber(env) + TocTreeCollector().assign_figure_numbers(env)


def setup(app):
    """Connect the step to the build, after Sphinx has counted."""
    app.connect("env-get-updated", number_chapters, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
