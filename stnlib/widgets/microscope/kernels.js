// How a sampler mixes the pixels near a point: neighbours, weights and slopes along one axis.

import { linearWeights, cubicWeights, roundHalfEven } from "../shared/sampling.js";

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

// The pixels that take part at x (the first one's index), their weights, and d weight / dx.
// On the lattice the slope is the one from the right, as in stnlib.
function taps(x, mode) {
  const floor = Math.floor(x);
  const t = x - floor;
  if (mode === "nearest") return { first: roundHalfEven(x), weights: [1], slopes: [0] };
  if (mode === "bilinear") return { first: floor, weights: linearWeights(t), slopes: [-1, 1] };
  return { first: floor - 1, weights: cubicWeights(t), slopes: cubicSlopes(t) };
}

// The value at (x, y) in pixels, its two derivatives, and the terms of the sum; zero outside the image.
export function magnify({ data, height, width }, x, y, mode) {
  const [across, down] = [taps(x, mode), taps(y, mode)];
  const terms = [];
  let [value, dx, dy] = [0, 0, 0];
  down.weights.forEach((wy, i) => across.weights.forEach((wx, j) => {
    const [row, column] = [down.first + i, across.first + j];
    const inside = row >= 0 && row < height && column >= 0 && column < width;
    const pixel = inside ? data[row * width + column] : 0;
    terms.push({ row, column, weight: wx * wy, pixel });
    value += wx * wy * pixel;
    dx += across.slopes[j] * wy * pixel;
    dy += wx * down.slopes[i] * pixel;
  }));
  return { value, dx, dy, terms };
}
