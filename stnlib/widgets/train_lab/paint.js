// The charts of the laboratory: accuracy and loss, with and without the transformer.

import { makePlot, paintCurve, paintCursor, paintShares, paintTicks } from "../shared/chart.js";
import { TOTAL } from "./settings.js";

const NAMES = ["with the transformer", "without"];

// Two curves over the steps so far: [with, without].
export function paintAccuracy(context, width, height, { moments, shown, colours }) {
  const last = lastStep(moments);
  const plot = paintShares(context, width, height, [0, last], colours);
  paintSteps(context, plot, last, colours);
  paintPair(context, plot, moments, "accuracy", shown, colours);
}

export function paintLoss(context, width, height, { moments, shown, colours }) {
  const last = lastStep(moments);
  const plot = makePlot({ left: 44, right: width - 16, top: 10, bottom: height - 24 }, [0, last], [0, 3]);
  paintSteps(context, plot, last, colours);
  context.textBaseline = "middle";
  context.textAlign = "right";
  for (const loss of [0, 1, 2, 3]) {
    context.beginPath();
    context.moveTo(plot.left, plot.up(loss));
    context.lineTo(plot.right, plot.up(loss));
    context.stroke();
    context.fillText(loss, plot.left - 6, plot.up(loss));
  }
  paintPair(context, plot, moments, "losses", shown, colours);
}

// The end of the axis: it grows in steps, so that the curves do not shrink with every moment.
function lastStep(moments) {
  const now = moments.at(-1)?.step || 0;
  return [200, 500, 1000, 2000].find((end) => now <= end) || TOTAL;
}

function paintSteps(context, plot, last, colours) {
  paintTicks(context, plot, [0, last / 2], colours);
  const all = TOTAL.toLocaleString("en-US");
  paintTicks(context, plot, [last], colours, last < TOTAL ? ` of ${all} steps` : " steps");
}

function paintPair(context, plot, moments, key, shown, colours) {
  const hues = [colours.output, colours.input];
  if (shown) paintCursor(context, plot, shown.step, colours.line);
  hues.forEach((colour, i) => {
    const points = moments.map((moment) => [moment.step, moment[key][i]]);
    paintCurve(context, plot, points, { colour, width: i ? 2 : 3, dash: i ? [6, 4] : [] });
  });
  nameCurves(context, plot, moments, key, hues, colours);
}

// Names at the curves' ends, kept apart.
function nameCurves(context, plot, moments, key, hues, colours) {
  const end = moments.at(-1);
  if (!end || end.step === 0) return;
  const heights = end[key].map((value) => plot.up(value));
  const upper = heights[0] <= heights[1] ? 0 : 1;
  context.font = "600 12px system-ui, sans-serif";
  context.textBaseline = "middle";
  const place = plot.across(end.step);
  const toLeft = place > (plot.left + plot.right) / 2;
  context.textAlign = toLeft ? "right" : "left";
  hues.forEach((colour, i) => {
    const above = i === upper;
    const y = Math.min(Math.max(heights[i] + (above ? -11 : 12), plot.top + 6), plot.bottom - 8);
    context.lineWidth = 4;
    context.strokeStyle = colours.paper;
    context.strokeText(NAMES[i], place + (toLeft ? -4 : 6), y);
    context.fillStyle = colour;
    context.fillText(NAMES[i], place + (toLeft ? -4 : 6), y);
  });
}
