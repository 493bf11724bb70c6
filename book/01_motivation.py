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
# # Why does a network that recognises a 2 fail on a rotated 2?
#
# Tilt your head and this page stays readable. Rotate a digit, and a network that classifies upright digits well
# predicts something else, often with high confidence. Here are two networks, one fully connected (FCN) and one
# convolutional (CNN). They were even trained on digits rotated by up to 75 degrees (shaded in the chart), scaled and shifted. **Rotate the digit
# until both get it wrong:** drag the small square, or type an angle (positive is counter-clockwise). The dot shifts it.

# %% tags=["hide-input"]
import keras
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Markdown, display
from keras import layers

from stnlib import datasets, distortions, models, plotting, training
from stnlib.widgets import DigitReader
from stnlib.widgets.reader import networks

plotting.use_style()

SEED = 0
TRAIN_SIZE = 10_000  # at most this many training digits
TEST_SIZE = 1_000

# %%
DigitReader(networks=["FCN", "CNN"], angle=0)

# %% tags=["remove-input"]
in_page = {name: networks.packaged()[name] | networks.measured(degrees=45)[name] for name in ("FCN", "CNN")}
display(
    Markdown(f"""
On this 2, the CNN fails only beyond the shaded range. The FCN fails well inside it, counter-clockwise: having seen such
rotations in training wasn't enough. With MNIST's digits rotated by 45 degrees, it's only {in_page["FCN"]["accuracy"]:.0%}
accurate, even on training digits: it underfits. The CNN is {in_page["CNN"]["accuracy"]:.0%}
accurate, with {in_page["CNN"]["parameters"]:,} parameters instead of {in_page["FCN"]["parameters"]:,}, but that's
rotation alone.""")
)

# %% [markdown]
# {doc}`Chapter 2 <02_baselines>` trains such networks, and other distortions are hard for its CNN, too. In this chapter you
# train another FCN, on upright digits only, measure how much distortion it can handle, and explain why by comparing pixels.
#
# After this chapter you can
#
# - train a small dense network on digits and follow its predictions while a digit rotates;
# - measure accuracy against rotation, scale and shift, and read off how much distortion a network can handle;
# - explain, with nine pixels, why a dense layer treats a shifted digit as a different input;
# - say why a confident prediction can be wrong, and what it means for a classifier to be *invariant*.
#
# ## Ten upright digits
#
# We use MNIST {cite}`lecun1998mnist`, or, where it can't be downloaded, the smaller set of
# {cite:t}`alpaydin1998optdigits`. Each image has 28 by 28 pixels and one channel, from 0 (black) to 1 (white).

# %%
digits = datasets.load()
x_train, y_train = digits.x_train[:TRAIN_SIZE], digits.y_train[:TRAIN_SIZE]
x_test, y_test = digits.x_test[:TEST_SIZE], digits.y_test[:TEST_SIZE]
print(f"{digits.name}: train {x_train.shape}, test {x_test.shape}")

# %% mystnb={"figure": {"caption": "Every digit is centred, about the same size, and upright apart from the writer's slant. One test digit of each class. MNIST was centred and size-normalised beforehand; the smaller set is brought to the same form.", "name": "fig-01-digits"}, "image": {"alt": "Ten handwritten digits, one of each class from 0 to 9, upright, centred and white on black."}} tags=["hide-input"]
first_of_each = [np.flatnonzero(y_test == label)[0] for label in range(10)]
plotting.strip(x_test[first_of_each], columns=5)
plt.show()

# %% [markdown]
# ## A network that classifies them
#
# We take the network of TensorFlow's beginner tutorial, as does the article that this part of the book follows
# {cite}`xeonqq2019article`: flatten the image, one hidden layer, ten scores.
#
# $$
# \begin{aligned}
# h &= \max(0,\ W_1 x + b_1) \\
# z &= W_2 h + b_2 \\
# p &= \mathrm{softmax}(z)
# \end{aligned}
# $$
#
# `x (784,)` → `h (128,)` → scores `z (10,)` → probabilities `p (10,)`
#
# The prediction is the class with the largest probability, and that probability is the **confidence**. This book calls
# the network an **FCN**, for fully connected. (Elsewhere the letters often stand for *fully convolutional*.)

