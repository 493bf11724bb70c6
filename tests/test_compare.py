"""The one rule for a clear difference: McNemar's test where two runs tell what they got wrong, else standard errors."""

import numpy as np
import pytest
from scipy.stats import binomtest

from stnlib.experiments import compare, files, listing, runs, table
from stnlib.experiments.catalog import EXPERIMENTS


def row(mean, seeds=1, spread=None, **more):
    return {"mean": mean, "spread": spread, "seeds": seeds, "test_images": 10_000} | more


def test_more_seeds_make_the_same_difference_clear():
    assert compare.verdict(row(1.0), row(1.35)) == "unclear"
    assert compare.verdict(row(1.0, 30), row(1.35, 30)) == "lower"


def test_a_spread_that_was_measured_counts_in_place_of_the_typical_one():
    errors = [compare.standard_error(each) for each in (row(1.0, 3, 0.5), row(1.0, 3))]
    assert errors[0] > errors[1] > compare.binomial_sd(row(1.0))


def test_a_borrowed_spread_does_not_shrink_with_more_test_images():
    few, many = (compare.standard_error(row(1.0) | {"test_images": n}) for n in (1_000, 1_000_000))
    spread = compare.seed_ratio() * compare.binomial_sd(row(1.0))
    assert many == pytest.approx(spread, rel=0.01)
    assert few == pytest.approx(np.hypot(spread, compare.binomial_sd(row(1.0) | {"test_images": 1_000})))


def test_the_chapter_counts_the_comparisons_of_the_appendix_that_are_published():
    pairs = compare.comparisons()
    published = compare.with_published(pairs)
    assert 0 < len(published) < len(pairs) and all(pairs[name] == found for name, found in published.items())
    for (experiment, distortion, test, model, transform), by_epochs in pairs.items():
        for epochs, (ours, rival) in by_epochs.items():
            assert rival["transform"] is None and ours["transform"] == transform and ours["model"] == model
            assert {(r["experiment"], r["distortion"], r["test"], r["epochs"]) for r in (ours, rival)} == {
                (experiment, distortion, test, epochs)
            }


def test_the_papers_errors_are_means_of_three_seeds_and_the_articles_single_runs():
    assert {name: plan.published_seeds for name, plan in EXPERIMENTS.items() if plan.published} == {
        "article": 1, "paper": 3, "clutter": 3, "addition": 3, "stretch": 3, "protocol": 3,
    }  # fmt: skip
    ours = row(5.0, published=1.0, experiment="paper")
    theirs = compare.as_published(ours)
    assert compare.standard_error(theirs) == compare.standard_error(row(1.0, 3))
    assert compare.verdict(ours, theirs) == "higher"
    articles = compare.as_published(ours | {"experiment": "article"})
    assert compare.standard_error(articles) == compare.standard_error(row(1.0, 1))


@pytest.mark.parametrize(("mean", "said"), [(1.0, "not distinguishable"), (3.0, "above"), (0.1, "below")])
def test_our_error_is_below_above_or_not_distinguishable_from_the_published_one(mean, said):
    ours = row(mean, published=1.0, experiment="paper")
    found, gap = compare.against_published(ours)
    assert found == said and (abs(mean - 1) > gap) == (said != "not distinguishable")


@pytest.mark.parametrize("counts", [(0, 0), (1, 0), (5, 5), (3, 11), (120, 60), (700, 790)])
def test_mcnemar_is_a_binomial_test_of_the_images_on_which_two_networks_disagree(counts):
    only, only_rival = counts
    wrong = np.zeros(2000, bool)
    rival = wrong.copy()
    rival[:only] = wrong[only : only + only_rival] = True
    wrong[1600:], rival[1600:] = True, True  # both wrong: tells nothing
    found = compare.mcnemar(wrong, rival)
    expected = binomtest(only, only + only_rival).pvalue if only + only_rival else 1.0
    assert found[:2] == counts and found.p == pytest.approx(expected, rel=1e-9)


def test_mcnemar_by_hand():
    wrong, rival = np.array([True] + [False] * 7), np.array([False] + [True] * 6 + [False])
    assert compare.mcnemar(wrong, rival) == (6, 1, 2 * (1 + 7) / 2**7)


R = {"fcn": None, "st_fcn": "affine"}


def write(folder, model, wrong, seed=0, test_set="a", bits=True):
    run = runs.select("protocol", model, R[model], "R", seed)[0]
    share = {"distorted": float(np.mean(wrong))}
    record = {**vars(run), "name": run.name, "command": run.command, "error": share, "error_per_epoch": [share]}
    record |= {"parameters": 5, "train_images": 60_000, "test_images": len(wrong), "test_set_sha256": test_set}
    record |= {"seconds": 1.0, "cpu_seconds": 1.0} | ({"wrong": {"distorted": files.packed(wrong)}} if bits else {})
    files.write_json(folder / f"{run.name}.json", record)


def marks(count, first=0, images=10_000):
    found = np.zeros(images, bool)
    found[first : first + count] = True
    return found


def shown(folder):
    """The line of the transformer's row in the table."""
    return next(line for line in listing.text(folder).splitlines() if "st_fcn" in line and "1.00" in line)


def test_two_runs_that_err_on_nearly_the_same_images_differ_clearly_by_the_paired_test_alone(tmp_path):
    write(tmp_path, "st_fcn", marks(100)), write(tmp_path, "fcn", marks(112))
    rows = table.by_model(table.pick("protocol", "R", folder=tmp_path))
    ours, rival = rows["st_fcn"], rows["fcn"]
    assert compare.paired(ours, rival) == (12, 0, 2 / 2**12)
    assert compare.verdict(ours, rival) == "lower" and compare.verdict(rival, ours) == "higher"
    assert abs(ours["mean"] - rival["mean"]) < compare.clear_from(ours, rival)
    assert compare.without(ours, [rival, ours]) is rival and shown(tmp_path).endswith("lower (paired)")
    assert compare.rule(ours, compare.as_published(ours)) == "unpaired"


def test_one_image_more_is_not_clear_however_much_two_networks_share(tmp_path):
    write(tmp_path, "st_fcn", marks(100)), write(tmp_path, "fcn", marks(101))
    assert shown(tmp_path).endswith("unclear (paired)")


@pytest.mark.parametrize("other", [{"bits": False}, {"test_set": "b"}])
def test_runs_without_bits_or_on_other_images_are_compared_unpaired_and_marked(tmp_path, other):
    write(tmp_path, "st_fcn", marks(100)), write(tmp_path, "fcn", marks(112), **other)
    assert shown(tmp_path).endswith("unclear (unpaired)")


def test_several_seeds_are_compared_by_their_spread(tmp_path):
    for seed in (0, 1):
        write(tmp_path, "st_fcn", marks(99 + 2 * seed), seed)
        write(tmp_path, "fcn", marks(112), seed)
    assert shown(tmp_path).endswith("(unpaired)")


def test_bits_are_read_as_they_were_written():
    wrong = np.random.default_rng(0).random(359) < 0.3
    np.testing.assert_array_equal(files.unpacked(files.packed(wrong), 359), wrong)
    assert len(files.packed(marks(5000))) < 1700


def test_a_spread_that_is_not_known_is_borrowed_from_digit_classifiers_alone():
    several = [row for row in table.rows() if row["seeds"] > 1]
    lent = [row["spread"] / compare.binomial_sd(row) for row in several if row["experiment"] == "article"]
    assert {row["experiment"] for row in several} > {"article"}  # the recipes have seeds, too, and one that failed
    assert compare.seed_ratio() == pytest.approx(np.sqrt(np.mean(np.square(lent))))
