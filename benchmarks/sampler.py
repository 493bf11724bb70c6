"""Times stnlib's sampler beside others and writes `results/bench-sampler.json`.

    python benchmarks/sampler.py [--quick] [--output FILE] [--only NAME ...] [--show]

One process; the contenders take turns, so that a busy moment of the machine falls on all of them; medians.
"""

import argparse
import ctypes
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

os.environ["KERAS_BACKEND"] = "tensorflow"

import common
import contenders
import numpy as np

SHAPES = ((256, 28, 28, 1), (64, 60, 60, 1), (16, 224, 224, 3), (8, 512, 512, 64))
REPEATS, LARGE, LARGE_REPEATS = 21, 2**26, 5
SLOW_SECONDS = 8
MEMORY_SHARE = 0.72  # of the machine's memory; a contender that takes more is stopped and not timed
SEED = 0
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
    """Peak memory of the first call with both gradients, MB, compilation included; infinity beyond the limit.

    In a process of its own: here it could not be seen, since TensorFlow keeps freed memory and uses it again.
    """
    command = [sys.executable, __file__, "--peak", name, *map(str, shape)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE)
    status = pathlib.Path(f"/proc/{child.pid}/status")
    while child.poll() is None:
        if status.exists() and _status(status, "VmRSS") > 1024 * memory_limit():
            child.kill()
            child.wait()
            return float("inf")
        time.sleep(0.1)
    if child.returncode:
        raise RuntimeError(f"measuring the memory of {name} failed with exit status {child.returncode}")
    return json.loads(child.stdout.read())


def print_peak(name, shape):
    """What `peak` reads; a call on tiny images goes before, so that what each process needs once is there."""
    tiny, call = (contenders.CONTENDERS[name](*make_case(s))["both"] for s in ((2, 3, 4, shape[-1]), shape))
    tiny()
    print(json.dumps(peak_megabytes(call)))


def measure(calls, repeats):
    """Median milliseconds of each call, the calls taking turns; the first turn is not counted."""
    entries = {}
    for name, call in calls.items():
        call()
        turns = 1 if seconds(call) > SLOW_SECONDS else repeats
        entries[name] = {"repeats": turns, "times": []}
    for turn in range(repeats):
        for name, call in calls.items():
            if turn < entries[name]["repeats"]:
                time.sleep(0.01)  # lets the worker threads of the previous contender come to rest
                entries[name]["times"].append(seconds(call))
    for entry in entries.values():
        entry["ms"] = round(1000 * statistics.median(entry.pop("times")), 3)
    return entries


def measure_shape(shape, names, repeats):
    """All contenders at one shape: mode -> contender -> entry."""
    memory = {name: peak(name, shape) for name in names}
    fitting = [name for name in names if memory[name] != float("inf")]
    built = contenders.build(fitting, make_case(shape))
    result = {}
    for mode in contenders.MODES:
        times = measure({name: built[name][mode] for name in fitting}, repeats)
        result[mode] = {name: times.get(name, {"skipped": f"more than {memory_limit()} MB"}) for name in names}
        for name, entry in times.items():
            entry["peak_mb"] = memory[name] if mode == "both" else None
            entry["ratio"] = round(entry["ms"] / times["torch"]["ms"], 3)
        print(table_rows(shape, mode, result[mode]), flush=True)
    return result


def header(names):
    """The first line of the table."""
    return " " * 23 + "".join(f"{name:>21}" for name in names)


def show(path):
    """Print the table of a report that was written before."""
    results = json.loads(path.read_text())["results"]
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


def run(shapes, names, repeats=None):
    """The whole benchmark as a JSON-ready dictionary."""
    print(header(names))
    results = {}
    for shape in shapes:
        turns = repeats or (LARGE_REPEATS if np.prod(shape) >= LARGE else REPEATS)
        results["x".join(map(str, shape))] = measure_shape(shape, names, turns)
    unit = "median ms; ratio to torch; peak_mb above the inputs, of a first call with both gradients"
    return common.report("sampler", unit, {"numpy": np.__version__, **contenders.VERSIONS}, results, seed=SEED)


def main(arguments=None):
    """Command line."""
    parser = argparse.ArgumentParser(description="Ratios of time to torch's (peak memory, MB).")
    parser.add_argument("--quick", action="store_true", help="the two small shapes, five repeats, nothing written")
    parser.add_argument("--only", nargs="+", choices=contenders.CONTENDERS, help="these and torch; nothing written")
    parser.add_argument("--output", type=pathlib.Path, default=OUTPUT)
    parser.add_argument("--show", action="store_true", help="print the table of the file that is there")
    parser.add_argument("--peak", nargs=5, metavar=("NAME", "B", "H", "W", "C"), help="one contender's peak memory")
    options = parser.parse_args(arguments)
    if options.peak:
        return print_peak(options.peak[0], tuple(map(int, options.peak[1:])))
    if options.show:
        return show(options.output)
    names = [n for n in contenders.CONTENDERS if not options.only or n in ("torch", *options.only)]
    report = run(SHAPES[:2] if options.quick else SHAPES, names, 5 if options.quick else None)
    if not options.quick and not options.only:
        common.write(options.output, report)
        print("written:", options.output.name)


if __name__ == "__main__":
    sys.exit(main())
