// Live values: any element with `data-live="<device id>/<status>"` follows that status variable. The server has
// rendered the value already; this keeps it true: text, quality, age, the pressed button of a choice, lines of a log.
import { type Change, type LiveValue, subscribe } from "./socket";
import { ago, exact } from "./when";

const ATTRIBUTES = ["live", "live-age", "live-quality", "live-choice"] as const;
type Kind = (typeof ATTRIBUTES)[number];

/** Elements that follow a value, by its key. */
const followers = new Map<string, { kind: Kind; element: HTMLElement }[]>();
let devices = new Set<string>();
let stop: (() => void) | null = null;

/** Reasons in the server's words; those that carry a text end where it follows. */
const REASONS: Record<string, string> = {
  "never-read": "not read yet",
  retained: "retained, not live yet",
  offline: "device offline",
  timeout: "no reply in time",
  exception: "device refused, Modbus exception ",
  decode: "reply not understood: ",
  unimplemented: "not implemented by this device",
  "driver-fault": "driver fault: ",
  driver: "",
  disabled: "device disabled",
};

/** `good`, `uncertain` or `bad`, and why. Quality is `"good"` or `{"bad": "timeout"}` on the wire. */
export function quality(value: LiveValue["value"]): { word: string; why: string } {
  const raw = value.quality;
  if (typeof raw === "string") return { word: raw, why: "" };
  const [word, reason] = Object.entries(raw as Record<string, unknown>)[0] ?? ["bad", ""];
  if (typeof reason === "string") return { word, why: REASONS[reason] ?? reason.replaceAll("-", " ") };
  const [kind, text] = Object.entries(reason as Record<string, unknown>)[0] ?? ["", ""];
  return { word, why: `${REASONS[kind] ?? kind}${text}` };
}

/** Reasons for which a value is not there although nothing is wrong. */
const NOT_NOW = new Set(["driver", "unimplemented", "disabled", "never-read"]);

/** Colour and words of a quality, the same as the server's. */
function verdict(value: LiveValue["value"]): { tone: string; text: string } {
  const { word, why } = quality(value);
  if (word === "good") return { tone: "good", text: "good" };
  if (word === "uncertain") return { tone: "warn", text: `uncertain: ${why}` };
  const reason = (value.quality as unknown as { bad?: unknown }).bad;
  const kind = typeof reason === "object" && reason ? Object.keys(reason)[0] : String(reason);
  return NOT_NOW.has(kind ?? "") ? { tone: "idle", text: `not available: ${why}` } : { tone: "bad", text: `no value: ${why}` };
}

function show(kind: Kind, element: HTMLElement, live: LiveValue): void {
  if (kind === "live-age") {
    const time = element as HTMLTimeElement;
    time.dateTime = new Date(live.value.observed_at / 1000).toISOString();
    time.textContent = ago(live.value.observed_at / 1000);
  } else if (kind === "live-quality") {
    const { tone, text } = verdict(live.value);
    element.className = `badge badge--${tone}`;
    element.textContent = text;
  } else if (kind === "live-choice") {
    element.setAttribute("aria-pressed", String(String(live.value.data) === (element as HTMLButtonElement).value));
  } else {
    const changed = element.textContent !== live.shown && element.textContent !== "–";
    element.textContent = live.shown;
    const { tone, text } = verdict(live.value);
    element.classList.toggle("value--none", tone === "idle");
    element.classList.toggle("value--uncertain", tone === "warn");
    element.classList.toggle("value--bad", tone === "bad");
    if (tone !== "good") element.title = text;
    else element.removeAttribute("title");
    if (changed) {
      element.classList.remove("value--changed");
      void element.offsetWidth;
      element.classList.add("value--changed");
    }
  }
}

function hear(change: Change): void {
  for (const live of change.values ?? []) {
    for (const { kind, element } of followers.get(`${live.device}/${live.name}`) ?? []) show(kind, element, live);
  }
  document.dispatchEvent(new CustomEvent("bo-live", { detail: change }));
}

/** Finds what is to be followed on the page as it is now; call it when a piece of the page was replaced. */
export function adopt(): void {
  followers.clear();
  const wanted = new Set<string>();
  for (const kind of ATTRIBUTES) {
    for (const element of document.querySelectorAll<HTMLElement>(`[data-${kind}]`)) {
      const key = element.getAttribute(`data-${kind}`) ?? "";
      const list = followers.get(key) ?? [];
      list.push({ kind, element });
      followers.set(key, list);
      const device = key.split("/")[0];
      if (device) wanted.add(device);
    }
  }
  const same = wanted.size === devices.size && [...wanted].every((device) => devices.has(device));
  if (same) return;
  stop?.();
  devices = wanted;
  stop = wanted.size > 0 ? subscribe({ devices: [...wanted].slice(0, 2000) }, hear) : null;
}

function followLog(log: HTMLElement): void {
  let first = true;
  subscribe({ log: log.dataset["log"] }, (change) => {
    if (first) log.replaceChildren();
    first = false;
    for (const line of change.log ?? []) {
      const row = document.createElement("div");
      row.className = `log__line log__line--${line.level}`;
      row.dataset["level"] = line.level;
      for (const text of [exact.format(line.at / 1000), line.level, line.text]) {
        const cell = document.createElement("span");
        cell.textContent = text;
        row.append(cell);
      }
      log.append(row);
    }
    while (log.childElementCount > 500) log.firstElementChild?.remove();
    if (log.childElementCount === 0) log.textContent = "Nothing was written since the controller started.";
  });
}

adopt();
for (const log of document.querySelectorAll<HTMLElement>("[data-log]")) followLog(log);
