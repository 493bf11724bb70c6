# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Can the transformer find the digit and cut it out?
#
# In a photo, the thing you want is somewhere on a large canvas, among other things. In this chapter a network learns
# to find a digit in clutter and cut it out, from class labels alone. {numref}`fig-07-task` shows the goal.

# %% tags=["hide-input"]
from functools import partial

import keras
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Markdown
from keras import layers

from stnlib import (
    SpatialTransformer,
    affine_grid,
    datasets,
    distortions,
    grid_sample,
    models,
    plotting,
    training,
    transforms,
)

plotting.use_style()
SEED = 0
EPOCHS = 3
TRAIN_SIZE = 1408  # at most this many digits to train on: all batches are full
COPIES = 6         # each placed so many times among other pieces
TEST_SIZE = 1800   # canvases to test on
CROP = 20          # side of the transformer's output, in pixels

# %% tags=["hide-input"]
data = datasets.load()
x, y = data.x_train[:TRAIN_SIZE], data.y_train[:TRAIN_SIZE]
x_train, y_train = np.tile(x, (COPIES, 1, 1, 1)), np.tile(y, COPIES)
canvas, placed_train = distortions.distort(x_train, "article_clutter", SEED)
SIZE = canvas.shape[1]

x_test = np.resize(data.x_test, (TEST_SIZE, 28, 28, 1))
y_test = np.resize(data.y_test, TEST_SIZE)
canvas_test, placed = distortions.distort(x_test, "article_clutter", SEED + 1)
perfect = np.asarray(transforms.invert(placed))
cut = distortions.warp(canvas_test, perfect, (28, 28))

# %% tags=["hide-input"] mystnb={"figure": {"caption": "The goal: find the digit, cut it out, leave the clutter behind. Top: test canvases of 40 by 40 pixels, each with a digit at a random place and five pieces of other digits; the orange square is the right window. Bottom: what that window contains. Where a piece lies on the digit, it is cut out along with it.", "name": "fig-07-task"}, "image": {"alt": "Five black canvases, each with a handwritten digit, small pieces of strokes around it, and an orange square around the digit. Below each, the content of the square: the digit, in places with a piece of another stroke."}}
def draw_window(ax, image, theta, side):
    """Show an image with the outline of the window that theta cuts out."""
    grid = np.asarray(affine_grid(np.asarray(theta, "float32")[None], (side, side)))[0]
    plotting.show(ax, image)
    ax.set_autoscale_on(False)
    plotting.draw_grid(ax, grid, image.shape[:2], every=side - 1)


figure, axes = plt.subplots(2, 5, figsize=(6, 2.7))
for column, image, theta, window_content in zip(axes.T, canvas_test, perfect, cut):
    draw_window(column[0], image, theta, 28)
    plotting.show(column[1], window_content)
figure.tight_layout(pad=0.3)

# %% [markdown]
# After this chapter you can
#
# - write a window as three numbers, and cut it out of an image;
# - train a network that finds the digit from labels alone, and check where it looks;
# - recognize aliasing in a small output, and avoid it;
# - name what a single window cannot do.
#
# ## A window is three numbers
#
# An affine $\theta$ has more freedom than a window needs. Without rotation, shear and unequal scales, one scale and a
# place are left. The paper calls this **attention** {cite}`jaderberg2015stn`; it has nothing to do with the attention
# layers of language models.
#
# $$
# \begin{pmatrix} x^s \\ y^s \end{pmatrix}
# = \begin{pmatrix} s & 0 & t_x \\ 0 & s & t_y \end{pmatrix}
#   \begin{pmatrix} x^t \\ y^t \\ 1 \end{pmatrix}
# $$
#
# shapes: $\theta$ `(3,)` → matrix `(2, 3)`, in code `(6,)`; images `(B, H, W, C)` → windows `(B, H', W', C)`
#
# $(t_x, t_y)$ is the centre of the window, and $s$ its side as a share of the canvas. The output size is a separate
# choice. To cut out `side` pixels from column `left` and row `top` on, convert pixels to the normalized units of
# {doc}`chapter 4 <04_grid_generator>`:

