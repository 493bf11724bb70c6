"""The cells for readers: tables in Markdown, errors beside the published ones, learning curves.

Everywhere `rows` are those of `stnlib.experiments.table.rows`, and `test_sets` maps a title to the rows of one test
set.
"""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import LogLocator

from stnlib import plotting
from stnlib.experiments import compare, files, table
from stnlib.experiments.catalog import EXPERIMENTS

OURS = {"ls": "", "marker": "o", "ms": 5, "color": plotting.COLORS["input"]}
OTHER_LENGTH = OURS | {"mfc": "white"}  # than the default number of epochs
THEIRS = {"ls": "", "marker": "D", "ms": 8, "mfc": "none", "color": plotting.COLORS["neutral"]}
STYLES = {"affine": "-", "projective": "--", "tps": ":", None: "-"}
CLASSIFIERS = {"fcn": ("dense", "dense", "dense"), "cnn": ("9×9", "7×7", "dense", "dense")}
LOCALIZATIONS = {"st_fcn": ("dense", "dense", "dense"), "st_cnn": ("5×5", "5×5", "dense")}
MARKS = {"above": "▲", "below": "▼", "not distinguishable": "○"}
Rows = list[dict]


def errors_table(rows: Rows, source: str, decimals: int = 1) -> str:
    """Our errors in percent beside those of a source, as the text of a Markdown table.

    >>> rows = table.pick("clutter", "clutter", folder="a folder without results")
    >>> print(errors_table(rows[:1], "Paper"))
    | Error, % | Ours | Seeds | Paper |
    |---|--:|--:|--:|
    | FCN | not run | – | 13.2 |
    """
    lines = []
    for row in rows:
        theirs = "–" if row["published"] is None else f"{row['published']:.{decimals}f}"
        lines.append((table.network(row), table.error(row), row["seeds"] or "–", theirs))
    return plotting.markdown_table(("Error, %", "Ours", "Seeds", source), lines)


def test_sets_table(test_sets: dict[str, Rows]) -> str:
    """One row for each network, one column for each test set: our error, then in italics the published one.

    Returns the text of a Markdown table. An error after another number of epochs than planned has an asterisk, which a
    line below the table explains. Test sets that do not list the same networks in the same order raise a ValueError.

    >>> test_sets = {name: table.pick("paper", name, folder="a folder without results") for name in ("R", "E")}
    >>> print(*test_sets_table(test_sets).splitlines()[:3], sep="\\n")
    | Ours, *published* | R | E |
    |---|--:|--:|
    | FCN | not run, *2.1* | not run, *3.2* |
    """
    return _test_sets_table(test_sets, _ours_and_theirs)


def verdicts_table(test_sets: dict[str, Rows]) -> str:
    """The table of `test_sets_table` with marks for what `compare.against_published` says: ▲ above, ▼ below, ○ neither.

    >>> test_sets = {name: table.pick("protocol", name, folder="a folder without results") for name in ("R", "E")}
    >>> print(*verdicts_table(test_sets).splitlines()[2:], sep="\\n")
    | FCN | not run, *2.1* | not run, *3.2* |
    | ST-FCN | not run, *1.2* | not run, *2.7* |
    """

    def marked(row: dict) -> str:
        mark = MARKS[compare.against_published(row)[0]] if _both(row) else ""
        return f"{_ours_and_theirs(row)} {mark}".rstrip()

    return _test_sets_table(test_sets, marked)


def protocol_text(folder: Path | str | None = None) -> str:
    """What came of training as the paper did: a table of the runs that there are, and what they show, in Markdown.

    Beside each error stands that of the same network in `paper`, after its longest training there.

    >>> protocol_text(folder="a folder without results")
    'None of its 8 cells has been run yet.'
    """
    names = EXPERIMENTS["protocol"].distortions
    cells = [row for name in names for row in table.pick("protocol", name, folder=folder)]
    ran = [row for row in cells if _both(row)]
    if not ran:
        return f"None of its {len(cells)} cells has been run yet."
    lines = [
        (
            row["distortion"].replace("_", " "),
            table.network(row),
            table.error(row) + f" {MARKS[compare.against_published(row)[0]]}",
            f"*{row['published']:.1f}*",
            _with_adam(row, folder),
        )
        for row in ran
    ]
    head = ("Test set", "Network", "As the paper trained", "Paper", "Our longest with Adam")
    listed = plotting.markdown_table(head, lines, words=2)
    rest = [_named(row) for row in cells if row not in ran]
    missing = [f"We did not run {_joined(rest)}."] if rest else []
    return listed + "\n\n" + " ".join([*_beside_the_papers(ran), *_beside_each_other(ran), *missing])


