// Grids and sampler in plain JavaScript: the same mathematics and conventions as stnlib.
//
// An image is {data, height, width, channels}, row-major, channels last, one number per value.
// A grid is a flat array of x, y pairs in [-1, 1], x to the right, y down; theta maps output to input.
// A NaN coordinate gives NaN; an infinite one lies outside the image.

export function toPixels(v, size, alignCorners) {
  return alignCorners ? ((v + 1) * (size - 1)) / 2 : ((v + 1) * size - 1) / 2;
}

export function toNormalised(pixel, size, alignCorners) {
  if (!alignCorners) return (2 * pixel + 1) / size - 1;
  return size === 1 ? 0 : (2 * pixel) / (size - 1) - 1;
}

// Normalised coordinates of the pixel centres along one axis.
export function axisCoordinates(size, alignCorners) {
  return Float64Array.from({ length: size }, (_, i) => toNormalised(i, size, alignCorners));
}

// theta: 6 numbers, row-major 2x3. Returns height * width pairs (x, y), in the array `into` where it has that length.
export function affineGrid(theta, [height, width], alignCorners, into = null) {
  return projectiveGrid([...theta, 0, 0], [height, width], alignCorners, into);
}

// A new array of zeros, or the old one where its length fits: memory that a frame need not ask for again.
function reuse(into, length) {
  return into?.length === length ? into.fill(0) : new Float64Array(length);
}

// theta: 8 numbers, row-major 3x3 whose last entry is 1.
export function projectiveGrid(theta, [height, width], alignCorners, into = null) {
  const [a, b, c, d, e, f, g, h] = theta;
  const xs = axisCoordinates(width, alignCorners);
  const ys = axisCoordinates(height, alignCorners);
  const grid = reuse(into, height * width * 2);
  let k = 0;
  for (const y of ys) {
    for (const x of xs) {
      const w = awayFromZero(g * x + h * y + 1);
      grid[k++] = (a * x + b * y + c) / w;
      grid[k++] = (d * x + e * y + f) / w;
    }
  }
  return grid;
}

// A depth nearer to zero than 1e-6 is moved there: the horizon is far away, never NaN.
function awayFromZero(depth) {
  if (Math.abs(depth) >= 1e-6) return depth;
  return depth < 0 ? -1e-6 : 1e-6;
}

// Linear weights of the two neighbours floor(x) and floor(x) + 1, t = x - floor(x).
export function linearWeights(t) {
  return [1 - t, t];
}

// Keys's cubic weights (a = -0.75) of the four neighbours floor(x) - 1 .. floor(x) + 2.
export function cubicWeights(t) {
  return [0, 1, 2, 3].map((k) => cubicWeight(k, t));
}

function cubicWeight(k, t) {
  if (k === 0) return cubicFar(t + 1);
  if (k === 1) return cubicNear(t);
  return k === 2 ? cubicNear(1 - t) : cubicFar(2 - t);
}

const CUBIC = -0.75;

function cubicNear(s) {
  return ((CUBIC + 2) * s - (CUBIC + 3)) * s * s + 1;
}

function cubicFar(s) {
  return ((CUBIC * s - 5 * CUBIC) * s + 8 * CUBIC) * s - 4 * CUBIC;
}

// Fold a coordinate back into the image, as a mirror at the border pixels (alignCorners) or edges.
function reflect(x, size, alignCorners) {
  const low = alignCorners ? 0 : -0.5;
  const span = alignCorners ? size - 1 : size;
  if (span === 0) return 0;
  const distance = Math.abs(x - low);
  const extra = distance % span;
  const folded = Math.floor(distance / span) % 2 === 0 ? extra + low : span - extra + low;
  return clamp(folded, 0, size - 1);
}

export function clamp(x, low, high) {
  return Math.min(Math.max(x, low), high);
}

// Round half to even, as the nearest-neighbour sampler of torch does.
export function roundHalfEven(x) {
  const floor = Math.floor(x);
  const rest = x - floor;
  if (rest !== 0.5) return Math.round(x);
  return floor % 2 === 0 ? floor : floor + 1;
}

// The coordinate or index to read instead of x; "zeros" leaves it, and readers skip what is outside.
export function pad(x, size, padding, alignCorners) {
  if (padding === "zeros") return x;
  if (padding === "border") return clamp(x, 0, size - 1);
  if (padding === "reflection") return reflect(x, size, alignCorners);
  throw new RangeError(`unknown padding: ${padding}`);
}

// Add weight * pixel (row, column) to `out`; pixels outside the image count as zero.
function accumulate(image, row, column, weight, out, at) {
  const { height, width, channels, data } = image;
  if (!(row >= 0 && row < height && column >= 0 && column < width)) return;
  const from = (row * width + column) * channels;
  for (let c = 0; c < channels; c++) out[at + c] += weight * data[from + c];
}

