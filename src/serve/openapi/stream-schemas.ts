import type { JsonSchema } from "./json-schema.ts";
import { REBUILD_SCHEMA } from "./rebuild-operations.ts";

const count = { type: "integer", minimum: 0 } as const;

const reasons: JsonSchema = {
  type: "array",
  items: {
    type: "object",
    required: ["path", "code", "message"],
    properties: {
      path: { type: "string", description: "JSON pointer to the value." },
      code: { type: "string" },
      message: { type: "string" },
    },
  },
};

/** What ingest answers, `GET /v1/streams/{stream}` and `GET /v1/streams/{stream}/rejected`. */
export const STREAM_SCHEMAS: Readonly<Record<string, JsonSchema>> = {
  Ingested: {
    type: "object",
    required: ["accepted", "rejected"],
    properties: {
      accepted: count,
      rejected: count,
      stored: { type: ["integer", "null"], description: "With `wait=stored`; null when it took too long." },
      duplicates: {
        type: ["integer", "null"],
        description: "With `wait=stored`; null when it took too long.",
      },
      refused: { ...count, description: "With `wait=stored`: kept as rejected, with the store's reason." },
      errors: {
        type: "array",
        description: "Why events were rejected: the first 100.",
        items: {
          type: "object",
          required: ["index", "path", "code", "message"],
          properties: {
            index: { ...count, description: "The event's place in the body, from 0." },
            path: { type: "string", description: "JSON pointer to the value." },
            code: { type: "string" },
            message: { type: "string" },
          },
        },
      },
    },
  },
  RejectedPage: {
    type: "object",
    required: ["data", "next"],
    properties: {
      data: {
        type: "array",
        items: {
          type: "object",
          required: ["id", "time", "event", "reasons", "refused_by"],
          properties: {
            id: { type: "string" },
            time: { type: "string", format: "date-time" },
            event: { description: "The event as it was sent; its text when it isn't JSON." },
            reasons,
            refused_by: { type: "string", enum: ["ingest", "store"] },
          },
        },
      },
      next: { type: ["string", "null"], description: "The cursor of the next, older page." },
    },
  },
  Stream: {
    type: "object",
    required: [
      "name",
      "description",
      "events",
      "rejected",
      "lag",
      "freshness",
      "id",
      "table",
      "log",
      "rebuild",
      "columns",
    ],
    properties: {
      name: { type: "string" },
      description: { type: "string" },
      events: { ...count, description: "Events in the table." },
      rejected: { ...count, description: "Rejected events that are kept." },
      lag: {
        type: "object",
        required: ["events", "age_ms", "state"],
        properties: {
          events: { ...count, description: "Accepted and not queryable yet." },
          age_ms: { type: "number", description: "Age of the oldest of them." },
          state: { type: "string", enum: ["reconciling", "running", "retrying", "stopped"] },
          reason: { type: "string" },
        },
      },
      freshness: {
        type: "object",
        required: ["promise_ms", "measured"],
        properties: {
          promise_ms: { type: "number" },
          measured: {
            type: ["object", "null"],
            properties: {
              p50_ms: { type: "number" },
              p99_ms: { type: "number" },
              batches: count,
            },
          },
        },
      },
      id: {
        type: ["object", "null"],
        required: ["field", "window_ms"],
        properties: { field: { type: "string" }, window_ms: { type: "number" } },
      },
      table: {
        type: "object",
        required: ["order_by", "partition_by", "ttl"],
        properties: {
          order_by: { type: "array", items: { type: "string" } },
          partition_by: {
            type: ["object", "null"],
            properties: { unit: { type: "string" }, column: { type: "string" } },
          },
          ttl: {
            type: ["object", "null"],
            properties: { count, unit: { type: "string" }, column: { type: "string" } },
          },
        },
      },
      log: {
        type: "object",
        required: ["bytes", "segments", "keys", "writable"],
        properties: {
          bytes: count,
          segments: count,
          keys: { ...count, description: "Idempotency keys that are remembered." },
          writable: { type: "boolean" },
        },
      },
      rebuild: REBUILD_SCHEMA,
      columns: {
        type: "array",
        items: {
          type: "object",
          required: ["name", "type", "nullable", "schema"],
          properties: {
            name: { type: "string" },
            type: { type: "string", description: "The store's type." },
            nullable: { type: "boolean" },
            schema: { type: ["object", "boolean"], description: "JSON Schema of the field in an event." },
          },
        },
      },
    },
  },
};
