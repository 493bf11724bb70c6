# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Your transformer does not work: which failure is it?
#
# A spatial transformer that fails raises no error, and its accuracy may look fine. Find your symptom in
# {numref}`fig-11-symptoms` or in the table, and follow the link. Each section breaks a small network, shows what comes
# out, prints what `stnlib.health` says, and fixes it.
#
# After this chapter you can
#
# - find the cause of a symptom, and its fix;
# - read the line of `health` and act on its verdict;
# - tell failed training from a bug in the wiring or the coordinates;
# - name the failures that theta does not show.

# %% tags=["hide-input"]
import textwrap
import warnings

import keras
import numpy as np
from keras import layers

from stnlib import SpatialTransformer, affine_grid, datasets, grid_sample, models, plotting, training, transforms
from stnlib.distortions import affine_theta, warp
from stnlib.health import health
from stnlib.optimizers import SlowAdam

plotting.use_style()
SEED = 0
data = datasets.load()
two = data.x_test[data.y_test == 2][:1]

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Six symptoms. The first picture goes in, the second is what should come out; the others are what transformers that fail pass on.", "name": "fig-11-symptoms"}, "image": {"alt": "Eight small pictures of a handwritten 2: tilted; upright; a black square; small in a grey frame; tilted as before; tilted much further; turned over and squeezed; broken into short strokes."}}
made = affine_theta(0.6, (1.3, 1.3), 0, (0.15, 0.1))
tilted = warp(two, [made])
right = np.asarray(transforms.invert(made[None]))[0]
dots = np.kron(tilted, np.ones((1, 6, 6, 1))) * (np.indices((168, 168)).sum(axis=0) % 5 < 2)[None, :, :, None]
symptoms = {
    "input": tilted,
    "as it should be": warp(tilted, [right]),
    "black output": warp(tilted, [affine_theta(translation=(2.5, 0))]),
    "small, in a frame": warp(tilted - 0.4, [affine_theta(0.2, (1.7, 1.7))]) + 0.4,
    "still tilted": tilted,
    "the wrong way": warp(tilted, [right[[4, 3, 5, 1, 0, 2]]]),
    "garbage": warp(tilted, [[0.3, 0.9, 0.1, -0.6, 0.4, 0.2]]),
    "jagged": warp(dots, [right], (28, 28)),
}
figure = plotting.strip(np.concatenate(list(symptoms.values())), list(symptoms), columns=4, size=1.4)

# %% [markdown]
# | You see | `health` says | Cause | Fix |
# |---|---|---|---|
# | garbage before any training | skewed | {ref}`random start <fail-random>` | zero kernel, identity bias |
# | turns black in training and stays black | collapsed | {ref}`the rate is too high <fail-rate>` | identity again, `SlowAdam` |
# | black from the first step | nothing, or not a number | {ref}`grid in pixels, NaN, display <fail-black>` | look at the numbers |
# | small, in a frame | zoomed out, zoom > 1 | {ref}`normalised background <fail-background>` | `padding_mode="border"` |
# | centred, still tilted | not rotating, asleep | {ref}`the classifier is too strong <fail-strong>` | known poses first |
# | exactly the input | cut off | {ref}`theta is not wired in <fail-wired>` | pass the output on |
# | on its side, upside down | not rotating, flipped | {ref}`rotations up to 90 degrees <fail-ninety>` | known poses first |
# | moves the wrong way | transposed, inverted | {ref}`x and y are swapped <fail-swapped>` | convert theta |
# | outer rows dim, blurry | nothing | {ref}`two kinds of align_corners <fail-align>` | one kind everywhere |
# | jagged, dotted, moiré | aliased | {ref}`it shrinks and skips pixels <fail-aliasing>` | twice the size, then average |
# | fine, no accuracy gained | nothing | {ref}`it is applied to feature maps <fail-features>` | put it on the image |
# | the loss is NaN | not a number | {ref}`NaN in the images <fail-nan>` | look for it before training |
#
# ## One that works
#
# This is the network to break: a linear classifier behind a transformer, on digits rotated by up to 45 degrees, shrunk and
# shifted. The localization network ends in a dense layer, layer normalisation and tanh (`models.finder`), and `SlowAdam`
# trains the transformer at a tenth of the classifier's rate.

