"""The spatial transformer in one picture, drawn from one digit on its way through a trained network.

`pipeline()` returns a figure for notebooks and pages: SVG that takes its colours from the page around it, in one
row of four where there is room and in two columns on a phone.
"""

import base64
import functools
import html
import io
import itertools
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from stnlib import datasets, distortions
from stnlib.grid import affine_grid
from stnlib.sampling import grid_sample

FILE = Path(__file__).with_name("pipeline.json")
PARTS = {
    "localization": ("localization", "theta"),
    "grid": ("grid",),
    "sampler": ("sampler",),
    "training": ("classifier", "loss"),
}
CARD, HIGH, GAP, SIDE = 168, 160, 44, 100
EDGE = 20  # room for the way of the image to the sampler
# Where each card stands, (column, row).
WIDE = {
    "input": (0, 1),
    "localization": (0, 0),
    "theta": (1, 0),
    "grid": (1, 1),
    "sampler": (2, 1),
    "classifier": (3, 1),
    "loss": (3, 0),
    "key": (2, 0),
}
TALL = {
    "input": (0, 0),
    "localization": (1, 0),
    "theta": (1, 1),
    "grid": (0, 1),
    "sampler": (0, 2),
    "classifier": (1, 2),
    "loss": (1, 3),
    "key": (0, 3),
}
WAY = ("input", "localization", "theta", "grid", "sampler", "classifier", "loss")
STYLE = """
.stn-pipeline { --ink: var(--pst-color-text-base, currentColor); --soft: var(--pst-color-text-muted, currentColor);
  --line: var(--pst-color-border, color-mix(in srgb, currentColor 25%, transparent));
  --grid: #e69f00; --back: #d55e00; --back-ink: #a84a00; container-type: inline-size; }
html[data-theme="dark"] .stn-pipeline, [data-jp-theme-light="false"] .stn-pipeline,
html[theme="dark"] .stn-pipeline { --back-ink: #f2a477; }
.stn-pipeline svg { display: block; width: 100%; height: auto; margin: 0 auto; overflow: visible;
  font-family: inherit; font-size: 15px; line-height: 1; }
.stn-pipeline .tall { display: none; max-width: 420px; }
.stn-pipeline .wide { max-width: 860px; }
@container (max-width: 600px) { .stn-pipeline .wide { display: none; } .stn-pipeline .tall { display: block; } }
.stn-pipeline text { fill: var(--ink); }
.stn-pipeline .title { font-size: 15px; font-weight: 650; }
.stn-pipeline .soft { fill: var(--soft); }
.stn-pipeline .number { font-variant-numeric: tabular-nums; text-anchor: end; font-size: 15px; }
.stn-pipeline .slope { fill: var(--back-ink); font-size: 13px; }
.stn-pipeline .middle { text-anchor: middle; }
.stn-pipeline .big { font-size: 30px; font-weight: 600; text-anchor: middle; font-variant-numeric: tabular-nums; }
.stn-pipeline image { image-rendering: pixelated; }
.stn-pipeline .frame { fill: none; stroke: var(--line); }
.stn-pipeline .lit > .frame { fill: color-mix(in srgb, var(--grid) 13%, transparent); stroke: var(--grid);
  stroke-width: 2.5; }
.stn-pipeline .dim > .picture > * { opacity: 0.65; }
.stn-pipeline .dim > .picture > text { opacity: 1; fill: var(--soft); }
.stn-pipeline .training .slopes { opacity: 1; }
.stn-pipeline .dim > .title { fill: var(--soft); }
.stn-pipeline .ring { fill: none; stroke: var(--soft); }
.stn-pipeline .lit > .ring { fill: var(--grid); stroke: var(--grid); }
.stn-pipeline .lit > .chapter { fill: #1b1403; }
.stn-pipeline .forth, .stn-pipeline .ink-line { fill: none; stroke: var(--ink); stroke-width: 1.6; }
.stn-pipeline .back { fill: none; stroke: var(--back); stroke-width: 1.8; stroke-dasharray: 5 3; }
.stn-pipeline .lit.back { stroke-width: 3.2; }
.stn-pipeline .forth-tip { fill: var(--ink); }
.stn-pipeline .back-tip { fill: var(--back); }
.stn-pipeline .grid-line { fill: none; stroke: var(--grid); stroke-width: 0.9; }
.stn-pipeline .grid-edge { fill: none; stroke: var(--grid); stroke-width: 2.2; }
.stn-pipeline .grid-first { fill: var(--grid); }
.stn-pipeline .layer { fill: color-mix(in srgb, var(--ink) 14%, transparent); stroke: var(--ink); }
.stn-pipeline .bar { fill: #009e73; }
"""


