# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Can we reproduce the paper's results?
#
# {cite:t}`jaderberg2015stn`, *the paper*, and {cite:t}`xeonqq2019article`, *the article*, report that a spatial
# transformer lowers the error on distorted digits. We trained their networks again, on the 60,000 training digits of
# MNIST. Nothing is trained on this page: every number of ours comes from a recorded run, and each record holds the
# command that repeats it. The article's numbers are from the article. The paper's are second-hand, as is our
# description of its experiments: both come from a summary, and two of the numbers (marked ~) from memory.

# %% tags=["hide-input"]
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Markdown, display

from stnlib import datasets, distortions, plotting
from stnlib.experiments import compare, data, files, published, report, runs, table
from stnlib.experiments.catalog import EXPERIMENTS

plotting.use_style()
WITH = ("stn_fcn", "st_fcn", "st_cnn", "st2_fcn")
NAMES = {"article": "distorted (article)", "article_clutter": "clutter (article)"}
# (test set, network, transformation): {epochs: (with a transformer, without)}
pairs = {(name[1], *name[3:]): by_epochs for name, by_epochs in compare.with_published(compare.comparisons()).items()}

# %% tags=["hide-input"] mystnb={"figure": {"caption": "A transformer lowers the error in every comparison, here as in print. By how much differs. Each row compares a network that has an affine transformer with the same network without one: the error with, divided by the error without. Filled dot: the longest training that both networks had (5 epochs for the article, 80 or 20 for the paper). Ring: after 20 epochs, where both had 80 too. Diamond: published.", "name": "fig-13-relative"}, "image": {"alt": "Fourteen rows, each with a dot for our relative error and a diamond for the published one, on an axis from 0 to 1. All marks lie left of 1. Dots and diamonds lie close together for RTS and clutter before an FCN and far apart for RTS and clutter before a CNN. The rings of the addition lie far to the right of its filled dots."}}
shown = {name: by_epochs for name, by_epochs in pairs.items() if name[2] == "affine"}
ring = report.OTHER_LENGTH | {"ms": 9, "mfc": "none"}
order = sorted(shown, key=lambda name: (name[1] == "st_cnn", WITH.index(name[1])))
figure, ax = plt.subplots(figsize=(6, 5.2), layout="constrained")
labels = []
for height, name in enumerate(order):
    lengths = sorted(shown[name])
    ours = [row["mean"] / rival["mean"] for row, rival in (shown[name][n] for n in lengths)]
    row, rival = shown[name][lengths[-1]]
    theirs = row["published"] / rival["published"]
    labels.append(f"{NAMES.get(name[0], name[0])}: {table.network(row).removesuffix(', affine')}")
    ax.plot([*ours, theirs], [height] * (len(ours) + 1), color=plotting.COLORS["neutral"], lw=0.8)
    ax.plot(ours[:-1], [height] * (len(ours) - 1), **ring)
    ax.plot(ours[-1], height, **report.OURS)
    ax.plot(theirs, height, **report.THEIRS)
ax.axvline(1, color=plotting.COLORS["neutral"], ls=":", lw=1)
ax.set(xlim=(0, 1.05), ylim=(len(order) - 0.5, -0.5), xlabel="error with a transformer / error without")
ax.set(yticks=range(len(order)), yticklabels=labels)
handles = [plt.Line2D([], [], **look) for look in (report.OURS, ring, report.THEIRS)]
figure.legend(handles, ["ours", "ours, 20 epochs", "published"], loc="outside lower center", ncols=3)
plt.show()

# %% tags=["hide-input"]
longest = [by_epochs[max(by_epochs)] for by_epochs in pairs.values()]
lower = [compare.verdict(row, rival) for row, rival in longest].count("lower")
unclear = {row["distortion"] for row, rival in longest if compare.verdict(row, rival) == "unclear"}
added = table.by_model(table.pick("addition", "addition"))
second = [added["st2_fcn"][key] / added["st_fcn"][key] for key in ("mean", "published")]

