// PoseGradient's arithmetic: the pull is the negative gradient of the loss, and steps along it lower the loss.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { pass, stepped, unpack } from "../../stnlib/widgets/pose_gradient/way.js";

const read = (name) => JSON.parse(readFileSync(new URL(`../../stnlib/widgets/${name}`, import.meta.url)));
const classifier = unpack(read("pose_gradient/classifier.json"));
const digits = Object.entries(read("shared/digits.json")).map(([name, { data }]) => ({
  label: Number(name.at(-1)),
  image: { data: Float64Array.from(atob(data), (c) => c.charCodeAt(0) / 255), width: 28, height: 28, channels: 1 },
}));

test("upright digits are read", () => {
  for (const { label, image } of digits) {
    const { shares } = pass(classifier, image, [0, 0, 0], label);
    assert.equal(shares.indexOf(Math.max(...shares)), label);
  }
});

test("the pull on the pose is the negative gradient of the loss", () => {
  const pose = [0.3137, 0.0413, -0.0291];
  const [{ label, image }] = digits;
  const { pull } = pass(classifier, image, pose, label);
  const by = 1e-6;
  pull.forEach((value, i) => {
    const at = (sign) => pass(classifier, image, pose.map((p, j) => p + (i === j ? sign * by : 0)), label).loss;
    const slope = (at(1) - at(-1)) / (2 * by);
    assert.ok(Math.abs(value + slope) < 1e-4 * Math.max(1, Math.abs(slope)), `${value} against ${-slope}`);
  });
});

test("steps along the pull bring a rotated window back to a right answer", () => {
  for (const { label, image } of digits) {
    let pose = [0.5, 0, 0]; // the window leans, as seen from it the digit does
    const first = pass(classifier, image, pose, label);
    for (let i = 0; i < 200; i++) pose = stepped(pose, pass(classifier, image, pose, label).pull);
    const last = pass(classifier, image, pose, label);
    assert.ok(last.loss < Math.max(0.5 * first.loss, 0.1), `${label}: ${first.loss} to ${last.loss}`);
    assert.equal(last.shares.indexOf(Math.max(...last.shares)), label);
  }
});
