"""Files that are complete or absent: results, checkpoints, and where a result came from."""

from __future__ import annotations

import base64
import contextlib
import importlib.metadata
import json
import math
import os
import platform
import shutil
import subprocess
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

PACKAGE = Path(__file__).parents[1]
PART = ".part-"  # begins the names of the folders in which files grow
NO_RUNS = ("bench-", ".")  # benchmarks; hidden files, such as earlier versions left when they were killed
STALE = 3600  # seconds; no save takes that long
PACKAGES = ("stnlib", "keras", "tensorflow", "jax", "torch", "numpy")


def write(path: Path, content: bytes) -> None:
    """Write bytes so that the file is either as it was or complete, whenever the process dies."""
    save(path, lambda part: part.write_bytes(content))


def save(path: Path, save_to: Callable[[Path], object]) -> None:
    """Save a file by a library's own function, which takes a path, as safely as `write` does.

    Until it is complete the file lies in a hidden folder of its own beside the target, where no reader looks. What a
    killed process left there an hour ago or more is removed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_stale(path.parent)
    folder = Path(tempfile.mkdtemp(prefix=PART, dir=path.parent))
    try:
        part = folder / path.name
        save_to(part)
        with open(part, "rb+") as file:  # on the disk before the name points to it
            os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_stale(folder: Path, age: float = STALE) -> None:
    """Remove what processes that were killed while they saved left in a folder, at least `age` seconds ago."""
    for part in folder.glob(f"{PART}*"):
        with contextlib.suppress(OSError):  # another process was faster
            if time.time() - part.stat().st_mtime > age:
                shutil.rmtree(part)


def write_json(path: Path, record: dict) -> None:
    """Write a record as JSON; numbers that JSON does not have, as of a loss that diverged, become null."""
    write(path, (json.dumps(finite(record), indent=1, allow_nan=False) + "\n").encode())


def finite(value: Any) -> Any:
    """Replace NaN and infinity, however deep in lists and dictionaries, by None.

    >>> finite({"losses": [1.5, float("nan")]})
    {'losses': [1.5, None]}
    """
    if isinstance(value, dict):
        return {key: finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def read_json(path: Path | str) -> dict:
    """Read one record; a file that is not JSON raises a ValueError that names it."""
    try:
        return json.loads(Path(path).read_text())
    except ValueError as error:
        raise ValueError(f"{path}: expected JSON, got {error}") from None


def packed(marks: np.ndarray) -> str:
    """Write yes or no for each of many images as one short text: eight a byte, the first one highest, in base64.

    >>> packed(np.array([True, False, False, False, False, False, False, True, True]))
    'gYA='
    """
    return base64.b64encode(np.packbits(marks).tobytes()).decode()


def unpacked(text: str, count: int) -> np.ndarray:
    """Read what `packed` wrote for `count` images.

    >>> unpacked("gYA=", 9).nonzero()[0].tolist()
    [0, 7, 8]
    """
    return np.unpackbits(np.frombuffer(base64.b64decode(text), "uint8"), count=count).astype(bool)


def results_folder(package: Path = PACKAGE) -> Path:
    """Find the measured results: the repository's, or the copy inside an installed package.

    >>> results_folder().name
    'results'
    """
    checkout = package.parent
    return (checkout if (checkout / "pyproject.toml").exists() else package) / "results"


def read_results(folder: Path | str | None = None) -> list[dict]:
    """List all records of a folder, by file name; of the book's own results where no folder is named."""
    folder = results_folder() if folder is None else folder
    return [read_json(path) for path in sorted(Path(folder).glob("*.json")) if not path.name.startswith(NO_RUNS)]


def provenance() -> dict:
    """Tell what produced a result: versions, backend, kind of device, commit; no host, no path."""
    import keras  # here, so that reading and writing files costs no backend

    return {
        "versions": {"python": platform.python_version()} | {p: version(p) for p in PACKAGES if version(p)},
        "backend": keras.backend.backend(),
        "device": device(),
        "commit": commit(),
    }


def device() -> str:
    """The kind of device that computes: that of a new tensor.

    >>> device() in ("cpu", "gpu")
    True
    """
    import keras

    return "cpu" if "cpu" in str(keras.ops.ones(1).device).lower() else "gpu"


def version(package: str) -> str | None:
    """Return the version of an installed package, or None."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def commit(source: Path = Path(__file__)) -> str | None:
    """Return the commit of this source, or None where no repository tracks it."""
    try:
        git(source.parent, "ls-files", "--error-unmatch", source.name)
        return git(source.parent, "rev-parse", "HEAD")
    except (OSError, subprocess.CalledProcessError):
        return None


def git(folder: Path, *words: str) -> str:
    """Return what a git command prints in a folder."""
    return subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, check=True).stdout.strip()


def write_checkpoint(path: Path, state: dict, arrays: list[np.ndarray]) -> None:
    """Write a dictionary and a list of arrays into one file."""
    named = {f"array_{index}": array for index, array in enumerate(arrays)}
    save(path, lambda part: np.savez(part, state=json.dumps(state), **named))


def read_checkpoint(path: Path) -> tuple[dict, list[np.ndarray]] | None:
    """Read what `write_checkpoint` wrote, or None where there is no complete file."""
    try:
        with open(path, "rb") as raw, np.load(raw, allow_pickle=False) as file:
            arrays = [file[f"array_{index}"] for index in range(len(file.files) - 1)]
            return json.loads(str(file["state"])), arrays
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
