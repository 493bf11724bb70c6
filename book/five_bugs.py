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
# Each of these samplers has a bug that shipped in a library or was reported by users: of TensorFlow's models, kornia,
# VoxelMorph, JAX, PyTorch and others.
# The solutions link to each. On a digit most bugs don't show, and a network that learns $\theta$ works around some of
# them, so they can go unnoticed for years. The test images below make them visible. Find each bug, then unfold the
# solution. The last section has a check for your own project.
#
# After this page you can
#
# - recognise five bugs of samplers by what they do to an image or a gradient;
# - fix each of them;
# - test any sampler, your own included, for all five.

# %% tags=["hide-input"]
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf
from IPython.display import Markdown

from stnlib import affine_grid, datasets, grid_sample, plotting
from stnlib.sampling import bilinear

plotting.use_style()

# %% [markdown]
# A sampler takes an image `(H, W)` and $\theta$ `(2, 3)`, and returns an image of the same size. −1 and 1 are the
# *centres* of the outer pixels (`align_corners=True`). The samplers use four helpers, which are correct (folded: *Show the helpers*):
#
# - `points(U, theta)`: the normalised x and y at which $\theta$ samples;
# - `pixels(x, size)`: from [−1, 1] to positions in pixels, 0 to `size` − 1;
# - `read_at(U, x, y)`: bilinear sampling at positions in pixels, 0 outside;
# - `fetch(U, row, column)`: pixels at whole-number positions inside the image.


# %% tags=["hide-input"] mystnb={"code_prompt_show": "Show the helpers"}
def points(U, theta):
    """Normalised x and y, each (H, W), at which theta samples."""
    grid = affine_grid(theta[None], tuple(U.shape), align_corners=True)
    return grid[0, ..., 0], grid[0, ..., 1]


def pixels(x, size):
    """From [-1, 1] to positions in pixels, 0 to size - 1."""
    return (x + 1) * (size - 1) / 2


def read_at(U, x, y):
    """Bilinear sampling at positions in pixels (chapter 5); 0 outside."""
    return bilinear(U[None, ..., None], x[None], y[None])[0, ..., 0]


def fetch(U, row, column):
    """Pixels at whole-number positions inside the image."""
    return tf.gather_nd(U, tf.cast(tf.stack([row, column], axis=-1), "int32"))


# %% tags=["hide-input"]
identity = np.eye(2, 3)


def correct(U, theta):
    """The sampler that the others should be."""
    grid = affine_grid(theta[None], tuple(U.shape), align_corners=True)
    return grid_sample(U[None, ..., None], grid, align_corners=True)[0, ..., 0]


def compare(image, sampler, theta=identity, notes=("", "")):
    """Draw an image, what a correct sampler makes of it, and what this one makes of it, with a note on each."""
    image = tf.constant(image)
    results = [np.asarray(one) for one in (image, correct(image, theta), sampler(image, theta))]
    return plotting.strip(results, ["input", "correct" + notes[0], "this sampler" + notes[1]], size=1.8, frame=True)


def slopes(sampler, row):
    """The slope dV/dx of a row (1, W) at each pixel centre, by the sampler's gradient in theta."""
    theta = tf.Variable(np.eye(2, 3))
    with tf.GradientTape() as tape:
        values = sampler(tf.constant(row), theta)
    jacobian = tape.jacobian(values, theta)
    return jacobian[0, :, 0, 2].numpy() * 2 / (row.shape[1] - 1)


ramp = np.tile(np.arange(5.0), (4, 1))
letter = np.zeros((4, 5))
letter[:3, 1] = letter[2, 1:4] = 1
letter[0, 4] = 0.3
one_right = np.array([[1, 0, 2 / 4], [0, 1, 0]])

# %% [markdown]
# ## Sampler 1
#
# Shipped in TensorFlow's models, kevinzakka's spatial-transformer-network and kornia.
#
# :::{exercise} Sampler 1
# :label: ex-bugs-ruler
#
# {numref}`fig-bugs-ruler` shows this sampler under the identity, on a **ramp** of 4 × 5 pixels: each holds its own
# column number.
# What is wrong?
# :::


