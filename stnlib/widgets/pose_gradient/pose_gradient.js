// PoseGradient: the loss pulls on the output's pixels, they pull on the sampling points, and those on the pose.

import { bindChoice, format, prefersCalm, setText } from "../shared/controls.js";
import { drawPixels, makeStage, makeView, strokeCased, toBitmap } from "../shared/draw.js";
import { affineGrid, gridSample } from "../shared/sampling.js";
import { decodeImage } from "../shared/pictures.js";
import { Instrument } from "../shared/instrument.js";
import { pass, SIDE, stepped, unpack } from "./way.js";
import CLASSIFIER from "./classifier.json";
import DIGITS from "../shared/digits.json";
import TEMPLATE from "./pose_gradient.html";

const DEGREE = Math.PI / 180;
const MARGIN = 1.3; // of the input's panel, so that the window stays in sight
const STEPS = 240; // of a run, at most
const REST = 0.03; // the pull at which a run ends
const LONGEST_ARROW = 7; // pixels of the image
const LEAST_ARROW = 8; // px: a shorter one would be all head
const EVERY = 2; // of the sampling points in each direction has an arrow

class PoseGradient extends Instrument {
  constructor(model, el) {
    super(model, el, TEMPLATE, "pose_gradient");
    this.classifier = unpack(CLASSIFIER);
    this.steps = 0;
    const { inputCanvas, outputCanvas, wantsCanvas, sharesCanvas } = this.refs;
    this.bindControls();
    this.live(["picture", "rotation", "pose"], [
      makeStage(inputCanvas, (...target) => this.paintInput(...target)),
      makeStage(outputCanvas, (...target) => this.paintOutput(...target)),
      makeStage(wantsCanvas, (...target) => this.paintWants(...target)),
      makeStage(sharesCanvas, (...target) => this.paintShares(...target)),
    ]);
  }

  stop() {
    this.halt();
    super.stop();
  }

  // ---- from and to the model

  readModel() {
    const picture = this.model.get("picture") || Object.keys(DIGITS)[0];
    this.rotation = this.model.get("rotation") || 0;
    this.pose = this.model.get("pose") || [0, 0, 0];
    this.label = Number(picture.at(-1));
    this.choice.show(picture);
    this.refs.rotation.value = this.rotation;
    setText(this.refs.rotationText, `${format(this.rotation, 0)}\u00b0`);
    this.image = rotated(decodeImage(DIGITS[picture]), this.rotation);
    this.now = pass(this.classifier, this.image, this.pose, this.label);
    this.request();
  }

  start(name, value) {
    this.halt();
    this.steps = 0;
    this.set("pose", [0, 0, 0]);
    this.set(name, value);
  }

  // ---- controls

  bindControls() {
    const { refs } = this;
    this.choice = bindChoice(refs.picture, (picture) => this.start("picture", picture));
    refs.rotation.addEventListener("input", () => this.start("rotation", Number(refs.rotation.value)));
    refs.step.addEventListener("click", () => {
      this.halt();
      this.step();
      this.say(this.story());
    });
    refs.run.addEventListener("click", () => (this.running ? this.halt() : this.run()));
    refs.reset.addEventListener("click", () => this.start("pose", [0, 0, 0]));
  }

  step() {
    this.steps += 1;
    this.set("pose", stepped(this.pose, this.now.pull));
  }

  // Step until the pulls cancel: a step a frame, or all at once for those who want no motion.
  run() {
    let left = STEPS;
    const next = () => {
      if (left-- <= 0 || Math.hypot(...this.now.pull) < REST) {
        this.halt();
        this.say(this.story());
        return false;
      }
      this.step();
      return true;
    };
    if (prefersCalm()) {
      while (next());
      return;
    }
    const frame = () => {
      this.moving = next() ? requestAnimationFrame(frame) : 0;
      this.showRunning(Boolean(this.moving));
    };
    frame();
  }

  halt() {
    cancelAnimationFrame(this.moving);
    this.moving = 0;
    this.showRunning(false);
  }

  showRunning(running) {
    this.running = running;
    setText(this.refs.runText, running ? "stop" : "run");
    this.refs.run.setAttribute("aria-pressed", String(running));
  }

  // ---- pictures

  frame() {
    const { refs, now, pose } = this;
    for (const stage of this.stages) stage.paint();
    now.pull.forEach((value, i) => setText(refs[`pull${i}`], `${value < 0 ? "" : "+"}${format(value, 2)}`));
    setText(refs.pose0, `${format(pose[0] / DEGREE, 0)}\u00b0`);
    setText(refs.pose1, `${format((pose[1] * SIDE) / 2, 1)} px`);
    setText(refs.pose2, `${format((pose[2] * SIDE) / 2, 1)} px`);
    setText(refs.story, this.story());
  }

