// Fresh proofs: what a change of the account asks for besides the session, asked for in a dialog.

import { isProblem } from "../../typescript/src/index.js";
import { hasSecret, nextCode } from "./authenticator.js";
import { button, byId, Cancelled, input, show } from "./dom.js";
import { newestCode } from "./inbox.js";
import { client, memory } from "./service.js";

/** Seconds: younger than what such a change asks for. */
export const FRESH = 100;

export interface Proof {
  twoFactorToken?: string;
  proofVerificationId?: string;
}

/** Makes a change, and asks for what it is refused for. */
export async function withProof<T>(change: (proof: Proof) => Promise<T>): Promise<T> {
  const proof: Proof = {};
  for (;;) {
    try {
      return await change(proof);
    } catch (error) {
      if (isProblem(error, "two_factor_required", "two_factor_invalid")) {
        const text = isProblem(error, "two_factor_invalid") ? error.detail : "This asks for the second factor.";
        proof.twoFactorToken = await askForFactor(text);
      } else if (isProblem(error, "fresh_proof_required") && !proof.proofVerificationId) {
        proof.proofVerificationId = await proveNumber();
      } else {
        throw error;
      }
    }
  }
}

export function askForFactor(text: string): Promise<string> {
  return ask({
    title: "Second factor",
    text,
    label: "Code of the app, or a backup code",
    fill: hasSecret() ? nextCode : undefined,
  });
}

/** Proves the number of the account by a code, as a log-in would. */
async function proveNumber(): Promise<string> {
  // After a log-in by QR code, this window does not know the number.
  const isKnown = memory.get("phone") === memory.get("shown");
  const phoneNumber =
    (isKnown ? memory.get("phone") : undefined) ??
    (await ask({ title: "Number of the account", text: "It is proved by a code.", label: "Phone number" }));
  const body = { phoneNumber };
  const { verificationId } = await client.api.start_login_verification({ body });
  const code = await ask({
    title: "Prove the number",
    text: `The log-in is some time ago. A code was sent to ${phoneNumber}.`,
    label: "Code",
    fill: () => newestCode(phoneNumber),
  });
  await client.api.confirm_login_verification({ body: { verificationId, code } });
  return verificationId;
}

interface Question {
  title: string;
  text: string;
  label: string;
  /** What stands there before. */
  value?: string;
  fill?: (() => Promise<string>) | undefined;
}

/** Asks for one line. Throws `Cancelled` if the dialog is closed without one. */
export function ask({ title, text, label, value: before = "", fill }: Question): Promise<string> {
  const dialog = byId<HTMLDialogElement>("ask");
  byId("ask-title").textContent = title;
  byId("ask-text").textContent = text;
  byId("ask-label").textContent = label;
  const value = input("ask-value");
  value.value = before;
  const filler = button("ask-fill");
  show(filler, fill !== undefined);
  filler.onclick = () => {
    fill?.().then(
      (code) => (value.value = code),
      (error: Error) => (byId("ask-text").textContent = error.message),
    );
  };
  dialog.returnValue = "";
  dialog.showModal();
  value.select();
  return new Promise((resolve, reject) => {
    dialog.onclose = () => {
      const given = value.value.trim();
      if (dialog.returnValue === "ok" && given) resolve(given);
      else reject(new Cancelled());
    };
  });
}

/** Asks whether to go on. */
export function confirmed(text: string): void {
  if (!window.confirm(text)) throw new Cancelled();
}
