import type { ErrorCode } from "../../errors.ts";
import type { Endpoint } from "../../project/declarations.ts";
import type { ResultColumn } from "../../store/store.ts";
import type { EndpointCheck } from "../verify-endpoints.ts";
import { ANSWER_CACHE_CONTROL, answerOf, answerResponse, FORMAT_PARAMETER } from "./answer-response.ts";
import { IF_NONE_MATCH, unchangedResponse } from "./content.ts";
import { objectJsonSchema } from "./json-schema.ts";
import type { JsonSchema } from "./json-schema.ts";
import type { PathItem } from "./operations.ts";
import { sampleValue } from "./sample-value.ts";

/** The path item of one endpoint. */
export function endpointPath(endpoint: Endpoint): PathItem {
  const params = objectJsonSchema(endpoint.params);
  const common = {
    tags: ["endpoints"],
    summary: endpoint.description === "" ? endpoint.name : endpoint.description,
  };
  const answer = answerResponse({ $ref: `#/components/schemas/${answerSchemaName(endpoint)}` });
  return {
    get: {
      ...common,
      operationId: `get_${endpoint.name}`,
      parameters: [...queryParameters(params), FORMAT_PARAMETER, IF_NONE_MATCH],
      responses: { "200": answer, "304": unchangedResponse(ANSWER_CACHE_CONTROL) },
      problems: QUERY_PROBLEMS,
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
      responses: { "200": answer },
      problems: [...QUERY_PROBLEMS, "body_unreadable", "body_too_large", "unsupported_media_type"],
    },
  };
}

const QUERY_PROBLEMS: readonly ErrorCode[] = [
  "bad_parameter",
  "not_acceptable",
  "overloaded",
  "query_failed",
  "store_failed",
  "query_timeout",
  "query_too_large",
];

/** The schema of an endpoint's JSON answer, with the row types that the engine gave. */
export function answerSchema(endpoint: Endpoint, check: EndpointCheck | undefined): JsonSchema {
  return answerOf(`The answer of ${endpoint.name}.`, rowSchema(check));
}

export function answerSchemaName(endpoint: Endpoint): string {
  return `Answer_${endpoint.name}`;
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