# %%
training.set_seed(SEED)
fcn = keras.Sequential([
    keras.Input((28, 28, 1)),
    layers.Flatten(),
    layers.Dense(128, activation="relu"),
    layers.Dropout(0.2),  # in training only
    layers.Dense(10),
], name="fcn")

# %%
training.compile(fcn)
training.fit(fcn, x_train, y_train, epochs=10, batch_size=32, seed=SEED)

upright_accuracy = training.accuracy(fcn, x_test, y_test)
print(f"accuracy on {len(x_test)} test digits: {upright_accuracy:.3f}")

# %% [markdown]
# ## Rotate one 2
#
# We rotate the 2 of the widget and give it to the network that you just trained, until it predicts another digit with
# confidence. `distortions.affine_theta` converts a pose (angle, scale, shift) to six numbers, `theta`, and `distortions.warp` redraws
# the image in that pose. Chapters {doc}`4 <04_grid_generator>` and {doc}`5 <05_sampler>` build both.


# %%
def transformed(images, **pose):
    """Redraw every image in one pose."""
    theta = np.tile(distortions.affine_theta(**pose), (len(images), 1))
    return distortions.warp(images, theta)


def rotated(images, degrees):
    return transformed(images, angle=np.deg2rad(degrees))


# %%
ANGLES = np.arange(-90, 91, 5)  # degrees, counter-clockwise
two = DigitReader().shown()[None] / 255  # the widget's 2, as a batch of one
rotating_two = np.concatenate([rotated(two, degrees) for degrees in ANGLES])
p = training.probabilities(fcn, rotating_two)
prediction, confidence = p.argmax(-1), p.max(-1)

# %% tags=["remove-cell"]
wrong = prediction != 2
surest = np.argmax(np.where(wrong, confidence, 0))
counter = np.argmax(wrong & (ANGLES > 0))  # the first angle that is misclassified
clock = len(ANGLES) - 1 - np.argmax((wrong & (ANGLES < 0))[::-1])

# %% mystnb={"figure": {"caption": "The 2 is misclassified long before you stop seeing a 2. The widget's 2, rotated clockwise (negative angles) and counter-clockwise. Above each: the angle, the prediction, and its confidence.", "name": "fig-01-rotated"}, "image": {"alt": "Nine pictures of the same handwritten 2, from far clockwise to far counter-clockwise. Above each stand the angle, the network's prediction and its confidence: 2 in the middle, other digits towards both ends."}} tags=["hide-input"]
shown = np.flatnonzero(ANGLES % 20 == 0)
for quoted in (surest, counter, clock):  # the text below names these
    shown[abs(shown - quoted).argmin()] = quoted
titles = [f"{ANGLES[i]}°: {prediction[i]} ({100 * confidence[i]:.0f}%)" for i in shown]
plotting.strip(rotating_two[shown], titles=titles, columns=3, size=1.5)
plt.show()

# %% tags=["remove-input"]
display(
    Markdown(f"""
Rotated counter-clockwise, this 2 is first misclassified at **{ANGLES[counter]}°**, as a **{prediction[counter]}**;
clockwise at **{-ANGLES[clock]}°**, as a **{prediction[clock]}** (in steps of 5°). The network is most certain of a
wrong prediction at {ANGLES[surest]:+d}°, where it gives **{prediction[surest]}** a confidence of
**{100 * confidence[surest]:.1f}%**.""")
)

# %% tags=["claim"]
assert not wrong[ANGLES == 0].any() and wrong[ANGLES > 0].any() and wrong[ANGLES < 0].any()
assert confidence[surest] > 0.8
assert {surest, counter, clock} <= set(shown) and len(set(shown)) == 9 and (np.diff(shown) > 0).all()

# %% [markdown]
# A confident prediction can be wrong. Softmax compares ten scores with each other, and none of the ten means "I have never
# seen anything like this".
#
# ## Is it only this 2?
#
# No. Rotated by more than 60 degrees, few twos are still classified as a 2. The wrong prediction depends on the
# angle and its direction ({numref}`fig-01-twos`): a 2 has no mirror symmetry.


