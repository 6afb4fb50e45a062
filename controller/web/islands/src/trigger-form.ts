// The form of a trigger: conditions in groups, actions, what each system may tune. Drawn from the definition; every change
// is made to the definition and told to the editor.
import {
  type Action,
  COMPARISONS,
  type Condition,
  type Context,
  type Definition,
  type Field,
  type Json,
  KINDS,
  become,
  commands,
  inputFor,
  kind,
  points,
  slug,
  typed,
} from "./trigger-model";

type Child = Node | string | null;

function el<K extends keyof HTMLElementTagNameMap>(tag: K, set: Partial<HTMLElementTagNameMap[K]> & Record<string, unknown>, ...children: Child[]): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(set)) {
    if (name.startsWith("aria")) made.setAttribute("aria-label", String(value));
    else (made as unknown as Record<string, unknown>)[name] = value;
  }
  made.append(...children.filter((child): child is Node | string => child !== null));
  return made;
}

const say = (text: string): HTMLElement => el("span", { className: "muted", textContent: text });

/** Words and the control they belong to, which never part. */
const pair = (words: string, ...controls: HTMLElement[]): HTMLElement => el("span", { className: "cond__pair" }, say(words), ...controls);

export class TriggerForm {
  constructor(
    private readonly root: HTMLElement,
    private readonly definition: () => Definition,
    private readonly context: () => Context,
    private readonly fresh: boolean,
    private readonly changed: () => void,
  ) {}

  draw(): void {
    // Whoever types goes on where they were.
    const at = document.activeElement instanceof HTMLElement ? document.activeElement.dataset["at"] : undefined;
    const of = this.definition();
    this.root.replaceChildren(
      this.card("What it is called", this.names(of)),
      this.card("When", this.top(of, "when", "It becomes active while this is true.")),
      this.card("Until", of.until ? this.top(of, "until", "Once active, it stays so until this is true.") : this.add("Another condition for the end", () => (of.until = { input: "", equals: false }), "Without one it is over as soon as the condition above is no longer true.")),
      this.card("Then", this.actions((of.on_active ??= []), "then")),
      this.card("Afterwards", this.actions((of.on_clear ??= []), "after")),
      this.card("Tuned for each system", this.params(of)),
    );
    if (at) this.root.querySelector<HTMLElement>(`[data-at="${CSS.escape(at)}"]`)?.focus();
  }

  private structural(): void {
    this.draw();
    this.changed();
  }

  private card(title: string, ...children: Node[]): HTMLElement {
    return el("section", { className: "card stack" }, el("h2", { textContent: title }), ...children);
  }

  private text(value: string, label: string, className: string, set: (text: string) => void, more: Record<string, unknown> = {}): HTMLInputElement {
    const made = el("input", { value, className, ariaLabel: label, autocomplete: "off", ...more });
    made.addEventListener("input", () => {
      set(made.value);
      this.changed();
    });
    return made;
  }

  private select(options: [string, string][], value: string, label: string, set: (value: string) => void, redraw = true): HTMLSelectElement {
    const known = options.some(([held]) => held === value);
    const all = known ? options : [[value, value || "choose …"] as [string, string], ...options];
    const made = el("select", { ariaLabel: label }, ...all.map(([held, words]) => el("option", { value: held, textContent: words, selected: held === value })));
    made.addEventListener("change", () => {
      set(made.value);
      if (redraw) this.structural();
      else this.changed();
    });
    return made;
  }

  private button(label: string, className: string, act: () => void): HTMLButtonElement {
    const made = el("button", { type: "button", className: `btn btn--small ${className}`, textContent: label });
    made.addEventListener("click", () => {
      act();
      this.structural();
    });
    return made;
  }

  private add(label: string, act: () => void, help: string): HTMLElement {
    return el("div", { className: "stack" }, el("p", { className: "muted", textContent: help }), el("div", {}, this.button(`+ ${label}`, "", act)));
  }

