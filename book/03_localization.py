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
# # How can a network say where to look?
#
# More data and max-pooling ask the classifier to put up with any pose ({doc}`chapter 2
# <02_baselines>`). Now the other way round: look at the image, find out how it was moved, and
# move it back before anyone classifies it. The part that finds out is the **localization
# network**. It is a small, ordinary network with an extraordinary answer: not "this is a 2" but
# "look *there*, tilted like *this*".
#
# After this chapter you can
#
# - say what knowing the pose would be worth, because you have measured it;
# - argue for predicting six numbers with a network, against trying out all poses;
# - build the localization network and name the shape after every layer;
# - explain why its last layer starts with a zero kernel and an identity bias, and show what
#   happens without;
# - tell why zeros do not keep it from learning, and teach it poses to prove that it can;
# - count its parameters and say where they sit.

# %% tags=["remove-input"] mystnb={"figure": {"caption": "This chapter builds the localization network: it looks at the distorted digit and outputs θ, six numbers. The numbers are those of a trained network for this digit.", "name": "fig-pipeline-localization"}}
from stnlib.pipeline import pipeline

pipeline(lit="localization")

# %%
import keras
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf
from IPython.display import Markdown, display
from keras import layers

from stnlib import datasets, distortions, models, plotting, training, transforms

plotting.use_style()

# %% [markdown]
# What you may want to change:

# %%
SEED = 0
TRAIN_SIZE = 1_500  # at most this many digits
TEST_SIZE = 1_000
EPOCHS = 20
RANDOM_STARTS = 10  # how often we try a head that starts at random
COPIES = 6  # distorted copies of each training digit
LESSONS = 4  # epochs for the localization network

# %% [markdown]
# The same digits as in the last chapter:

# %%
digits = datasets.load()
x_train, y_train = digits.x_train[:TRAIN_SIZE], digits.y_train[:TRAIN_SIZE]
x_test, y_test = digits.x_test[:TEST_SIZE], digits.y_test[:TEST_SIZE]
print(f"{digits.name}: train {x_train.shape}, test {x_test.shape}")

# %% [markdown]
# ## What would it be worth?
#
# Before building anything, measure the prize. We distorted the digits ourselves, so we know how
# each was moved: `distort` returns the parameters `theta` beside the images. Invert them with
# `transforms.invert`, and every digit can be moved back. This is cheating, and that is the point:
# it shows what a network would gain if it were told the true pose.

# %%
distorted = distortions.distort(x_test, "article", seed=SEED + 1)
undo = np.asarray(transforms.invert(distorted.theta))
restored = distortions.warp(distorted.images, undo)
print(f"theta {distorted.theta.shape}, inverse {undo.shape}, "
      f"restored {restored.shape}")

# %% mystnb={"image": {"alt": "Three rows of ten digits: the originals, the distorted ones, and the restored ones, which look like the originals again, a little softer and some with a piece missing."}} tags=["hide-input"]
first_of_each = [np.flatnonzero(y_test == label)[0] for label in range(10)]
stages = {"original": x_test, "distorted": distorted.images, "restored": restored}
plotting.strip(
    np.concatenate([images[first_of_each] for images in stages.values()]),
    rows=list(stages),
    columns=10,
)
plt.show()

# %% [markdown]
# The third row is the first again, a little softer, for every move resamples the pixels; what had
# left the frame is lost for good. Now let the weakest reader that we have judge: the dense
# network of chapter 1 (FCN), trained on upright, *clean* digits only.

# %%
training.set_seed(SEED)
fcn = models.fcn()
training.compile(fcn)
training.fit(fcn, x_train, y_train, epochs=EPOCHS, seed=SEED)
worth = {name: training.accuracy(fcn, images, y_test)
         for name, images in stages.items()}

# %% tags=["hide-input"]
display(
    Markdown(f"""
| | original | distorted | restored |
|---|--:|--:|--:|
| FCN clean | {worth["original"]:.3f} | {worth["distorted"]:.3f} | **{worth["restored"]:.3f}** |""")
)

# %% tags=["claim"]
assert worth["restored"] > worth["distorted"] + 0.2

