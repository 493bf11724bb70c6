"""Command line: `python -m stnlib.experiments article|paper|clutter|addition|stretch|recipes|all|table|plan`."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from stnlib.experiments import files, listing, runs
from stnlib.experiments.catalog import EXPERIMENTS
from stnlib.experiments.measure import measured

EPILOG = """A run that was stopped, in whatever way, goes on from its last epoch and ends with the same numbers.
Finished runs are skipped. Examples:
  python -m stnlib.experiments article --model stn_fcn --seed 0
  python -m stnlib.experiments paper --model st_cnn --transform affine --distortion RTS --epochs 80
  python -m stnlib.experiments all       (the whole list, days on two CPU cores; stop and start it at will)
  python -m stnlib.experiments table     (what has been measured, the published figures, what is missing)
  python -m stnlib.experiments plan clutter        (one command a line, for Slurm arrays or GNU parallel)
  python -m stnlib.experiments clutter --scheduler tcp://10.0.0.1:8786         (on the workers of a Dask cluster)"""

NARROWING = ("model", "transform", "distortion", "seed")
IGNORED = {"all": (*NARROWING, "of"), "table": (*NARROWING, "train_size", "scheduler", "of"), "plan": ("scheduler",)}


def parser() -> argparse.ArgumentParser:
    """Build the parser of the command line."""
    result = argparse.ArgumentParser(
        prog="python -m stnlib.experiments",
        description="Measure the article's table, the paper's and others; one JSON a run.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    plans, add = EXPERIMENTS.values(), result.add_argument
    add("experiment", choices=[*EXPERIMENTS, *IGNORED], help="what to measure; 'table' and 'plan' only print")
    add("of", nargs="?", choices=list(EXPERIMENTS), help="after 'plan': the experiment; default: all")
    add("--model", choices=unique(model.name for plan in plans for model in plan.models), help="default: all")
    add("--transform", choices=unique(name for plan in plans for name in plan.transforms), help="default: all")
    add("--distortion", choices=unique(name for plan in plans for name in plan.distortions), help="default: all")
    defaults = ", ".join(f"{plan.name} {plan.epochs}" for plan in plans)
    add("--epochs", type=positive, help=f"default: {defaults}; 'table' shows only the runs of so many")
    datasets = unique(name for plan in plans for name in (*plan.datasets, *plan.own_data.values()))
    seeds = sorted({seed for plan in plans for seed in plan.seeds})
    add("--seed", type=int, choices=seeds, help="default: 0; 'all' and 'plan' take every seed in turn")
    add("--dataset", choices=datasets, help="default: mnist")
    add("--train-size", type=positive, help="use only so many training images; such runs stay out of the tables")
    add("--scheduler", metavar="ADDRESS", help="hand the runs to this Dask scheduler; --out must be a shared folder")
    add("--quiet", action="store_true", help="show no progress bar")
    add("--out", type=Path, default=Path("results"), help="folder of the results; default: results")
    return result


def unique(names) -> list[str]:
    """List names once each, in order.

    >>> unique(["b", "a", "b"])
    ['b', 'a']
    """
    return list(dict.fromkeys(names))


def positive(text: str) -> int:
    """Parse an integer of at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text}: expected a whole number of at least 1")
    return int(text)


def refuse(read: argparse.ArgumentParser, options: dict) -> None:
    """Stop with a usage message where an option was given that the experiment would ignore."""
    for name in IGNORED.get(options["experiment"], ("of",)):
        if options[name] is not None:
            option = "of" if name == "of" else "--" + name.replace("_", "-")
            read.error(f"argument {option}: does not apply to {options['experiment']!r}")


def main(arguments: list[str] | None = None) -> None:
    """Do what the command line says."""
    read = parser()
    options = vars(read.parse_args(arguments))
    refuse(read, options)
    experiment, of, out, quiet, scheduler = (
        options.pop(name) for name in ("experiment", "of", "out", "quiet", "scheduler")
    )
    if experiment == "table":
        with ending_early():
            print_table(out, options["dataset"] or "mnist", options["epochs"])
    elif experiment == "plan":
        with ending_early():
            print_plan(chosen(of or "all", options, every_seed=True), out, bool(options["epochs"]))
    else:
        todo = chosen(experiment, options)
        make_folder(out)
        for wave in waves(todo):
            ready = wave if options["epochs"] else [within_budget(run, out) for run in wave]
            if scheduler and ready:
                on_cluster(scheduler, ready, out)
            else:
                here(ready, out, not quiet)


@contextlib.contextmanager
def ending_early() -> Iterator[None]:
    """Print to a program that may stop reading before the end, as `head` does."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes once more when it ends


def print_table(*options) -> None:
    """Print the tables; stops the program where a result cannot be read."""
    try:
        print(listing.text(*options))
    except ValueError as error:
        raise SystemExit(str(error)) from error


def print_plan(todo: list[runs.Run], out: Path, fixed: bool = False) -> None:
    """Print a command for each run that is still to be measured, those that wait for others last.

    `fixed`: the number of epochs was asked for, so the time of others does not decide it.
    """
    for wave in waves(todo):
        for run in wave:
            timed = bool(run.network.time_of) and not fixed
            sized = within_budget(run, out) if timed and not missing_times(run, out) else run
            if not (out / f"{sized.name}.json").exists():
                command = run.command.replace(f" --epochs {run.epochs}", "") if timed else run.command
                print(command, "--quiet", "--out", out)


def chosen(experiment: str, options: dict, every_seed: bool = False) -> list[runs.Run]:
    """List the runs that the options ask for; stops the program where nothing fits."""
    seed = options["seed"] if options["seed"] is not None or every_seed or experiment == "all" else 0
    asked = {name: options[name] for name in (*NARROWING, "dataset")} | {"seed": seed}
    budget = {name: options[name] for name in ("epochs", "train_size")}
    found = runs.everything(None if experiment == "all" else experiment, **asked, **budget)
    if not found:
        raise SystemExit(runs.nothing_fits(experiment, **asked))
    return found


def make_folder(out: Path) -> None:
    """Make the folder of the results; stops the program where that fails."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SystemExit(str(error)) from error


def waves(todo: list[runs.Run]) -> list[list[runs.Run]]:
    """Part the runs into those that can be measured at once and those whose length the others' time decides."""
    return [[run for run in todo if bool(run.network.time_of) == later] for later in (False, True)]


def timing(run: runs.Run) -> list[runs.Run]:
    """List the runs whose processor time decides the length of this one."""
    pairs = run.network.time_of or ()
    return [dataclasses.replace(run, model=model, transform=transform, seed=0) for model, transform in pairs]


def missing_times(run: runs.Run, out: Path) -> list[runs.Run]:
    """List those of them that have not been measured."""
    return [needed for needed in timing(run) if not (out / f"{needed.name}.json").exists()]


def within_budget(run: runs.Run, out: Path) -> runs.Run:
    """Give a run as many epochs as fit into another's processor time with seed 0, where its record says so."""
    for needed in missing_times(run, out):
        raise SystemExit(f"{run.name} needs {needed.name} first: it sets the time.")
    if run.network.time_of is None:
        return run
    whole, epoch = (files.read_json(out / f"{needed.name}.json")["cpu_seconds"] for needed in timing(run))
    return dataclasses.replace(run, epochs=max(run.epochs, round(run.epochs * whole / epoch)))


def here(todo: list[runs.Run], out: Path, progress: bool = True) -> None:
    """Measure the runs in this process, one after the other."""
    for run in todo:
        report(run, measured(run, out, progress))


def report(run: runs.Run, record: dict | None) -> None:
    """Print what came out of a run."""
    if record is None:
        print(f"{run.name}: measured already")
        return
    errors = ", ".join(f"{name} {100 * error:.2f}%" for name, error in record["error"].items())
    cost = f"{record['parameters']:,} parameters, {record['cpu_seconds']:.0f} processor seconds"
    print(f"{run.name}:\n    error {errors}, {cost}", flush=True)


def on_cluster(address: str, todo: list[runs.Run], out: Path) -> None:
    """Hand the runs to a Dask cluster; stops the program with a message when some of them failed."""
    from stnlib.experiments import cluster

    failed = 0
    for run, outcome in cluster.results(address, measured, todo, out):
        if isinstance(outcome, BaseException):
            failed += 1
            print(f"{run.name}: {outcome}", file=sys.stderr)
        else:
            report(run, outcome)
    if failed:
        raise SystemExit(f"{failed} of {len(todo)} runs failed; the same command goes on where they stopped")


if __name__ == "__main__":
    main()
