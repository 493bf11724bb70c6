// The probe's network: one layer of edge filters with ReLU, then max-pooling; and which of its cells stay.

// Sobel's operator (Sobel and Feldman 1968) in four directions, each answering to one kind of edge.
const SMOOTH = [1, 2, 1];
const DIFFERENCE = [-1, 0, 1];
const across = DIFFERENCE.map((d) => SMOOTH.map((s) => (s * d) / 4));
const sobel = (row, column) => [across[column][row], -across[column][row], across[row][column], -across[row][column]];

// One filter a channel, in this order; "left" answers to a left edge.
export const EDGES = ["left", "right", "top", "bottom"];

export const EDGE_LAYER = {
  shape: [3, 3, 1, EDGES.length],
  kernel: Float32Array.from([0, 1, 2].flatMap((row) => [0, 1, 2].flatMap((column) => sobel(row, column)))),
  bias: new Float32Array(EDGES.length),
  relu: true,
};

export const QUIET = 0.1;
export const TOLERANCE = 0.2;

// The largest value of each channel.
export function peaksOf({ data, channels }) {
  const peaks = new Float64Array(channels).fill(1e-9);
  for (let i = 0, c = 0; i < data.length; i++, c = (c + 1) % channels) if (data[i] > peaks[c]) peaks[c] = data[i];
  return peaks;
}

// A cell that is low before and after is "quiet"; else it "stays" or "changes", judged by the larger of the two.
export function verdict(old, now, peak) {
  const larger = Math.max(old, now);
  if (larger < QUIET * peak) return "quiet";
  return Math.abs(old - now) <= TOLERANCE * larger ? "stays" : "changes";
}

// The share of the cells that are active, before or after, that stay; over all channels of a map.
export function shareKept(before, after) {
  const peaks = peaksOf(before);
  let [kept, active] = [0, 0];
  for (let i = 0, c = 0; i < before.data.length; i++, c = (c + 1) % before.channels) {
    const word = verdict(before.data[i], after.data[i], peaks[c]);
    if (word !== "quiet") active += 1;
    if (word === "stays") kept += 1;
  }
  return active ? kept / active : 1;
}