# %%
def window(left, top, side, size):
    s = side / size
    t_x = -1 + 2 * left / size + s
    t_y = -1 + 2 * top / size + s
    return np.array([s, t_x, t_y])


def matrix(theta):
    s, t_x, t_y = theta
    return np.array([s, 0, t_x, 0, s, t_y], "float32")


# %% [markdown]
# On sixteen numbered pixels, cut the 2 by 2 at column 2, row 1:

# %%
toy = np.arange(16, dtype="float32").reshape(4, 4)
theta = window(left=2, top=1, side=2, size=4)
grid = affine_grid(matrix(theta)[None], (2, 2))
result = np.asarray(grid_sample(toy[None, :, :, None], grid))[0, :, :, 0]

print(f"s, t_x, t_y = {theta}")
print(result)
np.testing.assert_allclose(result, toy[1:3, 2:4], atol=1e-5)

# %% [markdown]
# The sampler does what the slice `toy[1:3, 2:4]` does. But a slice has whole numbers and no gradient. The window can
# move by half a pixel, and the loss can tell it to.
#
# ## A network that looks first
#
# Behind a window, the same classifier makes far fewer errors than on the whole canvas, and it has fewer weights. The
# localization network sees the whole canvas at half the resolution. It only has to find the digit, so it uses
# `Flatten` and no global pooling, which would lose the place.

# %%
def localization():
    return keras.Sequential([
        keras.Input((SIZE, SIZE, 1)), layers.AveragePooling2D(2),
        layers.Conv2D(8, 5, activation="relu"), layers.MaxPooling2D(2),
        layers.Conv2D(16, 3, activation="relu"), layers.MaxPooling2D(2),
        layers.Flatten(), layers.Dense(64, activation="relu"),
    ], name="localization")


# %% [markdown]
# The classifier behind it gets `CROP` by `CROP` pixels. The layer starts as the identity, so at first these pixels are
# the whole canvas, made smaller. The network has to discover that a closer look pays.

# %%
def looking(transform, classifier, side=CROP):
    transformer = SpatialTransformer(
        localization(), transform, output_size=(side, side), name="transformer")
    network = classifier((side, side, 1))
    return keras.Sequential([keras.Input((SIZE, SIZE, 1)), transformer, network],
                            name=f"{transform}_{network.name}")


def train(build, images, callbacks=()):
    training.set_seed(SEED)
    model = training.compile(build())
    training.fit(model, images, y_train, EPOCHS, seed=SEED,
                 callbacks=list(callbacks))
    return model


# %% [markdown]
# We train three such networks, and for comparison the two classifiers on the whole canvas. A callback records where
# the first one looks. As a reference, one more dense classifier gets the *right* windows.

# %%
whole = (SIZE, SIZE, 1)
watch = training.ThetaHistory(canvas_test[:3])
networks = {
    "FCN, whole canvas": train(lambda: models.fcn(whole), canvas),
    "CNN, whole canvas": train(lambda: models.cnn(whole), canvas),
    "attention + FCN": train(lambda: looking("attention", models.fcn), canvas,
                             [watch]),
    "affine + FCN": train(lambda: looking("affine", models.fcn), canvas),
    "attention + CNN": train(lambda: looking("attention", models.cnn), canvas),
}
windows = distortions.warp(canvas, transforms.invert(placed_train), (28, 28))
told = train(models.fcn, windows)

# %%
accuracy = {name: training.accuracy(model, canvas_test, y_test)
            for name, model in networks.items()}
reference = training.accuracy(told, cut, y_test)

# %% tags=["claim"]
assert reference > accuracy["FCN, whole canvas"] + 0.05
assert accuracy["attention + FCN"] > accuracy["FCN, whole canvas"] + 0.05
assert accuracy["affine + FCN"] > accuracy["FCN, whole canvas"] + 0.05
assert accuracy["attention + CNN"] > accuracy["CNN, whole canvas"] + 0.01