# %% tags=["hide-input"]
def distorted(images, angle=45, seed=SEED):
    """The images distorted, and the theta that undoes each distortion."""
    rng, theta = np.random.default_rng(seed), []
    for degrees in rng.uniform(-angle, angle, len(images)):
        scale, shift = rng.uniform(1.2, 1.8), rng.uniform(-0.4, 0.4, 2)
        theta.append(affine_theta(np.radians(degrees), (scale, scale), 0, shift))
    return warp(images, theta), np.asarray(transforms.invert(np.stack(theta)))


copies = np.tile(data.x_train[:1024], (4, 1, 1, 1))
y = np.tile(data.y_train[:1024], 4)
x, theta = distorted(copies)
x_test, theta_test = distorted(data.x_test[:300], seed=SEED + 1)
y_test = data.y_test[:300]


def train(model, images=x, labels=y, epochs=6):
    """Train quietly; returns the model."""
    training.fit(model, images, labels, epochs, seed=SEED)
    return model


def examine(model, images=x_test, truth=theta_test, labels=y_test):
    """Print the health of the transformer and, unless it is working, what to do next."""
    (report,) = health(model, images, truth, labels)
    print(textwrap.fill(str(report), 84))
    if report.state != "working":
        print(textwrap.fill(report.verdict, 84))
    return report

# %%
def build(classifier=None, factor=0.1, rate=8e-3, **options):
    """A transformer, trained `factor` times as fast as the classifier behind it."""
    training.set_seed(SEED)
    finder = models.finder((28, 28, 1), shrink=2)
    transformer = SpatialTransformer(finder, name="transformer", **options)
    classifier = classifier or [layers.Flatten(), layers.Dense(10)]
    model = keras.Sequential([keras.Input((28, 28, 1)), transformer, *classifier])
    return training.compile(model, SlowAdam(transformer, factor, rate))


# %%
working = train(build())
report = examine(working)

# %% tags=["claim"]
assert report.state == "working"

# %% [markdown]
# The line holds, in this order: the share of sampling points outside the image; the area of the sampled window (the
# image's is 1); how far the sampling points vary over the images; how many of the localization's features vary; with
# labels, the norm of the loss's gradient in the head; the stride from one sample to the next, where it is above 2 pixels;
# with the true theta, its correlation with theta and the share of the true rotation that theta follows (below 5% the
# state is "not rotating"). The last word is the state. `training.TransformerHealth` prints the same after each epoch.

# %% tags=["hide-input"]
FIVE = np.array([np.flatnonzero(y_test == digit)[0] for digit in (2, 3, 4, 5, 7)])
five = x_test[FIVE]


def output(model, images=five):
    """What the transformer of a model makes of some images."""
    return np.asarray(model.get_layer("transformer")(images))


def compare(broken, fixed=None, images=five, rows=("input", "broken", "fixed")):
    """Draw images, and what comes out before and after the fix."""
    fixed = output(working) if fixed is None else fixed
    return plotting.strip([*images, *broken, *fixed], columns=5, rows=rows)

# %% [markdown]
# (fail-random)=
# ## Garbage from the first step: a random start
#
# This head starts with Keras's default weights in place of the identity
# ([reported here](https://github.com/kevinzakka/spatial-transformer-network/issues/10)). It skews images or loses
# them before the classifier has learned anything. After six epochs its training accuracy is still far below the working
# network's.

# %%
random = build()
head = random.get_layer("transformer").head
head.kernel.assign(keras.initializers.GlorotUniform(SEED + 2)(head.kernel.shape))
head.bias.assign(np.zeros(6))
skewed = output(random)
report = examine(random)
train(random);

# %% tags=["claim"]
assert report.state != "working"
assert training.accuracy(random, x_test, y_test) < 0.7 * training.accuracy(working, x_test, y_test)

# %% tags=["hide-input"] mystnb={"figure": {"caption": "A random start skews digits or looks past them. Broken: before training. Fixed: the working network, which started at the identity.", "name": "fig-11-random"}, "image": {"alt": "Three rows of five digits. The first row shows digits rotated and shifted; the second shreds of them, squeezed and skewed, or black; the third the same digits larger and centred."}}
figure = compare(skewed)

# %% [markdown]
# **Fix.** Zero kernel and identity bias in the layer that makes theta, as in `SpatialTransformer`; in PyTorch, set both by
# hand. Weight decay pulls this bias away from the identity, so leave it out.
#
# (fail-rate)=
# ## Black output: the rate is too high
#
# Adam moves each weight by about its rate a step, however small the gradient. Here that is 0.03 for all layers, and theta
# sums 32 features, so one step can move it by nearly 1 while the classifier still guesses.

