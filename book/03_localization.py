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
# network**. It's small and ordinary. Only its output is unusual: not "this is a 2", but six numbers that say where
# to read the image.

# %% tags=["remove-input"] mystnb={"figure": {"caption": "This chapter builds the localization network: it looks at the distorted digit and outputs θ, six numbers. The numbers are those of a trained network for this digit.", "name": "fig-pipeline-localization"}}
from stnlib.pipeline import pipeline

pipeline(lit="localization")

# %% [markdown]
# After this chapter you can
#
# - say how much a classifier gains when the pose is known, because you have measured it;
# - explain why we predict six numbers instead of trying all poses;
# - build the localization network and name the shape after every layer;
# - explain why its last layer starts with a zero kernel and an identity bias, and why it learns all the same.

# %% tags=["hide-input"]
import keras
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf
from IPython.display import Markdown, display
from keras import layers

from stnlib import datasets, distortions, models, plotting, training, transforms

plotting.use_style()

SEED = 0
TRAIN_SIZE = 1_500  # at most this many digits
TEST_SIZE = 1_000
FCN_EPOCHS = 20
RANDOM_STARTS = 10  # how often we try a head that starts at random
COPIES = 6  # distorted copies of each training digit, for the localization network
EPOCHS = 4

# %% [markdown]
# ## What is the pose worth?
#
# Tell a classifier the pose, and most of its errors are gone. We distorted the digits ourselves, so we know how each
# was transformed: `distort` returns `theta` beside the images. Invert it with `transforms.invert`, warp the image
# again, and the digit is back in place.

# %%
digits = datasets.load()
x_train, y_train = digits.x_train[:TRAIN_SIZE], digits.y_train[:TRAIN_SIZE]
x_test, y_test = digits.x_test[:TEST_SIZE], digits.y_test[:TEST_SIZE]

distorted = distortions.distort(x_test, "article", seed=SEED + 1)
true_inverse = np.asarray(transforms.invert(distorted.theta))
restored = distortions.warp(distorted.images, true_inverse)
tests = {"original": x_test, "distorted": distorted.images, "restored": restored}
print(f"{digits.name}: train {x_train.shape}, test {x_test.shape}")

# %% mystnb={"figure": {"caption": "With the true pose inverted, the digits are back in place. Test digits: original, distorted, and restored with the known inverse. They are a little softer, because every warp resamples the pixels, and what had left the frame is lost.", "name": "fig-03-restored"}, "image": {"alt": "Five digits in three rows: the originals, the distorted ones, and the restored ones, which look like the originals again, a little softer and some with a piece missing."}} tags=["hide-input"]
first_of_each = np.array([np.flatnonzero(y_test == label)[0] for label in range(10)])
five = first_of_each[[2, 3, 4, 5, 7]]
plotting.strip(np.concatenate([images[five] for images in tests.values()]), rows=list(tests), columns=5)
plt.show()

# %% [markdown]
# As the judge we take the weakest classifier so far: the dense network of chapter 1 (FCN), trained on upright digits
# only. It's the same network in all three columns.

# %%
training.set_seed(SEED)
fcn = models.fcn()
training.compile(fcn)
training.fit(fcn, x_train, y_train, epochs=FCN_EPOCHS, seed=SEED)
worth = {name: training.accuracy(fcn, images, y_test)
         for name, images in tests.items()}

# %% tags=["hide-input"]
display(
    Markdown(
        plotting.markdown_table(("Test digits", *tests), [("accuracy of the FCN", *(f"{worth[k]:.3f}" for k in tests))])
    )
)

# %% tags=["claim"]
assert worth["restored"] > worth["distorted"] + 0.2

# %% [markdown]
# No new training, no convolution, no distorted training digit: knowing the pose is enough. So what we need is a network
# that finds it.
#
# ## Why predict the pose?
#
# The alternative is to try every pose: undo each, classify each result, and keep the most confident prediction. An
# affine map has six numbers, so that gets expensive:

# %%
for values in (3, 5, 9):
    print(f"{values} values for each of six numbers: "
          f"{values**6:>7,} images to classify")

