"""Run every chapter under nbmake, on copies, and keep the outputs for the book's cache.

usage: python tools/run_notebooks.py [CHAPTER ...]

The committed notebooks stay without outputs. The copies' outputs are then checked (each figure has
a text alternative, nothing on stderr) and stored where `make book` looks, so that nothing runs
twice. Where STNLIB_DATA_DIR holds MNIST, one chapter runs with it too.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import build_book
import nbformat
import notebooks

ROOT = build_book.ROOT
MNIST_CHAPTER = "01_motivation"
SECONDS = 900


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


def run(chapters: list[Path], folder: Path, dataset: str) -> None:
    """Execute copies of some chapters, alone in a folder; stop at the end if one fails."""
    for chapter in chapters:
        shutil.copy(chapter, folder)
    command = [sys.executable, "-m", "pytest", "-c", "pyproject.toml", "--rootdir=."]
    command += ["-p", "tools.socket_kernels", "--nbmake", "--overwrite", f"--nbmake-timeout={SECONDS}"]
    command += ["--numprocesses=auto", "--maxprocesses=4", "--dist=worksteal"]
    command += [f"--timeout={2 * SECONDS}", "--durations=0", str(folder)]
    if subprocess.run(command, cwd=ROOT, env=build_book.cell_environment(dataset)).returncode:
        sys.exit("A chapter failed; see above.")


def check_outputs(folder: Path) -> None:
    """Stop when the output of any executed chapter has a problem."""
    problems = [
        f"{path.name}: {problem}"
        for path in sorted(folder.glob("*.ipynb"))
        for problem in output_problems(nbformat.read(path, as_version=4))
    ]
    if problems:
        sys.exit("\n".join(problems))


def keep_outputs(folder: Path, dataset: str) -> None:
    """Store executed chapters in the cache that the book is built from."""
    from jupyter_cache import get_cache

    cache = get_cache(build_book.execution_cache(dataset))
    for path in sorted(folder.glob("*.ipynb")):
        book = nbformat.read(path, as_version=4)
        for cell in book.cells:
            cell.metadata.pop("execution", None)  # times, which would make it another notebook
        nbformat.write(book, path)
        cache.cache_notebook_file(path, check_validity=False, overwrite=True)


def main() -> None:
    """Run the chapters named, or all."""
    dataset = os.environ.setdefault("STNLIB_DATASET", "uci")
    every = [script.with_suffix(".ipynb") for script in notebooks.sources()]
    chosen = [path for path in every if path.stem in sys.argv[1:]] or every
    with tempfile.TemporaryDirectory() as folder:
        run(chosen, Path(folder), dataset)
        check_outputs(Path(folder))
        keep_outputs(Path(folder), dataset)
    data_dir = os.environ.get("STNLIB_DATA_DIR")
    if data_dir and Path(data_dir, "mnist.npz").exists():
        with tempfile.TemporaryDirectory() as folder:
            run([path for path in every if path.stem == MNIST_CHAPTER], Path(folder), "mnist")


if __name__ == "__main__":
    main()