  private names(of: Definition): HTMLElement {
    const labelled = (label: string, control: HTMLElement): HTMLElement => el("label", { className: "field" }, el("span", { className: "field__label", textContent: label }), control);
    return el(
      "div",
      { className: "stack" },
      labelled(
        "Title",
        this.text(of.title, "Title", "", (text) => {
          of.title = text;
          if (this.fresh) of.name = slug(text);
        }),
      ),
      labelled("In a sentence or two", this.text(of.about ?? "", "In a sentence or two", "", (text) => (of.about = text))),
    );
  }

  private top(of: Definition, key: "when" | "until", help: string): HTMLElement {
    const held = of[key];
    if (!held) return this.add("Add a condition", () => (of[key] = { input: "", equals: true }), "Nothing yet: it would never become active.");
    const remove = (): void => {
      delete of[key];
    };
    return el("div", { className: "stack" }, el("p", { className: "muted", textContent: help }), this.condition(held, (next) => (of[key] = next), remove, key));
  }

  /** A line: parts that wrap among themselves, and the way to be rid of it, which stays where it is. */
  private line(parts: HTMLElement[], remove: () => void): HTMLElement {
    return el("div", { className: "cond__line" }, el("div", { className: "cond__parts" }, ...parts), this.button("Remove", "btn--quiet", remove));
  }

  private condition(of: Condition, replace: (next: Condition) => void, remove: () => void, at: string): HTMLElement {
    const word = kind(of);
    const parts = [
      this.select(KINDS, word, "Kind of condition", (next) => replace(become(next, of))),
      ...(word === "value" ? this.value(of, at) : this.other(of, word)),
    ];
    if (!["cron", "webhook"].includes(word)) {
      const held = this.text(of.held_for ?? "", "Without a break for", "short", (text) => {
        if (text.trim()) of.held_for = text.trim();
        else delete of.held_for;
      }, { placeholder: "at once" });
      parts.push(pair("without a break for", held));
    }
    const made = el("div", { className: "cond" }, this.line(parts, remove));
    const group = of.all ?? of.any;
    if (group) {
      group.forEach((each, index) => made.append(this.condition(each, (next) => (group[index] = next), () => group.splice(index, 1), `${at}.${index}`)));
      made.append(el("div", {}, this.button("+ Condition", "", () => group.push({ input: "", equals: true }))));
    }
    if (of.not) made.append(this.condition(of.not, (next) => (of.not = next), () => replace({ input: "" }), `${at}.not`));
    return made;
  }

  private value(of: Condition, at: string): HTMLElement[] {
    const definition = this.definition();
    const all = points(this.context());
    const input = of.input ? definition.input?.[of.input] : undefined;
    const choice = all.find((each) => each.value === input?.of);
    const options = all.map((each): [string, string] => [each.value, each.label]);
    if (of.input && !choice) options.unshift([of.input, input ? input.of : of.input]);
    const pick = this.select(options, choice?.value ?? of.input ?? "", "Value", (value) => {
      const found = all.find((each) => each.value === value);
      of.input = found ? inputFor(definition, found) : value;
      if (found?.field.type === "boolean" && of["equals"] === undefined) this.compare(of, "equals", true);
    });
    pick.dataset["at"] = `${at}.input`;
    const made: HTMLElement[] = [pick];
    if (input?.of.includes("*")) {
      const folds: [string, string][] = [["any", "any of them"], ["all", "each of them"], ["max", "the highest"], ["min", "the lowest"], ["mean", "the mean"], ["sum", "the sum"], ["count", "how many"]];
      made.push(this.select(folds, input.fold ?? "any", "Of several", (fold) => (input.fold = fold)));
    }
    const comparison = COMPARISONS.find(([key]) => of[key] !== undefined)?.[0] ?? "equals";
    made.push(this.select(COMPARISONS, comparison, "Comparison", (key) => this.compare(of, key, of[comparison] as Json)));
    made.push(...this.operand(of, comparison, choice?.field));
    return made;
  }

