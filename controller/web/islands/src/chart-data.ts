// What a chart is drawn from: rows of the history API put side by side in time, gaps, units that read well, CSV. Pure.

/** A row of `/api/v1/devices/{id}/history/{name}`; `avg` is null where nothing was known. */
export interface Row {
  at: number; // microseconds
  min?: number | null;
  avg: number | null;
  max?: number | null;
}

/** Records a gateway lost, as the history API lists them. */
export interface Loss {
  since: number; // microseconds
  at: number;
  lost: number;
  why: string;
}

/** One line: its rows and what it is called. */
export interface Line {
  title: string;
  unit: string;
  rows: Row[];
  /** Drawn as steps: on and off, counts, states. */
  steps: boolean;
}

/** Values of all lines at all times: `undefined` where a line has no row, `null` where nothing was known. */
export interface Table {
  times: number[]; // seconds
  lines: { avg: Cell[]; min: Cell[]; max: Cell[] }[];
}

type Cell = number | null | undefined;

/** Rows of several lines as one: what is known of each at the same time, added up. */
export function sum(series: Row[][]): Row[] {
  if (series.length === 1) return series[0] ?? [];
  const at = new Map<number, Row>();
  for (const row of series.flat()) {
    const held = at.get(row.at);
    if (!held) at.set(row.at, { at: row.at, avg: row.avg });
    else if (row.avg !== null) held.avg = (held.avg ?? 0) + row.avg;
  }
  return [...at.values()].sort((a, b) => a.at - b.at);
}

/** Puts lines side by side; each value divided by its line's `scale`. */
export function align(lines: Line[], scales: number[]): Table {
  const times = [...new Set(lines.flatMap((line) => line.rows.map((row) => row.at)))].sort((a, b) => a - b);
  const places = new Map(times.map((at, index) => [at, index]));
  const table: Table = { times: times.map((at) => at / 1_000_000), lines: [] };
  lines.forEach((line, index) => {
    const cells = (): Cell[] => new Array<Cell>(times.length).fill(undefined);
    const columns = { avg: cells(), min: cells(), max: cells() };
    const scale = scales[index] ?? 1;
    const scaled = (value: number | null | undefined): number | null => (value == null ? null : value / scale);
    for (const row of line.rows) {
      const place = places.get(row.at);
      if (place === undefined) continue;
      columns.avg[place] = scaled(row.avg);
      columns.min[place] = scaled(row.min ?? row.avg);
      columns.max[place] = scaled(row.max ?? row.avg);
    }
    table.lines.push(columns);
  });
  return table;
}

/** Stretches in seconds in which a line knew nothing, between things it knew. */
export function gaps(rows: Row[]): [number, number][] {
  const found: [number, number][] = [];
  let began: number | null = null;
  for (const row of rows) {
    if (row.avg === null) began ??= row.at;
    else if (began !== null) {
      found.push([began / 1_000_000, row.at / 1_000_000]);
      began = null;
    }
  }
  return found;
}

/** `kW` where watts would be too long to read, and what to divide by. */
export function thousands(unit: string, rows: Row[]): [string, number] {
  const largest = Math.max(0, ...rows.map((row) => Math.abs(row.max ?? row.avg ?? 0)));
  if (["W", "VA", "var", "Wh"].includes(unit) && largest >= 2000) return [`k${unit}`, 1000];
  return unit === "kWh" && largest >= 20_000 ? ["MWh", 1000] : [unit, 1];
}

/** All lines in one CSV: a row per time, a column per line, with its unit. Formulas are disarmed as the server does. */
export function csv(lines: Line[]): string {
  const table = align(lines, []);
  const quoted = (text: string): string => `"${(/^[=+\-@\t\r]/.test(text) ? `'${text}` : text).replaceAll('"', '""')}"`;
  const head = ["time", ...lines.map((line) => quoted(line.unit ? `${line.title} (${line.unit})` : line.title))];
  const rows = table.times.map((seconds, index) =>
    [new Date(seconds * 1000).toISOString(), ...table.lines.map((line) => String(line.avg[index] ?? ""))].join(","),
  );
  return [head.join(","), ...rows].join("\r\n") + "\r\n";
}
