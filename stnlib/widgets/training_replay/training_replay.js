// TrainingReplay: go through a recorded training, moment by moment.

import { bindChart, makePlot, paintCurve, paintCursor, paintDot, paintShares } from "../shared/chart.js";
import { bindChoice, format, setText } from "../shared/controls.js";
import { paintDigits, paintMeans, thetaLine } from "../shared/digits_view.js";
import { makeStage } from "../shared/draw.js";
import { Instrument } from "../shared/instrument.js";
import { loadPageFile } from "../shared/page_file.js";
import { clamp } from "../shared/sampling.js";
import TEMPLATE from "./training_replay.html";

const PACE = 900; // milliseconds that a moment stays when it plays
const NEARLY = 0.9; // of the gain in accuracy
const thousands = (number) => number.toLocaleString("en-US");
const percent = (share) => `${Math.round(100 * share)}%`;

class Replay extends Instrument {
  constructor(model, el) {
    super(model, el, TEMPLATE, "training_replay");
    Object.assign(this, { watched: 0, moments: [], position: 0 });
    const { meansCanvas, digitsCanvas, chart } = this.refs;
    this.bindControls();
    this.live(["recording", "position"], [
      makeStage(meansCanvas, (...target) => paintMeans(...target, this.picture())),
      makeStage(digitsCanvas, (...target) => paintDigits(...target, this.picture())),
      makeStage(chart, (...target) => (this.plot = this.paintChart(...target))),
    ]);
    if (!this.moments.length) this.wait();
  }

  // A page of the book has the library's recording in a file, asked for near the screen.
  wait() {
    this.watcher = new IntersectionObserver((entries) => {
      if (entries.at(-1).isIntersecting) this.load();
    }, { rootMargin: "200px" });
    this.watcher.observe(this.el);
  }

  async load() {
    this.watcher.disconnect();
    try {
      this.unpack(await loadPageFile("training_recording"));
      this.readModel();
    } catch {
      setText(this.refs.status, "The recording did not come. Open the page from the book's folder.");
    }
  }

  stop() {
    this.watcher?.disconnect();
    this.pause();
    super.stop();
  }

  // ---- from and to the model

  readModel() {
    const recording = this.model.get("recording");
    if (recording && recording !== this.unpacked) this.unpack(recording);
    this.unpacked = recording || this.unpacked;
    this.position = clamp(this.model.get("position") || 0, 0, Math.max(this.moments.length - 1, 0));
    this.request();
  }

  unpack({ inputs, labels, meanInputs, count, moments }) {
    this.count = count;
    this.scene = { inputs: bytes(inputs), labels, meanInputs: bytes(meanInputs) };
    this.moments = moments.map((moment) => ({ ...moment, seen: bytes(moment.seen), meanOutputs: bytes(moment.meanOutputs) }));
    this.refs.moment.max = moments.length - 1;
    this.refs.watch.querySelectorAll("span").forEach((name, i) => setText(name, String(labels[i])));
    const [first, last] = [moments[0].accuracy, moments.at(-1).accuracy];
    this.nearly = moments.find(({ accuracy }) => accuracy - first >= NEARLY * (last - first));
  }

  goTo(position) {
    if (!this.moments.length) return;
    this.set("position", clamp(position, 0, this.moments.length - 1));
    this.say(this.status());
  }

  // ---- controls

  bindControls() {
    const { refs } = this;
    const by = (step) => () => {
      this.pause();
      this.goTo(this.position + step);
    };
    refs.back.addEventListener("click", by(-1));
    refs.on.addEventListener("click", by(1));
    refs.play.addEventListener("click", () => (this.timer ? this.pause() : this.play()));
    refs.moment.addEventListener("input", () => {
      this.pause();
      this.goTo(Number(refs.moment.value));
    });
    bindChoice(refs.watch, (index) => this.watch(Number(index))).show(0);
    refs.digitsCanvas.addEventListener("click", (event) => {
      const { left, width } = refs.digitsCanvas.getBoundingClientRect();
      this.watch(clamp(Math.floor((6 * (event.clientX - left)) / width), 0, 5));
    });
    bindChart(refs.chart, () => this.plot, (x) => {
      this.pause();
      this.goTo(Math.round(x));
    });
  }

  // From here to the end, or from the beginning where this is the end.
  play() {
    if (!this.moments.length) return;
    if (this.position === this.moments.length - 1) this.goTo(0);
    this.timer = setInterval(() => {
      this.goTo(this.position + 1);
      if (this.position >= this.moments.length - 1) this.pause();
    }, PACE);
    this.showPlaying();
  }

  pause() {
    clearInterval(this.timer);
    this.timer = 0;
    this.showPlaying();
  }

  showPlaying() {
    setText(this.refs.play, this.timer ? "pause" : "play");
    this.refs.play.setAttribute("aria-pressed", String(Boolean(this.timer)));
  }

  watch(index) {
    this.watched = index;
    this.refs.watch.querySelectorAll("input")[index].checked = true;
    this.request();
  }

  // ---- pictures and words

  picture() {
    const { scene, watched: watch, colours } = this;
    const moment = this.moments[this.position];
    return { scene, moment, watch, colours, inputs: scene.meanInputs, outputs: moment.meanOutputs };
  }

  frame() {
    if (!this.moments.length) return;
    const { refs } = this;
    const moment = this.moments[this.position];
    for (const stage of this.stages) stage.paint();
    refs.moment.value = this.position;
    setText(refs.momentStep, `step ${thousands(moment.step)}`);
    refs.moment.setAttribute("aria-valuetext", `step ${moment.step}`);
    setText(refs.status, this.status());
    const theta = moment.thetas[this.watched];
    theta.forEach((value, i) => setText(refs[`theta${i}`], format(value, 2)));
    setText(refs.thetaWords, thetaLine(theta));
  }

  status() {
    const { step, accuracy, loss } = this.moments[this.position];
    const gain = `${percent(NEARLY)} of the gain was there after ${thousands(this.nearly.step)} steps.`;
    const when = step ? `After ${thousands(step)} steps` : "Before training";
    return `${when}: accuracy ${percent(accuracy)} on all ${thousands(this.count)} digits, loss ${format(loss, 2)}. ${gain}`;
  }

  // Both curves over the moments, evenly spaced, with the steps named below.
  paintChart(context, width, height) {
    const { moments, colours, position } = this;
    const last = Math.max(moments.length - 1, 1);
    const plot = paintShares(context, width, height, [0, last], colours);
    const most = Math.max(...moments.map(({ loss }) => loss));
    const losses = makePlot(plot, [0, last], [0, most]);
    context.textBaseline = "top";
    moments.forEach(({ step }, i) => {
      if (width < 480 && i % 2) return;
      context.textAlign = i === 0 ? "left" : i === last ? "right" : "center";
      context.fillText(thousands(step), plot.across(i), plot.bottom + 6);
    });
    paintCursor(context, plot, position, colours.grid);
    paintCurve(context, losses, moments.map(({ loss }, i) => [i, loss]), { colour: colours.gradient, dash: [6, 4], width: 2 });
    paintCurve(context, plot, moments.map(({ accuracy }, i) => [i, accuracy]), { colour: colours.output, width: 3 });
    paintDot(context, plot.across(position), losses.up(moments[position].loss), colours.gradient, colours.paper);
    paintDot(context, plot.across(position), plot.up(moments[position].accuracy), colours.output, colours.paper);
    return plot;
  }
}

function bytes(text) {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

function render({ model, el }) {
  const replay = new Replay(model, el);
  return () => replay.stop();
}

export default { render };
