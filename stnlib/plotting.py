"""One style for all figures and tables. Functions draw on an `ax`, or return a figure or the text of a table."""

import io
import re
from collections.abc import Iterable, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection, QuadMesh
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from stnlib import sampling

COLORS = {
    "input": "#0072B2",
    "grid": "#E69F00",
    "output": "#009E73",
    "gradient": "#D55E00",
    "neutral": "#666666",
    "fcn_clean": "#999999",
    "fcn": "#CC79A7",
    "fcn_mixed": "#CC79A7",
    "cnn": "#56B4E9",
    "stn_fcn": "#009E73",
    "stn_cnn": "#D55E00",
}
INK = "#22282e"
MANY = 400  # points and shapes of one artist, from which on they are pixels in an SVG
PAGE = 10  # inches that a row of wide pictures takes at most
STYLE = {
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "savefig.transparent": False,
    "axes.facecolor": "white",
    **dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), INK),
    "grid.color": "#dce2e8",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": plt.cycler(color=[COLORS[k] for k in ("input", "grid", "output", "gradient", "neutral")]),
    "image.cmap": "gray",
    "image.interpolation": "none",  # exact pixels, and in an SVG no more of them than the image has
    "svg.hashsalt": "stnlib",
    "figure.figsize": (6, 3.6),
    "font.size": 11,
    "legend.frameon": False,
    "lines.linewidth": 2,
    "figure.dpi": 100,
}


def use_style() -> None:
    """Set the matplotlib style of this session: opaque white figures, shown as SVG in notebooks.

    >>> use_style()
    """
    plt.rcParams.update(STYLE)
    try:
        from IPython import get_ipython
        from matplotlib_inline.backend_inline import set_matplotlib_formats
    except ImportError:
        return
    if get_ipython() is not None:
        set_matplotlib_formats("svg")
        get_ipython().display_formatter.formatters["image/svg+xml"].for_type(Figure, svg)


def svg(figure: Figure) -> str:
    """Return a figure as SVG text, the same text for the same figure; artists with many points are rasterised.

    >>> svg(plt.figure()).count("<svg")
    1
    """
    for artist in figure.findobj(_has_many):
        artist.set_rasterized(True)
    file = io.StringIO()
    figure.savefig(file, format="svg", bbox_inches="tight", dpi=200, metadata={"Date": None})
    return file.getvalue()


def _has_many(artist):
    """Whether an artist draws so much that it would make an SVG heavy."""
    if isinstance(artist, PathCollection):
        return len(artist.get_offsets()) > MANY
    if isinstance(artist, Line2D):
        return artist.get_marker() not in (None, "None", "", " ") and len(artist.get_xdata()) > MANY
    return isinstance(artist, QuadMesh) and np.size(artist.get_array()) > MANY


def show(ax: Axes, image: Any, title: str | None = None) -> Axes:
    """Draw an image `(H, W)` or `(H, W, C)` in [0, 1], without interpolation or ticks; returns the ax.

    >>> [float(x) for x in show(plt.figure().gca(), np.zeros((3, 3))).get_xlim()]
    [-0.5, 2.5]
    """
    image = np.asarray(image, "float64")
    if image.ndim == 3 and image.shape[-1] == 1:
        image = image[..., 0]
    ax.imshow(np.clip(image, 0, 1), vmin=0, vmax=1)
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    if title is not None:
        ax.set_title(title, fontsize="medium")
    return ax


