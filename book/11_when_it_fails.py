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
# {numref}`fig-11-symptoms` or in the table, and follow the link. You don't need to read the other sections: each breaks
# a small network, prints what `stnlib.health` measures, and fixes it.
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
from IPython.display import Markdown
from keras import layers

from stnlib import SpatialTransformer, affine_grid, datasets, grid_sample, models, plotting, training, transforms
from stnlib.distortions import affine_theta, warp
from stnlib.health import STATES, health
from stnlib.optimizers import SlowAdam

plotting.use_style()
SEED = 0
data = datasets.load()
two = data.x_test[data.y_test == 2][:1]

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Six of the twelve symptoms. The first picture goes in, the second should come out. The others are what failing transformers pass on.", "name": "fig-11-symptoms"}, "image": {"alt": "Eight small pictures of a handwritten 2: tilted and off the centre; upright and large; a black square; small in a grey frame; large and centred, but tilted; tilted much further; skewed; broken into short strokes."}}
made = affine_theta(0.6, (1.3, 1.3), 0, (0.15, 0.1))
tilted = warp(two, [made])
right = np.asarray(transforms.invert(made[None]))[0]
centred = np.array([0.75, 0, right[2], 0, 0.75, right[5]])
dots = np.kron(tilted, np.ones((1, 6, 6, 1))) * (np.indices((168, 168)).sum(axis=0) % 5 < 2)[None, :, :, None]
symptoms = {
    "input": tilted,
    "as it should be": warp(tilted, [right]),
    "black output": warp(tilted, [affine_theta(translation=(2.5, 0))]),
    "small, in a frame": warp(tilted - 0.4, [affine_theta(0.2, (1.7, 1.7))]) + 0.4,
    "centred, still tilted": warp(tilted, [centred]),
    "the wrong way": warp(tilted, [right[[4, 3, 5, 1, 0, 2]]]),
    "skewed": warp(tilted, [[0.3, 0.9, 0.1, -0.6, 0.4, 0.2]]),
    "jagged": warp(dots, [right], (28, 28)),
}
figure = plotting.strip(np.concatenate(list(symptoms.values())), list(symptoms), columns=4, size=1.4)

# %% [markdown]
# | You see | `health` says | Cause and fix |
# |---|---|---|
# | skewed or lost before any training: garbage | skewed | {ref}`random start <fail-random>` |
# | black output after some training | collapsed | {ref}`rate too high <fail-rate>` |
# | black output from the first step | nothing, or not a number | {ref}`grid in pixels, NaN, display <fail-black>` |
# | small, in a frame | zoomed out, or zoom above 1 | {ref}`normalised background <fail-background>` |
# | centred, still tilted | working with low rotation, asleep (theta the same for all images: {doc}`chapter 10 <10_your_images>`) | {ref}`strong classifier <fail-strong>` |
# | exactly the input | cut off | {ref}`theta not wired in <fail-wired>` |
# | on its side, upside down | not rotating, flipped | {ref}`up to 90 degrees <fail-ninety>` |
# | the wrong way | transposed, inverted | {ref}`x and y swapped <fail-swapped>` |
# | outer rows dim, blurry | nothing | {ref}`two align_corners <fail-align>` |
# | jagged, dotted, moiré | aliased | {ref}`skips pixels <fail-aliasing>` |
# | fine, but rotations still hurt | nothing | {ref}`on feature maps <fail-features>` |
# | the loss is NaN | not a number | {ref}`NaN in the images <fail-nan>` |
#
# ## One that works
#
# This is the network to break: a linear classifier behind a transformer, on digits rotated by up to 45 degrees, shrunk and
# shifted. `SlowAdam` trains the transformer at a tenth of the classifier's rate.

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


# %% tags=["hide-input"] mystnb={"code_prompt_show": "Show train and examine"}
def train(model, images=x, labels=y, epochs=6):
    """Train quietly; returns the model."""
    training.set_seed(SEED)
    model.fit(images, labels, batch_size=64, epochs=epochs, verbose=0)
    return model


def examine(model, shown, images=x_test, truth=theta_test, labels=y_test):
    """Print some measures of the transformer, the test accuracy among them, and its state; returns the report."""
    (report,) = health(model, images, truth, labels)
    parts = [one for one in str(report).split(": ")[1].split(", ") if any(word in one for word in shown.split())]
    if "accuracy" in shown:
        parts = [f"test accuracy {training.accuracy(model, images, labels):.2f}", *parts]
    print(textwrap.fill(f"{', '.join(parts)}: {report.state}", 84))
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
(report,) = health(working, x_test, theta_test, y_test)
print(textwrap.fill(str(report), 84))

