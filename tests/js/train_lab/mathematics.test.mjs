// The laboratory's mathematics: gradients against finite differences, steps against Keras, digits, worlds.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { unpackDigits, SIDE_BORDERED } from "../../../stnlib/widgets/train_lab/digits.js";
import { MOST } from "../../../stnlib/widgets/train_lab/layers.js";
import { Adam, RIVALS, crossEntropy, makeRival, makeTransformerNetwork } from "../../../stnlib/widgets/train_lab/network.js";
import { multiply } from "../../../stnlib/widgets/train_lab/products.js";
import { makeRandom } from "../../../stnlib/widgets/train_lab/random.js";
import { TRANSFORMS, resample } from "../../../stnlib/widgets/train_lab/transformer.js";
import { drawBatch, halve, makeBatch, placeDigit, testBatch, SIDE } from "../../../stnlib/widgets/train_lab/world.js";

const read = (path) => JSON.parse(readFileSync(new URL(path, import.meta.url)));
const digits = unpackDigits(read("../../../stnlib/widgets/train_lab/digits.json"));
const keras = read("./keras_steps.json");
const WORLD = { range: 60, lean: 0 };
const OPTIONS = { transform: "affine", nearest: false, headRate: 0.1, start: "identity" };

// The formula of make_fixture.py.
const pattern = (length, offset, amplitude = 1) =>
  Float64Array.from({ length }, (_, i) => amplitude * (((i * 7919 + offset * 104729) % 1009) / 1009 - 0.5));

function close(got, expected, tolerance, what) {
  assert.equal(got.length, expected.length, what);
  got.forEach((value, i) => assert.ok(Math.abs(value - expected[i]) <= tolerance, `${what} ${i}: ${value}, expected ${expected[i]}`));
}

function kerasBatch() {
  const batch = makeBatch(8);
  batch.images.set(pattern(8 * 784, 99).map((value) => value + 0.5));
  halve(batch.images, 8, batch.small);
  batch.labels.set(Array.from({ length: 8 }, (_, i) => (i * 3) % 10));
  return batch;
}

for (const [name, expected] of Object.entries(keras)) {
  test(`${name}: theta, logits, losses and the weights after a step are Keras's`, () => {
    const transform = { nearest: "affine" }[name] || name;
    const options = { ...OPTIONS, transform, nearest: name === "nearest" };
    const network = name in RIVALS ? makeRival(name, makeRandom(1)) : makeTransformerNetwork(options, makeRandom(1));
    network.parameters.forEach(({ value }, i) => value.set(pattern(value.length, i + 1, 0.2)));
    if (network.transformer) {
      const { value } = network.parameters[3];
      TRANSFORMS[transform].identity.forEach((start, i) => (value[i] += start));
    }
    const batch = kerasBatch();
    close(Array.from(network.forward(batch).subarray(0, 80)), expected.logits, 1e-10, "logit");
    const theta = network.transformer ? Array.from(network.transformer.theta.subarray(0, expected.theta.length)) : [];
    close(theta, expected.theta, 1e-10, "theta");
    const adam = new Adam(network.parameters);
    const before = network.learn(batch);
    adam.step(8e-3);
    const { loss } = crossEntropy(network.forward(batch), batch.labels, batch.count, network.gradient);
    close([before, loss], expected.losses, 1e-5, "loss");
    network.parameters.forEach(({ value }, i) => {
      const stride = Math.max(1, Math.floor(value.length / 40));
      close(Array.from(value).filter((_, at) => at % stride === 0), expected.weights[i], 1e-5, `weight ${i}`);
    });
  });
}

const GRADIENT_CASES = [
  ...Object.keys(TRANSFORMS).map((transform) => [transform, (random) => makeTransformerNetwork({ ...OPTIONS, transform, start: "random" }, random)]),
  ...Object.keys(RIVALS).map((name) => [name, (random) => makeRival(name, random)]),
];
for (const [name, make] of GRADIENT_CASES) {
  test(`${name}: every kind of gradient agrees with finite differences`, () => {
    const random = makeRandom(5);
    const network = make(random);
    const biases = network.parameters.filter((_, i) => i % 2);
    for (const { value } of biases) value.forEach((_, i) => (value[i] = random.between(-0.1, 0.1)));
    network.transformer?.transform.identity.forEach((start, i) => (biases[1].value[i] += start));
    const batch = makeBatch(4);
    drawBatch(batch, digits, random, WORLD);
    const loss = () => crossEntropy(network.forward(batch), batch.labels, batch.count, new Float64Array(40)).loss;
    network.learn(batch);
    const gradients = network.parameters.map(({ gradient }) => Float64Array.from(gradient));
    network.parameters.forEach(({ value }, i) => {
      const strongest = [...gradients[i].keys()].sort((a, b) => Math.abs(gradients[i][b]) - Math.abs(gradients[i][a]));
      for (const at of strongest.slice(0, 5)) {
        const kept = value[at];
        const slope = (step) => {
          value[at] = kept + step;
          const above = loss();
          value[at] = kept - step;
          const below = loss();
          value[at] = kept;
          return (above - below) / (2 * step);
        };
        const scale = Math.abs(gradients[i][at]);
        assert.ok(scale > 0, `${name}: parameter ${i} gets no gradient`);
        // A step that crosses a corner of the bilinear sampler or of ReLU says nothing: a smaller one is tried.
        const errors = [1e-5, 1e-6, 1e-7].map((step) => Math.abs(slope(step) - gradients[i][at]) / scale);
        assert.ok(Math.min(...errors) <= 1e-5, `${name}: parameter ${i}[${at}]: relative errors ${errors}`);
      }
    });
  });
}

