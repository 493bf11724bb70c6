"""The library's page: its example runs from top to bottom, and no public name is missing."""

import ast
import importlib
import inspect
import re
from pathlib import Path

import numpy as np
import pytest

import stnlib
from stnlib import distortions, fitting, sampling, transforms, widgets

pytestmark = pytest.mark.repository

BOOK = Path(__file__).resolve().parent.parent / "book"
PAGE, NOTATION = ((BOOK / name).read_text(encoding="utf-8") for name in ("api.md", "notation.md"))
FIGURE = "pipeline"  # computes a figure of the intro, for the book alone
MODULES = sorted({path.stem for path in Path(stnlib.__file__).parent.glob("[!_]*.py")} - {FIGURE})


@pytest.mark.tensorflow
def test_the_examples_run_one_after_the_other(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(block, names)
    assert tuple(names["straight"].shape) == (8, 28, 28, 1)
    np.testing.assert_allclose(names["again"](names["straight"]), names["model"](names["straight"]), atol=1e-5)
    np.testing.assert_allclose(names["moved"][:, :, :36], names["images"][:, :, 12:], atol=1e-5)
    np.testing.assert_allclose(names["back"], names["theta"], atol=1e-6)
    assert (tmp_path / "reader" / "saved_model.pb").exists()


def test_the_transforms_are_all_there_with_their_number_of_parameters():
    rows = dict(re.findall(r'^\| `"(\w+)"`[^|]*\| (\d+)', PAGE, re.MULTILINE))
    assert set(rows) - {"tps"} == set(transforms.NAMES) - {"tps"}
    assert all(transforms.parameter_count(name) == int(count) for name, count in rows.items() if name != "tps")
    assert f"{transforms.parameter_count('tps')} for the default 4 × 4" in PAGE


def test_the_notation_lists_every_transform():
    listed = NOTATION.partition("| Name | Parameters, in order |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `(\w+)`", listed, re.MULTILINE) == list(transforms.NAMES)


@pytest.mark.parametrize(("option", "table"), [("mode", sampling.MODES), ("padding_mode", sampling.PADDINGS)])
def test_the_notation_lists_every_mode_and_padding(option, table):
    listed = NOTATION.partition(f"| `{option}` |")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)`", listed, re.MULTILINE)) == set(table)


@pytest.mark.parametrize(
    ("function", "table"),
    [
        (stnlib.grid_sample, sampling.MODES),
        (stnlib.grid_sample, sampling.PADDINGS),
        (stnlib.SpatialTransformer, sampling.MODES),
        (stnlib.SpatialTransformer, sampling.PADDINGS),
        (stnlib.SpatialTransformer, transforms.TRANSFORMS),
        (transforms.parameter_names, transforms.TRANSFORMS),
        (transforms.parameter_count, transforms.TRANSFORMS),
        (fitting.fit, transforms.TRANSFORMS),
    ],
)
def test_a_docstring_that_lists_a_table_lists_it_whole(function, table):
    assert [name for name in table if not re.search(rf"\b{name}\b", function.__doc__)] == []


@pytest.mark.parametrize("name", stnlib.__all__)
def test_what_stnlib_exports_has_an_entry(name):
    assert f":: stnlib.{name}\n" in PAGE


def test_the_tables_at_the_top_lead_to_what_there_is():
    top = PAGE[: PAGE.index("## Install")]
    for target in re.findall(r"\{py:(?:func|class)\}`([\w.]+)`", top):
        module, name = target.rsplit(".", 1)
        assert callable(getattr(importlib.import_module(module), name))
    modules = set(re.findall(r"\{py:mod\}`~stnlib\.(\w+)`", top))
    assert modules == set(MODULES) == set(re.findall(r"automodule:: stnlib\.(\w+)", PAGE))


def test_the_contents_of_the_page_name_every_module():
    """They show headings of the second level only."""
    headings = re.findall(r"^## stnlib(?:\.(\w+))?$", PAGE, re.MULTILINE)
    assert sorted(headings) == sorted(["", *MODULES, "pipeline", "widgets", "experiments"])


@pytest.mark.parametrize("name", MODULES)
def test_nothing_is_described_in_two_modules(name):
    module = importlib.import_module(f"stnlib.{name}")
    left_out = (
        re.search(rf"automodule:: stnlib\.{name}\n(?:   :members:\n)(?:   :exclude-members: (.*)\n)?", PAGE)[1] or ""
    )
    for public in set(getattr(module, "__all__", ())) - set(left_out.split(", ")):
        home = getattr(module, public).__module__.removeprefix("stnlib.")
        assert home == name or home not in MODULES, f"{public} belongs to {home}"


# What a reader took for bad English; the trade says "integer", "not a pair", "not 4-D", "index".
TRANSLATED = r"(?:have|has) not (?:one|two|three|four)\b|(?<!there) (?:is|are) no \w|is none\b|whole.number|as many c"


def test_docstrings_speak_the_language_of_the_trade():
    found = []
    for path in sorted((BOOK.parent / "stnlib").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            text = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node)
            found += [(path.name, line.strip()) for line in (text or "").splitlines() if re.search(TRANSLATED, line)]
    assert found == []


@pytest.mark.parametrize("name", MODULES)
def test_a_module_is_listed_whole(name):
    module = importlib.import_module(f"stnlib.{name}")
    described = re.search(rf"automodule:: stnlib\.{name}\n((?:   :.*\n)*)", PAGE)
    assert described and ":members:" in described[1]
    for public, value in vars(module).items():
        own = inspect.isfunction(value) or inspect.isclass(value)
        if own and not public.startswith("_") and value.__module__ == module.__name__:
            assert inspect.getdoc(value), f"{name}.{public} has no docstring"


def test_every_widget_is_listed():
    assert set(re.findall(r"autoclass:: stnlib\.widgets\.(\w+)", PAGE)) == set(widgets.__all__)


def test_the_converters_are_members_of_transforms():
    converters = {
        f"theta_{way}_{library}" for way in ("to", "from") for library in ("torch", "keras", "scipy", "opencv")
    }
    assert converters <= set(transforms.__all__)


def test_the_notation_lists_every_distortion_with_its_size():
    rows = dict(re.findall(r"^\| `(\w+)` \| .*\| (\d+) \|$", NOTATION, re.MULTILINE))
    sizes = {name: distortion.canvas for name, distortion in distortions.DISTORTIONS.items()}
    assert {name: int(size) for name, size in rows.items()} == sizes
