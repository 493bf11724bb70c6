// Line charts: a plot turns values into canvas coordinates and back, and the rest draws on it.

import { clamp } from "./sampling.js";
import { strokeLine } from "./draw.js";
import { format } from "./controls.js";

// A rectangle of the canvas over which x and y run; `read(left)` is the x at a canvas position.
export function makePlot({ left, right, top, bottom }, [x0, x1], [y0, y1]) {
  const scale = (right - left) / (x1 - x0);
  return {
    left, right, top, bottom,
    across: (x) => left + (x - x0) * scale,
    up: (y) => bottom - ((clamp(y, y0, y1) - y0) / (y1 - y0)) * (bottom - top),
    read: (at) => clamp((at - left) / scale + x0, x0, x1),
  };
}

// The plot of a share (0 to 1) on a whole canvas, with lines at 0, 50 and 100%.
export function paintShares(context, width, height, [first, last], colours) {
  const plot = makePlot({ left: 44, right: width - 16, top: 10, bottom: height - 24 }, [first, last], [0, 1]);
  prepare(context, colours);
  context.textBaseline = "middle";
  context.textAlign = "right";
  for (const share of [0, 0.5, 1]) {
    strokeLine(context, [[plot.left, plot.up(share)], [plot.right, plot.up(share)]]);
    context.fillText(`${100 * share}%`, plot.left - 6, plot.up(share));
  }
  return plot;
}

// Numbers below the plot, those at its ends kept within it.
export function paintTicks(context, plot, values, colours, unit = "") {
  prepare(context, colours);
  context.textBaseline = "top";
  for (const value of values) {
    const left = plot.across(value);
    context.textAlign = left <= plot.left ? "left" : left >= plot.right ? "right" : "center";
    context.fillText(format(value, 0) + unit, left, plot.bottom + 6);
  }
}

function prepare(context, colours) {
  context.font = "12px system-ui, sans-serif";
  context.fillStyle = colours.quiet;
  context.strokeStyle = colours.line;
  context.lineWidth = 1;
}

// A line through points [x, y]; those that are not computed yet (NaN, undefined) are left out.
export function paintCurve(context, plot, points, { colour, width = 2.5, dash = [] }) {
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.setLineDash(dash);
  strokeLine(context, points.filter(([, y]) => Number.isFinite(y)).map(([x, y]) => [plot.across(x), plot.up(y)]));
  context.setLineDash([]);
}

// An upright line at x, from `top` to `bottom` on the canvas.
export function paintCursor(context, plot, x, colour, { top, bottom } = plot) {
  context.strokeStyle = colour;
  context.lineWidth = 2;
  strokeLine(context, [[plot.across(x), top], [plot.across(x), bottom]]);
}

// A ring on a curve.
export function paintDot(context, left, top, colour, paper) {
  context.beginPath();
  context.arc(left, top, 5.5, 0, 2 * Math.PI);
  context.fillStyle = paper;
  context.fill();
  context.strokeStyle = colour;
  context.lineWidth = 3;
  context.stroke();
}

// Names beside samples of their lines, in the upper right corner of the plot.
export function paintLegend(context, plot, entries, colours) {
  context.font = "12px system-ui, sans-serif";
  context.textAlign = "right";
  context.textBaseline = "middle";
  entries.forEach(({ name, colour, dash = [] }, i) => {
    const y = plot.top + 12 + 18 * i;
    context.fillStyle = colours.ink;
    context.fillText(name, plot.right - 40, y);
    context.strokeStyle = colour;
    context.lineWidth = 3;
    context.setLineDash(dash);
    strokeLine(context, [[plot.right - 34, y], [plot.right - 4, y]]);
  });
  context.setLineDash([]);
}

// Call `choose(x)` while the pointer is held on a chart; `plot()` is the plot as last painted.
export function bindChart(canvas, plot, choose) {
  const follow = (event) => {
    if ((event.type === "pointermove" && event.buttons === 0) || !plot()) return;
    choose(plot().read(event.clientX - canvas.getBoundingClientRect().left));
  };
  canvas.addEventListener("pointerdown", follow);
  canvas.addEventListener("pointermove", follow);
}
