"""What every chapter must keep to; each rule returns the list of its violations.

A chapter is a notebook as nbformat reads it, the generated first cell included. Only the rule of
`claims` is about the notebook that has the claims; all others are about the one that readers get.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import statistics
import symtable
import textwrap

import chapter_keys
import nbformat
import notebooks
import reading

MEDIAN_LINES, CELL_LINES, CLASS_LINES = 8, 30, 40
CHECKS = 5  # assertions that a reader's run may meet in one chapter
ROUNDING = 1e-3  # and the largest error that one of them may allow for
WORDS = 2_000  # of text, formulas and the solutions of exercises included
FIGURES = 15  # and tables
MINUTES = 20  # to read, as the page promises
LINE_WIDTH = 84  # what the page shows of a line of code on a desktop, unscrolled
LISTING = re.compile(r"listing:(stnlib(?:\.\w+)*)\.(\w+)")
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
DRAWS = {"figure", "subplots", "subplot_mosaic", "strip", "imshow", "plot", "panels", "errors_figure", "curves_figure"}
NAME = re.compile(r"fig-[a-z0-9]+(-[a-z0-9]+)*")
FENCE = r"^\s*(?::{3,}|`{3,})\s*\{"


def code_cells(book: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    """The cells with code that a person wrote."""
    return [cell for cell in book.cells[1:] if cell.cell_type == "code"]


def outputs(book: nbformat.NotebookNode) -> list[str]:
    """No output is committed."""
    return [
        f"cell {number} has outputs or an execution count"
        for number, cell in enumerate(book.cells, 1)
        if cell.cell_type == "code" and (cell.outputs or cell.execution_count is not None)
    ]


def lengths(book: nbformat.NotebookNode) -> list[str]:
    """Cells are short: median 8 lines (where there are several), none over 30, one with a class 40."""
    sizes = [len(cell.source.splitlines()) for cell in code_cells(book)]
    problems = []
    if len(sizes) > 1 and statistics.median(sizes) > MEDIAN_LINES:
        problems.append(f"the median cell has {statistics.median(sizes)} lines")
    for cell, size in zip(code_cells(book), sizes, strict=True):
        limit = CLASS_LINES if re.search(r"^class ", cell.source, re.M) else CELL_LINES
        if size > limit:
            problems.append(f"{size} lines, at most {limit}: {cell.source.splitlines()[0]}")
    return problems


def widths(book: nbformat.NotebookNode) -> list[str]:
    """No line of code that is shown at once (not folded or left out) runs out of the page."""
    shown = (cell for cell in code_cells(book) if not reading.HIDDEN & set(cell.metadata.get("tags", [])))
    return [
        f"{len(line)} characters, at most {LINE_WIDTH}: {line.strip()}"
        for cell in shown
        for line in cell.source.splitlines()
        if len(line) > LINE_WIDTH
    ]


def reports(book: nbformat.NotebookNode) -> list[str]:
    """A health report is printed through `textwrap.fill`: its length depends on numbers that no two machines share."""
    printed = (
        part
        for cell in code_cells(book)
        for call in ast.walk(ast.parse(cell.source))
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "print"
        for part in call.args
    )
    report = re.compile(r"(str\()?([\w.]+\.)?health\(.*\)\[\d+\](\.verdict)?\)?|(\w+\.)verdict")
    return [f"not wrapped: {text}" for text in map(ast.unparse, printed) if report.fullmatch(text)]


def assertions(source: str) -> list[ast.expr]:
    """What a cell asserts, by the statement or by a function of numpy.testing."""
    tree = ast.walk(ast.parse(source))
    return [
        node.test if isinstance(node, ast.Assert) else node
        for node in tree
        if isinstance(node, ast.Assert)
        or (isinstance(node, ast.Call) and getattr(node.func, "attr", "").startswith("assert_"))
    ]


def measures(test: ast.expr) -> bool:
    """Whether an assertion compares sizes, other than with a rounding error."""
    return any(
        isinstance(operator, ast.Lt | ast.LtE | ast.Gt | ast.GtE)
        and not any(isinstance(side, ast.Constant) and side.value <= ROUNDING for side in (left, right))
        for node in ast.walk(test)
        if isinstance(node, ast.Compare)
        for left, operator, right in zip([node.left, *node.comparators], node.ops, node.comparators, strict=False)
    )


def checks(book: nbformat.NotebookNode) -> list[str]:
    """No measured assertion stands in a reader's way, and few of any kind."""
    found = [test for cell in code_cells(book) for test in assertions(cell.source)]
    problems = [f"{len(found)} assertions, at most {CHECKS}: make some of them claims"] if len(found) > CHECKS else []
    return problems + [f"measured, so it is a claim: {ast.unparse(test)}" for test in found if measures(test)]


def bound_names(source: str) -> set[str]:
    """The names that a cell leaves behind."""
    symbols = symtable.symtable(source, "cell", "exec").get_symbols()
    return {symbol.get_name() for symbol in symbols if symbol.is_assigned() or symbol.is_imported()}


def claims(book: nbformat.NotebookNode) -> list[str]:
    """A claim asserts something, and leaves nothing behind that a reader's run would lack or find changed."""
    claimed = [cell.source for cell in code_cells(book) if notebooks.is_claim(cell)]
    shown = [ast.parse(cell.source) for cell in code_cells(book) if not notebooks.is_claim(cell)]
    used = {node.id for tree in shown for node in ast.walk(tree) if isinstance(node, ast.Name)}
    problems = [f"a claim asserts nothing: {source.splitlines()[0]}" for source in claimed if not assertions(source)]
    for source in claimed:
        if shared := sorted(used & bound_names(source)):
            problems.append(f"a claim binds what the chapter uses: {', '.join(shared)}")
    return problems


