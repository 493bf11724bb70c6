// SamplerMicroscope: one sampling point among the pixels, the weights, the value and its gradient.

import { clamp } from "../shared/sampling.js";
import { makeStage, toBitmap, drawPixels, makeView, strokeCased } from "../shared/draw.js";
import { bindChoice, bindNumber, bindArrows, bindHandles, format, prefersCalm } from "../shared/controls.js";
import { bindChart } from "../shared/chart.js";
import { magnify } from "./kernels.js";
import { paintStrip } from "./strip.js";
import { paintLoupe } from "./loupe.js";
import { Instrument } from "../shared/instrument.js";
import TEMPLATE from "./microscope.html";

const MARGIN = 1.22;
const REACH = 0.5;
const STEP = 0.1;
const FINE_STEP = 0.02;
const CLIMB = { steps: 600, rate: 0.06, least: 1e-3, gain: 1e-4, patience: 20 };

class Microscope extends Instrument {
  constructor(model, el) {
    super(model, el, TEMPLATE, "microscope");
    const { canvas, strip, loupe } = this.refs;
    this.stage = makeStage(canvas, (context) => this.paintPixels(context));
    this.bindControls();
    this.live(["patch", "point", "mode"], [
      this.stage,
      makeStage(strip, (...target) => (this.plot = paintStrip(...target, this))),
      makeStage(loupe, (context, width) => paintLoupe(context, width, this)),
    ]);
  }

  // ---- from and to the model

  readModel() {
    const rows = this.model.get("patch");
    const data = Float64Array.from(rows.flat());
    const [low, high] = [Math.min(0, ...data), Math.max(1, ...data)];
    this.stuck = false;
    this.patch = { data, height: rows.length, width: rows[0].length, channels: 1, low, high };
    [this.x, this.y] = this.model.get("point");
    this.mode = this.model.get("mode");
    this.choice.show(this.mode);
    this.refs.stage.style.setProperty("--stn-ratio", this.patch.width / this.patch.height);
    this.request();
  }

  moveTo(x, y) {
    this.set("point", [this.within(x, this.patch.width), this.within(y, this.patch.height)]);
  }

  within(v, size) {
    return clamp(v, -REACH, size - 1 + REACH);
  }

  // ---- controls

  bindControls() {
    const { refs } = this;
    const halt = () => cancelAnimationFrame(this.moving);
    this.choice = bindChoice(refs.mode, (mode) => this.set("mode", mode));
    this.numbers = [
      bindNumber(refs.x, (x) => this.moveTo(x, this.y), 2),
      bindNumber(refs.y, (y) => this.moveTo(this.x, y), 2),
    ];
    bindHandles(refs.stage, [refs.point], { move: (_, left, top) => {
      halt();
      this.moveTo(...this.view.read(left, top));
    } });
    bindArrows(refs.point, (dx, dy, fine) => {
      halt();
      const step = fine ? FINE_STEP : STEP;
      this.moveTo(this.x + dx * step, this.y + dy * step);
      this.sayReading();
    });
    bindChart(refs.strip, () => this.plot, (x) => {
      halt();
      this.moveTo(x, this.y);
    });
    refs.climb.addEventListener("click", () => this.climb());
  }

  // Gradient ascent on V: what training does to theta, with the brightest place as the aim. It ends where it no
  // longer gets brighter.
  climb() {
    cancelAnimationFrame(this.moving);
    let [left, best, idle] = [CLIMB.steps, -Infinity, 0];
    const step = () => {
      const { value, dx, dy } = magnify(this.patch, this.x, this.y, this.mode);
      left -= 1;
      [best, idle] = value > best + CLIMB.gain ? [value, 0] : [best, idle + 1];
      if (Math.hypot(dx, dy) < CLIMB.least || idle > CLIMB.patience || left < 0) return false;
      this.moveTo(this.x + CLIMB.rate * dx, this.y + CLIMB.rate * dy);
      return true;
    };
    const animate = () => {
      if (step()) this.moving = requestAnimationFrame(animate);
      else this.sayReading();
    };
    const { dx, dy } = magnify(this.patch, this.x, this.y, this.mode);
    this.stuck = Math.hypot(dx, dy) < CLIMB.least;
    this.request();
    if (!prefersCalm()) return animate();
    while (step());
    this.sayReading();
  }

  sayReading() {
    const { value, dx, dy } = magnify(this.patch, this.x, this.y, this.mode);
    this.say(`x ${format(this.x)}, y ${format(this.y)}: value ${format(value)}, slopes ${format(dx)} and ${format(dy)}`);
  }

  // ---- pictures

  frame() {
    const { patch, stage } = this;
    if (!stage.width) return;
    this.view = makeView(patch.width, patch.height, stage.width, stage.height, MARGIN);
    this.reading = magnify(patch, this.x, this.y, this.mode);
    for (const painted of this.stages) painted.paint();
    const [left, top] = this.view.place(this.x, this.y);
    this.refs.point.style.transform = `translate(${left}px, ${top}px)`;
    this.showNumbers();
  }

  paintPixels(context) {
    const { view, patch, colours } = this;
    drawPixels(context, toBitmap(patch, patch.low, patch.high), view.left, view.top, view.width, view.height);
    this.paintValues(context);
    context.strokeStyle = colours.input;
    context.lineWidth = 2;
    context.strokeRect(view.left - 1, view.top - 1, view.width + 2, view.height + 2);
    for (const term of this.reading.terms) this.paintTerm(context, term);
    if (this.mode === "bilinear") this.paintBox(context);
    this.paintArrow(context);
  }

