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
# In a photo, the thing you want is somewhere on a large canvas among others. In this chapter a network learns
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
from stnlib.experiments import table

plotting.use_style()
SEED = 0
TRAIN_SIZE = 1408  # at most this many digits to train on: all batches are full
COPIES = 6         # each placed so many times among other pieces
TEST_SIZE = 1800   # canvases to test on

# %% tags=["hide-input"] mystnb={"figure": {"caption": "The goal: find the digit and cut it out. Top: test canvases of 40 by 40 pixels, each with a digit at a random place, and five pieces of 5 by 5 pixels, cut out of other digits (some are empty) and pasted at random; the orange square is the ground-truth window. Bottom: what that window contains. Clutter near the digit comes along, the rest is left behind.", "name": "fig-07-task"}, "image": {"alt": "Five black canvases, each with a handwritten digit, small pieces of strokes around it, and an orange square around the digit. Below each, the content of the square: the digit, in places with a piece of another stroke."}}
data = datasets.load()
x, y = data.x_train[:TRAIN_SIZE], data.y_train[:TRAIN_SIZE]
x_train, y_train = np.tile(x, (COPIES, 1, 1, 1)), np.tile(y, COPIES)
canvas, placed = distortions.distort(x_train, "article_clutter", SEED)
x_test, y_test = np.resize(data.x_test, (TEST_SIZE, 28, 28, 1)), np.resize(data.y_test, TEST_SIZE)
canvas_test, placed_test = distortions.distort(x_test, "article_clutter", SEED + 1)
perfect = np.asarray(transforms.invert(placed_test))
cut = distortions.warp(canvas_test, perfect, (28, 28))


def draw_window(ax, image, theta, side):
    """Show an image with the outline of the window that theta cuts out."""
    grid = np.asarray(affine_grid(np.asarray(theta, "float32")[None], (side, side)))[0]
    plotting.show(ax, image)
    ax.set_autoscale_on(False)
    plotting.draw_grid(ax, grid, image.shape[:2], every=side, points=False)


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
# - name what a single window cannot do;
# - recognize aliasing in a small output, and avoid it.
#
# ## A window is three numbers
#
# An affine $\theta$ has more freedom than a window needs. Without rotation, shear and unequal scales, one scale and a
# translation remain. The paper calls this **attention** {cite}`jaderberg2015stn`; it isn't the attention of language models.
#
# $$
# \begin{pmatrix} x^s \\ y^s \end{pmatrix}
# = \begin{pmatrix} s & 0 & t_x \\ 0 & s & t_y \end{pmatrix}
#   \begin{pmatrix} x^t \\ y^t \\ 1 \end{pmatrix}
# $$
#
# shapes: $\theta$ `(3,)` → matrix `(2, 3)`, in code `(6,)`; images `(B, H, W, C)` → windows `(B, H', W', C)`
#
# $(t_x, t_y)$ is the centre of the window, and $s$ its side as a share of the canvas. The canvas is 2 units wide, so
# $s$ is half the side in units. The output size is a separate choice. To cut out `side` pixels from column `left`
# and row `top` on, convert pixels to the normalised units of {doc}`chapter 4 <04_grid_generator>`:

# %%
def window(left, top, side, size):
    s = side / size
    t_x = -1 + 2 * left / size + s  # the left edge, plus half the side
    t_y = -1 + 2 * top / size + s   # the top edge, plus half the side
    return np.array([s, t_x, t_y])


# %%
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
# The sampler does what the slice `toy[1:3, 2:4]` does. But slice indices are integers and not differentiable; a window's
# position is continuous and trainable.
#
# ## A classifier with a learned crop
#
# We compare the FCN (fully connected) of {doc}`chapter 1 <01_motivation>` and the CNN of
# {doc}`chapter 2 <02_baselines>` on the whole canvas and behind a learned window. Behind the window, both make fewer
# errors, with fewer weights. The localization network sees the whole canvas at half the resolution. It has to find the
# digit, so it uses `Flatten` and no global pooling, which would discard position.

# %%
SIZE = canvas.shape[1]  # 40


