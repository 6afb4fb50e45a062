// A day at the console, as people do it: operate a device and see the proof, build a zone with a system and a device, set
// a setting and take it back, bring a gateway's link in, deploy, see the alarm of a device that does not answer and
// acknowledge it with the keyboard, operate from the floor map on a phone, go about without a mouse, write a trigger and try
// it on the past, roll a change out and take it back, say who is told of alarms, keep details of a device, bind a floor map.
// Reports the steps that were done and what went wrong.
import { createServer } from "node:http";
import { launch, open, signIn } from "./browser.mjs";
import { everywhere } from "./look.mjs";
import { steps } from "./steps.mjs";

const [url, user, password] = process.argv.slice(2);
/** Two cores, busy: what happens by itself is waited for this long, in milliseconds. */
const PATIENCE = 60_000;

const browser = await launch();
const page = await open(browser);
await signIn(page, { url, user, password });
const state = await page.context().storageState();

const phones = [];
const { step, expect, finish } = steps(page);
const heading = (text) => page.getByRole("heading", { level: 1, name: text });

await step("a command is given and its effect is shown below it", async () => {
  await page.goto(`${url}/devices?q=Display_1&state=ok`);
  await page.locator("main tbody tr td a").first().click();
  const form = page.locator("form.control").first();
  const pressed = await form.locator('.segment[aria-pressed="true"]').textContent();
  const wanted = form.locator(".segment", { hasText: pressed === "On" ? "Off" : "On" });
  await wanted.click();
  await form.getByText("Confirmed").waitFor({ timeout: PATIENCE });
  await page.waitForFunction((button) => button.getAttribute("aria-pressed") === "true", await wanted.elementHandle(), { timeout: PATIENCE });
});

await step("a form that is wrong keeps what was typed and says why beside the field", async () => {
  await page.goto(`${url}/zones`);
  await page.getByRole("link", { name: "Cedar Court", exact: true }).click();
  await page.getByRole("link", { name: "New zone here" }).click();
  await page.getByLabel("Name").fill("Annex");
  await page.getByLabel("Time zone").fill("Mars/Olympus");
  await page.getByRole("button", { name: "Create the zone" }).click();
  await page.getByText("must be a time zone like Europe/Lisbon").waitFor();
  expect("the name is kept", (await page.getByLabel("Name").inputValue()) === "Annex");
});

await step("a zone is made", async () => {
  await page.getByLabel("Time zone").fill("");
  await page.getByRole("button", { name: "Create the zone" }).click();
  await heading("Annex").waitFor();
});

await step("a zone is moved, and moved back with one press", async () => {
  await page.getByRole("link", { name: "About", exact: true }).click();
  const card = page.locator("section.card", { has: page.getByRole("heading", { name: "Move", exact: true }) });
  await card.getByLabel("Lies in").selectOption({ index: 1 });
  await card.getByRole("button", { name: "Move" }).click();
  await page.getByText("Moved here from Cedar Court").waitFor();
  await page.getByRole("button", { name: "Move it back" }).click();
  await page.locator(".crumbs", { hasText: "Cedar Court" }).waitFor();
});

await step("a system is made in it", async () => {
  await page.getByRole("link", { name: "New system" }).click();
  await page.getByLabel("Name").fill("Bicycle room");
  expect("the gateway of the building is chosen", /Cedar/.test(await page.getByLabel("Gateway").locator("option:checked").textContent()));
  await page.getByRole("button", { name: "Create the system" }).click();
  await heading("Bicycle room").waitFor();
});

await step("the gateway gets a link", async () => {
  await page.goto(`${url}/edges`);
  await page.getByRole("link", { name: /Cedar/ }).first().click();
  await page.getByRole("link", { name: "New link" }).click();
  await page.getByRole("link", { name: /Modbus TCP/ }).click();
  await page.getByLabel(/^Name(?! in its certificate)/).fill("bicycle-meter");
  await page.getByLabel("Host").fill("127.0.0.1");
  // The discard port: nobody answers there.
  await page.getByLabel(/^Port/).fill("9");
  await page.getByRole("button", { name: "Add the link" }).click();
  await page.getByText("bicycle-meter").first().waitFor();
});

await step("a device is made: driver, link, settings from the manifest", async () => {
  await page.goto(`${url}/systems?q=Bicycle`);
  await page.getByRole("link", { name: "Bicycle room" }).click();
  await page.getByRole("link", { name: "New device" }).first().click();
  await page.locator("a.card[href*='driver=sunspec-inverter']").click();
  await page.getByLabel("Link").selectOption("bicycle-meter");
  await page.getByRole("button", { name: "Create the device" }).click();
  await heading("Inverter_1").waitFor();
});