def _with_adam(row: dict, folder: Path | str | None) -> str:
    """The error of a row's network in the longest run of `paper`, or of `stretch` for its P, and its epochs."""
    other = "stretch" if row["distortion"] == "P_stretch" else "paper"
    cells = table.pick(other, row["distortion"], folder=folder)
    like = next(r for r in cells if (r["model"], r["transform"]) == (row["model"], row["transform"]))
    return "–" if like["mean"] is None else f"{like['mean']:.2f} ({like['epochs']} epochs)"


def _named(row: dict) -> str:
    """A row's network and test set, as in a sentence."""
    return f"the {table.network(row)} on {row['distortion'].replace('_', ' ')}"


def _beside_the_papers(ran: Rows) -> list[str]:
    """Sentences on which errors are clearly above and below the paper's, and which can't be told apart from them."""
    found: dict[str, list] = {outcome: [] for outcome in ("higher", "lower", "unclear")}
    for row in ran:
        found[compare.verdict(row, compare.as_published(row))].append(_named(row))
    ends = {"higher": "clearly above", "lower": "clearly below", "unclear": "not distinguishable from"}
    if len(ran) > 1 and (same := [end for outcome, end in ends.items() if len(found[outcome]) == len(ran)]):
        return [f"All are {same[0]} the paper's."]
    parts = [f"{end} the paper's for {_joined(found[outcome])}" for outcome, end in ends.items() if found[outcome]]
    return [f"The error is {_joined(parts)}."]


def _beside_each_other(ran: Rows) -> list[str]:
    """Sentences that compare each network that has a transformer with its rival without one, where both were run."""
    words = {"lower": "clearly lower than", "higher": "clearly higher than", "unclear": "not clearly different from"}
    found: dict[str, list] = {outcome: [] for outcome in words}
    for row in ran:
        if rival := compare.without(row, ran):
            found[compare.verdict(row, rival)].append(row["distortion"].replace("_", " "))
    return [
        f"On {_joined(found[outcome])} the error with a transformer is {word} the one without."
        for outcome, word in words.items()
        if found[outcome]
    ]


def _joined(parts: Sequence[str]) -> str:
    """Names as in a sentence: "a, b and c"."""
    return " and ".join(part for part in (", ".join(parts[:-1]), parts[-1]) if part)


def visible_table(test_sets: dict[str, Rows]) -> str:
    """The smallest difference from the published error, in points, that each cell of `verdicts_table` could have shown.

    >>> test_sets = {name: table.pick("protocol", name, folder="a folder without results") for name in ("R", "E")}
    >>> print(*visible_table(test_sets).splitlines()[2:], sep="\\n")
    | FCN | – | – |
    | ST-FCN | – | – |
    """
    lines = [
        (table.network(cells[0]), *(f"{compare.against_published(row)[1]:.2f}" if _both(row) else "–" for row in cells))
        for cells in zip(*test_sets.values(), strict=True)
    ]
    return plotting.markdown_table(("Points", *test_sets), lines)


def _both(row: dict) -> bool:
    """Whether there is an error of ours and a published one."""
    return row["mean"] is not None and row["published"] is not None


def _ours_and_theirs(row: dict) -> str:
    """A row's error, with an asterisk after another number of epochs than planned, and the published one in italics."""
    star = "\\*" if row.get("other_budget") else ""
    theirs = "–" if row["published"] is None else f"*{row['published']:.1f}*"
    return f"{table.error(row | {'other_budget': False})}{star}, {theirs}"


