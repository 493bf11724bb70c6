// SamplerMicroscope: one sampling point among the pixels, the weights, the value and its gradient.

import { clamp } from "../shared/sampling.js";
import { makeStage, toBitmap, drawPixels, makeView, strokeCased } from "../shared/draw.js";
import { bindChoice, bindNumber, bindArrows, bindHandles, format, setText, prefersCalm } from "../shared/controls.js";
import { bindChart } from "../shared/chart.js";
import { makeBackdrop, paintBackdrop } from "../shared/backdrop.js";
import { decodeImage } from "../shared/pictures.js";
import { magnify } from "../shared/kernels.js";
import { paintStrip } from "./strip.js";
import { paintLoupe } from "./loupe.js";
import { Instrument } from "../shared/instrument.js";
import DIGITS from "../shared/digits.json";
import TEMPLATE from "./microscope.html";

const REACH = 1.5; // pixels beyond the border pixels' centres that the point may go
const SIGN = { brighter: 1, darker: -1 };
const STEP = 0.1;
const FINE_STEP = 0.02;
// The way along the arrow: how far a step goes, and when it ends.
const CLIMB = { steps: 600, rate: 0.06, least: 1e-3, gain: 1e-4, patience: 20 };

class Microscope extends Instrument {
  constructor(model, el) {
    super(model, el, TEMPLATE, "microscope");
    const { canvas, strip, loupe } = this.refs;
    this.stage = makeStage(canvas, (context) => this.paintPixels(context));
    this.bindControls();
    this.reach = REACH;
    this.live(["patch", "origin", "point", "mode", "padding_mode", "aim"], [
      this.stage,
      makeStage(strip, (...target) => (this.plot = paintStrip(...target, this))),
      makeStage(loupe, (context, width) => paintLoupe(context, width, this)),
      makeStage(this.refs.origin, (...target) => this.paintOrigin(...target)),
    ]);
  }

  // ---- from and to the model

  readModel() {
    const get = (name) => this.model.get(name);
    this.takePatch(get("patch"));
    [this.x, this.y] = get("point");
    [this.mode, this.padding, this.aim] = [get("mode"), get("padding_mode"), get("aim")];
    this.origin = get("origin");
    this.choices.mode.show(this.mode);
    this.choices.padding.show(this.padding);
    this.choices.aim.show(this.aim);
    setText(this.refs.originText, this.originInWords());
    this.request();
  }

  takePatch(rows) {
    if (rows !== this.rows) {
      const data = Float64Array.from(rows.flat());
      const [low, high] = [Math.min(0, ...data), Math.max(1, ...data)];
      this.patch = { data, height: rows.length, width: rows[0].length, channels: 1, low, high };
      this.backdrop = null;
    }
    this.rows = rows;
    this.refs.stage.style.setProperty("--stn-ratio", this.patch.width / this.patch.height);
  }

  // The value, the slopes and the terms at a point.
  at(x, y) {
    return magnify(this.patch, x, y, this.mode, this.padding);
  }

  moveTo(x, y) {
    this.stuck = false;
    this.set("point", [this.within(x, this.patch.width), this.within(y, this.patch.height)]);
  }

  within(v, size) {
    return clamp(v, -REACH, size - 1 + REACH);
  }

  // ---- controls