await step("a setting is overridden on the device, taken back, and says where it comes from", async () => {
  await page.getByRole("link", { name: "Settings", exact: true }).click();
  const row = page.locator("details.setting").filter({ hasText: "the driver's default" }).first();
  const id = await row.getAttribute("id");
  const setting = page.locator(`[id="${id}"]`);
  await setting.locator("summary").click();
  const field = setting.locator(".setting__edit .field").first().locator("input:not([type=hidden]), select").first();
  const kind = await field.evaluate((node) => `${node.tagName} ${node.type}`);
  if (kind.startsWith("SELECT")) await field.selectOption({ index: 1 });
  else if (kind.endsWith("checkbox")) await field.click();
  else await field.fill(kind.endsWith("number") ? (await field.getAttribute("max")) ?? "7" : "20s");
  await setting.getByRole("button", { name: "Set here" }).click();
  await page.locator(`[id="${id}"]`).getByText("Set here").first().waitFor();
  await page.locator(".notice").getByRole("button", { name: "Undo" }).click();
  await page.locator(`[id="${id}"]`).getByText("the driver's default").first().waitFor({ state: "attached" });
  expect("it is no longer set here", (await page.locator(`[id="${id}"] summary .badge`).count()) === 0);
});

await step("what was made is deployed", async () => {
  await page.goto(`${url}/releases`);
  await page.getByText("device Inverter_1 in Bicycle room").waitFor();
  await page.getByRole("button", { name: "Deploy to the chosen" }).click();
  await page.getByText("Everything is deployed").waitFor();
});

await step("a gateway is made and waits with a one-time code", async () => {
  await page.goto(`${url}/edges/new`);
  await page.getByLabel("Name").fill("Annex gateway");
  await page.getByLabel("Serves").selectOption({ index: 2 });
  await page.getByRole("button", { name: "Create the gateway" }).click();
  await page.getByRole("button", { name: "Make a one-time code" }).click();
  await page.locator("[data-copy]").waitFor();
  expect("what is waited for is told", await page.getByText("Use it on the machine").isVisible());
});

await step("a trigger is written in the form, and the source says the same", async () => {
  await page.goto(`${url}/systems?q=Boardroom`);
  const system = (await page.locator("main tbody a[href^='/systems/']").first().getAttribute("href")).split("/").pop();
  await page.goto(`${url}/triggers/library/new?system=${system}`);
  await page.getByLabel("Title", { exact: true }).fill("Warm and busy");
  await page.getByRole("button", { name: "Add a condition" }).click();
  const value = page.getByLabel("Value", { exact: true });
  await value.selectOption(await value.locator("option", { hasText: /temperature/i }).first().getAttribute("value"));
  await page.getByLabel("Comparison").selectOption("above");
  await page.getByLabel("Compared with").fill("26");
  await page.getByLabel("Without a break for").fill("10min");
  await page.getByRole("button", { name: "+ Alarm" }).first().click();
  await page.getByLabel("Words of the alarm").fill("It is too warm");
  await page.locator(".trigger-words", { hasText: "above 26" }).waitFor();
  await page.locator(".trigger-diagnostics", { hasText: "Nothing wrong" }).waitFor();
  await page.getByRole("button", { name: "Source" }).click();
  const source = page.getByLabel("Definition");
  expect("the source has it", /above = 26[\s\S]*held_for = "10min"|held_for = "10min"[\s\S]*above = 26/.test(await source.inputValue()));
  await source.fill((await source.inputValue()).replace("above = 26", "above = 26\ntypo = 1"));
  await page.locator(".diagnostics li[data-line]").first().waitFor();
  await source.fill((await source.inputValue()).replace("\ntypo = 1", ""));
  await page.locator(".trigger-diagnostics", { hasText: "Nothing wrong" }).waitFor();
  await page.getByRole("button", { name: "Create the trigger" }).click();
  await heading("Warm and busy").waitFor();
});

await step("a chart is zoomed by dragging and the address says which part", async () => {
  await page.goto(`${url}/systems?q=PV`);
  await page.getByRole("link", { name: "PV plant" }).first().click();
  await page.getByRole("link", { name: "East 1" }).click();
  await page.getByRole("link", { name: "History", exact: true }).last().click();
  const plot = page.locator("bo-chart .u-over");
  await plot.waitFor({ timeout: PATIENCE });
  const box = await plot.boundingBox();
  await page.mouse.move(box.x + box.width * 0.5, box.y + 40);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.9, box.y + 60, { steps: 5 });
  await page.mouse.up();
  await page.waitForURL(/span=\d+&end=\d+/);
});

