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
# # Do more data, or convolution and max-pooling, cure it?
#
# In {doc}`chapter 1 <01_motivation>` a dense network read upright digits well and moved digits
# badly. Two remedies come to everyone's mind. *Show it moved digits as well.* And: *use a
# convolutional network, max-pooling makes it blind to position.* Here you find out how much the
# first one helps, how much the second adds to it, why, and what both leave undone.
#
# After this chapter you can
#
# - distort digits as the article does, and train on the mixture;
# - compare networks fairly: same test, same number of steps;
# - read a confusion matrix and see whether errors are spread or gather;
# - show, pixel by pixel, what a convolution and a max-pool do to a shifted digit;
# - say what pooling buys, what it costs, and why that is not yet a cure.

# %%
import keras
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Markdown, display
from keras import layers

from stnlib import datasets, distortions, models, plotting, training
from stnlib.widgets import PoolingProbe

plotting.use_style()

# %% [markdown]
# What you may want to change:

# %%
SEED = 0
TRAIN_SIZE = 1_500  # at most this many different digits to learn from
TEST_SIZE = 1_000  # and at most this many to be examined on
COPIES = 9  # distorted copies of each training digit
EPOCHS = 3

# %% [markdown]
# The digits, as before, but no more than 1,500 to learn from: this time there will be copies.

# %%
digits = datasets.load()
x_train, y_train = digits.x_train[:TRAIN_SIZE], digits.y_train[:TRAIN_SIZE]
x_test, y_test = digits.x_test[:TEST_SIZE], digits.y_test[:TEST_SIZE]
print(f"{digits.name}: train {x_train.shape}, test {x_test.shape}")

# %% [markdown]
# ## A harder exam
#
# First we need moved digits in quantity. We take the recipe of {cite:t}`xeonqq2019article`. For each
# image one of five fates is drawn, all equally likely: scale only (0.5 to 1.3 for each axis), shift
# only (up to 0.3 of the width or height, 8.4 pixels), turn only (up to 75 degrees), shear only (up to
# 30 degrees), or all four together. (`theta` in the code holds six numbers for each digit, its pose.
# {doc}`Chapter 3 <03_localization>` will need them.)

# %%
distorted = distortions.distort(x_test, "article", seed=SEED + 1)
print(f"images {distorted.images.shape}, theta {distorted.theta.shape}")

# %% mystnb={"image": {"alt": "Two rows of ten digits. Above, the originals, upright and centred. Below, the same digits after random distortion: some turned, some stretched, some pushed towards a border, some sheared."}} tags=["hide-input"]
first_of_each = [np.flatnonzero(y_test == label)[0] for label in range(10)]
plotting.strip(
    np.concatenate([x_test[first_of_each], distorted.images[first_of_each]]),
    rows=["original", "distorted"],
    columns=10,
)
plt.show()

# %% [markdown]
# Above the originals, below what becomes of them. You can still read most of them, though some lose
# strokes at the border. These are the two exams from now on: the *original* test digits and the
# *distorted* ones. No network sees a test digit in training, in either form.
#
# ## First cure: more data
#
# If the network has never seen a turned 2, show it one. `distortions.mixed` puts the clean
# training digits and several distorted copies of each together and shuffles them. This is *data
# augmentation*, and it costs nobody the labour of collecting anything.

# %%
x_mixed, y_mixed = distortions.mixed(x_train, y_train, copies=COPIES, seed=SEED)
print(f"clean {x_train.shape} → mixed {x_mixed.shape}")

# %% [markdown]
# We train the dense network of chapter 1 (FCN, for fully connected) twice: on the clean digits alone, and
# on the mixture. The mixture is larger, so one pass over it takes more steps. To be fair the clean run
# gets as many: each clean digit is repeated until there are as many images. (What training prints is the
# accuracy on the training images, while dropout is at work.)


# %%
def trained(model, x, y, epochs):
    training.compile(model)
    training.fit(model, x, y, epochs=epochs, seed=SEED)
    return model


training.set_seed(SEED)
x_clean, y_clean = (np.repeat(x_train, COPIES + 1, axis=0),
                    np.repeat(y_train, COPIES + 1))
networks = {
    "FCN clean": trained(models.fcn(), x_clean, y_clean, EPOCHS),
    "FCN mixed": trained(models.fcn(), x_mixed, y_mixed, EPOCHS),
}

