# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # How do you ship a model with a spatial transformer?
#
# `model.export` exports a model with a spatial transformer like any other: SavedModel, ONNX and LiteRT predict what
# Keras predicts. One conversion destroys the model without an error message: full 8-bit quantisation
# ({numref}`fig-12-kept`). The sections are independent after the first two; read those that you need.
#
# After this chapter you can
#
# - save a model, export it, and test the export in the target runtime;
# - shrink a model to a third without breaking the sampler;
# - notice from $\theta$ that the camera has changed;
# - move weights from PyTorch to Keras, and check that nothing changed;
# - train on several devices, and know what to expect from it.

# %% tags=["hide-cell"]
import tempfile
import textwrap
import warnings
from pathlib import Path

import tensorflow as tf

# Two devices on one processor: TensorFlow takes this only before its first operation.
CPU = tf.config.list_physical_devices("CPU")[0]
HALVES = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(CPU, HALVES)

import keras
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Markdown
from keras import layers, ops

import stnlib
from stnlib import datasets, distortions, migration, models, plotting, training
from stnlib.experiments import files

plotting.use_style()
tf.get_logger().setLevel("ERROR")
warnings.filterwarnings("ignore", message=".*tf.lite.Interpreter is deprecated")
RESULTS = files.results_folder()
SEED = 0
TRAIN_SIZE = 1408  # digits to train on, each shown COPIES times
COPIES = 4
WORK = Path(tempfile.mkdtemp())  # exported files go here

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Full 8-bit quantisation destroys a model with a sampler; every other export keeps more than 95% of its predictions. The model reads number plates, like chapter 10's. A bar is the share of characters that the exported file predicts as its Keras model does, right or wrong. In “int8 around the sampler” the sampler stays in float32. Precomputed.", "name": "fig-12-kept"}, "image": {"alt": "Horizontal bars, one for each export. All are at or near 100 percent, except full 8-bit quantisation in LiteRT, which is near zero. With the sampler left in floating point, 8 bits are near 100 percent again."}}
exported = files.read_json(RESULTS / "bench-export.json")
kept = {name: 100 * entry["kept"] for name, entry in exported["results"].items()}
colors = [plotting.COLORS["gradient" if share < 50 else "input"] for share in kept.values()]
figure, ax = plt.subplots(figsize=(6, 3.2))
for bar, share in zip(ax.barh(list(kept), kept.values(), color=colors), kept.values()):
    ax.text(share + 1, bar.get_y() + bar.get_height() / 2, f"{share:.1f}", va="center")
ax.invert_yaxis()
ax.set(xlabel="characters predicted as by Keras (%)", xlim=(0, 112), xticks=range(0, 101, 25))
figure.tight_layout()

# %% tags=["claim"]
assert kept["LiteRT, int8"] < 50 < 95 < min(share for name, share in kept.items() if name != "LiteRT, int8")

# %% [markdown]
# ## A model to ship
#
# Our example is small, so that it trains here; you would train yours for longer. It classifies digits that are rotated,
# scaled and shifted on a canvas of 42 pixels. Like {doc}`chapter 10's model <10_your_images>` it learns the known poses
# first, then the labels. Last it prints the transformer's health ({doc}`chapter 11 <11_when_it_fails>` explains the
# measures). Ship a model only in the state `working`; `truth unknown` means that `health` couldn't check whether
# $\theta$ is right. `name="image"` fixes the input's name in the exported files.

# %% tags=["hide-input"]
data = datasets.load()
x = np.tile(data.x_train[:TRAIN_SIZE], (COPIES, 1, 1, 1))
y = np.tile(data.y_train[:TRAIN_SIZE], COPIES)
canvas, placed = distortions.distort(x, "RTS", SEED)
x_test = np.resize(data.x_test[::2], (1536, 28, 28, 1))  # every second one; the others serve the monitor, below
canvas_test, _ = distortions.distort(x_test, "RTS", SEED + 1)
y_test = np.resize(data.y_test[::2], 1536)

# %%
training.set_seed(SEED)
transformer = stnlib.SpatialTransformer(
    models.finder((42, 42, 1), shrink=2), output_size=(28, 28),
    padding_mode="border", name="transformer")
model = keras.Sequential(
    [keras.Input((42, 42, 1), name="image"), transformer, models.fcn()])

