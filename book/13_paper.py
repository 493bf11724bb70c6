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
# MNIST. The numbers come from recorded runs; each record holds the command that repeats it. We quote the paper's
# figures from a summary and could not check them against the original; ~ marks those that a reader remembered.
#
# To read {numref}`fig-13-relative`: the **FCN** is a dense network, the **CNN** a convolutional one. *STN+* (article)
# or *ST-* (paper) before a name means: with a transformer. The paper's digits are rotated (**R**), rotated, scaled and
# translated (**RTS**), seen in perspective (**P**) or elastically distorted (**E**); in *clutter* they lie among pieces
# of others, and in the *addition* two have to be summed. A difference is **clear** when other seeds or other test
# images would hardly undo it, otherwise *unclear* ({doc}`how_to_compare` has the rule).

# %% tags=["hide-input"]
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Markdown

from stnlib import datasets, distortions, plotting
from stnlib.experiments import compare, data, files, published, report, runs, table
from stnlib.experiments.catalog import EXPERIMENTS

plotting.use_style()
WITH = ("stn_fcn", "st_fcn", "st_cnn", "st2_fcn")
NAMES = {"article": "distorted (article)", "article_clutter": "clutter (article)"}
# (test set, network, transformation): {epochs: (with a transformer, without)}
pairs = {(name[1], *name[3:]): by_epochs for name, by_epochs in compare.with_published(compare.comparisons()).items()}

# %% tags=["hide-input"] mystnb={"figure": {"caption": "A transformer lowers the error in every comparison, here as in print. The size varies. Each row: the error with an affine transformer, divided by the error of the same network without one. Dots: our runs, the longest that both networks had (in brackets: epochs); a dot inside its grey bar is too close to 1 to be clear. Diamonds: published.", "name": "fig-13-relative"}, "image": {"alt": "Fourteen rows, each with a dot for our relative error, a diamond for the published one and a grey bar that ends at 1. All marks lie left of 1. Most dots lie left of their bars; those of the ST-FCN on R and E and of the ST-CNN on R and E lie inside. Dots and diamonds lie close together for RTS and clutter before an FCN and far apart before a CNN."}}
shown = {name: by_epochs[max(by_epochs)] for name, by_epochs in pairs.items() if name[2] == "affine"}
order = sorted(shown, key=lambda name: (name[1] == "st_cnn", WITH.index(name[1])))
figure, ax = plt.subplots(figsize=(6, 5.2), layout="constrained")
labels, inside = [], {}
for height, name in enumerate(order):
    row, rival = shown[name]
    ours, theirs = (row[whose] / rival[whose] for whose in ("mean", "published"))
    limit = compare.clear_from(row, rival) / rival["mean"]
    bar = ax.barh(height, -limit, 0.6, left=1, color="#cccccc")
    ax.plot(ours, height, **report.OURS)
    ax.plot(theirs, height, **report.THEIRS)
    inside[name] = ours > 1 - limit
    from_memory = " ~" * (row["second_hand"] or rival["second_hand"])
    labels.append(f"{NAMES.get(name[0], name[0])}: {table.network(row).removesuffix(', affine')} ({row['epochs']}){from_memory}")
ax.axvline(1, color=plotting.COLORS["neutral"], ls=":", lw=1)
ax.set(xlim=(0, 1.05), ylim=(len(order) - 0.5, -0.5), xlabel="error with a transformer / error without")
ax.xaxis.set(ticks_position="top", label_position="top")
ax.set(yticks=range(len(order)), yticklabels=labels)
handles = [*(plt.Line2D([], [], **look) for look in (report.OURS, report.THEIRS)), bar]
figure.legend(handles, ["ours", "published", "here, ours is unclear"], loc="outside upper center", ncols=3)
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
described, with_adam = table.pick("protocol", "R")[0], families["R"][0]
steps = {epochs: epochs * runs.select("paper")[0].steps(60_000) / 150_000 for epochs in (20, 80)}

