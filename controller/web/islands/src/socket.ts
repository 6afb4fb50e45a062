// One connection to `/api/v1/live` for the whole page, made when first needed, kept alive, resumed after a cut.
// The protocol is described in controller/estate/src/live/PROTOCOL.md.

export interface LiveValue {
  device: string;
  name: string;
  value: { data: unknown; quality: unknown; observed_at: number; source: string };
  shown: string;
}

export interface Change {
  subscription: number;
  token?: string;
  values?: LiveValue[];
  alarms?: { id: string; active: boolean; acknowledged: boolean; severity: string; text: string; device?: string | null; system?: string | null }[];
  log?: { at: number; level: string; text: string }[];
  steps?: { stage: string; at: number; [more: string]: unknown }[];
  final?: boolean;
  ended?: string;
}

type Target = Record<string, unknown>;
type Answer = { ok?: Record<string, unknown>; error?: { code: string; message: string } };

interface Wanted {
  to: Target;
  heard: (change: Change) => void;
  token?: string;
}

const wanted = new Set<Wanted>();
const active = new Map<number, Wanted>();
const waiting = new Map<number, (answer: Answer) => void>();
let socket: WebSocket | null = null;
let nextId = 1;
let pause = 500;
let alive = 0;

/** Tells the page whether what it shows is live: `data-live-state` on the document element. */
function state(word: "live" | "connecting" | "cut"): void {
  document.documentElement.dataset["liveState"] = word;
}

function connect(): void {
  if (socket) return;
  state("connecting");
  const address = new URL("/api/v1/live", location.href);
  address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  socket = new WebSocket(address);
  socket.addEventListener("open", () => {
    pause = 500;
    state("live");
    for (const want of wanted) subscribeNow(want);
    alive = window.setInterval(() => void request({ do: "ping" }), 20_000);
  });
  socket.addEventListener("message", (event) => hear(JSON.parse(event.data as string) as Change & Answer & { id?: number }));
  socket.addEventListener("close", () => {
    clearInterval(alive);
    socket = null;
    active.clear();
    for (const answer of waiting.values()) answer({ error: { code: "cut", message: "The connection was cut." } });
    waiting.clear();
    state("cut");
    if (wanted.size > 0) setTimeout(connect, pause * (0.5 + Math.random() / 2));
    pause = Math.min(pause * 2, 15_000);
  });
}

function hear(message: Change & Answer & { id?: number }): void {
  if (message.id !== undefined) {
    waiting.get(message.id)?.(message);
    waiting.delete(message.id);
    return;
  }
  const want = active.get(message.subscription);
  if (!want) return;
  if (message.token) want.token = message.token;
  if (message.ended) {
    active.delete(message.subscription);
    wanted.delete(want);
  }
  want.heard(message);
}

function request(body: Record<string, unknown>): Promise<Answer> {
  const id = nextId++;
  return new Promise((resolve) => {
    if (socket?.readyState !== WebSocket.OPEN) {
      resolve({ error: { code: "cut", message: "There is no connection to the controller." } });
      return;
    }
    waiting.set(id, resolve);
    socket.send(JSON.stringify({ id, ...body }));
  });
}

function subscribeNow(want: Wanted): void {
  // The answer comes before the first change on the same socket, so the number is known in time.
  void request({ do: "subscribe", to: want.to, ...(want.token ? { resume: want.token } : {}) }).then((answer) => {
    const number = answer.ok?.["subscription"];
    if (typeof number === "number") active.set(number, want);
    else wanted.delete(want);
  });
}

/** Hears of changes until the returned function is called. */
export function subscribe(to: Target, heard: (change: Change) => void): () => void {
  const want: Wanted = { to, heard };
  wanted.add(want);
  if (socket?.readyState === WebSocket.OPEN) subscribeNow(want);
  else connect();
  return () => {
    wanted.delete(want);
    for (const [number, other] of active) {
      if (other !== want) continue;
      active.delete(number);
      void request({ do: "unsubscribe", subscription: number });
    }
  };
}
