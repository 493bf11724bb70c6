# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Do the paper's numbers hold when measured again?
#
# The chapters so far trained for a minute and drew conclusions. {cite:t}`jaderberg2015stn`, *the
# paper*, trained for 150,000 steps on all of MNIST and printed tables. {cite:t}`xeonqq2019article`,
# *the article*, did the same on a smaller scale. A printed number is a claim. Here you see what
# became of these claims when we measured them again: our figures beside theirs, with error bars
# where several seeds were run, with the price of each, and with the command that repeats it.
#
# After this chapter you can
#
# - say what a comparison of two networks has to hold equal;
# - repeat a measurement with one command, and get the same number;
# - read a table of errors: mean, spread, and which differences mean nothing;
# - say where a spatial transformer pays, and where it does not;
# - list what we did otherwise than the paper, and what the paper leaves open.
#
# *Reading: about 25 minutes. Running: under a minute on two processor cores.*

# %%
import shlex
import tempfile
from itertools import pairwise, product
from math import comb
from pathlib import Path
from pprint import pprint

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Markdown
from scipy.stats import spearmanr

from stnlib import datasets, distortions, plotting
from stnlib.experiments import __main__ as command_line
from stnlib.experiments import data, files, report, runs, table
from stnlib.experiments.catalog import EXPERIMENTS
from stnlib.experiments.measure import measure

plotting.use_style()

# %% [markdown]
# What you may want to change. The tables are read from files; these constants only concern the small
# experiment in the middle, which always uses the 1,797 digits that come with scikit-learn.

# %%
SEED = 0
EPOCHS = 10
FOLDER = Path(tempfile.mkdtemp())  # where the small experiment keeps its results

# %% [markdown]
# ## The networks
#
# | Name | What it is |
# |---|---|
# | FCN | a **fully connected** network: dense layers only |
# | CNN | convolutions and max-pooling before the dense layers |
# | STN+FCN, STN+CNN | the article's: an affine transformer in front of either |
# | ST-FCN, ST-CNN | the paper's: affine, projective or `tps` (thin plate spline) in front of either |
# | 2 × ST-FCN | the paper's: two transformers side by side, each with an output of its own |
# | FCN clean, FCN mixed | the article's FCN, trained on upright digits only, or on upright and bent ones |
# | wide CNN, long CNN | our controls: as many parameters as STN+CNN has, or as much processor time |
#
# ## Eight ways to spoil a digit
#
# The article **bends** digits: scale, shift, turn, shear, one of them or all. It also throws them
# among scraps of other digits, on 40 pixels: **article clutter**. The paper has four families for
# its first table. **R** turns digits by up to 90 degrees. **RTS** turns by up to 45, scales and puts
# them anywhere on 42 pixels. **P** moves the four corners, as a change of perspective does. **E**
# shrinks them a little and bends them like rubber. Then there is **clutter**, a digit among scraps
# of others on 60 pixels, and **addition**, two moved digits whose sum is asked.
#
# The test sets are drawn once and for all from a fixed seed. This is the function that every
# measurement calls, here on the small digits:

# %%
digits = datasets.load("uci")
NAMES = ("article", "paper", "clutter", "addition")
exams = {}
for experiment in NAMES:
    for family in EXPERIMENTS[experiment].distortions:
        (run,) = runs.select(experiment, "cnn", distortion=family, dataset="uci")
        name = {"article": "bent"}.get(family, family.replace("_", " "))
        exams[name] = data.test_sets(run, digits)["distorted"][0]
        print(f"{name:<15} {exams[name].shape}")

# %% tags=["hide-input"] mystnb={"image": {"alt": "Nine rows of eight handwritten digits on black. Bent: digits turned, shrunk, slanted or pushed aside. Article clutter: a digit among a few scraps of strokes. RTS: small digits, turned, anywhere on the canvas. R: digits turned by up to a quarter of a circle. P: digits skewed as if seen from the side. E: digits with wavy strokes. Clutter: a small digit among scraps of strokes. Addition, two rows: each column is a pair of moved digits."}}
rows = {name: images for name, images in exams.items() if name != "addition"}
rows |= {f"addition,\nchannel {i + 1}": exams["addition"][..., i : i + 1] for i in (0, 1)}
figure, axes = plt.subplots(len(rows), 8, figsize=(7.2, 8), layout="constrained")
for line, (name, images) in zip(axes, rows.items(), strict=True):
    for ax, image in zip(line, images, strict=False):
        plotting.show(ax, image)
    line[0].set_ylabel(name, rotation=0, ha="right", va="center")

# %% [markdown]
# Each row is one family; the last two rows belong together, a column is a pair to be added. But for
# the partners in the last row, the same eight digits come back in each family. So look along a
# column: which of the pictures could you put right by a turn, a zoom and a shift? For R, RTS and
# clutter that is all it takes, for the addition once for each digit. The bent digits need a shear as
# well, P a perspective, and E a map that bends.
#
# ## What has to be equal
#
# A transformer adds weights and takes time. If it wins, is it the *transformer* that wins? So we
# hold equal whatever else could explain a difference.
#
# - **Data.** Every network sees the same training digits, distorted by the same recipe, and takes
#   the same test. (Except *FCN clean*, which sees upright digits only, to show why that is not enough.)
# - **Steps.** The same number, the same batches, the same schedule. (Except the control of equal
#   time, and *FCN clean*, which has half as many images in an epoch. And where a network of the paper's
#   tables has been trained for fewer epochs than planned, this is marked. Networks with unequal numbers
#   are not compared; there are runs of equal, smaller numbers for that.)
# - **Size.** For the paper's tables a function of ours picks the widths so that each network has
#   nearly as many parameters as the others. The article's networks are as the article has them, so
#   we add two controls: a CNN widened until it has as many parameters as STN+CNN, and a CNN trained
#   for as much *processor time* as STN+CNN needs. (Its epochs are set once, from the processor
#   seconds of seed 0; the table of costs shows how near that came.)
# - **Luck.** Several seeds where we could afford them, and then the spread beside the mean.
#
# Here are the settings of two networks that are about to compete:

# %%
small = {}
for model, transform in (("fcn", None), ("st_fcn", "affine")):
    (run,) = runs.select("paper", model, transform, "RTS", SEED, EPOCHS,
                         dataset="uci")
    small[model] = run
    pprint(run)

# %% [markdown]
# A `Run` is all that decides a number, on one kind of machine. Two runs that are equal have the same
# result. (`train_size` None stands for all training digits.)
#
# ## One cell of the table, in front of you
#
# We measure the two, small: few digits and few epochs, but the paper's networks, and the very
# function that the command line calls.

# %%
records = {model: measure(run, digits, FOLDER, progress=False)
           for model, run in small.items()}
for model, record in records.items():
    error = 100 * record["error"]["distorted"]
    print(f"{model:<7} {record['parameters']:,} parameters, error {error:.1f} %")

# %% tags=["claim"]
sizes = [record["parameters"] for record in records.values()]
errors = {model: record["error"]["distorted"] for model, record in records.items()}
assert max(sizes) < 1.02 * min(sizes)
assert errors["st_fcn"] < errors["fcn"]

# %% tags=["hide-input"] mystnb={"image": {"alt": "Two learning curves: test error in percent against the epoch. Both fall; the curve of ST-FCN ends well below that of FCN."}}
figure, ax = plt.subplots(figsize=(6.4, 3.2))
for model, label, color, marker in (("fcn", "FCN", "fcn", "s"), ("st_fcn", "ST-FCN", "stn_fcn", "o")):
    curve = [100 * error["distorted"] for error in records[model]["error_per_epoch"]]
    ax.plot(range(1, EPOCHS + 1), curve, color=plotting.COLORS[color], marker=marker, ms=4, label=label)
ax.set(xlabel="epoch", ylabel="test error (%)", ylim=(0, None))
ax.legend()
figure.tight_layout()

