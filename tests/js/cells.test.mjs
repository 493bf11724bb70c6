// The probe's filters, and which cells stay.

import assert from "node:assert/strict";
import { test } from "node:test";

import { EDGES, EDGE_LAYER, QUIET, TOLERANCE, peaksOf, shareKept, verdict } from "../../stnlib/widgets/probe/cells.js";
import { convolve } from "../../stnlib/widgets/shared/network.js";

const bright = (where) => Float32Array.from({ length: 9 }, (_, i) => (where(Math.floor(i / 3), i % 3) ? 1 : 0));
const answer = (where) => {
  const { data } = convolve({ data: bright(where), height: 3, width: 3, channels: 1 }, EDGE_LAYER);
  return Object.fromEntries(EDGES.map((edge, i) => [edge, data[i]]));
};

test("each filter answers to its own edge", () => {
  assert.deepEqual(answer((_, x) => x > 1), { left: 1, right: 0, top: 0, bottom: 0 });
  assert.deepEqual(answer((_, x) => x < 1), { left: 0, right: 1, top: 0, bottom: 0 });
  assert.deepEqual(answer((y) => y > 1), { left: 0, right: 0, top: 1, bottom: 0 });
  assert.deepEqual(answer((y) => y < 1), { left: 0, right: 0, top: 0, bottom: 1 });
});

test("a cell is judged by the larger of its two values", () => {
  assert.equal(verdict(QUIET / 2, 0, 1), "quiet");
  assert.equal(verdict(1, 1 - TOLERANCE + 0.01, 1), "stays");
  assert.equal(verdict(1, 1 - TOLERANCE - 0.01, 1), "changes");
  assert.equal(verdict(0, 1, 1), "changes");
});

test("shares count the active cells of all channels, each by its own peak", () => {
  const before = { data: [1, 10, 0.05, 10], channels: 2 };
  assert.deepEqual([...peaksOf(before)], [1, 10]);
  assert.equal(shareKept(before, { data: [1, 10, 0, 0], channels: 2 }), 2 / 3);
  assert.equal(shareKept({ data: [0, 0], channels: 1 }, { data: [0, 0], channels: 1 }), 1);
});