# %% tags=["hide-input"]
def predictions(images, poses):
    """The network's prediction for every image in every pose: (poses, images)."""
    batch = np.concatenate([transformed(images, **pose) for pose in poses])
    return training.probabilities(fcn, batch).argmax(-1).reshape(len(poses), -1)


rotations = [{"angle": np.deg2rad(degrees)} for degrees in ANGLES]
twos = x_test[y_test == 2]
two_as = predictions(twos, rotations)
shares = (two_as[:, :, None] == np.arange(10)).mean(axis=1)

# %% mystnb={"figure": {"caption": "Beyond 60 degrees hardly any two is classified as a 2. Share of all test twos that the network classifies as each digit, against the angle: correct in blue, the most frequent wrong digits in other colours, the rest grey.", "name": "fig-01-twos"}, "image": {"alt": "Stacked areas over the angle: the share of all twos that the network classifies as each digit. The blue area of correct predictions fills nearly everything at zero degrees and shrinks to almost nothing at both ends, where other digits take over."}} tags=["hide-input"]
others = [digit for digit in np.argsort(-shares.sum(axis=0)) if digit != 2]
most = list(dict.fromkeys([prediction[counter], prediction[clock], *others]))[:4]  # first those of the 2 above
areas = {"2, correct": shares[:, 2]} | {f"as {digit}": shares[:, digit] for digit in most}
areas["other"] = 1 - sum(areas.values())
colors = [*(plotting.COLORS[key] for key in ("input", "grid", "output", "gradient", "fcn")), "#aaaaaa"]
fig, ax = plt.subplots(figsize=(6, 3.4))
ax.stackplot(ANGLES, areas.values(), labels=areas, colors=colors)
ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3)
ax.set(xlabel="rotated, degrees counter-clockwise", ylabel="share of all twos")
ax.set(xticks=ANGLES[::6], xlim=(-90, 90), ylim=(0, 1))
plt.show()

# %% tags=["claim"]
assert shares[abs(ANGLES) > 60, 2].max() < 0.15
assert len({np.argmax(share) for share in shares[abs(ANGLES) >= 45]} - {2}) > 1

# %% [markdown]
# ## How much distortion can the network handle?
#
# Not much. We rotate, scale or shift the whole test set, all classes, and measure the accuracy ({numref}`fig-01-sweeps`).

# %% tags=["hide-input"]
SCALES = np.round(np.arange(0.4, 1.65, 0.1), 1)  # 1 is the original size
SHIFTS = np.arange(-10, 11)  # pixels to the right
PIXEL = 2 / 28  # one pixel, where coordinates run from -1 to 1 across the image


def accuracies(poses):
    return (predictions(x_test, poses) == y_test).mean(axis=1)


# theta says where to read, so scale and shift are inverted (chapter 4)
by_angle = accuracies(rotations[::3])
by_scale = accuracies([{"scale": (1 / s, 1 / s)} for s in SCALES])
by_shift = accuracies([{"translation": (-pixels * PIXEL, 0)} for pixels in SHIFTS])

# %% mystnb={"figure": {"caption": "Each curve is a narrow peak around the one pose that the training digits have. Accuracy over the whole test set, rotated, scaled and shifted; the dotted line is guessing. Accuracy can drop below it where shifted strokes overlap other digits' strokes. Large shifts cut off strokes, but a smaller digit loses none and is misclassified too.", "name": "fig-01-sweeps"}, "image": {"alt": "Three charts of accuracy, against rotation, scale and horizontal shift. In each the curve peaks at the original pose and falls steeply on both sides, mostly to about the level of guessing."}} tags=["hide-input"]
fig, axes = plt.subplots(1, 3, figsize=(7.8, 3.2), sharey=True)
sweeps = [
    (ANGLES[::3], by_angle, "degrees counter-clockwise"),
    (SCALES, by_scale, "size, 1 = original"),
    (SHIFTS, by_shift, "shifted right, pixels"),
]
for ax, (values, accuracy, label) in zip(axes, sweeps, strict=True):
    plotting.curve(ax, values, accuracy, "all digits", color=plotting.COLORS["input"])
    ax.axhline(0.1, color=plotting.COLORS["neutral"], ls=":", lw=1)
    ax.set(xlabel=label, ylim=(0, 1.02))
