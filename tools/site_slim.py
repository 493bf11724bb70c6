"""Slim the built site: style rules that no page can match, icons that no rule names.

The theme ships Bootstrap and Font Awesome whole: some 400 kB of rules and 300 kB of icons, of which the book uses a
small part; KaTeX's fonts have hundreds of signs, of which the formulas use some tens. PurgeCSS keeps a rule if its
classes, ids and tags occur as words in some page or script, so that what scripts add at run time stays too.
"""

import base64
import html
import io
import logging
import re
import string
import subprocess
from pathlib import Path

import node
import site_assets

PURGE = Path(__file__).with_name("purge.mjs")
THEME_STYLES = "styles/pydata-sphinx-theme.css"
OTHER_STYLES = ("_static/sphinx-design.min.css", "_static/mystnb.*.css", "_static/basic.css")
ICON_FONT = "vendor/fontawesome/webfonts/fa-solid-900.ttf"
MATHS_FONTS = ("KaTeX_Main-Regular", "KaTeX_Math-Italic")
FORMULA = re.compile(r'<span class="((?:m(?:ord|bin|rel|op|open|close|punct|inner)|vlist-s)\b[^"]*)"[^>]*>([^<]+)')
BULKY = ("scripts/fontawesome.js*", "**/*.map", "vendor/fontawesome/webfonts/*")


def purge(folder, sheets):
    """Drop the rules that no page of a site can match from some of its style sheets, in place."""
    subprocess.run([node.path(), PURGE, folder, *sheets], check=True)


def without_icon_font(css):
    """Return a style sheet without the faces of the whole icon font.

    >>> without_icon_font('@font-face{font-family:"Font Awesome 6";src:url(a)}@font-face{font-family:own}')
    '@font-face{font-family:own}'
    """
    return re.sub(r"@font-face\s*\{[^}]*Awesome[^}]*\}", "", css)


def subset_url(font_path, letters):
    """Return a font's glyphs for some letters, without hints, as a URL that holds them."""
    from fontTools import subset
    from fontTools.ttLib import TTFont

    logging.getLogger("fontTools").setLevel(logging.ERROR)
    font = TTFont(font_path)
    subsetter = subset.Subsetter(subset.Options(layout_features=[], hinting=False))
    subsetter.populate(unicodes=set(map(ord, letters)))
    subsetter.subset(font)
    font.flavor = "woff"
    buffer = io.BytesIO()
    font.save(buffer)
    return f"data:font/woff;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def icon_face(css, font_path):
    """Return a font-face rule that holds, inline, the icons that a style sheet names."""
    icons = {chr(int(code, 16)) for code in re.findall(r'"\\(f[0-9a-f]{3})"', css)}
    url = subset_url(font_path, icons)
    return f'@font-face{{font-family:"Font Awesome 6 Free";font-weight:900;src:url("{url}") format("woff")}}'


def maths_letters(pages):
    """The letters of all formulas: upright ones, and italic ones.

    >>> upright, italic = maths_letters(['<span class="mord mathnormal">x</span><span class="mrel">&lt;</span>'])
    >>> "<" in upright, "x" in upright, italic
    (True, False, {'x'})
    """
    upright, italic = set(string.digits + "\u200b"), set()
    for page in pages:
        for classes, text in FORMULA.findall(page):
            (italic if "mathnormal" in classes else upright).update(html.unescape(text))
    return upright, italic


def slim_maths(folder, fonts):
    """Cut the fonts inside KaTeX's style sheet down to the letters of the site's formulas."""
    sheet = folder / "_static" / "vendor" / "katex" / "katex.min.css"
    css = sheet.read_text(encoding="utf-8")
    pages = (page.read_text(encoding="utf-8") for page in folder.rglob("*.html"))
    for name, letters in zip(MATHS_FONTS, maths_letters(pages), strict=True):
        whole = site_assets.data_url(fonts / f"{name}.woff2")
        css = css.replace(
            f'url({whole}) format("woff2")', f'url({subset_url(fonts / f"{name}.ttf", letters)}) format("woff")'
        )
    sheet.write_text(css, encoding="utf-8")


def slim(folder, theme):
    """Slim the built site in `folder`, in place; `theme` is the folder of the theme's static files."""
    main = folder / "_static" / THEME_STYLES
    main.write_text(without_icon_font((theme / THEME_STYLES).read_text(encoding="utf-8")), encoding="utf-8")
    purge(folder, [main, *(path for pattern in OTHER_STYLES for path in folder.glob(pattern))])
    css = main.read_text(encoding="utf-8")
    main.write_text(css + icon_face(css, theme / ICON_FONT), encoding="utf-8")
    slim_maths(folder, site_assets.ROOT / "node_modules" / "katex" / "dist" / "fonts")
    for pattern in BULKY:
        for path in (folder / "_static").glob(pattern):
            path.unlink()
