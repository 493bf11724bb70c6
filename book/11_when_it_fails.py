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
# {numref}`fig-11-symptoms` or in the table. Each cause links to its section; read only that.
#
# After this chapter you can
#
# - find the cause of a symptom, and fix it;
# - tell failed training from a bug;
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

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Six symptoms. The first picture goes in, the second should come out. The others are what failing transformers pass on; one stuck at the identity passes on the first.", "name": "fig-11-symptoms"}, "image": {"alt": "Eight small pictures of a handwritten 2: tilted and off the centre; upright and large; a black square; small in a grey frame; large and centred, but tilted; tilted much further; skewed, long and slanted; broken into short strokes."}}
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
    "skewed": warp(tilted, [[0.8, 0.9, 0.05, 0, 0.6, 0]]),
    "jagged": warp(dots, [right], (28, 28)),
}
figure = plotting.strip(np.concatenate(list(symptoms.values())), list(symptoms), columns=4, size=1.4)

# %% [markdown]
# `health` looks at theta for some images and names the state. It takes a Keras model, on any backend, that contains
# stnlib's `SpatialTransformer`, or that layer alone ({doc}`install stnlib <api>`):
#
# ```python
# from stnlib.health import health
# print(health(model, images, truth, labels)[0].verdict)
# ```
#
# About 100 images are plenty. `truth`, their true theta, is optional, as are `labels`, which need a compiled model; both
# reveal more. For PyTorch modules there is {ref}`a line to copy <fail-rate>`.
#
# | You see | `health` says | Cause: fix |
# |---|---|---|
# | garbage or black before any training | skewed, flipped, collapsed | {ref}`random start <fail-random>`: start at the identity |
# | black, even at the identity | nothing, not a number | {ref}`grid in pixels, NaN, display <fail-black>`: look at the numbers |
# | black after some training | collapsed | {ref}`rate too high <fail-rate>`: a tenth of it |
# | the loss is NaN | not a number | {ref}`NaN in the images <fail-nan>`: clean them |
# | exactly the input | cut off | {ref}`not wired in <fail-wired>`: classify the output |
# | exactly the input, or all images moved alike | asleep, dead features | {ref}`frozen, too slow, strong classifier, or full distortion from the start <fail-asleep>` |
# | small, in a frame | zoomed out, or zoom above 1 | {ref}`normalised background <fail-background>`: background 0 |
# | centred, still tilted | working, rotation low | {ref}`strong classifier <fail-strong>`: pretrain |
# | on its side, upside down, off the digit | not rotating, flipped, off target | {ref}`labels too weak <fail-ninety>`: pretrain |
# | the wrong way | transposed, inverted | {ref}`x and y swapped <fail-swapped>`: reorder theta |
# | outer rows dim, blurry | nothing | {ref}`two align_corners <fail-align>`: one value |
# | jagged, dotted, moiré | aliased | {ref}`skips pixels <fail-aliasing>`: sample densely, average |
# | fine, but rotations still hurt | nothing | {ref}`on feature maps <fail-features>`: put it first |
#
# ## The working network we'll break
#
# A linear classifier behind a transformer, on digits rotated by up to 45 degrees, shrunk and shifted. `SlowAdam` trains
# the transformer at a tenth of the classifier's rate.

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


def examine(name, model, shown, images=x_test, truth=theta_test, labels=y_test):
    """Print the state of the transformer and some measures, the test accuracy among them; returns the report."""
    (report,) = health(model, images, truth, labels)
    parts = str(report).split(": ")[1].split(", ")
    if report.stride <= 2:  # a report prints it above 2 only
        parts.append(f"stride {report.stride:.2g}")
    parts = [one for one in parts if any(word in one for word in shown.split())]
    if "accuracy" in shown:
        parts.insert(0, f"test accuracy {training.accuracy(model, images, labels):.2f}")
    print(textwrap.fill(f"{name}: {report.summary}; {', '.join(parts)}", 60))
    return report

