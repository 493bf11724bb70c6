// AffineExplorer: the sampling grid over the input, the output beside it, and theta in every form between.

import { affineGrid, gridSample, toPixels, toNormalised, axisCoordinates, clamp } from "../shared/sampling.js";
import { makeStage, toBitmap, drawPixels, makeView, strokeCased, drawRing } from "../shared/draw.js";
import { bindChoice, bindNumber, bindArrows, bindHandles, format, setText, prefersCalm } from "../shared/controls.js";
import { NEUTRAL, PRESETS, thetaOf, partsOf, applyTheta, moveCentre, moveCorner, moveEdge, rollDice, describe } from "../shared/affine.js";
import { glide } from "../shared/glide.js";
import { makeBackdrop, paintBackdrop } from "../shared/backdrop.js";
import { paintGrid, arrowPaths } from "./grid_view.js";
import { MATCHED, newTarget, difference, matchShare, overlay } from "./game.js";
import { makeLibrary, encodeImage } from "../shared/pictures.js";
import { makePhoto } from "../shared/photo.js";
import { makePad } from "../shared/pad.js";
import { Instrument } from "../shared/instrument.js";
import DIGITS from "../shared/digits.json";
import TEMPLATE from "./explorer.html";

const TRAITS = ["theta", "picture", "mode", "padding_mode", "align_corners", "output_size", "image", "drawing", "name", "more"];
const MARGINS = [1.5, 4]; // of the stage around the image: as a rule, and for the largest windows
const STEP = 0.05;
const FINE_STEP = 0.01;

class Explorer extends Instrument {
  constructor(model, el) {
    super(model, el, TEMPLATE, "explorer");
    this.library = makeLibrary(model, DIGITS, { photo: makePhoto });
    this.parts = NEUTRAL;
    this.shown = [];
    this.pixel = [0.27, 0.56];
    this.margin = MARGINS[0];
    this.matched = 0;
    this.input = makeStage(this.refs.inputCanvas, (context) => this.paintInput(context));
    this.output = makeStage(this.refs.outputCanvas, (context, width, height) => {
      drawPixels(context, this.bitmap, 0, 0, width, height);
    });
    this.bindTheta();
    this.bindOptions();
    this.bindProbe();
    this.bindGame();
    this.listen("image", () => this.library.forget("own"));
    this.listen("drawing", () => this.pad.drawing || this.library.forget("drawing"));
    this.live(TRAITS, [this.input, this.output]);
  }

  // ---- from and to the model

  readModel() {
    const get = (name) => this.model.get(name);
    this.theta = get("theta").flat();
    this.options = { mode: get("mode"), paddingMode: get("padding_mode"), alignCorners: get("align_corners") };
    if (!this.ownParts) this.parts = partsOf(this.theta, this.parts);
    this.image = this.library(get("picture"));
    this.outputSize = get("output_size") || [this.image.height, this.image.width];
    const shown = [...Object.values(this.options), get("picture"), get("image"), get("drawing"), get("output_size"), get("name"), get("more")];
    if (shown.some((value, i) => value !== this.shown[i])) {
      this.shown = shown;
      this.backdrop = null;
      this.showOptions();
    }
    this.request();
  }

  // `parts` where the reader chose them (a slider, a preset); else they are read from theta.
  setTheta(theta, parts = null) {
    cancelAnimationFrame(this.moving);
    this.writeTheta(theta, parts);
  }

  writeTheta(theta, parts) {
    this.ownParts = parts !== null;
    if (parts) this.parts = parts;
    this.set("theta", [theta.slice(0, 3), theta.slice(3)]);
    this.ownParts = false;
  }

  glideTo(parts) {
    glide(this, this.theta, thetaOf(parts), (theta) => this.writeTheta(theta, null), (theta) => this.writeTheta(theta, parts));
  }

  // ---- controls

  bindTheta() {
    this.numbers = [...this.el.querySelectorAll("[data-theta]")].map((input, i) =>
      bindNumber(input, (value) => this.setTheta(this.theta.map((v, k) => (k === i ? value : v))), 2));
    this.sliders = [...this.el.querySelectorAll("[data-part]")].map((input) => {
      const name = input.dataset.part;
      const control = bindNumber(input, (value) => {
        const parts = { ...this.parts, [name]: value };
        this.setTheta(thetaOf(parts), parts);
      }, 2);
      return { name, input, control, out: this.el.querySelector(`[data-out="${name}"]`) };
    });
    for (const button of this.el.querySelectorAll("[data-preset]")) {
      button.addEventListener("click", () => this.preset(button.dataset.preset));
    }
    this.handles = [...this.el.querySelectorAll(".stn-handle")];
    bindHandles(this.refs.inputStage, this.handles, {
      move: (handle, x, y) => this.dragHandle(handle, x, y),
      end: () => this.request(),
    });
    for (const handle of this.handles) bindArrows(handle, (dx, dy, fine) => this.nudge(handle, dx, dy, fine));
  }

