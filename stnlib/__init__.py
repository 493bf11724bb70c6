"""stnlib: spatial transformer networks in Keras, small, exact and tested.

Names are imported when they are first used, so that `import stnlib.widgets` needs no Keras. As soon as both stnlib and
Keras are imported, in either order, saved models that hold the library's classes load without custom objects.
"""

import importlib
import importlib.abc
import importlib.util
import sys
import types

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
    """Import the modules whose classes Keras needs to load a model, or defer that.

    They can't be imported while another module of the package, which they need, is still being imported.
    """
    if "keras" in sys.modules and not _under_way():
        for name in ("layers", "optimizers"):
            importlib.import_module(f"{__name__}.{name}")


def _under_way():
    """Whether a module of the package is being imported; when it is there, Python binds it to the package."""
    parts = [name.split(".") for name in list(sys.modules) if name.startswith(f"{__name__}.")]
    return any(part[1] not in vars(sys.modules[__name__]) for part in parts)


class _Package(types.ModuleType):
    """The package; it notices when one of its modules has been imported."""

    def __setattr__(self, name, value):
        """Set an attribute; a module that is bound here may have been the one to wait for."""
        super().__setattr__(name, value)
        if isinstance(value, types.ModuleType):
            _register()


class _AfterKeras(importlib.abc.MetaPathFinder):
    """Calls `_register` once Keras has been imported; looking up Keras's spec doesn't import it."""

    asked = False

    def find_spec(self, name, path=None, target=None):
        """Keras's own spec, with a loader that registers at its end; None for any other module."""
        if name != "keras" or self.asked:
            return None
        self.asked = True
        try:
            spec = importlib.util.find_spec(name)
        finally:
            self.asked = False
        if spec and spec.loader:
            execute = spec.loader.exec_module

            def execute_and_register(module):
                execute(module)
                sys.meta_path.remove(self)
                _register()

            spec.loader.exec_module = execute_and_register
        return spec


sys.modules[__name__].__class__ = _Package
_register()
if "keras" not in sys.modules:
    sys.meta_path.insert(0, _AfterKeras())
