# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # How do you compare two networks?
#
# Train again with another seed and the error changes; {numref}`fig-compare-seeds` shows by how much. This appendix
# explains when this book calls a difference *clear*, and the sharper test for when you know which images each network
# got wrong. What has to be equal before you compare is in {doc}`chapter 13 <13_paper>`.

# %% tags=["hide-input"]
import shlex
import tempfile
from collections import Counter
from itertools import pairwise
from math import comb
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Markdown
from scipy.stats import binomtest

from stnlib import datasets, plotting
from stnlib.experiments import __main__ as command_line
from stnlib.experiments import compare, data, files, listing, report, runs, table
from stnlib.experiments.measure import measure

plotting.use_style()
SEED, EPOCHS = 0, 10
FOLDER = Path(tempfile.mkdtemp())  # where the small experiment keeps its results

# %% tags=["hide-input"] mystnb={"figure": {"caption": "STN+CNN stands clear of all others, whose errors lie close together. Chapter 13's networks for the article's digits (the wide CNN has as many parameters as STN+CNN, the long one more epochs), without the two FCNs, whose errors are far higher; a dot is the test error of one training. Other seeds and other test images would probably give a mean inside the grey bar. Two means can differ clearly although their bars overlap a little, as those of STN+FCN and CNN do.", "name": "fig-compare-seeds"}, "image": {"alt": "Five networks in rows, sorted by test error, three dots each inside a grey bar. The bar of STN+CNN, near 5.6 percent, touches no other. The bars of wide CNN, STN+FCN, long CNN and CNN, from 9 to 11 percent, overlap their neighbours'."}}
rows = [row for row in table.pick("article", "article") if row["model"] not in ("fcn_clean", "fcn_mixed")]
rows.sort(key=lambda row: row["mean"])
figure, ax = plt.subplots(figsize=(6, 2.9), layout="constrained")
for height, row in enumerate(rows):
    finals = [run[-1] for run in row["error_per_epoch"]]
    ax.barh(height, 4 * compare.standard_error(row), 0.5, row["mean"] - 2 * compare.standard_error(row), color="#cccccc")
    ax.plot(finals, height + np.linspace(-0.12, 0.12, len(finals)), ls="", marker="o", ms=5, color=plotting.COLORS["input"])
right = rows[0]["mean"] + 2 * compare.standard_error(rows[0])
ax.text(right + 0.15, 0, "dots: one seed each\nbar: mean ± 2 standard errors", va="center", fontsize="small")
ax.set(yticks=range(len(rows)), yticklabels=[table.network(row) for row in rows], ylim=(len(rows) - 0.5, -0.5))
ax.set(xlim=(0.85 * rows[0]["mean"], None), xlabel="test error on distorted digits (%)")
plt.show()

# %% tags=["claim"]
ends = [row["mean"] + side * 2 * compare.standard_error(row) for row in rows for side in (-1, 1)]
assert ends[1] < ends[2] and all(above > below for above, below in zip(ends[3::2], ends[4::2], strict=False))

# %% [markdown]
# After this appendix you can
#
# - repeat a run with one command and get the same number;
# - compute the standard error of a test error, from images and from seeds;
# - compare two networks on the same test images with a paired test.
#
# ## The same command, the same number
#
# Each record holds the command that made it. We train the paper's FCN for ten epochs on scikit-learn's 1,437 digits (so
# few that its error stays high), then run the command in its record. Every epoch has the same error and loss, to the
# last digit.

# %% tags=["hide-input"]
digits = datasets.load("uci")
(run,) = runs.select("paper", "fcn", None, "RTS", SEED, EPOCHS, dataset="uci")
record = measure(run, digits, FOLDER, progress=False)

command = record["command"]
print(command.replace(" --distortion", " \\\n    --distortion"))

# %% tags=["hide-input"]
again = Path(tempfile.mkdtemp())
words = shlex.split(command)[3:]  # without python -m stnlib.experiments
command_line.main([*words, "--quiet", "--out", str(again)])

