"""Give a figure of matplotlib's, an SVG, colours for dark pages: one file for both themes.

A picture on a page follows the page's colour scheme, so the file holds both sets of colours and a media query.
Greys are turned round between the page's paper and ink; colours keep their hue, and are as light as dark paper
wants them, with dark letters on coloured bars; pictures, and what is drawn on them, stay as they are.
"""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterator
from typing import NamedTuple
from xml.etree import ElementTree

import numpy as np
from PIL import Image

PAPER, INK = "#14191e", "#d9e0e6"  # of dark pages, as in book.css
SVG, LINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
HREF = f"{{{LINK}}}href"
GREY, FULL = 0.04, 0.1  # chroma: up to here a colour is turned round like a grey, from here on it keeps its hue
SOLID = 0.6  # opacity from which on a coloured bar hides the paper
LIGHT = 0.68  # lightness that a colour has at least on dark paper
EDGE = 0.5  # points: what starts this far inside a picture is drawn on it
COLOUR = re.compile(r"#[0-9a-fA-F]{6}\b")
BLACK = "#000000"  # matplotlib writes no colour for it
LONG = re.compile(r"(\.\d\d)\d+")  # two decimals of a coordinate are enough
NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e-?\d+)?")
IDENTITY = np.eye(3)
# OKLab: linear sRGB to cone responses, and their cube roots to lightness and two hues.
CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def to_lab(colour: str) -> np.ndarray:
    """A colour `#rrggbb` in OKLab: lightness, then two hues."""
    values = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    return LAB @ np.cbrt(CONES @ linear)


def to_hex(lab: np.ndarray) -> str:
    """The nearest colour `#rrggbb` that a screen can show.

    >>> to_hex(to_lab("#0072b2"))
    '#0072b2'
    """
    linear = np.clip(np.linalg.inv(CONES) @ np.linalg.solve(LAB, lab) ** 3, 0, 1)
    values = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return "#" + "".join(f"{round(255 * value):02x}" for value in values)


def dark(colour: str) -> str:
    """The colour for dark paper.

    >>> dark("#ffffff") == PAPER, dark("#22282e") == INK, dark("#e69f00")
    (True, True, '#e69f00')
    """
    light, *hue = to_lab(colour)
    paper, ink = to_lab(PAPER), to_lab(INK)
    white, black = to_lab("#ffffff")[0], to_lab("#22282e")[0]
    share = (light - black) / (white - black)
    turned = ink + share * (paper - ink)
    kept = np.array([max(light, LIGHT), *hue])
    weight = np.clip((np.hypot(*hue) - GREY) / (FULL - GREY), 0, 1)
    return to_hex(turned + weight * (kept - turned))


def matrix(text: str | None) -> np.ndarray:
    """An SVG transform as a matrix `(3, 3)`.

    >>> matrix("translate(1 2) scale(2 -1)")[:2].tolist()
    [[2.0, 0.0, 1.0], [0.0, -1.0, 2.0]]
    """
    result = np.eye(3)
    for name, inside in re.findall(r"(\w+)\(([^)]*)\)", text or ""):
        values = [float(number) for number in NUMBER.findall(inside)]
        step = np.eye(3)
        if name == "translate":
            step[:2, 2] = [values[0], values[1] if len(values) > 1 else 0]
        elif name == "scale":
            step[0, 0], step[1, 1] = values[0], values[-1]
        elif name == "rotate":
            turn = np.deg2rad(values[0])
            step[:2, :2] = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
        elif name == "matrix":
            step[:2] = np.reshape(values, (3, 2)).T
        result = result @ step
    return result


def picture(node: ElementTree.Element) -> Image.Image:
    """The picture that a node embeds."""
    return Image.open(io.BytesIO(base64.b64decode(node.get(HREF).partition("base64,")[2])))


