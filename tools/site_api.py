"""Sphinx extension of the library's page: how to install stnlib, and entries as a user of the library needs them.

- the directive `install-command` shows how to install stnlib from the book's repository, which _config.yml alone names;
- a class has the signature by which it is called, without type annotations, whose names may be private to Keras;
- the fields of a named tuple are described by its docstring and have no entries of their own;
- an example begins with the imports that it needs, so that it runs where it is pasted.
"""

import ast
import doctest
import inspect
import sys

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

import stnlib

EXTRAS = "tensorflow,data,plots"
OWNER = "/OWNER/"  # in the address of a repository that nobody has published yet
UNPUBLISHED = (
    "This copy of the book was built before its repository had an address (_config.yml names the placeholder OWNER). "
    "Install from the folder that holds the book's source, the one with pyproject.toml:"
)


def install_lines(url):
    """The sentence (or none) and the command that install stnlib, for the repository that _config.yml names.

    >>> install_lines("https://github.com/somebody/stn-hands-on")[0]
    ''
    >>> print(install_lines("https://github.com/somebody/stn-hands-on")[1])
    pip install \\
      "stnlib[tensorflow,data,plots] @ git+https://github.com/somebody/stn-hands-on"
    >>> print(install_lines("https://github.com/OWNER/stn-hands-on")[1])
    pip install ".[tensorflow,data,plots]"
    """
    if OWNER in url:
        return UNPUBLISHED, f'pip install ".[{EXTRAS}]"'
    return "", f'pip install \\\n  "stnlib[{EXTRAS}] @ git+{url}"'


class InstallCommand(SphinxDirective):
    """The pip command as a code block, after a sentence where it needs one."""

    def run(self):
        """Return the block, with the address that _config.yml gives the theme."""
        sentence, command = install_lines(self.config.html_theme_options["repository_url"])
        block = nodes.literal_block(command, command, language="bash")
        return [nodes.paragraph("", sentence), block] if sentence else [block]


def signature_of(cls):
    """How a class is called, as text without annotations; a widget without `__init__` takes its own traits.

    >>> import keras
    >>> class Layer(keras.layers.Layer):
    ...     def __init__(self, units: keras.Layer, rate: float = 0.1, **kwargs) -> None: ...
    >>> signature_of(Layer)
    '(units, rate=0.1, **kwargs)'
    """
    call = inspect.signature(cls.__init__)
    parameters = list(call.parameters.values())[1:]
    if hasattr(cls, "class_own_traits") and "__init__" not in vars(cls):
        own = cls.class_own_traits(sync=True)
        parameters = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=own[name].default_value)
            for name in vars(cls)
            if name in own and isinstance(own[name].default_value, str | int | float)
        ]
    bare = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in parameters]
    return str(inspect.Signature(bare))


def class_signature(app, what, name, obj, options, signature, returns):
    """Show a class as it is called: by its `__init__`, which a Keras layer hides; named tuples have none."""
    if what != "class" or obj.__init__ is object.__init__ or issubclass(obj, tuple):
        return None
    return signature_of(obj), None


def skip_fields(app, what, name, obj, skip, options):
    """Leave out a named tuple's fields, whose own docstrings say "Alias for field number 0"."""
    return True if type(obj).__name__ == "_tuplegetter" else None


def imports(module):
    """The import statement of each name that a module imports, by name.

    >>> from stnlib import sampling
    >>> imports(sampling)["np"], imports(sampling)["ops"]
    ('import numpy as np', 'from keras import ops')
    """
    found = {}
    for statement in ast.parse(inspect.getsource(module)).body:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            for alias in statement.names:
                called = f"{alias.name} as {alias.asname}" if alias.asname else alias.name
                source = f"from {statement.module} " if isinstance(statement, ast.ImportFrom) else ""
                found[alias.asname or alias.name.partition(".")[0]] = f"{source}import {called}"
    return found


def needed(lines, module):
    """The import statements that the examples of a docstring need, in order, to run outside their module.

    >>> from stnlib import sampling
    >>> needed([">>> image = ops.ones((1, 2, 2, 1))", ">>> bilinear(image, 0, np.pi)"], sampling)
    ['import numpy as np', 'from keras import ops', 'from stnlib.sampling import bilinear']
    """
    examples = doctest.DocTestParser().get_examples("\n".join(lines) + "\n")
    parts = list(ast.walk(ast.parse("".join(example.source for example in examples))))
    own, statements = set(), set()
    read = {part.id for part in parts if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load)}
    made = {part.id for part in parts if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)}
    made |= {part.arg for part in parts if isinstance(part, ast.arg)}
    made |= {part.asname or part.name for part in parts if isinstance(part, ast.alias)}
    for name in read - made:
        if name in stnlib.__all__:
            statements.add(f"from stnlib import {name}")
        elif name in imports(module):
            statements.add(imports(module)[name])
        elif name in vars(module):  # `compile` too, which Python also has
            own.add(name)
    if own:
        source = "stnlib.widgets" if module.__name__.startswith("stnlib.widgets.") else module.__name__
        statements.add(f"from {source} import {', '.join(sorted(own))}")
    return sorted(statements, key=lambda line: ("stnlib" in line, line.startswith("from"), line))


def add_imports(app, what, name, obj, options, lines):
    """Put the imports that an entry's examples need in front of the first one."""
    first = next((number for number, line in enumerate(lines) if line.startswith(">>>")), None)
    module = sys.modules.get(getattr(getattr(obj, "fget", obj), "__module__", None))
    if first is not None and module:
        lines[first:first] = [f">>> {statement}" for statement in needed(lines, module)]


def setup(app):
    """Register the directive, and connect the steps to autodoc."""
    app.add_directive("install-command", InstallCommand)
    app.connect("autodoc-process-signature", class_signature)
    app.connect("autodoc-skip-member", skip_fields)
    app.connect("autodoc-process-docstring", add_imports)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
