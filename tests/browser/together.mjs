// | what the requirements for the platform's groups and for projects say | step |
// |---|---|
// | built-in groups, modules with arrangements of their own, four levels | "the four built-in groups …", "a level on a module …" |
// | groups of one's own, and profiles that can be added to | "the profiles of a company …" |
// | staff, freelancers and clients in the same projects | "staff, a freelancer and a client …", "each sees …", "a freelancer writes …" |
// | what is critical is for some profiles only; fields that others do not see | "the project is not there …", "each sees …" |
// | rights of a role on the folder of a phase; case by case | "a right is changed …" |
// | a freelancer as project manager | "a freelancer may run the project …" |
//
// An organisation and the people from outside who work with it: groups and modules, profiles, a project in which staff, a freelancer
// and a client have their part, and nothing beyond it. Everybody is seen in a browser of their own.
import { heading, launch, menu, open, saved, signIn } from "./browser.mjs";
import { inspect } from "./look.mjs";
import { letter, link } from "./mail.mjs";
import { steps } from "./steps.mjs";

const [url, user, password, mailbox] = process.argv.slice(2);
const SECRET = "quiet harbour lamp";
const PEOPLE = {
  Ines: { mail: "ines.costa@rig.example", groups: ["Team", "Employees"] },
  Fay: { mail: "fay.lund@guest.example", groups: ["Freelancers"] },
  Cleo: { mail: "cleo.park@client.example", groups: ["Clients"] },
};

const browser = await launch();
const owner = await open(browser);
const pages = [owner];
const of = {};
const { step, expect, finish } = steps(owner);
const found = [];
/** The phases of the project that somebody sees, with what they may do: `Translation: You write`. */
async function phases(page) {
  await page.goto(project);
  return page.$$eval("main ul.plain-list li", (lines) => lines.map((line) => line.textContent.trim().replace(/\s+/g, " ")));
}
let project = "";

await step("the four built-in groups stand beside the wiki, the blog, contracts, the CRM and General", async () => {
  await signIn(owner, { url, user, password });
  await owner.goto(`${url}/access/modules`);
  const columns = await owner.$$eval("main form thead th", (cells) => cells.map((cell) => cell.textContent.trim()));
  for (const title of ["General", "Wiki", "Blog", "Contracts", "CRM"]) expect(`${title} in ${columns}`, columns.includes(title));
  for (const name of ["Everyone", "Team", "Admin", "Webmaster"]) {
    const choice = owner.getByLabel(`${name}: Wiki`);
    const levels = await choice.locator("option").allTextContents();
    expect(`${name} has the levels ${levels}`, levels.join() === "none,view,edit,moderate");
  }
  found.push(...(await inspect(owner, "modules", "the matrix of modules", true)));
});

await step("the profiles of a company are made, and a group of one's own", async () => {
  await owner.goto(`${url}/projects/profiles`);
  await owner.getByRole("button", { name: "Make the predefined profiles" }).click();
  await owner.getByRole("link", { name: "Freelancers", exact: true }).waitFor();
  found.push(...(await inspect(owner, "profiles", "profiles", true)));
  await owner.goto(`${url}/groups`);
  await owner.getByLabel("Name").fill("Night shift");
  await owner.getByRole("button", { name: "Make group" }).click();
  await heading(owner, "Night shift");
});

await step("staff, a freelancer and a client are invited with their profiles and join by the letter", async () => {
  for (const [name, person] of Object.entries(PEOPLE)) {
    await owner.goto(`${url}/workspace/members`);
    await owner.getByLabel("Mail address").last().fill(person.mail);
    for (const choice of await owner.locator("label.check").all()) {
      const text = await choice.textContent();
      await choice.getByRole("checkbox").setChecked(person.groups.some((group) => text.startsWith(group)));
    }
    await owner.getByRole("button", { name: "Invite", exact: true }).click();
    await owner.getByText("Invited. The letter is on its way.").waitFor();
    const page = await open(browser);
    await page.goto(link(await letter(mailbox, person.mail, "invites you")));
    await page.getByLabel("First name").fill(name);
    await page.getByLabel("Last name").fill("Somebody");
    await page.getByLabel("Choose a password").fill(SECRET);
    await page.getByLabel("Once more").fill(SECRET);
    await page.getByRole("button", { name: "Make account and join" }).click();
    await page.waitForSelector("#nav");
    of[name] = page;
    pages.push(page);
  }
});

await step("a level on a module opens it at the next click, and closes it again", async () => {
  const give = async (level) => {
    await owner.goto(`${url}/access/modules`);
    await owner.getByLabel("Freelancers: Wiki").selectOption(level);
    await owner.getByRole("button", { name: "Save", exact: true }).click();
    await saved(owner);
    await of.Fay.goto(`${url}/wiki`);
  };
  await give("view");
  expect("the wiki is in the menu", (await menu(of.Fay)).includes("Wiki"));
  expect("reading is not writing", (await of.Fay.getByRole("link", { name: "New space" }).count()) === 0);
  await give("edit");
  await of.Fay.getByRole("link", { name: "New space" }).first().waitFor();
  await give("none");
  expect("the wiki has left the menu", !(await menu(of.Fay)).includes("Wiki"));
});

