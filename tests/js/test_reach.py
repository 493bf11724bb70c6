"""All widgets: any screen, either theme, without JavaScript, without jumps, for every reader."""

import itertools

import pytest
from axe_playwright_python.sync_playwright import Axe

from stnlib import widgets
from stnlib.widgets import (
    AffineExplorer,
    DigitReader,
    PoolingProbe,
    PoseGradient,
    SamplerMicroscope,
    SplineExplorer,
    TrainingReplay,
)
from tests.js.acts import settle

WIDGETS = pytest.mark.parametrize("widget", [getattr(widgets, name) for name in widgets.__all__])

SHIFTS = """() => new Promise((done) => {
  let sum = 0;
  new PerformanceObserver((list) => list.getEntries().forEach((e) => (sum += e.value)))
    .observe({ type: "layout-shift", buffered: true });
  setTimeout(() => done(sum), 300);
})"""


@WIDGETS
@pytest.mark.parametrize("width", [320, 390, 640, 1280, 3840])
def test_nothing_is_wider_than_the_screen_or_jumps(open_widget, widget, width):
    page = open_widget(widget(), viewport={"width": width, "height": 900})
    settle(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    sticking_out = page.evaluate(
        """() => { const box = document.querySelector('.stn-widget').getBoundingClientRect();
        return [...document.querySelectorAll('.stn-app *')].filter((e) => !e.closest('svg, .stn-hidden, [hidden]'))
          .filter((e) => { const b = e.getBoundingClientRect();
            return b.width && (b.right > box.right + 1 || b.left < box.left - 1); })
          .map((e) => e.outerHTML.slice(0, 80)); }"""
    )
    assert sticking_out == []
    assert page.evaluate(SHIFTS) <= 0.01


# What else than the widget's own choices may change its height, by widget; one that is not listed has no such states.
STATES = {
    AffineExplorer: {
        "theta": [[[1, 0, 0], [0, 1, 0]], [[-1.55, -0.55, -1.5], [0.55, -1.25, -1.5]], [[0, 0, 0], [0, 0, 0]]],
    },
    SamplerMicroscope: {"point": [[1.3, 2.6], [2, 2.5], [0.4, 4.9]]},
    PoolingProbe: {"shift": [[0, 0], [0.5, 0], [3, 0], [-7.5, 2.5]]},
    SplineExplorer: {"theta": [32 * [0], 30 * [0] + [-1.25, -1.25], 5 * [2, -2, 0] + 17 * [-1.5]]},
    DigitReader: {"angle": [0, -170], "size": [0.4, 1]},
    PoseGradient: {"rotation": [-60, 0, 25], "pose": [[0, 0, 0], [-1.2, 0.6, 0.8]]},
    TrainingReplay: {"position": [0, 3, 6]},
}
# The heights that a widget has with each choice in each of some states, which its page shows one after the other.
HEIGHTS = """async ([choices, states]) => {
  const widget = document.querySelector(".stn-widget");
  const heights = {};
  for (const choice of widget.querySelectorAll(choices)) {
    if (!choice.checkVisibility({ visibilityProperty: true })) continue;
    choice.click();
    heights[choice.value] ??= [];
    for (const state of states) {
      for (const [name, value] of Object.entries(state)) widget.model.set(name, value);
      await new Promise(requestAnimationFrame);
      heights[choice.value].push(widget.getBoundingClientRect().height);
    }
  }
  return heights;
}"""
HEIGHT = "document.querySelector('.stn-widget').getBoundingClientRect().height"
# A choice that opens a pad below itself is the one that may move what follows.
CHOICES = ".stn-choice:not([hidden]) label:not([hidden]) input:not([value=drawing])"


def asleep(widget):
    """Write the page of a widget whose module does nothing."""
    made = widget()
    made._esm = "export default { render() {} };"
    return made.to_page()


WIDTHS = (320, 360, 390, 480, 560, 640, 768, 1280)


@WIDGETS
def test_a_widget_keeps_its_height(open_page, open_widget, widget):
    """Before its script has run, and whatever it then shows: the text below never moves."""
    before, page = open_page(asleep(widget)), open_widget(widget())
    listed = STATES.get(widget, {})
    states = [{}] + [dict(zip(listed, values, strict=True)) for values in itertools.product(*listed.values())]
    for width in WIDTHS:
        for one in (before, page):
            one.set_viewport_size({"width": width, "height": 900})
        settle(page)
        assert page.evaluate(HEIGHT) == pytest.approx(before.evaluate(HEIGHT), abs=0.5), width
    for summary in page.locator("summary").all()[:1]:
        summary.click()
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        heights = page.evaluate(HEIGHTS, [CHOICES, states])
        every = [page.evaluate(HEIGHT), *itertools.chain(*heights.values())]
        assert max(every) - min(every) < 0.5, (width, heights)


@WIDGETS
def test_a_widget_is_hidden_until_its_first_frame(open_page, widget):
    page = open_page(asleep(widget))
    assert page.locator(".stn-app").is_hidden()
    assert page.locator(".stn-fallback").is_hidden()


@WIDGETS
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_axe_finds_nothing(open_widget, widget, scheme, width):
    page = open_widget(widget(), color_scheme=scheme, viewport={"width": width, "height": 900})
    page.evaluate("(scheme) => (document.documentElement.dataset.theme = scheme)", scheme)
    settle(page)
    results = Axe().run(page)
    assert results.violations_count == 0, results.generate_report()


@WIDGETS
def test_canvases_follow_the_theme_and_the_resolution(open_widget, widget):
    page = open_widget(widget(), device_scale_factor=2)
    shown = "(c) => c.clientWidth && !c.closest('.stn-pad')"
    canvases = f"[...document.querySelectorAll('.stn-app canvas')].filter({shown})"
    before = page.evaluate(f"{canvases}.map((c) => c.toDataURL())")
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    settle(page)
    assert page.evaluate(f"{canvases}.map((c) => c.toDataURL())") != before or not before
    ratios = page.evaluate(f"{canvases}.map((c) => c.width / c.clientWidth)")
    assert ratios == pytest.approx([2] * len(before), abs=0.02)


@WIDGETS
def test_without_javascript_there_are_a_picture_and_a_sentence(open_page, widget):
    page = open_page(widget().to_page(), java_script_enabled=False)
    assert page.locator(".stn-fallback svg").first.is_visible()
    assert "JavaScript" in page.locator(".stn-fallback figcaption").inner_text()
    assert page.locator(".stn-app").is_hidden()


@WIDGETS
def test_two_widgets_on_a_page_do_not_disturb_each_other(open_page, widget):
    page = open_page(widget().to_page() + widget().to_page())
    page.wait_for_function("[...document.querySelectorAll('.stn-widget')].every((w) => w.instrument)")
    names = page.evaluate("[...document.querySelectorAll('input[type=radio]')].map((i) => i.name)")
    assert page.locator("input[type=radio]:checked").count() == len(set(names))
    assert (
        page.evaluate("new Set([...document.querySelectorAll('[id]')].map((e) => e.id)).size")
        == page.locator("[id]").count()
    )


@WIDGETS
def test_every_control_has_a_name(open_widget, widget):
    page = open_widget(widget())
    unnamed = page.evaluate(
        """() => [...document.querySelectorAll('.stn-app :is(button, input, canvas)')]
        .filter((e) => !e.closest("[hidden]"))
        .filter((e) => !(e.ariaLabel || e.textContent.trim() || e.closest('label')?.textContent.trim()))
        .map((e) => e.outerHTML)"""
    )
    assert unnamed == []


@WIDGETS
def test_stopping_a_view_leaves_no_listeners(open_widget, widget):
    page = open_widget(widget())
    count = page.evaluate(
        """async () => {
        const { instrument } = document.querySelector('.stn-widget');
        let calls = 0;
        instrument.readModel = () => (calls += 1);
        instrument.stop();
        const { model } = instrument;
        for (const [event] of instrument.subscriptions) model.set(event.slice(7), null);
        return calls; }"""
    )
    assert count == 0
