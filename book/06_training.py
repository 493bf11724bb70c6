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
# Up to a point. Trained on class labels alone, a spatial transformer learns to centre digits, to enlarge small ones
# and to correct part of their rotation. Here you join the parts of chapters 3 to 5 into one Keras layer, train it,
# compare it with networks that have no transformer, and measure what it does to each digit.
#
# After this chapter you can
#
# - put a spatial transformer in front of any Keras classifier;
# - compare it fairly with networks that have none;
# - measure how much of a known shift, zoom or rotation it corrects;
# - name what no spatial transformer can fix.

# %% tags=["remove-input"] mystnb={"figure": {"caption": "This chapter trains the whole chain: the loss's gradient flows back through the sampler and the grid to the six numbers and the network that predicts them.", "name": "fig-pipeline-training"}}
from stnlib.pipeline import pipeline

pipeline(lit="training")

# %% [markdown]
# ## Watch one learn
#
# Below, a small transformer trains in your browser, in front of a linear classifier; beside it, the same classifier
# without one. Each digit is rotated by up to 60°, shrunk and shifted, differently each time. Guess, then press play.

# %%
from stnlib.widgets import TrainLab

TrainLab()

# %% [markdown]
# The blobs become digits, because images of one class are easier to classify when they agree. Nobody gave the network
# an angle. Now break it, one switch at a time:
#
# - **A learning rate × 3** for the layer that outputs $\theta$ moves the windows off the digits within a few steps, and
#   the outputs go black. A black output stays black when its window moves a little, so $\theta$ gets no gradient and
#   the run can't recover. That is why this layer often gets a lower rate than the rest ({ref}`in Keras <slow-theta>`).
# - **The nearest sampler** gives $\theta$ no gradient at all ({doc}`chapter 5 <05_sampler>`).
# - **All digits tilted 30°**: the outputs agree just as well, and they are all tilted. The loss doesn't ask for upright
#   digits.
#
# {doc}`Chapter 11 <11_when_it_fails>` has more failures and their fixes.
#
# The figure also offers fairer opponents, with as many weights as the transformer and its classifier together.

# %% tags=["hide-input"]
import json
import tempfile

import keras
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Markdown
from keras import layers, ops

from stnlib import affine_grid, datasets, distortions, grid_sample, models, plotting, training, transforms
from stnlib.distortions import affine_theta, warp
from stnlib.experiments import files, table
from stnlib.grid import transform_points
from stnlib.layers import ImageLayer, identity_head
from stnlib.optimizers import SlowAdam
from stnlib.sampling import sample

plotting.use_style()
lab = json.loads((files.results_folder() / "bench-train-lab.json").read_text("utf-8"))["results"]
default, full, fast = lab["default"], lab["head rate 1"], lab["head rate 3"]
rows = [("transformer, then a linear classifier", f"{default['weights'][0]:,}", f"**{default['accuracy'][0]:.2f}**")]
opponents = {"default": "the linear classifier alone", "dense beside it": "dense network"}
for case, name in (opponents | {"convolution beside it": "convolutional network"}).items():
    rows.append((name, f"{lab[case]['weights'][1]:,}", f"{lab[case]['accuracy'][1]:.2f}"))
Markdown(
    plotting.markdown_table(("Network", "Weights", "Accuracy"), rows)
    + f"\n\nTest accuracy after {default['steps']:,} steps, mean of {default['seeds']} recorded runs. At the default rate "
    f"{default['collapsed']} of them collapsed; at × 1, {full['collapsed']} of {full['seeds']}; at × 3, {fast['collapsed']} "
    f"of {fast['seeds']}. (The figure learns faster than the networks below, which need no lower rate for any layer.)"
)

# %% [markdown]
# ## The layer in ten lines
#
# A transformer layer owns the weights and calls the three parts in turn.
#
# shapes: images `(B, H, W, C)` → `theta (B, 6)` → `grid (B, H, W, 2)` → images `(B, H, W, C)`

# %%
class TenLines(keras.layers.Layer):
    def __init__(self, localization):
        super().__init__()
        self.localization = localization              # chapter 3
        self.head = identity_head()                   # chapter 3: zero kernel

    def call(self, images):
        theta = self.head(self.localization(images))  # chapter 3: where to look
        grid = affine_grid(theta, images.shape[1:3])  # chapter 4: a point per pixel
        return grid_sample(images, grid)              # chapter 5: read there


