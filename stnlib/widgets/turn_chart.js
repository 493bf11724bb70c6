// How sure each network is of one digit, against the turn: a line for each.

import { clamp } from "./sampling.js";
import { strokeLine } from "./draw.js";
import { paintShareAxis } from "./share_axis.js";

const BOX = { left: 44, right: 14, top: 10, bottom: 24 };
export const DASHES = [[], [2, 4], [9, 4], [9, 3, 2, 3]];

// `lines` holds, for each network, the share at each of `turns` (undefined where not yet computed).
// Returns {read}, which turns a canvas position into a turn in degrees.
export function paintTurns(context, width, height, { turns, lines, angle, trained, colours, hues }) {
  const [first, last] = [turns[0], turns.at(-1)];
  const scale = (width - BOX.left - BOX.right) / (last - first);
  const across = (turn) => BOX.left + (turn - first) * scale;
  const up = (share) => height - BOX.bottom - share * (height - BOX.top - BOX.bottom);
  if (trained) {
    context.fillStyle = colours.beyond;
    context.fillRect(across(-trained), up(1), 2 * trained * scale, up(0) - up(1));
  }
  paintAxes(context, across, up, [first, last], colours);
  lines.forEach((line, i) => {
    context.strokeStyle = hues[i % hues.length];
    context.lineWidth = 2.5;
    context.setLineDash(DASHES[i % DASHES.length]);
    strokeLine(context, turns.map((turn, k) => [across(turn), up(line[k])]).filter(([, y]) => Number.isFinite(y)));
  });
  context.setLineDash([]);
  context.strokeStyle = colours.grid;
  context.lineWidth = 2;
  strokeLine(context, [[across(angle), up(0)], [across(angle), up(1)]]);
  return { read: (left) => clamp((left - BOX.left) / scale + first, first, last) };
}

function paintAxes(context, across, up, [first, last], colours) {
  paintShareAxis(context, across(first), across(last), up, colours);
  for (let turn = first; turn <= last; turn += 90) {
    context.textAlign = turn === first ? "left" : turn === last ? "right" : "center";
    context.fillText(`${turn}\u00b0`.replace("-", "\u2212"), across(turn), up(0) + 6);
  }
}
