// SplineExplorer: a thin plate spline's control points over the input, each to drag, and the output beside it.

import { gridSample, axisCoordinates, clamp } from "../shared/sampling.js";
import { makeStage, toBitmap, drawPixels, makeView, strokeLine, strokeCased, drawRing } from "../shared/draw.js";
import { bindChoice, bindArrows, bindHandles, format, setText } from "../shared/controls.js";
import { glide } from "../shared/glide.js";
import { makeBackdrop, paintBackdrop } from "../shared/backdrop.js";
import { makeLibrary } from "../shared/pictures.js";
import { makePhoto } from "../shared/photo.js";
import { Instrument } from "../shared/instrument.js";
import { LATTICE, POINTS, PRESETS, latticeOf, splineAt, splineGrid } from "./plate.js";
import DIGITS from "../shared/digits.json";
import TEMPLATE from "./spline.html";

const MARGIN = 1.5; // of the stage around the image
const STEP = 0.05;
const FINE_STEP = 0.01;
const SIDE = 49; // points of the drawn mesh along an edge
const EVERY = 4; // of its lines is drawn: those through the control points, and three between
const FOLDED = "#56b4e9";
const meshAt = splineAt(latticeOf(axisCoordinates(SIDE, true)));

class Spline extends Instrument {
  constructor(model, el) {
    super(model, el, TEMPLATE, "spline");
    this.library = makeLibrary(model, DIGITS, { photo: makePhoto });
    this.point = 5; // the control point that was touched last
    this.input = makeStage(this.refs.inputCanvas, (context) => this.paintInput(context));
    this.output = makeStage(this.refs.outputCanvas, (...target) => this.paintOutput(...target));
    this.bindHandles();
    this.bindChoices();
    this.listen("image", () => this.library.forget("own"));
    this.live(["theta", "picture", "image", "name"], [this.input, this.output]);
  }

  // ---- from and to the model

  readModel() {
    const get = (name) => this.model.get(name);
    this.theta = get("theta");
    this.choice.show(get("picture"));
    this.refs.own.hidden = !get("image");
    setText(this.refs.ownName, get("name"));
    this.showImage(this.library(get("picture")));
    this.request();
  }

  showImage(image) {
    if (image === this.image) return;
    this.image = image;
    this.backdrop = makeBackdrop(image, "zeros");
    this.gridAt = splineGrid([image.height, image.width]);
    for (const stage of [this.refs.inputStage, this.refs.outputStage]) {
      stage.style.setProperty("--stn-ratio", clamp(image.width / image.height, 0.5, 2));
    }
  }

  movePoint(k, x, y) {
    cancelAnimationFrame(this.moving);
    const theta = [...this.theta];
    [theta[2 * k], theta[2 * k + 1]] = [x - LATTICE[2 * k], y - LATTICE[2 * k + 1]];
    this.set("theta", theta);
  }

  // ---- controls

  bindHandles() {
    const first = this.el.querySelector(".stn-handle");
    this.handles = Array.from({ length: POINTS }, (_, k) => (k ? first.parentElement.appendChild(first.cloneNode()) : first));
    this.handles.forEach((handle, k) => {
      handle.ariaLabel = `Control point ${k}: move. Arrow keys, shift for fine steps.`;
      handle.addEventListener("focus", () => this.choosePoint(k));
      bindArrows(handle, (...step) => this.nudge(k, ...step));
    });
    bindHandles(this.refs.inputStage, this.handles, {
      move: (handle, left, top) => this.movePoint(this.handles.indexOf(handle), ...this.read(...this.view.keepInside(left, top, 4))),
    });
  }

  bindChoices() {
    this.choice = bindChoice(this.refs.picture, (name) => this.set("picture", name));
    for (const button of this.el.querySelectorAll("[data-preset]")) {
      button.addEventListener("click", () => this.preset(button.dataset.preset));
    }
  }

  preset(name) {
    const write = (theta) => this.set("theta", theta);
    glide(this, this.theta, PRESETS[name](), write, (theta) => {
      write(theta);
      this.frame();
      this.say(this.story());
    });
  }

  choosePoint(k) {
    this.point = k;
    this.request();
  }

  nudge(k, dx, dy, fine) {
    const step = fine ? FINE_STEP : STEP;
    const [x, y] = this.reads(k);
    this.movePoint(k, x + dx * step, y + dy * step);
    this.frame();
    this.say(this.story());
  }

  // ---- pictures

  // Where a control point reads, in normalised input coordinates.
  reads(k) {
    return [LATTICE[2 * k] + this.theta[2 * k], LATTICE[2 * k + 1] + this.theta[2 * k + 1]];
  }

