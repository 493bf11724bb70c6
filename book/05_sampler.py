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
# Mix the four nearest pixels, each weighted by how close it is. With this **bilinear** sampling, the value changes
# gradually as the point moves, and that slope lets a network learn where to look. Here you build the sampler, follow
# the gradient through it, and see a class label alone move a shifted digit closer to its place.
#
# After this chapter you can
#
# - say why bilinear sampling teaches a network where to look, and nearest sampling does not;
# - write a sampler for whole batches, and check it against a loop;
# - derive its gradient, and follow it from the loss to $\theta$;
# - choose what lies beyond the border.

# %% tags=["remove-input"] mystnb={"figure": {"caption": "This chapter builds the sampler: it reads the image at the grid's points, and lets the gradient through to the grid.", "name": "fig-pipeline-sampler"}}
from stnlib.pipeline import pipeline

pipeline(lit="sampler")

# %% [markdown]
# Here is a piece of a digit with one sampling point in it. Drag the point and watch how the four weights and the value
# follow. Then let it follow the arrow until it stops, and try the same with *nearest*: there is no arrow to follow.
# (*Bicubic* weights sixteen pixels instead of four.)

# %%
from stnlib.widgets import SamplerMicroscope

SamplerMicroscope()

# %% [markdown]
# ## Four weights, four areas
#
# Take an image $U$ of 3 × 3 pixels and the point $x = 1.3$, $y = 0.6$, in pixels: whole numbers are pixel centres. Lay a
# box of the size of one pixel around the point. It covers a part of each of the four neighbours, and **the areas of the
# parts are the weights**.

# %% tags=["hide-input"]
import keras
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf
from IPython.display import Markdown
from keras import ops

from stnlib import affine_grid, datasets, grid_sample, models, plotting, training
from stnlib.grid import axis_coordinates
from stnlib.sampling import to_pixels

plotting.use_style()

# %%
SEED = 0
U = np.array([[1.0, 2.0, 4.0], [3.0, 8.0, 6.0], [5.0, 7.0, 9.0]])
H, W = U.shape
x, y = 1.3, 0.6

# %% tags=["hide-input"] mystnb={"figure": {"caption": "The parts of the orange box are the weights. The box is one pixel wide and high and lies around the sampling point (cross); the number in each part is its area, the number in the corner is the pixel's value. Only the four pixels of the 3 × 3 image that the box touches are drawn.", "name": "fig-05-areas"}, "image": {"alt": "The four pixels 2, 4, 8 and 6 with an orange box, one pixel wide and high, around the sampling point. It overlaps all four; each overlap is labelled with its area, which is the weight of that pixel."}}
fig, ax = plt.subplots(figsize=(3.8, 3.6))
ax.imshow(U, cmap="gray", vmin=0, vmax=10)
for n, m in np.ndindex(2, 2):
    m += 1
    lower, upper = np.maximum([m, n], [x, y]) - 0.5, np.minimum([m, n], [x, y]) + 0.5
    part = plt.Rectangle(lower, *(upper - lower), facecolor=plotting.COLORS["grid"], edgecolor="black", linewidth=1.5)
    ax.add_patch(part)
    area = f"{np.prod(upper - lower):.2f}"
    ax.text(*(lower + upper) / 2, area, ha="center", va="center", fontsize=10, color="black")
    ink = "black" if U[n, m] > 4.5 else "white"
    place = m + 0.72 * (m - 1.5), n + 0.6 * (n - 0.5)
    ax.text(*place, f"{U[n, m]:g}", ha="center", va="center", fontsize=15, color=ink)
ax.plot(x, y, "X", color="white", markersize=11, markeredgecolor="black")
ax.set(xlim=(0.5, 2.5), ylim=(1.5, -0.5), xticks=[1, 2], yticks=[0, 1], xlabel="x (column m)", ylabel="y (row n)")
fig.tight_layout()

