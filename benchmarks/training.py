"""Times a training step of every network of the tables and writes `results/bench-training.json`.

    python benchmarks/training.py [--turns N] [--seconds S] [--output FILE]

One process; the networks of a distortion take turns, so that a busy moment of the machine falls on all of them.
Processor time of the whole process, all threads together: median over the turns, smallest and largest beside it.
"""

import argparse
import os
import pathlib
import statistics
import sys
import time

os.environ["KERAS_BACKEND"] = "tensorflow"

import common
import numpy as np

from stnlib import datasets
from stnlib.experiments import files, runs
from stnlib.experiments.catalog import same_networks
from stnlib.experiments.measure import compiled, fix_threads

OUTPUT = common.RESULTS / "bench-training.json"
TURNS, SECONDS = 5, 1.5
SEED = 0


def networks():
    """One run for each network whose training step is to be timed, by distortion; of the same networks, one."""
    found = {}
    for run in runs.everything(dataset="uci"):
        first = same_networks(run.experiment, run.distortion) == (run.experiment, run.distortion)
        if run.seed == 0 and first and run.plan.timed:
            found.setdefault(run.distortion, []).append(run)
    return found


class Trainer:
    """A run's network, to be trained on random images for as many steps as take about `seconds` of processor time."""

    def __init__(self, run, digits, seconds):
        self.run, self.model, self.times = run, compiled(run, digits), []
        self.take_steps(3)  # compiles
        few, more = (count * self.take_steps(count) for count in (3, 9))
        self.steps = max(3, round(1000 * seconds / max(1.0, (more - few) / 6)))  # what a call takes by itself aside

    def take_steps(self, steps):
        """Train; returns the processor milliseconds of a step, all threads together."""
        shape = (steps * self.run.plan.batch_size, *self.model.input_shape[1:])
        random = np.random.default_rng(SEED)
        x, y = random.random(shape, dtype="float32"), random.integers(0, 10, shape[0])
        start = time.process_time()
        self.model.fit(x, y, batch_size=self.run.plan.batch_size, shuffle=False, verbose=0)
        return 1000 * (time.process_time() - start) / steps

    def take_turn(self):
        """Train once more and keep the time."""
        self.times.append(self.take_steps(self.steps))

    def entry(self):
        """The network's figures."""
        network = {name: getattr(self.run, name) for name in ("experiment", "model", "transform")}
        network["batch_size"] = self.run.plan.batch_size
        middle, least, most = statistics.median(self.times), min(self.times), max(self.times)
        return network | {"processor_ms": round(middle, 2), "smallest": round(least, 2), "largest": round(most, 2)}


def measure(listed, digits, turns=TURNS, seconds=SECONDS):
    """Time the networks of one distortion in turns."""
    trainers = [Trainer(run, digits, seconds) for run in listed]
    for _ in range(turns):
        for trainer in trainers:
            trainer.take_turn()
    return [trainer.entry() for trainer in trainers]


def main(arguments=None):
    """Command line."""
    parser = argparse.ArgumentParser(description="Processor milliseconds of a training step, for every network.")
    parser.add_argument("--turns", type=int, default=TURNS)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="processor seconds of a turn, about")
    parser.add_argument("--output", type=pathlib.Path, default=OUTPUT)
    options = parser.parse_args(arguments)
    fix_threads()
    digits = datasets.load("uci")
    results = {}
    for distortion, listed in networks().items():
        results[distortion] = measure(listed, digits, options.turns, options.seconds)
        for found in results[distortion]:
            name = " ".join(filter(None, (found["model"], found["transform"])))
            print(f"{distortion:<16}{name:<20}{found['processor_ms']:8.1f} ms", flush=True)
    unit = "processor ms of a training step, all threads: median, smallest and largest over the turns"
    report = common.report("training", unit, files.provenance()["versions"], results, turns=options.turns)
    common.write(options.output, report)
    print("written:", options.output.name)


if __name__ == "__main__":
    sys.exit(main())
