// The input as the explorer shows it: the image, the plane around it, and the sampling grid on top.

import { clamp, gridSample } from "../shared/sampling.js";
import { toBitmap, drawPixels, strokeLine } from "../shared/draw.js";
import { applyTheta } from "../shared/affine.js";

const DOTS_UP_TO = 32;
const LINES = 8;

// The image as a bitmap, and a plane of 3x3 images around it as the padding continues it.
export function makeBackdrop(image, paddingMode) {
  const { width, height, channels, low, high } = image;
  const grid = [];
  for (let row = -height; row < 2 * height; row++) {
    for (let column = -width; column < 2 * width; column++) {
      grid.push((2 * column + 1) / width - 1, (2 * row + 1) / height - 1);
    }
  }
  const data = gridSample(image, grid, { mode: "nearest", paddingMode });
  const plane = { data, width: 3 * width, height: 3 * height, channels };
  return { inner: toBitmap(image, low, high), outer: toBitmap(plane, low, high) };
}

// The image, and faded around it the plane outside.
export function paintBackdrop(context, { inner, outer }, view, canvas, colours) {
  context.fillStyle = colours.beyond;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.globalAlpha = 0.3;
  drawPixels(context, outer, view.left - view.width, view.top - view.height, 3 * view.width, 3 * view.height);
  context.globalAlpha = 1;
  drawPixels(context, inner, view.left, view.top, view.width, view.height);
  context.strokeStyle = colours.input;
  context.lineWidth = 2;
  context.strokeRect(view.left - 1, view.top - 1, view.width + 2, view.height + 2);
}

// A dot for each output pixel where they are few, else a mesh of lines. `place` turns input coordinates into canvas ones.
export function paintGrid(context, { grid, theta, outputSize, place, view, colours }) {
  const most = Math.max(...outputSize);
  if (most > DOTS_UP_TO) return paintMesh(context, theta, place, colours);
  const [a, b, , c, d] = theta;
  const spacing = (Math.sqrt(Math.abs(a * d - b * c)) * view.width) / most;
  const side = clamp(spacing / 3, 1, 4);
  context.fillStyle = colours.grid;
  for (let i = 0; i < grid.length; i += 2) {
    const [x, y] = place(grid[i], grid[i + 1]);
    context.fillRect(x - side / 2, y - side / 2, side, side);
  }
}

function paintMesh(context, theta, place, colours) {
  context.strokeStyle = colours.grid;
  context.lineWidth = 1;
  for (let i = 1; i < LINES; i++) {
    const t = (2 * i) / LINES - 1;
    for (const ends of [[[-1, t], [1, t]], [[t, -1], [t, 1]]]) {
      strokeLine(context, ends.map(([u, v]) => place(...applyTheta(theta, u, v))));
    }
  }
}

// The shaft and the head of an arrow from `start` to just before `end`, as SVG paths; `rim` is left free at the start.
export function arrowPaths(start, end, rim) {
  const length = Math.hypot(end[0] - start[0], end[1] - start[1]) || 1;
  const [dx, dy] = [(end[0] - start[0]) / length, (end[1] - start[1]) / length];
  const tip = [end[0] - 8 * dx, end[1] - 8 * dy];
  const base = [tip[0] - 10 * dx, tip[1] - 10 * dy];
  const shaft = `M${start[0] + rim * dx} ${start[1] + rim * dy}L${base}`;
  const head = `M${tip}L${base[0] - 5 * dy} ${base[1] + 5 * dx}L${base[0] + 5 * dy} ${base[1] - 5 * dx}Z`;
  return [shaft, head];
}