# %% [markdown]
# ## Second cure: convolution
#
# Chapter 1 ended on a diagnosis: a dense unit has one weight for each *place*. A convolution has
# one for each place *in a small window*, and slides the window over the image.
#
# $$
# h[r, c] = \sum_{i}\sum_{j} w[i, j]\; x[r + i,\, c + j]
# $$
#
# $i, j = 0, 1, 2$; image `(H, W)`, window `(3, 3)` → responses `(H - 2, W - 2)`, bias and channels left
# out
#
# Here is the stencil of chapter 1 again, no longer nailed to one place.


# %%
def slide(image, window):
    """Response of the window at every place of the image."""
    rows, columns = np.array(image.shape) - window.shape + 1
    return np.array([[(image[r : r + 3, c : c + 3] * window).sum()
                      for c in range(columns)] for r in range(rows)])


image = np.zeros((3, 7))
image[:, 2] = 1  # a vertical stroke
stencil = np.array([[-1, 1, -1]] * 3)
print(f"stroke in column 2: {slide(image, stencil)}")
print(f"stroke in column 4: {slide(np.roll(image, 2, axis=1), stencil)}")

# %% [markdown]
# The response is as strong as before. It has just moved, by as many pixels as the stroke did. So
# a convolution is not invariant to a shift (unchanged by it), but the next best thing, **equivariant**:
# "move, then convolve" gives the same as "convolve, then move",
#
# $$
# \mathrm{conv}(T x) = T\,\mathrm{conv}(x)
# $$
#
# for every shift $T$, borders aside. (For a turn it does not hold.)
#
# That is worth having: a stroke learned in one place is known in every place. But the ten scores
# at the end should not move at all. Somewhere the network must stop caring *where*, and that is
# the job people give to **max-pooling**: cut the responses (the *map*) into blocks and keep the largest
# value of each.


# %%
def max_pool(images, size):
    """Largest value in each block: (B, H, W, C) → (B, H // size, W // size, C)."""
    batch, height, width, channels = images.shape
    blocks = images.reshape(
        batch, height // size, size, width // size, size, channels)
    return blocks.max(axis=(2, 4))


pooled = max_pool(x_test, 2)
np.testing.assert_array_equal(pooled, keras.layers.MaxPooling2D(2)(x_test))
print(f"{x_test.shape} → {pooled.shape}, the same as Keras")

# %% [markdown]
# The article's CNN stacks the two twice, then ends in two dense layers, like the FCN. We train it on the
# same mixture.

# %%
networks["CNN"] = trained(models.cnn(), x_mixed, y_mixed, EPOCHS)
for layer in networks["CNN"].layers:
    print(f"{layer.name:<16} {layer.output.shape}")

# %% [markdown]
# ## The result
#
# Three networks, two exams.

# %%
exams = {"original": x_test, "distorted": distorted.images}
scores = {
    name: {exam: training.accuracy(network, images, y_test)
           for exam, images in exams.items()}
    for name, network in networks.items()
}

# %% tags=["hide-input"]
rows = [(name, f"{network.count_params():,}", *(f"{scores[name][exam]:.3f}" for exam in exams))
        for name, network in networks.items()]
display(Markdown(plotting.markdown_table(("network", "parameters", *exams), rows)))

# %% mystnb={"image": {"alt": "Bar chart of accuracy on original and on distorted digits for FCN clean, FCN mixed and CNN. On original digits the three bars are close together; on distorted digits they rise from FCN clean over FCN mixed to CNN."}} tags=["hide-input"]
fig, ax = plt.subplots(figsize=(6.4, 3.4))
colors = [plotting.COLORS[key] for key in ("fcn_clean", "fcn", "cnn")]
for i, (name, color) in enumerate(zip(networks, colors, strict=True)):
    heights = [scores[name][exam] for exam in exams]
    bars = ax.bar(np.arange(2) + 0.27 * (i - 1), heights, 0.25, color=color, label=name)
    ax.bar_label(bars, fmt="%.2f", fontsize=10)
ax.set(xticks=[0, 1], xticklabels=exams, ylim=(0, 1.05), ylabel="accuracy")
ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3)
plt.show()