# %%
training.fit_pose(transformer, canvas, stnlib.transforms.invert(placed), epochs=8)
training.compile(model, stnlib.optimizers.SlowAdam(transformer, factor=0.1))
training.fit(model, canvas, y, epochs=4, seed=SEED)
print(f"test accuracy {training.accuracy(model, canvas_test, y_test):.3f}")
print(textwrap.fill(str(training.health(model, canvas_test[:256])[0]), 84))

# %% tags=["claim"]
assert training.health(model, canvas_test[:256])[0].state == "working"
assert training.accuracy(model, canvas_test, y_test) > 0.7

# %% [markdown]
# ## Export, then test in the target runtime
#
# We make three files of the digit model that give the same predictions. A `.keras` file is for Keras: with `stnlib`
# imported it loads without `custom_objects`. A SavedModel needs neither Keras nor `stnlib`:

# %%
model.save(WORK / "reader.keras")
model.export(WORK / "reader" / "1", verbose=False)

# %% [markdown]
# TensorFlow Serving calls a SavedModel by its signature, and so can you:

# %%
served = tf.saved_model.load(WORK / "reader" / "1")
signature = served.signatures["serving_default"]
(logits,) = signature(image=tf.constant(canvas_test[:64])).values()
(spec,) = signature.structured_input_signature[1].values()
print(f"{spec.name}: {spec.dtype.name} {spec.shape}")

# %% [markdown]
# A LiteRT file is for phones and small boards. `litert`, folded here, wraps the file in a Python function. With
# `supported_ops` as below, the export fails if the model needs more than LiteRT's builtin operations.

# %% tags=["hide-input"]
def litert(path):
    """A LiteRT file as a function of its inputs, those with most axes first."""
    interpreter = tf.lite.Interpreter(str(path), num_threads=1)
    interpreter.allocate_tensors()
    places = sorted(interpreter.get_input_details(), key=lambda p: -len(p["shape"]))
    output = interpreter.get_output_details()[0]

    def run(*inputs):
        for place, value in zip(places, inputs):
            interpreter.set_tensor(place["index"], value[None])
        interpreter.invoke()
        return interpreter.get_tensor(output["index"])[0]

    return run