def _test_sets_table(test_sets: dict[str, Rows], cell: Callable[[dict], str]) -> str:
    """The table of `test_sets_table`, with other text in its cells."""
    networks = [[table.network(row) for row in rows] for rows in test_sets.values()]
    if any(listed != networks[0] for listed in networks):
        raise ValueError(f"test_sets: expected the same networks in each, in the same order, got {networks}")
    lines, others = [], set()
    for cells in zip(*test_sets.values(), strict=True):
        others |= {row["epochs"] for row in cells if row.get("other_budget")}
        lines.append((table.network(cells[0]), *map(cell, cells)))
    note = f"\n\n\\* after {' or '.join(map(str, sorted(others)))} epochs" if others else ""
    return plotting.markdown_table(("Ours, *published*", *test_sets), lines) + note


def layers_table(distortions: Sequence[str], epochs: int, folder: Path | str | None = None) -> str:
    """The layers of the paper's networks and their widths, affine where they have a transformer, as recorded.

    Returns the text of a Markdown table: for each distortion and network the runs of this length with seed 0.

    >>> print(layers_table(["R"], 20, folder="a folder without results").splitlines()[0])
    | Test set | Network | Localization | Classifier | Parameters |
    """
    lines = []
    for record in files.read_results(folder):
        name, model = record["distortion"], record["model"]
        asked = record["experiment"] == "paper" and name in distortions and record["transform"] in (None, "affine")
        if asked and (record["epochs"], record["seed"], record["train_size"]) == (epochs, 0, None):
            first, then = LOCALIZATIONS.get(model, ()), CLASSIFIERS[model.removeprefix("st_")]
            layers = [f"{kind} {width}" for kind, width in zip((*first, *then), record["widths"], strict=True)]
            cells = ", ".join(layers[: len(first)]) or "–", ", ".join(layers[len(first) :])
            lines.append((name, table.network(record).removesuffix(", affine"), *cells, f"{record['parameters']:,}"))
    order = [model.label for model in EXPERIMENTS["paper"].models]
    lines.sort(key=lambda line: (list(distortions).index(line[0]), order.index(line[1])))
    return plotting.markdown_table(("Test set", "Network", "Localization", "Classifier", "Parameters"), lines, words=4)


def recipes_table(task: str, folder: Path | str | None = None) -> str:
    """What each recipe gave on a task: the share of right answers, and what its transformers do.

    Returns the text of a Markdown table: means over the seeds; of the states, how many transformers are in each.
    A column in which no recipe has anything, such as the characters of single digits, is left out.

    :Convention: the settings are the last features of the localization network, the padding, and the learning rate of
        the transformer (or its head) as a multiple of the classifier's; epochs on poses stand before those on labels.

    >>> print(recipes_table("plates", folder="a folder without results").splitlines()[0])
    | Recipe | Settings | State | Epochs | Seeds | Images right, % | Characters right, % | Pose corrected, % |
    """
    records = [r for r in files.read_results(folder) if (r["experiment"], r["distortion"]) == ("recipes", task)]
    lines = []
    for cell in EXPERIMENTS["recipes"].cells():
        found = [r for r in records if table.key(r) == cell and r["train_size"] is None]
        for epochs in sorted({r["epochs"] for r in found}):
            lines.append(_recipe_line([r for r in found if r["epochs"] == epochs]))
    texts = "Recipe", "Settings", "State"
    head = (*texts, "Epochs", "Seeds", "Images right, %", "Characters right, %", "Pose corrected, %")
    columns = [column for column in zip(head, *lines, strict=True) if not lines or set(column[1:]) != {"–"}]
    head, *lines = zip(*columns, strict=True)
    return plotting.markdown_table(head, lines, words=sum(name in texts for name in head))


def planned_recipes(task: str, transform: str = "affine", folder: Path | str | None = None) -> Rows:
    """The records of a task's plain networks and of those with a transform, on all images after the planned epochs.

    >>> planned_recipes("plates", folder="a folder without results")
    []
    """
    plan = EXPERIMENTS["recipes"]
    records = [r for r in files.read_results(folder) if (r["experiment"], r["distortion"]) == ("recipes", task)]
    chosen = [r for r in records if r["train_size"] is None and r["transform"] in (None, transform)]
    return [r for r in chosen if r["epochs"] == plan.planned_epochs(r["model"])]


