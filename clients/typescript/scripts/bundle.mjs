// Bundles the page of clients/dev-page with the client into one file, which the `platform` function
// embeds. `--check` compares instead, and fails if the file is not current.

import { build } from "esbuild";
import { fileURLToPath } from "node:url";
import { writeOrCheck } from "./files.mjs";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const OUT = new URL("../../../functions/platform/src/dev/app.js", import.meta.url);

const { outputFiles } = await build({
  absWorkingDir: ROOT,
  entryPoints: ["clients/dev-page/src/main.ts"],
  bundle: true,
  format: "esm",
  target: "es2022",
  charset: "utf8",
  legalComments: "none",
  write: false,
  banner: { js: "// Bundled from clients/dev-page by clients/typescript/scripts/bundle.mjs. Do not edit." },
  logLevel: "warning",
});
await writeOrCheck(OUT, outputFiles[0].text);