# %% [markdown]
# The largest part lies on the 8, so the 8 counts most. Slide the box to the right: what the left pixels lose, the right
# ones gain, at a steady rate.
#
# ## A box or a tent
#
# The paper writes every sampler as one sum {cite}`jaderberg2015stn`. Each pixel counts with a weight that depends only on
# its distance along x and its distance along y, by a **kernel** $k$:
#
# $$
# V = \sum_{n=0}^{H-1} \sum_{m=0}^{W-1} U_{nm}\, k(x - m)\, k(y - n) \tag{3}
# $$
#
# shapes: $U$ `(H, W)`, $x$ and $y$ `()` → $V$ `()`
#
# (Equations are numbered as in the paper.) Nearest sampling has a box for a kernel, bilinear sampling a tent. The same
# formula applies to every output pixel and channel.

# %%
def V(U, x, y, k):
    H, W = U.shape
    return sum(U[n, m] * k(x - m) * k(y - n)
               for n in range(H) for m in range(W))


def box(d):
    return float(-0.5 <= d < 0.5)


def tent(d):
    return max(0.0, 1 - abs(d))


print(f"nearest {V(U, x, y, box):.2f}, bilinear {V(U, x, y, tent):.2f}")

# %% tags=["hide-input"] mystnb={"figure": {"caption": "The tent has a slope, the box has none. Left: both kernels. Right: the value read along the row y = 0.6 of the 3 × 3 image. Between its jumps the staircase of the box is flat, so moving the point changes nothing.", "name": "fig-05-kernels"}, "image": {"alt": "Two panels. Left, the box, 1 between minus a half and a half, and the tent, which rises from 0 at minus 1 to 1 at 0 and falls to 0 at 1. Right, the value along a row: a staircase for the box, a continuous line with corners at the pixel centres for the tent."}}
fig, axes = plt.subplots(1, 2, figsize=(7.5, 2.8))
styles = {"nearest": (box, "--", "neutral"), "bilinear": (tent, "-", "output")}
for ax, places in zip(axes, (np.linspace(-1.5, 1.5, 601), np.linspace(0.001, 1.999, 601))):
    for name, (k, line, color) in styles.items():
        values = [k(d) if ax is axes[0] else V(U, d, y, k) for d in places]
        ax.plot(places, values, line, color=plotting.COLORS[color], label=name)
axes[0].set(xlabel="distance d in pixels", ylabel="weight k(d)", ylim=(None, 1.3))
axes[0].text(0.55, 0.75, "box: nearest", color=plotting.COLORS["neutral"])
axes[0].text(0, 1.08, "tent: bilinear", color=plotting.COLORS["output"], ha="center")
axes[1].set(xlabel="x in pixels", ylabel="value V", xticks=[0, 1, 2])
fig.tight_layout()

# %% [markdown]
# So with the box the gradient is 0 almost everywhere. With the tent, it says which way is brighter wherever neighbouring
# pixels differ.
#
# ## From a loop to a batch
#
# Most terms of the sum are 0, so the batched form reads only the four neighbours, for all points of all images at once:
# four reads, weighted by four areas. `read`, hidden below, fetches the pixels at whole-number positions, and 0 outside
# the image.

# %% tags=["hide-input", "listing:stnlib.sampling.read"] mystnb={"code_prompt_show": "Show read"}
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
# The two `clip` lines bring far-away points to just outside the image. On random points, many of them outside, the batched
# form agrees with the loop:

# %% tags=["hide-input"] mystnb={"code_prompt_show": "Show the comparison with the loop"}
images = ops.convert_to_tensor(U[None, :, :, None], "float32")


def read_at(U, x, y, core=bilinear):
    """Read one image (H, W) at points (H', W')."""
    inputs = U[None, :, :, None], x[None], y[None]
    tensors = [ops.convert_to_tensor(a, "float32") for a in inputs]
    return np.asarray(core(*tensors))[0, ..., 0]


def loop(U, xs, ys, k):
    values = [V(U, x, y, k) for x, y in zip(xs.ravel(), ys.ravel())]
    return np.reshape(values, xs.shape)


random = np.random.default_rng(SEED).uniform(-2, 4, size=(2, 5, 5))
difference = np.abs(read_at(U, *random) - loop(U, *random, tent)).max()
print(f"largest difference from the loop {difference:.0e}")
assert difference < 1e-5

# %% [markdown]
# The nearest sampler, hidden below, rounds and reads once. The library's `grid_sample` converts the grid to pixel units,
# deals with the border, and calls one of the two.