def is_opaque(node: ElementTree.Element) -> bool:
    """Whether an embedded picture has no transparent pixel."""
    shown = picture(node)
    return shown.mode not in ("RGBA", "LA") or shown.getchannel("A").getextrema()[0] == 255


def pack(node: ElementTree.Element) -> None:
    """Embed an opaque picture without its transparency, and a grey one without its colours."""
    shown = picture(node).convert("RGB")
    red, green, blue = shown.split()
    grey = red.tobytes() == green.tobytes() == blue.tobytes()
    file = io.BytesIO()
    (red if grey else shown).save(file, "PNG", optimize=True)
    data = f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
    node.set(HREF, min(data, node.get(HREF), key=len))


class Drawn(NamedTuple):
    """A node, its transform `(3, 3)`, and whether it or one that holds it has a colour."""

    node: ElementTree.Element
    transform: np.ndarray
    filled: bool


def walk(node: ElementTree.Element, transform: np.ndarray = IDENTITY, filled: bool = False) -> Iterator[Drawn]:
    """All nodes below a node that draw; definitions are left out."""
    for child in node:
        if child.tag != f"{{{SVG}}}defs":
            own = transform @ matrix(child.get("transform"))
            yield Drawn(child, own, filled or "fill" in child.get("style", ""))
            yield from walk(child, own, filled or "fill" in child.get("style", ""))  # the caller may have given it one


def rectangle(node: ElementTree.Element, transform: np.ndarray) -> np.ndarray:
    """Where a picture or a rectangle lies: its least and greatest (x, y)."""
    x, y, width, height = (float(node.get(name, 0)) for name in ("x", "y", "width", "height"))
    corners = transform @ np.array([[x, x + width], [y, y + height], [1, 1]])
    return np.sort(corners[:2], axis=1).T


def windows(root: ElementTree.Element) -> dict[ElementTree.Element, np.ndarray]:
    """The pictures that are seen in part, each with the rectangle that cuts it."""
    cuts = {f"url(#{cut.get('id')})": cut.find(f"{{{SVG}}}rect") for cut in root.iter(f"{{{SVG}}}clipPath")}
    found = {}
    for node in root.iter():
        cut = cuts.get(node.get("clip-path"))
        if cut is not None:
            found |= dict.fromkeys(node.iter(f"{{{SVG}}}image"), rectangle(cut, IDENTITY))
    return found


def pictures(root: ElementTree.Element) -> list[np.ndarray]:
    """What is seen of the opaque pictures of a figure, each as its least and greatest (x, y)."""
    found, cuts = [], windows(root)
    for node, transform, _ in walk(root):
        if node.tag == f"{{{SVG}}}image" and is_opaque(node):
            low, high = rectangle(node, transform)
            if node in cuts:
                low, high = np.maximum(low, cuts[node][0]), np.minimum(high, cuts[node][1])
            found.append(np.array([low, high]))
    return found


def start(node: ElementTree.Element, transform: np.ndarray) -> np.ndarray | None:
    """Where a node starts to draw, (x, y), or None if it is no drawing."""
    if node.tag == f"{{{SVG}}}path":
        point = [float(number) for number in NUMBER.findall(node.get("d", ""))[:2]]
    elif node.tag in (f"{{{SVG}}}use", f"{{{SVG}}}text"):
        point = [float(node.get("x", 0)), float(node.get("y", 0))]
    elif node.tag == f"{{{SVG}}}g" and node.get("transform"):
        point = [0.0, 0.0]
    else:
        return None
    return (transform @ [*point, 1])[:2] if len(point) == 2 else None


def is_strong(node: ElementTree.Element) -> bool:
    """Whether a node is a rectangle in a colour that stays strong on dark pages."""
    style = node.get("style", "")
    fill, faint = re.search(r"fill: (#[0-9a-fA-F]{6})", style), re.search(r"opacity: ([\d.]+)", style)
    if node.tag != f"{{{SVG}}}path" or not fill or (faint and float(faint[1]) < SOLID):
        return False
    points = np.array(NUMBER.findall(node.get("d", "")), float)
    corners = points.reshape(-1, 2) if len(points) in (8, 10) else np.zeros((1, 2))
    straight = all(len(np.unique(np.round(axis, 3))) == 2 for axis in corners.T)
    return bool(straight and np.hypot(*to_lab(fill[1])[1:]) >= FULL)


