"""Times stnlib's sampler beside others and writes `results/bench-sampler.json`.

    python benchmarks/sampler.py [--quick] [--output FILE] [--only NAME ...] [--show]

Each contender runs in processes of its own, for another library's threads in the same process slow it down. They take
turns, several rounds, so that a busy moment of the machine falls on all of them; medians and quartiles.
"""

import argparse
import ctypes
import importlib
import importlib.metadata
import itertools
import json
import os
import pathlib
import subprocess
import sys
import time

os.environ["KERAS_BACKEND"] = "tensorflow"

import common
import numpy as np
from common import MODES

NAMES = ("torch", "stnlib eager", "stnlib graph", "stnlib XLA", "map_coordinates XLA", "plain graph")

SHAPES = ((256, 28, 28, 1), (64, 60, 60, 1), (16, 224, 224, 3), (8, 512, 512, 64))
ROUNDS, REPEATS, LARGE, LARGE_REPEATS = 3, 15, 2**26, 3  # repeats in each round
SLOW_SECONDS = 8
FIRST_SECONDS = 60  # that a first call, its process's start and its compilation may take
MEMORY_SHARE = 0.72  # of the machine's memory; a contender that takes more is stopped and not timed
SEED = 0
VERSIONS = ("keras", "numpy", "stnlib", "tensorflow", "torch")
OUTPUT = common.RESULTS / "bench-sampler.json"


def make_case(shape, seed=SEED):
    """Random images, gradient from above and theta `(B, 6)`: rotated, scaled, shifted, partly outside."""
    random = np.random.default_rng(seed)
    angle = random.uniform(-np.pi / 4, np.pi / 4, shape[0])
    scale = random.uniform(0.8, 1.2, shape[0])
    shift = random.uniform(-0.2, 0.2, (2, shape[0]))
    c, s = scale * np.cos(angle), scale * np.sin(angle)
    theta = np.stack([c, -s, shift[0], s, c, shift[1]], axis=1)
    images = random.random(shape, dtype="float32")
    return images, theta.astype("float32"), random.random(shape, dtype="float32")


def builder(name):
    """What builds a contender's timed calls, mode -> call; its libraries are imported here."""
    module = importlib.import_module("contender_torch" if name == "torch" else "contenders")
    return module.CONTENDERS[name]


def seconds(call):
    """One timed call; its results live until the clock has stopped."""
    start = time.perf_counter()
    results = call()
    elapsed = time.perf_counter() - start
    del results
    return elapsed


def peak_megabytes(call):
    """How far one call lifts the resident memory, MB, its results included; None where Linux's /proc is missing."""
    reset, status = pathlib.Path("/proc/self/clear_refs"), pathlib.Path("/proc/self/status")
    if not reset.exists():
        return None
    ctypes.CDLL(None).malloc_trim(0)
    reset.write_text("5")
    before = _status(status, "VmRSS")
    call()
    return round((_status(status, "VmHWM") - before) / 1024, 1)


def _status(path, field):
    """A field of /proc's status, kB; 0 where a process that is ending has it no more."""
    lines = [line for line in path.read_text().splitlines() if line.startswith(field)]
    return int(lines[0].split()[1]) if lines else 0


def memory_limit():
    """How much memory a contender may take, MB."""
    return round(MEMORY_SHARE * os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**20)


def peak(name, shape):
    """Peak memory of the first call with both gradients, MB, compilation included; infinity beyond the limits.

    In a process of its own: here it could not be seen, since TensorFlow keeps freed memory and uses it again.
    """
    command = [sys.executable, __file__, "--peak", name, *map(str, shape)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE)
    status = pathlib.Path(f"/proc/{child.pid}/status")
    end = time.monotonic() + FIRST_SECONDS
    while child.poll() is None:
        large = status.exists() and _status(status, "VmRSS") > 1024 * memory_limit()
        if large or time.monotonic() > end:
            child.kill()
            child.wait()
            return float("inf")
        time.sleep(0.1)
    if child.returncode:
        raise RuntimeError(f"measuring the memory of {name} failed with exit status {child.returncode}")
    return json.loads(child.stdout.read())


def print_peak(name, shape):
    """What `peak` reads; a call on tiny images goes before, so that what each process needs once is there."""
    tiny, call = (builder(name)(*make_case(s))["both"] for s in ((2, 3, 4, shape[-1]), shape))
    tiny()
    print(json.dumps(peak_megabytes(call)))


def times(name, shape, repeats):
    """Seconds of repeated calls, mode -> list; first calls are not counted, a slow one is timed once."""
    result = {}
    for mode, call in builder(name)(*make_case(shape)).items():
        call()
        result[mode] = [seconds(call)]
        while len(result[mode]) < repeats and result[mode][0] < SLOW_SECONDS:
            result[mode].append(seconds(call))
    return result


