import { IF_NONE_MATCH, jsonResponse, taggedHeaders, unchangedResponse } from "./content.ts";
import { listOf, objectOf, type JsonSchema } from "./json-schema.ts";
import { ROLES } from "../../roles.ts";
import type { PathItem } from "./operations.ts";

const text = { type: "string" };
const flag = { type: "boolean" };
const number = { type: "number", minimum: 0 };

const READINESS: JsonSchema = objectOf(
  {
    ready: flag,
    draining: { ...flag, description: "The server is stopping." },
    roles: listOf({ enum: [...ROLES] }),
    streams: {
      type: "object",
      additionalProperties: objectOf({
        ready: flag,
        log: listOf(
          objectOf(
            {
              partition: number,
              writable: flag,
              first_offset: number,
              end_offset: number,
              bytes: number,
              keys: { ...number, description: "Idempotency keys that are remembered." },
              key_window_seconds: { ...number, description: "For how long they are, at least." },
            },
            { reason: text },
          ),
        ),
        load: objectOf({ state: text, lag_events: number, lag_seconds: number }, { reason: text }),
      }),
    },
  },
  { store: objectOf({ ready: flag }, { reason: text }) },
);

/** The paths that are the same for every project. */
export const SERVER_PATHS: Readonly<Record<string, PathItem>> = {
  "/v1/openapi.json": taggedOperation("openapi", "This document", {
    "application/json": { schema: { type: "object" } },
  }),
  "/docs": taggedOperation("docs", "A page to read and try it all", { "text/html": { schema: text } }),
  "/livez": operation("livez", "Whether the process lives", {
    "200": jsonResponse("It does.", objectOf({ status: { const: "live" } })),
  }),
  "/readyz": operation("readyz", "Whether it is ready, with the state of each part", {
    "200": jsonResponse("It is.", READINESS),
    "503": jsonResponse("It isn't, for what stands there.", READINESS),
  }),
  "/metrics": operation("metrics", "Metrics for Prometheus", {
    "200": { description: "The metrics.", content: { "text/plain": { schema: text } } },
  }),
};

function operation(operationId: string, summary: string, responses: Readonly<Record<string, unknown>>) {
  return { get: { tags: ["server"], operationId, summary, responses, problems: [] } };
}

function taggedOperation(operationId: string, summary: string, content: object): PathItem {
  const { get } = operation(operationId, summary, {
    "200": { description: "OK", headers: taggedHeaders("no-cache"), content },
    "304": unchangedResponse("no-cache"),
  });
  return { get: { ...get, parameters: [IF_NONE_MATCH] } };
}
