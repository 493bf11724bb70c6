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
VALID = {"padding": "valid", "data_format": "channels_last"}
POOL = {"pool_size": (2, 2), "strides": (2, 2)} | VALID
# The layers that the page runs, each with the options that it takes for granted.
LAYERS = {
    "Dense": {"use_bias": True},
    "Conv2D": {"strides": (1, 1), "dilation_rate": (1, 1), "groups": 1, "use_bias": True} | VALID,
    "MaxPooling2D": POOL,
    "AveragePooling2D": POOL,
    "Flatten": {"data_format": "channels_last"},
    "Dropout": {},
}
TRANSFORMER = {"transform": "affine", "mode": "bilinear", "padding_mode": "zeros", "align_corners": False}
TRANSFORMER |= {"data_format": "channels_last"}
KINDS = {"Dense": "dense", "Conv2D": "conv", "MaxPooling2D": "pool", "AveragePooling2D": "mean"}
PROBE = np.array([-1e4, -2, -0.5, 0, 0.5, 2, 1e4], "float32")


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

    :Convention: a layer that is called twice is packed twice; what the output does not depend on is left out.
    :Errors: ValueError, one line, for what the page cannot run: other shapes, layers, options or activations, a layer
        or a model with a `call` of one's own, and layers that do not follow one another.

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
    layers = _layers(model, shapes[0], arrays)
    weights = np.concatenate([array.ravel() for array in arrays]).astype("<f2")
    if not np.isfinite(weights).all():
        _checks.fail("networks", "weights that float16 does not hold", "finite ones up to 65504")
    return {"layers": layers, "weights": base64.b64encode(weights.tobytes()).decode()}


def _layers(part, shape, arrays):
    """A layer, or those of a model in order, its parts' included; appends their weights to `arrays`."""
    import keras

    if not isinstance(part, keras.Model) or not type(part).call.__module__.startswith("keras."):
        return _layer(part, shape, arrays)
    found = []
    for layer, seen in _chain(part):
        found += _layers(layer, seen, arrays)
    return found


def _chain(model):
    """The layers that a model's output went through, each with the shape of its input, first to last."""
    tensor, found = model.outputs[0], []
    while True:
        layer, call, place = tensor._keras_history
        node = layer._inbound_nodes[call]
        if not node.input_tensors:
            return found[::-1]
        if len(node.input_tensors) > 1 or place > 0:
            _checks.fail("networks", f"the layer {layer.name}, which splits or joins", "layers in a chain")
        if any(value is True for value in (*node.arguments.args[1:], *node.arguments.kwargs.values())):
            _checks.fail("networks", f"the layer {layer.name}, called with training=True", "layers as at inference")
        tensor = node.input_tensors[0]
        found.append((layer, tuple(tensor.shape)))


def _layer(layer, shape, arrays):
    """One layer for inputs of `shape`, as a list: empty where it does nothing at inference."""
    import keras

    from stnlib.layers import SpatialTransformer

    if type(layer) is SpatialTransformer:
        return [_transformer(layer, shape, arrays)]
    kind, label = type(layer).__name__, f"the layer {layer.name} ({type(layer).__name__})"
    if kind not in LAYERS or type(layer) is not getattr(keras.layers, kind):
        known = f"Keras's {', '.join(LAYERS)} or stnlib's SpatialTransformer"
        _checks.fail("networks", f"{label} of {type(layer).__module__}", known)
    _demand(layer, label, LAYERS[kind])
    if kind not in KINDS:
        return []
    if kind not in ("Dense", "Conv2D"):
        return [{"kind": KINDS[kind]}]
    if kind == "Dense" and not set(shape[1:-1]) <= {1}:
        _checks.fail("networks", f"{label} on a map of shape {shape}", "Flatten before a Dense")
    return [{"kind": KINDS[kind], "shape": _weights(layer, label, arrays), "relu": _rectifies(layer, label)}]


def _demand(layer, label, options):
    """Refuse a layer with other options than these."""
    for name, value in options.items():
        if getattr(layer, name) != value:
            _checks.fail("networks", f"{label} with {name}={getattr(layer, name)!r}", f"{name}={value!r}")


def _weights(layer, label, arrays):
    """Append a layer's kernel and bias to `arrays`; the kernel's shape."""
    weights = layer.get_weights()
    if len(weights) != 2:
        _checks.fail("networks", f"{label} with {len(weights)} arrays of weights", "a kernel and a bias")
    arrays += weights
    return list(weights[0].shape)


def _rectifies(layer, label):
    """Whether the activation of a layer is ReLU; ValueError unless it is that or none."""
    from keras import ops

    name = getattr(layer.activation, "__name__", type(layer.activation).__name__)
    effects = {"relu": np.maximum(PROBE, 0), "linear": PROBE}
    effect = ops.convert_to_numpy(layer.activation(ops.convert_to_tensor(PROBE))) if name in effects else None
    if effect is None or not np.array_equal(effect, effects[name]):
        _checks.fail("networks", f"{label} with the activation {name}", "Keras's ReLU or no activation")
    return name == "relu"


def _transformer(layer, shape, arrays):
    """A spatial transformer for maps of `shape`: the layers that give theta, its own head last."""
    label = f"a transformer, {layer.name},"
    _demand(layer, label, TRANSFORMER)
    if layer.output_size not in (None, shape[1:3]):
        _checks.fail("networks", f"{label} from {shape[1:3]} to {layer.output_size}", "one that keeps the size")
    features = None, layer.head.kernel.shape[0]
    body, head = _layers(layer.localization, shape, arrays), _layer(layer.head, features, arrays)
    return {"kind": "transformer", "layers": [*body, *head]}