await step("on a phone, a room is operated from its floor map", async () => {
  const phone = await open(browser, { width: 390, state });
  await phone.goto(`${url}/zones?q=Boardroom`);
  await phone.locator(".tree a[href^='/zones/']").last().click();
  await phone.locator("bo-map svg a.room").first().waitFor();
  const room = phone.locator("bo-map svg a.room").filter({ has: phone.locator("text") });
  await room.first().click();
  const peek = phone.locator("dialog.peek[open]");
  const choice = peek.locator("form.control .segment[aria-pressed='false']").first();
  await choice.waitFor();
  await choice.click();
  await peek.getByText("Confirmed").first().waitFor({ timeout: PATIENCE });
  const wide = await phone.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  expect("nothing scrolls sideways", wide <= 1);
  phones.push(phone);
  await phone.context().close();
});

await step("without a mouse: the palette finds a room, `/` the list's search, Tab its first row", async () => {
  await page.goto(`${url}/`);
  await page.keyboard.press("Control+k");
  await page.getByRole("combobox", { name: "Search" }).waitFor();
  await page.keyboard.type("boardroom");
  await page.locator("#palette-hits li", { hasText: "Boardroom" }).first().waitFor();
  await page.keyboard.press("Enter");
  await heading(/Boardroom/).waitFor();
  await page.goto(`${url}/devices`);
  await page.keyboard.press("/");
  await page.keyboard.type("hvac");
  await page.keyboard.press("Enter");
  await page.waitForURL(/q=hvac/);
  await page.keyboard.press("Tab");
  const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
  expect("what has the focus is seen", outline !== "none");
});

await step("a trigger is tried on the past, with progress, before anybody relies on it", async () => {
  await page.goto(`${url}/triggers?q=Boardroom`);
  await page.locator("main tbody a[href^='/triggers/']").first().click();
  await page.getByRole("link", { name: "Over history" }).click();
  await page.getByLabel("Over", { exact: true }).selectOption("86400");
  await page.getByRole("button", { name: "Replay" }).click();
  await page.locator(".stat__label", { hasText: "Would have become active" }).waitFor({ timeout: PATIENCE });
  await page.getByText("What it looks at").click();
  expect("something was looked at", (await page.locator("bo-replay details tbody tr").count()) > 0);
  await everywhere(page, "results of a replay");
});

await step("a draft is tried on the past from its editor", async () => {
  await page.goto(`${url}/triggers/library/warm-and-busy`);
  const system = page.getByLabel("System", { exact: true });
  await system.selectOption({ index: 1 });
  await page.getByRole("button", { name: "Try it on the past" }).click();
  await heading("Warm and busy over history").waitFor();
});

await step("a change is rolled out in rings, halted, and taken back", async () => {
  await page.goto(`${url}/systems?q=Bicycle`);
  await page.getByRole("link", { name: "Bicycle room" }).click();
  await page.getByRole("link", { name: "About", exact: true }).click();
  await page.getByLabel(/^Name/).first().fill("Bicycle cellar");
  await page.getByRole("button", { name: "Save", exact: true }).first().click();
  await heading("Bicycle cellar").waitFor();
  // A display of the demo fails soon after its start, and the device made here never answers: a rollout that begins before
  // that is known would be blamed for it, and taken back.
  const silent = async () => {
    await page.goto(`${url}/devices?state=offline&limit=100`);
    const names = (await page.locator("main tbody tr").allTextContents()).join(" ");
    return names.includes("Minho") && names.includes("Bicycle");
  };
  for (let waited = 0; waited < 3 * PATIENCE && !(await silent()); waited += 2_000) await page.waitForTimeout(2_000);
  await page.goto(`${url}/rollouts`);
  await page.getByRole("link", { name: "New rollout" }).first().click();
  await page.getByLabel("What changes").fill("The cellar's name");
  await page.getByLabel("Each ring is watched for").selectOption("10min");
  await page.getByRole("button", { name: "Propose" }).click();
  await page.getByText("Nothing was sent yet.").waitFor();
  await everywhere(page, "a proposed rollout");
  await page.getByRole("button", { name: "Approve and begin" }).click();
  await page.getByText("Runs it, as well as before").waitFor({ timeout: PATIENCE });
  await everywhere(page, "a running rollout");
  await page.getByRole("button", { name: "Halt" }).click();
  await page.getByText("Halted.", { exact: true }).first().waitFor();
  await everywhere(page, "a halted rollout");
  await page.locator("summary", { hasText: "Take it back" }).click();
  await page.locator("details[open] button", { hasText: "Take it back" }).click();
  await page.getByText("Taken back.", { exact: true }).first().waitFor();
});