# %%
builtin = {"supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS]}
model.export(str(WORK / "reader.tflite"), format="litert", verbose=False,
             target_spec=builtin)
on_phone = litert(WORK / "reader.tflite")

# %% [markdown]
# Compare the outputs of each file with Keras's, on real images:

# %% tags=["hide-input"] mystnb={"code_prompt_show": "Show the comparison"}
expected = np.asarray(model(canvas_test[:64]))
answers = {
    ".keras": keras.models.load_model(WORK / "reader.keras")(canvas_test[:64]),
    "SavedModel": logits,
    "LiteRT": np.stack([on_phone(image) for image in canvas_test[:64]])}
for kind, found in answers.items():
    print(f"{kind:10} largest difference {np.abs(found - expected).max():.1e}")

# %% tags=["claim"]
assert all(np.abs(found - expected).max() < 1e-4 for found in answers.values())

# %% [markdown]
# Before you hand over a file, check
#
# - **the input**: its name, dtype, and range. No file checks the range; use that of training, here 0 to 1;
# - **the batch**: the SavedModel takes any, LiteRT one image, unless you call `resize_tensor_input` first;
# - **the folder**: TensorFlow Serving gets `reader`, and serves its highest version: `reader/1`, then `reader/2`.

# %% tags=["claim"]
assert (spec.name, spec.dtype, spec.shape.as_list()) == ("image", tf.float32, [None, 42, 42, 1])
assert canvas.dtype == "float32" and canvas.min() == 0 and 0.99 < canvas.max() <= 1
resized = tf.lite.Interpreter(str(WORK / "reader.tflite"))
(slot,) = resized.get_input_details()
assert slot["shape"].tolist() == [1, 42, 42, 1] and slot["dtype"] == np.float32
resized.resize_tensor_input(slot["index"], (5, 42, 42, 1))
resized.allocate_tensors()
resized.set_tensor(slot["index"], canvas_test[:5])
resized.invoke()
assert np.allclose(resized.get_tensor(resized.get_output_details()[0]["index"]), expected[:5], atol=1e-4)

# %% [markdown]
# Other runtimes need packages that this book does not install:
#
# | Format | `%pip install` | `model.export(...)` |
# |---|---|---|
# | ONNX | `onnx tf2onnx onnxruntime` | `"reader.onnx", format="onnx"` |
# | OpenVINO | `openvino` | `"reader.xml", format="openvino"` |
#
# Call a freshly loaded model once before you export it to ONNX, else Keras asks for an `input_signature`.
# `benchmarks/export.py` in the repository measured the plate reader of {numref}`fig-12-kept` (an affine transformer on
# RGB images of 48 × 188 pixels) in each runtime:

# %% tags=["hide-input"]
head = "Runtime", "Logits differ by", "Characters correct", "Size, kB", "Time, ms"


def plain(number):
    """One digit, without an exponent."""
    return np.format_float_positional(number, precision=1, fractional=False, trim="-")


rows = [(runtime, plain(one["difference"]), f"{one['accuracy']:.1%}", f"{one['bytes'] / 1e3:,.0f}", f"{one['ms']:.1f}")
        for runtime, one in exported["results"].items()]
Markdown(plotting.markdown_table(head, rows) + f"\n\n{exported['test']} plates, {exported['parameters']:,} weights, "
         f"trained for {exported['epochs']} epochs only. The second column is the largest difference from Keras's logits, which "
         f"go up to {exported['largest_logit']:.0f}; Keras's own row: batch 1 against batch 50. Time: median of one call, "
         f"one thread on {exported['machine']['architecture']}.")

# %% tags=["claim"]
dynamic, split_int8 = (exported["results"][f"LiteRT, {name}"] for name in ("dynamic range", "int8 around the sampler"))
assert dynamic["bytes"] <= split_int8["bytes"] and dynamic["ratio"] < split_int8["ratio"]
assert dynamic["kept"] > split_int8["kept"] and dynamic["bytes"] < exported["results"]["LiteRT"]["bytes"] / 3

# %% [markdown]
# In float32 the difference is rounding. **Try dynamic range first**: it stores weights in 8 bits and computes
# activations in floating point. For the plate reader that gives a third of the size, a shorter time, and almost all
# characters as before. Time depends on the device, so measure it on yours. (Keras's is that of `predict_on_batch`, made
# for large batches.) The digit model in dynamic range:

# %%
model.export(str(WORK / "dynamic.tflite"), format="litert", verbose=False,
             optimizations=[tf.lite.Optimize.DEFAULT])

# %% tags=["hide-input"]
smaller = litert(WORK / "dynamic.tflite")
agrees = np.stack([smaller(image) for image in canvas_test[:64]]).argmax(axis=1) == expected.argmax(axis=1)
sizes = [(WORK / f"{name}.tflite").stat().st_size / 1e3 for name in ("reader", "dynamic")]
print(f"{sizes[0]:,.0f} kB before, {sizes[1]:,.0f} kB after; {agrees.sum()} of {len(agrees)} digits predicted as before")

# %% tags=["claim"]
assert sizes[1] < sizes[0] / 2.5 and agrees.mean() > 0.9

# %% [markdown]
# ## Keep the sampler in float32
#
# *Full int8* also rounds activations, to 256 steps over the range that they had in calibration. For features that is
# enough, for coordinates it is not. To isolate the effect, build a model that contains only the sampler, here with
# number plates and their true, projective $\theta$:

# %%
test_plates = stnlib.plates.make(64, seed=3)
other_plates = stnlib.plates.make(64, seed=4)
image = keras.Input((48, 188, 3), name="image")
theta = keras.Input((8,), name="theta")
grid = stnlib.projective_grid(theta, (24, 94))
sampler = keras.Model([image, theta],
                      stnlib.grid_sample(image, grid, padding_mode="border"))

# %% tags=["hide-input"]
def calibration():
    for image, theta in zip(other_plates.images, other_plates.theta):
        yield {"image": image[None], "theta": theta[None]}


# %%
in_8_bits = {
    "optimizations": [tf.lite.Optimize.DEFAULT],
    "representative_dataset": calibration}
for file, options in {"float32.tflite": {}, "int8.tflite": in_8_bits}.items():
    sampler.export(str(WORK / file), format="litert", verbose=False, **options)

# %% tags=["hide-input"] mystnb={"figure": {"caption": "With the true θ, the sampler in 8 bits returns bands of colour. Top: number plates. Middle: straightened by the sampler in float32. Bottom: by the same sampler in full int8; the dashes are one more band, narrower than a row of pixels.", "name": "fig-12-int8"}, "image": {"alt": "Three rows of number plates. Top: slanted plates on textured backgrounds. Middle: the same plates upright and legible. Bottom: a few flat bands of colour, one of them so thin that it is a dashed line, and no character."}}
chosen = list(zip(test_plates.images, test_plates.theta))[:3]
straight = {file: np.stack([litert(WORK / file)(*pair) for pair in chosen]) for file in ("float32.tflite", "int8.tflite")}
figure, axes = plt.subplots(3, 3, figsize=(6, 2))
for row, images in zip(axes, [test_plates.images, *straight.values()]):
    for ax, picture in zip(row, images):
        plotting.show(ax, picture)
for ax, label in zip(axes[:, 0], ["plate", "float32", "int8"]):
    ax.set_ylabel(label, rotation=0, ha="right", va="center")
figure.tight_layout(pad=0.3)

# %% tags=["claim"]
off = np.abs(straight["int8.tflite"] - straight["float32.tflite"]).mean()
assert off > 0.1 and straight["float32.tflite"].std() > 0.1
for banded, pose in zip(straight["int8.tflite"], test_plates.theta):
    band = np.unique(banded.round(2).reshape(-1, 3), axis=0, return_inverse=True)[1].ravel()
    height = np.asarray(stnlib.projective_grid(pose[None], (24, 94)))[0, ..., 1].ravel()
    bands = [height[band == one] for one in np.unique(band) if np.sum(band == one) > 20]
    spacing = np.abs(np.diff(height.reshape(24, 94), axis=0)).mean()
    assert 2 < len(bands) < 6 and sum(np.ptp(one) < spacing for one in bands) >= 1

# %% [markdown]
# An 8-bit tensor can only hold multiples of one step, its range divided by 256. The position in pixels is roughly
# $188\,(x + 1) / 2$ across and $48\,(y + 1) / 2$ down. The converter chose these steps:

# %% tags=["hide-input"]
details = tf.lite.Interpreter(str(WORK / "int8.tflite")).get_tensor_details()
steps = [(part["quantization"][0], part["name"].split("/")[-1])
         for part in details if tuple(part["shape"]) == (1, 24, 94)]
products, sums = ([step for step, name in sorted(steps, reverse=True) if name.startswith(kind)] for kind in ("mul", "add"))
for what, step in (("188 (x + 1)", products[0]), ("x + 1", sums[0]), ("48 (y + 1)", products[1]), ("y + 1", sums[2])):
    print(f"{what:11} step {step:.2f}")

# %% tags=["claim"]
(first, product), (second, total) = sorted(steps, reverse=True)[:2]
assert first == second > 1 and product.startswith("mul") and total.startswith("add")
assert 0.3 < products[1] == sums[2] < 0.4  # of 48 (y + 1) and y + 1; between them in size: the right neighbour's x
for banded, pose in zip(straight["int8.tflite"], test_plates.theta):  # the colour follows y alone
    band = np.unique(banded.round(2).reshape(-1, 3), axis=0, return_inverse=True)[1].ravel()
    spots = np.asarray(stnlib.projective_grid(pose[None], (24, 94))).reshape(-1, 2)
    by_x, by_y = (np.count_nonzero(np.diff(band[np.argsort(along)])) for along in spots.T)
    assert by_y < 50 < 400 < by_x  # changes of the band in the order of x, and of y

# %% [markdown]
# Each sum has the coarse step of its product. That leaves $x + 1$, from 0 to 2, no more than three values, and on these
# plates the output does not depend on $x$ at all. $y + 1$ keeps a few more values, so the colour changes with $y$: bands
# across the plate. Even with a scale of its own, the position across would be rounded to $188 / 256 = 0.73$ pixels, too
# coarse for bilinear weights.
#
# If your accelerator runs 8-bit activations only, split the model into three files: the convolutions, nearly all the work,
# in 8 bits; head, grid and sampler in float32 on the CPU; the classifier in 8 bits. On the plates that is no faster than
# dynamic range, no smaller, and agrees with Keras less often ({numref}`fig-12-kept`). The folded code works for
# chapter 10's model, too. Here it splits the digit model:

# %% tags=["hide-input"] mystnb={"code_prompt_show": "Show the code that splits the model"}
def split(model):
    """Image to features; image and features to window; window to logits."""
    transformer = model.get_layer("transformer")
    place = model.layers.index(transformer)
    image = keras.Input(model.input_shape[1:])
    scaled, window = image, keras.Input(transformer.compute_output_shape(
        model.input_shape)[1:])
    for layer in model.layers[:place]:
        scaled = layer(scaled)
    features = keras.Model(image, transformer.localization(scaled))
    known = keras.Input(features.output_shape[1:])
    size = transformer.size_for(scaled.shape)
    grid = stnlib.affine_grid(transformer.head(known), size)
    cut = stnlib.grid_sample(scaled, grid, padding_mode=transformer.padding_mode)
    logits = window
    for layer in model.layers[place + 1:]:
        logits = layer(logits)
    return features, keras.Model([image, known], cut), keras.Model(window, logits)


# %% tags=["claim"]
training.set_seed(SEED)
plate_finder = models.finder((48, 188, 3))
plate_reader = keras.Sequential([
    keras.Input((48, 188, 3)), layers.Rescaling(1 / 255),
    stnlib.SpatialTransformer(plate_finder, output_size=(24, 94), padding_mode="border", name="transformer"),
    models.reader((24, 94, 3), 5, 33, (12, 24, 32))])
plate_reader.layers[1].head.bias.assign([1.2, 0.1, 0.1, 0.1, 1.1, 0])  # in part beyond the border
seen = 255 * test_plates.images[:4]
one_part, another, last = split(plate_reader)
looked = another([seen, np.asarray(one_part(seen))])
assert np.allclose(last(looked), plate_reader(seen), atol=1e-4)

# %% tags=["hide-input"] mystnb={"code_prompt_show": "Show the code that exports and runs the parts"}
def quantised(images):
    """Options for 8 bits, calibrated with some images."""
    return {"optimizations": [tf.lite.Optimize.DEFAULT],
            "representative_dataset": lambda: ([one[None]] for one in images)}


windows = np.asarray(transformer(canvas[:100]))
options = [quantised(canvas[:100]), {}, quantised(windows)]
run = []
for number, (part, option) in enumerate(zip(split(model), options)):
    path = WORK / f"part{number}.tflite"
    part.export(str(path), format="litert", verbose=False, **option)
    run.append(litert(path))

features, cut, classify = run
in_parts = np.stack([classify(cut(one, features(one))) for one in canvas_test[:64]])
same = np.mean(in_parts.argmax(axis=1) == expected.argmax(axis=1))
print(f"{same * len(expected):.0f} of {len(expected)} digits predicted as before")

# %% tags=["claim"]
assert same > 0.9

# %% [markdown]
# ## Watch theta after deployment
#
# Labels are rare in production, but $\theta$ comes with every image, and can change when the camera moves. Export the
# model with $\theta$ as a second output, turn $\theta$ into `health`'s measures, and raise an alarm when one leaves its
# usual band ({numref}`fig-12-drift`). `return_theta=True` makes the layer return a pair; the weights move over as they are:

# %%
config = transformer.get_config() | {"return_theta": True}
image = keras.Input((42, 42, 1), name="image")
window, theta = stnlib.SpatialTransformer.from_config(config)(image)
with_theta = keras.Model(
    image, {"logits": models.fcn()(window), "theta": theta})
with_theta.set_weights(model.get_weights())
with_theta.export(WORK / "reader" / "2", verbose=False)

# %% [markdown]
# `zoom` is the area of the sampled window (1 is the whole image), `spread` how much the sampling points differ from image to
# image, `away` the distance of the mean window from the whole image:

# %%
def measures(theta):
    """The zoom, spread and away of `health`, from affine theta (N, 6)."""
    points, whole = (np.asarray(stnlib.affine_grid(one, (16, 16)))
                     for one in (theta, np.float32([[1, 0, 0, 0, 1, 0]])))
    zoom = np.median(np.abs(np.linalg.det(theta.reshape(-1, 2, 3)[:, :, :2])))
    spread = np.sqrt(points.var(axis=0).mean())
    away = np.sqrt(np.mean((points.mean(axis=0) - whole) ** 2))
    return zoom, spread, away


# %% tags=["hide-input"] mystnb={"code_prompt_show": "Show how the batches are made"}
digits_before = np.resize(data.x_test[1::2], (1536, 28, 28, 1))
canvas_known, _ = distortions.distort(digits_before, "RTS", SEED + 2)
batches_before, batches = np.split(canvas_known, 12), np.split(canvas_test, 12)

# %% [markdown]
# The band comes from 12 batches before deployment. In deployment the camera is rotated after the sixth batch:

# %%
batches[6:] = [np.rot90(batch, axes=(1, 2)) for batch in batches[6:]]
deployed = tf.saved_model.load(WORK / "reader" / "2")
predict = deployed.signatures["serving_default"]
usual, now = (
    np.array([measures(predict(image=tf.constant(batch))["theta"].numpy())
              for batch in part]) for part in (batches_before, batches))
deviations = (now - usual.mean(axis=0)) / usual.std(axis=0)
alarm = np.abs(deviations) > 4

# %% tags=["hide-input"]
for measure, early, late in zip(("zoom", "spread", "away"), alarm[:6].sum(axis=0), alarm[6:].sum(axis=0)):
    print(f"{measure:6} alarms: {early} in 6 batches before the rotation, {late} in 6 after")

# %% [markdown]
# `health` still says `working`: $\theta$ differs from image to image, and without the true $\theta$ it can't tell that it
# is wrong. Which measures move depends on the change, so watch several. Here `away` moves most: the predicted
# rotations disagree more, so averaging the windows partly cancels them. A single alarm may be chance. When alarms repeat,
# look at images, and label some to measure the accuracy.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Once the camera is rotated, away stays outside its usual band; zoom falls less far, and spread moves least. Top: three measures for each batch, in standard deviations of 12 earlier batches with other digits. The band of ±4 is wide because twelve batches give a rough mean and standard deviation; by chance a measure still leaves it in about 4 of 1,000 batches. Bottom: the accuracy, which you would not know in production.", "name": "fig-12-drift"}, "image": {"alt": "Two panels over 12 batches. Top: nearly all marks lie in a band around 0 for six batches; then those of the measure away jump out of it and stay outside. Bottom: the accuracy falls at the same batch."}}
accuracy = [training.accuracy(model, *pair) for pair in zip(batches, np.split(y_test, 12))]
number = np.arange(1, 13)
figure, (top, bottom) = plt.subplots(2, 1, figsize=(6, 3.9), sharex=True)
top.axhspan(-4, 4, color=plotting.COLORS["output"], alpha=0.25)
for shift, measure, values, marker in zip((-0.25, 0, 0.25), ("zoom", "spread", "away"), deviations.T, "sDo"):
    color = plotting.COLORS["gradient" if measure == "away" else "neutral"]
    face = color if measure == "away" else "none"
    top.plot(number + shift, values, marker, ls="", ms=4.5, color=color, mfc=face, label=measure)
top.set(ylabel="standard deviations\nfrom the usual mean", xlim=(0.4, 12.6))
top.legend(loc="lower left", bbox_to_anchor=(0, 0.98), ncols=3)
bottom.plot(number, accuracy, "o", color=plotting.COLORS["neutral"])
bottom.set(xlabel="batch", ylabel="accuracy", ylim=(0, 1.05))
bottom.text(6.6, 0.85, "camera rotated", va="center")
for ax in (top, bottom):
    ax.axvline(6.5, color=plotting.COLORS["neutral"], lw=1, ls=":")
figure.tight_layout()

# %% tags=["claim"]
assert alarm[:6, 2].mean() < 0.2 and alarm[6:, 2].all() and (deviations[6:, 2] > 0).all()
assert np.mean(accuracy[6:]) < np.mean(accuracy[:6]) - 0.2
of_zoom, of_spread, of_away = np.abs(deviations[6:]).mean(axis=0)
assert of_away > of_zoom > of_spread and deviations[6:, 0].mean() < -1
reports = [training.health(model, batch)[0] for batch in (batches[0], batches[-1])]
assert {one.state for one in reports} == {"working"}
assert np.allclose([[one.zoom, one.spread, one.away] for one in reports], now[[0, -1]], atol=1e-3)
assert np.allclose(predict(image=tf.constant(batches[0]))["logits"], model(batches[0]), atol=1e-4)
frames = [np.asarray(transformer.theta(np.concatenate(half))).reshape(-1, 2, 3)[..., :2]
          for half in (batches[:6], batches[6:])]
scatter = [np.arctan2(one[:, 1, 0], one[:, 0, 0]).std() for one in frames]
mean_area = [np.linalg.det(one.mean(axis=0)) for one in frames]
assert scatter[0] < scatter[1] and mean_area[0] > mean_area[1]

# %% [markdown]
# ## Move a network from PyTorch
#
# Three things differ between the frameworks: the axes of a kernel, the order in which a flatten lists its numbers, and
# the shape of $\theta$. `stnlib` converts each. We rebuild the network of PyTorch's own tutorial and compare the two.
# Save the weights of a PyTorch network with
#
# ```
# np.savez("tutorial.npz", **{
#     name: value.cpu().numpy() for name, value in net.state_dict().items()})
# ```
#
# and load them with `state = np.load("tutorial.npz")`. Here random weights stand in for them, whose outputs PyTorch
# recorded. For a network of your own, name the Keras layers and write down which PyTorch layer goes where. Behind a
# flatten, add the shape `(C, H, W)` of what was flattened:

# %%
mapping = {
    "look_1": ("localization.0", None), "look_2": ("localization.3", None),
    "look_3": ("fc_loc.0", (10, 3, 3)), "head": ("fc_loc.2", None),
    "conv_1": ("conv1", None), "conv_2": ("conv2", None),
    "dense_1": ("fc1", (20, 4, 4)), "dense_2": ("fc2", None)}
state = migration.random_state()
rebuilt = migration.tutorial()
migration.move_weights(rebuilt, state, mapping)

# %% [markdown]
# PyTorch flattens channel by channel, Keras pixel by pixel. Transposing the first dense kernel gives the right shape and
# wrong outputs. The rows have to be reordered as well, which `move_weights` does where it knows the shape:

# %% tags=["hide-input"] mystnb={"code_prompt_show": "Show the comparison with PyTorch"}
images = datasets.load("uci").x_test[:8]
record = migration.recorded()
from_torch = stnlib.transforms.theta_from_torch(record["theta"])
theta = rebuilt.get_layer("transformer").theta(images)
log_probabilities = ops.log_softmax(rebuilt(images))


def largest_difference(ours, theirs):
    return np.abs(np.asarray(ours) - np.asarray(theirs)).max()


print(f"theta:  off by {largest_difference(theta, from_torch):.1g}")
print(f"output: off by {largest_difference(log_probabilities, record['log_probabilities']):.1g}")

# %% tags=["hide-input"] mystnb={"code_prompt_show": "Show the same without the shapes"}
wrong = {name: (theirs, None) for name, (theirs, _) in mapping.items()}
migration.move_weights(rebuilt, state, wrong)
found = ops.log_softmax(rebuilt(images))
print(f"output without the shapes: off by {largest_difference(found, record['log_probabilities']):.1g}")

# %% tags=["claim"]
assert mapping == migration.TUTORIAL
assert largest_difference(theta, from_torch) <= 1e-5
assert largest_difference(log_probabilities, record["log_probabilities"]) <= 1e-5
assert largest_difference(found, record["log_probabilities"]) > 0.01

# %% [markdown]
# Here `theta_from_torch` changes the shape of $\theta$ only: both libraries map output to input and use
# `align_corners=False` by default. A model from PyTorch 1.2 or older was trained with `align_corners=True`: build
# `SpatialTransformer` with that. To use its $\theta$ in a layer with the default, convert it ({ref}`ship-corners`). The
# converters in `stnlib.transforms` cover OpenCV, SciPy and Keras as well.
#
# ## Train on more than one device
#
# Training on one device? Skip to {ref}`the recap <ship-recap>`. Two devices gave nearly the same losses as one, but two CPU
# cores were slower. The Details cover GPUs and clusters.
#
# Build and compile the network inside `tf.distribute.MirroredStrategy().scope()`; the rest stays as it is. Each device
# gets a part of the batch and a copy of the weights, and the gradients are averaged. On two virtual CPU devices:

# %% tags=["hide-input"] mystnb={"code_prompt_show": "Show the network"}
def small():
    finder = models.finder((42, 42, 1))
    return keras.Sequential([
        keras.Input((42, 42, 1)),
        stnlib.SpatialTransformer(finder, output_size=(28, 28)),
        layers.Flatten(), layers.Dense(64, activation="relu"), layers.Dense(10)])

# %% tags=["hide-input"]
def losses(strategy):
    with strategy.scope():
        training.set_seed(SEED)
        network = training.compile(small())
    fitted = network.fit(canvas[:2560], y[:2560], batch_size=256, epochs=4,
                         shuffle=False, verbose=0)
    return fitted.history["loss"]


# %% tags=["hide-input"] mystnb={"code_prompt_show": "Show the training on two devices"}
one = losses(tf.distribute.get_strategy())
two = losses(tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]))
for name, found in (("one device", one), ("two devices", two)):
    print(f"{name:12}", *(f"{loss:.3f}" for loss in found))

