# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Put together: does it learn to straighten digits by itself?
#
# You have the parts: a network that proposes $\theta$ ({doc}`chapter 3 <03_localization>`), a grid
# that says where to read ({doc}`chapter 4 <04_grid_generator>`), a sampler that reads there and
# lets gradients through ({doc}`chapter 5 <05_sampler>`). Nobody has told any of them what "upright"
# means, and nobody will. The only teacher is the class label at the far end. Is that enough?
#
# After this chapter you can
#
# - assemble the parts into one Keras layer and put it into a model;
# - judge it fairly against the usual cures: same digits, same number of steps, same seed;
# - look inside, and say what the transformer does to a digit and how close that comes to the truth;
# - name what no spatial transformer can undo;
# - recognise three ways in which it goes wrong, and mend them.
#
# *Reading: about 25 minutes. Running: about a minute on two processor cores.*

# %% tags=["remove-input"] mystnb={"figure": {"caption": "This chapter trains the whole chain: the loss's gradient flows back through the sampler and the grid to the six numbers and the network that predicts them.", "name": "fig-pipeline-training"}}
from stnlib.pipeline import pipeline

pipeline(lit="training")

# %%
import json
import tempfile

import keras
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf
from IPython.display import Markdown
from keras import layers
from sklearn.metrics.pairwise import cosine_similarity

import stnlib
from stnlib import datasets, distortions, models, plotting, training, transforms
from stnlib.distortions import affine_theta, warp
from stnlib.experiments import files

plotting.use_style()

# %%
SEED = 0
EPOCHS = 3
TRAIN_SIZE = 1408  # at most this many digits to train on: all batches are full
COPIES = 9         # and so many bent copies of each
TEST_SIZE = 2000   # at most this many to be examined on

# %% [markdown]
# ## Three calls become one layer
#
# So far you have called the parts one after the other. As equations,
#
# $$
# \begin{aligned}
# \theta &= f_\text{loc}(U) \\
# G &= \mathcal{T}_\theta(\text{output pixels}) \\
# V &= \text{sample}(U, G)
# \end{aligned}
# $$
#
# and as shapes `(B, H, W, C)` → `(B, 6)` → `(B, H', W', 2)` → `(B, H', W', C)`. A Keras layer has
# to do little more than own the weights and make the three calls. Here it is, as it stands in `stnlib`. Read
# `theta` and `call` first: they are the equations. What Keras asks of any layer of images stands in its base
# class: checks of the options, shapes, and how to save it. `return_theta` hands $\theta$ out as a second output;
# some people store images with the channels first, so `call` takes these, too.

# %%
from keras import ops

from stnlib.grid import transform_points
from stnlib.layers import ImageLayer, identity_head
from stnlib.sampling import sample


# %% tags=["listing:stnlib.layers.SpatialTransformer"]
@keras.saving.register_keras_serializable(package="stnlib")
class SpatialTransformer(ImageLayer):
    def __init__(self, localization: keras.layers.Layer, transform: str = "affine",
                 output_size: tuple[int, int] | None = None,
                 control_points: tuple[int, int] = (4, 4), mode: str = "bilinear",
                 padding_mode: str = "zeros", align_corners: bool = False,
                 return_theta: bool = False, data_format: str | None = None,
                 aspect: float = 1.0, **kwargs):
        options = (transform, output_size, control_points,
                   mode, padding_mode, align_corners)
        super().__init__(localization, *options, return_theta, data_format,
                         aspect, **kwargs)
        self.head = identity_head(transform, control_points)

    def theta(self, images):
        return self.head(self.localization(self.checked(images)))

    def call(self, images, training=False):
        theta = self.theta(images)
        size = self.size_for(images.shape)
        points = transform_points(theta, self.transform, *size,
                                  self.control_points, self.align_corners,
                                  self.aspect)
        if self.data_format == "channels_first":
            images = ops.transpose(images, (0, 2, 3, 1))
        output = sample(images, points, self.mode, self.padding_mode,
                        self.align_corners, training)
        if self.data_format == "channels_first":
            output = ops.transpose(output, (0, 3, 1, 2))
        return (output, theta) if self.return_theta else output

# %% [markdown]
# Does it do what the three calls do? Try it on an image that you can read: nine pixels, numbered.
# The localization network here only flattens the image, so the head sees the pixels themselves.

# %%
toy = np.arange(9, dtype="float32").reshape(1, 3, 3, 1)
layer = SpatialTransformer(keras.layers.Flatten())

np.testing.assert_allclose(layer(toy), toy, atol=3e-5)
print(np.asarray(layer.theta(toy)))

# %% [markdown]
# A new layer returns its input: its head starts with a zero kernel and the identity as bias.
# ({doc}`Chapter 3 <03_localization>` showed what happens otherwise.) Now change the bias by hand. A
# pixel of three is $\tfrac{2}{3}$ wide, so adding $\tfrac{2}{3}$ to $\theta_{13}$ moves every
# sampling point one pixel to the right. Which way does the picture go?

# %%
shift = np.array([1, 0, 2 / 3, 0, 1, 0], "float32")
layer.head.bias.assign(shift)

by_hand = stnlib.grid_sample(toy, stnlib.affine_grid(shift[None], (3, 3)))
np.testing.assert_allclose(layer(toy), by_hand, atol=1e-6)
print(np.asarray(by_hand)[0, :, :, 0].round(3))

# %% [markdown]
# To the left: the output reads from the right. Zeros fill the column that lies beyond the edge. And
# the layer agrees with the calls made by hand.
#
# ## The same digits for everyone
#
# A fair comparison changes one thing at a time. All models below take the same number of training steps
# from the same seed. *FCN clean* sees upright digits alone, each repeated as often as the mixture holds
# it and its bent copies, as in {doc}`chapter 2 <02_baselines>`. The other four see the very same mixture:
# the upright digits and bent copies of them. All five are tested on the same two sets, one upright, one
# bent.

