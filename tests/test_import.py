"""What an import costs, and that Keras knows the library's classes in whatever order the two are imported."""

import subprocess
import sys

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
