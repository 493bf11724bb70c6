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
# # How can a network tell where to look?
#
# {doc}`Chapter 2 <02_baselines>` asked the classifier to tolerate every pose. Now we go the other way: look at the
# image, estimate its pose, and correct it before the classifier sees it. The part that estimates is the **localization
# network**, an ordinary CNN with an unusual output: not "this is a 2", but six numbers that say where to read the image.

# %% tags=["remove-input"] mystnb={"figure": {"caption": "This chapter builds the localization network: it looks at the distorted digit and outputs θ, six numbers. The numbers are those of a trained network for this digit.", "name": "fig-pipeline-localization"}}
from stnlib.pipeline import pipeline

pipeline(lit="localization")

# %% [markdown]
# After this chapter you can
#
# - say how much a classifier gains when the pose is known, because you have measured it;
# - explain why we predict six numbers instead of trying all poses;
# - build the localization network and name the shape after every layer;
# - explain why its last layer starts with a zero kernel and an identity bias, and how it can still learn.

# %% tags=["hide-input"]
import keras
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf
from IPython.display import Markdown, display
from keras import layers

from stnlib import affine_grid, datasets, distortions, models, plotting, training, transforms
from stnlib.experiments import table

plotting.use_style()

SEED = 0
TRAIN_SIZE = 1_500  # at most this many digits
TEST_SIZE = 1_000
RANDOM_STARTS = 10  # how often we try a head that starts at random
COPIES = 6  # distorted copies of each training digit, for the localization network

# %% [markdown]
# ## How much would knowing the pose help?
#
# With the pose known, an FCN that has never seen a distorted digit classifies most of them correctly. We distorted the
# digits ourselves, so we know how each was transformed: `distort` returns `theta` beside the images. Invert it with
# `transforms.invert`, warp the image again, and the digit is back in place.

# %%
digits = datasets.load()
x_train, y_train = digits.x_train[:TRAIN_SIZE], digits.y_train[:TRAIN_SIZE]
x_test, y_test = digits.x_test[:TEST_SIZE], digits.y_test[:TEST_SIZE]

distorted = distortions.distort(x_test, "article", seed=SEED + 1)
true_inverse = np.asarray(transforms.invert(distorted.theta))
restored = distortions.warp(distorted.images, true_inverse)
tests = {"original": x_test, "distorted": distorted.images, "restored": restored}
print(f"{digits.name}: train {x_train.shape}, test {x_test.shape}")

# %% mystnb={"figure": {"caption": "With the true pose inverted, the digits are back in place. Five test digits: original, distorted (from the left: rotated, scaled, sheared, shifted, all four), and restored with the known inverse. They are a little softer, because every warp resamples the pixels, and what had left the frame is lost.", "name": "fig-03-restored"}, "image": {"alt": "Five digits in three rows: the originals; the same rotated, scaled, sheared, shifted to the border, and all of it; and the restored ones, which look like the originals again, a little softer, with a piece missing where the digit had left the frame."}} tags=["hide-input"]
off = np.abs(distorted.theta - np.eye(2, 3).ravel())
scaled, sheared, rotated, shifted = off[:, 0], off[:, 1], off[:, 3], off[:, [2, 5]].max(axis=1)
kinds = (
    (rotated > 0.6) & (shifted < 0.01) & (y_test == 2),
    (scaled > 0.4) & (sheared + rotated + shifted < 0.01),
    (sheared > 0.3) & (rotated + shifted < 0.01),
    (shifted > 0.5) & (scaled + sheared + rotated < 0.01),
    (rotated > 0.5) & (shifted > 0.3),
)
five = [np.flatnonzero(kind)[0] for kind in kinds]
plotting.strip(np.concatenate([images[five] for images in tests.values()]), rows=list(tests), columns=5)
plt.show()

# %% [markdown]
# We evaluate with *FCN clean*, the weakest network of chapter 2, trained again here. It sees each upright digit 20 times,
# fewer than in chapter 2, so its numbers differ a little. It's the same network in all three columns.