# %%
data = datasets.load()
x, y = data.x_train[:TRAIN_SIZE], data.y_train[:TRAIN_SIZE]
x_clean, y_clean = np.repeat(x, COPIES + 1, axis=0), np.repeat(y, COPIES + 1)
x_mixed, y_mixed = distortions.mixed(x, y, copies=COPIES, seed=SEED)
x_test, y_test = data.x_test[:TEST_SIZE], data.y_test[:TEST_SIZE]
x_bent, theta_bent = distortions.distort(x_test, "article", seed=SEED + 1)
classes = [y_test == digit for digit in range(10)]
print(f"{data.name}: {len(x):,} upright and "
      f"{len(x_mixed):,} mixed digits to train on")
print(f"{len(x_test):,} digits to test on, upright and bent")

# %% [markdown]
# "Bent" is the article's recipe: scaled, shifted, turned, sheared, or all four at once. Here is one
# test digit of each class, as it is and as it gets bent.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Two rows of ten handwritten digits, 0 to 9. Above they stand upright; below the same digits are turned, shrunk, slanted or pushed towards an edge."}}
firsts = [np.flatnonzero(members)[0] for members in classes]
figure = plotting.strip(np.concatenate([x_test[firsts], x_bent[firsts]]), columns=10, rows=["upright", "bent"])

# %% [markdown]
# ## Five models, one recipe
#
# `models.stn(head)` is a sequence of two: the layer above with chapter 3's localization network,
# then the very classifier that it competes with. Nothing else differs. (Mind the word: this `head` names
# the classifier at the end. The layer's own head, which gives $\theta$, is another.)

# %%
def stn_fcn():
    return models.stn(head="fcn")


def stn_cnn():
    return models.stn(head="cnn")


contestants = {
    "FCN clean": models.fcn,
    "FCN mixed": models.fcn,
    "CNN": models.cnn,
    "STN+FCN": stn_fcn,
    "STN+CNN": stn_cnn,
}

# %% [markdown]
# While the transformer trains you will want to watch. A callback notes the $\theta$ that it chooses
# for some digits, before training and after each epoch. The watched digits are the ten bent ones
# from above, and one upright 2 in seven poses, tipped over to one side and then to the other.

# %%
turns, moves = np.radians(np.linspace(-60, 60, 7)), np.linspace(-0.4, 0.4, 7)
tipped = [affine_theta(angle=t, translation=(m, 0)) for t, m in zip(turns, moves)]
seven_twos = warp(np.repeat(x_test[firsts[2:3]], 7, axis=0), tipped)

watched = np.concatenate([x_bent[firsts], seven_twos])
watch = training.ThetaHistory(watched)

# %% [markdown]
# Now train. This is the long cell; it prints a line for each model (both FCNs go by the name `fcn`), with
# its accuracy on its own training digits, dropout switched on, and the seconds.

# %%
trained = {}
for name, build in contestants.items():
    training.set_seed(SEED)
    trained[name] = training.compile(build())
    lesson = (x_clean, y_clean) if name == "FCN clean" else (x_mixed, y_mixed)
    watchers = [watch] if name == "STN+CNN" else []
    training.fit(trained[name], *lesson, EPOCHS, seed=SEED, callbacks=watchers)

# %% [markdown]
# ## Watch one learn
#
# A table says nothing about how a transformer learns, so watch one. Below, a small one trains in your browser on the
# 1,797 digits of scikit-learn, in front of a linear classifier, and beside it the same classifier trains without it.
# Each digit is rotated by up to 60°, shrunk and shifted anew each time it is drawn. Guess first, then press play.

# %%
from stnlib.widgets import TrainLab

TrainLab()

# %% [markdown]
# The blobs become digits because images of one class are easier to classify when they agree. Nobody gave the
# network an angle. Now break it, one switch at a time:
#
# - **A learning rate × 3** for the layer that outputs $\theta$ moves the windows off the digits within a few steps.
#   The outputs go black. A black output stays black when its window moves a little, so $\theta$ gets no gradient and
#   the run can't recover. That is why a transformer's last layer is often trained more slowly than the rest.
# - **The nearest sampler** gives $\theta$ no gradient at all: chapter 5's point.
# - **A leaning world** rotates every digit by another 30°. The transformer makes them agree just as well, and they
#   all lean. Upright was never taught, only agreement.
#
# A linear classifier is a weak opponent. Networks with as many weights as the transformer and its classifier together
# are fairer ones; both are among the figure's switches.

# %% tags=["hide-input"]
lab = json.loads((files.results_folder() / "bench-train-lab.json").read_text("utf-8"))["results"]
default, full, fast = lab["default"], lab["head rate 1"], lab["head rate 3"]
rows = [("transformer, then a linear classifier", f"{default['weights'][0]:,}", f"**{default['accuracy'][0]:.2f}**")]
opponents = {"default": "the linear classifier alone", "dense beside it": "dense network",
             "convolution beside it": "convolutional network"}
for case, name in opponents.items():
    rows.append((name, f"{lab[case]['weights'][1]:,}", f"{lab[case]['accuracy'][1]:.2f}"))
wide, grown = (lab[case]["accuracy"][0] for case in ("90 degrees", "90 degrees, growing"))
Markdown(
    plotting.markdown_table(("Network", "Weights", "Accuracy"), rows)
    + f"\n\nMeans over the seeds after a whole run of {default['steps']:,} steps, measured outside the page. "
    f"Of {default['seeds']} runs at the default, {default['collapsed']} collapsed; "
    f"at a rate × 1 it was {full['collapsed']} of {full['seeds']} within {full['steps']} steps, "
    f"at × 3 {fast['collapsed']} of {fast['seeds']}. With rotations up to 90° the transformer reaches {wide:.2f}, "
    f"and {grown:.2f} when the range grows from 0 during the first half of the run."
)

# %% [markdown]
# ## The table
#
# The article that this book follows published its figures {cite}`xeonqq2019article`. They are
# quoted here so that you can hold yours beside them. It gives none for STN+CNN, and for the CNN only that
# on bent digits.

# %%
# Quoted: accuracy on MNIST, original and affine-distorted; 5 epochs, 60,000 digits.
ARTICLE = {
    "FCN clean": ("0.9783", "0.5180"),
    "FCN mixed": ("0.9767", "0.7569"),
    "CNN": (None, "0.88"),
    "STN+FCN": ("0.9867", "0.8928"),
    "STN+CNN": (None, None),
}