# %% tags=["claim"]
assert np.abs(np.subtract(one, two)).max() < 1e-2

# %% [markdown]
# The speed of Keras on JAX, in one process or in two with `DataParallel` (`benchmarks/workers.py`):

# %% tags=["hide-input"]
workers = files.read_json(RESULTS / "bench-workers.json")
results = workers["results"]
both = results["1 worker, two cores"]["images_per_second"]
apart = np.abs(np.subtract(results["1 worker"]["loss"], results["2 workers"]["loss"])).max()
names = {"1 worker": "1 process, one core", "1 worker, two cores": "1 process, two cores",
         "2 workers": "2 processes, one core each"}
rows = [(names[name], f"{one['images_per_second']:,}",
         f"{one['images_per_second'] / both:.2f}") for name, one in results.items()]
Markdown(plotting.markdown_table(("", "Images a second", "Relative speed"), rows)
         + f"\n\nThe training losses of one process and of two differ by at most {apart:.3f}, while they fall from "
         f"{results['1 worker']['loss'][0]:.2f} to {results['1 worker']['loss'][-1]:.2f}.")

# %% tags=["claim"]
assert apart < 0.05
assert results["2 workers"]["images_per_second"] < both < results["1 worker"]["images_per_second"]

# %% [markdown]
# The network is small; we did not measure what takes the time, so measure the speed of yours.
#
# :::{admonition} Details: several GPUs, machines, TPUs
# :class: dropdown
#
# We have not measured these; this is what the documentation of Keras and TensorFlow says.
#
# - **GPUs of one machine**: `MirroredStrategy()` takes all of them. `batch_size` in `fit` is the batch of all devices
#   together. Raise the learning rate with care (here watch `health`, too).
# - **Several machines**: run Keras on JAX. Start the same script on each, with the first machine's address and a
#   `process_id` of its own. Before it builds the model it makes these calls, and gets its own part of each batch:
#
#   ```
#   keras.distribution.initialize(address, num_processes, process_id)
#   keras.distribution.set_distribution(
#       keras.distribution.DataParallel(auto_shard_dataset=False))
#   ```
#
# - **TPU**: shapes must be fixed, so drop the last, smaller batch. On Cloud TPU `initialize` finds its arguments itself.
# :::
#
# (ship-recap)=
# ## What you can do now
#
# - **Export** a model, call its serving signature, and compare the logits in each runtime.
# - **Quantise** with dynamic range. Where activations must be in 8 bits, split the model around the sampler.
# - **Monitor** $\theta$: we detected a rotated camera without labels.
# - **Migrate** from PyTorch: reorder the rows behind a flatten, then compare $\theta$ and outputs.
# - **Distribute** training with `MirroredStrategy` or `DataParallel`: similar losses; measure the speed.
#
# ## Exercises
#
# :::{exercise-start}
# :label: ship-theta
# :::
#
# Get $\theta$ on the phone, too: convert `with_theta` to LiteRT, run it on the images of one batch, and compare its
# measures with those of `health`.
#
# :::{exercise-end}
# :::