# %% [markdown]
# stnlib's layer makes the same three calls. What it adds are options: other transforms and output sizes, padding,
# channels first, $\theta$ as a second output, saving. Its source is folded here; `theta` and `call` are what matters.

# %% tags=["hide-input", "listing:stnlib.layers.SpatialTransformer"]
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
# Check both: a new layer returns its input, because its head starts at the identity; and with the same
# $\theta$, written into the head's bias, the two layers agree.

# %%
data = datasets.load()
x_test, y_test = data.x_test[:2000], data.y_test[:2000]
ten, library = TenLines(layers.Flatten()), SpatialTransformer(layers.Flatten())
np.testing.assert_allclose(ten(x_test[:5]), x_test[:5], atol=3e-5)

for layer in (ten, library):
    layer(x_test[:5])
    layer.head.bias.assign([0.8, -0.3, 0.1, 0.3, 0.8, 0])
np.testing.assert_allclose(ten(x_test[:5]), library(x_test[:5]), atol=1e-5)

# %% [markdown]
# ## Five networks, the same digits
#
# *FCN clean* trains on upright digits only, each repeated, so that it takes as many steps as the others. The other
# four train on one mixture: each digit upright and in nine distorted copies. The copies follow the article that this
# book starts from {cite}`xeonqq2019article`: scaled, shifted, rotated, sheared, or all four at once. `x_distorted` is the
# test set, each digit with one such distortion.

# %%
SEED, EPOCHS = 0, 3
COPIES = 9  # distorted copies of each training digit

x, y = data.x_train[:1408], data.y_train[:1408]
x_clean, y_clean = np.repeat(x, COPIES + 1, axis=0), np.repeat(y, COPIES + 1)
x_mixed, y_mixed = distortions.mixed(x, y, copies=COPIES, seed=SEED)
x_distorted, theta_distorted = distortions.distort(x_test, seed=SEED + 1)

# %% [markdown]
# `models.stn` puts the layer, with chapter 3's localization network, in front of the same classifier. While STN+CNN
# trains, a callback keeps what it makes of one 2 in five poses.

# %%
builders = {
    "FCN clean": models.fcn,
    "FCN mixed": models.fcn,
    "CNN": models.cnn,
    "STN+FCN": lambda: models.stn("fcn"),
    "STN+CNN": lambda: models.stn("cnn"),
}
angles, moves = np.radians(np.linspace(-60, 60, 5)), np.linspace(-0.4, 0.4, 5)
poses = [affine_theta(angle=a, translation=(m, 0)) for a, m in zip(angles, moves)]
five_twos = warp(np.repeat(x_test[y_test == 2][:1], 5, axis=0), poses)
watch = training.Snapshots(five_twos, [2] * 5, steps=(0, 16, 48, 96, 192))

# %% [markdown]
# Train all five: Adam with a learning rate of 0.001 for all layers (`training.compile`), batches of 64 (`training.fit`).
# Each line ends with the accuracy on the training set and the seconds.

# %%
trained = {}
for name, build in builders.items():
    training.set_seed(SEED)
    trained[name] = training.compile(build())
    digits = (x_clean, y_clean) if name == "FCN clean" else (x_mixed, y_mixed)
    callbacks = [watch] if name == "STN+CNN" else []
    training.fit(trained[name], *digits, EPOCHS, seed=SEED, callbacks=callbacks)

# %%
upright, distorted = {}, {}
for name, model in trained.items():
    upright[name] = training.accuracy(model, x_test, y_test)
    distorted[name] = training.accuracy(model, x_distorted, y_test)

# %% tags=["claim"]
assert distorted["FCN clean"] < distorted["FCN mixed"] < distorted["STN+FCN"]
assert distorted["CNN"] < distorted["STN+CNN"]
assert np.isclose(trained["CNN"].optimizer.learning_rate, 0.001) and training.fit.__defaults__[0] == 64

# %% [markdown]
# ## The transformer improves both classifiers
#
# The middle columns are the five networks above. The next, in italics, has recorded runs on all 60,000 digits of MNIST,
# among them two fairer opponents: a CNN trained for longer, and a wider CNN with as many weights as STN+CNN. The last
# column is the article's own.