# %% [markdown]
# Yours: the accuracy on the upright test digits, and on the same digits bent. Before you look at
# the table, guess the order.

# %%
upright, bent = {}, {}
for name, model in trained.items():
    upright[name] = training.accuracy(model, x_test, y_test)
    bent[name] = training.accuracy(model, x_bent, y_test)

# %% tags=["claim"]
assert bent["FCN clean"] < bent["FCN mixed"] < bent["STN+FCN"]
assert bent["CNN"] < bent["STN+CNN"]

# %% tags=["hide-input"]
head = "Model", "Weights", "Upright", "Bent", "*Article: upright*", "*Article: bent*"
rows = []
for name, model in trained.items():
    quoted = [f"*{value}*" if value else "–" for value in ARTICLE[name]]
    rows.append((name, f"{model.count_params():,}", f"{upright[name]:.3f}", f"**{bent[name]:.3f}**", *quoted))

same = "the article's data, but far fewer digits to learn from and fewer epochs"
other = "**another and far smaller data set than the article's MNIST**"
note = f"Measured here on `{data.name}`: {same if data.name == 'mnist' else other}. Compare the order, not the decimals."
Markdown(plotting.markdown_table(head, rows) + "\n\n" + note)

# %% [markdown]
# Read the "Bent" column from the top. It is the argument of the whole book:
#
# - FCN clean saw only upright digits, and fails on bent ones.
# - FCN mixed saw bent ones too, and does better. Still, every turn of every digit has to be learnt anew.
# - The CNN, with convolutions and pooling, is the other usual cure.
# - STN+FCN and STN+CNN have a transformer in front of these very networks, and take the *same* digits.
#   Each goes further than the network that it contains.
#
# And what does it cost? The next cell puts the price beside the gain.

# %% tags=["hide-input"]
fcn_gain, cnn_gain = (100 * (bent[f"STN+{kind}"] - bent[base]) for kind, base in (("FCN", "FCN mixed"), ("CNN", "CNN")))
extra = trained["STN+FCN"].count_params() - trained["FCN mixed"].count_params()
drop = 100 * max(upright[base] - upright[stn] for base, stn in (("FCN mixed", "STN+FCN"), ("CNN", "STN+CNN")))
Markdown(
    f"On bent digits the transformer brings {fcn_gain:.1f} points to the FCN and {cnn_gain:.1f} to the CNN. "
    f"It adds {extra:,} parameters. On upright digits "
    + ("nothing is lost." if drop <= 0 else f"at most {drop:.1f} points are lost.")
)

# %% [markdown]
# And it takes time: the lines under the long cell end with the seconds of each training. (One seed and
# a small test: a few points either way are luck.) Is the gain perhaps only due to the additional
# parameters? For the FCN, the first exercise answers that; {doc}`chapter 13 <13_paper>` asks it again
# with all of MNIST, for time as well as for parameters, and there a transformer does not always win.
#
# Numbers alone do not tell you *why* it works, though. For that, look inside.
#
# ## What it does to a digit
#
# The callback kept the $\theta$ of the watched digits for every epoch. Warp the digits with each,
# and you see what the classifier would have been shown at that time.

# %%
stages = [warp(watched, theta) for theta in watch.thetas]
titles = ["input", *(f"epoch {epoch}" for epoch in range(EPOCHS + 1))]
print(len(stages), "stages of", stages[0].shape)

# %%
def show_stages(columns):
    shape = len(titles), len(columns)
    figure, axes = plt.subplots(*shape, figsize=shape[::-1])
    for row, title, images in zip(axes, titles, [watched, *stages]):
        for ax, column in zip(row, columns):
            plotting.show(ax, images[column])
        row[0].set_ylabel(title, rotation=0, ha="right", va="center")
    return figure

# %% [markdown]
# First the 2 that tips over. The top row is the input: upright in the middle, fallen to either
# side.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Five rows of seven pictures of one handwritten 2. In the top row it stands upright in the middle and tips over to either side; the row for epoch 0 is the same. From epoch to epoch the seven pictures become more alike: all are fetched to the centre, and partly turned back."}}
figure = show_stages(range(10, 17))

# %% [markdown]
# At epoch 0 the layer passes its input through. Then the seven pictures become more alike, though those
# that had fallen furthest are not put up all the way. Nobody asked for that. No loss compares two
# pictures, no target pose exists. The classifier's gradient alone has taught the layer that a 2 is
# easier to name when it sits where other 2s sit.
#
# Is it so for the other digits, bent in all kinds of ways?

# %% tags=["hide-input"] mystnb={"image": {"alt": "Five rows of ten digits, 0 to 9. The top row and the row for epoch 0 show them bent. In the rows for later epochs they are moved to the centre, and some are enlarged or turned back."}}
figure = show_stages(range(10))

# %% [markdown]
# Digits near an edge are fetched to the centre. Size and turn are corrected less evenly: find the
# digit that was bent most, and see how far it got.
#
# Take over where the layer stopped. Here is the digit of the ten that had been turned most, with the
# grid that the trained layer laid over it. Drag the grid until the output stands as you would write
# it. How much was left to do?

# %%
from stnlib.widgets import AffineExplorer

a, b, _, c, d, _ = theta_bent[firsts].T
most = np.abs(np.arctan2(c - b, a + d)).argmax()
AffineExplorer(image=x_bent[firsts[most]], theta=watch.thetas[-1][most].tolist())

# %% [markdown]
# You judge by what looks right to you. The layer has only its classifier to judge by, and had only
# three epochs to learn.
#
# ## Blurs become digits
#
# Single digits can be picked to please. So take them all. Average the bent test digits of each
# class, and then average what the transformer makes of them. If it brings each digit of a class to
# the same place and pose, the average must become sharper, since strokes meet strokes.

# %%
transformer = trained["STN+CNN"].get_layer("transformer")
straightened = np.asarray(transformer(x_bent))

