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
    paintPiece(context, values, piece, "value", colours.output, colours.paper);
    paintPiece(context, slopes, piece, "dx", colours.gradient, colours.paper);
  }
  paintCursor(context, values, x, colours.grid, { top: values.top, bottom: slopes.bottom });
  paintDot(context, values.across(x), values.up(reading.value), colours.output, colours.paper);
  paintDot(context, slopes.across(x), slopes.up(reading.dx), colours.gradient, colours.paper);
  return values;
}

// Points of the curve, cut where V (nearest) or its slope (bilinear, a mirror) jumps, with what is read at and just beyond their ends.
function curvePieces(patch, y, { mode, padding }, first, last) {
  const breaks = [first];
  const offset = mode === "nearest" ? 0.5 : 0;
  for (let b = Math.ceil(first - offset) + offset; b < last; b++) if (b > first) breaks.push(b);
  if (padding === "reflection" && !offset) breaks.push(-0.5, patch.width - 0.5);
  breaks.push(last);
  breaks.sort((a, b) => a - b);
  const read = (x) => ({ x, ...magnify(patch, x, y, mode, padding) });
  return breaks.slice(1).map((end, i) => {
    const start = breaks[i];
    const points = Array.from({ length: STEPS + 1 }, (_, k) => read(start + (end - start) * clamp(k / STEPS, 1e-6, 1 - 1e-6)));
    return { points, ends: [read(start), read(end)], beyond: [read(start - 1e-6), read(end + 1e-6)] };
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

// A piece of a curve; where the curve jumps, its end is a dot, hollow where the curve has another value just there.
function paintPiece(context, plot, { points, ends, beyond }, key, colour, paper) {
  paintCurve(context, plot, points.map((point) => [point.x, point[key]]), { colour, width: 3 });
  const apart = (a, b) => Math.abs(plot.up(a[key]) - plot.up(b[key])) > 1;
  [points[0], points.at(-1)].forEach((end, i) => {
    if (!apart(end, beyond[i])) return;
    context.beginPath();
    context.arc(plot.across(end.x), plot.up(end[key]), 3.5, 0, 2 * Math.PI);
    context.fillStyle = apart(end, ends[i]) ? paper : colour;
    context.fill();
    context.strokeStyle = colour;
    context.lineWidth = 1.5;
    context.stroke();
  });
}
