// PoolingProbe: a digit is shifted through convolution and max-pooling; which activations stay, and how far?

import { clamp, affineGrid, gridSample } from "../shared/sampling.js";
import { makeStage, toBitmap, drawPixels, strokeLine } from "../shared/draw.js";
import { bindChoice, bindNumber, bindArrows, bindHandles, format, setText } from "../shared/controls.js";
import { convolve, maxPool } from "../shared/network.js";
import { paintShares, paintTicks, paintCurve, paintCursor, paintDot, paintLegend, bindChart } from "../shared/chart.js";
import { makeLibrary } from "../shared/pictures.js";
import { Instrument } from "../shared/instrument.js";
import { EDGES, EDGE_LAYER, peaksOf, verdict, shareKept } from "./cells.js";
import DIGITS from "../shared/digits.json";
import TEMPLATE from "./probe.html";

const REACH = 8;
const NAMES = { 2: "2\u00d72", 4: "4\u00d74" };
// The layers' curves: name, colour, dashes, width.
const SERIES = [["pixels", "input", [2, 4], 2], ["edges", "quiet", [7, 4], 2], ["pooled", "output", [], 3]];

class Probe extends Instrument {
  constructor(model, el) {
    super(model, el, TEMPLATE, "probe");
    this.library = makeLibrary(model, DIGITS);
    const { inputCanvas, edgesCanvas, pooledCanvas, chart } = this.refs;
    this.bindControls();
    this.listen("image", () => this.library.forget("own"));
    this.live(["image", "name", "picture", "shift", "edge", "pool"], [
      makeStage(inputCanvas, (...target) => this.paintInput(...target)),
      makeStage(edgesCanvas, (...target) => this.paintCells(...target, "edges")),
      makeStage(pooledCanvas, (...target) => this.paintCells(...target, "pooled")),
      makeStage(chart, (...target) => (this.plot = this.paintChart(...target))),
    ]);
  }

  // ---- from and to the model

  readModel() {
    const get = (name) => this.model.get(name);
    this.image = this.library(get("picture"));
    this.shift = get("shift");
    this.edge = get("edge");
    this.pool = get("pool");
    this.refs.own.hidden = !get("image");
    setText(this.refs.ownName, get("name"));
    this.choices.picture.show(get("picture"));
    this.choices.edge.show(this.edge);
    this.choices.pool.show(this.pool);
    for (const canvas of ["inputCanvas", "edgesCanvas", "pooledCanvas"]) {
      this.refs[canvas].style.setProperty("--stn-ratio", clamp(this.image.width / this.image.height, 0.5, 2));
    }
    this.request();
  }

  moveTo(x, y) {
    this.set("shift", [x, y].map((v) => clamp(Math.round(2 * v) / 2, -REACH, REACH)));
  }

  // ---- controls

  bindControls() {
    const { refs } = this;
    this.choices = {
      picture: bindChoice(refs.picture, (name) => this.set("picture", name)),
      edge: bindChoice(refs.filter, (name) => this.set("edge", name)),
      pool: bindChoice(refs.pool, (size) => this.set("pool", Number(size))),
    };
    this.numbers = [
      bindNumber(refs.x, (x) => this.moveTo(x, this.shift[1]), 1),
      bindNumber(refs.y, (y) => this.moveTo(this.shift[0], y), 1),
    ];
    bindHandles(refs.inputStage, [refs.handle], { move: (_, left, top) => this.moveTo(...this.shiftAt(left, top)) });
    bindArrows(refs.handle, (dx, dy, fine) => {
      const step = fine ? 0.5 : 1;
      this.moveTo(this.shift[0] + dx * step, this.shift[1] + dy * step);
      this.frame();
      this.say(this.story());
    });
    refs.reset.addEventListener("click", () => this.moveTo(0, 0));
    bindChart(refs.chart, () => this.plot, (x) => this.moveTo(x, this.shift[1]));
  }

  shiftAt(left, top) {
    const { width, height } = this.stages[0];
    return [(left / width - 0.5) * this.image.width, (top / height - 0.5) * this.image.height];
  }

  // ---- the small network

  shifted(x, y) {
    const { width, height } = this.image;
    const grid = affineGrid([1, 0, (-2 * x) / width, 0, 1, (-2 * y) / height], [height, width], false);
    return { ...this.image, data: gridSample(this.image, grid) };
  }

  // The layers of the network for one shift.
  run(x, y) {
    const pixels = this.shifted(x, y);
    const edges = convolve(pixels, EDGE_LAYER);
    return { pixels, edges, pooled: maxPool(edges, this.pool) };
  }

  // The share of active cells that stay, in each layer.
  kept(run) {
    return Object.fromEntries(SERIES.map(([layer]) => [layer, shareKept(this.still[layer], run[layer])]));
  }

  // Curves of what is kept along x, one for each y; made when first asked for, all anew for another image or pooling.
  curves() {
    if (this.curvesOf !== this.image || this.curvesAfter !== this.pool) {
      [this.curvesOf, this.curvesAfter] = [this.image, this.pool];
      this.still = this.run(0, 0);
      this.curveAt = new Map();
    }
    const y = this.shift[1];
    if (!this.curveAt.has(y)) this.curveAt.set(y, this.curveAlong(y));
    this.curve = this.curveAt.get(y);
  }

