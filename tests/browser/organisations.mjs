// | what the requirement for organisations says | step |
// |---|---|
// | everybody has a workspace of their own, for one person | "everybody has a workspace …" |
// | making an organisation, inviting, joining | "an organisation is made …", "somebody is invited …", "the letter's link …" |
// | shared licences, managed in one place, as the team grows or shrinks | "licences are got …", "with fewer than in use …" |
// | belonging to several, switching between them | "two tabs …", the switcher in most steps |
// | who owns it; handing over, leaving, ending it | "the organisation is offered …" to "its owner removes it …" |
//
// Working alone and with others, as the people involved see it: one's own workspace, an organisation made, somebody invited by a
// real letter, licences, two tabs in two workspaces, the organisation handed over and left. Every page is looked at on the way.
import { WIDTHS, heading, launch, menu, open, signIn } from "./browser.mjs";
import { inspect, look } from "./look.mjs";
import { letter, link } from "./mail.mjs";
import { steps } from "./steps.mjs";

const [url, user, password, mailbox] = process.argv.slice(2);
const NINA = { mail: "nina.berg@guest.example", password: "quiet harbour lamp" };

const browser = await launch();
const owner = await open(browser);
const nina = await open(browser);
const { step, expect, finish } = steps(owner);
const found = [];

const current = (page) => page.locator(".topbar__workspace summary").getAttribute("title");
/** What went wrong on purpose does not count against what is looked at next. */
const forgive = (page) => page.problems.splice(0);
/** The workspaces that the switcher offers. */
async function offered(page) {
  return page.$$eval(".topbar__workspace button[name=workspace]", (buttons) => buttons.map((each) => each.textContent.trim()));
}
/** Goes to another workspace by the switcher. */
async function switchTo(page, name) {
  await page.locator(".topbar__workspace summary").click();
  await page.locator(".topbar__workspace").getByRole("button", { name, exact: true }).click();
  await page.waitForFunction((wanted) => document.querySelector('meta[name="workspace"]')?.dataset.name === wanted, name);
}

await step("everybody has a workspace of their own, with nobody else in it", async () => {
  await signIn(owner, { url, user, password });
  expect("one begins in the organisation", (await current(owner)) === "Rig");
  await switchTo(owner, "Personal workspace");
  await owner.goto(`${url}/workspace`);
  await owner.getByText("Yours alone").waitFor();
  const offer = await menu(owner);
  expect(`no users are administered there: ${offer}`, !offer.includes("Backoffice users") && offer.includes("Workspace"));
  found.push(...(await inspect(owner, "personal workspace", "personal workspace", true)));
});

await step("an organisation is made, and is empty but for its owner", async () => {
  await owner.locator(".topbar__workspace summary").click();
  await owner.getByRole("link", { name: "New organisation" }).first().click();
  await heading(owner, "New organisation");
  found.push(...(await inspect(owner, "new organisation", "new organisation", true)));
  await owner.getByLabel("Name of the organisation").fill("Northwind Events");
  await owner.getByRole("button", { name: "Make organisation" }).click();
  await heading(owner, "Northwind Events");
  expect("one works there at once", (await current(owner)) === "Northwind Events");
  const names = await offered(owner);
  expect(`the switcher offers ${names}`, ["Northwind Events", "Rig", "Personal workspace"].every((name) => names.includes(name)));
});

let invitation = "";
await step("somebody is invited by mail, and what is wrong is said beside the field", async () => {
  await owner.getByRole("link", { name: "Members", exact: true }).click();
  await heading(owner, "Members");
  await owner.getByLabel("Mail address").last().fill(user);
  await owner.getByRole("button", { name: "Invite", exact: true }).click();
  await owner.getByText("Mail address is a member already.").waitFor();
  forgive(owner);
  await owner.getByLabel("Mail address").last().fill(NINA.mail);
  await owner.getByRole("button", { name: "Invite", exact: true }).click();
  await owner.getByText("Invited. The letter is on its way.").waitFor();
  await owner.getByRole("cell", { name: NINA.mail }).waitFor();
  found.push(...(await inspect(owner, "members", "members with an invitation", true)));
  const mail = await letter(mailbox, NINA.mail, "invites you to Northwind Events");
  invitation = link(mail);
});