# %%
fast = train(build(factor=1, rate=0.03), epochs=2)
report = examine(fast)

# %% tags=["claim"]
assert report.state == "collapsed"

# %% tags=["hide-input"] mystnb={"figure": {"caption": "At a rate that is too high the output turns black. Fixed: the working network, whose transformer learns at a tenth of the rate of its classifier.", "name": "fig-11-rate"}, "image": {"alt": "Three rows of five: digits; black squares; the same digits larger and centred."}}
figure = compare(output(fast))

# %% [markdown]
# More training can't bring a window back. This head starts beside the image, where all samples are padding, and stay so
# when the window moves a little. The gradient in the head is exactly 0:

# %%
away = build()
transformer = away.get_layer("transformer")
transformer.head.bias.assign([1, 0, 3, 0, 1, 0])
report = examine(train(away, epochs=1))
print("theta after training:", np.unique(transformer.theta(x_test), axis=0))

# %% tags=["claim"]
assert report.state == "collapsed" and report.gradient == 0
assert len(np.unique(transformer.theta(x_test), axis=0)) == 1

# %% [markdown]
# **Fix.** Train again from the identity with `SlowAdam(transformer, factor=0.1)`; if some runs still collapse, 0.01. In
# PyTorch, use two parameter groups, and watch the share outside:
#
# ```
# torch.optim.Adam([{"params": net.classifier.parameters()},
#                   {"params": net.localization.parameters(), "lr": 1e-4}], lr=1e-3)
# outside = (grid.abs() > 1).any(dim=-1).float().mean()  # near 1: black
# ```
#
# (fail-black)=
# ## Black from the first step: look at the numbers
#
# Three other causes are common. The output's numbers tell them apart:

# %%
identity = transforms.identity("affine")[None]
grid = np.asarray(affine_grid(identity, (28, 28)))
outputs = {
    "grid in pixels": grid_sample(two, 14 * grid + 13.5),
    "NaN in the image": grid_sample(np.where(two > 0.9, np.nan, two), grid),
    "drawn as if 255 were white": grid_sample(two, grid),
}
for name, result in outputs.items():
    result = np.asarray(result)
    print(f"{name:27} from {result.min():.3g} to {result.max():.3g}, "
          f"share of zeros {np.mean(result == 0):.2f}")

# %% tags=["claim"]
zeros = {name: np.mean(np.asarray(result) == 0) for name, result in outputs.items()}
assert zeros["grid in pixels"] > 0.99 and zeros["drawn as if 255 were white"] < 0.95
assert np.isnan(np.asarray(outputs["NaN in the image"])).any()

# %% [markdown]
# **Fix.** Nearly all zeros: the grid has to run from -1 to 1, not over pixels. NaN: an 8-bit picture shows it as black;
# look at the images and at theta. A range of [0, 1]: tell the viewer (`vmin=0, vmax=1`), and undo a normalisation before
# you draw.
#
# (fail-background)=
# ## Zooms out: a normalised background
#
# In images with mean 0 black is below 0. The sampler's zeros are then a grey frame, which tells the classifier where the
# window is, and the network zooms out until it sees the frame ([issue
# 1117](https://github.com/pytorch/tutorials/issues/1117) of PyTorch's tutorial). The accuracy need not suffer, as here,
# but each digit gets fewer pixels.

# %%
mean, std = x.mean(), x.std()
framed = train(build(), (x - mean) / std)
report = examine(framed, (x_test - mean) / std)

# %% [markdown]
# **Fix.** Repeat the border, or normalise behind the transformer. The window gets smaller at about the same training accuracy.

# %%
border = train(build(padding_mode="border"), (x - mean) / std)
fixed_report = examine(border, (x_test - mean) / std)

# %% tags=["claim"]
assert report.zoom > 1.2 * fixed_report.zoom

# %% tags=["hide-input"] mystnb={"figure": {"caption": "With normalised images and zero padding the transformer zooms out and shows a frame. Fixed: the border repeated. Drawn brighter than they are, so that the frame can be seen.", "name": "fig-11-background"}, "image": {"alt": "Three rows of five digits. In the second each digit is small, inside a tilted grey frame; in the third the digits are larger and there is no frame."}}
normalised = (five - mean) / std
pictures = [np.sqrt(np.clip(output(model, normalised) * std + mean, 0, 1)) for model in (framed, border)]
figure = compare(*pictures, images=np.sqrt(five))

