"""Keras networks in a form that the page can run: a list of layers and float16 weights."""

import base64
import functools
import json
import re

import numpy as np

from stnlib import _checks
from stnlib.widgets.core.pack import FOLDER

FILE = FOLDER / "reader" / "networks.json"
SIDE, CLASSES = 28, 10
POOLS = {"MaxPooling2D": "pool", "AveragePooling2D": "mean"}


@functools.cache
def packaged():
    """The networks of `stnlib.experiments.page`, trained on MNIST; `tools/pack_networks.py` writes the file.

    >>> list(packaged())
    ['FCN', 'CNN', 'STN+FCN', 'STN+CNN', 'STN+CNN at once']
    """
    return json.loads(FILE.read_text("utf-8"))


def measured(degrees=60):
    """What the packaged networks do with MNIST's test digits rotated by 30, 35, ... or 60 degrees either way, by name.

    :Convention: `accuracy` is that of both ways together; `corrected` the median share of the rotation that the
        transformer corrects, the smaller of the two directions', None without a transformer.

    >>> found = measured(60)
    >>> found["STN+CNN"]["accuracy"] > found["CNN"]["accuracy"], found["CNN"]["corrected"]
    (True, None)
    """
    ways = str(degrees), str(-degrees)
    records = {name: network["measured"] for name, network in packaged().items()}
    return {
        name: {
            "accuracy": float(np.mean([record["accuracy"][way] for way in ways])),
            "corrected": min(record["corrected"][way] for way in ways) if record["corrected"] else None,
        }
        for name, record in records.items()
    }


def page_file(name):
    """The name of a packaged network's file in the book, as `networks_file.js` makes it.

    >>> page_file("STN+FCN")
    'network-stn-fcn'
    """
    return "network-" + re.sub(r"\W+", "-", name.lower())


def pack(model):
    """A Keras classifier of 28x28 grey images as plain JSON: its layers, and its weights as base64 of float16.

    :Errors: ValueError, one line, for what the page cannot run: other shapes, other layers, other activations.

    >>> import keras
    >>> model = keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Flatten(), keras.layers.Dense(10)])
    >>> pack(model)["layers"]
    [{'kind': 'dense', 'shape': [784, 10], 'relu': False}]
    """
    shapes = getattr(model, "input_shape", None), getattr(model, "output_shape", None)
    if shapes != ((None, SIDE, SIDE, 1), (None, CLASSES)):
        expected = f"a Keras model from (None, {SIDE}, {SIDE}, 1) to (None, {CLASSES})"
        _checks.fail("networks", f"{type(model).__name__} from {shapes[0]} to {shapes[1]}", expected)
    arrays = []
    layers = _layers(model, arrays)
    weights = np.concatenate([array.ravel() for array in arrays]).astype("<f2")
    if not np.isfinite(weights).all():
        _checks.fail("networks", "weights that float16 does not hold", "finite ones up to 65504")
    return {"layers": layers, "weights": base64.b64encode(weights.tobytes()).decode()}


def _layers(model, arrays):
    """The layers of a model in order, those inside its parts included; appends their weights to `arrays`."""
    found = []
    for layer in model.layers:
        found += _layer(layer, arrays)
    return found


def _layer(layer, arrays):
    """One layer as a list: empty where it does nothing at inference, longer for a part that has layers of its own."""
    kind = type(layer).__name__
    if kind in ("InputLayer", "Flatten", "Dropout"):
        return []
    if hasattr(layer, "layers"):
        return _layers(layer, arrays)
    if kind == "SpatialTransformer":
        return [_transformer(layer, arrays)]
    if kind in POOLS and layer.pool_size == layer.strides == (2, 2) and layer.padding == "valid":
        return [{"kind": POOLS[kind]}]
    plain = kind == "Dense" or (kind == "Conv2D" and (layer.padding, layer.strides) == ("valid", (1, 1)))
    activation = getattr(getattr(layer, "activation", None), "__name__", None)
    if not plain or activation not in ("relu", "linear") or len(layer.get_weights()) != 2:
        known = "Dense, Conv2D (valid), Max- or AveragePooling2D(2), SpatialTransformer (affine, bilinear, zeros)"
        _checks.fail("networks", f"the layer {layer.name} ({kind})", f"{known}, with ReLU or nothing")
    kernel, bias = layer.get_weights()
    arrays += [kernel, bias]
    return [{"kind": "dense" if kind == "Dense" else "conv", "shape": list(kernel.shape), "relu": activation == "relu"}]


def _transformer(layer, arrays):
    """A spatial transformer: the layers that give theta, its own head last."""
    options = layer.transform, layer.mode, layer.padding_mode, layer.align_corners, layer.output_size
    if options not in (("affine", "bilinear", "zeros", False, size) for size in (None, (SIDE, SIDE))):
        _checks.fail("networks", f"a transformer with {options}", "affine, bilinear, zeros, False, same size")
    return {"kind": "transformer", "layers": [*_layers(layer.localization, arrays), *_layer(layer.head, arrays)]}
