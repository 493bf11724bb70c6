# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # How do we read an image between its pixels, so that gradients flow?
#
# The grid of {doc}`chapter 4 <04_grid_generator>` asks for points such as row 0.6, column 1.3. An image has no
# such pixel. Somebody has to answer all the same, and answer in such a way that the network learns
# from it where to ask next time. That somebody is the **sampler**, the last part of the
# transformer.
#
# After this chapter you can
#
# - compare nearest and bilinear reading, and say why only one of them teaches the network where to
#   look;
# - turn equations (3) to (7) of the paper into code, symbol by symbol;
# - write a sampler for whole batches and check it against a loop;
# - derive its gradient, check it in two ways, and say where it has a kink;
# - choose what lies beyond the border, and expose three bugs of well-known samplers with three
#   small tests.
#
# *Reading: about 25 minutes. Running: under 20 seconds on two processor cores.*

# %% tags=["remove-input"] mystnb={"figure": {"caption": "This chapter builds the sampler: it reads the image at the grid's points, and lets the gradient through to the grid.", "name": "fig-pipeline-sampler"}}
from stnlib.pipeline import pipeline

pipeline(lit="sampler")

# %%
import keras
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf
from keras import ops

from stnlib import affine_grid, datasets, grid_sample, plotting
from stnlib.grid import axis_coordinates
from stnlib.sampling import to_pixels
from stnlib.widgets import SamplerMicroscope

plotting.use_style()

# %% [markdown]
# Most of the chapter happens on an image of 3 by 3 pixels. Its name is $U$, as in the paper
# {cite}`jaderberg2015stn`, and we want its value at the point $(x, y)$. Here $x$ and $y$ count
# **pixels**: whole numbers are pixel centres. (`to_pixels` of the last chapter turns grid coordinates
# into these.)

# %%
SEED = 0
STEPS, RATE = 40, 0.06  # of gradient descent, in one experiment
U = np.array([[1.0, 2.0, 4.0], [3.0, 8.0, 6.0], [5.0, 7.0, 9.0]])
x, y = 1.3, 0.6
H, W = U.shape

# %% tags=["hide-input"] mystnb={"image": {"alt": "A 3 by 3 image with the value written in each pixel, columns m and rows n numbered from 0. An orange cross at column 1.3, row 0.6 lies between the pixels 2, 4, 8 and 6."}}
def draw_patch(ax, U, ink=True):
    """Show a small image, with its values written in if `ink`; columns m, rows n."""
    ax.imshow(U, cmap="gray", vmin=0, vmax=10)
    for n, m in np.ndindex(U.shape):
        color = "black" if U[n, m] > 4.5 else "white"
        ax.text(m, n, f"{U[n, m]:g}" if ink else "", ha="center", va="center", color=color, fontsize=13)
    ax.set(xlabel="x (column m)", ylabel="y (row n)")
    ax.set(xticks=range(U.shape[1]), yticks=range(U.shape[0]))


fig, ax = plt.subplots(figsize=(3.2, 3.2))
draw_patch(ax, U)
ax.plot(x, y, "X", color=plotting.COLORS["grid"], markersize=13, markeredgecolor="black")
fig.tight_layout()

# %% [markdown]
# What should the value at the cross be? Something between its neighbours, 2, 4, 8 and 6. The 8 is closest, so
# it should count most.
#
# ## Two ways to read
#
# The paper puts all answers into one frame: let *every* pixel contribute, with a weight that
# depends only on its offset along x and its offset along y. The function that turns an offset into a
# weight is the **kernel** $k$:
#
# $$
# \begin{aligned}
# V_i^c = \sum_{n}^{H} \sum_{m}^{W} U_{nm}^c \; & k(x_i^s - m; \Phi_x) \\
# \times\; & k(y_i^s - n; \Phi_y)
# \end{aligned}
# \tag{3}
# $$
#
# shapes: $U$ `(H, W)`, $x$ and $y$ `()` → $V$ `()`
#
# Here $n$ runs from 0 to $H - 1$ and $m$ from 0 to $W - 1$; $i$ numbers the output pixels (the last chapter's
# $k$; here $k$ is the kernel), $c$ the channels, which are all read alike, and $\Phi$ stands for whatever settings a kernel may have. Ours have none.
# In (3) to (7) $x_i^s$ and $y_i^s$ are in pixels, the paper's shorthand; the factor between the two
# units comes back when we get to $\theta$. For one point and one channel, (3) is a line of Python:

# %%
def V(U, x, y, k):
    H, W = U.shape
    return sum(U[n, m] * k(x - m) * k(y - n)
               for n in range(H) for m in range(W))


# %% [markdown]
# The simplest kernel rounds the point to the **nearest** pixel and takes that one alone:
#
# $$
# \begin{aligned}
# V_i^c = \sum_{n}^{H} \sum_{m}^{W} U_{nm}^c \; & \delta(\lfloor x_i^s + 0.5 \rfloor - m) \\
# \times\; & \delta(\lfloor y_i^s + 0.5 \rfloor - n)
# \end{aligned}
# \tag{4}
# $$
#
# ($\delta$ is 1 at 0 and 0 elsewhere.) The **bilinear** kernel falls off in a straight line, from
# 1 at distance 0 to 0 at distance 1:
#
# $$
# \begin{aligned}
# V_i^c = \sum_{n}^{H} \sum_{m}^{W} U_{nm}^c \; & \max(0, 1 - |x_i^s - m|) \\
# \times\; & \max(0, 1 - |y_i^s - n|)
# \end{aligned}
# \tag{5}
# $$
#
# As functions of the offset $d = x - m$ ($m$ is whole, so $\lfloor x + 0.5 \rfloor - m$ is
# $\lfloor d + 0.5 \rfloor$):

# %%
def k_nearest(d):
    return float(np.floor(d + 0.5) == 0)


def k_bilinear(d):
    return max(0.0, 1 - abs(d))


print(f"nearest {V(U, x, y, k_nearest):.2f}")
print(f"bilinear {V(U, x, y, k_bilinear):.2f}")

# %% [markdown]
# Two checks. On a pixel centre both kernels give that pixel back. And half way between four pixels,
# the bilinear value is their mean.

