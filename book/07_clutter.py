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
# In {doc}`chapter 6 <06_training>` each digit had its image to itself, and was only bent. Real pictures
# are not so kind. The thing you want lies somewhere on a larger canvas, and the canvas is full of other
# things. You would first look for it, then look *at* it, and forget the rest. Can a network do so when
# nobody tells it where the digit is?
#
# After this chapter you can
#
# - write "look there, this closely" as three numbers, and cut a window out of an image with them;
# - train a network that finds the digit from class labels alone, and compare it with networks that
#   read the whole canvas, in accuracy and in weights;
# - check where it looks against where the digit is;
# - say when a small output misrepresents its input, and which cure to choose;
# - name what a single window cannot do.
#
# *Reading: about 20 minutes. Running: about a minute on two processor cores.*

# %%
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

# %%
SEED = 0
EPOCHS = 3
TRAIN_SIZE = 1408  # at most this many digits to train on: all batches are full
COPIES = 6         # each placed so many times among other scraps
TEST_SIZE = 1800   # canvases to be examined on
CROP = 20          # side of the transformer's output, in pixels

# %% [markdown]
# ## A larger canvas
#
# The article that this book follows ends with digits in clutter {cite}`xeonqq2019article`. How much
# clutter, it does not say, so we choose: a canvas of 40 by 40 pixels, the digit at a random place, and
# five scraps of 5 by 5 pixels cut from other digits (some are empty corners and do not show). `distort`
# makes such canvases. It also returns the $\theta$ that placed each digit, so that for once we know the
# truth.

# %%
data = datasets.load()
x, y = data.x_train[:TRAIN_SIZE], data.y_train[:TRAIN_SIZE]
x_seen = np.tile(x, (COPIES, 1, 1, 1))
y_seen = np.tile(y, COPIES)
canvas, placed_seen = distortions.distort(x_seen, "article_clutter", SEED)
SIZE = canvas.shape[1]
print(f"{data.name}: {len(x):,} digits on "
      f"{len(canvas):,} canvases of {SIZE} x {SIZE}")

# %% [markdown]
# The test has other digits, each placed several times, until there are enough of them. (So the canvases
# are not independent, and this is one seed: differences of a point or two in the accuracies below mean
# nothing.)

# %%
x_test = np.resize(data.x_test, (TEST_SIZE, 28, 28, 1))
y_test = np.resize(data.y_test, TEST_SIZE)
canvas_test, placed = distortions.distort(x_test, "article_clutter", SEED + 1)
print(f"{len(data.x_test[:TEST_SIZE]):,} digits on {TEST_SIZE:,} canvases")

# %% mystnb={"image": {"alt": "Eighteen square black canvases. On each lies one handwritten digit, always at another place, and around it, sometimes touching it, small scraps of strokes."}}
figure = plotting.strip(canvas_test[:18], columns=6, size=0.9)

# %% [markdown]
# You read them without effort, because you look at the digit first. The paper has a larger canvas,
# 60 by 60, with six scraps of 6 by 6 {cite}`jaderberg2015stn`. (Here it is drawn as large as the other.)

# %% mystnb={"image": {"alt": "Twelve larger black canvases, 60 by 60 pixels. The digit takes up less than a quarter of each, and six scraps of other digits are strewn about."}}
paper_canvas, _ = distortions.distort(x_test[:12], "clutter", SEED)
figure = plotting.strip(paper_canvas, columns=6, size=0.9)

# %% [markdown]
# Here the digit's frame of 28 pixels covers less than a quarter of the canvas. This chapter trains on
# the small canvases, which take seconds. A table near the end shows what full training makes of both
# sizes.
#
# ## A window is three numbers
#
# To cut out a window, an affine $\theta$ has more freedom than it needs. Drop turn, shear and unequal
# scales, and what is left the paper calls **attention**: one scale and a place. (It has nothing to do
# with the attention layers of language models.)
#
# $$
# \begin{pmatrix} x^s \\ y^s \end{pmatrix}
# = \begin{pmatrix} s & 0 & t_x \\ 0 & s & t_y \end{pmatrix}
#   \begin{pmatrix} x^t \\ y^t \\ 1 \end{pmatrix}
# $$
#
# shapes: $\theta$ `(3,)` → matrix `(2, 3)`, in code `(6,)`, row by row; images `(B, H, W, C)` →
# windows `(B, H', W', C)`
#
# This is equation (2) of the paper. $(t_x, t_y)$ is where the window's centre lies, and $s$ is its side
# as a share of the canvas. (The canvas is 2 units wide, so the window is $2s$ units wide.) How many
# pixels the window is *shown* with is another matter: that is the output size, which you choose.
# Suppose you want `side` pixels from column `left` and row `top` on. In the units of
# {doc}`chapter 4 <04_grid_generator>`, -1 is the outer edge of column 0 and each pixel is `2 / size`
# wide. So the window's left edge lies at `-1 + 2 * left / size`, half its width is `side / size`, which
# is $s$, and their sum is its centre:

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
# Try it on an image whose pixels you can name: 16 pixels, numbered. Cut the 2 by 2 at column 2,
# row 1.

