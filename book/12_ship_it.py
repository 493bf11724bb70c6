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
# `model.export` works: SavedModel, ONNX and LiteRT give the answers that Keras gives. One conversion destroys the model
# without an error message: full 8-bit quantisation ({numref}`fig-12-kept`). This chapter exports a model, shows why 8
# bits are too few for coordinates and how to keep the sampler out of it, watches $\theta$ after the model has been
# deployed, moves a network over from PyTorch, and trains on more than one device.
#
# After this chapter you can
#
# - save a model, export it, and check the export in the runtime that will run it;
# - quantise a model to 8 bits without losing the sampler;
# - notice from $\theta$ alone that the camera has changed;
# - move weights from PyTorch to Keras, and prove that nothing changed;
# - train on several devices or machines, and know what to expect from it.

# %% tags=["hide-cell"]
import tempfile
import warnings
from pathlib import Path

import tensorflow as tf

# Two logical devices on one processor, for the last section.
# TensorFlow takes this only before its first operation.
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

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Full 8-bit quantisation destroys a model with a sampler; every other export keeps the characters. Share of characters on number plates that each exported file reads as the Keras model does, each file in its own runtime.", "name": "fig-12-kept"}, "image": {"alt": "Horizontal bars, one for each export. All are at or near 100 percent, except full 8-bit quantisation in LiteRT, which is near zero. With the sampler left in floating point, 8 bits are near 100 percent again."}}
exported = files.read_json(RESULTS / "bench-export.json")
kept = {name: 100 * entry["kept"] for name, entry in exported["results"].items()}
colors = [plotting.COLORS["gradient" if share < 50 else "input"] for share in kept.values()]
figure, ax = plt.subplots(figsize=(6, 3.2))
for bar, share in zip(ax.barh(list(kept), kept.values(), color=colors), kept.values()):
    ax.text(share + 1, bar.get_y() + bar.get_height() / 2, f"{share:.1f}", va="center")
ax.invert_yaxis()
ax.set(xlabel="characters kept, %", xlim=(0, 112), xticks=range(0, 101, 25))
figure.tight_layout()

# %% tags=["claim"]
assert kept["LiteRT, int8"] < 50 < 95 < min(share for name, share in kept.items() if name != "LiteRT, int8")

# %% [markdown]
# ## A model to ship
#
# The example reads digits that are rotated, scaled and shifted on a canvas of 42 pixels. Its transformer learns the
# known poses first ({doc}`chapter 10 <10_your_images>`), then the whole model learns the labels. The last line is the
# transformer's health before it ships: it must say `working`.

# %% tags=["hide-input"]
data = datasets.load()
x = np.tile(data.x_train[:TRAIN_SIZE], (COPIES, 1, 1, 1))
y = np.tile(data.y_train[:TRAIN_SIZE], COPIES)
canvas, placed = distortions.distort(x, "RTS", SEED)
x_test = np.resize(data.x_test, (1536, 28, 28, 1))
canvas_test, _ = distortions.distort(x_test, "RTS", SEED + 1)
y_test = np.resize(data.y_test, 1536)

# %%
training.set_seed(SEED)
localization = keras.Sequential([
    layers.AveragePooling2D(2), layers.Conv2D(8, 5, activation="relu"),
    layers.MaxPooling2D(2), layers.Flatten(),
    layers.Dense(64, activation="relu"),
    layers.LayerNormalization(), layers.Dense(32, activation="tanh")])
transformer = stnlib.SpatialTransformer(
    localization, output_size=(28, 28), name="transformer")
model = keras.Sequential([keras.Input((42, 42, 1)), transformer, models.fcn()])

# %%
training.fit_pose(transformer, canvas, stnlib.transforms.invert(placed), epochs=8)
training.compile(model, stnlib.optimizers.SlowAdam(transformer, factor=0.1))
training.fit(model, canvas, y, epochs=4, seed=SEED)
print(f"test accuracy {training.accuracy(model, canvas_test, y_test):.3f}")
print(training.health(model, canvas_test[:256])[0])

# %% tags=["claim"]
assert training.health(model, canvas_test[:256])[0].state == "working"
assert training.accuracy(model, canvas_test, y_test) > 0.7

# %% [markdown]
# ## Export, then ask the real runtime
#
# Three files, the same answers. A `.keras` file is for Keras: with `stnlib` imported it loads without
# `custom_objects`. A SavedModel needs neither Keras nor `stnlib`. TensorFlow Serving calls it by its signature, and so
# can you:

# %%
model.save(WORK / "reader.keras")
model.export(WORK / "reader", verbose=False)

