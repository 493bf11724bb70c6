"""Build the book into _build/html, running only the chapters that a change makes necessary.

usage: python tools/build_book.py [--strict]

Chapters whose outputs are not yet kept (see chapter_keys.py) run side by side; the pages are then built from
all outputs. --strict turns warnings into errors and always builds.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import chapter_keys
import execution
import notebooks
import stages

ROOT = chapter_keys.ROOT
BUILD = ROOT / "_build"
RECORD = BUILD / "book.json"
INDEX = BUILD / "html" / "index.html"
CACHE = BUILD / "cache"
PAGES = ["stnlib", "results", "requirements.txt", "book", "tools", "_config.yml", "_toc.yml", "package-lock.json"]
IGNORED = {"__pycache__", "_vendor", ".ipynb_checkpoints"}


def fingerprint(paths: Iterable[str], *extra: str, root: Path = ROOT) -> str:
    """Hash the names and contents of all files below some paths, and some strings."""
    digest = hashlib.sha256(json.dumps([sys.version_info[:2], extra]).encode())
    for path in map(root.joinpath, paths):
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and not IGNORED.intersection(file.parts):
                content = hashlib.sha256(file.read_bytes()).hexdigest()
                digest.update(f"{file.relative_to(root)} {content}\n".encode())
    return digest.hexdigest()[:16]


def resolve_dataset() -> str:
    """The data set that all chapters use, decided once, so that MNIST is asked for at most once."""
    script = "from stnlib import datasets; print(datasets.load().name)"
    environment = execution.cell_environment(os.environ.get("STNLIB_DATASET", "auto"))
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True)
    print(execution.without_start_up(done.stderr), file=sys.stderr)
    if done.returncode:
        sys.exit("The digits could not be loaded; see above.")
    return done.stdout.split()[-1]


def run_chapters(dataset: str) -> None:
    """Run the chapters whose outputs are not there, then put all outputs where MyST-NB looks for them."""
    from jupyter_cache import get_cache
    from jupyter_cache.base import CacheBundleIn

    library = chapter_keys.Library()
    chapters = [script.with_suffix(".ipynb") for script in notebooks.sources()]
    kept = {chapter: execution.kept(chapter, dataset, library) for chapter in chapters}
    missing = [chapter for chapter in chapters if not kept[chapter].exists()]
    print(f"Chapters: {len(missing)} to run, {len(chapters) - len(missing)} unchanged", flush=True)
    if missing:
        with tempfile.TemporaryDirectory() as folder:
            copies = [Path(shutil.copy(chapter, folder)) for chapter in missing]
            passed = execution.run(copies, dataset)
            for chapter, copy in zip(missing, copies, strict=True):
                if execution.finished(copy):
                    execution.keep(copy, kept[chapter])
            if not passed:
                sys.exit("The book was not built: a cell failed; see above.")
    shutil.rmtree(CACHE, ignore_errors=True)
    cache = get_cache(CACHE)
    for chapter, executed in kept.items():
        book = execution.with_outputs(chapter, executed)
        cache.cache_notebook_bundle(CacheBundleIn(book, str(chapter)), check_validity=False)


def quietly(command: list, environment: dict[str, str]) -> int:
    """Run a command; what it writes is shown as it comes, TensorFlow's start-up lines aside."""
    running = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    for line in running.stdout:
        if not line.startswith(execution.START_UP):
            print(line, end="", flush=True)
    return running.wait()


def build_pages(dataset: str, strict: bool) -> int:
    """Build all pages with jupyter-book, with the folder of outputs added to the configuration."""
    import yaml

    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    config["execute"]["cache"] = str(CACHE)
    extensions = config["sphinx"].get("local_extensions", {})
    config["sphinx"]["local_extensions"] = {name: str(ROOT / extensions[name]) for name in extensions}
    merged = BUILD / "config.yml"
    merged.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    shutil.rmtree(INDEX.parent, ignore_errors=True)
    jupyter_book = Path(sys.executable).with_name("jupyter-book")
    command = [jupyter_book, "build", ".", "--all", "--quiet", "--config", merged]
    if strict:
        command += ["--warningiserror", "--keep-going"]
    return quietly(command, execution.cell_environment(dataset))


def built_key() -> str | None:
    """What the book in _build/html was built from, if it was built to the end."""
    if not RECORD.exists():
        return None
    return json.loads(RECORD.read_text(encoding="utf-8"))["key"]


def main() -> None:
    """Check the notebooks, fetch the browser assets, run, build, say where to open the book."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--strict", action="store_true", help="warnings are errors; always build")
    strict = parser.parse_args().strict
    asked = os.environ.get("STNLIB_DATASET", "auto")
    key = fingerprint(PAGES, asked, os.environ.get("STNLIB_DATA_DIR", ""))
    where = f"Open {INDEX.as_uri()} or run `make serve`."
    if not strict and INDEX.exists() and built_key() == key:
        print(f"The book is up to date. {where}")
        return
    times = stages.Stages()
    BUILD.mkdir(exist_ok=True)
    RECORD.unlink(missing_ok=True)
    with times.stage("notebooks and assets checked"):
        for script in ("notebooks.py --check", "site_assets.py"):
            if subprocess.run([sys.executable, *f"tools/{script}".split()], cwd=ROOT).returncode:
                sys.exit("The book was not built.")
        dataset = resolve_dataset()
    with times.stage("chapters"):
        run_chapters(dataset)
    with times.stage("pages"):
        if build_pages(dataset, strict):
            sys.exit("The book was not built: a page is wrong; see above.")
    RECORD.write_text(json.dumps({"key": key, "asked": asked, "dataset": dataset}) + "\n")
    print(f"{times.table()}\nBuilt with the {dataset} digits. {where}")


if __name__ == "__main__":
    main()
