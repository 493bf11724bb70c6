// Brings a widget to life in a page without a kernel: state and module come from the JSON beside it. Pages of the book
// have the module in a file, and hand it in.
(function (root, file) {
  const { state, module = file } = JSON.parse(root.querySelector('script[type="application/json"]').textContent);
  const listeners = {};
  const model = {
    get: (name) => state[name],
    set(name, value) {
      if (JSON.stringify(state[name]) === JSON.stringify(value)) return;
      state[name] = value;
      for (const call of listeners["change:" + name] || []) call(model, value);
    },
    on: (event, call) => (listeners[event] ||= []).push(call),
    off: (event, call) => (listeners[event] = (listeners[event] || []).filter((c) => c !== call)),
    save_changes() {},
  };
  const url = URL.createObjectURL(new Blob([module], { type: "text/javascript" }));
  import(url)
    .then((loaded) => loaded.default.render({ model, el: root }))
    .catch((error) => {
      root.classList.remove("stn-live");
      throw error;
    })
    .finally(() => URL.revokeObjectURL(url));
  root.model = model;
})(document.currentScript.parentElement);
