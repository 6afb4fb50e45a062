// Lists worked through with the keyboard: `data-rows` on a table whose rows can be chosen. ↓ ↑ or j k move, x or the space
// bar chooses, Shift with a click chooses everything between, Enter opens, `data-key` names further keys of buttons.

const ROW = "[data-rows] tbody tr";

function rows(): HTMLTableRowElement[] {
  return [...document.querySelectorAll<HTMLTableRowElement>(ROW)];
}

function box(row: HTMLTableRowElement | undefined): HTMLInputElement | null {
  return row?.querySelector<HTMLInputElement>('input[type="checkbox"]') ?? null;
}

function current(): number {
  return rows().findIndex((row) => row.contains(document.activeElement) && document.activeElement !== document.body);
}

/** Says how many are chosen, and lets what needs a choice be used only with one. */
export function count(): void {
  for (const form of document.querySelectorAll<HTMLFormElement>("form:has([data-rows])")) {
    const boxes = [...form.querySelectorAll<HTMLInputElement>('[data-rows] input[type="checkbox"]:not([data-choose-all])')];
    const chosen = boxes.filter((each) => each.checked).length;
    for (const each of form.querySelectorAll<HTMLElement>("[data-chosen]")) each.textContent = chosen > 0 ? `${chosen} chosen` : "None chosen";
    for (const each of form.querySelectorAll<HTMLButtonElement>("[data-needs-choice]")) each.disabled = chosen === 0;
    const all = form.querySelector<HTMLInputElement>("[data-choose-all]");
    if (all) {
      all.checked = chosen > 0 && chosen === boxes.length;
      all.indeterminate = chosen > 0 && chosen < boxes.length;
    }
  }
}

let last: HTMLInputElement | null = null;

document.addEventListener("click", (event) => {
  const target = event.target as HTMLElement;
  const mark = target.closest<HTMLInputElement>(`${ROW} input[type="checkbox"]`);
  if (!mark) return;
  const boxes = rows().map(box);
  const [from, to] = [boxes.indexOf(last), boxes.indexOf(mark)];
  if (event.shiftKey && last && from >= 0) {
    for (const each of boxes.slice(Math.min(from, to), Math.max(from, to) + 1)) if (each) each.checked = mark.checked;
  }
  last = mark;
});

document.addEventListener("change", (event) => {
  const target = event.target as HTMLInputElement;
  if (target.matches("[data-choose-all]")) {
    for (const row of rows()) {
      const mark = box(row);
      if (mark) mark.checked = target.checked;
    }
  }
  count();
});

document.addEventListener("keydown", (event) => {
  const typing = (event.target as Element).closest('input:not([type="checkbox"]), textarea, select, dialog, [contenteditable]');
  if (typing || event.ctrlKey || event.metaKey || event.altKey || !document.querySelector("[data-rows]")) return;
  const all = rows();
  const at = current();
  const named = document.querySelector<HTMLButtonElement>(`form:has([data-rows]) [data-key="${CSS.escape(event.key)}"]`);
  const focus = (index: number): void => {
    const row = all[Math.max(0, Math.min(index, all.length - 1))];
    (box(row) ?? row?.querySelector<HTMLElement>("a"))?.focus();
    row?.scrollIntoView({ block: "nearest" });
  };
  if (event.key === "j" || event.key === "ArrowDown") focus(at + 1);
  else if (event.key === "k" || event.key === "ArrowUp") focus(at < 0 ? 0 : at - 1);
  else if (event.key === "x" && at >= 0) {
    const mark = box(all[at]);
    if (!mark) return;
    mark.checked = !mark.checked;
    last = mark;
    count();
  } else if (event.key === "Enter" && at >= 0 && document.activeElement?.matches("input")) {
    all[at]?.querySelector<HTMLAnchorElement>("a")?.click();
  } else if (named) {
    // What concerns the chosen concerns the row one is on, when none is chosen.
    if (named.disabled && at >= 0) {
      const mark = box(all[at]);
      if (mark) mark.checked = true;
      count();
    }
    if (!named.disabled) named.click();
  } else return;
  event.preventDefault();
});

count();