function readNearest(image, x, y, padding, alignCorners, out, at) {
  const column = roundHalfEven(pad(x, image.width, padding, alignCorners));
  const row = roundHalfEven(pad(y, image.height, padding, alignCorners));
  accumulate(image, row, column, 1, out, at);
}

function readBilinear(image, x, y, padding, alignCorners, out, at) {
  const { width, height, channels, data } = image;
  const px = pad(x, width, padding, alignCorners);
  const py = pad(y, height, padding, alignCorners);
  const column = Math.floor(px);
  const row = Math.floor(py);
  const tx = px - column;
  const ty = py - row;
  if (row >= 0 && row < height - 1 && column >= 0 && column < width - 1) {
    const upper = (row * width + column) * channels;
    const lower = upper + width * channels;
    for (let c = 0; c < channels; c++) {
      const top = (1 - tx) * data[upper + c] + tx * data[upper + channels + c];
      const bottom = (1 - tx) * data[lower + c] + tx * data[lower + channels + c];
      out[at + c] = (1 - ty) * top + ty * bottom;
    }
    return;
  }
  accumulate(image, row, column, (1 - ty) * (1 - tx), out, at);
  accumulate(image, row, column + 1, (1 - ty) * tx, out, at);
  accumulate(image, row + 1, column, ty * (1 - tx), out, at);
  accumulate(image, row + 1, column + 1, ty * tx, out, at);
}

const ROW_WEIGHTS = new Float64Array(4);

// The padding acts on each of the sixteen neighbours, not on the sampling point.
function readBicubic(image, x, y, padding, alignCorners, out, at) {
  const { width, height } = image;
  const column = Math.floor(x) - 1;
  const row = Math.floor(y) - 1;
  if (row >= 0 && row + 3 < height && column >= 0 && column + 3 < width) {
    return readSixteen(image, column, row, x - column - 1, y - row - 1, out, at);
  }
  if (padding === "zeros" && (row + 3 < 0 || row >= height || column + 3 < 0 || column >= width)) return;
  for (let j = 0; j < 4; j++) ROW_WEIGHTS[j] = cubicWeight(j, x - column - 1);
  for (let i = 0; i < 4; i++) {
    const r = pad(row + i, height, padding, alignCorners);
    const wy = cubicWeight(i, y - row - 1);
    for (let j = 0; j < 4; j++) {
      const c = pad(column + j, width, padding, alignCorners);
      accumulate(image, r, c, wy * ROW_WEIGHTS[j], out, at);
    }
  }
}

// The sixteen neighbours from (row, column) on, all inside: the common case, so written out.
function readSixteen({ width, channels, data }, column, row, tx, ty, out, at) {
  const x0 = cubicFar(tx + 1), x1 = cubicNear(tx), x2 = cubicNear(1 - tx), x3 = cubicFar(2 - tx);
  const y0 = cubicFar(ty + 1), y1 = cubicNear(ty), y2 = cubicNear(1 - ty), y3 = cubicFar(2 - ty);
  const line = width * channels;
  for (let c = 0, from = row * line + column * channels; c < channels; c++, from++) {
    out[at + c] = y0 * ofFour(data, from, channels, x0, x1, x2, x3)
      + y1 * ofFour(data, from + line, channels, x0, x1, x2, x3)
      + y2 * ofFour(data, from + 2 * line, channels, x0, x1, x2, x3)
      + y3 * ofFour(data, from + 3 * line, channels, x0, x1, x2, x3);
  }
}

function ofFour(data, from, step, a, b, c, d) {
  return a * data[from] + b * data[from + step] + c * data[from + 2 * step] + d * data[from + 3 * step];
}

const READERS = { nearest: readNearest, bilinear: readBilinear, bicubic: readBicubic };

// Normalised to pixels. Infinity lies far outside, and reflects to the edge pixel on its side.
function locate(v, size, padding, alignCorners) {
  const x = toPixels(v, size, alignCorners);
  if (Math.abs(v) !== Infinity) return x;
  return padding === "reflection" ? clamp(v, 0, size - 1) : clamp(v, -1e9, 1e9);
}

// Read the image at the grid's points; semantics of torch.nn.functional.grid_sample.
// Returns the values as a flat Float64Array, points * channels, in the array `into` where it has that length.
export function gridSample(image, grid, options = {}) {
  const { mode = "bilinear", paddingMode = "zeros", alignCorners = false, into = null } = options;
  const read = READERS[mode];
  const points = grid.length / 2;
  const out = reuse(into, points * image.channels);
  for (let p = 0; p < points; p++) {
    const x = locate(grid[2 * p], image.width, paddingMode, alignCorners);
    const y = locate(grid[2 * p + 1], image.height, paddingMode, alignCorners);
    const at = p * image.channels;
    if (x !== x || y !== y) out.fill(NaN, at, at + image.channels);
    else read(image, x, y, paddingMode, alignCorners, out, at);
  }
  return out;
}
