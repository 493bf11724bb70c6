"""The tables: what has been measured, the published figures beside it, and what is missing."""

from __future__ import annotations

import dataclasses
import functools
import statistics
from pathlib import Path

from stnlib.experiments import files, runs
from stnlib.experiments.catalog import EXPERIMENTS, same_networks
from stnlib.experiments.published import SECOND_HAND

CELL = ("experiment", "model", "transform", "distortion")


def rows(folder: Path | str | None = None, dataset: str = "mnist", epochs: int | None = None) -> list[dict]:
    """List one row for each cell: what it is, what was measured (`mean` None where nothing was), what is published.

    :Convention: errors in percent; one row is one budget of epochs: `epochs`, or if None the default one where it was
        run, else the longest, and `other_budget` tells whether it is another than the default; only runs on all
        training images; no folder named means the book's own results. Images of
        other kinds than digits come from a data set of their own.
    """
    found = [record for record in files.read_results(folder) if record["train_size"] is None]
    records = [record for record in found if epochs in (None, record["epochs"])]
    return [
        row(cell, test, [r for r in records if key(r) == cell and r["dataset"] == plan.dataset(cell[-1], dataset)])
        for plan in EXPERIMENTS.values()
        for cell in plan.cells()
        for test in plan.tests
    ]


def key(record: dict) -> tuple:
    """What makes records belong to one cell."""
    return tuple(record[name] for name in CELL)


def row(cell: tuple, test: str, records: list[dict]) -> dict:
    """Summarise the records of a cell: one budget, all its seeds."""
    experiment, *rest = cell
    published = EXPERIMENTS[experiment].published_error(*rest, test)
    bare = {"test": test, "published": published, "mean": None, "spread": None, "seeds": 0}
    bare["second_hand"] = (*rest, test) in SECOND_HAND
    return dict(zip(CELL, cell, strict=True)) | bare | (summary(one_budget(records), test) if records else {})


def summary(kept: list[dict], test: str) -> dict:
    """Summarise the records of one cell and one budget."""
    first, errors = kept[0], [100 * record["error"][test] for record in kept]
    return {
        "mean": statistics.mean(errors),
        "spread": statistics.stdev(errors) if len(errors) > 1 else None,
        "seeds": len(errors),
        "epochs": first["epochs"],
        "training_seconds": training_seconds(first),
        "multiply_adds": counted().get((*same_networks(first["experiment"], first["distortion"]), *key(first)[1:3])),
        "other_budget": first["epochs"] != planned_epochs(first),
        "parameters": first["parameters"],
        "test_images": first["test_images"],
        "cpu_seconds": statistics.mean(record["cpu_seconds"] for record in kept),
        "seconds": statistics.mean(record["seconds"] for record in kept),
        "device": "+".join(sorted({record.get("device", "cpu") for record in kept})),
        "error_per_epoch": [[100 * error[test] for error in record["error_per_epoch"]] for record in kept],
        "commands": [record["command"] for record in kept],
        "test_set": first.get("test_set_sha256"),
        "wrong": [record["wrong"][test] for record in kept if "wrong" in record],
    }


def planned_epochs(record: dict) -> int:
    """The number of epochs of the full measurement; whatever was run where a time decides it."""
    plan = EXPERIMENTS[record["experiment"]]
    return record["epochs"] if plan.model(record["model"]).time_of else plan.planned_epochs(record["model"])


def training_seconds(record: dict) -> float | None:
    """Multiply a run's training steps by the processor seconds of one such step; None where no step was timed.

    :Convention: the steps of all networks were timed in turns in one process, so their ratios can be trusted, while
        runs made on different days differ in speed.
    """
    run = runs.Run(**{field.name: record[field.name] for field in dataclasses.fields(runs.Run)})
    if not run.plan.timed:
        return None
    step = step_times().get((*same_networks(run.experiment, run.distortion), run.model, run.transform))
    return None if step is None else run.epochs * run.steps(record["train_images"]) * step / 1000


@functools.cache
def step_times() -> dict[tuple, float]:
    """Read the processor milliseconds of a training step of each network from the book's results; {} without them."""
    return {network: entry["processor_ms"] for network, entry in benchmark("bench-training.json").items()}


@functools.cache
def counted() -> dict[tuple, dict]:
    """Read the multiply-adds of each network for one image, "forward" and in a training "step"; {} without the file."""
    return benchmark("bench-multiply-adds.json")


def benchmark(name: str) -> dict[tuple, dict]:
    """Read a benchmark of the book's results, its entries by (experiment, distortion, model, transform)."""
    path = files.results_folder() / name
    found = files.read_json(path)["results"] if path.exists() else {}
    return {
        (entry["experiment"], distortion, entry["model"], entry["transform"]): entry
        for distortion, entries in found.items()
        for entry in entries
    }


def one_budget(records: list[dict]) -> list[dict]:
    """Keep the runs of the planned number of epochs, or else of the largest; by seed."""
    longest = max(records, key=lambda record: record["epochs"])
    planned = planned_epochs(longest)
    chosen = planned if any(record["epochs"] == planned for record in records) else longest["epochs"]
    return sorted((r for r in records if r["epochs"] == chosen), key=lambda record: record["seed"])


def sorted_rows(listed: list[dict], experiment: str) -> list[dict]:
    """Order an experiment's rows by distortion and test, models in the record's order."""
    plan = EXPERIMENTS[experiment]
    models = [model.name for model in plan.models]
    return sorted(
        (r for r in listed if r["experiment"] == experiment),
        key=lambda r: (plan.distortions.index(r["distortion"]), plan.tests.index(r["test"]), models.index(r["model"])),
    )


def pick(
    experiment: str,
    distortion: str,
    test: str = "distorted",
    folder: Path | str | None = None,
    epochs: int | None = None,
) -> list[dict]:
    """List the rows of one test set, models in the record's order; `folder`, `epochs` and the rows as in `rows`.

    >>> [r["model"] for r in pick("clutter", "clutter")]
    ['fcn', 'cnn', 'st_fcn', 'st_cnn']
    """
    chosen = sorted_rows(rows(folder, epochs=epochs), experiment)
    return [r for r in chosen if (r["distortion"], r["test"]) == (distortion, test)]


def by_model(listed: list[dict]) -> dict[str, dict]:
    """Find the measured ones of some rows by their model; of a model with several transforms, the last.

    >>> by_model([{"model": "cnn", "mean": 0.8}, {"model": "fcn", "mean": None}])
    {'cnn': {'model': 'cnn', 'mean': 0.8}}
    """
    return {r["model"]: r for r in listed if r["mean"] is not None}


def network(r: dict) -> str:
    """Name a row's network for readers, with its transform where the experiment compares several.

    >>> network({"experiment": "paper", "model": "st_cnn", "transform": "tps"})
    'ST-CNN, tps'
    """
    plan = EXPERIMENTS[r["experiment"]]
    compared = r["transform"] and len(plan.transforms) > 1
    return plan.model(r["model"]).label + (f", {r['transform']}" if compared else "")


def error(r: dict) -> str:
    """Write a row's measured error in percent for readers, with its spread where there are several seeds.

    >>> error({"mean": 5.571, "spread": 0.234, "epochs": 5, "other_budget": False})
    '5.57 ± 0.23'
    """
    if r["mean"] is None:
        return "not run"
    spread = "" if r["spread"] is None else f" ± {r['spread']:.2f}"
    return f"{r['mean']:.2f}{spread}" + (f" ({r['epochs']} epochs)" if r["other_budget"] else "")