# %% tags=["claim"]
assert report.state == "working"

# %% [markdown]
# The last word is the state. `working` means that theta follows the images, not that it follows them well, so look at the
# measures, too:
#
# | Measure | What it tells |
# |---|---|
# | outside | share of the sampling points outside the image |
# | zoom | area of the sampled window; the image's is 1 |
# | away | how far the mean window lies from the whole image; an attribute, not in the printed line |
# | spread | how far the sampling points vary over the images |
# | live features | outputs of the localization that vary over the images |
# | head's gradient | norm of the loss's gradient in the head; needs labels |
# | stride | pixels from one sample to the next; shown where samples skip pixels |
# | correlation | that of theta with the true theta, if you have it |
# | rotation | share of the true rotation that theta follows |

# %% tags=["hide-input"]
READ = {"undefined": "theta is NaN or infinite for an image", "severed": "the gradient in the head is 0",
        "live": "live features below {}", "exchanged": "correlation low, but above {} once x and y are swapped",
        "backwards": "correlation below -{}", "skew": "the window's longer side above {} times its shorter",
        "flipped": "more than {} of the images mirrored or rotated by more than 90 degrees"}
SHARES = "outside", "live", "flipped", "rotation"


def condition(state):
    """When a state holds, in words."""
    side, limit = ("above", state.above) if np.isfinite(state.above) else ("below", state.below)
    words = READ.get(state.measure, f"{state.measure} {side} {{}}")
    return words.format(f"{limit:.0%}" if state.measure in SHARES else f"{limit:g}")


limits = "\n".join(f"- **{state.name}**: {condition(state)}" for state in STATES[:-1])
Markdown("<details><summary>Details: when each state holds</summary>\n\nThe first of these that holds is the state; if none "
         f"does, it is *{STATES[-1].name}*.\n\n{limits}\n\n</details>")

# %% tags=["claim"]
assert {one.measure for one in STATES} <= {*READ, "outside", "zoom", "spread", "correlation", "rotation", "stride"}

# %% [markdown]
# `training.TransformerHealth` prints the measures after each epoch. Below, `examine` (folded above) calls `health` and
# prints the measures that matter and the state.

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
# ## Skewed from the first step: a random start
#
# This head starts with Keras's default weights in place of the identity
# ([reported here](https://github.com/kevinzakka/spatial-transformer-network/issues/10)). It skews images or loses
# them. The verdict says what to do.

# %%
random = build()
head = random.get_layer("transformer").head
head.kernel.assign(keras.initializers.GlorotUniform(SEED + 2)(head.kernel.shape))
head.bias.assign(np.zeros(6))
skewed = output(random)
report = examine(random, "outside correlation")
print(textwrap.fill(report.verdict, 84))

# %% [markdown]
# Training doesn't repair it: after as many epochs, the accuracy is far below the working network's.

# %% tags=["hide-input"]
trained = {"random start": train(random), "working": working}
for name, model in trained.items():
    print(f"{name}: test accuracy {training.accuracy(model, x_test, y_test):.2f}")

# %% tags=["claim"]
assert report.state != "working"
assert training.accuracy(random, x_test, y_test) < 0.7 * training.accuracy(working, x_test, y_test)

# %% tags=["hide-input"] mystnb={"figure": {"caption": "A random start skews digits or looks past them. Broken: before training. Fixed: the working network.", "name": "fig-11-random"}, "image": {"alt": "Three rows of five digits. The first row shows digits rotated and shifted; the second shreds of them, squeezed and skewed, or black; the third the same digits larger and centred."}}
figure = compare(skewed)

# %% [markdown]
# **Fix.** Zero kernel and identity bias in the layer that makes theta, as in `SpatialTransformer`; in PyTorch, set both by
# hand. Don't apply weight decay to this layer.
#
# (fail-rate)=
# ## Black output: the rate is too high
#
# Adam moves each weight by about its rate in each step, however small the gradient. Here the rate is 0.02 for all layers,
# and theta sums 32 features, so one step can move it by more than half. The output turns black, as in
# {numref}`fig-11-symptoms`.

# %%
fast = train(build(factor=1, rate=0.02), epochs=2)
report = examine(fast, "outside gradient")

