// Match the target: the reader moves the window until the output looks like another window's output.

import { NEUTRAL } from "../shared/affine.js";

export const MATCHED = 0.9;

// Parts of a window to find, none of them near the identity. `random` gives numbers in [0, 1).
export function newTarget(random = Math.random) {
  const between = (low, high) => low + (high - low) * random();
  const sign = () => (random() < 0.5 ? -1 : 1);
  const size = between(0.65, 0.9);
  return {
    ...NEUTRAL, angle: sign() * between(15, 60), scaleX: size, scaleY: size,
    moveX: sign() * between(0.1, 0.25), moveY: sign() * between(0.1, 0.25),
  };
}

// The summed difference of two images of the same shape.
export function difference({ data: a }, { data: b }) {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += Math.abs(a[i] - b[i]);
  return sum;
}

// How far the difference has fallen from what it was at the start: 0 to 1.
export function matchShare(now, start) {
  return start > 0 ? Math.min(Math.max(1 - now / start, 0), 1) : 1;
}

// Both images in one picture, as white where both are bright: the output alone is orange, the target alone blue.
export function overlay(output, target, low, high) {
  const { width, height, channels } = output;
  const grey = ({ data }, p) => {
    let sum = 0;
    for (let c = 0; c < channels; c++) sum += data[p * channels + c];
    return (sum / channels - low) / (high - low);
  };
  const data = new Float32Array(width * height * 3);
  for (let p = 0; p < width * height; p++) {
    const [mine, wanted] = [grey(output, p), grey(target, p)];
    data.set([mine, (mine + wanted) / 2, wanted], 3 * p);
  }
  return { data, width, height, channels: 3 };
}
