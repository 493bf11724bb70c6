// The page's spline agrees with stnlib's, on the fixtures that stnlib wrote.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { LATTICE, PRESETS, splineAt, splineGrid } from "../../stnlib/widgets/spline/plate.js";

const { splines } = JSON.parse(readFileSync(new URL("fixtures.json", import.meta.url), "utf-8"));
const close = (got, expected) => {
  assert.equal(got.length, expected.length);
  expected.forEach((v, i) => assert.ok(Math.abs(got[i] - v) < 1e-9, `entry ${i}: ${got[i]} for ${v}`));
};
const plus = (theta) => [...LATTICE].map((v, i) => v + theta[i]);

test("grids are stnlib's", () => {
  for (const { theta, size, grid } of splines) close(splineGrid(size)(theta), grid);
});

test("a control point reads where theta sends it", () => {
  for (const { theta } of splines) close(splineAt(LATTICE)(theta), plus(theta));
});

test("where all control points move as an affine map says, so do all others", () => {
  const [cos, sin] = [Math.sqrt(3) / 2, 0.5];
  const points = Float64Array.from([0, 0, 0.3, -0.7, -1, 0.4]);
  const expected = [0, 1, 2].flatMap((p) => {
    const [x, y] = points.slice(2 * p, 2 * p + 2);
    return [cos * x - sin * y, sin * x + cos * y];
  });
  close(splineAt(points)(PRESETS.rotate()), expected);
});

test("reset is the identity, and random points stay in sight", () => {
  close(splineGrid([5, 4])(PRESETS.reset()), splineGrid([5, 4])(new Array(32).fill(0)));
  for (let i = 0; i < 50; i++) assert.ok(PRESETS.random().every((v) => Math.abs(v) <= 0.46));
});