# %% tags=["hide-input"]
def count(model):
    """The weights of a whole model and of its classifier."""
    return model.count_params(), (model.layers[-1] if model.name.startswith("a") else model).count_params()


head = "Network", "Classifier sees", "Weights", "of these, classifier", "Accuracy"
rows = []
for name, model in networks.items():
    side = SIZE if "whole" in name else CROP
    everything, classifier = count(model)
    rows.append((name, f"{side}&nbsp;×&nbsp;{side}", f"{everything:,}", f"{classifier:,}", f"**{accuracy[name]:.3f}**"))
weights = f"{told.count_params():,}"
rows.append(("*FCN, right windows*", "28&nbsp;×&nbsp;28", weights, weights, f"*{reference:.3f}*"))
Markdown(plotting.markdown_table(head, rows) + f"\n\n`{data.name}`, {TEST_SIZE:,} test canvases, one seed.")

# %% [markdown]
# - The dense network gains most. On the whole canvas it has to learn each digit anew at each place; behind a window
#   the digit is always at nearly the same place.
# - The CNN gains less, because convolution already shares its weights between places.
# - Attention and affine are close: the digits were only shifted, and for that a place is enough.
#
# With more data the plain CNN catches up with the dense network behind a window. {doc}`Chapter 13 <13_paper>` has the
# recorded runs on all of MNIST.
#
# ## Watch it find the digit
#
# After one epoch the window is on the digit, as {numref}`fig-07-watch` shows. Nobody told the network that there is a
# digit. But moving the window towards the digit lowers the loss on most canvases, moving it towards clutter only here
# and there, so over many canvases the first adds up.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "The window shrinks and moves onto the digit within one epoch. Rows: before training and after each epoch. For each of three test canvases, left: the canvas with the window; right: what the classifier sees.", "name": "fig-07-watch"}, "image": {"alt": "Four rows, one for each epoch from 0 to 3, and three pairs of pictures in each: a canvas with an orange outline, and the content of the outline. At epoch 0 the outline is the whole canvas and the digit appears small. From epoch 1 on the outline is a smaller square around the digit, and the digit fills its picture."}}
def draw_pairs(axes, images, thetas, side):
    """Show canvases with their windows, and beside each what the window contains."""
    for ax, beside, image, theta in zip(axes[::2], axes[1::2], images, thetas):
        draw_window(ax, image, theta, side)
        plotting.show(beside, distortions.warp(image[None], theta[None], (side, side))[0])


figure, axes = plt.subplots(EPOCHS + 1, 6, figsize=(6, 1.05 * (EPOCHS + 1)))
for epoch, (row, thetas) in enumerate(zip(axes, watch.thetas)):
    draw_pairs(row, canvas_test, np.stack([matrix(theta) for theta in thetas]), CROP)
    row[0].set_ylabel(f"epoch {epoch}")
figure.tight_layout(pad=0.3)

# %% [markdown]
# ## Where it looks, and where the digit is
#
# The window is a detector, though the network has never seen a box. We know the true place of all test digits, so we
# can measure how far the windows are off.

# %%
attention = networks["attention + FCN"]
found = np.asarray(attention.get_layer("transformer").theta(canvas_test))
half = SIZE / 2  # pixels in one unit
looked, true = found[:, 1:] * half, perfect[:, [2, 5]] * half
off = np.linalg.norm(looked - true, axis=1)
correlation = [np.corrcoef(looked[:, k], true[:, k])[0, 1] for k in (0, 1)]
sides = found[:, 0] * SIZE

# %% tags=["claim"]
assert min(correlation) > 0.9

