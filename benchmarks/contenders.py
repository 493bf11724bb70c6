"""The samplers on TensorFlow that the benchmark compares, each as `(images, theta) -> warped images` of equal size."""

import tensorflow as tf
from common import MODES
from keras import ops

import stnlib
from stnlib.sampling import sample, to_pixels


def stnlib_sampler(images, theta):
    """The library's own functions, as a user calls them."""
    return stnlib.grid_sample(images, stnlib.affine_grid(theta, images.shape[1:3]))


def training_sampler(images, theta):
    """What the layer runs in a step of training: the same values, compiled inside a graph."""
    return sample(images, stnlib.affine_grid(theta, images.shape[1:3]), training=True)


def map_coordinates_sampler(images, theta):
    """Keras's `map_coordinates`: the batch index is a coordinate, one call for each channel."""
    batch, height, width, channels = images.shape
    grid = stnlib.affine_grid(theta, (height, width))
    x = to_pixels(grid[..., 0], width)
    y = to_pixels(grid[..., 1], height)
    number = ops.broadcast_to(ops.cast(ops.arange(batch), x.dtype)[:, None, None], x.shape)
    points = ops.stack([number, y, x])
    planes = [ops.image.map_coordinates(images[..., c], points, order=1) for c in range(channels)]
    return ops.stack(planes, axis=-1)


def plain_sampler(images, theta):
    """The textbook form: a mesh of (x, y, 1), theta applied to it, four `gather_nd`, four weights."""
    batch, height, width, _ = images.shape
    x, y = tf.meshgrid(tf.linspace(-1.0, 1.0, width), tf.linspace(-1.0, 1.0, height))
    mesh = tf.stack([tf.reshape(x, [-1]), tf.reshape(y, [-1]), tf.ones(height * width)])
    points = tf.matmul(tf.reshape(theta, (batch, 2, 3)), tf.tile(mesh[None], (batch, 1, 1)))
    x = (tf.reshape(points[:, 0], (batch, height, width)) + 1) * (width - 1) / 2
    y = (tf.reshape(points[:, 1], (batch, height, width)) + 1) * (height - 1) / 2
    left, top = tf.floor(x), tf.floor(y)
    number = tf.tile(tf.range(batch)[:, None, None], (1, height, width))

    def corner(column, row, weight):
        j = tf.clip_by_value(tf.cast(column, tf.int32), 0, width - 1)
        i = tf.clip_by_value(tf.cast(row, tf.int32), 0, height - 1)
        return weight[..., None] * tf.gather_nd(images, tf.stack([number, i, j], axis=-1))

    return tf.add_n(
        [
            corner(left, top, (left + 1 - x) * (top + 1 - y)),
            corner(left + 1, top, (x - left) * (top + 1 - y)),
            corner(left, top + 1, (left + 1 - x) * (y - top)),
            corner(left + 1, top + 1, (x - left) * (y - top)),
        ]
    )


def on_tensorflow(sampler, compile_with):
    """Builder of the three timed calls of a TensorFlow sampler; `compile_with` is what `sampler` runs under."""

    def build(images, theta, upstream):
        def forward(images, theta):
            return (sampler(images, theta),)

        def gradients(images, theta, *wanted):
            with tf.GradientTape() as tape:
                tape.watch(wanted)
                out = sampler(images, theta)
            return out, *tape.gradient(out, wanted, output_gradients=upstream)

        images, theta, upstream = map(tf.convert_to_tensor, (images, theta, upstream))
        run = compile_with(forward)
        of_theta = compile_with(lambda images, theta: gradients(images, theta, theta))
        of_both = compile_with(lambda images, theta: gradients(images, theta, theta, images))
        return dict(zip(MODES, (lambda f=f: f(images, theta) for f in (run, of_theta, of_both)), strict=True))

    return build


def _xla(function):
    return tf.function(function, jit_compile=True)


CONTENDERS = {
    "stnlib eager": on_tensorflow(stnlib_sampler, lambda function: function),
    "stnlib graph": on_tensorflow(training_sampler, tf.function),
    "stnlib XLA": on_tensorflow(training_sampler, _xla),
    "map_coordinates XLA": on_tensorflow(map_coordinates_sampler, _xla),
    "plain graph": on_tensorflow(plain_sampler, tf.function),
}
