// How a sampler mixes the pixels near a point: neighbours, weights and slopes along one axis, and beyond the border.

import { linearWeights, cubicWeights, roundHalfEven, pad } from "./sampling.js";

// Derivatives of Keys's cubic weights by t.
function cubicSlopes(t) {
  return [farSlope(t + 1), nearSlope(t), -nearSlope(1 - t), -farSlope(2 - t)];
}

const A = -0.75;

function nearSlope(s) {
  return (3 * (A + 2) * s - 2 * (A + 3)) * s;
}

function farSlope(s) {
  return (3 * A * s - 10 * A) * s + 8 * A;
}

// The place that is read instead of x, and d place / dx: 0 where the padding holds it at the border, -1 in a mirror.
export function padded(x, size, padding) {
  const at = pad(x, size, padding, false);
  if (padding === "zeros") return { at, slope: 1 };
  const flips = Math.floor((x + 0.5) / size);
  return { at, slope: at > 0 && at < size - 1 ? (flips % 2 === 0 ? 1 : -1) : 0 };
}

// The pixels along one axis that take part at x, their weights, and d weight / dx. A pixel outside counts as zero.
// On the lattice the slope is the one from the right, as in stnlib.
export function taps(x, size, mode, padding) {
  if (mode === "bicubic") { // the padding acts on each pixel, not on the point
    const first = Math.floor(x) - 1;
    const t = x - first - 1;
    const pixels = [0, 1, 2, 3].map((k) => padded(first + k, size, padding).at);
    return { at: x, pixels, weights: cubicWeights(t), slopes: cubicSlopes(t) };
  }
  const { at, slope } = padded(x, size, padding);
  if (mode === "nearest") return { at, pixels: [roundHalfEven(at)], weights: [1], slopes: [0] };
  const first = Math.floor(at);
  return { at, pixels: [first, first + 1], weights: linearWeights(at - first), slopes: [-slope, slope] };
}

// The value at (x, y) in pixels, its two derivatives, the terms of the sum, and the point that the padding puts in place.
export function magnify({ data, height, width }, x, y, mode, padding) {
  const [across, down] = [taps(x, width, mode, padding), taps(y, height, mode, padding)];
  const terms = [];
  let [value, dx, dy] = [0, 0, 0];
  down.weights.forEach((wy, i) => across.weights.forEach((wx, j) => {
    const [row, column] = [down.pixels[i], across.pixels[j]];
    const inside = row >= 0 && row < height && column >= 0 && column < width;
    const pixel = inside ? data[row * width + column] : 0;
    terms.push({ row, column, weight: wx * wy, pixel });
    value += wx * wy * pixel;
    dx += across.slopes[j] * wy * pixel;
    dy += wx * down.slopes[i] * pixel;
  }));
  return { value, dx, dy, terms, at: [across.at, down.at] };
}