# %% tags=["hide-input"]
# Quoted: the article's accuracy on distorted MNIST; 5 epochs, 60,000 digits.
ARTICLE = {"fcn_clean": "0.518", "fcn_mixed": "0.757", "cnn": "0.88", "stn_fcn": "0.893"}
recorded = table.by_model(table.pick("article", "article"))
long = f"CNN, {recorded['cnn_long']['epochs']} epochs"
lines = {"FCN clean": "fcn_clean", "FCN mixed": "fcn_mixed", "CNN": "cnn", long: "cnn_long", "CNN, wider": "cnn_wide"}
rows = []
for name, run in (lines | {"STN+FCN": "stn_fcn", "STN+CNN": "stn_cnn"}).items():
    here = (f"{upright[name]:.3f}", f"**{distorted[name]:.3f}**") if name in trained else ("–", "–")
    full_run = f"*{1 - recorded[run]['mean'] / 100:.3f}*"
    rows.append((name, f"{recorded[run]['parameters']:,}", *here, full_run, ARTICLE.get(run, "–")))
head = "Accuracy", "Weights", "Upright", "Distorted", "*Recorded: distorted*", "Article: distorted"
gain = {name: 100 * (distorted[f"STN+{name[:3]}"] - distorted[name]) for name in ("FCN mixed", "CNN")}
lost = 100 * max(upright[a] - upright[b] for a, b in (("FCN mixed", "STN+FCN"), ("CNN", "STN+CNN")))
right = {name: 1 - run["mean"] / 100 for name, run in recorded.items()}
time = recorded["cnn_long"]["training_seconds"] / recorded["stn_cnn"]["training_seconds"]
Markdown(
    plotting.markdown_table(head, rows) + f"\n\nTrained on this page with `{data.name}`; recorded: MNIST, "
    f"{recorded['cnn']['epochs']} epochs unless it says more, mean of {recorded['cnn']['seeds']} seeds.\n\n"
    f"On distorted digits, the transformer adds {gain['FCN mixed']:.1f} points to the FCN and {gain['CNN']:.1f} to the "
    f"CNN. On upright digits {'nothing is lost' if lost <= 0 else f'at most {lost:.1f} points are lost'}. "
    f"In the recorded runs, STN+CNN stays {100 * (right['stn_cnn'] - right['cnn_wide']):.1f} points ahead of the wider CNN "
    f"and {100 * (right['stn_cnn'] - right['cnn_long']):.1f} ahead of the CNN that trained for {time:.0%} of its time.\n\n"
    f"**A transformer is no substitute for a better classifier.** STN+FCN ({right['stn_fcn']:.3f}) loses to the wider CNN "
    f"({right['cnn_wide']:.3f}), which has {1 - recorded['cnn_wide']['parameters'] / recorded['stn_fcn']['parameters']:.0%} "
    "fewer weights."
)

# %% tags=["claim"]
assert right["fcn_mixed"] < right["stn_fcn"] < right["cnn_wide"] and right["cnn_wide"] + 0.02 < right["stn_cnn"]
assert right["cnn"] < right["cnn_long"] < right["cnn_wide"] and 0.7 < time < 1

# %% [markdown]
# ## What it does to a digit
#
# During training, the outputs for one 2 in five poses become more alike ({numref}`fig-06-steps`).

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Training brings five poses of one 2 closer together, shifts more than rotations. Each row is what the classifier of STN+CNN receives after that many training steps; step 0 is the input itself, since the layer starts as the identity.", "name": "fig-06-steps"}, "image": {"alt": "Six rows of five pictures of one handwritten 2, rotated and shifted to either side. In the first row, step 0, it stands upright in the middle only. From row to row all move to the centre and some are partly rotated back; the one furthest on the right stays rotated."}}
stages = np.concatenate([moment["outputs"] for moment in watch.moments])
figure = plotting.strip(stages, columns=5, rows=[f"step {moment['step']}" for moment in watch.moments])

# %% [markdown]
# No loss compares two pictures, and no target pose exists. The classifier's gradient alone taught the layer that a 2
# is easier to classify where other 2s are. Go through a recorded training of STN+FCN:

# %%
from stnlib.widgets import TrainingReplay

TrainingReplay()

# %% [markdown]
# And this is what the STN+CNN of this page makes of the test set.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Off-centre digits move to the middle, small ones grow; some rotations remain. Upper row of each pair: distorted test digits; lower row: what the trained transformer makes of them.", "name": "fig-06-digits"}, "image": {"alt": "Two pairs of rows with five digits each, 0 to 9. In the upper row of a pair the digits are rotated, small, slanted or near an edge; in the lower row they are centred and larger; some are more upright, others still lie on their side."}}
transformer = trained["STN+CNN"].get_layer("transformer")
straightened = np.asarray(transformer(x_distorted))
classes = [y_test == digit for digit in range(10)]
firsts = [np.flatnonzero(members)[0] for members in classes]
pairs = [images[part] for part in (firsts[:5], firsts[5:]) for images in (x_distorted, straightened)]
figure = plotting.strip(np.concatenate(pairs), columns=5, rows=["distorted", "transformed"] * 2)

