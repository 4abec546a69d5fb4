import type { Stream } from "../../project/declarations.ts";
import { queryText } from "./content.ts";
import type { Operation } from "./operations.ts";

/** `GET /v1/streams/{stream}/tail`. */
export function tailOperation(stream: Stream): Operation {
  return {
    tags: ["streams"],
    operationId: `tail_${stream.name}`,
    summary: `Accepted events of ${stream.name} as they come`,
    description:
      "Server-sent events: `data` is the event's JSON as it was accepted. A `gap` event says that something was skipped, " +
      "`dropped` that the client was too slow, `end` that the server stops; then connect again with the last id.",
    parameters: [
      {
        name: "from",
        in: "query",
        description: "The id of the event to go on after, `start` for the oldest that is kept, or `now`.",
        schema: { type: "string", default: "now" },
      },
      {
        name: "Last-Event-ID",
        in: "header",
        description: "The id of the event to go on after; goes before `from`.",
        schema: { type: "string" },
      },
      ...stream.schema.columns
        .filter(isOneValue)
        .map(({ name }) => queryText(`filter.${name}`, `Only events whose ${name} has exactly this text.`)),
    ],
    responses: {
      "200": {
        description: "Events without an end.",
        content: { "text/event-stream": { schema: { type: "string" } } },
      },
    },
    problems: ["bad_parameter", "overloaded"],
  };
}

function isOneValue({ type }: Stream["schema"]["columns"][number]): boolean {
  return !["array", "map", "tuple", "json"].includes(type.kind);
}