served = tf.saved_model.load(WORK / "reader")
signature = served.signatures["serving_default"]
(name,) = signature.structured_input_signature[1]
(logits,) = signature(**{name: tf.constant(canvas_test[:64])}).values()
print(f"input {name!r} {signature.structured_input_signature[1][name].shape}")

# %% [markdown]
# A LiteRT file is for phones and small boards. Its interpreter takes tensors by their place. TensorFlow still
# brings one; its successor is the package `ai-edge-litert`.

# %%
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


model.export(str(WORK / "reader.tflite"), format="litert", verbose=False)
on_phone = litert(WORK / "reader.tflite")

# %% [markdown]
# Compare the outputs of each file with Keras's, on real images:

# %%
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
# Other runtimes need packages that this book does not install. In Colab:
#
# ```
# %pip install onnx tf2onnx onnxruntime    # model.export("reader.onnx", format="onnx")
# %pip install ai-edge-litert              # the LiteRT interpreter alone
# %pip install openvino                    # model.export("reader.xml", format="openvino")
# ```
#
# Call a model once before you export it to ONNX: for one that was only loaded from a file, Keras asks for an
# `input_signature`. The comparison below was measured by a command, `make bench-export`: a reader of number plates, with an affine
# transformer on RGB images of 48 × 188 pixels, in each runtime, on one thread.

# %% tags=["hide-input"]
head = "Runtime", "Largest difference", "Characters kept, %", "Right, %", "Size, kB", "Latency, LiteRT = 1"
rows = [
    (runtime, f"{one['difference']:.0e}", f"{100 * one['kept']:.1f}", f"{100 * one['accuracy']:.1f}",
     f"{one['bytes'] / 1e3:,.0f}", f"{one['ratio']:.2f}")
    for runtime, one in exported["results"].items()]
Markdown(plotting.markdown_table(head, rows) + f"\n\n{exported['test']} plates, {exported['parameters']:,} weights. The "
         f"difference is that of the logits, which reach {exported['largest_logit']:.0f}. Latency: one plate, ratio within the run.")

# %% [markdown]
# In float32 the difference is rounding. Weights in 16 or 8 bits (*float16*, *dynamic range*) make the file smaller
# and cost almost no characters, because what flows between the layers stays in floating point. Latency depends on the
# device, so measure it on yours. (Keras's is that of `predict_on_batch`, which is made for large batches.) A static page
# can run such a model too: the reader in {doc}`chapter 6 <06_training>` is plain JavaScript.
#
# ## Leave the sampler out of 8 bits
#
# *Full int8* also rounds what flows between the layers, to 256 steps over the range that calibration saw. For features
# that is enough. For coordinates it is not. To see it alone, build a model that is only a sampler, and give it the true
# $\theta$ of each plate:

# %%
test_plates = stnlib.plates.make(64, seed=3)
image = keras.Input((48, 188, 3), name="image")
theta = keras.Input((8,), name="theta")
grid = stnlib.projective_grid(theta, (24, 94))
sampler = keras.Model([image, theta],
                      stnlib.grid_sample(image, grid, padding_mode="border"))


def calibration():
    for image, theta in zip(test_plates.images, test_plates.theta):
        yield {"image": image[None], "theta": theta[None]}


# %%
in_8_bits = {
    "optimizations": [tf.lite.Optimize.DEFAULT],
    "representative_dataset": calibration}
for file, options in {"float32.tflite": {}, "int8.tflite": in_8_bits}.items():
    sampler.export(str(WORK / file), format="litert", verbose=False, **options)

# %% tags=["hide-input"] mystnb={"figure": {"caption": "With the true θ, the sampler in 8 bits returns bands of colour. Top: number plates. Middle: straightened by the sampler in float32. Bottom: by the same sampler in full int8.", "name": "fig-12-int8"}, "image": {"alt": "Three rows of number plates. Top: slanted plates on textured backgrounds. Middle: the same plates upright and legible. Bottom: a few flat bands of colour, and no character."}}
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

# %% [markdown]
# In full int8 each of these tensors has one step size, its range divided by 256, and the converter makes tensors that an operation
# combines share a step. A sampler combines normalised coordinates, which run from -1 to 1, with positions in pixels,
# which run over the whole image. Look at the steps that the converter chose for the grid:

# %%
details = tf.lite.Interpreter(str(WORK / "int8.tflite")).get_tensor_details()
steps = [part["quantization"][0] for part in details
         if tuple(part["shape"]) == (1, 24, 94)]
