"""Sphinx extension: the library's docstrings, which are plain text, as the API page shows them.

A paragraph that starts with one of the house's labels, such as `Shapes:`, becomes a field of the
function's entry; lines that continue it may be indented or not.
"""

import inspect
import re

LABELS = ("Shapes", "Convention", "Errors", "Source")
LABEL = re.compile(rf"({'|'.join(LABELS)}): (.*)")


def fields(lines):
    """Return a docstring's lines with its labelled paragraphs written as reStructuredText fields.

    >>> fields(["Load digits.", "", "Shapes: x `(N, 28)`,", "    y `(N,)`.", "Source: MNIST.", "", ">>> 1"])
    ['Load digits.', '', ':Shapes: x `(N, 28)`,', '    y `(N,)`.', ':Source: MNIST.', '', '>>> 1']
    """
    result, inside = [], False
    for line in lines:
        match = LABEL.match(line)
        inside = bool(match) or (inside and bool(line.strip()))
        if match:
            result.append(f":{match[1]}: {match[2]}")
        else:
            result.append(f"    {line.strip()}" if inside else line)
    return result


def process(app, what, name, obj, options, lines):
    """Rewrite a docstring in place, as autodoc wants it."""
    lines[:] = fields(lines)


def class_signature(app, what, name, obj, options, signature, returns):
    """Show a class as it is called: by its own `__init__`, which a Keras layer hides."""
    if what != "class" or "__init__" not in vars(obj):
        return None
    call = inspect.signature(obj.__init__)
    return str(call.replace(parameters=list(call.parameters.values())[1:])), returns


def setup(app):
    """Connect to autodoc."""
    app.connect("autodoc-process-signature", class_signature)
    app.connect("autodoc-process-docstring", process)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
