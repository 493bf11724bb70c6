"""The samplers that the benchmark compares, each as `(images, theta) -> warped images`, output size = input size."""

import keras
import tensorflow as tf
import torch
from keras import ops

import stnlib
from stnlib.sampling import to_pixels

MODES = ("forward", "theta", "both")


def stnlib_sampler(images, theta):
    """The library's own functions, as a user calls them."""
    return stnlib.grid_sample(images, stnlib.affine_grid(theta, images.shape[1:3]))


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


def torch_sampler(images, theta):
    """PyTorch's pair, channels first as it wants them."""
    grid = torch.nn.functional.affine_grid(theta.reshape(-1, 2, 3), list(images.shape), align_corners=False)
    return torch.nn.functional.grid_sample(images, grid, align_corners=False)


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


def on_torch(images, theta, upstream):
    """Builder of the three timed calls on PyTorch."""

    def gradients(images, *wanted):
        out = torch_sampler(images, wanted[0])
        return out, *torch.autograd.grad(out, wanted, upstream)

    images, theta, upstream = map(torch.tensor, (images, theta, upstream))
    images, upstream = (a.permute(0, 3, 1, 2).contiguous() for a in (images, upstream))
    free, leaf = theta.clone().requires_grad_(), images.clone().requires_grad_()
    calls = (
        torch.no_grad()(lambda: (torch_sampler(images, theta),)),
        lambda: gradients(images, free),
        lambda: gradients(leaf, free, leaf),
    )
    return dict(zip(MODES, calls, strict=True))


def _xla(function):
    return tf.function(function, jit_compile=True)


CONTENDERS = {
    "torch": on_torch,
    "stnlib eager": on_tensorflow(stnlib_sampler, lambda function: function),
    "stnlib graph": on_tensorflow(stnlib_sampler, tf.function),
    "stnlib XLA": on_tensorflow(stnlib_sampler, _xla),
    "map_coordinates XLA": on_tensorflow(map_coordinates_sampler, _xla),
    "plain graph": on_tensorflow(plain_sampler, tf.function),
}


def build(names, case):
    """The timed calls of each contender, name -> mode -> call; TensorFlow's share one copy of the images."""
    shared = tuple(map(tf.constant, case))
    return {name: CONTENDERS[name](*(case if name == "torch" else shared)) for name in names}


VERSIONS = {
    "keras": keras.__version__,
    "stnlib": stnlib.__version__,
    "tensorflow": tf.__version__,
    "torch": torch.__version__,
}
