"""stnlib: spatial transformer networks in Keras, small, exact and tested.

Names are imported when they are first used, so that `import stnlib.widgets` needs no Keras. As soon as both stnlib and
Keras are imported, in either order, saved models that hold the library's classes load without custom objects.
"""

import importlib
import importlib.abc
import importlib.util
import sys

__version__ = "0.1.0"
_HOMES = {
    "SpatialTransformer": "stnlib.layers",
    "affine_grid": "stnlib.grid",
    "grid_sample": "stnlib.sampling",
    "projective_grid": "stnlib.grid",
    "tps_grid": "stnlib.grid",
}
__all__ = ["SpatialTransformer", "affine_grid", "grid_sample", "projective_grid", "tps_grid"]


def __getattr__(name):
    """A public name from its module, or a module of the package."""
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    if not name.startswith("__") and importlib.util.find_spec(f"{__name__}.{name}"):
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    """The public names, before they are imported too."""
    return sorted({*globals(), *__all__})


def _register():
    """Import the modules whose classes Keras has to know when it loads a model."""
    for name in ("layers", "optimizers"):
        importlib.import_module(f"{__name__}.{name}")


class _AfterKeras(importlib.abc.MetaPathFinder):
    """Calls `_register` when Keras has been imported."""

    def find_spec(self, name, path=None, target=None):
        """Keras's own spec, with a loader that registers at its end; None for any other module."""
        if name != "keras":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec and spec.loader:
            execute = spec.loader.exec_module

            def execute_and_register(module):
                execute(module)
                _register()

            spec.loader.exec_module = execute_and_register
        return spec


if "keras" in sys.modules:
    _register()
else:
    sys.meta_path.insert(0, _AfterKeras())