def in_process(name, shapes, repeats):
    """`times` at several shapes, one dictionary for each, in a fresh process."""
    command = [sys.executable, __file__, "--times", json.dumps([name, shapes, repeats])]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def summary(values):
    """Median and quartiles of seconds, in milliseconds."""
    low, middle, high = np.percentile(1000 * np.array(values), (25, 50, 75)).round(3)
    return {"repeats": len(values), "ms": float(middle), "quartiles": [float(low), float(high)]}


def measure(shapes, names, repeats, rounds):
    """All contenders at all shapes, in turns: shape -> mode -> contender -> entry."""
    memory = {(name, shape): peak(name, shape) for shape in shapes for name in names}
    spent = {(name, shape, mode): [] for name, shape in memory for mode in MODES}
    for _ in range(rounds):
        for name in names:
            fitting = [shape for shape in shapes if memory[name, shape] != float("inf")]
            for shape, found in zip(fitting, in_process(name, fitting, [repeats(s) for s in fitting]), strict=True):
                for mode, values in found.items():
                    spent[name, shape, mode] += values
    results = {}
    for shape in shapes:
        entries = {mode: {} for mode in MODES}
        for mode, name in itertools.product(MODES, names):
            if memory[name, shape] == float("inf"):
                entries[mode][name] = {"skipped": f"more than {memory_limit()} MB or {FIRST_SECONDS} s"}
                continue
            entry = summary(spent[name, shape, mode])
            entry["peak_mb"] = memory[name, shape] if mode == "both" else None
            entry["ratio"] = round(entry["ms"] / summary(spent["torch", shape, mode])["ms"], 3)
            entries[mode][name] = entry
        results["x".join(map(str, shape))] = entries
    return results


def header(names):
    """The first line of the table."""
    return " " * 23 + "".join(f"{name:>21}" for name in names)


def show(results):
    """Print the table of a report's results."""
    print(header(next(iter(results.values()))["both"]))
    for shape, modes in results.items():
        for mode, entries in modes.items():
            print(table_rows(shape.split("x"), mode, entries))


def table_rows(shape, mode, entries):
    """One line of the table: each contender's time as a multiple of torch's, and its peak memory."""
    cells = ["skipped" if "skipped" in e else f"{e['ratio']:6.2f} ({_memory(e['peak_mb'])})" for e in entries.values()]
    return f"{'x'.join(map(str, shape)):>14} {mode:8}" + "".join(f"{cell:>21}" for cell in cells)


def _memory(megabytes):
    return "     " if megabytes is None else f"{megabytes:5.0f}"


def repeats_at(shape):
    """How many timed calls of each mode a round has."""
    return LARGE_REPEATS if np.prod(shape) >= LARGE else REPEATS


def run(shapes, names, repeats=repeats_at, rounds=ROUNDS):
    """The whole benchmark as a JSON-ready dictionary."""
    results = measure(shapes, names, repeats, rounds)
    unit = "median ms and quartiles; ratio to torch; peak_mb above the inputs, of a first call with both gradients"
    versions = {name: importlib.metadata.version(name) for name in VERSIONS}
    return common.report("sampler", unit, versions, results, seed=SEED, rounds=rounds)


def main(arguments=None):
    """Command line."""
    parser = argparse.ArgumentParser(description="Ratios of time to torch's (peak memory, MB).")
    parser.add_argument("--quick", action="store_true", help="all but the largest shape, one round, nothing written")
    parser.add_argument("--only", nargs="+", choices=NAMES, help="these and torch; nothing written")
    parser.add_argument("--output", type=pathlib.Path, default=OUTPUT)
    parser.add_argument("--show", action="store_true", help="print the table of the file that is there")
    parser.add_argument("--peak", nargs=5, metavar=("NAME", "B", "H", "W", "C"), help="one contender's peak memory")
    parser.add_argument("--times", help="one contender's times, for a process of its own")
    options = parser.parse_args(arguments)
    if options.times:
        name, shapes, repeats = json.loads(options.times)
        return print(json.dumps([times(name, tuple(s), n) for s, n in zip(shapes, repeats, strict=True)]))
    if options.peak:
        return print_peak(options.peak[0], tuple(map(int, options.peak[1:])))
    if options.show:
        return show(json.loads(options.output.read_text())["results"])
    names = [n for n in NAMES if not options.only or n in ("torch", *options.only)]
    report = run(SHAPES[:3] if options.quick else SHAPES, names, rounds=1 if options.quick else ROUNDS)
    show(report["results"])
    if not options.quick and not options.only:
        common.write(options.output, report)
        print("written:", options.output.name)


if __name__ == "__main__":
    sys.exit(main())