axes[0].set_ylabel("accuracy")
plt.show()


# %% tags=["remove-input"]
def half_gone(values, accuracy, centre):
    """The nearest transformations on either side that leave less than half of the accuracy."""
    lost = values[accuracy < accuracy[values == centre][0] / 2]
    below, above = lost[lost < centre], lost[lost > centre]
    return below.max(initial=values.min()), above.min(initial=values.max())


angles, pixels = half_gone(ANGLES[::3], by_angle, 0), half_gone(SHIFTS, by_shift, 0)
sizes = half_gone(SCALES, by_scale, 1.0)
turn = f"**{-angles[0]}°** clockwise or **{angles[1]}°** counter-clockwise"
if -angles[0] == angles[1]:
    turn = f"**{angles[1]}°** in either direction"
display(
    Markdown(f"""
Half of the accuracy is gone after a rotation by {turn} (in steps of 15°), after a shift by **{-pixels[0]}** pixels to the left or **{pixels[1]}** to the right, and at
**{sizes[0]}** or **{sizes[1]}** times the size.""")
)

# %% tags=["claim"]
assert all(curve.max() > 2 * max(curve[0], curve[-1]) for curve in (by_angle, by_scale, by_shift))
assert sizes[0] > SCALES[0]  # smaller digits fail too

# %% [markdown]
# ## Why: dense weights are tied to positions
#
# A dense unit has one weight for each *position* in the image. Before the ReLU it's a weighted sum,
#
# $$
# a_j = \sum_{i} W_{ji}\, x_i + b_j .
# $$
#
# This is template matching: the output is large when the ink lies where the weights are large. Take an image of 3 by 3
# pixels with a vertical stroke, and a unit whose weights fit that stroke exactly (with bias 0).
#
# `x (3, 3)`, one row of $W$ laid out like the image `(3, 3)` → one number

# %%
stroke = np.array([[0, 1, 0], [0, 1, 0], [0, 1, 0]])
weights = 2 * stroke - 1  # +1 where ink should be, -1 where it should not
inputs = {
    "fits": stroke,
    "shifted": np.roll(stroke, 1, axis=1),
    "rotated": stroke.T,
    "empty": 0 * stroke,
}
scores = {name: (weights * image).sum() for name, image in inputs.items()}

# %% mystnb={"figure": {"caption": "Shifted by one pixel, the stroke scores lower than an empty image. Left: the unit's nine weights. Right: the pixels of four images, and the weighted sum of each.", "name": "fig-01-nine"}, "image": {"alt": "Five pictures of 3 by 3 pixels. The weights: plus one in the middle column, minus one elsewhere. Then a vertical stroke in the middle, which scores 3; the stroke one pixel to the right, -3; a horizontal stroke, -1; and an empty image, 0."}} tags=["hide-input"]
titles = ["weights", *(f"{name}: {score}" for name, score in scores.items())]
fig = plotting.strip([stroke, *inputs.values()], titles, size=1.2, frame=True)
for ax, numbers, sign in zip(fig.axes, [weights, *inputs.values()], ["+", "", "", "", ""], strict=True):
    for (row, column), number in np.ndenumerate(numbers):
        color = "black" if number > 0 else "white"
        ax.text(column, row, f"{number:{sign}d}", color=color, ha="center", va="center")
plt.show()

# %% [markdown]
# The unit doesn't know which pixels are neighbours. The second exercise takes this to the extreme. With 128 such units a
# network learns only poses in the training set, and not all of those, as the widget's FCN shows.
#
# ## How far are rotated digits from the training data?
#
# Rotated by 90 degrees in either direction, most twos are unlike all training digits ({numref}`fig-01-distance`). An
# image is a point in a space with 784 axes. The distance between two is
#
# $$
# d(u, v) = \sqrt{\textstyle\sum_i (u_i - v_i)^2} .
# $$