# %%
toy = np.arange(16, dtype="float32").reshape(4, 4)
theta = window(left=2, top=1, side=2, size=4)
grid = affine_grid(matrix(theta)[None], (2, 2))
cut = np.asarray(grid_sample(toy[None, :, :, None], grid))[0, :, :, 0]

print(f"s, t_x, t_y = {theta}")
print(cut)
np.testing.assert_allclose(cut, toy[1:3, 2:4], atol=1e-5)

# %% [markdown]
# The sampler with this $\theta$ does what the slice `toy[1:3, 2:4]` does. But a slice has whole
# numbers, so it has no gradient. The window can lie half a pixel further to the right, and can be told
# that it should.
#
# Now with real canvases. `placed` leads from the canvas to the digit's own frame of 28 by 28. Its
# inverse leads from that frame to the canvas, so it *is* the perfect window. (Both are affine, with six
# numbers; three of them are $s$, $t_x$ and $t_y$.)

# %%
perfect = np.asarray(transforms.invert(placed))
cut = distortions.warp(canvas_test, perfect, (28, 28))
print("s, t_x, t_y of the first three:", *perfect[:3, [0, 2, 5]].round(2))
print(f"pixels equal to the lone digit: {np.mean(np.abs(cut - x_test) < 1e-3):.1%}")
print(f"pixels darker than there: {np.sum(cut < x_test - 1e-3)}")

# %% tags=["claim"]
assert np.all(cut > x_test - 1e-3)

# %% tags=["hide-input"] mystnb={"image": {"alt": "Three canvases, each with an orange square around the digit; beside each the content of the square, cut out: the digit, in places with a piece of a scrap."}}
def draw_window(ax, image, theta, side):
    """Show an image with the outline of the window that theta cuts out."""
    grid = np.asarray(affine_grid(np.asarray(theta, "float32")[None], (side, side)))[0]
    plotting.show(ax, image)
    ax.set_autoscale_on(False)
    plotting.draw_grid(ax, grid, image.shape[:2], every=side - 1)


def draw_pairs(axes, images, thetas, side):
    """Show canvases with their windows, and beside each what the window holds."""
    for ax, beside, image, theta in zip(axes[::2], axes[1::2], images, thetas):
        draw_window(ax, image, theta, side)
        plotting.show(beside, distortions.warp(image[None], theta[None], (side, side))[0])


figure, axes = plt.subplots(1, 6, figsize=(6, 1.3))
draw_pairs(axes, canvas_test, perfect[:3], 28)
axes[0].set_title("canvas", fontsize="medium")
axes[1].set_title("window", fontsize="medium")
figure.tight_layout(pad=0.3)

# %% [markdown]
# (Most of the equal pixels are black anyway. The last line is the stronger check: no pixel
# is darker than in the lone digit, so nothing of it is missing.) Not all pixels agree: where a scrap
# lies on the digit or beside it, inside the window, it is cut out along with it. A window can leave out
# what is elsewhere, never what is in front. Keep that in mind; it will show up in the results.
#
# ## Readers of the whole canvas
#
# How hard is the task for networks without a transformer? Take the two classifiers of
# {doc}`chapter 2 <02_baselines>`, on the whole canvas. As a control for what comes later, give them the
# canvas at half its resolution, too. And as a measure of what can be hoped for, give the dense
# one the perfect windows.

# %%
def train(build, images):
    training.set_seed(SEED)
    model = training.compile(build())
    training.fit(model, images, y_seen, EPOCHS, seed=SEED)
    return model


def mean_of_blocks(images, factor):
    return np.asarray(layers.AveragePooling2D(factor)(images))