# %% [markdown]
# ## Blurs become digits
#
# Average the distorted test digits of each class, then average what the transformer makes of them. If it brings a class
# closer to one pose, strokes overlap and the mean gets sharper.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "The transformer brings the digits of a class closer to one pose: their mean becomes readable. Upper row of each pair: mean of the distorted test digits of a class; lower row: mean of the transformer's outputs. Each mean is stretched to full brightness.", "name": "fig-06-means"}, "image": {"alt": "Two pairs of rows with five mean images each, one for each class. The means of the distorted digits are blurs; below them the means of the transformer's outputs are readable digits."}}
means = [np.stack([images[members].mean(axis=0) for members in classes]) for images in (x_distorted, straightened)]
means = [mean / mean.max(axis=(1, 2, 3), keepdims=True) for mean in means]
pairs = [mean[part] for part in (slice(0, 5), slice(5, 10)) for mean in means]
figure = plotting.strip(np.concatenate(pairs), columns=5, rows=["distorted", "transformed"] * 2)


# %% tags=["hide-input"]
def likeness(images):
    """For each class, the mean cosine similarity of its images to their mean."""
    flat = images.reshape(len(images), -1)
    flat = flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-9)
    centres = [images[members].mean(axis=0).ravel() for members in classes]
    return np.array([np.mean(flat[m] @ c) / np.linalg.norm(c) for m, c in zip(classes, centres)])


before, after, undistorted = map(likeness, (x_distorted, straightened, x_test))
stranger = training.accuracy(trained["FCN clean"], straightened, y_test)
Markdown(
    f"On average, a digit's cosine similarity to the mean of its class rises from {before.mean():.2f} to "
    f"{after.mean():.2f}; for upright digits it is {undistorted.mean():.2f}. Even *FCN clean*, which never saw a "
    f"distorted digit nor this transformer, classifies {stranger:.0%} of the transformed digits correctly, but only "
    f"{distorted['FCN clean']:.0%} of the distorted ones."
)

# %% tags=["claim"]
assert np.all(after > before)
assert stranger > distorted["FCN clean"]

# %% [markdown]
# ## How much it corrects
#
# Take upright test digits and change one thing, shift, zoom or rotation, by a random amount. To read these off a matrix:
# the shift is $\theta_{13}$; the zoom is $\log_2$ of the root of the determinant, +1 for a digit half as large; the
# rotation is that of the rotation matrix nearest to the left 2 × 2 block,
#
# $$\alpha = \operatorname{atan2}(\theta_{21} - \theta_{12},\; \theta_{11} + \theta_{22}).$$

# %%
def parts(theta):
    theta = np.reshape(theta, (-1, 2, 3))
    (a, b, shift), (c, d, _) = theta.transpose(1, 2, 0)
    zoom = np.log2(np.abs(a * d - b * c)) / 2
    rotation = np.degrees(np.arctan2(c - b, a + d))
    return {"shift": shift, "zoom": zoom, "rotation": rotation}


rng, count = np.random.default_rng(SEED), len(x_test)
applied = {
    "shift": rng.uniform(-0.5, 0.5, count),
    "rotation": rng.uniform(-75, 75, count),
    "zoom": rng.uniform(-0.4, 1, count),
}
maps = {
    "shift": [affine_theta(translation=(t, 0)) for t in applied["shift"]],
    "rotation": [affine_theta(angle=a) for a in np.radians(applied["rotation"])],
    "zoom": [affine_theta(scale=(s, s)) for s in 2 ** applied["zoom"]],
}
corrected = {}
for kind, known in maps.items():
    corrected[kind] = -parts(transformer.theta(warp(x_test, known)))[kind]

# %% tags=["claim"]
finish = parts(transforms.compose(np.stack(poses), watch.moments[-1]["theta"]))  # of the five 2s above
assert np.ptp(finish["shift"]) / np.ptp(moves) < np.ptp(finish["rotation"]) / np.ptp(np.degrees(angles)) < 1