# %% [markdown]
# (fail-strong)=
# ## Corrects little: the classifier is too strong
#
# A CNN learns to classify tilted digits as they are. From then on the loss gains little from rotating them, so the
# transformer does not learn to rotate. If theta stays the same for all images, the state is "asleep", and the fix the
# same.

# %%
def strong_classifier():
    return [layers.Conv2D(16, 5, activation="relu"), layers.MaxPooling2D(2),
            layers.Conv2D(32, 3, activation="relu"), layers.MaxPooling2D(2),
            layers.Flatten(), layers.Dense(64, "relu"), layers.Dense(10)]


strong = train(build(strong_classifier(), rate=1e-3), epochs=3)
report = examine(strong)

# %% [markdown]
# **Fix.** If the accuracy is good, drop the transformer. If you need upright images, teach known poses, then train on the
# labels. `training.PosePairs` makes such poses from upright images.

# %%
taught = build(strong_classifier(), rate=1e-3)
transformer = taught.get_layer("transformer")
training.fit_pose(transformer, x, theta, epochs=6, learning_rate=4e-3)
fixed_report = examine(train(taught, epochs=3))

# %% tags=["claim"]
assert fixed_report.state == "working" and report.state != "working"
assert report.rotation < 0.5 * fixed_report.rotation

# %% tags=["hide-input"] mystnb={"figure": {"caption": "In front of a strong classifier the transformer leaves the digits tilted. Fixed: the same network, which learned the poses first.", "name": "fig-11-strong"}, "image": {"alt": "Three rows of five digits. The second row shows the digits larger, still tilted and off the centre; in the third they are upright, centred and large."}}
figure = compare(output(strong), output(taught))

# %% [markdown]
# (fail-wired)=
# ## Gradient 0: theta is not wired into the classifier
#
# This model computes the straightened images and classifies the originals. It trains, and its accuracy rises. Keras's
# warning about missing gradients is easy to overlook, so pass labels to `health`, which then computes the gradient.

# %%
class Unwired(keras.Model):
    def __init__(self, transformer, *classifier):
        super().__init__(name="unwired")
        self.transformer = transformer
        self.classifier = keras.Sequential(classifier)

    def call(self, images):
        self.transformer(images)  # and its output is thrown away
        return self.classifier(images)


unwired = training.compile(Unwired(*build().layers), 8e-3)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    train(unwired, epochs=2)
for warning in caught[:1]:
    print(str(warning.message)[:78])
report = examine(unwired)

# %% tags=["claim"]
assert report.state == "cut off"

# %% [markdown]
# **Fix.** Hand the transformer's output to the classifier. In a functional model the same slip drops the transformer from
# the model, and `health` says that there is none. `mode="nearest"` gives the same line: that sampler has no gradient for theta.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "A transformer that the loss does not reach stays the exact identity. Fixed: the working network.", "name": "fig-11-wired"}, "image": {"alt": "Three rows of five digits. The second row equals the first; in the third the digits are larger and centred."}}
figure = compare(output(unwired))

# %% [markdown]
# (fail-ninety)=
# ## Never upright: rotations up to 90 degrees
#
# Rotate the digits by up to 90 degrees instead of 45. The gradient only leads to a slightly better angle, and from a
# digit on its side that way often leads to another digit. Shifts and sizes are still corrected, rotations hardly.

# %%
x_90, theta_90 = distorted(copies, 90)
test_90 = distorted(data.x_test[:300], 90, SEED + 1)
lying = train(build(), x_90)
report = examine(lying, *test_90)

# %% [markdown]
# **Fix.** Known poses first. Without any, let the rotation grow while it trains (`training.Curriculum`).

# %%
upright = build()
training.fit_pose(
    upright.get_layer("transformer"), x_90, theta_90, epochs=8, learning_rate=4e-3)
fixed_report = examine(train(upright, x_90), *test_90)

# %% tags=["claim"]
assert report.rotation < 0.5 * fixed_report.rotation and fixed_report.state == "working"

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Rotations up to 90 degrees are not learned from labels. Fixed: the same network, which learned the poses first; most digits are nearly upright.", "name": "fig-11-ninety"}, "image": {"alt": "Three rows of five digits. In the first some lie on their sides; in the second they are centred and still lie; in the third most are upright or nearly so."}}
five_90 = test_90[0][FIVE]
figure = compare(output(lying, five_90), output(upright, five_90), five_90)

# %% [markdown]
# (fail-swapped)=
# ## Moves the wrong way: x and y are swapped
#
# Some libraries, SciPy among them, write coordinates as (row, column). A head converted from there has its six outputs in
# another order. At the identity you can't see that; on a rotated digit you can.

