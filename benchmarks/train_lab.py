"""Trains the laboratory's networks in Node over many seeds, and writes `results/bench-train-lab.json`.

    PYTHONPATH=tools python benchmarks/train_lab.py [--only NAME ...] [--output FILE]

Seconds are the process's own processor time in training steps (both networks, drawing the digits included, measuring
the test set not), so that a busy machine does not count. Accuracy is that on the 360 test digits. `ahead` is the first
look at which the transformer is 30 points ahead of the network beside it, `ninety` the first at 90%.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys

import common
import node

OUTPUT = common.RESULTS / "bench-train-lab.json"
SCRIPT = pathlib.Path(__file__).with_suffix(".mjs")
WHOLE, MARKS = 3000, (300, 500, 1000, 2000, 3000)
CASES = {
    "default": ({}, 20, WHOLE),
    "dense beside it": ({"rival": "dense"}, 3, WHOLE),
    "convolution beside it": ({"rival": "convolution"}, 3, WHOLE),
    "nearest": ({"sampler": "nearest"}, 3, WHOLE),
    "head rate 1": ({"headRate": 1}, 20, 300),
    "head rate 3": ({"headRate": 3}, 20, 300),
    "random start": ({"start": "random"}, 20, 300),
    "leaning": ({"lean": 30}, 3, WHOLE),
    "rigid": ({"transform": "rigid"}, 3, WHOLE),
    "similarity": ({"transform": "similarity"}, 3, WHOLE),
    "30 degrees": ({"rotation": 30}, 3, WHOLE),
    "60 degrees, growing": ({"growing": True}, 3, WHOLE),
    "90 degrees": ({"rotation": 90}, 3, WHOLE),
    "90 degrees, growing": ({"rotation": 90, "growing": True}, 3, WHOLE),
}


def runs(name):
    """Every run of a case, as the script prints them."""
    settings, seeds, steps = CASES[name]
    order = {"settings": settings, "seeds": list(range(1, seeds + 1)), "steps": steps}
    with subprocess.Popen([node.path(), SCRIPT, json.dumps(order)], stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            run = json.loads(line)
            last = run["looks"][-1]
            print(f"{name}, seed {run['seed']}: {last['accuracy']} in {last['seconds']:.1f} s", flush=True)
            yield run
    if process.returncode:
        sys.exit(process.returncode)


def first(looks, true):
    """Step, images and seconds of the first look for which `true` holds, or None."""
    found = next((look for look in looks if true(look)), None)
    return found and {"step": found["step"], "images": found["images"], "seconds": round(found["seconds"], 2)}


def outcome(run):
    """What one run came to."""
    looks = run["looks"]
    by_step = {look["step"]: [round(share, 4) for share in look["accuracy"]] for look in looks}
    return {
        "seed": run["seed"],
        "accuracy": {str(step): by_step[step] for step in MARKS if step in by_step},
        "ahead": first(looks, lambda look: look["accuracy"][0] - look["accuracy"][1] >= 0.3),
        "ninety": first(looks, lambda look: look["accuracy"][0] >= 0.9),
        "collapsed": looks[-1]["collapsed"],
        "agreement": round(statistics.mean(looks[-1]["agreement"]), 3),
        "agreement_inputs": round(statistics.mean(run["agreementInputs"]), 3),
        "seconds": round(looks[-1]["seconds"], 2),
        "images_per_second": round(looks[-1]["images"] / looks[-1]["seconds"]),
    }


def summary(outcomes, sizes):
    """A case in a few numbers: means over its seeds, [with the transformer, beside it]."""
    last = max(map(int, outcomes[0]["accuracy"]))
    ends = [each["accuracy"][str(last)] for each in outcomes]
    return {
        "weights": sizes,
        "steps": last,
        "accuracy": [round(statistics.mean(shares), 4) for shares in zip(*ends, strict=True)],
        "seeds": len(outcomes),
        "ahead_within_5_s": sum(bool(each["ahead"]) and each["ahead"]["seconds"] <= 5 for each in outcomes),
        "ninety_within_20_s": sum(bool(each["ninety"]) and each["ninety"]["seconds"] <= 20 for each in outcomes),
        "collapsed": sum(each["collapsed"] for each in outcomes),
        "agreement": round(statistics.mean(each["agreement"] for each in outcomes), 3),
        "agreement_inputs": outcomes[0]["agreement_inputs"],
        "images_per_second": round(statistics.median(each["images_per_second"] for each in outcomes)),
        "runs": outcomes,
    }


def main(arguments=None):
    """Command line: cases that are not asked for stay as the file has them."""
    parser = argparse.ArgumentParser(description="The laboratory's training over many seeds.")
    parser.add_argument("--only", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--output", type=pathlib.Path, default=OUTPUT)
    options = parser.parse_args(arguments)
    version = subprocess.run([node.path(), "--version"], capture_output=True, text=True).stdout.strip()
    unit = "shares of 360 test digits; seconds of processor time"
    for name in options.only:
        found = list(runs(name))
        results = json.loads(options.output.read_text("utf-8"))["results"] if options.output.exists() else {}
        results[name] = summary([outcome(run) for run in found], found[0]["sizes"])
        ordered = {case: results[case] for case in CASES if case in results}
        common.write(options.output, common.report("train-lab", unit, {"node": version}, ordered))
    print("written:", options.output.name)


if __name__ == "__main__":
    sys.exit(main())
