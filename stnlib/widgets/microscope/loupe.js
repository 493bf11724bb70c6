// The weights of a reading, enlarged: areas of the box around the point (bilinear), or a table (bicubic).

import { format } from "../shared/controls.js";

export function paintLoupe(context, side, { mode, reading, patch, x, y, colours }) {
  const cells = mode === "bilinear" ? boxCells(reading.terms, x, y, side) : tableCells(reading.terms, side);
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.font = `600 ${mode === "bicubic" ? 10 : 11}px system-ui, sans-serif`;
  for (const { left, top, width, height, term } of cells) {
    const shade = (term.pixel - patch.low) / (patch.high - patch.low);
    context.fillStyle = `rgb(${[0, 1, 2].map(() => Math.round(255 * shade))})`;
    context.fillRect(left, top, width, height);
    context.strokeStyle = colours.grid;
    context.lineWidth = 2;
    context.strokeRect(left + 1, top + 1, Math.max(width - 2, 0), Math.max(height - 2, 0));
    const weight = format(term.weight);
    if (context.measureText(weight).width + 2 > width || height < 14) continue;
    context.fillStyle = shade > 0.5 ? "#000" : "#fff";
    context.fillText(weight, left + width / 2, top + height / 2);
  }
}

// The box of one pixel, cut where the pixels meet.
function boxCells(terms, x, y, side) {
  const [cutX, cutY] = [(1 - (x - Math.floor(x))) * side, (1 - (y - Math.floor(y))) * side];
  return terms.map((term, i) => {
    const [right, below] = [i % 2, i >> 1];
    return {
      term,
      left: right ? cutX : 0, top: below ? cutY : 0,
      width: right ? side - cutX : cutX, height: below ? side - cutY : cutY,
    };
  });
}

function tableCells(terms, side) {
  const count = Math.sqrt(terms.length);
  const cell = side / count;
  return terms.map((term, i) => ({
    term, left: (i % count) * cell, top: Math.floor(i / count) * cell, width: cell, height: cell,
  }));
}
