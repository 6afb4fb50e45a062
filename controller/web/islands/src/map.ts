// Floor maps are drawn by the server; `live.ts` keeps their labels true. Here: room colours that follow.
// A room carries `data-fill="<device id>/<status>"` and `data-fill-rules='[{"above":1000,"class":"warn"},…]'`.
import type { Change } from "./socket";

interface Rule {
  class: string;
  above?: number;
  below?: number;
  equals?: unknown;
}

const CLASSES = ["good", "info", "warn", "bad", "unknown"].map((word) => `room--${word}`);

function matches(rule: Rule, data: unknown): boolean {
  if (rule.equals !== undefined) return data === rule.equals;
  if (typeof data !== "number") return false;
  return (rule.above === undefined || data > rule.above) && (rule.below === undefined || data < rule.below);
}

document.addEventListener("bo-live", (event) => {
  const change = (event as CustomEvent<Change>).detail;
  for (const live of change.values ?? []) {
    const key = CSS.escape(`${live.device}/${live.name}`);
    for (const room of document.querySelectorAll<SVGElement>(`[data-fill="${key}"]`)) {
      const rules = JSON.parse(room.dataset["fillRules"] ?? "[]") as Rule[];
      const good = live.value.quality === "good";
      const rule = good ? rules.find((candidate) => matches(candidate, live.value.data)) : { class: "unknown" };
      room.classList.remove(...CLASSES);
      if (rule) room.classList.add(`room--${rule.class}`);
    }
  }
});
