// Parts of a page that the server renders anew: `data-fresh="alarms"`, `"edges"`, `"trigger:<id>"` when such a thing
// changes, or a number of seconds. The page is asked for again and the element with the same id takes the place of the old
// one, unless somebody is typing or has chosen something in it.
import { ask } from "./ask";
import { adopt } from "./live";
import { type Change, subscribe } from "./socket";
import { count } from "./rows";
import { refresh } from "./when";

let asking = false;

function busy(part: HTMLElement): boolean {
  if (part.contains(document.activeElement) && document.activeElement?.matches("input, textarea, select")) return true;
  return part.querySelector("input:checked, details[open], dialog[open]") !== null;
}

async function renew(ids: string[]): Promise<void> {
  if (asking || document.hidden) return;
  asking = true;
  try {
    // What answers a form stands under an address that can't be asked for again.
    const address = document.querySelector<HTMLElement>("[data-page]")?.dataset["page"] ?? location.href;
    const reply = await ask(address, { headers: { accept: "text/html" } });
    if (!reply.ok || reply.redirected) return;
    const page = new DOMParser().parseFromString(await reply.text(), "text/html");
    for (const id of ids) {
      const [old, fresh] = [document.getElementById(id), page.getElementById(id)];
      if (!old || !fresh || busy(old)) continue;
      refresh(fresh);
      if (old.innerHTML !== fresh.innerHTML) old.replaceChildren(...fresh.childNodes);
    }
    adopt();
    count();
  } catch {
    // No connection: what is shown stays, and the page says that it is cut.
  } finally {
    asking = false;
  }
}

/** At most once in two seconds, and once more for what came meanwhile. */
function paced(ids: string[]): () => void {
  let due: number | undefined;
  let last = 0;
  return () => {
    if (due !== undefined) return;
    due = window.setTimeout(() => {
      due = undefined;
      last = Date.now();
      void renew(ids);
    }, Math.max(300, last + 2_000 - Date.now()));
  };
}

const parts = new Map<string, string[]>();
for (const part of document.querySelectorAll<HTMLElement>("[data-fresh][id]")) {
  const on = part.dataset["fresh"] ?? "";
  parts.set(on, [...(parts.get(on) ?? []), part.id]);
}
for (const [on, ids] of parts) {
  const seconds = Number(on);
  if (seconds > 0) {
    setInterval(() => void renew(ids), seconds * 1000);
    continue;
  }
  const again = paced(ids);
  let first = true;
  const heard = (_: Change): void => {
    // The first message tells what the page shows already.
    if (!first) again();
    first = false;
  };
  if (on.startsWith("trigger:")) subscribe({ trigger: on.slice("trigger:".length) }, heard);
  else subscribe({ [on]: true }, heard);
}
