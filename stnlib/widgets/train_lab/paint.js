// The pictures of the laboratory: class means, six digits with their grids, two charts.

import { makePlot, paintCurve, paintCursor, paintShares, paintTicks } from "../shared/chart.js";
import { drawPixels, strokeCased, toBitmap } from "../shared/draw.js";

const SIDE = 28;
const PIXELS = SIDE * SIDE;
const GAP = 4;
const DOTS = 7;

function drawBytes(context, bytes, index, [x, y, side], frame, width = 2) {
  const image = { width: SIDE, height: SIDE, channels: 1, data: bytes.subarray(index * PIXELS, (index + 1) * PIXELS) };
  drawPixels(context, toBitmap(image, 0, 255), x, y, side, side);
  context.strokeStyle = frame;
  context.lineWidth = width;
  context.strokeRect(x + width / 2, y + width / 2, side - width, side - width);
}

function mark(context, text, x, y, colour = "#fff") {
  context.font = "600 12px system-ui, sans-serif";
  context.textAlign = "left";
  context.textBaseline = "top";
  context.lineWidth = 3;
  context.strokeStyle = "#000";
  context.strokeText(text, x, y);
  context.fillStyle = colour;
  context.fillText(text, x, y);
}

// For each class the mean input, and below it the mean output; in two blocks where the canvas is not wide.
export function paintMeans(context, width, height, { inputs, outputs, colours }) {
  const columns = width > 2 * height ? 10 : 5;
  const side = width / columns;
  for (let label = 0; label < 10; label++) {
    const x = (label % columns) * side, y = 2 * Math.floor(label / columns) * side;
    drawBytes(context, inputs, label, [x + GAP / 2, y + GAP / 2, side - GAP], colours.input);
    drawBytes(context, outputs, label, [x + GAP / 2, y + side + GAP / 2, side - GAP], colours.output);
    mark(context, label, x + GAP / 2 + 5, y + GAP / 2 + 4);
  }
}

// Six inputs with window and sampling points, and below each what it becomes, with the prediction.
export function paintDigits(context, width, height, { scene, moment, watch, colours }) {
  const side = width / scene.labels.length;
  scene.labels.forEach((label, i) => {
    const box = [i * side + GAP / 2, GAP / 2, side - GAP];
    drawBytes(context, scene.inputs, i, box, i === watch ? colours.grid : colours.input, i === watch ? 4 : 2);
    paintWindow(context, moment.thetas[i], box, colours);
    drawBytes(context, moment.seen, i, [box[0], side + GAP / 2, side - GAP], colours.output);
    const right = moment.predictions[i] === label;
    mark(context, `${moment.predictions[i]} ${right ? "\u2713" : "\u2717"}`, box[0] + 5, side + GAP / 2 + 4, right ? "#7dffd0" : "#ffb38a");
  });
}

function paintWindow(context, [a, b, tx, c, d, ty], [left, top, side], colours) {
  const place = (u, v) => [left + ((a * u + b * v + tx + 1) / 2) * side, top + ((c * u + d * v + ty + 1) / 2) * side];
  context.save();
  context.beginPath();
  context.rect(left, top, side, side);
  context.clip();
  context.fillStyle = colours.grid;
  for (let i = 0; i < DOTS * DOTS; i++) {
    const [x, y] = place((2 * (i % DOTS) + 1) / DOTS - 1, (2 * Math.floor(i / DOTS) + 1) / DOTS - 1);
    context.fillRect(x - 1, y - 1, 2, 2);
  }
  const corners = [[-1, -1], [1, -1], [1, 1], [-1, 1]].map(([u, v]) => place(u, v));
  strokeCased(context, corners, colours.grid, 2, true);
  strokeCased(context, corners.slice(0, 2), colours.grid, 4);
  context.restore();
}

const NAMES = ["with the transformer", "without"];

// Two curves over the steps so far: [with, without].
export function paintAccuracy(context, width, height, { moments, shown, colours }) {
  const last = lastStep(moments);
  const plot = paintShares(context, width, height, [0, last], colours);
  paintTicks(context, plot, [0, last / 2, last], colours);
  paintPair(context, plot, moments, "accuracy", shown, colours);
}

export function paintLoss(context, width, height, { moments, shown, colours }) {
  const last = lastStep(moments);
  const plot = makePlot({ left: 44, right: width - 16, top: 10, bottom: height - 24 }, [0, last], [0, 3]);
  paintTicks(context, plot, [0, last / 2, last], colours);
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
  return [200, 500, 1000, 2000].find((end) => now <= end) || 3000;
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
