// A form or button with data-confirm asks first, in a dialog that says what will happen. Without script the
// form posts at once; the server offers undo where it can.

document.addEventListener("submit", (event) => {
  const form = event.target as HTMLFormElement;
  const submitter = event.submitter as HTMLElement | null;
  const question = submitter?.dataset["confirm"] ?? form.dataset["confirm"];
  if (!question || form.dataset["confirmed"] === "yes") return;
  event.preventDefault();
  void ask(question, submitter?.textContent?.trim() || "Continue").then((yes) => {
    if (!yes) return;
    form.dataset["confirmed"] = "yes";
    form.requestSubmit(submitter);
    delete form.dataset["confirmed"];
  });
});

/** Asks a yes-or-no question; false when it is closed any other way. */
export function ask(question: string, action: string): Promise<boolean> {
  const dialog = document.createElement("dialog");
  const text = document.createElement("p");
  text.textContent = question;
  const actions = document.createElement("form");
  actions.method = "dialog";
  actions.className = "form__actions";
  for (const [value, label, style] of [
    ["yes", action, "btn btn--danger"],
    ["no", "Cancel", "btn"],
  ] as const) {
    const button = document.createElement("button");
    button.value = value;
    button.className = style;
    button.textContent = label;
    actions.append(button);
  }
  dialog.append(text, actions);
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      resolve(dialog.returnValue === "yes");
      dialog.remove();
    });
  });
}
