// The second factor: set up, enable, step up, new backup codes, disable.

import { keepSecret, nextCode } from "./authenticator.js";
import { byId, input, make, onClick, onSubmit, run, show } from "./dom.js";
import { loadHistory } from "./history.js";
import { FRESH, withProof } from "./proof.js";
import { client } from "./service.js";

const RESULT = "factor-result";

let secret = "";

export function startSecondFactor(): void {
  onClick("factor-setup", RESULT, setUp);
  onSubmit("factor-enable-form", RESULT, enable);
  onSubmit("factor-form", RESULT, use);
  document.querySelectorAll<HTMLButtonElement>("[data-fill]").forEach((button) => {
    const fill = async () => {
      if (button.dataset["fill"] === "factor-enable") keepSecretOnce();
      input(button.dataset["fill"]!).value = await nextCode();
    };
    button.addEventListener("click", () => void run(RESULT, fill, button));
  });
}

/** The page is an authenticator only for whoever uses it as one. */
function keepSecretOnce(): void {
  if (secret) keepSecret(secret);
  secret = "";
}

export async function loadSecondFactor(): Promise<void> {
  const { enabled } = await client.api.fetch_second_factor_status();
  show(byId("factor-off"), !enabled);
  show(byId("factor-form"), enabled);
  show(byId("factor-setting-up"), false);
  if (!enabled) {
    byId("factor-state").textContent = "Off. A log-in needs a code by SMS alone.";
    show(byId("backup-codes"), false);
    return;
  }
  const { remaining } = await client.api.count_backup_codes();
  byId("factor-state").textContent = `On. ${remaining} backup codes are left.`;
}

async function setUp(): Promise<void> {
  const setup = await withProof((body) => client.api.set_up_second_factor({ body, maxTokenAge: FRESH }));
  secret = setup.secret;
  byId<HTMLImageElement>("factor-image").src = setup.qrCodeUrl;
  byId("factor-secret").textContent = setup.secret.replace(/(.{4})(?=.)/g, "$1 ");
  show(byId("factor-setting-up"), true);
  input("factor-enable").value = "";
  input("factor-enable").focus();
}

async function enable(): Promise<string> {
  const token = input("factor-enable").value.trim();
  const { backupCodes } = await withProof((proof) =>
    client.api.enable_second_factor({ body: { ...proof, token }, maxTokenAge: FRESH }),
  );
  await loadSecondFactor();
  showBackupCodes(backupCodes);
  await loadHistory();
  return "Enabled. All other sessions have ended.";
}

async function use(action: string): Promise<string> {
  const token = input("factor-token").value.trim();
  input("factor-token").value = "";
  if (action === "regenerate") {
    const { backupCodes } = await client.api.regenerate_backup_codes({ body: { token } });
    await loadSecondFactor();
    showBackupCodes(backupCodes);
    return "The backup codes before are no longer good.";
  }
  if (action === "disable") {
    await withProof((proof) =>
      client.api.disable_second_factor({ body: { ...proof, token }, maxTokenAge: FRESH }),
    );
    await loadSecondFactor();
    await loadHistory();
    return "Disabled. All other sessions have ended.";
  }
  const { valid } = await client.api.verify_second_factor({ body: { token } });
  await loadSecondFactor();
  if (!valid) throw new Error("This code is wrong or was used.");
  return "Right. This session needs no further code for 10 minutes.";
}

function showBackupCodes(codes: string[]): void {
  const list = byId("backup-codes").querySelector("ul")!;
  list.replaceChildren(...codes.map((code) => make("li", {}, code)));
  show(byId("backup-codes"), true);
}