# %% [markdown]
# More training can't bring the window back: all samples are padding, so the gradient in the head is 0.
#
# **Fix.** Train again from the identity, with a tenth of the rate for the transformer; if some runs still collapse, with
# a hundredth. With a tenth the window stays on the image:

# %%
slower = train(build(factor=0.1, rate=0.02), epochs=2)
print(f"outside {health(slower, x_test)[0].outside:.0%}")

# %% tags=["claim"]
assert report.state == "collapsed" and report.gradient == 0
assert health(slower, x_test)[0].outside < 0.5

# %% [markdown]
# :::{admonition} Details: the same in PyTorch
# :class: dropdown
#
# Use two parameter groups, and watch the share outside:
#
# ```
# torch.optim.Adam([{"params": net.classifier.parameters()},
#                   {"params": net.localization.parameters(), "lr": 1e-4}], lr=1e-3)
# outside = (grid.abs() > 1).any(dim=-1).float().mean()  # near 1: black
# ```
# :::
#
# (fail-black)=
# ## Black from the first step: look at the numbers
#
# There are three other common causes. The output's numbers tell them apart:

# %% tags=["hide-input"]
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
# **Fix.** Nearly all zeros: make the grid run from -1 to 1, not over pixels. NaN, which a picture shows as black: look
# for it in the images and in theta. A range of [0, 1]: tell the viewer (`vmin=0, vmax=1`).
#
# (fail-background)=
# ## Zooms out: a normalised background
#
# In images with mean 0, black is below 0. The sampler's zeros then make a grey frame, which tells the classifier where
# the window is. So the network zooms out until it sees the frame ([issue
# 1117](https://github.com/pytorch/tutorials/issues/1117) of PyTorch's tutorial), and each digit gets fewer pixels.

# %%
mean, std = x.mean(), x.std()
framed = train(build(), (x - mean) / std)
report = examine(framed, "outside zoom", (x_test - mean) / std)

# %% [markdown]
# With a zoom above 1 the window is larger than the image. `health` says "zoomed out" only well above 1, so look at the
# zoom itself.
#
# **Fix.** Leave the background at 0, as the working network does: its zoom is below 1. If your images come normalised,
# repeat the border. That removes the frame and makes the window smaller, but its zoom stays above the working network's:

# %%
border = train(build(padding_mode="border"), (x - mean) / std)
fixed_report = examine(border, "outside zoom", (x_test - mean) / std)

# %% tags=["claim"]
assert report.zoom > max(1, 1.2 * fixed_report.zoom) and health(working, x_test)[0].zoom < 0.8

# %% tags=["hide-input"] mystnb={"figure": {"caption": "With normalised images and zero padding the transformer zooms out and shows a frame. Last row: the working network, whose background is 0. Drawn brighter than they are, so that the frame can be seen.", "name": "fig-11-background"}, "image": {"alt": "Three rows of five digits. In the second each digit is small, inside a tilted grey frame; in the third the digits are larger and there is no frame."}}
shrunk = np.clip(output(framed, (five - mean) / std) * std + mean, 0, 1)
figure = compare(np.sqrt(shrunk), np.sqrt(output(working)), np.sqrt(five), ("input", "normalised", "background 0"))

# %% [markdown]
# (fail-strong)=
# ## Corrects little: the classifier is too strong
#
# A CNN classifies tilted digits as they are, so rotating them hardly lowers the loss. Trained like the working network,
# this one has a higher accuracy, and its transformer follows less of the rotation.

# %% tags=["hide-input"]
def strong_classifier():
    """A CNN: two convolutions and two dense layers."""
    return [layers.Conv2D(16, 5, activation="relu"), layers.MaxPooling2D(2),
            layers.Conv2D(32, 3, activation="relu"), layers.MaxPooling2D(2),
            layers.Flatten(), layers.Dense(64, "relu"), layers.Dense(10)]

# %%
strong = train(build(strong_classifier()))
report = examine(strong, "accuracy rotation")
print("the working network:", end=" ")
examine(working, "accuracy rotation");

# %% [markdown]
# Theta still follows places and sizes, so `health` says `working` unless the rotation is nearly 0: it sets no limit for a
# good `rotation`. Near 100% the images come out upright; compare yours with that ({numref}`fig-11-strong`).
#
# **Fix.** If the accuracy is good, drop the transformer. If you need upright images, teach known poses
# (`training.PosePairs` makes them from upright images), then train on the labels.

