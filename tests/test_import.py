"""What an import costs, and that Keras knows the library's classes in whatever order the two are imported."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import keras
import pytest

import stnlib
from stnlib.optimizers import SlowAdam

HEAVY = ("keras", "tensorflow", "jax", "torch", "matplotlib", "scipy", "sklearn")
MODULES = ["widgets", "grid", "sampling", "layers", "transforms", "optimizers"]
ORDERS = {  # what comes first matters to this package, not to a backend: the lightest one to start tries every module
    "tensorflow": ["stnlib, keras", "keras, stnlib"],
    "jax": [f"stnlib.{module}, keras" for module in MODULES],
    "torch": ["stnlib, keras"],
}
LOADED = f"import sys; print([name for name in {HEAVY} if name in sys.modules])"


def run(program):
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.repository
def test_imports_go_one_way():
    """In the order that CONTRIBUTING gives, which names every module; the private ones serve them all."""
    root = Path(__file__).resolve().parent.parent
    text = (root / "CONTRIBUTING.md").read_text(encoding="utf-8")
    order = re.findall(r"\w+", re.search(r"Imports go one way, in this order: ([\w\s,|]+)\.", text)[1])
    package = root / "stnlib"
    paths = [path for path in package.rglob("*.py") if not path.relative_to(package).parts[0].startswith("_")]
    homes = {path: path.relative_to(package).parts[0].removesuffix(".py") for path in paths}
    assert sorted(order) == sorted(set(homes.values()))
    for path, home in homes.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module.partition(".")[0] == "stnlib":
                inner = node.module.split(".")[1:2] or [alias.name for alias in node.names]
                back = [
                    name for name in inner if not name.startswith("_") and name not in order[: order.index(home) + 1]
                ]
                assert back == [], f"{path.relative_to(root)} imports {', '.join(back)}"


@pytest.mark.repository
@pytest.mark.parametrize("module", ["stnlib", "stnlib.widgets"])
def test_an_import_loads_no_framework(module):
    assert run(f"import {module}; {LOADED}") == "[]"


@pytest.mark.repository
def test_all_widgets_are_made_and_shown_without_a_framework():
    program = "from stnlib import widgets\nfor name in widgets.__all__: getattr(widgets, name)().to_html()\n"
    assert run(program + LOADED) == "[]"


def test_public_names_and_modules_are_there():
    for name in stnlib.__all__:
        assert callable(getattr(stnlib, name)) and name in dir(stnlib)
    assert stnlib.transforms.__name__ == "stnlib.transforms"
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        stnlib.nothing  # noqa: B018


@pytest.mark.parametrize("order", ORDERS[keras.backend.backend()])
def test_saved_models_load_in_either_order(tmp_path, order):
    features = keras.Sequential([keras.Input((6, 6, 1)), keras.layers.Flatten()])
    net = keras.Sequential([keras.Input((6, 6, 1)), stnlib.SpatialTransformer(features, name="transformer")])
    net.compile(SlowAdam(net.get_layer("transformer")), "mse")
    net.save(tmp_path / "net.keras")
    program = f"import {order}\nprint(keras.models.load_model({str(tmp_path / 'net.keras')!r}).optimizer.name)"
    assert run(program).endswith("slow_adam")


@pytest.mark.repository
def test_asking_where_keras_lies_is_not_importing_it():
    known = "keras.saving.get_registered_object('stnlib>SpatialTransformer').__name__"
    program = f"import stnlib, importlib.util\nimportlib.util.find_spec('keras')\nimport keras\nprint({known})"
    assert run(program) == "SpatialTransformer"