def strong(root: ElementTree.Element) -> list[np.ndarray]:
    """The strong rectangles of a figure, bars and boxes, each as its least and greatest (x, y)."""
    found = []
    for node, transform, _ in walk(root):
        if is_strong(node):
            points = np.array(NUMBER.findall(node.get("d")), float).reshape(-1, 2)
            corners = transform @ np.vstack([points.T, np.ones(len(points))])
            found.append(np.array([corners[:2].min(axis=1), corners[:2].max(axis=1)]))
    return found


def within(point: np.ndarray | None, boxes: list[np.ndarray]) -> bool:
    """Whether a point lies well inside one of some boxes."""
    return point is not None and any((a + EDGE < point).all() and (point < b - EDGE).all() for a, b in boxes)


class Names:
    """The variables of a figure: what each stands for on light and on dark pages."""

    def __init__(self):
        """The first stands for matplotlib's black."""
        self.pairs = {(BLACK, dark(BLACK)): "c0"}

    def put(self, node: ElementTree.Element, paint=dark) -> None:
        """Put variables in the place of a node's colours; `paint` gives them on dark pages."""

        def variable(match):
            pair = match[0].lower(), paint(match[0].lower())
            return f"var(--{self.pairs.setdefault(pair, f'c{len(self.pairs)}')})"

        if "style" in node.attrib:
            node.set("style", COLOUR.sub(variable, node.get("style")))

    def sheet(self) -> str:
        """The style sheet that gives the variables their colours."""
        light, night = (";".join(f"--{name}:{pair[scheme]}" for pair, name in self.pairs.items()) for scheme in (0, 1))
        return f":root{{{light}}}@media (prefers-color-scheme:dark){{:root{{{night}}}}}svg{{fill:var(--c0)}}"


def themed(text: str) -> str:
    """A figure's SVG with colours for light and for dark pages.

    >>> figure = '<svg xmlns="http://www.w3.org/2000/svg"><path d="M 0 0" style="fill: #ffffff"/></svg>'
    >>> "--c1:#ffffff" in themed(figure), "--c1:#14191e" in themed(figure), "fill: var(--c1)" in themed(figure)
    (True, True, True)
    """
    for prefix, name in (("", SVG), ("xlink", LINK)):
        ElementTree.register_namespace(prefix, name)
    root = ElementTree.fromstring(text)
    for node in root.findall(f"{{{SVG}}}metadata"):
        root.remove(node)
    images, bars, names, used = pictures(root), strong(root), Names(), set()
    for node, transform, filled in walk(root):
        point, letters = start(node, transform), node.tag == f"{{{SVG}}}g"
        on_image, on_bar = within(point, images), letters and within(point, bars)
        if (on_image or on_bar) and not filled:
            node.set("style", f"fill: {BLACK}; {node.get('style', '')}")
        if on_bar and not on_image:
            names.put(node, lambda colour: PAPER)
        elif not on_image:
            names.put(node)
            used.add(node.get(HREF))
    for node in root.iterfind(f".//{{{SVG}}}defs/*"):
        if f"#{node.get('id')}" in used:
            names.put(node)
    style = ElementTree.Element(f"{{{SVG}}}style")
    style.text = names.sheet()
    root.insert(0, style)
    for node in filter(is_opaque, root.iter(f"{{{SVG}}}image")):
        pack(node)
    for node in root.iter(f"{{{SVG}}}path"):
        node.set("d", LONG.sub(r"\1", node.get("d", "")))
    return ElementTree.tostring(root, encoding="unicode")
