// The thin plate spline of stnlib: from the displacements of 4x4 control points to those of any other points.

import { axisCoordinates } from "../shared/sampling.js";

const ROWS = 4;
export const POINTS = ROWS * ROWS;

// All points (x, y) of a lattice, row by row, as a flat array.
export function latticeOf(ys, xs = ys) {
  return Float64Array.from([...ys].flatMap((y) => [...xs].flatMap((x) => [x, y])));
}

export const LATTICE = latticeOf(axisCoordinates(ROWS, true));

// A point's row of the basis: r^2 log r^2 for each control point, then 1, x and y.
function basis(x, y) {
  const row = [];
  for (let k = 0; k < 2 * POINTS; k += 2) {
    const squared = (x - LATTICE[k]) ** 2 + (y - LATTICE[k + 1]) ** 2;
    row.push(squared && squared * Math.log(squared));
  }
  return [...row, 1, x, y];
}

// From displacements to the weights of the basis: the spline passes through them, and is affine far away.
function toWeights() {
  const upper = Array.from({ length: POINTS }, (_, k) => basis(LATTICE[2 * k], LATTICE[2 * k + 1]));
  const lower = [0, 1, 2].map((i) => [...upper.map((row) => row[POINTS + i]), 0, 0, 0]);
  return inverse([...upper, ...lower]).map((row) => row.slice(0, POINTS));
}

// By Gauss and Jordan, with the largest pivot of the column.
function inverse(matrix) {
  const rows = matrix.map((row, i) => [...row, ...row.map((_, j) => Number(i === j))]);
  for (let i = 0; i < rows.length; i++) {
    const sizes = rows.map((row, k) => (k < i ? -1 : Math.abs(row[i])));
    const best = sizes.indexOf(Math.max(...sizes));
    [rows[i], rows[best]] = [rows[best], rows[i]];
    const pivot = rows[i].map((v) => v / rows[i][i]);
    rows.forEach((row, k) => (rows[k] = k === i ? pivot : row.map((v, j) => v - row[i] * pivot[j])));
  }
  return rows.map((row) => row.slice(rows.length));
}

const TO_WEIGHTS = toWeights();

// A spline at the given points, flat pairs (x, y): a function from theta, 32 numbers, to where each point reads.
export function splineAt(points) {
  const matrix = new Float64Array((points.length / 2) * POINTS);
  for (let p = 0; p < points.length / 2; p++) {
    const row = basis(points[2 * p], points[2 * p + 1]);
    for (let k = 0; k < POINTS; k++) matrix[p * POINTS + k] = row.reduce((sum, v, i) => sum + v * TO_WEIGHTS[i][k], 0);
  }
  return (theta) => displaced(points, matrix, theta);
}

function displaced(points, matrix, theta) {
  const moved = Float64Array.from(points);
  for (let p = 0, at = 0; p < points.length; p += 2) {
    for (let k = 0; k < 2 * POINTS; k += 2, at++) {
      moved[p] += matrix[at] * theta[k];
      moved[p + 1] += matrix[at] * theta[k + 1];
    }
  }
  return moved;
}

// The sampling grid of an output, as stnlib.tps_grid: a function from theta to its points.
export function splineGrid([height, width]) {
  return splineAt(latticeOf(axisCoordinates(height, false), axisCoordinates(width, false)));
}

// theta that moves every control point as `move(x, y)` says: to [x, y].
function thetaOf(move) {
  const theta = [];
  for (let k = 0; k < 2 * POINTS; k += 2) {
    const [x, y] = move(LATTICE[k], LATTICE[k + 1], k / 2);
    theta.push(x - LATTICE[k], y - LATTICE[k + 1]);
  }
  return theta;
}

const SWAPPED = { 5: 2 / 3, 6: -2 / 3 }; // two neighbours in the place of each other
const NOISE = 6 / 28; // of the chapter's strong E: 3 of 28 pixels
const MOST = 0.45; // a random point stays in sight
const [COS, SIN] = [Math.cos(Math.PI / 6), Math.sin(Math.PI / 6)];

function gaussian() {
  const noise = NOISE * Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
  return Math.min(Math.max(noise, -MOST), MOST);
}

export const PRESETS = {
  reset: () => thetaOf((x, y) => [x, y]),
  rotate: () => thetaOf((x, y) => [COS * x - SIN * y, SIN * x + COS * y]),
  random: () => thetaOf((x, y) => [x + gaussian(), y + gaussian()]),
  fold: () => thetaOf((x, y, k) => [x + (SWAPPED[k] || 0), y]),
};
