// | what the requirement for users of the back office says | step |
// |---|---|
// | the list, its columns, and the way there | "the menu leads to the list …" |
// | a new user's form: three parts, fields, what is required, defaults, levels per area | "the form of a new user …" |
// | what else the sales portal takes | "a form that is wrong keeps …" |
// | saving; the letter; a password by its link; signing in | "a user is made …" to "they sign in …" |
// | the menu that roles open | "they sign in …" (the commerce menu has no pages yet; what would open is tested beside it) |
// | editing by the row; levels that count at once | "their row leads to the form …", "taking a role away …" |
// | disabling by taking all roles, and letting in again | "taking a role away …", "they are let in again …" |
// | least privilege, reviews, why something was given | "they are let in again with a preset", the pages of the last step |
//
// A back-office user from the first click to the last, as whoever administers them and as they themselves see it: made, activated
// by mail, at work with exactly what their roles open, changed, shut out, let in again. Every page about people and access is
// looked at on the way.
import { WIDTHS, launch, menu, open, signIn } from "./browser.mjs";
import { look, inspect } from "./look.mjs";
import { letter, link } from "./mail.mjs";
import { steps } from "./steps.mjs";

const [url, user, password, mailbox] = process.argv.slice(2);
const ADA = { mail: "ada.quist@rig.example", password: "silver bicycle noon" };

const browser = await launch();
const owner = await open(browser);
const ada = await open(browser);
const { step, expect, finish } = steps(owner);
const heading = (page, text) => page.getByRole("heading", { level: 1, name: text });
const found = [];
let adasPage = "";

/** The level of an area on the form. */
const level = (title) => owner.getByLabel(title, { exact: true });
const save = () => owner.getByRole("button", { name: "Save", exact: true }).click();

await step("the menu leads to the list of backoffice users", async () => {
  await signIn(owner, { url, user, password });
  await owner.locator("#nav").getByText("Admin", { exact: true }).waitFor();
  await owner.locator("#nav").getByRole("link", { name: "Backoffice users" }).click();
  await heading(owner, "Backoffice users").waitFor();
  const columns = await owner.$$eval("main thead th", (cells) => cells.map((cell) => cell.textContent.trim()));
  expect(`the columns are ${columns}`, columns.slice(0, 6).join() === "User,Name,Mail address,State,Created,Changed");
});

await step("the form of a new user has its three parts, and its defaults", async () => {
  await owner.getByRole("link", { name: "New backoffice user" }).click();
  await heading(owner, "New backoffice user").waitFor();
  const tabs = await owner.$$eval('nav[aria-label="Parts of the form"] a', (links) => links.map((each) => each.textContent));
  expect(`the tabs are ${tabs}`, tabs.join() === "General,Roles & permissions,Information");
  const genders = await owner.$$eval("#f-gender option", (options) => options.map((each) => each.textContent));
  expect(`the genders are ${genders}`, genders.join() === "F (Female),M (Male),U (Unknown)");
  expect("the language is the system's", (await owner.locator("#f-language").inputValue()) === "en");
  const required = await owner.$$eval("main form :required", (fields) => fields.map((field) => field.name));
  expect(`required are ${required}`, required.join() === "first_name,last_name,email");
  for (const area of ["Sales", "Backoffice", "User", "Shop & channel", "Role & permission", "Pricing", "Logistics", "Configuration", "Product Data", "Order Data"]) {
    const options = await level(`${area} management`).locator("option").allTextContents();
    expect(`${area} management has the levels`, options.map((each) => each.split(":")[0]).join() === "No access,Viewer,Editor,Owner");
  }
});

await step("a form that is wrong keeps what was typed and says why beside the field", async () => {
  await owner.getByLabel("First name").fill("Ada");
  await owner.getByLabel("Last name").fill("Quist 久美子");
  await owner.getByLabel("Mail address").fill(user);
  await level("Order Data management").selectOption("edit");
  await level("Sales management").selectOption("view");
  await save();
  await owner.getByText("Mail address belongs to somebody here already.").waitFor();
  const missing = await owner.getByText("For the whole sales portal they also need").textContent();
  expect(`missing: ${missing}`, missing.includes("Product Data management") && missing.includes("User management") && !missing.includes("Order Data"));
  await level("Sales management").selectOption("");
  expect("the name is kept", (await owner.getByLabel("Last name").inputValue()) === "Quist 久美子");
  expect("the role is kept", (await level("Order Data management").inputValue()) === "edit");
});

