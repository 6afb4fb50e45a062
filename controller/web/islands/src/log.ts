// A log that is searched, filtered by level, followed or held still, and saved. Lines that come while it is shown obey the
// same filter.

const RANK = ["trace", "debug", "info", "warn", "error"];

for (const bar of document.querySelectorAll<HTMLElement>("[data-log-filter]")) {
  const log = bar.parentElement?.querySelector<HTMLElement>(".log");
  const search = bar.querySelector<HTMLInputElement>('input[type="search"]');
  const level = bar.querySelector<HTMLSelectElement>("select");
  const follow = bar.querySelector<HTMLInputElement>("[data-log-follow]");
  if (!log || !search || !level || !follow) continue;
  bar.hidden = false;
  const lines = (): HTMLElement[] => [...log.querySelectorAll<HTMLElement>(".log__line")];
  const filter = (): void => {
    const wanted = search.value.trim().toLowerCase();
    const least = RANK.indexOf(level.value);
    for (const line of lines()) {
      const rank = RANK.indexOf(line.dataset["level"] ?? "info");
      line.hidden = rank < least || !(line.textContent ?? "").toLowerCase().includes(wanted);
    }
    if (follow.checked) log.scrollTop = log.scrollHeight;
  };
  for (const control of [search, level, follow]) control.addEventListener("input", filter);
  new MutationObserver(filter).observe(log, { childList: true });
  bar.querySelector("[data-log-save]")?.addEventListener("click", () => {
    const shown = lines().filter((line) => !line.hidden);
    const text = shown.map((line) => [...line.children].map((part) => part.getAttribute("datetime") ?? part.textContent).join(" ")).join("\n");
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text + "\n"], { type: "text/plain" }));
    link.download = "log.txt";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  });
  filter();
}
