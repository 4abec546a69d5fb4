import type { ErrorCode } from "../../errors.ts";
import type { Endpoint } from "../../project/declarations.ts";
import type { ResultColumn } from "../../store/store.ts";
import { ANSWER_FORMATS } from "../negotiate.ts";
import type { EndpointCheck } from "../verify-endpoints.ts";
import { objectJsonSchema } from "./json-schema.ts";
import type { JsonSchema } from "./json-schema.ts";
import { problemResponses } from "./problem-responses.ts";
import { sampleValue } from "./sample-value.ts";

export const FORMAT_PARAMETER = {
  name: "format",
  in: "query",
  description: "The answer's format; goes before the Accept header.",
  schema: { type: "string", enum: ANSWER_FORMATS, default: "json" },
};

const IF_NONE_MATCH = {
  name: "If-None-Match",
  in: "header",
  description: "The ETag of an answer that you have: 304 while it still holds.",
  schema: { type: "string" },
};

/** The path item of one endpoint. */
export function endpointPath(endpoint: Endpoint) {
  const params = objectJsonSchema(endpoint.params);
  const common = {
    tags: ["endpoints"],
    summary: endpoint.description === "" ? endpoint.name : endpoint.description,
  };
  const responses = responsesOf(endpoint);
  return {
    get: {
      ...common,
      operationId: `get_${endpoint.name}`,
      parameters: [...queryParameters(params), FORMAT_PARAMETER, IF_NONE_MATCH],
      responses: {
        ...responses("bad_parameter"),
        "304": { description: "The answer that you have still holds." },
      },
    },
    post: {
      ...common,
      operationId: `post_${endpoint.name}`,
      parameters: [FORMAT_PARAMETER],
      requestBody: {
        description: "The parameters as one JSON object.",
        required: params.required.length > 0,
        content: { "application/json": { schema: params } },
      },
      responses: responses("bad_parameter", "body_unreadable", "body_too_large", "unsupported_media_type"),
    },
  };
}

/** The schema of an endpoint's JSON answer, with the row types that the engine gave. */
export function answerSchema(endpoint: Endpoint, check: EndpointCheck | undefined): JsonSchema {
  return answerOf(`The answer of ${endpoint.name}.`, rowSchema(check));
}

/** The schema of any JSON answer. */
export function answerOf(description: string, row: JsonSchema): JsonSchema {
  return {
    type: "object",
    description,
    required: ["data", "meta", "rows", "statistics"],
    properties: {
      data: { type: "array", items: row },
      meta: {
        type: "array",
        description: "The columns, with the store's types.",
        items: {
          type: "object",
          required: ["name", "type"],
          properties: { name: { type: "string" }, type: { type: "string" } },
        },
      },
      rows: { type: "integer", description: "Rows of the answer." },
      statistics: {
        type: "object",
        required: ["elapsed", "rows_read", "bytes_read"],
        properties: {
          elapsed: { type: "number", description: "Seconds in the store." },
          rows_read: { type: "integer" },
          bytes_read: { type: "integer" },
        },
      },
    },
  };
}

export function answerSchemaName(endpoint: Endpoint): string {
  return `Answer_${endpoint.name}`;
}

function responsesOf(endpoint: Endpoint) {
  const json = { schema: { $ref: `#/components/schemas/${answerSchemaName(endpoint)}` } };
  const headers = {
    ETag: { description: "For If-None-Match.", schema: { type: "string" } },
    "Cache-Control": { schema: { type: "string", const: "private, no-cache" } },
  };
  return (...codes: readonly ErrorCode[]) => ({
    "200": {
      description: "The answer.",
      headers,
      content: answerContent(json),
    },
    ...problemResponses(
      ...codes,
      "not_acceptable",
      "overloaded",
      "query_failed",
      "store_failed",
      "query_timeout",
      "query_too_large",
    ),
  });
}

/** An answer in each of the formats. */
export function answerContent(json: { readonly schema: JsonSchema }) {
  return {
    "application/json": json,
    "application/x-ndjson": {
      schema: { type: "string", description: "One JSON object a row and line." },
    },
    "text/csv": { schema: { type: "string", description: "RFC 4180 with a header row." } },
    // Binary, as OpenAPI 3.1 says it: a media type without a schema.
    "application/vnd.apache.parquet": {},
    "application/vnd.apache.arrow.stream": {},
  };
}

function queryParameters(params: ReturnType<typeof objectJsonSchema>) {
  return Object.entries(params.properties).map(([name, schema]) => {
    const { description, ...rest } = schema;
    const required = params.required.includes(name);
    const example = required ? sampleValue(schema) : undefined;
    return {
      name,
      in: "query",
      required,
      ...(description === undefined ? {} : { description }),
      ...(example === undefined ? {} : { example }),
      schema: rest,
    };
  });
}

/** With no types from the engine a row is any object. */
function rowSchema(check: EndpointCheck | undefined): JsonSchema {
  const variants = (check?.tried ?? []).flatMap(({ columns }) => (columns === undefined ? [] : [columns]));
  if (check?.ok !== true || variants.length === 0) return { type: "object" };
  const properties: Record<string, JsonSchema> = {};
  for (const columns of variants) {
    for (const { name, jsonSchema } of columns) properties[name] = either(properties[name], jsonSchema);
  }
  const always = Object.keys(properties).filter((name) => variants.every((columns) => has(columns, name)));
  return { type: "object", required: always, properties };
}

function either(one: JsonSchema | undefined, other: JsonSchema): JsonSchema {
  if (one === undefined || JSON.stringify(one) === JSON.stringify(other)) return other;
  return { anyOf: [...(one.anyOf ?? [one]), other] };
}

function has(columns: readonly ResultColumn[], name: string): boolean {
  return columns.some((column) => column.name === name);
}
