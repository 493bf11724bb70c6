// What all widgets share: their element, their model, and a frame that is painted when something changed.

import { watchLooks, palette } from "./draw.js";
import { adopt, oncePerFrame, announcer } from "./controls.js";

// A subclass has readModel(), which takes the traits over, and frame(), which paints them.
export class Instrument {
  constructor(model, el, template, folder) {
    this.model = model;
    this.el = el;
    this.refs = adopt(el, template, folder);
    this.say = announcer(this.refs.live);
    this.request = oncePerFrame(() => this.frame());
    this.subscriptions = [];
  }

  // Start: follow the traits `names`, repaint the stages when their size or the theme changes.
  live(names, stages) {
    this.stages = stages;
    for (const name of names) this.listen(name, () => this.readModel());
    this.stopWatching = watchLooks(stages.map((stage) => stage.canvas), () => this.remeasure());
    this.readModel();
    this.remeasure();
    this.el.classList.add("stn-ready");
    this.el.instrument = this;
  }

  listen(name, call) {
    this.subscriptions.push([`change:${name}`, call]);
    this.model.on(`change:${name}`, call);
  }

  set(name, value) {
    this.model.set(name, value);
    this.model.save_changes();
  }

  remeasure() {
    this.colours = palette(this.el);
    for (const stage of this.stages) stage.measure();
    this.frame();
  }

  stop() {
    this.stopWatching();
    this.request.cancel();
    cancelAnimationFrame(this.moving);
    for (const [event, call] of this.subscriptions) this.model.off(event, call);
  }
}
