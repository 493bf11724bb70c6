// The networks of the laboratory, their loss, and Adam.

import { POOLED } from "./world.js";
import { Dense, Relu, Convolution, MaxPool, MOST } from "./layers.js";
import { Transformer } from "./transformer.js";

export const CLASSES = 10;
const INPUTS = POOLED * POOLED;

// Networks without a transformer, by name: what stands between the 14x14 image and ten logits.
export const RIVALS = {
  linear: () => [new Dense(INPUTS, CLASSES, { first: true })],
  dense: () => [new Dense(INPUTS, 72, { first: true }), new Relu(72), new Dense(72, CLASSES)],
  convolution: () => [
    new Convolution(POOLED, 5, 16), new Relu(1600), new MaxPool(10, 16),
    new Dense(400, 32), new Relu(32), new Dense(32, CLASSES),
  ],
};

// A chain of layers that reads a batch's small images; or its full images, where it begins with a transformer.
class Network {
  constructor(layers) {
    this.layers = layers;
    this.transformer = layers[0] instanceof Transformer ? layers[0] : null;
    this.parameters = layers.flatMap((layer) => layer.parameters);
    this.gradient = new Float64Array(MOST * CLASSES);
  }

  get size() {
    return this.parameters.reduce((sum, { value }) => sum + value.length, 0);
  }

  forward({ images, small, count }) {
    return this.layers.reduce((x, layer) => layer.forward(x, count), this.transformer ? images : small);
  }

  // Loss and gradients of a batch; returns the mean loss.
  learn(batch) {
    const { loss } = crossEntropy(this.forward(batch), batch.labels, batch.count, this.gradient);
    this.layers.reduceRight((gradient, layer) => layer.backward(gradient, batch.count), this.gradient);
    return loss;
  }
}

export function makeRival(name, random) {
  const layers = RIVALS[name]();
  for (const layer of layers) layer.start?.(random);
  return new Network(layers);
}

export function makeTransformerNetwork({ transform, nearest, headRate, start }, random) {
  const transformer = new Transformer({ transform, nearest, headRate }).start(random, start === "identity");
  return new Network([transformer, new Dense(INPUTS, CLASSES).start(random)]);
}

// Mean cross-entropy of the softmax, its gradient by the logits, and how many are right.
export function crossEntropy(logits, labels, count, gradient) {
  let loss = 0, right = 0;
  for (let n = 0; n < count; n++) {
    const row = logits.subarray(n * CLASSES, (n + 1) * CLASSES);
    const most = Math.max(...row);
    let sum = 0;
    for (const value of row) sum += Math.exp(value - most);
    const label = labels[n];
    loss -= row[label] - most - Math.log(sum);
    if (row[label] === most) right += 1;
    for (let k = 0; k < CLASSES; k++) gradient[n * CLASSES + k] = (Math.exp(row[k] - most) / sum - (k === label)) / count;
  }
  return { loss: loss / count, right };
}

const DECAY_MEAN = 0.9, DECAY_SQUARE = 0.999, EPSILON = 1e-7;

// Adam, as Keras has it.
export class Adam {
  constructor(parameters) {
    this.steps = 0;
    this.states = parameters.map((parameter) => ({
      parameter,
      mean: new Float64Array(parameter.value.length),
      square: new Float64Array(parameter.value.length),
    }));
  }

  step(rate) {
    this.steps += 1;
    const scale = (rate * Math.sqrt(1 - DECAY_SQUARE ** this.steps)) / (1 - DECAY_MEAN ** this.steps);
    for (const { parameter, mean, square } of this.states) update(parameter, mean, square, scale * parameter.rate);
  }
}

function update({ value, gradient }, mean, square, scale) {
  for (let i = 0; i < value.length; i++) {
    const slope = gradient[i];
    mean[i] += (slope - mean[i]) * (1 - DECAY_MEAN);
    square[i] += (slope * slope - square[i]) * (1 - DECAY_SQUARE);
    value[i] -= (scale * mean[i]) / (Math.sqrt(square[i]) + EPSILON);
  }
}
