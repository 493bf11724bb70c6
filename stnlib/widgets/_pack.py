"""Joins a widget's ES module with the modules that it imports, so that it runs from a single text."""

import functools
import json
import re
from pathlib import Path

FOLDER = Path(__file__).parent
IMPORT = re.compile(r'^import (?:\{ (?P<names>[\w, ]+) \}|(?P<data>\w+)) from "\./(?P<file>[\w.]+)";$', re.MULTILINE)
EXPORT = re.compile(r"^export (?=async |function |const |class )", re.MULTILINE)


@functools.cache
def module(stem):
    """The ES module `stem`.js as one text: each imported file once, before its first use.

    Import lines have one of two fixed forms: `import { a, b } from "./file.js";` for code, and
    `import NAME from "./file.html";` (or .json) for text or data. Raises ValueError for any other import.

    >>> module("sampling").startswith("//")
    True
    """
    parts = []
    _collect(f"{stem}.js", parts, set())
    return "\n".join(parts)


@functools.cache
def style(stem):
    """The shared style sheet followed by the widget's own, where it has one."""
    own = FOLDER / f"{stem}.css"
    texts = [(FOLDER / "widget.css").read_text("utf-8"), own.read_text("utf-8") if own.exists() else ""]
    return "\n".join(texts)


def template(stem):
    """The markup of a widget, the same in the page and in a kernel."""
    return (FOLDER / f"{stem}.html").read_text("utf-8")


def _collect(name, parts, seen):
    """Append the module `name` to `parts`, after the files that it imports."""
    text = (FOLDER / name).read_text("utf-8")
    for match in IMPORT.finditer(text):
        file = match["file"]
        if file in seen:
            continue
        seen.add(file)
        if match["data"]:
            parts.append(_constant(match["data"], file))
        else:
            _collect(file, parts, seen)
    body = IMPORT.sub("", text)
    if re.search(r"^\s*import\b", body, re.MULTILINE):
        raise ValueError(f"{name}: an import line is not of the form that the packer knows")
    parts.append((EXPORT.sub("", body) if name in seen else body).strip())


def _constant(name, file):
    """A JavaScript constant that holds a data file: JSON as it is, anything else as a string."""
    text = (FOLDER / file).read_text("utf-8")
    return f"const {name} = {text.strip() if file.endswith('.json') else json.dumps(text)};"