# %% tags=["hide-input", "listing:stnlib.sampling.nearest"] mystnb={"code_prompt_show": "Show nearest"}
def nearest(images, x, y):
    _, height, width, _ = ops.shape(images)
    column = ops.round(ops.clip(x, -1, ops.cast(width, x.dtype)))
    row = ops.round(ops.clip(y, -1, ops.cast(height, y.dtype)))
    place = (column + row)[..., None]
    return ops.where(ops.isnan(place), place, read(images, column, row))


# %% tags=["hide-input"] mystnb={"code_prompt_show": "Show its comparison with the loop"}
assert np.array_equal(read_at(U, *random, core=nearest), loop(U, *random, box))

# %% [markdown]
# ## The gradient
#
# To minimise a loss $\mathcal{L}$, its gradient must pass through the sampler, along two paths: to the image, and to the
# sampling point, from there to the grid and to $\theta$.
#
# **To the image**, the derivative is the weight of the pixel, since $V$ is a weighted sum.
#
# **To the point**, it is the sum (3) with the tent's *slope* in place of one tent:
#
# $$
# \begin{aligned}
# \frac{\partial V}{\partial x} &= \sum_{n} \sum_{m} U_{nm}\, k'(x - m)\, k(y - n) \\
# k'(d) &= \begin{cases} 0 & |d| \ge 1 \\ 1 & -1 < d \le 0 \\ -1 & 0 < d < 1 \end{cases}
# \end{aligned} \tag{7}
# $$
#
# shapes: $U$ `(H, W)`, $x$ and $y$ `()` → $\partial V / \partial x$ `()`
#
# A pixel to the right of the point counts with +1, since moving right increases its weight; a pixel to the left counts with
# −1. $\partial V / \partial y$ is the same with x and y swapped.

# %%
def tent_slope(d):
    if abs(d) >= 1:
        return 0
    return 1 if d <= 0 else -1


def dV_dx(U, x, y):
    return sum(U[n, m] * tent_slope(x - m) * tent(y - n)
               for n, m in np.ndindex(U.shape))


def dV_dy(U, x, y):
    return dV_dx(U.T, y, x)


# %% [markdown]
# Automatic differentiation of the batched `bilinear`, which is what training uses, agrees:

# %% tags=["hide-input"] mystnb={"code_prompt_show": "Show the comparison"}
def autodiff(core, U, x, y):
    inputs = U[None, ..., None], [[[x]]], [[[y]]]
    inputs = [tf.constant(value, "float64") for value in inputs]
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        value = core(*inputs)
    gradients = tape.gradient(value, inputs, unconnected_gradients="zero")
    return [np.squeeze(gradient) for gradient in gradients]  # U, x, y


auto_U, auto_x, auto_y = autodiff(bilinear, U, x, y)
print("by hand ", np.round([dV_dx(U, x, y), dV_dy(U, x, y)], 6))
print("autodiff", np.round([auto_x, auto_y], 6))
print("for the image:\n", auto_U.round(2))

# %% tags=["claim"]
assert np.allclose([auto_x, auto_y], [dV_dx(U, x, y), dV_dy(U, x, y)])
four = np.outer([0.4, 0.6], [0.7, 0.3])
assert np.allclose(auto_U[:2, 1:], four) and np.isclose(auto_U.sum(), 1)

# %% [markdown]
# The gradient for the image is the four areas of {numref}`fig-05-areas`. The gradient for the point, drawn as an arrow,
# points uphill ({numref}`fig-05-arrows`).

