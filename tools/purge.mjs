// Drop, in place, every rule of some style sheets that no page or script of a site can match:
//
//     node tools/purge.mjs SITE SHEET ...

import { writeFileSync } from "node:fs";
import { PurgeCSS } from "purgecss";

const [site, ...sheets] = process.argv.slice(2);
const content = [`${site}/**/*.html`, `${site}/_static/**/*.js`];
const skippedContentGlobs = ["**/fontawesome.js", "**/searchindex.js"].map((name) => `${site}/${name}`);
for (const { css, file } of await new PurgeCSS().purge({ content, css: sheets, skippedContentGlobs })) {
  writeFileSync(file, css);
}