  // Normalised input coordinates to canvas coordinates, and back.
  place(x, y) {
    const { left, top, width, height } = this.view;
    return [left + ((x + 1) * width) / 2, top + ((y + 1) * height) / 2];
  }

  read(x, y) {
    const { left, top, width, height } = this.view;
    return [(2 * (x - left)) / width - 1, (2 * (y - top)) / height - 1];
  }

  frame() {
    const { image, input, theta } = this;
    if (!input.width) return;
    this.view = makeView(image.width, image.height, input.width, input.height, MARGIN);
    this.mesh = meshAt(theta);
    this.result = { ...image, data: gridSample(image, this.gridAt(theta)) };
    this.bitmap = toBitmap(this.result, image.low, image.high, this.bitmap);
    this.folded = foldedCells(this.mesh);
    input.paint();
    this.output.paint();
    this.handles.forEach((handle, k) => {
      const [left, top] = this.view.keepInside(...this.place(...this.reads(k)), 6);
      handle.style.transform = `translate(${left}px, ${top}px)`;
      handle.classList.toggle("stn-now", k === this.point);
    });
    setText(this.refs.story, this.story());
  }

  paintInput(context) {
    const { colours, point } = this;
    paintBackdrop(context, this.backdrop, this.view, this.input, colours);
    const at = (row, column) => this.place(...this.mesh.slice(2 * (row * SIDE + column), 2 * (row * SIDE + column) + 2));
    this.paintFolds(context, at);
    context.strokeStyle = colours.grid;
    context.lineWidth = 1;
    for (let i = EVERY; i < SIDE - 1; i += EVERY) for (const line of linesOf(at, i)) strokeLine(context, line);
    for (const i of [0, SIDE - 1]) for (const line of linesOf(at, i)) strokeCased(context, line, colours.grid, 2);
    strokeCased(context, [this.place(LATTICE[2 * point], LATTICE[2 * point + 1]), this.place(...this.reads(point))], colours.grid, 3);
  }

  paintFolds(context, at) {
    context.beginPath();
    for (const [row, column] of this.folded) {
      context.moveTo(...at(row, column));
      for (const [down, right] of [[0, 1], [1, 1], [1, 0]]) context.lineTo(...at(row + down, column + right));
    }
    context.globalAlpha = 0.7;
    context.fillStyle = FOLDED;
    context.fill();
    context.globalAlpha = 1;
  }

  // A ring marks the control point that was touched last.
  paintOutput(context, width, height) {
    drawPixels(context, this.bitmap, 0, 0, width, height);
    const [x, y] = [LATTICE[2 * this.point], LATTICE[2 * this.point + 1]];
    drawRing(context, ((x + 1) * width) / 2, ((y + 1) * height) / 2, 6, this.colours.grid);
  }

  // ---- words

  story() {
    const { point, theta, folded } = this;
    const [dx, dy] = [theta[2 * point], theta[2 * point + 1]];
    const share = Math.ceil((100 * folded.length) / (SIDE - 1) ** 2);
    const begin = `Control point ${point} (ring): d = (${format(dx)}, ${format(dy)}), entries ${2 * point} and ${2 * point + 1} of \u03b8. `;
    if (folded.length) return `${begin}Light blue: ${share}% of the cells are turned inside out. The output shows them mirrored.`;
    return begin + (theta.some(Boolean) ? "No cell is turned inside out." : "All are 0: the output is a copy of the input.");
  }
}

// A row and a column of the mesh.
function linesOf(at, i) {
  const along = [...Array(SIDE).keys()];
  return [along.map((j) => at(i, j)), along.map((j) => at(j, i))];
}

// The cells of the mesh, [row, column], whose step to the right and step down no longer turn clockwise.
function foldedCells(mesh) {
  const found = [];
  for (let row = 0; row < SIDE - 1; row++) {
    for (let column = 0; column < SIDE - 1; column++) {
      const [here, right, below] = [[row, column], [row, column + 1], [row + 1, column]].map(([r, c]) => 2 * (r * SIDE + c));
      const across = [mesh[right] - mesh[here], mesh[right + 1] - mesh[here + 1]];
      const down = [mesh[below] - mesh[here], mesh[below + 1] - mesh[here + 1]];
      if (across[0] * down[1] < across[1] * down[0]) found.push([row, column]);
    }
  }
  return found;
}

function render({ model, el }) {
  const spline = new Spline(model, el);
  return () => spline.stop();
}

export default { render };
