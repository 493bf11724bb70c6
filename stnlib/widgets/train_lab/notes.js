// What the laboratory says: the state of a run in words, and what each experiment teaches.

import { format } from "../shared/controls.js";

const percent = (share) => `${Math.round(100 * share)}%`;
const thousands = (number) => number.toLocaleString("en-US");

export function statusLine({ step, images, seconds, accuracy, collapsed, dark }, total) {
  const lost = collapsed ? `Collapsed, nearly every output is ${dark ? "black" : "flat"}. ` : "";
  const seen = `${thousands(images)} digits seen in ${format(seconds, 1)}\u00a0s of training`;
  return `${lost}Step ${thousands(step)} of ${thousands(total)}: ${seen}. Accuracy on the test set: ${percent(accuracy[0])} with the transformer, ${percent(accuracy[1])} without.`;
}

const READABLE = 1.25; // the means agree so much more than at the start

// What became of the average 3 after the reader's ten seconds.
export function outcome(scene, moment, guess) {
  const [before, after] = [scene.agreementInputs[3], moment.agreement[3]];
  const found = moment.collapsed ? "black" : after > READABLE * before ? "digit" : "blob";
  const words = { black: "black", digit: "a readable 3", blob: "still a blob" };
  const yours = guess === found ? " You guessed it." : guess ? ` You guessed ${guess === "digit" ? "a readable 3" : guess === "blob" ? "a blob" : "black"}.` : "";
  return `${moment.done ? "At the end" : "After 10 seconds"} the average 3 is ${words[found]}: the 3s agree with their mean to ${percent(after)}, before to ${percent(before)}.${yours} No angle was ever given.`;
}

export function collapseLine({ step, dark }) {
  return `Collapsed at step ${thousands(step)}. The windows have left the digits, so nearly every output is ${dark ? "black" : "one flat grey"}. `
    + "A flat output stays the same when its window moves a little: theta gets no gradient, and nothing brings the windows back.";
}

export const restartedLine = (seed) => `The last run collapsed, as now and then one does. It started again by itself with seed ${seed}.`;

// For each setting and value that is not the default: what to look for.
const LESSONS = {
  sampler: { nearest: "Nearest pixel: when a window moves a little, no output pixel changes. Theta gets no gradient and stays the identity; only the classifier learns." },
  headRate: {
    1: "Theta's layer learns as fast as the rest: now most runs throw their windows off the digits and collapse, and some come through. Restart to see others.",
    3: "Theta's layer learns 30 times as fast as by default: one step moves the windows far off the digits. Watch the outputs lose everything.",
  },
  start: { random: "Theta starts at random: the windows begin rotated, stretched or mirrored, and the classifier gets pieces of digits. Most runs lose the digits before anything is learned." },
  lean: { 30: "All digits are tilted by 30\u00b0, in training and in the test. The transformer makes them agree all the same, and its \u201cupright\u201d is tilted, too: the loss doesn't ask for upright digits." },
  transform: {
    rigid: "Theta has three numbers: angle and shift. Sizes stay as different as they come in.",
    similarity: "Theta has four numbers: size, angle and shift, what the digits were distorted with.",
  },
  rotation: {
    30: "A smaller range is easier: the means become sharp sooner.",
    90: "Up to a quarter either way: harder, and the means stay less sharp. Then let this range grow, and compare.",
  },
  growing: { true: "The range of rotations grows from 0 to its whole in the first half of the run, so that each step asks for little more than what is learned already. With 90\u00b0 this helped in every run that we measured." },
  rival: {
    dense: "Beside the transformer a dense network of the same number of weights, with no transformer.",
    convolution: "Beside the transformer a small convolutional network of about as many weights.",
  },
};
const DEFAULT_LESSON = "The default: bilinear sampler, identity start, a slow layer for theta, all rotations up to 60\u00b0 from the start.";

// The lessons of all settings that are not the default, that of `latest` first.
export function lesson(settings, defaults, latest) {
  const names = Object.keys(LESSONS).filter((name) => String(settings[name]) !== String(defaults[name]));
  const first = names.includes(latest) ? latest : names[0];
  return first ? LESSONS[first][settings[first]] : DEFAULT_LESSON;
}
