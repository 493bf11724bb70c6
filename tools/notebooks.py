"""Generate book/*.ipynb from book/*.py: stable cell ids, no outputs, and the cell for Colab first.

usage: python tools/notebooks.py [--check]

--check writes nothing, names the notebooks that differ from their sources and fails if any does.

Below the title it says how long the chapter takes to read (reading.py).

A cell tagged `claim` asserts what was measured. It stays in the source: no reader's run stops at it.
Tests run the chapters with their claims (tools/run_notebooks.py).
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import tomllib
from pathlib import Path

import jupytext
import nbformat
import reading
import yaml

ROOT = Path(__file__).resolve().parent.parent
CLAIM = "claim"
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}

COLAB_CELL = """\
# In Colab only: install stnlib, the small library that this book builds up to.
import importlib
import importlib.util
import os
import subprocess
import sys

if "google.colab" in sys.modules:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow starts quietly
if "google.colab" in sys.modules and importlib.util.find_spec("stnlib") is None:
    source = os.environ.get("STNLIB_SOURCE", "git+{url}@v{version}")
    command = [sys.executable, "-m", "pip", "install", "--quiet", source]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError("stnlib could not be installed:\\n" + done.stderr)
    importlib.invalidate_caches()
"""


def repository_url(root: Path = ROOT) -> str:
    """The one place that names the repository: `repository.url` in _config.yml."""
    config = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))
    return config["repository"]["url"].rstrip("/")


def version(root: Path = ROOT) -> str:
    """The version of stnlib that the chapters belong to; Colab installs its tag."""
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]


def sources(root: Path = ROOT) -> list[Path]:
    """The percent scripts of the quick start, of the chapters and of the appendices, in this order."""
    start, found = root / "book" / "quickstart.py", set((root / "book").glob("*.py"))
    return sorted(found, key=lambda path: (path != start, not path.name[0].isdigit(), path.name))


def chosen(parser: argparse.ArgumentParser, names: list[str]) -> list[Path]:
    """The sources that are named, or all; a name that no chapter has ends in a usage message."""
    found = [path for path in sources() if not names or path.stem in names]
    if unknown := sorted(set(names) - {path.stem for path in found}):
        parser.error(f"no chapter is called {unknown[0]}")
    return found


def cell_id(kind: str, source: str, seen: dict[str, int]) -> str:
    """An id that depends on the cell's text alone (and on how often that text came before)."""
    digest = hashlib.sha256(f"{kind}\n{source}".encode()).hexdigest()[:12]
    seen[digest] = seen.get(digest, 0) + 1
    return digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"


def is_claim(cell: nbformat.NotebookNode) -> bool:
    """Whether a cell asserts what was measured, for tests only."""
    return CLAIM in cell.metadata.get("tags", [])


def with_time(title: str, minutes: int) -> str:
    """The text of a first cell, with the reading time below its title."""
    head, _, rest = title.partition("\n")
    return f"{head}\n\n*Reading: about {minutes} minutes.*\n{rest}"


def generate(script: str, url: str, claims: bool = False) -> str:
    """The text of the notebook that belongs to a percent script; with `claims`, the one that tests run."""
    read = jupytext.reads(script, fmt="py:percent")
    first = nbformat.v4.new_code_cell(COLAB_CELL.format(url=url, version=version()).rstrip("\n"))
    first.metadata["tags"] = ["remove-cell"]
    seen: dict[str, int] = {}
    cells = []
    for cell in [first, *read.cells]:
        if is_claim(cell) and not claims:
            continue
        cell.id = cell_id(CLAIM if is_claim(cell) else cell.cell_type, cell.source, seen)
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        cells.append(cell)
    title = next((cell for cell in cells if cell.cell_type == "markdown"), None)
    if title and (minutes := reading.minutes(cells)) >= reading.SHORT:
        title.source = with_time(title.source, minutes)  # its id stays that of the text in the script
    metadata = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    book = nbformat.v4.new_notebook(cells=cells, metadata=metadata)
    nbformat.validate(book)
    return nbformat.writes(book) + "\n"


def stale(root: Path = ROOT) -> list[Path]:
    """The notebooks that are missing, differ from their source, or have lost it."""
    url = repository_url(root)
    scripts = sources(root)
    differ = [
        script.with_suffix(".ipynb")
        for script in scripts
        if not script.with_suffix(".ipynb").exists()
        or script.with_suffix(".ipynb").read_text(encoding="utf-8") != generate(script.read_text(encoding="utf-8"), url)
    ]
    known = {script.with_suffix(".ipynb") for script in scripts}
    return differ + [path for path in sorted((root / "book").glob("*.ipynb")) if path not in known]


def main() -> int:
    """Write what is stale, or only name it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing, fail if stale")
    check = parser.parse_args().check
    for path in stale():
        script = path.with_suffix(".py")
        name = path.relative_to(ROOT)
        if not script.exists():
            sys.exit(f"{name} has no source {script.name}: delete it, or write its source.")
        if check:
            sys.exit(f"{name} is not what {script.name} generates: run `make notebooks`.")
        path.write_text(generate(script.read_text(encoding="utf-8"), repository_url()), encoding="utf-8")
        print(f"wrote {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