# %% tags=["hide-input"] mystnb={"figure": {"caption": "The window follows the digit. Each dot is a test canvas: the centre of the window against the centre of the digit, in pixels from the middle. On the grey line they agree.", "name": "fig-07-place"}, "image": {"alt": "Two scatter plots, horizontal and vertical position: the centre of the window against the centre of the digit, in pixels from the middle of the canvas. The points lie close to the diagonal."}}
figure, axes = plt.subplots(1, 2, figsize=(6, 3), sharey=True, layout="constrained")
ends = np.array([true.min(), true.max()])
for k, (ax, name) in enumerate(zip(axes, ("x", "y"))):
    ax.plot(ends, ends, color=plotting.COLORS["neutral"])
    ax.scatter(true[:, k], looked[:, k], s=4, alpha=0.3, color=plotting.COLORS["grid"])
    ax.set(title=name, xlabel="centre of the digit (pixels)", xlim=(-12, 12), ylim=(-12, 12), aspect="equal")
axes[0].set_ylabel("centre of the window (pixels)")
plt.show()

# %% tags=["hide-input"]
common = np.mean(looked - true, axis=0)
rest = np.linalg.norm(looked - true - common, axis=1)
Markdown(
    f"Half of the windows miss the digit's centre by less than {np.median(off):.1f} pixels, nine out of ten by less "
    f"than {np.quantile(off, 0.9):.1f}. The correlation is {correlation[0]:.2f} in x and {correlation[1]:.2f} in y. "
    f"The window is {sides.mean():.1f} pixels wide, with a standard deviation of {sides.std():.1f}; the digit is 20 "
    f"pixels wide. Part of the miss is the same for all windows, {common[0]:+.1f} pixels in x and {common[1]:+.1f} "
    f"in y. The classifier doesn't mind that. Without it the median is {np.median(rest):.1f} pixels."
)

# %% tags=["claim"]
assert np.median(rest) < np.median(off)

# %% tags=["hide-input"]
six = np.asarray(networks["affine + FCN"].get_layer("transformer").theta(canvas_test))
names = transforms.parameter_names("affine")
lines = [(f"`{name}`", f"{mean:+.2f}", f"{spread:.2f}")
         for name, mean, spread in zip(names, six.mean(axis=0), six.std(axis=0))]
Markdown("<details><summary>Details: what affine does with its six numbers</summary>\n\n"
         + plotting.markdown_table(("θ", "mean", "standard deviation"), lines)
         + "\n\nOnly the place, `tx` and `ty`, varies much between canvases. The other four are nearly the same for all.\n\n</details>")

# %% tags=["claim"]
assert six[:, [2, 5]].std(axis=0).min() > 2 * six[:, [0, 1, 3, 4]].std(axis=0).max()

# %% [markdown]
# ## When the output is small
#
# If samples lie more than two pixels apart, the output shows patterns that aren't in the image. The cure is to sample
# densely and pool afterwards. {numref}`fig-07-rings` shows the problem: bilinear interpolation sees four pixels around
# each sample and nothing in between.

# %%
def rings(size):
    axis = np.linspace(-1, 1, size, dtype="float32")
    u, v = np.meshgrid(axis, axis)
    picture = 0.5 + 0.5 * np.cos(0.6 * size * (u**2 + v**2))
    return picture[None, :, :, None]


def mean_of_blocks(images, factor):
    return np.asarray(layers.AveragePooling2D(factor)(images))


# %% tags=["hide-input"] mystnb={"figure": {"caption": "Samples that are too far apart show rings that don't exist: aliasing. Left: rings that get finer outwards. Middle: read at every fourth pixel. Right: the mean of each block of 4 by 4; what is too fine becomes grey.", "name": "fig-07-rings"}, "image": {"alt": "Three pictures. Left, rings that become finer towards the rim. Middle, the direct reduction: besides the rings in the centre there are false ring systems at the sides and corners. Right, the reduction by averaging: the rings in the centre, fading to grey outwards."}}
fine = rings(112)
direct = distortions.warp(fine, matrix([1, 0, 0])[None], (28, 28))
figure = plotting.strip([fine[0], direct[0], mean_of_blocks(fine, 4)[0]],
                        ["112 pixels", "28, direct", "28, averaged"], size=2)

