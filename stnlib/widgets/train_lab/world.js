// What the networks are shown: each time a digit is drawn it is rotated, shrunk and moved anew.

import { SIDE_BORDERED } from "./digits.js";

export const SIDE = 28;
export const POOLED = 14;
const CENTRE = (SIDE - 1) / 2;
const SOURCE_CENTRE = (SIDE_BORDERED - 1) / 2;
const SIZES = [0.6, 1];
const REACH = 6;

// A pose at random: `range` degrees either way about `lean`; angles in radians, counter-clockwise.
function randomPose(random, { range, lean }) {
  return {
    angle: ((lean + random.between(-range, range)) * Math.PI) / 180,
    size: random.between(...SIZES),
    right: random.between(-REACH, REACH),
    down: random.between(-REACH, REACH),
  };
}

// Write digit `index` in a pose into place `slot` of `target`, images of SIDE x SIDE pixels.
export function placeDigit(digits, index, { angle, size, right, down }, target, slot) {
  const from = digits.images;
  const start = index * SIDE_BORDERED * SIDE_BORDERED;
  const cos = Math.cos(angle) / size, sin = Math.sin(angle) / size;
  const last = SIDE_BORDERED - 1;
  let to = slot * SIDE * SIDE;
  for (let row = 0; row < SIDE; row++) {
    const dy = row - CENTRE - down;
    for (let column = 0; column < SIDE; column++, to++) {
      const dx = column - CENTRE - right;
      const x = cos * dx - sin * dy + SOURCE_CENTRE, y = sin * dx + cos * dy + SOURCE_CENTRE;
      if (!(x > 0 && x < last && y > 0 && y < last)) {
        target[to] = 0;
        continue;
      }
      const left = Math.floor(x), top = Math.floor(y);
      const u = x - left, v = y - top;
      const at = start + top * SIDE_BORDERED + left;
      const above = from[at] + u * (from[at + 1] - from[at]);
      const below = from[at + SIDE_BORDERED] + u * (from[at + SIDE_BORDERED + 1] - from[at + SIDE_BORDERED]);
      target[to] = above + v * (below - above);
    }
  }
}

// The means of 2x2 pixels: SIDE x SIDE to POOLED x POOLED.
export function halve(images, count, target) {
  for (let n = 0, to = 0; n < count; n++) {
    for (let row = 0; row < POOLED; row++) {
      for (let column = 0; column < POOLED; column++, to++) {
        const at = n * SIDE * SIDE + 2 * row * SIDE + 2 * column;
        target[to] = (images[at] + images[at + 1] + images[at + SIDE] + images[at + SIDE + 1]) / 4;
      }
    }
  }
  return target;
}

// A batch of `count` digits: images, their halves, labels.
export function makeBatch(count, Numbers = Float64Array) {
  return {
    count,
    images: new Numbers(count * SIDE * SIDE),
    small: new Numbers(count * POOLED * POOLED),
    labels: new Uint8Array(count),
  };
}

// Fill a batch with digits drawn among those for training.
export function drawBatch(batch, digits, random, world) {
  for (let slot = 0; slot < batch.count; slot++) {
    const index = random.below(digits.train);
    placeDigit(digits, index, randomPose(random, world), batch.images, slot);
    batch.labels[slot] = digits.labels[index];
  }
  halve(batch.images, batch.count, batch.small);
}

// Every test digit once, in a pose that depends on the seed alone.
export function testBatch(digits, random, world) {
  const batch = makeBatch(digits.count - digits.train);
  for (let slot = 0; slot < batch.count; slot++) {
    const index = digits.train + slot;
    placeDigit(digits, index, randomPose(random, world), batch.images, slot);
    batch.labels[slot] = digits.labels[index];
  }
  halve(batch.images, batch.count, batch.small);
  return batch;
}
