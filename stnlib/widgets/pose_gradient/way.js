// The gradient's way: from the loss of a frozen linear classifier over the output's pixels to each sampling point, and
// from there to the three numbers of a pose (angle, tx, ty).

import { magnify } from "../shared/kernels.js";

export const SIDE = 28;
const HALF = SIDE / 2; // pixels in a unit of normalised coordinates
const LONGEST = 0.03; // step of the pose
const STEEP = 2; // pull from which on a step has that length
const centre = (i) => (2 * i + 1) / SIDE - 1;

// Eight bits a weight, as train.py writes them: one row of 784 weights a class.
export function unpack({ weights, scale, bias }) {
  return { weights: Float32Array.from(atob(weights), (c) => ((c.charCodeAt(0) << 24) >> 24) * scale), bias };
}

// Probabilities, the loss of a label, and dL/dV for each pixel.
function judge({ weights, bias }, values, label) {
  const size = values.length;
  const logits = bias.map((start, k) => {
    let sum = start;
    for (let i = 0; i < size; i++) sum += weights[k * size + i] * values[i];
    return sum;
  });
  const top = Math.max(...logits);
  const powers = logits.map((logit) => Math.exp(logit - top));
  const total = powers.reduce((a, b) => a + b, 0);
  const shares = powers.map((power) => power / total);
  const wants = new Float32Array(size);
  shares.forEach((share, k) => {
    const error = share - (k === label ? 1 : 0);
    for (let i = 0; i < size; i++) wants[i] += error * weights[k * size + i];
  });
  return { shares, loss: Math.log(total) + top - logits[label], wants };
}

// Where the window of a pose reads the image: places in pixels, values, and dV/dx, dV/dy by normalised coordinates.
function look(image, [angle, tx, ty]) {
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const points = [];
  for (let row = 0; row < SIDE; row++) {
    for (let column = 0; column < SIDE; column++) {
      const [u, v] = [centre(column), centre(row)];
      const [armX, armY] = [cos * u - sin * v, sin * u + cos * v]; // from the window's centre
      const [x, y] = [(armX + tx + 1) * HALF - 0.5, (armY + ty + 1) * HALF - 0.5];
      const { value, dx, dy } = magnify(image, x, y, "bilinear", "zeros");
      points.push({ x, y, armX, armY, value, dx: dx * HALF, dy: dy * HALF });
    }
  }
  return points;
}

// One pass there and back: what the window sees, what the classifier says, and the pull (the negative gradient) on each
// point and on the pose.
export function pass(classifier, image, pose, label) {
  const points = look(image, pose);
  const judged = judge(classifier, points.map(({ value }) => value), label);
  const pull = [0, 0, 0];
  points.forEach((point, i) => {
    point.pullX = -judged.wants[i] * point.dx;
    point.pullY = -judged.wants[i] * point.dy;
    pull[0] += point.armX * point.pullY - point.armY * point.pullX; // the pull's torque about the centre
    pull[1] += point.pullX;
    pull[2] += point.pullY;
  });
  return { points, pull, ...judged };
}

// The pose after a step along the pull, no longer than LONGEST.
export function stepped(pose, pull) {
  const size = Math.hypot(...pull);
  const scale = LONGEST / Math.max(size, STEEP);
  return pose.map((value, i) => value + scale * pull[i]);
}
