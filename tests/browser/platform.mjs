// What the requirement for the collaborative platform says of access, and the steps that walk it, each with its sentence in other
// words. (Its modules have walks of their own: wiki.mjs, events.mjs, and together.mjs for projects.)
//
// | what it says | step |
// |---|---|
// | the four built-in groups | "the public …", "the team …", "an administrator …", "a webmaster …" |
// | access flows from membership once one is signed in | "who is signed in has what their groups give …" |
// | administrators make any number of groups, and change those of the system | "an administrator makes groups …", "… changes a built-in group" |
// | five arrangements: General and four modules that have their own | "the wiki, the blog, contracts and the CRM …", "one level on General …" |
// | none, view, edit, moderate | "none …" to "moderating …" |
// | an organisation uses some of the modules | "an organisation uses the modules it wants …" |
// | people of all departments work on facets of the same thing | "people of two departments …" |
// | "Click here to comment" below a page | "viewing …" |
//
// Everybody is seen in a browser of their own; whoever is not signed in as well.
import { WIDTHS, heading, launch, menu, open, saved, signIn } from "./browser.mjs";
import { everywhere, inspect, look } from "./look.mjs";
import { letter, link } from "./mail.mjs";
import { steps } from "./steps.mjs";

const [url, user, password, mailbox] = process.argv.slice(2);
const SECRET = "quiet harbour lamp";

const browser = await launch();
const owner = await open(browser);
const visitor = await open(browser);
const pages = [owner, visitor];
const of = {};
const { step, expect, finish } = steps(owner);
const found = [];
const mail = (name) => `${name.toLowerCase()}@rig.example`;

/** A user is made with those groups, chooses a password by the letter's link, and signs in. */
async function join(name, groups) {
  await owner.goto(`${url}/users/new`);
  await owner.getByLabel("First name").fill(name);
  await owner.getByLabel("Last name").fill("Somebody");
  await owner.getByLabel("Mail address").fill(mail(name));
  for (const group of groups) await owner.getByLabel(new RegExp(`^${group}`)).check();
  await owner.getByRole("button", { name: "Save", exact: true }).click();
  await owner.getByText("A mail with the link to activate the account is on its way.").waitFor();
  const page = await open(browser);
  await page.goto(link(await letter(mailbox, mail(name), "Your account at Rig")));
  await page.getByLabel("New password").fill(SECRET);
  await page.getByLabel("Once more").fill(SECRET);
  await page.getByRole("button", { name: "Save password" }).click();
  await page.getByText("Your password is saved.").waitFor();
  await signIn(page, { url, user: mail(name), password: SECRET });
  of[name] = page;
  pages.push(page);
}

/** A level of a group on a module, set on the page of modules by whoever may. */
async function give(page, group, module, level) {
  await page.goto(`${url}/access/modules`);
  await page.getByLabel(`${group}: ${module}`, { exact: true }).selectOption(level);
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await saved(page);
}

/** The status a page answers with; that it is refused is no error of the browser's. */
async function status(page, path) {
  const answer = await page.goto(path.startsWith("http") ? path : url + path);
  page.problems.splice(0);
  return answer.status();
}

/** How many ways to make a zone a page offers. */
const makes = (page) => page.getByRole("link", { name: "New zone" }).count();

let house = "";
await step("the wiki, the blog, contracts and the CRM have an arrangement each, all other modules share one, with four levels", async () => {
  await signIn(owner, { url, user, password });
  await owner.goto(`${url}/access/modules`);
  const columns = await owner.$$eval("main form thead th", (cells) => cells.map((cell) => cell.textContent.trim()).filter(Boolean));
  expect(`the columns are ${columns}`, ["General", "Wiki", "Blog", "Contracts", "CRM"].every((title) => columns.includes(title)) && columns.length === 6);
  for (const group of ["Everyone", "Team", "Admin", "Webmaster"]) {
    for (const module of ["General", "Wiki", "Blog", "Contracts", "CRM"]) {
      const levels = await owner.getByLabel(`${group}: ${module}`, { exact: true }).locator("option").allTextContents();
      expect(`${group}: ${module} has ${levels}`, levels.join() === "none,view,edit,moderate");
    }
  }
  const level = (group, module) => owner.getByLabel(`${group}: ${module}`, { exact: true }).inputValue();
  expect("the team edits in general", (await level("Team", "General")) === "edit");
  expect("contracts are nobody's business at first", (await level("Team", "Contracts")) === "none" && (await level("Everyone", "CRM")) === "none");
  found.push(...(await inspect(owner, "modules", "the matrix of modules", true)));
});

