"""The picture that stands in for a widget where there is no JavaScript: an image with shapes over it."""

import base64
import html

from stnlib.widgets.core import images

SVG = (
    '<svg viewBox="-1.3 -1.3 2.6 2.6" width="340" height="340" role="img" aria-label="{label}"><image href="{uri}"'
    ' x="-1" y="-1" width="2" height="2" preserveAspectRatio="none" style="image-rendering: pixelated"/>'
    '<g fill="none" stroke-width="0.03"><path d="M-1-1h2v2h-2z" stroke="#0072b2"/>'
    '<g stroke="#e69f00">{shapes}</g></g></svg>'
)


def still(image, label, *polygons):
    """An image array as SVG, with polygons in normalised coordinates over it.

    >>> still(images.pixels([[0, 255]]), "two pixels", [(-1, -1), (0, -1), (0, 1)]).count("<image")
    1
    """
    uri = "data:image/png;base64," + base64.b64encode(images.png(images.for_page(image))).decode()
    points = (" ".join(f"{x:.3f},{y:.3f}" for x, y in corners) for corners in polygons)
    shapes = "".join(f'<polygon points="{corners}"/>' for corners in points)
    return SVG.format(label=html.escape(label), uri=uri, shapes=shapes)