(repeated,) = files.read_results(again)
for what in ("error_per_epoch", "loss_per_epoch"):
    same = np.equal(repeated[what], record[what])
    print(f"{what}: equal in {sum(same)} of {len(same)} epochs")

# %% tags=["claim"]
assert all(repeated[what] == record[what] for what in ("error_per_epoch", "loss_per_epoch"))
assert (len(digits.y_train), EPOCHS) == (1_437, 10)

# %% [markdown]
# All randomness is a function of seed, epoch and step: the order of the digits, their distortion, the initial weights.
# Rounding differences between kinds of processor grow during training: on another kind, expect no more agreement than
# between two seeds.
#
# ## The standard error of a test error
#
# Two things make an error uncertain, and their variances add. **Test images**: with $n$ images and an error rate
# $p$, the number of errors is binomial, so the rate has the standard deviation $\sigma = \sqrt{p(1-p)/n}$. **Seeds**:
# with a standard deviation $s$ over seeds, the mean of $k$ seeds has $s/\sqrt{k}$. Together
#
# $$
# \delta = \sqrt{\frac{s^2}{k} + \frac{p\,(1 - p)}{n}}.
# $$
#
# After a single run $s$ is unknown. We then borrow it from the article's networks, which have three seeds each and were
# tested on 10,000 images: as the root mean square of their ratios $s/\sigma$.

# %% tags=["hide-input"]
MEASURED_ON = 10_000


def binomial_sd(row):
    p = row["mean"] / 100
    return 100 * np.sqrt(p * (1 - p) / row["test_images"])


several = [row for row in table.rows()
           if row["experiment"] == "article" and row["seeds"] > 1]
multiples = np.array([row["spread"] / binomial_sd(row) for row in several])


def seed_ratio():
    return np.sqrt(np.mean(multiples**2))


print(f"s / sigma: {min(multiples):.1f} to {max(multiples):.1f},"
      f" root mean square {seed_ratio():.2f}")

# %% tags=["claim"]
assert np.isclose(compare.seed_ratio(), seed_ratio()) and 1.05 < seed_ratio() < 1.15

# %% [markdown]
# The ratios differ a lot: near the limit, train with more seeds. For a single run $s$ is this root mean square times
# $\sqrt{p(1-p)/10{,}000}$, however many test images there were: seeds don't become more alike when the test set grows.

# %% tags=["hide-input", "listing:stnlib.experiments.compare.standard_error"]
def standard_error(row: dict) -> float:
    borrowed = seed_ratio() * binomial_sd(row | {"test_images": MEASURED_ON})
    spread = row["spread"] or borrowed
    return np.hypot(spread / np.sqrt(row["seeds"]), binomial_sd(row))

# %% [markdown]
# A difference is **clear** when it exceeds twice its own standard error, $2\sqrt{\delta_1^2 + \delta_2^2}$. Two
# networks with errors near 1% have to differ by at least this much (our test sets have 10,000 images):

# %% tags=["hide-input"]
def visible(images, seeds):
    """The smallest clear difference of two errors near one percent, in points."""
    one_percent = {"mean": 1.0, "test_images": images, "seeds": seeds, "spread": None}
    return 2 * np.sqrt(2) * standard_error(one_percent)


counts = 1_000, 10_000, 100_000
lines = [(f"{seeds} seed{'s' * (seeds > 1)} each", *(f"{visible(images, seeds):.2f} points" for images in counts))
         for seeds in (1, 3, 10)]
Markdown(plotting.markdown_table(("", *(f"{images:,} images" for images in counts)), lines))

# %% tags=["claim"]
assert 0.4 < visible(10_000, 1) < 0.45
assert np.isclose(visible(1_000, 1), compare.clear_from(*2 * [{"mean": 1.0, "test_images": 1_000, "seeds": 1, "spread": None}]))
assert min(visible(10_000, 10), visible(100_000, 1)) > 0.6 * visible(10_000, 1) and visible(100_000, 10) < 0.15

# %% [markdown]
# You need both: with one seed, more images soon stop helping; with 10,000 images, so do more seeds. A difference below
# the limit is "unclear", never "equal". And where two networks don't differ at all, about one comparison in twenty
# still looks clear by chance, more when $s$ comes from only three seeds: what you noticed in the results must
# be confirmed in new runs.