# %% tags=["hide-input"]
def nearest(images):
    """Each image's distance to the closest training digit, and the class of that."""
    a, b = images.reshape(len(images), -1), x_train.reshape(len(x_train), -1)
    squared = (a**2).sum(1)[:, None] - 2 * a @ b.T + (b**2).sum(1)
    return np.sqrt(squared.min(axis=1).clip(0)), y_train[squared.argmin(axis=1)]  # not below 0 by rounding


usual = np.quantile(nearest(x_test)[0], 0.95)
distance, label = map(np.stack, zip(*(nearest(rotated(twos, degrees)) for degrees in ANGLES[::3]), strict=True))

# %% mystnb={"figure": {"caption": "Rotated far enough, twos are on average farther from every training digit than nearly all upright digits are. Mean distance of rotated test twos to the nearest training digit of any class. The grey band goes down to 0: 95% of the upright test digits, of all classes, lie in it.", "name": "fig-01-distance"}, "image": {"alt": "A curve of distance in pixel space against the angle. It is lowest near zero degrees, inside a grey band, rises on both sides and leaves the band well before 90 degrees."}} tags=["hide-input"]
fig, ax = plt.subplots(figsize=(6, 3.4))
floor = 0.8 * distance.mean(axis=1).min()
ax.axhspan(floor, usual, color="#999999", alpha=0.2, lw=0)
ax.annotate("95% of upright digits", (-90, floor), (0, 8), textcoords="offset points")
plotting.curve(ax, ANGLES[::3], distance.mean(axis=1), "rotated twos", color=plotting.COLORS["input"])
ax.set(xlabel="rotated, degrees counter-clockwise", ylabel="distance to nearest training digit", xticks=ANGLES[::6], ylim=(floor, None))
plt.show()

# %% tags=["remove-input"]
outside, is_two = (distance[[0, -1]] > usual).mean(), (label[[0, -1]] == 2).mean()
slightly = np.isin(abs(ANGLES[::3]), [15, 30])
near, missed = distance[slightly] <= usual, two_as[::3][slightly] != 2
display(
    Markdown(f"""
Rotated by 90 degrees, **{outside:.0%}** of the twos lie outside that band, and for only {is_two:.0%} of all twos the
nearest training digit is a 2. Distance isn't the only reason: rotated by 15 or 30 degrees, **{near.mean():.0%}**
lie inside, and the network misclassifies **{missed[near].mean():.0%}** of those. It doesn't measure this distance, and its
weighted sums can differ a lot between images that are near each other.""")
)