# %% tags=["hide-input"] mystnb={"figure": {"caption": "The layer corrects most of a shift and less of a rotation, of a large one least; it enlarges small digits and does not shrink large ones. Each dot is a test digit; on the grey diagonal the correction would be complete. Positive rotations are counter-clockwise; one halving is a digit half as large.", "name": "fig-06-corrected"}, "image": {"alt": "Three scatter plots, for shift, rotation and zoom: what the transformer corrects against what was applied. For the shift the dots lie along the diagonal or just beside it; for the rotation they rise less steeply, and on one side hardly; for the zoom they are flat on the left and rise on the right."}}
figure, axes = plt.subplots(1, 3, figsize=(8, 3.2))
for ax, (kind, unit) in zip(axes, {"shift": "normalised", "rotation": "degrees", "zoom": "halvings"}.items()):
    ends = np.array([applied[kind].min(), applied[kind].max()])
    ax.plot(ends, ends, color=plotting.COLORS["neutral"])
    ax.scatter(applied[kind], corrected[kind], s=5, alpha=0.5, color=plotting.COLORS["grid"], rasterized=True)
    ax.set(title=kind, xlabel=f"applied ({unit})")
axes[0].set_ylabel("corrected")
figure.tight_layout()

# %% tags=["hide-input"]
def share(kind, chosen):
    """What is corrected of what was applied, summed over the chosen digits."""
    done = corrected[kind] * np.sign(applied[kind])
    return np.sum(done[chosen]) / np.sum(np.abs(applied[kind][chosen]))


size, way = np.abs(applied["rotation"]), np.sign(applied["rotation"])
shares = {
    "shift": share("shift", size >= 0),
    "clockwise, below 60°": share("rotation", (size < 60) & (way < 0)),
    "counter-clockwise, below 60°": share("rotation", (size < 60) & (way > 0)),
    "either way, 60° to 75°": share("rotation", size >= 60),
    "digit made smaller": share("zoom", applied["zoom"] > 0),
    "digit made larger": share("zoom", applied["zoom"] < 0),
}
remaining = applied["rotation"] - corrected["rotation"]
spread = [np.mean([angle[members].std() for members in classes]) for angle in (applied["rotation"], remaining)]
lean = np.abs([remaining[members].mean() for members in classes]).max()
untouched = parts(transformer.theta(x_test))
rows = [(name, f"{value:.0%}".replace("-", "−")) for name, value in shares.items()]
Markdown(
    plotting.markdown_table(("Distortion", "Corrected"), rows)
    + "\n\nCorrected: the sum of the corrections as a share of the sum of the distortions. Below 0 the layer adds to the "
    f"distortion.\n\nWithin a class, the spread (standard deviation) of the rotation falls from {spread[0]:.0f}° to "
    f"{spread[1]:.0f}°, and the class means end up to {lean:.0f}° off upright. A digit that was not distorted comes out "
    f"{2 ** np.median(-untouched['zoom']):.2f} times as large, rotated by {np.median(np.abs(untouched['rotation'])):.0f}° "
    "(medians)."
)

# %% tags=["claim"]
assert shares["shift"] > share("rotation", size < 60) > shares["either way, 60° to 75°"] > 0.1
assert shares["digit made larger"] < 0.5 * shares["digit made smaller"]
assert spread[1] < 0.9 * spread[0]
assert np.median(np.abs(untouched["rotation"])) > 2

# %% [markdown]
# The layer learns to be **consistent**: digits of a class come out more alike than they went in. Upright, original
# size and equal corrections both ways are not part of the loss; a larger digit is as good a pose to agree on as any. So don't take the $\theta$ of a
# trained network for a measurement of pose.
#
# :::{dropdown} Details: why are rotations corrected only partly?
# Three reasons are possible, and we did not measure which one counts most. A digit that is classified with confidence
# sends back next to no gradient. Three epochs are short. And most distorted digits of the recipe are not rotated at
# all. The second exercise shows that there was something left to gain.
# :::
#
# How much is left to do? Here is the test digit with the largest remaining rotation (shear counts as rotation, too), under
# the grid that the trained layer lays over it. Drag a corner of the window until the output stands upright.

# %%
theta_found = np.asarray(transformer.theta(x_distorted))
left = parts(transforms.compose(theta_distorted, theta_found))["rotation"]
worst = np.argmax(~np.isin(y_test, (0, 8)) * np.abs(left))
before = parts(theta_distorted)["rotation"][worst]
print(f"a {y_test[worst]}: rotated by {before:.0f} degrees,",
      f"by {left[worst]:.0f} after the layer")

# %%
from stnlib.widgets import AffineExplorer