await step("a project is made with the roles and phases of its trade, and says what not everybody reads", async () => {
  await owner.goto(`${url}/projects/new`);
  await owner.getByLabel("Code").fill("ATL-1");
  await owner.getByLabel("Name", { exact: false }).first().fill("Atlas");
  await owner.locator("#f-name").fill("Atlas");
  await owner.locator("#f-client").fill("Park Books");
  await owner.getByLabel("Roles and phases").selectOption("translation");
  await owner.getByRole("button", { name: "Make the project" }).click();
  await heading(owner, "Atlas");
  project = owner.url();
  await owner.getByRole("link", { name: "Edit", exact: true }).click();
  await owner.getByLabel("Budget").fill("12500.00 EUR");
  await owner.getByRole("button", { name: "Save", exact: true }).click();
  await owner.getByText("12500.00", { exact: false }).or(owner.getByText("12,500", { exact: false })).first().waitFor();
  const names = await phases(owner);
  expect(`the phases are ${names}`, ["Sales", "Translation", "Editing", "Proof reading", "Delivery"].every((name, at) => names[at].startsWith(name)));
  found.push(...(await inspect(owner, "project", "a project", true)));
});

await step("the project is not there for whoever is not on its team", async () => {
  for (const name of ["Fay", "Cleo"]) {
    await of[name].goto(`${url}/projects`);
    expect(`${name} sees nothing`, (await of[name].getByText("Atlas").count()) === 0);
    const answer = await of[name].goto(project);
    expect(`${name}: ${answer.status()}`, answer.status() === 404);
    of[name].problems.splice(0);
  }
});

await step("each sees the phases of their role, and nothing of the money", async () => {
  for (const [name, role] of [["Fay", "Translator"], ["Ines", "Editor"], ["Cleo", "Client"]]) {
    await owner.goto(`${project}/team`);
    await owner.locator("#f-subject").fill(PEOPLE[name].mail);
    await owner.locator("#f-role").selectOption({ label: role });
    await owner.getByRole("button", { name: "Put on the team" }).click();
    await owner.getByRole("cell", { name: `${name} Somebody`, exact: true }).first().waitFor();
  }
  found.push(...(await inspect(owner, "team", "a team", true)));
  const seen = { Fay: ["Translation"], Ines: ["Translation", "Editing"], Cleo: ["Delivery"] };
  for (const [name, expected] of Object.entries(seen)) {
    const names = await phases(of[name]);
    expect(`${name} sees ${names}`, names.length === expected.length && expected.every((phase, at) => names[at].startsWith(phase)));
    const text = await of[name].locator("main").textContent();
    expect(`${name} reads nothing of money`, !text.includes("Budget") && !text.includes("12500"));
  }
});

await step("a freelancer writes in the phase of their role, staff of another role reads it there", async () => {
  await phases(of.Fay);
  await of.Fay.getByRole("link", { name: "Translation", exact: true }).click();
  await of.Fay.setInputFiles("input[type=file]", { name: "chapter-1.txt", mimeType: "text/plain", buffer: Buffer.from("Chapter one.") });
  await of.Fay.getByRole("button", { name: "Attach", exact: true }).click();
  await of.Fay.getByRole("link", { name: "chapter-1.txt", exact: true }).waitFor();
  await phases(of.Ines);
  await of.Ines.getByRole("link", { name: "Translation", exact: true }).click();
  await of.Ines.getByRole("link", { name: "chapter-1.txt", exact: true }).waitFor();
  expect("reading is not writing", (await of.Ines.locator("input[type=file]").count()) === 0);
  found.push(...(await inspect(of.Ines, "phase", "a phase as its reader sees it", true)));
});

await step("a right is changed for a role on a folder, and counts at the next click", async () => {
  await owner.goto(`${project}/rights`);
  found.push(...(await inspect(owner, "rights", "rights", true)));
  await owner.getByLabel("What Translator may do in Editing").selectOption("view");
  await saved(owner);
  const names = await phases(of.Fay);
  expect(`Fay sees ${names}`, names.some((line) => line.startsWith("Editing")));
});

await step("a freelancer may run the project: what its manager has, they have", async () => {
  await owner.goto(`${project}/team`);
  await owner.locator("#f-subject").fill(PEOPLE.Fay.mail);
  const roles = await owner.locator("#f-role").locator("option").allTextContents();
  await owner.locator("#f-role").selectOption({ label: roles.find((role) => /manager/i.test(role)) });
  await owner.getByRole("button", { name: "Put on the team" }).click();
  await saved(owner);
  const names = await phases(of.Fay);
  expect(`Fay sees ${names}`, names.length === 5);
  const answer = await of.Fay.goto(`${project}/rights`);
  expect("and administers it", answer.status() === 200);
});

await step("closed, the project is history: gone for its team, readable for who has the right to it", async () => {
  await owner.goto(project);
  await owner.locator("details.menu summary", { hasText: "Close" }).click();
  await owner.getByRole("button", { name: "Close", exact: true }).click();
  await saved(owner);
  await owner.goto(project);
  await owner.getByRole("button", { name: "Open it again" }).waitFor();
  for (const name of ["Fay", "Ines", "Cleo"]) {
    const answer = await of[name].goto(project);
    expect(`${name}: ${answer.status()}`, answer.status() === 404);
    of[name].problems.splice(0);
  }
});

await browser.close();
if (found.length) await step("what was looked at on the way", async () => expect(found.join(" | "), false));
finish(pages, [404]);
