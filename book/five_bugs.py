# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Find the bug: what is wrong with these five samplers?
#
# A sampler is short, and easy to get almost right. Each of the five below has a bug that shipped in code which many
# people used. The pictures look plausible, and a network that learns $\theta$ learns to work around the bug; that is why
# such bugs live for years. Look at each sampler and its picture, find the bug, then unfold the solution.
#
# After this page you can
#
# - recognise five bugs of samplers by what they do to a picture;
# - fix each of them;
# - find them in any sampler, your own included, with five small tests.

# %% tags=["hide-input"]
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf
from IPython.display import Markdown

from stnlib import affine_grid, datasets, grid_sample, plotting
from stnlib.grid import axis_coordinates
from stnlib.sampling import bilinear, to_pixels

plotting.use_style()

# %% [markdown]
# All samplers have one form: an image `(H, W)` and $\theta$ `(2, 3)` in, an image of the same size out. They put −1 and 1
# on the *centres* of the outermost pixels (`align_corners=True`). These two helpers are correct: the normalised points
# that $\theta$ asks for, and bilinear sampling at points in pixels, built in {doc}`chapter 5 <05_sampler>`.

# %%
def points(U, theta):
    grid = np.asarray(affine_grid(theta[None], U.shape, align_corners=True))
    return grid[0, ..., 0], grid[0, ..., 1]


def read_at(U, x, y):
    arrays = U[None, :, :, None], x[None], y[None]
    inputs = [tf.cast(array, "float64") for array in arrays]
    return np.asarray(bilinear(*inputs))[0, ..., 0]


identity = np.eye(2, 3)


# %% tags=["hide-input"]
def correct(U, theta):
    """The sampler that the others should be."""
    (x, y), (H, W) = points(U, theta), U.shape
    return read_at(U, to_pixels(x, W, True), to_pixels(y, H, True))


def compare(image, sampler, theta=identity):
    """Draw an image, what a correct sampler makes of it, and what this one makes of it."""
    results = [image, correct(image, theta), sampler(image, theta)]
    return plotting.strip(results, ["input", "correct", "this sampler"], size=1.8, frame=True)


ramp = np.tile(np.arange(5.0), (4, 1))
white = np.ones((4, 5))
letter = np.zeros((4, 5))
letter[:3, 1] = letter[2, 1:4] = 1
letter[0, 4] = 0.3

# %% [markdown]
# ## Bug 1: the ruler
#
# :::{exercise} The ruler
# :label: ex-bugs-ruler
#
# This sampler turns points from [−1, 1] into pixels by itself. {numref}`fig-bugs-ruler` shows it under the identity, on
# a **ramp**: each pixel holds its own column number. What is wrong?
# :::

# %%
def sampler_1(U, theta):
    (x, y), (H, W) = points(U, theta), U.shape
    return read_at(U, (x + 1) * W / 2, (y + 1) * H / 2)


print("first row:", sampler_1(ramp, identity)[0].round(2))

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Under the identity this sampler squeezes the picture and loses its last row and column. The input is a ramp, whose values are positions.", "name": "fig-bugs-ruler"}, "image": {"alt": "A ramp of five columns from black to white, the same ramp from a correct sampler, and a steeper ramp whose last row and column are black."}}
compare(ramp / 4, lambda U, theta: sampler_1(4 * U, theta) / 4);

# %% [markdown]
# :::{solution-start} ex-bugs-ruler
# :class: dropdown
# :::
#
# The scale is off by one. From the centre of the first pixel to that of the last there are $W - 1$ pixels, not $W$. The
# picture is squeezed, and the last sample falls outside. On a digit you would see a slight zoom, if anything; on a ramp
# you see it at once.

# %%
x_t = axis_coordinates(5, align_corners=True)
for span in (4, 5, 3):
    row = read_at(ramp, (x_t[None] + 1) * span / 2, np.zeros((1, 5)))
    print(f"scaled to {span}:", row[0].round(2))

