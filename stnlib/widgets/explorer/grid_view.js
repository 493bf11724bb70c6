// The sampling grid over the input, and the arrow from an output pixel to its point in it.

import { clamp } from "../shared/sampling.js";
import { strokeLine } from "../shared/draw.js";
import { applyTheta } from "../shared/affine.js";

const DOTS_UP_TO = 32;
const LINES = 8;

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