await step("somebody is told of alarms: a channel is made, fails, is put right and works", async () => {
  const receiver = createServer((_, reply) => reply.end("taken")).listen(0, "127.0.0.1");
  await new Promise((ready) => receiver.once("listening", ready));
  await page.goto(`${url}/alarms`);
  await page.getByRole("link", { name: "Who is told" }).click();
  await page.getByRole("link", { name: "New channel" }).first().click();
  await page.getByRole("link", { name: /Webhook/ }).click();
  await page.getByLabel("Name").fill("Help desk");
  // The discard port: nobody answers there.
  await page.getByLabel("Address").fill("http://127.0.0.1:9/alarms");
  await page.getByLabel("Secret").fill("a long and secret word");
  await page.getByRole("button", { name: "Create the channel" }).click();
  await page.getByRole("button", { name: "Send a message" }).click();
  await page.getByText("Tries again").waitFor({ timeout: PATIENCE });
  await page.getByText(/The receiver did not answer/).first().waitFor();
  await page.getByLabel("Address").fill(`http://127.0.0.1:${receiver.address().port}/alarms`);
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("button", { name: "Send a message" }).click();
  await page.locator(".badge--good", { hasText: "Sent" }).waitFor({ timeout: PATIENCE });
  receiver.close();
});

await step("a detail is described once and written on a device", async () => {
  await page.goto(`${url}/metadata`);
  await page.getByRole("link", { name: "New detail" }).first().click();
  await page.getByLabel("Title").fill("Serial number");
  await page.getByLabel("Devices").check();
  await page.getByRole("button", { name: "Add the detail" }).click();
  await page.goto(`${url}/devices?q=Inverter_1`);
  await page.locator("main tbody a[href^='/devices/']").first().click();
  await page.getByRole("link", { name: "About", exact: true }).click();
  const card = page.locator("section.card", { has: page.getByRole("heading", { name: "Details", exact: true }) });
  await card.getByLabel("Serial number").fill("A-1007");
  await card.getByRole("button", { name: "Save" }).click();
  await page.getByText("Saved.").waitFor();
  expect("it is kept", (await page.getByLabel("Serial number").inputValue()) === "A-1007");
});

await step("a shape of a floor map is bound with the keyboard, and the change taken back", async () => {
  await page.goto(`${url}/zones?q=Boardroom`);
  await page.locator(".tree a[href^='/zones/']").last().click();
  await page.getByRole("link", { name: "Edit floor map" }).click();
  await page.locator(".map-edit svg a").first().focus();
  await page.keyboard.press("Enter");
  await page.getByLabel("Shows").selectOption("alarm");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByText("as the files had it").waitFor();
  await page.getByRole("button", { name: "Go back to this" }).last().click();
  await page.getByText("back to revision 1").waitFor();
});

await step("the device that does not answer raises an alarm, acknowledged with the keyboard alone", async () => {
  await page.goto(`${url}/alarms?q=Inverter_1`);
  const line = page.locator("tbody tr", { hasText: "Bicycle" });
  for (let waited = 0; waited < 2 * PATIENCE && (await line.count()) === 0; waited += 2_000) {
    await page.waitForTimeout(2_000);
    await page.reload();
  }
  await page.keyboard.press("j");
  await page.keyboard.press("x");
  await page.getByText("1 chosen").waitFor();
  await everywhere(page, "an alarm that is chosen");
  await page.keyboard.press("a");
  await page.getByText("Acknowledged 1 alarm.").waitFor();
});

await step("what was made is removed, after being told what goes with it", async () => {
  await page.goto(`${url}/zones?q=Annex`);
  await page.getByRole("link", { name: "Annex", exact: true }).click();
  await page.getByRole("link", { name: "About", exact: true }).click();
  await page.getByRole("link", { name: /Remove Annex/ }).click();
  await page.getByText("1 system", { exact: false }).first().waitFor();
  await page.getByLabel(/Yes, remove it/).check();
  await page.getByRole("button", { name: "Remove Annex" }).click();
  await heading("Cedar Court").waitFor();
  expect("it is gone", (await page.getByRole("link", { name: "Annex", exact: true }).count()) === 0);
});

await browser.close();
// One form was sent wrong on purpose.
finish([page, ...phones], [422]);