  bindControls() {
    const { refs } = this;
    const halt = () => this.halt();
    const choose = (trait) => (value) => {
      halt();
      this.stuck = false;
      this.set(trait, value);
    };
    this.choices = {
      mode: bindChoice(refs.mode, choose("mode")),
      padding: bindChoice(refs.padding, choose("padding_mode")),
      aim: bindChoice(refs.aim, choose("aim")),
    };
    this.numbers = [
      bindNumber(refs.x, (x) => this.enter(refs.x, x, this.y), 2),
      bindNumber(refs.y, (y) => this.enter(refs.y, this.x, y), 2),
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

  // A number that was typed in; one beyond reach is marked, and nothing moves.
  enter(input, x, y) {
    const reached = this.within(x, this.patch.width) === x && this.within(y, this.patch.height) === y;
    input.setAttribute("aria-invalid", String(!reached));
    if (!reached) return;
    this.halt();
    this.moveTo(x, y);
  }

  // Gradient descent on the loss, -V or V: what training does to theta. It ends where the loss no longer falls.
  climb() {
    if (this.moving) return this.halt();
    const sign = SIGN[this.aim];
    let [left, best, idle] = [CLIMB.steps, -Infinity, 0];
    const step = () => {
      const { value, dx, dy } = this.at(this.x, this.y);
      left -= 1;
      [best, idle] = sign * value > best + CLIMB.gain ? [sign * value, 0] : [best, idle + 1];
      if (Math.hypot(dx, dy) < CLIMB.least || idle > CLIMB.patience || left < 0) return false;
      this.moveTo(this.x + sign * CLIMB.rate * dx, this.y + sign * CLIMB.rate * dy);
      return true;
    };
    const { dx, dy } = this.at(this.x, this.y);
    this.stuck = Math.hypot(dx, dy) < CLIMB.least;
    this.request();
    if (prefersCalm()) {
      while (step());
      return this.sayReading();
    }
    const animate = () => {
      if (step()) this.moving = requestAnimationFrame(animate);
      else this.halt();
    };
    this.moving = requestAnimationFrame(animate);
    setText(this.refs.climbText, "stop");
  }

  halt() {
    if (!this.moving) return;
    cancelAnimationFrame(this.moving);
    this.moving = 0;
    setText(this.refs.climbText, "follow the arrow");
    this.sayReading();
  }

  sayReading() {
    const { value, dx, dy } = this.at(this.x, this.y);
    this.say(`x ${format(this.x)}, y ${format(this.y)}: value ${format(value)}, slopes ${format(dx)} and ${format(dy)}`);
  }

  // ---- pictures

  frame() {
    const { patch, stage } = this;
    if (!stage.width) return;
    const margin = 1 + (2 * REACH + 0.4) / Math.min(patch.width, patch.height);
    this.view = makeView(patch.width, patch.height, stage.width, stage.height, margin);
    this.reading = this.at(this.x, this.y);
    for (const painted of this.stages) painted.paint();
    const [left, top] = this.view.place(this.x, this.y);
    this.refs.point.style.transform = `translate(${left}px, ${top}px)`;
    this.showNumbers();
  }

  paintPixels(context) {
    if (this.backdropOf !== this.padding || !this.backdrop) {
      [this.backdropOf, this.backdrop] = [this.padding, makeBackdrop(this.patch, this.padding)];
    }
    paintBackdrop(context, this.backdrop, this.view, this.stage, this.colours);
    if (this.mode === "bilinear") this.paintBox(context);
    for (const term of this.reading.terms) this.paintTerm(context, term);
    this.paintValues(context);
    this.paintArrow(context);
  }

  // The image that the patch is a piece of, with a frame around the piece; or the patch itself.
  paintOrigin(context, width, height) {
    if (!this.origin) return drawPixels(context, toBitmap(this.patch, this.patch.low, this.patch.high), 0, 0, width, height);
    const { picture, row, column } = this.origin;
    const image = decodeImage(DIGITS[picture]);
    drawPixels(context, toBitmap(image), 0, 0, width, height);
    const scale = width / image.width;
    const [left, top] = [column * scale, row * scale];
    const [right, bottom] = [left + this.patch.width * scale, top + this.patch.height * scale];
    strokeCased(context, [[left, top], [right, top], [right, bottom], [left, bottom]], this.colours.grid, 2, true);
  }

  paintValues(context) {
    const { view, patch } = this;
    context.font = `${clamp(view.scale / 4, 9, 17)}px system-ui, sans-serif`;
    context.textAlign = "center";
    context.lineWidth = 3;
    const above = Math.floor(this.reading.at[1]); // the box covers the lower part of this row, so its values stand at the top
    patch.data.forEach((v, i) => {
      const [m, n] = [i % patch.width, Math.floor(i / patch.width)];
      const [x, y] = view.place(m, n);
      const bright = (v - patch.low) / (patch.high - patch.low) > 0.5;
      context.fillStyle = bright ? "#000" : "#fff";
      context.strokeStyle = bright ? "#fffc" : "#000c"; // legible on the orange box, too
      const read = this.reading.terms.some(({ row, column }) => row === n && column === m);
      const high = read && this.mode === "bilinear" && n === above;
      context.textBaseline = high ? "top" : "bottom";
      const level = y + view.scale * (high ? -0.44 : 0.46);
      if (read) context.strokeText(format(v), x, level);
      context.fillText(format(v), x, level);
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

  // A box of one pixel around the point that is read: its overlap with each pixel is that pixel's weight.
  paintBox(context) {
    const { view, colours } = this;
    const [atX, atY] = this.reading.at;
    const [x, y] = view.place(atX, atY);
    const side = view.scale;
    context.fillStyle = colours.grid;
    context.globalAlpha = 0.3;
    context.fillRect(x - side / 2, y - side / 2, side, side);
    context.globalAlpha = 1;
    const [left, right, top, bottom] = [x - side / 2, x + side / 2, y - side / 2, y + side / 2];
    strokeCased(context, [[left, top], [right, top], [right, bottom], [left, bottom]], colours.grid, 2, true);
    const [cutX, cutY] = view.place(Math.floor(atX) + 0.5, Math.floor(atY) + 0.5);
    strokeCased(context, [[cutX, top], [cutX, bottom]], colours.grid, 1.5);
    strokeCased(context, [[left, cutY], [right, cutY]], colours.grid, 1.5);
  }

  // The way that the loss falls fastest: along the gradient of V for brighter, against it for darker. Where the padding
  // puts another point in place, a thin line leads there.
  paintArrow(context) {
    const { view, colours } = this;
    const [dx, dy] = [this.reading.dx, this.reading.dy].map((slope) => SIGN[this.aim] * slope);
    const steepness = Math.hypot(dx, dy);
    const [x, y] = view.place(this.x, this.y);
    const there = view.place(...this.reading.at);
    if (Math.hypot(there[0] - x, there[1] - y) > 1) strokeCased(context, [[x, y], there], colours.grid, 1.5);
    if (steepness < 1e-6) return;
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
    setText(refs.value, format(reading.value, 3));
    setText(refs.dx, format(reading.dx, 3));
    setText(refs.dy, format(reading.dy, 3));
    refs.terms.innerHTML = mode === "bicubic"
      ? "<span>sixteen pixels;</span><span>hollow discs are</span><span>negative weights</span>"
      : "<span>weight \u00b7 pixel</span>"
        + reading.terms.map(({ weight, pixel }) => `<span>${format(weight, 3)} \u00b7 ${format(pixel)}</span>`).join("");
    setText(refs.lesson, this.lesson());
  }

  originInWords() {
    const { width, height } = this.patch;
    if (!this.origin) return `your pixels, ${height} by ${width}`;
    const { picture, row, column } = this.origin;
    return `rows ${row} to ${row + height - 1}, columns ${column} to ${column + width - 1} of a ${picture.split(" ")[1]}`;
  }

  lesson() {
    const { mode, reading, x, y, padding, aim } = this;
    const [atX, atY] = reading.at;
    if (mode === "nearest") {
      return (this.stuck ? "It does not move: there is no gradient to follow. " : "")
        + "Nearest: V is one pixel's value, and stays so until the point crosses into the next pixel. Both slopes are 0 "
        + "everywhere, so no gradient tells the point, or \u03b8 behind it, where to go.";
    }
    if (mode === "bilinear" && padding !== "zeros" && (atX !== x || atY !== y)) {
      return padding === "border"
        ? "Border: outside the image the nearest border pixel is read. V does not change with the coordinate that is outside, so its slope is 0."
        : "Reflection: outside, the image is read as in a mirror. The slope is that of the mirrored place, with the opposite sign.";
    }
    if (mode === "bilinear" && (Number.isInteger(x) || Number.isInteger(y))) {
      return "Bilinear, on the lattice: here V has a kink, and the slopes on its two sides differ. The library takes the one "
        + "from the right and from below.";
    }
    if (Math.hypot(reading.dx, reading.dy) < CLIMB.least) {
      return `${this.stuck ? "It does not move. " : ""}All neighbours are alike here: V is flat, and even this sampler has no gradient to give.`;
    }
    const kind = mode === "bilinear"
      ? "Bilinear: the orange box covers four pixels, and each counts by the area covered."
      : "Bicubic: sixteen pixels take part, and V is smooth across pixel centres.";
    return `${kind} The arrow shows which way V gets ${aim} fastest: gradient descent on the loss moves the point, and \u03b8, that way.`;
  }
}

function render({ model, el }) {
  const microscope = new Microscope(model, el);
  return () => microscope.stop();
}

export default { render };
