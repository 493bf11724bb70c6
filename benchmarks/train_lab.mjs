// Runs the laboratory's training in Node and prints a JSON line for each run: see train_lab.py.

import { readFileSync } from "node:fs";
import process from "node:process";
import { unpackDigits } from "../stnlib/widgets/train_lab/digits.js";
import { Run, hasCollapsed } from "../stnlib/widgets/train_lab/run.js";
import { DEFAULTS } from "../stnlib/widgets/train_lab/settings.js";

const EVERY = 100; // steps between two looks
const FIRST_LOOKS = 5; // and five times as often at the start

const packed = readFileSync(new URL("../stnlib/widgets/train_lab/digits.json", import.meta.url), "utf-8");
const digits = unpackDigits(JSON.parse(packed));

// The moments of a run: step, images, seconds of this process's own time in training, and what was measured.
function train(settings, seed, steps) {
  const run = new Run(digits, { ...DEFAULTS, ...settings }, seed);
  const { agreementInputs, sizes } = run.scene();
  const looks = [];
  let seconds = 0;
  const look = () => {
    const moment = run.moment();
    const { step, images, accuracy, agreement } = moment;
    looks.push({ step, images, seconds, accuracy, agreement, collapsed: hasCollapsed(moment) });
  };
  look();
  while (run.step < steps) {
    const every = run.step < EVERY * FIRST_LOOKS ? EVERY / FIRST_LOOKS : EVERY;
    const start = process.cpuUsage();
    for (let i = 0; i < every; i++) run.advance();
    const { user, system } = process.cpuUsage(start);
    seconds += (user + system) / 1e6;
    look();
  }
  return { looks, agreementInputs, sizes };
}

const { settings, seeds, steps } = JSON.parse(process.argv[2]);
for (const seed of seeds) console.log(JSON.stringify({ seed, ...train(settings, seed, steps) }));