# %% [markdown]
# And chapter 1 showed that a confident prediction isn't always a correct one. So we **regress** the pose: a network
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
nudged = distortions.warp(np.repeat(x_test[first_of_each[2:3]], 6, axis=0), nudges)
print(identity)

# %% mystnb={"figure": {"caption": "Two numbers scale, two shear, two shift; a rotation is a mix of the first four. One digit, with 0.4 added to one number of θ. A larger θ₁₁ makes the digit narrower, because the output reads from a wider part of the input.", "name": "fig-03-nudges"}, "image": {"alt": "Six pictures of one digit, laid out like the matrix of theta, each with one number raised by 0.4. Raising the first narrows it, the second and fourth shear it, the third moves it left, the fifth flattens it, the sixth moves it up."}} tags=["hide-input"]
names = [rf"$\theta_{{{r}{c}}}$ + 0.4" for r in (1, 2) for c in (1, 2, 3)]
plotting.strip(nudged, titles=names, columns=3, size=1.5)
plt.show()

# %% [markdown]
# {doc}`Chapter 4 <04_grid_generator>` shows why every effect is the opposite of what you'd expect. Here it's enough
# that $\theta$ says where to read.
#
# ## The network, layer by layer
#
# It starts like any image network: two convolutions with pooling turn pixels into maps of strokes. It stops pooling
# while the maps are still 5 by 5, and it doesn't end in global pooling: *where* a stroke is matters here, so position
# has to survive. Dense layers then weigh all places against each other.

# %%
training.set_seed(SEED)
features = keras.Sequential(
    [
        keras.Input((28, 28, 1)),
        layers.Conv2D(6, 5, activation="relu"),
        layers.MaxPooling2D(2),
        layers.Conv2D(16, 3, activation="relu"),
        layers.MaxPooling2D(2),
        layers.Flatten(),
        layers.Dense(128, activation="relu"),
        layers.Dense(64, activation="relu"),
        layers.Dropout(0.2),
    ],
    name="features",
)
same = models.localization()  # the library has this network
assert [w.shape for w in features.weights] == [w.shape for w in same.weights]

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
head = layers.Dense(
    6,
    kernel_initializer="zeros",
    bias_initializer=lambda shape, dtype=None:
        keras.ops.convert_to_tensor(identity, dtype),
    name="head",
)
localizer = keras.Sequential([features, head])
theta = np.asarray(localizer(distorted.images))
print(theta[:3])

# %% tags=["hide-input"]
kinds = {
    "Conv2D": "convolution {0.kernel_size[0]}×{0.kernel_size[1]}",
    "MaxPooling2D": "max-pool 2×2",
    "Dense": "dense, {0.units} units",
}
parts = {layer: kinds[type(layer).__name__].format(layer) for layer in features.layers if type(layer).__name__ in kinds}
parts[head] = "head, 6 units"
rows = [(name, str(layer.output.shape[1:]), f"{layer.count_params():,}") for layer, name in parts.items()]
largest = max(parts, key=lambda layer: layer.count_params())
display(
    Markdown(
        plotting.markdown_table(("Layer", "Output", "Parameters"), rows)
        + f"\n\nOf its {localizer.count_params():,} parameters {largest.count_params() / localizer.count_params():.0%} are in"
        f" the first dense layer. The FCN has {fcn.count_params():,}, the CNN of chapter 2"
        f" {models.cnn().count_params():,}."
    )
)

# %% tags=["claim"]
assert models.cnn().count_params() < localizer.count_params() < fcn.count_params()
assert largest is features.layers[5]

# %% [markdown]
# Before training, $\theta$ is the identity for every image. A spatial transformer with this network starts by doing
# nothing, and a classifier behind it starts as if it weren't there. {cite:t}`jaderberg2015stn` start the same way.
#
# The head has no activation function. ReLU can't output the negative numbers that $\theta$ needs, and sigmoid nothing
# above 1. **tanh** gives both signs but stays between -1 and 1. Some spatial transformers use it, to keep the
# shifts inside the image; but then no scale can exceed 1, and the identity itself is out of reach. A tanh *before* the
# head is another matter: {doc}`chapter 10 <10_your_images>` ends its features in layer normalization and tanh, because
# ReLU features can die.
#
# ## Other starts
#
# By default Keras starts a kernel at random and a bias at zero. {numref}`fig-03-starts` shows what a classifier would
# see of upright digits behind such a head, and behind one with a random kernel and the identity bias.


