// Sign-up and log-in: a number, a code, and whatever the account asks for besides.

import { isProblem, type Body, type Purpose, type Schemas } from "../../typescript/src/index.js";
import { hasSecret, nextCode } from "./authenticator.js";
import { byId, form, input, make, onClick, onSubmit, run, show, tell, when } from "./dom.js";
import { newestCode } from "./inbox.js";
import { bindTokens, client, memory } from "./service.js";

const RESULT = "sign-in-result";

/** Fields of a log-in that the API description may not have yet. */
type LogIn = Body<"login_user"> & { recoveryCode?: string; startOver?: boolean };

interface Attempt {
  purpose: Purpose;
  phoneNumber: string;
  verificationId: string;
  confirmed: boolean;
}

let attempt: Attempt | undefined;
let resendTimer: ReturnType<typeof setInterval> | undefined;

export function startSignIn(): void {
  onSubmit("phone-form", RESULT, () => sendCode(purposeChosen()));
  onSubmit("code-form", RESULT, confirm);
  onSubmit("finish-form", RESULT, finish);
  onClick("use-newest", RESULT, async () => {
    input("code").value = await newestCode(attempt?.phoneNumber);
  });
  onClick("resend", RESULT, resend);
  onClick("quick", RESULT, quick);
  onClick("factor-fill", RESULT, async () => {
    input("factor").value = await nextCode();
  });
  for (const id of ["restart", "restart-2"]) byId(id).addEventListener("click", restart);
  input("dpop").checked = memory.get("dpop") === "on";
  input("phone").value = memory.get("phone") ?? input("phone").value;
}

/** A code that was chosen among the messages: for the form that waits for one, else to paste. */
export function takeCode(code: string): void {
  if (attempt && !attempt.confirmed) input("code").value = code;
  else void navigator.clipboard.writeText(code).catch(() => undefined);
}

function purposeChosen(): Purpose {
  return form("phone-form").querySelector<HTMLInputElement>("[name=purpose]:checked")!.value as Purpose;
}

export function restart(): void {
  attempt = undefined;
  clearInterval(resendTimer);
  for (const id of ["code-form", "finish-form"]) {
    form(id).reset();
    show(form(id), false);
  }
  document.querySelectorAll<HTMLElement>("#finish-form [data-field]").forEach((field) => show(field, false));
  show(form("phone-form"), true);
  tell(RESULT, "");
}

async function sendCode(purpose: Purpose): Promise<void> {
  bindTokens(input("dpop").checked);
  const phoneNumber = input("phone").value;
  const started = await client.sendCode(purpose, { phoneNumber });
  memory.set("phone", phoneNumber);
  memory.set("shown", phoneNumber);
  memory.set("account", phoneNumber.replace(/\D/g, ""));
  attempt = { purpose, phoneNumber, verificationId: started.verificationId, confirmed: false };
  show(form("phone-form"), false);
  show(form("code-form"), true);
  describeCode(started);
  input("code").focus();
}

function describeCode({ codeLength, expiresIn, resendIn, attemptsLeft }: Schemas["Started"]): void {
  const minutes = Math.round(expiresIn / 60);
  byId("code-sent").textContent =
    `A code of ${codeLength} digits was sent to ${attempt?.phoneNumber}. ` +
    `It is good for ${minutes} minutes and ${attemptsLeft} tries.`;
  const resend = byId<HTMLButtonElement>("resend");
  const at = Date.now() + resendIn * 1000;
  clearInterval(resendTimer);
  const count = () => {
    const left = Math.ceil((at - Date.now()) / 1000);
    resend.disabled = left > 0;
    resend.textContent = left > 0 ? `Send another code (${left} s)` : "Send another code";
    if (left <= 0) clearInterval(resendTimer);
  };
  resendTimer = setInterval(count, 1000);
  count();
}

async function resend(): Promise<string> {
  const { verificationId } = attempt!;
  const body = { installationId: await client.installationId() };
  describeCode(await client.api.resend_verification({ path: { verificationId }, body }));
  return "Another code was sent. The one before is no longer good.";
}

async function confirm(): Promise<void> {
  const { purpose, verificationId } = attempt!;
  await client.confirmCode(purpose, { verificationId, code: input("code").value.trim() });
  attempt!.confirmed = true;
  await finish();
}

function details(): Pick<Body<"login_user">, "deviceName"> {
  const deviceName = input("device-name").value.trim();
  return { ...(deviceName && { deviceName }) };
}

async function finish(): Promise<void> {
  const { purpose, verificationId } = attempt!;
  try {
    if (purpose === "register") {
      await client.register({ verificationId, ...details() });
    } else {
      await client.logIn({ verificationId, ...details(), ...asked() });
    }
    restart();
  } catch (error) {
    if (isProblem(error, "account_exists")) return offer("login", "This number has an account.", "Log in");
    if (isProblem(error, "account_not_found")) return offer("register", "This number has no account.", "Sign up");
    show(form("code-form"), false);
    show(form("finish-form"), true);
    const code = isProblem(error) ? (error.code as string) : "";
    if (code.startsWith("two_factor")) {
      askFor("twoFactorToken");
      show(byId("factor-fill"), hasSecret());
    } else if (code === "registration_locked") {
      askFor("recoveryCode");
    } else if (code === "device_limit" && isProblem(error)) {
      askFor("replaceDeviceId");
      listDevices(error.problem.devices ?? []);
    } else if (code === "account_idle") {
      askFor("startOver");
    }
    throw error;
  }
}

function askFor(name: string): void {
  show(document.querySelector<HTMLElement>(`#finish-form [data-field="${name}"]`)!, true);
}

/** What the finishing form was asked for, as far as it is filled in. */
function asked(): Partial<LogIn> {
  const twoFactorToken = input("factor").value.trim();
  const recoveryCode = input("recovery").value.trim();
  const chosen = byId("replaceable").querySelector<HTMLInputElement>("input:checked");
  return {
    ...(twoFactorToken && { twoFactorToken }),
    ...(recoveryCode && { recoveryCode }),
    ...(chosen && { replaceDeviceId: chosen.value }),
    ...(input("start-over").checked && { startOver: true }),
  };
}

function listDevices(devices: Schemas["ReplaceableDevice"][]): void {
  byId("replaceable").replaceChildren(
    ...devices.map(({ id, deviceName, lastActive, replaceable }) => {
      const radio = make("input", { type: "radio", name: "replace", value: id, disabled: !replaceable });
      return make("div", {}, make("label", { class: "check" }, radio, `${deviceName}, ${when(lastActive)}`));
    }),
  );
}

/** The number is of the other kind: a verification is for one of the two alone. */
function offer(purpose: Purpose, text: string, label: string): void {
  const other = make("button", { type: "button" }, `${label} instead`);
  restart();
  form("phone-form").querySelector<HTMLInputElement>(`[value=${purpose}]`)!.checked = true;
  other.addEventListener("click", () => void run(RESULT, () => sendCode(purpose), other));
  tell(RESULT, `${text} `);
  byId(RESULT).append(other);
  other.focus();
}

/** Everything at once, for whoever wants to see what comes after. */
async function quick(): Promise<void> {
  restart();
  const digits = String(crypto.getRandomValues(new Uint32Array(1))[0]! % 10_000_000).padStart(7, "0");
  input("phone").value = `+33 6 1${digits[0]} ${digits.slice(1, 3)} ${digits.slice(3, 5)} ${digits.slice(5, 7)}`;
  await sendCode("register");
  input("code").value = await newestCode(attempt!.phoneNumber);
  await confirm();
}
