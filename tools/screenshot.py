"""Take the README's picture: the affine explorer of the built introduction, its grid a little turned.

usage: python tools/screenshot.py     (after `make book`, with Chromium on the PATH)
"""

from __future__ import annotations

import build_book
import chromium

PICTURE = build_book.ROOT / ".github" / "explorer.png"
PAGE = build_book.INDEX.parent / "book" / "intro.html"
WIDGET = ".stn-widget"


def main() -> None:
    """Open the page, turn the grid with the keyboard, photograph the widget."""
    with chromium.started() as browser:
        view = {"width": 900, "height": 1200}
        page = browser.new_page(viewport=view, device_scale_factor=1.5, color_scheme="light")
        page.goto(PAGE.as_uri())
        widget = page.locator(WIDGET).first
        widget.locator(".stn-handle.stn-corner").first.focus()
        for _ in range(6):
            page.keyboard.press("ArrowDown")
        page.evaluate("document.activeElement.blur()")
        page.wait_for_timeout(300)
        clip = widget.bounding_box()
        below = widget.get_by_role("button", name="identity").bounding_box()
        clip["height"] = below["y"] - clip["y"] - 8
        page.screenshot(path=PICTURE, clip=clip, full_page=True)
    print(f"wrote {PICTURE.relative_to(build_book.ROOT)}")


if __name__ == "__main__":
    main()