AffineExplorer(image=x_distorted[worst], theta=theta_found[worst].tolist())

# %% [markdown]
# ## Your digit, four networks
#
# Now choose the digit yourself. These networks run in your browser, trained on all of MNIST. Their transformers learned
# the pose first, from known rotations, then went on from labels. Take the 2 by its square handle and rotate it. Which
# network fails first? Then set its rotation to 100°, further than any training digit: only the CNN still reads it.

# %%
from stnlib.widgets import DigitReader

DigitReader()

# %% [markdown]
# Orange is the window that the chosen transformer reads; its thick edge becomes the top of the output.

# %% tags=["hide-input"]
from stnlib.widgets.reader import networks

in_page = networks.measured(degrees=60)
accurate = {name: 100 * found["accuracy"] for name, found in in_page.items()}
taken_back = {name: 100 * found["corrected"] for name, found in in_page.items() if found["corrected"] is not None}
rows = [
    (name.replace(" at once", ", labels alone (*all at once*)"), f"{accurate[name]:.1f}%", f"{taken_back[name]:.0f}%")
    if name in taken_back
    else (name, f"{accurate[name]:.1f}%", "–")
    for name in in_page
]
Markdown(
    plotting.markdown_table(("Rotated by 60°", "Accuracy", "Rotation corrected"), rows)
    + "\n\nMNIST's test digits, rotated either way; corrected: the median, of the worse way."
)

# %% tags=["claim"]
assert min(taken_back["STN+FCN"], taken_back["STN+CNN"]) >= 60 and taken_back["STN+CNN at once"] < 30
assert accurate["FCN"] < accurate["STN+FCN"] < accurate["CNN"] < accurate["STN+CNN"] < accurate["STN+CNN at once"]

# %% [markdown]
# Each transformer improves its classifier, but the CNN alone beats STN+FCN. And pose first doesn't pay in accuracy: from
# labels alone, STN+CNN corrects far less of the rotation and is slightly *more* accurate. A strong classifier leaves its
# transformer less to correct, because it learns to read rotated digits itself.
#
# In Colab or Jupyter, put in your own networks:
# `DigitReader(networks={"CNN": trained["CNN"], "STN+CNN": trained["STN+CNN"]})`.
#
# ## What it cannot fix
#
# **What it was never trained on.** The training digits were rotated by up to 75°. Rotate the test digits further.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "The transformer helps inside the range it was trained on; outside it fails like the others. Accuracy on the rotated test digits of the table above; the grey band is the range of the training set.", "name": "fig-06-circle"}, "image": {"alt": "Accuracy of FCN mixed, CNN and STN+CNN against a rotation from minus 180 to 180 degrees. Inside the trained range of 75 degrees all are high and STN+CNN is highest; beyond it all fall steeply, and most rise a little at either end."}}
circle = np.arange(-180, 181, 20)
curves = {}
rotated = [warp(x_test, [affine_theta(angle=angle)] * len(x_test)) for angle in np.radians(circle)]
figure, ax = plt.subplots(figsize=(6.5, 3.2))
ax.axvspan(-75, 75, color=plotting.COLORS["neutral"], alpha=0.12, lw=0)
for name, color in {"FCN mixed": "neutral", "CNN": "cnn", "STN+CNN": "stn_cnn"}.items():
    curves[name] = np.array([training.accuracy(trained[name], images, y_test) for images in rotated])
    plotting.curve(ax, circle, curves[name], name, plotting.COLORS[color])
ax.set(xlabel="rotation (degrees, counter-clockwise)", ylabel="accuracy", xticks=np.arange(-180, 181, 60))
ax.legend(ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1))
figure.tight_layout()

# %% tags=["claim"]
met, unmet = np.abs(circle) < 75, np.abs(circle) > 100
assert curves["STN+CNN"][met].mean() > curves["CNN"][met].mean() > curves["FCN mixed"][met].mean()
assert curves["STN+CNN"][unmet].max() < curves["STN+CNN"][met].min()
assert all(np.isclose(curve[circle == 0], upright[name], atol=2e-3) for name, curve in curves.items())