# %%
training.set_seed(SEED)
fcn = models.fcn()
training.compile(fcn)
training.fit(fcn, x_train, y_train, epochs=20, seed=SEED)
accuracy = {name: training.accuracy(fcn, images, y_test)
         for name, images in tests.items()}

# %% tags=["hide-input"]
display(
    Markdown(
        plotting.markdown_table(("Test digits", *tests), [("accuracy of FCN clean", *(f"{accuracy[k]:.3f}" for k in tests))])
    )
)

# %% tags=["claim"]
assert accuracy["restored"] > accuracy["distorted"] + 0.2
assert accuracy["restored"] - accuracy["distorted"] > 0.75 * (accuracy["original"] - accuracy["distorted"])

# %% [markdown]
# Without convolution or distorted training digits, knowing the pose recovers most of what the distortion cost. So we need
# a network that finds the pose.
#
# ## Why predict the pose?
#
# The alternative is to try every pose: undo each, classify each result, and keep the most confident prediction. An
# affine map has six numbers: with only five values for each, that's $5^6 = 15{,}625$ images to classify. And chapter 1 showed that a confident prediction isn't always a correct one. So we **regress** the pose: a network
# looks at the image once and outputs the six numbers. They are continuous, and they have a gradient with respect to
# every weight. If everything after them is differentiable too, the classifier's loss can train this network, and
# nobody has to label poses. That is the idea of {cite:t}`jaderberg2015stn`, and chapters 4 to 6 carry it out.
#
# ## What the six numbers do
#
# $$
# \theta = f_\text{loc}(U), \qquad
# A_\theta = \begin{pmatrix} \theta_{11} & \theta_{12} & \theta_{13} \\ \theta_{21} & \theta_{22} & \theta_{23} \end{pmatrix}
# $$
#
# images `U (B, 28, 28, 1)` → `theta (B, 6)`, read as `(B, 2, 3)` row by row
#
# The matrix tells each output pixel at $(x, y)$ where to read the input: at $A_\theta\, (x, y, 1)^{\mathsf T}$. In
# both images x runs from -1 (left) to 1 (right) and y from -1 (top) to 1 (bottom), so 0.4 is a fifth of the frame's
# width. {numref}`fig-03-nudges` starts at the identity and adds 0.4 to one number at a time.

# %%
identity = transforms.identity("affine")
nudges = identity + 0.4 * np.eye(6, dtype="float32")
nudged = distortions.warp(np.repeat(x_test[five[:1]], 6, axis=0), nudges)
print(identity)

# %% mystnb={"figure": {"caption": "Two numbers scale, two shear, two shift; a rotation is a mix of the scales and shears. Left: the digit as it is. Right: the same with 0.4 added to one number of θ. A larger θ₁₁ makes the digit narrower, because the output reads from a wider part of the input.", "name": "fig-03-nudges"}, "image": {"alt": "A 2, and beside it six pictures of it, laid out like the matrix of theta, each with one number raised by 0.4. Raising the first narrows it, the second and fourth shear it, the third moves it left, the fifth flattens it, the sixth moves it up."}} tags=["hide-input"]
fig, axes = plt.subplot_mosaic("IABC;.DEF", figsize=(6, 3.2), layout="constrained")
plotting.show(axes["I"], x_test[five[0]], title="identity")
for index, (name, image) in enumerate(zip("ABCDEF", nudged, strict=True)):
    plotting.show(axes[name], image, title=rf"$\theta_{{{index // 3 + 1}{index % 3 + 1}}}$ + 0.4")
plt.show()

# %% [markdown]
# {doc}`Chapter 4 <04_grid_generator>` shows why every effect is the opposite of what you'd expect. Here it's enough
# that $\theta$ says where to read.
#
# ## The network, layer by layer
#
# It starts like any image network: two convolutions with pooling turn pixels into feature maps. It stops pooling
# while the maps are still 5 by 5, and it doesn't end in global pooling: *where* a stroke is matters here, so position
# has to survive. Dense layers then combine features from all positions. The comments are the shapes of the outputs.