# %% tags=["hide-input"]
gain_data = scores["FCN mixed"]["distorted"] - scores["FCN clean"]["distorted"]
gain_conv = scores["CNN"]["distorted"] - scores["FCN mixed"]["distorted"]
missing = scores["CNN"]["original"] - scores["CNN"]["distorted"]
on_originals = scores["FCN mixed"]["original"] - scores["FCN clean"]["original"]
Markdown(f"""
On distorted digits, more data brings **{100 * gain_data:.0f} points**, and convolution with max-pooling another
**{100 * gain_conv:.0f}**. The CNN still loses {100 * missing:.0f} points when a digit moves. On the original
digits the mixture changes the FCN by {100 * on_originals:+.1f} points.""")

# %% tags=["claim"]
assert gain_data > 0 and gain_conv > 0 and missing > 0 and abs(on_originals) < 0.1

# %% [markdown]
# More data helps on distorted digits, and convolution with max-pooling on top of it helps further. (By
# itself, without distorted digits, we have not tried it.) Even together they are not complete, at least
# after three epochs: exercise 2.2 will show that the FCN does not even read all of its own training
# images yet. In the article, after five epochs on all of MNIST, it is the same story: 0.518, then
# 0.757, then 0.88 on distorted digits {cite}`xeonqq2019article`. And {doc}`chapter 13 <13_paper>` makes
# the CNN wider and trains it for longer; the gap becomes smaller and does not close. So there are two
# questions left. Which digits are still misread? And what did the pooling do, exactly?
#
# ## Who is taken for whom?
#
# A **confusion matrix** counts, for each true digit (row), how often the network gave each answer
# (column). A perfect network fills the diagonal only.


# %%
def confusion_matrix(network, images):
    answers = training.probabilities(network, images).argmax(-1)
    matrix = np.zeros((10, 10), int)
    np.add.at(matrix, (y_test, answers), 1)
    return matrix


matrices = {name: confusion_matrix(networks[name], distorted.images)
            for name in ("FCN mixed", "CNN")}

# %% mystnb={"image": {"alt": "Confusion matrix of the CNN on distorted digits, in percent of each row. The diagonal is dark, with pale cells all around it."}} tags=["hide-input"]
fig, ax = plt.subplots(figsize=(5.6, 5.6))
plotting.confusion(ax, matrices["CNN"])
ax.set_title("CNN, distorted digits, % of each row")
plt.show()

# %% tags=["hide-input"]
wrong = matrices["CNN"] * ~np.eye(10, dtype=bool)
worst = (wrong.sum(axis=1) / matrices["CNN"].sum(axis=1)).argsort()[:-4:-1]
pairs = np.stack(np.unravel_index(np.argsort(-wrong, axis=None, kind="stable")[:3], (10, 10)), axis=1)
display(
    Markdown(f"""
Misread most often are **{worst[0]}**, {worst[1]} and {worst[2]}. Among the most frequent confusions are
{", ".join(f"{true} → {answer} ({wrong[true, answer]} digits)" for true, answer in pairs)}. A row stands for about
{len(y_test) / 10:.0f} digits.""")
)

# %% [markdown]
# Those are small counts. Do errors gather in a few of the 90 confusions? Beware: the ten
# largest of *any* 90 counts hold at least a ninth. So throw as many errors at random, and compare.


# %%
def largest_ten(counts):
    """Share of the ten largest counts in each row."""
    return np.sort(counts)[..., -10:].sum(-1) / counts.sum(-1)


# %%
for name, matrix in matrices.items():
    errors = matrix[~np.eye(10, dtype=bool)]
    chance = largest_ten(np.random.default_rng(SEED).multinomial(
        errors.sum(), np.full(90, 1 / 90), 1000))
    limit = np.quantile(chance, 0.95)
    print(f"{name}: the ten most frequent of 90 confusions hold "
          f"{largest_ten(errors):.1%} of {errors.sum()} errors,")
    verdict = "more than chance" if largest_ten(errors) > limit else "may be chance"
    print(f"  at random {chance.mean():.1%}, "
          f"in 19 of 20 trials at most {limit:.1%}: {verdict}")

# %% tags=["claim"]
assert all(largest_ten(matrix[~np.eye(10, dtype=bool)]) < 0.5 for matrix in matrices.values())

# %% [markdown]
# The words after each last colon say whether the network's errors gather more than errors at random
# would. Either way, most of them lie outside those ten: digits are misread in many ways.
#
# ## What does a pool forgive?
#
# Now to the pooling. Begin with one row of eight pixels and blocks of two. A single bright pixel
# moves to the right, one step at a time.

