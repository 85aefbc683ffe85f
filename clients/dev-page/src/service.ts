// The client of this window, and what the service offers.

import {
  Client,
  createClient,
  indexedDbStorage,
  type RequestArguments,
  type SessionEvent,
} from "../../typescript/src/index.js";
import { expectMessage } from "./inbox.js";
import { loggedFetch } from "./log.js";

/** Which device this window is: `/dev?device=2` is another one, with a session of its own. */
const asked = new URLSearchParams(location.search).get("device") ?? "1";
export const DEVICE = /^[1-9]$/.test(asked) ? asked : "1";
const STORAGE_KEY = `auth.device-${DEVICE}`;

/** What this page itself remembers of the device. */
export const memory = {
  get: (name: string) => localStorage.getItem(`${STORAGE_KEY}.${name}`) ?? undefined,
  set: (name: string, value: string) => localStorage.setItem(`${STORAGE_KEY}.${name}`, value),
};

const storage = indexedDbStorage();
export let client: Client = newClient();
let listener: (event: SessionEvent) => void = () => {};
let unsubscribe = client.subscribe((event) => listener(event));

function newClient(): Client {
  return createClient({
    baseUrl: location.origin,
    storage,
    fetch: async (url, init) => {
      const response = await loggedFetch(url, init);
      // A code, or a notice of a change.
      if (response.ok && init?.method !== "GET") expectMessage();
      return response;
    },
    storageKey: STORAGE_KEY,
    dpop: memory.get("dpop") === "on",
  });
}

export function onSession(listen: (event: SessionEvent) => void): void {
  listener = listen;
}

/** Whether new sessions are bound to a key of this browser. */
export function bindTokens(on: boolean): void {
  if (on === (memory.get("dpop") === "on")) return;
  memory.set("dpop", on ? "on" : "off");
  unsubscribe();
  client = newClient();
  unsubscribe = client.subscribe((event) => listener(event));
}

/** A request to a route that the client's types may not know yet. */
export function send(method: string, path: string, args: RequestArguments = {}): Promise<any> {
  return client.request(method, `/auth/v1${path}`, args);
}

/** Parts of the page, and the routes that they need: without these they are not shown. */
const NEEDS: Record<string, string[]> = {
  challenge: ["/qr-code/scan", "/qr-code/challenge/{}/approve"],
  link: ["/qr-code/link", "/qr-code/link/{}/approve"],
  lock: ["/account/registration-lock"],
  account: ["/account"],
  "change-phone": ["/verify/change-phone/request", "/account/phone-number"],
  export: ["/account/export"],
};

/** The parts that this service has the routes for, by its API description. */
export async function offeredParts(): Promise<Set<string>> {
  const response = await fetch("/auth/swagger-json");
  const { paths } = (await response.json()) as { paths: Record<string, unknown> };
  const routes = new Set(Object.keys(paths).map((path) => path.replace(/\{\w+\}/g, "{}")));
  const has = (route: string) => routes.has(`/auth/v1${route}`);
  const parts = new Set(Object.keys(NEEDS).filter((part) => NEEDS[part]!.every(has)));
  if (parts.has("challenge") || parts.has("link")) parts.add("qr");
  return parts;
}