# %% [markdown]
# Same size, same digits, same steps; after some epochs the one with the transformer pulls ahead.
# Both errors are far above the paper's, of course: it has many more digits, and trains far longer.
# The full-size version of this comparison is two cells of a table further down.
#
# ## The same command, the same number
#
# Every measurement leaves a record, and the record holds the command that repeats it.

# %%
def for_terminal(command):
    """The command on several lines, each with the backslash that continues it."""
    return command.replace(" --distortion", " \\\n    --distortion")


print(for_terminal(records["fcn"]["command"]))

# %% [markdown]
# In a terminal you would paste this line. Here we hand its words to the same program, with a fresh
# folder, and compare.

# %%
words = shlex.split(records["fcn"]["command"])[3:]  # python -m stnlib.experiments
again = Path(tempfile.mkdtemp())
command_line.main([*words, "--quiet", "--out", str(again)])

# %%
(repeated,) = files.read_results(again)
for what in ("error_per_epoch", "loss_per_epoch"):
    same = np.equal(repeated[what], records["fcn"][what])
    print(f"{what}: equal to the last digit in {sum(same)} of {len(same)} epochs")

# %% tags=["claim"]
assert repeated["error_per_epoch"] == records["fcn"]["error_per_epoch"]
assert repeated["loss_per_epoch"] == records["fcn"]["loss_per_epoch"]

# %% [markdown]
# Not "about the same": the same, in each epoch. All randomness is a function of seed, epoch and
# step: the order of the digits, their distortion, the initial weights, dropout. That is also what
# lets a measurement that was killed halfway go on from its last epoch as if nothing had happened.
# (How many threads share a sum decides the order of its rounding, so the command always takes two, on
# however many cores. Another kind of processor may round otherwise all the same, and over thousands of
# steps that may grow; do not expect more agreement there than between two seeds.)
#
# ## What we have measured
#
# From here on no training, only reading. `table.rows()` gives one row for each cell of the tables,
# measured or not, with the published figure beside it.

# %%
measured = [row for row in table.rows()
            if row["mean"] is not None and row["experiment"] in NAMES]
for experiment in NAMES:
    cells, done = ([row for row in rows if row["experiment"] == experiment]
                   for rows in (table.rows(), measured))
    several = sum(row["seeds"] > 1 for row in done)
    print(f"{experiment:<8} {len(done)} of {len(cells)} cells measured,"
          f" {several} with several seeds")

# %% [markdown]
# The whole list takes long. A cell that nobody has run says so, in all that follows: **not run**. We
# never fill a gap with an estimate. `table.network` names a row's network, `table.error` writes our
# mean, the standard deviation over the seeds (with $n - 1$) where there are several, and a remark
# where a run was not given the full number of epochs. `table.pick` finds the rows of one exam, and
# `report` lays them out, as a table or as a picture.
#
# ## The article's table
#
# Five epochs, Adam at a constant rate, batches of 32, on all 60,000 digits of MNIST and one bent copy
# of each: the article's budget. We give errors, 100 less the article's accuracy. First upright digits.

# %%
rows = table.pick("article", "article", "original")
upright = table.by_model(rows)
Markdown(report.errors_table(rows, "Article", decimals=2))

# %% tags=["claim"]
widest = max(upright, key=lambda model: upright[model]["spread"] or 0)
assert upright["cnn"]["mean"] < upright["stn_fcn"]["mean"] and widest == "stn_fcn"

# %% [markdown]
# Even here STN+FCN gains on FCN mixed, though there is little to undo. But it stays above the plain CNN,
# and its seeds differ most. Then bent digits, which is what the transformer was built for.

# %%
exams = {"bent digits": table.pick("article", "article")}
Markdown(report.errors_table(exams["bent digits"], "Article", decimals=2))

# %% [markdown]
# Last, digits among scraps of other digits, on a canvas of 40 pixels. How much clutter the article
# used, it does not say; the amount is ours, so compare the order here, not the size.

# %%
exams["cluttered digits"] = table.pick("article", "article_clutter")
cluttered = table.by_model(exams["cluttered digits"])
Markdown(report.errors_table(exams["cluttered digits"], "Article", decimals=2))

# %% tags=["claim"]
assert abs(cluttered["cnn"]["mean"] - cluttered["stn_fcn"]["mean"]) < 0.3

# %% [markdown]
# Here the plain CNN reads as well as the dense network with a transformer. The same as a picture. A
# blue dot is our mean, with a bar for the spread over the seeds. A hollow diamond is the published
# figure. Mind the logarithmic axis.

# %% mystnb={"image": {"alt": "Two panels, bent digits and cluttered digits, with one row for each network of the article's table. Dots show our error, hollow diamonds the article's; rows without a dot say not run."}}
report.errors_figure(exams, width=5.8, height=3)
plt.show()

# %% [markdown]
# *Do dot and diamond agree?* Where they do, the article's number has been repeated by other code.
# *Are the two controls near STN+CNN?* If a wider CNN, or one that trains longer, came as low, the
# transformer would only be an expensive way to buy parameters or time. In numbers, for the bent
# digits:

# %%
bent = table.by_model(exams["bent digits"])
both = [row for row in bent.values() if row["published"] is not None]
for row in both:
    gap = row["mean"] - row["published"]
    spread = "unknown" if row["spread"] is None else f"{row['spread']:.2f}"
    print(f"{table.network(row):<10} {gap:+.2f} points from the article's, "
          f"spread {spread}")

controls = {}
for control in [model for model in ("cnn_wide", "cnn_long") if model in bent]:
    times = controls[control] = bent[control]["mean"] / bent["stn_cnn"]["mean"]
    gain = bent["cnn"]["mean"] - bent[control]["mean"]
    name = table.network(bent[control])
    print(f"{name}: {times:.1f} times the error of STN+CNN,\n"
          f"  {gain:+.2f} points gained on the CNN")

# %% tags=["claim"]
assert all(both == sorted(both, key=lambda row: -row[whose]) for whose in ("mean", "published"))
assert min(controls.values()) > 1.2

# %% [markdown]
# The order of the networks is the article's. The errors differ, some by more than the spread of our
# seeds; whether that says anything, a rule further down will decide. The controls stay well above
# STN+CNN: neither as many parameters nor about as much time explains alone what it gains. (How much
# time it was, you will see with the costs. STN+FCN has no such controls.)
#
# How the error fell on the way there:

# %% mystnb={"image": {"alt": "Learning curves of the article's networks, test error against the epoch on a logarithmic scale: a panel for each exam that has been run, a line for each network."}}
report.curves_figure(exams)
plt.show()

# %% [markdown]
# A line is the mean over the seeds, the band around it goes from the best to the worst of them. (The
# long CNN is the CNN with more epochs, so their lines all but lie on each other.) Look at the right ends.
# Where a line still falls after the last epoch, five epochs have compared how *fast* networks learn,
# not how well they can. Where it jumps from one epoch to the next, the last epoch is a lucky or an
# unlucky one.
#
# ## The paper's Table 1
#
# Now to the paper. Eight networks, four families of distortion. RTS is the family of our small
# experiment, R turns alone. P is made by perspectives, which an affine map cannot undo and a
# projective one can. E is made by the very kind of map that `tps` is. First stands our error
# in percent, of a single run each, after it, in italics, the paper's.

# %%
families = {family: table.pick("paper", family)
            for family in EXPERIMENTS["paper"].distortions}
Markdown(report.test_sets_table(families))

# %% tags=["claim"]
assert max(row["seeds"] for rows in families.values() for row in rows) == 1

# %% mystnb={"image": {"alt": "A panel for each family of distortion of which something has been measured, each with eight networks. Dots show our error in percent, hollow dots one after fewer epochs, hollow diamonds the paper's; rows without a dot say not run."}}
report.errors_figure(families)
plt.show()

