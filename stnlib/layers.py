"""The spatial transformer as a Keras layer."""

import keras
from keras import ops
from keras.saving import deserialize_keras_object, serialize_keras_object

from stnlib import _checks, transforms
from stnlib.grid import transform_points
from stnlib.sampling import MODES, PADDING_MODES, sample

OPTIONS = ("transform", "output_size", "control_points", "mode", "padding_mode", "align_corners")


@keras.saving.register_keras_serializable(package="stnlib")
class SpatialTransformer(keras.layers.Layer):
    """Lets a network choose, image by image, where to look: images `(B, H, W, C)` to `(B, H_out, W_out, C)`.

    `localization` is a Keras layer or model from images to features `(B, F)`. The layer owns the head, a float32
    `Dense(P)` with zero kernel and identity bias, so that theta starts as the exact identity. `layer(images)` gives
    the resampled images, `layer.theta(images)` the parameters `(B, P)` (output to input, see
    `stnlib.transforms`). `output_size` is (H_out, W_out), None for the input's. `control_points` counts for "tps"
    only; mode, padding_mode, align_corners are those of `stnlib.grid_sample`. The grid is float32 under mixed
    precision. Raises ValueError for unknown names or sizes, for a localization that is no Keras layer or whose
    result is not `(B, F)`, and for images that are not floating-point or not `(B, H, W, C)`. Source: Jaderberg et
    al. 2015, section 3.

    >>> layer = SpatialTransformer(keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(4)]))
    >>> images = keras.random.uniform((2, 8, 8, 1))
    >>> bool(ops.max(ops.abs(layer(images) - images)) < 1e-5)
    True
    """

    def __init__(
        self,
        localization,
        transform="affine",
        output_size=None,
        control_points=(4, 4),
        mode="bilinear",
        padding_mode="zeros",
        align_corners=False,
        **kwargs,
    ):
        """Check the options and make the head; see the class."""
        super().__init__(**kwargs)
        self.localization = checked_localization(localization)
        options = checked_options(transform, output_size, control_points, mode, padding_mode, align_corners)
        for name, value in options.items():
            setattr(self, name, value)
        self.head = identity_head(transform, control_points)

    def build(self, input_shape):
        """Build the localization network and the head for images of `input_shape`."""
        features = features_shape(self.localization, input_shape, self.output_size)
        if not self.head.built:
            self.head.build(features)

    def theta(self, images):
        """The parameters `(B, P)`, float32, that the images `(B, H, W, C)` ask for.

        Ask a layer or a subclassed model for it. As an output of a functional model it adds the localization network
        and the head to the drawing as layers of their own, and Keras does not load such a file again.
        """
        return self.head(self.localization(checked_images(images)))

    def call(self, images):
        """Resample the images `(B, H, W, C)` where their own theta says."""
        size = self.output_size or images.shape[1:3]
        points = transform_points(self.theta(images), self.transform, *size, self.control_points, self.align_corners)
        return sample(images, points, self.mode, self.padding_mode, self.align_corners)

    def compute_output_shape(self, input_shape):
        """The shape `(B, H_out, W_out, C)` for images of `input_shape`."""
        size = self.output_size or input_shape[1:3]
        return (input_shape[0], *size, input_shape[-1])

    def get_config(self):
        """Everything that `from_config` needs, as plain values."""
        config = super().get_config() | {key: getattr(self, key) for key in OPTIONS}
        return config | {"localization": serialize_keras_object(self.localization)}

    @classmethod
    def from_config(cls, config):
        """The layer that `get_config` described."""
        localization = deserialize_keras_object(config["localization"])
        return cls(**config | {"localization": localization})


def identity_head(transform="affine", control_points=(4, 4)):
    """The layer that turns features `(B, F)` into theta `(B, P)`: zero kernel, identity bias, always float32.

    Raises ValueError for an unknown transform or a lattice under 2 x 2. Source: Jaderberg et al. 2015, section 4.

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
    """Starts the bias of a head at the identity theta `(P,)` of a transform; saved with the layer that it belongs to.

    >>> ops.convert_to_numpy(Identity("rigid")((3,))).tolist()
    [0.0, 0.0, 0.0]
    """

    def __init__(self, transform="affine", control_points=(4, 4)):
        """Raise ValueError for an unknown transform or a lattice under 2 x 2."""
        self.theta = transforms.identity(transform, control_points)
        self.transform, self.control_points = transform, tuple(control_points)

    def __call__(self, shape, dtype=None):
        """The identity; `shape` is `(P,)`, as Keras asks."""
        return ops.convert_to_tensor(self.theta, dtype or "float32")

    def get_config(self):
        """Everything that `from_config` needs, as plain values."""
        return {"transform": self.transform, "control_points": self.control_points}


def checked_images(images):
    """Return images `(B, H, W, C)` of a floating dtype as a tensor, else raise ValueError.

    >>> checked_images(ops.ones((1, 2, 3, 1))).shape[1:3] == (2, 3)
    True
    """
    return _checks.floating(images, "images", rank=4)


def checked_localization(localization):
    """Return `localization` when it is a Keras layer or model, else raise ValueError.

    >>> checked_localization(keras.layers.Flatten(name="flat")).name
    'flat'
    """
    if not isinstance(localization, keras.layers.Layer):
        _checks.fail("localization", type(localization).__name__, "a Keras layer or model")
    return localization


def checked_options(transform, output_size, control_points, mode, padding_mode, align_corners):
    """The options of `SpatialTransformer` by name, each checked; ValueError names the first that is wrong.

    >>> checked_options("affine", [4, 4], (4, 4), "bilinear", "zeros", False)["output_size"]
    (4, 4)
    """
    return {
        "transform": _checks.choice(transform, "transform", transforms.NAMES),
        "output_size": None if output_size is None else _checks.sizes(output_size, "output_size"),
        "control_points": _checks.sizes(control_points, "control_points", least=2),
        "mode": _checks.choice(mode, "mode", MODES),
        "padding_mode": _checks.choice(padding_mode, "padding_mode", PADDING_MODES),
        "align_corners": _checks.flag(align_corners, "align_corners"),
    }


def features_shape(localization, input_shape, output_size=None):
    """The shape `(B, F)` of what `localization` makes of images of `input_shape`, building it if needed.

    Raises ValueError for images that are not `(B, H, W, C)`, for an unknown H or W with no `output_size`, and for
    features that are not `(B, F)`.

    >>> features_shape(keras.layers.Flatten(), (None, 4, 4, 1))
    (None, 16)
    """
    if len(input_shape) != 4:
        _checks.fail("images", f"shape {tuple(input_shape)}", "(B, H, W, C)")
    if None in (output_size or input_shape[1:3]):
        _checks.fail("output_size", "None", f"(height, width) for images of unknown size {tuple(input_shape)}")
    if not localization.built:
        localization.build(input_shape)
    features = localization.compute_output_spec(keras.KerasTensor(input_shape))
    if not isinstance(features, keras.KerasTensor):
        _checks.fail("localization", f"a {type(features).__name__}", "features (B, F)")
    shape = tuple(features.shape)
    if len(shape) != 2 or shape[-1] is None:
        _checks.fail("localization", f"a result of shape {shape}", "features (B, F)")
    return shape
