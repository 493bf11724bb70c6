// TrainLab: a spatial transformer trains in a worker, and the page shows what becomes of the digits.

import { bindChoice, prefersCalm, setText, format } from "../shared/controls.js";
import { paintDigits, paintMeans, thetaLine } from "../shared/digits_view.js";
import { makeStage } from "../shared/draw.js";
import { Instrument } from "../shared/instrument.js";
import { loadPageFile } from "../shared/page_file.js";
import { clamp } from "../shared/sampling.js";
import { paintAccuracy, paintLoss } from "./paint.js";
import { collapseLine, lesson, outcome, restartedLine, statusLine } from "./notes.js";
import { DEFAULTS, TOTAL } from "./settings.js";
import WORKER from "./train_lab.worker.js";
import TEMPLATE from "./train_lab.html";

// The settings of a run, by the name of the trait that holds each.
const SETTINGS = {
  transform: "transform", sampler: "sampler", start: "start", head_rate: "headRate",
  rotation: "rotation", growing: "growing", lean: "lean", rival: "rival",
};
const TRAITS = [...Object.keys(SETTINGS), "seed", "speed", "playing"];
const SPEEDS = { slow: 20, normal: 150, full: null }; // steps a second
const GUESS_AFTER = 10; // seconds of watching
const SPACING = 0.02; // of the steps so far, between recorded moments
const PARSE = { headRate: Number, lean: Number, rotation: Number, growing: (text) => text === "true" };

class Lab extends Instrument {
  constructor(model, el) {
    super(model, el, TEMPLATE, "train_lab");
    this.refs.live.parentElement.classList.toggle("stn-lab-small", Boolean(model.get("small")));
    this.calm = prefersCalm();
    Object.assign(this, { moments: [], scene: null, position: 0, watched: 0, orders: [] });
    const { meansCanvas, digitsCanvas, accuracyCanvas, lossCanvas } = this.refs;
    const stage = (canvas, paint) => makeStage(canvas, (...target) => paint(...target, this.picture()));
    const later = (paint) => (...target) => this.moments.length && paint(...target);
    this.bindControls();
    this.live(TRAITS, [
      stage(meansCanvas, later(paintMeans)), stage(digitsCanvas, later(paintDigits)),
      stage(accuracyCanvas, paintAccuracy), stage(lossCanvas, paintLoss),
    ]);
    this.wait();
  }

  stop() {
    this.watcher.disconnect();
    this.worker?.terminate();
    super.stop();
  }

  // ---- the worker: it starts near the screen, and rests while nobody can see it

  wait() {
    this.watcher = new IntersectionObserver((entries) => {
      this.near = entries.at(-1).isIntersecting;
      if (this.near && !this.hired) this.hired = this.hire();
      this.readModel();
    }, { rootMargin: "200px" });
    this.watcher.observe(this.el);
  }

  // The digits come with the widget's state, or else in a file of the page.
  async hire() {
    try {
      const digits = this.model.get("digits") || (await loadPageFile("train_digits"));
      const url = URL.createObjectURL(new Blob([WORKER], { type: "text/javascript" }));
      this.worker = new Worker(url);
      this.worker.onmessage = ({ data }) => {
        URL.revokeObjectURL(url);
        this[data.kind](data);
      };
      this.order("digits", { digits });
      this.readModel();
    } catch {
      setText(this.refs.status, "Nothing can train here: the digits did not come, or this browser starts no worker. Open the page from the book's folder.");
    }
  }

  order(kind, more = {}) {
    this.worker?.postMessage({ kind, ...more });
  }

  // A run begins: because the page asked for it, or because the last one collapsed.
  begin(message) {
    this.scene = message;
    this.moments = [];
    this.position = 0;
    this.latest = this.collapse = null;
    this.passing = this.lookingBack = false;
    this.watchedFor = 0;
    this.restarted = message.reason === "collapsed";
    this.asked = this.key(message.settings, message.seed);
    this.set("seed", message.seed);
    if (this.restarted) this.say(restartedLine(message.seed));
  }

  // A moment is kept where the run has come on by SPACING since the last; others are shown until the next one comes.
  moment(message) {
    const last = this.moments.at(-1);
    if (last && (this.passing || message.step === last.step)) this.moments.pop();
    const kept = this.moments.at(-1);
    this.passing = Boolean(kept) && message.step < kept.step * (1 + SPACING) + 1;
    this.moments.push(message);
    const still = !this.running || message.done;
    if (!this.lookingBack && (still || !this.calm)) this.position = this.moments.length - 1;
    this.position = Math.min(this.position, this.moments.length - 1);
    if (message.collapsed && !this.collapse) {
      this.collapse = collapseLine(message);
      this.say(this.collapse);
    }
    this.countSeconds(message.done);
    this.latest = message;
    if (message.done && this.running) this.finish();
    this.request();
  }

