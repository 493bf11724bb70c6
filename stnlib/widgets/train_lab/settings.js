// What the page and the worker both know: the length of a run, and its settings unless the reader changes them.

export const TOTAL = 3000; // steps of a run
export const DEFAULTS = {
  transform: "affine", sampler: "bilinear", start: "identity", headRate: 0.1, rotation: 60, growing: false, lean: 0, rival: "linear",
};