  preset(name) {
    if (name !== "dice") return this.glideTo(PRESETS[name]);
    const [rolled, parts] = rollDice();
    this.say(`Rolled: ${rolled}`);
    this.glideTo(parts);
  }

  bindOptions() {
    const { refs } = this;
    this.choices = {
      picture: bindChoice(refs.picture, (value) => this.set("picture", value)),
      mode: bindChoice(refs.mode, (value) => this.set("mode", value)),
      padding: bindChoice(refs.padding, (value) => this.set("padding_mode", value)),
      align: bindChoice(refs.align, (value) => this.set("align_corners", value === "true")),
      size: bindChoice(refs.size, (value) => this.set("output_size", value === "same" ? null : [+value, +value])),
    };
    this.pad = makePad(refs.padCanvas, refs.wipe, () => this.library("drawing"), {
      change: () => this.showDrawing(),
      end: () => this.set("drawing", encodeImage(this.library("drawing"))),
    });
  }

  showDrawing() {
    this.backdrop = null;
    this.request();
  }

  showOptions() {
    const { choices, refs, options } = this;
    const size = this.model.get("output_size");
    const square = size && size[0] === size[1] && [7, 14, 56].includes(size[0]);
    refs.more.open = this.model.get("more");
    refs.own.hidden = !this.model.get("image");
    setText(refs.ownName, this.model.get("name"));
    setText(refs.reduced, this.reducedInWords());
    refs.otherSize.hidden = !size || square;
    if (size && !square) refs.otherSize.querySelector("span").textContent = `${size[0]}\u00d7${size[1]}`;
    choices.size.show(!size ? "same" : square ? size[0] : "other");
    choices.picture.show(this.model.get("picture"));
    choices.mode.show(options.mode);
    choices.padding.show(options.paddingMode);
    choices.align.show(options.alignCorners);
    refs.pad.hidden = this.model.get("picture") !== "drawing";
    if (!refs.pad.hidden) this.pad.paint();
    refs.inputStage.style.setProperty("--stn-ratio", clamp(this.image.width / this.image.height, 0.5, 2));
    refs.outputStage.style.setProperty("--stn-ratio", clamp(this.outputSize[1] / this.outputSize[0], 0.5, 2));
  }

  // What the page shows of an image that was too large for it.
  reducedInWords() {
    const { width, height, size = [height, width] } = this.image;
    if (size[0] === height && size[1] === width) return "";
    return `, reduced from ${size[0]}\u00d7${size[1]} to ${height}\u00d7${width} pixels`;
  }

  // ---- the game

  bindGame() {
    const { play, solve, more } = this.refs;
    play.addEventListener("click", () => this.play());
    solve.addEventListener("click", () => this.glideTo(this.target.parts));
    more.addEventListener("toggle", () => more.open !== this.model.get("more") && this.set("more", more.open));
  }

  play() {
    this.target = this.target ? null : { parts: newTarget(), start: null, done: false };
    setText(this.refs.play, this.target ? "end the game" : "match a target");
    this.refs.solve.disabled = !this.target;
    if (!this.target) this.say("The game is over");
    this.writeTheta(thetaOf(NEUTRAL), NEUTRAL);
    this.request();
  }

  // The target's output beside the reader's, in one picture, and how well they match.
  showMatch() {
    const { target, image, options, outputSize, result } = this;
    if (!target) return setText(this.refs.score, "Move the window until the output looks like a hidden window's output.");
    const grid = affineGrid(thetaOf(target.parts), outputSize, options.alignCorners);
    const wanted = { ...result, data: gridSample(image, grid, options) };
    const now = difference(result, wanted);
    if (target.image !== image) [target.image, target.start] = [image, this.startingDifference(wanted)];
    const share = matchShare(now, target.start);
    if (share >= MATCHED && !target.done) this.matched += 1;
    target.done ||= share >= MATCHED;
    this.bitmap = toBitmap(overlay(result, wanted, image.low, image.high), 0, 1, this.bitmap);
    const text = `Match ${Math.round(100 * share)}%${target.done ? `: done, ${this.matched} matched.` : "."} `;
    setText(this.refs.score, text + (target.done ? "Your window lies where the target's does." : "Blue: the target. Orange: your output. White: both."));
    if (target.done && !target.said) this.say(text);
    target.said = target.done;
  }

  // How far the identity is from the target.
  startingDifference(wanted) {
    const grid = affineGrid(thetaOf(NEUTRAL), this.outputSize, this.options.alignCorners);
    return difference({ data: gridSample(this.image, grid, this.options) }, wanted);
  }