Markdown(f"""
- **What holds.** A transformer lowers the error in all {len(longest)} comparisons with a published counterpart (the
  figure has the {len(shown)} affine ones), clearly in {lower}; the others are on {' and '.join(sorted(unclear))}. On the addition task, a second affine transformer cuts the error by
  {1 - second[0]:.0%}; in the paper by ~{1 - second[1]:.0%}.
- **What doesn't hold.** The errors themselves. Of our {sum(map(len, against.values()))} networks on R, RTS, P and E,
  {counts['higher']} are clearly worse than published and {counts['lower']} clearly better, all of the better ones on E. On R none can be told
  apart, but trained as the paper describes, they are clearly worse there, too (FCN: {described['mean']:.2f}%, with Adam
  {with_adam['mean']:.2f}%, paper {described['published']}%).
- **What we can't tell.** Whether longer training would close the gaps: ours had {steps[20]:.0%} or {steps[80]:.0%} of
  the paper's steps; a few longer runs on R, RTS and P stay clearly above its errors. And which transformation is best: of {len(kinds)} differences between affine and projective or `tps`
  after equal training, none is clear.
""")

# %% tags=["claim"]
assert all(row["mean"] < rival["mean"] for by in pairs.values() for row, rival in by.values())
assert all(row["published"] < rival["published"] for row, rival in longest)
assert unclear == {"R", "E"} and set(kinds) == {"unclear"}
assert set(against["R"]) == {"unclear"} and (described["model"], with_adam["model"]) == ("fcn", "fcn")
assert all(compare.verdict(row, compare.as_published(row)) == "higher" for row in table.pick("protocol", "R") if row["seeds"])
assert all(set(found) <= {"unclear", "higher"} for family, found in against.items() if family != "E")
assert abs(second[0] - second[1]) < 0.05
assert all(within == (compare.verdict(*shown[name]) == "unclear") for name, within in inside.items())
assert sorted(name[:2] for name, within in inside.items() if within) == [
    (family, model) for family in ("E", "R") for model in ("st_cnn", "st_fcn")]

# %% [markdown]
# After this chapter you can
#
# - say which of the paper's results came out again, and which didn't;
# - say what has to be equal before you compare two networks;
# - read the tables: the article's networks, the paper's distortions, clutter and addition;
# - explain how one sentence about a test set can be read in two ways, and what that does to the numbers.
#
# ## The test images
#
# {numref}`fig-13-tests` shows the same digits under each of the eight kinds. For R, RTS and clutter a rotation, a zoom
# and a shift bring the digit back; the article's digits need a shear as well. No affine transformation undoes P or E.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "The eight kinds of test image: the same eight digits under each. Article: scale, shift, rotation, shear, or all of them. R: rotation by up to 90°. RTS: rotation by up to 45°, scale, any place. P: four corners moved; what leaves the frame is lost. E: sixteen control points moved. The addition takes two rows: its second channel holds another digit, to be added.", "name": "fig-13-tests"}, "image": {"alt": "Nine rows of eight handwritten digits on black. Distorted: rotated, shrunk, sheared or shifted. Clutter of the article: a digit among a few pieces of strokes. RTS: small digits, rotated, anywhere. R: rotated by up to a quarter turn. P: skewed as if seen from the side. E: digits with wavy strokes. Clutter: a small digit among pieces of strokes. Addition, two rows: pairs of digits."}}
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
# A transformer adds weights and computing time. To know that the *transformer* lowers the error, hold everything else
# fixed:
#
# - **Data**: the same training digits and recipe of distortions, one fixed test set.
# - **Steps**: the same number, with the same batches and learning-rate schedule.
# - **Size**: 400,000 parameters for each of the paper's networks, within a tenth. The article's have two controls,
#   below.
# - **Seeds**: three for the article's networks, one for most of the paper's. There, ignore a few tenths of a point.

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
# Where the article gives an error, ours is close to it, and the ranking is the same. STN+CNN has the lowest error.
# Neither more parameters nor more training explains it: a CNN with as many parameters (*wide*) and one trained for more
# epochs, meant to take as much time (*long*), both have a clearly higher error. All were trained on undistorted and distorted digits together
# (*mixed*), except *FCN clean*, which saw undistorted ones only.

# %% tags=["hide-input"]
rows = table.pick("article", "article")
by_name = table.by_model(rows)
head = ("Network", "Parameters", "Epochs", "Our error, %", "Article's")
lines = [(table.network(row), f"{row['parameters']:,}", row["epochs"], table.error(row),
          "–" if row["published"] is None else f"{row['published']:.2f}") for row in rows]
Markdown("**Distorted digits, mean ± standard deviation over three seeds**\n\n" + plotting.markdown_table(head, lines))

