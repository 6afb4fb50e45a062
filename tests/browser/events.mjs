// Events of one person and of an organisation, as whoever plans them does it.
//
// | what the requirement for organisations says of events | step |
// |---|---|
// | alone: one's own events, without others | "alone, an event is planned …" |
// | they live in a workspace of one's own or in an organisation | "it moves into the organisation …" |
// | inside one: collaborators, areas, tasks, schedules | "people, areas, tasks and a schedule …" |
// | across all: every task, schedules combined, a view of all of it | "all tasks …", "the schedules …", "the overview …" |
import { launch, open, signIn } from "./browser.mjs";
import { inspect } from "./look.mjs";
import { steps } from "./steps.mjs";

const [url, user, password] = process.argv.slice(2);
const browser = await launch();
const page = await open(browser);
const { step, expect, finish } = steps(page);
const found = [];
const heading = (text) => page.getByRole("heading", { level: 1, name: text }).waitFor();
const day = (ahead) => new Date(Date.now() + ahead * 86_400_000).toISOString().slice(0, 10);

async function switchTo(name) {
  await page.locator(".topbar__workspace summary").click();
  await page.locator(".topbar__workspace").getByRole("button", { name, exact: true }).click();
  await page.waitForFunction((wanted) => document.querySelector('meta[name="workspace"]')?.dataset.name === wanted, name);
}

async function plan(name) {
  await page.goto(`${url}/events`);
  await page.getByRole("link", { name: "New event" }).first().click();
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("Place").fill("Harbour Hall");
  await page.getByLabel("First day").fill(day(7));
  await page.getByLabel("Last day").fill(day(9));
  await page.getByRole("button", { name: "Make the event" }).click();
  await heading(name);
  return page.url();
}

/** Opens a form that is folded away. */
const unfold = (title) => page.locator("details.fold summary", { hasText: title }).click();

await step("alone, an event is planned in one's own workspace, with nobody to share it with", async () => {
  await signIn(page, { url, user, password });
  // Slots, so that whoever works on the event keeps their place in it when it moves.
  await page.goto(`${url}/workspace/licences`);
  await page.locator("#event-pro").getByLabel("How many").fill("2");
  await page.locator("#event-pro").getByRole("button", { name: "Change" }).click();
  await page.getByText("Changed. It counts from now on.").waitFor();
  await switchTo("Personal workspace");
  const fair = await plan("Summer fair");
  await page.goto(`${fair}/settings`);
  await page.getByRole("heading", { name: "Where it lives" }).waitFor();
});

await step("it moves into the organisation, and is gone from one's own workspace", async () => {
  await page.getByLabel("Move it into").selectOption({ index: 0 });
  await page.getByRole("button", { name: "Move", exact: true }).click();
  await page.waitForURL(`${url}/events`);
  await page.goto(`${url}/events`);
  expect("gone from there", (await page.locator("main").getByRole("link", { name: "Summer fair" }).count()) === 0);
  await switchTo("Rig");
  await page.goto(`${url}/events`);
  await page.locator("main").getByRole("link", { name: "Summer fair" }).first().click();
  await heading("Summer fair");
});

await step("people, areas, tasks and a schedule are put into it", async () => {
  const fair = page.url();
  await page.goto(`${fair}/areas`);
  await unfold("Add an area");
  await page.getByLabel("Name").first().fill("Main hall");
  await page.getByRole("button", { name: "Add an area" }).click();
  await page.getByText("The area is there").waitFor();
  await page.goto(`${fair}/people`);
  await unfold("Add somebody");
  await page.getByLabel("Name").first().fill("Kim Lund");
  await page.getByLabel("What they do there").first().fill("Light");
  await page.getByRole("button", { name: "Add somebody" }).click();
  await page.getByText("They are on the list").waitFor();
  await page.goto(`${fair}/tasks`);
  await unfold("Add a task");
  await page.getByLabel("What has to be done").fill("Rig the stage");
  await page.getByLabel("Who", { exact: true }).selectOption({ label: "Kim Lund" });
  await page.getByRole("button", { name: "Add a task" }).click();
  await page.getByText("The task is on the list").waitFor();
  await page.goto(`${fair}/schedule`);
  await unfold("Add to the schedule");
  await page.getByLabel("What happens").fill("Doors");
  await page.getByLabel(/^From/).first().fill(`${day(7)}T18:00`);
  await page.getByLabel(/^To( |$)/).first().fill(`${day(7)}T19:00`);
  await page.getByLabel("Kim Lund").check();
  await page.getByRole("button", { name: "Add to the schedule" }).click();
  await page.getByText("It is in the schedule").waitFor();
  found.push(...(await inspect(page, "schedule", "the schedule of an event", true)));
});

await step("all tasks of all events stand in one list", async () => {
  const gala = await plan("Winter gala");
  await page.goto(`${gala}/tasks`);
  await unfold("Add a task");
  await page.getByLabel("What has to be done").fill("Order the flowers");
  await page.getByRole("button", { name: "Add a task" }).click();
  await page.getByText("The task is on the list").waitFor();
  await page.goto(`${url}/events/tasks`);
  await heading("All tasks");
  for (const title of ["Rig the stage", "Order the flowers"]) await page.getByRole("link", { name: title }).waitFor();
  found.push(...(await inspect(page, "all tasks", "all tasks", true)));
});

await step("the schedules of all events are combined", async () => {
  await page.goto(`${url}/events/schedule`);
  await heading("Combined schedule");
  await page.getByText("Doors").first().waitFor();
  found.push(...(await inspect(page, "combined schedule", "the combined schedule", true)));
});

await step("the overview says how all of them are", async () => {
  await page.goto(`${url}/events/overview`);
  const rows = page.locator("main tbody tr");
  expect(`${await rows.count()} events`, (await rows.count()) === 2);
  await page.locator(".stat", { hasText: "Open tasks" }).getByText("2", { exact: true }).first().waitFor();
  found.push(...(await inspect(page, "events overview", "the overview of events", true)));
});

await browser.close();
finish([page, { problems: found }]);