# %% tags=["hide-input"]
named = {row["model"]: row for row in rows}
low, high = named["stn_fcn"], named["cnn"]
deltas = [standard_error(row) for row in (low, high)]
limit, found = 2 * np.hypot(*deltas), high["mean"] - low["mean"]
Markdown(f"For example, STN+FCN ({low['mean']:.2f}%) and CNN ({high['mean']:.2f}%) differ by {found:.2f} points. The limit is "
         f"$2\\sqrt{{{deltas[0]:.2f}^2 + {deltas[1]:.2f}^2}} = {limit:.2f}$: clear, though their bars in "
         "the first figure overlap.")

# %% tags=["claim"]
assert found > limit and low["mean"] + 2 * deltas[0] > high["mean"] - 2 * deltas[1]
assert compare.verdict(low, high) == "lower" and np.isclose(limit, compare.clear_from(low, high))

# %% [markdown]
#
# ## A paired test is sharper
#
# The rule above treats two networks as independent. They aren't: a digit that is hard for one is often hard for the
# other. Only the images on which they *disagree* tell them apart. If both were equally
# good, each of these images would be a coin toss. **McNemar's test** computes how unlikely the observed split would
# then be.
#
# As an example, take the paper's FCN and affine ST-FCN on R, after 20 epochs. Their records have a bit for each test
# image: was it wrong?

# %%
records = {found["name"]: found for found in files.read_results()}


def wrong_images(network, seed):
    found = records[f"paper-R-{network}-20-epochs-seed-{seed}"]
    return files.unpacked(found["wrong"]["distorted"], found["test_images"])


for seed in range(3):
    fcn_wrong = wrong_images("fcn", seed)
    st_wrong = wrong_images("st_fcn-affine", seed)
    only_fcn = np.sum(st_wrong & ~fcn_wrong)  # only the FCN is right
    only_st = np.sum(fcn_wrong & ~st_wrong)
    p_value = binomtest(only_st, only_st + only_fcn).pvalue
    print(f"seed {seed}: only ST-FCN right {only_st}, only FCN right {only_fcn},"
          f" p-value {p_value:.0e}")

# %% [markdown]
# In the library this is one call, `compare.mcnemar(st_wrong, fcn_wrong)`. The standard error of the difference shows
# how much pairing helps. For the last seed:

# %%
n = len(st_wrong)
gap = (only_st - only_fcn) / n
paired = np.sqrt((only_st + only_fcn) / n - gap**2) / np.sqrt(n)
rates = np.array([fcn_wrong.mean(), st_wrong.mean()])
alone = np.sqrt(np.sum(rates * (1 - rates) / n))
print(f"difference {100 * gap:.2f} points, standard error"
      f" {100 * alone:.2f} unpaired, {100 * paired:.2f} paired")

# %% tags=["claim"]
assert compare.mcnemar(st_wrong, fcn_wrong)[:2] == (only_st, only_fcn)
assert np.isclose(compare.mcnemar(st_wrong, fcn_wrong).p, p_value)
assert all(compare.mcnemar(wrong_images("st_fcn-affine", s), wrong_images("fcn", s)).p < 0.05 for s in range(3))
assert paired < alone and n == 10_000

# %% [markdown]
# Each test is about one pair of trained networks, and says nothing about other seeds: train several. Chapter 13 calls
# the same two networks *unclear*: there they had 80 epochs, which brought them closer, and those runs
# didn't record which images were wrong, so they are judged unpaired.
#
# ## One rule for all chapters
#
# `compare.verdict` calls a difference clear by the first of these that applies:
#
# 1. **Paired**: both are single runs on the same test set, and both recorded which images were wrong. Then McNemar's
#    test decides: clear if the p-value is below 0.05.
# 2. **Unpaired**: anything else, such as older runs or a published figure. Then the difference has to exceed twice its
#    standard error. This also holds for several seeds, even if their wrong images were recorded: McNemar's test compares two
#    trained networks, and can't average over seeds.
#
# The paper's figures count as means of three seeds, the article's as single runs.

