// What a transformer does to digits: the mean input and output of each class, and six digits with their windows.

import { format } from "./controls.js";
import { drawPixels, strokeCased, toBitmap } from "./draw.js";

const GAP = 4;
const DOTS = 7;

// One of the square images that lie in `bytes`, one after the other, `count` of them.
function drawBytes(context, { bytes, count }, index, [x, y, side], frame, width = 2) {
  const pixels = bytes.length / count;
  const edge = Math.sqrt(pixels);
  const image = { width: edge, height: edge, channels: 1, data: bytes.subarray(index * pixels, (index + 1) * pixels) };
  drawPixels(context, toBitmap(image, 0, 255), x, y, side, side);
  context.strokeStyle = frame;
  context.lineWidth = width;
  context.strokeRect(x + width / 2, y + width / 2, side - width, side - width);
}

function mark(context, text, x, y) {
  context.font = "600 12px system-ui, sans-serif";
  context.textAlign = "left";
  context.textBaseline = "top";
  context.lineWidth = 3;
  context.strokeStyle = "#000";
  context.strokeText(text, x, y);
  context.fillStyle = "#fff";
  context.fillText(text, x, y);
}

// For each class the mean input, and below it the mean output; in two blocks where the canvas is not wide.
export function paintMeans(context, width, height, { inputs, outputs, colours }) {
  const columns = width > 2 * height ? 10 : 5;
  const side = width / columns;
  for (let label = 0; label < 10; label++) {
    const x = (label % columns) * side, y = 2 * Math.floor(label / columns) * side;
    drawBytes(context, { bytes: inputs, count: 10 }, label, [x + GAP / 2, y + GAP / 2, side - GAP], colours.input);
    drawBytes(context, { bytes: outputs, count: 10 }, label, [x + GAP / 2, y + side + GAP / 2, side - GAP], colours.output);
    mark(context, label, x + GAP / 2 + 5, y + GAP / 2 + 4);
  }
}

// Six inputs with window and sampling points; below each what it becomes, and below that the prediction.
export function paintDigits(context, width, height, { scene, moment, watch, colours }) {
  const count = scene.labels.length;
  const side = width / count;
  const room = height - 2 * side;
  context.textAlign = "center";
  context.textBaseline = "middle";
  scene.labels.forEach((label, i) => {
    const box = [i * side + GAP / 2, GAP / 2, side - GAP];
    drawBytes(context, { bytes: scene.inputs, count }, i, box, i === watch ? colours.grid : colours.input, i === watch ? 4 : 2);
    paintWindow(context, moment.thetas[i], box, colours);
    drawBytes(context, { bytes: moment.seen, count }, i, [box[0], side + GAP / 2, side - GAP], colours.output);
    const right = moment.predictions[i] === label;
    context.font = `600 ${Math.min(16, 0.8 * room)}px system-ui, sans-serif`;
    context.fillStyle = right ? colours.ink : colours.gradient;
    context.fillText(`${moment.predictions[i]} ${right ? "\u2713" : "\u2717"}`, (i + 0.5) * side, height - room / 2);
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

// What a window does to the picture: the inverse of its own rotation and size.
export function thetaLine([a, b, , c, d]) {
  const angle = (Math.atan2(c - b, a + d) * 180) / Math.PI;
  const size = 1 / Math.max(Math.sqrt(Math.abs(a * d - b * c)), 0.01);
  const way = angle > 0 ? "counter-clockwise" : "clockwise";
  return `It rotates the digit by ${format(Math.abs(angle), 0)}\u00b0 ${way} and shows it ${format(size, 1)} times as large.`;
}
