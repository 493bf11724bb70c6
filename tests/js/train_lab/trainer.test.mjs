// The trainer obeys the page: it plays, pauses, steps, keeps to its speed, listens in time, and begins a collapsed run anew.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { unpackDigits } from "../../../stnlib/widgets/train_lab/digits.js";
import { Run, hasCollapsed } from "../../../stnlib/widgets/train_lab/run.js";
import { DEFAULTS, TOTAL } from "../../../stnlib/widgets/train_lab/settings.js";
import { makeTrainer } from "../../../stnlib/widgets/train_lab/trainer.js";

const packed = readFileSync(new URL("../../../stnlib/widgets/train_lab/digits.json", import.meta.url));
const digits = unpackDigits(JSON.parse(packed));
const STEP = 2; // milliseconds that a step takes on the clock of these tests

// A trainer on a clock of its own; `blind(run)` says which runs' outputs show nothing.
function laboratory({ blind = () => false, slowness = 1 } = {}) {
  const messages = [], longest = { work: 0 };
  const waiting = [];
  let time = 0;
  const makeRun = (...of) => {
    const run = new Run(...of);
    run.advance = () => {
      run.step += 1;
      time += STEP * slowness;
    };
    const moment = run.moment();
    run.moment = () => ({ ...moment, step: run.step, images: run.images, blind: blind(run) ? 1 : 0, dark: blind(run) });
    return run;
  };
  const later = (call, wait) => waiting.push({ call, at: time + wait });
  const obey = makeTrainer(digits, (message) => messages.push(message), { now: () => time, later, makeRun });
  const advance = (milliseconds) => {
    const end = time + milliseconds;
    while (waiting.length && waiting[0].at <= end) {
      const { call, at } = waiting.shift();
      time = Math.max(time, at);
      const before = time;
      call();
      longest.work = Math.max(longest.work, time - before);
    }
    time = Math.max(time, end);
  };
  const last = (kind = "moment") => messages.filter((message) => message.kind === kind).at(-1);
  obey({ kind: "settings", settings: {}, seed: 7 });
  return { obey, advance, last, messages, longest, moments: () => messages.filter(({ kind }) => kind === "moment") };
}

test("settings begin a run that waits, and its first moment is there at once", () => {
  const { last, advance } = laboratory();
  assert.deepEqual([last("begin").seed, last("begin").reason, last().step, last().playing], [7, "settings", 0, false]);
  assert.deepEqual(last("begin").settings, DEFAULTS);
  advance(1000);
  assert.equal(last().step, 0);
});

test("play goes on at the speed that was asked for, pause stops, step does one", () => {
  const { obey, advance, last } = laboratory();
  obey({ kind: "speed", stepsPerSecond: 100 });
  obey({ kind: "play" });
  advance(2000);
  assert.ok(Math.abs(last().step - 200) < 25, `${last().step}`);
  obey({ kind: "pause" });
  const { step } = last();
  advance(500);
  assert.equal(last().step, step);
  obey({ kind: "step" });
  assert.equal(last().step, step + 1);
  advance(500);
  assert.equal(last().step, step + 1);
});

test("at full speed it trains all the time, listens within 50 ms, and shows some moments a second", () => {
  const { obey, advance, last, longest, moments } = laboratory();
  obey({ kind: "speed", stepsPerSecond: null });
  obey({ kind: "play" });
  advance(2000);
  assert.ok(last().step > 0.9 * (2000 / STEP), `${last().step}`);
  assert.ok(longest.work <= 50, `${longest.work}`);
  assert.ok(moments().length > 10 && moments().length < 30, `${moments().length}`);
});

test("a machine that cannot keep up stays listening, and does not make up for it later", () => {
  const { obey, advance, longest, moments } = laboratory({ slowness: 10 });
  obey({ kind: "speed", stepsPerSecond: 120 });
  obey({ kind: "play" });
  advance(2000);
  assert.ok(longest.work <= 50, `${longest.work}`);
  assert.ok(moments().length > 10);
});

