"""Slim the built site: style rules that no page can match, icons that no rule names.

The theme ships Bootstrap and Font Awesome whole: some 400 kB of rules and 300 kB of icons, of which the book uses a
small part. PurgeCSS keeps a rule if its classes, ids and tags occur as words in some page or script, so that what
scripts add at run time stays too.
"""

import base64
import io
import logging
import re
import subprocess
from pathlib import Path

import node

PURGE = Path(__file__).with_name("purge.mjs")
THEME_STYLES = "styles/pydata-sphinx-theme.css"
OTHER_STYLES = ("_static/sphinx-design.min.css", "_static/mystnb.*.css", "_static/basic.css")
ICON_FONT = "vendor/fontawesome/webfonts/fa-solid-900.ttf"
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


def icon_face(css, font_path):
    """Return a font-face rule that holds, inline, the icons that a style sheet names."""
    from fontTools import subset
    from fontTools.ttLib import TTFont

    logging.getLogger("fontTools").setLevel(logging.WARNING)
    points = {int(code, 16) for code in re.findall(r'"\\(f[0-9a-f]{3})"', css)}
    font = TTFont(font_path)
    subsetter = subset.Subsetter(subset.Options(layout_features=[], hinting=False))
    subsetter.populate(unicodes=points)
    subsetter.subset(font)
    font.flavor = "woff"
    buffer = io.BytesIO()
    font.save(buffer)
    data = base64.b64encode(buffer.getvalue()).decode()
    return (
        '@font-face{font-family:"Font Awesome 6 Free";font-weight:900;'
        f'src:url("data:font/woff;base64,{data}") format("woff")}}'
    )


def slim(folder, theme):
    """Slim the built site in `folder`, in place; `theme` is the folder of the theme's static files."""
    main = folder / "_static" / THEME_STYLES
    main.write_text(without_icon_font((theme / THEME_STYLES).read_text(encoding="utf-8")), encoding="utf-8")
    purge(folder, [main, *(path for pattern in OTHER_STYLES for path in folder.glob(pattern))])
    css = main.read_text(encoding="utf-8")
    main.write_text(css + icon_face(css, theme / ICON_FONT), encoding="utf-8")
    for pattern in BULKY:
        for path in (folder / "_static").glob(pattern):
            path.unlink()