# %%
def sampler_1(U, theta):
    (x, y), (H, W) = points(U, theta), U.shape
    return read_at(U, (x + 1) * W / 2, (y + 1) * H / 2)


print("first row:", sampler_1(tf.constant(ramp), np.eye(2, 3))[0].numpy().round(2))

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Sampler 1 changes the ramp under the identity. The ramp is squeezed, and its last row and column turn black.", "name": "fig-bugs-ruler"}, "image": {"alt": "A ramp of five columns from black to white, the same ramp from a correct sampler, and a squeezed ramp whose last row and column are black."}}
compare(ramp / 4, sampler_1);
# %% [markdown]
# :::{solution-start} ex-bugs-ruler
# :class: dropdown
# :::
#
# The scale is off by one. From the centre of the first pixel to that of the last there are $W - 1$ pixels, not $W$. The
# picture is squeezed, and the last sample falls outside. On a digit you would see a slight zoom, if anything; on a ramp
# you see it at once.

# %%
x_t = np.linspace(-1, 1, 5)
for span in (4, 5, 3):
    row = read_at(tf.constant(ramp), (x_t[None] + 1) * span / 2, np.zeros((1, 5)))
    print(f"scaled to {span}:", row[0].numpy().round(2))

# %% [markdown]
# Only the first line, $W - 1$, is right. $W$ [shipped in TensorFlow's
# models](https://github.com/tensorflow/models/issues/2016); $W - 2$ [shipped in
# spatial-transformer-network](https://github.com/kevinzakka/spatial-transformer-network/issues/13), where the last
# column is never read and the rest is stretched to fill its place. With `align_corners=False` the factor *is* $W$, but
# then half a pixel has to be subtracted: $((x + 1) W - 1) / 2$. The same bug appears when grids are made with one
# convention and sampled with the other, as in [kornia](https://github.com/kornia/kornia/issues/3904); chapter 4's last
# exercise measures it.
#
# **Fix**: one function for the way to pixels, as in `stnlib.sampling.to_pixels`, and one `align_corners` for grid and
# sampler.
#
# :::{solution-end}
# :::
#
# ## Sampler 2
#
# Shipped in TensorFlow's models, kevinzakka's spatial-transformer-network and skaae's transformer_network.
#
# :::{exercise} Sampler 2
# :label: ex-bugs-edge
#
# {numref}`fig-bugs-edge` shows this sampler on
# an image of this size that is **white** all over; if the weights sum to 1, the output is white, too. What is wrong?
# :::


# %%
def sampler_2(U, theta):
    (x, y), (H, W) = points(U, theta), U.shape
    x, y = pixels(x, W), pixels(y, H)
    left, right = (tf.clip_by_value(tf.floor(x) + k, 0, W - 1) for k in (0, 1))
    top, bottom = (tf.clip_by_value(tf.floor(y) + k, 0, H - 1) for k in (0, 1))
    w_left, w_right = right - x, x - left
    w_top, w_bottom = bottom - y, y - top
    upper = w_left * fetch(U, top, left) + w_right * fetch(U, top, right)
    lower = w_left * fetch(U, bottom, left) + w_right * fetch(U, bottom, right)
    return w_top * upper + w_bottom * lower


# %% tags=["hide-input"] mystnb={"figure": {"caption": "Under the identity sampler 2 turns the last row and the last column of a white image black. On digits the black margin hides it.", "name": "fig-bugs-edge"}, "image": {"alt": "A white image, the same from a correct sampler, and one whose last row and column are black."}}
compare(np.ones((4, 5)), sampler_2);