# %% tags=["hide-input"]
pairs = compare.comparisons()
cases, published = len(pairs), len(compare.with_published(pairs))
rules = Counter(compare.rule(*by_epochs[max(by_epochs)]) for by_epochs in pairs.values())
Markdown(f"This book compares {cases} networks that have a transformer with the same network without one ({published} of "
         f"them, those of chapter 13, with a published counterpart). Most were measured before we recorded the wrong images, so the unpaired "
         f"rule decides {rules['unpaired']}.")

# %% tags=["claim"]
last = [by_epochs[max(by_epochs)] for by_epochs in pairs.values()]
assert all((compare.rule(*pair) == "paired") == all(len(r["wrong"]) == r["seeds"] for r in pair) for pair in last)
on_R = pairs["paper", "R", "distorted", "st_fcn", "affine"]
assert max(on_R) == 80 and compare.verdict(*on_R[80]) == "unclear" and compare.rule(*on_R[80]) == "unpaired"
assert on_R[80][1]["mean"] - on_R[80][0]["mean"] < on_R[20][1]["mean"] - on_R[20][0]["mean"]
assert rules["paired"] < rules["unpaired"] and not any(row["wrong"] for row in on_R[80])

# %% [markdown]
# ## Costs, learning curves and all runs
#
# Costs differ, too: on the paper's RTS the ST-CNN needs *fewer* operations than the CNN, because its classifier sees an
# image half as wide and high. The first table has the costs, the second every network that we measured;
# {numref}`fig-compare-curves` has the curves.

# %% tags=["hide-input"]
lines = []
chosen = {"article": ("article", ("fcn_mixed", "stn_fcn", "cnn", "cnn_wide", "cnn_long", "stn_cnn"), None),
          "RTS": ("paper", ("fcn", "st_fcn", "cnn", "st_cnn"), 20)}
for test, (experiment, models, epochs) in chosen.items():
    of_test = {row["model"]: row for row in table.pick(experiment, test, epochs=epochs)
               if row["transform"] in (None, "affine")}
    for model in models:
        row = of_test[model]
        lines.append((test, table.network(row), row["epochs"], f"{row['parameters']:,}", *listing.flops(row),
                      f"{row['training_seconds']:,.0f}", f"{row['mean']:.2f}"))
head = ("Test set", "Network", "Epochs", "Parameters", "MFLOP an image", "GFLOP a training step", "Training, CPU s",
        "Error, %")
fold = "<details><summary>{}</summary>\n\n{}\n\n</details>"
Markdown(fold.format(
    "What the networks cost: parameters, operations, training time", plotting.markdown_table(head, lines, words=2)
    + "\n\nA FLOP is one multiplication or addition in a convolution or dense layer. A step has 32 images in the article, "
    "256 in the paper. FLOPs aren't seconds: a sampler mostly waits for memory. The long CNN was to train as long as "
    "STN+CNN; timed again on a quiet machine, it takes three quarters of that."))

# %% tags=["claim"]
cost = {line[1]: line for line in lines}
assert all(float(cost["ST-CNN, affine"][column]) < float(cost["CNN"][column]) for column in (4, 5))
flops = {line[1]: float(line[4]) for line in lines if line[0] == "article"}
assert flops["STN+FCN"] > flops["FCN mixed"] and flops["STN+CNN"] > flops["CNN"]
seconds = {m: r["training_seconds"] for m, r in table.by_model(table.pick("article", "article")).items()}
assert 0.7 < seconds["cnn_long"] / seconds["stn_cnn"] < 0.85

# %% tags=["hide-input"]
def against_print(row):
    if row["published"] is None:
        return "–", "–", "–", "–"
    outcome, visible = compare.against_published(row)
    published = f"{'~' if row['second_hand'] else ''}{row['published']:.1f}"
    return published, f"{row['mean'] - row['published']:+.2f}", outcome, f"{visible:.2f}"


