"""The tables: what has been measured, the published figures beside it, and what is missing."""

import dataclasses
import functools
import statistics

from stnlib.experiments import files, published, runs

NETWORKS = {
    "fcn_clean": "FCN clean",
    "fcn_mixed": "FCN mixed",
    "cnn_wide": "wide CNN",
    "cnn_long": "long CNN",
    "stn_fcn": "STN+FCN",
    "stn_cnn": "STN+CNN",
    "fcn": "FCN",
    "cnn": "CNN",
    "st_fcn": "ST-FCN",
    "st_cnn": "ST-CNN",
    "st2_fcn": "2 × ST-FCN",
}


def rows(folder=None, dataset="mnist", epochs=None):
    """List one row for each cell: what it is, what was measured (`mean` None where nothing was), what is published.

    Convention: errors in percent; one row is one budget of epochs: `epochs`, or if None the default one where it was
        run, else the longest, and `other_budget` tells whether it is another than the default; only runs on all
        training images; no folder named means the book's own results.
    """
    found = [r for r in files.read_results(folder) if r["dataset"] == dataset and r["train_size"] is None]
    records = [r for r in found if epochs in (None, r["epochs"])]
    cells = {(r.experiment, r.model, r.transform, r.distortion): None for r in runs.everything()}
    tests = {"article": ("original", "distorted")}
    return [
        row(cell, test, [r for r in records if key(r) == cell])
        for cell in cells
        for test in tests.get(cell[0], ("distorted",))
    ]


def key(record):
    """What makes records belong to one cell."""
    return tuple(record[name] for name in ("experiment", "model", "transform", "distortion"))


def row(cell, test, records):
    """Summarise the records of a cell: one budget, all its seeds."""
    names = dict(zip(("experiment", "model", "transform", "distortion"), cell, strict=True))
    bare = {"test": test, "published": published.error(*cell, test), "mean": None, "spread": None, "seeds": 0}
    return names | bare | (summary(one_budget(records), test) if records else {})


def summary(kept, test):
    """What the records of one cell and one budget say together."""
    first, errors = kept[0], [100 * record["error"][test] for record in kept]
    return {
        "mean": statistics.mean(errors),
        "spread": statistics.stdev(errors) if len(errors) > 1 else None,
        "seeds": len(errors),
        "epochs": first["epochs"],
        "training_seconds": training_seconds(first),
        "other_budget": first["model"] != "cnn_long" and first["epochs"] != runs.EPOCHS[first["experiment"]],
        "parameters": first["parameters"],
        "test_images": first["test_images"],
        "cpu_seconds": statistics.mean(record["cpu_seconds"] for record in kept),
        "seconds": statistics.mean(record["seconds"] for record in kept),
        "device": "+".join(sorted({record.get("device", "cpu") for record in kept})),
        "error_per_epoch": [[100 * error[test] for error in record["error_per_epoch"]] for record in kept],
        "commands": [record["command"] for record in kept],
    }


def training_seconds(record):
    """Multiply a run's training steps by the processor seconds of one such step; None where no step was timed.

    Convention: the steps of all networks were timed in turns in one process, so their ratios can be trusted, while
        runs made on different days differ in speed.
    """
    run = runs.Run(**{field.name: record[field.name] for field in dataclasses.fields(runs.Run)})
    step = step_times().get((*runs.same_networks(run.experiment, run.distortion), run.model, run.transform))
    return None if step is None else run.epochs * run.steps(record["train_images"]) * step / 1000


@functools.cache
def step_times():
    """Read the processor milliseconds of a training step of each network from the book's results; {} without them."""
    path = files.results_folder() / "bench-training.json"
    timed = files.read_json(path)["results"] if path.exists() else {}
    return {
        (entry["experiment"], exam, entry["model"], entry["transform"]): entry["processor_ms"]
        for exam, entries in timed.items()
        for entry in entries
    }


def one_budget(records):
    """Keep the runs of the default number of epochs, or else of the largest; by seed.

    Convention: `cnn_long` has no default: its budget is a time.
    """
    budgets = {record["epochs"] for record in records}
    default = runs.EPOCHS[records[0]["experiment"]]
    chosen = default if default in budgets and records[0]["model"] != "cnn_long" else max(budgets)
    return sorted((r for r in records if r["epochs"] == chosen), key=lambda record: record["seed"])


