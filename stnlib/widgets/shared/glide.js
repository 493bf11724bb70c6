// Motion from one state of a widget to another.

import { prefersCalm } from "./controls.js";
import { clamp } from "./sampling.js";

const DURATION = 350; // milliseconds

// Lead numbers to new values, frame by frame, or at once where the reader asked for calm. `write` gets those on the way,
// `arrive` the last ones; the frame that comes next is the instrument's `moving`.
export function glide(instrument, from, to, write, arrive) {
  cancelAnimationFrame(instrument.moving);
  if (prefersCalm()) return arrive(to);
  const start = performance.now();
  const step = (now) => {
    const t = clamp((now - start) / DURATION, 0, 1);
    if (t === 1) return arrive(to);
    const eased = t * t * (3 - 2 * t);
    write(to.map((v, i) => from[i] + (v - from[i]) * eased));
    instrument.moving = requestAnimationFrame(step);
  };
  instrument.moving = requestAnimationFrame(step);
}
