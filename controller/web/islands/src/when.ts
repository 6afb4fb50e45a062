// `<time datetime>` with data-age shows how long ago it was and keeps counting; the exact instant is its title.

const format = new Intl.RelativeTimeFormat(document.documentElement.lang || "en", { numeric: "auto", style: "short" });
const exact = new Intl.DateTimeFormat(document.documentElement.lang || "en", { dateStyle: "medium", timeStyle: "medium" });

/** `12 sec. ago`, `yesterday`, `in 3 hr.` */
export function ago(instant: number, now = Date.now()): string {
  const seconds = Math.round((instant - now) / 1000);
  const size = Math.abs(seconds);
  if (size < 5) return "now";
  if (size < 100) return format.format(seconds, "second");
  if (size < 5400) return format.format(Math.round(seconds / 60), "minute");
  if (size < 129_600) return format.format(Math.round(seconds / 3600), "hour");
  return format.format(Math.round(seconds / 86_400), "day");
}

/** Brings all ages on the page up to date. */
export function refresh(scope: ParentNode = document): void {
  for (const time of scope.querySelectorAll<HTMLTimeElement>("time[data-age]")) {
    const instant = Date.parse(time.dateTime);
    if (Number.isNaN(instant)) continue;
    time.textContent = ago(instant);
    time.title = exact.format(instant);
  }
  for (const time of scope.querySelectorAll<HTMLTimeElement>("time[data-exact]")) {
    const instant = Date.parse(time.dateTime);
    if (!Number.isNaN(instant)) time.textContent = exact.format(instant);
  }
}

refresh();
setInterval(refresh, 5_000);
