"""The tables as text, for a terminal: what was measured, whether it differs from what is published, what is missing."""

from __future__ import annotations

from pathlib import Path

from stnlib.experiments import compare, table
from stnlib.experiments.catalog import EXPERIMENTS

COLUMNS = "{:<16}{:<10}{:<18}{:<12}{:>8}{:>8}{:>6}{:>9}{:>12}{:>9}{:>8}{:>8}{:>10}  {:<20}{:>5}  {}"
HEAD = ("test", "model", "transform", "ours", "spread", "seeds", "epochs ", "parameters")
COST = ("cpu s", "MFLOP", "GF/step", "published")
VERDICTS = ("ours is", "from", "against the same without")


def text(folder: Path | str | None = None, dataset: str = "mnist", epochs: int | None = None) -> str:
    """Write all tables as text, errors in percent; the arguments as in `table.rows`."""
    listed = table.rows(folder, dataset, epochs)
    lines = [
        f"Error in percent on the fixed test sets, {dataset}. Spread: sample standard deviation over the seeds.",
        "cpu s: processor seconds of one run, tests included, summed over cores; [gpu]: the rest was done by a GPU.",
        "MFLOP: of the forward pass for one image; GF/step: GFLOP of a training step (a multiply-add is two FLOPs).",
        "*: not the default number of epochs, so not the full measurement. ~: a published figure at second hand.",
        "ours is: below, above or not distinguishable from the published error; from: the smallest gap that shows.",
        "against the same without: by the images that one of the two alone gets wrong (paired), or else unpaired.",
        "",
    ]
    for experiment in EXPERIMENTS:
        found = table.sorted_rows(listed, experiment)
        lines += [COLUMNS.format(experiment, *HEAD, *COST, *VERDICTS), *(line(row, found) for row in found), ""]
    missing = sum(r["mean"] is None for r in listed)
    how = "" if epochs is None else f" with {epochs} epochs"
    return "\n".join([*lines, f"{len(listed) - missing} of {len(listed)} cells measured{how}; {missing} not run."])


def line(r: dict, listed: list[dict]) -> str:
    """Write one row; `listed` are all rows of its experiment."""
    head = r["distortion"], r["test"], r["model"], r["transform"] or ""
    published = "" if r["published"] is None else f"{'~' if r['second_hand'] else ''}{r['published']:.2f}"
    if r["mean"] is None:
        return COLUMNS.format(*head, "not run", *[""] * 7, published, *[""] * 3).rstrip()
    spread = "" if r["spread"] is None else f"{r['spread']:.2f}"
    epochs = f"{r['epochs']}{'*' if r['other_budget'] else ' '}"
    cost = f"{r['parameters']:,}", f"{r['cpu_seconds']:.0f}", *flops(r)
    ours = f"{r['mean']:.2f}", spread, r["seeds"], epochs, *cost
    gpu = "  [gpu]" if "gpu" in r["device"] else ""
    return COLUMNS.format(*head, *ours, published, *verdicts(r, listed)).rstrip() + gpu


def flops(r: dict) -> tuple[str, str]:
    """Write what a network computes: MFLOP forward for one image, GFLOP in a training step."""
    if r["multiply_adds"] is None:
        return "", ""
    batch = EXPERIMENTS[r["experiment"]].batch_size
    return f"{2 * r['multiply_adds']['forward'] / 1e6:.2f}", f"{2 * batch * r['multiply_adds']['step'] / 1e9:.2f}"


def verdicts(r: dict, listed: list[dict]) -> tuple[str, str, str]:
    """Say how a row compares with the published figure, and with the same network without a transformer."""
    against, gap = compare.against_published(r) if r["published"] is not None else ("", None)
    rival = compare.without(r, listed)
    beside = f"{compare.verdict(r, rival)} ({compare.rule(r, rival)})" if rival else ""
    return against, "" if gap is None else f"{gap:.2f}", beside