mean_before = np.stack([x_bent[members].mean(axis=0) for members in classes])
mean_after = np.stack([straightened[members].mean(axis=0) for members in classes])

# %% tags=["hide-input"] mystnb={"image": {"alt": "Two rows of ten mean images, one for each class. Above, the means of the bent digits are blurred. Below, the means of the transformer's outputs show readable digits."}}
normalised = [mean / mean.max(axis=(1, 2, 3), keepdims=True) for mean in (mean_before, mean_after)]
figure = plotting.strip(np.concatenate(normalised), columns=10, rows=["before", "after"])

# %% [markdown]
# Above, the means of what goes in: blurs. Below, the means of what comes out: digits. (Each mean is
# stretched to full brightness.) To put a number on it, ask how much a digit looks like the mean of
# its class: the cosine of the angle between the two images, 1 for equal shapes.

# %%
def likeness(images):
    flat = images.reshape(len(images), -1)
    return np.mean(cosine_similarity(flat, flat.mean(axis=0, keepdims=True)))


before, after, unbent = (
    np.array([likeness(images[members]) for members in classes])
    for images in (x_bent, straightened, x_test))
print("before ", before.round(2), "\nafter  ", after.round(2))
print("upright", unbent.round(2))

# %% tags=["claim"]
assert np.all(after > before)

# %% [markdown]
# It rises in every class. The last line is for comparison, the same digits before anybody bent them. (Not
# all of the rise is straightening: thick strokes overlap more easily than thin ones, and this layer also
# enlarges, as you will see.)
#
# ## How close to the truth?
#
# We bent the digits ourselves, so for once the truth is known. Take upright test digits and do one
# thing to each: shift it, or zoom it, or turn it, by a random amount. Ask the transformer for
# $\theta$. How much of it does the layer undo?
#
# An affine matrix holds a shift, a turn, scales and a shear in one, so first they have to be told
# apart. Of the shift we take the horizontal part, $\theta_{13}$. The zoom is $\log_2$ of the root of
# the determinant; $\theta$ leads from output to input, so +1 shows the digit half as large. The turn is
# that of the rotation nearest to the left 2 x 2 part:
#
# $$\alpha = \operatorname{atan2}(\theta_{21} - \theta_{12},\; \theta_{11} + \theta_{22}).$$

# %%
def parts(theta):
    theta = np.reshape(theta, (-1, 2, 3))
    (a, b, shift), (c, d, _) = theta.transpose(1, 2, 0)
    zoom = np.log2(np.abs(a * d - b * c)) / 2
    turn = np.degrees(np.arctan2(c - b, a + d))
    return {"shift": shift, "zoom": zoom, "turn": turn}


known = affine_theta(angle=np.radians(30), scale=(2, 2), translation=(0.3, 0))
found = [value.item() for value in parts(known).values()]
print("shift {:.2f}, zoom {:.2f}, turn {:.2f}".format(*found))
np.testing.assert_allclose(found, [0.3, 1, 30], rtol=1e-5)

# %% [markdown]
# It finds the parts that we put in. Now the experiment. Our map and the layer's both lead from
# output to input, so to undo a turn by $\alpha$ the layer has to answer with a turn by $-\alpha$.
# The same goes for the shift and the zoom.

# %%
rng, count = np.random.default_rng(SEED), len(x_test)
applied = {
    "shift": rng.uniform(-0.5, 0.5, count),
    "zoom": rng.uniform(-0.4, 1, count),
    "turn": rng.uniform(-75, 75, count),
}
maps = {
    "shift": [affine_theta(translation=(t, 0)) for t in applied["shift"]],
    "zoom": [affine_theta(scale=(s, s)) for s in 2 ** applied["zoom"]],
    "turn": [affine_theta(angle=angle) for angle in np.radians(applied["turn"])],
}
undone = {}
for kind, known in maps.items():
    undone[kind] = -parts(transformer.theta(warp(x_test, known)))[kind]

# %% tags=["hide-input"] mystnb={"image": {"alt": "Three scatter plots, for shift, zoom and turn: what the transformer undoes against what was applied. For the shift the points lie along the diagonal or just beside it; for the turn they rise less steeply; for the zoom they are flat on the left and rise on the right."}}
figure, axes = plt.subplots(1, 3, figsize=(10, 3.6))
for ax, kind, unit in zip(axes, applied, ("normalised", "doublings", "degrees"), strict=True):
    ends = np.array([applied[kind].min(), applied[kind].max()])
    ax.plot(ends, ends, color=plotting.COLORS["neutral"])
    ax.scatter(applied[kind], undone[kind], s=5, alpha=0.5, color=plotting.COLORS["grid"])
    ax.set(title=kind, xlabel=f"applied ({unit})")
axes[0].set_ylabel("undone")
figure.tight_layout()

# %% [markdown]
# Each dot is a test digit. A perfect straightener would put all dots on the grey diagonal. Two
# things are worth measuring: how steep the cloud is (1 would be all of it), and how far from 0 it lies
# where nothing was applied, which is what the layer does to a digit that nobody bent. The cloud of the
# turn bends over at its ends, so we take the small turns and the large ones apart. That of the zoom has
# a knee: it rises for digits that came in too small (a zoom above 0) and is nearly flat for those that
# came in too large, so for them we ask how large they come out.


# %%
def steepness(kind, chosen):
    slope, _ = np.polyfit(applied[kind][chosen], undone[kind][chosen], 1)
    return slope


every, small = np.full(count, True), applied["zoom"] > 0
steep = {"shift": steepness("shift", every), "turn": steepness("turn", every)}
steep["small"] = steepness("zoom", small)
asked = np.abs(applied["turn"])
answered = undone["turn"] * np.sign(applied["turn"])
undone_of = [np.sum(answered[turns]) / np.sum(asked[turns])
             for turns in (asked < 60, asked >= 60)]
large_comes_out, large_needs = (
    2 ** np.median(zoom["zoom"][~small]) for zoom in (undone, applied))
upright_theta = parts(transformer.theta(x_test))
enlarged = 2 ** np.median(-upright_theta["zoom"])
turned_by = np.median(np.abs(upright_theta["turn"]))
moved_by = 14 * np.median(np.abs(upright_theta["shift"]))