def text(folder=None, dataset="mnist", epochs=None):
    """Write all tables as text, errors in percent; the arguments as in `rows`."""
    listed = rows(folder, dataset, epochs)
    lines = [
        f"Error in percent on the fixed test sets, {dataset}. Spread: sample standard deviation over the seeds.",
        "cpu s: processor seconds of one run, tests included, summed over cores; [gpu]: the rest was done by a GPU.",
        "*: not the default number of epochs, so not the full measurement.",
        "",
    ]
    for experiment in runs.EPOCHS:
        lines += [f"{experiment:<11}{'test':<11}{'model':<11}{'transform':<12}{'ours':>8}{'spread':>8}{'seeds':>6}"]
        lines[-1] += f"{'epochs':>8} {'parameters':>12}{'cpu s':>9}{'published':>11}"
        lines += [line(r) for r in sorted_rows(listed, experiment)] + [""]
    missing = sum(r["mean"] is None for r in listed)
    how = "" if epochs is None else f" with {epochs} epochs"
    return "\n".join([*lines, f"{len(listed) - missing} of {len(listed)} cells measured{how}; {missing} not run."])


def sorted_rows(listed, experiment):
    """Order an experiment's rows by distortion and test, models in the paper's order."""
    order = runs.DISTORTIONS[experiment]
    chosen = [r for r in listed if r["experiment"] == experiment]
    models = runs.MODELS[experiment]
    return sorted(chosen, key=lambda r: (order.index(r["distortion"]), r["test"], models.index(r["model"])))


def pick(experiment, distortion, test="distorted", folder=None, epochs=None):
    """List the rows of one exam, models in the paper's order; `folder`, `epochs` and the rows as in `rows`.

    >>> [r["model"] for r in pick("clutter", "clutter")]
    ['fcn', 'cnn', 'st_fcn', 'st_cnn']
    """
    chosen = sorted_rows(rows(folder, epochs=epochs), experiment)
    return [r for r in chosen if (r["distortion"], r["test"]) == (distortion, test)]


def by_model(listed):
    """Find the measured ones of some rows by their model; of an exam with several transforms a model, the last.

    >>> by_model([{"model": "cnn", "mean": 0.8}, {"model": "fcn", "mean": None}])
    {'cnn': {'model': 'cnn', 'mean': 0.8}}
    """
    return {r["model"]: r for r in listed if r["mean"] is not None}


def network(r):
    """Name a row's network for readers, with its transform where the experiment compares several.

    >>> network({"experiment": "paper", "model": "st_cnn", "transform": "tps"})
    'ST-CNN, tps'
    """
    compared = r["transform"] if r["experiment"] == "paper" else None
    return NETWORKS[r["model"]] + (f", {compared}" if compared else "")


def error(r):
    """Write a row's measured error in percent for readers, with its spread where there are several seeds.

    >>> error({"mean": 5.571, "spread": 0.234, "epochs": 5, "other_budget": False})
    '5.57 ± 0.23'
    """
    if r["mean"] is None:
        return "not run"
    spread = "" if r["spread"] is None else f" ± {r['spread']:.2f}"
    return f"{r['mean']:.2f}{spread}" + (f" ({r['epochs']} epochs)" if r["other_budget"] else "")


def line(r):
    """Write one row."""
    head = f"{r['distortion'].removeprefix('article_'):<11}{r['test']:<11}{r['model']:<11}{r['transform'] or '':<12}"
    reference = "" if r["published"] is None else f"{r['published']:.2f}"
    if r["mean"] is None:
        return f"{head}{'not run':>8}{'':>44}{reference:>11}"
    spread = "" if r["spread"] is None else f"{r['spread']:.2f}"
    epochs = f"{r['epochs']}{'*' if r['other_budget'] else ' '}"
    ours = f"{r['mean']:8.2f}{spread:>8}{r['seeds']:6}{epochs:>9}{r['parameters']:12,}{r['cpu_seconds']:9.0f}"
    return f"{head}{ours}{reference:>11}{'  [gpu]' if 'gpu' in r['device'] else ''}"
