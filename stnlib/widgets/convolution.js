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
  for (let row = 0; row < out.height; row++) {
    for (let column = 0; column < out.width; column++) {
      let sum = 0;
      for (let k = 0; k < 9; k++) {
        const from = (row + Math.floor(k / 3)) * width + column + (k % 3);
        sum += kernel[k] * data[from * channels];
      }
      out.data[row * out.width + column] = Math.max(0, sum);
    }
  }
  return out;
}

// The largest of each size x size block; rest rows and columns are dropped, as in Keras.
export function maxPool({ data, width, height }, size) {
  const [w, h] = [Math.floor(width / size), Math.floor(height / size)];
  const out = { data: new Float32Array(w * h), width: w, height: h, channels: 1 };
  for (let row = 0; row < h * size; row++) {
    for (let column = 0; column < w * size; column++) {
      const at = Math.floor(row / size) * w + Math.floor(column / size);
      out.data[at] = Math.max(out.data[at], data[row * width + column]);
    }
  }
  return out;
}

export const QUIET = 0.1;
export const TOLERANCE = 0.2;

// For each cell: "quiet" where it is low before and after, else "stays" or "changes", judged by the larger of the two.
export function compare(before, after) {
  const peak = before.data.reduce((a, b) => Math.max(a, b), 1e-9);
  return Array.from(before.data, (old, i) => {
    const larger = Math.max(old, after.data[i]);
    if (larger < QUIET * peak) return "quiet";
    return Math.abs(old - after.data[i]) <= TOLERANCE * larger ? "stays" : "changes";
  });
}

// The share of the cells that speak, before or after, that stay.
export function shareKept(verdicts) {
  const loud = verdicts.filter((verdict) => verdict !== "quiet");
  return loud.length ? loud.filter((verdict) => verdict === "stays").length / loud.length : 1;
}
