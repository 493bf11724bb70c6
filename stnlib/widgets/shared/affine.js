// What an affine theta means: rotation, scales, shear and translation, in normalised coordinates.
//
// The linear part is rotation . shear . scale; as y points down, positive angles rotate clockwise on the screen.

const DEGREE = Math.PI / 180;

export const NEUTRAL = { angle: 0, scaleX: 1, scaleY: 1, shear: 0, moveX: 0, moveY: 0 };

// Parts (degrees, factors, normalised shifts) to theta, six numbers.
export function thetaOf({ angle, scaleX, scaleY, shear, moveX, moveY }) {
  const cos = Math.cos(angle * DEGREE);
  const sin = Math.sin(angle * DEGREE);
  const slant = Math.tan(shear * DEGREE);
  return [
    cos * scaleX, (cos * slant - sin) * scaleY, moveX,
    sin * scaleX, (sin * slant + cos) * scaleY, moveY,
  ].map((v) => (Math.abs(v) < 1e-15 ? 0 : v));
}

// theta to parts. A half turn with both scales negated is the same matrix: the answer nearer to `before` is taken.
export function partsOf([a, b, tx, c, d, ty], before = NEUTRAL) {
  const scaleX = Math.hypot(a, c);
  if (scaleX < 1e-9) return collapsedParts([b, tx, d, ty], before);
  const [cos, sin] = [a / scaleX, c / scaleX];
  const scaleY = (a * d - b * c) / scaleX;
  const along = cos * b + sin * d;
  const shear = Math.abs(scaleY) < 1e-9 ? 0 : Math.atan(along / scaleY) / DEGREE;
  const angle = Math.atan2(sin, cos) / DEGREE;
  const straight = { angle, scaleX, scaleY, shear, moveX: tx, moveY: ty };
  const turned = { ...straight, angle: wrap(angle + 180), scaleX: -scaleX, scaleY: -scaleY };
  const far = (parts) => Math.abs(wrap(parts.angle - before.angle));
  return far(turned) < far(straight) - 1e-9 ? turned : straight;
}

// The first column is zero: the angle is read from the second.
function collapsedParts([b, tx, d, ty], before) {
  const scaleY = Math.hypot(b, d);
  const angle = scaleY < 1e-9 ? before.angle : Math.atan2(-b, d) / DEGREE;
  return { angle, scaleX: 0, scaleY, shear: 0, moveX: tx, moveY: ty };
}

// An angle in degrees, brought into (-180, 180].
export function wrap(angle) {
  const rest = (((angle + 180) % 360) + 360) % 360 - 180;
  return rest === -180 ? 180 : rest;
}

export function applyTheta([a, b, tx, c, d, ty], x, y) {
  return [a * x + b * y + tx, c * x + d * y + ty];
}

// The window's centre moves to (x, y).
export function moveCentre([a, b, , c, d], x, y) {
  return [a, b, x, c, d, y];
}

// The corner (u, v), u and v = -1 or 1, moves to (x, y): the window is rotated and scaled about its centre.
export function moveCorner(theta, u, v, x, y) {
  const [a, b, tx, c, d, ty] = theta;
  const [fromX, fromY] = [a * u + b * v, c * u + d * v];
  const [toX, toY] = [x - tx, y - ty];
  const length = fromX * fromX + fromY * fromY;
  if (length < 1e-12 || toX * toX + toY * toY < 1e-6) return theta;
  const re = (fromX * toX + fromY * toY) / length;
  const im = (fromX * toY - fromY * toX) / length;
  return [re * a - im * c, re * b - im * d, tx, im * a + re * c, im * b + re * d, ty];
}