# %%
for n, m in np.ndindex(3, 3):
    assert V(U, m, n, k_nearest) == V(U, m, n, k_bilinear) == U[n, m]
assert V(U, 0.5, 0.5, k_bilinear) == U[:2, :2].mean()
print("pixel centres and the middle of four pixels: as expected")

# %% [markdown]
# On that score both are good. To see the difference, walk from left to right through the image, at
# the height of the cross, and read all the way.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Two panels over x. Above, the value V: the nearest reading is a staircase, the bilinear reading a continuous line with corners at the pixel centres. Below, the slope: zero for nearest, constant steps between pixel centres for bilinear."}}
walk = np.linspace(0.001, 1.999, 801)
fig, axes = plt.subplots(2, 1, figsize=(5, 4.2), sharex=True)
styles = {"nearest": (k_nearest, "--", "neutral"), "bilinear": (k_bilinear, "-", "output")}
for name, (k, line, color) in styles.items():
    values = np.array([V(U, step, y, k) for step in walk])
    slope = np.diff(values) / np.diff(walk)
    slope[np.abs(slope) > 50] = np.nan  # the jumps of nearest
    slope[np.abs(walk[:-1] - 1) < 0.003] = np.nan  # at the kink there is none
    axes[0].plot(walk, values, line, color=plotting.COLORS[color], label=name, linewidth=2)
    axes[1].plot(walk[:-1], slope, line, color=plotting.COLORS[color], linewidth=2)
axes[0].set_ylabel("value V")
axes[0].legend()
axes[1].set(xlabel="x in pixels, at y = 0.6", ylabel="slope dV/dx", xticks=[0, 0.5, 1, 1.5, 2])
fig.align_ylabels()
fig.tight_layout()

# %% [markdown]
# Nearest is a staircase. Between two jumps, moving the point changes *nothing*: the slope is 0, so
# the network hears "it makes no difference where you look". (At the jumps there is no slope at all; the
# picture leaves them out.) Along x or along y, bilinear is a chain of straight pieces. Almost everywhere between pixels that differ it has a slope that says which way is brighter. (On
# flat black the slope is 0 here too.) That slope is the whole reason why a spatial transformer can learn.
#
# ## Four weights, four areas
#
# Equation (5) sums over all pixels, but most weights are 0. Here they are, one for each pixel of
# $U$:

# %%
weights = np.zeros((H, W))
for n, m in np.ndindex(H, W):
    weights[n, m] = k_bilinear(x - m) * k_bilinear(y - n)
print(weights.round(2), " sum:", weights.sum().round(6))

# %% tags=["claim"]
assert np.isclose((weights * U).sum(), V(U, x, y, k_bilinear))

# %% [markdown]
# At most four pixels count, and between pixel centres their weights sum to 1. (Outside the outermost
# centres a part is missing: it counts as 0.) There is a picture to
# remember them by. Think of the pixels as squares, and lay a box of the size of one pixel around
# the point. It covers a part of each neighbour. **The areas of the parts are the weights.**

# %% tags=["hide-input"] mystnb={"image": {"alt": "The four pixels 2, 4, 8 and 6 with an orange box, one pixel wide and high, around the sampling point. It overlaps all four; each overlap is labelled with its area, which is the weight of that pixel."}}
fig, ax = plt.subplots(figsize=(4.4, 4.2))
draw_patch(ax, U, ink=False)
for n, m in np.argwhere(weights > 0):
    lower, upper = np.maximum([m, n], [x, y]) - 0.5, np.minimum([m, n], [x, y]) + 0.5
    ax.add_patch(plt.Rectangle(lower, *(upper - lower), facecolor=plotting.COLORS["grid"],
                               edgecolor="black", linewidth=1.5))
    ax.text(*(lower + upper) / 2, f"{weights[n, m]:.2f}", ha="center", va="center", fontsize=13)
    ax.text(m + 0.72 * (m - 1.5), n + 0.6 * (n - 0.5), f"{U[n, m]:g}", ha="center", va="center",
            fontsize=15, color="black" if U[n, m] > 4.5 else "white")
ax.plot(x, y, "X", color="white", markersize=11, markeredgecolor="black")
ax.set(xlim=(0.5, 2.5), ylim=(1.5, -0.5), xticks=[1, 2], yticks=[0, 1])
fig.tight_layout()

# %% [markdown]
# The largest part of the box lies on the 8, so the 8 has the largest say. Slide the box to the right, and what
# the left neighbours lose the right ones gain, at a steady rate. That is the straight line of the
# kernel: two segments of length 1 with their centres $|x - m|$ apart overlap by $1 - |x - m|$,
# until they part.
#
# ## From a loop to a batch
#
# Read a whole grid now: 3 by 3 points, turned as in the last chapter and shifted a little, brought to pixels.

# %%
theta = np.array([[[0.6, -0.35, 0.1], [0.35, 0.6, -0.05]]])
grid = np.asarray(affine_grid(theta.astype("float32"), (3, 3)))[0]
xs, ys = to_pixels(grid[..., 0], W), to_pixels(grid[..., 1], H)


def loop(U, xs, ys, k):
    values = np.zeros(xs.shape)
    for i in np.ndindex(xs.shape):
        values[i] = V(U, xs[i], ys[i], k)
    return values


print(loop(U, xs, ys, k_bilinear).round(2))

# %% [markdown]
# The loop visits nine pixels for each of nine points. For a batch of digits that would be millions
# of multiplications by 0. The vectorised form visits four neighbours, for all points of all images
# at once. It needs a helper that fetches many pixels in one go. The trick is to lay the batch out
# as one long list of pixels, where the pixel in row $i$ and column $j$ of image $b$ has the number
# $(bH + i)W + j$.
#
# shapes: images `(B, H, W, C)`, column and row `(B, H', W')` → `(B, H', W', C)`