# %% [markdown]
# (This FCN trains for fewer steps than in chapter 2, so its numbers differ a little.)
#
# No new training, no convolution, no distorted example: knowing the pose is enough to bring a network
# back that was lost. Whoever can supply the inverse pose has solved most of the problem. The
# localization network is to supply it, and from here on a `theta` by itself is what that network says
# (while the `.theta` of a distorted set still says how the set was made). But how could one find the
# six numbers?
#
# ## Try them all?
#
# The obvious way is to try: undo every possible pose, classify each result, take the most
# confident. Count what that means. An affine map has six numbers; give each of them just a
# handful of values.

# %%
for values in (3, 5, 9):
    print(f"{values} values for each of six numbers: "
          f"{values**6:>7,} images to classify, for one answer")

# %% [markdown]
# And the judge is unfit. Chapter 1 showed confident answers on digits in the wrong pose, so the
# most confident of thousands need not be the upright one.
#
# The alternative is to **regress**: train a network that looks at the image and says the six
# numbers outright. That has much to be said for it.
#
# - *One look.* One forward pass for each image, however many numbers `theta` has.
# - *No steps.* The answer is continuous, not tied to a list of values.
# - *Differentiable.* `theta` has a gradient with respect to every weight. So if the rest of the way is
#   differentiable too, the loss of the classifier can say how `theta` ought to change, and nobody has
#   to label poses.
#
# The last point is what {cite:t}`jaderberg2015stn` built on, and the next three chapters are needed
# to earn it. In this one we build the network that speaks.
#
# ## What it says
#
# $$
# \theta = f_\text{loc}(U), \qquad
# A_\theta = \begin{pmatrix} \theta_{11} & \theta_{12} & \theta_{13} \\ \theta_{21} & \theta_{22} & \theta_{23} \end{pmatrix}
# $$
#
# images `U (B, 28, 28, 1)` → `theta (B, 6)`, read as `(B, 2, 3)` row by row
#
# The matrix tells each point $(x, y)$ of the output where to read the input: at
# $A_\theta\, (x, y, 1)^{\mathsf T}$. In both pictures x runs from -1 (left) to 1
# (right) and y from -1 (top) to 1 (bottom), so a shift of 0.4 is a fifth of the
# frame's width. {doc}`Chapter 4 <04_grid_generator>` takes this to pieces. To get a feeling for the six,
# start at the identity and add 0.4 to one number at a time.

# %%
identity = transforms.identity("affine")
nudges = identity + 0.4 * np.eye(6, dtype="float32")
print(identity)
nudged = distortions.warp(np.repeat(x_test[first_of_each[2:3]], 7, axis=0),
                          np.vstack([identity, nudges]))

# %% mystnb={"image": {"alt": "Seven pictures of one digit: unchanged, then with each of the six numbers of theta raised by 0.4. Raising the first narrows it, the second and fourth shear it, the third moves it left, the fifth flattens it, the sixth moves it up."}} tags=["hide-input"]
names = ["identity"] + [rf"$\theta_{{{r}{c}}}$ + 0.4" for r in (1, 2) for c in (1, 2, 3)]
plotting.strip(nudged, titles=names, columns=7)
plt.show()

# %% [markdown]
# Two numbers scale, two shear, two shift, and a turn is a blend of those that scale and those that
# shear. (If the directions surprise you, a larger number making a narrower digit: `theta` says where to
# *read*. Read from a wider field, and what is in it comes out smaller. Read further down, and the digit
# moves up.)
#
# ## The network, layer by layer
#
# To see a pose one needs to see the image, so we begin as every image network begins. Two
# convolutions with pooling turn pixels into maps of strokes.

# %%
training.set_seed(SEED)
look = keras.Sequential(
    [
        keras.Input((28, 28, 1)),
        layers.Conv2D(6, 5, activation="relu"),
        layers.MaxPooling2D(2),
        layers.Conv2D(16, 3, activation="relu"),
        layers.MaxPooling2D(2),
    ],
    name="look",
)

for layer in look.layers:
    print(f"{layer.name:<16} {layer.output.shape}")

# %% [markdown]
# Each convolution without padding trims the border (28 to 24, 12 to 10), each pool halves. What
# remains is 16 maps of 5 by 5: coarse, but place has survived, and place is what we are after.
# That is why we stop pooling here, and why there is no global pooling at the end, as there often
# is in a classifier: it would wipe out the very thing we ask for.
#
# Then dense layers, which may weigh every place against every other: "much ink at the top left,
# none at the bottom right".

# %%
decide = keras.Sequential(
    [
        keras.Input(look.output_shape[1:]),
        layers.Flatten(),
        layers.Dense(128, activation="relu"),
        layers.Dense(64, activation="relu"),
        layers.Dropout(0.2),
    ],
    name="decide",
)

