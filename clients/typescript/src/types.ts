// What an operation of the service takes and gives, by its operationId.

import type { components, operations } from "./generated/openapi.js";

/** The bodies of the API description, by name. */
export type Schemas = components["schemas"];

/** The names of the operations: `operationId` in the API description. */
export type OperationId = keyof operations & string;

type Json<R> = R extends { content: { "application/json": infer Body } }
  ? Body
  : R extends { content: Record<string, infer Other> }
    ? Other
    : undefined;

type Successes = 200 | 201 | 202 | 204;

/** The body of the answer; `undefined` if there is none. */
export type Result<Id extends OperationId> = {
  [Status in keyof operations[Id]["responses"] & Successes]: Json<operations[Id]["responses"][Status]>;
}[keyof operations[Id]["responses"] & Successes];

type BodyOf<O> = O extends { requestBody?: infer R }
  ? [NonNullable<R>] extends [never]
    ? undefined
    : NonNullable<R> extends { content: { "application/json": infer Body } }
      ? Body
      : undefined
  : undefined;

/** The body that an operation takes. */
export type Body<Id extends OperationId> = BodyOf<operations[Id]>;

type ParametersOf<O, Place extends "path" | "query"> = O extends { parameters: infer P }
  ? Place extends keyof P
    ? Exclude<P[Place], undefined>
    : undefined
  : undefined;

/** A part of the arguments, which may be left out if nothing in it is required. */
type Part<Name extends string, T> = [T] extends [undefined]
  ? { [N in Name]?: undefined }
  : Record<never, never> extends T
    ? { [N in Name]?: T }
    : { [N in Name]: T };

/** What every call takes besides the fields of its operation. */
export interface CallOptions {
  /** Ends the request, and the wait for it. */
  signal?: AbortSignal;
  /**
   * Seconds: an access token that is older is refreshed first. Changes that need a fresh proof want
   * one of the last two minutes (`fresh_proof_required`).
   */
  maxTokenAge?: number;
}

type ArgumentsOf<O> = Part<"path", ParametersOf<O, "path">> &
  Part<"query", ParametersOf<O, "query">> &
  Part<"body", BodyOf<O>> &
  CallOptions;

/** The arguments of an operation: `path`, `query` and `body`, as far as it has them. */
export type Arguments<Id extends OperationId> = ArgumentsOf<operations[Id]>;

/** The function that calls an operation. Its argument may be left out if nothing is required. */
export type Call<Id extends OperationId> =
  Record<never, never> extends Arguments<Id>
    ? (args?: Arguments<Id>) => Promise<Result<Id>>
    : (args: Arguments<Id>) => Promise<Result<Id>>;

/** Refreshing is left to the client: see `Client.refresh`. */
export type Api = { readonly [Id in Exclude<OperationId, "refresh_tokens">]: Call<Id> };

/** The answer of an operation that begins a session. */
export type Tokens = Schemas["RefreshedTokens"] &
  Partial<Pick<Schemas["LoginTokens"], "installationId" | "signalDeviceId">>;
