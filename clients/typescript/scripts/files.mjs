// Generated files: written, or with `--check` compared.

import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const IS_CHECK = process.argv.includes("--check");

/** Writes the text, or fails if the file does not hold it already. */
export async function writeOrCheck(file, text) {
  if (!IS_CHECK) return writeFile(file, text);
  const current = await readFile(file, "utf8").catch(() => undefined);
  if (current !== text) {
    console.error(`${fileURLToPath(file)} is not current: npm run build in clients/typescript`);
    process.exitCode = 1;
  }
}