def localization():
    return keras.Sequential([
        keras.Input((SIZE, SIZE, 1)), layers.AveragePooling2D(2),
        layers.Conv2D(8, 5, activation="relu"), layers.MaxPooling2D(2),
        layers.Conv2D(16, 3, activation="relu"), layers.MaxPooling2D(2),
        layers.Flatten(), layers.Dense(64, activation="relu"),
    ], name="localization")


# %% [markdown]
# The classifier behind it gets `CROP` by `CROP` pixels. `looking("attention", models.fcn)` builds such a network. The layer
# starts as the identity, so at first these pixels are the whole canvas, made smaller.

# %%
CROP, EPOCHS = 20, 3


def looking(transform, classifier, side=CROP):
    transformer = SpatialTransformer(
        localization(), transform, output_size=(side, side), name="transformer")
    network = classifier((side, side, 1))
    return keras.Sequential([keras.Input((SIZE, SIZE, 1)), transformer, network],
                            name=f"{transform}_{network.name}")


# %% [markdown]
# For comparison, both classifiers also get the whole canvas, the canvas at half its resolution, and the ground-truth
# windows, the last two with as many pixels as the window's output. All are trained for `EPOCHS` epochs.

# %% tags=["hide-input"]
def train(build, images, callbacks=(), epochs=EPOCHS):
    """Build a network and train it quietly."""
    training.set_seed(SEED)
    model = training.compile(build())
    training.set_seed(SEED)
    model.fit(images, y_train, batch_size=64, epochs=epochs, verbose=0, callbacks=callbacks)
    return model


half = layers.AveragePooling2D(2)
sources = {"whole canvas": (canvas, canvas_test),
           "half the resolution": (half(canvas), half(canvas_test)),
           "ground-truth window": [distortions.warp(images, transforms.invert(theta), (CROP, CROP))
                                   for images, theta in ((canvas, placed), (canvas_test, placed_test))]}
watch = training.ThetaHistory(canvas_test[:3])  # records where the first network looks
networks, accuracy = {}, {}
for name, build in (("FCN", models.fcn), ("CNN", models.cnn)):
    for source, (images, unseen) in sources.items():
        networks[name, source] = train(partial(build, images.shape[1:]), images)
        accuracy[name, source] = training.accuracy(networks[name, source], unseen, y_test)
    model = train(partial(looking, "attention", build), canvas, [watch] if name == "FCN" else [])
    networks[name, "learned window"] = model
    accuracy[name, "learned window"] = training.accuracy(model, canvas_test, y_test)

# %% tags=["remove-input"]
LONGER = 3  # times as many epochs
longer = training.accuracy(train(partial(models.fcn, (SIZE, SIZE, 1)), canvas, epochs=LONGER * EPOCHS), canvas_test, y_test)

# %% tags=["claim"]
for kind in ("FCN", "CNN"):
    assert accuracy[kind, "learned window"] > accuracy[kind, "whole canvas"] + 0.01
    assert accuracy[kind, "ground-truth window"] > accuracy[kind, "whole canvas"] + 0.01
    assert accuracy[kind, "half the resolution"] < accuracy[kind, "whole canvas"]
assert longer < accuracy["FCN", "learned window"] - 0.01