# %% tags=["claim"]
assert min(steep.values()) > 0.2
assert undone_of[0] > undone_of[1]
assert large_comes_out > large_needs + 0.05
assert turned_by > 2

# %% tags=["hide-input"]
Markdown(
    f"The line through the cloud has a slope of {steep['shift']:.2f} for the shift, of {steep['turn']:.2f} for the "
    f"turn, and of {steep['small']:.2f} for a zoom that made the digit smaller. Of a turn below 60 degrees the layer "
    f"undoes {undone_of[0]:.0%} on average, of a larger one {undone_of[1]:.0%}. A digit that was made larger comes out "
    f"{large_comes_out:.2f} times as large as it went in; {large_needs:.2f} would undo the zoom. And a digit that "
    f"nobody bent comes out {enlarged:.2f} times as large as it went in, moved sideways by {moved_by:.1f} pixels and "
    f"turned by {turned_by:.0f} degrees. (Sizes, shift and degrees are medians.)"
)

# %% [markdown]
# Shifts it takes back, turns in part, large ones least. What is too small it enlarges, what is too
# large it does not make smaller. It also changes digits that were fine. Nothing in the loss says
# "upright" or "original size": it falls when digits of a class look alike *to the classifier*, and a
# larger digit is as good a pose to agree on as any.
#
# Why are the turns undone in part only? Three reasons are possible. A digit that is named with
# confidence sends back next to no gradient, so nobody asks for the rest. Three epochs are short. And
# large turns are rare: by the recipe most bent digits are not turned at all. That something was left to
# gain, the second exercise shows: it lets this layer look twice, and this very classifier reads better.
# Which reason weighs most we have not measured.
#
# Look at the turns class by class. (A bar reaches one standard deviation to either side, the grey ones of
# 0, the green ones of their mean.)

# %%
remaining = applied["turn"] - undone["turn"]
spread_before = np.array([applied["turn"][members].std() for members in classes])
spread_after = np.array([remaining[members].std() for members in classes])
means = np.array([remaining[members].mean() for members in classes])

# %% tags=["claim"]
assert spread_after.mean() < spread_before.mean()

# %% tags=["hide-input"] mystnb={"image": {"alt": "For each digit class two vertical bars: grey, the spread of the turn applied, and a shorter green one, the spread of the turn that remains, with a dot at its mean. The dots lie near zero."}}
figure, ax = plt.subplots(figsize=(8, 3.4))
digits = np.arange(10)
ax.vlines(
    digits - 0.12, -spread_before, spread_before, color=plotting.COLORS["neutral"], lw=5, alpha=0.4, label="applied"
)
ax.errorbar(digits + 0.12, means, spread_after, fmt="o", color=plotting.COLORS["output"], lw=2, label="remaining")
ax.set(xlabel="digit", ylabel="turn (degrees)", xticks=digits)
ax.legend(ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1))
figure.tight_layout()

# %% tags=["hide-input"]
Markdown(
    f"Within a class the spread of the turn falls from {spread_before.mean():.0f} to {spread_after.mean():.0f} degrees. "
    f"The class means lie up to {np.abs(means).max():.0f} degrees off upright."
)

# %% [markdown]
# What the layer learns is to be **consistent**: digits of a class come out more alike than they went
# in. Where the common pose lies is owed to the data and to the start. Some of our training digits were
# upright, the turns went both ways alike, and the layer began as the identity, so upright is where it
# settles, more or less. The third exercise trains in a world that leans, and there the output leans.
#
# So think twice before you take the $\theta$ of a trained network for a measurement of pose.
#
# ## Your digit, four networks
#
# So far you have looked at digits that we chose. Now choose. Below are FCN mixed, CNN, STN+FCN and STN+CNN
# again, this time trained on all of MNIST and one bent copy of each digit (by the command that
# {doc}`chapter 13 <13_paper>` explains). They run right here, in your browser. Take the 2 by its square handle
# and turn it. Which network loses it first? Move it, shrink it, then draw a digit of your own.

# %%
from stnlib.widgets import DigitReader

DigitReader()

# %% [markdown]
# Orange is the window that the chosen transformer reads, its thick edge becomes the top of the green output.
# The curves say how sure each network is of the digit, for every turn at once. Look where they leave the top:
# near the border of the shaded band, or before? And watch the window as you turn. The one of STN+FCN turns with
# the digit. That of STN+CNN hardly turns; only when you move the digit aside does it follow, at least part of the way. Its
# network still makes fewer errors than STN+FCN, as chapter 13 will show. One reason may be that a classifier that
# copes with turns by itself asks its transformer for less.
#
# In Colab or Jupyter you can put your own networks in, those of this chapter for instance:
# `DigitReader(networks={"CNN": trained["CNN"], "STN+CNN": trained["STN+CNN"]})`.
#
# ## What it cannot undo
#
# Three things stay out of its reach.
#
# **What it has not met.** We trained on turns up to 75 degrees. Turn on, full circle.

# %%
circle = np.arange(-180, 181, 20)
some = np.tile(x_test[:300], (len(circle), 1, 1, 1))
labels = np.tile(y_test[:300], len(circle))
rotations = [affine_theta(angle=angle) for angle in np.radians(circle)]
rotated = warp(some, np.repeat(rotations, 300, axis=0))

curves = {}
for name, model in trained.items():
    correct = training.probabilities(model, rotated).argmax(axis=1) == labels
    curves[name] = correct.reshape(len(circle), 300).mean(axis=1)

# %% tags=["claim"]
met, unmet = np.abs(circle) < 75, np.abs(circle) > 100
assert curves["STN+CNN"][met].mean() > curves["CNN"][met].mean()
assert curves["STN+FCN"][met].mean() > curves["FCN mixed"][met].mean()
assert curves["STN+CNN"][unmet].max() < curves["STN+CNN"][met].min()

