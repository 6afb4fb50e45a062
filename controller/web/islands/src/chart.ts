// `<bo-chart src="/api/v1/…/history/…" unit="W" title="AC power">`: a line chart of one point with gaps where nothing was
// known, or of the sum of several (`src` with spaces between, `sum`). Loaded as it scrolls into view; the range buttons
// reload it; `compact` is lower and has fewer of them.
import uPlot from "uplot";

interface Row {
  at: number; // microseconds
  min?: number | null;
  avg: number | null;
  max?: number | null;
}

const DAY = 86_400_000;
const RANGES: [string, number][] = [
  ["1 h", DAY / 24],
  ["24 h", DAY],
  ["7 d", 7 * DAY],
  ["30 d", 30 * DAY],
];

function token(name: string): string {
  // A custom property may hold light-dark(): resolve it through a real colour property.
  const probe = document.createElement("span");
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const colour = getComputedStyle(probe).color;
  probe.remove();
  return colour;
}

const language = document.documentElement.lang || "en";
const number = new Intl.NumberFormat(language, { maximumFractionDigits: 2 });
const day = new Intl.DateTimeFormat(language, { day: "numeric", month: "short" });
const hour = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

/** The label of an instant on the axis: the time, at midnight the day. */
function clock(seconds: number, step: number): string {
  const at = new Date(seconds * 1000);
  return step >= 86_400 || (at.getHours() === 0 && at.getMinutes() === 0) ? day.format(at) : hour.format(at);
}

/** `kW` where watts would be too long to read, and what to divide by. */
function thousands(unit: string, rows: Row[]): [string, number] {
  const largest = Math.max(0, ...rows.map((row) => Math.abs(row.max ?? row.avg ?? 0)));
  return ["W", "VA", "var", "Wh"].includes(unit) && largest >= 2000 ? [`k${unit}`, 1000] : [unit, 1];
}

/** Rows of several points as one: what is known of each at the same time, added up. */
function sum(series: Row[][]): Row[] {
  if (series.length === 1) return series[0] ?? [];
  const at = new Map<number, Row>();
  for (const row of series.flat()) {
    const held = at.get(row.at);
    if (!held) at.set(row.at, { at: row.at, avg: row.avg });
    else if (row.avg !== null) held.avg = (held.avg ?? 0) + row.avg;
  }
  return [...at.values()].sort((a, b) => a.at - b.at);
}

class Chart extends HTMLElement {
  private plot: uPlot | null = null;
  private span = DAY;
  private fitted = false;
  private readonly sized = new ResizeObserver(() => this.resize());

  connectedCallback(): void {
    this.classList.add("chart");
    const seen = new IntersectionObserver((entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      seen.disconnect();
      this.ranges();
      void this.load();
    });
    seen.observe(this);
    this.sized.observe(this);
  }

  disconnectedCallback(): void {
    this.sized.disconnect();
    this.plot?.destroy();
  }

  private ranges(): void {
    const bar = document.createElement("div");
    bar.className = "row";
    bar.setAttribute("role", "group");
    bar.setAttribute("aria-label", "Time range");
    for (const [label, span] of this.hasAttribute("compact") ? RANGES.slice(0, 3) : RANGES) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "btn btn--small btn--quiet";
      button.textContent = label;
      button.dataset["span"] = String(span);
      button.setAttribute("aria-pressed", String(span === this.span));
      button.addEventListener("click", () => this.choose(span));
      bar.append(button);
    }
    this.prepend(bar);
  }

  private async load(): Promise<void> {
    const to = Date.now();
    let rows: Row[];
    try {
      const sources = (this.getAttribute("src") ?? "").split(" ");
      rows = sum(await Promise.all(sources.map((source) => this.ask(source, to))));
    } catch (error) {
      this.say(`The history could not be loaded: ${error instanceof Error ? error.message : "no connection"}.`);
      return;
    }
    if (rows.length === 0) {
      this.say("No history in this range yet.");
      return;
    }
    // Something that has only begun is shown close.
    const began = rows.find((row) => row.avg !== null)?.at ?? 0;
    if (!this.fitted && this.span === DAY && began / 1000 > to - DAY / 12) {
      this.fitted = true;
      this.choose(DAY / 24);
      return;
    }
    this.fitted = true;
    this.draw(rows, to);
  }

  private choose(span: number): void {
    this.span = span;
    for (const button of this.querySelectorAll<HTMLElement>("[data-span]")) {
      button.setAttribute("aria-pressed", String(Number(button.dataset["span"]) === span));
    }
    void this.load();
  }

  private async ask(path: string, to: number): Promise<Row[]> {
    const source = new URL(path, location.href);
    source.searchParams.set("from", String((to - this.span) * 1000));
    source.searchParams.set("to", String(to * 1000));
    source.searchParams.set("points", this.hasAttribute("sum") ? "150" : "600");
    const reply = await fetch(source, { headers: { accept: "application/json" } });
    if (!reply.ok) throw new Error(`the controller answered ${reply.status}`);
    return ((await reply.json()) as { items: Row[] }).items;
  }

  private height(): number {
    return this.hasAttribute("compact") ? 170 : 260;
  }

  private say(text: string): void {
    this.plot?.destroy();
    this.plot = null;
    this.querySelector(".empty")?.remove();
    const note = document.createElement("p");
    note.className = "empty";
    note.textContent = text;
    this.append(note);
  }

  private draw(rows: Row[], to: number): void {
    this.querySelector(".empty")?.remove();
    this.plot?.destroy();
    const [unit, scale] = thousands(this.getAttribute("unit") ?? "", rows);
    const scaled = (value: number | null | undefined): number | null => (value == null ? null : value / scale);
    const colour = token("--series-1");
    const line = token("--line");
    const axis = { stroke: token("--text-2"), grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 } };
    const times = rows.map((row) => row.at / 1_000_000);
    const data: uPlot.AlignedData = [
      times,
      rows.map((row) => scaled(row.avg)),
      rows.map((row) => scaled(row.min ?? row.avg)),
      rows.map((row) => scaled(row.max ?? row.avg)),
    ];
    this.plot = new uPlot(
      {
        width: this.clientWidth,
        height: this.height(),
        scales: {
          x: { min: (to - this.span) / 1000, max: to / 1000 },
          // A sum of powers is read against nothing; other values against themselves.
          ...(this.hasAttribute("sum") ? { y: { range: (_: uPlot, __: number, max: number): uPlot.Range.MinMax => [0, (max || 1) * 1.1] } } : {}),
        },
        axes: [
          { ...axis, values: (_, ticks, __, ___, step) => ticks.map((tick) => clock(tick, step)) },
          { ...axis, size: 72, values: (_, ticks) => ticks.map((tick) => (unit ? `${number.format(tick)} ${unit}` : number.format(tick))) },
        ],
        series: [
          {},
          { label: this.getAttribute("title") ?? "Value", stroke: colour, width: 1.5, spanGaps: false },
          { label: "Lowest", stroke: "transparent", points: { show: false } },
          { label: "Highest", stroke: "transparent", points: { show: false } },
        ],
        legend: { show: !this.hasAttribute("compact") },
        bands: [{ series: [3, 2], fill: colour.replace("rgb(", "rgba(").replace(")", ", 0.15)") }],
      },
      data,
      this,
    );
  }

  private resize(): void {
    if (this.plot && this.clientWidth > 0) this.plot.setSize({ width: this.clientWidth, height: this.height() });
  }
}

customElements.define("bo-chart", Chart);