# %%
def random_theta(seed):
    """What a head with a random kernel and no bias predicts."""
    training.set_seed(seed)
    network = keras.Sequential([models.localization(), layers.Dense(6)])
    return np.asarray(network(x_test))


starts = [random_theta(seed) for seed in range(RANDOM_STARTS)]
biases = {"identity bias": identity, "zero bias": 0}
seen = {name: [distortions.warp(x_test, theta + bias) for theta in starts]
        for name, bias in biases.items()}

# %% mystnb={"figure": {"caption": "Only the identity start leaves the digits alone. Upright test digits as a classifier sees them before any training, behind four heads. With a random kernel all digits get much the same distortion; without the ones in the bias every output pixel reads from the same small patch.", "name": "fig-03-starts"}, "image": {"alt": "Four rows of five digits. The first row, identity start, shows clear digits. In the second, random kernel with identity bias, they are all skewed or squeezed in much the same way. The last two rows, random kernel and zero bias, show grey and white smears in which no digit can be made out."}} tags=["hide-input"]
heads = {
    "identity": x_test,
    "random kernel, identity bias": seen["identity bias"][0],
    "random kernel, zero bias": seen["zero bias"][0],
    "the same, another seed": seen["zero bias"][1],
}
plotting.strip(np.concatenate([images[five] for images in heads.values()]), rows=list(heads), columns=5)
plt.show()

# %%
through = {name: [training.accuracy(fcn, images, y_test) for images in views]
           for name, views in seen.items()}
median = {name: np.median(accuracies) for name, accuracies in through.items()}

# %% tags=["claim"]
assert median["zero bias"] < 0.25 < median["identity bias"]
assert median["identity bias"] < worth["original"] - 0.1

# %% tags=["hide-input"]
display(
    Markdown(f"""
Behind the identity the trained FCN classifies {worth["original"]:.0%} of the upright digits correctly. Behind a random
kernel with the identity bias it's {median["identity bias"]:.0%} (median of {RANDOM_STARTS} seeds), behind a random kernel
with a zero bias **{median["zero bias"]:.0%}**. Guessing gives 10%.""")
)

# %% [markdown]
# In training the classifier starts from scratch, too. Behind the identity it can learn to read from the first step, and
# then its gradient tells the transformer what to improve. Behind smears there is little to learn from.
#
# ## Can a zero kernel learn?
#
# Yes. Where two layers in a row start at zero, neither moves, because each one's gradient contains the other's
# zeros. Here only one does. The chain rule gives, for $\theta = W h + b$,
#
# $$
# \frac{\partial \mathcal{L}}{\partial W} = \frac{\partial \mathcal{L}}{\partial \theta}\, h^{\mathsf T}, \qquad
# \frac{\partial \mathcal{L}}{\partial h} = W^{\mathsf T}\, \frac{\partial \mathcal{L}}{\partial \theta} .
# $$
#
# The gradient of the *kernel* contains the features, not the kernel, so it's not zero. The gradient for the *features*
# contains the kernel, and is zero in the first step only. To check, take one step towards the true inverse poses. (The
# tape records a computation so that we can ask for its gradient.)


# %%
def gradients_of(network, images, target):
    """The gradient of each weight, by name."""
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((network(images) - target) ** 2)
    weights = network.trainable_variables
    return dict(zip([w.path for w in weights], tape.gradient(loss, weights)))


sample = distortions.distort(x_train[:100], "article", seed=SEED + 2)
images, target = sample.images, np.asarray(transforms.invert(sample.theta))
first = gradients_of(localizer, images, target)
keras.optimizers.SGD(0.1).apply(first.values(), localizer.trainable_variables)
second = gradients_of(localizer, images, target)

