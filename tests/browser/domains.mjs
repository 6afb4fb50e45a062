// Managing users, domains and sign-in, as whoever administers an installation does it, and as those it is for see it. What the
// requirement for the building console says under that heading, and the steps that walk it:
//
// | what it says | step |
// |---|---|
// | providers of OAuth sign-in are defined | "a provider is defined …", "somebody who was added signs in at it" |
// | (what a provider must not be able to do) | "whom the organisation's provider signed in …", "somebody who says …" |
// | parts of the product are mapped to domains | "a part of the product is put under a domain …", "under that name …" |
// | access is granted per domain, to groups and to people | "a domain lets in a group …", "… and somebody named besides" |
// | everybody gets the experience that is theirs | "under that name …": the menu and the first page are that part's |
//
// A real OpenID provider runs beside the controller; names under `.localhost` lead to this machine.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { WIDTHS, heading, launch, menu, open, signIn } from "./browser.mjs";
import { everywhere, inspect, look } from "./look.mjs";
import { letter, link } from "./mail.mjs";
import { steps } from "./steps.mjs";

const [url, user, password, mailbox] = process.argv.slice(2);
const HOST = "desk.localhost";
const DESK = `http://${HOST}:${new URL(url).port}`;
const BACK = "/sign-in/oidc/callback";
const OTTO = { mail: "otto@rig.example", password: "amber ferry window" };

const child = spawn("node", ["provider.mjs", url + BACK, DESK + BACK], { cwd: "../../controller/identity/tests/oidc", stdio: ["pipe", "pipe", "inherit"] });
const [ready] = await once(createInterface({ input: child.stdout }), "line");
const { issuer } = JSON.parse(ready);

const browser = await launch();
const owner = await open(browser);
const ada = await open(browser);
const otto = await open(browser);
const { step, expect, finish } = steps(owner);
const found = [];
/** Chosen at the provider, as the person who sits there does it. */
const atProvider = async (page, who) => {
  await page.getByRole("heading", { name: "Who are you?" }).waitFor();
  await page.getByRole("link", { name: who, exact: true }).click();
};

await step("a group and its people are added, each with a letter", async () => {
  await signIn(owner, { url, user, password });
  await owner.goto(`${url}/groups`);
  await owner.getByLabel("Name").fill("Front desk");
  await owner.getByRole("button", { name: "Make group" }).click();
  await heading(owner, "Front desk");
  for (const [first, last, mail, groups] of [["Ada", "Quist", "ada@example.org", ["Team"]], ["Otto", "Lind", OTTO.mail, ["Team"]]]) {
    await owner.goto(`${url}/users/new`);
    await owner.getByLabel("First name").fill(first);
    await owner.getByLabel("Last name").fill(last);
    await owner.getByLabel("Mail address").fill(mail);
    for (const group of groups) await owner.getByLabel(new RegExp(`^${group}`)).check();
    await owner.getByRole("button", { name: "Save", exact: true }).click();
    await owner.getByText("A mail with the link to activate the account is on its way.").waitFor();
  }
  await otto.goto(link(await letter(mailbox, OTTO.mail, "Your account at Rig")));
  await otto.getByLabel("New password").fill(OTTO.password);
  await otto.getByLabel("Once more").fill(OTTO.password);
  await otto.getByRole("button", { name: "Save password" }).click();
  await otto.getByText("Your password is saved.").waitFor();
});

await step("a provider is defined, and what is wrong with it is said beside the field", async () => {
  await owner.goto(`${url}/access/sign-in`);
  await heading(owner, "Signing in");
  await owner.getByText(url + BACK).waitFor();
  const form = owner.locator("form", { has: owner.getByRole("button", { name: "Add provider" }) });
  await form.getByLabel("Name", { exact: false }).first().fill("The Company");
  await form.getByLabel("Address").fill("http://provider.example");
  await form.getByLabel("Client id").fill("backoffice");
  await form.getByLabel("Client secret").fill("a secret of + 30 % odd signs");
  await form.getByLabel("Claim with groups").fill("groups");
  await form.getByLabel("Groups", { exact: true }).fill("night = Front desk");
  await form.getByRole("button", { name: "Add provider" }).click();
  await owner.getByText("Address must be an address that begins with https://.").waitFor();
  expect("what was typed is kept", (await form.getByLabel("Client id").inputValue()) === "backoffice");
  await form.getByLabel("Address").fill(issuer);
  await form.getByLabel("Client secret").fill("a secret of + 30 % odd signs");
  await form.getByRole("button", { name: "Add provider" }).click();
  await owner.getByText("Provider added.").waitFor();
  await owner.getByRole("cell", { name: "The Company", exact: true }).waitFor();
});

await step("somebody who was added signs in at it, and is in the group that the provider says", async () => {
  await ada.goto(url);
  await ada.getByRole("link", { name: "Sign in with The Company" }).click();
  await atProvider(ada, "ada");
  await ada.waitForSelector("#nav");
  await owner.goto(`${url}/users?q=ada`);
  await owner.getByRole("link", { name: "Ada Quist" }).click();
  expect("in the group", await owner.getByLabel(/^Front desk/).isChecked());
});

