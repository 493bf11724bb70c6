"""Write keras_steps.json: what Keras and stnlib's SpatialTransformer make of one step of the laboratory's networks.

    python -m tests.js.train_lab.make_fixture

Weights and images come from one formula, `pattern`, that the script's tests have too; all is float64.
"""

import json
from pathlib import Path

import keras
import numpy as np

from stnlib.layers import SpatialTransformer
from stnlib.optimizers import SlowAdam
from stnlib.transforms import identity

FILE = Path(__file__).with_name("keras_steps.json")
COUNT, RATE, HEAD_RATE, SHOWN = 8, 8e-3, 0.1, 40
CASES = {
    "affine": ("affine", "bilinear"),
    "similarity": ("similarity", "bilinear"),
    "rigid": ("rigid", "bilinear"),
    "nearest": ("affine", "nearest"),
    "linear": None,
    "dense": None,
    "convolution": None,
}


def pattern(length, offset, amplitude=1.0):
    """Numbers in +-amplitude / 2 without order, the same in Python and in JavaScript."""
    return amplitude * ((np.arange(length) * 7919 + offset * 104729) % 1009 / 1009 - 0.5)


def network(name):
    """A network of the laboratory in Keras."""
    layers = keras.layers
    small = [layers.AveragePooling2D(2), layers.Flatten()]
    if name == "linear":
        body = [*small, layers.Dense(10)]
    elif name == "dense":
        body = [*small, layers.Dense(72, activation="relu"), layers.Dense(10)]
    elif name == "convolution":
        convolution = layers.Conv2D(16, 5, activation="relu")
        dense = [layers.Dense(32, activation="relu"), layers.Dense(10)]
        body = [small[0], convolution, layers.MaxPooling2D(2), layers.Flatten(), *dense]
    else:
        transform, mode = CASES[name]
        localization = keras.Sequential([*small, layers.Dense(64, activation="relu")])
        transformer = SpatialTransformer(localization, transform, output_size=(14, 14), mode=mode)
        transformer.head.dtype_policy = keras.DTypePolicy("float64")
        body = [transformer, layers.Flatten(), layers.Dense(10)]
    return keras.Sequential([keras.Input((28, 28, 1)), *body])


def set_weights(model, transform):
    """Give every weight its pattern; the head's bias that of the identity as well."""
    values = [pattern(weight.size, i + 1, 0.2).reshape(weight.shape) for i, weight in enumerate(model.get_weights())]
    if transform:
        values[3] = values[3] + identity(transform)
    model.set_weights(values)


def case(name):
    """Theta and logits before the step, the loss before and after, and some of the weights after."""
    model = network(name)
    transform = CASES[name] and CASES[name][0]
    set_weights(model, transform)
    images = pattern(COUNT * 784, 99).reshape(COUNT, 28, 28, 1) + 0.5
    labels = np.arange(COUNT) * 3 % 10
    slow = model.layers[0].head if transform else None
    optimizer = SlowAdam(slow, HEAD_RATE, learning_rate=RATE) if slow else keras.optimizers.Adam(RATE)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss, run_eagerly=True)
    before = {"logits": model(images), "theta": model.layers[0].theta(images) if transform else []}
    losses = [float(loss(labels, model(images)))]
    model.train_on_batch(images, labels)
    losses.append(float(loss(labels, model(images))))
    weights = [weight.ravel()[:: max(1, weight.size // SHOWN)].tolist() for weight in model.get_weights()]
    return {key: np.asarray(value).ravel().tolist() for key, value in before.items()} | {
        "losses": losses,
        "weights": weights,
    }


def make():
    """All cases by name."""
    keras.config.set_floatx("float64")
    try:
        return {name: case(name) for name in CASES}
    finally:
        keras.config.set_floatx("float32")


if __name__ == "__main__":
    FILE.write_text(json.dumps(make(), separators=(",", ":")) + "\n", "utf-8")
