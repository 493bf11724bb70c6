"""Run every chapter with its claims under nbmake, on copies, and keep the outputs for the book's cache.

usage: python tools/run_notebooks.py [--dataset NAME] [--seed N] [--noise] [CHAPTER ...]

A claim is an assertion about what was measured, which readers do not get (tools/notebooks.py). One that
fails does not stop its chapter; all that failed are reported at the end.

Without --dataset the data set is STNLIB_DATASET or `uci`, and MNIST as well where STNLIB_DATA_DIR has it.
--seed sets the SEED of every chapter, --noise changes the first weights of each network by a millionth
before it trains: two ways to find a claim that is worded too strongly.

The committed notebooks stay without outputs. The copies' outputs are checked (each figure has a text
alternative, nothing on stderr) and, from an ordinary run, stored where `make book` looks.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import build_book
import nbformat
import notebooks

ROOT = build_book.ROOT
SECONDS = 900
CONTINUE = "raises-exception"  # the tag that lets a run go on behind a cell that fails

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


def without_claims(book: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """An executed notebook as readers get it, without the times of its cells, which would make it another one."""
    book.cells = [cell for cell in book.cells if not notebooks.is_claim(cell)]
    for number, cell in enumerate((cell for cell in book.cells if cell.cell_type == "code"), 1):
        cell.metadata.pop("execution", None)
        cell.execution_count = number
        for output in cell.outputs:
            if "execution_count" in output:
                output.execution_count = number
    return book


def output_problems(book: nbformat.NotebookNode) -> list[str]:
    """What an executed notebook shows that it should not, or without a text alternative."""
    problems = []
    for number, cell in enumerate(book.cells, 1):
        alternative = cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")
        for output in cell.get("outputs", []):
            stderr = output.text if output.get("name") == "stderr" else ""
            if warning := build_book.without_start_up(stderr):
                problems.append(f"cell {number} writes to stderr: {warning[:200]}")
            pictures = [kind for kind in output.get("data", {}) if kind.startswith("image/")]
            if pictures and len(alternative.split()) < 3:
                problems.append(f"cell {number} shows a figure without a text alternative")
    return problems


def run(folder: Path, dataset: str) -> bool:
    """Execute the notebooks of a folder, each in a kernel of its own; whether all reached their end."""
    command = [sys.executable, "-m", "pytest", "-c", "pyproject.toml", "--rootdir=."]
    command += ["-p", "tools.socket_kernels", "--nbmake", "--overwrite", f"--nbmake-timeout={SECONDS}"]
    command += ["--numprocesses=auto", "--maxprocesses=4", "--dist=worksteal"]
    command += [f"--timeout={2 * SECONDS}", "--durations=0", str(folder)]
    return subprocess.run(command, cwd=ROOT, env=build_book.cell_environment(dataset)).returncode == 0


def problems_in(folder: Path) -> list[str]:
    """What is wrong with the outputs of the executed chapters, failed claims first."""
    books = {path.name: nbformat.read(path, as_version=4) for path in sorted(folder.glob("*.ipynb"))}
    return [
        f"{name}: {problem}"
        for find in (failed_claims, output_problems)
        for name, book in books.items()
        for problem in find(book)
    ]


def keep_outputs(folder: Path, dataset: str) -> None:
    """Store executed chapters in the cache that the book is built from."""
    from jupyter_cache import get_cache

    cache = get_cache(build_book.execution_cache(dataset))
    for path in sorted(folder.glob("*.ipynb")):
        nbformat.write(without_claims(nbformat.read(path, as_version=4)), path)
        cache.cache_notebook_file(path, check_validity=False, overwrite=True)


def datasets(asked: str | None) -> list[str]:
    """The data sets to run on."""
    if asked:
        return [asked]
    data_dir = os.environ.get("STNLIB_DATA_DIR")
    mnist = ["mnist"] if data_dir and Path(data_dir, "mnist.npz").exists() else []
    return list(dict.fromkeys([os.environ.get("STNLIB_DATASET", "uci"), *mnist]))


def main() -> None:
    """Run the chapters named, or all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("chapters", nargs="*", metavar="CHAPTER", help="the name of a source, without .py")
    parser.add_argument("--dataset", help="run on this one only")
    parser.add_argument("--seed", type=int, help="another seed than the chapters'")
    parser.add_argument("--noise", action="store_true", help="slightly other first weights")
    asked = parser.parse_args()
    chosen = [path for path in notebooks.sources() if not asked.chapters or path.stem in asked.chapters]
    if unknown := sorted(set(asked.chapters) - {path.stem for path in chosen}):
        parser.error(f"no chapter is called {unknown[0]}")
    problems = []
    for dataset in datasets(asked.dataset):
        with tempfile.TemporaryDirectory() as folder:
            for script in chosen:
                nbformat.write(with_claims(script, asked.seed, asked.noise), Path(folder, f"{script.stem}.ipynb"))
            if not run(Path(folder), dataset):
                problems.append(f"A chapter failed on {dataset}; see above.")
            found = problems_in(Path(folder))
            problems += [f"{dataset}, {problem}" for problem in found]
            if not problems and asked.seed is None and not asked.noise:
                keep_outputs(Path(folder), dataset)
    if problems:
        sys.exit("\n".join(problems))


if __name__ == "__main__":
    main()
