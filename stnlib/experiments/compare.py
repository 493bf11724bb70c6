"""Which differences are clear: between two runs on the same test images, and between our errors and published ones.

Rows are those of `stnlib.experiments.table.rows`.
"""

from __future__ import annotations

import functools
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np

from stnlib.experiments import files, table
from stnlib.experiments.catalog import EXPERIMENTS

MEASURED_ON = 10_000  # test images of the runs whose spread over seeds is borrowed
LEVEL = 0.05  # a paired difference is clear where chance alone would give as much in fewer cases


class Paired(NamedTuple):
    """How two networks differ on the same images: `only` the first is right, `only_rival` the second; McNemar's p."""

    only: int
    only_rival: int
    p: float


def mcnemar(wrong: np.ndarray, rival: np.ndarray) -> Paired:
    """Compare two networks by the images on which just one of them is wrong: McNemar's exact test, two-sided.

    :Shapes: two arrays of bool `(N,)`, True where a network is wrong, for the same images in the same order.
    :Source: McNemar 1947; if both are equally good, each of these images is a toss of a fair coin.

    >>> mcnemar(np.array([True, False, False, False]), np.array([True, True, True, True]))
    Paired(only=3, only_rival=0, p=0.25)
    """
    only, only_rival = int(np.sum(~wrong & rival)), int(np.sum(wrong & ~rival))
    tosses = only + only_rival
    tail = sum(math.comb(tosses, heads) for heads in range(min(only, only_rival) + 1))
    return Paired(only, only_rival, min(1.0, 2 * tail / 2**tosses))


def paired(row: dict, rival: dict) -> Paired | None:
    """Compare two rows of a single run each; None where that cannot be done image by image."""
    single = all(r["seeds"] == 1 == len(r.get("wrong", [])) for r in (row, rival))
    if not single or any(row[key] != rival[key] for key in ("test", "test_set")):
        return None
    return mcnemar(*(files.unpacked(r["wrong"][0], r["test_images"]) for r in (row, rival)))


def binomial_sd(row: dict) -> float:
    """The standard deviation of an error over the choice of test images, in points: that of a count of errors.

    >>> round(binomial_sd({"mean": 1.0, "test_images": 10_000}), 3)
    0.099
    """
    p = row["mean"] / 100
    return float(100 * np.sqrt(p * (1 - p) / row["test_images"]))


@functools.cache
def seed_ratio() -> float:
    """The spread over seeds as a multiple of `binomial_sd`: the root mean square over the article's cells.

    They classify digits, with three seeds each. The recipes' spread says nothing of digits: there one seed may fail.
    """
    several = [row for row in table.rows() if row["experiment"] == "article" and row["seeds"] > 1]
    return float(np.sqrt(np.mean([(row["spread"] / binomial_sd(row)) ** 2 for row in several])))


def standard_error(row: dict) -> float:
    """The standard deviation of a measured error, in points: over test images and over seeds.

    :Convention: an unknown spread, as after a single run, is taken as `seed_ratio()` times the `binomial_sd`
        of such an error on `MEASURED_ON` images: more test images don't make networks of other seeds more alike.
    """
    borrowed = seed_ratio() * binomial_sd(row | {"test_images": MEASURED_ON})
    spread = row["spread"] or borrowed
    return np.hypot(spread / np.sqrt(row["seeds"]), binomial_sd(row))


def clear_from(row: dict, rival: dict) -> float:
    """The size from which a difference of two errors is called clear, in points: twice its standard error."""
    return 2 * np.hypot(standard_error(row), standard_error(rival))