# %% tags=["claim"]
assert outside > 0.9 and is_two < 0.3
assert distance.mean(axis=1)[len(distance) // 2] < usual < distance.mean(axis=1)[[0, -1]].min()
assert near.mean() > 0.1 and 0.05 < missed[near].mean() < missed[~near].mean()

# %% [markdown]
# An image unlike everything that a network was trained on is **out of distribution**. (The band is only a rough measure:
# one upright test digit in twenty lies outside as well.) The network predicts one of ten classes all the same, because it
# has no other choice.
#
# ## What we want instead
#
# Write $T$ for a transformation: a rotation, a scaling, a shift. A classifier $f$ is **invariant** to it if
#
# $$
# f(T\,x) = f(x) \quad \text{for every image } x ,
# $$
#
# where $f(x)$ is its prediction. Our FCN isn't invariant to any transformation we tested. There are two usual
# fixes: train on transformed digits too, and use layers made for images, convolution and max-pooling.
# {doc}`The next chapter <02_baselines>` tries both. A spatial transformer, from {doc}`chapter 3 <03_localization>` on,
# does something else: it learns to undo the transformation before the classifier sees the image.
#
# ## Recap
#
# - You trained a dense network that classifies upright digits well, and followed one 2 while it rotated: the prediction
#   changes after a modest angle, sometimes with high confidence.
# - You measured accuracy against rotation, scale and shift: three narrow peaks around the pose of the training set.
# - A dense unit has one weight for each position in the image, so it treats a shifted stroke as a different input.
# - Most twos rotated by 90 degrees are unlike all training digits, and softmax has no class for "none of these". But some
#   that are no farther than upright digits fail, too. What's missing is invariance, $f(T\,x) = f(x)$.
#
# ## Exercises
#
# :::{exercise} When is a 6 a 9?
# :label: ex-six-nine
#
# Rotate every 6 of the test set by 180 degrees. What does the network predict? Is that an error? What does your answer
# say about asking for invariance to *every* rotation?
# :::
#
# :::{solution-start} ex-six-nine
# :class: dropdown
# :::

# %%
sixes = x_test[y_test == 6]
upside_down = training.probabilities(fcn, rotated(sixes, 180)).argmax(-1)
print(f"{(upside_down == 9).sum()} of {len(sixes)} are classified as a 9")

# %% tags=["claim"]
assert np.bincount(upside_down).argmax() == 9

# %% [markdown]
# You'd call all of them 9: without a line to stand on, the two are one shape. Invariance to *all* rotations would make 6
# and 9 one class. We want invariance to the transformations that keep the label, so the range is part of the task.
#
# :::{solution-end}
# :::
#
# :::{exercise} Scrambled pixels
# :label: ex-scrambled
#
# Shuffle the 784 pixels of all images, with the same permutation for every image, and train a new FCN on the result.
# Guess its accuracy before you run it. What does the result tell you about the network?
# :::
#
# :::{solution-start} ex-scrambled
# :class: dropdown
# :::

# %%
permutation = np.random.default_rng(SEED).permutation(784)


def scramble(images):
    pixels = images.reshape(len(images), 784)
    return pixels[:, permutation].reshape(images.shape)


training.set_seed(SEED)
scrambled_fcn = models.fcn()
training.compile(scrambled_fcn)
training.fit(scrambled_fcn, scramble(x_train), y_train,
             epochs=10, batch_size=32, seed=SEED)
scrambled_accuracy = training.accuracy(scrambled_fcn, scramble(x_test), y_test)
print(f"upright {upright_accuracy:.3f}, scrambled {scrambled_accuracy:.3f}")

# %% tags=["claim"]
assert abs(upright_accuracy - scrambled_accuracy) < 0.03

# %% mystnb={"figure": {"caption": "To a dense layer these two are equally easy. A 2, and the same pixels in another order.", "name": "fig-01-scrambled"}, "image": {"alt": "Left: a handwritten 2. Right: the same pixels shuffled, grey noise."}} tags=["hide-input"]
plotting.strip(np.concatenate([two, scramble(two)]), ["a 2", "scrambled"], size=1.3)
plt.show()

# %% [markdown]
# It learns about as well. To a dense layer the order of the pixels carries no meaning, so destroying it destroys nothing.
# All that you know about space (near, left of, rotated) is absent from this network.
#
# :::{solution-end}
# :::
#
# :::{exercise} Could we at least notice?
# :label: ex-confidence
#
# Rotate the test set by 45 degrees. Compare the mean confidence of correct and of wrong predictions. If you accept only
# predictions with a confidence above 0.9, how many of the accepted ones are wrong?
# :::
#
# :::{solution-start} ex-confidence
# :class: dropdown
# :::

# %%
mean_confidence = {}
for name, images in {"upright": x_test, "rotated": rotated(x_test, 45)}.items():
    p = training.probabilities(fcn, images)
    right, confidence = p.argmax(-1) == y_test, p.max(-1)
    accepted = confidence > 0.9
    if_right, if_wrong = confidence[right].mean(), confidence[~right].mean()
    mean_confidence[name] = if_right, if_wrong
    print(
        f"{name}: confidence if right {if_right:.2f}, if wrong {if_wrong:.2f};\n"
        f"    accepted {accepted.mean():.0%}, "
        f"of these wrong {1 - right[accepted].mean():.1%}"
    )

# %% tags=["claim"]
assert all(if_right > if_wrong for if_right, if_wrong in mean_confidence.values())

# %% [markdown]
# Correct predictions are more confident on average, and fewer rotated digits pass the threshold. But far more of those
# that pass are wrong: the confidence was learned on upright digits.
#
# :::{solution-end}
# :::