# %%
for step in range(4):
    row = np.zeros(8, int)
    row[2 + step] = 1
    print(f"pixels {row} → pooled {row.reshape(4, 2).max(axis=1)}")

# %% [markdown]
# The first step changes nothing: the pixel stays inside its block. The second crosses a border,
# and the pooled row changes after all. The third again changes nothing. A pool of two forgives
# *one* pixel, and only *half of the time*. After two steps, the pooled row is the old one, moved
# by one: the position has not been forgotten, only halved.
#
# Does this hold for a digit? Push one to the right pixel by pixel and pool every picture.


# %%
def push(images, pixels):
    """Move images to the right; black comes in from the left."""
    padding = ((0, 0), (0, 0), (pixels, 0), (0, 0))
    return np.pad(images, padding)[:, :, : images.shape[2]]


two = x_test[y_test == 2][:1]
pushed = np.concatenate([push(two, step) for step in range(5)])
pools = {1: pushed, 2: max_pool(pushed, 2), 4: max_pool(pushed, 4)}
for size, images in pools.items():
    print(f"pool {size}: {images.shape}")

# %% mystnb={"image": {"alt": "A grid of pictures, three rows by five columns. Top: a 2 moved right by 0 to 4 pixels. Middle: the same after max-pooling by 2. Bottom: after max-pooling by 4, coarse blocks. Along each row the pictures change, more slowly in the lower rows."}} tags=["hide-input"]
fig, axes = plt.subplots(3, 5, figsize=(6.8, 4.4), layout="constrained")
for row, (size, images) in zip(axes, pools.items(), strict=True):
    for step, ax in enumerate(row):
        plotting.show(ax, images[step], title=f"moved {step} px" if size == 1 else None)
    row[0].set_ylabel("no pool" if size == 1 else f"pool {size}×{size}", fontsize=11)
plt.show()

# %% [markdown]
# Look along the middle row: the second picture differs a little from the first, and the third is
# the first again, one pooled pixel further right. The bottom row takes four steps for the same.
# In code:

# %%
one_pooled_pixel = push(pools[2][:1], 1)[0]
two_steps, one_step, none = pools[2][2], pools[2][1], pools[2][0]
print("pushed by two pixels, is it the old map, moved by one?",
      np.array_equal(two_steps, one_pooled_pixel))
print("pushed by one pixel, is it the old map?", np.array_equal(one_step, none))
print("or the old map, moved?", np.array_equal(one_step, one_pooled_pixel))

# %% tags=["claim"]
assert np.array_equal(pools[2][2], one_pooled_pixel)
assert not np.array_equal(pools[2][1], pools[2][0])
assert not np.array_equal(pools[2][1], one_pooled_pixel)

# %% [markdown]
# A lone pixel was forgiven half of the time; a digit has edges in both halves of its
# blocks, so some of its cells change at every step. A shift by two is passed on as a shift by one. A
# shift by one gives a picture that is neither the old one nor a moved copy of it, so even the
# equivariance of the convolution is damaged. {cite:t}`zhang2019shift` traces this to sampling without
# blurring first.
#
# In a CNN the pool sits behind a convolution. The instrument below puts it there: a digit, the
# edges that a convolution finds in it, and the largest of each block. Drag the digit by one pixel,
# then by two. A cross marks every active cell (one that is not near zero) that changed by more than a
# fifth, a frame every one that did not. Then take the larger pool.

# %%
PoolingProbe(image=two[0])

# %% [markdown]
# One pixel is enough to put crosses on many pooled cells, and the chart under the pictures, which counts
# the cells of all edge directions, falls on both sides of zero. Compare the pooled cells with the others, for
# blocks of two and for blocks of four.
#
# ## What does it cost?
#
# If a pool of two forgives one pixel, a larger pool forgives more. Why not pool by 14, or all of
# the image? To see why not, we leave networks aside again and let the nearest training image
# decide: pool both, compare, take the label of the closest. Then only the pooling differs from curve to
# curve.


# %%
def nearest_label(images, size):
    """Label of the closest training digit, both max-pooled by `size`."""
    a = max_pool(images, size).reshape(len(images), -1)
    b = max_pool(x_train, size).reshape(len(x_train), -1)
    # a² is left out of the squared distance: it is the same for all b
    return y_train[((b**2).sum(1) - 2 * a @ b.T).argmin(axis=1)]


