import { z } from "zod";

/** A JSON Schema (2020-12), as far as we look into it. */
export interface JsonSchema {
  readonly type?: string | readonly string[];
  readonly format?: string;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
  readonly additionalProperties?: JsonSchema | boolean;
  readonly [keyword: string]: unknown;
}

export interface ObjectSchema extends JsonSchema {
  readonly type: "object";
  readonly properties: Readonly<Record<string, JsonSchema>>;
  readonly required: readonly string[];
}

/** An object that has all of the first members, perhaps the optional ones, and may have others. */
export function objectOf(
  members: Readonly<Record<string, JsonSchema>>,
  optional: Readonly<Record<string, JsonSchema>> = {},
): JsonSchema {
  return { type: "object", required: Object.keys(members), properties: { ...members, ...optional } };
}

export function listOf(items: JsonSchema, description?: string): JsonSchema {
  return { type: "array", ...(description === undefined ? {} : { description }), items };
}

/** Formats that say more to a reader than the pattern that Zod adds to them. */
const SPEAKING_FORMATS = new Set(["date", "date-time", "time", "uuid", "ipv4", "ipv6", "email", "uri"]);

/** The JSON Schema of what a Zod object takes. Types without one, such as `z.custom()`, are left open. */
export function objectJsonSchema(schema: z.ZodObject): ObjectSchema {
  const document = z.toJSONSchema(schema, {
    io: "input",
    unrepresentable: "any",
    override: ({ zodSchema, jsonSchema }) => {
      const { def } = zodSchema._zod;
      // Zod has no JSON Schema for these; on the wire they are integers or, beyond 53 bits, digits in a string.
      if (def.type === "bigint")
        Object.assign(jsonSchema, bigIntegerSchema("format" in def ? def.format : undefined));
      // Unknown members are refused, which Zod leaves unsaid for input.
      if (def.type === "object" && !("catchall" in def && def.catchall !== undefined)) {
        jsonSchema.additionalProperties = false;
      }
      if (jsonSchema.format !== undefined && SPEAKING_FORMATS.has(jsonSchema.format))
        delete jsonSchema.pattern;
    },
  });
  const plain = withoutReferences({ ...document, $schema: undefined, $defs: undefined }) as JsonSchema;
  return { ...plain, type: "object", properties: plain.properties ?? {}, required: plain.required ?? [] };
}

function bigIntegerSchema(format: unknown): JsonSchema {
  return {
    anyOf: [
      { type: "integer", ...(typeof format === "string" ? { format } : {}) },
      { type: "string", pattern: "^-?[0-9]+$" },
    ],
  };
}

/** References are made for recursive types alone, of which only JSON itself has a column: any value. */
function withoutReferences(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutReferences);
  if (typeof value !== "object" || value === null) return value;
  if ("$ref" in value) return {};
  const members = Object.entries(value).filter(([, one]) => one !== undefined);
  return Object.fromEntries(members.map(([name, one]) => [name, withoutReferences(one)]));
}
