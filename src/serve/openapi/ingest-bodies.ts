import type { Stream } from "../../project/declarations.ts";
import { eventTypeOf } from "../../project/schema/stream-schema.ts";
import { eventJsonSchema } from "./event-schema.ts";
import type { JsonSchema } from "./json-schema.ts";
import { sampleValue } from "./sample-value.ts";

/** Each media type that a stream's events are taken in. */
export function ingestBodies(stream: Stream, event: JsonSchema): Record<string, unknown> {
  const cloudEvent = cloudEventSchema(dataSchema(stream, event));
  return {
    "application/json": {
      schema: { anyOf: [event, { type: "array", items: event }] },
      example: sampleEvent(stream),
    },
    "application/x-ndjson": { schema: { type: "string", description: "One event a line." } },
    "text/csv": {
      schema: {
        type: "string",
        description:
          "RFC 4180. The header row names fields of an event, each once; a bare empty cell is absent, and arrays and objects are JSON in the cell.",
      },
    },
    "application/cloudevents+json": { schema: cloudEvent },
    "application/cloudevents-batch+json": { schema: { type: "array", items: cloudEvent } },
  };
}

/** The headers of a CloudEvent in binary mode, whose data is the body. */
export const CLOUD_EVENT_HEADERS = [
  ["ce-specversion", "With the other `ce-` headers: the body is the data of a CloudEvent in binary mode."],
  ["ce-id", "An event with the same source and id counts once."],
  ["ce-source", "Where the event comes from."],
  ["ce-type", "What kind of event it is."],
].map(([name, description]) => ({
  name,
  in: "header",
  description,
  schema: name === "ce-specversion" ? { type: "string", enum: ["1.0"] } : { type: "string", minLength: 1 },
}));

/** A CloudEvent around an event; extensions are further members. */
function cloudEventSchema(data: JsonSchema): JsonSchema {
  const text = { type: "string", minLength: 1 };
  return {
    type: "object",
    description: "A CloudEvent 1.0 whose data is the event.",
    required: ["specversion", "id", "source", "type"],
    properties: {
      specversion: { type: "string", const: "1.0" },
      id: text,
      source: text,
      type: text,
      subject: { type: ["string", "null"] },
      time: { type: ["string", "null"], format: "date-time" },
      datacontenttype: { type: ["string", "null"], description: "A JSON type. Default application/json." },
      dataschema: { type: ["string", "null"] },
      data,
    },
    additionalProperties: { type: ["string", "number", "boolean", "null"] },
  };
}

/** The event, without asking for the fields that attributes may fill. */
function dataSchema(stream: Stream, event: JsonSchema): JsonSchema {
  const { fields } = eventTypeOf(stream.zod, stream.name);
  const filled = new Set(fields.flatMap(({ name, cloudEvent }) => (cloudEvent === undefined ? [] : [name])));
  if (filled.size === 0) return event;
  const schema = eventJsonSchema(stream);
  return { ...schema, required: schema.required.filter((name) => !filled.has(name)) };
}

/** Required fields only, so that the example is short. */
function sampleEvent(stream: Stream): unknown {
  return sampleValue(eventJsonSchema(stream));
}
