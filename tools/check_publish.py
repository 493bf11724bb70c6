"""Refuse to publish a book that points elsewhere or was built with the fallback digits.

usage: python tools/check_publish.py address _config.yml URL-OF-THIS-REPOSITORY
       python tools/check_publish.py dataset _build/book.json

Needs no package, so that it can run before anything is installed.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path


def address_problem(config: str, repository: str) -> str | None:
    """Why the text of a _config.yml does not belong to a repository, or None."""
    block = re.search(r"^repository:\n((?:[ #].*\n|\n)+)", config + "\n", re.M)
    named = re.search(r"^ +url: *[\"']?([^\s\"']+)", block[1], re.M) if block else None
    if not named:
        return "_config.yml names no repository.url"
    if named[1].removesuffix("/") == repository.removesuffix("/"):
        return None
    return (
        f"_config.yml names {named[1]}, but this is {repository}: set repository.url, run `make notebooks` and commit"
    )


def dataset_problem(record: str) -> str | None:
    """Why a book with this record (the text of _build/book.json) is not for readers, or None."""
    dataset = json.loads(record)["dataset"]
    return None if dataset == "mnist" else f"the book was built with {dataset!r}, not with MNIST"


def main() -> None:
    """Run one check; print the problem and fail, or say nothing."""
    check, path, *rest = sys.argv[1:]
    checks = {"address": address_problem, "dataset": dataset_problem}
    problem = checks[check](Path(path).read_text(encoding="utf-8"), *rest)
    if problem:
        sys.exit(f"Not published: {problem}.")


if __name__ == "__main__":
    main()