# %% tags=["hide-input"]
SIDES = {"whole canvas": SIZE, "half the resolution": SIZE // 2, "learned window": CROP, "ground-truth window": CROP}
rows = []
for source, side in SIDES.items():
    weights = [f"{networks[name, source].count_params():,}" for name in ("FCN", "CNN")]
    reached = [f"{accuracy[name, source]:.3f}" for name in ("FCN", "CNN")]
    rows.append((source, f"{side}&nbsp;×&nbsp;{side}", *reached, *weights))
head = "Classifier sees", "Pixels", "FCN", "CNN", "FCN's weights", "CNN's weights"
tested = len(data.x_test[:TEST_SIZE])
luck = max(np.sqrt(p * (1 - p) / tested) for p in accuracy.values())
share = [(1 - accuracy[name, "learned window"]) / (1 - accuracy[name, "whole canvas"]) for name in ("FCN", "CNN")]
Markdown(
    f"**Accuracy** (`{data.name}`, one seed; {len(canvas):,} training canvases with {len(x):,} different digits, "
    f"{TEST_SIZE:,} test canvases{', each with a different digit' if tested == TEST_SIZE else f' with {tested} different ones'}; "
    f"standard error at most {luck:.3f})\n\n"
    + plotting.markdown_table(head, rows)
    + f"\n\nWith the learned window, the FCN makes {share[0]:.0%} of the errors that it makes on the whole canvas, "
    f"the CNN {share[1]:.0%}. On the whole canvas, the FCN reaches only {longer:.3f} "
    f"even after {LONGER * EPOCHS} epochs."
)

# %% tags=["claim"]
assert share[0] < share[1]

# %% [markdown]
# - The FCN gains more. On the whole canvas it has to learn each digit anew at each place; behind a window
#   the digit is always at nearly the same place.
# - The CNN gains less. Convolution already shares its weights between places, which may be why.
# - Fewer pixels aren't what helps: at half the resolution, both classifiers get worse.

# %% tags=["remove-input"]
errors = {name: f"{row['mean']:.1f}, *{row['published']:.1f}*"
          for name, row in table.by_model(table.pick("clutter", "clutter")).items()}
large = distortions.DISTORTIONS["clutter"].canvas
Markdown(f"The error in % on all of MNIST and {large} × {large} pixels (italics: the paper's):\n\n"
         + plotting.markdown_table(("Classifier", "Without transformer", "With transformer"), [
             (name, errors[model], errors[f"st_{model}"]) for name, model in (("FCN", "fcn"), ("CNN", "cnn"))]))

# %% tags=["claim"]
clutter_runs = table.by_model(table.pick("clutter", "clutter"))
assert all(clutter_runs[f"st_{model}"]["mean"] < clutter_runs[model]["mean"] for model in ("fcn", "cnn"))

# %% [markdown]
# {doc}`Chapter 13 <13_paper>` has these runs, and our choices where the paper is silent.
#
# ## Watch it find the digit
#
# After one epoch the window is on the digit, as {numref}`fig-07-watch` shows. Nobody told the network where the
# digit is: its only signal is the class label.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "The window moves onto the digit and zooms in, sometimes so far that it clips strokes. The FCN's window. Rows: before training and after each epoch. For each of three test canvases, left: the canvas with the window; right: what the classifier sees.", "name": "fig-07-watch"}, "image": {"alt": "Four rows, one for each epoch from 0 to 3, and three pairs of pictures in each: a canvas with an orange outline, and the content of the outline. At epoch 0 the outline is the whole canvas and the digit appears small. From epoch 1 on the outline is a smaller square around the digit, and the digit appears larger."}}
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
# ## How accurate is the window?
#
# The window finds the digit. We know the true place of all test digits, so we can measure how far the windows are off,
# and compare with one that stays in the middle.

# %%
attention = networks["FCN", "learned window"]
found = np.asarray(attention.get_layer("transformer").theta(canvas_test))
unit = SIZE / 2  # pixels in one normalised unit
true = perfect[:, [2, 5]] * unit  # the ground-truth windows are affine thetas
looked = found[:, 1:] * unit
off = np.linalg.norm(looked - true, axis=1)
slope = [np.polyfit(true[:, k], looked[:, k], 1)[0] for k in (0, 1)]
sides = found[:, 0] * SIZE

# %% tags=["claim"]
assert min(np.corrcoef(looked[:, k], true[:, k])[0, 1] for k in (0, 1)) > 0.9
assert np.median(off) < np.median(np.linalg.norm(true, axis=1)) / 2

# %% tags=["hide-input"] mystnb={"figure": {"caption": "The window follows the digit. Each dot is a test canvas: the centre of the window against the centre of the digit, in pixels from the middle. On the grey line they agree; the slope says by how many pixels the window moves when the digit moves by one.", "name": "fig-07-place"}, "image": {"alt": "Two scatter plots, horizontal and vertical position: the centre of the window against the centre of the digit, in pixels from the middle of the canvas. The points lie close to the diagonal."}}
figure, axes = plt.subplots(1, 2, figsize=(6, 3.2), sharey=True, layout="constrained")
ends = np.array([true.min(), true.max()])
limit = 1.1 * max(np.abs(true).max(), np.quantile(np.abs(looked), 0.999))
for k, (ax, name) in enumerate(zip(axes, ("x", "y"))):
    ax.plot(ends, ends, color=plotting.COLORS["neutral"])
    ax.scatter(true[:, k], looked[:, k], s=4, alpha=0.3, color=plotting.COLORS["grid"])
    ax.set(title=f"{name}: slope {slope[k]:.2f}", xlabel="centre of the digit (pixels)",
           xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal")
axes[0].set_ylabel("centre of the window (pixels)")
plt.show()

# %% tags=["hide-input"]
Markdown(
    f"Half of the windows miss the digit's centre by less than {np.median(off):.1f} pixels, nine out of ten by less "
    f"than {np.quantile(off, 0.9):.1f}. A window that stays in the middle would miss half of the digits by more than "
    f"{np.median(np.linalg.norm(true, axis=1)):.1f}. On average the window is {sides.mean():.0f} pixels wide."
)

# %% [markdown]
# ## What a single window cannot do
#
# **It keeps what lies inside it.** We sort the test canvases by the clutter inside the ground-truth window. Accuracy is
# lowest in the most cluttered third, even with that window:

# %% tags=["hide-input"]
extra = np.sum(cut - x_test, axis=(1, 2, 3))  # clutter beside the strokes
thirds, best = np.array_split(np.argsort(extra), 3), []
told = networks["FCN", "ground-truth window"]
for name, members in zip(("least", "middle", "most"), thirds):
    learned = training.accuracy(attention, canvas_test[members], y_test[members])
    best.append(training.accuracy(told, sources["ground-truth window"][1][members], y_test[members]))
    print(f"{name:6} clutter: learned window {learned:.3f}, ground-truth window {best[-1]:.3f}")

# %% tags=["claim"]
assert np.all(cut > x_test - 1e-3)  # nothing of a digit is missing in the ground-truth windows
assert best[2] == min(best)

# %% [markdown]
# **It is one window.** Put two digits on a canvas, and the trained network looks between them
# ({numref}`fig-07-two`).

# %% tags=["hide-input"]
pair = np.zeros((500, SIZE, SIZE, 1), "float32")
pair[:, :28, :28] = x_test[:500]
pair[:, -28:, -28:] = np.maximum(pair[:, -28:, -28:], x_test[500:1000])
places = np.array([[-6, -6], [6, 6]])  # their centres, in pixels from the middle

gaze = np.asarray(attention.get_layer("transformer").theta(pair))
distance = np.linalg.norm(unit * gaze[:, None, 1:] - places, axis=2)
closest = distance.min(axis=1)
print(f"window centred within 3 pixels of a digit: {np.mean(closest < 3):.0%} of the canvases")
print(f"over 5 pixels from both digits: {np.mean(closest > 5):.0%}")

# %% tags=["claim"]
assert np.mean(closest > 5) > 0.5

# %% tags=["hide-input"] mystnb={"figure": {"caption": "With two digits, the window lies in between, and clips both. Canvases without clutter, with one digit at the top left and one at the bottom right, and the window of the network that was trained on single digits in clutter.", "name": "fig-07-two"}, "image": {"alt": "Five canvases with two digits each, one at the top left and one at the bottom right, and the orange outline of the window: it lies in the middle, and contains most of each digit."}}
figure, axes = plt.subplots(1, 5, figsize=(6, 1.4))
for ax, image, theta in zip(axes, pair, gaze):
    draw_window(ax, image, matrix(theta), CROP)
figure.tight_layout(pad=0.3)

# %% [markdown]
# The network regresses one position; here, with two candidates, it ends up between them. Two objects need two windows:
# use two transformers ({doc}`chapter 9 <09_two_transformers>`), or apply one repeatedly with a recurrent network
# {cite}`eslami2016air`.
#
# **It always cuts something out.** On a canvas without a digit there's a window all the same. The softmax behind it still
# predicts a digit, as it does without a window ({doc}`chapter 1 <01_motivation>`), unless you train for that case.

# %% tags=["hide-input"]
emptied = np.where(distortions.warp(x_test, placed_test, (SIZE, SIZE)) > 0.01, 0, canvas_test)  # only the clutter is left
certain = [training.probabilities(attention, images).max(axis=1).mean() for images in (canvas_test, emptied)]
Markdown(f"The top class gets {certain[0]:.0%} on average, and {certain[1]:.0%} once the digit is erased: lower, "
         "but the answer is still a digit.")

# %% tags=["claim"]
assert certain[1] < certain[0] - 0.1

# %% [markdown]
# ## When the output is small
#
# If the samples lie too far apart for the detail in the image, the output shows patterns that aren't there. The fix is
# to sample densely and pool afterwards. {numref}`fig-07-rings` shows the problem: bilinear interpolation sees four
# pixels around each sample and nothing in between.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Samples that are too far apart show rings that don't exist: aliasing. Left: rings that get finer outwards. Middle: sampled at every fourth pixel. Right: the mean of each block of 4 by 4; most of what is too fine fades to grey.", "name": "fig-07-rings"}, "image": {"alt": "Three pictures. Left, rings that become finer towards the rim. Middle, the direct reduction: besides the rings in the centre there are false ring systems at the sides and corners. Right, the reduction by averaging: the rings in the centre, faint patterns around them, grey further out."}}
def rings(size):
    axis = np.linspace(-1, 1, size, dtype="float32")
    u, v = np.meshgrid(axis, axis)
    picture = 0.5 + 0.5 * np.cos(0.6 * size * (u**2 + v**2))
    return picture[None, :, :, None]


fourth = layers.AveragePooling2D(4)
fine = rings(112)
direct = distortions.warp(fine, matrix([1, 0, 0])[None], (28, 28))
figure = plotting.strip([fine[0], direct[0], fourth(fine)[0]], ["112 pixels", "28, direct", "28, averaged"], size=2)

# %% [markdown]
# There are two places to average. **Shrink first** pools the canvas in fixed blocks, then samples the result; the blocks
# don't move with the window. **Sample densely, then pool** averages inside the window, which the paper does on its larger
# canvases. We reduce the ground-truth windows, 28 pixels wide, to 7 by 7 directly and in these two ways, and train an
# FCN on each ({numref}`fig-07-small`).

# %% tags=["hide-input"] mystnb={"figure": {"caption": "An FCN does better on windows that are sampled densely and then pooled than on those of a canvas that was shrunk first. Two windows of 28 pixels, and the same at 7 pixels. Direct: a sample every four pixels, so most pixels are never read. Shrink first: the canvas is averaged in fixed blocks of 4 × 4, then cut. Dense, then pool: the mean of 16 samples of the window. Numbers: test accuracy over all canvases.", "name": "fig-07-small"}, "image": {"alt": "Two digits, each as a window of 28 pixels and reduced to 7 by 7 grey blocks in three ways. Above each way is the accuracy of a classifier."}}
def reduced(images, placed, how):
    """The windows of placed digits, 7 by 7."""
    theta = transforms.invert(placed)
    if how == "dense, then pool":
        return np.asarray(fourth(distortions.warp(images, theta, (28, 28))))
    images = np.asarray(fourth(images)) if how == "shrink first" else images
    return distortions.warp(images, theta, (7, 7))


HOW = "direct", "shrink first", "dense, then pool"
small = {how: reduced(canvas_test, placed_test, how) for how in HOW}
right = {}
for how in HOW:
    model = train(partial(models.fcn, (7, 7, 1)), reduced(canvas, placed, how))
    right[how] = training.probabilities(model, small[how]).argmax(-1) == y_test
figure, axes = plt.subplots(2, 4, figsize=(6, 3.5))
for k, row in enumerate(axes):
    for ax, image in zip(row, (cut[k], *(small[how][k] for how in HOW))):
        plotting.show(ax, image)
titles = "window\n28 × 28", *(f"{how}\n{right[how].mean():.3f}" for how in HOW)
for ax, title in zip(axes[0], titles):
    ax.set_title(title, fontsize="medium")
figure.tight_layout(pad=0.4)


# %% tags=["hide-input"]
def ahead(one, other):
    """By how many points one way is more accurate than another, and the standard error of that."""
    digit, points = np.arange(TEST_SIZE) % tested, 100 * (right[one].astype(float) - right[other])
    each = np.bincount(digit, points) / np.bincount(digit)  # of the canvases of one digit
    return points.mean(), each.std() / np.sqrt(tested)


best_way, *rest = "dense, then pool", "shrink first", "direct"
leads = [ahead(best_way, other) for other in rest]
shown = [100 * (round(right[best_way].mean(), 3) - round(right[other].mean(), 3)) for other in rest]  # as in the figure
first, second = (f"{points:.1f} points (standard error {error:.1f})" for points, (_, error) in zip(shown, leads))
clear = int(min(points / error for points, error in leads))  # whole standard errors, of the smaller lead
Markdown(f"Sampling densely, then pooling is ahead of shrinking first by {first} and of direct sampling by {second}. "
         + (f"Both gaps exceed {clear} standard errors, but" if clear >= 2 else "A gap below 2 standard errors may be chance, and")
         + " this is one training seed.")

# %% tags=["claim"]
assert leads[0][0] > 2 * leads[0][1] and leads[1][0] > -leads[1][1]

# %% tags=["hide-input"]
spacing = sides.mean() / CROP
Markdown("**Rule.** If samples are more than two pixels apart, some pixels are never read: use a larger output and pool. "
         "Between one and two pixels, check your images. The samples of our learned window are on average "
         f"{spacing:.1f} pixels apart.")

# %% tags=["claim"]
assert 1 < spacing < 2

# %% [markdown]
# ## Recap
#
# 1. **Three numbers**, $s$, $t_x$ and $t_y$, describe a window. The sampler then does what a slice does, at any
#    fraction of a pixel.
# 2. **From labels alone** a network learned to crop to the digit before classifying. Each classifier did better behind a
#    window than on the whole canvas, and the window's place follows the digit.
# 3. **One window** keeps the clutter inside it, covers one object, and always cuts something out.
# 4. **Aliasing** appears when samples lie too far apart for the detail in the image. Sample densely, then pool.
#
# Here a window had to move and zoom. What if no 2 by 3 matrix describes how the digit is distorted? See
# {doc}`08_beyond_affine`.
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
# The window reaches from $t - s$ to $t + s$ in normalised units, and one unit is half a canvas.

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
# :::{exercise} Six numbers instead of three
# :label: ex-clutter-affine
#
# Give the FCN an affine transformer instead. Is the accuracy higher? Which of its six numbers vary between canvases?
# :::
#
# :::{solution-start} ex-clutter-affine
# :class: dropdown
# :::

# %%
affine = train(partial(looking, "affine", models.fcn), canvas)
reached = training.accuracy(affine, canvas_test, y_test)
print(f"affine {reached:.3f}, attention {accuracy['FCN', 'learned window']:.3f}")

# %%
six = np.asarray(affine.get_layer("transformer").theta(canvas_test))
for name, mean, spread in zip(transforms.parameter_names("affine"),
                              six.mean(axis=0), six.std(axis=0)):
    print(f"{name:3} mean {mean:+.2f}, standard deviation {spread:.2f}")

# %% tags=["claim"]
assert reached > accuracy["FCN", "whole canvas"] + 0.05
assert six[:, [2, 5]].std(axis=0).min() > 2 * six[:, [0, 1, 3, 4]].std(axis=0).max()

# %% [markdown]
# The two are close. Mainly `tx` and `ty` vary: the digits were only shifted, and for that a place is enough.
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
    moved.append((unit * theta[:, 1:] - places[0]) @ line)
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
# What is the smallest output that skips no pixel of the trained window? How many weights does the FCN
# have then? Train it, and compare.
# :::
#
# :::{solution-start} ex-clutter-small
# :class: dropdown
# :::
#
# No pixel is skipped up to a distance of two, so half the side of the average window is enough.

# %%
side = int(np.ceil(sides.mean() / 2))
smallest = train(partial(looking, "attention", models.fcn, side), canvas)
reached = training.accuracy(smallest, canvas_test, y_test)
print(f"{side} x {side}: accuracy {reached:.3f}")
print(f"weights: {smallest.count_params():,}, "
      f"of these classifier {smallest.layers[-1].count_params():,}")

# %% tags=["claim"]
assert reached > accuracy["FCN", "whole canvas"]

# %% [markdown]
# It has a fraction of the weights of the FCN on the whole canvas, and is still more accurate.
#
# :::{solution-end}
# :::
