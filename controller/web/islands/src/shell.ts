// Navigation drawer, menus that close, messages that announce themselves, small conveniences of forms.

document.addEventListener("click", (event) => {
  const target = event.target as Element;
  const toggle = target.closest<HTMLElement>("[data-nav-toggle]");
  const drawer = document.getElementById("nav");
  if (drawer) {
    const open = toggle !== null && !drawer.classList.contains("nav--open");
    if (toggle || !target.closest("#nav")) {
      drawer.classList.toggle("nav--open", open);
      document.querySelector("[data-nav-toggle]")?.setAttribute("aria-expanded", String(open));
      if (open) drawer.querySelector<HTMLElement>("a")?.focus();
    }
  }
  for (const menu of document.querySelectorAll<HTMLDetailsElement>("details.menu[open]")) {
    if (!menu.contains(target)) menu.open = false;
  }
  const copy = target.closest<HTMLElement>("[data-copy]");
  if (copy) void copied(copy.dataset["copy"] ?? "");
});

/** Copies a text. A page that came over plain HTTP has no clipboard: there it is copied from a field. */
async function copied(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const field = document.createElement("textarea");
    field.value = text;
    document.body.append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
  }
  toast("Copied.");
}

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  document.getElementById("nav")?.classList.remove("nav--open");
  for (const menu of document.querySelectorAll<HTMLDetailsElement>("details.menu[open]")) {
    menu.open = false;
    menu.querySelector("summary")?.focus();
  }
});

// `/` leads to the search field of the page, where there is one; the palette takes it otherwise.
document.addEventListener("keydown", (event) => {
  const field = document.querySelector<HTMLInputElement>("main [data-search]");
  const typing = (event.target as Element).closest("input, textarea, select, [contenteditable], dialog");
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || typing || !field) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  field.focus();
  field.select();
});

// A choice that needs no button.
document.addEventListener("change", (event) => {
  const field = event.target as HTMLElement;
  if (field.matches("[data-submit]")) (field as HTMLSelectElement).form?.requestSubmit();
});

// What is printed is the page without its frame (`@media print`); the browser makes a PDF of it as well.
document.addEventListener("click", (event) => {
  if ((event.target as Element).closest("[data-print]")) window.print();
});

// What takes its time says so: the button that was pressed, and a line at the top until the next page is there. A form is
// sent once, however often its button is pressed meanwhile.
const FILE = /[?&]format=|\/proof|\/export|\/api\/|\.(csv|zip|toml|json)\b/;
let leads = "";

document.addEventListener("click", (event) => {
  const link = (event.target as Element).closest<HTMLAnchorElement>("a[href]");
  leads = link ? (link.hasAttribute("download") || link.target ? "file" : link.href) : "";
});

// On the window: whoever asks first or sends it otherwise has been heard by then.
window.addEventListener("submit", (event) => {
  const form = event.target as HTMLFormElement;
  leads = form.action;
  if (event.defaultPrevented || form.method !== "post") return;
  if (form.dataset["sent"]) return event.preventDefault();
  form.dataset["sent"] = "yes";
  event.submitter?.setAttribute("aria-busy", "true");
  // Whatever becomes of it (a file, a page that stays): it can be sent again.
  setTimeout(() => arrived(form, event.submitter), 6_000);
});

function arrived(form: HTMLFormElement, button: HTMLElement | null): void {
  delete form.dataset["sent"];
  button?.removeAttribute("aria-busy");
}

window.addEventListener("beforeunload", () => {
  if (leads === "file" || FILE.test(leads)) return;
  document.documentElement.dataset["leaving"] = "";
  setTimeout(() => delete document.documentElement.dataset["leaving"], 30_000);
});

// Back from the browser's memory of pages, as it was when it was left.
window.addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  delete document.documentElement.dataset["leaving"];
  for (const form of document.querySelectorAll<HTMLFormElement>("form[data-sent]")) arrived(form, form.querySelector<HTMLElement>("[aria-busy]"));
});

/** Says something briefly, to eyes and to screen readers. */
export function toast(text: string, bad = false): void {
  const box = document.getElementById("toasts") ?? document.body.appendChild(document.createElement("div"));
  box.className = "toasts";
  const note = document.createElement("div");
  note.className = bad ? "toast toast--bad" : "toast";
  note.textContent = text;
  box.append(note);
  setTimeout(() => note.remove(), bad ? 12_000 : 5_000);
}

// What the server had to say is read, then goes away by itself.
for (const note of document.querySelectorAll("#toasts .toast")) setTimeout(() => note.remove(), 8_000);
