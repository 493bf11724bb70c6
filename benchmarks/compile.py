"""Asks what the compiled sampler buys: times a training step with each part of it, `results/bench-compile.json`.

    PYTHONPATH=. python benchmarks/compile.py [--turns N] [--seconds S] [--output FILE]

Three forms of the same network take turns in one process: the plain sampler, not compiled; the plain sampler compiled
by XLA; the library's, whose core has a gradient of its own. Processor time, all threads together.
"""

import argparse
import contextlib
import pathlib
from unittest import mock

import common
import training as steps

from stnlib import _compile, datasets, sampling
from stnlib.experiments import files, runs
from stnlib.experiments.measure import fix_threads

OUTPUT = common.RESULTS / "bench-compile.json"
FORMS = {
    "not compiled": {"pays": lambda *tensors: False},
    "compiled": {"BILINEAR": sampling.MODES["bilinear"]},
    "library": {},
}
CELLS = (
    ("article", "stn_fcn", "affine", "article"),
    ("article", "stn_cnn", "affine", "article"),
    ("paper", "st_fcn", "affine", "RTS"),
    ("paper", "st_cnn", "affine", "RTS"),
    ("paper", "st_cnn", "tps", "RTS"),
)


def trainer(form, run, digits, seconds):
    """The network of a run whose training step has been traced in one of the forms."""
    _compile._programs.cache_clear()
    with contextlib.ExitStack() as patches:
        for name, part in FORMS[form].items():
            patches.enter_context(mock.patch.object(_compile, name, part))
        return steps.Trainer(run, digits, seconds)


def measure(cell, digits, turns, seconds):
    """Time the forms of one network in turns: milliseconds, and the share of the first form's."""
    experiment, model, transform, distortion = cell
    (run,) = runs.select(experiment, model, transform, distortion, 0)
    trainers = {form: trainer(form, run, digits, seconds) for form in FORMS}
    for _ in range(turns):
        for each in trainers.values():
            each.take_turn()
    entries = {form: each.entry()["processor_ms"] for form, each in trainers.items()}
    ratios = {form: round(value / entries["not compiled"], 3) for form, value in entries.items()}
    return {"experiment": experiment, "model": model, "transform": transform, "processor_ms": entries, "ratio": ratios}


def main(arguments=None):
    """Command line."""
    parser = argparse.ArgumentParser(description="What the compiled sampler buys in a training step.")
    parser.add_argument("--turns", type=int, default=steps.TURNS)
    parser.add_argument("--seconds", type=float, default=steps.SECONDS, help="processor seconds of a turn, about")
    parser.add_argument("--output", type=pathlib.Path, default=OUTPUT)
    options = parser.parse_args(arguments)
    fix_threads()
    digits = datasets.load("uci")
    results = []
    for cell in CELLS:
        results.append(measure(cell, digits, options.turns, options.seconds))
        print(*cell, results[-1]["ratio"], flush=True)
    unit = "processor ms of a training step: median over the turns; ratio to the sampler that is not compiled"
    report = common.report("compile", unit, files.provenance()["versions"], results, turns=options.turns)
    common.write(options.output, report)
    print("written:", options.output.name)


if __name__ == "__main__":
    main()