# %% tags=["hide-input"]
kernels = [name for name in first if "kernel" in name]
named = [name for name in parts.values() if "pool" not in name]
rows = [
    (layer, *(f"{np.abs(step[kernel]).max():.2g}" for step in (first, second)))
    for layer, kernel in zip(named, kernels, strict=True)
]
display(Markdown(plotting.markdown_table(("Largest gradient in", "first step", "second step"), rows)))

# %% tags=["claim"]
sizes = [[np.abs(step[name]).max() for name in kernels] for step in (first, second)]
assert sizes[0][-1] > 0 and not any(sizes[0][:-1]) and all(sizes[1])

# %% [markdown]
# In the first step only the head moves. From the second step on its kernel is no longer zero, and every layer learns.
#
# ## Can it learn where to look?
#
# It can. To find out, we use the known poses once more: distort the training digits, and train the localization
# network to predict the inverse of each distortion, with mean squared error.

# %%
copies = np.repeat(x_train, COPIES, axis=0)
practice = distortions.distort(copies, "article", seed=SEED + 2)
localizer.compile(optimizer="adam", loss="mse",
                  jit_compile=False)  # compiled, convolutions are slower on a CPU
localizer.fit(practice.images, np.asarray(transforms.invert(practice.theta)),
              batch_size=64, epochs=EPOCHS, verbose=0)
predicted = localizer.predict(distorted.images, verbose=0)
tests["corrected"] = distortions.warp(distorted.images, predicted)

# %% mystnb={"figure": {"caption": "The network corrects much of the distortion, in digits it has never seen. Top: distorted test digits. Bottom: the same, warped with the predicted θ: more upright, centred, and closer to the usual size.", "name": "fig-03-corrected"}, "image": {"alt": "Ten test digits in two groups of five. Above each group the distorted digits, below the same warped with the predicted theta: more upright, larger and more central."}} tags=["hide-input"]
plotting.strip(
    np.concatenate(
        [tests[name][part] for part in (first_of_each[:5], first_of_each[5:]) for name in ("distorted", "corrected")]
    ),
    rows=["distorted", "corrected"] * 2,
    columns=5,
)
plt.show()

# %% tags=["hide-input"]
worth["corrected"] = training.accuracy(fcn, tests["corrected"], y_test)
order = {"distorted": "distorted", "corrected": "corrected by the network", "restored": "restored with the true pose"}
display(
    Markdown(
        plotting.markdown_table(
            ("Test digits", *order.values()), [("accuracy of the FCN", *(f"{worth[k]:.3f}" for k in order))]
        )
    )
)

# %% tags=["claim"]
assert worth["distorted"] + 0.1 < worth["corrected"] < worth["restored"]

# %% [markdown]
# A small network can look at an image and output six numbers that say where to look. What's left is the cheating: real
# images rarely come with their pose. The label "this is a 2" is all we have, and over the next three chapters we make
# it suffice. Trained from labels, the network won't predict the inverse pose, though. It predicts whatever
# helps the classifier; {doc}`chapter 6 <06_training>` measures how far apart the two are.
#
# Next we need something that carries out what $\theta$ says: for each output pixel, which point of the input does it
# read? So far `distortions.warp` did that behind the scenes. {doc}`The next chapter <04_grid_generator>` opens it.
#
# ## Recap
#
# - You measured what the pose is worth: with the true pose inverted, a network trained on upright digits classifies
#   most distorted ones correctly.
# - Trying all poses is too expensive. A network that predicts $\theta$ needs one look, and it can be trained by gradients.
# - The localization network has two convolutions with pools, two dense layers, and a linear head: `(B, 28, 28, 1)` to
#   `(B, 6)`.
# - Its head starts at zero kernel and identity bias, so the transformer starts by doing nothing. The head learns in the
#   first step, the rest from the second. Trained with true inverse poses, the network corrects digits it has never seen.
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
# :::{exercise} Which number is easiest to see?
# :label: ex-hardest
#
# The trained network does not predict all six numbers equally well. Correlate its predictions with the true inverse,
# one number at a time, on the test digits. Which do you expect to be best?
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
# The two shifts, in the last column: the digit is where the ink is. The other four describe a shape, and shape
# depends on the pose and on the writer. A slanted 1 and a sheared upright 1 are the same image, so no training can
# tell them apart.
#
# :::{solution-end}
# :::
