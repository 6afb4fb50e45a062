// Navigation drawer, theme, menus that close, flash messages that announce themselves.

const root = document.documentElement;

type Theme = "auto" | "light" | "dark";

function applyTheme(theme: Theme): void {
  if (theme === "auto") delete root.dataset["theme"];
  else root.dataset["theme"] = theme;
}

function storedTheme(): Theme {
  const stored = localStorage.getItem("theme");
  return stored === "light" || stored === "dark" ? stored : "auto";
}

applyTheme(storedTheme());

document.addEventListener("click", (event) => {
  const target = event.target as Element;
  const themeButton = target.closest("[data-theme-toggle]");
  if (themeButton) {
    const order: Theme[] = ["auto", "light", "dark"];
    const next = order[(order.indexOf(storedTheme()) + 1) % order.length] ?? "auto";
    localStorage.setItem("theme", next);
    applyTheme(next);
    toast(`Theme: ${next === "auto" ? "as the system" : next}`);
  }
  const drawer = document.getElementById("nav");
  if (drawer) {
    const open = target.closest("[data-nav-toggle]") !== null;
    const inside = target.closest("#nav") !== null;
    if (open || (!inside && drawer.classList.contains("nav--open"))) {
      const isOpen = drawer.classList.toggle("nav--open", open && !drawer.classList.contains("nav--open"));
      document.querySelector("[data-nav-toggle]")?.setAttribute("aria-expanded", String(isOpen));
      if (isOpen) drawer.querySelector<HTMLElement>("a")?.focus();
    }
  }
  for (const menu of document.querySelectorAll<HTMLDetailsElement>("details.menu[open]")) {
    if (!menu.contains(target)) menu.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  document.getElementById("nav")?.classList.remove("nav--open");
  for (const menu of document.querySelectorAll<HTMLDetailsElement>("details.menu[open]")) {
    menu.open = false;
    menu.querySelector("summary")?.focus();
  }
});

/** Says something briefly, to eyes and to screen readers. */
export function toast(text: string, bad = false): void {
  let box = document.querySelector<HTMLElement>(".toasts");
  if (!box) {
    box = document.createElement("div");
    box.className = "toasts";
    box.setAttribute("role", "status");
    document.body.append(box);
  }
  const note = document.createElement("div");
  note.className = bad ? "toast toast--bad" : "toast";
  note.textContent = text;
  box.append(note);
  setTimeout(() => note.remove(), bad ? 12_000 : 5_000);
}

/** The token every request that changes something carries. */
export function csrf(): string {
  return document.querySelector<HTMLMetaElement>('meta[name="csrf-token"]')?.content ?? "";
}
