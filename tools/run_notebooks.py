"""Run every chapter with its claims under nbmake, on copies, and keep the outputs for the book.

usage: python tools/run_notebooks.py [--dataset NAME] [--seed N] [--noise] [CHAPTER ...]

A claim is an assertion about what was measured, which readers do not get (tools/notebooks.py). One that
fails does not stop its chapter; all that failed are reported at the end.

The data set is --dataset, or STNLIB_DATASET, or `uci`; on MNIST the chapters run as in Colab (colab_check.py).
--seed sets the SEED of every chapter, --noise changes the first weights of each network by a millionth
before it trains: two ways to find a claim that is worded too strongly.

The committed notebooks stay without outputs. The copies' outputs are checked (each figure has a text
alternative, nothing on stderr, no object shown as its type and address, no line wider than the page) and,
from an ordinary run, kept where `make book` looks (execution.py).
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
from pathlib import Path

import chapter_keys
import chapter_rules
import execution
import nbformat
import notebooks

CONTINUE = "raises-exception"  # the tag that lets a run go on behind a cell that fails
OBJECT = re.compile(r"<[^<>]*\b(object|at 0x[0-9a-f]+)\b[^<>]*>")  # what Python prints of an object without a text

NOISE = """\
import keras


def slightly_changed(fit):
    def changed(model, *arguments, **options):
        for weights in model.trainable_weights[:1]:
            weights.assign(weights * (1 + 1e-6))
        return fit(model, *arguments, **options)

    return changed


keras.Model.fit = slightly_changed(keras.Model.fit)
"""


def with_claims(script: Path, seed: int | None = None, noise: bool = False) -> nbformat.NotebookNode:
    """A chapter with its claims, ready to run: with another seed or slightly different weights if asked."""
    text = script.read_text(encoding="utf-8")
    if seed is not None:
        text = re.sub(r"^SEED = \d+", f"SEED = {seed}", text, flags=re.M)
    book = nbformat.reads(notebooks.generate(text, notebooks.repository_url(), claims=True), as_version=4)
    for cell in filter(notebooks.is_claim, book.cells):
        cell.metadata["tags"].append(CONTINUE)
    if noise:
        book.cells[0].source += "\n" + NOISE
    return book


def failed_claims(book: nbformat.NotebookNode) -> list[str]:
    """The claims of an executed notebook that did not hold."""
    return [
        f"claim failed ({error.ename}: {error.evalue}):\n{cell.source}"
        for cell in filter(notebooks.is_claim, book.cells)
        for error in cell.outputs
        if error.output_type == "error"
    ]


def output_problems(book: nbformat.NotebookNode) -> list[str]:
    """What an executed notebook shows that it should not, or without a text alternative."""
    problems = []
    for number, cell in enumerate(book.cells, 1):
        alternative = cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")
        for output in cell.get("outputs", []):
            stderr = output.text if output.get("name") == "stderr" else ""
            if warning := execution.without_start_up(stderr):
                problems.append(f"cell {number} writes to stderr: {warning[:200]}")
            if _pictures(output) and len(alternative.split()) < 3:
                problems.append(f"cell {number} shows a figure without a text alternative")
            if found := OBJECT.search(_read_as_text(output)):
                problems.append(f"cell {number} shows an object, not what is in it: {found.group()}")
        if alternative and not any(map(_pictures, cell.get("outputs", []))):
            problems.append(f"cell {number} has a text alternative and shows no figure")
        problems += [
            f"cell {number} prints {len(line)} characters in a line, at most {chapter_rules.LINE_WIDTH}: {line}"
            for line in _printed(cell).splitlines()
            if len(line) > chapter_rules.LINE_WIDTH
        ]
    return problems


def _pictures(output: nbformat.NotebookNode) -> list[str]:
    """The kinds of image that an output has."""
    return [kind for kind in output.get("data", {}) if kind.startswith("image/")]


def _printed(cell: nbformat.NotebookNode) -> str:
    """What a cell prints: its pieces stand side by side, as print left them; a result stands on lines of its own."""
    outputs = [output for output in cell.get("outputs", []) if output.get("name") != "stderr"]
    return "".join(
        _read_as_text(output) if output.output_type == "stream" else f"\n{_read_as_text(output)}\n"
        for output in outputs
    )


def _read_as_text(output: nbformat.NotebookNode) -> str:
    """What a reader gets of an output as plain text: nothing where it has another form that is not empty."""
    forms = output.get("data", {})
    richer = any(content for kind, content in forms.items() if kind != "text/plain")
    return output.get("text", "") + ("" if richer else forms.get("text/plain", ""))


def problems_in(folder: Path) -> list[str]:
    """What is wrong with the outputs of the executed chapters, failed claims first."""
    books = {path.name: nbformat.read(path, as_version=4) for path in sorted(folder.glob("*.ipynb"))}
    return [
        f"{name}: {problem}"
        for find in (failed_claims, output_problems)
        for name, book in books.items()
        for problem in find(book)
    ]


def main() -> None:
    """Run the chapters named, or all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("chapters", nargs="*", metavar="CHAPTER", help="the name of a source, without .py")
    parser.add_argument("--dataset", help="run on this one only")
    parser.add_argument("--seed", type=int, help="another seed than the chapters'")
    parser.add_argument("--noise", action="store_true", help="slightly other first weights")
    asked = parser.parse_args()
    chosen = notebooks.chosen(parser, asked.chapters)
    dataset = asked.dataset or os.environ.get("STNLIB_DATASET", "uci")
    library = chapter_keys.Library()
    with tempfile.TemporaryDirectory() as folder:
        copies = [Path(folder, f"{script.stem}.ipynb") for script in chosen]
        for script, copy in zip(chosen, copies, strict=True):
            nbformat.write(with_claims(script, asked.seed, asked.noise), copy)
        problems = [] if execution.run(copies, dataset) else ["A chapter failed; see above."]
        problems += problems_in(Path(folder))
        if asked.seed is None and not asked.noise:
            faulty = {problem.partition(":")[0] for problem in problems}
            for script, copy in zip(chosen, copies, strict=True):
                if copy.name not in faulty and execution.finished(copy):
                    execution.keep(copy, execution.kept(script.with_suffix(".ipynb"), dataset, library))
        if problems:
            sys.exit("\n".join(problems))


if __name__ == "__main__":
    main()