test("a run ends after its steps, and play then begins another", () => {
  const { obey, advance, last } = laboratory();
  obey({ kind: "speed", stepsPerSecond: null });
  obey({ kind: "play" });
  advance(TOTAL * STEP + 2000);
  assert.deepEqual([last().step, last().done, last().playing], [TOTAL, true, false]);
  obey({ kind: "play" });
  assert.deepEqual([last("begin").seed, last("begin").reason, last().step], [8, "restart", 0]);
});

test("restart begins with the next seed and goes on playing", () => {
  const { obey, advance, last } = laboratory();
  obey({ kind: "play" });
  obey({ kind: "speed", stepsPerSecond: 100 });
  advance(500);
  obey({ kind: "restart" });
  assert.equal(last("begin").seed, 8);
  advance(1000);
  assert.ok(last().step > 50);
});

test("at the defaults a collapsed run begins anew with the next seed, says so, and goes on", () => {
  const { obey, advance, last, messages } = laboratory({ blind: ({ seed, step }) => seed === 7 && step > 100 });
  obey({ kind: "speed", stepsPerSecond: null });
  obey({ kind: "play" });
  advance(3000);
  assert.deepEqual([last("begin").seed, last("begin").reason], [8, "collapsed"]);
  assert.equal(messages.filter(({ kind }) => kind === "begin").length, 2);
  assert.ok(last().step > 300 && last().playing && !last().collapsed);
});

test("with other settings a collapse stays, and is told", () => {
  const { obey, advance, last } = laboratory({ blind: ({ step }) => step > 100 });
  obey({ kind: "settings", settings: { headRate: 3 }, seed: 1 });
  obey({ kind: "speed", stepsPerSecond: null });
  obey({ kind: "play" });
  advance(3000);
  assert.deepEqual([last("begin").seed, last("begin").reason], [1, "settings"]);
  assert.ok(last().collapsed && last().dark);
});

test("the head at 30 times its rate does collapse, and is found out", () => {
  const run = new Run(digits, { ...DEFAULTS, headRate: 3 }, 1);
  for (let i = 0; i < 150; i++) run.advance();
  assert.ok(hasCollapsed(run.moment()));
});

test("with the default settings the transformer comes far ahead of the same classifier without it", () => {
  const run = new Run(digits, DEFAULTS, 3);
  const before = run.moment(), { agreementInputs } = run.scene();
  for (let i = 0; i < 1000; i++) run.advance();
  const { accuracy, agreement, images, blind, losses } = run.moment();
  assert.ok(accuracy[0] > accuracy[1] + 0.3, `${accuracy}`);
  assert.equal(images, 32000);
  assert.ok(blind < 0.1 && losses[0] < before.losses[0] && losses[0] < losses[1]);
  assert.ok(agreement[3] > 1.25 * agreementInputs[3]);
});

test("with the nearest pixel theta never leaves the identity", () => {
  const run = new Run(digits, { ...DEFAULTS, sampler: "nearest" }, 3);
  for (let i = 0; i < 50; i++) run.advance();
  for (const theta of run.moment().thetas) assert.deepEqual(theta, [1, 0, 0, 0, 1, 0]);
});

test("a growing range begins upright and is whole after half of the run", () => {
  const run = new Run(digits, { ...DEFAULTS, growing: true }, 3);
  assert.equal(run.range, 0);
  run.step = TOTAL / 4;
  assert.equal(run.range, 30);
  run.step = 0.75 * TOTAL;
  assert.equal(run.range, 60);
});

test("before the first step the mean outputs are the mean inputs", () => {
  const run = new Run(digits, DEFAULTS, 1);
  const { meanInputs, inputs } = run.scene(), { meanOutputs, seen } = run.moment();
  for (const [one, other] of [[meanInputs, meanOutputs], [inputs, seen]]) {
    assert.ok(one.every((value, i) => Math.abs(value - other[i]) <= 1));
  }
});
