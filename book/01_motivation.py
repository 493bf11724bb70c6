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
# # Why does a network that reads a 2 fail on a turned 2?
#
# Tilt your head and this page stays readable. Tilt a digit, and a network that reads digits
# almost perfectly starts to talk nonsense. In this chapter you watch that happen, measure how
# little it takes, and find the reason in the pixels themselves.
#
# After this chapter you can
#
# - train a small dense network on digits and check what it is worth;
# - follow its answer and its confidence while one digit turns from -90 to 90 degrees;
# - draw accuracy against rotation, scale and shift, and read off how far a digit may move;
# - explain, with nine pixels, why a dense layer takes a moved digit for another picture;
# - say what it would mean for a classifier to be *invariant*.

# %%
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Markdown, display

from stnlib import datasets, distortions, models, plotting, training

plotting.use_style()

# %% [markdown]
# Everything that you may want to change stands in one cell.

# %%
SEED = 0
TRAIN_SIZE = 10_000  # at most this many digits to learn from
TEST_SIZE = 1_000  # and this many to be examined on
EPOCHS = 10
BATCH_SIZE = 32
ANGLES = np.arange(-90, 91, 5)  # degrees

# %% [markdown]
# ## Ten digits that everyone can read
#
# We need digits that real people wrote: MNIST {cite}`lecun1998mnist`, or, where it cannot be had,
# the smaller set of {cite:t}`alpaydin1998optdigits`, 8 by 8 pixels enlarged to the same form. Each image
# is 28 by 28 pixels, one channel, from 0 (black) to 1 (white). The line below says which set this page
# has: `mnist`, or `uci`, the smaller one.

# %%
digits = datasets.load()
x_train, y_train = digits.x_train[:TRAIN_SIZE], digits.y_train[:TRAIN_SIZE]
x_test, y_test = digits.x_test[:TEST_SIZE], digits.y_test[:TEST_SIZE]
print(f"{digits.name}: train {x_train.shape}, test {x_test.shape}")

# %% mystnb={"image": {"alt": "Ten handwritten digits, one of each class from 0 to 9, upright, centred and white on black."}} tags=["hide-input"]
first_of_each = [np.flatnonzero(y_test == label)[0] for label in range(10)]
plotting.strip(x_test[first_of_each], titles=[str(label) for label in range(10)], columns=5)
plt.show()

# %% [markdown]
# Look at what they share: upright, about the same size, and in the middle of the frame. Somebody
# took care of that before you came. Nothing in the task "name this digit" demands it.
#
# ## A network that reads them
#
# The network is as plain as can be, the one from TensorFlow's beginner tutorial, which
# {cite:t}`xeonqq2019article` also starts from: lay the pixels in a row, one hidden layer (with
# dropout while it trains), ten scores.
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
# The answer is the class with the largest probability, and that probability is the *confidence*.
# This book calls such a network an **FCN**, for fully connected. (Elsewhere the letters often stand for
# *fully convolutional*.) Training takes a few seconds.

# %%
training.set_seed(SEED)
fcn = models.fcn()
training.compile(fcn)
training.fit(fcn, x_train, y_train, epochs=EPOCHS, batch_size=BATCH_SIZE, seed=SEED)

upright_accuracy = training.accuracy(fcn, x_test, y_test)
print(f"accuracy on {len(x_test)} digits it has never seen: {upright_accuracy:.3f}")

# %% [markdown]
# ## Turn one digit
#
# Now take a single 2 that the network reads correctly, and turn it. A *pose* is an angle, a size and a
# place (and, later, a slant). `distortions.affine_theta` writes it down as six numbers, `theta`, and
# `distortions.warp` redraws the image in that pose. (How these work is the subject of chapters
# {doc}`4 <04_grid_generator>` and {doc}`5 <05_sampler>`; until then, trust them as you would any image
# library.) A positive angle turns the digit to the left.


# %%
def moved(images, **pose):
    """Redraw every image in one pose."""
    theta = np.tile(distortions.affine_theta(**pose), (len(images), 1))
    return distortions.warp(images, theta)


