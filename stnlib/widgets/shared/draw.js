// Canvases: sharp on every screen, coloured by the page's theme.

import { clamp } from "./sampling.js";

// A canvas that fills its element at the device's resolution. `paint(context, width, height)` gets CSS pixels;
// measure() follows a change of the element's size.
export function makeStage(canvas, paint) {
  const context = canvas.getContext("2d");
  let size = { width: 0, height: 0 };
  const stage = {
    canvas,
    get width() { return size.width; },
    get height() { return size.height; },
    paint() {
      if (!size.width || !size.height) return;
      const ratio = canvas.width / size.width;
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      context.clearRect(0, 0, size.width, size.height);
      paint(context, size.width, size.height);
    },
    measure() {
      const ratio = Math.min(window.devicePixelRatio || 1, 3);
      size = { width: canvas.clientWidth, height: canvas.clientHeight };
      canvas.width = Math.round(size.width * ratio);
      canvas.height = Math.round(size.height * ratio);
    },
  };
  return stage;
}

// Call `refresh` when one of the canvases changes size, or the page its theme. Returns a function that stops it.
export function watchLooks(canvases, refresh) {
  const resize = new ResizeObserver(refresh);
  for (const canvas of canvases) resize.observe(canvas);
  const theme = new MutationObserver(refresh);
  const options = { attributes: true, attributeFilter: ["data-theme", "data-jp-theme-light", "theme", "class"] };
  theme.observe(document.documentElement, options);
  theme.observe(document.body, options);
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  dark.addEventListener("change", refresh);
  return () => {
    resize.disconnect();
    theme.disconnect();
    dark.removeEventListener("change", refresh);
  };
}

// The theme's colours by name, read from the custom properties of widget.css.
export function palette(element) {
  const style = getComputedStyle(element);
  const names = ["input", "grid", "output", "gradient", "ink", "quiet", "paper", "beyond", "line"];
  return Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--stn-${name}`).trim()]));
}

// Values in [low, high] as an opaque bitmap, one canvas pixel per image pixel; reuses `old` where it fits.
export function toBitmap(image, low = 0, high = 1, old = null) {
  const { width, height, channels, data } = image;
  const bitmap = old && old.width === width && old.height === height ? old : document.createElement("canvas");
  if (bitmap !== old) Object.assign(bitmap, { width, height });
  const context = bitmap.getContext("2d");
  bitmap.pixels ||= context.createImageData(width, height);
  const target = bitmap.pixels.data;
  const scale = 255 / (high - low);
  const green = channels === 3 ? 1 : 0;
  for (let p = 0, from = 0, to = 0; p < width * height; p++, from += channels, to += 4) {
    target[to] = (data[from] - low) * scale;
    target[to + 1] = (data[from + green] - low) * scale;
    target[to + 2] = (data[from + 2 * green] - low) * scale;
    target[to + 3] = 255;
  }
  context.putImageData(bitmap.pixels, 0, 0);
  return bitmap;
}

// Draw a bitmap with visible, sharp pixels.
export function drawPixels(context, bitmap, x, y, width, height) {
  context.imageSmoothingEnabled = false;
  context.drawImage(bitmap, x, y, width, height);
}

// Where an image of `width` x `height` pixels lies on a canvas, leaving a margin around it.
// `place(x, y)` turns pixel coordinates (centres at whole numbers) into canvas coordinates, `read` turns them back.
export function makeView(width, height, canvasWidth, canvasHeight, margin) {
  const scale = Math.min(canvasWidth / (width * margin), canvasHeight / (height * margin));
  const left = (canvasWidth - width * scale) / 2;
  const top = (canvasHeight - height * scale) / 2;
  return {
    scale, left, top, width: width * scale, height: height * scale,
    place: (x, y) => [left + (x + 0.5) * scale, top + (y + 0.5) * scale],
    read: (x, y) => [(x - left) / scale - 0.5, (y - top) / scale - 0.5],
    keepInside: (x, y, rim) => [clamp(x, rim, canvasWidth - rim), clamp(y, rim, canvasHeight - rim)],
  };
}

export function strokeLine(context, points, close = false) {
  context.beginPath();
  points.forEach(([x, y], i) => (i ? context.lineTo(x, y) : context.moveTo(x, y)));
  if (close) context.closePath();
  context.stroke();
}

// A line readable on black and on white: a dark casing under the colour.
export function strokeCased(context, points, colour, width, close = false) {
  context.lineJoin = "round";
  context.strokeStyle = "rgba(0, 0, 0, 0.55)";
  context.lineWidth = width + 2;
  strokeLine(context, points, close);
  context.strokeStyle = colour;
  context.lineWidth = width;
  strokeLine(context, points, close);
}

export function drawRing(context, x, y, radius, colour) {
  for (const [style, width] of [["#000", 5], ["#fff", 3.5], [colour, 2]]) {
    context.strokeStyle = style;
    context.lineWidth = width;
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.stroke();
  }
}
