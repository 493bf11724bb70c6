// Where a widget's networks come from: a file of the page, or Python.

import { loadPageFile } from "../shared/page_file.js";

const PATIENCE = 20_000;
const FAILURE = "The networks could not be loaded. Open this page from the book's folder.";

// Ask for the networks once the widget comes near the screen; `fail(text)` follows where they do not come.
// Returns a function that stops waiting.
export function fetchNetworks(model, el, fail) {
  if (model.get("networks")) return () => {};
  const watcher = new IntersectionObserver((entries) => {
    if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
    watcher.disconnect();
    if (model.send) askPython(model, fail);
    else loadPageFile("networks.js", "stnNetworks").then((networks) => model.set("networks", networks), () => fail(FAILURE));
  }, { rootMargin: "300px" });
  watcher.observe(el);
  return () => watcher.disconnect();
}

function askPython(model, fail) {
  model.set("wanted", true);
  model.save_changes();
  setTimeout(() => model.get("networks") || fail("Python has sent no networks yet: is the kernel busy?"), PATIENCE);
}
