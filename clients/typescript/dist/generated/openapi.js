// Generated from infra/openapi.json by scripts/generate.mjs. Do not edit.
export {};