# %%
taught = build(strong_classifier())
transformer = taught.get_layer("transformer")
training.fit_pose(transformer, x, theta, epochs=6, learning_rate=4e-3)
fixed_report = examine(train(taught), "accuracy rotation")

# %% tags=["claim"]
assert fixed_report.state == "working"
assert report.rotation < 0.7 * health(working, x_test, theta_test, y_test)[0].rotation < 0.7 * fixed_report.rotation
assert training.accuracy(strong, x_test, y_test) > training.accuracy(working, x_test, y_test)

# %% tags=["hide-input"] mystnb={"figure": {"caption": "In front of a strong classifier the transformer leaves most digits tilted. Taught: the same network, which learned the poses first.", "name": "fig-11-strong"}, "image": {"alt": "Three rows of five digits. The second row shows the digits larger, most still tilted; in the third they are upright, centred and large."}}
figure = compare(output(strong), output(taught), rows=("input", "untaught", "taught"))

# %% [markdown]
# (fail-wired)=
# ## Gradient 0: theta is not wired into the classifier
#
# This model computes the straightened images and classifies the originals. It trains without an error, and its
# transformer stays the exact identity. Keras's warning is easy to overlook; with labels, `health` computes the gradient.

# %% tags=["hide-input"]
class Unwired(keras.Model):
    def __init__(self, transformer, *classifier):
        super().__init__(name="unwired")
        self.transformer = transformer
        self.classifier = keras.Sequential(classifier)

    def call(self, images):
        self.transformer(images)  # and its output is thrown away
        return self.classifier(images)

# %% tags=["hide-input"]
unwired = training.compile(Unwired(*build().layers), 8e-3)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    train(unwired, epochs=2)
for warning in caught[:1]:
    print(str(warning.message).split(" [")[0])
report = examine(unwired, "gradient")

# %% tags=["claim"]
assert report.state == "cut off" and np.allclose(output(unwired), five, atol=1e-4)

# %% [markdown]
# **Fix.** Pass the transformer's output to the classifier. In a functional model the same mistake removes the transformer
# from the model, and `health` says that there is none. `mode="nearest"` is also "cut off": it has no gradient for theta.
#
# (fail-ninety)=
# ## Large rotations are not corrected: up to 90 degrees
#
# These digits are rotated by up to 90 degrees. The transformer still corrects shifts and sizes, but hardly any rotation:
# the gradient only leads to the nearest optimum, which often looks like a different digit. If most images come out upside
# down, the state is "flipped".

# %% tags=["hide-input"]
x_90, theta_90 = distorted(copies, 90)
test_90 = distorted(data.x_test[:300], 90, SEED + 1)
lying = train(build(), x_90)
report = examine(lying, "correlation rotation", *test_90)

# %% [markdown]
# **Fix.** Pretrain on known poses; otherwise increase the rotation gradually (`training.Curriculum`).

# %%
upright = build()
training.fit_pose(
    upright.get_layer("transformer"), x_90, theta_90, epochs=16, learning_rate=4e-3)
fixed_report = examine(train(upright, x_90), "correlation rotation", *test_90)

# %% tags=["claim"]
assert report.rotation < 0.5 * fixed_report.rotation and fixed_report.state == "working"

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Rotations up to 90 degrees are not learned from labels. Fixed: the same network, which learned the poses first, rotates most digits towards upright. Of five classes, the digit rotated by 45 to 75 degrees with the median error after the fix; over all test digits see the rotation printed above.", "name": "fig-11-ninety"}, "image": {"alt": "Three rows of five digits. In the first they lie nearly on their sides; in the second they are centred and still lie; in the third they are upright or nearly so."}}
degrees = np.abs(np.degrees(np.arctan2(test_90[1][:, 3], test_90[1][:, 0])))
error = np.abs(upright.get_layer("transformer").theta(test_90[0]) - test_90[1]).mean(axis=1)