# %% tags=["claim"]
printed = [r for r in by_name.values() if r["published"] is not None]
assert all(row["seeds"] == 3 for row in rows)
assert all(printed == sorted(printed, key=lambda r: -r[whose]) for whose in ("mean", "published"))
assert all(abs(r["mean"] - r["published"]) < 1.25 for r in printed)
assert all(compare.verdict(by_name["stn_cnn"], by_name[m]) == "lower" for m in ("cnn_wide", "cnn_long"))
assert by_name["cnn"]["mean"] < 1.15 * by_name["stn_fcn"]["mean"]

# %% [markdown]
# A CNN *without* a transformer comes within about a point of STN+FCN, with less than a third of its parameters. If your
# classifier is dense, try a convolutional one before you add a transformer.

# %% tags=["hide-input"]
others = {"Upright digits": ("article", "original"), "The article's clutter": ("article_clutter", "distorted")}
Markdown(fold.format("STN+FCN against the plain CNN: upright digits and the article's clutter", "\n\n".join(
    ["On upright digits STN+FCN has a lower error than the FCN, but a higher one than the plain CNN; between STN+CNN and CNN "
     "the difference is unclear. In the article's clutter, whose amount we had to choose, STN+FCN and CNN are level "
     "(chapter 7 looks at those images).",
     *(f"**{title}**\n\n" + report.errors_table(table.pick("article", *which), "Article", decimals=2)
       for title, which in others.items())])))

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
# After 20 epochs, a transformer lowers the error of the FCN and that of the CNN on all four: clearly in six of these
# eight pairs, while for the CNN on R and E the difference is unclear. ({numref}`fig-13-relative` has longer runs of the
# dense networks; on R and E the FCN has then caught up so far that its difference is unclear, too.)

# %% tags=["hide-input"]
short = {family: [row | {"other_budget": False} for row in table.pick("paper", family, epochs=20)]
         for family in families}


def four(columns, cell):
    """A table of the FCN and the CNN, each without and with an affine transformer."""
    named = {table.network(rows[0]): rows for rows in zip(*columns.values(), strict=True)}
    chosen = ("FCN", "ST-FCN, affine", "CNN", "ST-CNN, affine")
    return plotting.markdown_table(("", *columns), [(name, *map(cell, named[name])) for name in chosen])


lines = [(table.network(rows[0]), *map(table.error, rows))
         for rows in zip(*short.values(), strict=True)]
Markdown("**Our error in % after 20 epochs**\n\n" + four(short, lambda row: f"{row['mean']:.2f}") + "\n\n" + fold.format(
    "Details: all eight networks",
    plotting.markdown_table(("", *short), lines)
    + "\n\nOne seed, or mean ± spread of three. The FCN has the highest error everywhere, an ST-CNN the lowest. Between them, "
    "the CNN is clearly ahead of all ST-FCNs on E and of affine on R, and clearly behind affine and tps on RTS."))

# %% tags=["claim"]
for of_rows in short.values():
    fcn_error, cnn_error, *by_st = (r["mean"] for r in of_rows)
    dense_st, convolved_st = by_st[:3], by_st[3:]
    assert fcn_error == max(r["mean"] for r in of_rows)
    assert min(*dense_st, cnn_error) > max(convolved_st)
gains = {(family, rows[st]["model"]): compare.verdict(rows[st], rows[plain]) for family, rows in short.items()
         for plain, st in ((0, 2), (1, 5))}
assert {pair for pair, outcome in gains.items() if outcome != "lower"} == {("R", "st_cnn"), ("E", "st_cnn")}
assert set(gains.values()) == {"lower", "unclear"} and len(gains) == 8
beside = {family: [compare.verdict(rows[1], row) for row in rows[2:5]] for family, rows in short.items()}
assert set(beside["E"]) == {"lower"} and set(beside["P"]) == {"unclear"} and beside["R"] == ["lower", "unclear", "unclear"]
assert {(family, row["model"], row["transform"]) for family, rows in short.items() for row in rows if row["seeds"] == 3} == {
    (family, *network) for family in ("R", "RTS") for network in (("fcn", None), ("st_fcn", "affine"))}
assert short["RTS"][3]["mean"] < short["RTS"][2]["mean"] and short["RTS"][3]["seeds"] == 1
assert beside["RTS"] == ["higher", "unclear", "higher"] and all(row["mean"] < short["RTS"][1]["mean"] for row in short["RTS"][2:5])

