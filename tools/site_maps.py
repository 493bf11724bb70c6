"""Sphinx extension: the directive `feature-maps`, a picture of what rotating a feature map does not restore."""

import base64
import io
from typing import ClassVar

import numpy as np
from docutils import nodes
from docutils.parsers.rst import directives
from PIL import Image
from site_pipeline import numbered_figure
from sphinx.util.docutils import SphinxDirective

DIGIT = 5  # the first digit of the `uci` test set with this label: it has strokes both ways
VERTICAL = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]) / 4
NOTE = "margin:0.3rem 0 0;font-size:0.85rem;line-height:1.3"


def response(image, kernel=VERTICAL):
    """The size of a filter's response at each pixel of an image `(H, W)`, zeros outside.

    >>> response(np.eye(3)).shape
    (3, 3)
    """
    padded = np.pad(image, 1)
    height, width = image.shape
    rows = range(3)
    parts = (kernel[i, j] * padded[i : i + height, j : j + width] for i in rows for j in rows)
    return np.abs(sum(parts))


def maps():
    """The digit, its map, the rotated digit, its map and that map rotated back; all `(28, 28)`."""
    from stnlib import datasets

    digits = datasets.load("uci")
    digit = digits.x_test[digits.y_test == DIGIT][0, ..., 0]
    rotated = np.rot90(digit)
    return digit, response(digit), rotated, response(rotated), np.rot90(response(rotated), -1)


def picture(image, words, note, framed=False):
    """One picture with its line of words; a frame tells which ones to compare."""
    file = io.BytesIO()
    Image.fromarray(np.round(255 * image / image.max()).astype("uint8")).save(file, "PNG", optimize=True)
    data = base64.b64encode(file.getvalue()).decode()
    frame = "outline:3px solid #e69f00;" if framed else ""
    style = f"width:100%;height:auto;image-rendering:pixelated;padding:0;margin:0;border-radius:4px;{frame}"
    return (
        f'<div><img alt="{words}" width="168" height="168" style="{style}" src="data:image/png;base64,{data}"/>'
        f'<p style="{NOTE}">{note}</p></div>'
    )


def kernel_drawing(kernel=VERTICAL):
    """The filter as a square of numbers, in quarters."""
    cell = '<span style="border:1px solid currentColor;display:grid;place-items:center">{}</span>'
    numbers = "".join(cell.format(f"{value:.0f}".replace("-", "−")) for value in (4 * kernel).ravel())
    square = "display:grid;grid-template-columns:repeat(3,2rem);grid-auto-rows:2rem"
    row = "grid-column:1/-1;display:flex;gap:0.9rem;align-items:center"
    return (
        f'<div style="{row}"><div style="{square}" role="img" aria-label="A filter of three by three numbers.">'
        f'{numbers}</div><p style="{NOTE}">A filter for vertical edges (numbers&nbsp;/&nbsp;4) turns each picture '
        "on the left into the one beside it.</p></div>"
    )


def drawing():
    """The filter above two rows: picture, response, and in the last column what rotating back leaves of it."""
    digit, upright, rotated, sideways, back = maps()
    alike = np.corrcoef(upright.ravel(), back.ravel())[0, 1]
    compared = f"The framed maps correlate with r = {alike:.2f} (equal maps: 1).".replace("-", "−")
    cells = [
        kernel_drawing(),
        picture(digit, f"A handwritten {DIGIT}.", "the digit →"),
        picture(upright, "Bright along the vertical edges of the digit.", "filter response", framed=True),
        f'<p style="{NOTE};align-self:center">{compared}</p>',
        picture(rotated, f"The same {DIGIT}, lying on its side.", "rotated by 90° →"),
        picture(sideways, "Bright along what are now vertical edges.", "filter response →"),
        picture(
            back,
            "The last picture rotated back: bright along horizontal edges, unlike the response to the upright digit.",
            "rotated back by 90°",
            framed=True,
        ),
    ]
    style = "display:grid;grid-template-columns:repeat(3,minmax(0,1fr));gap:0.9rem"
    return f'<div style="{style}">{"".join(cells)}</div>'


class FeatureMaps(SphinxDirective):
    """The numbered figure; the content is its caption."""

    has_content = True
    option_spec: ClassVar = {"name": directives.unchanged}

    def run(self):
        """Return the figure."""
        return [numbered_figure(self, nodes.raw("", drawing(), format="html"))]


def setup(app):
    """Register the directive."""
    app.add_directive("feature-maps", FeatureMaps)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