# %% tags=["hide-input"] mystnb={"figure": {"caption": "The gradient of the value points towards brighter pixels. The 3 × 3 image, drawn darker than above and read bilinearly between its pixel centres; the arrows start at the dots and are long where the value is steep.", "name": "fig-05-arrows"}, "image": {"alt": "The 3 by 3 image read bilinearly at high resolution, as a smooth landscape of grey, with the nine pixel values and sixteen vermilion arrows. Each arrow points towards brighter values."}}
fine = np.linspace(-0.25, 2.25, 101)
surface = read_at(U, *np.meshgrid(*[fine.clip(0, 2)] * 2))
fig, ax = plt.subplots(figsize=(3.8, 3.8))
ax.imshow(surface, cmap="gray", extent=(-0.25, 2.25, 2.25, -0.25), vmin=0, vmax=22)  # dark enough for arrows
points = [(px, py) for px in np.arange(0.25, 2, 0.5) for py in np.arange(0.25, 2, 0.5)]
arrows = [(dV_dx(U, *point), dV_dy(U, *point)) for point in points]
ax.plot(*np.transpose(points), ".", color=plotting.COLORS["gradient"], ms=6)
ax.quiver(*np.transpose(points), *np.transpose(arrows), angles="xy", color=plotting.COLORS["gradient"], scale=52)
for (row, column), value in np.ndenumerate(U):
    ax.text(column, row, f"{value:g}", ha="center", va="center", color="white", fontsize=13, zorder=5)
ax.set(xticks=range(3), yticks=range(3), xlabel="x in pixels", ylabel="y in pixels")
fig.tight_layout()

# %% [markdown]
# If increasing $V$ lowers the loss, gradient descent moves the sampling point along the arrow, otherwise against it. But no
# point moves alone: all share $\theta$, so $\theta$ gets the sum of their gradients. The shift $\theta_{13}$ moves all points
# alike, so its gradient is the plain sum:
#
# $$
# \frac{\partial \mathcal{L}}{\partial \theta_{13}}
# = \sum_i \frac{\partial \mathcal{L}}{\partial V_i}\, \frac{\partial V_i}{\partial x_i}\, \frac{W}{2}
# $$
#
# shapes: $V_i$ and $x_i$ `(B, H', W')` → `(B,)`
#
# The factor is there because $\theta$ counts in grid units, from −1 to 1 across the image: one is $\frac{W}{2}$ pixels. For
# our point:

# %%
print(f"{dV_dx(U, x, y):.2f} per pixel, {dV_dx(U, x, y) * W / 2:.2f} per grid unit")

# %% [markdown]
# $\theta_{23}$ gets the same with y and $\frac{H}{2}$; the other four entries weight each point by its position (last exercise).
#
# ## Gradient descent moves a digit
#
# A 2 was shifted, and gradient descent on $\theta_{13}$ and $\theta_{23}$ has to bring it back. The loss is the squared
# difference from the original; the other four numbers stay at the identity.

# %%
def descend(shifted, loss_of, rate, steps=40, mode="bilinear"):
    theta = tf.Variable([[1.0, 0, 0, 0, 1, 0]] * len(shifted))
    losses = []
    for _ in range(steps):
        with tf.GradientTape() as tape:
            grid = affine_grid(theta, (28, 28))
            loss = loss_of(grid_sample(shifted, grid, mode=mode))
        gradient = tape.gradient(loss, theta, unconnected_gradients="zero")
        theta.assign_sub(rate * gradient * [[0, 0, 1, 0, 0, 1]])
        losses.append(float(loss))
    return losses, theta.numpy()


# %% tags=["hide-input"] mystnb={"figure": {"caption": "With bilinear sampling the 2 moves back onto its outline (orange), with nearest sampling it never moves. Left: the 2, shifted by 2.1 pixels to the left, and the output after 40 steps with each sampler. Right: the 2, shifted by 4.9 pixels to the left and 2.8 up. From so far away, bilinear sampling doesn't bring it back, either.", "name": "fig-05-descent"}, "image": {"alt": "Five pictures of a 2, each with the outline of the original. Shifted a little: beside the outline. After descent with nearest: still there. With bilinear: on the outline. Shifted further: well beside the outline. After descent with bilinear: still beside it."}}
def shifted_by(images, x, y):
    theta = [[1.0, 0, x, 0, 1, y]] * len(images)
    return grid_sample(images, affine_grid(theta, (28, 28)))


def difference_from_digit(output):
    return tf.reduce_mean((output - digit) ** 2)