# %% tags=["listing:stnlib.sampling.read"]
def read(images, column, row):
    batch, height, width, channels = ops.shape(images)
    j, i = ops.cast(column, "int32"), ops.cast(row, "int32")
    inside = (j >= 0) & (j < width) & (i >= 0) & (i < height)
    j, i = ops.where(inside, j, 0), ops.where(inside, i, 0)
    first = ops.reshape(ops.arange(batch, dtype="int32"), (-1, 1, 1)) * height
    pixels = ops.take(ops.reshape(images, (-1, channels)),
                      (first + i) * width + j, axis=0)
    pixels = ops.reshape(pixels, (*ops.shape(column), channels))
    return ops.where(inside[..., None], pixels, ops.zeros_like(pixels))


# %% [markdown]
# Positions outside the image read 0. They fetch the first pixel all the same, so that the fetch
# itself never leaves the list; the last line then blanks what is not `inside`. Try it:
# two pixels inside, one outside.

# %%
images = ops.convert_to_tensor(U[None, :, :, None], "float32")
columns, rows = np.array([[[0.0, 2.0, 3.0]]]), np.array([[[1.0, 2.0, 0.0]]])
print(np.ravel(read(images, columns, rows)))

# %% [markdown]
# With that, equation (5) for a batch is four reads and four areas.
#
# shapes: images `(B, H, W, C)`, $x$ and $y$ `(B, H', W')` → `(B, H', W', C)`

# %% tags=["listing:stnlib.sampling.bilinear"]
def bilinear(images, x, y):
    _, height, width, _ = ops.shape(images)
    x = ops.clip(x, -2, ops.cast(width + 1, x.dtype))
    y = ops.clip(y, -2, ops.cast(height + 1, y.dtype))
    left, top = ops.floor(x), ops.floor(y)
    right, bottom = left + 1, top + 1
    return (
        ((right - x) * (bottom - y))[..., None] * read(images, left, top)
        + ((x - left) * (bottom - y))[..., None] * read(images, right, top)
        + ((right - x) * (y - top))[..., None] * read(images, left, bottom)
        + ((x - left) * (y - top))[..., None] * read(images, right, bottom)
    )


# %% [markdown]
# `left` and `right` are the columns on either side, `top` and `bottom` the rows. The two `clip`
# lines bring points from far outside to just outside, where they read 0 as well; otherwise an
# infinite coordinate would give infinity times 0. Check against the loop: on the grid, then on
# random points, many of which are outside.

# %%
def read_at(U, x, y, core=bilinear):
    """Read one image (H, W) at points (H', W')."""
    inputs = U[None, :, :, None], x[None], y[None]
    tensors = [ops.convert_to_tensor(a, "float32") for a in inputs]
    return np.asarray(core(*tensors))[0, ..., 0]


random = np.random.default_rng(SEED).uniform(-2, 4, size=(2, 5, 5))
for name, place in {"grid": (xs, ys), "random": random}.items():
    difference = np.abs(read_at(U, *place) - loop(U, *place, k_bilinear)).max()
    print(f"{name}: largest difference from the loop {difference:.0e}")
    assert difference < 1e-5

# %% [markdown]
# The nearest reader is shorter still. (It rounds a tie to the even pixel, as PyTorch does;
# equation (4) rounds up. If training goes wrong, $\theta$ can become NaN, not a number. `bilinear` passes it on
# by its weights; `nearest` has none, so its last lines see to it.)

# %% tags=["listing:stnlib.sampling.nearest"]
def nearest(images, x, y):
    _, height, width, _ = ops.shape(images)
    column = ops.round(ops.clip(x, -1, ops.cast(width, x.dtype)))
    row = ops.round(ops.clip(y, -1, ops.cast(height, y.dtype)))
    place = (column + row)[..., None]
    return ops.where(ops.isnan(place), place, read(images, column, row))


# %%
by_loop = loop(U, *random, k_nearest)
same = np.array_equal(read_at(U, *random, core=nearest), by_loop)
print("nearest agrees with its loop:", same)

# %% tags=["claim"]
assert same

# %% [markdown]
# How do the two look on a real digit? Read its middle at 112 by 112 points, a little turned. The
# library's `grid_sample` wraps these two readers: it brings the grid to pixels, deals with the border,
# and calls one of them.

# %% mystnb={"image": {"alt": "A small digit, and the same digit turned and enlarged in two ways: nearest shows jagged blocks, bilinear shows soft edges."}}
data = datasets.load()
digit = data.x_train[data.y_train == 2][:1]
enlarged = affine_grid([[0.66, -0.24, 0, 0.24, 0.66, 0]], (112, 112))
modes = ["nearest", "bilinear"]
readings = [grid_sample(digit, enlarged, mode=mode)[0] for mode in modes]
fig = plotting.strip([digit[0], *readings], ["input", *modes], size=1.8, frame=True)
print(f"a 2 from {data.name}")

# %% [markdown]
# Nearest shows the pixels as blocks, each edge a place where a tiny motion makes a jump. Bilinear
# melts them into one another.
#
# ## The gradient
#
# Training changes the weights of the localization network so as to make a loss $\mathcal{L}$
# smaller. For that, the loss has to send word back through the sampler along two roads:
#
# $$
# \begin{aligned}
# \frac{\partial \mathcal{L}}{\partial U_{nm}}
# &= \sum_i \frac{\partial \mathcal{L}}{\partial V_i} \frac{\partial V_i}{\partial U_{nm}} \\
# \frac{\partial \mathcal{L}}{\partial \theta}
# &= \sum_i \frac{\partial \mathcal{L}}{\partial V_i}
# \left( \frac{\partial V_i}{\partial x_i^s} \frac{\partial x_i^s}{\partial \theta}
# + \frac{\partial V_i}{\partial y_i^s} \frac{\partial y_i^s}{\partial \theta} \right)
# \end{aligned}
# $$
#
# (For one channel. With several, the first line holds for each by itself, and the second also sums over
# them.)
#
# One road leads to the *image*, and to any layer that made it. The other leads to the *point*, and
# by way of the grid to $\theta$. What the sampler has to supply are the derivatives of $V$.
#
# **For the image** this is easy. $V$ is a weighted sum of pixels, so the derivative for a pixel is
# its weight:
#
# $$
# \begin{aligned}
# \frac{\partial V_i^c}{\partial U_{nm}^c} = {} & \max(0, 1 - |x_i^s - m|) \\
# \times\; & \max(0, 1 - |y_i^s - n|)
# \end{aligned}
# \tag{6}
# $$
#
# shapes: $x$ and $y$ `()` → $\partial V / \partial U$ `(H, W)`
#
# So the array `weights` above *is* the gradient. (The paper prints a double sum in front of the
# product. But that would be the sum of all weights; the derivative for one pixel is a single term.)
#
# **For the point**, hold y still. Each term of (5) is a constant times $\max(0, 1 - |x - m|)$, a
# tent with its top at $m$. If the pixel is within reach to the right of the point, moving right
# climbs its tent: slope 1. If it is to the left, moving right descends: slope -1. Out of reach: 0.
#
# $$
# \begin{aligned}
# \frac{\partial V_i^c}{\partial x_i^s} = {} & \sum_{n}^{H} \sum_{m}^{W} U_{nm}^c \max(0, 1 - |y_i^s - n|) \\
# \times\; & \begin{cases} 0 & \text{if } |m - x_i^s| \ge 1 \\ 1 & \text{if } m \ge x_i^s \\
# -1 & \text{if } m < x_i^s \end{cases}
# \end{aligned}
# \tag{7}
# $$
#
# shapes: $U$ `(H, W)`, $x$ and $y$ `()` → $\partial V / \partial x$ `()`
#
# The same for y, with the roles of rows and columns exchanged. In code, `slope` is the curly
# bracket:

