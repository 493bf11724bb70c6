// The page's sampler agrees with stnlib's, on the fixtures that stnlib wrote.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { affineGrid, projectiveGrid, gridSample } from "../../stnlib/widgets/shared/sampling.js";

const stored = JSON.parse(readFileSync(new URL("fixtures.json", import.meta.url), "utf-8"));
const SPECIAL = { inf: Infinity, "-inf": -Infinity, nan: NaN };
const read = (values) => values.map((v) => (typeof v === "string" ? SPECIAL[v] : v));

function assertClose(got, expected, label) {
  assert.equal(got.length, expected.length, label);
  expected.forEach((value, i) => {
    const near = Object.is(got[i], value) || Math.abs(got[i] - value) <= 1e-5 * (1 + Math.abs(value));
    assert.ok(near, `${label}, entry ${i}: ${got[i]} for ${value}`);
  });
}

test("grids are stnlib's", () => {
  for (const { theta, size, align, grid } of stored.grids) {
    const make = theta.length === 6 ? affineGrid : projectiveGrid;
    assertClose(make(theta, size, align), read(grid), `theta ${theta}`);
  }
});

test("a padding that the page does not know is refused, not taken for zeros", () => {
  const image = { data: [1], height: 1, width: 1, channels: 1 };
  assert.throws(() => gridSample(image, [0, 0], { paddingMode: "wrap" }), /unknown padding: wrap/);
});

for (const { shape, image, grid, values, ...options } of stored.samples) {
  const label = `${shape} ${options.mode} ${options.paddingMode} alignCorners ${options.alignCorners}`;
  test(`samples are stnlib's: ${label}`, () => {
    const [height, width, channels] = shape;
    assertClose(gridSample({ data: read(image), height, width, channels }, read(grid), options), read(values), label);
  });
}
