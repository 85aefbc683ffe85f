// The log-ins and the security events of the account, the newest first.

import { byId, make, onClick, when } from "./dom.js";
import { client } from "./service.js";

const SHOWN = 8;

export function startHistory(): void {
  onClick("history-reload", "history-result", loadHistory);
}

export async function loadHistory(): Promise<void> {
  const [logIns, events] = await Promise.all([
    client.api.list_log_ins(),
    client.api.list_security_events(),
  ]);
  fill(
    "log-ins",
    logIns.entries.map((entry) => [entry.deviceName ?? "A removed device", entry.status, entry]),
  );
  fill(
    "security-events",
    events.entries.map((entry) => [entry.event.replaceAll("_", " "), undefined, entry]),
  );
}

type Entry = [string, string | undefined, { createdAt: string; ipAddress?: string }];

function fill(id: string, entries: Entry[]): void {
  byId(id).replaceChildren(
    ...entries.slice(0, SHOWN).map(([title, status, { createdAt, ipAddress }]) => {
      const meta = [when(createdAt), ipAddress, status].filter(Boolean).join(", ");
      return make("li", {}, make("div", {}, title), make("div", { class: "meta" }, meta));
    }),
  );
}
