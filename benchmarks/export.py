"""Exports a trained plate reader to every format, runs each in its own runtime and writes `results/bench-export.json`.

    python benchmarks/export.py [--model FILE] [--plates N] [--epochs N] [--rounds N] [--output FILE]

Run in the environment of `requirements-export.txt`. The reader, a spatial transformer in front of a small classifier,
is trained first, in a process of its own, where the file is not there yet. Every runtime gets one thread and one plate
at a time; they take turns. Beside the latency stand the size of the file, the largest difference from Keras's answers,
and the share of characters that are read as Keras reads them.
"""

import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import common
import numpy as np

OUTPUT = common.RESULTS / "bench-export.json"
MODEL = pathlib.Path(__file__).parents[1] / "_build" / "export" / "plates.keras"
PLATES, POSE_EPOCHS, EPOCHS = 4000, 6, 8  # that the reader is trained on, and how often
TEST, SAMPLES, ROUNDS, CALLS = 300, 100, 5, 40  # plates to read, to calibrate with; turns, and calls in each
PACKAGES = ("stnlib", "keras", "tensorflow", "numpy", "onnxruntime", "ai-edge-litert", "openvino", "tf2onnx")
SEED = 0


# -- the reader --------------------------------------------------------------------------------------------------------


def train(path, plates, epochs):
    """Train the reader of the recipe with known poses, briefly, and save it."""
    import keras

    from stnlib import plates as plate
    from stnlib import training
    from stnlib.experiments import recipes
    from stnlib.fitting import from_corners
    from stnlib.optimizers import SlowAdam

    training.set_seed(SEED)
    made = plate.make(plates, seed=1)
    recipe = recipes.Recipe(features="tanh", padding_mode="border")
    model = recipes.network(recipes.TASKS["plates"], recipe, made.images.shape[1:], "affine")
    transformer = model.get_layer("transformer")
    training.fit_pose(transformer, made.images, from_corners(made.corners, transform="affine"), POSE_EPOCHS)
    rate = keras.optimizers.schedules.CosineDecay(1e-3, epochs * -(-plates // 64))
    training.compile(model, SlowAdam(transformer, factor=0.1, learning_rate=rate))
    training.fit(model, made.images, made.labels, epochs, seed=SEED)
    path.parent.mkdir(parents=True, exist_ok=True)
    model.save(path)


# -- formats: each takes the model and a folder, and gives what was written and a function from images to logits -------


def keras_file(model, folder):
    """Keras's own file, loaded again."""
    import keras

    path = folder / "model.keras"
    bare = model.__class__.from_config(model.get_config())
    bare.set_weights(model.get_weights())  # without the optimizer
    bare.save(path)
    again = keras.models.load_model(path)
    return [path], again.predict_on_batch


def saved_model(model, folder):
    """A SavedModel, called by its signature as TensorFlow Serving does."""
    import tensorflow as tf

    path = folder / "saved"
    model.export(path, verbose=False)
    loaded = tf.saved_model.load(path)
    serve = loaded.signatures["serving_default"]
    (name,) = serve.structured_input_signature[1]

    def run(images, loaded=loaded):  # its variables live as long as it does
        (logits,) = serve(**{name: tf.constant(images)}).values()
        return logits.numpy()

    return [one for one in path.rglob("*") if one.is_file()], run


def onnx(model, folder):
    """ONNX Runtime."""
    import onnxruntime

    path = folder / "model.onnx"
    model.export(str(path), format="onnx", verbose=False)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options)
    name = session.get_inputs()[0].name
    return [path], lambda images: session.run(None, {name: images})[0]


def openvino(model, folder):
    """OpenVINO, told to compute in float32."""
    import openvino

    path = folder / "model.xml"
    model.export(str(path), format="openvino", verbose=False)
    options = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
    compiled = openvino.Core().compile_model(str(path), "CPU", options)
    return [path, path.with_suffix(".bin")], lambda images: next(iter(compiled(images).values()))


def litert(model, folder, **options):
    """LiteRT, in float32 or as the converter's options say."""
    path = folder / f"model-{len(list(folder.glob('*.tflite')))}.tflite"
    model.export(str(path), format="litert", verbose=False, **options)
    return [path], interpreted(path)


def dynamic_range(model, folder):
    """LiteRT with the weights in 8 bits; what flows between the layers stays float32."""
    return litert(model, folder, optimizations=[_default()])


def float16(model, folder):
    """LiteRT with the weights in 16 bits."""
    import tensorflow as tf

    return litert(model, folder, optimizations=[_default()], target_spec={"supported_types": [tf.float16]})


def int8(model, folder):
    """LiteRT with everything in 8 bits, scaled by what the calibration plates showed."""
    return litert(model, folder, **quantised(_plates()))


def int8_around_the_sampler(model, folder):
    """Three LiteRT files: features and classifier in 8 bits, head, grid and sampler between them in float32."""
    transformer = model.get_layer("transformer")
    images = _plates()
    parts = split(model)
    looked = np.asarray(transformer(images))
    files, runs = [], []
    for part, options in zip(parts, (quantised(images), {}, quantised(looked)), strict=True):
        written, run = litert(part, folder, **options)
        files += written
        runs.append(run)
    features, sampler, classifier = runs
    return files, lambda images: classifier(sampler(images, features(images)))


def split(model):
    """The reader as three models: images to features, images and features to straightened images, those to logits."""
    import keras

    from stnlib import affine_grid, grid_sample

    transformer = model.get_layer("transformer")
    image = keras.Input(model.input_shape[1:])
    features = keras.Model(image, transformer.localization(image))
    known = keras.Input(features.output_shape[1:])
    grid = affine_grid(transformer.head(known), transformer.output_size)
    sampler = keras.Model([image, known], grid_sample(image, grid, padding_mode=transformer.padding_mode))
    straight = keras.Input(sampler.output_shape[1:])
    return features, sampler, keras.Model(straight, model.layers[-1](straight))


FORMATS = {
    "Keras": keras_file,
    "SavedModel": saved_model,
    "ONNX Runtime": onnx,
    "OpenVINO": openvino,
    "LiteRT": litert,
    "LiteRT, float16": float16,
    "LiteRT, dynamic range": dynamic_range,
    "LiteRT, int8": int8,
    "LiteRT, int8 around the sampler": int8_around_the_sampler,
}


def _default():
    import tensorflow as tf

    return tf.lite.Optimize.DEFAULT


def _plates():
    from stnlib import plates

    return plates.make(SAMPLES, seed=3).images


def quantised(images):
    """Options for 8 bits, calibrated with some images."""
    return {"optimizations": [_default()], "representative_dataset": lambda: ([image[None]] for image in images)}


def interpreted(path):
    """A LiteRT file on one thread, as a function from its inputs, images first, to its output."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path), num_threads=1)
    places = sorted(interpreter.get_input_details(), key=lambda place: -len(place["shape"]))
    interpreter.allocate_tensors()

    def run(*inputs):
        for place, values in zip(places, inputs, strict=True):
            interpreter.set_tensor(place["index"], values)
        interpreter.invoke()
        return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])

    return run


# -- what is measured --------------------------------------------------------------------------------------------------


def compare(model, runs, images, labels):
    """For each runtime: the largest difference from Keras's logits, the characters it keeps and those it reads."""
    expected = model.predict(images, batch_size=50, verbose=0)
    found = {}
    for name, run in runs.items():
        logits = np.concatenate([run(image[None]) for image in images])
        read = logits.argmax(axis=-1)
        found[name] = {
            "difference": float(np.abs(logits - expected).max()),
            "kept": float(np.mean(read == expected.argmax(axis=-1))),
            "accuracy": float(np.mean(read == labels)),
        }
    return found


def take_turns(runs, images, rounds):
    """Milliseconds of a call with one plate: the runtimes take turns."""
    times = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            run(images[:1])
            for call in range(CALLS):
                start = time.perf_counter()
                run(images[call % len(images)][None])
                times[name].append(1000 * (time.perf_counter() - start))
    return times


def measure(model, plates, rounds):
    """Export, run and time every format; its figures by name."""
    with tempfile.TemporaryDirectory() as name:
        made = {}
        for title, export in FORMATS.items():
            folder = pathlib.Path(name, str(len(made)))
            folder.mkdir()
            made[title] = export(model, folder)
        sizes = {title: sum(file.stat().st_size for file in files) for title, (files, _) in made.items()}
        runs = {title: run for title, (_, run) in made.items()}
        results = compare(model, runs, plates.images, plates.labels)
        times = take_turns(runs, plates.images, rounds)
    unit = statistics.median(times["LiteRT"])
    for title, entry in results.items():
        entry["bytes"] = sizes[title]
        entry["ms"] = round(statistics.median(times[title]), 3)
        entry["quartiles"] = [round(one, 3) for one in statistics.quantiles(times[title], n=4)[::2]]
        entry["ratio"] = round(statistics.median(times[title]) / unit, 3)
    return results


def main(arguments=None):
    """Command line."""
    parser = argparse.ArgumentParser(description="A trained plate reader in every runtime.")
    parser.add_argument("--model", type=pathlib.Path, default=MODEL, help="the reader; trained where it is missing")
    parser.add_argument("--plates", type=int, default=PLATES, help="to train on")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--output", type=pathlib.Path, default=OUTPUT)
    parser.add_argument("--train", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.train:
        return train(options.model, options.plates, options.epochs)
    if not options.model.exists():
        words = ["--model", options.model, "--plates", str(options.plates), "--epochs", str(options.epochs), "--train"]
        subprocess.run([sys.executable, __file__, *words], check=True)

    import keras
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    import stnlib.experiments.files as files
    from stnlib import plates

    model = keras.models.load_model(options.model, compile=False)
    test = plates.make(TEST, seed=2)
    results = measure(model, test, options.rounds)
    for title, entry in results.items():
        shares = f"{100 * entry['kept']:6.1f} % kept, {100 * entry['accuracy']:5.1f} % right"
        print(f"{title:<34}{entry['difference']:10.1e}{shares}{entry['bytes'] / 1e3:9.0f} kB{entry['ratio']:8.2f}")
    unit = "ms of a call with one plate, one thread, median; ratio: to LiteRT in float32"
    sizes = {"plates": options.plates, "epochs": options.epochs, "test": TEST, "parameters": model.count_params()}
    sizes["largest_logit"] = float(np.abs(model.predict(test.images, batch_size=50, verbose=0)).max())
    versions = {"python": common.platform.python_version()} | {name: files.version(name) for name in PACKAGES}
    common.write(options.output, common.report("export", unit, versions, results, **sizes))
    print("written:", options.output.name)


if __name__ == "__main__":
    sys.exit(main())
