"""What a reader of a notebook reads: its words, its visible lines of code, and how long both take.

Solutions of exercises are folded and not counted, nor is code that the page hides.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import nbformat

WORDS_A_MINUTE, LINES_A_MINUTE = 200, 15
SHORT = 5  # minutes: a page that takes less does not say so
HIDDEN = {"claim", "hide-input", "remove-input", "hide-cell", "remove-cell"}
SOLUTION = re.compile(r"^(:{3,})\{solution\}.*?^\1\s*$", re.M | re.S)
GATES = re.compile(r"^:{3,}\{solution-(start|end)\}")
NOT_PROSE = re.compile(r"\$\$[^$]*\$\$|^:{3,}(\{[\w-]+\})?|^:[\w-]+:.*$", re.M)


def without_solutions(cells: Iterable[nbformat.NotebookNode]) -> list[nbformat.NotebookNode]:
    """The cells of a notebook, copied, with what belongs to no solution."""
    kept, inside = [], False
    for cell in cells:
        lines = [cell.source] if cell.cell_type == "code" else SOLUTION.sub("", cell.source).splitlines()
        outside = []
        for line in lines:
            gate = GATES.match(line) if cell.cell_type == "markdown" else None
            inside = gate[1] == "start" if gate else inside
            if not inside and not gate:
                outside.append(line)
        if outside:
            kept.append(nbformat.NotebookNode(cell | {"source": "\n".join(outside)}))
    return kept


def words(cells: Iterable[nbformat.NotebookNode]) -> int:
    """The words of the text: no displayed equations, no markup of directives."""
    prose = "\n".join(cell.source for cell in without_solutions(cells) if cell.cell_type == "markdown")
    return sum(any(map(str.isalnum, word)) for word in NOT_PROSE.sub(" ", prose).split())


def lines(cells: Iterable[nbformat.NotebookNode]) -> int:
    """The lines of code that the page shows at once."""
    shown = (
        cell
        for cell in without_solutions(cells)
        if cell.cell_type == "code" and not HIDDEN & set(cell.metadata.get("tags", []))
    )
    return sum(bool(line.strip()) for cell in shown for line in cell.source.splitlines())


def minutes(cells: Iterable[nbformat.NotebookNode]) -> int:
    """The time that words and code take, in whole minutes."""
    cells = list(cells)
    return round(words(cells) / WORDS_A_MINUTE + lines(cells) / LINES_A_MINUTE)
