"""The paper's networks, their widths chosen so that all have about the same number of parameters."""

import functools

import keras
from keras import layers

from stnlib import models
from stnlib.layers import SpatialTransformer

TARGET = 400_000
SIZES = {"R": 28, "P": 28, "P_stretch": 28, "E": 28, "RTS": 42, "clutter": 60, "addition": 42}
POOLED = ("RTS", "clutter", "addition")


def paper(model, transform, distortion):
    """Build one of the paper's networks for a distortion, near 400,000 parameters.

    Shapes: images `(B, S, S, C)` to logits; S 28 (R, P, E), 42 (RTS, addition) or 60 (clutter).
    Source: Jaderberg et al. 2015, appendix A.1 and A.2; batch normalisation after convolutions is ours.

    >>> model = paper("fcn", None, "R")
    >>> 0.9 < model.count_params() / TARGET < 1.1
    True
    """
    build = functools.partial(sized, model, transform, distortion)
    return build(matched_width(lambda width: build(width).count_params()))


def matched_width(count, target=TARGET):
    """Find the width whose parameter count, a growing function of it, comes nearest to the target.

    >>> matched_width(lambda width: width**2, target=101)
    10
    """
    high = 2
    while count(high) <= target:
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if count(middle) <= target else (low, middle)
    return min((low, high), key=lambda width: abs(count(width) - target))


def sized(model, transform, distortion, width):
    """Build a paper network of a given width: dense units for the FCN, filters of the first layer for the CNN.

    >>> sized("cnn", None, "R", 4).output_shape
    (None, 10)
    """
    channels, classes = (2, 19) if distortion == "addition" else (1, 10)
    inputs = keras.Input((SIZES[distortion], SIZES[distortion], channels))
    x = inputs
    if model.startswith("st"):
        x = transformed(x, model, transform)
        if distortion in POOLED:
            x = layers.AveragePooling2D(2)(x)
    stack = cnn_layers(width) if model.endswith("cnn") else fcn_layers(width)
    for layer in [*stack, layers.Dense(classes, name="logits")]:
        x = layer(x)
    return keras.Model(inputs, x, name=model)


def transformed(x, model, transform):
    """Put one spatial transformer on a picture, or two side by side for `st2_fcn`.

    >>> transformed(keras.Input((42, 42, 2)), "st2_fcn", "affine").shape
    (None, 42, 42, 4)
    """
    build = cnn_localization if model == "st_cnn" else fcn_localization
    names = ("transformer", "transformer_2") if model == "st2_fcn" else ("transformer",)
    views = [SpatialTransformer(build(x.shape[1:]), transform, name=name)(x) for name in names]
    return layers.Concatenate()(views) if len(views) > 1 else views[0]


def fcn_localization(input_shape):
    """Build the localization network of ST-FCN: three dense layers of 32.

    >>> fcn_localization((28, 28, 1)).output_shape
    (None, 32)
    """
    stack = [layers.Dense(32, activation="relu") for _ in range(3)]
    return keras.Sequential([keras.Input(input_shape), layers.Flatten(), *stack], name="localization")


def cnn_localization(input_shape):
    """Build the localization network of ST-CNN: half the resolution, twice 20 filters of 5x5, 20 units.

    >>> cnn_localization((28, 28, 1)).output_shape
    (None, 20)
    """
    stack = [
        layers.AveragePooling2D(2),
        layers.Conv2D(20, 5, activation="relu"),
        layers.MaxPooling2D(2),
        layers.Conv2D(20, 5, activation="relu"),
        layers.Flatten(),
        layers.Dense(20, activation="relu"),
    ]
    return keras.Sequential([keras.Input(input_shape), *stack], name="localization")


def fcn_layers(width):
    """List the layers of the FCN classifier: two hidden layers.

    >>> len(fcn_layers(8))
    3
    """
    return [layers.Flatten(), layers.Dense(width, activation="relu"), layers.Dense(width, activation="relu")]


def cnn_layers(width):
    """List the layers of the CNN classifier: 9x9, pool, 7x7, pool, dense.

    >>> len(cnn_layers(8))
    10
    """
    return [
        layers.Conv2D(width, 9, use_bias=False),
        layers.BatchNormalization(),
        layers.ReLU(),
        layers.MaxPooling2D(2),
        layers.Conv2D(2 * width, 7, padding="same", use_bias=False),
        layers.BatchNormalization(),
        layers.ReLU(),
        layers.MaxPooling2D(2),
        layers.Flatten(),
        layers.Dense(4 * width, activation="relu"),
    ]


def article(model, size=28):
    """Build one of the article's networks, or the wide CNN that has as many parameters as STN+CNN.

    >>> article("cnn_wide").count_params() / article("stn_cnn").count_params()
    1.0
    """
    shape = (size, size, 1)
    if model in ("fcn_clean", "fcn_mixed"):
        return models.fcn(shape)
    if model in ("cnn", "cnn_long"):
        return models.cnn(shape)
    if model == "cnn_wide":
        target = models.stn("cnn", input_shape=shape).count_params()
        return wide_cnn(shape, matched_width(lambda width: wide_cnn(shape, width).count_params(), target))
    return models.stn(model.removeprefix("stn_"), input_shape=shape)


def wide_cnn(shape, width):
    """Build the article's CNN with `width` and half as many filters, and as many dense units as 3 widths.

    >>> wide_cnn((28, 28, 1), 32).output_shape
    (None, 10)
    """
    stack = [
        layers.Conv2D(width, 3, activation="relu"),
        layers.MaxPooling2D(2),
        layers.Conv2D(-(-width // 2), 3, activation="relu"),
        layers.MaxPooling2D(2),
        layers.Flatten(),
        layers.Dense(3 * width, activation="relu"),
        layers.Dropout(0.2),
        layers.Dense(10),
    ]
    return keras.Sequential([keras.Input(shape), *stack], name="cnn_wide")