# %%
training.set_seed(SEED)
features = keras.Sequential([
    keras.Input((28, 28, 1)),
    layers.Conv2D(6, 5, activation="relu"),   # (24, 24, 6)
    layers.MaxPooling2D(2),                   # (12, 12, 6)
    layers.Conv2D(16, 3, activation="relu"),  # (10, 10, 16)
    layers.MaxPooling2D(2),                   # (5, 5, 16)
    layers.Flatten(),                         # (400,)
    layers.Dense(128, activation="relu"),     # (128,)
    layers.Dense(64, activation="relu"),      # (64,)
    layers.Dropout(0.2),                      # in training only
], name="features")

# %% tags=["claim"]
assert [layer.output.shape[1:] for layer in features.layers] == [
    (24, 24, 6), (12, 12, 6), (10, 10, 16), (5, 5, 16), (400,), (128,), (64,), (64,)
]
assert [w.shape for w in features.weights] == [w.shape for w in models.localization().weights]

# %% [markdown]
# These are the layers of the article {cite}`xeonqq2019article`. One is missing: the **head**, which turns 64 features
# $h$ into six numbers.
#
# $$
# \theta = W h + b
# $$
#
# features `h (B, 64)` → `theta (B, 6)`; the formula is for one image, and Keras keeps $W$ transposed
#
# The head is a plain linear layer. What matters is how it starts:
#
# - the kernel $W$ starts at **zero**, so the features have no effect yet;
# - the bias $b$ starts at the **identity**, $(1, 0, 0, 0, 1, 0)$: leave the image as it is.

# %%
def identity_head():
    """A linear layer that outputs the identity until it has learned something."""
    return layers.Dense(
        6,
        kernel_initializer="zeros",
        bias_initializer=lambda shape, dtype=None:
            keras.ops.convert_to_tensor(identity, dtype),
        name="head",
    )


head = identity_head()
localizer = keras.Sequential([features, head])
untrained = np.asarray(localizer(x_test))

# %% tags=["remove-input"]
largest = max(features.layers, key=lambda layer: layer.count_params())
display(
    Markdown(
        f"The localization network, head included, has {localizer.count_params():,} parameters,"
        f" {largest.count_params() / localizer.count_params():.0%} of them in the first dense layer. The FCN has"
        f" {fcn.count_params():,}, the CNN of chapter 2 {models.cnn().count_params():,}."
    )
)

# %% tags=["claim"]
assert models.cnn().count_params() < localizer.count_params() < fcn.count_params()
assert largest is features.layers[5]

# %% [markdown]
# With this head the transformer starts by doing nothing: before training, $\theta$ is the identity for every image. So
# the classifier sees whole digits from the first step, and its gradient can tell the transformer what to improve. By
# default, Keras starts a kernel at random and a bias at zero; {numref}`fig-03-starts` shows what the classifier would see
# then. {cite:t}`jaderberg2015stn` start at the identity, too.

# %% mystnb={"figure": {"caption": "Only the identity start leaves the digit alone. One upright digit behind three untrained heads. Top: the orange grid marks where the output reads the digit. Bottom: what the classifier sees. Without the ones in the bias every output pixel reads from the same small patch.", "name": "fig-03-starts"}, "image": {"alt": "Three columns. Top: a 2 with an orange sampling grid, below it the output. Zero kernel with identity bias: the grid covers the image and the output is the same 2. Random kernel with identity bias: the grid is skewed and so is the 2. Random kernel with zero bias: the grid is a small patch and the output a smear."}} tags=["hide-input"]
def random_theta(seed):
    """What a head with a random kernel and no bias predicts."""
    training.set_seed(seed)
    network = keras.Sequential([models.localization(), layers.Dense(6)])
    return np.asarray(network(x_test))