data = datasets.load()
digit = data.x_train[data.y_train == 2][:1]
near, far = shifted_by(digit, 0.15, 0), shifted_by(digit, 0.35, 0.2)
remains, panels = {}, [("shifted", near)]
for name, start, mode in (("nearest", near, "nearest"), ("bilinear", near, "bilinear"), ("from far", far, "bilinear")):
    losses, found = descend(start, difference_from_digit, 0.06, mode=mode)
    remains[name] = losses[-1] / losses[0]
    panels += [("shifted far", far)] if name == "from far" else []
    panels.append((f"40 steps,\n{mode}", grid_sample(start, affine_grid(found, (28, 28)), mode=mode)))
fig = plotting.strip([np.asarray(panel)[0] for _, panel in panels], [title for title, _ in panels], size=1.25)
for ax in fig.axes:
    ax.contour(digit[0, ..., 0], levels=[0.5], colors=plotting.COLORS["grid"], linewidths=1.2)

# %% tags=["hide-input"]
left = {name: "under 0.5%" if share < 0.005 else f"{share:.0%}" for name, share in remains.items()}
Markdown(
    f"After 40 steps the loss is {left['bilinear']} of what it was at the start with *bilinear*, {left['nearest']} with "
    f"*nearest*, and {left['from far']} from far away. A point's gradient depends on its four pixels only: far away, it carries "
    "no information about the target. Training gets further: what a network learns from digits near enough carries "
    "over to others; chapter 6's corrects most of a shift this large."
)

# %% tags=["claim"]
assert remains["nearest"] == 1 and remains["bilinear"] < 0.2
assert 0.8 < remains["from far"] < 1

# %% [markdown]
# ## How a label alone moves theta
#
# In training there is no original picture to compare with, only a label, and a classifier behind the transformer. That
# is enough to bring a digit closer. Train a classifier on upright digits (chapter 2's FCN), freeze it, and let the
# cross-entropy of its prediction be the loss.

# %% tags=["hide-input"] mystnb={"code_prompt_show": "Show the classifier"}
training.set_seed(SEED)
classifier = training.compile(models.fcn())
history = training.fit(classifier, data.x_train[:4000], data.y_train[:4000], 10)
crossentropy = keras.losses.SparseCategoricalCrossentropy(True, reduction="sum")


def loss_for(labels):
    return lambda output: crossentropy(labels, classifier(output))


# %% [markdown]
# Now shift 200 test digits, each by a different amount, and run the descent for each ({numref}`fig-05-label`).

# %% tags=["hide-input"] mystnb={"code_prompt_show": "Show the 200 descents"}
labels = data.y_test[:200]
moves = np.tile([[1.0, 0, 0, 0, 1, 0]], (200, 1)).astype("float32")
moves[:, [2, 5]] = np.random.default_rng(SEED).uniform(-0.25, 0.25, (200, 2))
shifted = grid_sample(data.x_test[:200], affine_grid(moves, (28, 28)))

theta = tf.Variable([[1.0, 0, 0, 0, 1, 0]] * 200)
with tf.GradientTape() as tape:
    grid = affine_grid(theta, (28, 28))
    loss = loss_for(labels)(grid_sample(shifted, grid))
for_points, for_theta = map(np.asarray, tape.gradient(loss, [grid, theta]))
total = for_points.sum(axis=(1, 2))
np.testing.assert_allclose(total, for_theta[:, [2, 5]], rtol=1e-3, atol=1e-3)

_, found = descend(shifted, loss_for(labels), rate=0.002)
straightened = grid_sample(shifted, affine_grid(found, (28, 28)))
before = 14 * np.linalg.norm(moves[:, [2, 5]], axis=1)  # pixels
after = 14 * np.linalg.norm(moves[:, [2, 5]] + found[:, [2, 5]], axis=1)

# %% tags=["hide-input"] mystnb={"figure": {"caption": "From its label alone, the digit moves closer to its place (orange outline), which the loss never sees. Left: shifted, and misclassified. Middle, zoomed out: the window moves from the dashed frame to the green one, and starts along the thick arrow. That is the sum over all points of the way that each would go to lower the loss, at the first step; the thin arrows show this way for eight of the strongest. Right: what the green frame shows, classified correctly.", "name": "fig-05-label"}, "image": {"alt": "Three pictures. A shifted digit that is misclassified, beside the outline of where it was; the digit with eight thin arrows at its strokes, a thick arrow for the direction of the sum, and two frames, a dashed one and a green one that is shifted against it; the digit near the outline, classified correctly."}}
chances = [training.probabilities(classifier, images) for images in (shifted, straightened)]
first, last = (chance.argmax(axis=1) == labels for chance in chances)
one = np.argmax(np.where(~first & last, before - after, 0))
titles = [f"a {labels[one]}, predicted {chance[one].argmax()} ({chance[one].max():.0%})" for chance in chances]

