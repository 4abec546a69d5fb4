import type { Stream } from "../../project/declarations.ts";
import { objectJsonSchema } from "./json-schema.ts";
import type { JsonSchema, ObjectSchema } from "./json-schema.ts";

/** The JSON Schema of one event of a stream as a producer sends it. */
export function eventJsonSchema(stream: Stream): ObjectSchema {
  return withNullAsAbsent(objectJsonSchema(stream.zod)) as ObjectSchema;
}

/** In events null and absent are one thing: what may be absent may be null, and what may be null may be absent. */
function withNullAsAbsent(schema: JsonSchema): JsonSchema {
  if (schema.anyOf !== undefined) return { ...schema, anyOf: schema.anyOf.map(withNullAsAbsent) };
  if (schema.items !== undefined) return { ...schema, items: withNullAsAbsent(schema.items) };
  if (schema.properties === undefined) return schema;
  const required = (schema.required ?? []).filter((name) => !takesNull(schema.properties?.[name]));
  const properties = Object.entries(schema.properties).map(([name, property]) => {
    const inner = withNullAsAbsent(property);
    return [name, required.includes(name) ? inner : orNull(inner)] as const;
  });
  return { ...schema, required, properties: Object.fromEntries(properties) };
}

function takesNull(schema: JsonSchema | undefined): boolean {
  if (schema === undefined) return true;
  const types = [schema.type ?? []].flat();
  return types.includes("null") || (schema.anyOf ?? []).some(takesNull);
}

function orNull(schema: JsonSchema): JsonSchema {
  if (takesNull(schema) || isOpen(schema)) return schema;
  if (schema.anyOf !== undefined) return { ...schema, anyOf: [...schema.anyOf, { type: "null" }] };
  if (schema.enum === undefined && schema.const === undefined && typeof schema.type === "string") {
    return { ...schema, type: [schema.type, "null"] };
  }
  const { description, default: fallback, ...choices } = schema;
  return {
    ...(description === undefined ? {} : { description }),
    ...(fallback === undefined ? {} : { default: fallback }),
    anyOf: [choices, { type: "null" }],
  };
}

/** Takes any value, so null too. */
function isOpen(schema: JsonSchema): boolean {
  return schema.type === undefined && schema.anyOf === undefined && schema.const === undefined;
}