def draws(source: str) -> bool:
    """Whether a cell draws when it runs (not only in a function that it defines)."""
    body = [node for node in ast.parse(source).body if not isinstance(node, DEFINITIONS)]
    calls = (node for part in body for node in ast.walk(part) if isinstance(node, ast.Call))
    return any(isinstance(call.func, ast.Attribute) and call.func.attr in DRAWS for call in calls)


def alternatives(book: nbformat.NotebookNode) -> list[str]:
    """Every cell that draws has a text alternative."""
    return [
        f"a figure without a text alternative: {cell.source.splitlines()[0]}"
        for cell in code_cells(book)
        if draws(cell.source) and not cell.metadata.get("mystnb", {}).get("image", {}).get("alt")
    ]


def size(book: nbformat.NotebookNode) -> list[str]:
    """A chapter is short: so many words, with the solutions; so many figures, tables and minutes, without them."""
    cells = reading.without_solutions(book.cells[1:])
    words = sum(len(cell.source.split()) for cell in book.cells[1:] if cell.cell_type == "markdown")
    pictures = sum(reading.tabulates(cell) or (cell.cell_type == "code" and draws(cell.source)) for cell in cells)
    measured = {"words": (words, WORDS), "figures and tables": (pictures, FIGURES)}
    measured["minutes to read"] = reading.minutes(book.cells[1:]), MINUTES
    return [f"{count} {what}, at most {most}" for what, (count, most) in measured.items() if count > most]


def captions(book: nbformat.NotebookNode) -> list[str]:
    """Every cell that draws has a caption, and a name of its own to refer to."""
    figures = {cell.id: cell.metadata.get("mystnb", {}).get("figure", {}) for cell in code_cells(book)}
    drawn = [cell for cell in code_cells(book) if draws(cell.source)]
    problems = [
        f"a figure without {part}: {cell.source.splitlines()[0]}"
        for cell in drawn
        for part, there in (
            ("a caption", figures[cell.id].get("caption")),
            ("a name (fig-NN-topic)", NAME.fullmatch(figures[cell.id].get("name", ""))),
        )
        if not there
    ]
    names = [figure["name"] for figure in figures.values() if "name" in figure]
    return problems + [f"two figures are called {name}" for name in sorted(set(names)) if names.count(name) > 1]


def prose(book: nbformat.NotebookNode) -> str:
    """The text of a chapter."""
    return "\n".join(cell.source for cell in book.cells if cell.cell_type == "markdown")


def structure(book: nbformat.NotebookNode) -> list[str]:
    """One title, first; an empty heading would be another."""
    text = prose(book)
    titles = re.findall(r"^(?:# |#+$)", text, re.M)
    problems = [] if text.startswith("# ") else ["the first cell is not the title"]
    return problems if len(titles) == 1 else [*problems, f"{len(titles)} titles"]


def exercises(book: nbformat.NotebookNode, most: int = 4) -> list[str]:
    """Two to four exercises, or as many as an appendix may have, each with its solution."""
    text, problems = prose(book), []
    asked = re.findall(FENCE + r"exercise(?:-start)?\}", text, re.M)
    solved = re.findall(FENCE + r"solution(?:-start)?\}", text, re.M)
    if not 2 <= len(asked) <= most:
        problems.append(f"{len(asked)} exercises, not 2 to {most}")
    if len(solved) != len(asked):
        problems.append(f"{len(solved)} solutions of {len(asked)} exercises")
    return problems


def normalized(source: str) -> tuple[list[str], str]:
    """The names that a text defines, and its syntax tree without docstrings, as a string."""
    tree = ast.parse(textwrap.dedent(source))
    for node in ast.walk(tree):
        if isinstance(node, DEFINITIONS) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return [getattr(node, "name", "?") for node in tree.body], ast.dump(tree)


def listings(book: nbformat.NotebookNode) -> list[tuple[str, str, int]]:
    """The listings of a chapter: module, name and position among its code cells."""
    return [
        (*match.groups(), position)
        for position, cell in enumerate(code_cells(book))
        for tag in cell.metadata.get("tags", [])
        if (match := LISTING.fullmatch(tag))
    ]


def listing_problems(book: nbformat.NotebookNode) -> list[str]:
    """Each listing is the library's own source, and the next cell uses what it defines."""
    cells, problems = code_cells(book), []
    for module, name, position in listings(book):
        source = inspect.getsource(getattr(importlib.import_module(module), name))
        if normalized(cells[position].source) != normalized(source):
            problems.append(f"the listing of {module}.{name} is not what the library has")
        following = cells[position + 1].source if position + 1 < len(cells) else ""
        if not re.search(rf"\b{name}\b", following):
            problems.append(f"the cell after the listing of {name} does not use it")
    return problems


def redefinitions(chapters: dict[str, nbformat.NotebookNode]) -> list[str]:
    """A listed name belongs to the library from its listing on; chapters come in order."""
    listed, problems = {}, []
    for chapter, book in chapters.items():
        here = {position: name for _, name, position in listings(book)}
        for position, cell in enumerate(code_cells(book)):
            for name in sorted(chapter_keys.defined_names(ast.parse(cell.source)) & set(listed)):
                problems.append(f"{chapter} redefines {name}, which {listed[name]} lists")
            if position in here:
                listed[here[position]] = chapter
    return problems