# %% [markdown]
# Only the first line, $W - 1$, is right. $W$ [shipped in TensorFlow's
# models](https://github.com/tensorflow/models/issues/2016); $W - 2$ [shipped in a popular
# STN](https://github.com/kevinzakka/spatial-transformer-network/issues/13), where the last column is never read and the
# rest is stretched to fill its place. With `align_corners=False` the factor *is* $W$, but then half a pixel has to be
# subtracted: $((x + 1) W - 1) / 2$. The same bug appears when grids are made with one convention and sampled with the
# other, as in [kornia](https://github.com/kornia/kornia/issues/3904); chapter 4's last exercise measures it.
#
# **Fix**: one function for the way to pixels, as in `stnlib.sampling.to_pixels`, and one `align_corners` for grid and
# sampler.
#
# :::{solution-end}
# :::
#
# ## Bug 2: the edge
#
# :::{exercise} The edge
# :label: ex-bugs-edge
#
# To stay inside the image, this sampler clips the indices of the four neighbours. The picture is an image that is
# **white** all over; weights that sum to 1 give white back. What is wrong?
# :::

# %%
def sampler_2(U, theta):
    (x, y), (H, W) = points(U, theta), U.shape
    x, y = to_pixels(x, W, True), to_pixels(y, H, True)
    left = np.clip(np.floor(x), 0, W - 1).astype(int)
    right = np.clip(np.floor(x) + 1, 0, W - 1).astype(int)
    top = np.clip(np.floor(y), 0, H - 1).astype(int)
    bottom = np.clip(np.floor(y) + 1, 0, H - 1).astype(int)
    upper = (right - x) * U[top, left] + (x - left) * U[top, right]
    lower = (right - x) * U[bottom, left] + (x - left) * U[bottom, right]
    return (bottom - y) * upper + (y - top) * lower


# %% tags=["hide-input"] mystnb={"figure": {"caption": "A white image loses its last row and its last column under the identity. On digits the black margin hides it.", "name": "fig-bugs-edge"}, "image": {"alt": "A white image, the same from a correct sampler, and one whose last row and column are black."}}
compare(white, sampler_2);

# %% tags=["claim"]
assert sampler_2(white, identity)[-1].max() == sampler_2(white, identity)[:, -1].max() == 0

# %% [markdown]
# :::{solution-start} ex-bugs-edge
# :class: dropdown
# :::
#
# The weights are computed from the *clipped* indices. On the last column `left` and `right` are both $W - 1$, so
# `right - x` and `x - left` are both 0. Outside the image the two weights cancel, so the result looks like zero padding,
# and nobody suspects anything. Both projects of bug 1 had this bug, too; in a third, people noticed [a row of
# zeros](https://github.com/skaae/transformer_network/issues/2).
#
# **Fix**: take the weights from the true neighbours, and clip only for the fetch, as chapter 5's `bilinear` and `read`
# do.
#
# :::{solution-end}
# :::
#
# ## Bug 3: the axes
#
# :::{exercise} The axes
# :label: ex-bugs-axes
#
# This sampler passes both tests above. {numref}`fig-bugs-axes` shifts the grid by one pixel to the right, so the picture
# should move one pixel to the left. What is wrong?
# :::

# %%
def sampler_3(U, theta):
    H, W = U.shape
    axes = axis_coordinates(H, True), axis_coordinates(W, True)
    a, b = np.meshgrid(*axes, indexing="ij")
    grid = np.stack([a, b, np.ones_like(a)], axis=-1) @ theta.T
    y, x = to_pixels(grid[..., 0], H, True), to_pixels(grid[..., 1], W, True)
    return read_at(U, x, y)


one_right = np.array([[1, 0, 2 / 4], [0, 1, 0]])

# %% tags=["hide-input"] mystnb={"figure": {"caption": "A shift to the left comes out as a shift upwards. The grid is shifted by one pixel to the right.", "name": "fig-bugs-axes"}, "image": {"alt": "A 4 by 5 image with a bright L, the same shifted left by one pixel as it should be, and the result of this sampler, which is shifted upwards instead."}}
compare(letter, sampler_3, one_right);

# %% tags=["claim"]
assert np.allclose(correct(letter, one_right)[:, :4], letter[:, 1:])
assert not np.allclose(sampler_3(letter, one_right)[:, :4], letter[:, 1:])
assert all(np.allclose(sampler_3(test, identity), test) for test in (ramp, white))

