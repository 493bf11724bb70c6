"""Draw the picture that links to the book show: book/_static/social-card.png.

usage: python tools/social_card.py     (with Chromium on the PATH)

Its digits are those of the pipeline figure: distorted, under the grid of a trained network, and as that grid reads it.
"""

from __future__ import annotations

import io

import chromium
import site_assets
from PIL import Image

from stnlib import pipeline

PICTURE = site_assets.ROOT / "book" / "_static" / "social-card.png"
SIZE = {"width": 1200, "height": 630}
FONT = site_assets.ROOT / "node_modules/@fontsource-variable/source-sans-3/files/source-sans-3-latin-wght-normal.woff2"
STYLE = """
@font-face { font-family: "Card"; font-weight: 200 900; src: url(%s) format("woff2"); }
body { box-sizing: border-box; width: 1200px; height: 630px; margin: 0; padding: 62px 72px; background: #14191e;
  color: #f1f5f8; font-family: Card, sans-serif; }
h1 { margin: 0; font-size: 74px; font-weight: 700; line-height: 1.05; letter-spacing: -0.015em; }
p { margin: 18px 0 62px; color: #b6c2cd; font-size: 33px; }
div { display: flex; align-items: center; gap: 34px; }
.stn-pipeline svg { width: 236px; height: 236px; margin: 0; }
i { width: 74px; height: 5px; background: #9eabb7; position: relative; }
i::after { position: absolute; right: -4px; top: -11px; border: 13px solid transparent; border-left: 20px solid #9eabb7;
  border-right: 0; content: ""; }
.stn-pipeline { display: contents; }
"""


def card() -> str:
    """The card as a page."""
    run = pipeline.recorded()
    box = f'viewBox="{(pipeline.CARD - 100) / 2} 34 100 100"'
    shown = [pipeline.PICTURES["input"](run), pipeline.grid_over(run, 100, 34), pipeline.PICTURES["sampler"](run)]
    pictures = "<i></i>".join(f"<svg {box}>{picture}</svg>" for picture in shown)
    style = STYLE % site_assets.data_url(FONT)
    return (
        f"<style>{pipeline.STYLE}{style}</style><h1>Spatial Transformer Networks,<br>Hands-On</h1>"
        "<p>Build a network that learns where to look. A book with live figures, in Keras.</p>"
        f'<div><span class="stn-pipeline">{pictures}</span></div>'
    )


def main() -> None:
    """Command line."""
    with chromium.started() as browser:
        page = browser.new_page(viewport=SIZE)
        page.set_content(card())
        page.evaluate("document.fonts.ready")
        page.wait_for_timeout(200)
        photo = Image.open(io.BytesIO(page.screenshot()))
    photo.convert("RGB").quantize(128).save(PICTURE, optimize=True)
    print(f"wrote {PICTURE.relative_to(site_assets.ROOT)}, {PICTURE.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