await step("the letter's link makes an account, joins, and works once", async () => {
  await nina.goto(invitation);
  await heading(nina, "Join Northwind Events");
  found.push(...(await inspect(nina, "invitation", "an invitation", true)));
  await nina.getByLabel("First name").fill("Nina");
  await nina.getByLabel("Last name").fill("Berg");
  await nina.getByLabel("Choose a password").fill(NINA.password);
  await nina.getByLabel("Once more").fill(NINA.password);
  await nina.getByRole("button", { name: "Make account and join" }).click();
  await heading(nina, "Northwind Events");
  const names = await offered(nina);
  expect(`Nina can go to ${names}`, names.join() === "Northwind Events,Personal workspace" || names.join() === "Personal workspace,Northwind Events");
  await nina.goto(invitation);
  await heading(nina, "This invitation no longer works");
  forgive(nina);
});

await step("licences are got and given, and it is said when all are in use", async () => {
  await owner.goto(`${url}/workspace/licences`);
  const pro = owner.locator("#org-pro");
  await pro.getByLabel("How many").fill("1");
  await pro.getByRole("button", { name: "Change" }).click();
  await owner.getByText("Changed. It counts from now on.").waitFor();
  await owner.locator("#org-pro").getByLabel("Give a seat to").selectOption({ label: `Nina Berg (${NINA.mail})` });
  await owner.locator("#org-pro").getByRole("button", { name: "Give seat" }).click();
  await owner.locator("#org-pro").getByText("The one seat is in use.").waitFor();
  found.push(...(await inspect(owner, "licences", "licences", true)));
});

await step("with fewer than in use it is first said who would only read", async () => {
  await owner.locator("#org-pro").getByLabel("How many").fill("0");
  await owner.locator("#org-pro").getByRole("button", { name: "Change" }).click();
  await heading(owner, "Fewer licences");
  forgive(owner);
  await owner.getByText("Nina Berg, on every event").waitFor();
  found.push(...(await inspect(owner, "fewer licences", "fewer licences", true)));
  await owner.getByRole("button", { name: "Make do with 0" }).click();
  await owner.locator("#org-pro").getByText("reads only").waitFor();
});

await step("two tabs in two workspaces never mix", async () => {
  await owner.goto(`${url}/workspace`);
  await owner.locator("#f-name").fill("Northwind Productions");
  const second = await owner.context().newPage();
  second.problems = [];
  await second.goto(`${url}/workspace`);
  await switchTo(second, "Rig");
  await owner.getByText("This page still shows “Northwind Events”").waitFor();
  found.push(...(await inspect(owner, "left behind", "a page that was left behind", true)));
  await owner.getByRole("button", { name: "Rename" }).click();
  await heading(owner, "A page of another workspace");
  forgive(owner);
  found.push(...(await inspect(owner, "another workspace", "a form of another workspace", true)));
  await second.goto(`${url}/workspace`);
  await heading(second, "Rig");
  await owner.getByRole("button", { name: "Switch to Northwind Events and send it" }).click();
  await heading(owner, "Northwind Productions");
  await switchTo(second, "Rig");
  await second.goto(`${url}/workspace`);
  await heading(second, "Rig");
  await switchTo(second, "Northwind Productions");
  await second.close();
});

