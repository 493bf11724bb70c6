// What an affine theta means, and back.

import assert from "node:assert/strict";
import { test } from "node:test";

import { NEUTRAL, applyTheta, moveCentre, moveCorner, moveEdge, partsOf, thetaOf, wrap } from "../../stnlib/widgets/shared/affine.js";

const close = (got, expected) => expected.forEach((v, i) => assert.ok(Math.abs(got[i] - v) < 1e-9, `${got} for ${expected}`));
const START = [0.6, -0.2, 0.1, 0.1, 0.7, -0.1];

test("a rotation by 90 degrees takes the x axis to the y axis, which points down", () => {
  close(applyTheta(thetaOf({ ...NEUTRAL, angle: 90 }), 1, 0), [0, 1]);
});

test("parts of a theta give it back, mirrored and collapsed ones too", () => {
  for (const theta of [START, [-1, 0, 0, 0, 1, 0], [1, 2, 3, 2, 1, -1], [0, 0.5, 1, 0, 0.5, 0], [0, 0, 1, 0, 0, 2]]) {
    close(thetaOf(partsOf(theta)), theta);
  }
});

test("handles take their point of the window along", () => {
  close(applyTheta(moveCentre(START, 0.3, 0.4), 0, 0), [0.3, 0.4]);
  for (const [u, v] of [[1, 1], [-1, 1]]) close(applyTheta(moveCorner(START, u, v, 0.9, -0.5), u, v), [0.9, -0.5]);
  for (const [u, v] of [[1, 0], [0, -1]]) {
    const moved = moveEdge(START, u, v, 0.8, 0.2);
    close(applyTheta(moved, u, v), [0.8, 0.2]);
    close(applyTheta(moved, -u, -v), applyTheta(START, -u, -v));
  }
});

test("angles are wrapped into (-180, 180]", () => {
  assert.deepEqual([190, -180, 540, 0].map(wrap), [-170, 180, 180, 0]);
});
