import type { Stream } from "../../project/declarations.ts";
import { deleteOperation, replayOperation, resetOperation } from "./admin-operations.ts";
import { cancelRebuildOperation, rebuildOperation } from "./rebuild-operations.ts";
import { eventJsonSchema } from "./event-schema.ts";
import { CLOUD_EVENT_HEADERS, ingestBodies } from "./ingest-bodies.ts";
import { jsonResponse, queryText } from "./content.ts";
import type { JsonSchema } from "./json-schema.ts";
import type { Operation, PathItem } from "./operations.ts";
import { tailOperation } from "./tail-operation.ts";

/** The path items of one stream. */
export function streamPaths(stream: Stream): Record<string, PathItem> {
  const url = `/v1/streams/${stream.name}`;
  return {
    [url]: { get: describeOperation(stream) },
    [`${url}/events`]: { post: ingestOperation(stream), delete: deleteOperation(stream) },
    [`${url}/tail`]: { get: tailOperation(stream) },
    [`${url}/rejected`]: { get: rejectedOperation(stream) },
    [`${url}/rejected/replay`]: { post: replayOperation(stream) },
    [`${url}/reset`]: { post: resetOperation(stream) },
    [`${url}/rebuild`]: { post: rebuildOperation(stream), delete: cancelRebuildOperation(stream) },
  };
}

export function eventSchemaName(stream: Stream): string {
  return `Event_${stream.name}`;
}

/** The schema of one event as it is sent. */
export function eventSchema(stream: Stream): JsonSchema {
  const description = stream.description === "" ? `An event of ${stream.name}.` : stream.description;
  return { description, ...eventJsonSchema(stream) };
}

function describeOperation(stream: Stream): Operation {
  return {
    tags: ["streams"],
    operationId: `describe_${stream.name}`,
    summary: `Columns, counts, lag and freshness of ${stream.name}`,
    responses: {
      "200": jsonResponse("The stream.", { $ref: "#/components/schemas/Stream" }),
    },
    problems: ["store_failed", "overloaded"],
  };
}

function ingestOperation(stream: Stream): Operation {
  const event = { $ref: `#/components/schemas/${eventSchemaName(stream)}` };
  return {
    tags: ["streams"],
    operationId: `ingest_${stream.name}`,
    summary: `Send events to ${stream.name}`,
    description:
      "A 2xx is a promise: the batch is on disk, and each accepted event will be in the table exactly once, or counted as a duplicate, or kept as rejected.",
    parameters: [
      {
        name: "wait",
        in: "query",
        description: "`stored`: answer when the events are queryable, with what became of them.",
        schema: { type: "string", enum: ["stored"] },
      },
      {
        name: "on_invalid",
        in: "query",
        description: "`fail`: any bad event refuses the whole batch, and nothing is kept.",
        schema: { type: "string", enum: ["fail"] },
      },
      {
        name: "Idempotency-Key",
        in: "header",
        description: "The same key with the same body gives the first answer again.",
        schema: { type: "string", maxLength: 255 },
      },
      {
        name: "Content-Encoding",
        in: "header",
        description: "How the body is compressed.",
        schema: { type: "string", enum: ["gzip", "deflate", "br", "zstd"] },
      },
      ...CLOUD_EVENT_HEADERS,
    ],
    requestBody: {
      required: true,
      content: ingestBodies(stream, event),
    },
    responses: {
      "200": {
        ...jsonResponse("With `wait=stored`: queryable.", INGESTED),
        headers: IDEMPOTENCY_REPLAYED,
      },
      "202": {
        ...jsonResponse("Accepted: on disk, and queryable soon.", INGESTED),
        headers: IDEMPOTENCY_REPLAYED,
      },
    },
    problems: [
      "body_unreadable",
      "bad_parameter",
      "csv_header_invalid",
      "idempotency_key_in_flight",
      "body_too_large",
      "unsupported_media_type",
      "events_rejected",
      "idempotency_key_reused",
      "overloaded",
      "log_failed",
      "log_full",
      "store_mismatch",
    ],
    problemHeaders: { 422: IDEMPOTENCY_REPLAYED },
  };
}

const INGESTED = { $ref: "#/components/schemas/Ingested" };

const IDEMPOTENCY_REPLAYED = {
  "Idempotency-Replayed": {
    description: "`true` when it is the answer that the key's first request got.",
    schema: { type: "string", const: "true" },
  },
};

function rejectedOperation(stream: Stream): Operation {
  return {
    tags: ["streams"],
    operationId: `rejected_${stream.name}`,
    summary: `Rejected events of ${stream.name}, newest first`,
    parameters: [
      {
        name: "limit",
        in: "query",
        description: "Events of a page. Default 50.",
        schema: { type: "integer", minimum: 1, maximum: 1000 },
      },
      queryText("cursor", "`next` of the page before."),
      queryText("code", "Only those whose first reason has this code."),
      queryText("before", "Only those that were accepted before this date, or time with its zone."),
    ],
    responses: {
      "200": jsonResponse("A page.", { $ref: "#/components/schemas/RejectedPage" }),
    },
    problems: ["bad_parameter", "store_failed", "overloaded"],
  };
}