# %% tags=["hide-input"] mystnb={"image": {"alt": "Accuracy of the five models against a rotation from minus 180 to 180 degrees. All are high near 0. FCN clean falls off at once; inside the trained range of 75 degrees the two with transformers are highest; beyond it all fall steeply, and most rise a little at either end."}}
figure, ax = plt.subplots(figsize=(8, 3.6))
ax.axvspan(-75, 75, color=plotting.COLORS["neutral"], alpha=0.12, lw=0)
for name, curve in curves.items():
    plotting.curve(ax, circle, curve, name, plotting.COLORS[name.lower().replace(" ", "_").replace("+", "_")])
ax.set(xlabel="turn (degrees); trained inside the grey band", ylabel="accuracy", xticks=np.arange(-180, 181, 60))
ax.legend(ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1))
figure.tight_layout()

# %% [markdown]
# Inside the grey band the transformers lift the plateau. Outside, they fall too, and a transformer
# can fall below the very network that it was put in front of: the localization network is a network
# too, and guesses where it was never taught. Some of this fall is just as well: a 6 turned by half a
# circle *is* a 9. And at either end most curves rise a little: a 0 or an 8 turned half a circle looks
# much as before.
#
# **What is gone.** A grid can point anywhere, but there is something to read only inside the image. Push
# a digit out of the frame, and the transformer may fetch what is left, no more. From a sliver it can only
# guess.

# %%
shifts = np.linspace(0, 1.2, 7)
pushes = [affine_theta(translation=(shift, 0)) for shift in shifts]
pushed = warp(np.repeat(x_test[firsts[3:4]], 7, axis=0), pushes)
fetched = np.asarray(transformer(pushed))

# %% tags=["hide-input"] mystnb={"image": {"alt": "Two rows of a handwritten 3. Above, it is pushed further and further out of the frame, until only a part of it is left. Below, the transformer's output brings the visible part back towards the centre; the part that was cut off stays missing."}}
figure = plotting.strip(np.concatenate([pushed, fetched]), columns=7)

# %% [markdown]
# Above the digit leaves; below is what the layer makes of it. The cut stays a cut. The same goes
# for detail: shrink a digit until its strokes merge, and zooming in again gives you a large blur.
#
# **What is not of its kind.** Six numbers describe turns, scales, shears and shifts of the whole
# image. A wave, a change of perspective, two digits that each moved their own way: no affine
# $\theta$ describes them. More general maps exist, a choice of `transform` away. And there must be
# something to align: the layer helps where one thing moves as a whole.
#
# ## Three ways to break it
#
# Each shows in a few lines.
#
# ### A background that is not zero
#
# It is customary to normalise images to mean 0 and standard deviation 1. Then black is no longer 0.
# But 0 is what the sampler returns outside the image.

# %%
bright = (x_bent[firsts[:1]] - x_bent.mean()) / x_bent.std()
zoom_out = np.array([[1.6, -0.5, 0, 0.5, 1.6, 0]], "float32")
grid = stnlib.affine_grid(zoom_out, (28, 28))

broken = np.asarray(stnlib.grid_sample(bright, grid))
print(f"background {bright.min():.2f}, outside {broken[0, 0, 0, 0]:.2f}")

# %% tags=["claim"]
assert broken[0, 0, 0, 0] - bright.min() > 0.1

# %% [markdown]
# A grey frame appears, and the classifier can see $\theta$ in it. The localization network and the
# classifier may now conspire: the one shrinks the image until the frame tells the other something, or
# enlarges it until the frame is gone. (Reported of a [well-known
# tutorial](https://github.com/pytorch/tutorials/issues/1117).) The cure is to transform first and
# normalise after, or to let the sampler repeat the border.

# %%
mended = np.asarray(stnlib.grid_sample(bright, grid, padding_mode="border"))

# %% tags=["claim"]
assert mended[0, 0, 0, 0] == bright[0, 0, 0, 0]

# %% tags=["hide-input"] mystnb={"image": {"alt": "Three pictures: a normalised digit; the same turned and shrunk with zero padding, inside a grey frame that was not in the image; the same with border padding, without a frame."}}
figure, axes = plt.subplots(1, 3, figsize=(7, 2.6))
for ax, image, title in zip(axes, (bright, broken, mended), ("normalised", "padding zeros", "padding border")):
    plotting.show(ax, (image[0] - bright.min()) / np.ptp(bright), title)

# %% [markdown]
# ### A rate that is too high
#
# Raise the learning rate to thirty times Adam's usual 0.001, and train for one epoch on a part of the
# digits, without a transformer and with one. See how much ink is left in what the layer passes on,
# and where its grid has gone.

# %%
def hurry(build, learning_rate):
    training.set_seed(SEED)
    model = training.compile(build(), learning_rate)
    training.fit(model, x_mixed[:2944], y_mixed[:2944], epochs=1, seed=SEED)
    return model, training.accuracy(model, x_bent, y_test)


_, plain_accuracy = hurry(models.fcn, 0.03)
rushed, rushed_accuracy = hurry(stn_fcn, 0.03)
hurried = rushed.get_layer("transformer")
ink = np.sum(hurried(x_bent)) / np.sum(x_bent)
away = np.median(np.abs(np.asarray(hurried.theta(x_bent))[:, [2, 5]]).max(axis=1))
print(f"accuracy: FCN {plain_accuracy:.3f}, STN+FCN {rushed_accuracy:.3f}")
print(f"ink that is left: {ink:.3f}, centre of the grid: {away:,.0f} units off")

# %% tags=["claim"]
assert plain_accuracy > 0.2 > rushed_accuracy
assert ink < 0.1 and away > 1

# %% [markdown]
# At this rate the plain network still learns something. The one with the transformer sees black, for
# next to no ink is left: its grid has flown off, and its centre lies far outside the image, which ends
# at 1. And it cannot come back, as the next cell shows. Shift the grid bit by bit, and ask for the
# gradient of the output's brightness with respect to the shift.

# %%
steps = np.linspace(-3, 3, 241).astype("float32")
theta = np.tile(transforms.identity("affine"), (len(steps), 1))
theta[:, 2] = steps
theta = tf.Variable(theta)
threes = np.repeat(x_test[firsts[3:4]], len(steps), axis=0)
with tf.GradientTape() as tape:
    brightness = tf.reduce_sum(
        stnlib.grid_sample(threes, stnlib.affine_grid(theta, (28, 28))))