  // ---- handles on the input

  // Normalised input coordinates to canvas coordinates, and back.
  place(x, y) {
    const { width, height } = this.image;
    const align = this.options.alignCorners;
    return this.view.place(toPixels(x, width, align), toPixels(y, height, align));
  }

  read(left, top) {
    const { width, height } = this.image;
    const [x, y] = this.view.read(left, top);
    const align = this.options.alignCorners;
    return [toNormalised(x, width, align), toNormalised(y, height, align)];
  }

  dragHandle(handle, left, top) {
    this.moveHandle(handle, ...this.read(...this.view.keepInside(left, top, 4)));
  }

  nudge(handle, dx, dy, fine) {
    const step = fine ? FINE_STEP : STEP;
    const [u, v] = [+handle.dataset.u, +handle.dataset.v];
    const [x, y] = applyTheta(this.theta, u, v);
    this.moveHandle(handle, x + dx * step, y + dy * step);
    const [nowX, nowY] = applyTheta(this.theta, u, v);
    this.say(`${handle.ariaLabel.split(":")[0]} at x ${format(nowX)}, y ${format(nowY)}`);
  }

  moveHandle(handle, x, y) {
    const [u, v] = [+handle.dataset.u, +handle.dataset.v];
    if (!u && !v) this.setTheta(moveCentre(this.theta, x, y));
    else if (u && v) this.setTheta(moveCorner(this.theta, u, v, x, y));
    else this.setTheta(moveEdge(this.theta, u, v, x, y));
  }

  // ---- the probed output pixel

  bindProbe() {
    const { outputStage, outputCanvas, probe } = this.refs;
    const choose = (event) => {
      const box = outputCanvas.getBoundingClientRect();
      this.pixel = [(event.clientY - box.top) / box.height, (event.clientX - box.left) / box.width]
        .map((v) => clamp(v, 0, 0.9999));
      this.request();
    };
    outputStage.addEventListener("pointermove", choose);
    outputStage.addEventListener("pointerdown", choose);
    outputStage.addEventListener("click", () => probe.focus({ preventScroll: true }));
    bindArrows(probe, (dx, dy, far) => {
      const step = far ? 4 : 1;
      const [row, column] = this.probed();
      const [height, width] = this.outputSize;
      this.pixel = [(clamp(row + dy * step, 0, height - 1) + 0.5) / height, (clamp(column + dx * step, 0, width - 1) + 0.5) / width];
      this.request();
      this.sayProbe = true;
    });
  }

  // Row and column of the probed pixel.
  probed() {
    return this.pixel.map((v, axis) => Math.floor(v * this.outputSize[axis]));
  }

  // ---- pictures

  // Where the two canvases lie in the panels, for the arrow between them.
  remeasure() {
    const box = this.refs.panels.getBoundingClientRect();
    const corner = (canvas) => {
      const { left, top } = canvas.getBoundingClientRect();
      return [left - box.left, top - box.top];
    };
    this.places = { from: corner(this.refs.outputCanvas), to: corner(this.refs.inputCanvas) };
    super.remeasure();
  }

  frame() {
    const { image, theta, options, outputSize, input } = this;
    if (!input.width) return;
    this.followWindow();
    this.view = makeView(image.width, image.height, input.width, input.height, this.margin);
    this.grid = affineGrid(theta, outputSize, options.alignCorners, this.grid);
    const data = gridSample(image, this.grid, { ...options, into: this.result?.data });
    this.result = { data, height: outputSize[0], width: outputSize[1], channels: image.channels };
    this.bitmap = toBitmap(this.result, image.low, image.high, this.bitmap);
    this.showMatch();
    this.output.paint();
    this.input.paint();
    this.placeHandles();
    this.showNumbers();
    this.showProbe();
  }

  // Zoom the stage out until the window is in it, and back in again; not while a handle is held.
  followWindow() {
    if (this.el.querySelector(".stn-held")) return;
    const [a, b, x, c, d, y] = this.theta;
    const reach = Math.max(Math.abs(a) + Math.abs(b) + Math.abs(x), Math.abs(c) + Math.abs(d) + Math.abs(y));
    const wanted = clamp(1.1 * reach, ...MARGINS);
    const far = wanted - this.margin;
    if (Math.abs(far) < 0.01 || prefersCalm()) this.margin = wanted;
    else {
      this.margin += 0.25 * far;
      this.request();
    }
  }

