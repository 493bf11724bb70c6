"""What a reader does to a widget on a page, and what the widget then holds."""

import os

LATE = """{
  const request = window.requestAnimationFrame.bind(window);
  const calls = new Map();
  let last = 0;
  window.requestAnimationFrame = (call) => {
    const id = (last += 1);
    const late = (now) => {
      const due = calls.get(id);
      calls.delete(id);
      due?.(now);
    };
    calls.set(id, call);
    setTimeout(() => request(late), %d);
    return id;
  };
  window.cancelAnimationFrame = (id) => calls.delete(id);
}"""


def late_frames(context):
    """Delay each animation frame by LATE_FRAMES milliseconds, if that is set: what only holds by luck then fails."""
    if os.environ.get("LATE_FRAMES"):
        context.add_init_script(LATE % int(os.environ["LATE_FRAMES"]))


def centre(page, selector):
    """The middle of an element in the viewport."""
    element = page.locator(selector).first
    element.scroll_into_view_if_needed()
    box = element.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def mouse_drag(page, selector, dx, dy):
    """Drag an element by the mouse."""
    x, y = centre(page, selector)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + dx / 2, y + dy / 2)
    page.mouse.move(x + dx, y + dy)
    page.mouse.up()
    settle(page)


def touch_drag(page, x, y, dx, dy, steps=8):
    """Drag by one finger, as the browser's own input gives it to the page."""
    session = page.context.new_cdp_session(page)

    def send(kind, points):
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    send("touchStart", [{"x": x, "y": y}])
    for i in range(1, steps + 1):
        send("touchMove", [{"x": x + dx * i / steps, "y": y + dy * i / steps}])
    send("touchEnd", [])
    settle(page)


def settle(page, frames=2):
    """Wait for some animation frames."""
    page.evaluate(
        """(frames) => new Promise((done) => {
          const next = () => (frames-- > 0 ? requestAnimationFrame(next) : done());
          next();
        })""",
        frames,
    )


def get(page, name):
    """A trait of the page's model."""
    return page.evaluate("(name) => document.querySelector('.stn-widget').model.get(name)", name)


def put(page, name, value):
    """Set a trait of the page's model, as Python would."""
    page.evaluate("([name, value]) => document.querySelector('.stn-widget').model.set(name, value)", [name, value])
    settle(page)


def picture(page, name):
    """A canvas as a data URI."""
    return page.evaluate("(name) => document.querySelector(`[data-ref=${name}]`).toDataURL()", name)


def text(page, name):
    """The text of a referenced element, with true minus signs made plain."""
    return page.locator(f"[data-ref={name}]").first.inner_text().replace("\u2212", "-")


def at_rest(page):
    """Wait until the page has stopped scrolling: a swipe's momentum outlasts the finger."""
    page.evaluate(
        """() => new Promise((resolve) => {
          let last = scrollY, still = 0;
          const look = () => {
            still = scrollY === last ? still + 1 : 0;
            last = scrollY;
            still < 10 ? requestAnimationFrame(look) : resolve();
          };
          requestAnimationFrame(look);
        })"""
    )