# %% tags=["hide-input"] mystnb={"code_prompt_show": "Show the network"}
def build(classifier=None, factor=0.1, rate=8e-3, features="tanh", **options):
    """A transformer, trained `factor` times as fast as the classifier behind it."""
    training.set_seed(SEED)
    finder = models.finder((28, 28, 1), features, shrink=2)
    transformer = SpatialTransformer(finder, name="transformer", **options)
    classifier = classifier or [layers.Flatten(), layers.Dense(10)]
    model = keras.Sequential([keras.Input((28, 28, 1)), transformer, *classifier])
    return training.compile(model, SlowAdam(transformer, factor, rate))


# %%
working = train(build())
(report,) = health(working, x_test, theta_test, y_test)
print(textwrap.fill(str(report), 60))

# %% tags=["claim"]
assert report.state == "working"

# %% [markdown]
# The last word is the state. `working` means that theta follows the images, not how well. Look at the measures:
#
# | Measure | What it tells | Healthy |
# |---|---|---|
# | outside | share of the sampling points outside the image | low |
# | zoom | area of the sampled window; the image's is 1 | up to about 1 |
# | spread | how far the sampling points vary over the images, which are 2 wide | well above 0 |
# | live features | outputs of the localization that vary over the images | most |
# | head's gradient | norm of the loss's gradient in the head; needs labels | above 0 |
# | stride | pixels from one sample to the next | up to 2: not printed |
# | correlation | of theta with the true theta; without that: *working (truth unknown)* | near 1 |
# | rotation | share of the true rotation that theta follows; below 0: the wrong way | near 100% |

