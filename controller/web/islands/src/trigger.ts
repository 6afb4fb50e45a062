// `<bo-trigger>`: the editor of a trigger. A form and the source are two views of one definition; the server turns one into
// the other, says what is wrong at which line, and what it means in words, while it is written.
import { TriggerForm } from "./trigger-form";
import { type Context, type Definition, prune } from "./trigger-model";

interface View {
  text: string;
  definition: Definition | null;
  words?: string;
  shown?: string;
}

class TriggerEditor extends HTMLElement {
  private definition: Definition | null = null;
  private context: Context = { devices: [] };
  private form: TriggerForm | null = null;
  private readonly panel = document.createElement("div");
  private readonly tabs = document.createElement("div");
  private text!: HTMLTextAreaElement;
  private script!: HTMLTextAreaElement;
  private source!: HTMLElement;
  private due: number | undefined;
  private asked = 0;

  connectedCallback(): void {
    const [text, script, source] = [this.querySelector<HTMLTextAreaElement>('[name="text"]'), this.querySelector<HTMLTextAreaElement>('[name="script"]'), this.querySelector<HTMLElement>(".trigger-source")];
    if (!text || !script || !source) return;
    [this.text, this.script, this.source] = [text, script, source];
    const view = JSON.parse(this.dataset["view"] ?? "{}") as View;
    this.definition = view.definition;
    this.context = (JSON.parse(this.dataset["context"] ?? "null") as Context | null) ?? { devices: [] };
    this.panel.className = "stack";
    this.panel.toggleAttribute("inert", !this.hasAttribute("data-may"));
    const fresh = this.closest("form")?.getAttribute("action")?.endsWith("/new") ?? false;
    this.form = new TriggerForm(this.panel, () => this.definition as Definition, () => this.context, fresh, () => this.soon("form"));
    this.tabs.className = "segments";
    this.tabs.setAttribute("role", "group");
    this.tabs.setAttribute("aria-label", "View");
    for (const [word, label] of [["form", "Form"], ["source", "Source"]] as const) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "segment";
      button.textContent = label;
      button.dataset["view"] = word;
      button.addEventListener("click", () => this.show(word));
      this.tabs.append(button);
    }
    this.prepend(this.tabs, this.panel);
    for (const area of [text, script]) area.addEventListener("input", () => this.soon("source"));
    text.addEventListener("keydown", (event) => {
      // Two spaces for Tab; with Escape before, Tab leaves.
      if (event.key === "Tab" && !event.shiftKey && text.dataset["leave"] !== "yes") {
        event.preventDefault();
        text.setRangeText("  ", text.selectionStart, text.selectionEnd, "end");
      }
      text.dataset["leave"] = event.key === "Escape" ? "yes" : "";
    });
    this.addEventListener("click", (event) => this.clicked(event));
    this.system()?.addEventListener("change", () => void this.other());
    this.show(this.definition ? "form" : "source");
  }

  private system(): HTMLSelectElement | null {
    return this.closest("form")?.querySelector<HTMLSelectElement>('[name="system"]') ?? null;
  }

  private show(word: "form" | "source"): void {
    const form = word === "form" && this.definition !== null;
    if (form) this.form?.draw();
    this.panel.hidden = !form;
    this.source.hidden = form;
    for (const button of this.tabs.children) {
      button.setAttribute("aria-pressed", String((button as HTMLElement).dataset["view"] === (form ? "form" : "source")));
      if ((button as HTMLElement).dataset["view"] === "form") (button as HTMLButtonElement).disabled = this.definition === null;
    }
  }

  /** Another system: its devices are offered from now on. */
  private async other(): Promise<void> {
    const id = this.system()?.value;
    const reply = id ? await fetch(`/triggers/context/${id}`) : null;
    this.context = reply?.ok ? ((await reply.json()) as Context) : { devices: [] };
    if (!this.panel.hidden) this.form?.draw();
    this.soon(this.panel.hidden ? "source" : "form");
  }

  private soon(from: "form" | "source"): void {
    clearTimeout(this.due);
    this.due = window.setTimeout(() => void this.check(from), 350);
  }

  private async check(from: "form" | "source"): Promise<void> {
    const mine = ++this.asked;
    if (from === "form" && this.definition) prune(this.definition, this.script.value);
    const body = {
      ...(from === "form" ? { definition: this.definition } : { text: this.text.value }),
      script: this.script.value,
      ...(this.system()?.value ? { system: this.system()?.value } : {}),
    };
    const token = document.querySelector<HTMLMetaElement>('meta[name="csrf-token"]')?.content ?? "";
    const place = this.querySelector(".trigger-diagnostics");
    try {
      const reply = await fetch("/triggers/check", { method: "POST", headers: { "content-type": "application/json", accept: "application/json", "x-csrf-token": token }, body: JSON.stringify(body) });
      const view = (await reply.json()) as View & { error?: { message: string } };
      if (mine !== this.asked) return;
      if (!reply.ok) {
        if (place) place.textContent = view.error?.message ?? `The controller answered ${reply.status}.`;
        return;
      }
      if (from === "form") this.text.value = view.text;
      else this.definition = view.definition;
      if (place) place.innerHTML = view.shown ?? "";
      const words = this.closest("form")?.querySelector(".trigger-words");
      if (words) words.innerHTML = view.words ?? "";
      for (const button of this.tabs.querySelectorAll<HTMLButtonElement>('[data-view="form"]')) button.disabled = this.definition === null;
    } catch {
      if (place) place.textContent = "There is no connection to the controller; the draft is not checked.";
    }
  }

  /** A sentence about a line leads there. */
  private clicked(event: MouseEvent): void {
    const found = (event.target as Element).closest<HTMLElement>(".diagnostics li[data-line]");
    if (!found) return;
    this.show("source");
    const area = found.dataset["file"] === "rule.rhai" ? this.script : this.text;
    const lines = area.value.split("\n");
    const line = Math.max(0, Number(found.dataset["line"]) - 1);
    const start = lines.slice(0, line).reduce((sum, text) => sum + text.length + 1, 0);
    area.focus();
    area.setSelectionRange(start, start + (lines[line]?.length ?? 0));
    area.scrollTop = Math.max(0, line - 4) * 20;
  }
}

customElements.define("bo-trigger", TriggerEditor);