# %%
def slope(m, x):
    if abs(m - x) >= 1:
        return 0
    return 1 if m >= x else -1


def dV_dx(U, x, y):
    return sum(U[n, m] * k_bilinear(y - n) * slope(m, x)
               for n, m in np.ndindex(U.shape))


def dV_dy(U, x, y):
    return sum(U[n, m] * k_bilinear(x - m) * slope(n, y)
               for n, m in np.ndindex(U.shape))


# %% [markdown]
# Two witnesses can check a derivative. **Central differences** move the point by a hair both ways and
# know nothing about the formula. **Automatic differentiation** is what training uses; it differentiates
# the vectorised `bilinear`, line by line. (TensorFlow answers None where no path leads from the value
# to an input; `unconnected_gradients` makes that a 0.)

# %%
def autodiff(core, U, x, y):
    inputs = U[None, ..., None], [[[x]]], [[[y]]]
    inputs = [tf.constant(value, "float64") for value in inputs]
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        value = core(*inputs)
    gradients = tape.gradient(value, inputs, unconnected_gradients="zero")
    return [np.squeeze(gradient) for gradient in gradients]  # U, x, y


# %% [markdown]
# Ask all three at the cross.

# %%
h = 1e-5
auto_U, auto_x, auto_y = autodiff(bilinear, U, x, y)
central_x = (V(U, x + h, y, k_bilinear) - V(U, x - h, y, k_bilinear)) / (2 * h)
central_y = (V(U, x, y + h, k_bilinear) - V(U, x, y - h, k_bilinear)) / (2 * h)
by_hand = dV_dx(U, x, y), dV_dy(U, x, y)
print("by hand ", np.round(by_hand, 6))
print("autodiff", np.round([auto_x, auto_y], 6))
print("central ", np.round([central_x, central_y], 6))
assert np.allclose([auto_x, auto_y], by_hand)

# %% tags=["claim"]
assert np.allclose([central_x, central_y], by_hand)
assert np.allclose(auto_U, weights)

# %% [markdown]
# All three agree, and the gradient for the image is the array of weights, as (6) says. To see what
# the gradient for the point *means*, draw it as an arrow at many points.

# %% tags=["hide-input"] mystnb={"image": {"alt": "The 3 by 3 image read bilinearly at high resolution, as a smooth landscape of grey, with vermilion arrows on a lattice of points. Each arrow points towards brighter values; the arrows around the bright centre point at it."}}
fine = np.linspace(-0.5, 2.5, 121)
surface = read_at(U, *np.meshgrid(fine, fine))
fig, ax = plt.subplots(figsize=(4.2, 4.2))
ax.imshow(surface, cmap="gray", extent=(-0.5, 2.5, 2.5, -0.5), vmin=0, vmax=14)  # dark enough for arrows
points = [(px, py) for px in np.arange(0.15, 2, 0.3) for py in np.arange(0.15, 2, 0.3)]
arrows = [(dV_dx(U, *point), dV_dy(U, *point)) for point in points]
ax.quiver(*np.transpose(points), *np.transpose(arrows), angles="xy", color=plotting.COLORS["gradient"],
          scale=50, width=0.008)
ax.set(xticks=range(3), yticks=range(3), xlabel="x in pixels", ylabel="y in pixels")
fig.tight_layout()

# %% [markdown]
# Every arrow points uphill, to where the image gets brighter; long arrows are steep. (The tiny ones
# near (1.25, 1.5) surround a saddle, where the slope is 0 though the pixels differ.) If the loss wants
# this output pixel brighter, its sampling point is pulled along the arrow; if darker, against it. Each
# pixel of the output pulls at its own point. $\theta$ holds all the points together, so it feels the
# sum of the pulls.
#
# How much of each pull reaches each number of $\theta$ is the chain rule's last factor. Now the units matter. In
# those of the grid, $x^s = \theta_{11} x^t + \theta_{12} y^t + \theta_{13}$. One such unit is $\frac{W}{2}$ pixels,
# where $W$ is the width of the *input* (with `align_corners=True`, $\frac{W - 1}{2}$). So the derivatives of the
# position in pixels with respect to the first row of $\theta$ are $\frac{W}{2} x^t$, $\frac{W}{2} y^t$ and
# $\frac{W}{2}$. The second row moves only $y$, with $H$ in place of $W$. By hand, for the sum of all nine
# outputs:

# %%
by_hand = np.zeros((2, 3))
targets = axis_coordinates(3)
for i, j in np.ndindex(3, 3):
    target = np.array([targets[j], targets[i], 1])
    by_hand[0] += dV_dx(U, xs[i, j], ys[i, j]) * W / 2 * target
    by_hand[1] += dV_dy(U, xs[i, j], ys[i, j]) * H / 2 * target
print(by_hand.round(4))

# %% [markdown]
# And automatically, through the library's grid generator and sampler:

