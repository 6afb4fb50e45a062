// The command palette: Ctrl+K or `/` finds any page, zone, system, device, trigger or person one may see.
import { ask } from "./ask";

interface Hit {
  title: string;
  href: string;
  kind: string;
  about?: string;
}

let dialog: HTMLDialogElement | null = null;

document.addEventListener("keydown", (event) => {
  const typing = (event.target as Element).closest("input, textarea, select, [contenteditable]");
  if ((event.key === "k" && (event.ctrlKey || event.metaKey)) || (event.key === "/" && !typing)) {
    event.preventDefault();
    open();
  }
});

document.addEventListener("click", (event) => {
  if ((event.target as Element).closest("[data-palette]")) open();
});

function open(): void {
  if (dialog?.open) return;
  dialog = document.createElement("dialog");
  dialog.className = "palette";
  dialog.setAttribute("aria-label", "Search everything");
  const input = document.createElement("input");
  input.type = "search";
  input.placeholder = "Search zones, systems, devices, people, pages …";
  input.setAttribute("role", "combobox");
  input.setAttribute("aria-label", "Search");
  input.setAttribute("aria-controls", "palette-hits");
  input.setAttribute("aria-expanded", "true");
  const list = document.createElement("ul");
  list.id = "palette-hits";
  list.setAttribute("role", "listbox");
  dialog.append(input, list);
  document.body.append(dialog);
  dialog.showModal();
  dialog.addEventListener("close", () => dialog?.remove());

  let hits: Hit[] = [];
  let chosen = 0;
  let asked = 0;
  let waiting = false;

  const show = (): void => {
    list.replaceChildren(
      ...hits.map((hit, index) => {
        const row = document.createElement("li");
        row.id = `palette-hit-${index}`;
        row.setAttribute("role", "option");
        row.setAttribute("aria-selected", String(index === chosen));
        const title = document.createElement("span");
        title.textContent = hit.title;
        const kind = document.createElement("span");
        kind.className = "muted";
        kind.textContent = hit.about && hit.about !== hit.kind ? `${hit.kind}, ${hit.about}` : hit.kind;
        row.append(title, kind);
        row.addEventListener("click", () => location.assign(hit.href));
        return row;
      }),
    );
    if (hits.length === 0 && !waiting) {
      const none = document.createElement("li");
      none.className = "muted";
      none.setAttribute("role", "option");
      none.setAttribute("aria-disabled", "true");
      none.textContent = `Nothing you may see is called “${input.value.trim()}”.`;
      list.append(none);
    }
    input.setAttribute("aria-activedescendant", hits.length > 0 ? `palette-hit-${chosen}` : "");
    list.children[chosen]?.scrollIntoView({ block: "nearest" });
  };

  const search = async (): Promise<void> => {
    const mine = ++asked;
    const query = input.value.trim().toLowerCase();
    const pages: Hit[] = [...document.querySelectorAll<HTMLAnchorElement>("#nav a")]
      .map((link) => ({ title: link.textContent?.trim() ?? "", href: link.href, kind: "page" }))
      .filter((hit) => hit.title.toLowerCase().includes(query));
    let found: Hit[] = [];
    waiting = true;
    if (query.length > 1) {
      try {
        const reply = await ask(`/api/v1/search?q=${encodeURIComponent(query)}`, { headers: { accept: "application/json" } });
        if (reply.ok) found = ((await reply.json()) as { items: Hit[] }).items;
      } catch {
        // Offline: the pages are still found.
      }
    }
    if (mine !== asked) return;
    hits = [...pages, ...found].slice(0, 30);
    waiting = false;
    chosen = 0;
    show();
  };

  input.addEventListener("input", () => void search());
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") chosen = Math.min(chosen + 1, hits.length - 1);
    else if (event.key === "ArrowUp") chosen = Math.max(chosen - 1, 0);
    else if (event.key === "Enter") {
      const hit = hits[chosen];
      if (hit) location.assign(hit.href);
      return;
    } else return;
    event.preventDefault();
    show();
  });
  void search();
}
