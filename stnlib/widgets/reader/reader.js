// DigitReader: a digit to rotate, scale, shift or draw, and what up to four networks predict.

import { clamp } from "../shared/sampling.js";
import { makeStage, toBitmap, drawPixels, makeView, strokeCased } from "../shared/draw.js";
import { bindChoice, bindNumber, bindArrows, bindHandles, format, setText } from "../shared/controls.js";
import { makeBackdrop, paintBackdrop } from "../shared/backdrop.js";
import { applyTheta, rollDice, wrap } from "../shared/affine.js";
import { makeLibrary, encodeImage, blankImage } from "../shared/pictures.js";
import { makePad } from "../shared/pad.js";
import { PIXELS, HALF_BOX, UPRIGHT, placed, framed } from "./pose.js";
import { unpackNetwork, runNetwork, softmax } from "../shared/network.js";
import { areHere, fetchNetworks } from "./networks_file.js";
import { paintShares, paintTicks, paintCurve, paintCursor, bindChart } from "../shared/chart.js";
import { Instrument } from "../shared/instrument.js";
import DIGITS from "./digits.json";
import TEMPLATE from "./reader.html";

const REACH = 14;
const MARGIN = 1.6; // a window rotated by 45 degrees still lies on the canvas
const SIZES = [0.3, 2];
const TRAITS = ["picture", "image", "drawing", "angle", "size", "shift", "view", "relieved", "networks", "name"];
const ANGLES = Array.from({ length: 49 }, (_, i) => 7.5 * i - 180);
const TOLD = 60; // degrees: the rotation of which the page tells what networks do with it over the whole test set
const LESSONS = {
  false: "Pose first: the transformer learned from known rotations, then learned on from labels with its classifier.",
  true: "All at once: from labels alone, the classifier learns to read rotated digits itself and leaves its "
    + "transformer less to correct.",
};
const LOADING = "The networks are on their way.";
const DASHES = [[], [2, 4], [9, 4], [9, 3, 2, 3]];
const SLICE = 3; // milliseconds of a frame that go into the curves

class Reader extends Instrument {
  constructor(model, el) {
    super(model, el, TEMPLATE, "reader");
    this.library = makeLibrary(model, DIGITS);
    this.networks = [];
    this.bindControls();
    this.listen("image", () => this.library.forget("own"));
    this.listen("drawing", () => this.pad.drawing || this.library.forget("drawing"));
    const { inputCanvas, viewCanvas, chart } = this.refs;
    this.input = makeStage(inputCanvas, (...target) => this.paintInput(...target));
    this.output = makeStage(viewCanvas, (context, width, height) => {
      drawPixels(context, toBitmap(this.seen()?.view || blankImage()), 0, 0, width, height);
    });
    this.chart = makeStage(chart, (...target) => this.paintChart(...target));
    this.live(TRAITS, [this.input, this.output, this.chart]);
    this.waiting = fetchNetworks(model, el, (failure, again) => this.showFailure(failure, again));
  }

  stop() {
    this.waiting();
    window.removeEventListener("online", this.onOnline);
    super.stop();
  }

  // The networks did not come: say so, and offer to ask again where that may help.
  showFailure(failure, again) {
    const { retry } = this.refs;
    const ask = () => {
      this.showFailure(null, null);
      again();
    };
    this.failure = failure;
    retry.hidden = !again;
    retry.onclick = ask;
    window.removeEventListener("online", this.onOnline);
    this.onOnline = again && ask;
    if (again) window.addEventListener("online", ask, { once: true });
    this.request();
  }

  // ---- from and to the model

  readModel() {
    const get = (name) => this.model.get(name);
    const picture = get("picture");
    this.pose = { angle: get("angle"), size: get("size"), shift: get("shift") };
    this.takeNetworks(get("networks"));
    const source = [picture, get("image"), get("drawing")];
    if (source.some((value, i) => value !== this.source?.[i])) {
      this.source = source;
      this.image = picture === "drawing" ? framed(this.library(picture)) : this.library(picture);
    }
    this.label = /^digit \d$/.test(picture) ? Number(picture.at(-1)) : null;
    this.refs.own.hidden = !get("image");
    setText(this.refs.ownName, get("name"));
    this.choices.picture.show(picture);
    this.choices.view.show(get("view"));
    this.choices.relieved.show(get("relieved"));
    this.refs.pad.hidden = picture !== "drawing";
    if (picture === "drawing") this.pad.paint();
    this.request();
  }

  takeNetworks(packed) {
    if (!areHere(packed)) return;
    if (packed !== this.packed) {
      this.packed = packed;
      this.failure = null;
      this.refs.retry.hidden = true;
      this.known = Object.entries(packed).map(([name, network]) => ({ ...network, name, layers: unpackNetwork(network) }));
      this.trained = Math.min(...this.known.map(({ rotation }) => rotation || 0));
      this.networks = [];
    }
    this.chooseNetworks();
  }

