import type { JsonSchema } from "./json-schema.ts";

/** A request's body in JSON. */
export function jsonBody(schema: JsonSchema) {
  return { required: true, content: { "application/json": { schema } } };
}

/** An answer in JSON. */
export function jsonResponse(description: string, schema: JsonSchema) {
  return { description, content: { "application/json": { schema } } };
}

/** A parameter of the query string that is any text. */
export function queryText(name: string, description: string) {
  return { name, in: "query", description, schema: { type: "string" } };
}

export const IF_NONE_MATCH = {
  name: "If-None-Match",
  in: "header",
  description: "The ETag of an answer that you have: 304 while it still holds.",
  schema: { type: "string" },
};

const ETAG = { description: "For If-None-Match.", required: true, schema: { type: "string" } };

/** The headers of an answer that caches may keep as long as they ask each time whether it still holds. */
export function taggedHeaders(cacheControl: string) {
  return { ETag: ETAG, "Cache-Control": { required: true, schema: { type: "string", const: cacheControl } } };
}

/** The answer to an If-None-Match that still holds. */
export function unchangedResponse(cacheControl: string) {
  return { description: "The answer that you have still holds.", headers: taggedHeaders(cacheControl) };
}
