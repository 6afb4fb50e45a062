// Walks every page the navigation offers, at three widths, light and dark, and one page deeper from each list; tabs and forms
// behind those at the two corners, a phone in the dark and a desk in the light.
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

const kindOf = (path) => path.replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, "{id}").replace(/point=[^&]*/, "point={point}");
const file = (path) => /^\/api|format=csv|\/proof$/.test(path);

/** Paths worth a visit: the navigation, then the first link of the main part of each page that leads deeper. */
async function paths() {
  const pages = new Map();
  const corners = new Map();
  const nav = await first.$$eval("#nav a", (links) => links.map((link) => link.pathname));
  for (const path of nav) pages.set(path, path);
  for (const path of nav) {
    await first.goto(url + path);
    const deeper = await first.$$eval("main a[href^='/']", (links) => links.map((link) => link.pathname));
    for (const link of deeper) if (kindOf(link).includes("{id}") && !file(link) && !pages.has(kindOf(link))) pages.set(kindOf(link), link);
  }
  for (const path of [...pages.values()]) {
    await first.goto(url + path);
    const behind = await first.$$eval(".page-head__actions a, nav.tabs a, main a.btn[href]", (links) => links.map((link) => link.pathname + link.search));
    for (const link of behind) if (!file(link) && !pages.has(kindOf(link)) && !corners.has(kindOf(link))) corners.set(kindOf(link), link);
  }
  return { pages, corners };
}

const { pages, corners } = await paths();
const problems = [];
for (const width of WIDTHS) {
  for (const theme of ["light", "dark"]) {
    const page = await open(browser, { width, theme, state });
    const corner = (width === 1280 && theme === "light") || (width === 390 && theme === "dark");
    for (const [kind, path] of corner ? [...pages, ...corners] : pages) {
      const where = `${kind} at ${width} ${theme}`;
      const response = await page.goto(url + path, { waitUntil: "load" });
      if (!response || response.status() >= 400) problems.push(`${where}: status ${response?.status()}`);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      if (wide > 1) problems.push(`${where}: scrolls sideways by ${wide} px`);
      // Each theme once: contrast differs by theme, structure by width.
      if (corner) {
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
report({ pages: [...pages.keys(), ...corners.keys()], problems });
