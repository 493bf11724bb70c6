"""Slim the built site: style rules that no page can match, icons that no rule names.

The theme ships Bootstrap and Font Awesome whole: some 400 kB of rules and 300 kB of icons, of which
the book uses a small part. A rule stays if one of its selectors speaks only of classes and ids that
occur as a word in some page or script (so what scripts add at run time stays too).
"""

import base64
import io
import logging
import re

THEME_STYLES = "styles/pydata-sphinx-theme.css"
OTHER_STYLES = ("_static/sphinx-design.min.css", "_static/mystnb.*.css", "_static/basic.css")
ICON_FONT = "vendor/fontawesome/webfonts/fa-solid-900.ttf"
BULKY = ("scripts/fontawesome.js*", "**/*.map", "vendor/fontawesome/webfonts/*")
NESTED = ("@media", "@supports", "@layer", "@container")


def split_rules(css):
    """Split a style sheet into (prelude, block) pairs; a statement has an empty block.

    >>> list(split_rules("@charset 'x';a{b:c}@media print{d{e:f}}"))
    [("@charset 'x'", ''), ('a', 'b:c'), ('@media print', 'd{e:f}')]
    """
    css = re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL)
    start = depth = opened = 0
    for match in re.finditer(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|\\.|[{};]', css):
        token, at = match.group(), match.start()
        if token == ";" and depth == 0:
            yield css[start:at].strip(), ""
            start = at + 1
        elif token == "{":
            opened = at if depth == 0 else opened
            depth += 1
        elif token == "}":
            depth -= 1
            if depth == 0:
                yield css[start:opened].strip(), css[opened + 1 : at]
                start = at + 1


def selectors(prelude):
    """Split a selector list at the commas outside brackets.

    >>> selectors("a,b:is(.c,.d)")
    ['a', 'b:is(.c,.d)']
    """
    return re.split(r",(?![^(\[]*[)\]])", prelude)


def can_match(selector, words):
    """Tell whether every class and id that a selector asks for occurs among `words`.

    What `:not(...)` rules out need not occur.

    >>> can_match(".a.b:not(.c) #d", {"a", "b", "d"}), can_match(".a .c", {"a"})
    (True, False)
    """
    asked = re.sub(r":(?:not|is|where|has)\([^()]*(?:\([^()]*\)[^()]*)*\)", "", selector)
    asked = re.sub(r"\[[^\]]*\]", "", asked)
    names = re.findall(r"[.#]((?:\\.|[\w-])+)", asked)
    return all(name.replace("\\", "") in words for name in names)


def purge(css, words):
    """Return the style sheet without the rules that cannot match.

    >>> purge(".a{x:y}.b,.a p{x:y}@media print{.c{x:y}}", {"a"})
    '.a{x:y}.a p{x:y}'
    """
    kept = []
    for prelude, block in split_rules(css):
        if prelude.startswith(NESTED):
            block = purge(block, words)
            kept.append(f"{prelude}{{{block}}}" if block else "")
        elif prelude.startswith("@font-face") and "Awesome" in block:
            continue
        elif prelude.startswith("@"):
            kept.append(f"{prelude}{{{block}}}" if block else f"{prelude};")
        else:
            alive = [one for one in selectors(prelude) if can_match(one, words)]
            kept.append(f"{','.join(alive)}{{{block}}}" if alive else "")
    return "".join(kept)


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


def words_of(folder):
    """Collect every word that could be a class or an id in the pages and scripts of a site."""
    words = set()
    for pattern in ("**/*.html", "_static/**/*.js"):
        for path in folder.glob(pattern):
            if path.name not in ("fontawesome.js", "searchindex.js"):
                words.update(re.findall(r"[\w-]+", path.read_text(encoding="utf-8")))
    return words


def slim(folder, theme):
    """Slim the built site in `folder`, in place; `theme` is the folder of the theme's static files."""
    words = words_of(folder)
    css = purge((theme / THEME_STYLES).read_text(encoding="utf-8"), words)
    css += icon_face(css, theme / ICON_FONT)
    (folder / "_static" / THEME_STYLES).write_text(css, encoding="utf-8")
    for pattern in OTHER_STYLES:
        for path in folder.glob(pattern):
            path.write_text(purge(path.read_text(encoding="utf-8"), words), encoding="utf-8")
    for pattern in BULKY:
        for path in (folder / "_static").glob(pattern):
            path.unlink()