starts = [random_theta(seed) for seed in range(RANDOM_STARTS)]
first_theta = starts[0][five[0]]
heads = {"zero kernel,\nidentity bias": untrained[five[0]], "random kernel,\nidentity bias": first_theta + identity, "random kernel,\nzero bias": first_theta}
fig, axes = plt.subplots(2, 3, figsize=(6, 4.5), layout="constrained")
for (above, below), (name, theta) in zip(axes.T, heads.items(), strict=True):
    plotting.show(above, x_test[five[0]], title=name)
    plotting.draw_grid(above, np.asarray(affine_grid(theta[None], (28, 28)))[0], (28, 28), every=9, points=False)
    above.set(xlim=(-0.5, 27.5), ylim=(27.5, -0.5))
    plotting.show(below, distortions.warp(x_test[five[:1]], theta[None])[0])
plt.show()

# %% tags=["remove-input"]
biases = {"identity bias": identity, "zero bias": 0}
median = {
    name: np.median([training.accuracy(fcn, distortions.warp(x_test, theta + bias), y_test) for theta in starts])
    for name, bias in biases.items()
}
display(
    Markdown(f"""
With the identity head in front, FCN clean classifies {100 * accuracy["original"]:.0f}% of the upright test digits correctly. With a
random kernel and the identity bias it's {100 * median["identity bias"]:.0f}% (median of {RANDOM_STARTS} seeds), with a
random kernel and a zero bias **{100 * median["zero bias"]:.0f}%**. Guessing gives 10%.""")
)

# %% tags=["claim"]
assert median["zero bias"] < 0.25 < median["identity bias"]
assert median["identity bias"] < accuracy["original"] - 0.1

# %% [markdown]
# The head has no activation function. ReLU can't output the negative numbers that $\theta$ needs, and sigmoid nothing
# above 1. **tanh** gives both signs but stays between -1 and 1, so no scale could exceed 1, and the identity itself
# would be out of reach.
#
# How can a zero kernel learn at all? The chain rule gives, for $\theta = W h + b$,
#
# $$
# \frac{\partial \mathcal{L}}{\partial W} = \frac{\partial \mathcal{L}}{\partial \theta}\, h^{\mathsf T}, \qquad
# \frac{\partial \mathcal{L}}{\partial h} = W^{\mathsf T}\, \frac{\partial \mathcal{L}}{\partial \theta} .
# $$
#
# The gradient for the *kernel* depends on the features, not on the kernel, so it's not zero. The gradient for the *features*
# contains the kernel, and is zero in the first step only. (If the kernels of two layers in a row started at zero, neither
# kernel would move.) To check, take one step towards the true inverse poses.


# %% tags=["hide-input"]
def gradients_of(network, images, target):
    """The gradient of each weight, by name."""
    with tf.GradientTape() as tape:  # records the computation
        loss = tf.reduce_mean((network(images) - target) ** 2)
    weights = network.trainable_variables
    return dict(zip([w.path for w in weights], tape.gradient(loss, weights)))


fresh = keras.Sequential([models.localization(), identity_head()])
images, known = distortions.distort(x_train[:100], "article", seed=SEED)
target = np.asarray(transforms.invert(known))
for step in ("first", "second"):
    gradients = gradients_of(fresh, images, target)
    moving = [name for name, gradient in gradients.items() if np.any(gradient)]
    print(f"{step} step: {len(moving)} of {len(gradients)} weight tensors have a gradient")
    keras.optimizers.SGD(0.1).apply(gradients.values(), fresh.trainable_variables)

# %% tags=["claim"]
assert len(moving) == len(gradients) == 10

# %% [markdown]
# In the first step only the head learns, its kernel and its bias. From the second step on its kernel is no longer zero,
# and every layer learns.
#
# ## Can it learn where to look?
#
# In part: it predicts shifts well, the other four numbers less well ({numref}`fig-03-corrected`). To see this, we use the known poses once more: we
# distort the training digits and train the localization network to predict the inverse of each distortion, with mean
# squared error.

