// Lines of text: `POWER?` and `POWER=ON`.
import { exchange } from "backoffice:driver/bytes@0.1.0";
import { cancelTimer, publish, setTimer } from "backoffice:driver/host@0.1.0";

const POLL = 1;
const REPLY_MS = 2000;
let pollMs;

export const device = {
  start(config) {
    pollMs = JSON.parse(config.settings).poll;
  },

  handle(event) {
    switch (event.tag) {
      case "connected":
        setTimer(POLL, pollMs, true);
        return ask("POWER?");
      case "disconnected":
        return cancelTimer(POLL);
      case "timer":
        return ask("POWER?");
    }
  },

  command(name, params) {
    if (name !== "power") throw { tag: "refused", val: `there is no command \`${name}\`` };
    ask(JSON.parse(params).on ? "POWER=ON" : "POWER=OFF");
  },
};

// Sends a line; the answer says how the lamp is.
function ask(line) {
  const answer = new TextDecoder().decode(exchange(new TextEncoder().encode(line), REPLY_MS));
  if (answer !== "POWER=ON" && answer !== "POWER=OFF") throw { tag: "protocol", val: answer };
  publish("on", { tag: "boolean", val: answer === "POWER=ON" });
}
