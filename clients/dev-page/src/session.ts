// This session: its tokens, their age, and its end.

import type { StoredSession } from "../../typescript/src/index.js";
import { facts, make, onClick, when } from "./dom.js";
import { shorten } from "./log.js";
import { client } from "./service.js";

const RESULT = "session-result";

export function startSession(): void {
  onClick("refresh", RESULT, async () => {
    await client.refresh();
    return "New tokens. The refresh token before is spent.";
  });
  onClick("ws-token", RESULT, async () => {
    const { expiresIn } = await client.api.issue_ws_token();
    return `A token for ${expiresIn} seconds: see Requests.`;
  });
  onClick("log-out", RESULT, () => client.logOut());
  onClick("log-out-all", RESULT, () => client.logOutAll());
}

export function showSession(session: StoredSession): void {
  const mono = (text: string) => make("span", { class: "mono" }, text);
  facts("session-facts", {
    User: mono(session.userId),
    Device: mono(session.deviceId),
    "Access token": mono(shorten(session.accessToken)),
    "Good until": when(session.accessExpiresAt),
    "Refresh token": mono(shorten(session.refreshToken)),
    "Bound to key": session.jkt === undefined ? "no" : mono(session.jkt),
  });
}
