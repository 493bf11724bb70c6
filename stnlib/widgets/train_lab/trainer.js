// Obeys the page: trains, and tells the page now and then how far it is. It stops to listen within 50 ms.

import { Run, hasCollapsed } from "./run.js";
import { DEFAULTS } from "./settings.js";

const SLICE = 25; // milliseconds of training at a time
const PAUSE = 90; // milliseconds from one moment to the next, at least
const PATIENCE = 3; // moments in a row without sight before a run counts as collapsed

const atDefaults = (settings) => Object.keys(DEFAULTS).every((name) => name === "rival" || settings[name] === DEFAULTS[name]);

// Takes orders `{kind, ...}` and answers by `post(message)`; the clock and the runs can be replaced.
export function makeTrainer(digits, post, {
  now = () => performance.now(), later = (call, wait) => setTimeout(call, wait), makeRun = (...of) => new Run(...of),
} = {}) {
  let run = null, settings = DEFAULTS, speed = 1, playing = false, waiting = null;
  let seconds = 0, shown = -Infinity, owed = 0, before = 0, blindFor = 0;

  // Begin a run; `reason` says why: "settings", "restart", or "collapsed".
  function begin(seed, reason) {
    run = makeRun(digits, settings, seed);
    seconds = owed = blindFor = 0;
    post({ kind: "begin", reason, seed, settings, ...run.scene() });
    show();
  }

  function show() {
    shown = now();
    const moment = run.moment();
    blindFor = hasCollapsed(moment) ? blindFor + 1 : 0;
    const collapsed = blindFor >= PATIENCE || (blindFor > 0 && run.done);
    if (collapsed && atDefaults(settings)) return begin(run.seed + 1, "collapsed");
    post({ kind: "moment", seconds, collapsed, playing: playing && !run.done, done: run.done, ...moment });
  }

  function train(most) {
    const start = now();
    let steps = 0;
    while (steps < most && !run.done && now() - start < SLICE) {
      run.advance();
      steps += 1;
    }
    seconds += (now() - start) / 1000;
    return steps;
  }

  // The speed is in steps a second, Infinity for as fast as it goes; what a slow machine cannot do is not made up for.
  function tick() {
    waiting = null;
    if (!playing) return;
    const time = now();
    owed = Math.min(owed + (speed * (time - before)) / 1000, speed / 4 + 1);
    before = time;
    const due = Number.isFinite(speed) ? Math.floor(owed) : Infinity;
    const steps = train(due);
    owed = Number.isFinite(speed) ? owed - steps : 0;
    if (run.done || (steps && now() - shown >= PAUSE)) show();
    if (run.done) playing = false;
    else waiting = later(tick, Number.isFinite(speed) && steps >= due ? 15 : 0);
  }

  function play() {
    if (run.done) begin(run.seed + 1, "restart");
    playing = true;
    before = now();
    waiting ??= later(tick, 0);
  }

  const orders = {
    settings: (order) => {
      settings = { ...DEFAULTS, ...order.settings };
      begin(order.seed, "settings");
    },
    restart: () => begin(run.seed + 1, "restart"),
    play,
    pause() {
      playing = false;
      show();
    },
    step() {
      playing = false;
      if (!run.done) train(1);
      show();
    },
    speed: (order) => (speed = order.stepsPerSecond ?? Infinity),
  };
  return (order) => orders[order.kind](order);
}
