// Small helpers for markup: references, groups of radio buttons, numbers, handles that are dragged or moved by key.

let instances = 0;

// The elements of a widget that carry data-ref, by that name.
function collectRefs(root) {
  const refs = {};
  for (const element of root.querySelectorAll("[data-ref]")) refs[element.dataset.ref] = element;
  return refs;
}

// Put the markup into a kernel's empty element; in the page it is there already.
export function adopt(el, template, folder) {
  el.classList.add("stn-widget", "stn-live");
  el.dataset.widget = folder;
  if (!el.querySelector(".stn-app")) el.insertAdjacentHTML("afterbegin", template);
  instances += 1; // of this kind: each kind is a module of its own
  for (const group of el.querySelectorAll("[data-choice]")) {
    for (const input of group.querySelectorAll("input")) input.name = `stn-${folder}-${instances}-${group.dataset.choice}`;
  }
  el.querySelectorAll("[disabled][data-wait]").forEach((control) => (control.disabled = false));
  return collectRefs(el);
}

// Run `call` once in the next animation frame, however often it is asked for.
export function oncePerFrame(call) {
  let waiting = 0;
  const request = () => {
    waiting ||= requestAnimationFrame(() => {
      waiting = 0;
      call();
    });
  };
  request.cancel = () => cancelAnimationFrame(waiting);
  return request;
}

// A fieldset of radio buttons: `pick(value)` is called by the reader's choice, `show(value)` sets it.
export function bindChoice(group, pick) {
  group.addEventListener("change", (event) => pick(event.target.value));
  return {
    show(value) {
      for (const input of group.querySelectorAll("input")) input.checked = input.value === String(value);
    },
  };
}

// A number field or slider: `change(number)` for what the reader enters, `show(number)` unless it is being typed in.
export function bindNumber(input, change, digits) {
  let typing = false;
  input.addEventListener("input", () => {
    const value = input.value.trim() === "" ? NaN : Number(input.value);
    typing = input.type === "number";
    const valid = Number.isFinite(value);
    input.setAttribute("aria-invalid", String(!valid));
    if (valid) change(value);
  });
  const rest = () => (typing = false);
  const control = {
    show(value) {
      control.value = value;
      const text = value.toFixed(digits).replace(/^-(0(\.0*)?)$/, "$1");
      if (!typing && text !== input.value) input.value = text;
    },
  };
  input.addEventListener("change", rest);
  input.addEventListener("blur", () => {
    rest();
    input.removeAttribute("aria-invalid");
    if (control.value !== undefined) control.show(control.value);
  });
  return control;
}

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

// Arrow keys on an element: `step(dx, dy, fine)`, with shift for fine steps.
export function bindArrows(element, step) {
  element.addEventListener("keydown", (event) => {
    const arrow = ARROWS[event.key];
    if (!arrow || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    step(arrow[0], arrow[1], event.shiftKey);
  });
}

// Buttons over a stage, dragged by mouse, touch or pen. Of overlapping handles the nearest to the pointer is taken.
// `move(handle, x, y)` gets the wished centre of the handle in the stage's CSS pixels.
export function bindHandles(stage, handles, { move, end = () => {} }) {
  let held = null;
  const local = (event) => {
    const box = stage.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  const centre = (handle) => {
    const outer = stage.getBoundingClientRect();
    const box = handle.getBoundingClientRect();
    return [box.left - outer.left + box.width / 2, box.top - outer.top + box.height / 2];
  };
  const distance = (handle, [x, y]) => Math.hypot(centre(handle)[0] - x, centre(handle)[1] - y);
  const begin = (event) => {
    if (event.button !== 0 || held) return;
    const at = local(event);
    const near = handles.reduce((best, h) => (distance(h, at) < distance(best, at) - 0.5 ? h : best), event.currentTarget);
    const [x, y] = centre(near);
    held = { handle: near, source: event.currentTarget, id: event.pointerId, dx: x - at[0], dy: y - at[1] };
    held.source.setPointerCapture(event.pointerId);
    near.focus({ preventScroll: true });
    near.classList.add("stn-held");
    event.preventDefault();
  };
  const drag = (event) => {
    if (!held || event.pointerId !== held.id) return;
    const [x, y] = local(event);
    move(held.handle, x + held.dx, y + held.dy);
  };
  const release = (event) => {
    if (!held || event.pointerId !== held.id) return;
    held.handle.classList.remove("stn-held");
    held = null;
    end();
  };
  for (const handle of handles) {
    handle.addEventListener("pointerdown", begin);
    handle.addEventListener("pointermove", drag);
    handle.addEventListener("pointerup", release);
    handle.addEventListener("pointercancel", release);
  }
}

// Say something to screen readers once things have come to rest.
export function announcer(element) {
  let timer = 0;
  return (text) => {
    clearTimeout(timer);
    timer = setTimeout(() => (element.textContent = text), 400);
  };
}

// A number for reading: fixed digits, a true minus sign, no negative zero.
export function format(value, digits = 2) {
  const text = value.toFixed(digits);
  return Number(text) === 0 ? text.replace("-", "") : text.replace("-", "\u2212");
}

// Change an element's text, and leave the page's layout alone where it is the same.
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function prefersCalm() {
  return window.matchMedia("(prefers-reduced-motion: reduce)").matches;
}
