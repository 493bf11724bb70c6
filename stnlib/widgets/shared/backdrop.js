// An image on its plane: around it lies what the padding reads there, faded.

import { gridSample } from "./sampling.js";
import { toBitmap, drawPixels } from "./draw.js";

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

// The image, and around it the plane outside.
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