await step("the organisation is offered, taken over, and both are told", async () => {
  await owner.goto(`${url}/workspace`);
  await owner.getByLabel("New owner").selectOption({ label: `Nina Berg (${NINA.mail})` });
  await owner.getByRole("button", { name: "Offer", exact: true }).click();
  await owner.getByText("Until they accept, you own it.").waitFor();
  const mail = await letter(mailbox, NINA.mail, "wants to hand Northwind Productions over to you");
  await nina.goto(link(mail));
  await nina.getByText("offers you to take over Northwind Productions").waitFor();
  found.push(...(await inspect(nina, "offer", "an offer", true)));
  await nina.getByRole("button", { name: "Take over" }).click();
  await nina.getByText("You own Northwind Productions now.").waitFor();
  await letter(mailbox, user, "has taken over Northwind Productions");
  await letter(mailbox, NINA.mail, "has taken over Northwind Productions");
  await owner.goto(`${url}/workspace`);
  await owner.locator("main dl").getByText("Admin, Webmaster").waitFor();
  expect("what an owner does is no longer offered", (await owner.getByRole("button", { name: "Rename" }).count()) === 0);
});

await step("whoever leaves finds themselves elsewhere, and the last owner stays", async () => {
  await nina.goto(`${url}/workspace`);
  await nina.getByText("You are its only owner.").waitFor();
  await owner.locator("summary").filter({ hasText: "Leave" }).click();
  await owner.locator("details[open]").getByRole("button", { name: "Leave" }).click();
  await owner.getByText("You have left Northwind Productions.").waitFor();
  expect("it is no longer offered", !(await offered(owner)).includes("Northwind Productions"));
  found.push(...(await inspect(owner, "my workspaces", "my workspaces", true)));
});

await step("its owner removes it after reading what is lost, and takes that back in time", async () => {
  await nina.goto(`${url}/workspace`);
  await nina.getByRole("link", { name: "Remove the organisation" }).click();
  await heading(nina, "Remove the organisation");
  await nina.getByText("4 groups").waitFor();
  found.push(...(await inspect(nina, "remove organisation", "what is lost with an organisation", true)));
  await nina.getByLabel("Its name").fill("Northwind");
  await nina.getByLabel("Your password").fill(NINA.password);
  await nina.getByRole("button", { name: "Remove in 14 days" }).click();
  await nina.getByText("Its name is not “Northwind Productions”").waitFor();
  forgive(nina);
  expect("what was typed is kept", (await nina.getByLabel("Its name").inputValue()) === "Northwind");
  await nina.getByLabel("Its name").fill("Northwind Productions");
  await nina.getByLabel("Your password").fill(NINA.password);
  await nina.getByRole("button", { name: "Remove in 14 days" }).click();
  await nina.getByText("with everything in it").first().waitFor();
  found.push(...(await inspect(nina, "to be removed", "an organisation that is to be removed", true)));
  await nina.goto(link(await letter(mailbox, NINA.mail, "Northwind Productions will be removed in 14 days")));
  await nina.getByRole("button", { name: "Keep it" }).click();
  await nina.getByText("It stays. Its owners are told.").waitFor();
  await letter(mailbox, NINA.mail, "Northwind Productions stays");
});

await step("every page about a workspace works at three widths in both themes", async () => {
  const state = await owner.context().storageState();
  await switchTo(owner, "Rig");
  for (const width of WIDTHS) {
    for (const theme of ["light", "dark"]) {
      const page = await open(browser, { width, theme, state });
      const corner = (width === 1280 && theme === "light") || (width === 390 && theme === "dark");
      for (const path of ["/workspace", "/workspace/members", "/workspace/licences", "/workspace/domains", "/workspaces", "/workspaces/new"]) {
        found.push(...(await look(page, url, path, `${path} at ${width} ${theme}`, corner)));
      }
      await page.locator(".topbar__workspace summary").click();
      await page.locator(".topbar__workspace").getByRole("button", { name: "Rig", exact: true }).waitFor();
      found.push(...(await inspect(page, "switcher", `the switcher at ${width} ${theme}`, corner)));
      await page.context().close();
    }
  }
  expect(found.join("\n"), found.length === 0);
});

await browser.close();
finish([owner, nina]);