# %% [markdown]
# The paper's figures alone have a pattern. Here is what they gain, in points: first by an affine
# transformer, then, on top of that, by the better of the other two maps.

# %%
steps, gains = {}, {}
for family, rows in families.items():
    cells = {table.network(row): row for row in rows}
    best = [min((cells[f"{network}, {kind}"] for kind in ("projective", "tps")),
                key=lambda row: row["published"])
            for network in ("ST-FCN", "ST-CNN")]
    by_affine = [cells["ST-FCN, affine"], cells["ST-CNN, affine"]]
    steps[family] = [(cells["FCN"], by_affine[0]), (cells["CNN"], by_affine[1]),
                     *zip(by_affine, best)]
    gains[family] = [first["published"] - second["published"]
                     for first, second in steps[family]]

head = "Family", "FCN, affine", "CNN, affine", "FCN, other map", "CNN, other map"
lines = [(family, *(f"{gain:.1f}" for gain in gains[family])) for family in gains]
Markdown(plotting.markdown_table(head, lines))

# %% tags=["claim"]
for by_family, (dense_gain, cnn_gain, *map_gains) in gains.items():
    assert dense_gain > cnn_gain > 0
    assert max(map_gains) < 0.15 or by_family == "E"

# %% [markdown]
# In each family a transformer brings the dense network more than the CNN. And the kind of map hardly
# matters: only the dense network on E gains more than a tenth of a point by a better one.
# (Whether it matters in ours, you will see below, and in {doc}`chapter 8 <08_beyond_affine>`.)
#
# And ours? First how far our errors lie from the paper's.

# %% tags=["hide-input"]
repeats = [row for row in measured if row["experiment"] == "paper"]
held = [row for row in repeats if row["mean"] <= row["published"]]
lines = []
for row in repeats:
    gap = row["mean"] - row["published"]
    lines.append((row["distortion"], table.network(row), row["epochs"], f"{gap:+.2f}"))
head = "Exam", "Network", "Epochs", "Above the paper's, points"
unfold = "<details><summary>{}</summary>\n\n{}\n\n</details>"
print(f"at or below the paper's error: {len(held)} of {len(repeats)} cells")
Markdown(unfold.format("Cell by cell", plotting.markdown_table(head, lines, words=2)))

# %% [markdown]
# (The paper gives one decimal, so a gap is uncertain by 0.05 for that alone. Which gaps are more than
# luck, the end of the chapter asks.)
#
# A cell can lie above the paper's for several reasons: our training is shorter, it is one run, and our
# exam may be harder, for the descriptions leave choices open. A harder exam hits the plain FCN as
# well, so look at its line in each family: where it lies far above the paper's, the other networks can
# hardly lie below.
#
# And how the errors fell:

# %% mystnb={"image": {"alt": "Learning curves of the paper's networks: test error against the epoch on a logarithmic scale, a panel for each family that has been run, a line for each network."}}
report.curves_figure(families)
plt.show()

# %% [markdown]
# Only what has been run has a curve, and its first three epochs may lie above the picture. Here the
# learning rate falls along a cosine to zero, so most curves flatten at their right ends. That does not
# show that longer training would not help.
#
# ## All with the same number of epochs
#
# The networks with an asterisk had fewer epochs than the others. What would the table look like if
# all had had as many? You cannot read that off the curves: after 20 of 80 epochs the learning rate is
# still high, after 20 of 20 it has reached zero. So those of 80 epochs were trained a second time, with 20.

# %%
EQUAL = 20
short = {family: table.pick("paper", family, epochs=EQUAL) for family in families}
unmarked = {family: [row | {"other_budget": False} for row in rows]
            for family, rows in short.items()}
Markdown(report.test_sets_table(unmarked))

# %% tags=["claim"]
for of_family, of_rows in short.items():
    fcn_error, cnn_error, *by_st = (row["mean"] for row in of_rows)
    dense_st, convolved_st = by_st[:3], by_st[3:]
    assert fcn_error == max(row["mean"] for row in of_rows)
    assert min(*dense_st, cnn_error) > max(convolved_st)
    if of_family == "P":
        assert all(abs(error - cnn_error) < 0.15 * cnn_error for error in dense_st)
    else:
        assert max(dense_st) < cnn_error if of_family == "RTS" else cnn_error < min(dense_st)
    assert (of_rows[1]["published"] == of_rows[2]["published"]) == (of_family != "E")

# %% [markdown]
# Now each column is a fair contest. In every one the FCN errs most, and an ST-CNN least. What lies
# between depends on the exam: on R and E the CNN is ahead of every ST-FCN, on RTS behind every one, on P
# about level. In the paper's figures the CNN and the affine ST-FCN are level on all but E.
#
# How much did the further epochs bring those that had them? Here is the error after 80 epochs, as a
# share of the error after 20.

# %%
longer = {}
for family, rows in families.items():
    for row, early in zip(rows, short[family]):
        if row["epochs"] > early["epochs"]:
            longer[family, table.network(row)] = row["mean"] / early["mean"]
names = list(dict.fromkeys(name for _, name in longer))
shares = {cell: f"{share:.0%}" for cell, share in longer.items()}
lines = [(name, *(shares.get((family, name), "not run") for family in families))
         for name in names]
Markdown(plotting.markdown_table(("80 epochs against 20", *families), lines))

# %% tags=["claim"]
assert min(longer.values()) > 0.5 and max(longer.values()) < 0.8
assert ("RTS", "ST-CNN, affine") in longer and ("RTS", "ST-CNN, tps") in longer

# %% [markdown]
# Each of them shed between a fifth and a half of its error, on RTS the two with convolutions that have had
# 80 epochs as well. So expect the networks with an asterisk to be unfinished, too. How far they would still
# fall, only longer runs can tell.
#
# ## Clutter and addition
#
# The last two of the paper's tables on digits. In the first a digit stands among scraps of others
# on 60 pixels.

# %%
Markdown(report.errors_table(table.pick("clutter", "clutter"), "Paper"))

# %% [markdown]
# In the second the network sees two moved digits, each on its own channel, and has to name the sum.
# With one transformer, both channels are moved together. With two, each digit can have its own. (Here
# the comparison with the paper is not of like with like: our transformers are affine, the paper prints the best of
# several kinds.)

# %%
Markdown(report.errors_table(table.pick("addition", "addition"), "Paper"))

# %% tags=["hide-input"] mystnb={"image": {"alt": "Two panels, clutter and addition, each with four networks. Dots show our error in percent, hollow diamonds the paper's; rows without a dot say not run."}}
others = {name: table.pick(name, name)
          for name in ("clutter", "addition")}
report.errors_figure(others, height=2)
plt.show()

# %% [markdown]
# The gaps are wide here, and one network falls out of line: our CNN in the addition, far above the
# paper's. But it had 20 epochs, the others 80. How do they stand after 20? Here are the runs of 20 epochs
# in all, and the runs of 80 at their 20th epoch and at their end.

# %% tags=["hide-input"]
added = table.by_model(others["addition"])
short_others = {name: table.pick(name, name, epochs=EQUAL) for name in others}
losses = {record["model"]: record["loss_per_epoch"][-1] for record in files.read_results()
          if (record["experiment"], record["dataset"], record["epochs"])
          == ("addition", "mnist", EQUAL)}
lines, early = [], {}
for row in short_others["addition"]:
    model, curve = row["model"], added[row["model"]]["error_per_epoch"][0]
    early[model] = [row["mean"], curve[EQUAL - 1], curve[-1]]
    whole = [f"{e:.1f}" if len(curve) > EQUAL else "not run" for e in early[model][1:]]
    lines.append((table.network(row), f"{losses[model]:.2f}", f"{row['mean']:.1f}", *whole))
head = "Addition", "Loss, 20 of 20", "Error, 20 of 20", "20 of 80", "80 of 80"
Markdown(plotting.markdown_table(head, lines))

