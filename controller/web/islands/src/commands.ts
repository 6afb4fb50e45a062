// Controls: a command is sent without leaving the page, and its evidence appears below the control step by step as it
// happens. What is wrong with a field stands beside it. The server words both.
import { subscribe } from "./socket";
import { toast } from "./shell";

/** Shows a command's evidence in `place` until nothing further will happen. */
export function follow(command: string, place: HTMLElement): void {
  const stop = subscribe({ command }, (change) => {
    void fetch(`/commands/${command}/evidence`).then(async (reply) => {
      if (reply.ok) place.innerHTML = await reply.text();
      if (change.final) stop();
    });
  });
}

async function send(form: HTMLFormElement, submitter: HTMLElement | null): Promise<void> {
  const place = form.querySelector<HTMLElement>(".control__evidence");
  const body = new URLSearchParams();
  for (const [name, value] of new FormData(form, submitter)) if (typeof value === "string") body.append(name, value);
  for (const note of form.querySelectorAll("[data-field-error]")) note.textContent = "";
  form.setAttribute("aria-busy", "true");
  try {
    const reply = await fetch(form.action, { method: "POST", headers: { accept: "application/json" }, body });
    const answer = (await reply.json()) as { command?: string; fields?: [string, string][]; error?: { message: string } };
    if (answer.command && place) {
      place.textContent = "Sent …";
      follow(answer.command, place);
      return;
    }
    const fields = answer.fields ?? [["", answer.error?.message ?? `The controller answered ${reply.status}.`] as [string, string]];
    for (const [name, sentence] of fields) {
      const note = name ? form.querySelector(`[data-field-error="${CSS.escape(name)}"]`) : null;
      const label = name ? (form.querySelector(`[name="${CSS.escape(name)}"]`)?.closest(".control__field")?.querySelector("label")?.textContent ?? name) : "";
      if (note) note.textContent = `${label.trim()} ${sentence}. `;
      else refuse(place, name ? `${name} ${sentence}` : sentence);
    }
  } catch {
    refuse(place, "There is no connection to the controller. Nothing was sent.");
  } finally {
    form.removeAttribute("aria-busy");
  }
}

function refuse(place: HTMLElement | null, text: string): void {
  if (!place) return toast(text, true);
  const note = document.createElement("p");
  note.className = "field__error";
  note.textContent = text;
  place.replaceChildren(note);
}

document.addEventListener("submit", (event) => {
  const form = event.target as HTMLFormElement;
  if (event.defaultPrevented || !form.matches("[data-command]")) return;
  event.preventDefault();
  void send(form, event.submitter);
});

for (const place of document.querySelectorAll<HTMLElement>("[data-evidence]")) {
  if (place.querySelector('[data-final="false"]')) follow(place.dataset["evidence"] ?? "", place);
}