def turned(images, degrees):
    return moved(images, angle=np.deg2rad(degrees))


# %%
read_right = training.probabilities(fcn, x_test).argmax(-1) == y_test
two = x_test[np.flatnonzero(read_right & (y_test == 2))[:1]]

turning_two = np.concatenate([turned(two, degrees) for degrees in ANGLES])
p = training.probabilities(fcn, turning_two)
answer, confidence = p.argmax(-1), p.max(-1)
print(f"images {turning_two.shape} → probabilities {p.shape}")

# %% mystnb={"image": {"alt": "Seven pictures of the same handwritten 2, turned from -90 to 90 degrees. Above each stands the angle and the network's answer: 2 in the middle, other digits towards both ends."}} tags=["hide-input"]
shown = np.flatnonzero(ANGLES % 30 == 0)
titles = [f"{ANGLES[i]}°: “{answer[i]}”" for i in shown]
plotting.strip(turning_two[shown], titles=titles, columns=7)
plt.show()

# %% [markdown]
# The number in quotation marks is the network's answer. In the middle it says 2. Go far enough to
# either side and it names another digit, though you never stopped seeing a 2. Where exactly does
# it change its mind, and does it at least *doubt*?

# %% mystnb={"image": {"alt": "Curves of the network's probability for each digit against the angle. The blue curve of the 2 is close to one around zero degrees and falls to zero on both sides, where the curves of other digits rise in its place."}} tags=["hide-input"]
fig, ax = plt.subplots(figsize=(6.8, 3.4))
for rival, style in zip(np.unique(answer[answer != 2]), ("--", "-.", ":", "-") * 3, strict=False):
    ax.plot(ANGLES, p[:, rival], style, color=plotting.COLORS["neutral"], lw=1.5)
plotting.curve(ax, ANGLES, p[:, 2], label="2", color=plotting.COLORS["input"])
for run in np.split(np.arange(len(ANGLES)), np.flatnonzero(np.diff(answer)) + 1):
    top = run[confidence[run].argmax()]
    ax.annotate(str(answer[top]), (ANGLES[top], confidence[top]), (0, 5), textcoords="offset points", weight="bold")
ax.set(xlabel="angle in degrees", ylabel="probability", xticks=ANGLES[::3], ylim=(0, 1.15))
plt.show()

# %% [markdown]
# Each curve is the network's belief in one digit, named at its top. (Digits that win nowhere are left
# out.) The blue one belongs to the 2. Where it falls, another rises: around the crossing the network is
# unsure; soon it is sure of something else.

# %%
wrong = answer != 2
surest = np.argmax(np.where(wrong, confidence, 0))
left = np.argmax(wrong & (ANGLES > 0))  # the first angle that is misread
right = len(ANGLES) - 1 - np.argmax((wrong & (ANGLES < 0))[::-1])

# %% tags=["claim"]
assert wrong[ANGLES > 0].any() and wrong[ANGLES < 0].any()

# %% tags=["hide-input"]
display(
    Markdown(f"""
Turned to the left, this 2 is first misread at **{ANGLES[left]}°**, as a **{answer[left]}**; turned to the right,
at **{-ANGLES[right]}°**, as a **{answer[right]}** (we look every 5°). The network is most certain of a wrong answer at
{ANGLES[surest]:+d}°, where it gives **{answer[surest]}** a confidence of **{confidence[surest]:.1%}**.""")
)

# %% [markdown]
# So a high confidence is no proof. Softmax compares ten scores with each other; none of the ten
# means "I have never seen anything like this". (The last exercise asks how often a low confidence warns.)
#
# ## Is it only this one 2?
#
# In the article that this book follows, a turned 2 is read as an 8 {cite}`xeonqq2019article`.
# Yours may have become something else. Which wrong answer appears depends on the digit, on the
# network, and on the angle. So ask the network about *every* 2 in the test set, at every angle,
# and count its answers.


# %%
def answers(images, poses):
    """The network's answer to every image in every pose: (poses, images)."""
    batch = np.concatenate([moved(images, **pose) for pose in poses])
    return training.probabilities(fcn, batch).argmax(-1).reshape(len(poses), -1)