# %% [markdown]
# **What has left the frame.** A grid can point anywhere, but there is something to read only inside the image.
# A digit shrunk until its strokes merge comes back as a blur.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "A part that has left the frame does not come back. Top: a 3 pushed out of the frame; bottom: what the transformer makes of it.", "name": "fig-06-gone"}, "image": {"alt": "Two rows of a handwritten 3. Above, it is pushed further and further out of the frame, until only a part of it is left. Below, the transformer's output brings the visible part back towards the centre; the part that was cut off stays missing."}}
pushes = [affine_theta(translation=(shift, 0)) for shift in np.linspace(0, 1, 5)]
pushed = warp(np.repeat(x_test[firsts[3:4]], 5, axis=0), pushes)
figure = plotting.strip(np.concatenate([pushed, transformer(pushed)]), columns=5, rows=["pushed", "transformed"])

# %% [markdown]
# **What six numbers cannot describe.** A wave, a change of perspective, or two digits that move in different ways are
# not affine. {doc}`Chapter 8 <08_beyond_affine>` has other transforms, with one argument.
#
# ## In your own model
#
# The layer asks for one thing: a network that turns your images, of any size and number of channels, into a vector. Don't
# end that network in global pooling, which forgets *where* things are (last exercise).

# %%
localization = keras.Sequential([
    layers.AveragePooling2D(2), layers.Conv2D(16, 5, activation="relu"),
    layers.MaxPooling2D(2), layers.Flatten(),
    layers.Dense(32), layers.LayerNormalization(), layers.Activation("tanh"),
])
front = SpatialTransformer(localization, output_size=(32, 32))
model = keras.Sequential([
    keras.Input((48, 64, 3)), front,
    layers.Conv2D(32, 3, activation="relu"),
    layers.GlobalAveragePooling2D(), layers.Dense(5),
])

# %% [markdown]
# It saves and loads like any other model. {doc}`Chapter 10 <10_your_images>` does this with your images.

# %%
photos = np.random.default_rng(SEED).random((4, 48, 64, 3), dtype="float32")
with tempfile.TemporaryDirectory() as folder:
    model.save(f"{folder}/model.keras")
    again = keras.saving.load_model(f"{folder}/model.keras")
np.testing.assert_allclose(model(photos), again(photos), atol=1e-5)

# %% [markdown]
# (slow-theta)=
# If outputs go black, lower the rate of the layer that outputs $\theta$: `SlowAdam` is Adam with shorter steps for one
# layer, here 0.0001 where the rest has 0.001.

# %%
optimizer = SlowAdam(front.head, factor=0.1, learning_rate=1e-3)
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(optimizer, loss, metrics=["accuracy"])

# %% [markdown]
# :::{dropdown} Details: proportions, and feature maps
# `output_size` is free. At the start the output shows the whole picture, here squeezed into a square; give both the
# same proportions if that matters.
#
# The layer takes any tensor `(B, H, W, C)`, so the paper also puts it between convolutions, on feature maps, and
# several of them in a row or side by side. But warping features is not the same as warping the image. The filters in
# front have already seen the rotated digit: an edge that is horizontal in the upright digit is vertical in one rotated
# by 90°, so another filter has responded, and moving its response around does not change that. For shifts by whole
# strides, away from the borders, the two agree; for rotations they do not {cite:p}`finnveden2020stn`. To straighten,
# put the layer before the first convolution.
# :::
#
# ## Recap
#
# - **Put together**: a spatial transformer is one layer. Localization and head give $\theta$, $\theta$ gives the grid,
#   the grid is sampled. It starts as the identity and goes in front of any classifier.
# - **Compare**: with the same digits, steps and seed, the transformer improved both classifiers on distorted digits,
#   and recorded runs keep STN+CNN ahead of a CNN trained for longer and of one with as many weights. STN+FCN is not.
# - **Measure**: it corrects most of a shift, part of a rotation, and enlarges small digits. Its poses are consistent,
#   and upright only as far as the data make them so.
# - **Limits**: it can't bring back what has left the frame, describe what its parameters can't, or generalize to
#   rotations that it never saw.
#
# ## Exercises
#
# ```{exercise} Just bigger?
# :label: ex-06-bigger
#
# STN+FCN has more weights than the FCN. Give an FCN as many, by a wider hidden layer, and train it on the same mixture.
# Does it catch up?
# ```
#
# ```{solution-start} ex-06-bigger
# :class: dropdown
# ```
#
# One hidden unit of this network has 28 × 28 weights and a bias coming in, and ten weights going out.

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
wide_distorted = training.accuracy(wide, x_distorted, y_test)
print(f"FCN mixed: {distorted['FCN mixed']:.3f}")
print(f"{units} units, {wide.count_params():,} weights: {wide_distorted:.3f}")
print(f"STN+FCN, {parameters:,} weights: {distorted['STN+FCN']:.3f}")