# %%
parameters = tf.constant(theta, "float32")
with tf.GradientTape() as tape:
    tape.watch(parameters)
    total = tf.reduce_sum(grid_sample(images, affine_grid(parameters, (3, 3))))
automatic = tape.gradient(total, parameters)[0]
print("largest difference:", f"{np.abs(automatic - by_hand).max():.1e}")
assert np.allclose(automatic, by_hand, rtol=1e-4)

# %% [markdown]
# When you train, a loss takes the place of the sum, and six numbers like these, one derivative for each number
# of $\theta$, are what comes back to the localization network. Are they good for anything? Give them a task: the 2 has been shifted, and plain gradient descent on
# $\theta_{13}$ and $\theta_{23}$ has to bring it back, once with each way of reading.

# %%
def bring_back(mode, t_x=0.15, t_y=0.0):
    shift = np.array([[1, 0, t_x, 0, 1, t_y]], "float32")
    shifted = grid_sample(digit, affine_grid(shift, (28, 28)))
    parameters, losses = tf.Variable([[1.0, 0, 0, 0, 1, 0]]), []
    for _ in range(STEPS):
        with tf.GradientTape() as tape:
            grid = affine_grid(parameters, (28, 28))
            restored = grid_sample(shifted, grid, mode=mode)
            loss = tf.reduce_mean((restored - digit) ** 2)
        gradient = tape.gradient(
            loss, parameters, unconnected_gradients="zero")
        parameters.assign_sub(RATE * gradient * [[0, 0, 1, 0, 0, 1]])
        losses.append(float(loss))
    return losses, [shifted[0], restored[0]]


# %% [markdown]
# The other four numbers stay at the identity. (`t_x` and `t_y` move the grid, so the digit goes the other
# way.) Run both, and bilinear once more for a digit that has been shifted further, by 4.9 pixels to the
# left and 2.8 up (before: 2.1 to the left). Watch the loss.

# %% mystnb={"image": {"alt": "The loss over the steps of gradient descent. With nearest reading the line stays flat; with bilinear reading it falls close to zero; with bilinear reading of the digit that was shifted further it falls a little and stops high."}}
runs = {"nearest": bring_back("nearest"), "bilinear": bring_back("bilinear"),
        "bilinear, further": bring_back("bilinear", t_x=0.35, t_y=0.2)}
fig, ax = plt.subplots(figsize=(5, 2.8))
for name, color in zip(runs, ("neutral", "output", "gradient")):
    plotting.curve(ax, range(STEPS), runs[name][0], name, plotting.COLORS[color])
ax.set(xlabel="step", ylabel="loss", ylim=(0, None))
ax.legend()
fig.tight_layout()

remaining = {name: losses[-1] / losses[0] for name, (losses, _) in runs.items()}

# %% tags=["claim"]
assert remaining["nearest"] == 1 and remaining["bilinear"] < 0.2
assert 0.8 < remaining["bilinear, further"] < 1

# %% [markdown]
# One falls, one does not move at all, one stops early. Where have the digits ended up?

# %% mystnb={"image": {"alt": "Six digits: the target, the shifted digit, the result with nearest reading, which has not moved, and the result with bilinear reading, which matches the target; then the digit shifted further, up and to the left, and its result, which has hardly moved."}}
ends = {name: pair for name, (_, pair) in runs.items()}
further = ends["bilinear, further"]
pictures = [digit[0], *ends["nearest"], ends["bilinear"][1], *further]
titles = ["target", "shifted", "→ nearest", "→ bilinear", "further", "→ bilinear"]
fig = plotting.strip(pictures, titles, size=1.1, frame=True)

# %% [markdown]
# With nearest reading nothing ever happens: the loss is high, the gradient is 0. With bilinear reading
# the digit glides home. Nobody told it the shift; it followed 784 little arrows, each weighted by how
# much the loss wants its pixel brighter or darker.
#
# But the arrows are short-sighted. Each knows four pixels and no more. From further away, in the same
# direction, the descent soon stops, in a place a little better than those around it. None of the arrows knows
# of the far better one beyond. (How far is too far depends on the digit and on the direction: roughly the width
# of a stroke.)
#
# Training a spatial transformer is the same descent, with two differences. Nobody has the target
# picture: the classifier behind the transformer says which pixels should be brighter. And it runs over
# many images, with one network that proposes $\theta$ for all of them.
#
# ## Kinks on the lattice
#
# One thing in (7) deserves suspicion: the slope along x jumps when x crosses a whole number. What is the
# derivative *at* a whole number? There is none. There is one from the left and one from the right. (The pixel
# centres form a **lattice**; on it both x and y are whole, and both slopes jump.) Ask everybody at $x = 1$:

# %%
here = V(U, 1, y, k_bilinear)
from_left = (here - V(U, 1 - h, y, k_bilinear)) / h
from_right = (V(U, 1 + h, y, k_bilinear) - here) / h
print(f"from the left {from_left:+.3f}, from the right {from_right:+.3f}")
print(f"autodiff of bilinear {autodiff(bilinear, U, 1.0, y)[1]:+.3f}")
print(f"equation (7), read to the letter {dV_dx(U, 1.0, y):+.3f}")

# %% tags=["claim"]
assert np.isclose(autodiff(bilinear, U, 1.0, y)[1], from_right)

# %% [markdown]
# The vectorised sampler takes the slope from the **right**, because `left = floor(x)` puts a point
# on the lattice into the square to its right. Either side would do. Equation (7), to the letter,
# gives neither: at $x = 1$ both neighbours are at distance 1 and drop out, the pixel itself counts
# with +1, and what is left is the value of the image in place of its slope.
#
# A set of single points; who cares? A spatial transformer does. It starts as the **identity**, and if
# its output is as large as its input, *every* sample is on the lattice, or within rounding of it:

# %%
for size in (28, 42, 60):
    start = np.asarray(affine_grid([[1.0, 0, 0, 0, 1, 0]], (size, size)))
    positions = to_pixels(start[..., 0], size)
    off = np.abs(positions - np.round(positions))
    print(f"{size} pixels: {np.mean(off == 0):.0%} of all x on the lattice,",
          f"the rest within {off.max():.0e}")

