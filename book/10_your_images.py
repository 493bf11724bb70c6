# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Can a transformer straighten the images in your folder?
#
# This chapter takes a folder of images, teaches a transformer to straighten what is on them, and trains a network
# that reads the result. Leave the constant below as it is, and the folder is filled with slanted number plates.
# Set it to a folder or a `.zip` of yours, and the chapter runs on your images; what needs corners is left out where
# you have none.

# %%
FOLDER = None  # "my_images", "my_images.zip", or None for number plates
SEED = 0

# %% tags=["hide-input"]
import tempfile
import textwrap

import keras
import numpy as np
import tensorflow as tf
from IPython.display import Markdown
from keras import layers

from stnlib import (
    SpatialTransformer,
    affine_grid,
    distortions,
    fitting,
    grid_sample,
    models,
    pictures,
    plates,
    plotting,
    training,
    transforms,
)
from stnlib.experiments import files, report
from stnlib.health import health
from stnlib.optimizers import SlowAdam

plotting.use_style()

# %% tags=["hide-input"]
folder = FOLDER or plates.write(tempfile.mkdtemp(), 1600, SEED, alphabet="0123456789")
train, test = pictures.read(folder).split(seed=SEED)
SIZE = HEIGHT, WIDTH = train.images.shape[1:3]
HALF, ASPECT = (HEIGHT // 2, WIDTH // 2), WIDTH / HEIGHT
BATCH = 32
images, unseen = train.images / np.float32(255), test.images / np.float32(255)


# %% tags=["hide-input"]
def epochs_for(steps, count):
    """So many epochs that there are at least so many steps, however small the folder."""
    return max(1, -(-steps // -(-count // BATCH)))


def warped(upright):
    """Upright images, warped by random maps, and the theta that undoes each."""
    many = np.resize(upright, (max(1280, len(upright)), *upright.shape[1:]))
    return training.PosePairs(many, "affine", batch_size=len(many), seed=SEED)[0]


def teach(transformer, seen, theta):
    """Teach a transformer known poses."""
    training.fit_pose(transformer, seen, theta, epochs=epochs_for(560, len(seen)), batch_size=BATCH)


def before_after(transformer):
    """Three test images in a row, and below what the transformer makes of them."""
    shown = unseen[:3]
    theta = transformer.theta(shown).numpy()
    after = distortions.warp(shown, theta, SIZE, transformer.transform, transformer.padding_mode)
    return plotting.strip([*shown, *after], columns=len(shown), size=2.4, rows=["before", "after"])


# %% tags=["hide-input"] mystnb={"figure": {"caption": "Taught known poses for some hundred steps, the transformer makes the plates level and large. Three images that it was not trained on, before and after.", "name": "fig-10-before-after"}, "image": {"alt": "Three number plates, photographed at a slant before coloured backgrounds; below each the same plate, level, centred and filling the picture."}}
known = warped(images) if train.corners is None else (images, fitting.from_corners(train.corners, transform="affine"))
training.set_seed(SEED)
first = SpatialTransformer(models.finder((*SIZE, 3)), padding_mode="border")
teach(first, *known)
figure = before_after(first)

# %% [markdown]
# You will
#
# - turn a folder of images of any size and mode into arrays, with labels and corners;
# - choose a transform by how many pixels of error remain behind it;
# - see why the usual way to train a transformer fails, and use a recipe that works;
# - read a transformer's state from one line of numbers;
# - decide whether you need a transformer at all.
#
# ## What goes into the folder
#
# `pictures.read` takes whatever is in the folder and returns arrays. There are three ways to label an image, and the
# first one that applies counts:
#
# | How | Example |
# |---|---|
# | a file `labels.csv` beside the images | `file,label` and `img_07.jpg,AB123` |
# | subfolders, one for each class | `stop/img_07.jpg` |
# | the file's name, up to the first underscore | `AB123_07.jpg` |
#
# If you know where the object's corners are, add the columns `x1,y1,x2,y2,x3,y3,x4,y4` to `labels.csv`: pixels, from
# the upper left corner clockwise. Annotation tools export them. The chapter uses corners where they are known and
# does without them where they are not.

# %%
print(f"{len(train):,} + {len(test):,} images of {HEIGHT} x {WIDTH} pixels")
print(f"labels: {train.labels.shape[1]} out of {len(train.symbols)} symbols, "
      f"the first is {train.text(train.labels[0])!r}")
filled = (np.array(train.symbols)[train.labels] != " ").sum(axis=1)
for length, count in zip(*np.unique(filled, return_counts=True), strict=True):
    print(f"labels with {length} symbols: {count:,}")
print("corners:", "unknown" if train.corners is None else train.corners.shape)

# %% [markdown]
# The network gets as many outputs as the longest label has symbols. A length that occurs once is probably a typing
# mistake.
#
# Grey, transparent, 16-bit and rotated images all become `(height, width, 3)`, `uint8`. Every image is fitted into
# the median proportions of the folder, never stretched; its edge fills the rest.
#
# :::{dropdown} Details: in Colab
# Zip your folder, open the file pane on the left, drop the `.zip` there, and set `FOLDER = "my_images.zip"`.
# :::
#
# The transformer wants floating-point images and refuses others. Put the division into the model, as its first layer:
# then the model takes a camera's `uint8`, and nobody who uses it can forget the division.

# %%
scaled = keras.Sequential([
    keras.Input((*SIZE, 3)), layers.Rescaling(1 / 255), first])
print(scaled(train.images[:2]).shape)

# %% [markdown]
# ## A rotation on a wide image
#
# $\theta$ lives in coordinates that run from -1 to 1 along both axes, whatever the image's shape. On an image that is
# four times as wide as high, one unit to the right is four times as many pixels as one unit down. A rotation by
# 20 degrees in these coordinates is a shear in pixels ({numref}`fig-10-rotation`). `aspect` corrects it.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "A rotation in normalised coordinates shears a wide image; with aspect it is a rotation.", "name": "fig-10-rotation"}, "image": {"alt": "Three wide pictures with a squared pattern. First upright; second with the squares sheared into narrow diamonds; third with the squares rotated by 20 degrees and still square."}}
board = np.zeros((1, *SIZE, 3), "float32") + 0.85
board[:, 2::12] = board[:, 3::12] = board[:, :, 2::12] = board[:, :, 3::12] = 0.25
rotation = np.array([[1, np.radians(20), 0, 0]], "float32")
shown, titles = [board[0]], ["the image"]
for aspect in (1, ASPECT):
    theta = transforms.matrix("similarity", rotation, aspect=aspect).numpy().reshape(1, 6)
    shown.append(distortions.warp(board, theta)[0])
    titles.append(f"aspect={aspect:.3g}")
figure = plotting.strip(shown, titles, size=3.2)

# %% [markdown]
# Affine, projective and spline transforms can express a rotation in pixels without help: their shear and their
# unequal scales make up for the shape. So `aspect` matters for `"rigid"` and `"similarity"`, and wherever *you* draw
# a rotation, as in augmentation. There the same grid and sampler work inside `tf.data`:

# %%
def augment(pixels, labels):
    draws = tf.random.uniform((tf.shape(pixels)[0], 4), [0.9, -0.15, -0.1, -0.1],
                              [1.1, 0.15, 0.1, 0.1], seed=SEED)
    theta = transforms.matrix("similarity", draws, aspect=ASPECT)
    grid = affine_grid(theta, SIZE)
    pixels = grid_sample(tf.cast(pixels, "float32"), grid, padding_mode="border")
    return pixels, labels


stream = tf.data.Dataset.from_tensor_slices((train.images, train.labels))
stream = stream.shuffle(1000, seed=SEED).batch(BATCH).map(augment).prefetch(2)

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Augmentation with the transformer's own sampler: zoomed, rotated and shifted at random, the edge continued. model.fit(stream) takes these batches.", "name": "fig-10-augment"}, "image": {"alt": "Six pictures of number plates, each slightly zoomed, rotated or shifted, the background continued at the edges."}}
batch, _ = next(iter(stream))
figure = plotting.strip(batch[:6] / 255, columns=3)

# %% [markdown]
# ## Which transform?
#
# Choose the smallest family that can undo what was done to your objects. With corners this needs no training:
# `fitting.remainder` fits each family to the true poses and reports the remaining error in pixels.

# %%
quads = (training.random_quads(np.random.default_rng(SEED), 200, SIZE)
         if test.corners is None else fitting.from_corners(test.corners))
remainder = {name: fitting.remainder(name, quads, SIZE, aspect=ASPECT)
             for name in transforms.NAMES}

# %% tags=["hide-input"]
away = (fitting.project(quads, fitting.LATTICE) - fitting.LATTICE) * [WIDTH / 2, HEIGHT / 2]
nothing = np.sqrt((away**2).sum(axis=-1).mean(axis=1))
rows = [(name, len(transforms.parameter_names(name)), f"{left.mean():.1f}", f"{np.quantile(left, 0.95):.1f}")
        for name, left in sorted(remainder.items(), key=lambda item: -item[1].mean())]
Markdown(plotting.markdown_table(("Transform", "Numbers", "Remaining error, mean (px)", "95% of plates below"),
                                 [("*no transformer*", 0, f"{nothing.mean():.1f}",
                                   f"{np.quantile(nothing, 0.95):.1f}"), *rows]))

# %% tags=["claim"]
assert remainder["affine"].mean() < 0.1 * nothing.mean()
assert remainder["affine"].mean() < 0.5 * remainder["similarity"].mean()
assert remainder["projective"].mean() < 0.01

# %% [markdown]
# Errors are in input pixels, averaged over the object. On these plates the affine family leaves little: they are heavily
# sheared and rotated, with little perspective, and a similarity cannot shear. Take affine if its mean error is below
# the width of a stroke, projective if it isn't, and `"tps"` only for objects that are themselves curved. {numref}`fig-10-families` shows the plate that affine serves worst.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "The plate that is hardest for an affine map, as each family straightens it at best: behind a similarity it still leans, behind an affine map only the perspective is left, behind a projective map nothing.", "name": "fig-10-families"}, "image": {"alt": "Four pictures of one number plate: as photographed, slanted and narrower at one end; straightened by a similarity, still leaning; by an affine map, nearly a rectangle; by a projective map, an exact rectangle."}}
hardest = int(remainder["affine"].argmax())
straight = [unseen[hardest % len(unseen)]]
for name in ("similarity", "affine", "projective"):
    theta = fitting.fit(name, fitting.LATTICE, fitting.project(quads[[hardest]], fitting.LATTICE), aspect=ASPECT)
    if name == "similarity":
        theta = transforms.matrix(name, theta, aspect=ASPECT).numpy().reshape(1, 6)
    straight.append(distortions.warp(straight[0][None], theta, SIZE, "affine" if len(theta[0]) == 6 else name)[0])
figure = plotting.strip(straight, ["the image", "similarity", "affine", "projective"], columns=2, size=3.2)

# %% [markdown]
# ## The network
#
# A localization network looks at the image and outputs $\theta$; a reader behind it predicts the characters. Four
# choices matter, and the defaults of most tutorials are wrong in all four:
#
# | Choice | What people write | What works |
# |---|---|---|
# | last features | `Dense(32, activation="relu")` | `Dense(32)`, `LayerNormalization()`, then tanh |
# | `padding_mode` | `"zeros"` | `"border"` |
# | learning rate of the transformer | that of the reader | a third or a tenth of it: `SlowAdam` |
# | first epochs | labels, full distortion | known poses, or a distortion that grows |

# %% tags=["listing:stnlib.models.finder"]
def finder(
    input_shape: tuple[int, int, int], features: str = "tanh", shrink: int = 4
) -> keras.Sequential:
    normalised = [layers.LayerNormalization()] if features == "tanh" else []
    wide = input_shape[1] > 2 * input_shape[0]
    return keras.Sequential(
        [
            keras.Input(input_shape),
            layers.AveragePooling2D(shrink),
            layers.Conv2D(16, 5, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.MaxPooling2D((1, 2) if wide else 2),
            layers.Flatten(),
            layers.Dense(32),
            *normalised,
            layers.Activation(features),
        ],
        name="localization",
    )


# %% [markdown]
# It sees the image at a quarter of its resolution: enough to find an object, too little to read it, and cheap. The
# normalisation stands between the dense layer and the tanh. Before the dense layer it does harm ({ref}`ex-images-order`).

# %%
def network(features="tanh", padding_mode="border"):
    transformer = SpatialTransformer(
        finder((*SIZE, 3), features), "affine", output_size=HALF,
        padding_mode=padding_mode, name="transformer")
    return keras.Sequential([
        keras.Input((*SIZE, 3)), layers.Rescaling(1 / 255), transformer, reader()])


def reader(filters=(12, 24, 32)):
    length, symbols = train.labels.shape[1], len(train.symbols)
    return models.reader((*HALF, 3), length, symbols, filters)


# %% [markdown]
# `output_size` is half the image's: once the transformer has zoomed in, that is as fine as the plate itself. At the
# start it is not: the identity then reads every second pixel and skips the rest. If your strokes are thin, output the
# full size and average: `output_size=SIZE`, then `AveragePooling2D(2)`.
#
# ## The usual way fails
#
# First what people write: ReLU features, zeros around the image, Adam with its default rate for everything.

# %%
training.set_seed(SEED)
usual = training.compile(network("relu", "zeros"), 1e-3)
epochs = epochs_for(120, len(train))
training.fit(usual, train.images, train.labels, epochs, BATCH, SEED)
truth = None if test.corners is None else fitting.from_corners(test.corners)
print(textwrap.fill(health(usual, test.images, truth)[0].verdict, 84))

# %% tags=["claim"]
assert health(usual, test.images, truth)[0].state in ("asleep", "dead features", "collapsed", "zoomed out", "off target")

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Trained the usual way, the transformer straightens nothing: three test images, before and after.", "name": "fig-10-usual"}, "image": {"alt": "Three slanted number plates; below each the same plate, as slanted as before."}}
figure = before_after(usual.get_layer("transformer"))

# %% [markdown]
# Before the reader reads anything, $\theta$'s gradient is noise. Adam divides a gradient by its own size, so noise
# moves $\theta$ as fast as a signal would: either the steps cancel and $\theta$ stays where it is, or it runs out of
# the image, where everything is zero and no gradient leads back. (Then the output is black.) ReLU features die
# meanwhile: their output is zero for every image, so $\theta$ is the same for every image. Accuracy shows none of this.
# `health` does.
#
# ## A recipe that works
#
# Teach the poses first: one line where corners are known,
# `training.fit_pose(transformer, images, fitting.from_corners(corners, transform="affine"))`. Where they are not, it is
# `training.fit_pose(transformer, training.PosePairs(images, "affine"))`: your images are warped by random maps, and
# the transformer learns to undo them. That takes images that are roughly upright. If yours aren't, mark the corners of
# fifty of them: that is enough to begin ({ref}`ex-images-pairs`). Then train everything on the labels, the transformer
# at a tenth of the rate.

# %%
EPOCHS = epochs_for(320, len(train))
training.set_seed(SEED)
posed = network()
teach(posed.get_layer("transformer"), *known)

# %%
def cosine():
    steps = EPOCHS * -(-len(train) // BATCH)
    return keras.optimizers.schedules.CosineDecay(1e-3, steps)


slow = SlowAdam(posed.get_layer("transformer"), factor=0.1, learning_rate=cosine())
training.compile(posed, slow)
training.fit(posed, train.images, train.labels, EPOCHS, BATCH, SEED)
print(textwrap.fill(str(health(posed, test.images, truth)[0]), 84))

# %% [markdown]
# The control is a network of the same size without a transformer: it has more filters in the reader instead.

# %%
training.set_seed(SEED)
alone = training.compile(keras.Sequential([
    keras.Input((*SIZE, 3)), layers.Rescaling(1 / 255), layers.AveragePooling2D(2),
    reader(filters=(20, 40, 56))]), cosine())
training.fit(alone, train.images, train.labels, EPOCHS, BATCH, SEED);

# %% tags=["hide-input"]
trained = {"CNN alone": alone, "transformer, the usual way": usual, "transformer, poses first": posed}
share = {name: [training.accuracy(model, test.images, test.labels, whole) for whole in (False, True)]
         for name, model in trained.items()}
rows = [(name, f"{model.count_params():,}", epochs if model is usual else EPOCHS,
         *(f"{value:.3f}" for value in share[name]),
         "–" if model is alone else health(model, test.images, truth)[0].state) for name, model in trained.items()]
Markdown(plotting.markdown_table(("Network", "Weights", "Epochs", "Symbols right", "Images right", "State"), rows))

# %% tags=["claim"]
assert share["transformer, poses first"][0] > 0.6
assert share["CNN alone"][0] < 0.4
assert share["transformer, the usual way"][0] < 0.4

# %% [markdown]
# On the same images, behind straightened plates, the reader gets most symbols right; the two other networks have hardly
# begun to read. {numref}`fig-10-read` shows its mistakes, too. The full measurement below shows what longer training
# gives the CNN.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Test images as the transformer passes them on, with what the reader predicts; in brackets the label where it is wrong.", "name": "fig-10-read"}, "image": {"alt": "Twelve straightened number plates in three columns, above each the five characters that the network predicts."}}
seen, guess = unseen[:12], training.probabilities(posed, test.images[:12]).argmax(axis=-1)
told = [(test.text(a), test.text(b)) for a, b in zip(guess, test.labels, strict=False)]
theta = posed.get_layer("transformer").theta(seen).numpy()
titles = [a if a == b else f"{a} ({b})" for a, b in told]
figure = plotting.strip(distortions.warp(seen, theta, SIZE, padding_mode="border"), titles, columns=3, size=2.2)

# %% [markdown]
# ## From labels alone
#
# The loss can do without poses, if the distortion grows: none in the first epoch, all of it after a third of the epochs.
# The corners serve only to weaken it; whoever draws the training images has them. The reader learns to read early, so
# $\theta$'s gradient means something from the start, and the transformer only ever has to correct a little more than it
# already does.

# %%
def growing(strength, rng):
    return distortions.ease(train.images, train.corners, strength), train.labels


if train.corners is not None:
    data = training.Curriculum(growing, ramp=12, batch_size=BATCH, seed=SEED)
    print(f"{len(data)} batches an epoch: model.fit(data, epochs=40)")

# %% tags=["hide-input"] mystnb={"figure": {"caption": "The curriculum: one training image in the first epoch, halfway and from epoch 13 on.", "name": "fig-10-curriculum"}, "image": {"alt": "Three pictures of one number plate: filling the picture and upright, half as slanted, and as photographed."}}
if train.corners is not None:
    steps = [distortions.ease(images[:1], train.corners[:1], strength)[0] for strength in (0, 0.5, 1)]
    figure = plotting.strip(steps, ["epoch 1", "epoch 7", "from epoch 13"], size=3.2)

# %% [markdown]
# ## The full measurement
#
# Twice the filters, 6,000 plates with characters from an alphabet of 33, 12 to 40 epochs, and 1,000 other plates to test
# on: the table has the recipes that we measured. `State` counts the seeds in each state.

# %% tags=["hide-input"]
records = [r for r in files.read_results() if (r["experiment"], r["distortion"]) == ("recipes", "plates")]
measured = {}
for record in records:
    if record["train_size"] is None:
        measured.setdefault(record["model"], []).append(100 * (1 - record["error"]["distorted"]))
told = {name: f"{np.mean(found):.1f}%" + (
    f" (mean of {len(found)} seeds, {min(found):.1f} to {max(found):.1f})" if len(found) > 1 else "")
    for name, found in measured.items()}
Markdown(
    report.recipes_table("plates") + "\n\nTaught the poses first, the network reads this share of the plates without a "
    f"mistake: {told['pose']}. From labels, while the distortion grows, it is {told['curriculum']} after more epochs: "
    f"higher at its best, and less reliable. The CNN alone, on full distortion throughout, reads {told['cnn']}. Rows with "
    "one seed rank no recipes that lie close together."
)

# %% tags=["claim"]
assert min(measured["pose"]) > max(measured["cnn"]) + 10
assert max(measured["curriculum"]) > max(measured["pose"]) and min(measured["curriculum"]) < min(measured["pose"])

# %% [markdown]
# ### How many labelled images?
#
# Plan for some thousand. The same recipe, poses first, on part of these plates, with the same plates to test on:

# %% tags=["hide-input"]
tried = sorted((r for r in records if r["model"] == "pose" and r["seed"] == 0), key=lambda r: r["train_images"])
rows = [(f"{r['train_images']:,}", f"{r['epochs'] * -(-r['train_images'] // r['batch_size']):,}",
         *(f"{100 * (1 - r['error'][part]):.1f}" for part in ("characters", "distorted"))) for r in tried]
Markdown(plotting.markdown_table(("Labelled images", "Steps", "Characters right, %", "Images right, %"), rows))

# %% tags=["claim"]
assert tried[0]["train_images"] <= 1000 and tried[0]["error"]["distorted"] > 3 * tried[-1]["error"]["distorted"]

# %% [markdown]
# Fewer images took fewer steps, too, so a part of the gap is time.

# %% [markdown]
# ## When you don't need one
#
# - A detector gives you the corners anyway: rectify with `fitting.from_corners` and `distortions.warp`, train a plain
#   reader.
# - The objects come in nearly one pose, or you have so many images that a plain CNN has seen every pose. Train it with
#   `augment` first; it is the number to beat.
# - There are several objects in an image. One transformer looks at one place.
# - The objects lie at any angle, upside down too. The transformer learns moderate rotations; for all of them it needs
#   the true poses.
#
# Compare at equal size, as above: the localization network has weights, too, and a CNN could have had them.
#
# ## Checklist
#
# 1. Look at ten images as `pictures.read` returns them, with their labels.
# 2. `Rescaling(1 / 255)` first.
# 3. Train the plain CNN. Write its number down.
# 4. `fitting.remainder`: take the smallest family that leaves less than a stroke.
# 5. `models.finder` for the localization, `padding_mode="border"`, output at half or full size.
# 6. Poses first (`fit_pose`), or a growing distortion (`Curriculum`); `SlowAdam` for the transformer.
# 7. `health` on test images after each run: *working*, or its next step.
# 8. Draw before and after for ten test images.
# 9. Compare with the CNN of the same size, over several seeds.
#
# ## Recap
#
# - A folder, a `.zip` or a `labels.csv` becomes arrays with `pictures.read`; corners are optional.
# - `fitting.remainder` tells what each family leaves, in pixels, before anything is trained.
# - Trained the usual way, the transformer straightened nothing; with the poses first it took seconds.
# - One `health` line tells collapsed, asleep and working apart; accuracy doesn't.
# - A transformer has to beat a CNN of its size. If the corners are known or the pose hardly varies, leave it out.
#
# ## Exercises
#
# :::{exercise} Normalise before the dense layer
# :label: ex-images-order
#
# Build the finder with `LayerNormalization()` before `Dense(32)` instead of behind it. Teach it the poses. What does
# `health` say, and why?
# :::
#
# :::{solution-start} ex-images-order
# :class: dropdown
# :::

# %%
right = models.finder((*SIZE, 3)).layers
swapped = keras.Sequential([
    keras.Input((*SIZE, 3)), *right[:-3],
    layers.LayerNormalization(), layers.Dense(32, activation="tanh")])
training.set_seed(SEED)
dead = SpatialTransformer(swapped, padding_mode="border")
teach(dead, *known)
print(f"{swapped.layers[-1].kernel.shape[0]:,} inputs to each feature")
print(textwrap.fill(str(health(dead, unseen, truth)[0]), 84))

# %% [markdown]
# All of these inputs are now of size 1, and Adam moves each of their weights by the learning rate of 0.001. So a sum
# moves by more than 1 in a single step, and tanh saturates: the same features for every image.
#
# :::{solution-end}
# :::
#
# :::{exercise} Corners of fifty images
# :label: ex-images-pairs
#
# You marked the corners of fifty images. Straighten these (`fitting.from_corners`, `distortions.warp`), let `PosePairs`
# warp them at random, and teach a new transformer. How many pixels of error remain on the test images?
# :::
#
# :::{solution-start} ex-images-pairs
# :class: dropdown
# :::

# %%
marked = images[:50]
if train.corners is not None:
    theta = fitting.from_corners(train.corners[:50])
    marked = distortions.warp(marked, theta, SIZE, "projective", "border")
training.set_seed(SEED)
other = SpatialTransformer(models.finder((*SIZE, 3)), padding_mode="border")
teach(other, *warped(marked))


def error(layer):
    theta = np.pad(layer.theta(unseen).numpy(), ((0, 0), (0, 2)))  # as a homography
    points, true = (fitting.project(one, fitting.LATTICE) for one in (theta, truth))
    distance = np.linalg.norm((points - true) * [WIDTH / 2, HEIGHT / 2], axis=-1)
    return distance.mean(axis=1)


if truth is not None:
    few, many = error(other).mean(), error(first).mean()
    print(f"no transformer: {nothing.mean():.1f} pixels; fifty images:"
          f" {few:.1f}; all {len(train):,}: {many:.1f}")

# %% tags=["claim"]
assert error(first).mean() < error(other).mean() < 0.5 * nothing.mean()

# %% [markdown]
# Fifty images take the larger part of the error away. All of them do better: behind a warped training image its own edge
# goes on, behind a real plate there is a street.
#
# :::{solution-end}
# :::
#
# :::{exercise} When is projective worth it?
# :label: ex-images-perspective
#
# `training.random_quads` has an argument `perspective`. How strong must it be before affine leaves two pixels?
# :::
#
# :::{solution-start} ex-images-perspective
# :class: dropdown
# :::

# %%
for strength in (0, 0.02, 0.05, 0.1, 0.15):
    rng = np.random.default_rng(SEED)
    drawn = training.random_quads(rng, 200, SIZE, perspective=strength)
    left = fitting.remainder("affine", drawn, SIZE).mean()
    print(f"{strength:4.2f}: {left:.1f} pixels")

# %% [markdown]
# The corners then move by that share of the object's sides.
#
# :::{solution-end}
# :::
#
# :::{exercise} Corners in another order
# :label: ex-images-corners
#
# Your annotation tool starts at the lower left and goes clockwise. What would `from_corners` make of your plates,
# and what is the fix?
# :::
#
# :::{solution-start} ex-images-corners
# :class: dropdown
# :::

# %% mystnb={"figure": {"caption": "One plate, straightened with its corners in the wrong order and in the right one.", "name": "fig-10-order"}, "image": {"alt": "Two pictures of one number plate: with the corners in the wrong order it is rotated by 90 degrees and stretched, with the right order it is upright."}}
found = fitting.CORNERS[None] / 2 if test.corners is None else test.corners[:1]
wrong = np.roll(found, 1, axis=1)              # lower left first
both = [fitting.from_corners(four) for four in (wrong, np.roll(wrong, -1, axis=1))]
shown = [distortions.warp(unseen[:1], one, SIZE, "projective")[0] for one in both]
figure = plotting.strip(shown, ["wrong order", "right order"], size=3.2)

# %% [markdown]
# A quarter of a rotation. `np.roll(corners, -1, axis=1)` puts the upper left first. If they come out mirrored, the
# order is counter-clockwise: `corners[:, ::-1]`, then roll. (`pictures.read` refuses a table with either mistake.)
#
# :::{solution-end}
# :::