# %% [markdown]
# :::{solution-start} ex-bugs-edge
# :class: dropdown
# :::
#
# The weights are computed from the *clipped* indices. On the last column `left` and `right` are both $W - 1$, so
# `w_left` and `w_right` are both 0. Outside the image the two weights cancel, so the result looks like zero padding,
# and nobody suspects anything. In transformer_network people noticed [a row of
# zeros](https://github.com/skaae/transformer_network/issues/2).
#
# **Fix**: take the weights from the true neighbours, and clip only for the fetch, as chapter 5's `bilinear` and `read`
# do.
#
# :::{solution-end}
# :::
#
# ## Sampler 3
#
# One half of this bug shipped in deformable-attention, and in VoxelMorph (the solution says which half).
#
# :::{exercise} Sampler 3
# :label: ex-bugs-axes
#
# This sampler gives back the ramp and the white image. {numref}`fig-bugs-axes` shifts the grid by one pixel to the
# right, so the picture should move one pixel to the left. What is wrong?
# :::


# %%
def sampler_3(U, theta):
    H, W = U.shape
    axes = np.linspace(-1, 1, H), np.linspace(-1, 1, W)
    first, second = np.meshgrid(*axes, indexing="ij")
    lattice = np.stack([first, second, np.ones((H, W))], axis=-1)
    grid = lattice @ tf.transpose(theta)
    y, x = pixels(grid[..., 0], H), pixels(grid[..., 1], W)
    return read_at(U, x, y)


# %% tags=["hide-input"] mystnb={"figure": {"caption": "Sampler 3 moves the picture up instead of left. It moves by ¾ of a pixel instead of one, which blurs it.", "name": "fig-bugs-axes"}, "image": {"alt": "A 4 by 5 image with a bright L, the same shifted left by one pixel as it should be, and the result of this sampler, which is shifted upwards and grey where two rows mix."}}
compare(letter, sampler_3, one_right, (":\n1 pixel left", ":\n¾ pixel up"));

# %% [markdown]
# :::{solution-start} ex-bugs-axes
# :class: dropdown
# :::
#
# x and y are swapped **twice**: `first` runs down the rows but is multiplied as x, and the first coordinate of the
# result is then taken for y. Two swaps cancel under the identity. Here the picture moves up by three quarters of a
# pixel, because one pixel is 2/4 of a unit for five columns, and 2/4 of a unit is three quarters of a pixel for four rows; the greys mix two
# rows. A single swap transposes even the identity; it was in
# [deformable-attention](https://github.com/lucidrains/deformable-attention/pull/7), in the order of `meshgrid`, and in
# the identity grid of [VoxelMorph](https://github.com/voxelmorph/voxelmorph/pull/652). The double swap hides better,
# since a network that learns $\theta$ can learn the swapped numbers. You notice when you read $\theta$, set it by hand,
# or load someone else's weights.
#
# **Fix**: `np.meshgrid(x_axis, y_axis)` with its default indexing gives x first, and both arrays have the shape
# `(H, W)`. Test with a shift along x, on a picture that is neither square nor symmetric.
#
# :::{solution-end}
# :::
#
# ## Sampler 4
#
# Shipped in JAX.
#
# :::{exercise} Sampler 4
# :label: ex-bugs-gradient
#
# This sampler gives correct values everywhere inside the image. {numref}`fig-bugs-gradient` shows its gradient under
# the identity, where a transformer usually starts. What is wrong?
# :::


# %%
def sampler_4(U, theta):
    (x, y), (H, W) = points(U, theta), U.shape
    x = tf.clip_by_value(pixels(x, W), 0, W - 1)
    y = tf.clip_by_value(pixels(y, H), 0, H - 1)
    left, right = tf.floor(x), tf.math.ceil(x)
    top, bottom = tf.floor(y), tf.math.ceil(y)
    w_right, w_bottom = x - left, y - top
    w_left, w_top = 1 - w_right, 1 - w_bottom
    upper = w_left * fetch(U, top, left) + w_right * fetch(U, top, right)
    lower = w_left * fetch(U, bottom, left) + w_right * fetch(U, bottom, right)
    return w_top * upper + w_bottom * lower


