// Writes src/generated from infra/openapi.json: the types, and the table of operations that the
// client sends by. `--check` compares instead, and fails if a file is not current.

import { readFile } from "node:fs/promises";
import openapiTS, { astToString } from "openapi-typescript";
import { writeOrCheck } from "./files.mjs";

const DOCUMENT = new URL("../../../infra/openapi.json", import.meta.url);
const HEADER = "// Generated from infra/openapi.json by scripts/generate.mjs. Do not edit.\n\n";
const METHODS = ["get", "post", "put", "patch", "delete"];

const document = JSON.parse(await readFile(DOCUMENT, "utf8"));

/** One line for each operation, in the order of the document. */
function operationTable({ paths }) {
  const lines = [];
  for (const [path, item] of Object.entries(paths)) {
    for (const method of METHODS.filter((method) => item[method])) {
      const { operationId, security = [], requestBody } = item[method];
      const needsToken = security.some((scheme) => "bearer" in scheme);
      const fields = [`method: "${method.toUpperCase()}"`, `path: "${path}"`, `bearer: ${needsToken}`];
      fields.push(`body: ${requestBody !== undefined}`);
      lines.push(`  ${operationId}: { ${fields.join(", ")} },\n`);
    }
  }
  return (
    "/** How each operation is sent. */\n" +
    "export const OPERATIONS = {\n" +
    lines.join("") +
    "} as const;\n"
  );
}

/**
 * The document with each problem described once: an operation's problem is the common one with its
 * own codes, and all its refusals are one response. The types are then a third as long.
 */
function withoutRepetition(document) {
  const { paths, components } = structuredClone(document);
  let common;
  for (const [name, schema] of Object.entries(components.schemas)) {
    if (!name.endsWith("Problem")) continue;
    const { code, ...properties } = schema.properties;
    const required = schema.required.filter((field) => field !== "code");
    common ??= { ...schema, properties, required };
    if (JSON.stringify(common.properties) !== JSON.stringify(properties)) {
      throw new Error(`${name} has other fields than the problems before it`);
    }
    const codes = { type: "object", required: ["code"], properties: { code } };
    components.schemas[name] = { allOf: [{ $ref: "#/components/schemas/Problem" }, codes] };
  }
  components.schemas.Problem = common;
  for (const operation of Object.values(paths).flatMap((item) => METHODS.flatMap((method) => item[method] ?? []))) {
    const responses = Object.entries(operation.responses);
    const refusals = responses.filter(([status]) => status >= "400");
    const refusal = refusals.map(([, { content }]) => content?.["application/problem+json"]).find(Boolean);
    operation.responses = Object.fromEntries(responses.filter(([status]) => status < "400"));
    if (refusal) {
      const content = { "application/problem+json": { schema: refusal.schema } };
      operation.responses.default = { description: "A refusal.", content };
    }
  }
  return { ...document, paths, components };
}

const types = astToString(await openapiTS(withoutRepetition(document)));
await writeOrCheck(new URL("../src/generated/openapi.ts", import.meta.url), HEADER + types);
await writeOrCheck(
  new URL("../src/generated/operations.ts", import.meta.url),
  HEADER + operationTable(document),
);
