// Passkeys with a real browser's own WebAuthn, on a device that the browser plays: made, used alone and after the password, copied
// (which stops them), refused without a finger or PIN, removed. And an authenticator app, set up on the way.
import { launch, open, signIn } from "./browser.mjs";
import { inspect } from "./look.mjs";
import { letter } from "./mail.mjs";
import { steps } from "./steps.mjs";

const [url, user, password, mailbox] = process.argv.slice(2);
const browser = await launch();
const page = await open(browser);
const { step, expect, finish } = steps(page);
const heading = (text) => page.getByRole("heading", { level: 1, name: text });
const found = [];

const cdp = await page.context().newCDPSession(page);
await cdp.send("WebAuthn.enable");
const options = { protocol: "ctap2", transport: "internal", hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true };
const { authenticatorId } = await cdp.send("WebAuthn.addVirtualAuthenticator", { options });
const device = (method, more) => cdp.send(`WebAuthn.${method}`, { authenticatorId, ...more });

async function add(name) {
  await page.goto(`${url}/account/security`);
  const form = page.locator("form[data-passkey-new]");
  await form.getByLabel("Name").fill(name);
  await form.getByLabel("Your password").fill(password);
  await form.getByRole("button", { name: "Add a passkey" }).click();
}

/** Whether the device answers by itself, as if somebody were there. */
const attended = (enabled) => device("setAutomaticPresenceSimulation", { enabled });

async function signOut() {
  await attended(false);
  await page.context().clearCookies();
  await page.goto(`${url}/sign-in`);
  await heading("Sign in").waitFor();
}

await step("a passkey is made after the password was confirmed", async () => {
  await signIn(page, { url, user, password });
  await page.goto(`${url}/account/security`);
  await page.getByText("No passkeys yet").waitFor();
  const form = page.locator("form[data-passkey-new]");
  await form.getByLabel("Your password").fill("not my password");
  await form.getByRole("button", { name: "Add a passkey" }).click();
  await page.getByText("Your password is not your password.").waitFor();
  await add("Work laptop");
  await page.locator("#passkeys td").getByText("Work laptop").waitFor();
  const { credentials } = await device("getCredentials");
  expect(`one lies on the device, for ${credentials[0]?.rpId}`, credentials.length === 1 && credentials[0].rpId === "localhost" && credentials[0].isResidentCredential);
  await letter(mailbox, user, "A passkey was added");
});

await step("the same device makes no second one for the same account", async () => {
  await add("Again");
  await page.getByText("holds a passkey of this account already").waitFor();
});

await step("it signs in alone, without a name or password", async () => {
  await signOut();
  found.push(...(await inspect(page, "sign-in with passkey", "the sign-in page", true)));
  await attended(true);
  await page.getByRole("button", { name: "Sign in with a passkey" }).click();
  await page.waitForSelector("#nav");
  await page.goto(`${url}/account/security`);
  expect("it was used", (await page.locator("#passkeys tbody tr").textContent()).includes("now"));
});

await step("the browser offers it where the mail address is typed, and choosing it there signs in", async () => {
  await signOut();
  expect("the field says that it takes one", (await page.getByLabel("Mail address").getAttribute("autocomplete")) === "username webauthn");
  const [asked] = await Promise.all([page.waitForRequest((request) => request.url().endsWith("/api/v1/session/passkey/begin")), page.reload()]);
  expect("the browser asked by itself", asked.method() === "POST");
  await page.getByLabel("Mail address").focus();
  await attended(true);
  await page.reload();
  await page.waitForSelector("#nav");
});

await step("whoever the device does not know is refused", async () => {
  await signOut();
  await device("setUserVerified", { isUserVerified: false });
  await attended(true);
  await page.getByRole("button", { name: "Sign in with a passkey" }).click();
  await page.getByText("It was cancelled, or took too long. Try again.").waitFor();
  await device("setUserVerified", { isUserVerified: true });
  await page.getByRole("button", { name: "Sign in with a passkey" }).click();
  await page.waitForSelector("#nav");
});

await step("it is asked for after the password once its owner wants that", async () => {
  await page.goto(`${url}/account/security`);
  const card = page.locator("#second-proof");
  await card.getByLabel("Your password").fill(password);
  await card.getByRole("button", { name: "Ask for a passkey" }).click();
  await heading("Recovery codes").waitFor();
  const codes = (await page.locator("main pre").textContent()).trim().split("\n");
  expect(`${codes.length} recovery codes`, codes.length === 10);
  found.push(...(await inspect(page, "recovery codes", "the recovery codes", true)));
  await signOut();
  await page.getByLabel("Mail address").fill(user);
  await page.getByLabel(/^Password/).fill(password);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await heading("One more proof").waitFor();
  found.push(...(await inspect(page, "one more proof", "the page of the second proof", true)));
  await attended(true);
  await page.getByRole("button", { name: "Sign in with a passkey" }).click();
  await page.waitForSelector("#nav");
  await signOut();
  await page.getByLabel("Mail address").fill(user);
  await page.getByLabel(/^Password/).fill(password);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.getByRole("textbox", { name: "Code" }).fill(codes[4]);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.waitForSelector("#nav");
});

await step("an authenticator app is set up with a picture and a key", async () => {
  await page.goto(`${url}/account/security`);
  const card = page.locator("#second-proof");
  await card.getByLabel("Your password").fill(password);
  await card.getByRole("button", { name: "Set up an app" }).click();
  await heading("Set up an authenticator app").waitFor();
  await page.locator('[aria-label="The key as a QR code"] svg').waitFor();
  found.push(...(await inspect(page, "set up an app", "setting up an app", true)));
  await page.getByRole("textbox", { name: "Code" }).fill("000000");
  await page.getByRole("button", { name: "Confirm" }).click();
  await page.getByText("is not what the app should show now").waitFor();
});

await step("it is called something else", async () => {
  await page.goto(`${url}/account/security`);
  await page.getByLabel("Rename Work laptop").click();
  await page.locator("#passkeys details[open] input[name=name]").fill("Laptop at the front desk");
  await page.locator("#passkeys details[open]").getByRole("button", { name: "Save" }).click();
  await page.getByText("Renamed.").waitFor();
  await page.locator("#passkeys td").getByText("Laptop at the front desk").waitFor();
});

await step("a copy with an older counter is refused, and both are stopped", async () => {
  const { credentials } = await device("getCredentials");
  const [copy] = credentials;
  await device("removeCredential", { credentialId: copy.credentialId });
  await device("addCredential", { credential: { ...copy, signCount: 1 } });
  await signOut();
  await attended(true);
  await page.getByRole("button", { name: "Sign in with a passkey" }).click();
  await page.getByText("This passkey signs nobody in here.").waitFor();
  await device("removeCredential", { credentialId: copy.credentialId });
  await device("addCredential", { credential: { ...copy, signCount: copy.signCount + 50 } });
  await page.getByRole("button", { name: "Sign in with a passkey" }).click();
  await page.getByText("This passkey signs nobody in here.").waitFor();
});

await browser.close();
// Refused on purpose: wrong passwords, passkeys that were copied.
finish([page, { problems: found }], [422]);