for layer in decide.layers:
    print(f"{layer.name:<16} {layer.output.shape}")

# %% [markdown]
# These are the layers of the article {cite}`xeonqq2019article`. The library has them as
# `models.localization`; let us compare the shapes of the weights.

# %%
library = models.localization()
ours = [w.shape for w in look.weights + decide.weights]
assert ours == [w.shape for w in library.weights]
print(f"the same {len(ours)} shapes of weights")

# %% [markdown]
# One layer is missing, the one that turns 64 features into six numbers.
#
# ## The head
#
# $$
# \theta = W h + b
# $$
#
# features `h (B, 64)` → `theta (B, 6)`; the formula is for one image, and Keras keeps $W$ transposed
#
# There is no activation function after it. A ReLU could not say a negative number, a sigmoid
# could say nothing above 1, and `theta` needs both. It is a plain linear layer, and all the art
# is in how it starts:
#
# - the **kernel** $W$ starts at **zero**: whatever the features are, they have no say yet;
# - the **bias** $b$ starts at the **identity**, $(1, 0, 0, 0, 1, 0)$: "leave the image as it is".

# %%
head = layers.Dense(
    6,
    kernel_initializer="zeros",
    bias_initializer=lambda shape, dtype=None:
        keras.ops.convert_to_tensor(identity, dtype),
    name="head",
)
localizer = keras.Sequential([look, decide, head])
theta = np.asarray(localizer(distorted.images))

print(f"theta {theta.shape}")
print(theta[:3])

# %% [markdown]
# Before training, `theta` is the identity, exactly, for every image however distorted. So the *spatial
# transformer*, of which this network is the first part, begins by doing nothing, and a classifier behind
# it begins as the same classifier without it. {cite:t}`jaderberg2015stn` start like this, too.
#
# ## What happens without
#
# Keras would start the kernel at random (Glorot) and the bias at zero, as it does everywhere
# else. Give the same features a head of that kind.

# %%
training.set_seed(SEED)
random_head = keras.Sequential([look, decide, layers.Dense(6)])
random_theta = np.asarray(random_head(distorted.images))
print(random_theta[:3].round(2))

# %% mystnb={"image": {"alt": "Three charts of the six entries of theta for all test digits before training. Left, zero kernel and identity bias: every digit at the same six values, 1 0 0 0 1 0. Middle, random kernel and identity bias: clouds near these values, some of them wholly above or below. Right, random kernel and zero bias: clouds of small values for every entry."}} tags=["hide-input"]
fig, axes = plt.subplots(1, 3, figsize=(7.8, 3.2), sharey=True)
panels = {
    "zero kernel,\nidentity bias": theta,
    "random kernel,\nidentity bias": random_theta + identity,
    "random kernel,\nzero bias": random_theta,
}
entries = [rf"$\theta_{{{r}{c}}}$" for r in (1, 2) for c in (1, 2, 3)]
jitter = np.random.default_rng(SEED).uniform(-0.25, 0.25, len(theta))
for ax, (title, values) in zip(axes, panels.items(), strict=True):
    for i in range(6):
        ax.scatter(i + jitter, values[:, i], s=6, alpha=0.4, color=plotting.COLORS["grid"])
        ax.hlines(identity[i], i - 0.4, i + 0.4, color="black", lw=1.5, zorder=0)
    ax.set(title=title, xticks=range(6), xticklabels=entries)
axes[0].set_ylabel("value before training")
plt.show()

# %% [markdown]
# Each dot is one digit, spread sideways only to be seen; each black line is the identity. On the left
# all dots lie on the lines. In the middle a random kernel moves all digits off the identity, much in
# one direction, each by an amount of its own. On the right, with Keras's bias, all six numbers are
# small. That is not a harmless kind of noise: where the four that multiply x and y are all small, every
# output pixel reads from the same small patch, and the digit is gone. See what such networks would hand
# to their classifier, even of upright digits.


# %%
def random_start(seed):
    """What a head says of the digits when its kernel starts at random."""
    training.set_seed(seed)
    network = keras.Sequential([models.localization(), layers.Dense(6)])
    return np.asarray(network(x_test))


starts = [random_start(seed) for seed in range(RANDOM_STARTS)]
biases = {"identity bias": identity, "zero bias": 0}
seen = {name: [distortions.warp(x_test, theta + bias) for theta in starts]
        for name, bias in biases.items()}