  // The networks that answer: one that stands in for another takes its place, and its name, while the switch is on.
  chooseNetworks() {
    const places = this.known.filter(({ stands_for: name }) => !this.known.some((other) => other.name === name));
    const standIn = this.known.find((one) => !places.includes(one));
    const chosen = places.map((one) => {
      const replaced = this.model.get("relieved") && standIn?.stands_for === one.name;
      return replaced ? { ...standIn, name: one.name } : one;
    });
    const { lesson, lessonRoom, relieved, switched } = this.refs;
    relieved.hidden = lessonRoom.hidden = !standIn;
    if (standIn) {
      setText(switched, standIn.stands_for);
      setText(lesson, this.lesson(chosen, standIn.stands_for));
    }
    if (chosen.every(({ layers }, i) => layers === this.networks[i]?.layers)) return;
    this.networks = chosen;
    this.writeRows();
    this.writeViews();
  }

  // How the network with two ways to be trained was trained, and what it does over the test set.
  lesson(chosen, name) {
    const { measured } = chosen.find((one) => one.name === name);
    const rival = chosen.find((one) => name.endsWith(`+${one.name}`));
    const percent = (share, digits) => `${format(100 * share, digits)}%`;
    const right = ({ accuracy }) => percent((accuracy[TOLD] + accuracy[-TOLD]) / 2, 1);
    const corrected = Math.min(measured.corrected[TOLD], measured.corrected[-TOLD]);
    return `${LESSONS[this.model.get("relieved")]} On MNIST's test digits, rotated by ${TOLD}\u00b0, ${name} corrects `
      + `${percent(Math.max(corrected, 0), 0)} of the rotation (median) and is ${right(measured)} accurate${rival ? `, ${rival.name} alone ${right(rival.measured)}` : ""}.`;
  }

  setPose(change) {
    const { angle, size, shift } = { ...this.pose, ...change };
    this.model.set("angle", Math.round(10 * wrap(angle)) / 10);
    this.model.set("size", clamp(Math.round(100 * size) / 100, ...SIZES));
    this.set("shift", shift.map((pixels) => clamp(Math.round(100 * pixels) / 100, -REACH, REACH)));
  }

  // ---- controls

  bindControls() {
    const { refs } = this;
    this.choices = {
      picture: bindChoice(refs.picture, (name) => {
        if (name === "drawing") this.setPose(UPRIGHT);
        this.set("picture", name);
      }),
      view: bindChoice(refs.view, (name) => this.set("view", name)),
      relieved: bindChoice(refs.relieved, (value) => this.relieve(value === "true")),
    };
    this.numbers = {
      angle: bindNumber(refs.angle, (angle) => this.setPose({ angle }), 0),
      size: bindNumber(refs.size, (size) => this.setPose({ size }), 2),
      right: bindNumber(refs.right, (right) => this.setPose({ shift: [right, this.pose.shift[1]] }), 1),
      down: bindNumber(refs.down, (down) => this.setPose({ shift: [this.pose.shift[0], down] }), 1),
    };
    bindHandles(refs.inputStage, [refs.centre, refs.corner], {
      move: (handle, x, y) => (handle === refs.centre ? this.moveTo(x, y) : this.rotateTo(x, y)),
    });
    bindArrows(refs.centre, (dx, dy, fine) => {
      const step = fine ? 0.25 : 1;
      this.nudge({ shift: [this.pose.shift[0] + dx * step, this.pose.shift[1] + dy * step] });
    });
    bindArrows(refs.corner, (dx, dy, fine) => {
      const { angle, size } = this.pose;
      this.nudge({ angle: angle - dx * (fine ? 1 : 5), size: size - dy * (fine ? 0.01 : 0.05) });
    });
    refs.reset.addEventListener("click", () => this.setPose(UPRIGHT));
    refs.dice.addEventListener("click", () => this.roll());
    bindChart(refs.chart, () => this.plot, (angle) => this.setPose({ angle }));
    refs.wipe.addEventListener("click", () => this.setPose(UPRIGHT));
    this.pad = makePad(refs.padCanvas, refs.wipe, () => this.library("drawing"), {
      change: () => this.showDrawing(),
      end: () => this.set("drawing", encodeImage(this.library("drawing"))),
    });
  }

  nudge(change) {
    this.setPose(change);
    this.frame();
    this.say(this.story());
  }

  // One of the article's distortions, shear aside.
  roll() {
    const [, { angle, scaleX, moveX, moveY }] = rollDice();
    this.setPose({ angle, size: scaleX, shift: [moveX, moveY].map((move) => (move * PIXELS) / 2) });
    this.say(this.story());
  }

