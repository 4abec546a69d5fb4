import { ANSWER_FORMATS } from "../negotiate.ts";
import { taggedHeaders } from "./content.ts";
import { listOf, objectOf, type JsonSchema } from "./json-schema.ts";

/** What the answers of queries say to caches. */
export const ANSWER_CACHE_CONTROL = "private, no-cache";

export const FORMAT_PARAMETER = {
  name: "format",
  in: "query",
  description: "The answer's format; goes before the Accept header.",
  schema: { type: "string", enum: ANSWER_FORMATS, default: "json" },
};

/** A query's answer in each of the formats. `json` is the schema of the JSON one. */
export function answerResponse(json: JsonSchema) {
  return {
    description: "The answer.",
    headers: {
      ...taggedHeaders(ANSWER_CACHE_CONTROL),
      // A streamed answer over a stream's rows has a tag, one that depends on the clock has none until it is whole.
      ETag: { description: "For If-None-Match. Large answers may have none.", schema: { type: "string" } },
      "Content-Disposition": {
        description: "Of parquet and arrow: the name of the file for whoever saves it.",
        schema: { type: "string" },
      },
    },
    content: {
      "application/json": { schema: json },
      "application/x-ndjson": {
        schema: { type: "string", description: "One JSON object a row and line." },
      },
      "text/csv": { schema: { type: "string", description: "RFC 4180 with a header row." } },
      // Binary, as OpenAPI 3.1 says it: a media type without a schema.
      "application/vnd.apache.parquet": {},
      "application/vnd.apache.arrow.stream": {},
    },
  };
}

/** The schema of any JSON answer. */
export function answerOf(description: string, row: JsonSchema): JsonSchema {
  const name = { type: "string" };
  return {
    description,
    ...objectOf({
      data: listOf(row),
      meta: listOf(objectOf({ name, type: name }), "The columns, with the store's types."),
      rows: { type: "integer", description: "Rows of the answer." },
      statistics: objectOf({
        elapsed: { type: "number", description: "Seconds in the store." },
        rows_read: { type: "integer" },
        bytes_read: { type: "integer" },
      }),
    }),
  };
}
