"""Joins a widget's ES module with the modules that it imports, so that it runs from a single text.

Neither a Blob module in the page nor anywidget's `_esm` can import relatively, and the book has no bundler. Each
imported module becomes a function scope of its own that returns its exports; the widget's own module comes last.
"""

import functools
import json
import re
from pathlib import Path, PurePosixPath

from stnlib import _checks

FOLDER = Path(__file__).resolve().parent.parent
CODE = r"\{\s*(?P<names>[\w$]+(?: as [\w$]+)?(?:,\s*[\w$]+(?: as [\w$]+)?)*),?\s*\}"
IMPORT = re.compile(rf'^import (?:{CODE}|(?P<data>[\w$]+)) from "(?P<file>\.{{1,2}}/[\w./-]+)";$', re.MULTILINE)
EXPORT = re.compile(r"^export (?=(?:async function|function\*?|class|const) (?P<name>[\w$]+))", re.MULTILINE)
DEFAULT = re.compile(r"^export default ", re.MULTILINE)
SHEET = re.compile(r'^@import "(\.\./[\w./-]+\.css)";\n', re.MULTILINE)
MODULE_WORD = re.compile(r"(?:^|[;}])\s*(?:import|export)\b[^\n]*", re.MULTILINE)


@functools.cache
def module(path):
    """The ES module at `path`, relative to the widgets' folder, as one text that imports nothing.

    :Convention: imports have one of three fixed forms, with a relative path.
        `import { a, b as c } from "../shared/file.js";` takes what that module exports by name;
        `import TEXT from "./file.html";` (or .json) takes a file's text (or data);
        `import TEXT from "./file.worker.js";` takes that module, packed, as the text of a worker.
        Exports are `export function`, `export class` and `export const`, and `export default` in `path` itself.
    :Errors: ValueError, one line, for any other import or export, an unknown name, a missing file, or a cycle.

    >>> module("shared/sampling.js").startswith("//")
    True
    """
    return _Bundle().entry(path)


@functools.cache
def style(widget):
    """The style sheet of all widgets followed by the widget's own, where it has one, and what that imports.

    :Convention: an import has the form `@import "../shared/file.css";`, on a line of its own.

    >>> "@import" in style("spline")
    False
    """
    path = f"{widget}/{widget}.css"
    own = _read(path) if (FOLDER / path).exists() else ""
    return "\n".join([_read("core/widget.css"), SHEET.sub(lambda match: _read(_resolve(path, match[1])), own)])


@functools.cache
def template(widget):
    """The markup of a widget, the same in the page and in a kernel."""
    return (FOLDER / widget / f"{widget}.html").read_text("utf-8")


class _Bundle:
    """The files of one widget, each emitted once under a name of its own, before its first use."""

    def __init__(self):
        self.parts, self.names, self.exports, self.open = [], {}, {}, []

    def entry(self, path):
        """The complete text: all files that `path` needs, then `path` itself at the top level."""
        body = self.body(path)
        return "\n".join([*self.parts, body.strip()]) + "\n"

    def body(self, path):
        """A module's text with its imports replaced by constants; what it imports is emitted first."""
        if path in self.open:
            chain = " imports ".join([*self.open[self.open.index(path) :], path])
            _checks.fail(path, f"a cycle: {chain}", "modules that do not import each other")
        self.open.append(path)
        text = IMPORT.sub(lambda match: self.imported(path, match), _read(path))
        self.open.pop()
        rest = EXPORT.sub("", text)
        if not self.open:
            rest = DEFAULT.sub("", rest, count=1)
        odd = MODULE_WORD.search(rest)
        if odd:
            line = odd[0].strip("};\n ")
            _checks.fail(path, line, "`import { a } from`, `import TEXT from`, `export function|class|const`")
        return text

    def imported(self, path, match):
        """The constants that stand in place of an import line."""
        target = _resolve(path, match["file"])
        if match["data"]:
            return f"const {match['data']} = {self.data(target)};"
        name = self.code(target)
        pairs = [re.split(r" as ", pair.strip()) for pair in match["names"].split(",")]
        for wanted, *_ in pairs:
            if wanted not in self.exports[target]:
                _checks.fail(path, f"an import of {wanted}", f"a name that {target} exports")
        return f"const {{ {', '.join(': '.join(pair) for pair in pairs)} }} = {name};"

    def code(self, target):
        """Emit a module as a scope that returns its exports; the name under which it is known."""
        if target not in self.names:
            body = self.body(target)
            self.exports[target] = [match["name"] for match in EXPORT.finditer(body)]
            returned = ", ".join(self.exports[target])
            self.emit(target, f"(() => {{\n{EXPORT.sub('', body).strip()}\nreturn {{ {returned} }};\n}})()")
        return self.names[target]

    def data(self, target):
        """Emit a file's text or data, or a packed worker; the name under which it is known."""
        if target not in self.names:
            if target.endswith(".worker.js"):
                value = json.dumps(_worker(target))
            elif target.endswith(".js"):
                _checks.fail(target, "an import of the whole module", "`import { names } from`")
            else:
                text = _read(target)
                value = text.strip() if target.endswith(".json") else json.dumps(text)
            self.emit(target, value)
        return self.names[target]

    def emit(self, target, value):
        """Append a constant of the top level that no module's own names can hide."""
        stem = re.sub(r"\W", "_", PurePosixPath(target).stem)
        self.names[target] = f"${stem}_{len(self.names)}"
        self.parts.append(f"// {target}\nconst {self.names[target]} = {value};")


def _worker(target):
    """The packed text of a worker's module, which runs as a classic script."""
    text = module(target)
    if EXPORT.search(text) or DEFAULT.search(text):
        _checks.fail(target, "an export", "a worker, which has none")
    return text


def _resolve(path, reference):
    """The file that a relative reference in `path` means, relative to the widgets' folder."""
    file = (FOLDER / path).parent.joinpath(reference).resolve()
    if not file.is_relative_to(FOLDER.resolve()) or not file.is_file():
        _checks.fail(path, f"an import of {reference}", f"a file in {FOLDER.name}")
    return file.relative_to(FOLDER.resolve()).as_posix()


def _read(path):
    return (FOLDER / path).read_text("utf-8")