# %% tags=["hide-input"] mystnb={"figure": {"caption": "Under the identity, the gradient of sampler 4 is exactly zero. The slope dV/dx of the output V along 17 pixels of a digit's middle row; a correct bilinear sampler gives the forward difference to the next pixel.", "name": "fig-bugs-gradient"}, "image": {"alt": "The slope of the value against the column for 17 pixels of a digit's row. The correct sampler's slope goes up and down; that of this sampler is zero everywhere."}}
middle = datasets.load().x_train[0, 14, 6:23, 0].astype("float64")[None]
right_slopes, wrong_slopes = slopes(correct, middle), slopes(sampler_4, middle)
fig, ax = plt.subplots(figsize=(6, 2.4))
plotting.curve(ax, np.arange(6, 23), right_slopes, "correct", plotting.COLORS["output"])
plotting.curve(ax, np.arange(6, 23), wrong_slopes, "sampler 4", plotting.COLORS["gradient"])
ax.set(xlabel="column", ylabel="slope dV/dx")
ax.legend()
fig.tight_layout()

# %% tags=["claim"]
assert not np.any(wrong_slopes) and np.allclose(right_slopes[:-1], np.diff(middle[0]))

# %% [markdown]
# :::{solution-start} ex-bugs-gradient
# :class: dropdown
# :::
#
# At a whole number `floor(x)` and `ceil(x)` are the same pixel. The value is right, but the slope, the difference of
# the two neighbours, is 0. A transformer that starts as the identity, with an output as large as its input, has all its
# points there, so it gets no gradient except where rounding moves a point off its pixel. (On 5 or 17 pixels the
# coordinates are exact.) [JAX had this bug](https://github.com/jax-ml/jax/issues/3024), and
# it took a user whose images were shifted by whole pixels to find it.
#
# **Fix**: `right = left + 1`. At a whole number bilinear sampling has a kink, with one slope from the left and another
# from the right. `floor(x)` and `floor(x) + 1` give the one from the right. Either is good enough to learn from: the
# two disagree on the direction only on a peak or in a valley. Equation (7) of the paper, read to the letter, gives
# neither: at a whole number both neighbours are at distance 1 and drop out, the pixel itself counts with +1, and what
# is left is the value of the image instead of its slope.
#
# :::{solution-end}
# :::
#
# ## Sampler 5
#
# Reported by PyTorch users.
#
# :::{exercise} Sampler 5
# :label: ex-bugs-numbers
#
# On digits nothing shows. {numref}`fig-bugs-numbers` shows by how much this sampler misses each pixel of an image 1,000
# pixels wide. Why does the error drift and jump, and how far apart are the positions that the sampler can reach?
# :::


# %%
def sampler_5(U, theta):
    x, y = (tf.cast(tf.cast(p, "float16"), "float64") for p in points(U, theta))
    return read_at(U, pixels(x, U.shape[1]), pixels(y, U.shape[0]))


# %% tags=["hide-input"] mystnb={"figure": {"caption": "On an image of 1,000 pixels, the sampling error of sampler 5 drifts and jumps periodically. Position read minus column, under the identity, for the first 60 columns, near x = −1. A line one pixel wide loses up to an eighth of its brightness to the next pixel.", "name": "fig-bugs-numbers"}, "image": {"alt": "The error of the position in pixels against the column, from 0 to 60: a sawtooth between minus an eighth and an eighth of a pixel."}}
positions = sampler_5(tf.constant(np.tile(np.arange(1000.0), (2, 1))), np.eye(2, 3))[0].numpy()
errors = positions - np.arange(1000)
fig, ax = plt.subplots(figsize=(6, 2.4))
ax.axhline(0, color=plotting.COLORS["neutral"], lw=0.8)
ax.plot(errors[:60], ".-", ms=4, lw=0.6, color=plotting.COLORS["gradient"])
ax.set(xlabel="column", ylabel="error in pixels")
fig.tight_layout()