  private compare(of: Condition, key: string, value: Json): void {
    for (const [each] of COMPARISONS) delete of[each];
    const single = Array.isArray(value) ? (value[0] ?? 0) : typeof value === "boolean" && !["equals", "not_equals"].includes(key) ? 0 : value;
    of[key] = key === "between" ? [single, single] : key === "one_of" ? [single] : key === "changed" ? true : key === "quality" ? "good" : (single ?? 0);
  }

  private operand(of: Condition, key: string, field?: Field): HTMLElement[] {
    const set = (value: Json): void => {
      of[key] = value;
    };
    const unit = field?.unit ? [el("span", { className: "muted", textContent: field.unit })] : [];
    if (key === "changed") return [];
    if (key === "quality") return [this.select([["good", "good"], ["not-good", "not good"], ["uncertain", "uncertain"], ["bad", "bad"], ["stale", "too old"]], String(of[key]), "Quality", set, false)];
    if (key === "between") {
      const ends = (of[key] as Json[] | undefined) ?? [0, 0];
      const end = (index: number, label: string): HTMLElement => this.text(String(ends[index] ?? ""), label, "short", (text) => (ends[index] = typed(text, field)));
      return [end(0, "From"), pair("and", end(1, "To"), ...unit)];
    }
    if (key === "one_of") return [this.text(((of[key] as Json[] | undefined) ?? []).join(", "), "Values, separated by commas", "long", (text) => set(text.split(",").map((each) => typed(each, field))))];
    return [this.operandOf(of[key] as Json, "Compared with", field, set), ...unit];
  }

  /** One value: a choice where there are some, else text; `{name}` is what a system tunes. */
  private operandOf(value: Json | undefined, label: string, field: Field | undefined, set: (value: Json) => void): HTMLElement {
    const tuned = Object.entries(this.definition().param ?? {}).map(([name, param]): [string, string] => [`{${name}}`, `${param.title || name} (tuned)`]);
    const options: [string, string][] | null = field?.type === "boolean" ? [["true", "on"], ["false", "off"]] : field?.choices && Object.keys(field.choices).length > 0 ? Object.entries(field.choices) : null;
    if (options) return this.select([...options, ...tuned], value === undefined ? "" : String(value), label, (text) => set(typed(text, field)), false);
    return this.text(value === undefined || value === null ? "" : String(value), label, "short", (text) => set(typed(text, field)), { title: tuned.length > 0 ? `A value, or ${tuned.map(([name]) => name).join(", ")}` : "" });
  }

  private other(of: Condition, word: string): HTMLElement[] {
    const field = (key: string, label: string, className: string, placeholder = ""): HTMLElement =>
      this.text(String(of[key] ?? ""), label, className, (text) => {
        if (text.trim()) of[key] = text.trim();
        else delete of[key];
      }, { placeholder });
    switch (word) {
      case "time":
        return [pair("on", field("days", "Days", "short", "every day")), pair("from", field("from", "From", "short", "18:00, sunset")), pair("to", field("to", "To", "short", "06:00, sunrise"))];
      case "offline":
      case "online": {
        const names = this.context().devices.map((device): [string, string] => [device.address, device.name]);
        const device = this.select([["*", "any device here"], ...names], String(of[word] ?? "*"), "Device", (value) => (of[word] = value), false);
        if (word === "online") return [device];
        const ways: [string, string][] = [["", "once for all of them"], ["each", "once for each of them"]];
        const way = this.select(ways, of["each"] === true ? "each" : "", "Counted", (value) => {
          if (value === "each") of["each"] = true;
          else delete of["each"];
        }, false);
        return [device, way];
      }
      case "cron":
        return [field("cron", "Minute, hour, day, month, weekday", "long"), pair("stays true for", field("for", "Stays true for", "short", "1min"))];
      case "webhook":
        return [field("webhook", "Name of the webhook", "long"), pair("stays true for", field("for", "Stays true for", "short", "1s"))];
      case "script":
        return [say("function condition of the script below")];
      default:
        return [];
    }
  }