listed = [row for row in table.rows() if row["seeds"] and row["experiment"] != "recipes"]
against = [(row, compare.without(row, listed)) for row in listed]
lines = [(row["distortion"].replace("_", " "), row["test"], table.network(row), row["epochs"], row["seeds"],
          table.error(row | {"other_budget": False}), *against_print(row),
          f"{compare.verdict(row, rival)}, {compare.rule(row, rival)}" if rival else "–") for row, rival in against]
head = ("Distortion", "Test set", "Network", "Epochs", "Seeds", "Error, %", "Published", "Gap", "Ours is",
        "Visible from", "Without")
columns = ("*Ours is* compares with the published figure, and *visible from* is the smallest difference, in points, that "
           "the run could have shown. *Without* compares with the same network without a transformer. The paper's "
           "figures come from a summary, those with ~ from a reader's memory: check them in the paper before you use them.")
Markdown(fold.format(f"All {len(lines)} networks that we measured",
                     columns + "\n\n" + plotting.markdown_table(head, lines, words=3)))

# %% tags=["hide-input"] mystnb={"figure": {"caption": "In the last of five epochs the CNN's error still falls, the errors of the networks with a transformer barely. So the article's table also compares how fast networks learn. Test error on distorted digits: mean of three seeds, in a band from the best seed to the worst (where you see no band, they nearly agree).", "name": "fig-compare-curves"}, "image": {"alt": "Learning curves of CNN, STN+FCN and STN+CNN, test error against the epoch, from 0 to 20 percent. They fall, steeply at first. STN+CNN is far below the others in every epoch; CNN is highest."}}
drawn = [r for r in table.pick("article", "article") if r["model"] in ("cnn", "stn_fcn", "stn_cnn")]
figure = report.curves_figure({"distorted digits": drawn})
figure.axes[0].set(yscale="linear", ylim=(0, None), title="")
plt.show()

# %% [markdown]
# ## Recap
#
# 1. **Repeat**: runs are deterministic, so one command gives the same number on the same kind of processor.
# 2. **Standard error**: on 10,000 images, single runs with errors near 1% must differ by about 0.4 points.
# 3. **Paired**: when both networks see the same images, count only those on which they disagree.
#
# ## Exercises
#
# :::{exercise} Is it luck?
# :label: ex-compare-luck
#
# Rank the article's networks by their error on distorted digits. Is each better than the next with *every* seed, or do
# the seeds overlap? If they don't, is that evidence?
# :::
#
# :::{solution-start} ex-compare-luck
# :class: dropdown
# :::

# %%
finals = {table.network(row): [run[-1] for run in row["error_per_epoch"]]
          for row in table.pick("article", "article")}
order = sorted(finals, key=lambda network: np.mean(finals[network]))
for better, worse in pairwise(order):
    gap = min(finals[worse]) - max(finals[better])
    seeds = "every seed" if gap > 0 else "overlap"
    print(f"{better} before {worse}: {seeds} ({gap:+.2f})")
print(f"by luck alone, three against three: {2 / comb(6, 3):.0%}")

# %% [markdown]
# The number in brackets is the distance from the worst seed of one network to the best of the next. The last line is
# the catch: if both networks were equally good, two of the twenty ways to split six errors into two groups of three
# would still put all low ones into one group. So the order of three seeds alone proves little. The size of the gap,
# many times the spread, does.
#
# :::{solution-end}
# :::
#
# :::{exercise} The same test?
# :label: ex-compare-checksum
#
# Two people report errors on "RTS". Did they use the same test set? Compute the checksum of the one above, compare
# it with the one in its record, then change a single test label and look again.
# :::
#
# :::{solution-start} ex-compare-checksum
# :class: dropdown
# :::

# %%
checksum = data.checksum(run, digits)
print("recorded", record["test_set_sha256"][:16])
print("found   ", checksum[:16])

# %%
labels = digits.y_test.copy()
labels[0] = (labels[0] + 1) % 10
changed = data.checksum(run, digits._replace(y_test=labels))
print("changed ", changed[:16])
assert checksum == record["test_set_sha256"] != changed

# %% [markdown]
# One label changes the checksum. It covers distortions and labels, rounded, instead of pixels: the last bits of a
# pixel may differ between machines.
#
# :::{solution-end}
# :::