# %% tags=["claim"]
assert losses["fcn"] > losses["cnn"] and abs(losses["cnn"] - losses["st_fcn"]) < 0.1
assert all(then < at_end for at_end, then, _ in (early[m] for m in ("fcn", "st_fcn", "st2_fcn")))
assert added["cnn"]["epochs"] == EQUAL and early["cnn"][0] < early["fcn"][0]
elsewhere = [pair for exam, rows in (families | others).items() if exam != "addition"
             for pair in zip(rows, (short | short_others)[exam]) if pair[0]["model"] == "st_fcn"]
assert all(at_end["mean"] < whole["error_per_epoch"][0][EQUAL - 1] for whole, at_end in elsewhere)

# %% [markdown]
# Twenty epochs are too few for all four. The CNN errs less than the dense network, and its loss on the
# training pairs is that of the ST-FCN, which 80 epochs brought far down. And compare the two columns of
# errors after 20: at the same epoch, the runs that still had 60 epochs before them were *ahead*. With
# each ST-FCN of the other exams it is the other way round, there a falling rate brings the error down.
# Here it seems to end the learning before it has got going. So the CNN's place in the table is
# unfinished, not a word against convolution. What 80 epochs make of it is not measured.
#
# How much of the error of one transformer does a second one leave in the addition?

# %%
for whose, key in (("the paper's", "published"), ("ours", "mean")):
    left = added["st2_fcn"][key] / added["st_fcn"][key]
    print(f"{whose}: {left:.0%} of the error is left")

# %% tags=["claim"]
assert all(added["st2_fcn"][key] < 0.5 * added["st_fcn"][key] for key in ("published", "mean"))

# %% [markdown]
# Less than half, in the paper and in ours. One map cannot undo two moves at once.
#
# ## What did each cell cost?
#
# Processor seconds are the price to compare: they add up what all cores did. A record holds those of
# its run. But the runs were made on different days, beside other work, and then the same steps do not
# take the same time. So we also timed some steps of every network, all networks of an exam in
# turns, in one sitting. Such a step times their number is the price of the **training** alone. (Drawing
# the digits and testing come on top. A run on a faster day may still show fewer seconds as a whole.)

# %%
def cost(row):
    device = "" if row["device"] == "cpu" else f" ({row['device']})"
    whole = f"{row['cpu_seconds']:,.0f}{device}"
    training = f"{row['training_seconds']:,.0f}"
    return f"{row['parameters']:,}", row["epochs"], training, whole


lines = []
for row in measured:
    if row["test"] == "distorted":
        exam = row["distortion"].replace("_", " ")
        lines.append((f"{exam}: {table.network(row)}", *cost(row)))
head = "Cell", "Parameters", "Epochs", "Training, s", "Whole run, s"
Markdown(unfold.format("What each cell cost", plotting.markdown_table(head, lines)))

# %% [markdown]
# How near did the control of equal time come? Its number of epochs was fixed from the recorded seconds
# of seed 0, and epochs are whole.

# %%
for exam, cells in {"bent": bent, "cluttered": cluttered}.items():
    for how, key in (("recorded", "cpu_seconds"), ("timed", "training_seconds")):
        share = cells["cnn_long"][key] / cells["stn_cnn"][key]
        print(f"{exam}: long CNN {share:.0%} of STN+CNN's time, as {how}")

# %% [markdown]
# Unfold the table for the numbers, or take them in with one look:

# %% tags=["hide-input"] mystnb={"image": {"alt": "Scatter plots, one for each exam that has been run: test error on a logarithmic scale against processor seconds of training. Marker and colour tell whether the network is an FCN, a CNN or has a transformer."}}
def budgeted(row):
    name = table.network(row).removesuffix(", affine")  # all transformers of this picture are
    return name + (f", {row['epochs']} epochs" if row["other_budget"] else "")


GROUPS = {"fcn": ("FCN", "fcn", "s"), "cnn": ("CNN", "cnn", "^"), "st": ("with a transformer", "grid", "o")}
affine = [row for row in unmarked["RTS"] if row["transform"] in (None, "affine")]
costly = exams | {f"RTS, {EQUAL} epochs": affine} | others
costly = {title: rows for title, rows in costly.items() if sum(row["seeds"] > 0 for row in rows) > 1}
figure, parts = report.panels(costly, width=5.2, height=2.5, columns=1)
for ax, rows, title in parts:
    for start, (label, color, marker) in GROUPS.items():
        group = [row for row in rows if row["seeds"] and row["model"].startswith(start)]
        points = [row["training_seconds"] for row in group], [row["mean"] for row in group]
        ax.plot(*points, marker, color=plotting.COLORS[color], ms=8, label=label)
    points = [(row["training_seconds"], row["mean"], budgeted(row)) for row in rows if row["seeds"]]
    near = max(x for x, _, _ in points) / 12
    for x, y, name in points:
        below = any(abs(x - u) < near and v > y for u, v, _ in points)  # under a close neighbour
        place = {"xytext": (0, -13 if below else 7), "ha": "center"} if x > near else {"xytext": (8, -3)}
        ax.annotate(name, (x, y), textcoords="offset points", fontsize=8, **place)
    report.log_errors(ax, ticks=(1, 2, 5))
    ax.margins(0.2)
    ax.set(title=title, xlim=(0, None))
for ax, *_ in parts[-1:]:
    ax.set_xlabel("processor seconds of training")
report.finish_figure(figure)
plt.show()

# %% tags=["claim"]
seconds = {row["model"]: row["training_seconds"] for row in affine}
assert seconds["st_cnn"] < seconds["cnn"]

# %% [markdown]
# To the left is cheap, below is good. A transformer is one more thing to compute, so it moves a dot
# to the right. The hope is that it moves it down as well, and further than the same time spent on
# something else would. On bent digits STN+CNN does; STN+FCN lies about where the CNNs lie. On RTS, where
# the panel shows all after as many epochs, the ST-CNN even lies to the left of the CNN: the resolution is
# halved behind its transformer, so its convolutions have a quarter of the pixels to read. Equal steps down
# are equal shares of the error gone.
#
# ## Where a transformer does not pay
#
# How large must a difference be before you believe it? Two things make an error uncertain. Another test
# set would give another error. With $n$ test images and an error rate $p$, the count of errors is
# binomial, so its share varies by $\sigma = \sqrt{p\,(1 - p) / n}$. And another seed would give another
# error: that is the spread $s$, and a mean over $k$ seeds still varies by $s / \sqrt{k}$. We take the
# two for independent, so that their squares add up to that of the doubt $\delta$. (That rather
# overrates it: a digit on the edge, which one seed reads and the next does not, counts in both.)
#
# $$
# \delta = \sqrt{\frac{s^2}{k} + \frac{p\,(1 - p)}{n}}.
# $$
#
# $p$ and $s$ shares, $k$ and $n$ counts → $\delta$ a share
#
# Where only one seed was run, $s$ is unknown. Then we borrow it: the cells with several seeds tell how
# large $s$ is as a multiple of $\sigma$. We take the root of the mean square, since squares are what
# adds.


# %%
def sampling(row):
    p = row["mean"] / 100
    return 100 * np.sqrt(p * (1 - p) / row["test_images"])


multiples = [row["spread"] / sampling(row) for row in measured if row["seeds"] > 1]
TYPICAL = np.sqrt(np.mean(np.square(multiples)))


def doubt(row):
    spread = row["spread"] if row["seeds"] > 1 else TYPICAL * sampling(row)
    return np.hypot(spread / np.sqrt(row["seeds"]), sampling(row))


def clear_from(row, rival):
    return 2 * np.hypot(doubt(row), doubt(rival))


toy = {"mean": 1.0, "spread": None, "seeds": 1, "test_images": 10_000}
print(f"s is {min(multiples):.1f} to {max(multiples):.1f} times sigma, "
      f"typically {TYPICAL:.1f} times")
print(f"1 % of 10,000 images: ± {sampling(toy):.2f} points from the images,\n"
      f"  ± {doubt(toy):.2f} with one seed's luck")