print(f"coarsest step {max(steps):.2f}; one pixel in 256 steps: {188 / 256:.2f}")

# %% tags=["claim"]
assert max(steps) > 1

# %% [markdown]
# With a coarsest step as long as this, a coordinate between -1 and 1 has two or three values left. The sampler reads a
# whole row of the plate at the same few points, hence the bands of colour. Even with a step of its own, a position on an
# image of 188 pixels would be rounded to most of a pixel, and bilinear weights are fractions of one.
#
# The fix is to split the model. The convolutions, which have nearly all the work, go into 8 bits. The head, the grid and
# the sampler between them stay in float32:

# %%
def split(model):
    """Image to features; image and features to window; window to logits."""
    transformer, classifier = model.layers
    image = keras.Input(model.input_shape[1:])
    features = keras.Model(image, transformer.localization(image))
    known = keras.Input(features.output_shape[1:])
    grid = stnlib.affine_grid(transformer.head(known), transformer.output_size)
    cut = keras.Model([image, known], stnlib.grid_sample(image, grid))
    window = keras.Input(cut.output_shape[1:])
    return features, cut, keras.Model(window, classifier(window))


# %%
def quantised(images):
    """Options for 8 bits, calibrated with some images."""
    return {"optimizations": [tf.lite.Optimize.DEFAULT],
            "representative_dataset": lambda: ([one[None]] for one in images)}


windows = np.asarray(transformer(canvas[:100]))
options = [quantised(canvas[:100]), {}, quantised(windows)]

# %%
run = []
for number, (part, option) in enumerate(zip(split(model), options)):
    path = WORK / f"part{number}.tflite"
    part.export(str(path), format="litert", verbose=False, **option)
    run.append(litert(path))

features, cut, classify = run
in_parts = np.stack([classify(cut(one, features(one))) for one in canvas_test[:64]])
same = np.mean(in_parts.argmax(axis=1) == expected.argmax(axis=1))
print(f"digits read as before: {same:.1%}")

# %% tags=["claim"]
assert same > 0.9

# %% [markdown]
# On the plates this keeps what {numref}`fig-12-kept` shows in its last row. A phone runs the three files one after the
# other. Dynamic range is the simpler choice when float arithmetic is fast enough on your device.
#
# ## Watch theta after deployment
#
# Labels are rare in production, but $\theta$ comes with every image. It says where the model looks, so it changes when
# the camera is moved or rotated, before anybody counts errors. Run `health` on a batch now and then, and compare it
# with what it was on the test set.
#
# Here, somebody mounts the camera sideways after the sixth batch. Nobody tells the model:

# %%
deployed = keras.models.load_model(WORK / "reader.keras")
batches = np.split(canvas_test, 12)
batches[6:] = [np.rot90(batch, axes=(1, 2)) for batch in batches[6:]]
watched = [training.health(deployed, batch)[0] for batch in batches]
print(watched[0], watched[-1], sep="\n")

# %% [markdown]
# The verdict is `working` in both lines: $\theta$ still differs from image to image, and without labels `health` cannot
# tell that it is wrong. What gives the camera away is the change ({numref}`fig-12-drift`). Take a measure's mean and
# standard deviation over batches from the test set, and raise the alarm when a batch leaves the band.

# %%
canvas_known, _ = distortions.distort(x_test, "RTS", SEED + 2)
known = [training.health(model, batch)[0] for batch in np.split(canvas_known, 12)]
for measure in ("outside", "zoom", "spread", "away"):
    usual = [getattr(report, measure) for report in known]
    now = np.mean([getattr(report, measure) for report in watched[6:]])
    print(f"{measure:8} {np.mean(usual):.3f} ± {np.std(usual):.3f}, now {now:.3f}")

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Theta shows the rotated camera without a label. Top: how far the mean window lies from the whole image (`away` of `health`), a dot for each batch; the band is the mean of known batches ± 4 standard deviations. Bottom: the accuracy, which you would not know in production.", "name": "fig-12-drift"}, "image": {"alt": "Two panels over 12 batches. Top: the dots lie in a narrow band for six batches, then jump out of it and stay outside. Bottom: the accuracy falls at the same batch."}}
accuracy = [training.accuracy(deployed, *pair) for pair in zip(batches, np.split(y_test, 12))]
usual = np.array([report.away for report in known])
number = np.arange(1, 13)
figure, (top, bottom) = plt.subplots(2, 1, figsize=(6, 3.6), sharex=True)
top.axhspan(usual.mean() - 4 * usual.std(), usual.mean() + 4 * usual.std(), color=plotting.COLORS["output"], alpha=0.25)
top.plot(number, [report.away for report in watched], "o", color=plotting.COLORS["gradient"])
top.set(ylabel="away")
bottom.plot(number, accuracy, "o", color=plotting.COLORS["neutral"])
bottom.set(xlabel="batch", ylabel="accuracy", ylim=(0, 1.05))
top.text(12.2, usual.mean(), "band of known batches", ha="right", va="center")
bottom.text(6.6, 0.85, "camera rotated", va="center")
for ax in (top, bottom):
    ax.axvline(6.5, color=plotting.COLORS["neutral"], lw=1, ls=":")
