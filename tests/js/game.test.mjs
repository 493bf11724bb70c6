// The explorer's game.

import assert from "node:assert/strict";
import { test } from "node:test";

import { MATCHED, difference, matchShare, newTarget, overlay } from "../../stnlib/widgets/explorer/game.js";

const image = (...data) => ({ data, width: data.length, height: 1, channels: 1 });

test("a target is never the identity already, and keeps the window near the image", () => {
  for (let i = 0; i < 50; i++) {
    const { angle, scaleX, scaleY, moveX, moveY } = newTarget();
    assert.ok(Math.abs(angle) >= 15 && Math.abs(angle) <= 60 && scaleX === scaleY && scaleX < 0.95);
    assert.ok(Math.max(Math.abs(moveX), Math.abs(moveY)) <= 0.35);
  }
});

test("the match grows from nothing at the start to all at the target", () => {
  const [start, target] = [image(0, 1, 0), image(0, 0, 1)];
  const far = difference(start, target);
  assert.equal(matchShare(far, far), 0);
  assert.equal(matchShare(difference(image(0, 0.5, 0.5), target), far), 0.5);
  assert.ok(matchShare(difference(target, target), far) >= MATCHED);
  assert.equal(matchShare(2 * far, far), 0);
});

test("what only one of the two shows is coloured, what both show is white", () => {
  assert.deepEqual([...overlay(image(1, 0, 1), image(0, 1, 1), 0, 1).data], [1, 0.5, 0, 0, 0.5, 1, 1, 1, 1]);
});