# %% [markdown]
# :::{solution-start} ex-bugs-axes
# :class: dropdown
# :::
#
# x and y are swapped **twice**: `a` runs down the rows but is multiplied as x, and the first coordinate of the result is
# then taken for y. Two swaps cancel under the identity. (The picture moves by less than a pixel, since one unit of y is
# fewer pixels here.) A single swap transposes even the identity; it was in
# [deformable-attention](https://github.com/lucidrains/deformable-attention/pull/7), in the order of `meshgrid`, and in the
# identity grid of [VoxelMorph](https://github.com/voxelmorph/voxelmorph/pull/652). The double swap hides better, since a
# network that learns $\theta$ can learn the swapped numbers. You notice when you read $\theta$, set it by hand, or load
# someone else's weights.
#
# **Fix**: `np.meshgrid(x_axis, y_axis)` with its default indexing gives x first, and both arrays have the shape `(H, W)`.
# Test with a shift along x, on a picture that is neither square nor symmetric.
#
# :::{solution-end}
# :::
#
# ## Bug 4: the gradient
#
# :::{exercise} The gradient
# :label: ex-bugs-gradient
#
# This bilinear core gives correct values everywhere. {numref}`fig-bugs-gradient` shows its gradient for the points of the
# identity, where every transformer starts that keeps the size. What is wrong?
# :::

# %%
def sampler_4(U, x):
    """One row U (W,) at points x (N,) in pixels: bilinear along x."""
    left, right = tf.floor(x), tf.math.ceil(x)
    share = x - left
    low = tf.gather(U, tf.cast(left, "int32"))
    high = tf.gather(U, tf.cast(right, "int32"))
    return (1 - share) * low + share * high


# %% tags=["hide-input"] mystnb={"figure": {"caption": "On the pixel centres this sampler's gradient is zero. The middle row of a digit: the slope dV/dx that a correct sampler gives at each pixel centre, and the one of this sampler.", "name": "fig-bugs-gradient"}, "image": {"alt": "The slope of the value against the column for the 28 pixels of a digit's row. The correct sampler's slope goes up and down; that of this sampler is zero everywhere."}}
def slopes(core, x):
    """dV/dx of a row at each of the points."""
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = tf.reduce_sum(core(x))
    return tape.gradient(total, x).numpy()


row = datasets.load().x_train[0, 14, :, 0].astype("float64")
centres = np.arange(1.0, 27)
right_slopes = slopes(lambda x: bilinear(row[None, None, :, None], x[None, None], tf.zeros_like(x)[None, None]), centres)
wrong_slopes = slopes(lambda x: sampler_4(row, x), centres)
fig, ax = plt.subplots(figsize=(6, 2.4))
plotting.curve(ax, centres, right_slopes, "correct", plotting.COLORS["output"])
plotting.curve(ax, centres, wrong_slopes, "this sampler", plotting.COLORS["gradient"])
ax.set(xlabel="column", ylabel="slope dV/dx")
ax.legend()
fig.tight_layout()

# %% tags=["claim"]
between = centres[:-1] + 0.3
assert not np.any(wrong_slopes) and np.allclose(right_slopes, np.diff(row)[1:])
assert np.allclose(slopes(lambda x: sampler_4(row, x), between), np.diff(row)[1:-1])

# %% [markdown]
# :::{solution-start} ex-bugs-gradient
# :class: dropdown
# :::
#
# At a whole number `floor(x)` and `ceil(x)` are the same pixel. The value is right, but the slope `high - low` is 0. A
# transformer that starts as the identity, with an output as large as its input, has *all* its points there, so it gets no
# gradient at all. [JAX had this bug](https://github.com/jax-ml/jax/issues/3024), and it took a user whose images were
# shifted by whole pixels to find it.
#
# **Fix**: `right = left + 1`. At a whole number bilinear sampling has a kink, with one slope from the left and another
# from the right. `floor(x)` and `floor(x) + 1` give the one from the right. Either is good enough to learn from: the two
# disagree on the direction only on a peak or in a valley. Equation (7) of the paper, read to the letter, gives neither:
# at a whole number both neighbours are at distance 1 and drop out, the pixel itself counts with +1, and what is left is
# the value of the image instead of its slope.
#
# :::{solution-end}
# :::
#
# ## Bug 5: the numbers
#
# :::{exercise} The numbers
# :label: ex-bugs-numbers
#
# This sampler runs in mixed precision: the grid has the data type of the images, float16. The identity is perfect on
# digits. {numref}`fig-bugs-numbers` shows where it reads on an image of 1,000 pixels. What is wrong?
# :::

# %%
def columns_read(size, dtype):
    """The positions, in pixels, that the identity reads along one axis."""
    x = axis_coordinates(size).astype(dtype)
    return to_pixels(x.astype("float64"), size)


