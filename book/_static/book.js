// Three things that style sheets cannot do: bring widgets to life once the text is there, reach wide things by keyboard,
// and print on white.

// Each module once; tools/site_widgets.py wrote which.
function startWidgets() {
  const files = [...document.querySelectorAll("script[data-module]")].map((data) => data.dataset.module);
  for (const file of new Set(files)) {
    const script = document.createElement("script");
    script.src = file;
    document.head.append(script);
  }
}

if (PerformanceObserver.supportedEntryTypes.includes("paint")) {
  const seen = new PerformanceObserver(() => {
    seen.disconnect();
    startWidgets();
  });
  seen.observe({ type: "paint", buffered: true });
} else {
  addEventListener("load", startWidgets);
}

// What scrolls sideways must be reachable by keyboard, and only while it does scroll.
const WIDE = ".wide-figure, div.math, div.amsmath, .bd-article pre, .pst-scrollable-table-container, "
  + "div.cell_output .text_html, div.cell_output .text_markdown";

function markScrollers() {
  for (const box of document.querySelectorAll(WIDE)) {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  }
}

let shownTheme = null;

addEventListener("beforeprint", () => {
  shownTheme = document.documentElement.dataset.theme;
  document.documentElement.dataset.theme = "light";
});

addEventListener("afterprint", () => {
  if (shownTheme) document.documentElement.dataset.theme = shownTheme;
});

addEventListener("resize", markScrollers);
addEventListener("load", markScrollers);
document.fonts.ready.then(markScrollers);