# %% [markdown]
# There are two places to average. **Shrink first** pools the input and then samples; its blocks lie where they lie,
# wherever the window is. **Sample densely, then pool** averages inside the window. The paper does the latter on its
# larger canvases. We read the right windows, 28 pixels wide, at 7 by 7 in all three ways and train a classifier on
# each.

# %%
def reduced(images, theta, side, how):
    factor = 28 // side
    if how == "shrink first":
        return distortions.warp(mean_of_blocks(images, factor), theta, (side, side))
    if how == "dense, then pool":
        return mean_of_blocks(distortions.warp(images, theta, (28, 28)), factor)
    return distortions.warp(images, theta, (side, side))


HOW = "direct", "shrink first", "dense, then pool"
small = {how: reduced(canvas_test, perfect, 7, how) for how in HOW}

# %%
by_reading = {}
for how in HOW:
    windows = reduced(canvas, np.asarray(transforms.invert(placed_train)), 7, how)
    reader = train(lambda: models.fcn((7, 7, 1)), windows)
    by_reading[how] = training.accuracy(reader, small[how], y_test)
print("\n".join(f"{how:16} accuracy {value:.3f}"
                for how, value in by_reading.items()))

# %% tags=["claim"]
assert by_reading["dense, then pool"] > by_reading["shrink first"] + 0.02
assert by_reading["dense, then pool"] > by_reading["direct"] - 0.01

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Sampling densely and pooling keeps strokes even. Three windows of 28 pixels, and the same at 7 pixels: read directly, strokes are uneven; shrunk first, they are smeared.", "name": "fig-07-small"}, "image": {"alt": "Three digits, each as a window of 28 pixels and reduced to 7 pixels in three ways. Read directly, strokes are uneven; shrunk first, the digit is smeared; sampled densely and pooled, it is even."}}
pictures = [[cut[k], *(small[how][k] for how in HOW)] for k in range(3)]
figure, axes = plt.subplots(3, 4, figsize=(6, 4.7))
for row, images in zip(axes, pictures):
    for ax, image in zip(row, images):
        plotting.show(ax, image)
for ax, title in zip(axes[0], ("window", *HOW)):
    ax.set_title(title, fontsize="medium")
figure.tight_layout(pad=0.4)

# %% [markdown]
# Our own network doesn't need this: its samples are less than two pixels apart. As a rule, count how many input pixels
# lie between two samples at the size where training settles. Above two, ask for a larger output and pool it.

# %%
spacing = sides / CROP
print(f"distance of two samples: {spacing.mean():.2f} pixels")

# %% tags=["claim"]
assert spacing.mean() < 2

# %% [markdown]
# ## What a single window cannot do
#
# **It cannot see through things.** A window leaves out what is elsewhere, never what is in front. We sort the test
# canvases by how much clutter is inside the right window:

# %%
extra = np.sum(cut - x_test, axis=(1, 2, 3))
thirds, best = np.array_split(np.argsort(extra), 3), []
for name, members in zip(("least", "middle", "most"), thirds):
    right = training.accuracy(attention, canvas_test[members], y_test[members])
    best.append(training.accuracy(told, cut[members], y_test[members]))
    print(f"{name:6} clutter: {right:.3f}, right windows {best[-1]:.3f}")

# %% tags=["claim"]
assert np.all(cut > x_test - 1e-3)  # nothing of a digit is missing in the right windows
assert best[0] > best[-1]

# %% [markdown]
# **It is one window.** Put two digits on a canvas, and the trained network looks between them
# ({numref}`fig-07-two`).

# %%
pair = np.zeros((500, SIZE, SIZE, 1), "float32")
pair[:, :28, :28] = x_test[:500]
pair[:, -28:, -28:] = np.maximum(pair[:, -28:, -28:], x_test[500:1000])
places = np.array([[-6, -6], [6, 6]])  # their centres, in pixels from the middle