await step("whom the organisation's provider signed in is in that organisation only, and is told how to go on", async () => {
  await ada.goto(`${url}/account`);
  await ada.getByText("lets you into Rig and nowhere else").waitFor();
  expect("the tabs of an account are not there", (await ada.getByRole("link", { name: "API tokens" }).count()) === 0);
  await ada.locator(".topbar summary", { hasText: "Rig" }).click();
  const offered = await ada.locator(".topbar__workspace button").allTextContents();
  expect(`the switcher offers ${offered}`, offered.length === 1 && offered[0].includes("Rig"));
  await ada.locator(".topbar__workspace").getByText("sign out and sign in another way").waitFor();
  await everywhere(ada, "confined");
  const refused = await ada.goto(`${url}/account/security`);
  expect(`refused: ${refused.status()}`, refused.status() === 403);
});

await step("somebody who says that they are the owner is not: the owner is asked by letter", async () => {
  const mal = await open(browser);
  await mal.goto(url);
  await mal.getByRole("link", { name: "Sign in with The Company" }).click();
  await atProvider(mal, "mal");
  await heading(mal, /You are not signed in|Look into your mail/);
  await mal.goto(`${url}/account`);
  await heading(mal, "Sign in");
  await mal.context().close();
});

await step("a part of the product is put under a domain, with its own ways to sign in", async () => {
  await owner.goto(`${url}/workspace/domains`);
  await owner.getByLabel("Host name").fill(HOST);
  await owner.getByLabel("at The Company").check();
  await owner.getByLabel("Only members of this organisation").check();
  await owner.getByLabel("Front desk").check();
  await owner.getByLabel("What opens under which path").fill("/ = Wiki\n/places = Zones");
  await owner.getByRole("button", { name: "Save domain" }).click();
  await owner.getByText("Saved.").waitFor();
  const row = owner.locator("tr", { hasText: HOST });
  const text = await row.textContent();
  expect(`the list says ${text}`, ["password, The Company", "Front desk", "/ = Wiki", "/places = Zones"].every((each) => text.includes(each)));
  found.push(...(await inspect(owner, "domains with one", "domains", true)));
  await owner.goto(`${url}/access/sign-in`);
  await owner.getByText(DESK + BACK).waitFor();
});

await step("under that name one signs in at the provider and finds that part, and nothing else", async () => {
  const desk = await open(browser);
  await desk.goto(DESK);
  await heading(desk, "Sign in");
  found.push(...(await inspect(desk, "sign-in of a domain", "the sign-in page of a domain", true)));
  await desk.getByRole("link", { name: "Sign in with The Company" }).click();
  await atProvider(desk, "ada");
  await heading(desk, "Wiki");
  const offered = await menu(desk);
  expect(`the menu is ${offered}`, offered.includes("Wiki") && offered.includes("Zones") && !offered.includes("Backoffice users") && !offered.includes("Gateways"));
  await desk.goto(`${DESK}/places`);
  await heading(desk, "Zones");
  const elsewhere = await desk.goto(`${DESK}/users`);
  expect("what is not put there is not there", elsewhere.status() === 404);
  await desk.context().close();
});

const tries = async () => {
  await otto.context().clearCookies();
  await otto.goto(`${DESK}/sign-in`);
  await otto.getByLabel("Mail address").fill(OTTO.mail);
  await otto.getByLabel(/^Password/).fill(OTTO.password);
  await otto.getByRole("button", { name: "Sign in", exact: true }).click();
};

await step("a domain lets in a group: who is not in it is told, and still gets in elsewhere", async () => {
  await tries();
  await otto.getByText("Your account may not sign in at this address.").waitFor();
  await signIn(otto, { url, user: OTTO.mail, password: OTTO.password });
});

await step("and somebody named besides", async () => {
  await owner.goto(`${url}/workspace/domains/${HOST}`);
  await owner.getByLabel("And these people").fill("nobody@rig.example");
  await owner.getByRole("button", { name: "Save domain" }).click();
  await owner.getByText("names somebody who is no member: nobody@rig.example").waitFor();
  await owner.getByLabel("And these people").fill(OTTO.mail);
  await owner.getByRole("button", { name: "Save domain" }).click();
  await owner.locator("tr", { hasText: HOST }).getByText(OTTO.mail).waitFor();
  await tries();
  await heading(otto, "Wiki");
});

await step("these pages stand at three widths in both themes", async () => {
  const state = await owner.context().storageState();
  for (const width of WIDTHS) {
    for (const theme of ["light", "dark"]) {
      const page = await open(browser, { width, theme, state });
      const deep = (width === 1280 && theme === "light") || (width === 390 && theme === "dark");
      for (const path of ["/access/sign-in", "/workspace/domains", `/workspace/domains/${HOST}`, "/groups"]) {
        found.push(...(await look(page, url, path, `${path} at ${width} ${theme}`, deep)));
      }
      await page.context().close();
    }
  }
});

await browser.close();
child.stdin.end();
// Refused on purpose: forms that were wrong, doors that stay shut, pages that are not there.
finish([owner, ada, otto, { problems: found }], [422, 403, 404]);