# %% tags=["claim"]
assert np.abs(errors[:60]).max() > 0.1 and np.abs(errors).max() <= 0.125

# %% [markdown]
# :::{solution-start} ex-bugs-numbers
# :class: dropdown
# :::
#
# The grid is rounded to float16, as in mixed precision where it takes the images' data type. A float16 has 11 binary
# digits and is coarsest near −1 and 1. Between 0.5 and 1 neighbouring numbers are $2^{-11}$ apart, which on 1,000 pixels is
# about a quarter of a pixel. So coordinates are rounded to quarters of a pixel, the image is resampled where it should
# be copied, and small changes of $\theta$ do nothing. PyTorch's users [met it on half-precision
# grids](https://github.com/pytorch/pytorch/issues/96429). The images may be float16; the grid must not be.
#
# **Fix**: compute $\theta$, grid and weights in float32, as `SpatialTransformer` does under `mixed_float16`. How exact
# is the identity then? Noise shows every error; this is the largest one, in grey levels from 0 to 1.

# %%
largest = {}
for size in (28, 224, 1000):
    noise = np.random.default_rng(0).random((1, size, size, 1), "float32")
    for align_corners in (False, True):
        grid = affine_grid([[1.0, 0, 0, 0, 1, 0]], (size, size), align_corners)
        back = grid_sample(noise, grid, align_corners=align_corners)
        largest[size, align_corners] = np.abs(back - noise).max()

# %% tags=["claim"]
assert all(error <= 1e-6 * size and error < 0.1 / 255 for (size, _), error in largest.items())

# %% tags=["hide-input"]
head = "Image", "align_corners=False", "align_corners=True"
cells = [(f"{n} × {n}", *(f"{largest[n, corners]:.0e}" for corners in (False, True))) for n in (28, 224, 1000)]
Markdown(plotting.markdown_table(head, cells))

# %% [markdown]
# Not zero, because most normalised coordinates cannot be stored exactly, and growing with the size, since the same
# rounding of a coordinate is a larger part of a pixel. But far below one grey level of 255. stnlib promises an error of
# at most a millionth for each pixel along the axis, and its tests hold it to that.
#
# :::{solution-end}
# :::
#
# ## The tests that find them
#
# Paste this into your project. `check_sampler` takes any sampler of the form above, in TensorFlow. (In PyTorch,
# `theta` is `torch.tensor(identity, requires_grad=True)` and its gradient `torch.autograd.grad(inner, theta)[0]`; the
# other functions are called `tensor`, `mean` and `ones_like`.) Most bugs fail several checks, but each check aims at
# one bug: the identity
# returns a *ramp* (sampler 1) and *white* (2), a *shift* along x moves noise (3), the gradient in $\theta$ is the
# *slope* of the ramp (4), and the identity returns noise that is *1,000 pixels* wide (5).

# %%
import numpy as np
import tensorflow as tf


def check_sampler(sampler, align_corners):
    """Which of five checks `sampler(image (H, W), theta (2, 3))` passes."""
    identity = np.eye(2, 3)
    pixel = 2 / (4 if align_corners else 5)  # the width of a pixel, of five
    one_right = np.array([[1, 0, pixel], [0, 1, 0]])
    ramp = tf.constant(np.tile(np.arange(5.0), (4, 1)))
    noise, wide = (tf.constant(np.random.default_rng(0).random(size))
                   for size in ((4, 5), (2, 1000)))
    theta = tf.Variable(identity)
    with tf.GradientTape() as tape:
        inner = tf.reduce_mean(sampler(ramp, theta)[:, 1:-1])
    gradient = tape.gradient(inner, theta)
    slope = 0 if gradient is None else gradient[0, 2] * pixel
    pairs = {
        "ramp": (sampler(ramp, identity), ramp),
        "white": (sampler(tf.ones_like(ramp), identity), 1),
        "shift": (sampler(noise, one_right)[:, :-1], noise[:, 1:]),
        "slope": (slope, 1),  # from each column of the ramp to the next
        "1,000 pixels": (sampler(wide, identity), wide),
    }
    return {name: np.allclose(*pair, atol=1e-3) for name, pair in pairs.items()}


