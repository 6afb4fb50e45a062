// What every page must stand, wherever a test meets it: it answers, does not scroll sideways, and axe finds nothing. Pictures go
// to the folder in `SHOTS`, when set.
import { mkdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";

const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const shots = process.env.SHOTS;
if (shots) await mkdir(shots, { recursive: true });

/** A name for a page that is the same for all of its kind. */
export const kindOf = (path) =>
  path
    .replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, "{id}")
    .replace(/point=[^&]*/, "point={point}")
    .replace(/^\/(drivers|metadata|audit|triggers\/library)\/(?!new\b)[^/?#]+/, "/$1/{name}")
    .replace(/\/links\/(?!new\b)[^/?#]+/, "/links/{name}");

/** Looks at the page as it is: what is wrong with it. `deep` runs axe. */
export async function inspect(page, kind, where, deep) {
  const problems = [];
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  if (wide > 1) problems.push(`${where}: scrolls sideways by ${wide} px`);
  if (deep) {
    await page.evaluate(axe);
    const found = await page.evaluate(() => window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa"] }));
    for (const violation of found.violations) {
      const node = violation.nodes[0];
      problems.push(`${where}: ${violation.id}: ${node?.html.slice(0, 120)} (${violation.nodes.length}×)`);
    }
  }
  if (shots) {
    const name = kind.replace(/[^a-z0-9]+/gi, "-").replace(/^-|-$/g, "") || "home";
    const { width } = page.viewportSize();
    const theme = await page.evaluate(() => (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light"));
    await page.screenshot({ path: `${shots}/${name}-${width}-${theme}.png`, fullPage: width === 390 });
  }
  problems.push(...page.problems.splice(0).map((problem) => `${where}: ${problem}`));
  return problems;
}

/** Looks at a page that a person has just come to, as each of them would see it: on a phone in the dark, on a desk, on a wide
    screen. Throws what is wrong with it. */
export async function everywhere(page, kind) {
  const before = page.viewportSize();
  const provoked = page.problems.splice(0);
  const problems = [];
  for (const [width, colorScheme] of [[390, "dark"], [1280, "light"], [1920, "dark"]]) {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize({ width, height: before.height });
    problems.push(...(await inspect(page, kind, `${kind} at ${width} ${colorScheme}`, width < 1920)));
  }
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize(before);
  page.problems.push(...provoked);
  if (problems.length > 0) throw new Error(problems.join(" | "));
}

/** Goes to a page and looks at it. */
export async function look(page, url, path, where, deep) {
  const response = await page.goto(url + path, { waitUntil: "load" });
  const problems = await inspect(page, kindOf(path), where, deep);
  if (!response || response.status() >= 400) problems.unshift(`${where}: status ${response?.status()}`);
  return problems;
}