gradients = tape.gradient(brightness, theta)[:, 2].numpy()

# %% tags=["hide-input"] mystnb={"image": {"alt": "The gradient with respect to a horizontal shift of the grid, for shifts from minus 3 to 3. It is zero in the middle, has a hump on the left and a dip on the right, and is zero again towards the ends; beyond minus 2 and 2, where the grid has left the image, exactly."}}
figure, ax = plt.subplots(figsize=(8, 2.8))
ax.plot(steps, gradients, color=plotting.COLORS["gradient"])
ax.set(xlabel="shift of the grid (normalised)", ylabel="d brightness / d shift")
figure.tight_layout()

# %% tags=["claim"]
assert np.any(gradients) and not np.any(gradients[np.abs(steps) > 2])

# %% [markdown]
# In the middle the gradient is zero: the whole digit stays in view, whatever small shift you make.
# To the left and right the digit is leaving, and the gradient tells which way is back. Then only its
# black margin is in view, and beyond a shift of 2 nothing of the image at all: there the gradient is
# exactly zero. No signal, no way back.
# (A small spike at 0 is rounding: there all points lie on pixels, where bilinear sampling has a kink, and
# rounding puts some of them on one side of it, some on the other.)
#
# The cure is to stay near the identity while the classifier is still clueless. The identity start alone
# did not do it here. A moderate rate goes with it: this very network, at 0.001, is the one in the table
# (there with more digits and epochs). A lower rate for the localization network than for the rest is
# another cure; we have not tried it here.
#
# ### A localization network that cannot see where
#
# It is tempting to end the localization network with global average pooling, as many classifiers do.
# Pooling over the whole image answers *what* is there, and forgets *where*. But "where" is all that
# this network is for. Move a digit by four pixels and compare the features.

# %%
here = np.pad(x_test[firsts[3:4]], ((0, 0), (8, 8), (8, 8), (0, 0)))
there = np.roll(here, 4, axis=2)


def difference(ending):
    training.set_seed(SEED)
    body = [layers.Conv2D(8, 5, activation="relu"), layers.MaxPooling2D()]
    network = keras.Sequential([keras.Input((44, 44, 1)), *body, ending])
    return np.abs(network(here) - network(there)).max()


pooled = difference(layers.GlobalAveragePooling2D())
flat = difference(layers.Flatten())
print(f"global pooling {pooled:.1e}, flatten {flat:.1e}")

# %% tags=["claim"]
assert pooled < 1e-6 < flat

# %% [markdown]
# With global pooling the features are the same for both places, but for rounding, so $\theta$ is
# too. (The digit moved by two whole steps of the pooling, and touches no border.) Such a layer can
# hardly centre anything.
#
# ## In your own model, in ten lines
#
# Your images are in colour, not square, and you have a classifier of your own? The layer asks for
# one thing: a network that turns your images into a vector. It brings its own head.

# %%
localization = keras.Sequential([
    layers.AveragePooling2D(2), layers.Conv2D(16, 5, activation="relu"),
    layers.MaxPooling2D(2), layers.Flatten(), layers.Dense(32, activation="relu"),
])
model = keras.Sequential([
    keras.Input((48, 64, 3)),
    SpatialTransformer(localization, output_size=(32, 32)),
    layers.Conv2D(32, 3, activation="relu"),
    layers.GlobalAveragePooling2D(), layers.Dense(5),
])

# %% [markdown]
# That is all; the layer comes by `from stnlib import SpatialTransformer`. `output_size` is free: here
# the classifier sees 32 x 32 pixels, wherever in the 48 x 64 they come from. (At the start that is the
# whole picture, squeezed into a square; give both the same proportions if that matters. The classifier
# may pool globally: it need not know where.) Once `stnlib` is imported, the model saves and loads like
# any other.
#
# Nor need the layer stand first. It takes any tensor of shape `(B, H, W, C)`, so the paper also puts it
# between convolutions, on *feature maps*, and several of them behind or beside each other. Mind that
# warping the features is not the same as warping the image. The filters in front have already seen the
# digit turned. An edge that is horizontal in the upright digit is vertical in one turned by 90 degrees,
# and the filter for vertical edges has answered: to move its answers about does not change which filter
# gave them. For shifts by whole strides, away from the
# borders, the two agree; for turns they do not {cite:p}`finnveden2020stn`. So to straighten, put the layer before the first convolution.

# %%
photos = np.random.default_rng(SEED).random((4, 48, 64, 3), dtype="float32")
with tempfile.TemporaryDirectory() as folder:
    model.save(f"{folder}/model.keras")
    again = keras.saving.load_model(f"{folder}/model.keras")
np.testing.assert_allclose(model(photos), again(photos), atol=1e-5)
print(model(photos).shape)

# %% [markdown]
# ## Exercises
#
# ```{exercise} Just bigger?
# :label: ex-06-bigger
#
# STN+FCN has more parameters than FCN. Give an FCN as many, by a wider hidden layer, and train it
# on the same mixture. Does it catch up?
# ```
#
# ```{solution-start} ex-06-bigger
# :class: dropdown
# ```
#
# One hidden unit of this network has 28 x 28 weights and a bias coming in, and ten weights going
# out.

# %%
parameters = trained["STN+FCN"].count_params()
units = round((parameters - 10) / (28 * 28 + 1 + 10))

training.set_seed(SEED)
hidden = [layers.Flatten(), layers.Dense(units, activation="relu"),
          layers.Dropout(0.2)]
wide = keras.Sequential([keras.Input((28, 28, 1)), *hidden, layers.Dense(10)],
                        name="wide")
training.compile(wide)
history = training.fit(wide, x_mixed, y_mixed, EPOCHS, seed=SEED)

# %%
wide_bent = training.accuracy(wide, x_bent, y_test)
print(f"FCN mixed: {bent['FCN mixed']:.3f}")
print(f"{units} units, {wide.count_params():,} parameters: {wide_bent:.3f}")
print(f"STN+FCN, {parameters:,} parameters: {bent['STN+FCN']:.3f}")

