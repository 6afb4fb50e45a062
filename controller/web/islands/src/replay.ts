// `<bo-replay>`: a trigger over history. The form answers whole without this; with it the same comes in lines, so that the
// page shows how far it is and the work can be stopped.
import { refresh } from "./when";

interface Line {
  progress?: number;
  html?: string;
  error?: string;
}

class Replay extends HTMLElement {
  private work: AbortController | null = null;

  connectedCallback(): void {
    const form = this.querySelector("form");
    form?.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.run(form);
    });
    this.querySelector("[data-stop]")?.addEventListener("click", () => this.work?.abort());
  }

  private show(running: boolean): void {
    for (const part of this.querySelectorAll<HTMLElement>("[data-stop], progress")) part.hidden = !running;
    const button = this.querySelector<HTMLButtonElement>('button[type="submit"]');
    if (button) button.disabled = running;
  }

  private results(): HTMLElement | null {
    return this.querySelector("[data-results]");
  }

  private refuse(text: string): void {
    const notice = document.createElement("div");
    notice.className = "notice notice--bad";
    notice.textContent = text;
    this.results()?.replaceChildren(notice);
  }

  private hear(line: Line): void {
    const bar = this.querySelector("progress");
    if (bar && line.progress !== undefined) bar.value = line.progress;
    if (line.error !== undefined) this.refuse(line.error);
    const results = this.results();
    if (results && line.html !== undefined) {
      results.innerHTML = line.html;
      refresh(results);
    }
  }

  private async run(form: HTMLFormElement): Promise<void> {
    this.work = new AbortController();
    this.hear({ progress: 0 });
    this.show(true);
    try {
      const body = new URLSearchParams([...new FormData(form)].map(([name, value]): [string, string] => [name, String(value)]));
      const reply = await fetch(form.action, { method: "POST", body, headers: { accept: "application/x-ndjson, text/html" }, signal: this.work.signal });
      if (!reply.body || !reply.headers.get("content-type")?.includes("ndjson")) {
        this.refuse(`The controller answered ${reply.status}.`);
        return;
      }
      const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
      let held = "";
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        const lines = (held + part.value).split("\n");
        held = lines.pop() ?? "";
        for (const line of lines) if (line) this.hear(JSON.parse(line) as Line);
      }
    } catch (error) {
      if ((error as Error).name !== "AbortError") this.refuse("The connection to the controller was cut. Try again.");
    } finally {
      this.show(false);
    }
  }
}

customElements.define("bo-replay", Replay);
