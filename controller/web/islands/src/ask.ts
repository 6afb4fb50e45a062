// Asks the server in the name of this page: with the token that says who asks and in which workspace the page was opened. A
// page that another tab has left behind in its workspace is refused, so that it never shows what belongs to another.

const meta = (name: string): HTMLMetaElement | null => document.querySelector<HTMLMetaElement>(`meta[name="${name}"]`);

/** `fetch`, with the page's token. */
export function ask(address: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  const token = meta("csrf-token")?.content;
  if (token) headers.set("x-csrf-token", token);
  return fetch(address, { ...init, headers });
}

// Another tab went to another workspace: this page says so.
const mine = meta("workspace");
if (mine && "BroadcastChannel" in window) {
  const channel = new BroadcastChannel("workspace");
  let notice: HTMLElement | null = null;
  channel.addEventListener("message", ({ data }: MessageEvent<{ id: string; name: string }>) => {
    notice?.remove();
    notice = null;
    if (data.id === mine.content) return;
    notice = document.createElement("div");
    notice.className = "notice notice--warn";
    notice.setAttribute("role", "status");
    const text = document.createElement("p");
    text.textContent = `In another tab you went to “${data.name}”. This page still shows “${mine.dataset["name"]}”. `;
    const again = document.createElement("a");
    again.href = "/";
    again.textContent = `Show “${data.name}” here too`;
    text.append(again);
    notice.append(text);
    document.getElementById("main")?.prepend(notice);
  });
  channel.postMessage({ id: mine.content, name: mine.dataset["name"] });
}
