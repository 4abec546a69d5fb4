import { listOf, objectOf, type JsonSchema } from "./json-schema.ts";
import { REBUILD_SCHEMA } from "./rebuild-operations.ts";

const count = { type: "integer", minimum: 0 } as const;

/** Why an event was rejected. */
export const REASON: Readonly<Record<string, JsonSchema>> = {
  path: { type: "string", description: "JSON pointer to the value." },
  code: { type: "string" },
  message: { type: "string" },
};

const name = { type: "string" };

const STREAM = objectOf({
  name,
  description: name,
  events: { ...count, description: "Events in the table." },
  rejected: { ...count, description: "Rejected events that are kept." },
  lag: objectOf(
    {
      events: { ...count, description: "Accepted and not queryable yet." },
      age_ms: { type: "number", description: "Age of the oldest of them." },
      state: { type: "string", enum: ["reconciling", "running", "retrying", "stopped"] },
    },
    { reason: name },
  ),
  freshness: objectOf({
    promise_ms: { type: "number" },
    measured: orNull(objectOf({ p50_ms: { type: "number" }, p99_ms: { type: "number" }, batches: count })),
  }),
  id: orNull(objectOf({ field: name, window_ms: { type: "number" } })),
  table: objectOf({
    order_by: listOf(name),
    partition_by: orNull(objectOf({ unit: name, column: name })),
    ttl: orNull(objectOf({ count, unit: name, column: name })),
  }),
  log: objectOf({
    bytes: count,
    segments: count,
    keys: { ...count, description: "Idempotency keys that are remembered." },
    writable: { type: "boolean" },
  }),
  rebuild: REBUILD_SCHEMA,
  columns: listOf(
    objectOf({
      name,
      type: { type: "string", description: "The store's type." },
      nullable: { type: "boolean" },
      schema: { type: ["object", "boolean"], description: "JSON Schema of the field in an event." },
    }),
  ),
});

/** What ingest answers, `GET /v1/streams/{stream}` and `GET /v1/streams/{stream}/rejected`. */
export const STREAM_SCHEMAS: Readonly<Record<string, JsonSchema>> = {
  Ingested: objectOf(
    {
      accepted: count,
      rejected: count,
      errors: listOf(
        objectOf({ index: { ...count, description: "The event's place in the body, from 0." }, ...REASON }),
        "Why events were rejected: the first 100.",
      ),
    },
    {
      stored: { type: ["integer", "null"], description: "With `wait=stored`; null when it took too long." },
      duplicates: {
        type: ["integer", "null"],
        description: "With `wait=stored`; null when it took too long. Of CloudEvents always.",
      },
      refused: { ...count, description: "With `wait=stored`: kept as rejected, with the store's reason." },
    },
  ),
  RejectedPage: objectOf({
    data: listOf(
      objectOf({
        id: { type: "string" },
        time: { type: "string", format: "date-time" },
        event: { description: "The event as it was sent; its text when it isn't JSON." },
        reasons: listOf(objectOf(REASON)),
        refused_by: { type: "string", enum: ["ingest", "store"] },
      }),
    ),
    next: { type: ["string", "null"], description: "The cursor of the next, older page." },
  }),
  Stream: STREAM,
};

function orNull(schema: JsonSchema): JsonSchema {
  return { ...schema, type: ["object", "null"] };
}
