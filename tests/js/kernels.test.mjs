// A reading's weights and slopes, on a row of five pixels.

import assert from "node:assert/strict";
import { test } from "node:test";

import { magnify, padded, taps } from "../../stnlib/widgets/shared/kernels.js";

const close = (got, expected) => expected.forEach((v, i) => assert.ok(Math.abs(got[i] - v) < 1e-9, `${got} for ${expected}`));
const sum = (values) => values.reduce((a, b) => a + b, 0);

test("the padding says which place is read, and whether it moves along", () => {
  const at = (x, padding) => Object.values(padded(x, 5, padding));
  assert.deepEqual(at(-1.25, "zeros"), [-1.25, 1]);
  assert.deepEqual([at(-1.25, "border"), at(2.5, "border"), at(9, "border")], [[0, 0], [2.5, 1], [4, 0]]);
  assert.deepEqual([at(-1.25, "reflection"), at(5.25, "reflection")], [[0.25, -1], [3.75, -1]]);
  assert.deepEqual(at(-0.75, "reflection"), [0, 0]);
  assert.throws(() => at(1, "wrap"), /unknown padding: wrap/);
});

test("weights sum to one and slopes to nothing, for every mode and padding", () => {
  for (const mode of ["nearest", "bilinear", "bicubic"]) {
    for (const padding of ["zeros", "border", "reflection"]) {
      for (const x of [-1.3, 0.2, 3.9, 5.1]) {
        const { weights, slopes } = taps(x, 5, mode, padding);
        close([sum(weights), sum(slopes)], [1, 0]);
      }
    }
  }
});

test("on the lattice the slope is the one from the right", () => {
  const patch = { data: [0, 1, 3], height: 1, width: 3 };
  const { value, dx } = magnify(patch, 1, 0, "bilinear", "zeros");
  close([value, dx], [1, 2]);
});
