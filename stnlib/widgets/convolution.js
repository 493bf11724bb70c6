// Edge filters, convolution, ReLU and max-pooling on one small image.

const SMOOTH = [1, 2, 1];
const DIFFERENCE = [-1, 0, 1];

// Sobel's operator (Sobel and Feldman 1968) in four directions, each answering to one kind of edge.
export const FILTERS = {
  left: outer(SMOOTH, DIFFERENCE, 0.25),
  right: outer(SMOOTH, DIFFERENCE, -0.25),
  top: outer(DIFFERENCE, SMOOTH, 0.25),
  bottom: outer(DIFFERENCE, SMOOTH, -0.25),
};

function outer(column, row, scale) {
  return column.flatMap((a) => row.map((b) => scale * a * b));
}

// A "valid" 3x3 convolution (correlation, as in Keras) of the first channel, then ReLU.
export function edges({ data, width, height, channels }, kernel) {
  const out = { data: new Float32Array((width - 2) * (height - 2)), width: width - 2, height: height - 2, channels: 1 };
  const offsets = kernel.map((_, k) => (Math.floor(k / 3) * width + (k % 3)) * channels);
  for (let row = 0; row < out.height; row++) {
    for (let column = 0; column < out.width; column++) {
      const from = (row * width + column) * channels;
      let sum = 0;
      for (let k = 0; k < 9; k++) sum += kernel[k] * data[from + offsets[k]];
      out.data[row * out.width + column] = Math.max(0, sum);
    }
  }
  return out;
}

function largest(data, width, top, left, size) {
  let found = 0; // behind a ReLU nothing is below
  for (let row = top; row < top + size; row++) {
    for (let column = left; column < left + size; column++) {
      const v = data[row * width + column];
      if (v > found) found = v;
    }
  }
  return found;
}

// The largest of each size x size block; rest rows and columns are dropped, as in Keras.
export function maxPool({ data, width, height }, size) {
  const [w, h] = [Math.floor(width / size), Math.floor(height / size)];
  const out = { data: new Float32Array(w * h), width: w, height: h, channels: 1 };
  for (let row = 0; row < h; row++) {
    for (let column = 0; column < w; column++) {
      out.data[row * w + column] = largest(data, width, row * size, column * size, size);
    }
  }
  return out;
}

export const QUIET = 0.1;
export const TOLERANCE = 0.2;

export function peakOf({ data }) {
  let peak = 1e-9;
  for (const v of data) if (v > peak) peak = v;
  return peak;
}

// A cell that is low before and after is "quiet"; else it "stays" or "changes", judged by the larger of the two.
export function verdict(old, now, peak) {
  const larger = Math.max(old, now);
  if (larger < QUIET * peak) return "quiet";
  return Math.abs(old - now) <= TOLERANCE * larger ? "stays" : "changes";
}

// The share of the cells that speak, before or after, that stay; over all maps of a layer.
export function shareKept(before, after) {
  let [kept, active] = [0, 0];
  before.forEach((map, i) => {
    const peak = peakOf(map);
    for (let cell = 0; cell < map.data.length; cell++) {
      const word = verdict(map.data[cell], after[i].data[cell], peak);
      if (word !== "quiet") active += 1;
      if (word === "stays") kept += 1;
    }
  });
  return active ? kept / active : 1;
}
