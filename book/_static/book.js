// Four things that style sheets cannot do: bring widgets to life once the text is there, reach wide things by keyboard,
// print on white, and tell in the contents which section is being read.

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

// The theme marks a section in "On this page" when its heading comes by in the top third of the window, so a page that is
// scrolled by the screen keeps an old mark. Here it is the last section that begins above that line.
const LINE = 0.3;

function markSection() {
  const links = [...document.querySelectorAll("#pst-page-toc-nav a[href^='#']")];
  const begins = links.map(({ hash }) => document.getElementById(decodeURIComponent(hash.slice(1)))?.getBoundingClientRect().top);
  const { scrollHeight } = document.documentElement;
  const atEnd = scrollY > 0 && scrollY + innerHeight >= scrollHeight - 2;
  // At the end of a page the last sections can't reach the line: the one that was asked for, or the last.
  const asked = links.findIndex(({ hash }, i) => hash === location.hash && begins[i] >= 0);
  const read = begins.findLastIndex((top) => top <= LINE * innerHeight);
  const current = links[atEnd ? (asked >= 0 ? asked : links.length - 1) : read];
  for (const link of links) {
    link.classList.toggle("active", link === current);
    if (link === current) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
  for (const entry of document.querySelectorAll("#pst-page-toc-nav .toc-entry")) {
    entry.classList.toggle("active", Boolean(current) && entry.contains(current));
  }
}

let sectionDue = false;
addEventListener("scroll", () => {
  if (sectionDue) return;
  sectionDue = true;
  requestAnimationFrame(() => requestAnimationFrame(() => { // a frame later than the theme's mark
    sectionDue = false;
    markSection();
  }));
}, { passive: true });

addEventListener("resize", markScrollers);
addEventListener("load", markScrollers);
document.fonts.ready.then(markScrollers);