# %% tags=["claim"]
assert np.isclose(sampling(toy), 0.0995, atol=1e-4)

# %% [markdown]
# We call a difference clear if it exceeds *twice* the doubt about it, which by the same rule is the
# root of the sum of both squares. How many of the gains that the paper printed would that be, if its
# networks had been run once each, on 10,000 images?

# %%
def as_published(row):
    return row | {"mean": row["published"], "seeds": 1, "test_images": 10_000}


too_small = np.array([
    [gain <= clear_from(*map(as_published, step))
     for gain, step in zip(gains[family], steps[family])]
    for family in steps])
helps, better_map = too_small[:, :2], too_small[:, 2:]
print(f"too small to be clear are, of the published gains,\n"
      f"  by a transformer {helps.sum()} of {helps.size}"
      f" (on {', '.join(np.array(list(steps))[helps.any(axis=1)])}),\n"
      f"  by another map {better_map.sum()} of {better_map.size}")

# %% tags=["claim"]
assert better_map.all() and helps.mean() < 0.5

# %% [markdown]
# By this rule a transformer helps clearly in most of the paper's table, even with one run each. Which
# map is the best does not come out. (The rule is rough. It is strict in that all networks take the same
# test, which makes differences surer than errors. It is lax in that three seeds, or a borrowed spread,
# tell little about $s$.) And of ours? What another map gains on the affine one, before the same
# classifier, after the most epochs that both have had:

# %%
changes = {}
for family, rows in [*families.items(), *short.items()]:
    affines = {row["model"]: row for row in rows if row["transform"] == "affine"}
    for row in rows:
        affine = affines.get(row["model"], row)  # of an FCN or CNN itself
        cell = family, row["model"], row["transform"]
        if row is affine or row["epochs"] != affine["epochs"] or cell in changes:
            continue
        gain = affine["mean"] - row["mean"]
        clear = clear_from(affine, row)
        changes[cell] = gain, clear
        print(f"{family:<4} {table.network(row):<19} {gain:+.2f} points, "
              f"clear from {clear:.2f}, {row['epochs']} epochs")

# %% tags=["claim"]
assert all(abs(gain) < clear for gain, clear in changes.values())
before_fcn = [gain for key, (gain, _) in changes.items() if key[1] == "st_fcn"]
assert len(before_fcn) == 8 and min(before_fcn) > 0
dense_short = {of_family: [r["mean"] for r in of_rows if r["model"] == "st_fcn"] for of_family, of_rows in short.items()}
assert [of_family for of_family, errors in dense_short.items() if errors[0] > max(errors[1:])] == ["P"]

# %% [markdown]
# Taken one by one, none of these gains is clear. But before the dense network all point the same way:
# in each of the four families the affine map errs most. (That is a pattern found afterwards, and after 20
# epochs it holds on P only.) More seeds would tell. The gains are small in any case, beside what the affine map itself brought.
#
# Each transformer has rivals: the same classifier without it, the CNN in place of a dense network
# with a transformer, and in the article's table the two controls. In the addition, two transformers
# have to beat one.

# %%
RIVALS = {
    "stn_fcn": ["fcn_mixed", "cnn", "cnn_wide"],
    "stn_cnn": ["cnn", "cnn_wide", "cnn_long"],
    "st_fcn": ["fcn", "cnn"], "st_cnn": ["cnn"],
    "st2_fcn": ["fcn", "st_fcn", "cnn"],
}

def meet(row, rival):
    if rival["model"] not in RIVALS.get(row["model"], []):
        return False
    equal_time = rival["model"] == "cnn_long"
    same = ["experiment", "distortion", "test"] + ([] if equal_time else ["epochs"])
    return all(row[key] == rival[key] for key in same)


shorter = [row for rows in (short | short_others).values() for row in rows]
longest = {}  # the same two networks: after as many epochs as both have had
for row, rival in product(measured + shorter, repeat=2):
    if meet(row, rival):
        cells = table.key(row), table.key(rival), row["test"]
        longest.setdefault(cells, (row, rival))
pairs = list(longest.values())
print(f"{len(pairs)} pairs on the same exam with as many epochs, or as much time")


# %% [markdown]
# Now judge each pair.

# %%
def verdict(row, rival):
    gain = rival["mean"] - row["mean"]
    if abs(gain) <= clear_from(row, rival):
        return "unclear"
    return "better" if gain > 0 else "worse"


verdicts = [verdict(row, rival) for row, rival in pairs]
for outcome in ("better", "unclear", "worse"):
    count = verdicts.count(outcome)
    print(f"{outcome} with a transformer: {count} of {len(pairs)} comparisons")

# %% [markdown]
# Do not read this as a rate. Pairs share networks, and among so many, one or two may be clear by luck.
# (On the paper's exams an ST-FCN meets the FCN after 80 epochs; the CNN has had 20 only, so whoever meets
# it does so after 20.) Here are all comparisons that are *not* a clear win; the wins are folded in below them.

# %% tags=["hide-input"]
TESTS = {("article", "original"): "upright digits", ("article", "distorted"): "bent digits"}
TESTS |= {("article_clutter", "original"): "upright, 40 px", ("article_clutter", "distorted"): "cluttered digits"}


def exam_name(row):
    return TESTS.get((row["distortion"], row["test"]), row["distortion"])


def comparison(row, rival, outcome):
    gain, price = rival["mean"] - row["mean"], row["training_seconds"] / rival["training_seconds"]
    few = "" if min(row["seeds"], rival["seeds"]) > 1 else "*"
    names = exam_name(row), table.network(row), table.network(rival)
    return *names, f"{gain:+.2f}", f"× {price:.1f}", f"{outcome}{few}"


head = "Exam", "With", "Against", "Gain, points", "Price", "Verdict"
lines = {"wins": [], "others": []}
for (row, rival), outcome in zip(pairs, verdicts):
    lines["wins" if outcome == "better" else "others"].append(comparison(row, rival, outcome))
rest, wins = (plotting.markdown_table(head, lines[key], words=3) if lines[key] else "None so far." for key in ("others", "wins"))
Markdown(f"{rest}\n\n" + unfold.format("The clear wins", wins))

# %% tags=["claim"]
of_pair = {(exam_name(row), row["model"], rival["model"]): outcome for (row, rival), outcome in zip(pairs, verdicts)}
expected = {("stn_fcn", "fcn_mixed"): "better", ("stn_fcn", "cnn"): "worse", ("stn_cnn", "cnn"): "unclear"}
assert all(of_pair["upright digits", *pair] == outcome for pair, outcome in expected.items())

# %% [markdown]
# *Gain* is the rival's error less that of the network with the transformer, *price* its training time
# as a multiple of the rival's. An asterisk says that one of the two had one seed only. (*Upright, 40 px*
# are upright digits for the networks that were trained on the cluttered ones.) Read this list before you
# put a transformer into a network of your own, and ask of each line: was there anything to align that
# the rival could not absorb? On the article's upright digits the transformer helps the dense network, but
# the plain CNN does better still, and before a CNN the gain is unclear. So a dense network may be the
# wrong thing to mend: how much of what a transformer gains for it would a convolution gain, and for what
# share of the time?

# %% tags=["hide-input"]
alike = {}
for row in (row for row in measured if row["test"] == "distorted" and row["experiment"] == "article"):
    alike.setdefault(exam_name(row), {})[row["model"]] = row
for exam, rows in (short | short_others).items():
    alike[exam] = {row["model"]: row for row in rows if row["transform"] in (None, "affine")}
