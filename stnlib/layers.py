"""The spatial transformer as a Keras layer."""

import keras
from keras import ops

from stnlib import _checks, grid, sampling, transforms


@keras.saving.register_keras_serializable(package="stnlib")
class SpatialTransformer(keras.layers.Layer):
    """Lets a network choose, image by image, where to look: images `(B, H, W, C)` to `(B, H_out, W_out, C)`.

    `localization` is a Keras layer or model from images to features `(B, F)`. The layer owns the head, a float32
    `Dense(P)` with zero kernel and identity bias, so that it starts as the exact identity. `layer(images)` gives
    the resampled images, `layer.theta(images)` the parameters `(B, P)` (output to input, see
    `stnlib.transforms`). `output_size` is (H_out, W_out), None for the input's. `control_points` counts for "tps"
    only; mode, padding_mode, align_corners are those of `stnlib.grid_sample`. The grid is float32 under mixed
    precision. Raises ValueError for unknown names or sizes and for a localization whose result is not `(B, F)`.
    Source: Jaderberg et al. 2015, section 3.

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
        super().__init__(**kwargs)
        if not isinstance(localization, keras.layers.Layer):
            _checks.fail("localization", type(localization).__name__, "a Keras layer or model")
        self.localization = localization
        self.transform = _checks.choice(transform, "transform", transforms.NAMES)
        self.output_size = None if output_size is None else _checks.sizes(output_size, "output_size")
        self.control_points = _checks.sizes(control_points, "control_points", least=2)
        self.mode = _checks.choice(mode, "mode", sampling.MODES)
        self.padding_mode = _checks.choice(padding_mode, "padding_mode", sampling.PADDING_MODES)
        self.align_corners = _checks.flag(align_corners, "align_corners")
        self.head = _head(self.transform, self.control_points)

    def build(self, input_shape):
        if len(input_shape) != 4:
            _checks.fail("images", f"shape {tuple(input_shape)}", "(B, H, W, C)")
        if None in self._size(input_shape):
            _checks.fail("output_size", "None", f"(height, width), as the images are {tuple(input_shape)}")
        if not self.localization.built:
            self.localization.build(input_shape)
        features = tuple(self.localization.compute_output_shape(input_shape))
        if len(features) != 2 or features[-1] is None:
            _checks.fail("localization", f"features of shape {features}", "features (B, F)")
        self.head.build(features)

    def theta(self, images):
        return self.head(self.localization(images))

    def call(self, images):
        height, width = self._size(images.shape)
        points = grid.transform_points(
            self.theta(images), self.transform, height, width, self.control_points, self.align_corners
        )
        return sampling.sample(images, points, self.mode, self.padding_mode, self.align_corners)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], *self._size(input_shape), input_shape[-1])

    def get_config(self):
        options = ("transform", "output_size", "control_points", "mode", "padding_mode", "align_corners")
        config = {name: getattr(self, name) for name in options}
        config["localization"] = keras.saving.serialize_keras_object(self.localization)
        return {**super().get_config(), **config}

    @classmethod
    def from_config(cls, config):
        localization = keras.saving.deserialize_keras_object(config.pop("localization"))
        return cls(localization, **config)

    def _size(self, shape):
        return self.output_size or tuple(shape[1:3])


def _head(transform, control_points):
    """The layer that turns features into theta: zero kernel, identity bias, float32 under every policy."""
    identity = transforms.identity(transform, control_points)
    return keras.layers.Dense(
        len(identity),
        kernel_initializer="zeros",
        bias_initializer=lambda shape, dtype=None: ops.convert_to_tensor(identity, dtype),
        dtype="float32",
        name="head",
    )