test("with the nearest pixel nothing reaches theta", () => {
  const random = makeRandom(3);
  const network = makeTransformerNetwork({ ...OPTIONS, nearest: true, start: "random" }, random);
  const batch = makeBatch(8);
  drawBatch(batch, digits, random, WORLD);
  assert.ok(network.learn(batch) > 0);
  for (const { gradient } of network.transformer.parameters) assert.ok(gradient.every((value) => value === 0));
  assert.ok(network.parameters.at(-1).gradient.some((value) => value !== 0));
});

test("products of any shape, plain, transposed and added", () => {
  const random = makeRandom(2);
  for (const [rows, depth, columns] of [[1, 1, 1], [4, 3, 8], [5, 7, 6], [9, 2, 3], [8, 0, 4]]) {
    const a = pattern(rows * depth, 1), b = pattern(depth * columns, 2), c = pattern(rows * columns, 3);
    const flip = (matrix, height, width) => Float64Array.from(matrix, (_, i) => matrix[(i % height) * width + Math.floor(i / height)]);
    const expected = Float64Array.from({ length: rows * columns }, (_, i) => {
      const [row, column] = [Math.floor(i / columns), i % columns];
      return Array.from({ length: depth }, (empty, p) => a[row * depth + p] * b[p * columns + column]).reduce((x, y) => x + y, 0);
    });
    const got = new Float64Array(rows * columns).fill(random.uniform());
    multiply(got, a, b, [rows, depth, columns], [depth, 1], [columns, 1]);
    close(got, expected, 1e-12, "product");
    multiply(got, flip(a, rows, depth), flip(b, depth, columns), [rows, depth, columns], [1, rows], [1, depth]);
    close(got, expected, 1e-12, "transposed product");
    const sum = Float64Array.from(c);
    multiply(sum, a, b, [rows, depth, columns], [depth, 1], [columns, 1], true);
    close(sum, expected.map((value, i) => value + c[i]), 1e-12, "added product");
  }
});

test("the digits are whole, of all classes, with a black border", () => {
  assert.equal(digits.count, 1797);
  assert.equal(digits.train, 1437);
  for (const [from, to] of [[0, digits.train], [digits.train, digits.count]]) {
    assert.equal(new Set(digits.labels.subarray(from, to)).size, 10);
  }
  const size = SIDE_BORDERED * SIDE_BORDERED;
  for (let n = 0; n < digits.count; n++) {
    const image = digits.images.subarray(n * size, (n + 1) * size);
    assert.ok(Math.max(...image) > 0.7 && Math.min(...image) === 0);
    for (let i = 0; i < SIDE_BORDERED; i++) {
      assert.equal(image[i] + image[size - 1 - i] + image[i * SIDE_BORDERED] + image[(i + 1) * SIDE_BORDERED - 1], 0);
    }
  }
});

test("an upright digit of full size lies in the middle, and a quarter rotation is exact and counter-clockwise", () => {
  const size = SIDE_BORDERED;
  const target = new Float64Array(2 * SIDE * SIDE);
  placeDigit(digits, 7, { angle: 0, size: 1, right: 0, down: 0 }, target, 0);
  placeDigit(digits, 7, { angle: Math.PI / 2, size: 1, right: 2, down: -3 }, target, 1);
  for (let row = 0; row < 20; row++) {
    for (let column = 0; column < 20; column++) {
      const value = target[(row + 4) * SIDE + column + 4];
      assert.ok(Math.abs(value - digits.images[7 * size * size + (row + 1) * size + column + 1]) < 1e-6);
      const rotated = target[SIDE * SIDE + (23 - column - 3) * SIDE + row + 4 + 2];
      assert.ok(Math.abs(rotated - value) < 1e-5);
    }
  }
});

test("a transformer's matrix that undoes a pose shows the digit upright", () => {
  const images = new Float64Array(2 * SIDE * SIDE);
  const angle = 0.6, size = 0.8, right = 3, down = -2;
  placeDigit(digits, 3, { angle: 0, size: 1, right: 0, down: 0 }, images, 0);
  placeDigit(digits, 3, { angle, size, right, down }, images, 1);
  const [cos, sin] = [size * Math.cos(angle), size * Math.sin(angle)];
  const matrix = Float64Array.from([cos, sin, right / 14, -sin, cos, down / 14]);
  const out = new Float64Array(SIDE * SIDE);
  resample(images.subarray(SIDE * SIDE), matrix, 1, SIDE, out);
  const upright = images.subarray(0, SIDE * SIDE);
  const distance = (other) => Math.hypot(...out.map((value, i) => value - other[i])) / Math.hypot(...upright);
  assert.ok(distance(upright) < 0.15, `${distance(upright)}`);
  assert.ok(distance(images.subarray(SIDE * SIDE)) > 0.8);
});

test("the same seed draws the same batch, another seed another", () => {
  const draw = (seed) => {
    const batch = makeBatch(MOST);
    drawBatch(batch, digits, makeRandom(seed), WORLD);
    return batch;
  };
  assert.deepEqual(draw(4), draw(4));
  assert.notDeepEqual(draw(4).images, draw(5).images);
});

test("the test set holds each test digit once", () => {
  const batch = testBatch(digits, makeRandom(1), WORLD);
  assert.deepEqual(Array.from(batch.labels), Array.from(digits.labels.subarray(digits.train)));
});