  finish() {
    this.running = false;
    this.set("playing", false);
    this.say(`The run is finished. ${statusLine(this.latest, TOTAL)}`);
  }

  // Seconds that the reader has watched this run play; after ten, or at its end, the guess is answered.
  countSeconds(done) {
    const now = performance.now();
    if (this.running) this.watchedFor += clamp((now - this.lastTime) / 1000, 0, 0.5);
    this.lastTime = now;
    if (this.answered || (this.watchedFor < GUESS_AFTER && !done)) return;
    this.answered = outcome(this.scene, this.moments.at(-1), this.guess);
    this.say(this.answered);
  }

  // ---- from and to the model

  settings() {
    return Object.fromEntries(Object.entries(SETTINGS).map(([trait, name]) => [name, this.model.get(trait)]));
  }

  key(settings, seed) {
    return JSON.stringify([Object.values(SETTINGS).map((name) => settings[name]), seed]);
  }

  readModel() {
    const settings = this.settings();
    const [seed, speed, playing] = ["seed", "speed", "playing"].map((name) => this.model.get(name));
    for (const [trait, name] of Object.entries(SETTINGS)) this.choices[name].show(this.model.get(trait));
    this.choices.speed.show(speed);
    setText(this.refs.play, playing ? "pause" : "play");
    this.refs.play.setAttribute("aria-pressed", String(playing));
    if (this.worker) {
      const key = this.key(settings, seed);
      if (key !== this.asked) this.order("settings", { settings, seed });
      this.asked = key;
      if (speed !== this.pace) this.order("speed", { stepsPerSecond: SPEEDS[speed] });
      this.pace = speed;
      const running = playing && this.near;
      if (running !== Boolean(this.running)) this.order(running ? "play" : "pause");
      this.running = running;
      this.lastTime = performance.now();
    }
    this.request();
  }

  bindControls() {
    const { refs } = this;
    this.choices = { speed: bindChoice(refs.speed, (speed) => this.set("speed", speed)) };
    for (const [trait, name] of Object.entries(SETTINGS)) {
      this.choices[name] = bindChoice(refs[name], (text) => {
        this.changed = name;
        this.set(trait, PARSE[name] ? PARSE[name](text) : text);
        this.say(lesson(this.settings(), DEFAULTS, name));
      });
    }
    bindChoice(refs.watch, (index) => this.watch(Number(index))).show(0);
    const guesses = [...refs.guess.children];
    for (const button of guesses) {
      button.addEventListener("click", () => {
        this.guess = button.value;
        guesses.forEach((other) => other.setAttribute("aria-pressed", String(other === button)));
      });
    }
    refs.play.addEventListener("click", () => {
      this.lookingBack = false;
      this.set("playing", !this.model.get("playing"));
    });
    refs.step.addEventListener("click", () => {
      this.set("playing", false);
      this.lookingBack = false;
      this.order("step");
    });
    refs.restart.addEventListener("click", () => this.order("restart"));
    refs.moment.addEventListener("input", () => {
      this.position = Number(refs.moment.value);
      this.lookingBack = this.position < this.moments.length - 1;
      this.request();
    });
    refs.digitsCanvas.addEventListener("click", (event) => {
      const { left, width } = refs.digitsCanvas.getBoundingClientRect();
      this.watch(clamp(Math.floor((6 * (event.clientX - left)) / width), 0, 5));
    });
  }

  watch(index) {
    this.watched = index;
    this.refs.watch.querySelectorAll("input")[index].checked = true;
    this.request();
  }

  // ---- pictures and words

  picture() {
    const { scene, moments, watched: watch, colours } = this;
    const moment = moments[this.position];
    const shown = this.position < moments.length - 1 ? moment : null;
    return { scene, moment, moments, watch, shown, colours, inputs: scene?.meanInputs, outputs: moment?.meanOutputs };
  }

  frame() {
    for (const stage of this.stages) stage.paint();
    if (!this.moments.length) return;
    const { refs } = this;
    const moment = this.moments[this.position];
    setText(refs.status, statusLine(moment, TOTAL));
    refs.moment.max = this.moments.length - 1;
    refs.moment.value = this.position;
    setText(refs.momentStep, `step ${moment.step}`);
    refs.moment.setAttribute("aria-valuetext", `step ${moment.step}`);
    moment.thetas[this.watched].forEach((value, i) => setText(refs[`theta${i}`], format(value, 2)));
    setText(refs.thetaWords, thetaLine(moment.thetas[this.watched]));
    setText(refs.note, this.note());
    if (this.answered) setText(refs.question, this.answered);
  }

  note() {
    if (this.collapse) return this.collapse;
    if (this.restarted) return restartedLine(this.scene.seed);
    return lesson(this.settings(), DEFAULTS, this.changed);
  }
}

function render({ model, el }) {
  const lab = new Lab(model, el);
  return () => lab.stop();
}

export default { render };