SIZES = (1, 2, 4, 7, 14, 28)
MOVES = range(0, 9)
forgiven = np.array([[(nearest_label(push(x_test, step), size) == y_test).mean()
                      for step in MOVES] for size in SIZES])

# %% mystnb={"image": {"alt": "Six curves of nearest-neighbour accuracy against a shift of 0 to 8 pixels, one for each pool size from 1 to 28. Small pools start high and fall steeply. Pools of 4 and 7 start lower and reach the level of guessing later. Pool 28 is flat at the level of guessing."}} tags=["hide-input"]
fig, ax = plt.subplots(figsize=(6.8, 3.8))
shades = plt.colormaps["cividis"](np.linspace(0, 0.9, len(SIZES)))
for size, accuracy, color, marker in zip(SIZES, forgiven, shades, "os^Dvx", strict=True):
    ax.plot(MOVES, accuracy, color=color, marker=marker, ms=5, label="no pool" if size == 1 else f"pool {size}")
ax.axhline(0.1, color=plotting.COLORS["neutral"], ls=":", lw=1)
ax.set(xlabel="moved right, pixels", ylabel="accuracy of the nearest image", ylim=(0, 1.02))
ax.legend(ncols=2)
plt.show()

# %% [markdown]
# Go through the curves from small pools to large ones. (The dotted line is guessing.) A pool of two is
# nearly free. From there on the left ends sink: even in its own place a digit is less and less readable.
# Over the first pixel the pools of 4 and 7 still read less than no pool does. They win later: when the
# digit has moved by four pixels, both read more. The last one, one number for the whole image, is flat,
# invariant as long as nothing leaves the frame, and at the level of guessing: it knows
# how bright the brightest pixel is, which is the same for nearly all digits. **Pooling buys
# tolerance by throwing away position**, and the position of its strokes is what makes a digit.

# %% tags=["claim"]
in_place, everything = forgiven[:, 0], forgiven[-1]
assert in_place[1] > in_place[0] - 0.03  # a pool of two is nearly free
assert (np.diff(in_place[1:]) < 0).all()  # the left ends sink
assert forgiven[2:4, 1].max() < forgiven[0, 1]  # pools of 4 and 7 lose at first
assert forgiven[2:4, 4].min() > forgiven[0, 4]  # and win four pixels on
assert np.ptp(everything) < 0.02 and everything.max() < 0.2  # flat, near guessing

# %% [markdown]
# And a turn? No block of a pool turns with the digit.

# %%
tilted = distortions.warp(x_test, np.tile(
    distortions.affine_theta(angle=np.deg2rad(40)), (len(x_test), 1)))
upright, read_turned = {}, {}
for size in SIZES[:4]:
    upright[size], read_turned[size] = (
        (nearest_label(x, size) == y_test).mean() for x in (x_test, tilted))
    print(f"pool {size}: upright {upright[size]:.2f}, "
          f"turned by 40 degrees {read_turned[size]:.2f}")

# %%
won_back = max(read_turned.values()) - read_turned[1]
taken = upright[1] - read_turned[1]
print(f"the turn takes {taken:.2f}, the best pool wins back {won_back:.2f}")

# %% tags=["claim"]
assert won_back < 0.25 * taken and read_turned[7] < read_turned[1]

# %% [markdown]
# Against a turn pooling is little help, if any, and a large pool loses what could still be read without
# it.
#
# ## Was it the pooling?
#
# The article credits its CNN's success to max-pooling. We can test that. Build the same CNN, but
# instead of taking the maximum of each 2 by 2 block just keep its top left value and drop the
# other three. All shapes stay the same, and the number of weights; only the *max* is gone. (Keras's
# pool drops an odd last row and column; this one would keep them, so they are cut off.)

# %%
training.set_seed(SEED)
subsampled = keras.Sequential(
    name="cnn_without_max",
    layers=[
        keras.Input((28, 28, 1)),
        layers.Conv2D(32, 3, activation="relu"),
        layers.MaxPooling2D(1, strides=2),  # a pool of one only drops values
        layers.Conv2D(16, 3, activation="relu"),
        layers.Cropping2D(((0, 1), (0, 1))),
        layers.MaxPooling2D(1, strides=2),
        layers.Flatten(),
        layers.Dense(100, activation="relu"),
        layers.Dropout(0.2),
        layers.Dense(10),
    ]
)
assert subsampled.count_params() == networks["CNN"].count_params()
trained(subsampled, x_mixed, y_mixed, EPOCHS)
without_max = training.accuracy(subsampled, distorted.images, y_test)