def typical(digit):
    """Of this digit's images that are rotated by 45 to 75 degrees, the one with the median error."""
    near = np.flatnonzero((y_test == digit) & (np.abs(degrees - 60) < 15))
    return near[np.argsort(error[near])[len(near) // 2]]


five_90 = test_90[0][[typical(digit) for digit in (2, 3, 4, 5, 7)]]
figure = compare(output(lying, five_90), output(upright, five_90), five_90)

# %% [markdown]
# (fail-swapped)=
# ## Moves the wrong way: x and y are swapped
#
# Some libraries, SciPy among them, write coordinates as (row, column). A head converted from SciPy's order has its six
# outputs in another order. At the identity you can't see that. On a rotated digit you can: *the wrong way* in
# {numref}`fig-11-symptoms` is just that. Here we reorder the outputs of the taught network above:

# %%
transformer = taught.get_layer("transformer")
kernel, bias = transformer.head.get_weights()
rows_first = [4, 3, 5, 1, 0, 2]
transformer.head.set_weights([kernel[:, rows_first], bias[rows_first]])
report = examine(taught, "correlation rotation")
transformer.head.set_weights([kernel, bias])  # in order again

# %% tags=["claim"]
assert report.state == "transposed"

# %% [markdown]
# **Fix.** Reorder the head's outputs, or convert single thetas with `transforms.theta_from_scipy`. A theta from input to
# output is "inverted"; `transforms.invert` fixes that.
#
# (fail-align)=
# ## Outer rows dim, blurry: two kinds of align_corners
#
# PyTorch changed its default in version 1.3, so a converted model may make its grid with one value of `align_corners` and
# sample with the other. The identity is then off by up to half a pixel at the edges. `health` looks at theta alone and
# can't see it. The test: **the identity has to return the image.**

# %%
board = (np.indices((14, 14)).sum(axis=0) % 2).astype("float32")[None, ..., None]
mixed = grid_sample(board, affine_grid(identity, (14, 14), align_corners=True))
same = grid_sample(board, affine_grid(identity, (14, 14)))
for name, result in (("mixed", mixed), ("same", same)):
    print(f"{name}: largest error {np.abs(result - board).max():.1e}")

# %% tags=["hide-input"] mystnb={"figure": {"caption": "A grid made with one value of `align_corners` and sampled with the other blurs the identity away from the centre and halves the brightness of the outer rows and columns. Fixed: the same value in both.", "name": "fig-11-align"}, "image": {"alt": "Three chessboards. The second is sharp in its middle only, grey around it and dark along its edges; the third equals the first."}}
figure = plotting.strip(np.concatenate([board, mixed, same]), ("input", "broken", "fixed"), size=1.6)

# %% [markdown]
# **Fix.** Give both calls the same value. For `stnlib`, a theta that was learned with aligned corners is converted by
# `transforms.theta_from_torch(..., torch_align_corners=True)`.
#
# (fail-aliasing)=
# ## Jagged, dotted: it shrinks and skips pixels
#
# Samples more than two pixels apart skip what is between them, and fine patterns turn into coarse ones ([issue
# 21457](https://github.com/pytorch/pytorch/issues/21457) of PyTorch). Here the taught transformer shrinks striped digits
# from 168 pixels to 28.

# %% tags=["hide-input"]
def striped(images):
    """Images six times as large, with fine stripes in place of grey."""
    stripes = np.indices((168, 168)).sum(axis=0) % 6 < 3
    return np.kron(images, np.ones((1, 6, 6, 1))) * 2 * stripes[..., None]


def enlarged(output_size):
    """The taught transformer for such images."""
    body = keras.Sequential([layers.AveragePooling2D(6), transformer.localization])
    layer = SpatialTransformer(body, output_size=output_size, name="transformer")
    layer.build((None, 168, 168, 1))
    layer.head.set_weights(transformer.head.get_weights())
    return layer

# %% tags=["hide-input"]
direct = enlarged((28, 28))
report = examine(
    direct, "stride", striped(x_test[:64]), theta_test[:64], labels=None)

# %% [markdown]
# **Fix.** Sample at twice the size, then average 2 × 2 pixels. That halves the stride.

# %% tags=["hide-input"]
double = enlarged((56, 56))
fixed_report = examine(double, "stride", striped(x_test[:64]), theta_test[:64], labels=None)

# %% tags=["claim"]
assert report.state == "aliased" and fixed_report.state == "working"

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Stripes finer than the samples come out as coarse patterns that are not in the image. Fixed: twice the output size, then 2 × 2 averages; the pattern is much fainter.", "name": "fig-11-aliasing"}, "image": {"alt": "Three rows of five digits drawn in fine diagonal stripes. In the second row the stripes have become thick bars in other directions; in the third the bars are faint and the digits grey."}}
lines = striped(five)
averaged = layers.AveragePooling2D(2)(double(lines))
figure = compare(*(np.asarray(images) / 2 for images in (direct(lines), averaged, lines)))

# %% [markdown]
# (fail-features)=
# ## Rotations still hurt: it is applied to feature maps
#
# A filter for vertical edges doesn't respond to an edge that the rotation has made horizontal, and rotating the feature map
# afterwards can't change that. So a transformer behind a convolution can't make the network invariant to rotations
# {cite:p}`finnveden2020stn`, even if its theta is right. `health` can't see this either. Take digits rotated by 90
# degrees, the theta that undoes it, and one filter. How far is the result from the feature map of the upright digits?

# %% tags=["hide-input"]
edges = layers.Conv2D(1, 3, padding="same", use_bias=False)
edges.build((None, 28, 28, 1))
edges.set_weights([np.outer([1, 2, 1], [1, 0, -1]).reshape(3, 3, 1, 1) / 4])
five_upright = data.x_test[:300][FIVE]
rotated = np.rot90(five_upright, axes=(1, 2))
back = np.tile(affine_theta(angle=-np.pi / 2), (5, 1))

# %%
wanted = np.abs(edges(five_upright))
behind = warp(np.abs(edges(rotated)), back)
before = np.abs(edges(warp(rotated, back)))

# %% tags=["hide-input"]
for place, found in {"behind": behind, "before": before}.items():
    error = np.abs(found - wanted).sum() / wanted.sum()
    print(f"transformer {place} the filter: summed difference {error:.0%} of the map's sum")

# %% tags=["claim"]
assert np.abs(behind - wanted).sum() > 0.5 * wanted.sum()

# %% tags=["hide-input"] mystnb={"figure": {"caption": "A feature map that is rotated back isn't that of the upright digit: its edges are the horizontal ones. Fixed: the image is rotated back first, then filtered, as if it had been upright.", "name": "fig-11-features"}, "image": {"alt": "Three rows of five. The first shows digits on their sides; the second bright outlines of upright digits along their horizontal edges; the third along their vertical edges."}}
figure = compare(behind, before, rotated, ("input", "filter, then rotate: broken", "rotate, then filter: fixed"))

# %% [markdown]
# **Fix.** Put the transformer before the first convolution. A localization that needs deep features can share the
# classifier's first layers; apply its theta to the image.
#
# (fail-nan)=
# ## NaN
#
# One NaN pixel in one image is enough: after an epoch theta is NaN for all images.

# %%
spoiled = x[:512].copy()
spoiled[0, 14, 14] = np.nan
report = examine(train(build(), spoiled, y[:512], epochs=1), "theta gradient")

# %% tags=["claim"]
assert report.state == "not a number"

# %% [markdown]
# **Fix.** Check `np.isfinite(images).all()`: often a blank image was divided by its standard deviation, 0. If
# they are clean, lower the rate and pass `clipnorm=1` to the optimizer.
#
# ## Recap
#
# - **Symptom to fix.** Look at the output first. Most failures of training have one of two fixes: a slower transformer
#   that starts at the identity, or known poses first.
# - **Health.** Pass labels, and the true theta where you know it. Follow the verdict, and look at the measures.
# - **Training or bug.** A gradient of exactly 0: the window is outside the image or theta is not wired in. *Transposed*
#   and *inverted* are bugs of coordinates. More training repairs none of them.
# - **What theta doesn't show.** Mixed `align_corners` and a transformer on feature maps. Check that the identity returns
#   the image, and put the layer first.
#
# ## Exercises
#
# :::{exercise} Does the border bring it back?
# :label: ex-11-border
#
# With `padding_mode="border"` the samples outside are not zero. Does a window that has left the image get a gradient?
# Guess, then try both paddings.
# :::
#
# :::{solution-start} ex-11-border
# :class: dropdown
# :::

# %%
for padding in ("zeros", "border"):
    away = build(padding_mode=padding)
    away.get_layer("transformer").head.bias.assign([1, 0, 3, 0, 1, 0])
    report = examine(away, "outside gradient")

# %% [markdown]
# With zeros there is no gradient, and training leaves theta where it is. With the border there is none along x: all
# samples of a row read the same pixel at the edge, wherever they are. Along y there is one only if a digit touches this
# edge.
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
report = examine(taught, "correlation", truth=transforms.invert(theta_test))

# %% tags=["claim"]
assert report.state == "inverted"

# %% [markdown]
# :::{solution-end}
# :::
