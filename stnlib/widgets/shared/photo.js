// A photo-like RGB test image, computed: sky, mountains, a lake with reflections, a house, a fence of fine bars.

const SIDE = 128;
const SAMPLES = 3;

const mix = (a, b, t) => a.map((v, i) => v + (b[i] - v) * t);
const smooth = (low, high, x) => {
  const t = Math.min(Math.max((x - low) / (high - low), 0), 1);
  return t * t * (3 - 2 * t);
};

// A repeatable pseudo-random number in [0, 1) for a lattice point.
function hash(i, j) {
  const n = Math.imul(i | 0, 374761393) + Math.imul(j | 0, 668265263);
  const m = Math.imul(n ^ (n >>> 13), 1274126177);
  return ((m ^ (m >>> 16)) >>> 0) / 4294967296;
}

// Smooth noise of unit wavelength.
function noise(x, y) {
  const [i, j] = [Math.floor(x), Math.floor(y)];
  const [s, t] = [smooth(0, 1, x - i), smooth(0, 1, y - j)];
  const top = hash(i, j) * (1 - s) + hash(i + 1, j) * s;
  const bottom = hash(i, j + 1) * (1 - s) + hash(i + 1, j + 1) * s;
  return top * (1 - t) + bottom * t;
}

const ridge = (x, base, height, seed) =>
  base - height * (0.6 * noise(x * 4 + seed, seed) + 0.3 * noise(x * 9, seed + 5) + 0.1 * noise(x * 30, seed + 9));

function land(x, y) {
  const glow = Math.exp(-30 * ((x - 0.76) ** 2 + (y - 0.2) ** 2));
  const sun = smooth(0.065, 0.055, Math.hypot(x - 0.76, y - 0.2));
  let colour = mix([0.3, 0.53, 0.83], [0.96, 0.86, 0.72], smooth(0, 0.55, y));
  colour = mix(colour, [1, 0.93, 0.7], Math.max(sun, 0.7 * glow));
  colour = mix(colour, [1, 1, 1], 0.7 * smooth(0.55, 0.8, noise(x * 5, y * 14) * smooth(0.45, 0.1, y)));
  const far = ridge(x, 0.55, 0.34, 3);
  if (y > far) colour = mix([0.93, 0.94, 0.97], [0.45, 0.5, 0.62], smooth(0.02, 0.1, y - far + 0.06 * noise(x * 40, y * 40)));
  const near = ridge(x, 0.6, 0.16, 11);
  if (y > near) colour = mix([0.16, 0.33, 0.24], [0.3, 0.45, 0.25], noise(x * 50, y * 50));
  return colour;
}

function house(x, y, colour) {
  if (x > 0.2 && x < 0.42 && y > 0.5 && y < 0.66) {
    colour = mix([0.93, 0.88, 0.78], [0.8, 0.73, 0.62], smooth(0.2, 0.42, x));
    if (Math.abs(((x - 0.2) / 0.0733) % 1 - 0.5) < 0.25 && y > 0.54 && y < 0.6) colour = [0.18, 0.24, 0.34];
    if (x > 0.29 && x < 0.33 && y > 0.58) colour = [0.42, 0.24, 0.14];
  }
  const slope = 0.5 - (0.14 - Math.abs(x - 0.31)) * 0.85;
  if (y > slope && y < 0.505) colour = mix([0.75, 0.24, 0.16], [0.55, 0.15, 0.11], Math.abs((y * 60) % 1 - 0.5));
  return colour;
}

function meadow(x, y, colour) {
  if (y > 0.66) colour = mix([0.42, 0.6, 0.24], [0.24, 0.42, 0.16], noise(x * 60, y * 90));
  const shore = 0.72 + 0.05 * noise(x * 6, 2) - 0.1 * smooth(0.4, 0.9, x);
  if (y > shore && y < 0.88) {
    const mirrored = land(x + 0.012 * (noise(x * 8, y * 90) - 0.5), 2 * shore - y);
    colour = mix(mirrored, [0.1, 0.3, 0.45], 0.35);
  }
  const bar = Math.abs((x * 32) % 1 - 0.5) < 0.25;
  if (y > 0.86 && y < 0.985 && (bar || Math.abs(y - 0.9) < 0.008 || Math.abs(y - 0.96) < 0.008)) colour = [0.95, 0.93, 0.88];
  return colour;
}

// The image, 128x128x3 in [0, 1], each pixel the mean of 3x3 points.
export function makePhoto() {
  const data = new Float32Array(SIDE * SIDE * 3);
  for (let p = 0; p < SIDE * SIDE; p++) {
    for (let s = 0; s < SAMPLES * SAMPLES; s++) {
      const x = ((p % SIDE) + ((s % SAMPLES) + 0.5) / SAMPLES) / SIDE;
      const y = (Math.floor(p / SIDE) + (Math.floor(s / SAMPLES) + 0.5) / SAMPLES) / SIDE;
      const colour = meadow(x, y, house(x, y, land(x, y)));
      for (let c = 0; c < 3; c++) data[3 * p + c] += colour[c] / (SAMPLES * SAMPLES);
    }
  }
  return { data, height: SIDE, width: SIDE, channels: 3, low: 0, high: 1 };
}