# %%
whole, half_size = (SIZE, SIZE, 1), (SIZE // 2, SIZE // 2, 1)
reads_all = {"FCN": train(lambda: models.fcn(whole), canvas),
             "CNN": train(lambda: models.cnn(whole), canvas)}
canvas_half = mean_of_blocks(canvas, 2)
reads_half = {
    "FCN, half the resolution": train(lambda: models.fcn(half_size), canvas_half),
    "CNN, half the resolution": train(lambda: models.cnn(half_size), canvas_half)}
windows = distortions.warp(canvas, transforms.invert(placed_seen), (28, 28))
told = train(models.fcn, windows)

accuracy = {}
for name, model in reads_all.items():
    accuracy[name] = training.accuracy(model, canvas_test, y_test)
for name, model in reads_half.items():
    accuracy[name] = training.accuracy(
        model, mean_of_blocks(canvas_test, 2), y_test)
reference = training.accuracy(told, cut, y_test)
print("\n".join(f"{name:26} {value:.3f}" for name, value in accuracy.items()))
print(f"FCN, told where to look    {reference:.3f}")

# %% tags=["claim"]
assert reference > accuracy["FCN"] + 0.05
assert reference > accuracy["FCN, half the resolution"] + 0.05

# %% [markdown]
# The same kind of network, with fewer weights, does far better on the same digits when it is told where
# to look. Reading the whole canvas, it has to learn a 2 at each place anew: a weight that looks at the
# top left corner knows nothing of what its neighbour has learnt. With so few digits and epochs it is
# far from done, and fewer pixels are no help. Convolution shares its weights between places, so the CNN
# suffers less. The gap between the first number and the last is what a transformer can hope to close.
#
# ## A network that looks first
#
# The localization network sees the **whole** canvas, but it only needs to find the digit, not to
# read it. So it may look at it with half the resolution. What it must not lose is *where* things
# are; hence `Flatten`, no global pooling ({doc}`chapter 6 <06_training>`, last pitfall).

# %%
def localization():
    return keras.Sequential([
        keras.Input((SIZE, SIZE, 1)), layers.AveragePooling2D(2),
        layers.Conv2D(8, 5, activation="relu"), layers.MaxPooling2D(2),
        layers.Conv2D(16, 3, activation="relu"), layers.MaxPooling2D(2),
        layers.Flatten(), layers.Dense(64, activation="relu"),
    ], name="localization")


# %% [markdown]
# The classifier behind it gets no more than `CROP` by `CROP` pixels. Because the layer starts as
# the identity, these pixels begin as a reduced picture of the whole canvas, and the network has to
# discover that it is worth looking closer.

# %%
def looking(transform, classifier, side=CROP):
    transformer = SpatialTransformer(
        localization(), transform, output_size=(side, side), name="transformer")
    network = classifier((side, side, 1))
    return keras.Sequential([keras.Input((SIZE, SIZE, 1)), transformer, network],
                            name=f"{transform}_{network.name}")


start = looking("attention", models.fcn)
first = np.asarray(start.get_layer("transformer")(canvas_test[:1]))
print(canvas_test[:1].shape, "->", first.shape, "->", start(canvas_test[:1]).shape)

# %% [markdown]
# Three such networks: attention and affine before the dense classifier, and attention before the
# convolutional one. A callback notes where the first one looks, on some test canvases, before
# training and after each epoch.

# %%
watch = training.ThetaHistory(canvas_test[:3])
training.set_seed(SEED)
attention = training.compile(looking("attention", models.fcn))
training.fit(attention, canvas, y_seen, EPOCHS, seed=SEED, callbacks=[watch])

affine = train(lambda: looking("affine", models.fcn), canvas)
attention_cnn = train(lambda: looking("attention", models.cnn), canvas)

# %% [markdown]
# Each ought to be better than the same classifier on the whole canvas, and on all of it at half the
# resolution, which has as many pixels as the window's output.

# %%
looks_first = {
    "attention + FCN": attention,
    "affine + FCN": affine,
    "attention + CNN": attention_cnn,
}
for name, model in looks_first.items():
    accuracy[name] = training.accuracy(model, canvas_test, y_test)

# %% tags=["claim"]
assert accuracy["attention + FCN"] > accuracy["FCN"] + 0.05
assert accuracy["affine + FCN"] > accuracy["FCN"] + 0.05
assert accuracy["attention + CNN"] > accuracy["CNN"] + 0.01
assert accuracy["attention + FCN"] > accuracy["FCN, half the resolution"] + 0.05
assert accuracy["attention + CNN"] > accuracy["CNN, half the resolution"] + 0.01

# %% tags=["hide-input"]
def count(model):
    """The weights of a whole model and of its classifier."""
    return model.count_params(), (model.layers[-1] if model.name.startswith("a") else model).count_params()


head = "Network", "Classifier sees", "Weights", "of these, classifier", "Accuracy"
rows = []
for name, model in {**reads_all, **reads_half, **looks_first}.items():
    side = SIZE if name in reads_all else SIZE // 2 if name in reads_half else CROP
    everything, classifier = count(model)
    rows.append((name, f"{side}&nbsp;×&nbsp;{side}", f"{everything:,}", f"{classifier:,}", f"**{accuracy[name]:.3f}**"))
weights = f"{told.count_params():,}"
rows.append(("*FCN, told where to look*", "28&nbsp;×&nbsp;28", weights, weights, f"*{reference:.3f}*"))
Markdown(plotting.markdown_table(head, rows) + f"\n\nMeasured here on `{data.name}`, {TEST_SIZE:,} canvases.")

# %% [markdown]
# Three things to take from the table:
#
# - The dense network profits most. Behind a window it reads a digit that is at nearly the same place
#   each time.
# - It is the *looking* that helps, not the smaller input: at half the resolution the classifiers have
#   as many pixels and as many weights as those behind a window, and stay behind. (The localization
#   network comes on top; it too halves the resolution, and all that it can pass on is three numbers, or
#   six.)
# - The CNN gains as well, but less was missing there: convolution is another good answer to "somewhere
#   else". Compare the dense network behind a window with the CNN on the whole canvas, which has more
#   weights. But do not build on the order of these two; with more data they are level, as the last
#   table shows. The best network of this one has both.
#
# The last row is a reference, not a ceiling: a tighter window would leave out more scraps, and a CNN
# behind a window may pass it.
#
# ## Watch it find the digit
#
# Nobody told the layer where the digits are, nor that there are digits. What did it do, epoch by
# epoch? Each canvas is shown with its window, and beside it what the classifier saw.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Four rows, one for each epoch from 0 to 3, and three pairs of pictures in each: a canvas with an orange outline, and the content of the outline. At epoch 0 the outline is the whole canvas and the digit appears small. From epoch 1 on the outline is a smaller square around the digit, and the digit fills its picture."}}
figure, axes = plt.subplots(EPOCHS + 1, 6, figsize=(5.8, 0.95 * (EPOCHS + 1)))
for epoch, (row, thetas) in enumerate(zip(axes, watch.thetas)):
    draw_pairs(row, canvas_test, np.stack([matrix(theta) for theta in thetas]), CROP)
    row[0].set_ylabel(f"epoch {epoch}")
figure.tight_layout(pad=0.3)

# %% [markdown]
# At epoch 0 the window is the whole canvas. (The outline runs through the outermost samples.) After one
# pass through the data it is already smaller, and it sits on the digit, though it may cut off an end.
# Why does it move there at all? The likely reason: a scrap says nothing about the label, the digit
# does. A change of the weights that moves windows towards scraps lowers the loss of a canvas here and
# there by chance, one that moves them towards the digit lowers it on most, and over many canvases that is
# what adds up. And a smaller window shows the digit larger, with fewer scraps.
#
# ## Where it looks, and where the digit is
#
# Three examples may be lucky ones. We know the true place of all test digits: `perfect` holds it.
# Compare, in pixels.

# %%
found = np.asarray(attention.get_layer("transformer").theta(canvas_test))
half = SIZE / 2  # pixels in one unit
looked, true = found[:, 1:] * half, perfect[:, [2, 5]] * half
off = np.linalg.norm(looked - true, axis=1)
correlation = [np.corrcoef(looked[:, k], true[:, k])[0, 1] for k in (0, 1)]
sides = found[:, 0] * SIZE

# %% tags=["claim"]
assert min(correlation) > 0.9

# %% tags=["hide-input"] mystnb={"image": {"alt": "Three panels. Two scatter plots, across and down: the centre of the window against the centre of the digit, in pixels from the middle of the canvas; the points lie close to the diagonal. Below them a histogram of the side of the window, one narrow peak."}}
figure, axes = plt.subplot_mosaic([["across", "down"], ["side", "side"]], figsize=(5.4, 5), height_ratios=[3, 2])
for k, name in enumerate(("across", "down")):
    ends = np.array([true.min(), true.max()])
    axes[name].plot(ends, ends, color=plotting.COLORS["neutral"])
    axes[name].scatter(true[:, k], looked[:, k], s=4, alpha=0.3, color=plotting.COLORS["grid"])
    axes[name].set(title=name, xlabel="centre of the digit (pixels)", xlim=(-12, 12), ylim=(-12, 12), aspect="equal")
axes["across"].set_ylabel("centre of the window (pixels)")
axes["side"].hist(sides, bins=np.arange(0, SIZE + 1), color=plotting.COLORS["grid"])
axes["side"].set(xlabel="side of the window (pixels of the canvas)", ylabel="canvases", xlim=(0, SIZE))
figure.tight_layout()

# %% tags=["hide-input"]
Markdown(
    f"Half of the windows miss the centre of the digit's frame by less than {np.median(off):.1f} pixels, nine out of ten "
    f"by less than {np.quantile(off, 0.9):.1f}. The correlation is {correlation[0]:.2f} across and {correlation[1]:.2f} "
    f"down. The window is {sides.mean():.1f} pixels wide on average and varies by {sides.std():.1f}; the frame of the "
    "digit has 28, the digit itself 20."
)

# %% [markdown]
# On the grey lines window and digit would agree; above zero is to the right, or further down. (The
# stripes are there because digits lie at whole pixels.) In effect this is a detector of one object, and
# it has never been shown a box. Its windows are all of about the same size, presumably because our
# digits are. And nothing forces the window onto the true centre, only onto the same spot of every
# digit, like the poses of chapter 6. If all windows lie a pixel too far to one side, the classifier
# does not mind. How much of the miss is of this kind?

# %%
common = np.mean(looked - true, axis=0)
rest = np.linalg.norm(looked - true - common, axis=1)
print(f"common to all windows: {common[0]:+.1f} pixels across, "
      f"{common[1]:+.1f} down")
print(f"median miss {np.median(off):.1f} pixels, "
      f"without what is common {np.median(rest):.1f}")

# %% tags=["claim"]
assert np.median(rest) < np.median(off)

# %% [markdown]
# The second median says what is left without it, and that differs from canvas to canvas. (Some of it
# may still be shared, by the digits of one class for example; we have not looked.)
#
# Did the six numbers of affine find something that three could not?

# %%
six = np.asarray(affine.get_layer("transformer").theta(canvas_test))
names = transforms.parameter_names("affine")
for name, mean, spread in zip(names, six.mean(axis=0), six.std(axis=0)):
    print(f"{name:2} {mean:+.2f}, varies by {spread:.2f}")
for name in ("attention + FCN", "affine + FCN"):
    print(f"{name}: accuracy {accuracy[name]:.3f}")
width, height = (SIZE * np.hypot(*six[:, [k, k + 3]].mean(axis=0)) for k in (0, 1))
print(f"the mean affine window has sides of {width:.0f} and {height:.0f} pixels")

# %% [markdown]
# (The names run along the two rows of the matrix.) What varies from canvas to canvas is the place, `tx`
# and `ty`. The other four settle on one compromise for everybody: `a` and `d` for the width and the
# height, `b` and `c` for the lean. The window need not be square:

# %% tags=["hide-input"] mystnb={"image": {"alt": "Three canvases with the outline of the affine window, a slanted box around the digit that need not be square; beside each what it holds, the digit in the proportions of the box."}}
figure, axes = plt.subplots(1, 6, figsize=(6, 1.15))
draw_pairs(axes, canvas_test, six[:3], CROP)
figure.tight_layout(pad=0.3)

# %% tags=["claim"]
assert six[:, [2, 5]].std(axis=0).min() > 2 * six[:, [0, 1, 3, 4]].std(axis=0).max()

# %% [markdown]
# A classifier that always sees digits in the same wrong proportion learns them so, unless the window
# cuts off a side. (Why it settles on just this shape we have not asked; another seed may give another.)
# Compare the two accuracies: three more numbers have bought little, if anything. The
# digits were only moved, and for that a place is enough.
#
# ## When the output is small
#
# In our windows the samples lie little more than a pixel of the canvas apart. Often you want far fewer:
# a thumbnail of a photo, or a small window to start with on a large canvas. Then the samples lie far
# apart, and bilinear reading sees four pixels around each of them and nothing else. Here is a picture
# with fine structure, rings that get finer outwards, reduced to a quarter of its size.

# %%
def rings(size):
    axis = np.linspace(-1, 1, size, dtype="float32")
    x, y = np.meshgrid(axis, axis)
    picture = 0.5 + 0.5 * np.cos(0.6 * size * (x**2 + y**2))
    return picture[None, :, :, None]


identity = matrix([1, 0, 0])[None]
fine = rings(112)
direct = distortions.warp(fine, identity, (28, 28))
averaged = mean_of_blocks(fine, 4)

# %% mystnb={"image": {"alt": "Three pictures. Left, rings that become finer towards the rim. Middle, the direct reduction: besides the rings in the centre there are false ring systems at the sides and corners. Right, the reduction by averaging: the rings in the centre, fading to grey outwards."}}
figure = plotting.strip([fine[0], direct[0], averaged[0]],
                        ["112 pixels", "28, direct", "28, averaged"], size=1.8)

# %% [markdown]
# The middle picture has rings that do not exist. Where a bright ring and its dark neighbour together get
# fewer than two samples, one sample happens on a bright ring, the next on a dark one further out, and
# together they show a pattern that is not there: **aliasing**. The right picture takes the mean of
# each 4 by 4 block. Rings that are too fine to show come out nearly grey, which is the honest answer.
# (Not quite: the chequered patches and the faint rings at the sides have survived, for the mean of a
# block is a crude blur.)
#
# There are two ways to average, and they are not the same:
#
# - **Shrink first**: average pooling on the input, then sample. That fixes the amount, for all windows
#   alike, and the lattice of the blocks, which begin at columns 0, 4, 8 and so on, wherever the window
#   lies.
# - **Sample densely, then pool**: let the transformer write a larger output, and pool that. The
#   paper does it on its larger canvases: 2 x 2 average pooling follows the transformer. The
#   averaging now happens *in the window*, whatever its size.
#
# What should a small picture of a window show? The mean of each block of it. The second way computes
# just that, so it serves as the yardstick. How far from it are direct reading, and shrinking first?
# Take the perfect windows, of 28 pixels, down to 7, so that the amount is right for both.

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
truth = mean_of_blocks(cut, 4)
error = {how: np.sqrt(np.mean((small[how] - truth) ** 2)) for how in HOW}
for how in HOW[:2]:
    print(f"{how:12} differs by {error[how]:.3f}")

# %% tags=["hide-input"] mystnb={"image": {"alt": "Three digits, each as a window of 28 pixels and reduced to 7 pixels in three ways. Read directly, strokes are uneven; shrunk first, the digit is smeared; sampled densely and pooled, it is even."}}
pictures = [[cut[k], *(small[how][k] for how in HOW)] for k in range(3)]
figure, axes = plt.subplots(3, 4, figsize=(5.6, 4.5))
for row, images in zip(axes, pictures):
    for ax, image in zip(row, images):
        plotting.show(ax, image)
for ax, title in zip(axes[0], ("window", *HOW)):
    ax.set_title(title, fontsize="medium")
figure.tight_layout(pad=0.4)

# %% [markdown]
# Read directly, the strokes look crisp but uneven: a stroke that is thinner than the distance of two
# samples shows more or less, as it happens to lie. Shrunk first, the blocks line up with the window
# only by luck. Where they do not, everything is averaged twice, and the digit is smeared. The
# differences printed above weigh the two faults; which is the larger depends on how fine the strokes
# are.
#
# Does a classifier care? Train one on each kind.

# %%
by_reading = {}
for how in HOW:
    windows = reduced(canvas, np.asarray(transforms.invert(placed_seen)), 7, how)
    reader = train(lambda: models.fcn((7, 7, 1)), windows)
    by_reading[how] = training.accuracy(reader, small[how], y_test)

print("\n".join(f"{how:16} accuracy {value:.3f}"
                for how, value in by_reading.items()))

# %% tags=["claim"]
assert by_reading["dense, then pool"] > by_reading["shrink first"] + 0.02
assert by_reading["dense, then pool"] > by_reading["direct"] - 0.01

# %% [markdown]
# Reading densely and pooling is well ahead of shrinking first, which is blind to where the window lies.
# (In {doc}`chapter 5 <05_sampler>`, exercise 5.3, pooling the input was the cure. There the window was
# the whole image, so that the blocks lined up with it.) How far direct reading stays behind depends on
# the digits: on those of scikit-learn, with their broad soft strokes, hardly more than one seed can
# show, on MNIST by some points, and the rings are the worst case. So should our network have pooled a
# larger output? Not at this size:

# %%
spacing = sides / CROP
print(f"distance of two samples: {spacing.mean():.2f} pixels")

# %% tags=["claim"]
assert spacing.mean() < 2

# %% [markdown]
# A sample reads from pixels up to one away, so as long as samples are less than two pixels apart no
# pixel of the window is passed over. (Finest detail may alias before that, and fewer samples show
# less; the last exercise looks at the price.) Rule of thumb: count how many input pixels two samples
# of your window are apart, at the size where training *settles*. Above two, ask for a larger output
# and pool it. There may be a second reason to do so: the gradient of $\theta$ is made from the pixels
# that samples read, so detail between them cannot pull the window.
#
# ## What a single window cannot do
#
# **It keeps what lies in front.** Sort the test canvases by how much of the scraps got into the perfect
# window, and look at each third.

# %%
extra = np.sum(cut - x_test, axis=(1, 2, 3))
thirds, best = np.array_split(np.argsort(extra), 3), []
for name, members in zip(("least", "middle", "most"), thirds):
    right = training.accuracy(attention, canvas_test[members], y_test[members])
    best.append(training.accuracy(told, cut[members], y_test[members]))
    print(f"{name:6} clutter: {right:.3f}, told where to look {best[-1]:.3f}")

# %% tags=["claim"]
assert best[0] > best[-1]

# %% [markdown]
# Even the network that was told where to look suffers from scraps in its window. A sampler moves
# pixels; it cannot see through them.
#
# **It is one window.** What if there are two digits? Put two on one canvas, one at the top left,
# one at the bottom right, and ask where the trained network looks.

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
print(f"side of the window: {SIZE * gaze[:, 0].mean():.1f} pixels, "
      f"with one digit {sides.mean():.1f}")

# %% tags=["claim"]
assert np.mean(closest > 5) > 0.5

# %% mystnb={"image": {"alt": "Six canvases with two digits each, one at the top left and one at the bottom right, and the orange outline of the window: it lies in the middle, and contains most of each digit."}}
figure, axes = plt.subplots(1, 6, figsize=(6, 1.15))
for ax, image, theta in zip(axes, pair, gaze):
    draw_window(ax, image, matrix(theta), CROP)
figure.tight_layout(pad=0.3)

# %% [markdown]
# It looks in between. Most of both is in the window, at opposite corners, and neither is where the
# classifier expects a digit. You might have expected a choice. But $\theta$ is not chosen from a list
# of places, it is computed, and nothing has taught this network to choose: it was trained on one digit
# with scraps, never on two. The second exercise shows how the window gets from one digit to the middle.
# Training on pairs might teach it to take one of them; a second one it still could not show. For
# several things you need several transformers.
#
# **It is not a judge.** A canvas without any digit gets a window, too, and the classifier, whose
# probabilities add up to 1, names a digit there. "Nothing here" is an answer only if you train for it.
#
# ## Full size, full data
#
# What you saw was a small version. The table has networks trained on all of MNIST: the article's
# (STN+FCN, STN+CNN) on *our* canvases of 40 by 40, the paper's (ST-FCN, ST-CNN) on 60 by 60. The
# **errors** are in percent of 10,000 test canvases: ours, the mean over the seeds that were run (± the
# spread, where there are several), and what the article or the paper reports. (*FCN clean* has been
# trained without clutter, all others with it; {doc}`chapter 13 <13_paper>` describes the wide and the
# long CNN.) There the transformer is affine and its output as large as the canvas; the paper's networks
# pool it 2 x 2. The article may have used more clutter than we do, so its figures are for orientation
# only. "Not run" means just that; nothing is estimated.

# %% tags=["hide-input"]
head = "Canvas", "Network", "Error, measured", "Seeds", "Published"
rows = []
for size, exam in {40: ("article", "article_clutter"), 60: ("clutter", "clutter")}.items():
    listed = table.pick(*exam)
    for row in listed:
        quoted = "–" if row["published"] is None else f"{row['published']:.1f}"
        rows.append((size, table.network(row), table.error(row), row["seeds"] or "–", quoted))
Markdown(plotting.markdown_table(head, rows, words=2))

# %% tags=["claim"]
full = {model: row["mean"] for model, row in table.by_model(table.pick("article", "article_clutter")).items()}
assert 1.3 * full["stn_cnn"] < min(full["cnn_wide"], full["cnn_long"])

# %% [markdown]
# Everywhere the dense network without a transformer is left far behind. But on 40 pixels, after five
# epochs with all of MNIST, the plain CNN is level with the dense network behind a transformer. So
# whatever lay between the CNN and attention + FCN in our small runs says more about learning from little
# than about what each can reach. STN+CNN is lower still, and has more weights and more time than the
# CNN. Is it that, or the transformer? A CNN with as many weights (*wide*) and one with about as much time
# (*long*) stay above it. Where the table says one seed, keep the spreads of the others in mind.
# {doc}`Chapter 13 <13_paper>` weighs these differences, and those from the published figures.
#
# ## Recap
#
# - You wrote a window as **three numbers**, $s$, $t_x$ and $t_y$, and saw that the sampler then
#   does what a slice does, and can move by a fraction of a pixel.
# - You trained networks that **look first** from labels alone. Each classifier was better behind a
#   window than on the whole canvas, with fewer weights.
# - You compared windows with the truth: the place follows the digit closely, the size stays the
#   same, and affine's other numbers settle on a constant.
# - You met **aliasing**, where samples are too far apart for the detail. Sample densely and pool the
#   output; pooling the input is blind to where the window lies.
# - You saw what **one window** cannot do: see through what lies in front, show two things, or say
#   that there is nothing.
#
# All of this was moving and cutting. What if the digit itself is warped, in ways that no matrix
# of 2 by 3 describes? {doc}`08_beyond_affine` leaves the straight lines behind.
#
# ## Exercises
#
# :::{exercise} The box, in pixels
# :label: ex-clutter-box
#
# Detectors report a box by its four outer edges: left, top, right, bottom. Write the inverse of
# `window`: from $\theta$ and the canvas size to these edges, in pixels. Check it on the toy and on a
# window at a fractional place, such as left 3.25.
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
# :::{exercise} The pull of the second digit
# :label: ex-clutter-pull
#
# Dim the second digit of each pair by a factor between 0 (gone) and 1 (as bright as the first). How
# far does the window move towards it? Plot the mean position along the line from the first digit's
# centre (0) to the second's (1).
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

# %% mystnb={"image": {"alt": "The position of the window against the brightness of the second digit: a thick line for the mean of 500 pairs and thin lines for twenty of them. All start near 0, at the first digit, and rise smoothly towards about one half, the middle between the two."}}
figure, ax = plt.subplots(figsize=(5, 2.8))
ax.plot(brightness, moved[:, :20], color=plotting.COLORS["neutral"],
        lw=0.7, alpha=0.6)
plotting.curve(ax, brightness, moved.mean(axis=1), "mean",
               plotting.COLORS["grid"])
ax.set(xlabel="brightness of the second digit",
       ylabel="window (0 first digit, 1 second)", ylim=(-0.3, 1.1))
figure.tight_layout()
largest = np.abs(np.diff(moved, axis=0)).max(axis=0)
print("largest step of a single window: "
      f"{np.median(largest):.2f} of the way (median)")

# %% tags=["claim"]
assert np.all(np.diff(moved.mean(axis=1)) > 0)
assert np.median(largest) < 0.25

# %% [markdown]
# Neither the mean nor the windows shown (thin) jump. The first digit keeps its full brightness all the
# time, yet the window leaves it bit by bit. A detector that has to *choose* scores all places and takes
# the best; a transformer computes one place. That gives it a gradient without any choosing, and makes it
# wrong where there are two answers and nothing has taught it to choose.
#
# :::{solution-end}
# :::
#
# :::{exercise} How small may the output be?
# :label: ex-clutter-small
#
# The trained window covers so many pixels of the canvas (`sides`). What is the smallest output that
# passes over no pixel? How many weights would the dense classifier have then? Train it, and
# compare.
# :::
#
# :::{solution-start} ex-clutter-small
# :class: dropdown
# :::
#
# Samples may be two pixels apart, so half the side of the average window is about enough.

# %%
side = int(np.ceil(sides.mean() / 2))
smallest = train(lambda: looking("attention", models.fcn, side), canvas)
reached = training.accuracy(smallest, canvas_test, y_test)
print(f"{side} x {side}: accuracy {reached:.3f}")
theta = np.asarray(smallest.get_layer("transformer").theta(canvas_test))
apart = SIZE * theta[:, 0] / side
print(f"samples {apart.mean():.1f} pixels apart, "
      f"more than two in {np.mean(apart > 2):.0%} of the windows")
print("weights: {:,}, of these classifier {:,}".format(*count(smallest)))

# %% tags=["claim"]
assert reached > accuracy["FCN"]

# %% [markdown]
# A fraction of the weights of the network that reads the whole canvas, and still more accurate than it,
# though it began with samples three pixels apart. Compare it with the larger output above, too. Passing
# over no pixel is not enough: detail is lost, and where the samples end closer than two pixels the
# window has shrunk along with its output, and cuts a digit off more easily. Which of the two costs more
# we have not measured.
#
# :::{solution-end}
# :::