def verdict(row: dict, rival: dict) -> str:
    """Whether a row's error is clearly "lower" or "higher" than a rival's, or "unclear": the one rule of all pages.

    :Convention: single runs that tell which images were wrong are compared by `mcnemar` at 5%, which is about these
        two trained networks; all others by `clear_from`, as if they had not seen the same images (`rule` tells which).

    >>> better, worse = ({"mean": e, "spread": 0.1, "seeds": 3, "test_images": 10_000} for e in (1.0, 2.0))
    >>> verdict(better, worse), verdict(worse, better), verdict(better, better)
    ('lower', 'higher', 'unclear')
    """
    gap, test = row["mean"] - rival["mean"], paired(row, rival)
    clear = test.p < LEVEL if test else abs(gap) > clear_from(row, rival)
    return ("lower" if gap < 0 else "higher") if clear else "unclear"


def rule(row: dict, rival: dict) -> str:
    """By which rule `verdict` judges two rows: "paired" or "unpaired".

    >>> rule({"seeds": 1}, {"seeds": 3})
    'unpaired'
    """
    return "paired" if paired(row, rival) else "unpaired"


def as_published(row: dict) -> dict:
    """A row with the published error instead of ours, with the number of seeds of its source, on 10,000 images."""
    seeds = EXPERIMENTS[row["experiment"]].published_seeds
    theirs = {"mean": row["published"], "spread": None, "seeds": seeds, "test_images": 10_000, "wrong": []}
    return row | theirs


AGAINST_PRINT = {"lower": "below", "higher": "above", "unclear": "not distinguishable"}


def against_published(row: dict) -> tuple[str, float]:
    """Say whether our error is below, above or not distinguishable from the published one, and from which gap on.

    :Convention: the gap, in points, is the smallest difference that this row could have shown.

    >>> ours = {"experiment": "paper", "mean": 3.0, "spread": 0.1, "seeds": 3, "test_images": 10_000, "published": 2.1}
    >>> against_published(ours)[0]
    'above'
    """
    theirs = as_published(row)
    return AGAINST_PRINT[verdict(row, theirs)], float(clear_from(row, theirs))


def without(row: dict, rows: list[dict]) -> dict | None:
    """Find the same network without a transformer, trained as long on the same images; None where it was not run."""
    plain = EXPERIMENTS[row["experiment"]].model(row["model"]).without
    same = [r for r in rows if r["model"] == plain and r["seeds"] and row["seeds"] and r["epochs"] == row["epochs"]]
    keys = ("experiment", "distortion", "test")
    return next((r for r in same if all(r[key] == row[key] for key in keys)), None)


def comparisons(folder: Path | None = None) -> dict[tuple, dict[int, tuple[dict, dict]]]:
    """Pair every network that has a transformer with the same network without one, for each number of epochs of both.

    Returns, by (experiment, test set, images, network, transformation), the pairs of rows by epochs, the longest last.

    :Convention: digits only; `images` is the test, "distorted" or "original"; the rows are those of `table.rows`.

    >>> row, rival = comparisons()["paper", "R", "distorted", "st_fcn", "affine"][20]
    >>> row["model"], rival["model"]
    ('st_fcn', 'fcn')
    """
    found: dict = {}
    for epochs in sorted({record["epochs"] for record in files.read_results(folder)}):
        listed = [r for r in table.rows(folder, epochs=epochs) if r["seeds"] and r["experiment"] != "recipes"]
        for row in listed:
            if rival := without(row, listed):
                name = (row["experiment"], row["distortion"], row["test"], row["model"], row["transform"])
                found.setdefault(name, {})[epochs] = row, rival
    return found


def with_published(pairs: dict[tuple, dict]) -> dict[tuple, dict]:
    """Keep those of `comparisons` that have a published counterpart of their own, on distorted digits.

    The other readings of the paper's protocol (`stretch`, `protocol`) have the figures of `paper` beside them, which
    count once.
    """
    own = ("article", "paper", "clutter", "addition")
    return {
        name: by_epochs
        for name, by_epochs in pairs.items()
        if name[0] in own
        and name[2] == "distorted"
        and all(row["published"] for pair in by_epochs.values() for row in pair)
    }
