// Shared by the browser tests: Chromium as Debian ships it, without its habit of calling home.
import { chromium } from "playwright-core";

export const WIDTHS = [390, 1280, 1920];

/** Starts Chromium; `CHROMIUM` names another binary. */
export async function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

/** A page that collects what went wrong on it. */
export async function open(browser, { width = 1280, theme = "light", state } = {}) {
  const context = await browser.newContext({
    viewport: { width, height: width < 500 ? 844 : 1000 },
    colorScheme: theme,
    hasTouch: width < 500,
    reducedMotion: "reduce",
    storageState: state,
  });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  page.problems = [];
  page.on("console", (message) => {
    if (message.type() === "error") page.problems.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => page.problems.push(`script: ${error.message}`));
  page.on("response", (response) => {
    if (response.status() >= 500) page.problems.push(`${response.status()} ${response.url()}`);
  });
  return page;
}

/** Signs in as a person would. */
export async function signIn(page, { url, user, password }) {
  await page.goto(url);
  await page.getByLabel(/mail/i).fill(user);
  await page.getByLabel(/^password/i).fill(password);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.waitForSelector("#nav");
}

/** Waits for a page by its title. */
export const heading = (page, text) => page.getByRole("heading", { level: 1, name: text }).waitFor();

/** What the menu offers, in order. */
export const menu = (page) => page.$$eval("#nav a", (links) => links.map((each) => each.textContent.trim()));

/** Waits until the page says that something is done. */
export const saved = (page) => page.locator("#toasts .toast").first().waitFor();

/** The facts a test prints as its last line for the Rust side to judge. */
export function report(facts) {
  console.log(JSON.stringify(facts));
}
