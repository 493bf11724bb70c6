"""Lets the library's functions be used while a Keras functional model is drawn, batch size unknown."""

import importlib

import keras

from stnlib import _checks

MODULES = ("stnlib.grid", "stnlib.sampling")  # they import this one, so a saved model's function is found by its name


@keras.saving.register_keras_serializable(package="stnlib")
class CoreOperation(keras.Operation):
    """A library function as a node of a Keras model: its dotted name and its options are what gets saved."""

    def __init__(self, function, options, name=None):
        super().__init__(name=name)
        module, _, attribute = function.rpartition(".")
        _checks.choice(module, "function", MODULES)
        self.function = function
        self.options = dict(options)
        self._call = getattr(importlib.import_module(module), attribute)

    def call(self, *tensors):
        return self._call(*tensors, **self.options)

    def get_config(self):
        return {"function": self.function, "options": self.options, "name": self.name}


def draw(function, *tensors, **options):
    """Call `function` on tensors now, or add it to the model being drawn when one of them is symbolic."""
    if not _checks.is_symbolic(*tensors):
        return function(*tensors, **options)
    return CoreOperation(f"{function.__module__}.{function.__name__}", options)(*tensors)
