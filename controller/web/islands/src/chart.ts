// `<bo-chart src="/api/v1/…/history/…" unit="W" title="AC power">`: one line; `lines='[{"src","title","unit","steps"}]'`:
// several, each unit with its own axis; `src` with spaces between and `sum`: their sum. Ranges, stepping back and forth,
// zooming by dragging, gaps hatched, CSV of what is shown. `compact` is lower and has fewer controls. What is chosen
// stands in the address, so that a chart can be sent to somebody.
import uPlot from "uplot";
import { type Line, type Loss, type Row, align, csv, gaps, sum, thousands } from "./chart-data";

const DAY = 86_400_000;
const RANGES: [string, number][] = [
  ["1 h", DAY / 24],
  ["6 h", DAY / 4],
  ["24 h", DAY],
  ["7 d", 7 * DAY],
  ["30 d", 30 * DAY],
  ["1 y", 365 * DAY],
];
/** How often a chart that ends now goes on, in milliseconds. */
const AGAIN = 30_000;

function token(name: string): string {
  // A custom property may hold light-dark(): resolve it through a real colour property.
  const probe = document.createElement("span");
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const colour = getComputedStyle(probe).color;
  probe.remove();
  return colour;
}

const language = "en-GB";
const number = new Intl.NumberFormat(language, { maximumFractionDigits: 2 });
const day = new Intl.DateTimeFormat(language, { day: "numeric", month: "short" });
const hour = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const exact = new Intl.DateTimeFormat(language, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });

/** The label of an instant on the axis: the time, at midnight the day. */
function clock(seconds: number, step: number): string {
  const at = new Date(seconds * 1000);
  return step >= 86_400 || (at.getHours() === 0 && at.getMinutes() === 0) ? day.format(at) : hour.format(at);
}

function measured(value: number | null | undefined, unit: string): string {
  if (value == null) return "–";
  return unit ? `${number.format(value)} ${unit}` : number.format(value);
}

function button(label: string, title: string, act: () => void): HTMLButtonElement {
  const made = document.createElement("button");
  made.type = "button";
  made.className = "btn btn--small btn--quiet";
  made.textContent = label;
  if (title) made.setAttribute("aria-label", title);
  if (title) made.title = title;
  made.addEventListener("click", act);
  return made;
}

/** The axis of values: close around them, also around one that never changes. */
function around(_: uPlot, min: number | null, max: number | null): uPlot.Range.MinMax {
  if (min === null || max === null) return [0, 1];
  if (min === max) return min === 0 ? [0, 1] : [min - Math.max(1, Math.abs(min) / 10), max + Math.max(1, Math.abs(max) / 10)];
  return uPlot.rangeNum(min, max, 0.1, true);
}

/** Whether a line knows nothing but off and on. */
function switches(line: Line): boolean {
  return line.steps && !line.unit && line.rows.every((row) => [row.min, row.avg, row.max].every((value) => value == null || (value >= 0 && value <= 1)));
}

class Chart extends HTMLElement {
  private plot: uPlot | null = null;
  private span = DAY;
  /** The right end in milliseconds; null while it is now. */
  private end: number | null = null;
  private fitted = false;
  private asked = 0;
  private lines: Line[] = [];
  private losses: Loss[] = [];
  private timer: number | undefined;
  private readonly sized = new ResizeObserver(() => this.resize());
  private readonly later = button("Later", "Later", () => this.step(1));
  private readonly now = button("Now", "", () => this.show(this.span, null));

  private get compact(): boolean {
    return this.hasAttribute("compact");
  }

  connectedCallback(): void {
    this.classList.add("chart");
    const wanted = new URLSearchParams(location.search);
    const [span, end] = [Number(wanted.get("span")), Number(wanted.get("end"))];
    if (!this.compact && span > 0) {
      this.fitted = true;
      this.span = span;
      this.end = end > 0 ? end : null;
    }
    const seen = new IntersectionObserver((entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      seen.disconnect();
      this.controls();
      void this.load();
      this.timer = window.setInterval(() => {
        if (this.end === null && !document.hidden) void this.load();
      }, AGAIN);
    });
    seen.observe(this);
    this.sized.observe(this);
  }

  disconnectedCallback(): void {
    clearInterval(this.timer);
    this.sized.disconnect();
    this.plot?.destroy();
  }

  private controls(): void {
    const bar = document.createElement("div");
    bar.className = "chart__bar";
    bar.setAttribute("role", "group");
    bar.setAttribute("aria-label", "Time range");
    for (const [label, span] of this.compact ? RANGES.slice(0, 4).filter(([label]) => label !== "6 h") : RANGES) {
      const made = button(label, "", () => this.show(span, this.end === null ? null : this.end));
      made.dataset["span"] = String(span);
      bar.append(made);
    }
    if (!this.compact) {
      const end = document.createElement("span");
      end.className = "chart__end";
      this.later.textContent = "›";
      const earlier = button("‹", "Earlier", () => this.step(-1));
      end.append(earlier, this.later, this.now, button("CSV", "Download what is shown as CSV", () => this.download()));
      bar.append(end);
    }
    this.prepend(bar);
  }

