import type { Stream } from "../../project/declarations.ts";
import { jsonBody, jsonResponse, queryText } from "./content.ts";
import { listOf, objectOf, type JsonSchema } from "./json-schema.ts";
import type { Operation } from "./operations.ts";
import { REASON } from "./stream-schemas.ts";

/** What an administrator can do with a stream's events. */
export function deleteOperation({ name }: Stream): Operation {
  return {
    tags: ["streams"],
    operationId: `delete_${name}`,
    summary: `Erase rows or rejected events of ${name}`,
    description:
      "What was accepted until now goes: rows for which `where` is true, with their ids, and rejected events for which it is true or in which the text `rejected` stands. At least one of the two is needed. Once answered it will be done, even after a crash.",
    parameters: [
      queryText("where", "One boolean expression over the columns, in SQL: `user_id = 'u1'`."),
      queryText("rejected", "A text of at least 3 characters that stands in the rejected events to erase."),
      {
        name: "dry_run",
        in: "query",
        description: "`true`: only says how many there are.",
        schema: { type: "string", enum: ["true", "false"] },
      },
    ],
    responses: {
      "200": jsonResponse("How many; null when it takes longer and is still to be done.", ERASED),
    },
    problems: [
      "bad_parameter",
      "condition_invalid",
      "body_unreadable",
      "stream_busy",
      "body_too_large",
      "unsupported_media_type",
      "overloaded",
      "store_mismatch",
      "store_failed",
    ],
  };
}

export function resetOperation({ name }: Stream): Operation {
  return {
    tags: ["streams"],
    operationId: `reset_${name}`,
    summary: `Empty ${name}`,
    description: "All rows, rejected events and ids go, and what isn't loaded yet won't be.",
    requestBody: jsonBody({
      type: "object",
      required: ["confirm"],
      additionalProperties: false,
      properties: { confirm: { const: name } },
    }),
    responses: {
      "200": jsonResponse("How many there were; null when it is still to be done.", ERASED),
    },
    problems: [
      "bad_parameter",
      "body_unreadable",
      "stream_busy",
      "overloaded",
      "ledger_corrupt",
      "body_too_large",
      "unsupported_media_type",
    ],
  };
}

export function replayOperation({ name }: Stream): Operation {
  return {
    tags: ["streams"],
    operationId: `replay_${name}`,
    summary: `Validate rejected events of ${name} again, and store those that pass now`,
    description: "Oldest first, each exactly once. At least one of `ids`, `code` and `before` is needed.",
    requestBody: jsonBody({
      type: "object",
      additionalProperties: false,
      properties: {
        ids: { type: "array", items: { type: "string" }, minItems: 1, maxItems: 1000 },
        code: { type: "string", description: "Of the first reason." },
        before: { type: "string", description: "Accepted before this date, or time with its zone." },
        limit: { type: "integer", minimum: 1, maximum: 100_000, default: 100_000 },
        cursor: { type: "string", description: "`next` of the answer before." },
      },
    }),
    responses: {
      "200": jsonResponse("What came of it.", REPLAYED),
    },
    problems: [
      "bad_parameter",
      "body_unreadable",
      "stream_busy",
      "overloaded",
      "log_failed",
      "log_full",
      "store_failed",
      "body_too_large",
      "unsupported_media_type",
    ],
  };
}

const COUNT: JsonSchema = { type: ["integer", "null"], minimum: 0 };

const ERASED = objectOf(
  {
    deleted: { ...COUNT, description: "Rows." },
    rejected_deleted: { ...COUNT, description: "Rejected events." },
  },
  { dry_run: { const: true } },
);

const REPLAYED = objectOf({
  replayed: { type: "integer", minimum: 0 },
  still_rejected: { type: "integer", minimum: 0 },
  errors: listOf(objectOf({ id: { type: "string" }, ...REASON }), "Why, of the first 100."),
  next: { type: ["string", "null"], description: "To go on with; null when all were tried." },
});
