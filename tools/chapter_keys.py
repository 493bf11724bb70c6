"""Which files a chapter's outputs depend on, and the key that changes when one of them does.

A chapter depends on its own code, on the modules of stnlib that it imports, directly or through others,
on what lies beside those modules (a widget's scripts and styles), on the measured results if one of them
reads the folder, on the pins and on the data set. Imports are read from the source, without running it.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parent.parent
SCRIPT_IMPORT = re.compile(r"""\b(?:from|import)\s*["'](\.[^"']+)["']""")


def module_name(path: Path, root: Path) -> str:
    """The dotted name of a Python file below a folder; a package is its `__init__.py`."""
    return ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")


def defined_names(tree: ast.Module) -> set[str]:
    """The names that a module's or a cell's own statements define; what it imports does not count."""
    names = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {part.id for target in targets for part in ast.walk(target) if isinstance(part, ast.Name)}
    return names


class Library:
    """The files of stnlib below a folder, and what needs what among them."""

    def __init__(self, root: Path = ROOT):
        """Find and parse the modules; nothing is imported."""
        self.root = root
        self.paths = {module_name(path, root): path for path in sorted((root / "stnlib").rglob("*.py"))}
        self.trees = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in self.paths.items()}

    def is_package(self, name: str) -> bool:
        """Whether a module is a folder of modules."""
        return self.paths[name].name == "__init__.py"

    def below(self, name: str) -> set[str]:
        """A package with all its modules, or a module alone."""
        return {module for module in self.paths if module == name or module.startswith(name + ".")}

    def owners(self, base: str, name: str) -> set[str]:
        """The modules that `from base import name` is about: all of the package if none defines the name."""
        if f"{base}.{name}" in self.paths:
            return self.below(f"{base}.{name}")
        if name in defined_names(self.trees[base]):
            return {base}
        modules = self.below(base)
        return {module for module in modules if name in defined_names(self.trees[module])} or modules

    def imported(self, tree: ast.Module, package: str = "") -> set[str]:
        """The modules of stnlib that code imports or names in a string; of a package, those whose names it uses."""
        found, packages = set(), {}  # the name that code gives to a package -> the package
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                above = package.split(".")[: package.count(".") + 2 - node.level] if node.level else []
                base = ".".join([*above, *filter(None, [node.module])])
                for alias in node.names if base in self.paths else ():
                    full = f"{base}.{alias.name}"
                    if full in self.paths and self.is_package(full):
                        packages[alias.asname or alias.name] = full
                    else:
                        found |= self.owners(base, alias.name)
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    if alias.name in self.paths and self.is_package(alias.name) and "." not in alias.name:
                        packages[alias.asname or alias.name] = alias.name
                    elif alias.name in self.paths:
                        found |= self.below(alias.name)
            elif isinstance(node, ast.Constant) and node.value in self.paths and node.value != "stnlib":
                found |= self.below(node.value)
        used = [
            (node.value.id, node.attr)
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in packages
        ]
        for name, full in packages.items():
            attributes = [attribute for user, attribute in used if user == name]
            found |= set().union(*(self.owners(full, attribute) for attribute in attributes)) or self.below(full)
        return found

    def needed(self, tree: ast.Module) -> set[str]:
        """The modules that code needs, those that they need, and the packages that hold them."""
        found, waiting = set(), self.imported(tree)
        while waiting:
            name = waiting.pop()
            found.add(name)
            package = name if self.is_package(name) else name.rpartition(".")[0]
            waiting |= self.imported(self.trees[name], package) - found
        return found | {name[: dot.start()] for name in found for dot in re.finditer(r"\.", name)}

    def beside(self, module: str) -> set[Path]:
        """The files that are no Python in a module's folder, and in folders there without Python; scripts' imports.

        A file that bears the name of another module there is that one's.
        """
        found, folders = set(), [self.paths[module].parent]
        while folders:
            inside = [path for path in folders.pop().iterdir() if path.name != "__pycache__"]
            names = {path.stem for path in inside if path.suffix == ".py"} - {self.paths[module].stem}
            found |= {path for path in inside if path.is_file() and path.suffix != ".py" and path.stem not in names}
            folders += [path for path in inside if path.is_dir() and not any(path.rglob("*.py"))]
        scripts = {path for path in found if path.suffix == ".js"}
        while scripts:
            script = scripts.pop()
            wanted = SCRIPT_IMPORT.findall(script.read_text(encoding="utf-8"))
            new = {path for path in ((script.parent / name).resolve() for name in wanted) if path.is_file()} - found
            found |= new
            scripts |= {path for path in new if path.suffix == ".js"}
        return found

    def files(self, code: Iterable[str]) -> set[Path]:
        """All files that cells with this code depend on, the pins among them."""
        tree = ast.parse("\n".join(code))
        modules = self.needed(tree)
        found = {self.paths[name] for name in modules} | {self.root / "requirements.txt"}
        for name in modules - {"stnlib"}:
            found |= self.beside(name)
        if any(reads_results(part) for part in [tree, *(self.trees[name] for name in modules)]):
            found |= set((self.root / "results").glob("*.json"))
        return found


def reads_results(tree: ast.Module) -> bool:
    """Whether code names the folder of the measured results."""
    return any(isinstance(node, ast.Constant) and node.value == "results" for node in ast.walk(tree))


def code(notebook: nbformat.NotebookNode) -> list[str]:
    """The code of a notebook, cell by cell."""
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


@functools.cache
def content(path: Path) -> str:
    """The hash of a file; files do not change while a build runs."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def key(notebook: nbformat.NotebookNode, dataset: str, library: Library) -> str:
    """The key of a notebook's outputs: another one as soon as they may be others."""
    tags = [cell.metadata.get("tags", []) for cell in notebook.cells if cell.cell_type == "code"]
    digest = hashlib.sha256(json.dumps([sys.version_info[:2], dataset, code(notebook), tags]).encode())
    for path in sorted(library.files(code(notebook))):
        digest.update(f"{path.relative_to(library.root)} {content(path)}\n".encode())
    return digest.hexdigest()[:16]
