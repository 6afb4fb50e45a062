// Passkeys: asks the browser for what only it can do, a new key or a signature, between two requests to the server. Forms with
// `data-passkey-new` make one, forms with `data-passkey-enter` sign in. Without script, or in a browser that knows no passkeys,
// the rest of the page works as before.

type Json = Record<string, unknown>;

/** What the server said is wrong: of the whole, and of single fields. */
class Refused extends Error {
  constructor(
    message: string,
    readonly fields: Record<string, string>,
  ) {
    super(message);
  }
}

function decode(text: string): ArrayBuffer {
  const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (sign) => sign.charCodeAt(0)).buffer;
}

function encode(bytes: ArrayBuffer): string {
  const plain = String.fromCharCode(...new Uint8Array(bytes));
  return btoa(plain).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

async function post(path: string, body: Json): Promise<Json> {
  const token = document.querySelector<HTMLMetaElement>('meta[name="csrf-token"]')?.content;
  const headers: Record<string, string> = { "content-type": "application/json" };
  if (token) headers["x-csrf-token"] = token;
  const answer = await fetch(path, { method: "POST", headers, body: JSON.stringify(body) });
  const said = (await answer.json().catch(() => ({}))) as Json;
  if (answer.ok) return said;
  const error = (said["error"] ?? {}) as { message?: string; fields?: Record<string, string> };
  throw new Refused(error.fields?.[""] ?? error.message ?? "The server did not answer as it should. Try again.", error.fields ?? {});
}

/** `excludeCredentials` and the like: ids in base64url become bytes. */
function descriptors(list: unknown): PublicKeyCredentialDescriptor[] {
  return ((list ?? []) as { id: string; type: "public-key"; transports?: AuthenticatorTransport[] }[]).map((each) => ({ ...each, id: decode(each.id) }));
}

/** What is told of a passkey whatever was done with it. */
function told(made: PublicKeyCredential): Json {
  return {
    id: made.id,
    rawId: encode(made.rawId),
    type: made.type,
    authenticatorAttachment: made.authenticatorAttachment,
    clientExtensionResults: made.getClientExtensionResults(),
  };
}

/** A new passkey, as the server takes it. */
async function make(options: Json): Promise<Json> {
  const user = options["user"] as { id: string; name: string; displayName: string };
  const publicKey = {
    ...options,
    challenge: decode(options["challenge"] as string),
    user: { ...user, id: decode(user.id) },
    excludeCredentials: descriptors(options["excludeCredentials"]),
  } as unknown as PublicKeyCredentialCreationOptions;
  const made = (await navigator.credentials.create({ publicKey })) as PublicKeyCredential;
  const response = made.response as AuthenticatorAttestationResponse;
  return {
    ...told(made),
    response: {
      clientDataJSON: encode(response.clientDataJSON),
      attestationObject: encode(response.attestationObject),
      transports: response.getTransports(),
    },
  };
}

/** A signature by one of the passkeys of this site, as the server takes it. Quietly: the browser offers them among what it fills in. */
async function sign(options: Json, quietly?: AbortSignal): Promise<Json> {
  const publicKey = {
    ...options,
    challenge: decode(options["challenge"] as string),
    allowCredentials: descriptors(options["allowCredentials"]),
  } as unknown as PublicKeyCredentialRequestOptions;
  const how: CredentialRequestOptions = quietly ? { publicKey, mediation: "conditional", signal: quietly } : { publicKey };
  const made = (await navigator.credentials.get(how)) as PublicKeyCredential;
  const response = made.response as AuthenticatorAssertionResponse;
  return {
    ...told(made),
    response: {
      clientDataJSON: encode(response.clientDataJSON),
      authenticatorData: encode(response.authenticatorData),
      signature: encode(response.signature),
      userHandle: response.userHandle ? encode(response.userHandle) : null,
    },
  };
}

/** What happened, as a person says it. */
function sentence(error: unknown): string {
  const name = error instanceof DOMException ? error.name : "";
  if (name === "NotAllowedError" || name === "AbortError") return "It was cancelled, or took too long. Try again.";
  if (name === "InvalidStateError") return "This device or password manager holds a passkey of this account already.";
  if (name === "NotSupportedError") return "This device can't make a passkey that we take.";
  return error instanceof Error ? error.message : "Something went wrong. Try again.";
}

function tell(form: HTMLFormElement, error: unknown): void {
  const fields = error instanceof Refused ? error.fields : {};
  let beside = false;
  for (const [name, text] of Object.entries(fields)) {
    const field = form.querySelector<HTMLInputElement>(`[name="passkey_${CSS.escape(name)}"]`);
    const place = form.querySelector(`#f-passkey_${CSS.escape(name)}-about`);
    if (!field || !place) continue;
    const line = document.createElement("div");
    line.className = "field__error";
    line.textContent = `${field.labels?.[0]?.firstChild?.textContent?.trim() ?? ""} ${text}.`;
    place.prepend(line);
    field.focus();
    beside = true;
  }
  const problem = form.querySelector<HTMLElement>("[data-problem]");
  if (problem && !beside) {
    problem.textContent = sentence(error);
    problem.hidden = false;
  }
}

async function busy(form: HTMLFormElement, work: () => Promise<void>): Promise<void> {
  const button = form.querySelector<HTMLButtonElement>('button[type="submit"]');
  for (const old of form.querySelectorAll(".field__error")) old.remove();
  const problem = form.querySelector<HTMLElement>("[data-problem]");
  if (problem) problem.hidden = true;
  if (button) button.disabled = true;
  try {
    await work();
  } catch (error) {
    tell(form, error);
  } finally {
    if (button) button.disabled = false;
  }
}

function value(form: HTMLFormElement, name: string): string {
  return form.querySelector<HTMLInputElement>(`[name="${name}"]`)?.value ?? "";
}

/** A question is good for five minutes: it is asked anew before. */
const ANEW = 4 * 60_000;

/** Lets the browser offer passkeys where the mail address is typed, until the function it answers is called. */
function offer(form: HTMLFormElement, enter: (quietly: AbortSignal) => Promise<void>): () => void {
  let over = false;
  let current = new AbortController();
  const ask = async (): Promise<void> => {
    if (!(await PublicKeyCredential.isConditionalMediationAvailable?.())) return;
    while (!over) {
      current = new AbortController();
      const timer = window.setTimeout(() => current.abort(), ANEW);
      try {
        await enter(current.signal);
        return;
      } catch (error) {
        if (error instanceof DOMException && error.name === "AbortError") continue;
        // Chosen, and refused: said like after the button. Anything else leaves the form as it is.
        if (error instanceof Refused) tell(form, error);
        return;
      } finally {
        window.clearTimeout(timer);
      }
    }
  };
  void ask();
  return () => {
    over = true;
    current.abort();
  };
}

for (const form of document.querySelectorAll<HTMLFormElement>("[data-passkey-new]")) {
  if (!window.PublicKeyCredential) {
    tell(form, new Error("This browser knows no passkeys."));
    continue;
  }
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void busy(form, async () => {
      const name = value(form, "passkey_name");
      const options = await post("/api/v1/passkeys/begin", { name, password: value(form, "passkey_password") });
      await post("/api/v1/passkeys", { name, credential: await make(options) });
      location.assign("/account/security");
    });
  });
}

for (const form of document.querySelectorAll<HTMLFormElement>("[data-passkey-enter]")) {
  if (!window.PublicKeyCredential) continue;
  form.hidden = false;
  const enter = async (quietly?: AbortSignal): Promise<void> => {
    const credential = await sign(await post("/api/v1/session/passkey/begin", {}), quietly);
    const done = await post("/api/v1/session/passkey", { credential, next: value(form, "next"), pending: value(form, "pending") });
    location.assign(String(done["next"] ?? "/"));
  };
  const stop = value(form, "pending") === "" ? offer(form, enter) : () => {};
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    stop();
    void busy(form, () => enter());
  });
}

export {};