# %% mystnb={"image": {"alt": "Four rows of ten digits. The first row, identity start, shows clear digits. In the second, random kernel with identity bias, they are skewed, moved or squeezed. The last two rows, random kernel and zero bias, show grey and white smears in which no digit can be made out."}} tags=["hide-input"]
rows = [x_test, seen["identity bias"][0], *seen["zero bias"][:2]]
names = ["identity", "random kernel, identity bias", "random kernel, zero bias", "the same, another start"]
plotting.strip(
    np.concatenate([images[first_of_each] for images in rows]),
    rows=names,
    columns=10,
)
plt.show()

# %%
through = {name: [training.accuracy(fcn, images, y_test) for images in views]
           for name, views in seen.items()}
middle = {name: np.median(accuracies) for name, accuracies in through.items()}

# %% tags=["claim"]
assert middle["zero bias"] < 0.25 < middle["identity bias"]
assert middle["identity bias"] < worth["original"] - 0.1

# %% tags=["hide-input"]
display(
    Markdown(f"""
The trained FCN reads {worth["original"]:.0%} of the upright digits through the identity. Through a random kernel with
the identity as bias it reads {middle["identity bias"]:.0%} (median of {RANDOM_STARTS} starts), through a random kernel
and a zero bias **{middle["zero bias"]:.0%}** (best {max(through["zero bias"]):.0%}), where guessing gives 10%.""")
)

# %% [markdown]
# So a random kernel alone already costs much of the accuracy, and without the ones in the bias nothing
# is left but guessing. A new classifier cannot read anything yet, behind any start. But behind the
# identity most digits are legible: it can learn to read them from the first step on, and then tell the
# transformer what to improve. Behind smears there is little to learn from. And a random kernel with an
# identity bias leaves the digits legible, but distorts all of them in much the same way. We have not trained from such a
# start; it may find its way back or not. The identity costs nothing and spares you the question.
#
# ## Can zeros learn?
#
# You may have learned never to start a layer at zero. Where two layers in a row start there, that is
# sound advice: each one's gradient contains the other's zeros, and neither moves. Is our head,
# $\theta = W h + b$, stuck as well? The chain rule says
#
# $$
# \frac{\partial \mathcal{L}}{\partial W} = \frac{\partial \mathcal{L}}{\partial \theta}\, h^{\mathsf T}, \qquad
# \frac{\partial \mathcal{L}}{\partial h} = W^{\mathsf T}\, \frac{\partial \mathcal{L}}{\partial \theta} .
# $$
#
# The gradient of the *kernel* contains the features, not the kernel. It is not zero. The gradient
# that is passed on to the *features* contains the kernel, and is zero, but only for the first
# step. We check both. For a loss we use what we know today, the distance to the true inverse
# poses. (`tf.GradientTape` records a computation, so that the gradient of its result can be asked for;
# `fit` does so at every step.)


# %%
def gradient_sizes(network, images, target):
    """All gradients, and the largest entry of each by name."""
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((network(images) - target) ** 2)
    gradients = tape.gradient(loss, network.trainable_variables)
    names = [variable.path for variable in network.trainable_variables]
    return gradients, {n: float(tf.reduce_max(tf.abs(g)))
                       for n, g in zip(names, gradients, strict=True)}


sample = distortions.distort(x_train[:100], "article", seed=SEED + 2)
images, target = sample.images, np.asarray(transforms.invert(sample.theta))
gradients, first = gradient_sizes(localizer, images, target)
keras.optimizers.SGD(0.1).apply(gradients, localizer.trainable_variables)
_, second = gradient_sizes(localizer, images, target)

# %% tags=["hide-input"]
kernels = [name for name in first if "kernel" in name]
rows = [(f"`{name}`", f"{first[name]:.2g}", f"{second[name]:.2g}") for name in kernels]
display(Markdown(plotting.markdown_table(("largest gradient of", "first step", "second step"), rows)))

# %% tags=["claim"]
assert first[kernels[-1]] > 0 and all(first[name] == 0 for name in kernels[:-1])
assert all(second[name] > 0 for name in kernels)