# %% [markdown]
# So the very first gradient that such a transformer sees is a one-sided one (from the left where
# rounding fell short of the lattice). That is good enough to learn from: on a slope both sides agree on
# the direction; they disagree only on a peak or in a valley, as at $x = 1$ above. (At the rim of a flat area one
# of the two is 0; that costs little.) But it must not be 0 *everywhere*. Take `ceil(x)` in place of `floor(x) + 1` for the right neighbour, with the weights
# `x - left` and `1 - (x - left)`. On the lattice both neighbours are then the same pixel: the value is
# right, and the gradient is 0. (With `ceil`, our weights `right - x` and `x - left` would both be 0: a
# black pixel, which you would notice.) [JAX had that bug](https://github.com/jax-ml/jax/issues/3024),
# and it took a user whose images were shifted by whole pixels to find it.
#
# ## Under the microscope
#
# Here is a small piece of a digit with one sampling point. Move the point, by hand or with the
# arrow keys, and watch the box, the four weights, the value and the arrow of the gradient. Below,
# the value along a whole row, and its slope.
#
# 1. Move the point across a pixel centre. Which of value and slope jumps?
# 2. Let the point follow the gradient uphill. Where does it end? Then try the same with *nearest*.
# 3. Switch to *bicubic*, a smoother kernel of sixteen neighbours {cite}`keys1981bicubic`. What has
#    become of the jumps?

# %%
SamplerMicroscope()

# %% [markdown]
# Across a centre the value does not jump, but the slope does. The climb usually ends on such a kink, where the slope
# along one axis changes its sign; a brighter pixel may lie further on. With nearest there is no arrow, and the point never starts. With bicubic the slope is
# continuous, for sixteen reads in place of four. (Its weights are partly negative, so a value can leave
# the range of the image.) Most transformers,
# and this book, stay with bilinear.
#
# ## Beyond the border
#
# Where the grid reaches beyond the image there is nothing to read, and something has to be made
# up. Three customs:

# %% mystnb={"image": {"alt": "A digit zoomed out with three paddings. Zeros surround it with black, border smears the edge pixels outwards, reflection surrounds it with mirrored copies."}}
zoom_out = affine_grid([[2.2, 0, 0, 0, 2.2, 0]], (56, 56))
framed = np.clip(digit + 0.25, 0, 1)  # a grey background
paddings = ["zeros", "border", "reflection"]
results = [grid_sample(framed, zoom_out, padding_mode=padding)[0]
           for padding in paddings]
fig = plotting.strip(results, paddings, size=1.8, frame=True)

# %% [markdown]
# The same along the middle row of $U$, from far left to far right of the image:

# %% tags=["hide-input"] mystnb={"image": {"alt": "The value along one row of the 3 by 3 image, read from three pixels before to three pixels after it. Zeros falls to 0 within a pixel, border stays level, reflection mirrors the row."}}
beyond = np.linspace(-3.5, 5.5, 400)
line = np.stack([(2 * beyond + 1) / W - 1, np.zeros_like(beyond)], axis=-1)[None, None]
fig, axes = plt.subplots(3, 1, figsize=(5, 4.6), sharex=True, sharey=True)
for ax, padding in zip(axes, paddings):
    values = grid_sample(images, line, padding_mode=padding)
    ax.axvspan(-0.5, 2.5, color="#dcebf5")
    ax.plot(beyond, np.ravel(values), color=plotting.COLORS["output"], linewidth=2)
    ax.plot(range(W), U[1], "o", color=plotting.COLORS["input"])
    ax.set(ylabel="V", title=padding)
axes[-1].set_xlabel("x in pixels (dots: pixels, band: the image)")
fig.tight_layout()

# %% [markdown]
# `zeros` is the default, and what a transformer on black-background digits wants. Note how it
# *fades*: half a pixel beyond the last centre, half of the weight is on black. `border` repeats
# the edge, `reflection` mirrors the picture. The choice matters for learning, too. `border` is flat from
# the last centre on, `zeros` from one pixel further: a point there gets no pull along x. `reflection`
# still pulls, for the most part, but towards the mirror picture.
#
# ## How exact is the identity?
#
# A transformer that starts as the identity should start by changing *nothing*. How close does the
# sampler come, in 32 bit numbers, for both values of `align_corners`? Noise shows every error; take it in
# several sizes. What is printed is the largest error.

# %%
errors = {}
for size in (28, 60, 224, 1000):
    noise = np.random.default_rng(SEED).random((1, size, size, 1), "float32")
    for align_corners in (False, True):
        same = affine_grid([[1.0, 0, 0, 0, 1, 0]], (size, size), align_corners)
        back = grid_sample(noise, same, align_corners=align_corners)
        errors[size, align_corners] = np.abs(back - noise).max()
        print(f"{size:4} pixels, {align_corners!s:5}: "
              f"{errors[size, align_corners]:.0e}")

# %% tags=["claim"]
assert all(error <= 1e-6 * size and error < 0.1 / 255 for (size, _), error in errors.items())

# %% [markdown]
# Not zero, because most normalised coordinates cannot be stored exactly. (Many of these roundings cancel on the
# way back to pixels, as you saw; these are of those that do not.) But the errors are
# far below one grey level, 1/255. They grow with the size, as the same rounding of a coordinate is
# a larger part of a pixel. stnlib promises a millionth for each pixel along the axis, at most, and its
# tests hold it to that.
#
# ## Three bugs you will meet
#
# Samplers are short, and easy to get almost right. The following mistakes were all made in code
# that many people used. Most give a plausible picture, and the network learns to work around them,
# which is why they survive. The examples use the ruler of `align_corners=True`.
#
# **Bug 1: the last row and column are lost.** The scale from [-1, 1] to pixels is off by one:
# $W - 2$ or $W$ pixels are spanned, where it should be $W - 1$. Test it with a **ramp**, an image
# in which each pixel holds its own column number. Under the identity it must come back as it is.

# %%
ramp = np.tile(np.arange(5.0), (4, 1))
x_t = axis_coordinates(5, align_corners=True)
for span in (4, 3, 5):
    column = (x_t + 1) * span / 2
    first_row = read_at(ramp, column[None], np.zeros((1, 5)))
    print(f"scaled to span {span}:", first_row[0].round(2))