# %% tags=["hide-input"]
right, right_without = (
    training.probabilities(network, distorted.images).argmax(-1) == y_test for network in (networks["CNN"], subsampled)
)
doubt = np.std(right.astype(int) - right_without) / np.sqrt(len(y_test))  # of the difference, from the test set alone
fit, fit_without = (training.accuracy(network, x_mixed[:5000], y_mixed[:5000]) for network in (networks["CNN"], subsampled))
display(
    Markdown(f"""
On distorted digits: FCN {scores["FCN mixed"]["distorted"]:.3f}, CNN that only drops values **{without_max:.3f}**,
CNN with max-pooling {scores["CNN"]["distorted"]:.3f}. Of the CNN's lead of {100 * gain_conv:.0f} points the
maximum brings **{100 * (scores["CNN"]["distorted"] - without_max):.1f}** (standard error {100 * doubt:.1f}, the
typical distance from what endlessly many test digits would give). Of 5,000 training images the CNN without the
maximum reads {fit_without:.3f}, the one with it {fit:.3f}.""")
)

# %% tags=["claim"]
assert scores["CNN"]["distorted"] - without_max > 2 * doubt and fit_without < fit

# %% [markdown]
# This speaks for the article: a gain of more than two standard errors is hardly luck of the test. But a
# single training run has luck of its own. The row of eight pixels suggests a reason, some tolerance of a
# step of one pixel behind each convolution. But the CNN with the maximum leads on its training images as
# well, so it may also just learn faster. And tolerance is not invariance.
#
# To see where each network's tolerance ends, draw the curves of chapter 1 for all three.

# %%
ANGLES, SHIFTS = np.arange(-90, 91, 15), np.arange(-10, 11, 2)


def sweep(poses):
    """Accuracy of every network in every pose, on the whole test set."""
    thetas = [np.tile(distortions.affine_theta(**pose), (len(x_test), 1))
              for pose in poses]
    batch = np.concatenate([distortions.warp(x_test, theta) for theta in thetas])
    answers = {name: training.probabilities(network, batch).argmax(-1)
               for name, network in networks.items()}
    return {name: (a.reshape(len(poses), -1) == y_test).mean(axis=1)
            for name, a in answers.items()}


turns = [{"angle": np.deg2rad(angle)} for angle in ANGLES]
pushes = [{"translation": (-2 * pixels / 28, 0)} for pixels in SHIFTS]
swept = sweep(turns + pushes)

# %% mystnb={"image": {"alt": "Two charts of accuracy, against rotation and against shift, with one curve for each network. The clean FCN has a narrow peak. The FCN trained on the mixture is wider, the CNN higher, and for shifts wider. All fall towards the ends."}} tags=["hide-input"]
fig, axes = plt.subplots(1, 2, figsize=(7, 3.4), sharey=True)
styles = {"FCN clean": ":", "FCN mixed": "--", "CNN": "-"}
for (name, style), color in zip(styles.items(), colors, strict=True):
    axes[0].plot(ANGLES, swept[name][: len(ANGLES)], style, color=color, lw=2.5, label=name)
    axes[1].plot(SHIFTS, swept[name][len(ANGLES) :], style, color=color, lw=2.5)
axes[0].set(xlabel="turned, degrees", ylabel="accuracy", ylim=(0, 1.02), xticks=ANGLES[::3])
axes[1].set(xlabel="moved right, pixels")
axes[0].legend(loc="lower center", bbox_to_anchor=(1.1, 1), ncols=3)
plt.show()