await step("a user is made, and a mail is on its way", async () => {
  await owner.getByLabel("Mail address").fill(ADA.mail);
  await owner.getByLabel("Telephone").fill("+31 20 555 01 23");
  await owner.getByLabel("Job").fill("Planner");
  await level("Role & permission management").selectOption("view");
  await level("Buildings").selectOption("view");
  await save();
  await owner.getByText("A mail with the link to activate the account is on its way.").waitFor();
  adasPage = new URL(owner.url()).pathname;
  await owner.locator("main").getByText("invited", { exact: true }).first().waitFor();
});

let activation = "";
await step("the mail arrives; its link lets them choose a password", async () => {
  const mail = await letter(mailbox, ADA.mail, "Your account at Rig");
  activation = link(mail);
  expect(`the link is ${activation}`, activation.startsWith(`${url}/activate?code=`));
  expect("it says how long it works", mail.parts["text/plain"].includes("3 days"));
  await ada.goto(activation);
  await heading(ada, "Choose a password").waitFor();
  found.push(...(await inspect(ada, "activate", "the activation page", true)));
  await ada.getByLabel("New password").fill("quist12345");
  await ada.getByLabel("Once more").fill("quist12345");
  await ada.getByRole("button", { name: "Save password" }).click();
  await ada.getByText("New password is too close").waitFor();
  await ada.getByLabel("New password").fill(ADA.password);
  await ada.getByLabel("Once more").fill(ADA.password);
  await ada.getByRole("button", { name: "Save password" }).click();
  await ada.getByText("Your password is saved. Sign in with it.").waitFor();
});

await step("the link works once", async () => {
  const again = await open(browser);
  await again.goto(activation);
  await heading(again, "This link no longer works").waitFor();
  await again.context().close();
});

await step("they sign in and the menu shows what their roles open", async () => {
  await signIn(ada, { url, user: ADA.mail, password: ADA.password });
  const offered = await menu(ada);
  expect(`Backoffice users is in ${offered}`, offered.includes("Backoffice users") && offered.includes("Groups"));
  expect("Audit and Drivers are not", !offered.includes("Audit") && !offered.includes("Drivers"));
  await ada.goto(`${url}/users`);
  expect("a viewer makes nobody", (await ada.getByRole("link", { name: "New backoffice user" }).count()) === 0);
  const refused = await ada.goto(`${url}/audit`);
  expect("what the menu does not offer is not there", refused.status() === 404);
});

await step("their row leads to the form, and a change counts at their next request", async () => {
  await owner.goto(`${url}/users`);
  await owner.getByRole("link", { name: "Ada Quist 久美子" }).click();
  expect("the job is there", (await owner.getByLabel("Job").inputValue()) === "Planner");
  await level("Role & permission management").selectOption("");
  await level("Audit").selectOption("view");
  await save();
  await owner.getByText("Saved. It counts from their next request on.").waitFor();
  await ada.goto(url);
  const offered = await menu(ada);
  expect(`now ${offered}`, offered.includes("Audit") && !offered.includes("Backoffice users"));
});

/** Opens a live connection in a page and subscribes; what comes is kept in `window.live`. */
async function listen(page, to) {
  await page.evaluate(async (wanted) => {
    const socket = new WebSocket(location.origin.replace("http", "ws") + "/api/v1/live");
    const live = { closed: false, ended: false };
    window.live = live;
    socket.onclose = () => (live.closed = true);
    await new Promise((resolve, reject) => {
      socket.onopen = () => socket.send(JSON.stringify({ id: 1, do: "subscribe", to: wanted }));
      socket.onmessage = (event) => {
        const said = JSON.parse(event.data);
        if (said.ok) resolve();
        if (said.error) reject(new Error(said.error.message));
        if (said.ended) live.ended = true;
      };
    });
  }, to);
}

/** Shut out on purpose: a page that was open asks for its live connection once more, is refused, and leads to the sign-in. */
async function shutOut(page) {
  await page.waitForFunction(() => window.live.closed);
  await page.goto(`${url}/account`);
  await heading(page, "Sign in").waitFor();
  page.problems = page.problems.filter((problem) => !problem.includes("/api/v1/live"));
}

let zone = "";
await step("taking a role away ends what they see live, and taking all away shuts them out", async () => {
  zone = await owner.evaluate(async () => (await (await fetch("/api/v1/zones")).json()).items[0].id);
  await listen(ada, { zone });
  await owner.goto(url + adasPage);
  await level("Buildings").selectOption("");
  await level("Audit").selectOption("");
  await level("Order Data management").selectOption("");
  await save();
  await owner.getByText("has no role here").waitFor();
  await owner.locator("main").getByText("no access", { exact: true }).first().waitFor();
  await ada.waitForFunction(() => window.live.ended);
  const next = await ada.goto(`${url}/audit`);
  expect("the next request is refused", next.status() === 404);
  await ada.goto(url);
  const offered = await menu(ada);
  expect(`the menu is ${offered}`, !offered.some((each) => ["Audit", "Backoffice users", "Groups", "Drivers"].includes(each)));
});

