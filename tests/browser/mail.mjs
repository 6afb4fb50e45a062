// Mail as its reader gets it: the file that the tests' mail server appends to, a message per line.
import { readFile } from "node:fs/promises";

/** The newest message to an address whose subject holds a text, waiting for it; `after` are messages to that address seen already. */
export async function letter(mailbox, to, subject, after = 0) {
  for (let tries = 0; tries < 300; tries += 1) {
    const lines = (await readFile(mailbox, "utf8")).split("\n").filter(Boolean);
    const mine = lines.map((line) => JSON.parse(line)).filter((mail) => mail.to.includes(to) && mail.subject.includes(subject));
    if (mine.length > after) return mine[after];
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error(`no mail “${subject}” for ${to}`);
}

/** The link in a message. */
export function link(mail) {
  return /https?:\/\/\S+/.exec(mail.parts["text/plain"])[0];
}