gaze = np.asarray(attention.get_layer("transformer").theta(pair))
distance = np.linalg.norm(half * gaze[:, None, 1:] - places, axis=2)
closest = distance.min(axis=1)
print(f"within 3 pixels of one of the two: {np.mean(closest < 3):.0%}")
print(f"over 5 pixels from both: {np.mean(closest > 5):.0%}")

# %% tags=["claim"]
assert np.mean(closest > 5) > 0.5

# %% tags=["hide-input"] mystnb={"figure": {"caption": "With two digits, the window lies in between. Canvases with one digit at the top left and one at the bottom right, and the window of the network that was trained on single digits.", "name": "fig-07-two"}, "image": {"alt": "Five canvases with two digits each, one at the top left and one at the bottom right, and the orange outline of the window: it lies in the middle, and contains most of each digit."}}
figure, axes = plt.subplots(1, 5, figsize=(6, 1.4))
for ax, image, theta in zip(axes, pair, gaze):
    draw_window(ax, image, matrix(theta), CROP)
figure.tight_layout(pad=0.3)

# %% [markdown]
# $\theta$ isn't chosen from a list of places. It is computed, and nothing has taught this network to choose. For two
# things you need two transformers, as in {doc}`chapter 9 <09_two_transformers>`.
#
# **It cannot say "nothing here".** A canvas without a digit gets a window too, and the classifier names a digit there,
# unless you train for that case.
#
# ## Recap
#
# 1. **Three numbers**, $s$, $t_x$ and $t_y$, describe a window. The sampler then does what a slice does, at any
#    fraction of a pixel.
# 2. **From labels alone** a network learned to look at the digit first. Each classifier did better behind a window
#    than on the whole canvas, and the window's place follows the digit.
# 3. **Aliasing** appears when samples lie more than two pixels apart. Sample densely, then pool.
# 4. **One window** cannot see through clutter, show two things, or say that there is nothing.
#
# Here a window had to move and zoom. What if the digit itself is distorted in ways that no 2 by 3 matrix describes?
# {doc}`08_beyond_affine` goes there.
#
# ## Exercises
#
# :::{exercise} The box, in pixels
# :label: ex-clutter-box
#
# Detectors report a box by its four outer edges: left, top, right, bottom. Write the inverse of `window`: from
# $\theta$ and the canvas size to these edges, in pixels. Check it on the toy and on a window at a fractional place,
# such as left 3.25.
# :::
#
# :::{solution-start} ex-clutter-box
# :class: dropdown
# :::
#
# The window reaches from $t - s$ to $t + s$ in normalized units, and one unit is half a canvas.

# %%
def box(theta, size):
    s, t_x, t_y = theta
    left, top, right, bottom = (
        (edge + 1) * size / 2
        for edge in (t_x - s, t_y - s, t_x + s, t_y + s))
    return np.array([left, top, right, bottom])


print(box(window(2, 1, 2, 4), 4), box(window(3.25, 7, 10, 40), 40))
assert np.allclose(box(window(2, 1, 2, 4), 4), [2, 1, 4, 3])
assert np.allclose(box(window(3.25, 7, 10, 40), 40), [3.25, 7, 13.25, 17])

# %% [markdown]
# :::{solution-end}
# :::
#
# :::{exercise} Looking, or fewer pixels?
# :label: ex-clutter-half
#
# A classifier behind a window has fewer pixels to read. Is that what helps? Give the FCN and the CNN the whole canvas
# at half its resolution, which is 20 by 20 pixels, as many as the window's output.
# :::
#
# :::{solution-start} ex-clutter-half
# :class: dropdown
# :::