  /** Half a window back or forth. */
  private step(direction: number): void {
    const end = (this.end ?? Date.now()) + (direction * this.span) / 2;
    this.show(this.span, end >= Date.now() ? null : end);
  }

  private show(span: number, end: number | null): void {
    this.span = Math.max(span, 60_000);
    this.end = end;
    this.fitted = true;
    if (!this.compact) {
      const address = new URL(location.href);
      address.searchParams.set("span", String(Math.round(this.span)));
      if (end === null) address.searchParams.delete("end");
      else address.searchParams.set("end", String(Math.round(end)));
      history.replaceState(history.state, "", address);
    }
    void this.load();
  }

  private wanted(): { src: string; title: string; unit: string; steps?: boolean }[] {
    const lines = this.getAttribute("lines");
    if (lines) return JSON.parse(lines) as { src: string; title: string; unit: string; steps?: boolean }[];
    const [title, unit] = [this.getAttribute("title") ?? "Value", this.getAttribute("unit") ?? ""];
    return (this.getAttribute("src") ?? "").split(" ").map((src) => ({ src, title, unit, steps: this.hasAttribute("steps") }));
  }

  private async load(): Promise<void> {
    const mine = ++this.asked;
    const to = this.end ?? Date.now();
    this.setAttribute("aria-busy", "true");
    try {
      const wanted = this.wanted();
      const answers = await Promise.all(wanted.map((line) => this.ask(line.src, to)));
      if (mine !== this.asked) return;
      this.losses = answers.flatMap((answer) => answer.gaps);
      this.lines = this.hasAttribute("sum")
        ? [{ title: wanted[0]?.title ?? "", unit: wanted[0]?.unit ?? "", steps: false, rows: sum(answers.map((answer) => answer.items)) }]
        : wanted.map((line, index) => ({ ...line, steps: line.steps ?? false, rows: answers[index]?.items ?? [] }));
    } catch (error) {
      if (mine === this.asked) this.say(`The history could not be loaded: ${error instanceof Error ? error.message : "no connection"}.`);
      return;
    } finally {
      if (mine === this.asked) this.removeAttribute("aria-busy");
    }
    for (const each of this.querySelectorAll<HTMLElement>("[data-span]")) {
      each.setAttribute("aria-pressed", String(Number(each.dataset["span"]) === this.span));
    }
    this.now.setAttribute("aria-pressed", String(this.end === null));
    this.later.disabled = this.end === null;
    if (this.lines.every((line) => line.rows.length === 0)) {
      this.say(this.end === null ? "No history in this range yet. Choose a longer one." : "No history in this range.");
      return;
    }
    // Something that has only begun is shown close.
    const began = Math.min(...this.lines.flatMap((line) => line.rows.filter((row) => row.avg !== null).map((row) => row.at)));
    if (!this.fitted && this.span === DAY && began / 1000 > to - DAY / 12) {
      this.fitted = true;
      this.span = DAY / 24;
      void this.load();
      return;
    }
    this.fitted = true;
    this.draw(to);
  }

  private async ask(path: string, to: number): Promise<{ items: Row[]; gaps: Loss[] }> {
    const source = new URL(path, location.href);
    source.searchParams.set("from", String(Math.round((to - this.span) * 1000)));
    source.searchParams.set("to", String(Math.round(to * 1000)));
    source.searchParams.set("points", this.hasAttribute("sum") ? "150" : "600");
    const reply = await fetch(source, { headers: { accept: "application/json" } });
    if (!reply.ok) throw new Error(`the controller answered ${reply.status}`);
    return (await reply.json()) as { items: Row[]; gaps: Loss[] };
  }

  private height(): number {
    if (this.compact) return 170;
    return Math.max(260, Math.min(420, Math.round(window.innerHeight * 0.42)));
  }

  private say(text: string): void {
    this.plot?.destroy();
    this.plot = null;
    for (const old of this.querySelectorAll(".empty, .chart__note")) old.remove();
    const note = document.createElement("p");
    note.className = "empty";
    note.textContent = text;
    this.append(note);
  }

