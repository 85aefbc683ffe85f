// The account itself, and its registration lock. Routes that the service lacks hide their part.

import { byId, facts, form, input, onClick, onSubmit, show, when } from "./dom.js";
import { confirmed, FRESH, withProof } from "./proof.js";
import { newestCode } from "./inbox.js";
import { client, memory, send } from "./service.js";

const RESULT = "account-result";

let newNumber: { verificationId: string; phoneNumber: string } | undefined;

export function startAccount(): void {
  onClick("account-reload", RESULT, loadAccount);
  onClick("account-export", RESULT, exportData);
  onClick("account-delete", RESULT, deleteAccount);
  onSubmit("number-form", RESULT, changeNumber);
  onClick("lock-set", "lock-result", setLock);
  onClick("lock-remove", "lock-result", removeLock);
}

export async function loadAccount(): Promise<void> {
  const account = await send("GET", "/account", { bearer: true });
  const names: Record<string, string> = {
    phoneNumber: "Number",
    createdAt: "Since",
    twoFactorEnabled: "Second factor",
    registrationLock: "Registration lock",
    deviceCount: "Devices",
  };
  const value = (field: string) => {
    const given = account[field];
    if (typeof given === "boolean") return given ? "on" : "off";
    return field === "createdAt" ? when(given) : String(given);
  };
  const rows = Object.entries(names).filter(([field]) => account[field] !== undefined);
  facts("account-facts", Object.fromEntries(rows.map(([field, name]) => [name, value(field)])));
}

async function exportData(): Promise<string> {
  const data = await send("GET", "/account/export", { bearer: true, maxTokenAge: FRESH });
  byId("account-data").textContent = JSON.stringify(data, undefined, 2);
  show(byId("account-data"), true);
  return "All data of the account:";
}

async function deleteAccount(): Promise<void> {
  confirmed("Delete the account and all its data? This cannot be undone.");
  await withProof((body) => send("DELETE", "/account", { bearer: true, body, maxTokenAge: FRESH }));
  await client.forget();
}

async function changeNumber(): Promise<string> {
  const deviceId = await client.installationId();
  if (!newNumber) {
    const phoneNumber = input("new-number").value;
    const body = { phoneNumber, deviceId };
    const { verificationId } = await send("POST", "/verify/change-phone/request", { bearer: true, body });
    newNumber = { verificationId, phoneNumber };
    show(byId("number-code-field"), true);
    input("number-code").value = await newestCode(phoneNumber).catch(() => "");
    input("number-code").focus();
    byId("number-button").textContent = "Change the number";
    return "A code was sent to the new number.";
  }
  const { verificationId, phoneNumber } = newNumber;
  const code = input("number-code").value.trim();
  const confirmation = { verificationId, code, deviceId };
  await send("POST", "/verify/change-phone/confirm", { bearer: true, body: confirmation });
  await withProof((proof) => {
    const body = { verificationId, ...proof };
    return send("PUT", "/account/phone-number", { bearer: true, body, maxTokenAge: FRESH });
  });
  newNumber = undefined;
  memory.set("phone", phoneNumber);
  memory.set("shown", phoneNumber);
  form("number-form").reset();
  show(byId("number-code-field"), false);
  byId("number-button").textContent = "Send a code to the new number";
  await loadAccount();
  return "The account has the new number.";
}

async function setLock(): Promise<string> {
  const { recoveryCode } = await withProof((body) =>
    send("PUT", "/account/registration-lock", { bearer: true, body, maxTokenAge: FRESH }),
  );
  byId("lock-code").querySelector("output")!.textContent = recoveryCode;
  show(byId("lock-code"), true);
  return "The lock is set.";
}

async function removeLock(): Promise<string> {
  await withProof((body) =>
    send("DELETE", "/account/registration-lock", { bearer: true, body, maxTokenAge: FRESH }),
  );
  show(byId("lock-code"), false);
  return "The lock is removed.";
}