# %%
halves = mean_of_blocks(canvas, 2), mean_of_blocks(canvas_test, 2)
half_accuracy = {}
for name, build in (("FCN", models.fcn), ("CNN", models.cnn)):
    model = train(partial(build, (SIZE // 2, SIZE // 2, 1)), halves[0])
    half_accuracy[name] = training.accuracy(model, halves[1], y_test)
    print(f"{name}: half the resolution {half_accuracy[name]:.3f}, "
          f"behind a window {accuracy[f'attention + {name}']:.3f}")

# %% tags=["claim"]
assert all(accuracy[f"attention + {name}"] > value + 0.01 for name, value in half_accuracy.items())
assert reference > half_accuracy["FCN"] + 0.05

# %% [markdown]
# It is the looking that helps. With as many pixels and as many weights, the classifiers of the whole canvas stay
# behind.
#
# :::{solution-end}
# :::
#
# :::{exercise} The pull of the second digit
# :label: ex-clutter-pull
#
# Dim the second digit of each pair by a factor between 0 (gone) and 1 (as bright as the first). How far does the
# window move towards it? Plot the mean position along the line from the first digit's centre (0) to the second's (1).
# :::
#
# :::{solution-start} ex-clutter-pull
# :class: dropdown
# :::

# %%
lone = np.zeros_like(pair)
lone[:, :28, :28] = x_test[:500]
line = (places[1] - places[0]) / np.sum((places[1] - places[0]) ** 2)

brightness, moved = np.linspace(0, 1, 11), []
for factor in brightness:
    dimmed = np.maximum(lone, factor * pair)
    theta = np.asarray(attention.get_layer("transformer").theta(dimmed))
    moved.append((half * theta[:, 1:] - places[0]) @ line)
moved = np.array(moved)

# %% mystnb={"figure": {"caption": "The window moves gradually, it doesn't jump. Its position against the brightness of the second digit. Orange: mean of 500 pairs; grey: twenty single pairs.", "name": "fig-07-pull"}, "image": {"alt": "The position of the window against the brightness of the second digit: a thick line for the mean of 500 pairs and thin lines for twenty of them. All start near 0, at the first digit, and rise smoothly towards about one half, the middle between the two."}}
figure, ax = plt.subplots(figsize=(5, 2.8))
ax.plot(brightness, moved[:, :20], color=plotting.COLORS["neutral"],
        lw=0.7, alpha=0.6)
plotting.curve(ax, brightness, moved.mean(axis=1), "mean",
               plotting.COLORS["grid"])
ax.set(xlabel="brightness of the second digit",
       ylabel="window (0 first digit, 1 second)", ylim=(-0.3, 1.1))
figure.tight_layout()

# %% tags=["claim"]
assert np.all(np.diff(moved.mean(axis=1)) > 0)
assert np.median(np.abs(np.diff(moved, axis=0)).max(axis=0)) < 0.25

# %% [markdown]
# A detector that has to *choose* scores all places and takes the best. A transformer computes one place. That gives it
# a gradient, and makes it wrong where there are two answers.
#
# :::{solution-end}
# :::
#
# :::{exercise} How small may the output be?
# :label: ex-clutter-small
#
# What is the smallest output that skips no pixel of the trained window? How many weights does the dense classifier
# have then? Train it, and compare.
# :::
#
# :::{solution-start} ex-clutter-small
# :class: dropdown
# :::
#
# Samples may be two pixels apart, so half the side of the average window is enough.

# %%
side = int(np.ceil(sides.mean() / 2))
smallest = train(lambda: looking("attention", models.fcn, side), canvas)
reached = training.accuracy(smallest, canvas_test, y_test)
print(f"{side} x {side}: accuracy {reached:.3f}")
print("weights: {:,}, of these classifier {:,}".format(*count(smallest)))

# %% tags=["claim"]
assert reached > accuracy["FCN, whole canvas"]

# %% [markdown]
# It has a fraction of the weights of the network that reads the whole canvas, and is still more accurate. Against the
# larger output it loses detail.
#
# :::{solution-end}
# :::
