"""Trains one network on one and on two processes, the same batches, and writes `results/bench-workers.json`.

    python benchmarks/workers.py [--epochs N] [--rounds N] [--output FILE]

Keras on JAX. Each worker is a process of its own, bound to one processor core; two of them share the work by
`keras.distribution.DataParallel` and talk over the loopback interface. A third arrangement is one process on both
cores. The arrangements take turns; an epoch's time is the median over the epochs and rounds, the first two epochs
of each run, in which JAX compiles, aside.
"""

import argparse
import json
import os
import pathlib
import socket
import statistics
import subprocess
import sys
import tempfile
import time

os.environ["KERAS_BACKEND"] = "jax"

import common

OUTPUT = common.RESULTS / "bench-workers.json"
EPOCHS, ROUNDS = 12, 3
COMPILING = 2  # epochs at the start of a run that are not timed
IMAGES, BATCH, SEED = 2560, 256, 0  # of an epoch, and of a step, all workers together
ARRANGEMENTS = {"1 worker": [[0]], "1 worker, two cores": [[0, 1]], "2 workers": [[0], [1]]}  # the cores of each


def share(array, index, workers):
    """A worker's part of each batch, in order."""
    steps = array.reshape(-1, workers, BATCH // workers, *array.shape[1:])
    return steps[:, index].reshape(-1, *array.shape[1:])


def train(index, workers, address, epochs):
    """Train as worker `index` of several: the loss and the seconds of each epoch, and the norm of the last weights."""
    import keras
    import numpy as np

    if workers > 1:
        keras.distribution.initialize(address, workers, index)
        keras.distribution.set_distribution(keras.distribution.DataParallel(auto_shard_dataset=False))
    from stnlib import datasets, distortions, models, training

    digits = datasets.load("uci")
    x, y = (np.resize(part, (IMAGES, *part.shape[1:])) for part in (digits.x_train, digits.y_train))
    x = distortions.distort(x, "article", SEED).images
    training.set_seed(SEED)
    model = training.compile(models.stn("fcn"))
    clock = Clock()
    history = model.fit(
        share(x, index, workers),
        share(y, index, workers),
        batch_size=BATCH // workers,
        epochs=epochs,
        shuffle=False,
        verbose=0,
        callbacks=[keras.callbacks.LambdaCallback(on_epoch_begin=clock.start, on_epoch_end=clock.stop)],
    )
    norm = float(np.sqrt(sum(float((np.asarray(weights) ** 2).sum()) for weights in model.get_weights())))
    return {"loss": history.history["loss"], "seconds": clock.seconds, "norm": norm}


class Clock:
    """The seconds of each epoch."""

    def __init__(self):
        self.seconds = []

    def start(self, epoch, logs):
        """An epoch begins."""
        self.begun = time.perf_counter()

    def stop(self, epoch, logs):
        """An epoch ends."""
        self.seconds.append(time.perf_counter() - self.begun)


def worker(index, workers, cores, address, epochs, target):
    """Train in this process, bound to its cores, and leave what came of it in a file."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, set(cores) & os.sched_getaffinity(0) or os.sched_getaffinity(0))
    found = train(index, workers, address, epochs)
    pathlib.Path(target).write_text(json.dumps(found), "utf-8")


def measure(places, epochs):
    """Train with a worker on each group of cores; returns what each found."""
    address = f"127.0.0.1:{free_port()}"
    with tempfile.TemporaryDirectory() as folder:
        files = [pathlib.Path(folder, f"{index}.json") for index in range(len(places))]
        told = [[index, len(places), cores, address, epochs] for index, cores in enumerate(places)]
        words = [["--worker", json.dumps([*one, str(file)])] for one, file in zip(told, files, strict=True)]
        running = [subprocess.Popen([sys.executable, __file__, *each]) for each in words]
        failed = [process.wait() for process in running]
        if any(failed):
            raise SystemExit("a worker failed; see above")
        return [json.loads(file.read_text("utf-8")) for file in files]


def free_port():
    """A port of the loopback interface that nobody uses."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def entry(rounds):
    """The figures of an arrangement from what the workers found in each round."""
    seconds = [time for workers in rounds for time in workers[0]["seconds"][COMPILING:]]
    middle = statistics.median(seconds)
    apart = max(abs(one["norm"] - rounds[0][0]["norm"]) for workers in rounds for one in workers)
    return {
        "workers": len(rounds[0]),
        "images_per_second": round(IMAGES / middle),
        "epoch_seconds": round(middle, 4),
        "quartiles": [round(quartile, 4) for quartile in statistics.quantiles(seconds, n=4)[::2]],
        "loss": [round(loss, 6) for loss in rounds[0][0]["loss"]],
        "norm": rounds[0][0]["norm"],
        "norms_apart": apart,
    }


def main(arguments=None):
    """Command line."""
    parser = argparse.ArgumentParser(description="Training on one and on two processes.")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--output", type=pathlib.Path, default=OUTPUT)
    parser.add_argument("--worker", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.worker:
        return worker(*options.worker)
    found = {name: [] for name in ARRANGEMENTS}
    for _ in range(options.rounds):
        for name, places in ARRANGEMENTS.items():
            found[name].append(measure(places, options.epochs))
    results = {name: entry(rounds) for name, rounds in found.items()}
    slowest = results["1 worker"]["epoch_seconds"]
    for name, figures in results.items():
        figures["speedup"] = round(slowest / figures["epoch_seconds"], 3)
        rate, loss = figures["images_per_second"], figures["loss"][-1]
        print(f"{name:<22}{rate:>8,} images/s  {figures['speedup']:.2f}  loss {loss:.4f}")
    from stnlib.experiments import files

    unit = "speedup: an epoch's time with one worker, divided by this one's, medians"
    sizes = {"images": IMAGES, "batch": BATCH, "epochs": options.epochs, "rounds": options.rounds}
    common.write(options.output, common.report("workers", unit, files.provenance()["versions"], results, **sizes))
    print("written:", options.output.name)


if __name__ == "__main__":
    sys.exit(main())
