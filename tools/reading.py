"""What a reader of a notebook reads: words, visible lines of code, figures, tables and widgets, and how long all take.

Words are those of the text, of captions and of text that code composes. Solutions of exercises are folded and not
counted, nor is code that the page hides. Readers with a clock read about a seventh twice.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable

import nbformat

WORDS_A_MINUTE, LINES_A_MINUTE, SECONDS_A_FIGURE = 200, 15, 20
TWICE = 0.15  # the share that is read again
SHORT = 5  # minutes: a page that takes less does not say so
HIDDEN = {"claim", "hide-input", "remove-input", "hide-cell", "remove-cell"}
SOLUTION = re.compile(r"^(:{3,})\{solution\}.*?^\1\s*$", re.M | re.S)
GATES = re.compile(r"^:{3,}\{solution-(start|end)\}")
TABLE = re.compile(r"^\s*\|[\s:|-]*-[\s:|-]*\|\s*$", re.M)
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


def caption(cell: nbformat.NotebookNode) -> str:
    """The caption of the figure that a cell draws."""
    return cell.metadata.get("mystnb", {}).get("figure", {}).get("caption", "")


def composed(source: str) -> str:
    """The text that code composes: the strings in its calls of Markdown."""
    calls = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
    shown = (call for call in calls if getattr(call.func, "id", "") == "Markdown")
    parts = (node.value for call in shown for node in ast.walk(call) if isinstance(node, ast.Constant))
    return "\n".join(part for part in parts if isinstance(part, str))


def words(cells: Iterable[nbformat.NotebookNode]) -> int:
    """The words of the text, of captions and of composed text: no displayed equations, no markup of directives."""
    prose = "\n".join(
        cell.source if cell.cell_type == "markdown" else f"{caption(cell)}\n{composed(cell.source)}"
        for cell in without_solutions(cells)
        if "claim" not in cell.metadata.get("tags", [])
    )
    return sum(any(map(str.isalnum, word)) for word in NOT_PROSE.sub(" ", prose).split())


def lines(cells: Iterable[nbformat.NotebookNode]) -> int:
    """The lines of code that the page shows at once."""
    shown = (
        cell
        for cell in without_solutions(cells)
        if cell.cell_type == "code" and not HIDDEN & set(cell.metadata.get("tags", []))
    )
    return sum(bool(line.strip()) for cell in shown for line in cell.source.splitlines())


def tabulates(cell: nbformat.NotebookNode) -> bool:
    """Whether a cell is, or makes, a table."""
    return bool(TABLE.search(cell.source) or (cell.cell_type == "code" and re.search(r"_table\(", cell.source)))


def figures(cells: Iterable[nbformat.NotebookNode]) -> int:
    """How many figures, tables and widgets the page shows."""
    return sum(
        bool(caption(cell) or tabulates(cell) or (cell.cell_type == "code" and "stnlib.widgets" in cell.source))
        for cell in without_solutions(cells)
        if "claim" not in cell.metadata.get("tags", [])
    )


def minutes(cells: Iterable[nbformat.NotebookNode]) -> int:
    """The time that words, code and figures take, in whole minutes."""
    cells = list(cells)
    looking = figures(cells) * SECONDS_A_FIGURE / 60
    return round((1 + TWICE) * (words(cells) / WORDS_A_MINUTE + lines(cells) / LINES_A_MINUTE + looking))
