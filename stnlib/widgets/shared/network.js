// Networks in plain JavaScript: convolution, pooling, dense layers, and the affine transformer with its sampler.
//
// A map is {data, height, width, channels}, as an image is. Layers and weights come from `reader/networks.py`.

import { affineGrid, gridSample } from "./sampling.js";

// The half-precision number with these 16 bits (IEEE 754), subnormal ones included.
function fromHalf(bits) {
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  const size = exponent ? (1 + fraction / 1024) * 2 ** (exponent - 15) : fraction * 2 ** -24;
  return bits & 0x8000 ? -size : size;
}

// A packed network, ready to run: each layer with its kernel and bias.
export function unpackNetwork({ layers, weights }) {
  const text = atob(weights);
  const values = Float32Array.from({ length: text.length / 2 }, (_, i) =>
    fromHalf(text.charCodeAt(2 * i) | (text.charCodeAt(2 * i + 1) << 8)));
  let at = 0;
  const take = (count) => values.subarray(at, (at += count));
  const fill = (listed) => listed.map((layer) => {
    if (layer.layers) return { ...layer, layers: fill(layer.layers) };
    if (!layer.shape) return layer;
    const kernel = take(layer.shape.reduce((product, side) => product * side, 1));
    return { ...layer, kernel, bias: take(layer.shape.at(-1)) };
  });
  return fill(layers);
}

// What a network makes of an image: {logits}, and where it has a transformer also {theta, view}.
export function runNetwork(layers, image) {
  const seen = {};
  let map = single(image);
  for (const layer of layers) {
    if (layer.kind === "transformer") {
      seen.theta = Array.from(runNetwork(layer.layers, map).logits);
      seen.view = lookThrough(seen.theta, map);
      map = single(seen.view);
    } else {
      map = STEPS[layer.kind](map, layer);
    }
  }
  return { ...seen, logits: map.data };
}

// The same map in single precision: loops that meet one kind of array only are compiled once, and stay fast.
function single(map) {
  return map.data instanceof Float32Array ? map : { ...map, data: Float32Array.from(map.data) };
}

function lookThrough(theta, image) {
  return { ...image, data: gridSample(image, affineGrid(theta, [image.height, image.width], false)) };
}

// Probabilities from logits.
export function softmax(logits) {
  const largest = Math.max(...logits);
  const powers = Array.from(logits, (logit) => Math.exp(logit - largest));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

const STEPS = { conv: convolve, pool: (map) => maxPool(map, 2), mean: (map) => meanPool(map, 2), dense: connect };

function rectify(data) {
  for (let i = 0; i < data.length; i++) if (data[i] < 0) data[i] = 0;
}

// A convolution without padding, kernel (rows, columns, channels, filters). Zeros, most of a digit's picture, cost nothing.
export function convolve(map, { shape: [rows, columns, , filters], kernel, bias, relu }) {
  const { data: input, width, channels } = map;
  const [high, wide] = [map.height - rows + 1, width - columns + 1];
  const data = new Float32Array(high * wide * filters);
  for (let y = 0, to = 0; y < high; y++) {
    for (let x = 0; x < wide; x++, to += filters) {
      data.set(bias, to);
      for (let i = 0, from = 0; i < rows; i++) {
        const start = ((y + i) * width + x) * channels;
        for (let k = 0; k < columns * channels; k++, from += filters) {
          const value = input[start + k];
          if (value === 0) continue;
          for (let f = 0; f < filters; f++) data[to + f] += value * kernel[from + f];
        }
      }
    }
  }
  if (relu) rectify(data);
  return { data, height: high, width: wide, channels: filters };
}

// The largest of each size x size block; rest rows and columns are dropped, as in Keras.
export function maxPool(map, size) {
  return pool(map, size, (largest, value) => (value > largest ? value : largest), -Infinity, 1);
}

// The mean of each size x size block, likewise.
export function meanPool(map, size) {
  return pool(map, size, (sum, value) => sum + value, 0, 1 / (size * size));
}

function pool({ data, height, width, channels }, size, join, start, factor) {
  const [high, wide] = [Math.floor(height / size), Math.floor(width / size)];
  const out = new Float32Array(high * wide * channels);
  for (let y = 0, to = 0; y < high; y++) {
    for (let x = 0; x < wide; x++) {
      for (let c = 0; c < channels; c++, to++) {
        let joined = start;
        for (let i = 0; i < size; i++) {
          const row = ((y * size + i) * width + x * size) * channels + c;
          for (let j = 0; j < size; j++) joined = join(joined, data[row + j * channels]);
        }
        out[to] = joined * factor;
      }
    }
  }
  return { data: out, height: high, width: wide, channels };
}

function connect({ data: input }, { shape: [inputs, units], kernel, bias, relu }) {
  const data = Float32Array.from(bias);
  for (let i = 0; i < inputs; i++) {
    const value = input[i];
    if (value === 0) continue;
    for (let u = 0, from = i * units; u < units; u++, from++) data[u] += value * kernel[from];
  }
  if (relu) rectify(data);
  return { data, height: 1, width: 1, channels: units };
}