families = {family: table.pick("paper", family) for family in EXPERIMENTS["paper"].distortions}
against = {family: [compare.verdict(row, compare.as_published(row)) for row in rows] for family, rows in families.items()}
counts = {outcome: sum(found.count(outcome) for found in against.values()) for outcome in ("lower", "higher")}

kinds = []
for rows in families.values():
    affine = {row["model"]: row for row in rows if row["transform"] == "affine"}
    kinds += [compare.verdict(row, affine[row["model"]]) for row in rows
              if row["transform"] in ("projective", "tps") and row["epochs"] == affine[row["model"]]["epochs"]]
steps = {epochs: epochs * runs.select("paper")[0].steps(60_000) / 150_000 for epochs in (20, 80)}

Markdown(f"""
- **What holds.** A transformer lowers the error in all {len(longest)} cases in which both errors, with and without one,
  are also published ({len(shown)} of them, the affine ones, are in the figure). In {lower} the difference is *clear*, by
  the rule of the appendix on comparing networks. The unclear ones are on {' and '.join(sorted(unclear))}. In the addition,
  two affine transformers leave {second[0]:.0%} of the error that one leaves; in the paper {second[1]:.0%}.
- **What doesn't hold.** The errors themselves. Of our {sum(map(len, against.values()))} networks on the paper's
  distorted digits, {counts['higher']} are clearly worse than published and {counts['lower']} clearly better, all of the
  better ones on E.
- **What we can't tell.** Whether longer training would close the gaps: ours had {steps[20]:.0%} or {steps[80]:.0%} of
  the paper's steps. And which transformation is best: we trained {len(kinds)} projective and `tps` networks as long as
  the affine one, and {kinds.count('unclear')} of the differences are unclear.
""")

# %% tags=["claim"]
assert all(row["mean"] < rival["mean"] for by in pairs.values() for row, rival in by.values())
assert all(row["published"] < rival["published"] for row, rival in longest)
assert unclear == {"R", "E"} and set(kinds) == {"unclear"}
assert all(set(found) <= {"unclear", "higher"} for family, found in against.items() if family != "E")
assert abs(second[0] - second[1]) < 0.05

# %% [markdown]
# After this chapter you can
#
# - say which of the paper's results came out again, and which didn't;
# - say what has to be equal before you compare two networks;
# - read the tables: the article's networks, the paper's distortions, clutter and addition;
# - explain how one sentence of a paper can be read in two ways, and what that does to its numbers.
#
# ## The test images
#
# There are eight kinds, and {numref}`fig-13-tests` shows the same digits under each. For R, RTS and clutter a
# rotation, a zoom and a shift bring the digit back. The article's distorted digits need a shear as well. P is a change
# of perspective, and E is a thin plate spline, so no affine transformation undoes them. In the addition the network
# sees two digits on two channels and has to name their sum.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "The eight kinds of test image. A column shows the same digit under each; the last two rows are the two channels of one image. Article: scale, shift, rotation, shear, or all of them. R: rotation by up to 90°. RTS: rotation by up to 45°, scale, any place. P: four corners moved. E: sixteen control points moved. Clutter: among pieces of other digits.", "name": "fig-13-tests"}, "image": {"alt": "Nine rows of eight handwritten digits on black. Distorted: rotated, shrunk, sheared or shifted. Clutter of the article: a digit among a few pieces of strokes. RTS: small digits, rotated, anywhere. R: rotated by up to a quarter turn. P: skewed as if seen from the side. E: digits with wavy strokes. Clutter: a small digit among pieces of strokes. Addition, two rows: pairs of digits."}}
digits = datasets.load("uci")
tests = {}
for experiment in ("article", "paper", "clutter", "addition"):
    for family in EXPERIMENTS[experiment].distortions:
        (run,) = runs.select(experiment, "cnn", distortion=family, dataset="uci")
        tests[NAMES.get(family, family)] = data.test_sets(run, digits)["distorted"][0]
