// Walks every page the navigation offers, at three widths, light and dark, and one page deeper from each list.
// Reports: pages seen, problems (script errors, 5xx, sideways scrolling, accessibility violations). Pictures go
// to the folder in `SHOTS`, when set.
import { mkdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { WIDTHS, launch, open, report, signIn } from "./browser.mjs";

const [url, user, password] = process.argv.slice(2);
const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const shots = process.env.SHOTS;
if (shots) await mkdir(shots, { recursive: true });

const browser = await launch();
const first = await open(browser);
await signIn(first, { url, user, password });
const state = await first.context().storageState();

/** Paths worth a visit: the navigation, then the first link of the main part of each page that leads deeper. */
async function paths() {
  const found = new Set(await first.$$eval("#nav a", (links) => links.map((link) => link.pathname)));
  for (const path of [...found]) {
    await first.goto(url + path);
    const deeper = await first.$$eval("main a[href^='/']", (links) => links.map((link) => link.pathname));
    const kinds = new Map();
    for (const link of deeper) {
      const kind = link.replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, "{id}");
      if (kind.includes("{id}") && !kinds.has(kind)) kinds.set(kind, link);
    }
    for (const link of kinds.values()) found.add(link);
  }
  const byKind = new Map();
  for (const path of found) {
    const kind = path.replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, "{id}");
    if (!byKind.has(kind)) byKind.set(kind, path);
  }
  return byKind;
}

const pages = await paths();
const problems = [];
for (const width of WIDTHS) {
  for (const theme of ["light", "dark"]) {
    const page = await open(browser, { width, theme, state });
    for (const [kind, path] of pages) {
      const where = `${kind} at ${width} ${theme}`;
      const response = await page.goto(url + path, { waitUntil: "load" });
      if (!response || response.status() >= 400) problems.push(`${where}: status ${response?.status()}`);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      if (wide > 1) problems.push(`${where}: scrolls sideways by ${wide} px`);
      // Each theme once: contrast differs by theme, structure by width.
      if ((width === 1280 && theme === "light") || (width === 390 && theme === "dark")) {
        await page.evaluate(axe);
        const found = await page.evaluate(() => window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa"] }));
        for (const violation of found.violations) {
          const node = violation.nodes[0];
          problems.push(`${where}: ${violation.id}: ${node?.html.slice(0, 120)} (${violation.nodes.length}×)`);
        }
      }
      if (shots) {
        const name = kind.replace(/[^a-z0-9]+/gi, "-").replace(/^-|-$/g, "") || "home";
        await page.screenshot({ path: `${shots}/${name}-${width}-${theme}.png`, fullPage: width === 390 });
      }
      problems.push(...page.problems.splice(0).map((problem) => `${where}: ${problem}`));
    }
    await page.context().close();
  }
}
await browser.close();
report({ pages: [...pages.keys()], problems });
