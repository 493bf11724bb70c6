"""Counts the multiply-adds of every network of the tables and writes `results/bench-multiply-adds.json`.

    python benchmarks/multiply_adds.py [--output FILE]

For one image: `forward`, and `step`, its share of a training step. The same on every machine; nothing is timed.
"""

import argparse
import os
import pathlib

os.environ["KERAS_BACKEND"] = "tensorflow"

import common
import training

from stnlib.distortions import DISTORTIONS
from stnlib.experiments import files, networks

OUTPUT = common.RESULTS / "bench-multiply-adds.json"


def entry(run):
    """One network's figures."""
    model = run.network.build(DISTORTIONS[run.distortion], run.transform)
    counts = {"forward": networks.multiply_adds(model), "step": networks.training_multiply_adds(model)}
    return {"experiment": run.experiment, "model": run.model, "transform": run.transform, **counts}


def main(arguments=None):
    """Count, and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=pathlib.Path, default=OUTPUT)
    options = parser.parse_args(arguments)
    results = {distortion: [entry(run) for run in listed] for distortion, listed in training.networks().items()}
    unit = "multiply-adds for one image, in convolutions and dense layers"
    files.write_json(options.output, {"benchmark": "multiply-adds", "unit": unit, "results": results})


if __name__ == "__main__":
    main()