# %% tags=["claim"]
assert wide_distorted < distorted["STN+FCN"]

# %% [markdown]
# It does not.
#
# ```{solution-end}
# ```
#
# ```{exercise} Look twice
# :label: ex-06-twice
#
# The transformer stops short of upright. Apply the trained layer to its own output, with no further training. Does the
# spread of the remaining rotation shrink again? `transforms.compose(a, b)` is the map that does first `b`, then `a`.
# ```
#
# ```{solution-start} ex-06-twice
# :class: dropdown
# ```
#
# Follow a pixel of the final output: the second $\theta$ says where it reads in the first output, the first $\theta$
# where that reads in the rotated digit, and our own rotation where *that* reads in the upright one. So the last look
# comes first.

# %%
rotated = warp(x_test, maps["rotation"])
no_look = np.stack(maps["rotation"])
one_look = transforms.compose(no_look, transformer.theta(rotated))
second = transformer.theta(transformer(rotated))
looks = {"no look": no_look, "one look": one_look,
         "two looks": transforms.compose(one_look, second)}

# %%
spreads = []
for name, theta in looks.items():
    angle = parts(theta)["rotation"]
    spreads.append(np.mean([angle[members].std() for members in classes]))
    print(f"{name}: spread within a class {spreads[-1]:.1f} degrees")
twice = training.accuracy(trained["STN+CNN"], straightened, y_test)
print(f"accuracy on distorted digits: one look {distorted['STN+CNN']:.3f}, "
      f"two {twice:.3f}")

# %% tags=["claim"]
assert spreads[0] > spreads[1] > spreads[2]
assert twice > distorted["STN+CNN"]

# %% [markdown]
# It shrinks again. The layer was never trained for a second look; what it sees then is simply a digit that is
# distorted less. But each look resamples the picture once more and blurs it. Composing the maps first and sampling once
# avoids that; {cite:t}`lin2017icstn` build a network on this idea.
#
# ```{solution-end}
# ```
#
# ```{exercise} A frame out of nothing
# :label: ex-06-frame
#
# Images are often normalised to mean 0 and standard deviation 1. Do that to the first distorted digit and let it be
# zoomed out by $\theta = (1.6, -0.5, 0,\; 0.5, 1.6, 0)$, with padding `zeros` and then `border`. What do the localization
# network and the classifier get to see that was never in the image?
# ```
#
# ```{solution-start} ex-06-frame
# :class: dropdown
# ```

# %% mystnb={"figure": {"caption": "Zero padding adds a frame to a normalised image; repeating the border does not. Left: the normalised digit; middle and right: zoomed out and rotated.", "name": "fig-06-frame"}, "image": {"alt": "Three pictures: a normalised digit; the same rotated and shrunk with zero padding, inside a grey frame that was not in the image; the same with border padding, without a frame."}}
normalised = (x_distorted[:1] - x_distorted.mean()) / x_distorted.std()
zoomed_out = [
    warp(normalised, [[1.6, -0.5, 0, 0.5, 1.6, 0]], padding_mode=padding)
    for padding in ("zeros", "border")]
floor, reach = normalised.min(), np.ptp(normalised)
images = [(image[0] - floor) / reach for image in (normalised, *zoomed_out)]
figure = plotting.strip(images, ["normalised", "zeros", "border"], size=1.5)

# %% tags=["claim"]
assert zoomed_out[0][0, 0, 0, 0] - floor > 0.1 and zoomed_out[1][0, 0, 0, 0] == normalised[0, 0, 0, 0]

# %% [markdown]
# Black is no longer 0, but 0 is what the sampler returns outside the image. So a grey frame appears, and it tells the
# classifier something about $\theta$. The networks can use that: the localization network zooms out or in
# until the frame helps to lower the loss. Transform first and normalise after, or repeat the border.
#
# ```{solution-end}
# ```
#
# ```{exercise} What, not where
# :label: ex-06-pooling
#
# Many classifiers end in global average pooling. Why is that wrong for a localization network? Compare what `Flatten`
# and `GlobalAveragePooling2D` output, after a convolution and a pooling, for a digit and for the same digit four pixels
# further to the right.
# ```
#
# ```{solution-start} ex-06-pooling
# :class: dropdown
# ```

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
# With global pooling the features are the same for both places, but for rounding, so $\theta$ is the same too. (The
# digit moved by two whole steps of the pooling, and touches no border.) Such a layer can hardly centre anything.
#
# ```{solution-end}
# ```
