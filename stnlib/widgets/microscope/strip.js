// Two curves, one above the other: V along x, and its derivative, with marks at the pixel centres.

import { clamp } from "../shared/sampling.js";
import { strokeLine } from "../shared/draw.js";
import { makePlot, paintTicks, paintCurve, paintCursor, paintDot } from "../shared/chart.js";
import { format } from "../shared/controls.js";
import { magnify } from "../shared/kernels.js";

const LEFT = 44;
const RIGHT = 10;
const STEPS = 40;

// Draws on the whole canvas; returns the plot of V, whose `read` turns a canvas position into x.
export function paintStrip(context, width, height, { patch, x, y, mode, padding, reach, colours, reading }) {
  const ends = [-reach, patch.width - 1 + reach];
  const [left, right] = [LEFT, width - RIGHT];
  const range = patch.high - patch.low;
  const steepest = 1.6 * steepestStep(patch);
  const values = makePlot({ left, right, top: 8, bottom: height * 0.52 }, ends, [patch.low - 0.08 * range, patch.high + 0.08 * range]);
  const slopes = makePlot({ left, right, top: height * 0.62, bottom: height - 20 }, ends, [-steepest, steepest]);
  paintLattice(context, patch.width, values, slopes, colours);
  paintZero(context, values, colours, "V");
  paintZero(context, slopes, colours, "\u2202V/\u2202x");
  for (const piece of curvePieces(patch, y, { mode, padding }, ...ends)) {
    paintPiece(context, values, piece.map((p) => [p.x, p.value]), colours.output, mode === "nearest");
    paintPiece(context, slopes, piece.map((p) => [p.x, p.dx]), colours.gradient, mode !== "bicubic");
  }
  paintCursor(context, values, x, colours.grid, { top: values.top, bottom: slopes.bottom });
  paintDot(context, values.across(x), values.up(reading.value), colours.output, colours.paper);
  paintDot(context, slopes.across(x), slopes.up(reading.dx), colours.gradient, colours.paper);
  return values;
}

// Points of the curve, cut where V (nearest) or its slope (bilinear, a mirror) jumps.
function curvePieces(patch, y, { mode, padding }, first, last) {
  const breaks = [first];
  const offset = mode === "nearest" ? 0.5 : 0;
  for (let b = Math.ceil(first - offset) + offset; b < last; b++) if (b > first) breaks.push(b);
  if (padding === "reflection" && !offset) breaks.push(-0.5, patch.width - 0.5);
  breaks.push(last);
  breaks.sort((a, b) => a - b);
  return breaks.slice(1).map((end, i) => {
    const start = breaks[i];
    return Array.from({ length: STEPS + 1 }, (_, k) => {
      const at = start + ((end - start) * clamp(k / STEPS, 1e-6, 1 - 1e-6));
      return { x: at, ...magnify(patch, at, y, mode, padding) };
    });
  });
}

// The largest difference between neighbours in a row.
function steepestStep({ data, width, high, low }) {
  const steps = Array.from(data, (v, i) => (i % width ? Math.abs(v - data[i - 1]) : 0));
  return Math.max(0.05 * (high - low), ...steps);
}

function paintLattice(context, count, upper, lower, colours) {
  const centres = Array.from({ length: count }, (_, i) => i);
  paintTicks(context, lower, centres, colours);
  for (const i of centres) strokeLine(context, [[upper.across(i), upper.top], [upper.across(i), lower.bottom]]);
}

function paintZero(context, plot, colours, name) {
  context.strokeStyle = colours.quiet;
  context.lineWidth = 1;
  strokeLine(context, [[plot.left, plot.up(0)], [plot.right, plot.up(0)]]);
  context.fillStyle = colours.ink;
  context.textAlign = "left";
  context.textBaseline = "top";
  context.font = "600 13px system-ui, sans-serif";
  context.fillText(name, 0, plot.top);
  context.font = "12px system-ui, sans-serif";
  context.fillStyle = colours.quiet;
  context.textAlign = "right";
  context.fillText(format(0, 0), plot.left - 6, plot.up(0) - 6);
}

// A piece of a curve; where the curve jumps, its ends are dots.
function paintPiece(context, plot, points, colour, jumps) {
  paintCurve(context, plot, points, { colour, width: 3 });
  if (!jumps) return;
  context.fillStyle = colour;
  for (const [x, y] of [points[0], points.at(-1)]) {
    context.beginPath();
    context.arc(plot.across(x), plot.up(y), 3.5, 0, 2 * Math.PI);
    context.fill();
  }
}