# %% [markdown]
# The narrow peak of chapter 1 is the dotted curve. Data and convolution widen it into a hill, but accuracy
# falls well before the ends of the trained range (75 degrees, 8.4 pixels), for shifts in the dense network
# above all; in part because shifted digits leave the frame. Nothing in these networks *knows* that a turned 2 is a 2. They were shown it, pose by
# pose, in examples.
#
# There is another way to think about it. Both cures ask the classifier to *put up with* any pose.
# Suppose that instead something in front of it looked at the image, found the pose, and undid it.
# Then the classifier could stay as simple as in chapter 1. How could a network say where to look?
# {doc}`The next chapter <03_localization>` builds the one that does.
#
# ## Recap
#
# - You distorted digits in five ways and trained on the mixture: many points gained on distorted
#   digits for the dense network.
# - You compared fairly: same exams, same number of steps. The CNN did best, and still lost
#   accuracy when a digit moved.
# - You read a confusion matrix, and compared it with errors thrown at random.
# - You saw a convolution move its answer along with the shift, and a pool of two forgive a
#   lone pixel's step, half of the time.
# - You measured the price: tolerance is bought with position. Pool the raw image to a single value, and all digits
#   look the same. Against a turn, pooling buys little, if anything.
#
# ## Exercises
#
# :::{exercise} Blur before you drop
# :label: ex-blur-pool
#
# Push all test digits by one pixel. By how much does their max-pooled image change, relative to
# its norm? Now take the maximum of each 2 by 2 window at *every* place, blur the result with
# the weights 1, 2, 1 (divided by 4) along both axes, and only then keep every second value. Is
# that steadier?
# :::
#
# :::{solution-start} ex-blur-pool
# :class: dropdown
# :::


# %%
def blur_pool(images):
    """Maximum at every place, blur, then drop every second value."""
    for axis in (1, 2):
        images = np.maximum(images, np.roll(images, -1, axis))
    for axis in (1, 2):
        images = (np.roll(images, -1, axis) + 2 * images
                  + np.roll(images, 1, axis)) / 4
    return images[:, ::2, ::2]


def change(pool):
    before, after = pool(x_test), pool(push(x_test, 1))
    return np.linalg.norm(after - before) / np.linalg.norm(before)


plain, pooled, blurred = (
    change(np.array), change(lambda x: max_pool(x, 2)), change(blur_pool))
print(f"no pool {plain:.2f}, max-pool {pooled:.2f}, "
      f"blurred before dropping {blurred:.2f}")

# %% tags=["claim"]
assert blurred < pooled < plain

# %% [markdown]
# The blurred pool changes least: neighbouring values of a blurred map are alike, so it matters
# less which of them is kept. What goes wrong when one samples without blurring first is called
# aliasing, and this cure is due to {cite:t}`zhang2019shift`.
#
# :::{solution-end}
# :::
#
# :::{exercise} What does a copy buy?
# :label: ex-copies
#
# Train the dense network with only 4 distorted copies of each digit, for as many steps as above
# with 9. How much of the gain is there already?
# :::
#
# :::{solution-start} ex-copies
# :class: dropdown
# :::

# %%
training.set_seed(SEED)
x_four, y_four = distortions.mixed(x_train, y_train, copies=4, seed=SEED)
four = trained(models.fcn(), x_four, y_four, EPOCHS * (COPIES + 1) // 5)
gained = training.accuracy(four, distorted.images, y_test)
none, all_copies = (scores["FCN clean"]["distorted"],
                    scores["FCN mixed"]["distorted"])
print(f"no copy {none:.3f}, 4 copies {gained:.3f}, "
      f"{COPIES} copies {all_copies:.3f}")
fitted = training.accuracy(networks["FCN mixed"], x_mixed, y_mixed)
print(f"FCN mixed, on its own training images: {fitted:.3f}")

# %% tags=["claim"]
assert gained - none > all_copies - gained
assert fitted < 0.9

# %% [markdown]
# The first four copies bring most of the gain, the next five much less. Look at the last line: the network
# misreads many of the very images that it was trained on. So it lacks steps or size, too, not only data.
#
# :::{solution-end}
# :::
#
# :::{exercise} Invariant, equivariant, or neither?
# :label: ex-which
#
# Say it for each of these, under a shift by one pixel: (a) a dense layer, (b) a convolution, (c)
# a ReLU, (d) a max-pool by two, (e) the largest value of the whole image, (f) a softmax over ten
# scores.
# :::
#
# :::{solution} ex-which
# :class: dropdown
#
# (a) Neither. (b) Equivariant, borders aside. (c) Equivariant: it treats every value alike. (d)
# Neither; under a shift by *two* pixels it is equivariant, the result moves by one. (e)
# Invariant, as long as nothing leaves the frame. (f) The question makes no sense: ten scores have
# no place in the image that could shift. Where place has gone, something has already decided what
# to do about it.
# :::
