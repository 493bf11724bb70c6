"""Command line: `python -m stnlib.experiments article|paper|clutter|addition|all|table`."""

import argparse
import dataclasses
from pathlib import Path

from stnlib import datasets
from stnlib.experiments import files, runs, table
from stnlib.experiments.measure import measure

EPILOG = """A run that was stopped, in whatever way, goes on from its last epoch and ends with the same numbers.
Finished runs are skipped. Examples:
  python -m stnlib.experiments article --model stn_fcn --seed 0
  python -m stnlib.experiments paper --model st_cnn --transform affine --distortion RTS --epochs 80
  python -m stnlib.experiments all       (the whole list, days on two CPU cores; stop and start it at will)
  python -m stnlib.experiments table     (what has been measured, the published figures, what is missing)"""

NARROWING = ("model", "transform", "distortion", "seed")
IGNORED = {"all": NARROWING, "table": (*NARROWING, "train_size")}


def parser():
    """Build the parser of the command line."""
    result = argparse.ArgumentParser(
        prog="python -m stnlib.experiments",
        description="Measure the article's table and the paper's; one JSON a run.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = result.add_argument
    add("experiment", choices=[*runs.EPOCHS, "all", "table"], help="what to measure, or 'table' to print")
    add("--model", choices=sorted({m for models in runs.MODELS.values() for m in models}), help="default: all")
    add("--transform", choices=runs.TRANSFORMS, help="what the transformer may do; default: all")
    add("--distortion", choices=[d for listed in runs.DISTORTIONS.values() for d in listed], help="default: all")
    defaults = ", ".join(f"{name} {epochs}" for name, epochs in runs.EPOCHS.items())
    add("--epochs", type=positive, help=f"default: {defaults}; 'table' shows only the runs of so many")
    add("--seed", type=int, choices=runs.SEEDS, help="default: 0; 'all' takes every seed in turn")
    add("--dataset", choices=["mnist", "uci"], default="mnist", help="default: mnist")
    add("--train-size", type=positive, help="use only so many training digits; such runs stay out of the tables")
    add("--quiet", action="store_true", help="show no progress bar")
    add("--out", type=Path, default=Path("results"), help="folder of the results; default: results")
    return result


def positive(text):
    """Read a whole number of at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text}: expected a whole number of at least 1")
    return int(text)


def refuse(read, options):
    """Stop with a usage message where an option was given that the experiment would ignore."""
    for name in IGNORED.get(options["experiment"], ()):
        if options[name] is not None:
            option = "--" + name.replace("_", "-")
            read.error(f"argument {option}: does not apply to {options['experiment']!r}")


def main(arguments=None):
    """Do what the command line says."""
    read = parser()
    options = vars(read.parse_args(arguments))
    refuse(read, options)
    experiment, out, quiet = (options.pop(name) for name in ("experiment", "out", "quiet"))
    if experiment == "table":
        print_table(out, options["dataset"], options["epochs"])
        return
    todo = chosen(experiment, options)
    try:
        out.mkdir(parents=True, exist_ok=True)
        digits = datasets.load(options["dataset"])
    except OSError as error:
        raise SystemExit(str(error)) from error
    for run in todo:
        report(run if options["epochs"] else within_budget(run, out), digits, out, not quiet)


def print_table(*options):
    """Print the tables; stops the program where a result cannot be read."""
    try:
        print(table.text(*options))
    except ValueError as error:
        raise SystemExit(str(error)) from error


def chosen(experiment, options):
    """List the runs that the options ask for; stops the program where nothing fits."""
    if experiment == "all":
        return runs.everything(**{name: options[name] for name in ("epochs", "dataset", "train_size")})
    try:
        return runs.select(experiment, **options)
    except ValueError as error:
        raise SystemExit(str(error)) from error


def within_budget(run, out):
    """Give `cnn_long` as many epochs as fit into STN+CNN's processor time with seed 0; other runs stay as they are."""
    if run.model != "cnn_long":
        return run
    seconds = []
    for model, transform in (("stn_cnn", "affine"), ("cnn", None)):
        needed = dataclasses.replace(run, model=model, transform=transform, seed=0)
        path = out / f"{needed.name}.json"
        if not path.exists():
            raise SystemExit(f"{run.name} needs {needed.name} first: it sets the time.")
        seconds.append(files.read_json(path)["cpu_seconds"])
    return dataclasses.replace(run, epochs=max(run.epochs, round(run.epochs * seconds[0] / seconds[1])))


def report(run, digits, out, progress=True):
    """Measure a run unless it is there already, and print what came out."""
    if (out / f"{run.name}.json").exists():
        print(f"{run.name}: measured already")
        return
    record = measure(run, digits, out, progress)
    errors = ", ".join(f"{name} {100 * error:.2f} %" for name, error in record["error"].items())
    cost = f"{record['parameters']:,} parameters, {record['cpu_seconds']:.0f} processor seconds"
    print(f"{run.name}:\n    error {errors}, {cost}", flush=True)


if __name__ == "__main__":
    main()
