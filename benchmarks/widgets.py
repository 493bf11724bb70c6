"""Times a frame of each widget while it is dragged, and writes `results/bench-widgets.json`.

    PYTHONPATH=tools python benchmarks/widgets.py [--frames N] [--output FILE]

A frame is everything that one move of a handle costs the page: theta, grid, samples, bitmaps, canvases, the numbers
and words, and the browser's style and layout. Frames are spaced as on a screen; the browser is headless Chromium.
A widget's first handle is led round by pointer events.
The reader's frame holds four networks' answers, and a slice of its curves, which begin anew with each size.
"""

import argparse
import pathlib
import statistics
import sys

import chromium
import common

from stnlib import widgets
from stnlib.widgets import AffineExplorer, DigitReader
from stnlib.widgets.reader import networks

OUTPUT = common.RESULTS / "bench-widgets.json"
FRAMES = 300
SHOWN = 300
THETA = [[0.8, -0.3, 0.1], [0.3, 0.8, 0.0]]
# Every widget is timed as it starts; these are the costlier states of some.
MORE = {
    "explorer, photo 128x128 RGB": lambda: AffineExplorer(theta=THETA, picture="photo"),
    "explorer, photo 128x128 RGB, bicubic": lambda: AffineExplorer(theta=THETA, picture="photo", mode="bicubic"),
}
PAGE = '<!doctype html><meta charset="utf-8"><body style="margin: 0"><main style="width: {width}px">{widget}</main>'
# The pointer events of a hand that holds the widget's first handle and goes round in a circle; a widget without a
# handle is asked for its frame.
DRAG = """async (frames) => {
  const { instrument } = document.querySelector(".stn-widget");
  const handle = document.querySelector(".stn-corner, .stn-handle");
  Element.prototype.setPointerCapture = () => {};
  const box = handle?.parentElement.getBoundingClientRect();
  const send = (kind, angle) => handle?.dispatchEvent(new PointerEvent(kind, {
    bubbles: true, pointerId: 1, button: 0, buttons: 1,
    clientX: box.left + box.width * (0.5 + 0.25 * Math.cos(angle)),
    clientY: box.top + box.height * (0.5 + 0.25 * Math.sin(angle)),
  }));
  const times = [];
  send("pointerdown", 0);
  for (let i = 0; i < frames; i++) {
    await new Promise(requestAnimationFrame);
    const start = performance.now();
    send("pointermove", (2 * Math.PI * i) / 60);
    instrument.request.cancel();
    instrument.frame();
    document.body.getBoundingClientRect();
    times.push(performance.now() - start);
  }
  send("pointerup", 0);
  return times;
}"""


def cases():
    """What is timed, name to a function that makes the widget: every widget as it starts, and more states of some."""
    made = {getattr(widgets, name).folder: getattr(widgets, name) for name in widgets.__all__}
    return made | {"reader": lambda: DigitReader(networks=networks.packaged())} | MORE


def page_width(browser):
    """The width of the page at which the explorer shows its output SHOWN pixels wide."""
    page = browser.new_page(viewport={"width": 1280, "height": 1400})
    page.set_content(PAGE.format(width=760, widget=AffineExplorer().to_page()))
    page.wait_for_function("document.querySelector('.stn-widget').instrument")
    for width in range(700, 900, 2):
        page.evaluate("(width) => (document.querySelector('main').style.width = `${width}px`)", width)
        if page.locator("[data-ref=outputCanvas]").bounding_box()["width"] >= SHOWN:
            break
    page.close()
    return width


def measure(browser, widget, width, scale, frames):
    """Milliseconds a frame of one widget, a tenth of the frames to warm up first."""
    context = browser.new_context(viewport={"width": 1280, "height": 1400}, device_scale_factor=scale)
    page = context.new_page()
    page.set_content(PAGE.format(width=width, widget=widget.to_html()))
    page.wait_for_function("document.querySelector('.stn-widget').instrument")
    page.evaluate(DRAG, max(10, frames // 10))
    times = sorted(page.evaluate(DRAG, frames))
    context.close()
    return {
        "median_ms": round(statistics.median(times), 2),
        "p95_ms": round(times[int(0.95 * (len(times) - 1))], 2),
        "frames": frames,
    }


def run(frames=FRAMES):
    """The whole benchmark as a JSON-ready dictionary."""
    with chromium.started() as browser:
        width = page_width(browser)
        results = {}
        for name, make in cases().items():
            for scale in (1, 2):
                results[f"{name}, {scale}x"] = entry = measure(browser, make(), width, scale, frames)
                print(f"{name}, {scale}x: {entry['median_ms']} ms (95%: {entry['p95_ms']} ms)", flush=True)
        version = browser.version
    unit = "ms a frame while dragging; 1x and 2x are device pixels for each CSS pixel"
    return common.report("widgets", unit, {"chromium": version}, results, output_shown_px=SHOWN)


def main(arguments=None):
    """Command line."""
    parser = argparse.ArgumentParser(description="Milliseconds a frame of each widget while it is dragged.")
    parser.add_argument("--frames", type=int, default=FRAMES)
    parser.add_argument("--output", type=pathlib.Path, default=OUTPUT)
    options = parser.parse_args(arguments)
    report = run(options.frames)
    common.write(options.output, report)
    print("written:", options.output.name)


if __name__ == "__main__":
    sys.exit(main())
