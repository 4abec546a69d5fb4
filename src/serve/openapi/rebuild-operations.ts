import type { Stream } from "../../project/declarations.ts";
import { jsonResponse } from "./content.ts";
import { objectOf, type JsonSchema } from "./json-schema.ts";
import type { Operation } from "./operations.ts";

/** Making a stream's table anew. */
export function rebuildOperation({ name }: Stream): Operation {
  return {
    tags: ["streams"],
    operationId: `rebuild_${name}`,
    summary: `Make the table of ${name} anew from the log`,
    description:
      "A new table is filled beside the old one, which is queried and loaded until the new one takes its place at once. Answers when that has begun; `rebuild` in the stream's description says how far it is. Refused with `rebuild_refused` when rows would be lost.",
    parameters: [
      flag("dry_run", "`true`: only says what would be done."),
      flag(
        "allow_partial",
        "`true`: goes on without rows that the log doesn't hold any more and that don't fit.",
      ),
    ],
    responses: {
      "200": jsonResponse("With `dry_run`.", PLAN),
      "202": jsonResponse("It has begun.", ANSWER),
    },
    problems: [
      "bad_parameter",
      "body_unreadable",
      "stream_busy",
      "rebuild_refused",
      "rebuild_cancelled",
      "body_too_large",
      "unsupported_media_type",
      "overloaded",
      "store_failed",
    ],
  };
}

export function cancelRebuildOperation({ name }: Stream): Operation {
  return {
    tags: ["streams"],
    operationId: `cancel_rebuild_${name}`,
    summary: `Stop the rebuild of ${name}`,
    description:
      "The table stays as it was, unless the new one takes its place already. Answers with the latest rebuild since the server's start.",
    responses: { "200": jsonResponse("The latest rebuild; null when there was none.", ANSWER) },
    problems: ["body_unreadable", "body_too_large", "unsupported_media_type"],
  };
}

const COUNT = { type: "integer", minimum: 0 } as const;

const COUNTS = {
  from_log: { ...COUNT, description: "Rows that are made anew from the log." },
  copied: { ...COUNT, description: "Rows that the log doesn't hold any more, copied." },
  lost: { ...COUNT, description: "Rows that the log doesn't hold any more and that don't fit." },
  to_load: {
    ...COUNT,
    description:
      "Events of the log that the loader looks at again, since the store isn't the one that was loaded.",
  },
};

const PLAN = objectOf({
  dry_run: { const: true },
  rows: { ...COUNT, description: "Rows of the table now." },
  ...COUNTS,
  refused: { type: ["string", "null"], description: "Why it is refused without `allow_partial`." },
});

const TEXT = { type: "string" };

/** `rebuild` in the answers, and in the description of a stream. */
export const REBUILD_SCHEMA: JsonSchema = {
  ...objectOf({
    id: TEXT,
    state: { type: "string", enum: ["running", "done", "failed", "cancelled"] },
    started_at: { type: "string", format: "date-time" },
    ended_at: { type: ["string", "null"], format: "date-time" },
    done: { ...COUNT, description: "Offsets of the log that are done." },
    of: { ...COUNT, description: "Of so many." },
    outcome: {
      ...objectOf({
        ...COUNTS,
        rejected: { ...COUNT, description: "Events that don't fit, kept as rejected." },
      }),
      type: ["object", "null"],
    },
    error: { ...objectOf({ code: TEXT, message: TEXT }), type: ["object", "null"] },
  }),
  type: ["object", "null"],
  description: "The latest rebuild since the server's start.",
};

const ANSWER = objectOf({ rebuild: REBUILD_SCHEMA });

function flag(name: string, description: string) {
  return { name, in: "query", description, schema: { type: "string", enum: ["true", "false"] } };
}