rows = {name: images for name, images in tests.items() if name != "addition"}
rows |= {f"addition,\nchannel {i + 1}": tests["addition"][..., i : i + 1] for i in (0, 1)}
figure, axes = plt.subplots(len(rows), 8, figsize=(6, 7), layout="constrained")
for line, (name, images) in zip(axes, rows.items(), strict=True):
    for ax, image in zip(line, images, strict=False):
        plotting.show(ax, image)
    line[0].set_ylabel(name, rotation=0, ha="right", va="center")

# %% [markdown]
# ## What has to be equal
#
# A transformer adds weights and computing time. To know that the *transformer* lowers the error, keep everything else
# equal that could:
#
# - **Data**: the same training digits, distorted by the same recipe, and one fixed test set.
# - **Steps**: the same number, the same batches, the same learning rate schedule.
# - **Size**: for the paper's tables a function chooses the widths so that each network has 400,000 parameters, within
#   a tenth. For the article's networks there are two controls, below.
# - **Seeds**: three for the article's networks, one for most of the paper's. There, ignore differences of a few tenths
#   of a point.
#
# The appendix {doc}`how_to_compare` shows each of these on two small networks, and where the standard errors come
# from.

# %% tags=["hide-input"]
fold = "<details><summary>{}</summary>\n\n{}\n\n</details>"
Markdown(fold.format(
    "Layers and widths of the paper's networks",
    report.layers_table(["R", "RTS"], epochs=20)
    + "\n\nA convolution is followed by 2×2 pooling, except the second of a localization network. "
    "P and E have R's networks."))

# %% tags=["claim"]
recorded = [r for r in files.read_results() if r["experiment"] == "paper"]
assert all(0.9 < record["parameters"] / 400_000 < 1.1 for record in recorded)
widths = {(r["distortion"], r["model"]): r["widths"] for r in recorded if r["transform"] in (None, "affine")}
assert all(sizes == widths["R", model] for (family, model), sizes in widths.items() if family != "RTS")

# %% [markdown]
# ## The article's networks
#
# The ranking is the article's, and our errors are close to the article's. STN+CNN has the lowest error. Neither more
# parameters nor more training explains it: a CNN with as many parameters (*wide*) and one trained for more epochs
# (*long*) both have a clearly higher error.

# %% tags=["hide-input"]
rows = table.pick("article", "article")
by_name = table.by_model(rows)
Markdown("**Distorted digits, 5 epochs, mean ± standard deviation over seeds**\n\n"
         + report.errors_table(rows, "Article", decimals=2))

# %% tags=["claim"]
printed = [r for r in by_name.values() if r["published"] is not None]
assert all(printed == sorted(printed, key=lambda r: -r[whose]) for whose in ("mean", "published"))
assert all(abs(r["mean"] - r["published"]) < 1.25 for r in printed)
assert all(compare.verdict(by_name["stn_cnn"], by_name[m]) == "lower" for m in ("cnn_wide", "cnn_long"))
assert by_name["cnn"]["mean"] < 1.15 * by_name["stn_fcn"]["mean"]

# %% [markdown]
# A CNN *without* a transformer comes within about a point of STN+FCN, with less than a third of its parameters. If your
# classifier is dense, try a convolutional one before you add a transformer.
#
# :::{admonition} Details: on upright digits a transformer may not pay
# :class: dropdown
#
# On upright digits STN+FCN has a lower error than the FCN, but a higher one than the plain CNN. Between STN+CNN and
# CNN the difference is unclear. On the article's clutter, which has an amount of clutter that we had to choose,
# STN+FCN and CNN are level. {doc}`Chapter 7 <07_clutter>` looks at those images.
# :::

# %% tags=["hide-input"]
others = {"Upright digits": ("article", "original"), "The article's clutter": ("article_clutter", "distorted")}
Markdown(fold.format("Errors on upright digits and in clutter", "\n\n".join(
    f"**{title}**\n\n" + report.errors_table(table.pick("article", *which), "Article", decimals=2)
    for title, which in others.items())))

