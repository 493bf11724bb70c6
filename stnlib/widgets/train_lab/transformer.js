// The spatial transformer: localization network, theta, grid, sampler, with the gradient of theta by hand.

import { SIDE, POOLED, halve } from "./world.js";
import { Dense, Relu, MOST } from "./layers.js";

const PIXELS = SIDE * SIDE;
const HIDDEN = 64;

// What theta's numbers are for each transform, where they start, the 2x3 matrix that they make,
// and how the matrix's gradient becomes theirs. Names and order are stnlib's.
export const TRANSFORMS = {
  rigid: {
    identity: [0, 0, 0],
    matrix([angle, tx, ty]) {
      const cos = Math.cos(angle), sin = Math.sin(angle);
      return [cos, -sin, tx, sin, cos, ty];
    },
    pull([angle], [a, b, tx, c, d, ty]) {
      const cos = Math.cos(angle), sin = Math.sin(angle);
      return [-sin * (a + d) + cos * (c - b), tx, ty];
    },
  },
  similarity: {
    identity: [1, 0, 0, 0],
    matrix([s, angle, tx, ty]) {
      const cos = s * Math.cos(angle), sin = s * Math.sin(angle);
      return [cos, -sin, tx, sin, cos, ty];
    },
    pull([s, angle], [a, b, tx, c, d, ty]) {
      const cos = Math.cos(angle), sin = Math.sin(angle);
      return [cos * (a + d) + sin * (c - b), s * (-sin * (a + d) + cos * (c - b)), tx, ty];
    },
  },
  affine: {
    identity: [1, 0, 0, 0, 1, 0],
    matrix: (theta) => [...theta],
    pull: (theta, gradient) => [...gradient],
  },
};

// Resample `count` images where their matrices say, to `side` x `side` pixels, zeros outside (align_corners=False).
// `slopes`, where given, receives for each output pixel the derivative by the sampling point's x and y, in [-1, 1].
export function resample(images, matrices, count, side, out, { nearest = false, slopes = null } = {}) {
  for (let n = 0, to = 0; n < count; n++) {
    const [a, b, tx, c, d, ty] = matrices.subarray(6 * n, 6 * n + 6);
    for (let row = 0; row < side; row++) {
      const v = (2 * row + 1) / side - 1;
      for (let column = 0; column < side; column++, to++) {
        const u = (2 * column + 1) / side - 1;
        const x = ((a * u + b * v + tx + 1) * SIDE - 1) / 2;
        const y = ((c * u + d * v + ty + 1) * SIDE - 1) / 2;
        if (nearest) readNearest(images, n * PIXELS, x, y, out, to);
        else readBilinear(images, n * PIXELS, x, y, out, to, slopes);
      }
    }
  }
}

function readNearest(images, start, x, y, out, to) {
  const column = Math.round(x), row = Math.round(y);
  const inside = column >= 0 && column < SIDE && row >= 0 && row < SIDE;
  out[to] = inside ? images[start + row * SIDE + column] : 0;
}

function readBilinear(images, start, x, y, out, to, slopes) {
  if (!(x > -1 && x < SIDE && y > -1 && y < SIDE)) {
    out[to] = 0;
    if (slopes) slopes[2 * to] = slopes[2 * to + 1] = 0;
    return;
  }
  const left = Math.floor(x), top = Math.floor(y);
  const u = x - left, v = y - top;
  const at = start + top * SIDE + left;
  const west = left >= 0, east = left < SIDE - 1, north = top >= 0, south = top < SIDE - 1;
  const nw = north && west ? images[at] : 0, ne = north && east ? images[at + 1] : 0;
  const sw = south && west ? images[at + SIDE] : 0, se = south && east ? images[at + SIDE + 1] : 0;
  const above = nw + u * (ne - nw), below = sw + u * (se - sw);
  out[to] = above + v * (below - above);
  if (!slopes) return;
  slopes[2 * to] = ((ne - nw) * (1 - v) + (se - sw) * v) * (SIDE / 2);
  slopes[2 * to + 1] = (below - above) * (SIDE / 2);
}

// Images of SIDE x SIDE to POOLED x POOLED, where a small network says; forward() takes a batch of images.
export class Transformer {
  constructor({ transform = "affine", nearest = false, headRate = 1 } = {}) {
    this.transform = TRANSFORMS[transform];
    this.nearest = nearest;
    this.length = this.transform.identity.length;
    this.hidden = new Dense(POOLED * POOLED, HIDDEN, { first: true });
    this.relu = new Relu(HIDDEN);
    this.head = new Dense(HIDDEN, this.length, { rate: headRate });
    this.parameters = [this.hidden, this.head].flatMap((layer) => layer.parameters);
    this.matrices = new Float64Array(6 * MOST);
    this.out = new Float64Array(MOST * POOLED * POOLED);
    this.slopes = new Float64Array(2 * this.out.length);
    this.pull = new Float64Array(MOST * this.length);
    this.small = new Float64Array(MOST * POOLED * POOLED);
  }

  // The head starts at the identity, or where Keras starts any dense layer.
  start(random, atIdentity = true) {
    this.hidden.start(random);
    if (atIdentity) this.head.bias.value.set(this.transform.identity);
    else this.head.start(random);
    return this;
  }

  // Theta of `count` images, and their matrices in this.matrices.
  locate(images, count) {
    const features = this.relu.forward(this.hidden.forward(halve(images, count, this.small), count), count);
    this.theta = this.head.forward(features, count);
    for (let n = 0; n < count; n++) this.matrices.set(this.transform.matrix(this.thetaOf(n)), 6 * n);
    return this.theta;
  }

  thetaOf(n) {
    return this.theta.subarray(n * this.length, (n + 1) * this.length);
  }

  forward(images, count) {
    this.locate(images, count);
    const { nearest, slopes } = this;
    resample(images, this.matrices, count, POOLED, this.out, { nearest, slopes });
    return this.out;
  }

  backward(gradient, count) {
    for (let n = 0; n < count; n++) {
      const pull = this.nearest ? new Float64Array(this.length) : this.transform.pull(this.thetaOf(n), this.pullOnMatrix(gradient, n));
      this.pull.set(pull, n * this.length);
    }
    this.hidden.backward(this.relu.backward(this.head.backward(this.pull, count), count), count);
    return null;
  }

  // The gradient of image n's matrix: the pull on every sampling point, summed with the point's coordinates.
  pullOnMatrix(gradient, n) {
    const sums = new Float64Array(6);
    for (let row = 0, at = n * POOLED * POOLED; row < POOLED; row++) {
      const v = (2 * row + 1) / POOLED - 1;
      for (let column = 0; column < POOLED; column++, at++) {
        const u = (2 * column + 1) / POOLED - 1;
        const x = gradient[at] * this.slopes[2 * at], y = gradient[at] * this.slopes[2 * at + 1];
        sums[0] += x * u; sums[1] += x * v; sums[2] += x;
        sums[3] += y * u; sums[4] += y * v; sums[5] += y;
      }
    }
    return sums;
  }
}