# %% [markdown]
# Twenty epochs are 3% of the paper's steps. So where an ST-CNN beats the CNN here, it may simply be learning faster. In
# the paper, after all steps, the CNN and the affine ST-FCN are level on R, RTS and P.

# %% tags=["hide-input"]
longer = [row["mean"] / early["mean"] for family, rows in families.items() for row, early in zip(rows, short[family])
          if row["epochs"] > early["epochs"]]
Markdown(f"We trained the FCN, every ST-FCN and two of the ST-CNNs for 80 epochs as well. Their errors fell to "
         f"between {min(longer):.0%} and {max(longer):.0%} of the values after 20.")

# %% [markdown]
# Do our errors match the paper's, means of three seeds? On R they can't be told apart, on E all are clearly lower, on P
# all clearly higher, on RTS four of eight. Here the dense networks had 80 epochs, the CNNs 20 (the ST-CNN 80 on RTS).

# %% tags=["hide-input"]
def beside_papers(row):
    """Our error, the paper's, and a mark for their difference."""
    return f"{row['mean']:.1f} ({row['published']:.1f}) {report.MARKS[compare.against_published(row)[0]]}"


Markdown("**Our error in % (the paper's): ▲ clearly above, ▼ clearly below, ○ not distinguishable**\n\n"
         + four(families, beside_papers) + "\n\n"
         + fold.format("Details: all eight networks; the smallest visible differences, in points",
                       report.verdicts_table(families) + "\n\n" + report.visible_table(families)))

# %% tags=["claim"]
assert [[row["epochs"] for row in rows] for rows in (families["R"], families["RTS"])] == [
    [80, 20, 80, 80, 80, 20, 20, 20], [80, 20, 80, 80, 80, 80, 20, 80]]
assert against["R"].count("unclear") == 8 and against["E"].count("lower") == 8
assert against["P"].count("higher") == 8 and against["RTS"].count("higher") == 4
at_or_below = [r for rs in families.values() for r in rs if r["mean"] <= r["published"]]
with_st = [r for r in at_or_below if r["transform"]]
assert (len(at_or_below), len(with_st), sum(r["distortion"] == "E" for r in with_st)) == (10, 7, 6)
assert min(longer) > 0.5 and max(longer) < 0.8 and len(longer) == 18
visible = [compare.clear_from(row, compare.as_published(row)) for row in families["R"]]
assert min(visible) > 0.3 and max(visible) < 0.55

# %% [markdown]
# That doesn't prove that they agree on R: these runs can't show a difference of less than 0.3 to 0.5 points. Short
# training can't explain E, where ours are lower. The test images may differ, too, and for P we can check.

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
# one all are below. In our summary, each corner of the image is stretched by an amount
# drawn from a normal distribution with a standard deviation of 5 pixels. We took that as *two* amounts for each corner,
# one sideways and one up or down: **P**. It may as well be *one*, along the corner's diagonal: **P stretch**.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "The same words describe the second and the third row. P also shifts digits, some partly out of the frame; P stretch leaves the centre where it was.", "name": "fig-13-readings"}, "image": {"alt": "Three rows of six handwritten digits on black. First as they were written. Then P: strongly skewed, some cut off at an edge. Then P stretch: the same digits, distorted more mildly and centred."}}
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
# The paper's errors lie between the two, so they don't tell which reading its authors had in mind. The other tables
# keep P, which we had chosen before we knew the errors. When you describe an experiment, give the formula.
#
# ## Clutter and addition
#
# In clutter, one transformer lowers the FCN's error to a seventh. On the addition task each digit needs its own
# transformation, and two transformers do far better than one ({doc}`chapter 9 <09_two_transformers>` shows why).

# %% tags=["hide-input"]
lines = []
for name in ("clutter", "addition"):
    for row in table.pick(name, name):
        theirs = f"{'~' if row['second_hand'] else ''}{row['published']:.1f}"
        lines.append((name, table.network(row), row["epochs"], f"{row['mean']:.2f}", theirs))
head = "Test set", "Network", "Epochs", "Our error, %", "Paper's"
(one_kind, one), (two_kind, two) = published.ADDITION_BEST.values()
Markdown(plotting.markdown_table(head, lines, words=2)
         + f"\n\nAll transformers are affine, in both columns. "
         f"The paper's best on addition: {one}% with one ({one_kind}), {two}% with two ({two_kind}).")