figure.tight_layout()

# %% tags=["claim"]
band = 4 * usual.std()
outside = np.abs([report.away - usual.mean() for report in watched]) > band
assert outside[:6].mean() < 0.2 and outside[6:].mean() > 0.8
assert np.mean(accuracy[6:]) < np.mean(accuracy[:6]) - 0.2

# %% [markdown]
# ## Move a network from PyTorch
#
# Three things differ between the frameworks: the axes of a kernel, the order in which a flatten lists its numbers, and
# the shape of $\theta$. `stnlib` converts each. We rebuild the network of PyTorch's own tutorial
# layer by layer and compare it with PyTorch. On your machine you would save its weights with
#
# ```
# np.savez("tutorial.npz", **{name: value.numpy() for name, value in net.state_dict().items()})
# ```
#
# Here random weights with the same names and shapes stand in for them; PyTorch's outputs for these weights were
# recorded.

# %%
state = migration.random_state()
rebuilt = migration.tutorial()
migration.move_weights(rebuilt, state)

# %% tags=["hide-input"]
rows = []
for ours, (theirs, flattened) in migration.TUTORIAL.items():
    weight = state[f"{theirs}.weight"]
    kernel = migration.kernel_from_torch(weight, flattened)
    rows.append((f"`{theirs}`", f"`{ours}`", weight.shape, kernel.shape, flattened or ""))
Markdown(plotting.markdown_table(("PyTorch", "Keras", "weight", "kernel", "(C, H, W) before the flatten"), rows, words=2))

# %% [markdown]
# PyTorch flattens a `(C, H, W)` array channel by channel, Keras a `(H, W, C)` array pixel by pixel. Transposing the
# first dense kernel gives the right shape and the wrong answers. The rows have to be reordered as well:

# %%
images = datasets.load("uci").x_test[:8]
record = migration.recorded()
from_torch = stnlib.transforms.theta_from_torch(record["theta"])
theta = rebuilt.get_layer("transformer").theta(images)
log_probabilities = ops.log_softmax(rebuilt(images))


def largest_difference(ours, theirs):
    return np.abs(np.asarray(ours) - np.asarray(theirs)).max()


print("theta: ", largest_difference(theta, from_torch))
print("output:", largest_difference(log_probabilities, record["log_probabilities"]))

# %%
wrong = {name: (theirs, None) for name, (theirs, _) in migration.TUTORIAL.items()}
migration.move_weights(rebuilt, state, wrong)
found = ops.log_softmax(rebuilt(images))
print("output:", largest_difference(found, record["log_probabilities"]))

# %% tags=["claim"]
assert largest_difference(theta, from_torch) <= 1e-5
assert largest_difference(log_probabilities, record["log_probabilities"]) <= 1e-5
assert largest_difference(found, record["log_probabilities"]) > 0.01

# %% [markdown]
# `theta_from_torch` changes the shape of $\theta$ only: both libraries map output to input and use
# `align_corners=False` by default. A model from PyTorch 1.2 or older was trained with `align_corners=True`: pass that to
# `SpatialTransformer`. The converters in `stnlib.transforms` cover OpenCV, SciPy and Keras as well.
#
# ## Train on more than one device
#
# Data parallelism changes nothing about a transformer: each device gets a part of the batch and a copy of the weights,
# and the gradients are averaged. On TensorFlow, build and compile the model inside a strategy's scope. The two devices
# here are halves of one processor, so this shows that it works, not that it is faster:

# %%
def small():
    look = [layers.AveragePooling2D(2), layers.Flatten(),
            layers.Dense(32, activation="tanh")]
    return keras.Sequential([
        keras.Input((42, 42, 1)),
        stnlib.SpatialTransformer(keras.Sequential(look), output_size=(28, 28)),
        layers.Flatten(), layers.Dense(64, activation="relu"), layers.Dense(10)])


