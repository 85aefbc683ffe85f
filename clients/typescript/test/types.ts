// What the compiler must know of the operations. Compiled, never run.

import { createClient, isProblem, memoryStorage, type ProblemCodeOf, type Schemas } from "../src/index.js";

const auth = createClient({ baseUrl: "https://auth.example", storage: memoryStorage() });
const path = { deviceId: "d1" };

export async function answers(): Promise<void> {
  const devices: Schemas["Device"][] = await auth.api.list_devices();
  const name: string | undefined = devices[0]?.deviceName;
  const nothing: undefined = await auth.api.logout_session();
  const page: string = await auth.api.show_swagger();
  void [name, nothing, page];
}

export async function refused(): Promise<void> {
  // @ts-expect-error It has an id in its path.
  await auth.api.fetch_device();
  // @ts-expect-error Its body needs a verification.
  await auth.api.register_user({ body: {} });
  // @ts-expect-error It takes no body.
  await auth.api.list_devices({ body: {} });
  // @ts-expect-error Refreshing is the client's.
  await auth.api.refresh_tokens({ body: { refreshToken: "" } });
}

export async function optional(): Promise<void> {
  await auth.api.list_log_ins();
  await auth.api.list_log_ins({ query: { cursor: "c" } });
  await auth.api.remove_device({ path });
  await auth.api.remove_device({ path, body: { twoFactorToken: "042719" }, maxTokenAge: 100 });
}

export function codes(error: unknown): void {
  const code: ProblemCodeOf<"login_user"> = "two_factor_required";
  // @ts-expect-error Not one of its refusals.
  const other: ProblemCodeOf<"list_devices"> = "two_factor_required";
  // @ts-expect-error No code of any operation.
  isProblem(error, "no_such_code");
  void [code, other];
}