# %% tags=["claim"]
assert wide_bent < bent["STN+FCN"]

# %% [markdown]
# It does not. One way to see it: a unit more in a dense layer can store one more view of a digit. The
# transformer's parameters are spent on something that serves every view of every class.
#
# ```{solution-end}
# ```
#
# ```{exercise} Look twice
# :label: ex-06-twice
#
# The transformer stops short of upright. What if it gets a second look: apply the trained layer to its own
# output, with no further training. Does the spread of the remaining turn shrink again?
# `transforms.compose(a, b)` is the map that does first `b`, then `a`. Think about the order before
# you run it.
# ```
#
# ```{solution-start} ex-06-twice
# :class: dropdown
# ```
#
# Follow a pixel of the final output: the second $\theta$ says where it reads in the first output,
# the first $\theta$ where that reads in the turned digit, and our own turn where *that* reads in
# the upright one. So the last look comes first.

# %%
turned = warp(x_test, maps["turn"])
first_look = transformer.theta(turned)
second_look = transformer.theta(transformer(turned))
never = np.stack(maps["turn"])
once = transforms.compose(never, first_look)
twice = transforms.compose(once, second_look)

# %%
spreads = []
looks = {"no look": never, "one look": once, "two looks": twice}
for name, theta in looks.items():
    turn = parts(theta)["turn"]
    spread = np.mean([turn[members].std() for members in classes])
    print(f"{name}: spread within a class {spread:.1f} degrees")
    spreads.append(spread)
right = training.accuracy(trained["STN+CNN"], straightened, y_test)
print(f"accuracy on bent digits: one look {bent['STN+CNN']:.3f}, "
      f"two {right:.3f}")

# %% tags=["claim"]
assert spreads[0] > spreads[1] > spreads[2]
assert right > bent["STN+CNN"]

# %% [markdown]
# It shrinks again. The layer was never trained for a second look; what it sees then is simply a
# digit that is bent less. But each look resamples the picture once more, and blurs it. Composing
# the maps first and sampling once avoids that; {cite:t}`lin2017icstn` build a network on this idea.
#
# ```{solution-end}
# ```
#
# ```{exercise} A world that leans
# :label: ex-06-leaning
#
# Train a new STN+FCN on digits that all lean to one side, by 20 to 70 degrees, and on no others.
# Then measure how its output leans. Does it stand the digits up?
# ```
#
# ```{solution-start} ex-06-leaning
# :class: dropdown
# ```
#
# With an angle above 0 the grid is turned clockwise, so the digit appears turned anticlockwise.
# To see how the output leans, compose our map with the layer's, as before. The lean is
# the mean over all digits; the spread is the one within a class.

# %%
def leaning(count, seed):
    turns = np.radians(np.random.default_rng(seed).uniform(20, 70, count))
    return np.stack([affine_theta(angle=turn) for turn in turns])


x_lean = warp(x_clean, leaning(len(x_clean), SEED))
training.set_seed(SEED)
leaner = training.compile(stn_fcn())
history = training.fit(leaner, x_lean, y_clean, EPOCHS, seed=SEED)

# %%
theta_in = leaning(len(x_test), SEED + 1)
theta_stn = leaner.get_layer("transformer").theta(warp(x_test, theta_in))
lean_in = parts(theta_in)["turn"]
lean_out = parts(transforms.compose(theta_in, theta_stn))["turn"]
spread = {}
for way, lean in {"going in": lean_in, "coming out": lean_out}.items():
    spread[way] = np.mean([lean[members].std() for members in classes])
    print(f"{way:10} lean {lean.mean():.0f} degrees, spread {spread[way]:.1f}")

# %% tags=["claim"]
assert lean_out.mean() > 0.5 * lean_in.mean()
assert spread["coming out"] < 0.9 * spread["going in"]

# %% [markdown]
# It does not. The digits of a class come out leaning more alike than they went in, so the layer has
# learnt something; but they go on leaning. With no upright digit to be like, and nobody to say what
# upright is, a common lean is as good as any pose. Do not expect a transformer to know your idea of
# straight: it knows what its classifier has seen.
#
# ```{solution-end}
# ```
#
# ```{exercise} A stranger reads the output
# :label: ex-06-stranger
#
# *FCN clean* has never seen a bent digit, and has never met the transformer. Show it the
# straightened digits. What does its accuracy tell you about the pose that the transformer has
# chosen?
# ```
#
# ```{solution-start} ex-06-stranger
# :class: dropdown
# ```

# %%
stranger = training.accuracy(trained["FCN clean"], straightened, y_test)
print(f"FCN clean reads {bent['FCN clean']:.3f} of the bent digits,")
print(f"{stranger:.3f} of the straightened, "
      f"{upright['FCN clean']:.3f} of the upright ones")

# %% tags=["claim"]
assert stranger > bent["FCN clean"]

# %% [markdown]
# The two have never been introduced, so the gain means that the transformer's output is nearer
# to what people write than its input. How much of that is the centring alone, this does not tell. To
# *FCN clean*'s accuracy on upright digits a gap remains, and there is no lack of reasons: what was cut
# off by the frame, turns and shear that were left over, the blur of sampling, and a size that suits the
# transformer's *own* classifier rather than this one.
#
# ```{solution-end}
# ```
#
# ## Recap
#
# 1. **Assemble.** A spatial transformer is one layer: localization and head give $\theta$, $\theta$
#    gives the grid, the grid is sampled. It starts as the identity and goes in front of any
#    classifier.
# 2. **Judge.** With the same digits, steps and seed, the transformer improved both classifiers on
#    bent digits. A wider FCN with as many parameters stayed behind.
# 3. **Look inside.** Digits are fetched to the centre, enlarged and in part turned back. Class means turn
#    from blurs into digits. The pose is consistent, and upright only as far as the data make it so.
# 4. **Limits.** A transformer cannot bring back what has left the frame, nor undo what its parameters
#    cannot describe, and ours did not go on to turns that it had never met.
# 5. **Pitfalls.** Keep the background at zero or repeat the border; keep the rate moderate, since
#    outside the image there is no gradient; let the localization network see *where*.