# %%
def losses(strategy):
    with strategy.scope():
        training.set_seed(SEED)
        network = training.compile(small())
    fitted = network.fit(canvas[:2560], y[:2560], batch_size=256, epochs=4,
                         shuffle=False, verbose=0)
    return fitted.history["loss"]


# %%
one = losses(tf.distribute.get_strategy())
two = losses(tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]))
print("one device ", np.round(one, 4))
print("two devices", np.round(two, 4))

# %% tags=["claim"]
assert np.abs(np.subtract(one, two)).max() < 1e-2

# %% [markdown]
# Several machines need a process on each. `make bench-workers` starts two real processes that talk over the network
# interface of one machine (Keras on JAX, each process bound to one core), with
#
# ```
# keras.distribution.initialize(address, num_processes, process_id)
# keras.distribution.set_distribution(keras.distribution.DataParallel(auto_shard_dataset=False))
# ```
#
# before the model is built. Each process then calls `model.fit` with its own part of each batch.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Two processes follow the loss curve of one. Training loss of a spatial transformer network over the epochs, with one process (line) and with two that share each batch (dots).", "name": "fig-12-workers"}, "image": {"alt": "A falling loss curve. The dots of the run with two processes lie on the line of the run with one."}}
workers = files.read_json(RESULTS / "bench-workers.json")
alone, shared = (workers["results"][name]["loss"] for name in ("1 worker", "2 workers"))
epochs = np.arange(1, len(alone) + 1)
figure, ax = plt.subplots(figsize=(6, 2.8))
ax.plot(epochs, alone, color=plotting.COLORS["input"], label="1 process")
ax.plot(epochs, shared, "o", ms=5, color=plotting.COLORS["grid"], label="2 processes")
ax.set(xlabel="epoch", ylabel="training loss")
ax.legend()
figure.tight_layout()

# %% tags=["claim"]
assert np.abs(np.subtract(alone, shared)).max() < 0.05

# %% tags=["hide-input"]
rows = [(name, f"{one['images_per_second']:,}", f"{one['speedup']:.2f}") for name, one in workers["results"].items()]
Markdown(plotting.markdown_table(("", "Images a second", "Against one worker"), rows))

# %% [markdown]
# Do not expect twice the speed. Each step ends with an exchange of all gradients, and a step of this small network takes
# milliseconds. The machine has two cores, so the fair comparison is one worker on both. Larger networks and larger batches
# spend a smaller share on the exchange.
#
# On a cluster or a TPU, change this. (We measured one machine only; the list follows the documentation of Keras and
# TensorFlow.)
#
# - **GPUs of one machine**: `tf.distribute.MirroredStrategy()` without arguments takes all of them. `batch_size` in `fit`
#   is the batch of all devices together, so multiply it by their number. Raise the learning rate with care, and
#   watch the transformer's health.
# - **Several machines**: start the same script on each, with the first machine's address and a `process_id` of its own.
#   On Cloud TPU `initialize` finds its arguments itself.
# - **TPU**: shapes must be fixed, so drop the last, smaller batch.
# - **Many runs instead of one large one**: `python -m stnlib.experiments clutter --scheduler ADDRESS` hands the book's own
#   measurements to a Dask cluster; `plan` prints one command a line for Slurm or GNU parallel. A run that is killed goes
#   on from its last epoch.
#
# ## What you can do now
#
# - You saved and exported a model, called its serving signature, and compared the numbers in each runtime.
# - You saw 8 bits destroy the sampler, and split the model so that they don't.
# - You saw a sideways camera in $\theta$, without a label.
# - You moved PyTorch's tutorial network to Keras and checked it to 1e-5.
# - You trained on two devices, and read what two processes gain and cost.
#
# ## Exercises
#
# :::{exercise-start}
# :label: ship-theta
# :::
#
# Make the served model return $\theta$ with each answer, so that the monitor needs no second pass. How many outputs does
# the signature have?
#
# :::{exercise-end}
# :::

# %% [markdown]
# :::{solution-start} ship-theta
# :class: dropdown
# :::
#
# `return_theta=True` makes the layer return a pair. The weights move over as they are.

# %%
config = transformer.get_config() | {"return_theta": True}
both = stnlib.SpatialTransformer.from_config(config)
image = keras.Input((42, 42, 1))
window, theta = both(image)
with_theta = keras.Model(image, [models.fcn()(window), theta])
with_theta.set_weights(model.get_weights())
with_theta.export(WORK / "with_theta", verbose=False)
outputs = tf.saved_model.load(WORK / "with_theta").signatures["serving_default"]
print(outputs.structured_outputs)

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