  paintInput(context) {
    this.backdrop ||= makeBackdrop(this.image, this.options.paddingMode);
    paintBackdrop(context, this.backdrop, this.view, this.input, this.colours);
    paintGrid(context, { ...this, place: (x, y) => this.place(x, y) });
    const corners = [[-1, -1], [1, -1], [1, 1], [-1, 1]].map(([u, v]) => this.place(...applyTheta(this.theta, u, v)));
    strokeCased(context, corners, this.colours.grid, 2, true);
    const [row, column] = this.probed();
    const at = 2 * (row * this.outputSize[1] + column);
    drawRing(context, ...this.place(this.grid[at], this.grid[at + 1]), 6, this.colours.grid);
  }

  placeHandles() {
    for (const handle of this.handles) {
      const [x, y] = this.place(...applyTheta(this.theta, +handle.dataset.u, +handle.dataset.v));
      const [left, top] = this.view.keepInside(x, y, 6);
      handle.style.transform = `translate(${left}px, ${top}px)`;
    }
  }

  // ---- numbers and words

  showNumbers() {
    this.numbers.forEach((number, i) => number.show(this.theta[i]));
    for (const { name, input, control, out } of this.sliders) {
      const value = this.parts[name];
      const text = name === "angle" || name === "shear" ? `${format(value, 0)}\u00b0` : format(value);
      control.show(value);
      setText(out, text);
      if (input.ariaValueText !== text) input.ariaValueText = text;
    }
    const [grid, output] = describe(this.parts, this.theta);
    setText(this.refs.storyGrid, grid ? `${grid}.` : "covers the input. Drag a handle, or try a preset below.");
    setText(this.refs.storyOutput, output ? `shows the input ${output}.` : "is a copy of the input.");
  }

  showProbe() {
    const { refs, theta, image, options, outputSize } = this;
    const [row, column] = this.probed();
    const x = axisCoordinates(outputSize[1], options.alignCorners)[column];
    const y = axisCoordinates(outputSize[0], options.alignCorners)[row];
    const [inX, inY] = applyTheta(theta, x, y);
    const pixelX = toPixels(inX, image.width, options.alignCorners);
    const pixelY = toPixels(inY, image.height, options.alignCorners);
    setText(refs.outX, format(x));
    setText(refs.outY, format(y));
    setText(refs.productX, product(theta.slice(0, 3), x, y));
    setText(refs.productY, product(theta.slice(3), x, y));
    for (const at of [refs.readX, refs.inX]) setText(at, format(inX));
    for (const at of [refs.readY, refs.inY]) setText(at, format(inY));
    setText(refs.pixelX, format(pixelX, 1));
    setText(refs.pixelY, format(pixelY, 1));
    this.showValue(row, column);
    this.placeProbe(row, column, inX, inY);
    if (this.sayProbe) this.say(`Output row ${row}, column ${column} reads input column ${format(pixelX, 1)}, row ${format(pixelY, 1)}`);
    this.sayProbe = false;
  }

  showValue(row, column) {
    const { data, width, channels } = this.result;
    const from = (row * width + column) * channels;
    const values = [...data.slice(from, from + channels)];
    const { low, high } = this.image;
    const bytes = values.map((v) => Math.round((255 * (v - low)) / (high - low)));
    this.refs.swatch.style.background = `rgb(${channels === 3 ? bytes : [bytes[0], bytes[0], bytes[0]]})`;
    setText(this.refs.value, `Output row ${row}, column ${column} reads ${values.map((v) => format(v)).join(", ")}`);
  }

  placeProbe(row, column, inX, inY) {
    const [height, width] = this.outputSize;
    const [cellX, cellY] = [this.output.width / width, this.output.height / height];
    const side = Math.max(cellX, cellY, 8);
    const [x, y] = [(column + 0.5) * cellX, (row + 0.5) * cellY];
    const { style } = this.refs.probe;
    style.width = style.height = `${side}px`;
    style.transform = `translate(${x - side / 2}px, ${y - side / 2}px)`;
    this.drawLink(x, y, side / 2, ...this.place(inX, inY));
  }

  // An arrow from the output pixel to the point that it reads.
  drawLink(x, y, rim, inX, inY) {
    const { from, to } = this.places;
    const [endX, endY] = this.view.keepInside(inX, inY, 4);
    const [shaft, head] = arrowPaths([from[0] + x, from[1] + y], [to[0] + endX, to[1] + endY], rim);
    [shaft, shaft, head].forEach((path, i) => this.refs.link.children[i].setAttribute("d", path));
  }
}

// One row of theta times the output point, spelled out.
function product([a, b, t], x, y) {
  return `${format(a)}\u00b7${bracket(x)} + ${bracket(b)}\u00b7${bracket(y)} + ${bracket(t)}`;
}

function bracket(value) {
  const text = format(value);
  return text.startsWith("\u2212") ? `(${text})` : text;
}

function render({ model, el }) {
  const explorer = new Explorer(model, el);
  return () => explorer.stop();
}

export default { render };
