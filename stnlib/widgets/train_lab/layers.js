// Layers with gradients by hand. Each has forward(x, count), which returns its own buffer, backward(gradient, count),
// which fills the gradients of its parameters and returns that of x, and a list of parameters.

import { multiply } from "./products.js";

export const MOST = 32; // the largest batch that a layer takes at once

// Values and gradient of one parameter; `rate` multiplies the learning rate.
function makeParameter(length, rate = 1) {
  return { value: new Float64Array(length), gradient: new Float64Array(length), rate };
}

// Glorot's uniform distribution, as Keras starts a kernel.
function glorot(values, inputs, outputs, random) {
  const limit = Math.sqrt(6 / (inputs + outputs));
  for (let i = 0; i < values.length; i++) values[i] = random.between(-limit, limit);
}

export class Dense {
  constructor(inputs, outputs, { rate = 1, first = false } = {}) {
    Object.assign(this, { inputs, outputs, first });
    this.kernel = makeParameter(inputs * outputs, rate);
    this.bias = makeParameter(outputs, rate);
    this.parameters = [this.kernel, this.bias];
    this.out = new Float64Array(MOST * outputs);
    this.back = new Float64Array(first ? 0 : MOST * inputs);
  }

  start(random) {
    glorot(this.kernel.value, this.inputs, this.outputs, random);
    return this;
  }

  forward(x, count) {
    const { inputs, outputs, out } = this;
    this.x = x;
    for (let n = 0; n < count; n++) out.set(this.bias.value, n * outputs);
    multiply(out, x, this.kernel.value, [count, inputs, outputs], [inputs, 1], [outputs, 1], true);
    return out;
  }

  backward(gradient, count) {
    const { inputs, outputs } = this;
    multiply(this.kernel.gradient, this.x, gradient, [inputs, count, outputs], [1, inputs], [outputs, 1]);
    this.bias.gradient.fill(0);
    for (let n = 0, at = 0; n < count; n++) {
      for (let j = 0; j < outputs; j++, at++) this.bias.gradient[j] += gradient[at];
    }
    if (this.first) return null;
    multiply(this.back, gradient, this.kernel.value, [count, outputs, inputs], [outputs, 1], [1, outputs]);
    return this.back;
  }
}

export class Relu {
  constructor(size) {
    this.size = size;
    this.parameters = [];
    this.out = new Float64Array(MOST * size);
  }

  forward(x, count) {
    for (let i = 0; i < count * this.size; i++) this.out[i] = x[i] > 0 ? x[i] : 0;
    return this.out;
  }

  backward(gradient, count) {
    for (let i = 0; i < count * this.size; i++) if (this.out[i] === 0) gradient[i] = 0;
    return gradient;
  }
}

// A convolution without padding over square images of one channel, the first layer of its network.
export class Convolution {
  constructor(side, kernel, channels) {
    Object.assign(this, { side, size: kernel, channels, reach: side - kernel + 1 });
    this.kernel = makeParameter(kernel * kernel * channels);
    this.bias = makeParameter(channels);
    this.parameters = [this.kernel, this.bias];
    const places = this.reach * this.reach;
    this.patches = new Float64Array(MOST * places * kernel * kernel);
    this.out = new Float64Array(MOST * places * channels);
  }

  start(random) {
    glorot(this.kernel.value, this.size ** 2, this.size ** 2 * this.channels, random);
    return this;
  }

  forward(x, count) {
    const { side, size, reach, channels, patches, out } = this;
    for (let n = 0, to = 0; n < count; n++) {
      for (let row = 0; row < reach; row++) {
        for (let column = 0; column < reach; column++) {
          for (let dy = 0; dy < size; dy++) {
            const at = n * side * side + (row + dy) * side + column;
            for (let dx = 0; dx < size; dx++) patches[to++] = x[at + dx];
          }
        }
      }
    }
    const places = count * reach * reach;
    for (let p = 0; p < places; p++) out.set(this.bias.value, p * channels);
    multiply(out, patches, this.kernel.value, [places, size * size, channels], [size * size, 1], [channels, 1], true);
    return out;
  }

  backward(gradient, count) {
    const { size, reach, channels } = this;
    const places = count * reach * reach;
    multiply(this.kernel.gradient, this.patches, gradient, [size * size, places, channels], [1, size * size], [channels, 1]);
    this.bias.gradient.fill(0);
    for (let p = 0, at = 0; p < places; p++) {
      for (let j = 0; j < channels; j++, at++) this.bias.gradient[j] += gradient[at];
    }
    return null;
  }
}

// The largest of 2x2 neighbours, channels last.
export class MaxPool {
  constructor(side, channels) {
    Object.assign(this, { side, channels, half: side / 2, parameters: [] });
    this.out = new Float64Array(MOST * this.half * this.half * channels);
    this.source = new Int32Array(this.out.length);
    this.back = new Float64Array(MOST * side * side * channels);
  }

  forward(x, count) {
    const { side, channels, half } = this;
    for (let n = 0, to = 0; n < count; n++) {
      for (let row = 0; row < half; row++) {
        for (let column = 0; column < half; column++) {
          for (let channel = 0; channel < channels; channel++, to++) {
            const at = (n * side * side + 2 * row * side + 2 * column) * channels + channel;
            let best = at;
            for (const other of [at + channels, at + side * channels, at + (side + 1) * channels]) {
              if (x[other] > x[best]) best = other;
            }
            this.out[to] = x[best];
            this.source[to] = best;
          }
        }
      }
    }
    return this.out;
  }

  backward(gradient, count) {
    const { back, source } = this;
    back.fill(0, 0, count * this.side * this.side * this.channels);
    for (let i = 0; i < count * this.half * this.half * this.channels; i++) back[source[i]] += gradient[i];
    return back;
  }
}