await step("the public reads what is open to everyone without signing in, and nothing else", async () => {
  await owner.goto(`${url}/wiki`);
  await owner.getByRole("link", { name: "New space" }).first().click();
  await owner.getByLabel("Name").fill("House");
  await owner.getByRole("button", { name: "Make the space" }).click();
  await owner.getByRole("link", { name: "Write the first page" }).click();
  await owner.getByLabel("Title").fill("Opening hours");
  await owner.locator("textarea[name=body]").fill("From eight to six.");
  await owner.getByRole("button", { name: "Save", exact: true }).click();
  await heading(owner, "Opening hours");
  house = owner.url();
  await visitor.goto(house);
  await heading(visitor, "Sign in");
  await give(owner, "Everyone", "Wiki", "view");
  await visitor.goto(house);
  await visitor.getByText("From eight to six.").waitFor();
  expect("nothing to write with", (await visitor.getByRole("link", { name: "Edit", exact: true }).count()) === 0);
  await visitor.getByRole("link", { name: "Sign in to comment" }).waitFor();
  await everywhere(visitor, "public page");
  for (const path of ["/users", "/access/modules", "/audit", "/projects"]) {
    await visitor.goto(url + path);
    await heading(visitor, "Sign in");
  }
  await give(owner, "Everyone", "Wiki", "none");
  await visitor.goto(house);
  await heading(visitor, "Sign in");
});

await step("who is signed in has what their groups give, and nothing without one", async () => {
  await join("Nils", []);
  const offered = await menu(of.Nils);
  expect(`without a group: ${offered}`, !["Wiki", "Zones", "Backoffice users", "Groups", "Audit"].some((title) => offered.includes(title)));
  expect("the page is not there", (await status(of.Nils, house)) === 404);
});

await step("the team has most of it: it writes, and sees the buildings", async () => {
  await join("Ines", ["Team"]);
  const offered = await menu(of.Ines);
  expect(`the team is offered ${offered}`, ["Wiki", "Projects", "Events", "Zones", "Systems"].every((title) => offered.includes(title)));
  expect("not who may what", !offered.includes("Backoffice users") && (await status(of.Ines, "/access/modules")) === 404);
  await of.Ines.goto(house);
  await of.Ines.getByRole("link", { name: "Edit", exact: true }).waitFor();
  await of.Ines.goto(`${url}/zones`);
  await heading(of.Ines, "Zones");
  expect("and makes no buildings", (await makes(of.Ines)) === 0);
});

await step("an administrator manages what groups may, and does not configure the site", async () => {
  await join("Adam", ["Admin"]);
  const offered = await menu(of.Adam);
  expect(`the administrator is offered ${offered}`, offered.includes("Backoffice users") && offered.includes("Groups"));
  await of.Adam.goto(`${url}/access/modules`);
  await of.Adam.getByLabel("Team: Wiki", { exact: true }).waitFor();
  await of.Adam.goto(`${url}/zones`);
  await heading(of.Adam, "Zones");
  expect("no buildings are made", (await makes(of.Adam)) === 0);
});

await step("a webmaster configures the site, and gives nobody anything", async () => {
  await join("Wim", ["Webmaster"]);
  const offered = await menu(of.Wim);
  expect(`the webmaster is offered ${offered}`, ["Gateways", "Drivers", "Zones"].every((title) => offered.includes(title)));
  await of.Wim.goto(`${url}/zones`);
  await heading(of.Wim, "Zones");
  expect("a building is made", (await makes(of.Wim)) > 0);
  for (const path of ["/access/modules", "/users", "/groups"]) expect(`${path} is not there`, (await status(of.Wim, path)) === 404);
});

await step("an administrator makes groups, as many as are wanted, with people in them", async () => {
  for (const name of ["Front desk", "Writers", "Night shift"]) {
    await of.Adam.goto(`${url}/groups`);
    await of.Adam.getByLabel("Name").fill(name);
    await of.Adam.getByRole("button", { name: "Make group" }).click();
    await heading(of.Adam, name);
  }
  await of.Adam.goto(`${url}/groups`);
  for (const name of ["Front desk", "Writers", "Night shift"]) await of.Adam.getByRole("link", { name, exact: true }).waitFor();
  found.push(...(await inspect(of.Adam, "groups", "groups", true)));
  await of.Adam.goto(`${url}/users?q=nils`);
  await of.Adam.getByRole("link", { name: "Nils Somebody" }).click();
  await of.Adam.getByLabel(/^Writers/).check();
  await of.Adam.getByRole("button", { name: "Save", exact: true }).click();
  await of.Adam.getByText("Saved. It counts from their next request on.").waitFor();
});

await step("none: the module is not there", async () => {
  await of.Nils.goto(url);
  expect("not in the menu", !(await menu(of.Nils)).includes("Wiki"));
  expect("nor by its address", (await status(of.Nils, house)) === 404);
});

await step("viewing is reading, and saying something where that is wanted", async () => {
  await give(of.Adam, "Writers", "Wiki", "view");
  await of.Nils.goto(house);
  await of.Nils.getByText("From eight to six.").waitFor();
  expect("the menu offers it", (await menu(of.Nils)).includes("Wiki"));
  expect("nothing to write with", (await of.Nils.getByRole("link", { name: "Edit", exact: true }).count()) === 0);
  expect("nor by the address", (await status(of.Nils, `${house}/edit`)) === 403);
  await of.Nils.goto(house);
  await of.Nils.getByLabel("Click here to comment").fill("And on Sundays?");
  await of.Nils.getByRole("button", { name: "Comment", exact: true }).click();
  await of.Nils.locator("#comments .prose").getByText("And on Sundays?").waitFor();
  expect("and hides nothing", (await of.Nils.getByRole("button", { name: "Hide", exact: true }).count()) === 0);
});