# %% [markdown]
# In the first step only the head moves. From the second step on its kernel is no longer zero, and
# everything before it learns too. The six rows of $W$ do not stay equal either, for each output has an
# error of its own. Zeros are safe *here*, because neither $h$ nor
# $\partial \mathcal{L} / \partial \theta$ is zero.
#
# ## Can it learn where to look?
#
# It can learn; but can it learn *this*, from the pixels of a distorted digit? We cheat a second time to
# find out. Since we distort the training digits ourselves, each six times, we know the right answer for
# each, and can teach the network directly, with mean squared error: it says six numbers, we say which
# six were right.

# %%
copies = np.repeat(x_train, COPIES, axis=0)
lesson = distortions.distort(copies, "article", seed=SEED + 2)
right_answers = np.asarray(transforms.invert(lesson.theta))

localizer.compile(optimizer="adam", loss="mse", jit_compile=False)
localizer.fit(lesson.images, right_answers,
              batch_size=64, epochs=LESSONS, verbose=0)
predicted = localizer.predict(distorted.images, verbose=0)
straightened = distortions.warp(distorted.images, predicted)

# %% mystnb={"image": {"alt": "Two rows of ten test digits: distorted ones, and the same moved as the network said: more upright, larger and more central than above."}} tags=["hide-input"]
plotting.strip(
    np.concatenate([distorted.images[first_of_each], straightened[first_of_each]]),
    rows=["distorted", "straightened"],
    columns=10,
)
plt.show()

# %% [markdown]
# The lower row shows ten test digits as the network would have them, after a few seconds of lessons.
# Compare the columns: what leaned is put upright, what was small is enlarged, what had slid into a corner
# is fetched back. Not always: some come out too large or keep some of their lean. See what the FCN from
# above, still the same, makes of all of them.

# %%
worth["straightened"] = training.accuracy(fcn, straightened, y_test)

# %% tags=["hide-input"]
display(
    Markdown(f"""
| | distorted | straightened by the network | restored with the truth |
|---|--:|--:|--:|
| FCN clean | {worth["distorted"]:.3f} | **{worth["straightened"]:.3f}** | {worth["restored"]:.3f} |""")
)

# %% tags=["claim"]
assert worth["distorted"] + 0.1 < worth["straightened"] < worth["restored"]

# %% [markdown]
# So a small network can look at an image and name six numbers that say where to look. (The two networks
# together were told more than any network of chapter 2, poses as well as labels; so do not compare the
# figures.) What is left is the cheating. Real images rarely come with their pose. The label "this is a
# 2" is all there is, and over the next three chapters we make it suffice.
#
# One warning before you go on. Taught with true poses (turned round), this network names the move that
# undoes the pose. Taught through its classifier, from labels alone, it will not: it will name whichever
# six numbers help the classifier. {doc}`Chapter 6 <06_training>` measures how far apart the two are.
#
# ## What does it cost?
#
# A convolution has one small window for each pair of input and output channel, and one bias for each
# output channel; a dense layer has one weight for each pair of units, and one bias for each output unit:
#
# $$
# \begin{aligned}
# n_\text{conv} &= (k \cdot k \cdot C_\text{in} + 1)\, C_\text{out} \\
# n_\text{dense} &= (n_\text{in} + 1)\, n_\text{out}
# \end{aligned}
# $$

# %%
by_hand = {
    "conv 5×5, 6": (5 * 5 * 1 + 1) * 6,
    "conv 3×3, 16": (3 * 3 * 6 + 1) * 16,
    "dense 128": (5 * 5 * 16 + 1) * 128,
    "dense 64": (128 + 1) * 64,
    "head 6": (64 + 1) * 6,
}
assert sum(by_hand.values()) == localizer.count_params()

# %% tags=["claim"]
assert abs(by_hand["dense 128"] / sum(by_hand.values()) - 5 / 6) < 0.02

# %% mystnb={"image": {"alt": "Horizontal bars with the number of parameters of each layer of the localization network. The first dense layer has by far the longest bar; the head's is hardly visible."}} tags=["hide-input"]
fig, ax = plt.subplots(figsize=(6.8, 2.8))
bars = ax.barh(list(by_hand), list(by_hand.values()), color=plotting.COLORS["grid"])
ax.bar_label(bars, fmt="{:,.0f}", padding=4)
ax.invert_yaxis()
ax.set(xlabel="parameters", xlim=(0, 1.15 * max(by_hand.values())))
plt.show()

# %%
sizes = {
    "localization with head": localizer.count_params(),
    "FCN": models.fcn().count_params(),
    "CNN": models.cnn().count_params(),
}
print(" · ".join(f"{name} {size:,}" for name, size in sizes.items()))