# %% tags=["claim"]
upright = table.by_model(table.pick("article", "article", "original"))
assert compare.verdict(upright["stn_fcn"], upright["fcn_mixed"]) == "lower"
assert compare.verdict(upright["stn_fcn"], upright["cnn"]) == "higher"
assert compare.verdict(upright["stn_cnn"], upright["cnn"]) == "unclear"
cluttered = table.by_model(table.pick("article", "article_clutter"))
assert abs(cluttered["cnn"]["mean"] - cluttered["stn_fcn"]["mean"]) < 0.3
assert by_name["stn_fcn"]["parameters"] > 3 * by_name["cnn"]["parameters"]

# %% [markdown]
# ## The paper's four distortions
#
# In each column the FCN has the highest error and an ST-CNN the lowest. Between them lie the CNN and the ST-FCNs. On E
# the CNN's error is clearly lower than the ST-FCNs', on R clearly lower than that of the affine one. On RTS it is
# higher than the ST-FCNs', just past the limit for two of them. On P the differences are too small for one seed. FCN and affine ST-FCN have three
# seeds on R and RTS.

# %% tags=["hide-input"]
short = {family: [row | {"other_budget": False} for row in table.pick("paper", family, epochs=20)]
         for family in families}
Markdown("**20 epochs each, one seed unless ± tells the spread of more. Our error in %, *the paper's in italics***\n\n"
         + report.test_sets_table(short))

# %% tags=["claim"]
for of_rows in short.values():
    fcn_error, cnn_error, *by_st = (r["mean"] for r in of_rows)
    dense_st, convolved_st = by_st[:3], by_st[3:]
    assert fcn_error == max(r["mean"] for r in of_rows)
    assert min(*dense_st, cnn_error) > max(convolved_st)
beside = {family: [compare.verdict(rows[1], row) for row in rows[2:5]] for family, rows in short.items()}
assert set(beside["E"]) == {"lower"} and set(beside["P"]) == {"unclear"} and beside["R"] == ["lower", "unclear", "unclear"]
assert {(family, row["model"], row["transform"]) for family, rows in short.items() for row in rows if row["seeds"] == 3} == {
    (family, *network) for family in ("R", "RTS") for network in (("fcn", None), ("st_fcn", "affine"))}
assert sorted(beside["RTS"]) == ["higher", "higher", "unclear"] and all(row["mean"] < short["RTS"][1]["mean"] for row in short["RTS"][2:5])

# %% [markdown]
# Twenty epochs are 3% of the paper's steps. So where an ST-CNN beats the CNN here, it may only learn *faster*. In the
# paper, after all steps, the CNN and the affine ST-FCN are level on R, RTS and P.
#
# We trained the FCN, every ST-FCN and two of the ST-CNNs for 80 epochs as well. Their errors fall further, and the
# ratios of {numref}`fig-13-relative` change with them.

# %% tags=["hide-input"]
longer = {}
for family, rows in families.items():
    for row, early in zip(rows, short[family]):
        if row["epochs"] > early["epochs"]:
            longer[family, table.network(row)] = row["mean"] / early["mean"]
names = list(dict.fromkeys(name for _, name in longer))
shares = {cell: f"{share:.0%}" for cell, share in longer.items()}
lines = [(name, *(shares.get((family, name), "–") for family in families)) for name in names]
print(f"80 epochs leave {min(longer.values()):.0%} to {max(longer.values()):.0%} of the error after 20")
Markdown(fold.format("Error after 80 epochs, as a share of the error after 20",
                     plotting.markdown_table(("", *families), lines)))

# %% [markdown]
# Do our errors match the paper's? The next table has our longest run of each network and the paper's figure, a mean of
# three seeds.

# %% tags=["hide-input"]
Markdown("**▲ clearly above the paper's, ▼ clearly below, ○ not distinguishable**\n\n" + report.verdicts_table(families)
         + "\n\n" + fold.format("The smallest difference that each run could have shown, in points",
                                report.visible_table(families)))