def tasks_table(labels: dict[str, str], titles: dict[str, str], folder: Path | str | None = None) -> str:
    """How recipes do on several tasks, with affine transformers and after the planned epochs.

    Returns the text of a Markdown table: in each cell the share of images right, in percent, and in brackets those of
    the worst and the best seed, if there are several. Recipes that were run on none of the tasks are left out.

    :param labels: what each recipe is called, in order.
    :param titles: the title of each task's column.

    >>> print(tasks_table({"pose": "poses first"}, {"RTS": "Rotated"}, folder="a folder without results"))
    | Recipe | Rotated |
    |---|--:|
    """
    found = [planned_recipes(task, folder=folder) for task in titles]

    def cell(records: Rows) -> str:
        if not records:
            return "–"
        right = [100 * (1 - r["error"]["distorted"]) for r in records]
        return f"{np.mean(right):.1f} ({f'{min(right):.1f} to {max(right):.1f}' if len(right) > 1 else 'one seed'})"

    cells = {label: [[r for r in task if r["model"] == name] for task in found] for name, label in labels.items()}
    lines = [(label, *map(cell, tasks)) for label, tasks in cells.items() if any(tasks)]
    return plotting.markdown_table(("Recipe", *titles.values()), lines)


def states(records: Iterable[dict]) -> str:
    """How many of the transformers of some records are in each state; empty where there are none.

    >>> states([{"found": {"state": "asleep"}}, {"found": {"state": "working"}}, {"found": {"state": "asleep"}}])
    'asleep × 2, working × 1'
    """
    counts = collections.Counter(r["found"]["state"] for r in records if "found" in r)
    return ", ".join(f"{name} × {count}" for name, count in counts.items())


def _recipe_line(records: Rows) -> tuple:
    """The cells of a recipe's line, from its records of one length."""
    first, mean = records[0], lambda values: f"{100 * np.mean(values):.1f}" if values else "–"
    model = EXPERIMENTS["recipes"].model(first["model"])
    label, recipe = model.label, model.recipe
    rate = f"× {recipe.slow:g}" if recipe.slowed == "transformer" else f"{recipe.slowed} × {recipe.slow:g}"
    return (
        label if first["transform"] in (None, "affine") else f"{label}, {first['transform']}",
        f"{recipe.features}, {recipe.padding_mode}, {rate}" if recipe.transformer else "–",
        states(records) or "–",
        " + ".join(str(count) for count in (recipe.pose_epochs, first["epochs"]) if count),
        len(records),
        mean([1 - r["error"]["distorted"] for r in records]),
        mean([1 - r["error"]["characters"] for r in records if "characters" in r["error"]]),
        mean([r["found"]["corrected"] for r in records if r.get("found", {}).get("corrected") is not None]),
    )