# %% tags=["claim"]
assert sizes["CNN"] < sizes["localization with head"] < sizes["FCN"]

# %% [markdown]
# Five in six parameters sit in one place, the first dense layer, where 400 numbers meet 128 units.
# The head, which does all the talking, is the smallest part but one. Together the localization
# network is larger than the article's whole CNN and smaller than its FCN: not free, but no giant
# either. (When you compare networks with and without a transformer, remember this. {doc}`Chapter
# 6 <06_training>` does.)
#
# The network speaks. Next we need a machine that *does* what it says: one that takes six numbers
# and works out, for each pixel of the output, which point of the input it wants. Until now
# `distortions.warp` did that behind the scenes. {doc}`The next chapter <04_grid_generator>` opens
# it.
#
# ## Recap
#
# - You measured the prize: with the true pose undone, a network that saw only upright digits
#   reads most distorted ones.
# - You counted what trying all poses would cost, and gave three reasons to regress `theta`
#   instead.
# - You built the localization network: two convolutions with pools, two dense layers, a linear
#   head, `(B, 28, 28, 1)` to `(B, 6)`.
# - You started its head at the identity, so that the transformer begins by doing nothing. Started as
#   Keras would start it, it hands over smears.
# - You saw that zeros do not block learning: the head moves in the first step, the rest from the
#   second. Taught with the true inverse poses, the network straightens digits that it has never seen.
# - You counted the parameters: the first dense layer holds most of them.
#
# ## Exercises
#
# :::{exercise} An identity for a smaller vocabulary
# :label: ex-attention-head
#
# Suppose that the transformer may only zoom and shift: `theta` is $(s, t_x, t_y)$ and stands for
# the matrix $\begin{pmatrix} s & 0 & t_x \\ 0 & s & t_y \end{pmatrix}$. How many units does the
# head need, and which bias makes it start at the identity? Check with `transforms.identity`.
# :::
#
# :::{solution-start} ex-attention-head
# :class: dropdown
# :::

# %%
attention = transforms.identity("attention")
print(f"theta {attention}")
matrix = np.asarray(transforms.matrix("attention", attention[None]))
print(f"matrix {matrix.tolist()}")

# %% [markdown]
# Three units; zoom 1 and shifts 0. The kernel starts at zero as before: the rule is to start at
# whatever `theta` means "no change", and that is not always $(1, 0, 0, 0, 1, 0)$.
#
# :::{solution-end}
# :::
#
# :::{exercise} A larger image
# :label: ex-larger-image
#
# Without building it: how many parameters has this localization network, head included, for
# images of 60 by 60 pixels? Which layer is to blame? Then build it and check.
# :::
#
# :::{solution-start} ex-larger-image
# :class: dropdown
# :::

# %%
side = ((60 - 4) // 2 - 2) // 2  # convolve 5x5, pool, convolve 3x3, pool
first_dense = (side * side * 16 + 1) * 128
guess = sum(by_hand.values()) - by_hand["dense 128"] + first_dense
assert guess == (models.localization(input_shape=(60, 60, 1)).count_params()
                 + by_hand["head 6"])
assert side == 13
print(f"{guess:,} parameters, "
      f"{first_dense / guess:.0%} of them in the first dense layer")

# %% [markdown]
# The convolutions cost the same as before. The first dense layer grows with the area of the last maps,
# 13 by 13 places in place of 5 by 5. So make larger images smaller for the localization network, or
# pool once more.
#
# :::{solution-end}
# :::
#
# :::{exercise} Which number is easiest to see?
# :label: ex-hardest
#
# The taught network does not see all six numbers equally well. Correlate what it says with the
# truth, one number at a time, on the test digits. Which do you expect to be seen best?
# :::
#
# :::{solution-start} ex-hardest
# :class: dropdown
# :::

# %%
correlation = [np.corrcoef(said, true)[0, 1]
               for said, true in zip(predicted.T, undo.T, strict=True)]
print(np.reshape(correlation, (2, 3)).round(2))

# %% tags=["claim"]
assert sorted(correlation)[-2:] == sorted([correlation[2], correlation[5]])

# %% [markdown]
# The two shifts are in the last column, and they are seen best: where the ink is, there the digit
# is. The other four describe a shape, and shape is shared between the pose and the hand that
# wrote. A slanted 1 and a sheared upright 1 are the same picture. What the image does not tell,
# no teacher can teach.
#
# :::{solution-end}
# :::
