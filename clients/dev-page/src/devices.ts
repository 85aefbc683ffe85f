// The devices of the account: list, rename, log out, remove.

import type { Schemas } from "../../typescript/src/index.js";
import { byId, make, onClick, run, when } from "./dom.js";
import { ask, confirmed, FRESH, withProof } from "./proof.js";
import { client } from "./service.js";

const RESULT = "devices-result";
type Device = Schemas["Device"];

export function startDevices(): void {
  onClick("devices-reload", RESULT, loadDevices);
}

export async function loadDevices(): Promise<void> {
  const devices = await client.api.list_devices();
  byId("devices").replaceChildren(...devices.map(entry));
}

function entry(device: Device): HTMLLIElement {
  const badge = (text: string, kind = "") => make("span", { class: `badge ${kind}` }, text);
  const { id, deviceName, deviceType, lastActive } = device;
  const actions = make("div", { class: "actions" });
  const action = (label: string, kind: string, work: () => Promise<string>) => {
    const name = `${label} ${deviceName}`;
    const button = make("button", { type: "button", class: `small ${kind}`, "aria-label": name }, label);
    button.addEventListener("click", () => void run(RESULT, work, button));
    actions.append(button);
  };
  action("Rename", "", () => rename(device));
  if (!device.isCurrent && device.isActive) action("Log out", "", () => logOut(id));
  if (!device.isCurrent) action("Remove", "danger", () => remove(device));
  return make(
    "li",
    { class: "item", "data-device": id },
    make(
      "div",
      {},
      make(
        "div",
        { class: "title" },
        make("span", { class: "name" }, deviceName),
        device.isCurrent ? badge("this device", "good") : undefined,
        badge(device.isVerified ? "verified" : "not verified"),
        device.isActive ? undefined : badge("logged out"),
      ),
      make("div", { class: "meta" }, `${deviceType}, active ${when(lastActive)}`),
    ),
    actions,
  );
}

async function rename({ id, deviceName }: Device): Promise<string> {
  const text = "The name is shown to all devices of the account.";
  const title = "Rename the device";
  const name = await ask({ title, text, label: "New name", value: deviceName });
  await client.api.update_device({ path: { deviceId: id }, body: { deviceName: name } });
  await loadDevices();
  return "Renamed.";
}

async function logOut(deviceId: string): Promise<string> {
  await client.api.logout_session({ body: { deviceId } });
  await loadDevices();
  return "Its session has ended.";
}

async function remove({ id, deviceName }: Device): Promise<string> {
  confirmed(`Remove ${deviceName}? Its session ends and its keys are deleted.`);
  const path = { deviceId: id };
  await withProof((body) => client.api.remove_device({ path, body, maxTokenAge: FRESH }));
  await loadDevices();
  return "Removed.";
}