def panels(
    test_sets: dict[str, Rows], width: float = 6, height: float = 3.5, columns: int = 2
) -> tuple[plt.Figure, list]:
    """Make a figure with a panel for each test set of which something was measured; names the others in print.

    `width` is that of the figure, `height` that of a panel, in inches. Returns the figure and a list of (ax, rows,
    title).
    """
    done = {title: rows for title, rows in test_sets.items() if any(row["seeds"] for row in rows)}
    if missing := [title for title in test_sets if title not in done]:
        print("not run:", ", ".join(missing))
    lines, columns = max(1, -(-len(done) // columns)), min(columns, max(1, len(done)))
    figure = plt.figure(figsize=(width, height * lines), layout="constrained")
    axes = {title: figure.add_subplot(lines, columns, i + 1) for i, title in enumerate(done)}
    if not done:
        plt.close(figure)
    return figure, [(axes[title], done[title], title) for title in done]


def draw_errors(ax: plt.Axes, rows: Rows, title: str) -> None:
    """A line for each network: a dot at our error (bar: spread over seeds), a hollow diamond at the published one.

    A hollow dot had another number of epochs than the default.
    """
    known = [row[key] for row in rows for key in ("mean", "published") if row[key] is not None]
    for height, row in enumerate(rows):
        if row["published"] is not None:
            ax.plot(row["published"], height, **THEIRS)
        if row["mean"] is not None:
            look = OTHER_LENGTH if row["other_budget"] else OURS
            ax.errorbar(row["mean"], height, xerr=row["spread"], capsize=6, **look)
        else:
            place = row["published"] or min(known), height
            ax.annotate("not run", place, (7, 0), textcoords="offset points", va="center")
    ax.set(title=title, yticks=range(len(rows)), ylim=(len(rows) - 0.5, -0.5))
    log_errors(ax, ticks=(1, 2, 5), axis="x")
    ax.set_xlim(0.75 * min(known), 1.8 * max(known))
    ax.set_yticklabels([table.network(row) for row in rows])
    ax.grid(axis="x", color="#dddddd")


def errors_figure(test_sets: dict[str, Rows], width: float = 5.4, height: float = 2.5) -> plt.Figure:
    """Draw the errors of some test sets (`draw_errors`), one panel below the other; returns the figure."""
    figure, parts = panels(test_sets, width, height, columns=1)
    for part in parts:
        draw_errors(*part)
    for ax, *_ in parts[-1:]:
        ax.set_xlabel("test error (%)")
    looks = {"ours": OURS, "published": THEIRS}
    if any(row["seeds"] and row["other_budget"] for _, rows, _ in parts for row in rows):
        looks = {"ours": OURS, "ours, other length": OTHER_LENGTH, "published": THEIRS}
    handles = [plt.Line2D([], [], **look) for look in looks.values()]
    figure.legend(handles, looks, loc="outside lower center", ncols=3)
    return figure


def draw_curves(ax: plt.Axes, rows: Rows, title: str) -> None:
    """Test error against the epoch, a line for each network: mean over the seeds, in a band from best to worst.

    The first three epochs of long runs may lie above the figure, so that the last ones can be told apart.
    """
    settled = []
    for row in (row for row in rows if row["mean"] is not None):
        curves, model = np.array(row["error_per_epoch"]), EXPERIMENTS[row["experiment"]].model(row["model"])
        epochs = np.arange(1, curves.shape[1] + 1)
        look = {"color": plotting.COLORS[model.color], "ls": STYLES[row["transform"]]}
        marks = {"marker": model.marker, "markevery": max(1, len(epochs) // 8), "ms": 5}
        if row["transform"] in ("projective", "tps"):
            marks["mfc"] = "white"
        ax.plot(epochs, curves.mean(0), label=table.network(row), **marks, **look)
        ax.fill_between(epochs, curves.min(0), curves.max(0), color=look["color"], alpha=0.2, lw=0)
        settled.append(curves[:, 3:] if len(epochs) > 10 else curves)
    ax.set(title=title, xlabel="epoch")
    log_errors(ax, ticks=(1, 1.5, 2, 3, 5, 7))
    ax.set_ylim(top=1.2 * max(part.max() for part in settled))
    ax.xaxis.get_major_locator().set_params(integer=True)


def curves_figure(test_sets: dict[str, Rows]) -> plt.Figure:
    """Draw the learning curves of some test sets (`draw_curves`), two panels side by side; returns the figure."""
    figure, parts = panels(test_sets)
    for part in parts:
        draw_curves(*part)
    return finish_figure(figure)


def log_errors(ax: plt.Axes, ticks: tuple[float, ...], axis: str = "y") -> None:
    """Make the axis of errors, "x" or "y", logarithmic, with numbers at these multiples of each power of ten."""
    ax.set(**{f"{axis}scale": "log"})
    getattr(ax, f"{axis}axis").set(major_locator=LogLocator(subs=ticks), major_formatter="{x:g}", minor_formatter="")


def finish_figure(figure: plt.Figure) -> plt.Figure:
    """Give the panels of a figure one label for the errors and one legend for all; returns the figure."""
    found = {}
    for ax in figure.axes:
        handles, labels = ax.get_legend_handles_labels()
        found |= dict(zip(labels, handles, strict=True))
    figure.supylabel("test error (%)")
    figure.legend(found.values(), found, loc="outside lower center", ncols=3, handlelength=3)
    return figure
