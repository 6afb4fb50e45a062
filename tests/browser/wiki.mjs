// The wiki as its writers use it: a space, a page written rich and read as Markdown, a link to a page that is not there
// yet, two people changing the same page, history and restore, a file, a comment, a search, a phone in the dark.
import { mkdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { launch, open, signIn } from "./browser.mjs";
import { steps } from "./steps.mjs";

const [url, user, password] = process.argv.slice(2);
const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const shots = process.env.SHOTS;
if (shots) await mkdir(shots, { recursive: true });

const browser = await launch();
const page = await open(browser);
await signIn(page, { url, user, password });
const state = await page.context().storageState();
const pages = [page];
const { step, expect, finish } = steps(page);
const title = (text) => page.getByRole("heading", { level: 1, name: text });
const press = (name) => page.getByRole("button", { name, exact: true }).click();
const follow = (name) => page.getByRole("link", { name, exact: true }).first().click();
const rich = () => page.locator(".ProseMirror");
let drill;

await step("an empty wiki says how to begin, and a space is made", async () => {
  await page.goto(`${url}/wiki`);
  await follow("New space");
  await page.getByLabel("Name").fill("Safety");
  await page.getByRole("button", { name: /create|make/i }).click();
  await title("Safety").waitFor();
});

await step("a page is written in the rich editor with a heading, a list and bold words", async () => {
  await page.getByRole("link", { name: /write|new page/i }).first().click();
  await page.getByLabel("Title").fill("Fire drill");
  await press("Rich text");
  await rich().click();
  await page.keyboard.type("## Before\nTell the ");
  await page.keyboard.press("Control+b");
  await page.keyboard.type("night nurse");
  await page.keyboard.press("Control+b");
  await page.keyboard.type(".\n- doors\n");
  await page.keyboard.type("lifts");
  await press("Save");
  await title("Fire drill").waitFor();
  const text = page.locator("article.prose");
  await text.getByRole("heading", { name: "Before" }).waitFor();
  expect("bold is kept", (await text.locator("strong").textContent()) === "night nurse");
  expect("the list is kept", (await text.locator("li").count()) === 2);
  drill = page.url();
});

await step("the same text is Markdown, and a link to a page not yet written becomes that page", async () => {
  await follow("Edit");
  const area = page.locator("textarea[name=body]");
  await area.waitFor();
  expect("Markdown", (await area.inputValue()).includes("**night nurse**"));
  await area.fill(`${await area.inputValue()}\nMeet at the [[Assembly point]].\n\n| floor | warden |\n|---|---|\n| 1 | Ines |\n`);
  await press("Save");
  await follow("Assembly point");
  await page.getByLabel("Title").waitFor();
  expect("the title is filled in", (await page.getByLabel("Title").inputValue()) === "Assembly point");
  await page.locator("textarea[name=body]").fill("The car park, far side.");
  await press("Save");
  await title("Assembly point").waitFor();
  await page.locator("aside").getByRole("link", { name: "Fire drill" }).waitFor();
});

await step("what the rich editor can't hold is not opened in it, and nothing is lost", async () => {
  await page.goto(`${drill}/edit`);
  await press("Rich text");
  await page.getByText("would lose").waitFor();
  expect("the table is there", (await page.locator("textarea[name=body]").inputValue()).includes("| 1 | Ines |"));
});

await step("two people change different lines: both changes are in; the same line: both are shown, none is lost", async () => {
  const other = await open(browser, { state });
  pages.push(other);
  const edit = async (who, from, to) => {
    const area = who.locator("textarea[name=body]");
    await area.fill((await area.inputValue()).replace(from, to));
    await who.getByRole("button", { name: "Save", exact: true }).click();
  };
  await Promise.all([page.goto(`${drill}/edit`), other.goto(`${drill}/edit`)]);
  await edit(other, "Tell the", "Tell first the");
  await other.locator("article.prose").waitFor();
  await edit(page, "| 1 | Ines |", "| 1 | Omar |");
  await page.locator("article.prose").waitFor();
  const text = await page.locator("article.prose").textContent();
  expect("both", text.includes("Tell first the") && text.includes("Omar"));
  await Promise.all([page.goto(`${drill}/edit`), other.goto(`${drill}/edit`)]);
  await edit(other, "| 1 | Omar |", "| 1 | Rui |");
  await other.locator("article.prose").waitFor();
  await edit(page, "| 1 | Omar |", "| 1 | Kim |");
  await page.getByText("Not saved yet").waitFor();
  const area = page.locator("textarea[name=body]");
  const merged = await area.inputValue();
  expect("mine and theirs", merged.includes("Rui") && merged.includes("Kim"));
  await area.fill(merged.replace(/<<<<<<<[^]*?>>>>>>>.*/, "| 1 | Kim |"));
  await press("Save");
  await page.locator("article.prose", { hasText: "Kim" }).waitFor();
});

await step("history shows who changed what, and an old revision is restored", async () => {
  await page.locator(".page-head").getByRole("link", { name: "History" }).click();
  await page.locator("main tbody tr").nth(1).getByRole("link").first().click();
  await page.locator(".diff").waitFor();
  await page.getByRole("button", { name: /the newest again/ }).click();
  await page.locator("article.prose").waitFor();
});

await step("a file is attached, a comment is made and answered", async () => {
  await page.goto(drill);
  await page.setInputFiles("input[type=file]", { name: "plan.txt", mimeType: "text/plain", buffer: Buffer.from("Stairs A, then out.") });
  await press("Attach");
  await page.getByRole("link", { name: "plan.txt", exact: true }).waitFor();
  await page.locator("form[action$='/comments'] textarea").first().fill("Is stair B **closed**?");
  await page.locator("form[action$='/comments']").first().getByRole("button").click();
  await page.locator(".comment", { hasText: "Is stair B" }).locator("strong", { hasText: "closed" }).waitFor();
});

await step("a word in the text finds the page", async () => {
  await page.goto(`${url}/wiki/search?q=warden`);
  await page.getByRole("link", { name: "Fire drill" }).waitFor();
});

await step("a page is shared with a group for some time, with the reason, and taken back", async () => {
  await page.goto(drill);
  await page.locator("summary[aria-label=More]").click();
  await follow("Share this page");
  await title("Access to the wiki page").waitFor();
  await page.getByLabel("Member's mail address, or group").fill("Team");
  await page.getByLabel("Why").fill("Until the drill is over");
  await page.getByText("Only for some time").click();
  const year = new Date().getUTCFullYear() + 1;
  await page.getByLabel("Until").fill(`${year}-06-01T18:00`);
  await press("Give access");
  await page.getByRole("cell", { name: "Until the drill is over" }).waitFor();
  expect("it says until when", (await page.getByRole("row", { name: "group Team" }).textContent()).includes(`1 Jun ${year}`));
  await page.getByRole("button", { name: "Take back what was given to group Team" }).click();
  await page.getByText("Nothing was given here").waitFor();
});

await step("on a phone in the dark and on a wide screen in the light nothing is cut and everybody can read it", async () => {
  for (const [width, theme] of [[390, "dark"], [1920, "light"]]) {
    const there = await open(browser, { width, theme, state });
    pages.push(there);
    for (const path of ["/wiki", new URL(drill).pathname, `${new URL(drill).pathname}/edit`, `${new URL(drill).pathname}/history`, "/wiki/search?q=stairs"]) {
      await there.goto(url + path);
      const wide = await there.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      expect(`${path} at ${width} does not scroll sideways (${wide} px)`, wide <= 1);
      await there.evaluate(axe);
      const found = await there.evaluate(() => window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa"] }));
      expect(`${path} at ${width}: ${found.violations.map((each) => `${each.id} ${each.nodes[0]?.html.slice(0, 120)}`)}`, found.violations.length === 0);
      if (shots) await there.screenshot({ path: `${shots}/wiki${path.replace(/[^a-z]+/g, "-")}-${width}-${theme}.png`, fullPage: true });
    }
  }
});

await browser.close();
finish(pages, [409]);
