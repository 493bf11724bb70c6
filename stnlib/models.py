"""The article's networks: dense, convolutional, localization, and either of the first two behind a transformer."""

import keras
from keras import layers

from stnlib import _checks
from stnlib.layers import SpatialTransformer


def fcn(input_shape: tuple[int, int, int] = (28, 28, 1), classes: int = 10) -> keras.Sequential:
    """Build the article's dense network.

    :Shapes: images `(B, *input_shape)` to logits `(B, classes)`.
    :Source: xeonqq's article, after TensorFlow's beginner tutorial.

    >>> fcn().count_params()
    101770
    """
    return keras.Sequential(
        [
            keras.Input(input_shape),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dropout(0.2),
            layers.Dense(classes),
        ],
        name="fcn",
    )


def cnn(input_shape: tuple[int, int, int] = (28, 28, 1), classes: int = 10) -> keras.Sequential:
    """Build the article's convolutional network.

    :Shapes: images `(B, *input_shape)` to logits `(B, classes)`.
    :Source: xeonqq's article.

    >>> cnn().count_params()
    46054
    """
    return keras.Sequential(
        [
            keras.Input(input_shape),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(16, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(100, activation="relu"),
            layers.Dropout(0.2),
            layers.Dense(classes),
        ],
        name="cnn",
    )


def localization(input_shape: tuple[int, int, int] = (28, 28, 1)) -> keras.Sequential:
    """Build the article's localization network, the head aside.

    :Shapes: images `(B, *input_shape)` to features `(B, 64)`.
    :Convention: the head, zero kernel and identity bias, belongs to `SpatialTransformer`.
    :Source: xeonqq's article.

    >>> localization().output_shape
    (None, 64)
    """
    return keras.Sequential(
        [
            keras.Input(input_shape),
            layers.Conv2D(6, 5, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(16, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dense(64, activation="relu"),
            layers.Dropout(0.2),
        ],
        name="localization",
    )


HEADS = {"fcn": fcn, "cnn": cnn}


def stn(
    head: str = "fcn",
    transform: str = "affine",
    input_shape: tuple[int, int, int] = (28, 28, 1),
    output_size: tuple[int, int] | None = None,
    classes: int = 10,
) -> keras.Sequential:
    """Put a spatial transformer in front of a classifier.

    :Shapes: images `(B, *input_shape)` to logits `(B, classes)`.
    :Convention: `head` is the classifier, "fcn" or "cnn" (not the layer's own head, which gives theta); the layer is
        `model.get_layer("transformer")`; `output_size` None keeps the input's.
    :Errors: ValueError for an unknown head or transform.
    :Source: Jaderberg et al. 2015, figure 1; networks of xeonqq's article.

    >>> stn("cnn").get_layer("transformer").theta(keras.ops.zeros((1, 28, 28, 1))).shape[1]
    6
    """
    _checks.choice(head, "head", tuple(HEADS))
    if not isinstance(input_shape, (tuple, list)) or len(input_shape) != 3:
        _checks.fail("input_shape", repr(input_shape), "(height, width, channels)")
    size = tuple(input_shape[:2]) if output_size is None else _checks.sizes(output_size, "output_size")
    transformer = SpatialTransformer(localization(input_shape), transform, output_size=size, name="transformer")
    classifier = HEADS[head]((*size, input_shape[-1]), classes)
    return keras.Sequential([keras.Input(input_shape), transformer, classifier], name=f"stn_{head}")