class Pass(NamedTuple):
    """One digit's way through a trained network; images `(28, 28)`, grid `(28, 28, 2)`, the rest plain numbers."""

    label: int
    image: np.ndarray
    theta: np.ndarray
    grid: np.ndarray
    result: np.ndarray
    probabilities: np.ndarray
    loss: float
    gradient: np.ndarray


class Figure:
    """A figure that notebooks and pages show; `html` is its text."""

    def __init__(self, text):
        self.html = text

    def _repr_html_(self):
        return self.html


def sampled(images, theta):
    """Resample images `(B, H, W, C)` at their own size by theta `(B, 6)`, as the layer does."""
    return grid_sample(images, affine_grid(theta, images.shape[1:3]))


@functools.cache
def recorded():
    """What the figure shows: the recorded numbers of the network, and image, grid and result computed from them.

    >>> recorded().grid.shape, round(float(recorded().probabilities.sum()), 3)
    ((28, 28, 2), 1.0)
    """
    record = json.loads(FILE.read_text(encoding="utf-8"))
    digits = datasets.load("uci")
    image = distortions.warp(digits.x_test[record["digit"]][None], [record["distortion"]])
    theta = np.asarray([record["theta"]], "float32")
    return Pass(
        label=record["label"],
        image=image[0, ..., 0],
        theta=theta[0],
        grid=np.asarray(affine_grid(theta, image.shape[1:3]))[0],
        result=np.asarray(sampled(image, theta))[0, ..., 0],
        probabilities=np.asarray(record["probabilities"]),
        loss=record["loss"],
        gradient=np.asarray(record["gradient"]),
    )


def pipeline(lit: str | None = None) -> Figure:
    """Draw the path of a distorted digit through the transformer and the classifier, and that of the gradient back.

    :param lit: the part to highlight: "localization", "grid", "sampler" or "training". None highlights nothing.
    :Errors: ValueError for another part.

    >>> pipeline(lit="grid").html.count("<svg")
    2
    """
    if lit is not None and lit not in PARTS:
        raise ValueError(f"lit: got {lit!r}, expected one of {', '.join(PARTS)}, or None")
    run, words = recorded(), html.escape(description(), quote=True)
    drawings = "".join(_drawing(run, name, places, lit, words) for name, places in (("wide", WIDE), ("tall", TALL)))
    return Figure(f'<div class="stn-pipeline"><style>{STYLE}</style>{drawings}</div>')


def description() -> str:
    """The figure's text alternative, with its numbers."""
    run = recorded()
    return (
        f"A distorted {run.label} goes into a localization network, which outputs theta, six numbers: "
        f"{', '.join(_number(value) for value in run.theta)}. The grid generator turns theta into a grid of sampling "
        f"points, drawn over the digit. The sampler reads the digit at these points: the {run.label} comes out upright "
        f"and centred. The classifier gives it a probability of {run.probabilities[run.label]:.2f}; the loss is "
        f"{run.loss:.2f}. Dashed arrows lead back from the loss through classifier, sampler, grid and theta "
        "to the localization network: that is the gradient's way."
    )


def _drawing(run, name, places, lit, words):
    """One arrangement of the cards as an SVG element."""
    columns, rows = (1 + max(place[axis] for place in places.values()) for axis in (0, 1))
    width, height = columns * (CARD + GAP) - GAP, rows * (HIGH + GAP) - GAP
    left, bottom = (0, EDGE) if name == "wide" else (EDGE, 0)
    box = f"{-left - 2} -2 {width + left + 4} {height + bottom + 4}"
    parts = [_card(key, place, run, lit) for key, place in places.items()]
    parts += [_link(places[a], places[b], a != "input", lit) for a, b in itertools.pairwise(WAY)]
    parts.append(_image_way(places, name))
    size = f'viewBox="{box}" width="{width + left + 4}" height="{height + bottom + 4}"'
    return f'<svg class="{name} {lit or ""}" {size} role="img" aria-label="{words}">{"".join(parts)}</svg>'