# %% tags=["claim"]
assert against["R"].count("unclear") == 8 and against["E"].count("lower") == 8
assert against["P"].count("higher") == 8 and against["RTS"].count("higher") == 4
at_or_below = [r for rs in families.values() for r in rs if r["mean"] <= r["published"]]
with_st = [r for r in at_or_below if r["transform"]]
assert (len(at_or_below), len(with_st), sum(r["distortion"] == "E" for r in with_st)) == (10, 7, 6)
assert min(longer.values()) > 0.5 and max(longer.values()) < 0.8
visible = [compare.clear_from(row, compare.as_published(row)) for row in families["R"]]
assert min(visible) > 0.3 and max(visible) < 0.55

# %% [markdown]
# On R these errors can't be told apart from the paper's. That doesn't prove that they agree: these runs can't show a
# difference of less than 0.3 to 0.5 points. On E all are clearly lower, on P all clearly higher. If short training were the only
# reason, none would be lower. The test images may differ, too, and for P we can check.

# %% tags=["hide-input"]
on_P = sorted((record["epochs"], 100 * record["error"]["distorted"]) for record in files.read_results()
              if record["name"].startswith("paper-P-fcn-"))
told = ", ".join(f"{error:.1f}% after {epochs} epochs" for epochs, error in on_P)
share = on_P[-1][0] * runs.select("paper")[0].steps(60_000) / 150_000
Markdown(f"Longer training helps on P, but the FCN's error doesn't come near the paper's: {told}. The last run has "
         f"{share:.0%} of the paper's steps, and the paper's error is {families['P'][0]['published']}%.")

# %% tags=["claim"]
assert [n for n, _ in on_P] == [20, 80, 240] and on_P[0][1] > on_P[1][1] > on_P[2][1] > 1.5 * 3.1

# %% [markdown]
# ## One sentence, two test sets
#
# One sentence about P can be read in two ways. With our reading all our errors are above the paper's, with the other
# one all are below.
#
# In our summary, each corner of the image is stretched by an amount drawn from a normal distribution with a standard
# deviation of 5 pixels. We took that as *two* amounts for each corner, one sideways and one up or down: **P**. It may
# as well be *one*, along the corner's diagonal: **P stretch**.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "The same words describe the second and the third row. P moves each corner in any direction, and digits are shifted out of place. P stretch moves each corner along its diagonal, and the centre stays where it was.", "name": "fig-13-readings"}, "image": {"alt": "Three rows of six handwritten digits on black. First as they were written. Then P: strongly skewed, some cut off at an edge. Then P stretch: the same digits, distorted more mildly and centred."}}
both = [digits.x_test[:6]]
for name, experiment in (("P", "paper"), ("P_stretch", "stretch")):
    (run,) = runs.select(experiment, "fcn", distortion=name, dataset="uci")
    both.append(data.test_sets(run, digits)["distorted"][0][:6])
figure = plotting.strip(np.concatenate(both), columns=6, rows=["undistorted", "P", "P stretch"])

# %% tags=["hide-input"]
strict = [row for row in short["P"] if row["transform"] in (None, "affine")]
stretch = table.pick("stretch", "P_stretch")
lines = [(table.network(row), table.error(row), table.error(other), f"{row['published']:.1f}")
         for row, other in zip(strict, stretch, strict=True)]
Markdown("**20 epochs each, one seed: error in %**\n\n"
         + plotting.markdown_table(("", "P", "P stretch", "Paper's P"), lines))

# %% tags=["claim"]
for ours_P, ours_stretch in zip(strict, stretch, strict=True):
    assert ours_stretch["mean"] < ours_stretch["published"] < ours_P["mean"]
    assert ours_stretch["mean"] < ours_P["mean"] / 3
moved = {n: 14 * np.hypot(*distortions.distort(digits.x_test, n).theta[:, [2, 5]].T) for n in ("P", "P_stretch")}
assert np.median(moved["P"]) > 1 and moved["P_stretch"].max() < 1e-3

# %% [markdown]
# The paper's errors lie between the two, so we can't tell which reading its authors had in mind. The other tables keep
# P, which we had chosen before we knew the errors. When you describe an experiment, give the formula.
#
# ## Clutter and addition
#
# Behind one transformer, the FCN's error falls to a seventh in clutter. In the addition each digit needs
# its own transformation, and two transformers do far better than one. {doc}`Chapter 9 <09_two_transformers>` shows why.