# %% tags=["hide-input"]
READ = {"undefined": "theta is NaN or infinite for an image", "severed": "the gradient in the head is 0",
        "live": "live features below {}", "exchanged": "correlation low, but above {} once x and y are swapped",
        "backwards": "correlation below -{}", "skew": "the window more than {} times as long as wide",
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
# `training.TransformerHealth` prints the measures after each epoch.

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
# ## Training loses the digit
#
# Once the digit has left the output, there is practically no gradient to bring it back. Start again from the identity.
#
# (fail-random)=
# ### Skewed from the first step: a random start
#
# If the layer that outputs theta, the head, starts with Keras's default random weights ([reported
# here](https://github.com/kevinzakka/spatial-transformer-network/issues/10)), the first windows are skewed or miss
# the digit. Training doesn't repair that. `SpatialTransformer` starts with a zero kernel and the identity as bias. In
# PyTorch set both by hand, and use no weight decay here.

# %% tags=["hide-input"]
random = build()
head = random.get_layer("transformer").head
head.kernel.assign(keras.initializers.GlorotUniform(SEED + 2)(head.kernel.shape))
head.bias.assign(np.zeros(6))
skewed = output(random)
report = examine("random start", random, "outside correlation")
print(textwrap.fill(report.verdict, 60))
for name, model in {"random start": train(random), "identity start": working}.items():
    print(f"{name}, trained: test accuracy {training.accuracy(model, x_test, y_test):.2f}")

# %% tags=["claim"]
assert report.state != "working"
assert training.accuracy(random, x_test, y_test) < 0.7 * training.accuracy(working, x_test, y_test)

# %% tags=["hide-input"] mystnb={"figure": {"caption": "A random start skews digits or looks past them. Broken: before training. Fixed: the working network.", "name": "fig-11-random"}, "image": {"alt": "Three rows of five digits. The first row shows digits rotated and shifted; the second shreds of them, squeezed and skewed, or black; the third the same digits larger and centred."}}
figure = compare(skewed)

# %% [markdown]
# (fail-rate)=
# ### Black after some training: the rate is too high
#
# Adam moves each weight by about its rate in each step, however small the gradient. Each number in theta is a weighted sum
# of 32 features of size 1 at most: one step at 0.02 can move it by 32 × 0.02 = 0.64, and the image is only 2 wide. Soon
# all samples are padding, and the gradient is 0. Give the transformer a tenth of the rate, or a hundredth if some runs
# still collapse.

# %%
fast = train(build(factor=1, rate=0.02), epochs=2)
slower = train(build(factor=0.1, rate=0.02), epochs=2)
report = examine("one rate", fast, "accuracy outside gradient", truth=None)
fixed_report = examine("a tenth", slower, "accuracy outside gradient", truth=None)

# %% tags=["claim"]
assert report.state == "collapsed" and report.gradient == 0 and fixed_report.outside < 0.5

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
# (fail-nan)=
# ### The loss is NaN
#
# One NaN pixel in one image is enough: after an epoch theta is NaN for all images. Check `np.isfinite(images).all()`;
# often a blank image was divided by its standard deviation, 0. If the images are clean, lower the rate and pass
# `clipnorm=1` to the optimizer.

# %% tags=["hide-input"]
spoiled = x[:512].copy()
spoiled[0, 14, 14] = np.nan
report = examine("one NaN", train(build(), spoiled, y[:512], epochs=1), "theta gradient")
fixed_report = examine("clean images", working, "outside gradient")

# %% tags=["claim"]
assert report.state == "not a number" and fixed_report.state == "working"

# %% [markdown]
# ## Training settles for less
#
# (fail-asleep)=
# ### Exactly the input: theta stays at the identity
#
# A transformer that learns nothing returns its input. With labels, `health` tells the causes apart:
#
# - *cut off*: theta is {ref}`not wired in <fail-wired>`.
# - *dead features* are the same for all images, so theta is, too. End in `LayerNormalization` and tanh.
# - *asleep*, no gradient printed: the transformer is frozen.
# - *asleep*, with a gradient: raise the rate. If that doesn't help, the classifier copes alone, or the distortion was
#   full from the start: pretrain on known poses, or increase the distortion slowly (`training.Curriculum`).

# %% tags=["hide-input"]
frozen, slow, relu = build(), build(factor=1e-4), build(features="relu")
frozen.get_layer("transformer").trainable = False
training.compile(frozen, 8e-3)
relu.get_layer("transformer").localization.layers[-2].bias.assign(np.full(32, -100))  # no feature is above 0
stuck = {"frozen": frozen, "rate too low": slow, "ReLU below 0": relu}
stuck = {name: examine(name, train(model, epochs=1), "spread live gradient") for name, model in stuck.items()}

# %% tags=["claim"]
assert [one.summary for one in stuck.values()] == ["asleep (identity)", "asleep (identity)", "dead features"]
assert stuck["frozen"].gradient is None and stuck["rate too low"].gradient > 0

# %% [markdown]
# (fail-background)=
# ### Small, in a frame: a normalised background
#
# In images with mean 0, black is below 0, and the sampler's zeros make a grey frame. The frame tells the classifier
# where the window is, so the network zooms out until it sees it ([issue
# 1117](https://github.com/pytorch/tutorials/issues/1117) of PyTorch's tutorial). Leave the background at 0. If your
# images come normalised, repeat the border (`padding_mode="border"`): the frame goes, but the window stays larger
# and the accuracy lower than with background 0. Look at the zoom itself: `health` says *zoomed out* only well above 1.

# %% tags=["hide-input"]
mean, std = x.mean(), x.std()
framed = train(build(), (x - mean) / std)
border = train(build(padding_mode="border"), (x - mean) / std)
report = examine("normalised", framed, "accuracy zoom", (x_test - mean) / std)
border_report = examine("border repeated", border, "accuracy zoom", (x_test - mean) / std)
fixed_report = examine("background 0", working, "accuracy zoom")

# %% tags=["claim"]
assert report.zoom > max(1, 1.2 * border_report.zoom) and fixed_report.zoom < min(0.8, border_report.zoom)
assert training.accuracy(border, (x_test - mean) / std, y_test) < training.accuracy(working, x_test, y_test)

# %% tags=["hide-input"] mystnb={"figure": {"caption": "With normalised images and zero padding the transformer zooms out and shows a frame. Brightened, so that the frame can be seen.", "name": "fig-11-background"}, "image": {"alt": "Four rows of five digits. In the second each digit is small, inside a tilted grey frame; in the third there is no frame, and the digits are hardly larger than in the first; in the fourth they are larger."}}
shrunk, repeated = (np.clip(output(model, (five - mean) / std) * std + mean, 0, 1) for model in (framed, border))
figure = plotting.strip(np.sqrt(np.concatenate([five, shrunk, repeated, output(working)])), columns=5,
                        rows=("input", "normalised", "border repeated", "background 0"))

# %% [markdown]
# (fail-strong)=
# ### Centred, still tilted: the classifier is too strong
#
# A CNN classifies tilted digits as they are, so rotating them hardly lowers the loss: its accuracy is higher, and its
# transformer follows less of the rotation. Theta follows position and size, so `health` says `working` unless the
# rotation is near 0.
#
# For accuracy, try the CNN alone first. For upright outputs, pretrain on known poses (`training.PosePairs` makes them
# from upright images):

# %% tags=["hide-input"]
def strong_classifier():
    """A CNN: two convolutions and two dense layers."""
    return [layers.Conv2D(16, 5, activation="relu"), layers.MaxPooling2D(2),
            layers.Conv2D(32, 3, activation="relu"), layers.MaxPooling2D(2),
            layers.Flatten(), layers.Dense(64, "relu"), layers.Dense(10)]

# %%
strong = train(build(strong_classifier()))
taught = build(strong_classifier())
transformer = taught.get_layer("transformer")
training.fit_pose(transformer, x, theta, epochs=6, learning_rate=4e-3)
train(taught);

# %% tags=["hide-input"]
simple_report = examine("linear classifier", working, "accuracy rotation")
report = examine("CNN", strong, "accuracy rotation")
fixed_report = examine("CNN, pretrained", taught, "accuracy rotation")

# %% tags=["claim"]
assert fixed_report.state == "working"
assert report.rotation < 0.7 * simple_report.rotation < 0.7 * fixed_report.rotation
assert training.accuracy(strong, x_test, y_test) > training.accuracy(working, x_test, y_test)

# %% tags=["hide-input"] mystnb={"figure": {"caption": "In front of a strong classifier the transformer leaves most digits tilted. Taught: the same network, pretrained on known poses. Per class, the digit that is rotated most.", "name": "fig-11-strong"}, "image": {"alt": "Three rows of five digits. In the first all are clearly tilted; in the second most are still tilted; in the third they are larger, and most are upright or nearly so."}}
degrees = np.abs(np.degrees(np.arctan2(theta_test[:, 3], theta_test[:, 0])))
steep = x_test[[np.argmax(degrees * (y_test == digit)) for digit in (2, 3, 4, 5, 7)]]
figure = compare(output(strong, steep), output(taught, steep), steep, ("input", "untaught", "taught"))

# %% [markdown]
# (fail-ninety)=
# ### On its side: rotations up to 90 degrees
#
# Training stops at the nearest solution that is good enough, often a centred digit still on its side. Pretrain on known
# poses, or start with small rotations and increase them (`Curriculum`).

# %% tags=["hide-input"]
x_90, theta_90 = distorted(copies, 90)
test_90 = distorted(data.x_test[:300], 90, SEED + 1)
lying = train(build(), x_90)
upright = build()
training.fit_pose(upright.get_layer("transformer"), x_90, theta_90, epochs=16, learning_rate=4e-3)
report = examine("labels only", lying, "accuracy correlation rotation", *test_90)
fixed_report = examine("pretrained", train(upright, x_90), "accuracy correlation rotation", *test_90)

# %% tags=["claim"]
assert report.rotation < 0.5 * fixed_report.rotation and fixed_report.state == "working"

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Rotations up to 90 degrees are not learned from labels. Fixed: pretrained on known poses. Digits rotated by 45 to 75 degrees; per class, the one with the median error after the fix.", "name": "fig-11-ninety"}, "image": {"alt": "Three rows of five digits. In the first they lie nearly on their sides; in the second they are centred and still lie; in the third most are upright or nearly so."}}
degrees = np.abs(np.degrees(np.arctan2(test_90[1][:, 3], test_90[1][:, 0])))
error = np.abs(upright.get_layer("transformer").theta(test_90[0]) - test_90[1]).mean(axis=1)


def typical(digit):
    """Of this digit's images that are rotated by 45 to 75 degrees, the one with the median error."""
    near = np.flatnonzero((y_test == digit) & (np.abs(degrees - 60) < 15))
    return near[np.argsort(error[near])[len(near) // 2]]


five_90 = test_90[0][[typical(digit) for digit in (2, 3, 4, 5, 7)]]
figure = compare(output(lying, five_90), output(upright, five_90), five_90)

# %% [markdown]
# ## Bugs, not training
#
# More training repairs none of these.
#
# (fail-wired)=
# ### Exactly the input: theta is not wired in
#
# This model computes the transformer's output, then classifies the original. Theta gets no gradient and stays at the
# identity.
#
# - Keras's warning is easy to overlook.
# - `mode="nearest"` is *cut off*, too: it has no gradient for theta.
# - In a functional model the same mistake removes the transformer, and `health` raises an error.

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
report = examine("not wired in", unwired, "gradient")
fixed_report = examine("wired in", working, "gradient")

# %% tags=["claim"]
assert report.state == "cut off" and np.allclose(output(unwired), five, atol=1e-4) and fixed_report.gradient > 0

# %% [markdown]
# (fail-black)=
# ### Black from the first step: look at the numbers
#
# Print `output.min()`, `output.max()` and `np.mean(output == 0)`. Nearly all zeros: the grid runs over pixels, not from
# -1 to 1. NaN, drawn black, comes from the images or theta. If the range is [0, 1], only the viewer is wrong: pass it
# `vmin=0, vmax=1`.

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
    print(f"{name}: zeros {np.mean(result == 0):.0%}, from {result.min():.3g} to {result.max():.3g}")

# %% tags=["claim"]
zeros = {name: np.mean(np.asarray(result) == 0) for name, result in outputs.items()}
assert zeros["grid in pixels"] > 0.99 and zeros["drawn as if 255 were white"] < 0.95
assert np.isnan(np.asarray(outputs["NaN in the image"])).any()

# %% [markdown]
# (fail-swapped)=
# ### The wrong way: x and y are swapped
#
# SciPy writes coordinates as (row, column). The identity is the same in both orders, a rotation is not: *the wrong way*
# in {numref}`fig-11-symptoms`. Here the taught network's head gets SciPy's order. Put its outputs back in order, or
# convert single thetas with `transforms.theta_from_scipy`. An "inverted" theta maps input to output: use
# `transforms.invert`.

# %%
kernel, bias = transformer.head.get_weights()
rows_first = [4, 3, 5, 1, 0, 2]
transformer.head.set_weights([kernel[:, rows_first], bias[rows_first]])

# %% tags=["hide-input"]
report = examine("rows first", taught, "accuracy rotation")
transformer.head.set_weights([kernel, bias])
fixed_report = examine("x first", taught, "accuracy rotation")

# %% tags=["claim"]
assert report.state == "transposed" and fixed_report.state == "working"

# %% [markdown]
# ## Theta is right, the output isn't
#
# Of the next three failures `health` finds only the skipped pixels.
#
# (fail-align)=
# ### Outer rows dim, blurry: two kinds of align_corners
#
# PyTorch changed its default in version 1.3, so the grid and the sampler of a converted model may use two values of
# `align_corners`. Either value alone is fine; mixed, they move the identity by up to half a pixel at the edges. The
# test: **the identity has to return the image.** `transforms.theta_from_torch(..., torch_align_corners=True)` converts
# a theta learned with aligned corners.

# %%
board = (np.indices((14, 14)).sum(axis=0) % 2).astype("float32")[None, ..., None]
mixed = grid_sample(board, affine_grid(identity, (14, 14), align_corners=True))
same = grid_sample(board, affine_grid(identity, (14, 14)))

# %% tags=["hide-input"]
for name, result in (("mixed", mixed), ("same", same)):
    print(f"{name}: largest error {np.abs(result - board).max():.1e}")

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Two values of `align_corners` blur the identity away from the centre and dim the outer rows and columns. Fixed: one value.", "name": "fig-11-align"}, "image": {"alt": "Three chessboards. The second is sharp in its middle only, grey around it and dark along its edges; the third equals the first."}}
figure = plotting.strip(np.concatenate([board, mixed, same]), ("input", "broken", "fixed"), size=1.6)

# %% [markdown]
# (fail-aliasing)=
# ### Jagged, dotted: it shrinks and skips pixels
#
# A sample reads the two nearest pixels along each axis. Samples more than two pixels apart skip some, and fine patterns
# turn into coarse ones ([PyTorch issue 21457](https://github.com/pytorch/pytorch/issues/21457)); `health` warns
# slightly above two. Here the taught transformer shrinks striped digits from 168 pixels to 28. Sampling at 56 pixels
# halves the stride; then average 2 × 2 pixels.

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
direct, double = enlarged((28, 28)), enlarged((56, 56))
lines = striped(x_test[:64])
report = examine("28 pixels", direct, "stride", lines, theta_test[:64], labels=None)
fixed_report = examine("56 pixels", double, "stride", lines, theta_test[:64], labels=None)

# %% tags=["claim"]
assert report.state == "aliased" and fixed_report.state == "working"

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Stripes finer than the samples come out as coarse patterns that are not in the image. Fixed: twice the output size, then averages; the pattern is much fainter.", "name": "fig-11-aliasing"}, "image": {"alt": "Three rows of five digits drawn in fine diagonal stripes. In the second row the stripes have become thick bars in other directions; in the third the bars are faint and the digits grey."}}
lines = striped(five)
averaged = layers.AveragePooling2D(2)(double(lines))
figure = compare(*(np.asarray(images) / 2 for images in (direct(lines), averaged, lines)))

# %% [markdown]
# (fail-features)=
# ### Rotations still hurt: it is applied to feature maps
#
# A filter for vertical edges misses an edge that the rotation has made horizontal, and rotating the feature map can't
# bring it back. So a transformer behind a convolution can't make the network invariant to rotations
# {cite:p}`finnveden2020stn`: put it first. A localization that needs deep features can share the classifier's first
# layers; apply its theta to the image.

# %% tags=["hide-input"]
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
    print(f"transformer {place} the filter: relative error {error:.0%}")

# %% tags=["claim"]
assert np.abs(behind - wanted).sum() > 0.5 * wanted.sum()

# %% tags=["hide-input"] mystnb={"figure": {"caption": "A feature map that is rotated back isn't that of the upright digit: its edges are the horizontal ones. Fixed: rotated back first, then filtered.", "name": "fig-11-features"}, "image": {"alt": "Four rows of five. The first shows upright digits, the second the same on their sides; the third bright outlines of upright digits along their horizontal edges; the fourth along their vertical edges."}}
figure = plotting.strip([*five_upright, *rotated, *behind, *before], columns=5, rows=(
    "upright", "input", "filter, then rotate: broken", "rotate, then filter: fixed"))

# %% [markdown]
# ## Recap
#
# - Look at the output first. Most failures of training have one of two fixes: a slower transformer that starts at the
#   identity, or pretraining on known poses.
# - Pass `health` labels, and the true theta if you know it.
# - A gradient of exactly 0: the window is outside the image or theta is not wired in. *Transposed*, *inverted*: the
#   coordinates.
# - Theta doesn't show mixed `align_corners` or a transformer on feature maps.
#
# ## Exercises
#
# :::{exercise} Does the border bring it back?
# :label: ex-11-border
#
# With `padding_mode="border"` the samples outside are not zero. Does a window that has left the image get a gradient?
# :::
#
# :::{solution-start} ex-11-border
# :class: dropdown
# :::

# %%
for padding in ("zeros", "border"):
    away = build(padding_mode=padding)
    away.get_layer("transformer").head.bias.assign([1, 0, 3, 0, 1, 0])
    report = examine(padding, away, "outside gradient")

# %% [markdown]
# With zeros there is no gradient. With the border there is none along x: all samples of a row read the same pixel at
# the edge. Along y there is one only if a digit touches this edge.
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
made = transforms.invert(theta_test)
report = examine("taught", taught, "correlation", truth=made)

# %% tags=["claim"]
assert report.state == "inverted"

# %% [markdown]
# :::{solution-end}
# :::