# %% [markdown]
# :::{solution-start} ship-theta
# :class: dropdown
# :::
#
# A signature runner takes inputs and returns outputs by name.

# %%
with_theta.export(str(WORK / "theta.tflite"), format="litert", verbose=False)
phone = tf.lite.Interpreter(str(WORK / "theta.tflite")).get_signature_runner()
thetas = np.concatenate([phone(image=one[None])["theta"] for one in batches[0]])
report = training.health(model, batches[0])[0]
for measure, value in zip(("zoom", "spread", "away"), measures(thetas)):
    print(f"{measure:6} {value:.3f}, health {getattr(report, measure):.3f}")

# %% tags=["claim"]
assert np.allclose(measures(thetas), (report.zoom, report.spread, report.away), atol=1e-3)

# %% [markdown]
# :::{solution-end}
# :::
#
# :::{exercise-start}
# :label: ship-corners
# :::
#
# A colleague's PyTorch model was trained with `align_corners=True`. You load it into a layer with the default. By how many
# pixels are the sampling points of a 28-pixel image off at most, if $\theta$ is the identity? And if it zooms in by two?
#
# :::{exercise-end}
# :::

# %% [markdown]
# :::{solution-start} ship-corners
# :class: dropdown
# :::
#
# The identity is the identity in both. A zoom differs, because -1 means the outer edge of the first pixel in one and its
# centre in the other. The converter has the exact $\theta$:

# %%
zoom = np.array([[0.5, 0, 0.25, 0, 0.5, 0.25]])
fixed = stnlib.transforms.theta_from_torch(
    zoom, input_size=(28, 28), torch_align_corners=True)
wrong, right = (np.asarray(stnlib.affine_grid(one.astype("float32"), (28, 28)))
                for one in (zoom, fixed))
print(f"{14 * np.abs(wrong - right).max():.2f} pixels")

# %% [markdown]
# :::{solution-end}
# :::