  // Show the other training of a network, and its transformer.
  relieve(on) {
    this.set("view", this.refs.switched.textContent);
    this.set("relieved", on);
    this.say(this.refs.lesson.textContent);
  }

  showDrawing() {
    this.image = framed(this.library("drawing"));
    this.request();
  }

  // Canvas position of a point that lies (x, y) pixels from the picture's centre, and back.
  place(x, y) {
    const { left, top, width, height } = this.view;
    return [left + width * (0.5 + x / PIXELS), top + height * (0.5 + y / PIXELS)];
  }

  fromCentre(at, down) {
    const { left, top, width, height } = this.view;
    return [((at - left) / width - 0.5) * PIXELS, ((down - top) / height - 0.5) * PIXELS];
  }

  moveTo(left, top) {
    this.setPose({ shift: this.fromCentre(left, top) });
  }

  rotateTo(left, top) {
    const [x, y] = this.fromCentre(left, top).map((v, axis) => v - this.pose.shift[axis]);
    const size = Math.hypot(x, y) / (HALF_BOX * Math.SQRT2);
    if (size > 0.05) this.setPose({ angle: (Math.atan2(-y, x) * 180) / Math.PI - 45, size });
  }

  // ---- the networks

  read(pose) {
    const input = placed(this.image, pose);
    return this.networks.map(({ name, layers }) => {
      const { logits, theta, view } = runNetwork(layers, input);
      const shares = softmax(logits);
      return { name, theta, view, shares, digit: shares.indexOf(Math.max(...shares)) };
    });
  }

  // What the transformer that is shown makes of the input: the one asked for, or else the last.
  seen() {
    const looking = this.answers?.filter(({ theta }) => theta) || [];
    return looking.find(({ name }) => name === this.model.get("view")) || looking.at(-1);
  }

  // The digit that the curves are about: the picture's own, or what the last network predicts for the picture as it is.
  target() {
    return this.label ?? this.read(UPRIGHT).at(-1)?.digit;
  }

  // Begin the curves anew where another picture, size or place asks for it, and compute a slice of them.
  advanceCurves() {
    const { size, shift } = this.pose;
    const asked = [this.image, this.networks, size, ...shift];
    if (!this.curves || asked.some((value, i) => value !== this.curves.of[i])) {
      this.curves = { of: asked, digit: this.target(), done: 0, lines: this.networks.map(() => []) };
    }
    const { curves } = this;
    const end = performance.now() + SLICE;
    while (curves.done < ANGLES.length && performance.now() < end) {
      const answers = this.read({ angle: ANGLES[curves.done], size, shift });
      answers.forEach(({ shares }, i) => (curves.lines[i][curves.done] = shares[curves.digit]));
      curves.done += 1;
    }
    if (curves.done < ANGLES.length) this.request();
  }

  // ---- pictures

  frame() {
    if (!this.input.width) return;
    this.shown = placed(this.image, this.pose);
    this.blank = !this.image.data.some(Boolean);
    this.answers = this.networks.length && !this.blank ? this.read(this.pose) : null;
    if (this.answers) this.advanceCurves();
    else this.curves = null;
    this.view = makeView(PIXELS, PIXELS, this.input.width, this.input.height, MARGIN);
    for (const stage of this.stages) stage.paint();
    this.placeHandles();
    const { angle, size, shift } = this.pose;
    Object.entries({ angle, size, right: shift[0], down: shift[1] }).forEach(([name, value]) => this.numbers[name].show(value));
    this.showAnswers();
  }

  paintInput(context) {
    paintBackdrop(context, makeBackdrop(this.shown, "zeros"), this.view, this.input, this.colours);
    strokeCased(context, this.handles(), this.colours.grid, 1.5);
    const { theta } = this.seen() || {};
    if (!theta) return;
    const half = PIXELS / 2;
    const corners = [[-1, -1], [1, -1], [1, 1], [-1, 1]].map(([u, v]) => {
      const [x, y] = applyTheta(theta, u, v);
      return this.place(x * half, y * half);
    });
    strokeCased(context, corners, this.colours.grid, 2.5, true);
    strokeCased(context, corners.slice(0, 2), this.colours.grid, 5);
  }

  // Where the two handles are: the digit's middle and its corner.
  handles() {
    const { angle, size, shift: [x, y] } = this.pose;
    const corner = ((angle + 45) * Math.PI) / 180;
    const reach = size * HALF_BOX * Math.SQRT2;
    const places = [[x, y], [x + reach * Math.cos(corner), y - reach * Math.sin(corner)]];
    return places.map((at) => this.view.keepInside(...this.place(...at), 6));
  }

  placeHandles() {
    const { centre, corner } = this.refs;
    [centre, corner].forEach((handle, i) => {
      const [left, top] = this.handles()[i];
      handle.style.transform = `translate(${left}px, ${top}px)`;
    });
  }