lines, convolved, gained_by_cnn = [], {}, {}
for exam, cells in alike.items():
    (without,), (given,) = ([cells[name] for name in names if name in cells]
                            for names in (("fcn_mixed", "fcn"), ("stn_fcn", "st_fcn")))
    convolved[exam] = cells["cnn"]["mean"], given["mean"]
    gained = [without["mean"] - error for error in convolved[exam]]
    price = cells["cnn"]["training_seconds"] / given["training_seconds"]
    lines.append((exam, f"{gained[1]:.1f}", f"{gained[0]:.1f}", f"× {price:.1f}"))
    gained_by_cnn[exam] = gained[0] / gained[1], price
head = "Exam", "A transformer gains, points", "The CNN gains", "The CNN's price"
Markdown(plotting.markdown_table(head, lines))

# %% tags=["claim"]
for of_exam, (cnn_share, cnn_price) in gained_by_cnn.items():
    assert cnn_price < 1 if of_exam in TESTS.values() else 9 < cnn_price < 14
    assert (
        cnn_share > 1.5 if of_exam in ("R", "E") else cnn_share < 0.6 if of_exam == "addition" else cnn_share > 0.9
    )

# %% [markdown]
# On most of these exams a convolution gains nearly as much as an affine transformer does, on R and E far
# more; only in the addition it falls behind. But look at the last column, the CNN's processor time as a
# multiple of that of the dense network with the transformer. The article's CNN costs a little less, the
# paper's about ten times as much. Beside *that* CNN, a dense network with a transformer is cheap, and on
# all exams but R and E it even errs less (not always clearly).
#
# The paper's own figures allow the same comparison of errors. Beside them ours, after 20 epochs:

# %%
level = {}
for exam, rows in (families | others).items():
    theirs = {table.network(row): row["published"] for row in rows}
    dense = theirs.get("ST-FCN, affine") or theirs["ST-FCN"]
    cnn, st_fcn = convolved[exam]
    print(f"{exam:<8} published: CNN {theirs['CNN']:4.1f}, ST-FCN {dense:4.1f};"
          f" ours: {cnn:4.1f}, {st_fcn:4.1f}")
    level[exam] = theirs["CNN"] <= dense, cnn <= st_fcn

# %% tags=["claim"]
assert all(
    level[of_exam] == (of_exam != "clutter", of_exam in ("R", "E")) for of_exam in level
)

# %% [markdown]
# In every exam but the clutter, the paper's plain CNN is at least as good as its dense network with one
# transformer (in the first four an affine one). Ours, after their 20 epochs, say so on R and E only.
# (Another map brings some tenths of a point more in places; in the addition, a second transformer brings
# far more.) To see what a transformer is worth, put it before the best network that you have.
#
# One more caution, which no seed cures: this is a comparison on digits, with networks of this size.
#
# ## Where we differ from the paper
#
# Our repetition counts only as far as we did the same thing. Here is where we did not.
#
# | What | Paper | Here |
# |---|---|---|
# | optimiser | SGD, rate 0.01, divided by 10 every 50,000 steps | Adam, rate 0.001, falling along a cosine to 0 |
# | length | 150,000 steps of 256 images | far fewer steps of 256, counted below |
# | normalisation | none | batch normalisation after the convolutions of the CNN classifiers |
# | training digits | unknown to us | distorted afresh in each epoch |
# | test set | unknown to us | fixed by a seed, with a checksum in each record |
#
# Adam and batch normalisation are there to make short training go further: Adam for *all* networks,
# batch normalisation for the CNN with and without a transformer alike. (Against a *dense* network with a
# transformer the CNN has the advantage of the batch normalisation.) What each does to the errors we
# have not measured. If a baseline of ours beats the paper's, look here first.
#
# How much shorter is our training?