# %% [markdown]
# Only the first line is right. (With `align_corners=False` the span *is* $W$, but then half a pixel has to be
# subtracted. Span $W$ without that fits neither ruler.) Span 3 [shipped in a popular
# STN](https://github.com/kevinzakka/spatial-transformer-network/issues/13): the last column is
# never read, and the rest is stretched to fill its place. Span 5 [shipped in TensorFlow's
# models](https://github.com/tensorflow/models/issues/2016): the picture is squeezed, and the last
# sample falls outside. A ramp shows it at a glance, because its values *are* positions. On a digit
# you would see a slight zoom, if anything.
#
# **Bug 2: weights from clipped neighbours.** To stay inside the image one clips the neighbours'
# indices. Harmless, unless the weights are computed from the clipped indices:

# %%
def clipped_bilinear(U, x, y):
    H, W = U.shape
    left = np.clip(np.floor(x), 0, W - 1).astype(int)
    right = np.clip(np.floor(x) + 1, 0, W - 1).astype(int)
    top = np.clip(np.floor(y), 0, H - 1).astype(int)
    bottom = np.clip(np.floor(y) + 1, 0, H - 1).astype(int)
    upper = (right - x) * U[top, left] + (x - left) * U[top, right]
    lower = (right - x) * U[bottom, left] + (x - left) * U[bottom, right]
    return (bottom - y) * upper + (y - top) * lower


# %% [markdown]
# Test it with an image that is **white** all over. Weights that sum to 1 give white back.

# %% mystnb={"image": {"alt": "Two readings of a white image under the identity. The correct one is white all over, the one with clipped neighbours has a black last row and last column."}}
white = np.ones((4, 5))
columns, rows = np.meshgrid(np.arange(5.0), np.arange(4.0))
broken = clipped_bilinear(white, columns, rows)
good = read_at(white, columns, rows)
fig = plotting.strip([good, broken], ["correct", "clipped weights"],
                     size=1.8, frame=True)

# %% tags=["claim"]
assert broken[-1].max() == broken[:, -1].max() == 0

# %% [markdown]
# The last row and column are black. On the last column `left` and `right` are both clipped to 4,
# so $(right - x)$ and $(x - left)$ are both 0. Outside the image the two weights cancel, so the
# result looks like zero padding, and nobody suspects anything. MNIST's black frame hides the rest.
# Both samplers linked above had this bug, too; in a third, people noticed [a row of
# zeros](https://github.com/skaae/transformer_network/issues/2). The cure is the order in which
# `bilinear` and `read` work: weights from the true neighbours, clipping only for the fetch.
#
# **Bug 3: x and y swapped.** Arrays want the row first, points want x first. Swap them once and
# the identity transposes the picture: one look shows it. Swap them **twice**, in the grid generator
# and in the sampler, and the identity is perfect:

# %%
def swapped(U, theta):
    H, W = U.shape
    axes = axis_coordinates(H, True), axis_coordinates(W, True)
    a, b = np.meshgrid(*axes, indexing="ij")  # the bug: a runs down the rows
    points = np.stack([a, b, np.ones_like(a)], axis=-1) @ theta.T
    # ... and the same bug again: x is taken for y
    y, x = to_pixels(points[..., 0], H, True), to_pixels(points[..., 1], W, True)
    return read_at(U, x, y)


for name, image in {"ramp": ramp, "white": white}.items():
    print(f"identity on {name}:", np.allclose(swapped(image, np.eye(2, 3)), image))

# %% tags=["claim"]
assert all(np.allclose(swapped(test, np.eye(2, 3)), test) for test in (ramp, white))

# %% [markdown]
# Both tests are blind here. What exposes it is a **shift by one pixel along x**, on a picture that is
# neither square nor symmetric, and not black in its last column (for bug 2). One pixel is $2 / (W - 1)$
# units, and every column should show its right neighbour.

# %% mystnb={"image": {"alt": "A 4 by 5 image with a bright L, the same shifted left by one pixel as it should be, and the result of the swapped code, which is shifted upwards instead."}}
letter = np.array([[0, 1, 0, 0, 0.3],
                   [0, 1, 0, 0, 0],
                   [0, 1, 1, 1, 0],
                   [0, 0, 0, 0, 0]])
one_right = np.array([[1, 0, 2 / 4], [0, 1, 0]])
grid = affine_grid(one_right[None], (4, 5), align_corners=True)
good = grid_sample(letter[None, :, :, None], grid, align_corners=True)
good = np.asarray(good)[0]
wrong = swapped(letter, one_right)
fig = plotting.strip([letter, good, wrong], ["input", "correct", "swapped"],
                     size=1.8, frame=True)

# %% tags=["claim"]
assert np.allclose(good[:, :4, 0], letter[:, 1:])
assert not np.allclose(wrong[:, :4], letter[:, 1:])

# %% [markdown]
# The swapped code moves the L up, not left (and by less than a pixel, because a unit of y is fewer
# pixels here). The single swap, which transposes even the identity, was in
# [deformable-attention](https://github.com/lucidrains/deformable-attention/pull/7), in the order
# of `meshgrid`, and in the identity grid of
# [VoxelMorph](https://github.com/voxelmorph/voxelmorph/pull/652). The double swap hides better, for
# a network that learns $\theta$ can learn the swapped numbers. You mind as soon as you read
# $\theta$, set it by hand, or load someone else's weights.
#
# Three tests, three bugs. Which test catches which? Give every sampler the same form, image and
# $\theta$ in, image out. `swapped` has it already.

# %%
def points(U, theta):
    grid = np.asarray(affine_grid(theta[None], U.shape, align_corners=True))
    return grid[0, ..., 0], grid[0, ..., 1]


def spanning(more):
    def sampler(U, theta):
        (x, y), (H, W) = points(U, theta), U.shape
        return read_at(U, (x + 1) * (W + more) / 2, (y + 1) * (H + more) / 2)
    return sampler


def clipped(U, theta):
    (x, y), (H, W) = points(U, theta), U.shape
    return clipped_bilinear(U, to_pixels(x, W, True), to_pixels(y, H, True))


# %% [markdown]
# Then let the machine fill in the table, with bug 1 in both of its forms.

