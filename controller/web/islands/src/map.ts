// `<bo-map data-model data-zone>`: a floor map the server has drawn with each bound element as a link. This keeps classes
// and labels true with the same rule as the server (the first state that holds), and opens a short page with controls
// beside the map instead of leaving it.
import { adopt } from "./live";
import { type Change, type LiveValue, subscribe } from "./socket";

interface State {
  class: string;
  alarm?: boolean;
  offline?: boolean;
  status?: string;
  equals?: unknown;
  at_least?: number;
  below?: number;
}

interface Element {
  states: State[];
  label?: string;
  text?: string;
  system: string;
  devices: string[];
  peek: string;
  title: string;
}

interface Alarm {
  id: string;
  active: boolean;
  device?: string | null;
  system?: string | null;
}

class FloorMap extends HTMLElement {
  private model: Record<string, Element> = {};
  private readonly values = new Map<string, LiveValue>();
  private readonly alarms = new Map<string, Alarm>();
  private readonly systems = new Map<string, string>();
  private stops: (() => void)[] = [];

  connectedCallback(): void {
    this.model = JSON.parse(this.dataset["model"] ?? "{}") as Record<string, Element>;
    for (const element of Object.values(this.model)) {
      for (const device of element.devices) this.systems.set(device, element.system);
    }
    this.stops = [
      subscribe({ zone: this.dataset["zone"] }, (change) => this.hear(change)),
      subscribe({ alarms: true }, (change) => {
        for (const alarm of (change.alarms ?? []) as Alarm[]) {
          if (alarm.active) this.alarms.set(alarm.id, alarm);
          else this.alarms.delete(alarm.id);
        }
        this.paint(Object.keys(this.model));
      }),
    ];
    this.addEventListener("click", (event) => this.clicked(event));
    this.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.close();
    });
    const named = location.hash.slice(1).replace(/^room-/, "");
    if (named) this.find(named);
  }

  disconnectedCallback(): void {
    for (const stop of this.stops) stop();
  }

  private hear(change: Change): void {
    const touched = new Set<string>();
    for (const live of change.values ?? []) {
      this.values.set(`${live.device}/${live.name}`, live);
      touched.add(live.device);
    }
    const ids = Object.entries(this.model).filter(([, element]) => element.devices.some((device) => touched.has(device)));
    this.paint(ids.map(([id]) => id));
  }

  private paint(ids: string[]): void {
    for (const id of ids) {
      const element = this.model[id];
      const shape = this.querySelector(`#${CSS.escape(id)}`);
      if (!element || !shape) continue;
      // Before the first values came, what the server drew stands.
      if (!element.devices.some((device) => this.values.has(`${device}/online`) || [...this.values.keys()].some((key) => key.startsWith(device)))) continue;
      const now = element.states.find((state) => this.holds(state, element))?.class ?? "unknown";
      const all = new Set([...element.states.map((state) => state.class), "unknown"]);
      for (const name of all) shape.classList.toggle(name, name === now);
      const text = element.text ? this.querySelector(`#${CSS.escape(element.text)}`) : null;
      if (text && element.label) {
        text.textContent = element.label.replace(/\{([^}]*)\}/g, (_, key: string) => this.good(key)?.shown ?? "–");
      }
    }
  }

  private good(key: string): LiveValue | undefined {
    const live = this.values.get(key);
    return live?.value.quality === "good" ? live : undefined;
  }

  private holds(state: State, element: Element): boolean {
    const whole = element.peek.startsWith("/systems/");
    if (state.alarm) {
      const concerns = (alarm: Alarm): boolean =>
        whole
          ? alarm.system === element.system || (alarm.device != null && this.systems.get(alarm.device) === element.system)
          : alarm.device != null && element.devices.includes(alarm.device);
      if (![...this.alarms.values()].some(concerns)) return false;
    }
    if (state.offline && !element.devices.some((device) => this.values.get(`${device}/online`)?.value.data === false)) return false;
    if (state.status === undefined) return true;
    const live = this.good(state.status);
    if (!live) return false;
    const data = live.value.data;
    const number = typeof data === "boolean" ? Number(data) : data;
    if (state.equals !== undefined && data !== state.equals) return false;
    if (state.at_least !== undefined && !(typeof number === "number" && number >= state.at_least)) return false;
    return state.below === undefined || (typeof number === "number" && number < state.below);
  }

  private clicked(event: MouseEvent): void {
    const target = event.target as globalThis.Element;
    if (target.closest("[data-close]")) return this.close();
    const link = target.closest("svg a[id]");
    const element = link ? this.model[link.id] : undefined;
    // With a modifier the link does what links do.
    if (!link || !element || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    void this.peek(element, link as SVGAElement);
  }

  private async peek(element: Element, from: SVGAElement): Promise<void> {
    const dialog = this.querySelector<HTMLDialogElement>("dialog.peek");
    const body = dialog?.querySelector(".peek__body");
    if (!dialog || !body) return;
    const heading = dialog.querySelector("h2");
    if (heading) heading.textContent = element.title;
    const page = dialog.querySelector<HTMLAnchorElement>(":scope > a");
    if (page) page.href = element.peek.replace(/\/peek$/, "");
    body.textContent = "Loading …";
    if (!dialog.open) dialog.show();
    for (const other of this.querySelectorAll(".chosen")) other.classList.remove("chosen");
    from.classList.add("chosen");
    try {
      const reply = await fetch(element.peek);
      body.innerHTML = reply.ok ? await reply.text() : "This can't be shown. You may not see it any more.";
    } catch {
      body.textContent = "There is no connection to the controller.";
    }
    adopt();
    dialog.querySelector<HTMLElement>("button")?.focus();
  }

  private close(): void {
    this.querySelector<HTMLDialogElement>("dialog.peek")?.close();
    const chosen = this.querySelector<SVGElement>(".chosen");
    chosen?.classList.remove("chosen");
    chosen?.focus();
  }

  /** Comes from a system's page: `#room-<system id>`. */
  private find(system: string): void {
    const found = Object.entries(this.model).find(([, element]) => element.system === system && element.peek.startsWith("/systems/"));
    if (found) this.querySelector(`#${CSS.escape(found[0])}`)?.classList.add("chosen");
  }
}

customElements.define("bo-map", FloorMap);