# %%
PAPER_STEPS, IMAGES = 150_000, 60_000
in_table = [row for cells in families.values() for row in cells if row["seeds"]]
for epochs in sorted({row["epochs"] for row in in_table}, reverse=True):
    steps = epochs * -(-IMAGES // EXPERIMENTS["paper"].batch_size)
    print(f"{epochs} epochs are {steps:,} steps,"
          f" {steps / PAPER_STEPS:.0%} of the paper's {PAPER_STEPS:,}:")
    networks = {}
    for row in in_table:
        if row["epochs"] == epochs:
            networks.setdefault(table.network(row), []).append(row["distortion"])
    for network, on in networks.items():
        print(f"  {network:<19} on {', '.join(on)}")


# %% [markdown]
# Is it too short? For the dense network the loss on the training images gives a hint: where it is still
# high when the learning rate has reached zero, the network has not learnt what it was shown. We have
# trained it for 20 epochs and for 80, on P for 240, too.

# %% tags=["hide-input"]
lines, distances, losses_of = [], {}, {}
fcns = [record for record in files.read_results()
        if (record["experiment"], record["model"], record["seed"]) == ("paper", "fcn", 0)]
for record in sorted(fcns, key=lambda record: (record["distortion"], record["epochs"])):
    family, epochs = record["distortion"], record["epochs"]
    loss, error = record["loss_per_epoch"][-1], 100 * record["error"]["distorted"]
    theirs = EXPERIMENTS["paper"].published_error("fcn", None, family)
    share = epochs * -(-IMAGES // EXPERIMENTS["paper"].batch_size) / PAPER_STEPS
    lines.append((family, f"{share:.0%}", f"{loss:.2f}", f"{error:.2f}", f"{theirs:.1f}"))
    distances.setdefault(family, []).append(error - theirs)
    losses_of[family, epochs] = error - theirs, loss
head = "FCN on", "Of the paper's steps", "Last training loss", "Test error, %", "Paper's, %"
Markdown(plotting.markdown_table(head, lines))

# %% tags=["claim"]
for (of_family, after_epochs), (distance, last_loss) in losses_of.items():
    assert (distance > 0) == (of_family != "E" if after_epochs == EQUAL else last_loss > 0.1)
short_P, planned_P, long_P = distances["P"]
assert planned_P < 0.6 * short_P and 0.5 * planned_P < long_P < 0.75 * planned_P

# %% [markdown]
# On every exam the error falls with the number of epochs. After 20 it lies above the paper's on all but
# E. After 80 the exams split in two: on R and E, where the dense network has learnt its training digits,
# it errs less than the paper's; on RTS and P, where it has not, it errs more. So shorter training may be
# a reason for our distance from the paper. On P it is a part of it: with three times the 80 epochs the
# distance shrinks again, by less than half. Even then the loss is high, so the rest may be the steps that
# still lack, or a harder exam; this does not tell.
#
# **What is second-hand.** We have the protocol from descriptions, not from the paper's code. Where
# these are silent someone has to choose, and the choices are ours:
#
# - the widths of the layers (a function meets 400,000 parameters within a tenth);
# - that the "random place" of RTS keeps the whole scaled square inside the canvas;
# - that each corner of P moves by two draws, one for each axis (this one is put to the test below);
# - that corners of P which no longer form a convex shape are drawn again;
# - that the control points of E move on the side where the image is read;
# - that under clutter the brighter pixel wins where scraps overlap;
# - that in the addition the partner is drawn from the same set, and all transformers are affine (the
#   paper prints the best of several kinds);
# - that in the addition, as on RTS and clutter, the resolution is halved behind the transformer.
#
# What most of them do to the errors we have not measured. But those about the data should move all
# networks of an exam alike, and that can be looked for. Here is our error as a multiple of the paper's,
# from the smallest to the largest among the networks with as many epochs.

# %% tags=["hide-input"]
ratios = {}
for row in in_table:
    ratios.setdefault((row["distortion"], row["epochs"]), []).append(row["mean"] / row["published"])
lines = [(exam, epochs, len(found), f"× {min(found):.1f}", f"× {max(found):.1f}")
         for (exam, epochs), found in sorted(ratios.items())]
Markdown(plotting.markdown_table(("Exam", "Epochs", "Networks", "Smallest", "Largest"), lines))

# %% tags=["claim"]
assert all(max(values) < 1 for (of_exam, _), values in ratios.items() if of_exam == "E")
assert all(min(values) > 1.5 for (of_exam, _), values in ratios.items() if of_exam == "P")

# %% [markdown]
# On P each of our networks errs at least half as much again as the paper's, on E each errs less, though
# they were trained in the same way on both. A harder P and an easier E would explain that simply. But
# so would a training that suffices for the easy families and not for the hard ones, and on P we have
# seen that it is a part of the answer. And the networks of an exam do not move quite alike either,
# least of all on RTS with few epochs, so a harder or easier exam is not all there is. (The widths, the
# kind of transformer in the addition and the halved resolution do not move all networks alike. Where
# the resolution is halved, a network with a transformer reads fewer pixels than its rival.)
#
# ## One sentence, two exams
#
# For P one choice can be put to the test. As we have the description, each corner of the image is stretched
# by an amount, drawn from a normal distribution with a standard deviation of 5 pixels. We took that for two
# amounts, one sideways and one up or down. But a stretch by *an* amount may as well be a single number: the
# corner moves out or in along its diagonal. Call that **P stretch**. Here are the same eight digits under
# both.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Two rows of eight handwritten digits on black. Above, P: strongly skewed, some cut off at an edge. Below, P stretch: the same digits, distorted more mildly."}}
both = {}
for name, experiment in (("P", "paper"), ("P_stretch", "stretch")):
    (run,) = runs.select(experiment, "fcn", distortion=name, dataset="uci")
    both[name.replace("_", " ")] = data.test_sets(run, digits)["distorted"][0][:8]
figure = plotting.strip(np.concatenate(list(both.values())), columns=8, rows=list(both))

# %% [markdown]
# Both fit the words. Yet under P digits are pushed about and over the edge, under P stretch they only turn, slant
# and swell: they stay in the middle. That is no accident. If each corner keeps to its diagonal, both diagonals
# stay where they are, and with them the point where they cross, the centre. How many pixels from the digit's
# centre does the centre of the picture read?

# %%
for name in ("P", "P_stretch"):
    theta = distortions.distort(digits.x_test, name).theta
    away = 14 * np.hypot(theta[:, 2], theta[:, 5])  # theta takes (0, 0) there
    print(f"{name:<9} median {np.median(away):.1f}, at most {away.max():.1f}")

# %% tags=["claim"]
assert away.max() < 1e-3

# %% [markdown]
# A dense network has to learn each digit at each place, so P must be the harder exam for it. By how much? The
# networks without another map than the affine one were trained and examined on P stretch as well
# (`python -m stnlib.experiments stretch`). Here all stand after 20 epochs.

# %% tags=["hide-input"]
strict = [row | {"other_budget": False} for row in short["P"] if row["transform"] in (None, "affine")]
stretch = table.pick("stretch", "P_stretch")
lines = [(table.network(row), table.error(row), table.error(other), f"{row['published']:.1f}")
         for row, other in zip(strict, stretch, strict=True)]
head = "Error, %", "P", "P stretch", "Paper's"
Markdown(plotting.markdown_table(head, lines))

# %% tags=["hide-input"]
strict, stretch = table.by_model(strict), table.by_model(stretch)
shares = [rows["st_fcn"][key] / rows["fcn"][key]
          for rows, key in ((strict, "mean"), (stretch, "mean"), (stretch, "published"))]
times = strict["fcn"]["mean"] / stretch["fcn"]["mean"]
print(f"FCN, P against P stretch: {times:.1f} times the error")

# %% tags=["claim"]
assert shares[0] < shares[2] < shares[1]
for of_model, on_stretch in stretch.items():
    assert on_stretch["mean"] < strict[of_model]["mean"] / 3
    assert on_stretch["mean"] < on_stretch["published"] < strict[of_model]["mean"]

# %% [markdown]
# So much hangs on how you read one sentence. Under the first reading every network errs more than the paper's,
# under the second every network errs less, after a small part of the paper's steps. So our distance on P needs
# no other reason than this, and it says little about the networks. Which
# reading the paper's authors had in mind we cannot tell: their figures lie between ours. (We keep the first as
# P in all our tables. It was chosen before the figures were known, and it is the harder one.)
#
# Does the choice also decide what a transformer is worth? Here is the share of the dense network's error that
# it leaves.

# %%
for name, share in zip(("P", "P stretch", "the paper's"), shares):
    print(f"{name:<12} {share:.0%} of the error is left")

# %% [markdown]
# On the easier exam the transformer took away less. So the share depends on the exam as well, and the paper's lies
# between ours here, too.
#
# ## So do the numbers hold?
#
# First the errors themselves. We treat each published one like a single run on as many images as ours, and ask
# of each gap whether it is clear. (As far as we know the paper's are means of three seeds. Then the rule asks
# for more than it needs to.)

# %% tags=["hide-input"]
named = {"upright": table.pick("article", "article", "original"), "bent": exams["bent digits"]}
named |= {"40 px clutter": exams["cluttered digits"], **families, **others}
named["P stretch"] = list(stretch.values())
ours = {}
for exam, rows in named.items():
    counts = ours[exam] = {"below": 0, "unclear": 0, "above": 0}
    for row in rows:
        if row["seeds"] and row["published"]:
            gap, clear = row["mean"] - row["published"], clear_from(row, as_published(row))
            counts["unclear" if abs(gap) <= clear else "above" if gap > 0 else "below"] += 1
head = "Exam", "Clearly below the published", "Not clear", "Clearly above"
Markdown(plotting.markdown_table(head, [(exam, *counts.values()) for exam, counts in ours.items()]))

# %% tags=["claim"]
assert not (ours["R"]["below"] or ours["R"]["above"] or ours["upright"]["below"] or ours["upright"]["above"])
assert ours["P"]["above"] == sum(ours["P"].values()) and ours["E"]["below"] >= 6 and not ours["E"]["above"]
assert all(ours[exam]["above"] == ours[exam]["unclear"] > 0 for exam in ("RTS", "clutter"))
assert ours["addition"]["above"] == len(named["addition"]) and ours["P stretch"]["above"] == 0
assert not any(ours[exam]["below"] for exam in ("RTS", "clutter", "addition"))
assert not ours["40 px clutter"]["above"] and not ours["40 px clutter"]["unclear"]
close = [row for row in families["RTS"] if row["model"] == "st_cnn" and row["epochs"] > EQUAL]
assert len(close) == 2 and all(0 < row["mean"] - row["published"] < 0.2 for row in close)

# %% [markdown]
# On the article's upright digits and on R no network of ours differs clearly from the published figure. (That is
# not yet agreement: a difference may be too small for this rule to see.) On P and in the addition all of ours err clearly more, on
# RTS and in the paper's clutter half of them. (On RTS the two ST-CNNs that have had 80 epochs come within
# two tenths of a point. On P stretch, the other reading of P, none errs clearly more.) On E most err clearly
# less, and so do all among the article's clutter, of which we do not know how much there was.
#
# An error is easy to miss by some tenths: train for another length, draw another exam. So ask about
# the transformer itself. Put it in front of a network: what share of its error is
# **left**? Here it is, as published and as measured, wherever both networks have been measured with the
# same number of epochs.

# %% tags=["hide-input"]
WITHOUT = {"stn_fcn": "fcn_mixed", "st_fcn": "fcn", "st_cnn": "cnn", "st2_fcn": "fcn"}
lines, left, unclear = [], {}, []
for (row, rival), outcome in zip(pairs, verdicts):
    if WITHOUT.get(row["model"]) == rival["model"] and row["published"] and rival["published"]:
        theirs, ours = (row[key] / rival[key] for key in ("published", "mean"))
        left[exam_name(row), table.network(row)] = theirs, ours
        if outcome == "unclear":
            unclear.append((exam_name(row), table.network(row)))
        names = f"{table.network(rival)} → {table.network(row)}"
        lines.append((exam_name(row), names, f"{theirs:.0%}", f"{ours:.0%}"))
head = "Exam", "Without → with", "Left, published", "Left, ours"
Markdown(unfold.format("The shares", plotting.markdown_table(head, lines, words=2)))

# %% tags=["hide-input"] mystnb={"image": {"alt": "The share of the error that a transformer leaves, a line for each pair, ordered by the published share. A dot is ours, a hollow diamond the published one. Most dots run from lower left to upper right as the diamonds do, from clutter, RTS and addition to E; for the CNN on RTS and for the cluttered digits dot and diamond lie far apart."}}
ordered = sorted(left, key=lambda pair: left[pair])
figure, ax = plt.subplots(figsize=(5.4, 1 + 0.27 * len(left)), layout="constrained")
for height, pair in enumerate(ordered):
    ax.plot(left[pair], [height, height], color=plotting.COLORS["neutral"], lw=0.8)
    for share, look in zip(left[pair], (report.THEIRS, report.OURS)):
        ax.plot(share, height, **look)
ax.axvline(1, color=plotting.COLORS["neutral"], ls=":", lw=1)
ax.set(xlim=(0, 1.05), ylim=(-0.7, len(left) - 0.3), xlabel="share of the error that is left")
ax.set(yticks=range(len(left)), yticklabels=[f"{exam}: {network}" for exam, network in ordered])
figure.legend(ax.lines[1:3], ["published", "ours"], loc="outside upper right", ncols=2)
plt.show()

# %% [markdown]
# If our shares were the published ones, dot and diamond would lie on each other. If at least the order
# were the same, the dots would run from lower left to upper right, as the diamonds do. How near is all
# this to either?

# %%
theirs, ours = np.array(list(left.values())).T
print(f"lowered in {np.sum(ours < 1)} of {len(ours)} cases, unclear:",
      *(f"\n  {exam}, {network}" for exam, network in unclear))
apart = 100 * np.abs(theirs - ours)
furthest = ", ".join(list(left)[apart.argmax()])
print(f"the shares differ by {np.median(apart):.0f} points in the median,"
      f"\n  by {apart.max():.0f} at most ({furthest})")
rank = spearmanr(theirs, ours).statistic
print(f"rank correlation {rank:.2f}")

# %% tags=["claim"]
assert all(ours < 1) and rank > 0.5 and np.median(apart) < 15
assert {exam for exam, _ in unclear} == {"R", "E"}
assert max(theirs) < 1

# %% [markdown]
# So do the paper's numbers hold? Of the errors, those on R are the only ones that we cannot tell apart. That a transformer lowers the error does,
# in every pair that has a published figure, and clearly so but for those on E and some on R. By how much
# holds roughly: a share that was published as large tends to be large here, too, with the exceptions
# where dot and diamond lie far apart: the CNN on RTS, the cluttered digits, and the dense network on P.
# (Most pairs are single runs, and those of one exam may share a network.) Every figure in this answer
# comes from a record that names its command.
#
# ## Run a cell yourself
#
# Every record names its command. Here is the one for each experiment that has cost least.

# %%
for experiment in EXPERIMENTS:
    done = [row for row in measured if row["experiment"] == experiment]
    cheapest = min(done, key=lambda row: row["cpu_seconds"], default=None)
    found = for_terminal(cheapest["commands"][0]) if cheapest else "not run"
    print(f"# {experiment}\n{found}")

# %% [markdown]
# In a checkout of this book, `make experiments` works down the whole list, and you may stop it and
# start it again at any time. `python -m stnlib.experiments table` prints what is there.
#
# ## Exercises
#
# :::{exercise} Is it luck?
# :label: ex-13-luck
#
# Take the networks of the article's table that have been run with several seeds. Put them in the
# order of their error on bent digits. Is each better than the next with *every* seed, or do the
# seeds overlap? And how much would it mean if they did not?
# :::
#
# :::{solution-start} ex-13-luck
# :class: dropdown
# :::

# %%
several = [row for row in table.pick("article", "article") if row["seeds"] > 1]
finals = {table.network(row): [run[-1] for run in row["error_per_epoch"]]
          for row in several}
order = sorted(finals, key=lambda network: np.mean(finals[network]))
for better, worse in pairwise(order):
    gap = min(finals[worse]) - max(finals[better])
    seeds = "every seed" if gap > 0 else "overlap"
    print(f"{better} before {worse}: {seeds} ({gap:+.2f})")
print(f"by luck alone, three against three: {2 / comb(6, 3):.0%}")

# %% [markdown]
# The number in brackets is the distance from the worst seed of one network to the best seed of the
# next. The last line is the catch. Were both networks equally good, then of the ways to deal six
# errors to two hands of three, each would be equally likely, and two of them give all the low errors
# to one hand. So by their order alone, three seeds can make no difference credible. It is the size of
# the gap, many times the spread, that does. (And the chapter's rule may call a pair unclear that every
# seed orders alike: it counts the luck of the test images as well.)
#
# :::{solution-end}
# :::
#
# :::{exercise} What does a parameter buy?
# :label: ex-13-parameters
#
# The transformers of the article's table cost parameters. For each network that has been run, by how
# many points does its error on bent digits lie below that of the FCN trained on the same mixture,
# for each 1,000 parameters that it *has*?
# :::
#
# :::{solution-start} ex-13-parameters
# :class: dropdown
# :::

# %%
base = bent.get("fcn_mixed")
for model in [m for m in bent if base and not m.startswith("fcn")]:
    gain = base["mean"] - bent[model]["mean"]
    thousands = bent[model]["parameters"] / 1000
    print(f"{table.network(bent[model]):<23} {gain:5.1f} points, "
          f"{gain / thousands:.3f} per 1,000")

# %% [markdown]
# The plain CNN has fewer parameters than the FCN and yet a lower error: convolution shares its weights
# between places, a dense layer does not. By this measure only the same network, trained for longer, comes
# near it. But a measure that is so kind to the smallest network says nothing about how far down you can
# get. For that, compare the two with the same number of parameters, the wide CNN and STN+CNN.
#
# :::{solution-end}
# :::
#
# :::{exercise} The same test?
# :label: ex-13-checksum
#
# Two people report errors on "RTS". Did they take the same test? Compute the checksum of the test
# set, compare it with the one in the record, then turn a single test label into another and look
# again.
# :::
#
# :::{solution-start} ex-13-checksum
# :class: dropdown
# :::

# %%
found = data.checksum(small["fcn"], digits)
print("recorded", records["fcn"]["test_set_sha256"][:16])
print("found   ", found[:16])

labels = digits.y_test.copy()
labels[0] = (labels[0] + 1) % 10
changed = data.checksum(small["fcn"], digits._replace(y_test=labels))
print("changed ", changed[:16])
assert found == records["fcn"]["test_set_sha256"] != changed

# %% [markdown]
# One label out of all the test digits, and the checksum is another. It covers the poses and the
# labels rather than the pixels: poses are rounded to whole steps before they are hashed, so the sum
# is the same on every machine, while the last bits of a pixel are not.
#
# :::{solution-end}
# :::
#
# ## Recap
#
# 1. **Equal.** Same data, steps, size; and for what cannot be made equal at once, a control: as many
#    parameters, as much processor time.
# 2. **Repeat.** A run is a function of its settings. One command, the same number in each epoch.
# 3. **Read.** A mean without a spread is half a number. On 10,000 images a tenth of a point near one
#    percent is noise even before the seeds come in.
# 4. **Judge.** A transformer pays where there is something to align that the classifier cannot
#    absorb. A convolution absorbs much, so compare with one, too.
# 5. **Differ.** Another optimiser, batch normalisation, a shorter schedule, and choices where the
#    paper is silent: one word of a description can move an error several times over. Trust
#    differences within an exam more than the distance to the paper.
# 6. **Answer.** The errors cannot be told from the published ones on R, are higher on P (as we read it) and for half of those on RTS,
#    lower on E. That a transformer lowers them holds, though on E and R not always clearly; the share
#    that it leaves comes out roughly as published.