await step("editing is changing and making pages, and no more", async () => {
  await give(of.Adam, "Writers", "Wiki", "edit");
  await of.Nils.goto(house);
  await of.Nils.getByRole("link", { name: "Edit", exact: true }).click();
  await of.Nils.locator("textarea[name=body]").fill("From eight to six, not on Sundays.");
  await of.Nils.getByRole("button", { name: "Save", exact: true }).click();
  await of.Nils.locator("article.prose").getByText("not on Sundays").waitFor();
  expect("comments stay as they are", (await of.Nils.getByRole("button", { name: "Hide", exact: true }).count()) === 0);
});

await step("moderating is deciding what others have said", async () => {
  await give(of.Adam, "Writers", "Wiki", "own");
  await of.Nils.goto(house);
  await of.Nils.getByRole("button", { name: "Hide", exact: true }).click();
  await saved(of.Nils);
  await of.Nils.locator("#comments").getByText("hidden", { exact: true }).waitFor();
  await of.Ines.goto(house);
  expect("the team does not see it", (await of.Ines.getByText("And on Sundays?").count()) === 0);
  found.push(...(await inspect(of.Nils, "moderated", "a moderated page", true)));
  await give(of.Adam, "Writers", "Wiki", "none");
  expect("taken back, it is gone at the next click", (await status(of.Nils, house)) === 404);
});

await step("one level on General opens all modules that have no arrangement of their own", async () => {
  await give(of.Adam, "Night shift", "General", "edit");
  await of.Adam.goto(`${url}/users?q=nils`);
  await of.Adam.getByRole("link", { name: "Nils Somebody" }).click();
  await of.Adam.getByLabel(/^Night shift/).check();
  await of.Adam.getByRole("button", { name: "Save", exact: true }).click();
  await of.Adam.getByText("Saved. It counts from their next request on.").waitFor();
  for (const path of ["/events/new", "/projects/new"]) expect(`${path} opens`, (await status(of.Nils, path)) === 200);
  expect("and none that has", (await status(of.Nils, "/wiki/new")) === 404);
});

await step("an administrator changes a built-in group, and it counts for all who are in it", async () => {
  await give(of.Adam, "Team", "Wiki", "view");
  await of.Ines.goto(house);
  await of.Ines.getByText("not on Sundays").waitFor();
  expect("no writing", (await of.Ines.getByRole("link", { name: "Edit", exact: true }).count()) === 0);
  await give(of.Adam, "Team", "Wiki", "edit");
  await of.Ines.goto(house);
  await of.Ines.getByRole("link", { name: "Edit", exact: true }).waitFor();
});

await step("people of two departments work on the same page, and both find what the other wrote", async () => {
  await join("Olga", ["Team", "Front desk"]);
  await Promise.all([of.Ines.goto(`${house}/edit`), of.Olga.goto(`${house}/edit`)]);
  const text = "From eight to six, not on Sundays.";
  const write = async (page, body) => {
    await page.locator("textarea[name=body]").fill(body);
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await page.locator("article.prose").waitFor();
  };
  await write(of.Olga, `Ring twice.\n\n${text}`);
  await write(of.Ines, `${text}\n\nIn August from nine.`);
  const both = await of.Ines.locator("article.prose").textContent();
  expect(`the page says ${both}`, both.includes("Ring twice.") && both.includes("In August from nine."));
  await of.Ines.locator("main").getByRole("link", { name: "History", exact: true }).click();
  for (const name of ["Olga Somebody", "Ines Somebody", "Nils Somebody"]) await of.Ines.getByText(name).first().waitFor();
});

await step("an organisation uses the modules it wants: what is given to nobody is in nobody's menu", async () => {
  await give(of.Adam, "Everyone", "General", "none");
  await give(of.Adam, "Team", "General", "none");
  await give(of.Adam, "Night shift", "General", "none");
  for (const name of ["Ines", "Nils"]) {
    for (const path of ["/events/new", "/projects/new"]) expect(`${path} for ${name}`, (await status(of[name], path)) === 404);
  }
  await of.Ines.goto(url);
  expect("the wiki is left", (await menu(of.Ines)).includes("Wiki"));
});

await step("these pages stand at three widths in both themes", async () => {
  const state = await of.Adam.context().storageState();
  for (const width of WIDTHS) {
    for (const theme of ["light", "dark"]) {
      const page = await open(browser, { width, theme, state });
      const deep = (width === 1280 && theme === "light") || (width === 390 && theme === "dark");
      for (const path of ["/access/modules", "/groups", "/users"]) found.push(...(await look(page, url, path, `${path} at ${width} ${theme}`, deep)));
      await page.context().close();
    }
  }
});

await browser.close();
if (found.length) await step("what was looked at on the way", async () => expect(found.join(" | "), false));
finish(pages);