  curveAlong(y) {
    const shifts = Array.from({ length: 4 * REACH + 1 }, (_, i) => i / 2 - REACH);
    return shifts.map((x) => ({ x, ...this.kept(this.run(x, y)) }));
  }

  // ---- pictures

  frame() {
    if (!this.stages[0].width) return;
    this.curves();
    this.now = this.run(...this.shift);
    this.shares = this.kept(this.now);
    for (const stage of this.stages) stage.paint();
    const { width, height } = this.stages[0];
    const [left, top] = [width * (0.5 + this.shift[0] / this.image.width), height * (0.5 + this.shift[1] / this.image.height)];
    this.refs.handle.style.transform = `translate(${left}px, ${top}px)`;
    this.numbers.forEach((number, axis) => number.show(this.shift[axis]));
    setText(this.refs.verdict, this.story());
  }

  paintInput(context, width, height) {
    drawPixels(context, toBitmap(this.now.pixels, this.image.low, this.image.high), 0, 0, width, height);
    context.strokeStyle = this.colours.input;
    context.lineWidth = 3;
    context.strokeRect(1.5, 1.5, width - 3, height - 3);
  }

  // One filter's map, each cell that is active before or after marked: a frame where it stays, a cross where it changes.
  paintCells(context, width, height, layer) {
    const [still, now] = [channel(this.still[layer], this.edge), channel(this.now[layer], this.edge)];
    const [peak] = peaksOf(still);
    drawPixels(context, toBitmap(now, 0, peak), 0, 0, width, height);
    const [cellX, cellY] = [width / now.width, height / now.height];
    now.data.forEach((value, i) => {
      const word = verdict(still.data[i], value, peak);
      if (word === "quiet") return;
      const [left, top] = [(i % now.width) * cellX, Math.floor(i / now.width) * cellY];
      if (word === "stays") paintFrame(context, left, top, cellX, cellY, this.colours.output);
      else paintCross(context, left, top, cellX, cellY, value > 0.5 * peak ? "#000" : "#fff");
    });
  }

  // The share of cells that stay against the shift, a curve for each layer.
  paintChart(context, width, height) {
    const { curve, shift: [x], shares, colours } = this;
    const plot = paintShares(context, width, height, [-REACH, REACH], colours);
    const step = plot.across(2) - plot.across(0) < 44 ? 4 : 2;
    const ticks = Array.from({ length: (2 * REACH) / step + 1 }, (_, i) => i * step - REACH);
    paintTicks(context, plot, ticks, colours, " px");
    for (const [layer, colour, dash, line] of SERIES) {
      paintCurve(context, plot, curve.map((point) => [point.x, point[layer]]), { colour: colours[colour], dash, width: line });
    }
    paintCursor(context, plot, x, colours.grid);
    for (const [layer, colour] of SERIES) {
      paintDot(context, plot.across(x), plot.up(shares[layer]), colours[colour], colours.paper);
    }
    paintLegend(context, plot, SERIES.map(([name, colour, dash]) => ({ name, colour: colours[colour], dash })), colours);
    return plot;
  }

  // ---- words

  story() {
    const [x, y] = this.shift;
    const percent = (share) => `${Math.round(100 * share)}%`;
    const far = Math.hypot(x, y);
    if (far === 0) return `In place. Shift the digit: by half a pixel, by one, by two. What still looks the same after pooling?`;
    const { edges: bare, pooled } = this.shares;
    return `Shifted by ${format(far, 1)} pixels. Without pooling ${percent(bare)} of the active edge cells stay, with ${NAMES[this.pool]} `
      + `pooling ${percent(pooled)}. ${this.reachInWords()}`;
  }

  reachInWords() {
    const reach = this.curve.filter(({ x, pooled }) => x >= 0 && pooled >= 0.5);
    const edge = reach.length ? reach.at(-1).x : 0;
    return edge === 0
      ? "Half of the pooled cells are lost at the first half pixel."
      : `Sideways, half of the pooled cells stay up to ${format(edge, 1)} pixels, and no farther: that is all the invariance there is.`;
  }
}

// The map of one filter.
function channel({ data, height, width, channels }, edge) {
  const at = EDGES.indexOf(edge);
  return { data: data.filter((_, i) => i % channels === at), height, width, channels: 1 };
}

function paintFrame(context, left, top, width, height, colour) {
  context.strokeStyle = colour;
  context.lineWidth = clamp(width / 6, 1.5, 3);
  const inset = context.lineWidth / 2;
  context.strokeRect(left + inset, top + inset, width - 2 * inset, height - 2 * inset);
}

function paintCross(context, left, top, width, height, colour) {
  context.strokeStyle = colour;
  context.lineWidth = clamp(width / 8, 1, 2);
  const [right, bottom] = [left + 0.7 * width, top + 0.7 * height];
  const [near, upper] = [left + 0.3 * width, top + 0.3 * height];
  strokeLine(context, [[near, upper], [right, bottom]]);
  strokeLine(context, [[near, bottom], [right, upper]]);
}

function render({ model, el }) {
  const probe = new Probe(model, el);
  return () => probe.stop();
}

export default { render };
