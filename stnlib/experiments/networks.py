"""The paper's networks and the article's, as functions of the distortion whose images they get."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator

import keras
from keras import layers

from stnlib import models
from stnlib.distortions import SIDE, Distortion
from stnlib.layers import SpatialTransformer

TARGET = 400_000
Layers = Callable[[int], list[keras.layers.Layer]]


def paper(distortion: Distortion, transform: str | None = None, **network) -> keras.Model:
    """Build one of the paper's networks for a distortion, near 400,000 parameters; `network` as in `sized`.

    :Shapes: images `(B, S, S, C)` to logits; S and C are the distortion's.
    :Source: Jaderberg et al. 2015, appendix A.1 and A.2; batch normalisation after convolutions is ours.

    >>> from stnlib.distortions import DISTORTIONS
    >>> model = paper(DISTORTIONS["R"], classifier=fcn_layers)
    >>> 0.9 < model.count_params() / TARGET < 1.1
    True
    """
    build = functools.partial(sized, distortion, transform, **network)
    return build(width=matched_width(lambda width: build(width=width).count_params()))


def matched_width(count: Callable[[int], int], target: int = TARGET) -> int:
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


def sized(
    distortion: Distortion,
    transform: str | None,
    width: int,
    classifier: Layers,
    localization: Callable[[tuple], keras.Model] | None = None,
    transformers: int = 1,
) -> keras.Model:
    """Build a paper network of a given width: dense units for the FCN, filters of the first layer for the CNN.

    :Convention: with a localization, one or several transformers stand side by side in front of the classifier; on
        images larger than a digit their output is half the input's size.

    >>> from stnlib.distortions import DISTORTIONS
    >>> sized(DISTORTIONS["R"], None, 4, cnn_layers).output_shape
    (None, 10)
    """
    size = distortion.output_size()
    inputs = x = keras.Input((*size, distortion.channels))
    if localization:
        x = transformed(x, transform, localization, transformers)
        if max(size) > SIDE:
            x = layers.AveragePooling2D(2)(x)
    for layer in [*classifier(width), layers.Dense(distortion.classes, name="logits")]:
        x = layer(x)
    return keras.Model(inputs, x)


def transformed(
    x: keras.KerasTensor, transform: str, localization: Callable[[tuple], keras.Model], transformers: int = 1
) -> keras.KerasTensor:
    """Put a spatial transformer on an image, or several side by side.

    >>> transformed(keras.Input((42, 42, 2)), "affine", fcn_localization, 2).shape
    (None, 42, 42, 4)
    """
    names = ["transformer", *(f"transformer_{i + 2}" for i in range(transformers - 1))]
    views = [SpatialTransformer(localization(x.shape[1:]), transform, name=name)(x) for name in names]
    return layers.Concatenate()(views) if len(views) > 1 else views[0]


def fcn_localization(input_shape: tuple) -> keras.Model:
    """Build the localization network of ST-FCN: three dense layers of 32.

    >>> fcn_localization((28, 28, 1)).output_shape
    (None, 32)
    """
    stack = [layers.Dense(32, activation="relu") for _ in range(3)]
    return keras.Sequential([keras.Input(input_shape), layers.Flatten(), *stack], name="localization")


def cnn_localization(input_shape: tuple) -> keras.Model:
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


def fcn_layers(width: int) -> list[keras.layers.Layer]:
    """List the layers of the FCN classifier: two hidden layers.

    >>> len(fcn_layers(8))
    3
    """
    return [layers.Flatten(), layers.Dense(width, activation="relu"), layers.Dense(width, activation="relu")]


def cnn_layers(width: int) -> list[keras.layers.Layer]:
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


def multiply_adds(model: keras.Model) -> int:
    """Count the multiplications that a network needs for one image, in its convolutions and dense layers.

    :Convention: grids and samplers, a few operations a pixel, do not count. A multiply-add is two FLOPs.

    >>> from stnlib import models
    >>> multiply_adds(models.fcn()) == 784 * 128 + 128 * 10
    True
    """
    return sum(count for count, _ in products(model))


def training_multiply_adds(model: keras.Model) -> int:
    """Count those of a training step for one image of its batch: forward, then a gradient for kernels and inputs.

    :Convention: as `multiply_adds`. What reads the image itself needs no gradient for it: a network's first layer, and
        that of each localization network.

    >>> from stnlib import models
    >>> training_multiply_adds(models.fcn()) == 2 * 784 * 128 + 3 * 128 * 10
    True
    """
    return sum(count * (3 if behind else 2) for count, behind in products(model))


def products(model: keras.Model, behind: bool = False) -> Iterator[tuple[int, bool]]:
    """List each layer's multiply-adds for one image, and whether it lies behind others that learn.

    :Convention: `behind` tells whether the whole network does. Transformers read the network's own input, one beside
        the other, as all networks of the tables have them.

    >>> from stnlib import models
    >>> list(products(models.fcn()))
    [(100352, False), (1280, True)]
    """
    learned = behind
    for layer in model.layers:
        if isinstance(layer, SpatialTransformer):
            yield from products(layer.localization, behind)
            yield math.prod(layer.head.kernel.shape), True
        elif hasattr(layer, "layers"):
            yield from products(layer, learned)
        elif hasattr(layer, "kernel"):
            yield math.prod(layer.output.shape[1:-1]) * math.prod(layer.kernel.shape), learned
        else:
            continue
        learned = True


def article(build: Callable[..., keras.Model], distortion: Distortion, transform: None = None) -> keras.Model:
    """Build one of the article's plain networks, `models.fcn` or `models.cnn`, for a distortion.

    >>> from stnlib.distortions import DISTORTIONS
    >>> article(models.cnn, DISTORTIONS["article_clutter"]).input_shape
    (None, 40, 40, 1)
    """
    return build((*distortion.output_size(), distortion.channels))


def article_stn(classifier: str, distortion: Distortion, transform: str) -> keras.Model:
    """Build one of the article's networks with a transformer, before the classifier "fcn" or "cnn".

    >>> from stnlib.distortions import DISTORTIONS
    >>> article_stn("cnn", DISTORTIONS["article"], "affine").count_params()
    107064
    """
    return article(functools.partial(models.stn, classifier, transform), distortion)


def article_wide(distortion: Distortion, transform: None = None) -> keras.Model:
    """Build the article's CNN, widened to the number of parameters of STN+CNN.

    >>> from stnlib.distortions import DISTORTIONS
    >>> article_wide(DISTORTIONS["article"]).count_params() / 107064
    1.0
    """
    shape = (*distortion.output_size(), distortion.channels)
    target = article_stn("cnn", distortion, "affine").count_params()
    return wide_cnn(shape, matched_width(lambda width: wide_cnn(shape, width).count_params(), target))


def wide_cnn(shape: tuple, width: int) -> keras.Model:
    """Build the article's CNN with `width` and `width / 2` filters, and `3 * width` dense units.

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