# %%
transformer = taught.get_layer("transformer")
kernel, bias = transformer.head.get_weights()
rows_first = [4, 3, 5, 1, 0, 2]
transformer.head.set_weights([kernel[:, rows_first], bias[rows_first]])
swapped = output(taught)
report = examine(taught)

# %% tags=["claim"]
assert report.state == "transposed"

# %% [markdown]
# **Fix.** Reorder the head's outputs, or convert single thetas with `transforms.theta_from_scipy`. "Inverted" is the
# verdict on a theta from input to output; `transforms.invert` fixes that.

# %%
transformer.head.set_weights([kernel, bias])
report = examine(taught)

# %% tags=["hide-input"] mystnb={"figure": {"caption": "With x and y swapped, digits are rotated and shifted the wrong way. Fixed: the same head, its outputs in order.", "name": "fig-11-swapped"}, "image": {"alt": "Three rows of five digits. In the second row the digits are off the centre and more tilted than in the first; in the third they are upright and centred."}}
figure = compare(swapped, output(taught))

# %% [markdown]
# (fail-align)=
# ## Outer rows dim, blurry: two kinds of align_corners
#
# PyTorch changed its default in version 1.3, so a converted model may make its grid with one value of `align_corners` and
# sample with the other. Even the identity is then off by up to half a pixel at the edges. `health` looks at theta alone
# and can't see this. The test: **the identity has to return the image.**

# %%
board = (np.indices((14, 14)).sum(axis=0) % 2).astype("float32")[None, ..., None]
mixed = grid_sample(board, affine_grid(identity, (14, 14), align_corners=True))
same = grid_sample(board, affine_grid(identity, (14, 14)))
for name, result in {"mixed": mixed, "same": same}.items():
    print(f"{name}: largest error {np.abs(result - board).max():.1e}")

# %% tags=["hide-input"] mystnb={"figure": {"caption": "A grid made with one value of `align_corners` and sampled with the other blurs the identity away from the centre and halves the brightness of the outer rows and columns. Fixed: the same value in both.", "name": "fig-11-align"}, "image": {"alt": "Three chessboards. The second is sharp in its middle only, grey around it and dark along its edges; the third equals the first."}}
figure = plotting.strip(np.concatenate([board, mixed, same]), ("input", "broken", "fixed"), size=1.6)

# %% [markdown]
# **Fix.** Give both calls the same value, or convert theta: `transforms.theta_from_torch(..., torch_align_corners=True)`.
#
# (fail-aliasing)=
# ## Jagged, dotted: it shrinks and skips pixels
#
# Each output pixel reads four pixels of the input. Samples more than two pixels apart skip what is between them, and fine
# patterns turn into coarse ones ([issue 21457](https://github.com/pytorch/pytorch/issues/21457) of PyTorch). Here the
# taught transformer gets striped digits of 168 pixels and outputs 28.

# %% tags=["hide-input"]
def striped(images):
    """Images six times as large, with fine stripes in place of grey."""
    stripes = np.indices((168, 168)).sum(axis=0) % 4 < 2
    return np.kron(images, np.ones((1, 6, 6, 1))) * 2 * stripes[..., None]


def enlarged(output_size):
    """The taught transformer for such images."""
    body = keras.Sequential([layers.AveragePooling2D(6), transformer.localization])
    layer = SpatialTransformer(body, output_size=output_size, name="transformer")
    layer.build((None, 168, 168, 1))
    layer.head.set_weights(transformer.head.get_weights())
    return layer

# %%
direct = enlarged((28, 28))
report = examine(direct, striped(x_test[:64]), theta_test[:64], labels=None)

# %% [markdown]
# **Fix.** Sample at twice the size, then average. The line has no stride now: it is below 2.

# %%
double = enlarged((56, 56))
fixed_report = examine(double, striped(x_test[:64]), theta_test[:64], labels=None)

# %% tags=["claim"]
assert report.state == "aliased" and fixed_report.state == "working"

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Stripes finer than the samples come out as coarse patterns that are not in the image. Fixed: twice the output size, then 2 x 2 averages; the pattern is fainter, on some digits gone.", "name": "fig-11-aliasing"}, "image": {"alt": "Three rows of five digits drawn in fine diagonal stripes. In the second row the stripes have become thick bars in other directions; in the third the digits are an almost even grey."}}
lines = striped(five)
averaged = layers.AveragePooling2D(2)(double(lines))
figure = compare(*(np.asarray(images) / 2 for images in (direct(lines), averaged, lines)))

