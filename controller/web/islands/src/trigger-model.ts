// A trigger's definition as the form edits it: the JSON of `trigger.toml`, the devices it may name, and the small changes
// a person makes to them. Pure.

export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

export interface Field {
  type?: string;
  title?: string;
  about?: string;
  unit?: string;
  default?: Json;
  choices?: Record<string, string>;
  required?: boolean;
}

export interface Input {
  of: string;
  fold?: string;
  quality?: string;
  [more: string]: Json | undefined;
}

export interface Condition {
  all?: Condition[];
  any?: Condition[];
  not?: Condition;
  input?: string;
  held_for?: string;
  [more: string]: Json | Condition | Condition[] | undefined;
}

export interface Action {
  command?: string;
  params?: Record<string, Json>;
  alarm?: { severity: string; text: string };
  notify?: { to: string[]; subject?: string; text: string };
  emit?: { event: string; data?: Record<string, Json> };
  [more: string]: Json | undefined;
}

export interface Definition {
  name: string;
  title: string;
  about?: string;
  input?: Record<string, Input>;
  param?: Record<string, Field>;
  when?: Condition;
  until?: Condition;
  on_active?: Action[];
  on_clear?: Action[];
  debounce?: string;
  cooldown?: string;
  min_active?: string;
  [more: string]: unknown;
}

interface Device {
  address: string;
  name: string;
  status: Record<string, Field> | null;
  commands: Record<string, { title?: string; params?: Record<string, Field> }> | null;
}

export interface Context {
  devices: Device[];
}

/** Comparisons: (key, words), in the order they are offered. */
export const COMPARISONS: [string, string][] = [
  ["equals", "is"],
  ["not_equals", "is not"],
  ["above", "is above"],
  ["at_least", "is at least"],
  ["below", "is below"],
  ["at_most", "is at most"],
  ["between", "is between"],
  ["one_of", "is one of"],
  ["changed", "changed"],
  ["quality", "has quality"],
];

/** Kinds of conditions: (kind, words). */
export const KINDS: [string, string][] = [
  ["value", "A value"],
  ["time", "A time of day"],
  ["offline", "A device is away"],
  ["online", "Devices all answer"],
  ["cron", "A schedule (cron)"],
  ["webhook", "A webhook was called"],
  ["script", "The script says so"],
  ["all", "All of …"],
  ["any", "At least one of …"],
  ["not", "Not …"],
];

/** `Sensor_1` is a `Sensor`. */
const module = (address: string): string => address.replace(/_\d+$/, "");

export interface Choice {
  value: string;
  label: string;
  field: Field;
}

/** Everything of a kind that the devices have: one by one, and `*` for all of a module. */
function choices(context: Context, of: (device: Device) => Record<string, Field> | null): Choice[] {
  const found = new Map<string, Choice>();
  for (const device of context.devices) {
    for (const [name, field] of Object.entries(of(device) ?? {})) {
      const title = field.title || name.replaceAll("_", " ");
      found.set(`${device.address}.${name}`, { value: `${device.address}.${name}`, label: `${device.name}: ${title}`, field });
      const all = `${module(device.address)}_*.${name}`;
      found.set(all, { value: all, label: `Every ${module(device.address)}: ${title}`, field });
    }
  }
  return [...found.values()].sort((a, b) => a.label.localeCompare(b.label));
}

export const points = (context: Context): Choice[] => choices(context, (device) => device.status);

export function commands(context: Context): (Choice & { params: Record<string, Field> })[] {
  const params = new Map<string, Record<string, Field>>();
  for (const device of context.devices) {
    for (const [name, command] of Object.entries(device.commands ?? {})) {
      params.set(`${device.address}.${name}`, command.params ?? {});
      params.set(`${module(device.address)}_*.${name}`, command.params ?? {});
    }
  }
  return choices(context, (device) => device.commands as Record<string, Field> | null).map((choice) => ({ ...choice, params: params.get(choice.value) ?? {} }));
}

export function kind(of: Condition): string {
  for (const word of ["all", "any", "not", "offline", "online", "cron", "webhook", "script"]) if (of[word] !== undefined) return word;
  return of.input !== undefined ? "value" : "time";
}

/** An empty condition of a kind; what it held before goes into a group. */
export function become(word: string, before: Condition): Condition {
  const held = before.held_for ? { held_for: before.held_for } : {};
  const inner = before.all ?? before.any ?? (before.not ? [before.not] : kind(before) === "time" && !before["from"] ? [] : [before]);
  switch (word) {
    case "all":
    case "any":
      return { [word]: inner };
    case "not":
      return { not: inner[0] ?? { input: "" } };
    case "offline":
    case "online":
      return { [word]: "*", ...held };
    case "cron":
      return { cron: "0 7 * * mon-fri" };
    case "webhook":
      return { webhook: "called" };
    case "script":
      return { script: "condition", ...held };
    case "time":
      return { days: "mon-fri", from: "18:00", to: "06:00" };
    default:
      return { input: "", equals: true, ...held };
  }
}

/** The input that stands for a point: one there is, or a new one with a name of its own. */
export function inputFor(definition: Definition, choice: Choice): string {
  const inputs = (definition.input ??= {});
  const held = Object.entries(inputs).find(([, input]) => input.of === choice.value);
  if (held) return held[0];
  const base = choice.value.split(".")[1] ?? "value";
  let name = base;
  for (let number = 2; name in inputs || name in (definition.param ?? {}); number++) name = `${base}_${number}`;
  inputs[name] = { of: choice.value, ...(choice.value.includes("*") ? { fold: choice.field.type === "boolean" ? "any" : "max" } : {}) };
  return name;
}

/** Inputs that nothing names any more go; with a script nobody can tell. */
export function prune(definition: Definition, script: string): void {
  if (script.trim() || !definition.input) return;
  const rest = JSON.stringify({ ...definition, input: undefined });
  for (const name of Object.keys(definition.input)) {
    if (!rest.includes(`"input":"${name}"`) && !rest.includes(`{${name}}`)) delete definition.input[name];
  }
}

/** What somebody typed as the value of a field: `{name}` stays, numbers and yes-or-no become what they are. */
export function typed(text: string, field?: Field): Json {
  const plain = text.trim();
  if (/^\{.+\}$/.test(plain)) return plain;
  if (field?.type === "boolean") return plain === "true";
  if (field?.type === "number" || field?.type === "integer" || (!field?.type && plain !== "")) {
    const number = Number(plain.replace(",", "."));
    if (Number.isFinite(number) && plain !== "") return number;
  }
  return plain;
}

export function slug(title: string): string {
  return title.toLowerCase().normalize("NFKD").replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "").slice(0, 60) || "new-trigger";
}
