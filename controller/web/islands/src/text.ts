// <bo-editor> around the text area of a Markdown text: write it as Markdown, as rich text, or look at it as it will be.
// The text area stays the form's field; without script it is all there is.

import type { Rich } from "./editor";

type Mode = "markdown" | "rich" | "preview";

class TextEditor extends HTMLElement {
  private area!: HTMLTextAreaElement;
  private pane = document.createElement("div");
  private note = document.createElement("p");
  private buttons = new Map<Mode, HTMLButtonElement>();
  private rich: Rich | undefined;

  connectedCallback(): void {
    const area = this.querySelector("textarea");
    if (!area) return;
    this.area = area;
    const bar = document.createElement("div");
    bar.className = "editor__modes";
    bar.setAttribute("role", "group");
    bar.setAttribute("aria-label", "How to write");
    const modes: [Mode, string][] = [["markdown", "Markdown"], ["rich", "Rich text"]];
    if (this.dataset["preview"]) modes.push(["preview", "Preview"]);
    for (const [mode, label] of modes) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "btn btn--small btn--quiet";
      button.textContent = label;
      button.addEventListener("click", () => void this.show(mode));
      this.buttons.set(mode, button);
      bar.append(button);
    }
    this.pane.className = "editor__pane prose";
    this.note.className = "field__help";
    this.note.setAttribute("role", "status");
    this.prepend(bar);
    this.append(this.pane, this.note);
    // Whatever is shown, what is sent is the Markdown.
    area.form?.addEventListener("submit", () => this.collect());
    this.mark("markdown");
  }

  private async show(mode: Mode): Promise<void> {
    this.collect();
    this.rich?.close();
    this.rich = undefined;
    this.pane.replaceChildren();
    this.note.textContent = "";
    if (mode === "rich") await this.open();
    if (mode === "preview") await this.preview();
    this.mark(this.rich ? "rich" : mode === "rich" ? "markdown" : mode);
  }

  private async open(): Promise<void> {
    const { open } = (await import(new URL("./editor.js", import.meta.url).href)) as typeof import("./editor");
    const opened = open(this.pane, this.area.value, () => this.collect());
    if (typeof opened === "string") this.note.textContent = opened;
    else this.rich = opened;
  }

  private async preview(): Promise<void> {
    const form = new URLSearchParams({ body: this.area.value });
    try {
      // The server cleans what was typed against a list of what may stay.
      this.pane.innerHTML = await post(this.dataset["preview"]!, form);
    } catch (error) {
      this.note.textContent = `There is no preview now: ${String(error)}. Your text is untouched.`;
    }
  }

  private collect(): void {
    if (this.rich?.changed()) this.area.value = this.rich.text();
  }

  private mark(mode: Mode): void {
    this.area.hidden = mode !== "markdown";
    this.pane.hidden = mode === "markdown";
    for (const [name, button] of this.buttons) button.setAttribute("aria-pressed", String(name === mode));
  }
}

/** How often <bo-writers> says that its form is open, in milliseconds; the server forgets after 40 seconds. */
const SAYS_SO = 15_000;

/** <bo-writers data-at> in a form: says that somebody is writing here, and shows who else is. */
class Writers extends HTMLElement {
  private timer = 0;

  connectedCallback(): void {
    const say = () => {
      if (document.visibilityState !== "hidden") void this.say();
    };
    say();
    this.timer = window.setInterval(say, SAYS_SO);
  }

  disconnectedCallback(): void {
    window.clearInterval(this.timer);
  }

  private async say(): Promise<void> {
    try {
      const others = await post(this.dataset["at"]!, new URLSearchParams());
      if (others !== this.innerHTML) this.innerHTML = others;
    } catch {
      // It is a courtesy: when the server can't be reached, saving will say so.
    }
  }
}

/** What the server answers to a form, as text of the page. */
async function post(address: string, form: URLSearchParams): Promise<string> {
  const token = document.querySelector<HTMLMetaElement>('meta[name="csrf-token"]')?.content ?? "";
  const answer = await fetch(address, { method: "POST", body: form, headers: { "x-csrf-token": token } });
  if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
  return answer.text();
}

customElements.define("bo-editor", TextEditor);
customElements.define("bo-writers", Writers);