fig, axes = plt.subplots(1, 3, figsize=(7, 2.7))
plotting.show(axes[0], shifted[one], titles[0])
plotting.show(axes[1], np.pad(0.6 * np.asarray(shifted[one, ..., 0]), 4), "the points, and the window")
plotting.show(axes[2], straightened[one], titles[1])
for ax in (axes[0], axes[2]):
    ax.contour(data.x_test[one, ..., 0], levels=[0.5], colors=plotting.COLORS["grid"], linewidths=1.2)
strength, chosen = np.linalg.norm(for_points[one], axis=-1), []
for place in np.transpose(np.unravel_index(np.argsort(-strength, axis=None), strength.shape)):
    if len(chosen) < 8 and all(np.hypot(*(place - other)) > 4 for other in chosen):
        chosen.append(place)
rows, columns = np.transpose(chosen)
ways = -for_points[one][rows, columns] / strength[rows, columns, None] * 6
points = {"angles": "xy", "scale_units": "xy", "scale": 1, "color": plotting.COLORS["gradient"], "width": 0.014}
axes[1].quiver(columns + 4, rows + 4, *ways.T, **points)
step = -total[one] / np.linalg.norm(total[one]) * 7
sum_arrow = {"arrowstyle": "-|>", "color": plotting.COLORS["output"], "lw": 3, "mutation_scale": 15}
axes[1].annotate("", 17.5 + step, (17.5, 17.5), arrowprops=sum_arrow)
for move, line in ((np.zeros(2), {"ls": "--", "ec": "white"}), (found[one, [2, 5]], {"ec": plotting.COLORS["output"]})):
    axes[1].add_patch(plt.Rectangle(3.5 + 14 * move, 28, 28, fill=False, lw=1.8, **line))
fig.tight_layout()

# %% tags=["hide-input"]
Markdown(
    f"The 200 digits were shifted by {before.mean():.1f} pixels on average. After 40 steps they are {after.mean():.1f} "
    f"pixels from their place, {np.mean(after < before):.0%} of them closer than before, and the frozen classifier's accuracy "
    f"on them rises from {first.mean():.0%} to {last.mean():.0%}. The loss never saw the shift, only the correct "
    "label, so this is not a test accuracy."
)

# %% tags=["claim"]
assert after.mean() < 0.75 * before.mean()
assert np.mean(after < before) > 0.8 and last.mean() > first.mean()

# %% [markdown]
# Do it step by step with a rotated digit. The window has a *pose* here, an angle and two shifts; the *pulls* are the
# negative gradients of the points, the thin arrows of {numref}`fig-05-label`. The classifier here is linear, so that
# $\partial \mathcal{L} / \partial V$ is easy to read: a weighted sum of the classifier's ten weight images.

# %%
from stnlib.widgets import PoseGradient

PoseGradient()

