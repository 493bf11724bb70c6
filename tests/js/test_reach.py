"""All widgets: any screen, either theme, without JavaScript, without jumps, for every reader."""

import itertools

import pytest
from axe_playwright_python.sync_playwright import Axe

from stnlib.widgets import AffineExplorer, DigitReader, PoolingProbe, SamplerMicroscope
from tests.js.acts import picture, put, settle

WIDGETS = pytest.mark.parametrize("widget", [AffineExplorer, SamplerMicroscope, PoolingProbe, DigitReader])

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


STATES = {
    AffineExplorer: {
        "picture": ["digit 2", "photo"],
        "theta": [[[1, 0, 0], [0, 1, 0]], [[-1.55, -0.55, -1.5], [0.55, -1.25, -1.5]], [[0, 0, 0], [0, 0, 0]]],
    },
    SamplerMicroscope: {"mode": ["nearest", "bilinear", "bicubic"], "point": [[1.3, 2.6], [2, 2.5], [0.4, 4.9]]},
    PoolingProbe: {"pool": [2, 4], "shift": [[0, 0], [0.5, 0], [3, 0], [-7.5, 2.5]]},
    DigitReader: {
        "view": ["STN+FCN", "STN+CNN"],
        "angle": [0, -170],
        "size": [0.4, 1],
        "picture": ["digit 2", "digit 7"],
    },
}
WAKING = "loaded.default.render({ model, el: root })"
HEIGHT = "document.querySelector('.stn-widget').getBoundingClientRect().height"


def asleep(widget):
    """Write the page of a widget whose script never renders it."""
    before, waking, after = widget().to_html().rpartition(WAKING)
    assert waking, f"host.js no longer says {WAKING}"
    return f"{before}null{after}"


@WIDGETS
@pytest.mark.parametrize("width", [320, 360, 390, 480, 560, 640, 768, 1280])
def test_a_widget_keeps_its_height(open_page, open_widget, widget, width):
    """Before its script has run, and whatever it then shows: the text below never moves."""
    page = open_page(asleep(widget), viewport={"width": width, "height": 900})
    heights = {page.evaluate(HEIGHT)}
    page = open_widget(widget(), viewport={"width": width, "height": 900})
    names = list(STATES[widget])
    for values in itertools.product(*STATES[widget].values()):
        for name, value in zip(names, values, strict=True):
            put(page, name, value)
        heights.add(page.evaluate(HEIGHT))
    assert max(heights) - min(heights) < 0.5


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
    name = {AffineExplorer: "inputCanvas", SamplerMicroscope: "strip", PoolingProbe: "chart", DigitReader: "chart"}[
        widget
    ]
    before = picture(page, name)
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    settle(page)
    assert picture(page, name) != before
    ratio = page.evaluate(
        f"(() => {{ const c = document.querySelector('[data-ref={name}]'); return c.width / c.clientWidth; }})()"
    )
    assert ratio == pytest.approx(2, abs=0.01)


@WIDGETS
def test_without_javascript_there_are_a_picture_and_a_sentence(open_page, widget):
    page = open_page(widget().to_html(), java_script_enabled=False)
    assert page.locator(".stn-fallback svg").first.is_visible()
    assert "JavaScript" in page.locator(".stn-fallback figcaption").inner_text()
    assert page.locator(".stn-app").is_hidden()


@WIDGETS
def test_two_widgets_on_a_page_do_not_disturb_each_other(open_page, widget):
    page = open_page(widget().to_html() + widget().to_html())
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