  // The probability that each network gives one digit, against the angle; the angles of the training data are shaded.
  paintChart(context, width, height) {
    const { colours, trained } = this;
    const style = getComputedStyle(this.el);
    const hue = (i) => style.getPropertyValue(`--stn-net-${i % DASHES.length}`).trim();
    const plot = paintShares(context, width, height, [ANGLES[0], ANGLES.at(-1)], colours);
    if (trained) {
      context.fillStyle = colours.beyond;
      context.fillRect(plot.across(-trained), plot.top, plot.across(trained) - plot.across(-trained), plot.bottom - plot.top);
    }
    paintTicks(context, plot, [-180, -90, 0, 90, 180], colours, "\u00b0");
    this.curves?.lines.forEach((line, i) => {
      const points = ANGLES.map((angle, k) => [angle, line[k]]);
      paintCurve(context, plot, points, { colour: hue(i), dash: DASHES[i % DASHES.length] });
    });
    paintCursor(context, plot, this.pose.angle, colours.grid);
    this.plot = plot;
  }

  // ---- answers and words

  // A row for each network.
  writeRows() {
    this.refs.answers.innerHTML = this.networks.map((_, i) => `<tr style="--stn-net: var(--stn-net-${i % DASHES.length})">`
      + `<th scope="row"><svg class="stn-dash" viewBox="0 0 24 8" aria-hidden="true"><path d="M0 4h24" stroke-dasharray="${DASHES[i % DASHES.length]}"/></svg><span></span></th>`
      + '<td></td><td><div class="stn-sure"><i></i><span></span></div></td></tr>').join("");
    this.rows = [...this.refs.answers.children].map((row, i) => {
      setText(row.querySelector("th span"), this.networks[i].name);
      return { digit: row.children[1], bar: row.querySelector("i"), share: row.querySelector(".stn-sure span") };
    });
  }

  // A choice between the networks that have a transformer, in place of the book's own two.
  writeViews() {
    const { view } = this.refs;
    const [first, ...others] = view.querySelectorAll("label");
    others.forEach((label) => label.remove());
    const names = this.networks.filter(({ layers }) => layers.some(({ kind }) => kind === "transformer")).map(({ name }) => name);
    view.closest(".stn-app").classList.toggle("stn-plain", !names.length);
    names.forEach((name, i) => {
      const label = i ? view.appendChild(first.cloneNode(true)) : first;
      label.querySelector("input").value = name;
      setText(label.querySelector("span"), name);
    });
    this.choices.view.show(this.model.get("view"));
  }

  showAnswers() {
    this.rows?.forEach(({ digit: cell, bar, share }, i) => {
      const { digit, shares } = this.answers?.[i] || {};
      const sign = this.label === null ? "" : digit === this.label ? " \u2713" : " \u2717";
      setText(cell, this.answers ? `${digit}${sign}` : "\u2013");
      setText(share, this.answers ? `${Math.round(100 * shares[digit])}%` : "\u2013");
      bar.style.setProperty("--stn-share", this.answers ? `${100 * shares[digit]}%` : "0%");
    });
    setText(this.refs.target, this.curves ? `${this.curves.digit}` : "the digit");
    setText(this.refs.verdict, this.story());
  }

  story() {
    if (this.failure) return this.failure;
    if (this.blank) return "Nothing is drawn yet.";
    if (!this.answers) return LOADING;
    const { digit } = this.curves;
    const right = this.answers.filter((answer) => answer.digit === digit).length;
    const all = this.answers.length;
    const count = right === 0 ? "No network predicts" : right === all ? "All networks predict"
      : `${right} of ${all} networks ${right === 1 ? "predicts" : "predict"}`;
    return `${count} ${digit}.${this.viewInWords()}`;
  }

  // What the transformer that is shown does to the picture: the inverse of its window's rotation, sides, corners and place.
  viewInWords() {
    const { theta: [a, b, x, c, d, y] = [], name } = this.seen() || {};
    if (a === undefined) return "";
    const degrees = (radians) => format(Math.abs((radians * 180) / Math.PI), 0);
    const angle = Math.atan2(c - b, a + d);
    const way = angle > 0 ? "counter-clockwise" : "clockwise";
    const [across, down] = [[a, c], [b, d]].map((side) => Math.max(Math.hypot(...side), 0.01));
    const shear = Math.asin(clamp((a * b + c * d) / (across * down), -1, 1));
    return ` ${name} rotates it by ${degrees(angle)}\u00b0 ${way}, scales it by ${format(1 / across, 2)} across and ${format(1 / down, 2)} down, `
      + `shears it by ${degrees(shear)}\u00b0 and shifts it by ${format((Math.hypot(x, y) * PIXELS) / 2, 1)} pixels.`;
  }
}

function render({ model, el }) {
  const reader = new Reader(model, el);
  return () => reader.stop();
}

export default { render };