# %% [markdown]
# This is what "learning from labels" means for $\theta$. A spatial transformer does the same, with two differences: the
# classifier is trained jointly, and one network predicts $\theta$ for all images, even those without a label.
#
# ## Beyond the border
#
# Where the grid reaches beyond the image, the sampler has to make up a value. The library has three ways.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Outside the image, zeros fade to black within a pixel, border repeats the edge, reflection mirrors the picture. Top: a digit on stripes, zoomed out; the frame is the image's edge. Bottom: the value along the middle row of the 3 × 3 image; dots are its pixels, the band is the image.", "name": "fig-05-border"}, "image": {"alt": "A digit zoomed out with three paddings: zeros surround it with black, border draws the striped edge out into straight bars, reflection surrounds it with mirrored copies. Below, the value along one row of the 3 by 3 image: zeros falls to 0 within a pixel, border stays level, reflection mirrors the row."}}
zoom_out = affine_grid([[2.2, 0, 0, 0, 2.2, 0]], (56, 56))
stripes = 0.25 + 0.2 * np.cos(2 * np.pi * np.add.outer(np.arange(28), np.arange(28)) / 7)
framed = np.maximum(digit, stripes[None, :, :, None].astype("float32"))
beyond = np.linspace(-3.5, 5.5, 400)
line = np.stack([(2 * beyond + 1) / W - 1, np.zeros_like(beyond)], axis=-1)[None, None]
fig, axes = plt.subplots(2, 3, figsize=(7.5, 4), height_ratios=[2, 1], sharey="row")
for (above, below), padding in zip(axes.T, ("zeros", "border", "reflection")):
    plotting.show(above, grid_sample(framed, zoom_out, padding_mode=padding)[0], padding)
    edge = 56 / 2.2  # pixels of the output
    above.add_patch(plt.Rectangle([27.5 - edge / 2] * 2, edge, edge, fill=False, ec=plotting.COLORS["grid"], lw=1.2))
    below.axvspan(-0.5, 2.5, color=plotting.COLORS["input"], alpha=0.15, lw=0)
    below.plot(beyond, np.ravel(grid_sample(images, line, padding_mode=padding)), color=plotting.COLORS["output"])
    below.plot(range(W), U[1], "o", ms=4, color=plotting.COLORS["input"])
    below.set_xlabel("x in pixels")
axes[1, 0].set_ylabel("value V")
fig.tight_layout()

# %% tags=["claim"]
spots = np.array([2.1, 2.4, 2.6, 2.9, 3.2, 3.4])
across = np.stack([(2 * spots + 1) / W - 1, np.zeros_like(spots)], axis=-1)[None, None]
outside = {name: np.diff(np.ravel(grid_sample(images, across, padding_mode=name))) for name in ("zeros", "border", "reflection")}
assert np.allclose(outside["border"], 0, atol=1e-5) and np.allclose(outside["zeros"][4], 0, atol=1e-5)
assert np.all(np.abs(outside["zeros"][:3]) > 0.1)
assert np.allclose(outside["reflection"][:3], 0, atol=1e-5) and abs(outside["reflection"][4]) > 0.1
at_centre = autodiff(bilinear, U, 1, 1)
assert np.isclose(at_centre[1], U[1, 2] - U[1, 1]) and np.isclose(at_centre[2], U[2, 1] - U[1, 1])
assert dV_dx(U, 1, 1) == dV_dy(U, 1, 1) == U[1, 1]

# %% [markdown]
# `zeros` is the default, and the right choice for digits on black. The choice matters for learning: where the curve is
# flat, a point gets no gradient along x. `border` is flat from the last centre on, `zeros` from one pixel further,
# `reflection` only between an edge pixel and its mirror image; beyond, its gradient often points to the mirrored digit.
#
# :::{dropdown} Details: the paper's equations, and the samplers' edge cases
# The paper's (4) and (5) are the sum (3) with the box and the tent. (4) rounds a tie, halfway between two pixels, up;
# PyTorch and `nearest` round it to the even pixel. (6), the gradient for the image, is printed with a double sum in front
# of the product, but that would be the sum of all weights: the derivative for one pixel is a single term. With several
# channels, the gradient for the image holds for each by itself, and the one for the point sums over them.
#
# `read` lays the batch out as one long list, in which the pixel in row $i$ and column $j$ of image $b$ has the number
# $(bH + i)W + j$. Without the `clip` in `bilinear`, an infinite coordinate would give infinity times 0. A training that
# diverges makes $\theta$ NaN; the last lines of `nearest` pass that on.
# :::
#
# :::{dropdown} Details: on the pixel centres
# At a whole number the slope jumps: there is one from the left and one from the right. `bilinear` takes the one from the
# right, since `floor(x)` puts the point into the square to its right; (7) would count only the pixel under the point. A transformer that starts as the identity, with
# an output as large as its input, has *all* its points on pixel centres, or within rounding of them. {doc}`five_bugs` has
# a sampler whose slope on the centres is 0. With *bicubic*
# {cite}`keys1981bicubic` the slope has no jumps, for sixteen reads instead of four; its weights are partly negative, so a
# value can leave the range of the image.
# :::
#
# ## Recap
#
# - **Bilinear, not nearest**: the box has no slope, so a point cannot learn where to go; the tent has one wherever its four
#   pixels differ.
# - **For batches**: four reads, weighted by four areas.
# - **Gradient**: for the image it is the weight, for the point the pixels on one side minus those on the other. $\theta$
#   gets the sum over all points, and a loss on the class label is enough to bring a digit closer.
# - **Border**: `zeros` fades, `border` repeats, `reflection` mirrors.
#
# In {doc}`chapter 6 <06_training>` the parts become one Keras layer, and a network learns to predict $\theta$ for every
# image.
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
assert np.isclose((areas * U[1:, :2]).sum(), V(U, 0.25, 1.5, tent))