# %% tags=["hide-input"]
lines = []
for name in ("clutter", "addition"):
    for row in table.pick(name, name):
        theirs = f"{'~' if row['second_hand'] else ''}{row['published']:.1f}"
        lines.append((name, table.network(row), row["epochs"], f"{row['mean']:.2f}", theirs))
head = "Test set", "Network", "Epochs", "Our error, %", "Paper's"
(one_kind, one), (two_kind, two) = published.ADDITION_BEST.values()
Markdown(plotting.markdown_table(head, lines, words=2)
         + f"\n\nAll transformers are affine, in the paper's column too. "
         f"Its best on the addition: {one}% with one ({one_kind}), {two}% with two ({two_kind}).")

# %% tags=["claim"]
both_tests = {name_of: table.by_model(table.pick(name_of, name_of)) for name_of in ("clutter", "addition")}
assert 6 < both_tests["clutter"]["fcn"]["mean"] / both_tests["clutter"]["st_fcn"]["mean"] < 8
assert both_tests["addition"]["st2_fcn"]["mean"] < 0.5 * both_tests["addition"]["st_fcn"]["mean"]
assert {of_test["cnn"]["epochs"] for of_test in both_tests.values()} == {20}

# %% [markdown]
# Don't compare the CNNs with the dense networks here: after 20 epochs their errors still fall.
#
# ## Where we differ from the paper
#
# | | Paper | Here |
# |---|---|---|
# | optimizer | SGD, rate 0.01, divided by 10 every 50,000 steps | Adam, rate 0.001, cosine decay to 0 |
# | length | 150,000 steps of 256 images | 20 or 80 epochs, 3% or 13% of that |
# | seeds | mean of three | one, here and there three |
# | normalization | none | batch normalization in the CNN classifiers |
# | CNN | 9×9, 7×7, one dense layer | padding `same` in the 7×7, twice the filters there, one more dense layer |
#
# Adam and batch normalization were chosen for short training. We did not measure either one's effect.
#
# The experiment `protocol` trains the dense networks as the paper did, for as many images as its 150,000 steps of 256.
# A run takes an hour or more of a processor core.

# %% tags=["hide-input"]
protocol = {name: table.pick("protocol", name) for name in EXPERIMENTS["protocol"].distortions}
if any(row["seeds"] for rows in protocol.values() for row in rows):
    display(Markdown("**Trained as the paper did. Our error in %, *the paper's in italics***\n\n"
                     + report.verdicts_table(protocol)
                     + "\n\n▲ clearly above the paper's, ▼ clearly below, ○ not distinguishable"))
    whole, ours = protocol["R"][0], families["R"][0]
    display(Markdown(f"The FCN on R is the only long run so far. Its error, {whole['mean']:.1f}%, is clearly above the "
                     f"paper's {whole['published']}% and also above that of our {ours['epochs']} epochs with Adam, "
                     f"{ours['mean']:.1f}%. So at least here, more steps alone don't close the gap; our description of the "
                     "protocol, or of R, may lack something."))

# %% tags=["claim"]
assert [(name, row["model"]) for name, rows in protocol.items() for row in rows if row["seeds"]] == [("R", "fcn")]
assert compare.verdict(whole, compare.as_published(whole)) == "higher" == compare.verdict(whole, ours)

