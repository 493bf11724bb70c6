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
# This chapter reads a folder of images, teaches a spatial transformer to straighten what is on them, and trains a second
# network, the *reader*, on the result. The transformer predicts a map for each image, $\theta$ (six numbers for an
# affine map), and resamples the image with it. Our images are number plates, drawn by the computer. Set `FOLDER` to a
# folder or a `.zip` of yours and run everything: it takes a few minutes on two cores, without a GPU (outside Colab,
# {doc}`install stnlib <api>` first). What needs corners is skipped if you have none. The output then describes
# your images; text and captions still describe our plates.

# %%
FOLDER = None  # "my_images", "my_images.zip", or None for number plates
STEPS = 200  # to train the reader, just to see it work: take 2,000 or more
POSE_STEPS = 1120  # to teach the transformer where the objects lie
TRANSFORM = "affine"  # or "projective", "tps"
SEED = 0

# %% tags=["hide-input"] mystnb={"code_prompt_show": "Show the set-up"}
import tempfile
import textwrap
from functools import partial
from math import ceil

import keras
import numpy as np
from IPython.display import Markdown
from keras import layers

from stnlib import SpatialTransformer, distortions, fitting, models, pictures, plates, plotting, training, transforms
from stnlib.experiments import files, report
from stnlib.experiments.catalog import EXPERIMENTS
from stnlib.health import health
from stnlib.optimizers import SlowAdam

plotting.use_style()
folder = FOLDER or plates.write(tempfile.mkdtemp(), 1600, SEED, alphabet="0123456789")
train, test = pictures.read(folder).split(seed=SEED)
SIZE = HEIGHT, WIDTH = train.images.shape[1:3]
ASPECT = WIDTH / HEIGHT
BATCH = 32
images, unseen = train.images / np.float32(255), test.images / np.float32(255)
ALL = train.marked.all() and test.marked.all()  # every image has corners
truth = fitting.from_corners(test.corners) if ALL else None