  private actions(list: Action[], at: string): HTMLElement {
    const made = el("div", { className: "stack" });
    if (list.length === 0) made.append(el("p", { className: "muted", textContent: at === "then" ? "Nothing happens yet." : "Nothing more happens when it is over." }));
    list.forEach((action, index) => made.append(this.action(list, action, index)));
    made.append(
      el(
        "div",
        { className: "row" },
        this.button("+ Command", "", () => list.push({ command: "", params: {} })),
        this.button("+ Alarm", "", () => list.push({ alarm: { severity: "warning", text: "" } })),
        this.button("+ Notification", "", () => list.push({ notify: { to: ["facilities"], text: "" } })),
      ),
    );
    return made;
  }

  private action(list: Action[], of: Action, index: number): HTMLElement {
    const parts: HTMLElement[] = [];
    if (of.command !== undefined) {
      const all = commands(this.context());
      const choice = all.find((each) => each.value === of.command);
      parts.push(pair("tell", this.select(all.map((each): [string, string] => [each.value, each.label]), of.command, "Command", (value) => {
        of.command = value;
        of.params = {};
      })));
      const params = (of.params ??= {});
      for (const name of new Set([...Object.keys(choice?.params ?? {}), ...Object.keys(params)])) {
        const field = choice?.params[name];
        const operand = this.operandOf(params[name], field?.title || name, field, (value) => {
          if (value === "") delete params[name];
          else params[name] = value;
        });
        parts.push(pair(field?.title || name.replaceAll("_", " "), operand, ...(field?.unit ? [say(field.unit)] : [])));
      }
    } else if (of.alarm) {
      const alarm = of.alarm;
      parts.push(pair("raise", this.select([["info", "info"], ["warning", "a warning"], ["critical", "a critical alarm"]], alarm.severity, "Severity", (value) => (alarm.severity = value), false)), this.text(alarm.text, "Words of the alarm", "long", (text) => (alarm.text = text), { placeholder: "What is wrong, in a sentence" }));
    } else if (of.notify) {
      const notice = of.notify;
      parts.push(pair("tell", this.text(notice.to.join(", "), "Groups or people", "short", (text) => (notice.to = text.split(",").map((each) => each.trim()).filter(Boolean)))), this.text(notice.text, "Message", "long", (text) => (notice.text = text), { placeholder: "The message" }));
    } else if (of.emit) {
      const event = of.emit;
      parts.push(say("publish the event"), this.text(event.event, "Event", "long", (text) => (event.event = text)));
    }
    return el("div", { className: "cond" }, this.line(parts, () => list.splice(index, 1)));
  }

  private params(of: Definition): HTMLElement {
    const all = (of.param ??= {});
    const made = el("div", { className: "stack" }, el("p", { className: "muted", textContent: "Values each system sets for itself, used above as {name}." }));
    for (const [name, field] of Object.entries(all)) {
      const types: [string, string][] = ["duration", "number", "integer", "text", "boolean", "choice"].map((type) => [type, type === "duration" ? "length of time" : type === "integer" ? "whole number" : type === "boolean" ? "on or off" : type]);
      made.append(
        el(
          "div",
          { className: "cond" },
          this.line(
            [
              el("code", { textContent: `{${name}}` }),
              this.text(field.title ?? "", "Title", "", (text) => (field.title = text), { placeholder: "Title" }),
              this.select(types, field.type ?? "text", "Holds", (type) => (field.type = type)),
              pair(
                "usually",
                this.text(String(field.default ?? ""), "Usual value", "short", (text) => {
                  if (text === "") delete field.default;
                  else field.default = typed(text, field);
                }),
              ),
            ],
            () => delete all[name],
          ),
        ),
      );
    }
    const name = el("input", { className: "short", ariaLabel: "Name of the new one", placeholder: "empty_for" });
    const add = this.button("+ Tunable value", "", () => {
      const key = name.value.trim().replace(/[^a-z0-9_]+/gi, "_").toLowerCase();
      if (key && !(key in all)) all[key] = { type: "duration", default: "10min" };
    });
    made.append(el("div", { className: "row" }, name, add));
    return made;
  }
}