# %%
copies = np.repeat(x_train, COPIES, axis=0)
practice = distortions.distort(copies, "article", seed=SEED + 2)
training.set_seed(SEED)
localizer.compile(optimizer="adam", loss="mse",
                  jit_compile=False)  # compiled, convolutions are slower on a CPU
localizer.fit(practice.images, np.asarray(transforms.invert(practice.theta)),
              batch_size=64, epochs=4, verbose=0)
predicted = localizer.predict(distorted.images, verbose=0)
tests["corrected"] = distortions.warp(distorted.images, predicted)

# %% mystnb={"figure": {"caption": "The predicted θ corrects part of the distortion, most of all the shift, and can fail on all four at once (right). The same five test digits; the third row is warped with the predicted θ, the fourth with the true one.", "name": "fig-03-corrected"}, "image": {"alt": "Five test digits in four rows: the originals, the distorted ones, those corrected by the network, which are more central and more upright than the distorted ones, and those restored with the true pose."}} tags=["hide-input"]
names = {"original": "original", "distorted": "distorted", "corrected": "corrected by the network", "restored": "restored with the true pose"}
plotting.strip(np.concatenate([tests[name][five] for name in names]), rows=list(names.values()), columns=5)
plt.show()

# %% [markdown]
# The numbers of the rotated digit and of the shifted one, the first and the fourth (the last exercise judges all):

# %%
for kind, digit in {"rotated": five[0], "shifted": five[3]}.items():
    for name, theta in {"predicted": predicted, "true": true_inverse}.items():
        print(f"{kind}, {name:9} {theta[digit].round(2) + 0.0}")

# %% tags=["remove-cell"]
rivals = {}
for name, build in {"FCN mixed": models.fcn, "CNN": models.cnn}.items():
    training.set_seed(SEED)
    network = build()
    training.compile(network)
    training.fit(network, *distortions.mixed(x_train, y_train, copies=9, seed=SEED), epochs=5, seed=SEED)
    rivals[name] = training.accuracy(network, distorted.images, y_test)

# %% tags=["hide-input"]
accuracy["corrected"] = training.accuracy(fcn, tests["corrected"], y_test)
rows = [("FCN clean", f"{accuracy['distorted']:.3f}")]
rows += [(f"FCN clean, digits {names[test]}", f"{accuracy[test]:.3f}") for test in ("corrected", "restored")]
rows += [(f"{name} of chapter 2", f"{rival:.3f}") for name, rival in rivals.items()]
display(Markdown(plotting.markdown_table(("On distorted test digits", "Accuracy"), rows)))

# %% tags=["claim"]
assert accuracy["distorted"] + 0.1 < accuracy["corrected"] < accuracy["restored"]
agreement = [np.corrcoef(predicted[:, k], true_inverse[:, k])[0, 1] for k in range(6)]
assert min(agreement[2], agreement[5]) > max(agreement[k] for k in (0, 1, 3, 4))

# %% tags=["remove-input"]
recorded = table.by_model(table.pick("article", "article", "distorted"))
without, with_one = recorded["cnn_wide"]["mean"] / 100, recorded["stn_cnn"]["mean"] / 100
display(
    Markdown(f"""
**This does not beat the plain CNN**, which was trained on distorted digits; this classifier has seen undistorted
ones only. The gain comes when transformer and classifier learn together, from labels alone: after
{recorded["stn_cnn"]["epochs"]} epochs on all of MNIST, a CNN with a transformer in front is {1 - with_one:.3f} accurate on
distorted digits, a larger CNN with as many parameters in all {1 - without:.3f}.""")
)

# %% tags=["claim"]
assert rivals["CNN"] > accuracy["corrected"] - 0.03
assert recorded["cnn_wide"]["epochs"] == recorded["stn_cnn"]["epochs"]
assert abs(recorded["cnn_wide"]["parameters"] / recorded["stn_cnn"]["parameters"] - 1) < 0.01
assert with_one < 0.7 * without

