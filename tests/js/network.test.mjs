// The layers that the page runs, on maps small enough to check by hand.

import assert from "node:assert/strict";
import { test } from "node:test";

import { convolve, maxPool, meanPool, runNetwork, softmax, unpackNetwork } from "../../stnlib/widgets/shared/network.js";

const map = (rows) => ({ data: Float32Array.from(rows.flat()), height: rows.length, width: rows[0].length, channels: 1 });

test("a convolution slides its kernel over the map without padding", () => {
  const layer = { shape: [2, 2, 1, 1], kernel: Float32Array.of(1, 0, 0, -1), bias: Float32Array.of(0.5), relu: false };
  const out = convolve(map([[1, 2, 3], [4, 5, 6], [7, 8, 10]]), layer);
  assert.deepEqual([out.height, out.width, ...out.data], [2, 2, -3.5, -3.5, -3.5, -4.5]);
  assert.deepEqual([...convolve(map([[1, 2], [3, 4]]), { ...layer, relu: true }).data], [0]);
});

test("max-pooling keeps the largest of each block and drops the rest", () => {
  const out = maxPool(map([[1, 5, 9], [-2, 0, 9], [9, 9, 9]]), 2);
  assert.deepEqual([out.height, out.width, ...out.data], [1, 1, 5]);
  assert.deepEqual([...maxPool(map([[-3, -1], [-2, -4]]), 2).data], [-1]);
  const two = { data: Float32Array.of(1, -1, 2, -2, 3, -3, 4, -4), height: 2, width: 2, channels: 2 };
  assert.deepEqual([...maxPool(two, 2).data], [4, -1]);
});

test("mean-pooling averages each block and drops the rest", () => {
  const out = meanPool(map([[1, 5, 9], [-2, 0, 9], [9, 9, 9]]), 2);
  assert.deepEqual([out.height, out.width, ...out.data], [1, 1, 1]);
  const two = { data: Float32Array.of(1, -1, 2, -2, 3, -3, 4, -4), height: 2, width: 2, channels: 2 };
  assert.deepEqual([...meanPool(two, 2).data], [2.5, -2.5]);
});

test("half-precision weights are read, subnormal and negative ones too", () => {
  const bits = [0x3c00, 0xc000, 0x0001, 0x0000];
  const text = String.fromCharCode(...bits.flatMap((b) => [b & 255, b >> 8]));
  const [layer] = unpackNetwork({ layers: [{ kind: "dense", shape: [1, 2], relu: false }], weights: btoa(text) });
  assert.deepEqual([...layer.kernel, ...layer.bias], [1, -2, 2 ** -24, 0]);
});

test("a transformer at the identity shows its input and hands it on", () => {
  const head = { kind: "dense", shape: [4, 6], kernel: new Float32Array(24), bias: Float32Array.of(1, 0, 0, 0, 1, 0), relu: false };
  const dense = { kind: "dense", shape: [4, 2], kernel: Float32Array.of(1, 0, 0, 1, 1, 0, 0, 1), bias: new Float32Array(2), relu: false };
  const { theta, view, logits } = runNetwork([{ kind: "transformer", layers: [head] }, dense], map([[1, 2], [3, 4]]));
  assert.deepEqual(theta, [1, 0, 0, 0, 1, 0]);
  assert.deepEqual([...view.data], [1, 2, 3, 4]);
  assert.deepEqual([...logits], [4, 6]);
});

test("softmax sums to one and stands large logits", () => {
  const shares = softmax([1000, 1000 + Math.log(3)]);
  assert.ok(Math.abs(shares[0] - 0.25) < 1e-9 && Math.abs(shares[1] - 0.75) < 1e-9);
});
