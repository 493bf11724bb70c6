// Where a reader's networks come from: its own state, Python, or a file of the page.

import { dataFolder, loadPageFile } from "../shared/page_file.js";

const PATIENCE = 20_000;
const FAILURES = {
  none: "The networks are not part of this page: they answer in the book, or in a notebook with a running kernel.",
  file: "The networks could not be loaded.",
  kernel: "Python has sent no networks yet: is the kernel busy?",
};

// Networks have come where the model holds more than their names.
export const areHere = (networks) => !Array.isArray(networks);

// Ask for the networks once the widget comes near the screen; `fail(text, again)` follows where they do not come, and
// `again()` asks once more, or is null where that cannot help. Returns a function that stops waiting.
export function fetchNetworks(model, el, fail) {
  const wanted = model.get("networks");
  if (areHere(wanted)) return () => {};
  let timer = 0;
  const ask = () => {
    clearTimeout(timer);
    if (areHere(model.get("networks"))) return;
    if (model.send) timer = askPython(model, () => fail(FAILURES.kernel, ask));
    else if (dataFolder() === undefined) fail(FAILURES.none, null);
    else loadFiles(wanted).then((networks) => model.set("networks", networks), () => fail(FAILURES.file, ask));
  };
  const watcher = new IntersectionObserver((entries) => {
    if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
    watcher.disconnect();
    ask();
  }, { rootMargin: "300px" });
  watcher.observe(el);
  return () => {
    clearTimeout(timer);
    watcher.disconnect();
  };
}

// Networks by name, each from a file of its own, which `page_file` in networks.py names.
async function loadFiles(names) {
  const files = names.map((name) => loadPageFile(`network-${name.toLowerCase().replace(/\W+/g, "-")}`));
  const networks = await Promise.all(files);
  return Object.fromEntries(names.map((name, i) => [name, networks[i]]));
}

// `wanted` goes off and on, so that a kernel that was restarted hears it again.
function askPython(model, fail) {
  for (const wanted of [false, true]) {
    model.set("wanted", wanted);
    model.save_changes();
  }
  return setTimeout(() => areHere(model.get("networks")) || fail(), PATIENCE);
}