# %% [markdown]
# And we cheated: we used the true poses, and real images rarely come with theirs. The label "this is a 2" is all we
# have, and the next three chapters make do with it. Trained from labels, the network won't predict the inverse pose,
# though. It predicts whatever helps the classifier; {doc}`chapter 6 <06_training>` measures how far apart the two
# are.
#
# Next we need something that carries out what $\theta$ says: for each output pixel, which point of the input does it
# read? So far `distortions.warp` did that behind the scenes. {doc}`The next chapter <04_grid_generator>` explains how it
# works.
#
# ## Recap
#
# - You measured how much knowing the pose helps: with the true pose inverted, a network trained on upright digits
#   classifies most distorted ones correctly.
# - Trying all poses is too expensive. A network that predicts $\theta$ needs one forward pass and can be trained by
#   gradients.
# - The localization network has two convolutions with pools, two dense layers, and a linear head: `(B, 28, 28, 1)` to
#   `(B, 6)`.
# - Trained with true inverse poses, it partly corrects unseen digits, and is most accurate for shifts.
# - Its head starts at zero kernel and identity bias, so the transformer starts by doing nothing. The head learns in the
#   first step, the rest from the second.
#
# ## Exercises
#
# :::{exercise} An identity for fewer numbers
# :label: ex-attention-head
#
# Suppose the transformer may only zoom and shift: $\theta$ is $(s, t_x, t_y)$ and stands for
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
# Three units; zoom 1 and shifts 0. The kernel starts at zero as before. The rule is to start at whatever $\theta$ means
# "no change", and that isn't always $(1, 0, 0, 0, 1, 0)$.
#
# :::{solution-end}
# :::
#
# :::{exercise} A larger image
# :label: ex-larger-image
#
# A convolution has $(k \cdot k \cdot C_\text{in} + 1)\, C_\text{out}$ parameters, a dense layer
# $(n_\text{in} + 1)\, n_\text{out}$. How many parameters does this localization network have, head included, for
# images of 60 by 60 pixels? Which layer is to blame? Then build it and check.
# :::
#
# :::{solution-start} ex-larger-image
# :class: dropdown
# :::

# %%
side = ((60 - 4) // 2 - 2) // 2  # convolve 5x5, pool, convolve 3x3, pool
first_dense = (side * side * 16 + 1) * 128
convolutions = (5 * 5 * 1 + 1) * 6 + (3 * 3 * 6 + 1) * 16
in_all = convolutions + first_dense + (128 + 1) * 64 + (64 + 1) * 6
built = models.localization(input_shape=(60, 60, 1))
assert in_all == built.count_params() + head.count_params()
print(f"{in_all:,} parameters, "
      f"{first_dense / in_all:.0%} of them in the first dense layer")

# %% [markdown]
# The convolutions have as many parameters as before. The first dense layer grows with the area of the last maps, 13 by
# 13 places instead of 5 by 5. So shrink larger images for the localization network, or pool once more.
#
# :::{solution-end}
# :::
#
# :::{exercise} Which numbers are easiest to predict?
# :label: ex-hardest
#
# The trained network predicts the two shifts best. By how much? Correlate its predictions with the true inverse, one
# number at a time, on the test digits. Why are the other four harder?
# :::
#
# :::{solution-start} ex-hardest
# :class: dropdown
# :::

# %%
correlation = [np.corrcoef(one, true)[0, 1]
               for one, true in zip(predicted.T, true_inverse.T, strict=True)]
print(np.reshape(correlation, (2, 3)).round(2))

# %% tags=["claim"]
assert sorted(correlation)[-2:] == sorted([correlation[2], correlation[5]])

# %% [markdown]
# The shifts stand in the last column: the digit is where the ink is. The other four describe a shape, and shape
# depends on the pose and on the writer. A slanted 1 and a sheared upright 1 are the same image, so no training can
# tell them apart.
#
# :::{solution-end}
# :::