# %% tags=["hide-input"] mystnb={"figure": {"caption": "In float16, samples are up to an eighth of a pixel off. The error of the position under the identity, along an axis of 1,000 pixels.", "name": "fig-bugs-numbers"}, "image": {"alt": "The error of the position in pixels against the column. It is a sawtooth that is largest, about an eighth of a pixel, in the outer half of the image, and gets smaller towards the middle."}}
fig, ax = plt.subplots(figsize=(6, 2.4))
ax.plot(columns_read(1000, "float16") - np.arange(1000), color=plotting.COLORS["gradient"], lw=0.6)
ax.set(xlabel="column", ylabel="error in pixels")
fig.tight_layout()

# %% [markdown]
# :::{solution-start} ex-bugs-numbers
# :class: dropdown
# :::
#
# A float16 has 11 binary digits. Between 0.5 and 1 neighbouring numbers are $2^{-11}$ apart, which on 1,000 pixels is about a
# quarter of a pixel. So coordinates are rounded to quarters of a pixel, the image is resampled where it should be copied,
# and small changes of $\theta$ do nothing. The images may be float16; the grid must not be.
#
# **Fix**: compute $\theta$, grid and weights in float32, as `SpatialTransformer` does under `mixed_float16`. How exact is
# the identity then? Noise shows every error; this is the largest one, in grey levels from 0 to 1.

# %%
errors = {}
for size in (28, 224, 1000):
    noise = np.random.default_rng(0).random((1, size, size, 1), "float32")
    for align_corners in (False, True):
        grid = affine_grid([[1.0, 0, 0, 0, 1, 0]], (size, size), align_corners)
        back = grid_sample(noise, grid, align_corners=align_corners)
        errors[size, align_corners] = np.abs(back - noise).max()

# %% tags=["claim"]
assert all(error <= 1e-6 * size and error < 0.1 / 255 for (size, _), error in errors.items())
half = {size: np.abs(columns_read(size, "float16") - np.arange(size)).max() for size in (28, 1000)}
assert half[28] < 0.01 and 0.1 < half[1000] < 0.13

# %% tags=["hide-input"]
head = "Image", "align_corners=False", "align_corners=True"
cells = [(f"{n} × {n}", *(f"{errors[n, corners]:.0e}" for corners in (False, True))) for n in (28, 224, 1000)]
Markdown(plotting.markdown_table(head, cells))

# %% [markdown]
# Not zero, because most normalised coordinates cannot be stored exactly, and growing with the size, since the same rounding
# of a coordinate is a larger part of a pixel. But far below one grey level of 255. stnlib promises an error of at most a
# millionth for each pixel along the axis, and its tests hold it to that.
#
# :::{solution-end}
# :::
#
# ## The tests that find them
#
# The usual test, the identity on a digit, misses four of the five. The ramp, the white image and the shift look at values;
# the slope at a pixel centre and the large image find the other two.

# %% tags=["hide-input"]
def verdicts(sampler):
    """Whether a sampler of images passes the tests of values."""
    shifted = sampler(letter, one_right)[:, :4]
    return [
        np.allclose(sampler(ramp, identity), ramp),
        np.allclose(sampler(white, identity), white),
        np.allclose(shifted, letter[:, 1:]),
    ]


samplers = {"1: the ruler": sampler_1, "2: the edge": sampler_2, "3: the axes": sampler_3, "correct": correct}
results = {name: verdicts(sampler) for name, sampler in samplers.items()}
words = [(name, *("passes" if passed else "**fails**" for passed in row)) for name, row in results.items()]
Markdown(plotting.markdown_table(("Sampler", "Ramp", "White", "Shift along x"), words, words=4))

# %% tags=["claim"]
assert all(results["correct"])
two = datasets.load().x_train[0, ..., 0].astype("float64")
caught = [not np.allclose(sampler(two, identity), two, atol=1e-6) for sampler in (sampler_1, sampler_2, sampler_3)]
assert caught == [True, False, False]
assert not any(row[2] for name, row in results.items() if name != "correct")

# %% [markdown]
# The shift fails for all three bugs of values, so if you write one test only, write that one. (With
# `align_corners=False` one pixel is $2 / W$ units; change the shift accordingly.)
#
# ## Recap
#
# - **Recognise**: a squeezed ramp, a black last row, a shift along the wrong axis, a gradient of zero, positions in steps.
# - **Fix**: $W - 1$ or half a pixel; weights before clipping; x first; `floor(x) + 1`; grids in float32.
# - **Test**: ramp, white, shift along x, the slope at a pixel centre, the identity on 1,000 pixels.