turns = [{"angle": np.deg2rad(degrees)} for degrees in ANGLES]
twos = x_test[y_test == 2]
shares = (answers(twos, turns)[:, :, None] == np.arange(10)).mean(axis=1)
print(f"shares of the ten answers at each angle: {shares.shape}")

# %% [markdown]
# In the picture blue is "2". The grey areas are everything else.

# %% mystnb={"image": {"alt": "Stacked areas over the angle: the share of all twos that the network reads as each digit. The blue area of correct answers fills nearly everything at zero degrees and is gone at both ends, where grey areas of other digits take over."}} tags=["hide-input"]
fig, ax = plt.subplots(figsize=(6.8, 3.4))
order = [2] + [k for k in range(10) if k != 2]
colors = [plotting.COLORS["input"]] + [str(grey) for grey in (0.55, 0.85, 0.7, 0.94, 0.62, 0.8, 0.5, 0.9, 0.72)]
ax.stackplot(ANGLES, shares.T[order], colors=colors, edgecolor="white", linewidth=0.8)
tops = shares[:, order].cumsum(axis=1)
ax.text(0, tops[len(ANGLES) // 2, 0] / 2, "2", color="white", weight="bold", ha="center", va="center")
for i, k in list(enumerate(order))[1:]:
    for half in (slice(3, len(ANGLES) // 2), slice(len(ANGLES) // 2, -3)):  # to the right, and to the left
        at = half.start + np.argmax(shares[half, k])
        if shares[at, k] > 0.12:
            ax.text(ANGLES[at], tops[at, i] - shares[at, k] / 2, str(k), weight="bold", ha="center", va="center")
ax.set(xlabel="angle in degrees", ylabel="share of all twos", xticks=ANGLES[::3], xlim=(-90, 90), ylim=(0, 1))
plt.show()

# %% tags=["hide-input"]
quarter_left, quarter_right = shares[-1].argmax(), shares[0].argmax()
most_8 = shares[:, 8].argmax()
display(
    Markdown(f"""
After a quarter turn to the left the most frequent answer is **{quarter_left}** ({shares[-1, quarter_left]:.0%}),
to the right **{quarter_right}** ({shares[0, quarter_right]:.0%}). The article's 8 is most frequent at
{ANGLES[most_8]:+d}°, where the network reads {shares[most_8, 8]:.0%} of all twos as an 8.""")
)

# %% tags=["claim"]
assert shares[-1, quarter_left] > 0.2 and shares[0, quarter_right] > 0.2

# %% [markdown]
# The pattern is not noise: at a given angle many twos go the same wrong way, as if a turned 2 simply
# *were* some other digit.
#
# ## How far may a digit move?
#
# Turning is one way to move a digit. Size and place are two more. We take all classes now, move the
# whole test set in one way at a time, and measure accuracy.

# %%
SCALES = np.round(np.arange(0.4, 1.65, 0.1), 1)  # 1 is the original size
SHIFTS = np.arange(-10, 11)  # pixels to the right
PIXEL = 2 / 28  # one pixel, where coordinates run from -1 to 1 across the image

# %% [markdown]
# `theta` does not say where the digit goes. It says where each pixel of the new picture *reads* the old
# one, so it does the opposite to the picture: to make the digit half as large, read from a field twice
# as wide; to push it to the right, read further to the left. {doc}`Chapter 4 <04_grid_generator>` is
# about this twist. Here it is one division and one minus sign. (The angle needs none: its sign was
# chosen so that a positive one turns the picture to the left.)


# %%
def accuracies(poses):
    """In every pose: accuracy over all digits, then for each class."""
    right = answers(x_test, poses) == y_test
    by_class = [right[:, y_test == label].mean(axis=1) for label in range(10)]
    return np.stack([right.mean(axis=1), *by_class], axis=1)


rotation = accuracies(turns[::3])
scale = accuracies([{"scale": (1 / s, 1 / s)} for s in SCALES])
shift = accuracies([{"translation": (-pixels * PIXEL, 0)} for pixels in SHIFTS])

# %% mystnb={"image": {"alt": "Three charts of accuracy, against rotation, scale and horizontal shift. In each the blue curve peaks at the original pose and falls steeply on both sides. Thin grey curves show the ten classes."}} tags=["hide-input"]
fig, axes = plt.subplots(1, 3, figsize=(7.8, 3.2), sharey=True)
sweeps = [
    (ANGLES[::3], rotation, "turned, degrees"),
    (SCALES, scale, "size, 1 = original"),
    (SHIFTS, shift, "moved right, pixels"),
]
for ax, (values, result, label) in zip(axes, sweeps, strict=True):
    ax.plot(values, result[:, 1:], color="0.75", lw=1)
    plotting.curve(ax, values, result[:, 0], "all digits", color=plotting.COLORS["input"])
    ax.axhline(0.1, color=plotting.COLORS["neutral"], ls=":", lw=1)
    ax.set(xlabel=label, ylim=(0, 1.02))
axes[0].set_ylabel("accuracy")
plt.show()

# %% [markdown]
# Blue is the accuracy over all digits, each thin grey line one class. Every blue curve is a narrow peak
# around the one pose that the training set has, and on both sides it falls far, mostly to about pure
# guessing (dotted). Large shifts and large sizes push strokes out of the frame. But a turn or a smaller
# size, which push nothing out, cost as much. (A grey line that stays high need not be an
# achievement: a network that gives one answer to nearly everything gets that class right.)
#
# How narrow are the peaks? Ask each curve, on either side, for the first move at which half of the
# accuracy is gone.


# %%
def half_gone(values, result, centre):
    """The nearest moves on either side with less than half the accuracy."""
    start = result[values == centre, 0][0]
    lost = values[result[:, 0] < start / 2]
    below, above = lost[lost < centre], lost[lost > centre]
    return below.max(initial=values.min()), above.min(initial=values.max())


angles, pixels = half_gone(ANGLES[::3], rotation, 0), half_gone(SHIFTS, shift, 0)
sizes = half_gone(SCALES, scale, 1.0)

# %% tags=["hide-input"]
display(
    Markdown(f"""
Half of the accuracy is gone after a turn of **{-angles[0]}°** to the right or **{angles[1]}°** to the left
(in steps of 15°), after a shift of **{-pixels[0]}** pixels to the left or **{pixels[1]}** to the right in an
image that is 28 pixels wide, and at **{sizes[0]}** or **{sizes[1]}** times the size.""")
)

# %% [markdown]
# To you, a digit moved by a few pixels is still the same digit. What does the network see that you do
# not?
#
# ## The reason, in nine pixels
#
# Look at one unit of the hidden layer. Before the ReLU it is a weighted sum,
#
# $$
# a_j = \sum_{i} W_{ji}\, x_i + b_j
# $$
#
# with one weight for each *place* in the image. Such a unit is a stencil: it answers strongly
# when the ink lies where its weights are large. Take a picture of 3 by 3 pixels with a vertical
# stroke, and a unit whose weights are the perfect stencil for it (and whose bias is 0).
#
# `x (3, 3)`, one row of $W$ laid out like the picture `(3, 3)` → one number

# %%
stroke = np.array([[0, 1, 0], [0, 1, 0], [0, 1, 0]])
stencil = 2 * stroke - 1  # +1 where ink should be, -1 where it should not
print(f"stroke in the middle: {(stencil * stroke).sum():3d}")
print(f"moved by one pixel:   {(stencil * np.roll(stroke, 1, axis=1)).sum():3d}")
print(f"turned by 90 degrees: {(stencil * stroke.T).sum():3d}")
print(f"an empty picture:     {(stencil * 0).sum():3d}")

# %% [markdown]
# Moved by one pixel, the very same stroke scores *lower than no stroke at all*. The unit knows
# nine separate places. That some of them are neighbours, and that a stroke can slide from one to
# the next, is nowhere in the formula. (The second exercise makes this drastic.)
#
# With 128 stencils a network could cover many poses, but it learns stencils only for the poses that it
# is shown. How far does a turn take a digit away from those? Leave the network out altogether and ask
# the pixels.
#
# ## The reason, in 784 pixels
#
# An image is a point in a space with 784 axes, and a digit that turns walks along a curve through
# it. Images that are alike pixel by pixel are near each other. So measure: how far is a turned 2
# from the *nearest training 2*, and how far from the nearest training digit of *any other* class?
#
# $$
# d(u, v) = \sqrt{\textstyle\sum_i (u_i - v_i)^2}
# $$


# %%
def nearest(images, others):
    """Distance from each image to the closest of the others."""
    a, b = images.reshape(len(images), -1), others.reshape(len(others), -1)
    squared = (a**2).sum(1)[:, None] - 2 * a @ b.T + (b**2).sum(1)
    return np.sqrt(squared.min(axis=1).clip(0))  # not below 0 by rounding


is_two = y_train == 2
to_two = np.stack([nearest(turned(twos, d), x_train[is_two]) for d in ANGLES[::3]])
to_other = np.stack(
    [nearest(turned(twos, d), x_train[~is_two]) for d in ANGLES[::3]])
closer_to_other = (to_other < to_two).mean(axis=1)

# %% mystnb={"image": {"alt": "Two curves of distance in pixel space against the angle. The blue curve, to the nearest training 2, is lower near zero degrees. The dashed grey curve, to the nearest other digit, is lower at large angles on both sides: the curves cross."}} tags=["hide-input"]
fig, ax = plt.subplots(figsize=(6.8, 3.2))
plotting.curve(ax, ANGLES[::3], to_two.mean(axis=1), label="to the nearest 2", color=plotting.COLORS["input"])
ax.plot(ANGLES[::3], to_other.mean(axis=1), "--", color=plotting.COLORS["neutral"], label="to the nearest other digit")
ax.set(xlabel="angle in degrees", ylabel="distance, mean over twos", xticks=ANGLES[::3])
ax.legend()
plt.show()

# %% tags=["hide-input"]
nearer, read = (dict(zip(ANGLES[::3].tolist(), f)) for f in (closer_to_other, shares[::3, 2]))
lines = [(f"{a:+d}°" if a else "upright", f"{nearer[a]:.0%}", f"{1 - read[a]:.0%}") for a in (-90, -30, -15, 0, 15, 30, 90)]
head = "Turned by", f"Nearer to another digit, of {len(twos)} twos", "Misread by the FCN"
on_side, upright_two = to_other[[0, -1]].mean(), to_two[len(to_two) // 2].mean()
Markdown(
    plotting.markdown_table(head, lines)
    + f"\n\nA 2 rotated by 90 degrees is {on_side:.1f} away from the nearest other digit, on average over both"
    f" directions. An upright 2 is {upright_two:.1f} away from its nearest 2."
)

# %% tags=["claim"]
assert min(to_other[0].mean(), to_other[-1].mean()) > 1.3 * upright_two
assert min(nearer[-90], nearer[90]) > 0.5 > 0.2 > nearer[0]
misread = {angle: 1 - share for angle, share in read.items()}
assert all(f[-90] > f[-30] > f[0] < f[30] < f[90] for f in (nearer, misread))
assert all(misread[angle] > nearer[angle] for angle in (-30, 30))

# %% [markdown]
# The curves cross, and no network took part in them, only distances between images. Pixel by pixel, a 2
# on its side really *is* nearer to another digit than to a 2. (There are many more other digits than
# twos to be near to, and still, upright, few twos are nearer to one.) But it is not *near* that other digit:
# the numbers below the table show that a 2 on its side is near to nothing in the training set. It is **out of
# distribution**. The FCN was never asked about such images, and softmax has no class for "none of these", so it
# names one of the ten all the same. After a smaller turn the two
# columns need not agree, for one looks for the nearest single digit and the other gets by with 128
# stencils. At 30 degrees the FCN fails more often than the distances alone would have it. But both rise
# with the angle.
#
# ## What we want instead
#
# Write $T$ for a move: a turn, a change of size, a shift. A classifier $f$ is **invariant** to it
# if
#
# $$
# f(T\,x) = f(x) \quad \text{for every image } x ,
# $$
#
# where $f(x)$ is its answer. The peaks above say that our FCN has this property for no move worth
# mentioning. Nothing in its training asked for it: so show it moved digits as well. And nothing in its
# layers helps: so use those that are made for images, convolution and max-pooling.
# {doc}`The next chapter <02_baselines>` gives the first cure a fair trial, and then both together.
#
# ## Recap
#
# - You trained a dense network and saw that a good score on upright digits says little about
#   moved ones.
# - You followed one 2 through half a turn: the answer changes after a modest angle, and the network
#   can be sure and wrong.
# - You drew accuracy against rotation, scale and shift: three narrow peaks around the pose of the
#   training set.
# - You explained it: a dense unit is a stencil with one weight for each place, and by its pixels
#   a 2 on its side is nearer to other digits than to twos.
# - You can say what is missing: invariance, $f(T\,x) = f(x)$.
#
# ## Exercises
#
# :::{exercise} When is a 6 a 9?
# :label: ex-six-nine
#
# Turn every 6 of the test set by 180 degrees. What does the network answer? Is that an error?
# What does your verdict say about asking for invariance to *every* rotation?
# :::
#
# :::{solution-start} ex-six-nine
# :class: dropdown
# :::

# %%
sixes = x_test[y_test == 6]
upside_down = training.probabilities(fcn, turned(sixes, 180)).argmax(-1)
counts = np.bincount(upside_down, minlength=10)
print({digit: int(n) for digit, n in enumerate(counts) if n})

# %% tags=["claim"]
assert counts.argmax() == 9

# %% [markdown]
# More of them become a 9 than anything else, and you would have called all of them 9: without a line to
# stand on, the two are one shape. Invariance to *all* rotations would make 6 and 9 one class. What
# we want is invariance to the moves that keep the label, so the range of a move is part of the
# task. That is why this book turns digits by 90 degrees at most.
#
# :::{solution-end}
# :::
#
# :::{exercise} Scrambled pixels
# :label: ex-scrambled
#
# Shuffle the 784 pixels of all images, with the same permutation for every image, and train a new
# FCN on the result. Guess its accuracy before you run it. What does the result tell you about the
# network?
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


# %% [markdown]
# The figure shows what it now has to read.

# %% mystnb={"image": {"alt": "Left: a handwritten 2. Right: the same pixels shuffled, grey noise."}}
training.set_seed(SEED)
scrambled_fcn = models.fcn()
training.compile(scrambled_fcn)
training.fit(scrambled_fcn, scramble(x_train), y_train,
             epochs=EPOCHS, batch_size=BATCH_SIZE, seed=SEED)
scrambled_accuracy = training.accuracy(scrambled_fcn, scramble(x_test), y_test)
print(f"upright {upright_accuracy:.3f}, scrambled {scrambled_accuracy:.3f}")
plotting.strip(np.concatenate([two, scramble(two)]), ["a 2", "scrambled"])
plt.show()

# %% tags=["claim"]
assert abs(upright_accuracy - scrambled_accuracy) < 0.03

# %% [markdown]
# It learns about as well. To a dense layer the order of the pixels carries no meaning, so
# destroying it destroys nothing. You, on the other hand, can no longer read a single digit. All
# that you know about space (near, left of, turned) is absent from this network.
#
# :::{solution-end}
# :::
#
# :::{exercise} Could we at least notice?
# :label: ex-confidence
#
# Turn the test set by 45 degrees. Compare the mean confidence of right and of wrong answers. If
# you accept only answers with a confidence above 0.9, how many of the accepted ones are wrong?
# :::
#
# :::{solution-start} ex-confidence
# :class: dropdown
# :::

# %%
mean_confidence = {}
for name, images in {"upright": x_test, "turned": turned(x_test, 45)}.items():
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
# Right answers are more confident on average, so confidence carries *some* information, and the
# turned digits pass the threshold less often. But of those that pass, far more are wrong than of the
# upright ones. Confidence was learned on upright digits, and these are of another kind.
#
# :::{solution-end}
# :::
