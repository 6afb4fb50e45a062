// Live values: any element with `data-live="<device id>/<status>"` follows that status variable. The server has
// rendered the value already; this keeps it true: text, quality class, reason as title, and the age beside it
// (`<time data-live-age="<device id>/<status>">`).
import { type Change, type LiveValue, subscribe } from "./socket";
import { ago } from "./when";

/** `good`, `uncertain` or `bad`, and why. Quality is `"good"` or `{"bad": "timeout"}` on the wire. */
export function quality(value: LiveValue["value"]): { word: string; why: string } {
  const raw = value.quality;
  if (typeof raw === "string") return { word: raw, why: "" };
  const [word, reason] = Object.entries(raw as Record<string, unknown>)[0] ?? ["bad", ""];
  const why = typeof reason === "string" ? reason : Object.entries(reason as object).map((pair) => pair.join(": ")).join(", ");
  return { word, why: why.replaceAll("-", " ") };
}

function show(element: HTMLElement, live: LiveValue): void {
  const { word, why } = quality(live.value);
  const changed = element.textContent !== live.shown;
  element.textContent = live.shown;
  element.classList.toggle("value--uncertain", word === "uncertain");
  element.classList.toggle("value--bad", word === "bad");
  element.title = why ? `${word}: ${why}` : "";
  element.dataset["quality"] = word;
  if (changed) {
    element.classList.remove("value--changed");
    void element.offsetWidth;
    element.classList.add("value--changed");
  }
}

function apply(scope: ParentNode, change: Change): void {
  for (const live of change.values ?? []) {
    const key = CSS.escape(`${live.device}/${live.name}`);
    for (const element of scope.querySelectorAll<HTMLElement>(`[data-live="${key}"]`)) show(element, live);
    for (const time of scope.querySelectorAll<HTMLTimeElement>(`[data-live-age="${key}"]`)) {
      time.dateTime = new Date(live.value.observed_at / 1000).toISOString();
      time.textContent = ago(live.value.observed_at / 1000);
    }
  }
  document.dispatchEvent(new CustomEvent("bo-live", { detail: change }));
}

/** Devices named on the page, one subscription for all of them. */
function start(): void {
  const devices = new Set<string>();
  for (const element of document.querySelectorAll<HTMLElement>("[data-live]")) {
    const device = element.dataset["live"]?.split("/")[0];
    if (device) devices.add(device);
  }
  if (devices.size > 0) subscribe({ devices: [...devices] }, (change) => apply(document, change));
}

start();
