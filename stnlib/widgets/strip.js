// Two curves, one above the other: V along x, and its derivative, with marks at the pixel centres.

import { clamp } from "./sampling.js";
import { strokeLine } from "./draw.js";
import { format } from "./controls.js";
import { magnify } from "./kernels.js";

const LEFT = 44;
const RIGHT = 10;
const STEPS = 40;

// Draws on the whole canvas; returns {read}, which turns a canvas position into x.
export function paintStrip(context, width, height, { patch, x, y, mode, colours, reading }) {
  const first = -0.5;
  const last = patch.width - 0.5;
  const scale = (width - LEFT - RIGHT) / (last - first);
  const across = (v) => LEFT + (v - first) * scale;
  const upper = { top: 8, bottom: height * 0.52 };
  const lower = { top: height * 0.62, bottom: height - 20 };
  const pieces = curvePieces(patch, y, mode, first, last);
  const range = patch.high - patch.low;
  const values = axis(upper, patch.low - 0.08 * range, patch.high + 0.08 * range);
  const steepest = 1.6 * steepestStep(patch);
  const slopes = axis(lower, -steepest, steepest);
  paintLattice(context, across, patch.width, upper, lower, colours);
  paintZero(context, across, [first, last], values(0), colours, "V", upper);
  paintZero(context, across, [first, last], slopes(0), colours, "\u2202V/\u2202x", lower);
  paintCurve(context, pieces, across, (p) => values(p.value), colours.output, mode === "nearest");
  paintCurve(context, pieces, across, (p) => slopes(p.dx), colours.gradient, mode !== "bicubic");
  paintMark(context, across(x), values(reading.value), colours, colours.output, [upper.top, lower.bottom]);
  paintMark(context, across(x), slopes(reading.dx), colours, colours.gradient, null);
  return { read: (left) => clamp((left - LEFT) / scale + first, first, last) };
}

// Points of the curve, cut where V (nearest) or its slope (bilinear) jumps.
function curvePieces(patch, y, mode, first, last) {
  const breaks = [first];
  const offset = mode === "nearest" ? 0.5 : 0;
  for (let b = Math.ceil(first - offset) + offset; b < last; b++) if (b > first) breaks.push(b);
  breaks.push(last);
  return breaks.slice(1).map((end, i) => {
    const start = breaks[i];
    return Array.from({ length: STEPS + 1 }, (_, k) => {
      const at = start + ((end - start) * clamp(k / STEPS, 1e-6, 1 - 1e-6));
      return { x: at, ...magnify(patch, at, y, mode) };
    });
  });
}

// The largest difference between neighbours in a row.
function steepestStep({ data, width, high, low }) {
  const steps = Array.from(data, (v, i) => (i % width ? Math.abs(v - data[i - 1]) : 0));
  return Math.max(0.05 * (high - low), ...steps);
}

function axis({ top, bottom }, low, high) {
  return (v) => bottom - ((clamp(v, low, high) - low) / (high - low)) * (bottom - top);
}

function paintLattice(context, across, count, upper, lower, colours) {
  context.font = "12px system-ui, sans-serif";
  context.textAlign = "center";
  context.textBaseline = "top";
  for (let i = 0; i < count; i++) {
    context.strokeStyle = colours.line;
    context.lineWidth = 1;
    strokeLine(context, [[across(i), upper.top], [across(i), lower.bottom]]);
    context.fillStyle = colours.quiet;
    context.fillText(String(i), across(i), lower.bottom + 4);
  }
}

function paintZero(context, across, [first, last], zero, colours, name, { top }) {
  context.strokeStyle = colours.quiet;
  context.lineWidth = 1;
  strokeLine(context, [[across(first), zero], [across(last), zero]]);
  context.fillStyle = colours.ink;
  context.textAlign = "left";
  context.font = "600 13px system-ui, sans-serif";
  context.fillText(name, 0, top);
  context.font = "12px system-ui, sans-serif";
  context.fillStyle = colours.quiet;
  context.textAlign = "right";
  context.fillText(format(0, 0), LEFT - 6, zero - 6);
}

function paintCurve(context, pieces, across, height, colour, dotted) {
  context.strokeStyle = colour;
  context.fillStyle = colour;
  context.lineWidth = 3;
  for (const piece of pieces) {
    strokeLine(context, piece.map((p) => [across(p.x), height(p)]));
    if (!dotted) continue;
    for (const p of [piece[0], piece.at(-1)]) {
      context.beginPath();
      context.arc(across(p.x), height(p), 3.5, 0, 2 * Math.PI);
      context.fill();
    }
  }
}

function paintMark(context, left, top, colours, colour, rule) {
  context.strokeStyle = colours.grid;
  context.lineWidth = 2;
  if (rule) strokeLine(context, [[left, rule[0]], [left, rule[1]]]);
  context.beginPath();
  context.arc(left, top, 6, 0, 2 * Math.PI);
  context.fillStyle = colours.paper;
  context.fill();
  context.strokeStyle = colour;
  context.lineWidth = 3;
  context.stroke();
}
