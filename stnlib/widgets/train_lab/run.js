// One training run: a transformer with a linear classifier beside a rival without it, on the same batches.

import { makeRandom } from "./random.js";
import { TOTAL } from "./settings.js";
import { SIDE, POOLED, drawBatch, makeBatch, testBatch } from "./world.js";
import { MOST } from "./layers.js";
import { resample } from "./transformer.js";
import { Adam, CLASSES, crossEntropy, makeRival, makeTransformerNetwork } from "./network.js";

const RATE = 8e-3;
const PHASES = [[0.6, 1], [0.85, 0.4], [Infinity, 0.15]]; // up to which share of the run, and the rate's factor there
const GROWTH = 0.5; // a growing range is whole after this share of the run
const TEST_SEED = 2015;
const SMOOTH = 0.05;
const WATCHED = [0, 2, 3, 4, 5, 7]; // the classes of the digits that are shown
const PIXELS = SIDE * SIDE;
const FLAT = 0.1; // an output with less between its darkest and brightest pixel shows nothing
const BLIND = 0.8; // a run has collapsed when at least this share of its outputs shows nothing

export class Run {
  constructor(digits, settings, seed) {
    const random = makeRandom(seed);
    const { transform, sampler, start, headRate, rotation, lean, rival } = settings;
    Object.assign(this, { digits, settings, seed, random, step: 0 });
    this.world = { range: rotation, lean };
    this.networks = [
      makeTransformerNetwork({ transform, nearest: sampler === "nearest", headRate, start }, random),
      makeRival(rival, random),
    ];
    this.adams = this.networks.map(({ parameters }) => new Adam(parameters));
    this.losses = this.networks.map(() => Math.log(CLASSES));
    this.batch = makeBatch(MOST);
    this.test = testBatch(digits, makeRandom(TEST_SEED), this.world);
    this.watched = WATCHED.map((label) => this.test.labels.indexOf(label));
  }

  get images() {
    return this.step * MOST;
  }

  get done() {
    return this.step >= TOTAL;
  }

  // How far digits are rotated now.
  get range() {
    const { rotation, growing } = this.settings;
    return growing ? rotation * Math.min(1, this.step / (GROWTH * TOTAL)) : rotation;
  }

  advance() {
    const share = this.step / TOTAL;
    const [, factor] = PHASES.find(([end]) => share < end);
    drawBatch(this.batch, this.digits, this.random, { ...this.world, range: this.range });
    this.networks.forEach((network, i) => {
      const loss = network.learn(this.batch);
      this.losses[i] += SMOOTH * (loss - this.losses[i]);
      this.adams[i].step(RATE * factor);
    });
    this.step += 1;
  }

  // What does not change during a run: the inputs that are shown, and the mean input of each class.
  scene() {
    const inputs = new Uint8Array(this.watched.length * PIXELS);
    this.watched.forEach((at, i) => write(inputs, i, this.test.images, at));
    const means = new Means();
    this.test.labels.forEach((label, n) => means.add(label, this.test.images, n));
    return {
      inputs, labels: this.watched.map((at) => this.test.labels[at]), sizes: this.networks.map(({ size }) => size),
      meanInputs: means.bytes(), agreementInputs: means.agreement(),
    };
  }

  // The state of the run, measured on the whole test set.
  moment() {
    const [transformed, rival] = this.networks;
    const { transformer } = transformed;
    const means = new Means();
    const outputs = new Float64Array(MOST * PIXELS);
    const seen = new Uint8Array(this.watched.length * PIXELS);
    const thetas = [], predictions = [];
    const right = [0, 0];
    let flat = 0, black = 0;
    for (const { start, batch } of parts(this.test)) {
      right[1] += crossEntropy(rival.forward(batch), batch.labels, batch.count, rival.gradient).right;
      const logits = transformed.forward(batch);
      right[0] += crossEntropy(logits, batch.labels, batch.count, transformed.gradient).right;
      resample(batch.images, transformer.matrices, batch.count, SIDE, outputs, { nearest: transformer.nearest });
      for (let n = 0; n < batch.count; n++) {
        means.add(batch.labels[n], outputs, n);
        const [low, high] = extent(outputs, n);
        if (high - low < FLAT) flat += 1;
        if (high < FLAT) black += 1;
        const place = this.watched.indexOf(start + n);
        if (place < 0) continue;
        write(seen, place, outputs, n);
        thetas[place] = Array.from(transformer.matrices.subarray(6 * n, 6 * n + 6));
        predictions[place] = largest(logits, n);
      }
    }
    const { count } = this.test;
    return {
      step: this.step, images: this.images, range: this.range, accuracy: right.map((number) => number / count), losses: [...this.losses],
      meanOutputs: means.bytes(), agreement: means.agreement(), seen, thetas, predictions, blind: flat / count, dark: black > flat / 2,
    };
  }
}

// A moment in which the classifier is shown nothing.
export function hasCollapsed({ blind, step }) {
  return step > 0 && blind >= BLIND;
}

// A batch in parts that the layers can take.
function* parts({ images, small, labels, count }) {
  for (let start = 0; start < count; start += MOST) {
    const size = Math.min(MOST, count - start);
    yield { start, batch: {
      count: size, images: images.subarray(start * PIXELS), small: small.subarray(start * POOLED * POOLED), labels: labels.subarray(start),
    } };
  }
}

class Means {
  constructor() {
    this.sums = new Float64Array(CLASSES * PIXELS);
    this.counts = new Array(CLASSES).fill(0);
    this.energies = new Array(CLASSES).fill(0);
  }

  add(label, images, n) {
    this.counts[label] += 1;
    for (let p = 0, to = label * PIXELS, from = n * PIXELS; p < PIXELS; p++) {
      this.sums[to + p] += images[from + p];
      this.energies[label] += images[from + p] ** 2;
    }
  }

  // How alike the images of each class are: the energy of their mean in that of the images, 1 where all are the same.
  agreement() {
    return this.counts.map((count, label) => {
      const sums = this.sums.subarray(label * PIXELS, (label + 1) * PIXELS);
      return sums.reduce((sum, value) => sum + value * value, 0) / Math.max(count * this.energies[label], 1e-9);
    });
  }

  // As bytes, and as bright in each class as its brightest pixel allows, for means of many poses are dim.
  bytes() {
    const bytes = new Uint8Array(this.sums.length);
    this.counts.forEach((count, label) => {
      const sums = this.sums.subarray(label * PIXELS, (label + 1) * PIXELS);
      const brightest = Math.max(...sums, FLAT * count);
      for (let p = 0; p < PIXELS; p++) bytes[label * PIXELS + p] = Math.round((255 * sums[p]) / brightest);
    });
    return bytes;
  }
}

function write(bytes, slot, images, n) {
  for (let p = 0; p < PIXELS; p++) bytes[slot * PIXELS + p] = Math.round(255 * images[n * PIXELS + p]);
}

function extent(images, n) {
  let low = Infinity, high = -Infinity;
  for (let p = n * PIXELS; p < (n + 1) * PIXELS; p++) {
    low = Math.min(low, images[p]);
    high = Math.max(high, images[p]);
  }
  return [low, high];
}

function largest(logits, n) {
  const row = logits.subarray(n * CLASSES, (n + 1) * CLASSES);
  return row.indexOf(Math.max(...row));
}