# %% tags=["claim"]
both_tests = {name_of: table.by_model(table.pick(name_of, name_of)) for name_of in ("clutter", "addition")}
assert 6 < both_tests["clutter"]["fcn"]["mean"] / both_tests["clutter"]["st_fcn"]["mean"] < 8
assert both_tests["addition"]["st2_fcn"]["mean"] < 0.5 * both_tests["addition"]["st_fcn"]["mean"]
assert {of_test["cnn"]["epochs"] for of_test in both_tests.values()} == {20}

# %% [markdown]
# The CNNs had only 20 epochs: don't compare them with the dense networks, which had 80.

# %% tags=["hide-input"]
curve = table.by_model(table.pick("addition", "addition"))["cnn"]["error_per_epoch"][0]
dense = pairs["addition", "st_fcn", "affine"][20][1]["mean"]
Markdown(f"On the addition task the CNN is far from the paper's {added['cnn']['published']}%. We don't know why. Its error fell from "
         f"{curve[0]:.0f}% to {curve[-6]:.0f}% in {len(curve) - 5} epochs (the FCN, after {len(curve)}: {dense:.0f}%), then hardly moved, "
         "as the learning rate went to 0.")

# %% tags=["claim"]
assert abs(curve[-6] - curve[-1]) < 2 < curve[0] - curve[-6] and curve[-1] < dense

# %% [markdown]
# ## Where we differ from the paper
#
# The paper trains by plain gradient descent (SGD) for 150,000 steps and averages three seeds. We trained with Adam,
# mostly for 3% or 13% of those steps and with one seed, and our CNNs have batch normalization and one more dense layer.
# We did not measure what each of these does.
#
# Further runs train the dense networks, FCN and affine ST-FCN, as the paper did and for as many images. Errors in %,
# with the marks of the table above:

# %% tags=["hide-input"]
Markdown(report.protocol_text())

# %% [markdown]
# Trained as the paper describes, each of these networks ends *worse* than after our 80 epochs with Adam. Our
# description of the training may lack something, or the test images differ; we can't tell which.

# %% tags=["claim"]
protocol = [(whole, with_adam) for test in ("R", "RTS") for whole in table.pick("protocol", test) for with_adam in families[test]
        if whole["mean"] is not None and (whole["model"], whole["transform"]) == (with_adam["model"], with_adam["transform"])]
assert len(protocol) >= 3 and all(with_adam["epochs"] == 80 for _, with_adam in protocol)
assert all(compare.verdict(whole, compare.as_published(whole)) == "higher" == compare.verdict(whole, other) for whole, other in protocol)

# %% [markdown]
# :::{admonition} Details: all differences, and choices that the descriptions leave open
# :class: dropdown
#
# | | Paper | Here |
# |---|---|---|
# | optimizer | SGD, rate 0.01, divided by 10 every 50,000 steps | Adam, rate 0.001, cosine decay to 0 |
# | length | 150,000 steps of 256 images | 20 or 80 epochs (FCN on P also 240) |
# | seeds | mean of three | one, here and there three |
# | normalization | none | batch normalization in the CNN classifiers |
# | CNN | 9×9, 7×7, one dense layer | padding `same` in the 7×7, twice the filters there, one more dense layer |
#
# These choices are ours:
#
# - in RTS the whole scaled square stays inside the canvas;
# - corners of P that no longer form a convex shape are drawn again;
# - the control points of E move on the side where the image is read;
# - where pieces of clutter overlap, the brighter pixel wins;
# - in the addition task the partner comes from the same set;
# - in RTS, clutter and addition, the resolution is halved behind the transformer.
# :::
#
# All of this is about small networks on digits; {doc}`descendants` has the paper's results on photographs.
#
# ## Recap
#
# 1. **What came out again**: a lower error with a transformer in every comparison, clearly so on all but R and E; two
#    beat one on the addition task; the article's ranking. What didn't: the errors themselves.
# 2. **Equal**: data, steps, size, seeds. Where two can't both be matched, add a control network for each.
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
# After 80 epochs, the affine ST-FCN has a higher error than the projective and the `tps` one on all four test sets. Is
# affine the worst of the three? Check the same runs after 20 epochs, and ask of each difference whether it is clear.
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

# %% tags=["claim"]
assert worst == ["RTS", "R", "P"] and not any(clear)

# %% [markdown]
# After 20 epochs the pattern is gone from one of them, and no difference is clear at either length. We noticed the
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
