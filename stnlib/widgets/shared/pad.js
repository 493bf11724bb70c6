// The drawing pad: 28x28 pixels, by pointer or by keys.

import { clamp } from "./sampling.js";
import { toBitmap, drawPixels } from "./draw.js";
import { bindArrows } from "./controls.js";
import { dab, stroke } from "./pictures.js";

// `image()` gives the drawing, which is changed in place. `change()` follows each stroke, `end()` its end.
export function makePad(canvas, wipe, image, { change, end }) {
  const pen = { x: 14, y: 14, last: null, pointer: null };
  const context = canvas.getContext("2d");
  const pad = {
    get drawing() { return pen.pointer !== null; },
    paint() {
      const { width, height } = image();
      Object.assign(canvas, { width: width * 8, height: height * 8 });
      drawPixels(context, toBitmap(image()), 0, 0, canvas.width, canvas.height);
      if (!image().data.some(Boolean)) drawHint(context);
      if (document.activeElement === canvas) drawPen(context, pen);
    },
  };
  const changed = () => {
    pad.paint();
    change();
  };
  bindPointer(canvas, image, pen, changed, end);
  bindPen(canvas, image, pen, changed, end);
  canvas.addEventListener("focus", pad.paint);
  canvas.addEventListener("blur", pad.paint);
  wipe.addEventListener("click", () => {
    image().data.fill(0);
    changed();
    end();
  });
  return pad;
}

function bindPointer(canvas, image, pen, changed, end) {
  const draw = (event) => {
    const box = canvas.getBoundingClientRect();
    const { width, height } = image();
    const x = ((event.clientX - box.left) / box.width) * width - 0.5;
    const y = ((event.clientY - box.top) / box.height) * height - 0.5;
    stroke(image(), ...(pen.last || [x, y]), x, y);
    [pen.last, pen.x, pen.y] = [[x, y], x, y];
    changed();
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || pen.pointer !== null) return;
    [pen.pointer, pen.last] = [event.pointerId, null];
    canvas.setPointerCapture(event.pointerId);
    draw(event);
  });
  canvas.addEventListener("pointermove", (event) => event.pointerId === pen.pointer && draw(event));
  const lift = (event) => {
    if (event.pointerId !== pen.pointer) return;
    pen.pointer = null;
    end();
  };
  canvas.addEventListener("pointerup", lift);
  canvas.addEventListener("pointercancel", lift);
}

function bindPen(canvas, image, pen, changed, end) {
  let down = false;
  const press = () => {
    dab(image(), pen.x, pen.y);
    changed();
  };
  bindArrows(canvas, (dx, dy) => {
    pen.x = clamp(pen.x + dx, 0, image().width - 1);
    pen.y = clamp(pen.y + dy, 0, image().height - 1);
    if (down) press();
    else changed();
  });
  canvas.addEventListener("keydown", (event) => {
    if (event.key !== " ") return;
    event.preventDefault();
    down = true;
    press();
  });
  canvas.addEventListener("keyup", (event) => {
    if (event.key !== " ") return;
    down = false;
    end();
  });
}

function drawHint(context) {
  context.fillStyle = "#bbb";
  context.font = "20px system-ui, sans-serif";
  context.textAlign = "center";
  context.fillText("draw a digit here", 112, 118);
}

function drawPen(context, { x, y }) {
  context.strokeStyle = "#e69f00";
  context.lineWidth = 2;
  context.strokeRect(x * 8 - 4, y * 8 - 4, 16, 16);
}
