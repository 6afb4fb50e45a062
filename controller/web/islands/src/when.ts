// `<time datetime data-age>` shows how long ago it was and keeps counting; `<time data-exact>` shows the instant in the
// reader's own time. The server has written both already, in UTC.

/** Day before month and 24 hours, as in charts and schedules: the pages are in English, their readers are everywhere. */
const LANGUAGE = "en-GB";
export const exact = new Intl.DateTimeFormat(LANGUAGE, { dateStyle: "medium", timeStyle: "medium" });
const day = new Intl.DateTimeFormat(LANGUAGE, { day: "numeric", month: "short", year: "numeric" });

/** `12 s ago`, `3 min ago`, `in 2 h`: the same words as the server's. */
export function ago(instant: number, now = Date.now()): string {
  const seconds = Math.floor(Math.abs(now - instant) / 1000);
  if (seconds < 5) return "now";
  let text: string;
  if (seconds < 60) text = `${seconds} s`;
  else if (seconds < 3600) text = `${Math.floor(seconds / 60)} min`;
  else if (seconds < 86_400) text = `${Math.floor(seconds / 3600)} h`;
  else if (seconds < 1_209_600) text = `${Math.floor(seconds / 86_400)} d`;
  else return day.format(instant);
  return instant > now ? `in ${text}` : `${text} ago`;
}

/** Brings all times below `scope` up to date. */
export function refresh(scope: ParentNode = document): void {
  for (const time of scope.querySelectorAll<HTMLTimeElement>("time[data-age]")) {
    const instant = Date.parse(time.dateTime);
    if (Number.isNaN(instant)) continue;
    const text = ago(instant);
    if (time.textContent !== text) time.textContent = text;
    time.title = exact.format(instant);
  }
  for (const time of scope.querySelectorAll<HTMLTimeElement>("time[data-exact]")) {
    const instant = Date.parse(time.dateTime);
    if (Number.isNaN(instant)) continue;
    time.textContent = (time.dataset["exact"] === "day" ? day : exact).format(instant);
    time.title = exact.format(instant);
  }
}

refresh();
setInterval(() => refresh(), 1_000);
