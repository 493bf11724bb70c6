"""Weights from PyTorch: kernels in Keras's layout, and the network of PyTorch's tutorial in Keras."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers

from stnlib import _checks
from stnlib.layers import SpatialTransformer

RECORD = Path(__file__).with_name("migration.json")  # by tests/fixtures/make_torch_tutorial.py
SHAPES = {  # of the weights in the tutorial's state_dict
    "localization.0": (8, 1, 7, 7),
    "localization.3": (10, 8, 5, 5),
    "fc_loc.0": (32, 90),
    "fc_loc.2": (6, 32),
    "conv1": (10, 1, 5, 5),
    "conv2": (20, 10, 5, 5),
    "fc1": (50, 320),
    "fc2": (10, 50),
}
TUTORIAL = {  # layer of the rebuilt network, layer of the tutorial's, and what was flattened before it: (C, H, W)
    "look_1": ("localization.0", None),
    "look_2": ("localization.3", None),
    "look_3": ("fc_loc.0", (10, 3, 3)),
    "head": ("fc_loc.2", None),
    "conv_1": ("conv1", None),
    "conv_2": ("conv2", None),
    "dense_1": ("fc1", (20, 4, 4)),
    "dense_2": ("fc2", None),
}


def kernel_from_torch(weight: Any, flattened: Sequence[int] | None = None) -> np.ndarray:
    """Convert the weight of a PyTorch layer to the kernel of the equivalent Keras layer.

    :Shapes: `(out, in, H, W)` of `Conv2d` to `(H, W, in, out)`; `(out, in)` of `Linear` to `(in, out)`.
    :Convention: `flattened`, (C, H, W), is for the first linear layer after a flatten: PyTorch flattens channels
        first, Keras channels last, so the rows of the kernel are reordered.
    :Errors: ValueError for another rank, and for sizes whose product is not the layer's number of inputs.

    >>> kernel_from_torch(np.zeros((8, 1, 7, 7))).shape
    (7, 7, 1, 8)
    >>> kernel_from_torch([[0, 1, 2, 3]], flattened=(2, 1, 2)).ravel().tolist()
    [0, 2, 1, 3]
    """
    weight = np.asarray(weight)
    if weight.ndim not in (2, 4):
        _checks.fail("weight", f"shape {weight.shape}", "(out, in, H, W) or (out, in)")
    if weight.ndim == 4:
        return weight.transpose(2, 3, 1, 0)
    if flattened is None:
        return weight.T
    if len(flattened) != 3 or np.prod(flattened) != weight.shape[1]:
        _checks.fail("flattened", f"{tuple(flattened)}", f"(C, H, W) of {weight.shape[1]} numbers in all")
    channels_first = weight.reshape(-1, *flattened)
    return channels_first.transpose(2, 3, 1, 0).reshape(-1, len(weight))


def tutorial() -> keras.Model:
    """Build the network of PyTorch's spatial transformer tutorial, layer by layer; it outputs logits.

    :Shapes: images `(B, 28, 28, 1)` to logits `(B, 10)`.
    :Source: pytorch.org, "Spatial Transformer Networks Tutorial"; the loss takes the place of its final log-softmax.

    >>> tutorial().count_params()
    27360
    """
    look = [
        layers.Conv2D(8, 7, name="look_1"),
        layers.MaxPooling2D(2),
        layers.ReLU(),
        layers.Conv2D(10, 5, name="look_2"),
        layers.MaxPooling2D(2),
        layers.ReLU(),
        layers.Flatten(),
        layers.Dense(32, activation="relu", name="look_3"),
    ]
    read = [
        layers.Conv2D(10, 5, name="conv_1"),
        layers.MaxPooling2D(2),
        layers.ReLU(),
        layers.Conv2D(20, 5, name="conv_2"),
        layers.SpatialDropout2D(0.5),
        layers.MaxPooling2D(2),
        layers.ReLU(),
        layers.Flatten(),
        layers.Dense(50, activation="relu", name="dense_1"),
        layers.Dropout(0.5),
        layers.Dense(10, name="dense_2"),
    ]
    transformer = SpatialTransformer(keras.Sequential(look), name="transformer")
    return keras.Sequential([keras.Input((28, 28, 1)), transformer, *read])


def move_weights(model: keras.Model, state: Mapping[str, Any], names: Mapping[str, tuple] = TUTORIAL) -> None:
    """Copy the weights of a PyTorch model into a Keras model.

    :param model: the Keras model.
    :param state: the PyTorch model's `state_dict`, with values that NumPy can read.
    :param names: for each Keras layer, by its name, a pair: the PyTorch layer's name, and the shape (C, H, W) before
        a flatten, or None.
    :Errors: ValueError for a name that `state` lacks, a layer that the model lacks, and shapes that don't match; the
        model is then as it was.

    >>> model = tutorial()
    >>> state = {"fc2.weight": np.ones((10, 50)), "fc2.bias": np.ones(10)}
    >>> move_weights(model, state, {"dense_2": ("fc2", None)})
    >>> float(np.sum(model.get_layer("dense_2").get_weights()[0]))
    500.0
    """
    found = {layer.name: layer for layer in model._flatten_layers()}
    moved = []
    for name, (theirs, flattened) in names.items():
        if name not in found:
            _checks.fail("names", repr(name), f"layers of the model: {', '.join(sorted(found))}")
        layer, parts = found[name], ("weight", "bias")[: len(found[name].weights)]
        for part in parts:
            if f"{theirs}.{part}" not in state:
                _checks.fail("state", f"no {theirs}.{part}", f"the weights of {', '.join(state)}")
        kernel, *bias = (state[f"{theirs}.{part}"] for part in parts)
        values = [kernel_from_torch(kernel, flattened), *map(np.asarray, bias)]
        shapes = [tuple(weight.shape) for weight in layer.weights]
        if (got := [value.shape for value in values]) != shapes:
            _checks.fail("state", f"{theirs} of shapes {got}", f"{shapes}, as {name!r} has")
        moved.append((layer, values))
    for layer, values in moved:
        layer.set_weights(values)


def random_state(seed: int = 0) -> dict[str, np.ndarray]:
    """Random weights with the names and shapes of the tutorial's `state_dict`, float32.

    :Convention: with them theta varies over images and stays near the identity.

    >>> random_state()["fc_loc.2.bias"].round(1).tolist()
    [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]
    """
    rng, state = np.random.default_rng(seed), {}
    for name, shape in SHAPES.items():
        state[f"{name}.weight"] = rng.normal(0, np.prod(shape[1:]) ** -0.5, shape).astype("float32")
        state[f"{name}.bias"] = rng.normal(0, 0.01, shape[0]).astype("float32")
    state["fc_loc.2.bias"] += np.array([1, 0, 0, 0, 1, 0], "float32")
    return state


def recorded() -> dict:
    """Outputs recorded from PyTorch's network, with the weights of `random_state(0)`, for the first `uci` test images.

    :Shapes: "theta" `(N, 2, 3)` and "log_probabilities" `(N, 10)` as lists; "torch" is the version.

    >>> np.shape(recorded()["theta"])
    (8, 2, 3)
    """
    return json.loads(RECORD.read_text(encoding="utf-8"))
