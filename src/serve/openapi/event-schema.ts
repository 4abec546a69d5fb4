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
  const isAny = schema.type === undefined && schema.anyOf === undefined && schema.const === undefined;
  if (takesNull(schema) || isAny) return schema;
  const { description, default: fallback, ...rest } = schema;
  return {
    ...(description === undefined ? {} : { description }),
    ...(fallback === undefined ? {} : { default: fallback }),
    ...(typeof rest.type === "string" && rest.enum === undefined && rest.const === undefined
      ? { ...rest, type: [rest.type, "null"] }
      : { anyOf: [rest, { type: "null" }] }),
  };
}
