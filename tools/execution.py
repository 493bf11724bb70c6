"""Run notebooks side by side, and keep the outputs of each chapter until something that it depends on changes.

The committed notebooks stay without outputs. Those of executed copies lie in _build/outputs, one file for each
state of a chapter (chapter_keys.py), so that neither `make book` nor `make test` runs anything twice.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import chapter_keys
import nbformat
import node

ROOT = chapter_keys.ROOT
OUTPUTS = ROOT / "_build" / "outputs"
KEPT = 4  # states of a chapter whose outputs stay
SECONDS = 900
# TensorFlow writes these from C++ when it starts, converts to LiteRT and runs that, whatever its log level.
START_UP = (
    "WARNING: All log messages before absl::InitializeLog()",
    "I0000 ",
    "INFO: Created TensorFlow Lite",
    "fully_quantize: ",
)


def cell_environment(dataset: str) -> dict[str, str]:
    """The environment in which cells run: one data set, a quiet TensorFlow, this Python's tools."""
    tools = [str(Path(tool).parent) for tool in (sys.executable, node.path())]
    path = os.pathsep.join([*tools, os.environ.get("PATH", "")])
    return os.environ | {"STNLIB_DATASET": dataset, "TF_CPP_MIN_LOG_LEVEL": "3", "PATH": path}


def without_start_up(text: str) -> str:
    """What was written to stderr, TensorFlow's start-up lines aside."""
    return "\n".join(line for line in text.splitlines() if not line.startswith(START_UP)).strip()


def run(copies: Iterable[Path], dataset: str) -> bool:
    """Execute notebooks in place, each in a kernel of its own; whether all reached their end."""
    command = [sys.executable, "-m", "pytest", "-c", "pyproject.toml", "--rootdir=.", "--quiet", "--no-header"]
    command += ["-p", "tools.fork_kernels", "--nbmake", "--overwrite", f"--nbmake-timeout={SECONDS}"]
    command += ["--numprocesses=auto", "--maxprocesses=4", "--dist=load", "--maxschedchunk=1"]
    command += [f"--timeout={2 * SECONDS}", "--durations=0", "--durations-min=1"]
    command += sorted(map(str, copies), reverse=True)  # the later a chapter, the longer it takes
    return subprocess.run(command, cwd=ROOT, env=cell_environment(dataset)).returncode == 0


def read(path: Path) -> nbformat.NotebookNode:
    """A notebook."""
    return nbformat.read(path, as_version=4)


def kept(chapter: Path, dataset: str, library: chapter_keys.Library) -> Path:
    """Where the outputs of a chapter, in its present state, are or will be kept."""
    return OUTPUTS / f"{chapter.stem}-{chapter_keys.key(read(chapter), dataset, library)}.ipynb"


def finished(copy: Path) -> bool:
    """Whether a notebook was run to its end, without an error."""
    cells = [cell for cell in read(copy).cells if cell.cell_type == "code" and cell.source]
    return all(cell.execution_count and all(one.output_type != "error" for one in cell.outputs) for cell in cells)


def keep(copy: Path, target: Path) -> None:
    """Keep an executed copy; of the chapter's older ones, the latest stay."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(copy.read_bytes())
    older = sorted(target.parent.glob(f"{copy.stem}-*.ipynb"), key=lambda path: path.stat().st_mtime)
    for path in older[:-KEPT]:
        path.unlink()


def with_outputs(chapter: Path, executed: Path) -> nbformat.NotebookNode:
    """A chapter as it is now, with the outputs of its kept copy; cells know each other by their ids."""
    book, outputs = read(chapter), {cell.id: cell.outputs for cell in read(executed).cells if "outputs" in cell}
    for cell in book.cells:
        if cell.cell_type == "code":
            cell.outputs = outputs[cell.id]
    return book