def strip(
    images: Sequence[Any],
    titles: Sequence[str] | None = None,
    columns: int | None = None,
    size: float | None = None,
    frame: bool = False,
    rows: Sequence[str] | None = None,
) -> Figure:
    """Lay images out in rows of `columns` (None: one row); returns the figure.

    :Shapes: images `(N, H, W)` or `(N, H, W, C)`.
    :param titles: a title above each image.
    :param columns: images in a row.
    :param size: width of an image in inches; None: 0.95 for a square image, more for a wide one, while the row fits.
    :param frame: draw a thin line around each image.
    :param rows: names of the rows, each above its row, instead of titles.
    :Errors: ValueError for no images, for both rows and titles, and for another number of titles or names.

    >>> len(strip(np.zeros((5, 4, 4, 1)), columns=3).axes)
    6
    """
    count = len(images)
    if not count:
        raise ValueError("images: expected at least one, got none")
    if titles is not None and len(titles) != count:
        raise ValueError(f"titles: expected {count}, one for each image, got {len(titles)}")
    columns = columns or count
    lines = -(-count // columns)
    if rows is not None and titles is not None:
        raise ValueError("rows: expected None beside titles, got both")
    if rows is not None and len(rows) != lines:
        raise ValueError(f"rows: expected {lines} names, one for each row, got {len(rows)}")
    proportion = np.shape(images[0])[1] / np.shape(images[0])[0]
    size = max(0.95, min(0.95 * proportion, PAGE / columns)) if size is None else size
    height = size / proportion + (0 if titles is None and rows is None else 0.35)
    figure, axes = plt.subplots(lines, columns, figsize=(columns * size, lines * height), squeeze=False)
    for index, ax in enumerate(axes.flat):
        if index < count:
            show(ax, images[index], None if titles is None else titles[index])
            ax.spines[:].set(visible=frame, color="#999999")
        else:
            ax.axis("off")
    points = max(11, 1.7 * columns * size)  # a wide figure is shrunk to the page, so its names start larger
    lefts = [ax.set_title("name", loc="left", fontsize=points) for ax in axes[: len(rows or []), 0]]
    figure.tight_layout(pad=0.3)
    for left, name in zip(lefts, rows or [], strict=True):  # only now, so that a long name moves no picture
        left.set_text(name)
    return figure


def draw_grid(
    ax: Axes,
    grid: Any,
    size: tuple[int, int],
    align_corners: bool = False,
    every: int = 1,
    points: bool = True,
) -> Axes:
    """Draw a sampling grid `(H_out, W_out, 2)` over an image of `size` (H, W): lines, points, outline.

    :Convention: the grid is normalised, (x, y); draws each `every`-th line; `points=False` leaves out the dots;
        returns the ax.

    >>> grid = np.stack(np.meshgrid([-0.5, 0.5], [-0.5, 0.5]), axis=-1)
    >>> len(draw_grid(plt.figure().gca(), grid, (2, 2)).lines)
    8
    """
    x, y = (
        np.asarray(sampling.to_pixels(np.asarray(grid)[..., axis], size[1 - axis], align_corners)) for axis in (0, 1)
    )
    for a, b in [*_lines(x, y, every), *_lines(x.T, y.T, every)]:
        ax.plot(a, b, color=COLORS["grid"], lw=0.8, marker="." if points else None, ms=3)
    for edge in ((0, slice(None)), (-1, slice(None)), (slice(None), 0), (slice(None), -1)):
        ax.plot(x[edge], y[edge], color=COLORS["grid"], lw=2)
    return ax


def _lines(x, y, every):
    """Every n-th row of a grid."""
    return list(zip(x[::every], y[::every], strict=True))


def curve(ax: Axes, x: Any, y: Any, label: str, color: str) -> Axes:
    """Draw a line with its label and a dot at each value; returns the ax.

    >>> len(curve(plt.figure().gca(), [0, 1], [1, 2], "a", "black").lines)
    1
    """
    ax.plot(x, y, label=label, color=color, marker="o", ms=3)
    return ax


def markdown_table(head: Sequence[Any], rows: Iterable[Sequence[Any]], words: int = 1) -> str:
    """The text of a Markdown table, with the header `head` and one line for each row.

    :Convention: the first `words` columns are left-aligned, the others (numbers) right-aligned. A number keeps its
        minus, a real one, and a × before it.
    :Errors: ValueError for a row with more or fewer cells than the head.

    >>> rows = [("FCN", 3.2), ("ST-FCN", 1.5)]
    >>> print(markdown_table(("network", "error, %"), rows))
    | network | error, % |
    |---|--:|
    | FCN | 3.2 |
    | ST-FCN | 1.5 |
    """
    rows = list(rows)
    for row in rows:
        if len(row) != len(head):
            raise ValueError(f"rows: expected {len(head)} cells in each, as in the head, got {len(row)} in {row!r}")
    lines = [f"| {' | '.join(map(_typeset, row))} |" for row in (head, *rows)]
    rule = "|" + "---|" * words + "--:|" * (len(head) - words)
    return "\n".join([lines[0], rule, *lines[1:]])


def _typeset(cell: Any) -> str:
    """A table's cell with a minus sign for a hyphen before digits, and × on one line with what follows.

    >>> _typeset(-0.5), _typeset("head × 0.1") == "head ×\N{NO-BREAK SPACE}0.1"
    ('−0.5', True)
    """
    text = re.sub(r"^-(?=[\d.])", "\N{MINUS SIGN}", str(cell))
    return text.replace("× ", "×\N{NO-BREAK SPACE}")
