"""Tabs of a browser that tests use one after the other: to start one takes longer than most tests.

A tab comes to the next test empty, without a cache, with its window, colours and motion as that one asks; what
else a context can be told makes for tabs of their own, and so does where their pages come from.
"""

import collections
import json

from tests.js.acts import late_frames


def listen(page, event, call):
    """Be told of an event on a page until its test has ended."""
    page.on(event, call)
    page.heard.append((event, call))


class Tabs:
    """The tabs that no test uses at present."""

    def __init__(self, browser):
        """Start without any."""
        self.browser, self.free = browser, collections.defaultdict(list)

    def take(self, over="file", viewport=None, color_scheme="light", reduced_motion="no-preference", **options):
        """An empty tab for pages from disk or `over="http"`; the rest are arguments of Playwright's `new_context`."""
        free = self.free[over, json.dumps(options, sort_keys=True)]
        if not free:
            context = self.browser.new_context(**options)
            late_frames(context)
            page = context.new_page()
            devtools = context.new_cdp_session(page)
            devtools.send("Network.enable")
            devtools.send("Network.setCacheDisabled", {"cacheDisabled": True})
            free.append(page)
        page = free.pop()
        page.kind, page.heard = free, []
        page.set_viewport_size(viewport or {"width": 1280, "height": 720})
        page.emulate_media(color_scheme=color_scheme, reduced_motion=reduced_motion)
        return page

    def give_back(self, page):
        """Let the next test have it, with nothing left of this one."""
        if page.url != "about:blank":
            page.evaluate("localStorage.clear(), sessionStorage.clear()")
            page.goto("about:blank")
        page.mouse.move(-1, -1)
        for event, call in page.heard:
            page.remove_listener(event, call)
        page.kind.append(page)