  private draw(to: number): void {
    for (const old of this.querySelectorAll(".empty, .chart__note")) old.remove();
    const scaled = this.lines.map((line) => thousands(line.unit, line.rows));
    const units = [...new Set(scaled.map(([unit]) => unit))];
    const table = align(this.lines, scaled.map(([, scale]) => scale));
    const several = this.lines.length > 1;
    const data = [table.times] as unknown as uPlot.AlignedData;
    const series: uPlot.Series[] = [{ value: (_, seconds) => (seconds == null ? "–" : exact.format(new Date(seconds * 1000))), label: "Time" }];
    const bands: uPlot.Band[] = [];
    this.lines.forEach((line, index) => {
      const [unit] = scaled[index] ?? [""];
      const colour = token(`--series-${(index % 8) + 1}`);
      const columns = table.lines[index];
      if (!columns) return;
      const place = series.length;
      const stepped = uPlot.paths.stepped?.({ align: 1 });
      series.push({
        label: line.title,
        scale: unit || "value",
        stroke: colour,
        width: 1.75,
        spanGaps: false,
        ...(line.steps && stepped ? { paths: stepped } : {}),
        value: (_, value, __, at) => {
          const [low, high] = at == null ? [null, null] : [columns.min[at], columns.max[at]];
          const range = low != null && high != null && low !== high ? ` (${number.format(low)} – ${number.format(high)})` : "";
          return measured(value, unit) + range;
        },
      });
      (data as unknown as unknown[]).push(columns.avg);
      if (several) return;
      // What one line reached between its points is a band around it.
      for (const edge of [columns.min, columns.max]) {
        series.push({ scale: unit || "value", stroke: "transparent", points: { show: false }, show: true, class: "chart__edge" });
        (data as unknown as unknown[]).push(edge);
      }
      bands.push({ series: [place + 2, place + 1], fill: colour.replace("rgb(", "rgba(").replace(")", ", 0.16)") });
    });
    const grid = token("--line");
    const axis = { stroke: token("--text-2"), grid: { stroke: grid, width: 1 }, ticks: { stroke: grid, width: 1 } };
    const flips = (unit: string): boolean => this.lines.every((line, index) => scaled[index]?.[0] !== unit || switches(line));
    const range = (_: uPlot, __: number, max: number): uPlot.Range.MinMax => [0, (max || 1) * 1.1];
    this.plot?.destroy();
    this.plot = new uPlot(
      {
        width: this.clientWidth,
        height: this.height(),
        scales: {
          x: { min: (to - this.span) / 1000, max: to / 1000 },
          // A sum of powers is read against nothing; other values against themselves.
          ...(this.hasAttribute("sum") ? { [units[0] || "value"]: { range } } : {}),
          ...Object.fromEntries(
            (this.hasAttribute("sum") ? [] : units).map((unit) => [unit || "value", { range: flips(unit) ? ([-0.1, 1.1] as uPlot.Range.MinMax) : around }]),
          ),
        },
        axes: [
          { ...axis, values: (_, ticks, __, ___, step) => ticks.map((tick) => clock(tick, step)) },
          ...units.slice(0, 2).map((unit, index) => ({
            ...axis,
            scale: unit || "value",
            side: index === 0 ? 3 : 1,
            size: 74,
            ...(index > 0 ? { grid: { show: false } } : {}),
            values: (_: uPlot, ticks: number[]) =>
              ticks.map((tick) => (flips(unit) ? { 0: "Off", 1: "On" }[tick] ?? "" : measured(tick, unit))),
          })),
        ],
        cursor: { drag: { x: true, y: false, setScale: false } },
        series,
        legend: { show: !this.compact },
        bands,
        hooks: { drawClear: [(plot) => this.hatch(plot)], setSelect: [(plot) => this.zoom(plot)] },
      },
      data,
      this,
    );
    this.note();
  }

  /** What was dragged over becomes the range, loaded as fine as it can be. */
  private zoom(plot: uPlot): void {
    if (plot.select.width < 8) return;
    const [from, to] = [plot.posToVal(plot.select.left, "x"), plot.posToVal(plot.select.left + plot.select.width, "x")];
    this.show((to - from) * 1000, to * 1000);
  }

  /** Stretches in which nothing is known. */
  private hatch(plot: uPlot): void {
    const draw = plot.ctx;
    const box = plot.bbox;
    draw.save();
    draw.beginPath();
    draw.rect(box.left, box.top, box.width, box.height);
    draw.clip();
    draw.strokeStyle = token("--line-strong");
    draw.globalAlpha = 0.45;
    draw.lineWidth = 1;
    for (const [from, to] of this.lines.flatMap((line) => gaps(line.rows))) {
      const [left, right] = [plot.valToPos(from, "x", true), plot.valToPos(to, "x", true)];
      draw.save();
      draw.beginPath();
      draw.rect(left, box.top, right - left, box.height);
      draw.clip();
      draw.beginPath();
      for (let x = left - box.height; x < right; x += 9) {
        draw.moveTo(x, box.top + box.height);
        draw.lineTo(x + box.height, box.top);
      }
      draw.stroke();
      draw.restore();
    }
    draw.restore();
  }

  /** Below the chart: what is hatched, what was lost, how to zoom. */
  private note(): void {
    if (this.compact) return;
    const parts: string[] = [];
    if (this.lines.some((line) => gaps(line.rows).length > 0)) parts.push("Hatched: nothing is known of this time.");
    const lost = this.losses.reduce((count, loss) => count + loss.lost, 0);
    if (lost > 0) parts.push(`${number.format(lost)} records of this time were lost by the gateway: ${[...new Set(this.losses.map((loss) => loss.why))].join(", ")}.`);
    parts.push("Drag across the chart to look closer.");
    const note = document.createElement("p");
    note.className = "chart__note";
    note.textContent = parts.join(" ");
    this.append(note);
  }

  private download(): void {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([csv(this.lines)], { type: "text/csv" }));
    link.download = "history.csv";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  }

  private resize(): void {
    if (this.plot && this.clientWidth > 0) this.plot.setSize({ width: this.clientWidth, height: this.height() });
  }
}

customElements.define("bo-chart", Chart);
