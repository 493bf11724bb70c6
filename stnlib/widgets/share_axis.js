// The frame of a chart of shares: lines at 0, 50 and 100 %, and a brush ready for the numbers below them.

import { strokeLine } from "./draw.js";

// From `left` to `right` on the canvas; `up(share)` is the height of a share.
export function paintShareAxis(context, left, right, up, colours) {
  context.font = "12px system-ui, sans-serif";
  context.fillStyle = colours.quiet;
  context.strokeStyle = colours.line;
  context.lineWidth = 1;
  context.textBaseline = "middle";
  context.textAlign = "right";
  for (const share of [0, 0.5, 1]) {
    strokeLine(context, [[left, up(share)], [right, up(share)]]);
    context.fillText(`${100 * share} %`, left - 6, up(share));
  }
  context.textAlign = "center";
  context.textBaseline = "top";
}
