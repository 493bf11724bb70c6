"""The one seam to a backend: on TensorFlow, XLA compiles the sampler of a model that trains; elsewhere, nothing.

A model that is exported or only asked for values is not compiled: other runtimes have no XLA. Nor are eager calls (each
new shape would cost a compilation; many images in a row are worth one, see `in_bulk`), those on a machine with a GPU,
nor images whose size is unknown.
benchmarks/README.md tells what each step below gained.
"""

import functools
import types

import keras

TENSORFLOW = keras.backend.backend() == "tensorflow"
if TENSORFLOW:
    import tensorflow as tf


def pays(*tensors):
    """True inside a graph on the CPU, for tensors of known size, batch aside."""
    if not TENSORFLOW or tf.executing_eagerly() or _has_gpu():
        return False
    return not any(None in tuple(tensor.shape[1:]) for tensor in tensors)


def compiled(function, *tensors, **options):
    """`function(*tensors, mode, **options)` compiled by XLA, with the bilinear core below as mode.

    The value and the gradient with respect to each tensor are separate programs: a gradient that isn't needed is never
    computed, and recomputing shared values takes less time than keeping them in memory.
    """
    value, gradients = _programs(function, len(tensors), tuple(options.items()))

    @tf.custom_gradient
    def call(*tensors):
        return value(*tensors), lambda upstream: [gradient(upstream, *tensors) for gradient in gradients]

    return call(*tensors)


@functools.lru_cache(maxsize=16)
def in_bulk(function, **options):
    """`function(*arrays, **options)` for many calls with arrays of few shapes: compiled where that pays, else as it is.

    Equal to the plain function but for the last bits: compiled code rounds a product and a sum together.
    """
    call = functools.partial(function, **options)
    return tf.function(call, jit_compile=True, autograph=False) if TENSORFLOW and not _has_gpu() else call


def distributed():
    """True inside the scope of a `tf.distribute` strategy."""
    return TENSORFLOW and tf.distribute.has_strategy()


@functools.lru_cache(maxsize=1)
def _has_gpu():
    return bool(tf.config.list_physical_devices("GPU"))


@functools.lru_cache(maxsize=64)
def _programs(function, count, options):
    compiled = functools.partial(tf.function, jit_compile=True, autograph=False)

    def value(*tensors):
        return function(*tensors, mode=BILINEAR, **dict(options))

    def gradient(index):
        def of_one(upstream, *tensors):
            with tf.GradientTape() as tape:
                tape.watch(tensors[index])
                result = value(*tensors)
            return tape.gradient(result, tensors[index], upstream, unconnected_gradients="zero")

        return of_one

    return compiled(value), [compiled(gradient(index)) for index in range(count)]


def bilinear(images, x, y):
    """`stnlib.sampling.bilinear` for XLA: the same values and gradients, from the four neighbours' indices.

    The gradient with respect to x and y needs one number for each neighbour and point, the neighbour times the
    gradient from above; the one with respect to the images adds each point's shares to its neighbours.
    """
    batch, height, width, channels = tf.unstack(tf.shape(images))
    shape = tf.concat([tf.shape(x), [channels]], axis=0)

    @tf.custom_gradient
    def core(images, x, y):
        x, y = _settle(x), _settle(y)
        places = [tf.reshape(_settle(place), [-1]) for place in _places(x, y, images.shape, batch)]
        right, bottom = (_part(tf.reshape(p, [-1]), n) for p, n in ((x, images.shape[2]), (y, images.shape[1])))
        pixels = tf.reshape(images, [-1, channels])
        weights = _weights(right, bottom)

        def gradient(upstream):
            upstream = tf.reshape(upstream, [-1, channels])
            over_x, over_y = _coordinate_gradients(pixels, places, upstream, right, bottom)
            over_images = _scatter(upstream, places, weights, batch * height * width)
            shapes = tf.shape(images), shape[:3], shape[:3]
            return tuple(map(tf.reshape, (over_images, over_x, over_y), shapes))

        value = sum(weight[:, None] * _read(pixels, place) for weight, place in zip(weights, places, strict=True))
        return tf.reshape(value, shape), gradient

    return core(images, x, y)


def _settle(array):
    """The same array, kept in memory: XLA would compute it anew in every loop that reads it, but not past a scatter."""
    first = tf.zeros([2 * tf.minimum(tf.size(array), 1), 3], "int32")

    @tf.custom_gradient
    def kept(array):
        return tf.tensor_scatter_nd_update(array, first, tf.repeat(tf.reshape(array, [-1])[:1], 2)), lambda over: over

    return kept(array)


def _places(x, y, shape, batch):
    """The four neighbours' indices among all pixels, row by row, -1 outside; each `(B, H_out, W_out)`."""
    _, height, width, _ = shape
    left, top = (tf.floor(tf.clip_by_value(p, -2, n + 1)) for p, n in ((x, width), (y, height)))
    first = tf.range(batch)[:, None, None] * height
    for row in (top, top + 1):
        for column in (left, left + 1):
            inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
            yield tf.where(inside, (first + tf.cast(row, "int32")) * width + tf.cast(column, "int32"), -1)


def _part(x, size):
    """The distance of a point from its first neighbour, from 0 to 1."""
    x = tf.clip_by_value(x, -2, size + 1)
    return x - tf.floor(x)


def _weights(right, bottom):
    left, top = 1 - right, 1 - bottom
    return left * top, right * top, left * bottom, right * bottom


def _read(pixels, place):
    """Rows of `pixels`, zero where the index is -1."""
    rows = tf.gather(pixels, tf.maximum(place, 0))
    inside = tf.reshape(place >= 0, [-1] + [1] * (len(rows.shape) - 1))
    return tf.where(inside, rows, tf.zeros_like(rows))


def _coordinate_gradients(pixels, places, upstream, right, bottom):
    """The gradients with respect to x and y in pixels, flat."""
    sums = [tf.reduce_sum(_read(pixels, place) * upstream, axis=-1) for place in places]
    over_x = (sums[1] - sums[0]) * (1 - bottom) + (sums[3] - sums[2]) * bottom
    over_y = (sums[2] - sums[0]) * (1 - right) + (sums[3] - sums[1]) * right
    return over_x, over_y


def _scatter(upstream, places, weights, count):
    """The gradient with respect to `count` pixels: each neighbour gets its share; XLA drops indices of -1."""
    total = tf.zeros([count, tf.shape(upstream)[1]], upstream.dtype)
    for place, weight in zip(places, weights, strict=True):
        total = tf.tensor_scatter_nd_add(total, place[:, None], weight[:, None] * upstream)
    return total


BILINEAR = types.SimpleNamespace(core=bilinear, pads=False)
