// Large data that a page of the book keeps in files beside it.
//
// A file is a style sheet whose one rule holds JSON in a custom property: it can be asked for over http and from disk
// alike, and it cannot run anything. The page says where they are: <meta name="stn-data" content="../_static/">.

const requests = {};

// The folder of the page's data files; undefined where the page has none.
export function dataFolder() {
  return document.querySelector('meta[name="stn-data"]')?.content;
}

// The value in the data file `name`. Widgets of a page share a request; one that failed is forgotten, and can be made again.
export function loadPageFile(name) {
  requests[name] ||= loadSheet(name).catch((error) => {
    delete requests[name];
    throw error;
  });
  return requests[name];
}

async function loadSheet(name) {
  if (dataFolder() === undefined) throw new Error("This page names no data files");
  const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href: `${dataFolder()}${name}.css` });
  const carrier = Object.assign(document.createElement("i"), { className: `stn-data-${name}`, hidden: true });
  const loaded = new Promise((done, failed) => Object.assign(link, { onload: done, onerror: failed }));
  document.head.append(link);
  document.body.append(carrier);
  try {
    await loaded;
    return JSON.parse(getComputedStyle(carrier).getPropertyValue("--stn-data").trim().slice(1, -1));
  } finally {
    link.remove();
    carrier.remove();
  }
}
