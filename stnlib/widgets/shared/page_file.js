// Large data that a page of the book keeps in a file beside it.

// The value that the script `_static/file` puts into the global variable `name`; a rejected promise where it fails.
// A classic script, so that it works from disk as well; several widgets of a page share it.
export function loadPageFile(file, name) {
  const waiting = (globalThis.stnPageFiles ||= {});
  waiting[file] ||= new Promise((done, failed) => {
    const script = document.createElement("script");
    script.src = `${document.documentElement.dataset.content_root || ""}_static/${file}`;
    script.onload = () => (globalThis[name] ? done(globalThis[name]) : failed());
    script.onerror = failed;
    document.head.append(script);
  });
  return waiting[file];
}
