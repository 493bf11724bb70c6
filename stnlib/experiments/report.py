"""The cells for readers: tables in Markdown, errors beside the published ones, learning curves.

Everywhere `rows` are those of `stnlib.experiments.table.rows`, and `exams` maps a title to the rows of one exam.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import LogLocator

from stnlib import plotting
from stnlib.experiments import table

OURS = {"ls": "", "marker": "o", "ms": 5, "color": plotting.COLORS["input"]}
OTHER_LENGTH = OURS | {"mfc": "white"}  # than the default number of epochs
THEIRS = {"ls": "", "marker": "D", "ms": 8, "mfc": "none", "color": plotting.COLORS["neutral"]}
STYLES = {"affine": "-", "projective": "--", "tps": ":", None: "-"}
SHADES = {"st_fcn": "stn_fcn", "st_cnn": "stn_cnn", "st2_fcn": "stn_cnn", "cnn_wide": "input", "cnn_long": "neutral"}
MARKERS = {
    "fcn_clean": "x",
    "fcn_mixed": "s",
    "fcn": "s",
    "cnn": "^",
    "stn_fcn": "o",
    "st_fcn": "o",
    "stn_cnn": "D",
    "st_cnn": "D",
    "cnn_wide": "v",
    "cnn_long": "P",
    "st2_fcn": "*",
}


def errors_table(rows, source, decimals=1):
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


def exams_table(exams):
    """One row for each network, one column for each exam: our error, then in italics the published one.

    Returns the text of a Markdown table. An error after another number of epochs than planned has an asterisk, which a
    line below the table explains. Exams that do not list the same networks in the same order raise a ValueError.

    >>> exams = {name: table.pick("paper", name, folder="a folder without results") for name in ("R", "E")}
    >>> print(*exams_table(exams).splitlines()[:3], sep="\\n")
    | Ours, *published* | R | E |
    |---|--:|--:|
    | FCN | not run, *2.1* | not run, *3.2* |
    """
    networks = [[table.network(row) for row in rows] for rows in exams.values()]
    if any(listed != networks[0] for listed in networks):
        raise ValueError(f"exams: expected the same networks in each, in the same order, got {networks}")
    lines, others = [], set()
    for cells in zip(*exams.values(), strict=True):
        marks = ["\\*" if row.get("other_budget") else "" for row in cells]
        others |= {row["epochs"] for row in cells if row.get("other_budget")}
        ours = [table.error(row | {"other_budget": False}) for row in cells]
        theirs = ["–" if row["published"] is None else f"*{row['published']:.1f}*" for row in cells]
        lines.append((table.network(cells[0]), *map("{}{}, {}".format, ours, marks, theirs)))
    note = f"\n\n\\* after {' or '.join(map(str, sorted(others)))} epochs, not as many as planned" if others else ""
    return plotting.markdown_table(("Ours, *published*", *exams), lines) + note


def panels(exams, width=6.6, height=3.5, columns=2):
    """Make a figure with a panel for each exam of which something was measured; names the others in print.

    `width` is that of the figure, `height` that of a panel, in inches. Returns the figure and a list of (ax, rows,
    title).
    """
    done = {title: rows for title, rows in exams.items() if any(row["seeds"] for row in rows)}
    if missing := [title for title in exams if title not in done]:
        print("not run:", ", ".join(missing))
    lines, columns = max(1, -(-len(done) // columns)), min(columns, max(1, len(done)))
    figure = plt.figure(figsize=(width, height * lines), layout="constrained")
    axes = {title: figure.add_subplot(lines, columns, i + 1) for i, title in enumerate(done)}
    if not done:
        plt.close(figure)
    return figure, [(axes[title], done[title], title) for title in done]


def draw_errors(ax, rows, title):
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
            ax.annotate("not run", place, (7, 0), textcoords="offset points", va="center", fontsize=9)
    ax.set(title=title, yticks=range(len(rows)), ylim=(len(rows) - 0.5, -0.5))
    log_errors(ax, ticks=(1, 2, 5), axis="x")
    ax.set_xlim(0.75 * min(known), 1.8 * max(known))
    ax.set_yticklabels([table.network(row) for row in rows])
    ax.grid(axis="x", color="#dddddd")


def errors_figure(exams, width=5.4, height=2.5):
    """Draw the errors of some exams (`draw_errors`), one panel below the other; returns the figure."""
    figure, parts = panels(exams, width, height, columns=1)
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


def draw_curves(ax, rows, title):
    """Test error against the epoch, a line for each network: mean over the seeds, in a band from best to worst.

    Of long runs the first three epochs may lie above the picture, so that the last ones can be told apart.
    """
    settled = []
    for row in (row for row in rows if row["mean"] is not None):
        curves, model = np.array(row["error_per_epoch"]), row["model"]
        epochs = np.arange(1, curves.shape[1] + 1)
        look = {"color": plotting.COLORS[SHADES.get(model, model)], "ls": STYLES[row["transform"]]}
        marks = {"marker": MARKERS[model], "markevery": max(1, len(epochs) // 8), "ms": 5}
        if row["transform"] in ("projective", "tps"):
            marks["mfc"] = "white"
        ax.plot(epochs, curves.mean(0), label=table.network(row), **marks, **look)
        ax.fill_between(epochs, curves.min(0), curves.max(0), color=look["color"], alpha=0.2, lw=0)
        settled.append(curves[:, 3:] if len(epochs) > 10 else curves)
    ax.set(title=title, xlabel="epoch")
    log_errors(ax, ticks=(1, 1.5, 2, 3, 5, 7))
    ax.set_ylim(top=1.2 * max(part.max() for part in settled))
    ax.xaxis.get_major_locator().set_params(integer=True)


def curves_figure(exams):
    """Draw the learning curves of some exams (`draw_curves`), two panels side by side; returns the figure."""
    figure, parts = panels(exams)
    for part in parts:
        draw_curves(*part)
    return finish_figure(figure)


def log_errors(ax, ticks, axis="y"):
    """Make the axis of errors, "x" or "y", logarithmic, with numbers at these multiples of each power of ten."""
    ax.set(**{f"{axis}scale": "log"})
    getattr(ax, f"{axis}axis").set(major_locator=LogLocator(subs=ticks), major_formatter="{x:g}", minor_formatter="")


def finish_figure(figure):
    """Give the panels of a figure one label for the errors and one legend for all; returns the figure."""
    found = {}
    for ax in figure.axes:
        handles, labels = ax.get_legend_handles_labels()
        found |= dict(zip(labels, handles, strict=True))
    figure.supylabel("test error (%)")
    figure.legend(found.values(), found, loc="outside lower center", ncols=3, fontsize=9, handlelength=3)
    return figure
