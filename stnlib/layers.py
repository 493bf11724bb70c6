"""The spatial transformer as a Keras layer."""

import keras
from keras import ops
from keras.saving import deserialize_keras_object, serialize_keras_object

from stnlib import _checks, transforms
from stnlib.grid import transform_points
from stnlib.sampling import MODES, PADDINGS, sample

OPTIONS = (
    "transform",
    "output_size",
    "control_points",
    "mode",
    "padding_mode",
    "align_corners",
    "return_theta",
    "data_format",
    "aspect",
)


class ImageLayer(keras.layers.Layer):
    """What Keras needs of a layer that resamples images: checked options, shapes, saving; see `SpatialTransformer`."""

    def __init__(
        self,
        localization,
        transform,
        output_size,
        control_points,
        mode,
        padding_mode,
        align_corners,
        return_theta,
        data_format,
        aspect,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if not isinstance(localization, keras.layers.Layer):
            _checks.fail("localization", type(localization).__name__, "a Keras layer or model")
        self.localization = localization
        self.transform = _checks.choice(transform, "transform", transforms.TRANSFORMS)
        self.output_size = None if output_size is None else _checks.sizes(output_size, "output_size")
        self.control_points = _checks.sizes(control_points, "control_points", least=2)
        self.mode = _checks.choice(mode, "mode", MODES)
        self.padding_mode = _checks.choice(padding_mode, "padding_mode", PADDINGS)
        self.align_corners = _checks.flag(align_corners, "align_corners")
        self.return_theta = _checks.flag(return_theta, "return_theta")
        data_format = keras.config.image_data_format() if data_format is None else data_format
        self.data_format = _checks.choice(data_format, "data_format", ("channels_last", "channels_first"))
        self.aspect = _checks.positive(aspect, "aspect")

    def build(self, input_shape):
        """Build the localization network and the head for images of `input_shape`."""
        self.compute_output_shape(input_shape)
        if not self.head.built:
            self.head.build(features_shape(self.localization, input_shape))

    def checked(self, images):
        """4-D floating-point images as a tensor; ValueError for others."""
        return _checks.floating(images, "images", rank=4)

    def size_for(self, shape):
        """(H_out, W_out) for images of `shape`."""
        return self.output_size or tuple(shape[2:] if self.data_format == "channels_first" else shape[1:3])

    def compute_output_shape(self, input_shape):
        """The output's shape for images of `input_shape`; with `return_theta` a pair, theta's second."""
        if len(input_shape) != 4:
            _checks.fail("images", f"shape {tuple(input_shape)}", "(B, H, W, C)")
        size = self.size_for(input_shape)
        if None in size:
            _checks.fail("output_size", "None", f"(height, width) for images of unknown size {tuple(input_shape)}")
        first = self.data_format == "channels_first"
        shape = (*input_shape[:2], *size) if first else (input_shape[0], *size, input_shape[3])
        return (shape, (input_shape[0], self.head.units)) if self.return_theta else shape

    def compute_output_spec(self, images, training=False):
        """The symbolic outputs: the images in their dtype, theta in float32."""
        shape = self.compute_output_shape(self.checked(images).shape)
        if not self.return_theta:
            return keras.KerasTensor(shape, images.dtype)
        return keras.KerasTensor(shape[0], images.dtype), keras.KerasTensor(shape[1], "float32")

    def get_config(self):
        """Everything that `from_config` needs, as plain values."""
        localization = serialize_keras_object(self.localization)
        localization.pop("build_config", None)  # built with this layer; Keras warns where it has no `build` of its own
        return super().get_config() | {key: getattr(self, key) for key in OPTIONS} | {"localization": localization}

    @classmethod
    def from_config(cls, config):
        """The layer that `get_config` described."""
        localization = deserialize_keras_object(config["localization"])
        return cls(**config | {"localization": localization})


@keras.saving.register_keras_serializable(package="stnlib")
class SpatialTransformer(ImageLayer):
    """Spatial transformer layer: predicts theta for each image and resamples the image with it.

    :Shapes: images `(B, H, W, C)` to images `(B, H_out, W_out, C)`, with `return_theta` to a pair: these images and
        theta `(B, P)`, float32.
    :param localization: a Keras layer or model from images to features `(B, F)`.
    :param transform: "attention", "rigid", "similarity", "affine", "projective" or "tps", see `stnlib.transforms`.
    :param output_size: (H_out, W_out); None keeps the input's size.
    :param control_points: (rows, columns) of the lattice, for "tps" only.
    :param mode: "bilinear", "nearest" or "bicubic", as in `stnlib.grid_sample`.
    :param padding_mode: "zeros", "border" or "reflection".
    :param align_corners: True: -1 and 1 are the centres of the outer pixels; False: their outer edges.
    :param return_theta: return (images, theta).
    :param data_format: "channels_last", or "channels_first" for images `(B, C, H, W)`; None: Keras's default.
    :param aspect: the images' width / height: "rigid" and "similarity" then rotate in pixels. 1.0 suits square images.
    :Convention: theta maps output to input. The layer owns the head, a float32 `Dense(P)` with zero kernel and identity
        bias, so it starts as the exact identity. The grid is float32 under mixed precision.
    :Errors: ValueError for unknown names or sizes, for a localization that is not a Keras layer or doesn't output
        `(B, F)`, and for images that are not floating-point or not 4-D.
    :Source: Jaderberg et al. 2015, section 3.

    >>> body = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(4)])
    >>> layer = SpatialTransformer(body)
    >>> images = keras.random.uniform((2, 8, 8, 1))
    >>> bool(ops.max(ops.abs(layer(images) - images)) < 1e-5)
    True
    """

    def __init__(
        self,
        localization: keras.layers.Layer,
        transform: str = "affine",
        output_size: tuple[int, int] | None = None,
        control_points: tuple[int, int] = (4, 4),
        mode: str = "bilinear",
        padding_mode: str = "zeros",
        align_corners: bool = False,
        return_theta: bool = False,
        data_format: str | None = None,
        aspect: float = 1.0,
        **kwargs,
    ):
        """Check the options and make the head; see the class."""
        options = transform, output_size, control_points, mode, padding_mode, align_corners
        super().__init__(localization, *options, return_theta, data_format, aspect, **kwargs)
        self.head = identity_head(transform, control_points)

    def theta(self, images):
        """Predict theta `(B, P)`, float32, for images `(B, H, W, C)`.

        In a functional model, use `return_theta=True` and the layer's second output instead: a model that calls `theta`
        could not be loaded from its file.
        """
        return self.head(self.localization(self.checked(images)))

    def call(self, images, training=False):
        """Resample the images `(B, H, W, C)`, each with its own theta."""
        theta = self.theta(images)
        size = self.size_for(images.shape)
        points = transform_points(theta, self.transform, *size, self.control_points, self.align_corners, self.aspect)
        if self.data_format == "channels_first":
            images = ops.transpose(images, (0, 2, 3, 1))
        output = sample(images, points, self.mode, self.padding_mode, self.align_corners, training)
        if self.data_format == "channels_first":
            output = ops.transpose(output, (0, 3, 1, 2))
        return (output, theta) if self.return_theta else output


@keras.saving.register_keras_serializable(package="stnlib")
class TimeDistributed(keras.layers.TimeDistributed):
    """Keras's `TimeDistributed` for a layer with several outputs, such as a transformer with `return_theta`.

    :Shapes: `(B, T, ...)`; each output of the layer, `(B, ...)`, becomes `(B, T, ...)`.
    :Convention: Keras's own wrapper stacks one output only. This one folds the time axis into the batch, so masks are
        not passed on.

    >>> eye = SpatialTransformer(keras.layers.Flatten(), return_theta=True)
    >>> images, theta = TimeDistributed(eye)(ops.ones((2, 5, 4, 4, 1)))
    >>> tuple(images.shape), tuple(theta.shape)
    ((2, 5, 4, 4, 1), (2, 5, 6))
    """

    def call(self, inputs):
        """Apply the layer to every frame of `(B, T, ...)`."""
        batch, time, *frame = ops.shape(inputs)
        outputs = self.layer(ops.reshape(inputs, (-1, *frame)))
        return keras.tree.map_structure(lambda one: ops.reshape(one, (batch, time, *ops.shape(one)[1:])), outputs)

    def compute_output_spec(self, inputs):
        """The layer's symbolic outputs for one frame, with the time axis put back."""
        batch, time, *frame = inputs.shape
        outputs = self.layer(keras.KerasTensor((batch, *frame), inputs.dtype))
        return keras.tree.map_structure(
            lambda one: keras.KerasTensor((batch, time, *one.shape[1:]), one.dtype), outputs
        )

    def compute_output_shape(self, input_shape):
        """The shapes of the outputs for frames of `input_shape`, `(B, T, ...)`."""
        outputs = self.compute_output_spec(keras.KerasTensor(input_shape, self.compute_dtype))
        return keras.tree.map_structure(lambda one: one.shape, outputs)


def identity_head(transform: str = "affine", control_points: tuple[int, int] = (4, 4)) -> keras.layers.Dense:
    """The `Dense` layer that maps features to theta: zero kernel, identity bias, always float32.

    :Shapes: features `(B, F)` to theta `(B, P)`.
    :Errors: ValueError for an unknown transform or fewer than 2 x 2 control points.
    :Source: Jaderberg et al. 2015, section 4.

    >>> ops.convert_to_numpy(identity_head("attention")(ops.ones((1, 5)))).tolist()
    [[1.0, 0.0, 0.0]]
    """
    return keras.layers.Dense(
        transforms.parameter_count(transform, control_points),
        kernel_initializer="zeros",
        bias_initializer=Identity(transform, control_points),
        dtype="float32",
        name="head",
    )


@keras.saving.register_keras_serializable(package="stnlib")
class Identity(keras.initializers.Initializer):
    """Initializer that sets a head's bias to the identity theta of a transform; serializable with its layer.

    :Shapes: theta `(P,)`.
    :Errors: ValueError for an unknown transform or fewer than 2 x 2 control points.

    >>> ops.convert_to_numpy(Identity("rigid")((3,))).tolist()
    [0.0, 0.0, 0.0]
    """

    def __init__(self, transform: str = "affine", control_points: tuple[int, int] = (4, 4)):
        self.theta = transforms.identity(transform, control_points)
        self.transform, self.control_points = transform, tuple(control_points)

    def __call__(self, shape, dtype=None):
        """The identity; `shape`, which Keras passes, is `(P,)`."""
        return ops.convert_to_tensor(self.theta, dtype or "float32")

    def get_config(self):
        """Everything that `from_config` needs, as plain values."""
        return {"transform": self.transform, "control_points": self.control_points}


def features_shape(localization: keras.layers.Layer, input_shape: tuple) -> tuple:
    """The shape `(B, F)` of a localization's features for images of `input_shape`; builds the localization if needed.

    :Errors: ValueError for features that are not `(B, F)`.

    >>> features_shape(keras.layers.Flatten(), (None, 4, 4, 1))
    (None, 16)
    """
    features = localization(keras.KerasTensor(tuple(input_shape)))
    if not isinstance(features, keras.KerasTensor):
        _checks.fail("localization", f"a {type(features).__name__}", "features (B, F)")
    shape = tuple(features.shape)
    if len(shape) != 2 or shape[-1] is None:
        _checks.fail("localization", f"a result of shape {shape}", "features (B, F)")
    return shape
