// Walks every page the navigation offers, at three widths, light and dark, and one page deeper from each list; tabs and forms
// behind those at the two corners, a phone in the dark and a desk in the light; the same navigation in an organisation that has
// nothing yet and a long name in several scripts, where each list says what to do first; and pages that are not there.
// Reports: pages seen, problems (script errors, 5xx, sideways scrolling, accessibility violations). Pictures go
// to the folder in `SHOTS`, when set.
import { WIDTHS, launch, open, report, signIn } from "./browser.mjs";
import { inspect, kindOf, look } from "./look.mjs";

const [url, user, password] = process.argv.slice(2);

const browser = await launch();
const first = await open(browser);
await signIn(first, { url, user, password });
const state = await first.context().storageState();

const file = (path) => /^\/api|format=csv|\/proof$/.test(path);

/** Paths worth a visit: the navigation, then the first link of the main part of each page that leads deeper. */
async function paths() {
  const pages = new Map();
  const corners = new Map();
  const nav = await first.$$eval("#nav a, .topbar .menu__items a", (links) => links.map((link) => link.pathname));
  for (const path of nav) pages.set(path, path);
  for (const path of nav) {
    await first.goto(url + path);
    const deeper = await first.$$eval("main a[href^='/']", (links) => links.map((link) => link.pathname));
    for (const link of deeper) if (kindOf(link).includes("{") && !file(link) && !pages.has(kindOf(link))) pages.set(kindOf(link), link);
  }
  const rows = async () => {
    const found = await first.$$eval("main :is(.table, .board, .plain-list) a[href^='/']", (links) => links.map((link) => link.pathname));
    for (const link of found) {
      const kind = kindOf(link);
      if (kind.includes("{") && !file(link) && !pages.has(kind) && !corners.has(kind)) corners.set(kind, link);
    }
  };
  for (const path of [...pages.values()]) {
    await first.goto(url + path);
    const behind = await first.$$eval(".page-head__actions a, nav.tabs a, main a.btn[href]", (links) => links.map((link) => link.pathname + link.search));
    for (const link of behind) if (!file(link) && !pages.has(kindOf(link)) && !corners.has(kindOf(link))) corners.set(kindOf(link), link);
    await rows();
  }
  // Behind tabs: a task on its board, somebody on a team, a folder of a phase.
  for (const path of [...corners.values()]) {
    await first.goto(url + path);
    await rows();
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
      // Each theme once: contrast differs by theme, structure by width.
      problems.push(...(await look(page, url, path, where, corner)));
    }
    await page.context().close();
  }
}
const begun = await open(browser, { state });
await begun.goto(`${url}/workspaces/new`);
await begun.getByLabel("Name of the organisation").fill("مكتب الشمال 北方大厦 Wohnungsbaugenossenschaftsverwaltungsgesellschaft");
await begun.getByRole("button", { name: "Make organisation" }).click();
await begun.waitForURL(/\/workspace$/);
const empty = await begun.$$eval("#nav a", (links) => links.map((link) => link.pathname));
await begun.context().close();
for (const [width, theme] of [[1280, "light"], [390, "dark"]]) {
  const page = await open(browser, { width, theme, state });
  for (const path of [...empty, "/systems/new", "/edges/new", "/devices/new"]) {
    problems.push(...(await look(page, url, path, `${path} of an empty organisation at ${width} ${theme}`, true)));
  }
  await page.goto(`${url}/nothing-here`);
  // The browser notes that the answer was no page; that is what is looked at here.
  const gone = await inspect(page, "nothing here", `nothing here at ${width} ${theme}`, true);
  problems.push(...gone.filter((problem) => !problem.includes("status of 404")));
  await page.context().close();
}
await browser.close();
report({ pages: [...pages.keys(), ...corners.keys()], problems });
