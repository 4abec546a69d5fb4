import { expect, test } from "vitest";
import { z } from "zod";
import { docComment, schemaType } from "../../../src/cli/generate/schema-type.ts";
import { objectJsonSchema, type JsonSchema } from "../../../src/serve/openapi/json-schema.ts";
import { resultColumn } from "../../../src/store/clickhouse/result-columns.ts";

// The TypeScript type of each kind of schema that occurs.

function typeOfZod(type: z.ZodType): string {
  const schema = objectJsonSchema(z.object({ value: type })).properties["value"];
  return schemaType(schema ?? {}, "in");
}

test.each<[string, z.ZodType, string]>([
  ["text", z.string(), "string"],
  ["a format", z.uuid(), "string"],
  ["an integer", z.int32(), "number"],
  ["a number", z.number(), "number"],
  ["a boolean", z.boolean(), "boolean"],
  ["a 64-bit integer", z.int64(), "number | string"],
  ["a 64-bit integer or null", z.uint64().nullable(), "number | string | null"],
  ["null", z.null(), "null"],
  ["nullable", z.string().nullable(), "string | null"],
  ["an enum", z.enum(["on", "it's"]), '"on" | "it\'s"'],
  ["a literal", z.literal("a"), '"a"'],
  ["several literals", z.literal([null, 1, true]), "null | 1 | true"],
  ["an array", z.array(z.string()), "readonly string[]"],
  ["an array of choices", z.array(z.enum(["a", "b"])), 'readonly ("a" | "b")[]'],
  ["an array of arrays", z.array(z.array(z.int())), "readonly (readonly number[])[]"],
  ["an array of what may be null", z.array(z.int64().nullable()), "readonly (number | string | null)[]"],
  ["a tuple", z.tuple([z.string(), z.number().nullable()]), "readonly [string, number | null]"],
  ["a tuple with a rest", z.tuple([z.string()], z.int64()), "readonly [string, ...(number | string)[]]"],
  [
    "a tuple whose end may be missing",
    z.tuple([z.string(), z.number().optional()]),
    "readonly [string, number?]",
  ],
  ["a record", z.record(z.string(), z.number()), "Record<string, number>"],
  [
    "a record with known keys",
    z.record(z.enum(["a", "b-c"]), z.int()),
    '{\n  a: number;\n  "b-c": number;\n}',
  ],
  [
    "a record with some known keys",
    z.partialRecord(z.enum(["a"]), z.int()),
    "{\n  a?: number | undefined;\n}",
  ],
  ["any JSON", z.json(), "unknown"],
  ["anything", z.unknown(), "unknown"],
  ["nothing", z.never(), "never"],
  ["a union with anything", z.union([z.string(), z.unknown()]), "unknown"],
  ["a union", z.union([z.string(), z.int().nullable()]), "string | number | null"],
  [
    "a discriminated union",
    z.discriminatedUnion("k", [z.object({ k: z.literal("a") }), z.object({ k: z.literal("b"), n: z.int() })]),
    '{\n  k: "a";\n} | {\n  k: "b";\n  n: number;\n}',
  ],
  ["an object without members", z.object({}), "Record<string, never>"],
  [
    "an object that takes others",
    z.looseObject({ a: z.int() }),
    "{\n  a: number;\n  [name: string]: unknown;\n}",
  ],
  ["an object that takes anything", z.looseObject({}), "Record<string, unknown>"],
  [
    "objects within each other",
    z.object({ a: z.array(z.object({ b: z.string().optional() })) }),
    "{\n  a: readonly {\n    b?: string | undefined;\n  }[];\n}",
  ],
])("%s", (_what, type, expected) => {
  expect(typeOfZod(type)).toBe(expected);
});

test.each([
  ["UInt8", "number"],
  ["UInt64", "number | string"],
  ["Nullable(Int256)", "number | string | null"],
  ["Float64", 'number | "nan" | "inf" | "-inf"'],
  ["Nullable(Float32)", 'number | "nan" | "inf" | "-inf" | null'],
  ["Decimal(18, 4)", "string"],
  ["LowCardinality(Nullable(String))", "string | null"],
  ["Bool", "boolean"],
  ["Nothing", "null"],
  ["Nullable(Nothing)", "null"],
  ["Array(Nothing)", "unknown[]"],
  ["Array(UInt64)", "(number | string)[]"],
  ["Array(Nullable(DateTime64(3, 'UTC')))", "(string | null)[]"],
  ["Map(String, Array(Int64))", "Record<string, (number | string)[]>"],
  ["Tuple(String, UInt8)", "[string, number]"],
  ["Tuple(name String, `a-b` Int64)", '{\n  name: string;\n  "a-b": number | string;\n}'],
  ["Nested(a UInt8)", "{\n  a: number;\n}[]"],
  ["Variant(String, UInt8)", "string | number | null"],
  ["JSON", "unknown"],
])("the store's %s", (type, expected) => {
  expect(schemaType(resultColumn("value", type).jsonSchema as JsonSchema, "out")).toBe(expected);
});

test("schemas of other makers are taken too", () => {
  expect(schemaType({ allOf: [{ type: "string" }, { enum: ["a", "b"] }] }, "out")).toBe(
    'string & ("a" | "b")',
  );
  expect(schemaType({ type: "array" }, "out")).toBe("unknown[]");
  expect(schemaType({ type: "strange" }, "out")).toBe("unknown");
  expect(schemaType({ const: { a: 1 } }, "out")).toBe("unknown");
  expect(schemaType({ type: "object", additionalProperties: true }, "out")).toBe("Record<string, unknown>");
});

test("members have their description, format and default as a comment", () => {
  const schema = objectJsonSchema(
    z.object({
      day: z.iso.date().describe("The day.\nIn UTC."),
      limit: z.int().default(5),
      plain: z.string(),
    }),
  );
  expect(schemaType(schema, "in")).toBe(`{
  /**
   * The day.
   * In UTC.
   * A date: yyyy-mm-dd.
   */
  day: string;
  /** Default 5. */
  limit?: number | undefined;
  plain: string;
}`);
});

test("no description can end its comment or leave it", () => {
  expect(docComment("a */ b", "")).toBe("/** a *\\/ b */\n");
  expect(docComment("a\u2028*/b\r\nc", "  ")).toBe("  /**\n   * a\n   * *\\/b\n   * c\n   */\n");
  expect(docComment(" ", "")).toBe("");
});