def _card(key, place, run, lit):
    """A card with its title, its picture and its line of text, at its position."""
    title, chapter, note = CARDS[key]
    state = "" if lit is None or key == "key" else "lit" if key in PARTS[lit] else "dim"
    x, y = place[0] * (CARD + GAP), place[1] * (HIGH + GAP)
    frame = "" if key == "key" else f'<rect class="frame" width="{CARD}" height="{HIGH}" rx="9"/>'
    badge = f'<circle class="ring" cx="20" cy="17" r="9"/><text class="middle chapter" x="20" y="21.5">{chapter}</text>'
    head = f'<text class="title" x="{36 if chapter else 12}" y="22">{title}</text>'
    words = f'<text class="soft middle" x="{CARD / 2}" y="{HIGH - 9}">{note(run)}</text>' if note else ""
    paint = _theta_and_slopes if (key, lit) == ("theta", "training") else PICTURES[key]
    picture = f'<g class="picture">{paint(run)}</g>'
    return (
        f'<g class="part {state}" data-part="{key}" transform="translate({x} {y})">'
        f"{frame}{badge if chapter else ''}{head if title else ''}{picture}{words}</g>"
    )


def _pixels(image, side=SIDE, top=34):
    """A grey image in the middle of its card."""
    file = io.BytesIO()
    Image.fromarray(np.round(255 * np.clip(image, 0, 1)).astype("uint8")).save(file, "PNG", optimize=True)
    data = base64.b64encode(file.getvalue()).decode()
    size = f'x="{(CARD - side) / 2:g}" y="{top}" width="{side}" height="{side}"'
    return f'<image {size} href="data:image/png;base64,{data}"/>'


def _network(run):
    """A small network: layers that get smaller."""
    sizes = ((12, 92), (12, 66), (10, 46), (10, 30), (10, 18))
    x, shapes = 34.0, []
    for width, height in sizes:
        shapes.append(f'<rect class="layer" x="{x}" y="{84 - height / 2}" width="{width}" height="{height}" rx="2"/>')
        x += width + 11
    return "".join(shapes)


def _number(value):
    """A number with two decimals, a real minus sign and no negative zero."""
    return f"{value + 0.0:.2f}".replace("-0.00", "0.00").replace("-", "−")


