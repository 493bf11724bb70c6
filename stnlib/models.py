"""The article's networks: dense, convolutional, localization, with and without a transformer; and a reader of text."""

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
    """Build the article's localization network, without the head.

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


def finder(input_shape: tuple[int, int, int], features: str = "tanh", shrink: int = 4) -> keras.Sequential:
    """Build a localization network for an object in a larger image; it works on the image shrunk `shrink` times.

    :Shapes: images `(B, *input_shape)`, both sides of at least 4 `shrink` pixels, to features `(B, 32)`.
    :Convention: `features` is the last activation. With "tanh" the network ends in Dense, LayerNormalization, tanh, so
        that no feature dies.

    >>> finder((48, 188, 3)).output_shape
    (None, 32)
    """
    normalised = [layers.LayerNormalization()] if features == "tanh" else []
    wide = input_shape[1] > 2 * input_shape[0]
    return keras.Sequential(
        [
            keras.Input(input_shape),
            layers.AveragePooling2D(shrink),
            layers.Conv2D(16, 5, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.MaxPooling2D((1, 2) if wide else 2),
            layers.Flatten(),
            layers.Dense(32),
            *normalised,
            layers.Activation(features),
        ],
        name="localization",
    )


def convolution(filters: int) -> list[keras.layers.Layer]:
    """List the layers of a 3x3 convolution with batch normalisation.

    >>> len(convolution(8))
    3
    """
    return [
        layers.Conv2D(filters, 3, padding="same", use_bias=False),
        layers.BatchNormalization(momentum=0.9),
        layers.ReLU(),
    ]


def reader(
    input_shape: tuple[int, int, int], length: int, symbols: int, filters: tuple[int, int, int] = (24, 48, 64)
) -> keras.Model:
    """Build a CNN that reads a line of characters, with one attention map for each character.

    :Shapes: images `(B, *input_shape)`, both sides of at least 8 pixels, to logits `(B, length, symbols)`.
    :Convention: an attention map is a convolution's output plus a prior on where the character lies, predicted from
        the entire image. The attended features of all characters go through the same two dense layers.

    >>> reader((24, 94, 3), length=5, symbols=33).output_shape
    (None, 5, 33)
    """
    inputs = x = keras.Input(input_shape)
    for layer in (
        *convolution(filters[0]),
        layers.MaxPooling2D(2),
        *convolution(filters[1]),
        layers.MaxPooling2D(2),
        *convolution(filters[2]),
        *convolution(filters[2]),
    ):
        x = layer(x)
    places = x.shape[1] * x.shape[2]
    wide = layers.Conv2D(32, (5, 9), padding="same", activation="relu")(x)
    here = layers.Reshape((places, length))(layers.Conv2D(length, 1)(wide))
    summary = layers.Dense(32, activation="relu")(layers.Flatten()(layers.AveragePooling2D(2)(wide)))
    expected = layers.Reshape((places, length))(layers.Dense(places * length, kernel_initializer="zeros")(summary))
    weights = layers.Softmax(axis=1)(layers.Add()([here, expected]))
    gathered = layers.Dot(axes=1)([weights, layers.Reshape((places, x.shape[3]))(x)])
    outputs = layers.Dense(symbols)(layers.Dense(96, activation="relu")(gathered))
    return keras.Model(inputs, outputs, name="classifier")


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
    :Convention: `head` is the classifier, "fcn" or "cnn" (not the head that outputs theta); the transformer is
        `model.get_layer("transformer")`; `output_size=None` keeps the input's size.
    :Errors: ValueError for an unknown head or transform.
    :Source: Jaderberg et al. 2015, figure 1; networks of xeonqq's article.

    >>> transformer = stn("cnn").get_layer("transformer")
    >>> transformer.theta(keras.ops.zeros((1, 28, 28, 1))).shape[1]
    6
    """
    _checks.choice(head, "head", tuple(HEADS))
    if not isinstance(input_shape, (tuple, list)) or len(input_shape) != 3:
        _checks.fail("input_shape", repr(input_shape), "(height, width, channels)")
    size = tuple(input_shape[:2]) if output_size is None else _checks.sizes(output_size, "output_size")
    transformer = SpatialTransformer(localization(input_shape), transform, output_size=size, name="transformer")
    classifier = HEADS[head]((*size, input_shape[-1]), classes)
    return keras.Sequential([keras.Input(input_shape), transformer, classifier], name=f"stn_{head}")