# %% [markdown]
# :::{admonition} Details: choices that the descriptions leave open
# :class: dropdown
#
# Neither summary nor article says it all. These choices are ours:
#
# - the widths of the layers: a function meets 400,000 parameters;
# - in RTS the whole scaled square stays inside the canvas;
# - corners of P that no longer form a convex shape are drawn again;
# - the control points of E move on the side where the image is read;
# - where pieces of clutter overlap, the brighter pixel wins;
# - in the addition the partner comes from the same set, and all transformers are affine;
# - in RTS, clutter and addition, the resolution is halved behind the transformer.
# :::
#
# The paper also reports house numbers and birds; {doc}`descendants` has those results. All of this chapter is about
# small networks on digits.
#
# ## Recap
#
# 1. **What came out again**: the error is lower with a transformer in every comparison, and clearly so but for some on R
#    and E; two beat one in the addition; and the article's ranking. What didn't: the errors themselves, higher on P and lower on E.
# 2. **Equal**: data, steps, size, seeds. Where both can't be matched, add a control network for each: as many
#    parameters, more training.
# 3. **Tables**: with one seed, a few tenths of a point mean nothing. A CNN already copes with much of the distortion,
#    so compare with one.
# 4. **Two readings**: how we read one sentence changed every error by a factor of more than three. Trust differences
#    within one test set more than differences from a published error.
#
# ## Exercises
#
# :::{exercise} Longer training, another answer
# :label: ex-13-longer
#
# Compute the relative error of the affine ST-FCN (its error divided by the FCN's) on each of the paper's test sets,
# after 20 and after 80 epochs. Where does it rise, and where does it fall? Why?
# :::
#
# :::{solution-start} ex-13-longer
# :class: dropdown
# :::

# %%
for test in ("R", "RTS", "P", "E", "clutter", "addition"):
    ratios = [row["mean"] / rival["mean"]
              for row, rival in pairs[test, "st_fcn", "affine"].values()]
    print(f"{test:<9} {ratios[0]:.0%} after 20 epochs, {ratios[1]:.0%} after 80")

# %% tags=["claim"]
for test_set, rises in (("E", True), ("addition", False), ("clutter", False)):
    at_20, at_80 = (r["mean"] / q["mean"] for r, q in pairs[test_set, "st_fcn", "affine"].values())
    assert (at_80 > at_20 + 0.05) == rises

# %% [markdown]
# On E the FCN catches up: it learns the mild distortions by itself, only more slowly. In clutter and addition it
# doesn't, and the ST-FCN keeps improving. A relative error is only meaningful with its number of steps.
#
# :::{solution-end}
# :::
#
# :::{exercise} A pattern found afterwards
# :label: ex-13-pattern
#
# After 80 epochs, the affine ST-FCN has a higher error than the projective and the `tps` one in all four columns. Is affine
# the worst of the three? Check the same runs after 20 epochs, and ask of each difference whether it is clear.
# :::
#
# :::{solution-start} ex-13-pattern
# :class: dropdown
# :::

# %%
for epochs, columns in ((80, families), (20, short)):
    worst, clear = [], []
    for family, rows in columns.items():
        affine, *others = (row for row in rows if row["model"] == "st_fcn")
        if all(affine["mean"] > row["mean"] for row in others):
            worst.append(family)
        clear += [compare.verdict(affine, row) != "unclear" for row in others]
    print(f"after {epochs} epochs affine is worst on {', '.join(worst)};"
          f" {sum(clear)} of {len(clear)} differences are clear")

# %% [markdown]
# After 20 epochs the pattern is gone from all columns but one, and no difference is clear at either length. We noticed the
# pattern in the results and only then asked about it. Such a pattern needs new runs, with other seeds, before it
# counts.
#
# :::{solution-end}
# :::
#
# :::{exercise} Run a cell yourself
# :label: ex-13-run
#
# Every record holds the command that made it. Which cell of the paper's tables took the least processor time? Print
# its command, and run it in a terminal.
# :::
#
# :::{solution-start} ex-13-run
# :class: dropdown
# :::

# %%
records = files.read_results()
cheapest = min((record for record in records if record["experiment"] == "paper"),
               key=lambda record: record["cpu_seconds"])
print(f"{cheapest['cpu_seconds']:.0f} processor seconds")
print(cheapest["command"].replace(" --distortion", " \\\n    --distortion"))

# %% [markdown]
# In a checkout of this book, `make experiments` works down the whole list. You can stop it and start it again at any
# time. `python -m stnlib.experiments table` prints what is there.
#
# :::{solution-end}
# :::