# %% [markdown]
# :::{solution-end}
# :::
#
# :::{exercise} What nearest can teach
# :label: ex-sampler-nearest
#
# Nearest sampling gives no gradient for $\theta$. Does it give one for the image? Could you train a
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
# Bilinear sampling looks at four pixels, however far apart the sampling points are. Make an image of fine
# stripes, 64 pixels wide, with a bright one every 3.6 pixels (a cosine). Shrink it to 16 pixels and look at
# the result. How would you fix it with one Keras layer?
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

# %% mystnb={"figure": {"caption": "Shrinking without pooling shows stripes that are not in the image. Left: the fine stripes; middle: read directly at 16 pixels; right: pooled first.", "name": "fig-05-aliasing"}, "image": {"alt": "Fine vertical stripes, their direct reduction, which shows broad stripes that do not exist, and the reduction after average pooling, which is nearly an even grey."}}
strip = [stripes[0], direct, pooled]
plotting.strip(strip, ["fine", "direct", "pooled"], size=1.8)
print(f"contrast: direct {np.ptp(direct):.2f}, pooled {np.ptp(pooled):.2f}")

# %% tags=["claim"]
assert np.ptp(pooled) < 0.25 * np.ptp(direct)

# %% [markdown]
# The direct reduction shows broad stripes that are not in the image. This is **aliasing**; pooling leaves little of it. So
# a transformer that shrinks what it reads, a large photo for instance, should read from a blurred copy, or read more points
# than it needs and pool them. {doc}`Chapter 7 <07_clutter>` compares the two.
#
# :::{solution-end}
# :::
#
# :::{exercise} From the points to theta
# :label: ex-sampler-theta
#
# In grid units $x^s = \theta_{11} x^t + \theta_{12} y^t + \theta_{13}$. Let the loss be the sum of nine samples of $U$.
# Compute its gradient for $\theta$ from `dV_dx` and `dV_dy`, and compare with automatic differentiation.
# :::
#
# :::{solution-start} ex-sampler-theta
# :class: dropdown
# :::
#
# The slope along x reaches the first row of $\theta$ times $\frac{W}{2} x^t$, $\frac{W}{2} y^t$ and $\frac{W}{2}$; likewise for
# y, $H$ and the second row.

# %%
theta = np.array([[[0.6, -0.35, 0.1], [0.35, 0.6, -0.05]]])
grid = np.asarray(affine_grid(theta, (3, 3)))[0]
xs, ys = to_pixels(grid[..., 0], W), to_pixels(grid[..., 1], H)

# %%
by_hand = np.zeros((2, 3))
for i, j in np.ndindex(3, 3):
    point = xs[i, j], ys[i, j]
    slope = [dV_dx(U, *point) * W / 2, dV_dy(U, *point) * H / 2]
    by_hand += np.outer(slope, [axis_coordinates(3)[j], axis_coordinates(3)[i], 1])

# %%
parameters = tf.constant(theta, "float32")
with tf.GradientTape() as tape:
    tape.watch(parameters)
    total = tf.reduce_sum(grid_sample(images, affine_grid(parameters, (3, 3))))
automatic = tape.gradient(total, parameters)[0].numpy()
print("by hand", by_hand.round(2), "autodiff", automatic.round(2), sep="\n")
assert np.allclose(automatic, by_hand, rtol=1e-4)

# %% [markdown]
# They agree.
#
# :::{solution-end}
# :::
