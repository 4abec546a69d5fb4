import type { JsonSchema } from "./json-schema.ts";

/** A value for each format that fits its usual rules. */
const BY_FORMAT: Readonly<Record<string, string>> = {
  date: "2024-01-01",
  "date-time": "2024-01-01T00:00:00Z",
  time: "12:00:00",
  duration: "PT1H",
  uuid: "00000000-0000-4000-8000-000000000000",
  ipv4: "192.0.2.1",
  ipv6: "2001:db8::1",
  email: "someone@example.com",
  uri: "https://example.com/",
};

/** What is tried for a pattern: those above, and a few short codes. */
const CANDIDATES = [
  ...Object.values(BY_FORMAT),
  "2024-01-01T00:00:00",
  "sample",
  "SAMPLE",
  "A",
  "a",
  "AA",
  "AAA",
  "1",
];

/** Longer sample texts help nobody. */
const SAMPLE_LENGTH_MAX = 1000;

/**
 * A value that fits a JSON Schema that Zod made, for trying a query out: its example, default or first choice when it has one, else
 * one made from its type, format and bounds. Undefined when none can be made; for a pattern only a few texts are tried.
 */
export function sampleValue(schema: JsonSchema): unknown {
  if (schema.examples?.[0] !== undefined) return schema.examples[0];
  if (schema.default !== undefined) return schema.default;
  if (schema.const !== undefined) return schema.const;
  if (schema.enum !== undefined) return schema.enum[0];
  if (schema.anyOf !== undefined) {
    return schema.anyOf
      .filter((one) => one.type !== "null")
      .map(sampleValue)
      .find((value) => value !== undefined);
  }
  const type = [schema.type ?? []].flat().find((one) => one !== "null");
  switch (type) {
    case "string":
      return sampleText(schema);
    case "integer":
      return sampleNumber(schema, 1);
    case "number":
      return sampleNumber(schema, numberOf(schema["multipleOf"]) ?? 0.5);
    case "boolean":
      return true;
    case "array":
      return sampleList(schema);
    case "object":
      return Object.fromEntries(
        (schema.required ?? []).map((name) => [name, sampleValue(schema.properties?.[name] ?? {})]),
      );
    case undefined:
    default:
      return undefined;
  }
}

function sampleText(schema: JsonSchema): string | undefined {
  const byFormat = schema.format === undefined ? undefined : BY_FORMAT[schema.format];
  if (byFormat !== undefined) return byFormat;
  if (typeof schema["pattern"] === "string") {
    const pattern = new RegExp(schema["pattern"]);
    return CANDIDATES.find((text) => pattern.test(text));
  }
  const min = Math.min(numberOf(schema["minLength"]) ?? 0, SAMPLE_LENGTH_MAX);
  const max = numberOf(schema["maxLength"]) ?? SAMPLE_LENGTH_MAX;
  return "sample".slice(0, max).padEnd(min, "x");
}

function sampleNumber(schema: JsonSchema, step: number): number {
  const above = numberOf(schema["exclusiveMinimum"]);
  const below = numberOf(schema["exclusiveMaximum"]);
  const min = numberOf(schema["minimum"]) ?? (above === undefined ? undefined : above + step);
  const max = numberOf(schema["maximum"]) ?? (below === undefined ? undefined : below - step);
  // Zod bounds every integer; nobody means the lowest of them.
  const from = min !== undefined && min > -(2 ** 31) ? min : Math.min(1, max ?? 1);
  const multiple = numberOf(schema["multipleOf"]);
  return multiple === undefined ? from : Math.ceil(from / multiple) * multiple;
}

function sampleList(schema: JsonSchema): unknown[] | undefined {
  const item = sampleValue(schema.items ?? {});
  if (item === undefined) return undefined;
  return Array.from({ length: Math.max(1, numberOf(schema["minItems"]) ?? 1) }, () => item);
}

function numberOf(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}