# %% tags=["hide-input"] mystnb={"code_prompt_show": "Show the helpers"}
def epochs_for(steps, count):
    """So many epochs that there are at least so many steps, however small the folder."""
    return max(1, -(-steps // -(-count // BATCH)))


def warped(some, corners=None):
    """Images with their object warped from its corners (None: from upright) to elsewhere, and the theta that undoes it."""
    many = np.resize(some, (max(1280, len(some)), *some.shape[1:]))
    corners = None if corners is None else np.resize(corners, (len(many), 4, 2))
    return training.PosePairs(many, TRANSFORM, batch_size=len(many), seed=SEED, corners=corners)[0]


def before_after(transformer):
    """Two test images in a row, and below what the transformer makes of them."""
    shown = unseen[:2]
    theta = transformer.theta(shown).numpy()
    after = distortions.warp(shown, theta, SIZE, transformer.transform, transformer.padding_mode)
    return plotting.strip([*shown, *after], columns=len(shown), size=3, rows=["before", "after"])


# %% tags=["hide-input"] mystnb={"code_prompt_show": "Show how poses are chosen"}
def error(layer):
    """How far a transformer's points lie from the true ones on each test image, in pixels; not for tps."""
    theta = layer.theta(unseen).numpy()
    theta = np.pad(theta, ((0, 0), (0, 8 - theta.shape[1])))  # as a homography
    points, true = (fitting.project(one, fitting.LATTICE) for one in (theta, truth))
    away = (points - true) * [WIDTH / 2, HEIGHT / 2]
    return np.sqrt((away**2).sum(axis=-1).mean(axis=1))  # as fitting.remainder measures


if ALL:
    seen, poses = images, fitting.from_corners(train.corners, transform=TRANSFORM)
elif train.marked.any():
    seen, poses = warped(images[train.marked], train.corners[train.marked])
else:
    seen, poses = warped(images)
EPOCHS, POSE_EPOCHS = epochs_for(STEPS, len(train)), epochs_for(POSE_STEPS, len(seen))

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Trained on known poses only (the true position and tilt of each plate), the transformer removes most of the slant. Two images that it was not trained on, before and after; in places part of a character is cut off.", "name": "fig-10-before-after"}, "image": {"alt": "Two number plates at a slant before coloured backgrounds; below each the same plate, nearly level and filling the picture, its ends in places cut off."}}
training.set_seed(SEED)
first = SpatialTransformer(models.finder((*SIZE, 3)), TRANSFORM, padding_mode="border")
training.fit_pose(first, seen, poses, ceil(POSE_EPOCHS / 2), BATCH)
figure = before_after(first)

# %% [markdown]
# ## What goes into the folder
#
# `pictures.read` turns a folder into arrays. There are three ways to label an image; if several apply, the first wins:
#
# | How | Example |
# |---|---|
# | a file `labels.csv` beside the images | `file,label` and `img_07.jpg,AB123` |
# | subfolders, one for each class (not spelt out) | `stop/img_07.jpg` |
# | the file's name, up to the first underscore | `AB123_07.jpg` |
#
# If you know the object's corners, add them to `labels.csv`: pixels, from the upper left corner clockwise, as polygon
# tools mark them; empty for images that nobody has marked.
#
# ```text
# file,label,x1,y1,x2,y2,x3,y3,x4,y4
# img_07.jpg,AB123,12,8,170,21,168,60,10,45
# ```

# %% tags=["hide-input"]
print(f"{len(train):,} + {len(test):,} images of {HEIGHT} x {WIDTH} pixels")
print(textwrap.fill(f"labels: up to {train.labels.shape[1]} symbols each, the first is {train.text(train.labels[0])!r}", 84))
print(textwrap.fill(f"{len(train.symbols)} symbols: {' '.join(train.symbols)}", 84))
every = np.concatenate([train.labels, test.labels])
filled = (np.array(train.symbols)[every] != " ").sum(axis=1)
for length, first_place, count in zip(*np.unique(filled, return_index=True, return_counts=True), strict=True):
    print(f"labels with {length} symbols: {count:,}" + (f", {train.text(every[first_place])!r}" if count == 1 else ""))
print(f"corners: known for {train.marked.sum():,} + {test.marked.sum():,} images")
if not train.marked.any():
    print("Your images are taken for upright. If they aren't, mark the corners of fifty.")

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Images as they were read, with their labels. If something is wrong here, nothing later can be right.", "name": "fig-10-as-read"}, "image": {"alt": "Four number plates at a slant before coloured backgrounds, above each the digits on it."}}
figure = plotting.strip(train.images[:4] / 255, [train.text(one) for one in train.labels[:4]], columns=2, size=3)

# %% [markdown]
# - The network gets an output for each symbol of the longest label. A label length that occurs once, or a symbol that
#   you don't expect, is probably a typing mistake.
# - All images become `(height, width, 3)`, `uint8`, in the folder's median proportions: fitted, not stretched, and
#   padded by repeating edge pixels.
# - **Each is reduced to some 9,000 pixels.** Crop photographs to the object and its surroundings, or set another size
#   in the set-up: `pictures.read(folder, size=(height, width))`.
# - The split is random. If several photographs show the same object, keep them on the same side (`take`), or your
#   test score will be too good.
#
# :::{dropdown} Details: in Colab
# Zip your folder, open the file pane on the left, drop the `.zip` there, and set `FOLDER = "my_images.zip"`.
# :::
#
# :::{dropdown} Details: corners in another order
# `pictures.read` refuses other orders. If your tool starts at the lower left, `np.roll(corners, -1, axis=1)` puts the
# upper left first. If it goes counter-clockwise, reverse them first: `corners[:, ::-1]`.
# :::
#
# ## Which transform?
#
# Choose the simplest family of maps that can undo what was done to your objects, then set `TRANSFORM`, above. This needs
# no training: `fitting.remainder` fits each family to the true poses and returns the error that remains, in pixels.

# %%
quads = truth  # or, where no corners are known, some quadrilaterals at random:
if truth is None:
    quads = training.random_quads(np.random.default_rng(SEED), 200, SIZE)
remainder = {name: fitting.remainder(name, quads, SIZE, aspect=ASPECT)
             for name in transforms.NAMES}

# %% tags=["hide-input"]
def strokes():
    """How wide the strokes of each font are on the plates, in pixels."""
    top = np.linalg.norm((train.corners[:, 1] - train.corners[:, 0]) * [WIDTH / 2, HEIGHT / 2], axis=1).mean()
    masks = [plates.font(name).getmask("1") for name in plates.FONTS]
    rows = [np.reshape(mask, mask.size[::-1])[mask.size[1] // 2] for mask in masks]
    return [row.sum() / 255 * top / plates.FACE[0] for row in rows]


away = (fitting.project(quads, fitting.LATTICE) - fitting.LATTICE) * [WIDTH / 2, HEIGHT / 2]
nothing = np.sqrt((away**2).sum(axis=-1).mean(axis=1))
MAPS = {"attention": "zoom, shift", "rigid": "rotation, shift", "similarity": "rotation, zoom, shift",
        "affine": "also shear and stretch", "projective": "also perspective", "tps": "bends"}
rows = [(name, MAPS[name], len(transforms.parameter_names(name)), f"{left.mean():.1f}")
        for name, left in sorted(remainder.items(), key=lambda item: -item[1].mean())]
rows = [("*no transformer*", "–", 0, f"{nothing.mean():.1f}"), *rows]
if truth is not None and TRANSFORM != "tps":
    rows.append((f"**{TRANSFORM}, as trained above**", "–", "–", f"**{error(first).mean():.1f}**"))
if truth is None:
    wide = "Not all corners are known: this is about random quadrilaterals, not about your images. Take affine."
else:
    wide = ("Measure the thinnest stroke on an image of yours, `train.images[0]`." if FOLDER else
            f"The strokes of these plates are {min(strokes()):.1f} to {max(strokes()):.1f} pixels wide.")
Markdown(plotting.markdown_table(("Transform", "Map", "Numbers in theta", "Mean error, pixels"), rows, words=2)
         + f"\n\n{wide}")

# %% tags=["claim"]
assert remainder["affine"].mean() < 0.1 * nothing.mean()
assert remainder["affine"].mean() < min(strokes()) < remainder["similarity"].mean()
assert remainder["projective"].mean() < 0.01
assert np.median(remainder["affine"]) < min(strokes()) < remainder["affine"].max()
assert 1.5 * remainder["affine"].mean() < error(first).mean() < 0.4 * nothing.mean()

# %% [markdown]
# **Take the family with the fewest numbers in theta whose mean error is below the width of the thinnest stroke.** Here that
# is affine: the plates are sheared, which a similarity cannot undo, and most have little perspective
# ({numref}`fig-10-families` shows the worst case). A projective map leaves less, but in the full measurement it gets
# hardly more plates right. Take `"tps"` only for objects that are curved. With `"rigid"` and `"similarity"` on images
# that are not square, set `aspect` ({ref}`ex-images-wide`).
#
# The families' errors are lower bounds. The last row is what our transformer leaves after its short training: more
# than the family, and more than a stroke. Train longer before you take a richer family.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "The plate that is hardest for an affine map, straightened by the best fit of each family. After a similarity it still leans; after an affine map it is still narrower at one end; a projective map leaves no error.", "name": "fig-10-families"}, "image": {"alt": "Four pictures of one number plate: as photographed, slanted and narrower at one end; straightened by a similarity, still leaning; by an affine map, nearly a rectangle; by a projective map, an exact rectangle."}}
if truth is not None:
    hardest = int(remainder["affine"].argmax())
    straight = [unseen[hardest]]
    for name in ("similarity", "affine", "projective"):
        theta = fitting.fit(name, fitting.LATTICE, fitting.project(truth[[hardest]], fitting.LATTICE), aspect=ASPECT)
        if name == "similarity":
            theta = transforms.matrix(name, theta, aspect=ASPECT).numpy().reshape(1, 6)
        straight.append(distortions.warp(straight[0][None], theta, SIZE, "affine" if len(theta[0]) == 6 else name)[0])
    figure = plotting.strip(straight, ["the image", "similarity", "affine", "projective"], columns=2, size=3)

# %% [markdown]
# ## The network
#
# The part of the transformer that predicts $\theta$, its localization network, is `models.finder`.
# The reader, behind the transformer, predicts the characters. Four choices differ
# from the usual way. The first decides; with known poses, the usual features and padding worked, too (below):
#
# | The usual way | What we use |
# |---|---|
# | labels from the start | known poses first, or a distortion that grows |
# | one learning rate | the transformer's is a third or a tenth of the reader's: `SlowAdam` |
# | features from a ReLU | from `LayerNormalization()` and tanh, in this order ({ref}`ex-images-order`) |
# | `padding_mode="zeros"` | `"border"` |

# %% tags=["hide-input", "listing:stnlib.models.finder"]
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


# %%
def network(features="tanh", padding_mode="border"):
    half = HEIGHT // 2, WIDTH // 2
    length, symbols = train.labels.shape[1], len(train.symbols)
    transformer = SpatialTransformer(
        models.finder((*SIZE, 3), features), TRANSFORM, output_size=half,
        padding_mode=padding_mode, name="transformer")
    reader = models.reader((*half, 3), length, symbols, filters=(12, 24, 32))
    return keras.Sequential([
        keras.Input((*SIZE, 3)), layers.Rescaling(1 / 255), transformer, reader],
        name=f"stn_{features}")


# %% [markdown]
# `Rescaling` comes first, so that the model takes a camera's `uint8`. The output is half as high and wide as
# the image. If your objects fill the image and have thin strokes, output the full size and average: `output_size=SIZE`,
# then `AveragePooling2D(2)`.
#
# ## The usual way straightens none of these plates
#
# First the usual set-up: labels alone, Adam's default rate for everything, no augmentation.

# %%
training.set_seed(SEED)
usual = training.compile(network("relu", "zeros"), 1e-3)
training.fit(usual, train.images, train.labels, EPOCHS, BATCH, SEED)
print(textwrap.fill(health(usual, test.images, truth)[0].verdict, 84))

# %% tags=["claim"]
assert health(usual, test.images, truth)[0].state not in ("working", "not rotating")
assert error(usual.get_layer("transformer")).mean() > 0.8 * nothing.mean()

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Trained the usual way, the transformer straightens nothing. Two test images, before and after; black is outside the image.", "name": "fig-10-usual"}, "image": {"alt": "Two slanted number plates; below each the same plate, as slanted as before."}}
figure = before_after(usual.get_layer("transformer"))

# %% [markdown]
# While the reader only guesses, its gradient can't tell the transformer where to look. Accuracy doesn't show what
# happened to the transformer; `health` does.
#
# :::{dropdown} Details: what noise does
# Adam divides a gradient by its own size, so noise moves $\theta$ as fast as a signal would. Either the steps cancel and
# $\theta$ stays where it is, or the window leaves the image, where all is zero and no gradient leads back. Meanwhile ReLU
# features may die: they are zero for every image, so $\theta$ is the same for every image.
# :::
#
# ## A recipe that works
#
# Teach the poses first. What you need for that depends on what you know; the set-up chooses by itself:
#
# | You have | The transformer learns from |
# |---|---|
# | corners of all images | your images, with `fitting.from_corners(corners)` |
# | corners of fifty | those, warped to elsewhere: `training.PosePairs` with `corners` ({ref}`ex-images-pairs`) |
# | no corners, upright images | those, warped at random: `training.PosePairs` |
# | no corners, slanted images | nothing yet: mark fifty |

# %%
training.set_seed(SEED)
posed = network()
transformer = posed.get_layer("transformer")
training.fit_pose(transformer, seen, poses, POSE_EPOCHS, BATCH);

# %% [markdown]
# Then train everything on the labels, the transformer at a tenth of the reader's rate, on augmented images: zoomed, rotated
# and shifted a little, anew in each epoch, by the transformer's own grid and sampler ({numref}`fig-10-augment`).

# %%
import tensorflow as tf

from stnlib import affine_grid, grid_sample

LOW, HIGH = [0.9, -0.15, -0.1, -0.1], [1.1, 0.15, 0.1, 0.1]  # s, angle, tx, ty


def augment(pixels, labels):
    draws = tf.random.uniform((tf.shape(pixels)[0], 4), LOW, HIGH, seed=SEED)
    grid = affine_grid(transforms.matrix("similarity", draws, aspect=ASPECT), SIZE)
    pixels = tf.cast(pixels, "float32")
    return grid_sample(pixels, grid, padding_mode="border"), labels


# %%
stream = tf.data.Dataset.from_tensor_slices((train.images, train.labels))
stream = stream.shuffle(len(train), seed=SEED).batch(BATCH).map(augment).prefetch(2)

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Augmented images are moved a little, the edge continued. Six of a batch.", "name": "fig-10-augment"}, "image": {"alt": "Six pictures of number plates, each slightly zoomed, rotated or shifted, the background continued at the edges."}}
batch, _ = next(iter(stream))
figure = plotting.strip(batch[:6] / 255, columns=3, size=2)

# %%
rate = keras.optimizers.schedules.CosineDecay(1e-3, EPOCHS * len(stream))
training.compile(posed, SlowAdam(transformer, factor=0.1, learning_rate=rate))
training.fit(posed, stream, None, EPOCHS, seed=SEED)
print(textwrap.fill(str(health(posed, test.images, truth)[0]), 84))

# %% [markdown]
# A new photograph goes through `pictures.fit(PIL.Image.open(path), SIZE)[0]`. Then:

# %%
new = test.images[:1]
found = training.probabilities(posed, new).argmax(axis=-1)
print(train.text(found[0]), "is read, the label is", test.text(test.labels[0]))

# %% [markdown]
# The last word of `health`'s line, above, is the state; {doc}`chapter 11 <11_when_it_fails>` lists all, and what to do.
# Without corners it is *working (truth unknown)*: $\theta$ differs between images; only pictures before and after tell
# whether it is right. The numbers are:
#
# | Number | Meaning |
# |---|---|
# | outside | share of the sampling points that lie outside the image; near 100%: the output is only padding |
# | zoom | area of the sampled window, as a share of the image |
# | spread | how much $\theta$ differs between images; near 0: it is the same for all |
# | stride | input pixels from one sample to the next, printed above 2 only |
# | live features | features of the localization network that differ between images |
# | correlation | between $\theta$ and the true poses, 1 at best (only with corners) |
# | rotation | share of the true rotation that $\theta$ follows (only with corners) |
#
# For comparison we train a CNN without a transformer, augmented, too. Its reader has more filters, so that both
# have as many weights.

# %% tags=["hide-input"] mystnb={"code_prompt_show": "Show the CNN"}
training.set_seed(SEED)
reader = models.reader((HEIGHT // 2, WIDTH // 2, 3), train.labels.shape[1],
                       len(train.symbols), filters=(20, 40, 56))
alone = training.compile(keras.Sequential([
    keras.Input((*SIZE, 3)), layers.Rescaling(1 / 255),
    layers.AveragePooling2D(2), reader], name="cnn_alone"), rate)
training.fit(alone, stream, None, EPOCHS, seed=SEED);

# %% tags=["hide-input"]
PLAN = EXPERIMENTS["recipes"]


def shares(records, name):
    """The shares of images that each seed of a recipe got right, in percent."""
    return [100 * (1 - record["error"]["distorted"]) for record in records if record["model"] == name]


trained = {"CNN alone": alone, "transformer, the usual way": usual, "transformer, poses first": posed}
share = {name: [training.accuracy(model, test.images, test.labels, whole) for whole in (False, True)]
         for name, model in trained.items()}
state = {name: health(model, test.images, truth)[0].summary for name, model in trained.items() if model is not alone}
rows = [(name, state.get(name, "–"), f"{model.count_params():,}", *(f"{value:.1%}" for value in share[name]))
        for name, model in trained.items()]

# %% tags=["hide-input"]
seen_right = training.accuracy(posed, train.images, train.labels, True)
if seen_right < 0.5:
    why = "too few steps: raise `STEPS`"
elif seen_right > share["transformer, poses first"][1] + 0.1:
    why = "overfitting: label more images"
else:
    why = "no overfitting"
long = {name: np.mean(shares(report.planned_recipes("plates"), name)) for name in ("adam", "cnn")}
if share["CNN alone"][1] >= share["transformer, poses first"][1] > 0:
    verdict = "**The CNN alone is as good: these images need no transformer.**"
else:
    verdict = ("This run is short. With more plates and epochs (below) even a CNN learns slanted plates: it reads "
               f"{long['cnn']:.0f}% of ours, the usual way {long['adam']:.0f}%.")
Markdown(plotting.markdown_table(("Network", "State", "Weights", "Symbols right", "Images right"), rows, words=2)
         + f"\n\nGuessing gets {1 / len(train.symbols):.0%} of the symbols. All had {EPOCHS} epochs on labels, the last one "
         f"{POSE_EPOCHS} on poses before that. The last gets {seen_right:.0%} of the training images right, "
         f"{share['transformer, poses first'][1]:.0%} of the test images ({why}).\n\n{verdict}")

# %% tags=["claim"]
assert share["transformer, poses first"][0] > 0.6
assert share["CNN alone"][0] < 0.3
assert share["transformer, the usual way"][0] < 0.3
assert max(long.values()) < min(shares(report.planned_recipes("plates"), "pose")) - 5 and min(long.values()) > 50
assert seen_right > share["transformer, poses first"][1] + 0.1 and share["CNN alone"][1] < 0.05

# %% [markdown]
# On our straightened plates ({numref}`fig-10-read`) the reader gets most symbols right, but a plate counts only if all
# are. Where characters are cut off, raise `POSE_STEPS`. If the state is *working*, nothing is cut off and it still
# reads badly, the reader needs more steps or images, not another transformer.

# %% tags=["claim"]
predicted = training.probabilities(posed, test.images).argmax(axis=-1)
assert abs((predicted == test.labels).all(axis=1).mean() - share["transformer, poses first"][1]) < 0.01
assert training.accuracy(posed, train.images, train.labels) > share["transformer, poses first"][0] + 0.05
assert share["transformer, poses first"][1] < share["transformer, poses first"][0] - 0.1

# %% tags=["hide-input"] mystnb={"figure": {"caption": "The reader still makes mistakes, also on plates that look straight. Some lean or are cut off. The transformer's output; above it the prediction, with the label in brackets if that is wrong.", "name": "fig-10-read"}, "image": {"alt": "Nine straightened number plates in three columns, above each the five characters that the network predicts."}}
shown, guess = unseen[:9], training.probabilities(posed, test.images[:9]).argmax(axis=-1)
told = [(test.text(a), test.text(b)) for a, b in zip(guess, test.labels, strict=False)]
titles = [a if a == b else f"{a} ({b})" for a, b in told]
figure = plotting.strip(distortions.warp(shown, transformer.theta(shown).numpy(), SIZE, TRANSFORM, "border"), titles,
                        columns=3, size=2)

# %% [markdown]
# ### Or let the distortion grow
#
# There is a way from labels alone, if you can weaken the distortion of your training images: you make it yourself, or
# you know the corners. It takes longer. Show the images upright in the first epoch and fully
# distorted after a third of the epochs ({numref}`fig-10-curriculum`). Then the reader works early, and the transformer
# only ever has to correct a little more than before. `training.Curriculum` feeds such images to
# `model.fit`. It needs thousands of steps, so it isn't trained here; `train_growing()` does it. With too few, the reader
# doesn't work yet when the distortion is full.

# %% tags=["hide-input"] mystnb={"code_prompt_show": "Show a growing distortion to copy"}
def growing(some, strength, rng):
    eased = distortions.ease(some.images, some.corners, strength)
    low, high = [0.9, -0.1, -0.1, -0.1], [1.1, 0.1, 0.1, 0.1]  # s, angle, tx, ty
    draws = rng.uniform(low, high, (len(eased), 4))
    little = transforms.matrix("similarity", draws.astype("float32"), aspect=ASPECT)
    little = little.numpy().reshape(-1, 6)
    moved = distortions.warp(eased, little, padding_mode="border")
    return moved, some.labels


def train_growing(some=train, steps=4000):
    model, epochs = network(), epochs_for(steps, len(some))
    data = training.Curriculum(partial(growing, some), ramp=round(0.3 * epochs), batch_size=BATCH, seed=SEED)
    rate = keras.optimizers.schedules.CosineDecay(1e-3, epochs * len(data))
    training.compile(model, SlowAdam(model.get_layer("transformer"), 0.3, learning_rate=rate))
    model.fit(data, epochs=epochs, verbose=2)
    return model

# %% tags=["claim"]
assert np.isfinite(train_growing(train.take(np.arange(2 * BATCH)), steps=1).history.history["loss"])

# %% tags=["hide-input"] mystnb={"figure": {"caption": "The distortion grows over a third of the epochs. One training image in the first epoch (strength 0), halfway, and from then on (1), before it is augmented.", "name": "fig-10-curriculum"}, "image": {"alt": "Three pictures of one number plate: filling the picture and upright, half as slanted, and as photographed."}}
if ALL:
    steep = np.abs(train.corners[:, 1, 1] - train.corners[:, 0, 1]).argmax(keepdims=True)  # its top edge slants most
    steps = [distortions.ease(images[steep], train.corners[steep], strength)[0] for strength in (0, 0.5, 1)]
    figure = plotting.strip(steps, ["strength 0", "strength 0.5", "strength 1"], size=2)

# %% [markdown]
# ## The full measurement
#
# A larger experiment: 6,000 plates with 33 different characters to train on, 1,000 to test on, and a reader with twice
# the filters. The same recipes on MNIST's digits, 6,000 for training, stand beside it.

# %% tags=["hide-input"]
SHOWN = "cnn_augmented", "adam", "pairs", "curriculum_augmented", "pose_augmented"
TASKS = {"plates": "Plates", "RTS": "Digits, rotated, scaled, shifted", "clutter": "Digits in clutter"}
labels = {name: PLAN.model(name).label for name in SHOWN}
records = report.planned_recipes("plates")
right = {name: shares(records, name) for name in {r["model"] for r in records}}
mean = {name: np.mean(found) for name, found in right.items()}
projective = np.mean(shares(report.planned_recipes("plates", "projective"), "pose_augmented"))
from_labels = [r for r in records if "found" in r and not r["recipe"]["growing"] and not r["recipe"]["pose_epochs"]]
shown = [r for task in TASKS for r in report.planned_recipes(task) if r["model"] in SHOWN[2:]]

# %% tags=["hide-input"]
LONG = PLAN.planned_epochs("curriculum_augmented")
fold = "<details><summary>Details: all recipes on the three tasks, with their settings</summary>\n\n{}\n\n{}\n\n</details>"
Markdown(
    report.tasks_table(labels, TASKS)
    + "\n\nImages right, in %: the mean, and in brackets the worst and the best seed. "
    f"{PLAN.planned_epochs('adam')} epochs on labels each, the growing distortion {LONG}; random warps and poses are "
    f"taught {PLAN.model('pairs').recipe.pose_epochs} epochs before. The transformers of the last three rows: {report.states(shown)}.\n\n"
    f"- **Poses first, augmented**, gets {mean['pose_augmented'] - mean['cnn_augmented']:.0f} points more plates right than "
    "the augmented CNN, which varies much with the seed. It also got the corners. "
    f"Without augmentation poses first gets {mean['pose']:.0f}% in {PLAN.planned_epochs('pose')} epochs, the CNN {mean['cnn']:.0f}% in "
    f"{PLAN.planned_epochs('cnn')}. Poses first with projective maps gets {projective:.1f}%.\n"
    f"- **From labels alone at full distortion** none of {len(from_labels)} runs straightened the plates "
    f"(Details). The transformers: {report.states(from_labels)}. On digits without clutter the usual way works.\n"
    "- **Without corners** you need upright images, for random warps or a growing distortion. We straightened ours.\n"
    f"- **Augment the growing distortion.** Then the worst of {len(right['curriculum_augmented'])} seeds gets "
    f"{min(right['curriculum_augmented']):.0f}% of the plates right, without it {min(right['curriculum']):.0f}%.\n\n"
    + fold.format("\n\n".join(f"**{title}**\n\n{report.recipes_table(task)}" for task, title in TASKS.items()),
                  "Settings are the last features, the padding, and the transformer's rate as a multiple of the reader's; "
                  "*State* counts seeds.")
)

# %% tags=["claim"]
assert min(right["pose"]) > max(right["cnn"]) + 10 and min(right["pose_augmented"]) > max(right["pose"])
assert min(right["pose_augmented"]) > max(right["cnn_augmented"]) and np.ptp(right["cnn_augmented"]) > 20
assert abs(projective - mean["pose_augmented"]) < 1 and abs(mean["pairs"] - mean["curriculum_augmented"]) < 3
assert all(r["found"]["corrected"] < 0.05 for r in from_labels)
assert {r["found"]["state"] for r in shown} == {"working"}
assert min(right["curriculum_augmented"]) > max(right["cnn"] + right["cnn_augmented"]) + 5
assert min(right["curriculum_augmented"]) > min(right["curriculum"]) + 5
for distorted in ("RTS", "clutter"):
    on_it = report.planned_recipes(distorted)
    plain = shares(on_it, "cnn") + shares(on_it, "cnn_augmented")
    assert all(min(shares(on_it, name)) > max(plain) + 5 for name in ("curriculum_augmented", "pose", "pose_augmented"))
    assert (min(shares(on_it, "adam")) > max(plain) + 5) == (distorted == "RTS")
assert {PLAN.planned_epochs(name) for name in SHOWN if name != "curriculum_augmented"} == {PLAN.planned_epochs("adam")}
pose = [record["recipe"] for record in records if record["model"] == "pose"]
assert all(recipe["features"] == "relu" and recipe["padding_mode"] == "zeros" for recipe in pose)

# %% [markdown]
# ### How many labelled images?

# %% tags=["hide-input"]
tried = [r for r in files.read_results() if (r["experiment"], r["distortion"], r["model"], r["transform"], r["seed"])
         == ("recipes", "plates", "pose", "affine", 0)]
small, large = ({"images": r["train_images"], "right": 100 * (1 - r["error"]["distorted"]),
                 "steps": r["epochs"] * -(-r["train_images"] // r["batch_size"])}
                for r in sorted(tried, key=lambda r: r["train_images"]))
Markdown(f"With {small['images']:,} labelled plates and {small['steps']:,} steps on labels the network gets {small['right']:.0f}% of the "
         f"test plates right, with {large['images']:,} and {large['steps']:,} steps {large['right']:.0f}% (poses first, one seed).")

# %% tags=["claim"]
assert small["steps"] < large["steps"] and 100 - small["right"] > 3 * (100 - large["right"])

# %% [markdown]
# ## When you don't need one
#
# - If a detector finds the corners of new images, too: rectify with `fitting.from_corners` and `distortions.warp`.
# - If the objects come in nearly one pose, or a CNN on augmented images is good enough.
# - If there are several objects in an image: one transformer looks at one place.
#
# ## Checklist
#
# 1. Look at ten images as `pictures.read` returns them, with their labels ({numref}`fig-10-as-read` shows four).
# 2. Train the plain CNN, on augmented images. Note its accuracy.
# 3. `fitting.remainder`: take the simplest family that leaves less than the thinnest stroke on average.
# 4. `Rescaling` first; `models.finder`, `padding_mode="border"`, output at half or full size.
# 5. Poses first (`fit_pose`), or a growing distortion (`Curriculum`); `SlowAdam`; the same augmented images.
# 6. `health` on test images after each run: if it isn't *working*, follow the verdict. Draw before and after for ten of them.
# 7. Compare with a CNN of as many weights, those of the localization network included, over several seeds.
# 8. Save, export and watch the model: {doc}`chapter 12 <12_ship_it>`.
#
# ## Recap
#
# - `pictures.read` turns a folder into arrays; `fitting.remainder` tells what each family leaves, in pixels.
# - Trained the usual way, the transformer straightened no plates; with the poses first it did. `health` tells which.
# - A transformer has to beat an augmented CNN of its size; otherwise leave it out.
#
# ## Exercises
#
# :::{exercise} Normalise before the dense layer
# :label: ex-images-order
#
# Build `models.finder` with `LayerNormalization()` before `Dense(32)` instead of behind it. Teach it the poses. What does
# `health` say, and why?
# :::
#
# :::{solution-start} ex-images-order
# :class: dropdown
# :::

# %%
swapped = keras.Sequential([
    keras.Input((*SIZE, 3)), *models.finder((*SIZE, 3)).layers[:-3],
    layers.LayerNormalization(), layers.Dense(32, activation="tanh")])
training.set_seed(SEED)
dead = SpatialTransformer(swapped, TRANSFORM, padding_mode="border")
training.fit_pose(dead, seen, poses, ceil(POSE_EPOCHS / 4), BATCH)
print(f"{swapped.layers[-1].kernel.shape[0]:,} inputs to each feature")
print(textwrap.fill(str(health(dead, unseen, truth)[0]), 84))

# %% [markdown]
# All of these inputs are now of size 1, and Adam moves each weight by the learning rate of 0.001. So a sum
# moves by more than 1 in a single step, and tanh saturates: the features are the same for every image.
#
# :::{solution-end}
# :::
#
# :::{exercise} Corners of fifty images
# :label: ex-images-pairs
#
# You marked the corners of fifty images. `PosePairs` with `corners` moves the object in each to the corners of another,
# surroundings and all, as often as you like; the chapter does so by itself where `labels.csv` has corners for some images
# only. Teach a new transformer on such pairs. How many pixels of error remain on the test images?
# :::
#
# :::{solution-start} ex-images-pairs
# :class: dropdown
# :::

# %%
if truth is None or TRANSFORM == "tps":
    print("Skipped: it needs all corners, and a transform other than tps.")
else:
    training.set_seed(SEED)
    finder = models.finder((*SIZE, 3))
    other = SpatialTransformer(finder, TRANSFORM, padding_mode="border")
    pairs = warped(images[:50], train.corners[:50])
    training.fit_pose(other, *pairs, ceil(POSE_EPOCHS / 2), BATCH)
    few, many = error(other).mean(), error(first).mean()
    print(f"no transformer: {nothing.mean():.1f} pixels; fifty images:"
          f" {few:.1f}; all {len(train):,}: {many:.1f}")

# %% tags=["claim"]
assert error(first).mean() < error(other).mean() < 0.5 * nothing.mean()
assert error(other).mean() < 1.5 * error(first).mean()

# %% [markdown]
# Fifty marked images remove most of the error, for each of them comes in many poses, against its own background. All images
# have more backgrounds, and remove a little more.
#
# :::{solution-end}
# :::
#
# :::{exercise} When is projective worth it?
# :label: ex-images-perspective
#
# `training.random_quads` has an argument `perspective`. How strong must it be before affine's error reaches two pixels?
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
# `perspective` is how far the corners move, as a share of the sides. Two pixels lie between 0.05 and 0.1.

# %% tags=["claim"]
ends = [fitting.remainder("affine", training.random_quads(np.random.default_rng(SEED), 200, SIZE, perspective=p), SIZE).mean()
        for p in (0.05, 0.1)]
assert ends[0] < 2 < ends[1]

# %% [markdown]
# :::{solution-end}
# :::
#
# :::{exercise} Rotate wide images
# :label: ex-images-wide
#
# Rotate a grid of squares of the size of your images by 20 degrees, with `transforms.matrix("similarity", ...)`. What
# happens to its squares, and what does `aspect` change?
# :::
#
# :::{solution-start} ex-images-wide
# :class: dropdown
# :::
#
# $\theta$ lives in coordinates that run from -1 to 1 along both axes, whatever the image's shape. On an image that is
# four times as wide as high, one unit to the right is four times as many pixels as one unit down, so a rotation in these
# coordinates is a shear in pixels. `aspect` corrects it:

# %% tags=["hide-input"] mystnb={"figure": {"caption": "A rotation in normalised coordinates shears a wide image. With aspect it is a rotation.", "name": "fig-10-rotation"}, "image": {"alt": "Three wide pictures with a squared pattern. First upright; second with the squares sheared into narrow diamonds; third with the squares rotated by 20 degrees and still square."}}
board = np.zeros((1, *SIZE, 3), "float32") + 0.85
board[:, 2::12] = board[:, 3::12] = board[:, :, 2::12] = board[:, :, 3::12] = 0.25
rotation = np.array([[1, np.radians(20), 0, 0]], "float32")
shown, titles = [board[0]], ["the image"]
for aspect in dict.fromkeys((1, ASPECT)):
    theta = transforms.matrix("similarity", rotation, aspect=aspect).numpy().reshape(1, 6)
    shown.append(distortions.warp(board, theta)[0])
    titles.append(f"aspect={aspect:.3g}")
figure = plotting.strip(shown, titles, size=2)

# %% [markdown]
# Affine, projective and spline transforms can express a rotation in pixels without help: their shear and their
# unequal scales make up for the shape. So `aspect` matters for `"rigid"` and `"similarity"`, and wherever *you* draw
# a rotation, as in `augment`.
#
# :::{solution-end}
# :::