  paintValues(context) {
    const { view, patch } = this;
    context.font = `${clamp(view.scale / 4, 9, 17)}px system-ui, sans-serif`;
    context.textAlign = "center";
    context.textBaseline = "bottom";
    patch.data.forEach((v, i) => {
      const [x, y] = view.place(i % patch.width, Math.floor(i / patch.width));
      context.fillStyle = (v - patch.low) / (patch.high - patch.low) > 0.5 ? "#000" : "#fff";
      context.fillText(format(v), x, y + view.scale * 0.46);
      context.fillRect(x - 1.5, y - 1.5, 3, 3);
    });
  }

  // A pixel that takes part: framed, and its weight as a disc's area (hollow where negative).
  paintTerm(context, { row, column, weight }) {
    const { view, colours, mode } = this;
    const [x, y] = view.place(column, row);
    const half = view.scale / 2 - 2;
    context.strokeStyle = colours.grid;
    context.lineWidth = 2;
    context.strokeRect(x - half, y - half, 2 * half, 2 * half);
    if (mode !== "bicubic" || Math.abs(weight) < 1e-9) return;
    context.beginPath();
    context.arc(x, y, (view.scale / 2) * Math.sqrt(Math.abs(weight)), 0, 2 * Math.PI);
    context.fillStyle = colours.grid;
    context.globalAlpha = weight > 0 ? 0.7 : 0;
    context.fill();
    context.globalAlpha = 1;
    context.stroke();
  }

  // A box of one pixel around the point: its overlap with each pixel is that pixel's weight.
  paintBox(context) {
    const { view, colours } = this;
    const [x, y] = view.place(this.x, this.y);
    const side = view.scale;
    context.fillStyle = colours.grid;
    context.globalAlpha = 0.45;
    context.fillRect(x - side / 2, y - side / 2, side, side);
    context.globalAlpha = 1;
    const [left, right, top, bottom] = [x - side / 2, x + side / 2, y - side / 2, y + side / 2];
    strokeCased(context, [[left, top], [right, top], [right, bottom], [left, bottom]], colours.grid, 2, true);
    const [cutX, cutY] = view.place(Math.floor(this.x) + 0.5, Math.floor(this.y) + 0.5);
    strokeCased(context, [[cutX, top], [cutX, bottom]], colours.grid, 1.5);
    strokeCased(context, [[left, cutY], [right, cutY]], colours.grid, 1.5);
  }

  // The gradient, from the point towards where V grows fastest.
  paintArrow(context) {
    const { view, colours } = this;
    const { dx, dy } = this.reading;
    const steepness = Math.hypot(dx, dy);
    if (steepness < 1e-6) return;
    const [x, y] = view.place(this.x, this.y);
    const length = view.scale * (0.6 + clamp((1.6 * steepness) / (this.patch.high - this.patch.low), 0, 2));
    const [ux, uy] = [dx / steepness, dy / steepness];
    const [tipX, tipY] = [x + length * ux, y + length * uy];
    strokeCased(context, [[x + 10 * ux, y + 10 * uy], [tipX - 8 * ux, tipY - 8 * uy]], colours.gradient, 4);
    const head = [[tipX, tipY], [tipX - 13 * ux - 7 * uy, tipY - 13 * uy + 7 * ux], [tipX - 13 * ux + 7 * uy, tipY - 13 * uy - 7 * ux]];
    strokeCased(context, head, colours.gradient, 1.5, true);
    context.fillStyle = colours.gradient;
    context.fill();
  }

  // ---- numbers and words

  showNumbers() {
    const { refs, reading, mode } = this;
    this.numbers[0].show(this.x);
    this.numbers[1].show(this.y);
    refs.value.textContent = format(reading.value, 3);
    refs.dx.textContent = format(reading.dx, 3);
    refs.dy.textContent = format(reading.dy, 3);
    refs.terms.innerHTML = mode === "bicubic"
      ? "<span>sixteen pixels;</span><span>hollow discs are</span><span>negative weights</span>"
      : reading.terms.map(({ weight, pixel }) => `<span>${format(weight, 3)} \u00b7 ${format(pixel)}</span>`).join("");
    refs.lesson.textContent = this.lesson();
  }

  lesson() {
    const { mode, reading, x, y } = this;
    if (mode === "nearest") {
      return (this.stuck ? "It does not move: there is no uphill. " : "")
        + "Nearest: V is one pixel's value, and stays so until the point crosses into the next pixel. Both slopes are 0 "
        + "everywhere, so no gradient tells the point, or \u03b8 behind it, where to go.";
    }
    if (mode === "bilinear" && (Number.isInteger(x) || Number.isInteger(y))) {
      return "Bilinear, on the lattice: here V has a kink, and the slopes on its two sides differ. The library takes the one "
        + "from the right and from below.";
    }
    if (Math.hypot(reading.dx, reading.dy) < CLIMB.least) {
      return "Here all neighbours are alike: V is flat, and even this sampler has no gradient to give.";
    }
    const kind = mode === "bilinear"
      ? "Bilinear: the orange box covers four pixels, and each counts by the area covered."
      : "Bicubic: sixteen pixels take part, and V is smooth across pixel centres.";
    return `${kind} A small step to the right changes V by ${format(reading.dx)} a pixel, a step down by ${format(reading.dy)}: `
      + "the arrow points uphill, and through it the loss can move \u03b8.";
  }
}

function render({ model, el }) {
  const microscope = new Microscope(model, el);
  return () => microscope.stop();
}

export default { render };
