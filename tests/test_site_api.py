"""The library's page: how to install, what an entry shows, and that an example runs where it is pasted."""

import builtins
import dis
import doctest
import importlib
import inspect
import re
import textwrap

import pytest
import site_api

from stnlib import datasets, health, layers, optimizers, plates, widgets
from tests.test_library_page import MODULES

pytestmark = pytest.mark.repository

WIDE = 80  # characters that a line of an example may have on a desktop, four fewer inside a class

NAMES = ("LOAD_NAME", "STORE_NAME")


def entries():
    """The public functions, classes and methods: the module that defines each, its name, the object itself."""
    for module in map(importlib.import_module, [f"stnlib.{name}" for name in MODULES] + ["stnlib.widgets"]):
        for name in getattr(module, "__all__", vars(module)):
            value = getattr(module, name)
            if name.startswith("_") or not (inspect.isfunction(value) or inspect.isclass(value)):
                continue
            if not value.__module__.startswith("stnlib."):
                continue
            home = importlib.import_module(value.__module__)
            yield home, name, value
            if inspect.isclass(value):
                yield from ((home, f"{name}.{part}", one) for part, one in vars(value).items() if inspect.getdoc(one))


ENTRIES = {f"{module.__name__}.{name}": (module, value) for module, name, value in entries() if inspect.getdoc(value)}
EXAMPLES, ARGUMENTS = (
    [name for name, (_, value) in ENTRIES.items() if mark in inspect.getdoc(value)] for mark in (">>>", ":param ")
)


def test_a_book_that_is_not_published_yet_says_how_to_install_it_all_the_same():
    sentence, command = site_api.install_lines("https://github.com/OWNER/stn-hands-on")
    assert "placeholder" in sentence and "OWNER" not in command
    assert site_api.install_lines("https://github.com/me/book") == (
        "",
        'pip install \\\n  "stnlib[tensorflow,data,plots] @ git+https://github.com/me/book"',
    )


@pytest.mark.parametrize(
    ("cls", "beginning"),
    [
        (layers.SpatialTransformer, "(localization, transform='affine', output_size=None"),
        (layers.TimeDistributed, "(layer, **kwargs)"),
        (optimizers.SlowAdam, "(slow, factor=0.1"),
        (health.TransformerHealth, "(images, truth=None, labels=None)"),
        (widgets.TrainLab, "(*, small=False, transform='affine', sampler='bilinear'"),
    ],
)
def test_a_class_is_shown_as_it_is_called(cls, beginning):
    shown, returned = site_api.class_signature(None, "class", "", cls, None, "", "")
    assert shown.startswith(beginning) and returned is None
    assert "keras" not in shown and ": " not in shown


def test_the_fields_of_a_named_tuple_have_no_entries_of_their_own():
    assert site_api.skip_fields(None, "class", "x_train", datasets.Digits.x_train, False, None)
    assert all(f":param {field}:" in one.__doc__ for one in (datasets.Digits, plates.Plates) for field in one._fields)
    assert not site_api.skip_fields(None, "class", "state", health.Health.state, False, None)


@pytest.mark.parametrize("entry", ARGUMENTS)
def test_an_argument_that_is_described_is_one(entry):
    value = ENTRIES[entry][1]
    described = set(re.findall(r"^:param (\w+):", inspect.getdoc(value), re.MULTILINE))
    plain = inspect.isfunction(value) or issubclass(value, tuple)
    assert described <= set(
        re.findall(r"\w+", str(inspect.signature(value)) if plain else site_api.signature_of(value))
    )


@pytest.mark.parametrize("entry", EXAMPLES)
def test_an_example_has_all_that_it_needs_and_fits_the_page(entry):
    module, text = ENTRIES[entry][0], inspect.getdoc(ENTRIES[entry][1])
    depth = entry.removeprefix(module.__name__).count(".") - 1
    examples = doctest.DocTestParser().get_examples(text)
    lines = [f">>> {line}" for line in site_api.needed(text.splitlines(), module)]
    names = {}
    exec("\n".join(line.removeprefix(">>> ") for line in lines), names)
    code = compile("".join(example.source for example in examples), entry, "exec")
    read, made = ({step.argval for step in dis.get_instructions(code) if step.opname == name} for name in NAMES)
    assert read <= made | set(names) | set(vars(builtins))
    shown = [line for example in examples for line in textwrap.indent(example.source, "    ").splitlines()]
    assert max(map(len, lines + shown)) <= WIDE - 4 * depth
