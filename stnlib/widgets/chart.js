// The share of cells that stay against the shift: one curve for each layer of the probe.

import { clamp } from "./sampling.js";
import { strokeLine } from "./draw.js";
import { paintShareAxis } from "./share_axis.js";

const BOX = { left: 44, right: 20, top: 10, bottom: 24 };
const SERIES = [["pixels", "input", [2, 4]], ["edges", "quiet", [7, 4]], ["pooled", "output", []]];

// Draws on the whole canvas; returns {read}, which turns a canvas position into a shift.
export function paintChart(context, width, height, { curve, shift, shares, colours }) {
  const [first, last] = [curve[0].x, curve.at(-1).x];
  const scale = (width - BOX.left - BOX.right) / (last - first);
  const across = (x) => BOX.left + (x - first) * scale;
  const up = (share) => height - BOX.bottom - share * (height - BOX.top - BOX.bottom);
  paintAxes(context, across, up, first, last, colours);
  for (const [layer, colour, dash] of SERIES) {
    context.strokeStyle = colours[colour];
    context.lineWidth = layer === "pooled" ? 3 : 2;
    context.setLineDash(dash);
    strokeLine(context, curve.map((point) => [across(point.x), up(point[layer])]));
  }
  context.setLineDash([]);
  paintNow(context, across(shift[0]), up, shares, colours);
  paintLegend(context, across(last), up(1), colours);
  return { read: (left) => clamp((left - BOX.left) / scale + first, first, last) };
}

function paintAxes(context, across, up, first, last, colours) {
  paintShareAxis(context, across(first), across(last), up, colours);
  const step = across(2) - across(0) < 44 ? 4 : 2;
  for (let x = Math.ceil(first / step) * step; x <= last; x += step) context.fillText(`${x} px`.replace("-", "\u2212"), across(x), up(0) + 6);
}

function paintNow(context, left, up, shares, colours) {
  context.strokeStyle = colours.grid;
  context.lineWidth = 2;
  strokeLine(context, [[left, up(0)], [left, up(1)]]);
  for (const [layer, colour] of SERIES) {
    context.beginPath();
    context.arc(left, up(shares[layer]), 5, 0, 2 * Math.PI);
    context.fillStyle = colours.paper;
    context.fill();
    context.strokeStyle = colours[colour];
    context.lineWidth = 3;
    context.stroke();
  }
}

function paintLegend(context, right, top, colours) {
  context.textAlign = "right";
  context.textBaseline = "middle";
  SERIES.forEach(([layer, colour, dash], i) => {
    const y = top + 12 + 18 * i;
    context.fillStyle = colours.ink;
    context.fillText(layer, right - 40, y);
    context.strokeStyle = colours[colour];
    context.lineWidth = 3;
    context.setLineDash(dash);
    strokeLine(context, [[right - 34, y], [right - 4, y]]);
  });
  context.setLineDash([]);
}