# %% [markdown]
# (fail-features)=
# ## No accuracy gained: it is applied to feature maps
#
# A filter for vertical edges doesn't respond to an edge that the rotation has made horizontal. Rotating the feature map
# afterwards moves its values but can't change which filter gave them. So a transformer behind a convolution can't make
# the network invariant to rotations {cite:p}`finnveden2020stn`, although its theta may be right. Take a digit rotated by 90
# degrees, the theta that undoes it, and one filter.

# %%
edges = layers.Conv2D(1, 3, padding="same", use_bias=False)
edges.build((None, 28, 28, 1))
edges.set_weights([np.outer([1, 2, 1], [1, 0, -1]).reshape(3, 3, 1, 1) / 4])
five_upright = data.x_test[:300][FIVE]
rotated = np.rot90(five_upright, axes=(1, 2))
back = np.tile(affine_theta(angle=-np.pi / 2), (5, 1))

wanted = np.abs(edges(five_upright))
behind = warp(np.abs(edges(rotated)), back)
before = np.abs(edges(warp(rotated, back)))
for place, found in {"behind": behind, "before": before}.items():
    error = np.abs(found - wanted).sum() / wanted.sum()
    print(f"transformer {place} the filter: error {error:.1%}")

# %% tags=["claim"]
assert np.abs(behind - wanted).sum() > 0.5 * wanted.sum()

# %% tags=["hide-input"] mystnb={"figure": {"caption": "A feature map that is rotated back isn't the feature map of the upright digit: its edges are the horizontal ones. Fixed: the image is rotated back first, then filtered; this is what the upright digit gives.", "name": "fig-11-features"}, "image": {"alt": "Three rows of five. The first shows digits on their sides; the second bright outlines of upright digits along their horizontal edges; the third along their vertical edges."}}
figure = compare(behind, before, rotated, ("input", "filter, then rotate: broken", "rotate, then filter: fixed"))

# %% [markdown]
# **Fix.** Put the transformer before the first convolution. A localization that needs deep features can share the
# classifier's first layers; apply theta to the image.
#
# (fail-nan)=
# ## NaN
#
# One NaN pixel in one image is enough: after an epoch theta is NaN for all images.

# %%
spoiled = x[:512].copy()
spoiled[0, 14, 14] = np.nan
report = examine(train(build(), spoiled, y[:512], epochs=1))

# %% tags=["claim"]
assert report.state == "not a number"

# %% [markdown]
# **Fix.** Check `np.isfinite(images).all()`: the usual source is a division by the standard deviation of an empty image. If
# the images are clean, lower the rate and pass `clipnorm=1` to the optimizer.
#
# ## Recap
#
# - **Symptom to fix.** Look at the output first. Most failures of training have one of two fixes: a slower transformer
#   that starts at the identity, or known poses first.
# - **Health.** Pass labels, and the true theta where you know it; follow the verdict.
# - **Training or bug.** A gradient of exactly 0 means that the window is outside the image or theta is not wired in; a
#   correlation with swapped axes is a bug of coordinates. More training repairs neither.
# - **What theta doesn't show.** Mixed `align_corners` and a transformer on feature maps. Check that the identity returns
#   the image, and put the layer first.
#
# ## Exercises
#
# :::{exercise} Does the border bring it back?
# :label: ex-11-border
#
# With `padding_mode="border"` the samples outside are not zero. Does a window that has left the image get a gradient?
# Guess, then try.
# :::
#
# :::{solution-start} ex-11-border
# :class: dropdown
# :::

# %%
bordered = build(padding_mode="border")
bordered.get_layer("transformer").head.bias.assign([1, 0, 3, 0, 1, 0])
report = examine(bordered)

# %% [markdown]
# Along x it gets none: all samples of a row read the same pixel at the edge, wherever they are. Along y only digits that
# touch this edge give one; where none does, the gradient is 0.
#
# :::{solution-end}
# :::
#
# :::{exercise} The other way round
# :label: ex-11-inverse
#
# Somebody hands you the thetas that *made* the distortions instead of those that undo them. What will `health` say of the
# taught transformer?
# :::
#
# :::{solution-start} ex-11-inverse
# :class: dropdown
# :::

# %%
report = examine(taught, truth=transforms.invert(theta_test))

# %% tags=["claim"]
assert report.state == "inverted"

# %% [markdown]
# :::{solution-end}
# :::
