"""One run from start to JSON: train an epoch, test, checkpoint, and go on after a kill as if nothing had happened."""

from __future__ import annotations

import dataclasses
import os
import sys
import time
from pathlib import Path

import keras
import numpy as np
from tqdm import tqdm

from stnlib import training
from stnlib.experiments import files
from stnlib.experiments.procedures import Classification
from stnlib.experiments.runs import Run

THREADS = 2  # that share a sum on TensorFlow: their number changes its last bits


def measure(run: Run, source, out: Path, progress: bool = True) -> dict:
    """Train and test one run; write and return its record.

    :Convention: `source` is what the experiment's procedure loads, such as the digits; checkpoints go to
        `out/checkpoints`, networks to `out/networks`; the progress bar goes to stderr.
    """
    fix_threads()
    target = out / f"{run.name}.json"
    checkpoint = out / "checkpoints" / f"{run.name}.npz"
    provenance = files.provenance()
    procedure = run.plan.procedure(run, source)
    model = compiled(run, source)
    state = resume(run, model, checkpoint, procedure)
    tests = procedure.test_sets()
    total, done = (count * procedure.steps for count in (run.epochs, len(state["errors"])))
    with tqdm(total=total, unit="step", desc=run.name, file=sys.stderr, disable=not progress) as bar:
        bar.update(done)
        for epoch in range(len(state["errors"]), run.epochs):
            state = one_epoch(procedure, model, tests, state, epoch, bar)
            files.write_checkpoint(checkpoint, state, variables(model))
    record = describe(procedure, model, state, tests) | provenance
    save_network(out / "networks" / f"{run.name}.keras", model)
    files.write_json(target, record)
    checkpoint.unlink(missing_ok=True)
    return record


def measured(run: Run, out: Path, progress: bool = False) -> dict | None:
    """Load what a run needs, measure it and return its record; None where that was done before.

    :Errors: SystemExit with one line where its data set cannot be had.
    """
    if (out / f"{run.name}.json").exists():
        return None
    try:
        source = run.plan.procedure.load(run)
    except OSError as error:
        raise SystemExit(str(error)) from error
    return measure(run, source, out, progress)


def save_network(path: Path, model: keras.Model) -> None:
    """Save a network without its optimizer."""
    bare = model.from_config(model.get_config())
    bare.set_weights(model.get_weights())
    files.save(path, bare.save)


def compiled(run: Run, source) -> keras.Model:
    """Build and compile the run's network, its optimizer's variables created."""
    make_deterministic()
    training.set_seed(run.seed)
    model = run.plan.procedure(run, source).model()
    model.optimizer.build(model.trainable_variables)
    return model


def fix_threads() -> None:
    """Give TensorFlow's sums the same number of threads on every machine, unless the environment names another.

    :Convention: it takes effect only before TensorFlow has computed anything, so in a new process.
    """
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", str(THREADS))


def make_deterministic() -> None:
    """Allow only deterministic algorithms, where the backend has a switch for that (TensorFlow)."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()


def resume(run: Run, model: keras.Model, checkpoint: Path, procedure: Classification | None = None) -> dict:
    """Restore the last complete epoch of this run, if there is one; returns the state."""
    config = dataclasses.asdict(run)
    found = files.read_checkpoint(checkpoint)
    if found is None or found[0]["run"] != config:
        return {"run": config, "errors": [], "losses": [], "seconds": 0.0, "cpu_seconds": 0.0}
    state, arrays = found
    if procedure:
        procedure.restore(model, len(state["errors"]) - 1)
    for variable, array in zip(all_variables(model), arrays, strict=True):
        variable.assign(array)
    return state


def all_variables(model: keras.Model) -> list:
    """List everything that training changes, dropout's seeds aside."""
    return [*model.weights, *model.optimizer.variables]


def variables(model: keras.Model) -> list[np.ndarray]:
    """Copy everything that training changes."""
    return [keras.ops.convert_to_numpy(variable) for variable in all_variables(model)]


def one_epoch(procedure: Classification, model: keras.Model, tests: dict, state: dict, epoch: int, bar: tqdm) -> dict:
    """Train and test for one epoch; returns the new state."""
    run = procedure.run
    begun, cpu = time.perf_counter(), time.process_time()
    procedure.begin_epoch(model, epoch)
    x, y = procedure.training_set(epoch)
    # Seeded after Keras has traced the model: the first `fit` of a process draws random numbers for that on PyTorch.
    seed = keras.callbacks.LambdaCallback(on_train_begin=lambda logs: seed_dropout(model, run.seed, epoch))
    callbacks = [seed, Progress(bar)]
    history = model.fit(x, y, batch_size=run.plan.batch_size, shuffle=False, verbose=0, callbacks=callbacks).history
    errors = procedure.errors(model, tests)
    bar.set_postfix({name: f"{100 * error:.2f}%" for name, error in errors.items()})
    return {
        "run": state["run"],
        "errors": [*state["errors"], errors],
        "losses": [*state["losses"], float(history["loss"][-1])],
        "seconds": state["seconds"] + time.perf_counter() - begun,
        "cpu_seconds": state["cpu_seconds"] + time.process_time() - cpu,
    }


def seed_dropout(model: keras.Model, seed: int, epoch: int) -> None:
    """Make all randomness inside the network a function of seed and epoch."""
    training.set_seed(seed * 1000 + epoch)
    states = [variable for variable in model.variables if variable.path.endswith("seed_generator_state")]
    for index, variable in enumerate(states):
        fresh = np.random.default_rng((seed, epoch, 3, index)).integers(0, 2**32, 2)
        variable.assign(fresh.astype(np.uint32))


class Progress(keras.callbacks.Callback):
    """Moves a tqdm bar on by the steps that were taken; Keras may take several at a time."""

    def __init__(self, bar: tqdm):
        super().__init__()
        self.bar = bar

    def on_epoch_begin(self, epoch, logs=None):
        """Begin to count."""
        self.taken = 0

    def on_train_batch_end(self, batch, logs=None):
        """Count the steps up to this one."""
        done = min(batch + 1, self.params["steps"])  # Keras rounds the last batch's number up
        self.bar.update(done - self.taken)
        self.taken = done


def describe(procedure: Classification, model: keras.Model, state: dict, tests: dict) -> dict:
    """Make the record of a finished run."""
    run, source = procedure.run, procedure.source
    return {
        **dataclasses.asdict(run),
        "name": run.name,
        "command": run.command,
        "parameters": model.count_params(),
        "widths": widths(model),
        "train_images": len(source.x_train[: run.train_size]),
        "test_images": len(source.x_test),
        "batch_size": run.plan.batch_size,
        "learning_rate": procedure.learning_rate,
        "schedule": run.plan.schedule,
        "optimizer": type(model.optimizer).__name__,
        **procedure.describe(model, tests),
        "error": state["errors"][-1],
        "error_per_epoch": state["errors"],
        "loss_per_epoch": state["losses"],
        "seconds": round(state["seconds"], 1),
        "cpu_seconds": round(state["cpu_seconds"], 1),
        "threads": int(os.environ["TF_NUM_INTRAOP_THREADS"]),
        "test_set_sha256": procedure.checksum(),
    }


def widths(model: keras.Model) -> list[int]:
    """List the filters and units of a network's layers, those inside its parts included.

    >>> from stnlib import models
    >>> widths(models.fcn())
    [128, 10]
    """
    found = []
    for layer in model.layers:
        layer = getattr(layer, "localization", layer)
        width = getattr(layer, "filters", getattr(layer, "units", None))
        found += widths(layer) if hasattr(layer, "layers") else [width] if width else []
    return found