def _matrix(values, top, step, style):
    """Six numbers in two rows of three, between brackets."""
    numbers = ""
    for place, value in enumerate(values):
        x, y = 56 + 46 * (place % 3), top + step * (place // 3)
        numbers += f'<text class="number {style}" x="{x}" y="{y}">{_number(value)}</text>'
    upper, lower = top - 15, top + step + 6
    brackets = f"M15 {upper}h-5V{lower}h5M{CARD - 15} {upper}h5V{lower}h-5"
    return numbers + f'<path class="ink-line" d="{brackets}"/>'


def _theta(run):
    """Theta."""
    return _matrix(run.theta, 80, 22, "")


def _theta_and_slopes(run):
    """Theta, and below it the gradient of the loss."""
    label = '<text class="slope middle" x="84" y="106">gradient of the loss</text>'
    slopes = label + _matrix(run.gradient, 127, 19, "slope")
    return f'<g>{_matrix(run.theta, 52, 22, "")}</g><g class="slopes">{slopes}</g>'


def grid_over(run, side, top):
    """The sampling grid, which may leave the image, over the digit, `side` wide; a dot marks its first point."""
    points = (run.grid + 1) / 2 * side + ((CARD - side) / 2, top)
    lines = [path for way in (points, points.swapaxes(0, 1)) for path in way[::3, ::3]]
    edge = [points[0, 0], points[0, -1], points[-1, -1], points[-1, 0], points[0, 0]]
    first = f'<circle class="grid-first" cx="{points[0, 0, 0]:.1f}" cy="{points[0, 0, 1]:.1f}" r="4"/>'
    inner = f'<path class="grid-line" d="{"".join(map(_path, lines))}"/>'
    return f'{_pixels(run.image, side, top)}{inner}<path class="grid-edge" d="{_path(edge)}"/>{first}'


def _path(points):
    """A line through points, as path data."""
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def _bars(run):
    """The probabilities of the ten classes, the largest with its value."""
    step, left, ground = 14.4, 12.0, 118
    shapes = []
    for digit, share in enumerate(run.probabilities):
        x, height = left + digit * step, max(1.0, 68 * share)
        shapes.append(f'<rect class="bar" x="{x + 2:.1f}" y="{ground - height:.1f}" width="10" height="{height:.1f}"/>')
        shapes.append(f'<text class="middle" x="{x + 7:.1f}" y="{ground + 16}">{digit}</text>')
    best = int(np.argmax(run.probabilities))
    top = ground - 68 * run.probabilities[best] - 5
    label = f'<text class="middle" x="{left + best * step + 7:.1f}" y="{top:.1f}">{run.probabilities[best]:.2f}</text>'
    return "".join(shapes) + label


def _loss(run):
    """The loss as a number."""
    return f'<text class="big" x="{CARD / 2}" y="94">{run.loss:.2f}</text>'


def _key(run):
    """What the two kinds of arrow mean."""
    forth = _arrow((14, 62), (58, 62), "forth") + '<text x="70" y="66.5">forward</text>'
    back = _arrow((58, 92), (14, 92), "back") + '<text x="70" y="96.5">gradient, back</text>'
    return forth + back


CARDS = {  # title, chapter, the line of words below the picture
    "input": ("Distorted digit", None, lambda run: "U, 28 × 28 pixels"),
    "localization": ("Localization", 3, lambda run: "a small network"),
    "theta": ("θ, six numbers", None, None),
    "grid": ("Grid generator", 4, lambda run: "where to read U"),
    "sampler": ("Sampler", 5, lambda run: "V: resampled image"),
    "classifier": ("Classifier", 6, lambda run: f"predicts a {np.argmax(run.probabilities)}"),
    "loss": ("Cross-entropy loss", None, lambda run: f"−log {run.probabilities[run.label]:.3f}"),
    "key": (None, None, None),
}
PICTURES = {
    "input": lambda run: _pixels(run.image),
    "localization": _network,
    "theta": _theta,
    "grid": lambda run: grid_over(run, 80, 50),
    "sampler": lambda run: _pixels(run.result),
    "classifier": _bars,
    "loss": _loss,
    "key": _key,
}


def _arrow(start, end, kind, lit=False):
    """A straight arrow: "forth" or "back"."""
    (x0, y0), (x1, y1) = start, end
    length = max(abs(x1 - x0), abs(y1 - y0))
    dx, dy = (x1 - x0) / length, (y1 - y0) / length
    x, y = x1 - 9 * dx, y1 - 9 * dy  # where the head begins
    head = f"M{x1:g} {y1:g}L{x - 5 * dy:g} {y + 5 * dx:g}L{x + 5 * dy:g} {y - 5 * dx:g}Z"
    shine = " lit" if lit else ""
    return f'<path class="{kind}{shine}" d="M{x0:g} {y0:g}L{x:g} {y:g}"/><path class="{kind}-tip" d="{head}"/>'


def _link(a, b, returns, lit):
    """The arrows between two neighbouring cards: forward and, unless the gradient stops there, back."""
    (ax, ay), (bx, by) = a, b
    dx, dy = bx - ax, by - ay
    x = ax * (CARD + GAP) + CARD / 2 + dx * (CARD / 2 + 4)
    y = ay * (HIGH + GAP) + HIGH / 2 + dy * (HIGH / 2 + 4)
    run, shift = GAP - 8, 9 if returns else 0
    near, far = (
        (x - shift * abs(dy), y - shift * abs(dx)),
        (x + run * dx - shift * abs(dy), y + run * dy - shift * abs(dx)),
    )
    text = _arrow(near, far, "forth")
    if returns:
        move = (2 * shift * abs(dy), 2 * shift * abs(dx))
        text += _arrow(*((px + move[0], py + move[1]) for px, py in (far, near)), "back", lit == "training")
    return text


def _image_way(places, name):
    """The image's own way to the sampler, round the grid."""
    (ax, ay), (bx, by) = places["input"], places["sampler"]
    if name == "wide":
        x0, x1, y = ax * (CARD + GAP) + CARD / 2, bx * (CARD + GAP) + CARD / 2, (ay + 1) * (HIGH + GAP) - GAP
        return f'<path class="forth" d="M{x0} {y}v14H{x1}"/>' + _arrow((x1, y + 14), (x1, y + 2), "forth")
    y0, y1 = ay * (HIGH + GAP) + HIGH / 2, by * (HIGH + GAP) + HIGH / 2
    return f'<path class="forth" d="M0 {y0}h-14V{y1}"/>' + _arrow((-14, y1), (-2, y1), "forth")