# %% [markdown]
# Real samplers take batches of float32 images, so wrap yours. Here is the wrapper for stnlib's sampler, and the test
# that pytest collects:


# %%
def wrapped(U, theta):
    theta = tf.cast(theta, "float32")[None]
    images = tf.cast(U, "float32")[None, ..., None]  # (B, H, W, C)
    grid = affine_grid(theta, tuple(U.shape), align_corners=True)
    return grid_sample(images, grid, align_corners=True)[0, ..., 0]


def test_my_sampler():
    assert all(check_sampler(wrapped, align_corners=True).values())


test_my_sampler()

# %% [markdown]
# The table adds the usual test, the identity on a digit (tolerance 0.01).


# %% tags=["hide-input"]
two = tf.constant(datasets.load().x_train[0, ..., 0].astype("float64"))
samplers = {f"sampler {n}": one for n, one in enumerate((sampler_1, sampler_2, sampler_3, sampler_4, sampler_5), 1)}
samplers |= {"correct": correct}
results = {
    name: {"digit": np.allclose(one(two, np.eye(2, 3)), two, atol=0.01)} | check_sampler(one, True)
    for name, one in samplers.items()
}
words = [(name, *("passes" if passed else "**fails**" for passed in row.values())) for name, row in results.items()]
Markdown(plotting.markdown_table(("", *results["correct"]), words, words=7))

# %% tags=["claim"]
assert [name for name, row in results.items() if all(row.values())] == ["correct"]
assert [name for name, row in results.items() if not row["digit"]] == ["sampler 1"]
assert [name for name, row in results.items() if row["shift"]] == ["sampler 4", "sampler 5", "correct"]
assert sum(list(row.values()).count(False) > 1 for row in results.values()) >= 3
assert [name for name, row in results.items() if row["slope"]] == ["sampler 5", "correct"]


def by_edges(U, theta):
    return grid_sample(U[None, ..., None], affine_grid(theta[None], tuple(U.shape)))[0, ..., 0]


assert all(check_sampler(by_edges, align_corners=False).values())
assert not all(check_sampler(by_edges, align_corners=True).values())

# %% tags=["hide-input"]
def slope_on_ramp(sampler):
    theta = tf.Variable(np.eye(2, 3))
    with tf.GradientTape() as tape:
        inner = tf.reduce_mean(sampler(tf.constant(ramp), theta)[:, 1:-1])
    return tape.gradient(inner, theta)[0, 2].numpy() * 2 / 4


found = [slope_on_ramp(sampler) for sampler in (sampler_1, sampler_2, sampler_3, sampler_4, correct)]
Markdown("Of the five, the digit catches sampler 1 only; the slope test catches four, the 1,000-pixel test the fifth. So write at "
         "least those two, and check the slope's value, not just that it isn't zero: the correct slope is 1; samplers 1 to 3 give "
         f"{found[0]:.2f}, {found[1]:.2f} and {found[2]:.2f}.".replace("-0", "−0"))

# %% tags=["claim"]
assert all(abs(slope) > 0.05 and abs(slope - 1) > 0.05 for slope in found[:3])
assert found[3] == 0 and np.isclose(found[4], 1)

# %% [markdown]
# ## Recap
#
# - **Recognise**: a squeezed ramp, a black last row, a shift along the wrong axis, a gradient of zero, quantised
#   positions.
# - **Fix**: scale by $(W - 1)/2$; with a grid for `align_corners=False`, by $W/2$, and subtract half a pixel
#   (sampler 1). Compute the weights before you clip (2). Put x first everywhere (3). Take `floor(x) + 1` for the right
#   neighbour (4). Compute grids in float32 (5).
# - **Test**: ramp, white, shift along x, the slope at a pixel centre, the identity on 1,000 pixels.