// The middle of the edge on axis u (or v), sign -1 or 1, moves to (x, y): the window is stretched and sheared;
// the opposite edge stays.
export function moveEdge(theta, u, v, x, y) {
  const [a, b, , c, d] = theta;
  const [otherX, otherY] = applyTheta(theta, -u, -v);
  const halfX = (x - otherX) / 2;
  const halfY = (y - otherY) / 2;
  const [centreX, centreY] = [(x + otherX) / 2, (y + otherY) / 2];
  const sign = u + v;
  return u
    ? [halfX * sign, b, centreX, halfY * sign, d, centreY]
    : [a, halfX * sign, centreX, c, halfY * sign, centreY];
}

export const PRESETS = {
  identity: NEUTRAL,
  rotate: { ...NEUTRAL, angle: 30 },
  zoom: { ...NEUTRAL, scaleX: 0.5, scaleY: 0.5 },
  flip: { ...NEUTRAL, scaleX: -1 },
  shear: { ...NEUTRAL, shear: 25 },
};

const between = (low, high) => low + (high - low) * Math.random();

const ROLLS = {
  scale: () => ({ scaleX: between(0.5, 1.3), scaleY: between(0.5, 1.3) }),
  translation: () => ({ moveX: 2 * between(-0.3, 0.3), moveY: 2 * between(-0.3, 0.3) }),
  rotation: () => ({ angle: between(-75, 75) }),
  shear: () => ({ shear: between(-30, 30) }),
};

// One of the article's five distortions, equally likely: each alone, or all together. Returns [name, parts].
export function rollDice() {
  const names = [...Object.keys(ROLLS), "all four"];
  const name = names[Math.floor(Math.random() * names.length)];
  const rolled = name === "all four" ? Object.values(ROLLS) : [ROLLS[name]];
  return [name, Object.assign({ ...NEUTRAL }, ...rolled.map((roll) => roll()))];
}

// What the grid does and what the output therefore shows, in plain words; empty where nothing happens.
export function describe(parts, theta) {
  const { angle, scaleX, scaleY, shear, moveX, moveY } = parts;
  const rotation = Math.abs(wrap(scaleX < 0 && scaleY < 0 ? angle + 180 : angle));
  const clockwise = angle > 0 !== (scaleX < 0 && scaleY < 0);
  const degrees = `${rotation.toFixed(0)}\u00b0`;
  const size = Math.sqrt(Math.abs(scaleX * scaleY));
  const grid = [];
  const output = [];
  if (rotation >= 0.5) {
    grid.push(`rotated ${degrees} ${clockwise ? "clockwise" : "counter-clockwise"}`);
    output.push(`rotated ${degrees} ${clockwise ? "counter-clockwise" : "clockwise"}`);
  }
  if (Math.abs(size - 1) >= 0.005) {
    grid.push(`${size.toFixed(2)} times as large`);
    output.push(size < 0.005 ? "squeezed to a line or a point" : `${(1 / size).toFixed(2)} times as large`);
  }
  if (Math.abs(shear) >= 0.5) {
    grid.push("sheared");
    output.push("sheared the other way");
  }
  grid.push(...direction(moveX, moveY));
  if (size >= 0.005) output.push(...direction(...contentShift(theta)));
  if (scaleX * scaleY < 0) [grid, output].forEach((clauses) => clauses.push("mirrored"));
  return [inWords(grid), inWords(output)];
}

// Where the input's centre appears in the output: the output point that reads (0, 0).
function contentShift([a, b, tx, c, d, ty]) {
  const det = a * d - b * c;
  return [(b * ty - d * tx) / det, (c * tx - a * ty) / det];
}

function direction(x, y) {
  const way = (v, back, on) => (Math.abs(v) < 0.005 ? "" : v < 0 ? back : on);
  const words = [way(y, "up", "down"), way(x, "left", "right")].filter(Boolean);
  return words.length ? [`shifted ${words.join(" and ")}`] : [];
}

function inWords(clauses) {
  return clauses.length < 2 ? clauses.join("") : `${clauses.slice(0, -1).join(", ")} and ${clauses.at(-1)}`;
}