await step("they are let in again with a preset", async () => {
  await owner.goto(url + adasPage);
  await owner.getByLabel("Start from").selectOption({ label: "Sales representative" });
  await level("Buildings").selectOption("view");
  await save();
  await owner.getByText("Saved.").waitFor();
  expect("the preset's levels", (await level("Order Data management").inputValue()) === "edit");
  const me = await ada.evaluate(async () => (await fetch("/api/v1/me")).json());
  expect(`sales ${me.areas.sales}`, me.areas.sales === "edit" && me.areas.products === "view" && me.areas.pricing === "none");
});

await step("one looks through their eyes, and it shows on every page", async () => {
  await owner.goto(url + adasPage);
  await owner.getByRole("button", { name: "View as" }).click();
  await owner.getByText("You are looking at this as").waitFor();
  found.push(...(await look(owner, url, "/zones", "a page seen through another's eyes", true)));
  await owner.getByRole("button", { name: "Back to yourself" }).click();
  await heading(owner, /Ada|Backoffice|Overview|Rig/).waitFor();
  expect("nobody else's eyes any more", (await owner.getByText("You are looking at this as").count()) === 0);
});

await step("a session ended elsewhere ends its live connection and its next request", async () => {
  await owner.goto(url + adasPage);
  await level("Buildings").selectOption("view");
  await save();
  await owner.getByText("Saved.").waitFor();
  const other = await open(browser);
  await signIn(other, { url, user: ADA.mail, password: ADA.password });
  await ada.goto(url);
  await listen(ada, { zone });
  await other.goto(`${url}/account/sessions`);
  await other.getByRole("button", { name: "End all others" }).click();
  await other.getByRole("dialog").getByRole("button", { name: "End all others" }).click();
  await other.getByText("One session has ended.").waitFor();
  await shutOut(ada);
  await other.context().close();
});

await step("a forgotten password is chosen anew by mail", async () => {
  await ada.goto(`${url}/sign-in`);
  await ada.getByRole("link", { name: "Forgot your password?" }).click();
  await ada.getByLabel("Mail address").fill(ADA.mail);
  await ada.getByRole("button", { name: "Send the link" }).click();
  await heading(ada, "Look into your mail").waitFor();
  await ada.goto(link(await letter(mailbox, ADA.mail, "A new password at Rig")));
  ADA.password = "violet harbour lantern";
  await ada.getByLabel("New password").fill(ADA.password);
  await ada.getByLabel("Once more").fill(ADA.password);
  await ada.getByRole("button", { name: "Save password" }).click();
  await letter(mailbox, ADA.mail, "was changed");
  await signIn(ada, { url, user: ADA.mail, password: ADA.password });
});

await step("a disabled user is out at once and for good", async () => {
  await listen(ada, { zone });
  await owner.goto(url + adasPage);
  await owner.locator("summary", { hasText: "Disable" }).click();
  await owner.getByRole("button", { name: "Disable", exact: true }).click();
  await owner.getByText("Disabled. All their sessions have ended.").waitFor();
  await shutOut(ada);
  await ada.getByLabel("Mail address").fill(ADA.mail);
  await ada.getByLabel(/^Password/).fill(ADA.password);
  await ada.getByRole("button", { name: "Sign in", exact: true }).click();
  await ada.getByText("The mail address or the password is not right.").waitFor();
});

await step("every page about people and access stands at three widths in both themes", async () => {
  const account = adasPage.split("/").at(-1);
  const inside = [
    "/users", "/users/new", adasPage, "/groups", "/access/modules", "/access/sign-in", "/access/review",
    `/access/review?subject=account:${account}`, "/access", "/account", "/account/security", "/account/sessions", "/account/tokens", "/account/gateway-pin",
  ];
  const outside = ["/sign-in", "/forgot"];
  const state = await owner.context().storageState();
  for (const width of WIDTHS) {
    for (const theme of ["light", "dark"]) {
      const deep = (width === 1280 && theme === "light") || (width === 390 && theme === "dark");
      const signed = await open(browser, { width, theme, state });
      for (const path of inside) found.push(...(await look(signed, url, path, `${path} at ${width} ${theme}`, deep)));
      await signed.context().close();
      const anybody = await open(browser, { width, theme });
      for (const path of outside) found.push(...(await look(anybody, url, path, `${path} at ${width} ${theme}`, deep)));
      await anybody.goto(`${url}/activate?code=none`);
      found.push(...(await inspect(anybody, "a dead link", `a dead link at ${width} ${theme}`, deep)));
      await anybody.context().close();
    }
  }
});

await browser.close();
// Refused on purpose: forms that were wrong, pages that were not theirs.
finish([owner, ada, { problems: found }], [422, 404]);