# %%
def verdicts(sampler):
    shifted = sampler(letter, one_right)[:, :4]
    return [np.allclose(sampler(ramp, np.eye(2, 3)), ramp),
            np.allclose(sampler(white, np.eye(2, 3)), white),
            np.allclose(shifted, letter[:, 1:])]


samplers = {"span W - 2": spanning(-2), "span W": spanning(0), "clipped": clipped,
            "swapped": swapped, "span W - 1": spanning(-1)}
table = np.array([verdicts(sampler) for sampler in samplers.values()])
print("            ramp   white  shift")
for name, row in zip(samplers, np.where(table, "ok", "fails")):
    print(f"{name:11}", "  ".join(f"{word:5}" for word in row))

# %% tags=["claim"]
assert table[-1].all()
assert not table[:-1, 2].any()

# %% [markdown]
# Only the last sampler, which spans the right $W - 1$, passes. The shift fails for every bug, so if
# you write one test only, write that one. The ramp and the white image then narrow it down. (`span W` and
# `clipped` look alike here, for both lose the last row and column.) And the usual test, the identity on
# some picture, misses the swap. Run all three on any sampler before you trust it, your own included. (With
# `align_corners=False` one pixel is $2 / W$ units; change the shift accordingly.)
#
# ## Recap
#
# - You compared two readers. **Nearest** is a staircase: no slope, so a point cannot learn where to go.
#   **Bilinear** has a slope almost wherever its four pixels differ, and looks no further than these.
# - You turned the paper's equations into code: (3) is a weighted sum over pixels; (4) and (5) fill
#   in the kernel; (6) is the weight itself; (7) adds the pixels on one side and subtracts those on
#   the other.
# - You wrote the sampler for a batch, four reads weighted by four **areas**, and checked it
#   against the loop.
# - You derived the gradient and had it confirmed by two witnesses. On the lattice, where a
#   transformer that keeps the size starts, it is **one-sided**.
# - You saw `zeros`, `border` and `reflection` beyond the edge, and exposed three bugs with **ramp,
#   white and shift**.
#
# All parts are on the table: a network that proposes $\theta$, a generator that lays out the grid,
# a sampler that reads it and sends gradients back. In {doc}`chapter 6 <06_training>` they become one Keras
# layer, and it learns to straighten digits by itself.
#
# ## Exercises
#
# :::{exercise} By hand
# :label: ex-sampler-by-hand
#
# With pencil and paper: the value of $U$ at $x = 0.25$, $y = 1.5$. First the four weights as
# areas, then the sum. Which way is brighter from there, right or left?
# :::
#
# :::{solution-start} ex-sampler-by-hand
# :class: dropdown
# :::
#
# The neighbours are columns 0 and 1 of rows 1 and 2. Along x the weights are 0.75 and 0.25, along
# y they are 0.5 and 0.5. Their products are the areas: top left, top right, bottom left, bottom right. The
# slope along x is the mean of the right pixels less the mean of the left ones.

# %%
areas = np.outer([0.5, 0.5], [0.75, 0.25])
print("weights", areas.ravel(), " value", (areas * U[1:, :2]).sum())
print("slope along x", dV_dx(U, 0.25, 1.5), "- to the right it gets",
      "brighter" if dV_dx(U, 0.25, 1.5) > 0 else "darker")

# %% tags=["claim"]
assert np.isclose((areas * U[1:, :2]).sum(), V(U, 0.25, 1.5, k_bilinear))

# %% [markdown]
# :::{solution-end}
# :::
#
# :::{exercise} What nearest can teach
# :label: ex-sampler-nearest
#
# Nearest reading gives no gradient for $\theta$. Does it give one for the image? Could you train a
# network *in front of* a nearest sampler whose grid is fixed?
# :::
#
# :::{solution-start} ex-sampler-nearest
# :class: dropdown
# :::
#
# Ask automatic differentiation.

# %%
nearest_U, nearest_x, nearest_y = autodiff(nearest, U, 1.3, 0.6)
print("for the image:\n", nearest_U, "\nfor the point:", nearest_x, nearest_y)

# %% [markdown]
# The pixel that was read gets all of the gradient, so layers in front of the sampler can learn.
# The point gets 0, so the localization network cannot.
#
# :::{solution-end}
# :::
#
# :::{exercise} Stripes that are not there
# :label: ex-sampler-alias
#
# Bilinear reading looks at four pixels, however far apart the sampling points are. Make an image of fine
# stripes, 64 pixels wide, with a bright one every 3.6 pixels (a cosine). Shrink it to 16 pixels and look at
# the result. How would you mend it with one Keras layer?
# :::
#
# :::{solution-start} ex-sampler-alias
# :class: dropdown
# :::
#
# Blur first: average pooling makes each pixel the mean of a block, here of 4 by 4.

# %%
wave = 0.5 + 0.5 * np.cos(2 * np.pi * np.arange(64, dtype="float32") / 3.6)
stripes = np.tile(wave, (64, 1))[None, :, :, None]
small = affine_grid([[1.0, 0, 0, 0, 1, 0]], (16, 16))
direct = np.asarray(grid_sample(stripes, small))[0]
blurred = keras.layers.AveragePooling2D(4)(stripes)
pooled = np.asarray(grid_sample(blurred, small))[0]

# %% mystnb={"image": {"alt": "Fine vertical stripes, their direct reduction, which shows broad stripes that do not exist, and the reduction after average pooling, which is nearly an even grey."}}
strip = [stripes[0], direct, pooled]
plotting.strip(strip, ["fine", "direct", "pooled"], size=1.8)
print(f"contrast: direct {np.ptp(direct):.2f}, pooled {np.ptp(pooled):.2f}")

# %% tags=["claim"]
assert np.ptp(pooled) < 0.25 * np.ptp(direct)

# %% [markdown]
# The direct reduction shows broad stripes that are not in the image. This is **aliasing**; pooling leaves
# little of it. So a transformer that shrinks what it reads, a large photo for instance, needs a blurred
# copy to read from, or must read more points than it needs and pool them.
# {doc}`Chapter 7 <07_clutter>` compares the two.
#
# :::{solution-end}
# :::