  paintInput(context, width, height) {
    const { colours, now, image, pose } = this;
    const view = makeView(SIDE, SIDE, width, height, MARGIN);
    context.fillStyle = colours.beyond;
    context.fillRect(0, 0, width, height);
    drawPixels(context, toBitmap(image), view.left, view.top, view.width, view.height);
    const [cos, sin] = [Math.cos(pose[0]), Math.sin(pose[0])];
    const corners = [[-1, -1], [1, -1], [1, 1], [-1, 1]].map(([u, v]) => view.place(
      ((cos * u - sin * v + pose[1] + 1) * SIDE) / 2 - 0.5, ((sin * u + cos * v + pose[2] + 1) * SIDE) / 2 - 0.5,
    ));
    strokeCased(context, corners, colours.grid, 2, true);
    strokeCased(context, corners.slice(0, 2), colours.grid, 4);
    const most = Math.max(...now.points.map(({ pullX, pullY }) => Math.hypot(pullX, pullY)), 1e-9);
    now.points.forEach((point, i) => {
      if ((i % SIDE) % EVERY || Math.floor(i / SIDE) % EVERY) return;
      const scale = LONGEST_ARROW / most;
      this.paintArrow(context, view, point, point.pullX * scale, point.pullY * scale);
    });
  }

  paintArrow(context, view, { x, y }, dx, dy) {
    const [from, to] = [view.place(x, y), view.place(x + dx, y + dy)];
    context.fillStyle = this.colours.grid;
    context.fillRect(from[0] - 1, from[1] - 1, 2, 2);
    const long = Math.hypot(to[0] - from[0], to[1] - from[1]);
    if (long < LEAST_ARROW) return;
    strokeCased(context, [from, to], this.colours.gradient, 2);
    const [ux, uy] = [(to[0] - from[0]) / long, (to[1] - from[1]) / long];
    const back = (side) => [to[0] - 4 * ux - side * 3 * uy, to[1] - 4 * uy + side * 3 * ux];
    strokeCased(context, [back(1), to, back(-1)], this.colours.gradient, 2);
  }

  paintOutput(context, width, height) {
    const data = Float32Array.from(this.now.points, ({ value }) => value);
    drawPixels(context, toBitmap({ data, width: SIDE, height: SIDE, channels: 1 }), 0, 0, width, height);
    frameCanvas(context, width, height, this.colours.output);
  }

  // Orange where brighter lowers the loss, blue where darker does, on the theme's paper; as strong as the wish.
  paintWants(context, width, height) {
    const { wants } = this.now;
    const most = Math.max(...wants.map(Math.abs), 1e-9);
    const [cellX, cellY] = [width / SIDE, height / SIDE];
    wants.forEach((want, i) => {
      context.globalAlpha = Math.min(Math.abs(want) / most, 1);
      context.fillStyle = want < 0 ? this.colours.grid : this.colours.input;
      context.fillRect((i % SIDE) * cellX, Math.floor(i / SIDE) * cellY, cellX + 0.5, cellY + 0.5);
    });
    context.globalAlpha = 1;
    frameCanvas(context, width, height, this.colours.line);
  }

  paintShares(context, width, height) {
    const { shares } = this.now;
    const step = width / 10;
    const bottom = height - 18;
    context.font = "12px system-ui, sans-serif";
    context.textAlign = "center";
    context.textBaseline = "top";
    shares.forEach((share, k) => {
      context.fillStyle = k === this.label ? this.colours.output : this.colours.quiet;
      context.fillRect((k + 0.15) * step, bottom - share * (bottom - 4), 0.7 * step, Math.max(share * (bottom - 4), 1));
      context.fillStyle = this.colours.ink;
      context.fillText(k, (k + 0.5) * step, bottom + 4);
    });
  }

  // ---- words

  story() {
    const { now, label, rotation, pose, steps } = this;
    const predicted = now.shares.indexOf(Math.max(...now.shares));
    const verdict = predicted === label ? "which is right" : "which is wrong";
    const begin = `Step ${steps}: loss ${format(now.loss, 2)}, predicts ${predicted}, ${verdict}. `;
    const corrected = Math.round((pose[0] / DEGREE) * Math.sign(rotation || 1));
    if (Math.hypot(...now.pull) < 2 * REST) {
      return `${begin}The pulls are nearly gone. The window has corrected ${corrected}\u00b0 of the ${Math.abs(rotation)}\u00b0: the loss asks for the right label, and for no angle.`;
    }
    const [turn, right, down] = now.pull;
    const ways = [
      Math.abs(turn) > 0.02 && `rotate the window ${turn > 0 ? "clockwise" : "counter-clockwise"}`,
      Math.hypot(right, down) > 0.02 && `move it ${[Math.abs(down) > 0.02 && (down > 0 ? "down" : "up"), Math.abs(right) > 0.02 && (right > 0 ? "right" : "left")].filter(Boolean).join(" and ")}`,
    ].filter(Boolean);
    return ways.length ? `${begin}The pulls ${ways.join(" and ")}.` : begin;
  }
}

// The digit as the network gets it: rotated clockwise about its centre.
function rotated(image, degrees) {
  const [cos, sin] = [Math.cos(degrees * DEGREE), Math.sin(degrees * DEGREE)];
  const grid = affineGrid([cos, sin, 0, -sin, cos, 0], [SIDE, SIDE], false);
  return { ...image, data: gridSample(image, grid) };
}

function frameCanvas(context, width, height, colour) {
  context.strokeStyle = colour;
  context.lineWidth = 3;
  context.strokeRect(1.5, 1.5, width - 3, height - 3);
}

function render({ model, el }) {
  const way = new PoseGradient(model, el);
  return () => way.stop();
}

export default { render };
