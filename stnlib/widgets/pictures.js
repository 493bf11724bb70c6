// The images on offer: embedded digits, a computed photo, the reader's drawing, and an array from Python.

import { makePhoto } from "./photo.js";
import DIGITS from "./digits.json";

const DRAWN_SIDE = 28;

// {shape, dtype, data} as Python writes it, to an image; `low` and `high` are shown as black and white.
export function decodeImage({ shape: [height, width, channels], dtype, data }) {
  const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
  const raw = dtype === "uint8" ? bytes : new Float32Array(bytes.buffer);
  const values = dtype === "uint8" ? Float32Array.from(raw, (v) => v / 255) : raw;
  let [low, high] = [0, 1];
  for (const v of values) {
    if (v < low) low = v;
    if (v > high) high = v;
  }
  return { data: values, height, width, channels, low, high };
}

// The inverse, as uint8: for a drawing on its way to Python.
export function encodeImage({ data, height, width, channels }) {
  const bytes = Array.from(data, (v) => String.fromCharCode(Math.round(v * 255)));
  return { shape: [height, width, channels], dtype: "uint8", data: btoa(bytes.join("")) };
}

export function blankImage() {
  const data = new Float32Array(DRAWN_SIDE * DRAWN_SIDE);
  return { data, height: DRAWN_SIDE, width: DRAWN_SIDE, channels: 1, low: 0, high: 1 };
}

// Returns `find(name)`: "digit 2" and so on, "photo", "drawing" or "own"; each is made once.
export function makeLibrary(model) {
  const made = {};
  const make = (name) => {
    if (name === "photo") return makePhoto();
    if (name === "drawing") return model.get("drawing") ? decodeImage(model.get("drawing")) : blankImage();
    if (name === "own" && model.get("image")) return decodeImage(model.get("image"));
    return decodeImage(DIGITS[name] || Object.values(DIGITS)[0]);
  };
  const find = (name) => (made[name] ||= make(name));
  find.forget = (name) => delete made[name];
  return find;
}

// A soft round brush of white at (x, y) in pixels.
export function dab(image, x, y, radius = 1.5) {
  const { data, width, height } = image;
  for (let row = Math.max(0, Math.floor(y - 3)); row <= Math.min(height - 1, y + 3); row++) {
    for (let column = Math.max(0, Math.floor(x - 3)); column <= Math.min(width - 1, x + 3); column++) {
      const ink = Math.min(Math.max(radius + 0.5 - Math.hypot(column - x, row - y), 0), 1);
      data[row * width + column] = Math.max(data[row * width + column], ink);
    }
  }
}

// Dabs along the way from (x0, y0) to (x1, y1).
export function stroke(image, x0, y0, x1, y1) {
  const steps = Math.max(1, Math.ceil(2 * Math.hypot(x1 - x0, y1 - y0)));
  for (let i = 0; i <= steps; i++) dab(image, x0 + ((x1 - x0) * i) / steps, y0 + ((y1 - y0) * i) / steps);
}
