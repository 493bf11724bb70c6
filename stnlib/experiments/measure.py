"""One run from start to JSON: train an epoch, test, checkpoint, and go on after a kill as if nothing had happened."""

import dataclasses
import os
import sys
import time

import keras
import numpy as np
from tqdm import tqdm

from stnlib import training
from stnlib.experiments import data, files, networks

LEARNING_RATE = 1e-3
THREADS = 2  # that share a sum on TensorFlow: their number changes its last bits


def measure(run, digits, out, progress=True):
    """Train and test one run; write and return its record.

    Convention: checkpoints lie in `out/checkpoints`, networks in `out/networks`; the progress bar goes to stderr.
    """
    fix_threads()
    target = out / f"{run.name}.json"
    checkpoint = out / "checkpoints" / f"{run.name}.npz"
    source = files.provenance()
    model = compiled(run, digits)
    state = resume(run, model, checkpoint)
    tests = data.test_sets(run, digits)
    total, done = (count * steps(run, digits) for count in (run.epochs, len(state["errors"])))
    with tqdm(total=total, unit="step", desc=run.name, file=sys.stderr, disable=not progress) as bar:
        bar.update(done)
        for epoch in range(len(state["errors"]), run.epochs):
            state = one_epoch(run, model, digits, tests, state, epoch, bar)
            files.write_checkpoint(checkpoint, state, variables(model))
    record = describe(run, model, digits, state) | source
    bare = model.from_config(model.get_config())
    bare.set_weights(model.get_weights())
    files.save(out / "networks" / f"{run.name}.keras", bare.save)
    files.write_json(target, record)
    checkpoint.unlink(missing_ok=True)
    return record


def steps(run, digits):
    """Count the steps of one epoch."""
    return run.steps(len(digits.x_train[: run.train_size]))


def compiled(run, digits):
    """Build and compile the run's network, its optimizer's variables in place."""
    make_deterministic()
    training.set_seed(run.seed)
    if run.experiment == "article":
        model = networks.article(run.model, 40 if run.distortion == "article_clutter" else 28)
        rate = LEARNING_RATE
    else:
        model = networks.paper(run.model, run.transform, run.distortion)
        rate = keras.optimizers.schedules.CosineDecay(LEARNING_RATE, run.epochs * steps(run, digits))
    training.compile(model, rate)
    model.optimizer.build(model.trainable_variables)
    return model


def fix_threads():
    """Give TensorFlow's sums the same number of threads on every machine, unless the environment names another.

    Convention: it takes effect where TensorFlow has not computed anything yet, so in a process of its own.
    """
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", str(THREADS))


def make_deterministic():
    """Let the backend take only algorithms that give the same bits each time; TensorFlow has a switch for it."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()


def resume(run, model, checkpoint):
    """Restore the last whole epoch, if there is one of this very run; returns the state."""
    config = dataclasses.asdict(run)
    found = files.read_checkpoint(checkpoint)
    if found is None or found[0]["run"] != config:
        return {"run": config, "errors": [], "losses": [], "seconds": 0.0, "cpu_seconds": 0.0}
    state, arrays = found
    for variable, array in zip(all_variables(model), arrays, strict=True):
        variable.assign(array)
    return state


def all_variables(model):
    """List everything that training changes, dropout's seeds aside."""
    return [*model.weights, *model.optimizer.variables]


def variables(model):
    """Copy everything that training changes."""
    return [keras.ops.convert_to_numpy(variable) for variable in all_variables(model)]


def one_epoch(run, model, digits, tests, state, epoch, bar):
    """Train and test for one epoch; returns the new state."""
    begun, cpu = time.perf_counter(), time.process_time()
    x, y = data.training_set(run, digits, epoch)
    # Seeded after Keras has traced the model: the first `fit` of a process draws random numbers for that on PyTorch.
    seed = keras.callbacks.LambdaCallback(on_train_begin=lambda logs: seed_dropout(model, run.seed, epoch))
    callbacks = [seed, Progress(bar)]
    history = model.fit(x, y, batch_size=run.batch_size, shuffle=False, verbose=0, callbacks=callbacks).history
    errors = {name: 1 - training.accuracy(model, *test) for name, test in tests.items()}
    bar.set_postfix({name: f"{100 * error:.2f} %" for name, error in errors.items()})
    return {
        "run": state["run"],
        "errors": [*state["errors"], errors],
        "losses": [*state["losses"], float(history["loss"][-1])],
        "seconds": state["seconds"] + time.perf_counter() - begun,
        "cpu_seconds": state["cpu_seconds"] + time.process_time() - cpu,
    }


def seed_dropout(model, seed, epoch):
    """Make all randomness inside the network a function of seed and epoch."""
    training.set_seed(seed * 1000 + epoch)
    states = [variable for variable in model.variables if variable.path.endswith("seed_generator_state")]
    for index, variable in enumerate(states):
        fresh = np.random.default_rng((seed, epoch, 3, index)).integers(0, 2**32, 2)
        variable.assign(fresh.astype(np.uint32))


class Progress(keras.callbacks.Callback):
    """Moves a tqdm bar by one for each step."""

    def __init__(self, bar):
        super().__init__()
        self.bar = bar

    def on_train_batch_end(self, batch, logs=None):
        """Count the step."""
        self.bar.update(1)


def describe(run, model, digits, state):
    """Make the record of a finished run."""
    return {
        **dataclasses.asdict(run),
        "name": run.name,
        "command": command(run),
        "parameters": model.count_params(),
        "widths": widths(model),
        "train_images": len(digits.x_train[: run.train_size]),
        "test_images": len(digits.x_test),
        "batch_size": run.batch_size,
        "learning_rate": LEARNING_RATE,
        "schedule": "constant" if run.experiment == "article" else "cosine",
        "error": state["errors"][-1],
        "error_per_epoch": state["errors"],
        "loss_per_epoch": state["losses"],
        "seconds": round(state["seconds"], 1),
        "cpu_seconds": round(state["cpu_seconds"], 1),
        "test_set_sha256": data.checksum(run, digits),
    }


def widths(model):
    """List the filters and units of a network's layers, those inside its parts included.

    >>> widths(networks.sized("fcn", None, "R", 5))
    [5, 5, 10]
    """
    found = []
    for layer in model.layers:
        layer = getattr(layer, "localization", layer)
        width = getattr(layer, "filters", getattr(layer, "units", None))
        found += widths(layer) if hasattr(layer, "layers") else [width] if width else []
    return found


def command(run):
    """Write the command that repeats a run.

    >>> from stnlib.experiments.runs import Run
    >>> command(Run("article", "cnn", None, "article", seed=1, epochs=5))
    'python -m stnlib.experiments article --model cnn --distortion article --epochs 5 --seed 1 --dataset mnist'
    """
    words = ["python -m stnlib.experiments", run.experiment]
    for option in ("model", "transform", "distortion", "epochs", "seed", "dataset", "train_size"):
        if getattr(run, option) is not None:
            words += [f"--{option.replace('_', '-')}", str(getattr(run, option))]
    return " ".join(words)
