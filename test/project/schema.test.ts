import { describe, expect, test } from "vitest";
import { z } from "zod";
import { HeadraceError } from "../../src/errors.ts";
import { parseNativeType } from "../../src/project/schema/native-type.ts";
import { eventTypeOf } from "../../src/project/schema/stream-schema.ts";

function refusalOf(field: z.ZodType): string {
  try {
    eventTypeOf(z.object({ ok: z.string(), field }), "s");
  } catch (error) {
    if (error instanceof HeadraceError) return `${error.code}: ${error.message}`;
    throw error;
  }
  return "nothing was refused";
}

const fieldOf = (field: z.ZodType) => eventTypeOf(z.object({ field }), "s").fields[0];
const wireOf = (field: z.ZodType) => fieldOf(field)?.type;
const columnOf = (field: z.ZodType) => fieldOf(field)?.column;

const recursive: z.ZodType = z.object({
  get children() {
    return z.array(recursive);
  },
});

describe("types without a column are refused with the field and the way out", () => {
  test.each<[string, z.ZodType, string]>([
    [
      ".transform()",
      z.string().transform((text) => text.length),
      ".transform(), .pipe(), z.preprocess() and codecs change",
    ],
    [".pipe()", z.string().pipe(z.string()), ".transform(), .pipe()"],
    ["z.preprocess()", z.preprocess((value) => value, z.string()), ".transform(), .pipe()"],
    ["z.stringbool()", z.stringbool(), ".transform(), .pipe()"],
    [".catch()", z.string().catch("x"), ".catch() would hide bad values"],
    ["z.coerce", z.coerce.number(), "z.coerce changes the value"],
    ["z.coerce.string", z.coerce.string(), "z.coerce changes the value"],
    [".trim()", z.string().trim(), "a check that changes the value"],
    [".overwrite() of a number", z.number().overwrite((value) => value), "a check that changes the value"],
    [
      ".overwrite() of an array",
      z.array(z.string()).overwrite((value) => value),
      "a check that changes the value",
    ],
    [".trim() of a key", z.record(z.string().trim(), z.string()), "a check that changes the value"],
    ["a union", z.union([z.string(), z.int()]), "a union has no column of its own"],
    ["an intersection", z.intersection(z.object({}), z.object({})), "an intersection has no columns"],
    ["a tuple", z.tuple([z.string()]), "a tuple has no column"],
    ["z.lazy()", z.lazy(() => z.string()), "z.lazy() type or an object that holds itself"],
    ["a lazy union", z.lazy(() => z.union([z.string(), z.array(z.string())])), "z.lazy() type"],
    ["an object that holds itself", recursive, "an object that holds itself"],
    ["z.date()", z.date(), "Use z.iso.datetime() or z.iso.date()"],
    ["z.map()", z.map(z.string(), z.string()), "Use z.record()"],
    ["z.set()", z.set(z.string()), "Use z.array()"],
    ["z.null()", z.null(), "z.null() has nothing to store"],
    ["z.undefined()", z.undefined(), "z.undefined() has no column"],
    ["z.symbol()", z.symbol(), "z.symbol() has no column"],
    ["z.custom()", z.custom<string>(), "z.custom() and z.instanceof() say nothing"],
    ["z.bigint()", z.bigint(), "Use z.int64() or z.uint64()"],
    ["a numeric enum", z.enum({ A: 1, B: 2 }), "an enum with numbers has no column"],
    ["mixed literals", z.literal(["a", 1]), "literals of different types share no column"],
    ["a null literal", z.literal(null), "literals of different types share no column"],
    ["an empty object", z.object({}), "an object without fields has no column"],
    ["a catchall", z.object({ a: z.string() }).catchall(z.string()), ".catchall() has no column"],
    ["number keys", z.record(z.number(), z.string()), "the keys of a record are strings in JSON"],
    ["an optional array", z.array(z.string()).optional(), "an array can't be optional or nullable"],
    ["a nullable record", z.record(z.string(), z.string()).nullable(), "Use .default({})"],
    ["an optional object", z.object({ a: z.string() }).optional(), "an object can't be optional"],
    [
      "arrays of nullable arrays",
      z.array(z.array(z.string()).nullable()),
      'field "field[]": an array can\'t be',
    ],
    [
      "a default inside an array",
      z.array(z.string().default("x")),
      "a default inside an array or record is never used",
    ],
    [
      "a check after .optional()",
      z
        .string()
        .optional()
        .refine(() => true),
      "Put the check before .optional()",
    ],
    [
      "too many digits of a second",
      z.iso.datetime({ precision: 12 }),
      "no column keeps 12 digits of a second",
    ],
    [
      "a default that breaks a check",
      z.string().min(3).default("x"),
      "the default doesn't fit the type: expected at least 3",
    ],
    [
      "a default beyond the column",
      z.number().meta({ column: "UInt8" }).default(256),
      "the default doesn't fit the type",
    ],
    [
      "a default of an incomplete object",
      z.object({ a: z.string() }).default({} as { a: string }),
      "/a the field is required",
    ],
    ["a default that isn't JSON", z.unknown().default(() => Symbol("x")), "the default doesn't fit the type"],
    [
      "a default that throws",
      z.string().default(() => {
        throw new Error("no luck");
      }),
      "no luck",
    ],
    [
      "an unknown column",
      z.string().meta({ column: "Ring" }),
      'column "Ring" isn\'t one that can be kept exactly',
    ],
    ["a column that isn't text", z.string().meta({ column: 5 }), "column 5 isn't one"],
    [
      "a column of another type",
      z.string().meta({ column: "Int32" }),
      'column "Int32" can\'t hold what the type takes',
    ],
    ["an integer column for text", z.iso.date().meta({ column: "Int32" }), "can't hold"],
    ["a float column for integers", z.int().meta({ column: "Float64" }), "can't hold"],
    ["a text column for numbers", z.int().meta({ column: "String" }), "can't hold"],
    ["a decimal for z.int64()", z.int64().meta({ column: "Decimal(18, 2)" }), "can't hold"],
    ["a number for a boolean", z.boolean().meta({ column: "UInt8" }), "can't hold"],
    ["an enum without all values", z.enum(["a", "b"]).meta({ column: "Enum8('a' = 1)" }), "can't hold"],
    ["a number column for an enum", z.enum(["a"]).meta({ column: "Int8" }), "can't hold"],
    ["a scalar column for an array", z.array(z.string()).meta({ column: "String" }), "can't hold"],
    [
      "an array column for a record",
      z.record(z.string(), z.string()).meta({ column: "Array(String)" }),
      "can't hold",
    ],
    ["a number column for JSON", z.json().meta({ column: "Int8" }), "can't hold"],
    ["a text column for numeric literals", z.literal(1).meta({ column: "String" }), "can't hold"],
    [
      "a column for an object",
      z.object({ a: z.string() }).meta({ column: "String" }),
      "an object takes no column",
    ],
    [
      "Nullable in the column",
      z.string().meta({ column: "Nullable(String)" }),
      "Say .optional() in the type alone",
    ],
    [
      "items that disagree with the column",
      z.array(z.string().nullable()).meta({ column: "Array(String)" }),
      "doesn't agree",
    ],
    [
      "LowCardinality inside an array",
      z.array(z.string().meta({ column: "LowCardinality(String)" })),
      'Give it on the whole field, such as .meta({ column: "Array(LowCardinality(String))" })',
    ],
    [
      "a column twice",
      z.array(z.number().meta({ column: "Float64" })).meta({ column: "Array(Float32)" }),
      "its column is given twice",
    ],
    [
      "a time zone",
      z.iso.datetime().meta({ column: "DateTime64(3, 'Europe/Zurich')" }),
      "isn't one that can be kept exactly",
    ],
  ])("%s", (_, field, message) => {
    const refusal = refusalOf(field);
    expect(refusal).toMatch(/^schema_unsupported: Stream "s", field "field/);
    expect(refusal).toContain(message);
  });

  test("a field deep inside is named by its path", () => {
    const field = z.array(z.object({ a: z.record(z.string(), z.date()) }));
    expect(refusalOf(field)).toContain('field "field[].a{}"');
  });

  test.each(["_own", "a.b", "a b", "1a", "", "__proto__", "é", "a".repeat(65)])(
    "the field name %j",
    (name) => {
      const shape = Object.defineProperty({}, name, { value: z.string(), enumerable: true });
      expect(() => eventTypeOf(z.object(shape), "s")).toThrow("this name can't be a column's");
    },
  );

  test("more fields than a table should have", () => {
    const shape = Object.fromEntries(Array.from({ length: 1001 }, (_, index) => [`f${index}`, z.string()]));
    expect(() => eventTypeOf(z.object(shape), "s")).toThrow("1001 fields are too many");
  });
});

describe("what only Zod can judge is marked slow, and nothing else", () => {
  test.each<[string, z.ZodType]>([
    ["z.string()", z.string().min(1).max(5)],
    ["z.enum()", z.enum(["a"])],
    ["z.boolean()", z.boolean()],
    ["z.int32()", z.int32().min(2).max(5)],
    ["z.int64()", z.int64()],
    ["z.number()", z.number().min(0.5)],
    ["a decimal", z.number().meta({ column: "Decimal(9, 2)" })],
    ["z.iso.date()", z.iso.date()],
    ["z.iso.datetime()", z.iso.datetime({ offset: true, local: true })],
    ["z.uuid()", z.uuid()],
    ["z.ipv4()", z.ipv4()],
    ["z.ipv6()", z.ipv6()],
    ["z.array()", z.array(z.string()).min(1).max(5)],
    ["z.record()", z.record(z.string(), z.int())],
    ["z.object()", z.object({ a: z.string() })],
    ["z.unknown()", z.unknown()],
  ])("%s is fast", (_, field) => {
    const type = wireOf(field);
    expect(type?.kind).not.toBe("slow");
    expect(type).not.toHaveProperty("slow");
  });

  test.each<[string, z.ZodType]>([
    ["a string with a pattern", z.string().regex(/x/)],
    ["a refined string", z.string().refine(() => true)],
    ["an e-mail address", z.email()],
    ["a template", z.templateLiteral(["a", z.string()])],
    ["a number in steps", z.number().multipleOf(5)],
    ["an exclusive bound of a float", z.number().gt(0)],
    ["a bounded decimal", z.number().max(5).meta({ column: "Decimal(9, 2)" })],
    ["a decimal as text", z.string().meta({ column: "Decimal(9, 2)" })],
    ["a UUID of one version", z.uuidv4()],
    ["exact digits of a second", z.iso.datetime({ precision: 3 })],
    ["a refined enum", z.enum(["a"]).refine(() => true)],
    ["a literal boolean", z.literal(true)],
    ["a literal number", z.literal(5)],
    ["a checked key", z.record(z.string().min(1), z.int())],
    ["an enumerated key", z.record(z.enum(["a"]), z.int())],
    ["a refined array", z.array(z.string()).refine(() => true)],
    ["a refined object", z.object({ a: z.string() }).refine(() => true)],
    ["a narrow date", z.iso.date().meta({ column: "Date" })],
    ["a narrow datetime", z.iso.datetime().meta({ column: "DateTime" })],
    ["z.json()", z.json()],
  ])("%s is slow", (_, field) => {
    const type = wireOf(field);
    expect(type?.kind === "slow" || (type?.kind === "string" && type.slow)).toBe(true);
  });

  test("a refinement of the whole event makes the event slow", () => {
    const schema = z.object({ a: z.string() });
    expect(eventTypeOf(schema, "s").slow).toBe(false);
    expect(
      eventTypeOf(
        schema.refine(() => true),
        "s",
      ).slow,
    ).toBe(true);
  });
});

test("an array's length is limited by all its checks together", () => {
  expect(wireOf(z.array(z.string()).min(2).max(9).length(5).min(3))).toMatchObject({ min: 5, max: 5 });
  expect(wireOf(z.array(z.string()).min(5).length(3))).toMatchObject({ min: 5, max: 3 });
  expect(wireOf(z.string().min(5).length(3))).toMatchObject({ min: 5, max: 3 });
});

describe("integers are limited by schema, format and column together", () => {
  test.each<[string, z.ZodType, bigint, bigint]>([
    ["z.int()", z.int(), -9007199254740991n, 9007199254740991n],
    ["z.int32() between bounds", z.int32().min(-5).max(5), -5n, 5n],
    ["exclusive bounds", z.int32().gt(0).lt(10), 1n, 9n],
    ["fractional bounds", z.int32().min(0.5).max(9.5), 1n, 9n],
    ["exclusive fractional bounds", z.int32().gt(0.5).lt(9.5), 1n, 9n],
    ["infinite bounds", z.int32().min(-Infinity), -2147483648n, 2147483647n],
    ["bigint bounds", z.int64().min(5n).lt(10n), 5n, 9n],
    ["several formats", z.int32().int(), -2147483648n, 2147483647n],
    ["a narrower column", z.int().meta({ column: "Int16" }), -32768n, 32767n],
    ["an unsigned column", z.number().meta({ column: "UInt32" }), 0n, 4294967295n],
    ["a wider column", z.int32().meta({ column: "Int64" }), -2147483648n, 2147483647n],
    ["z.uint64()", z.uint64(), 0n, 18446744073709551615n],
  ])("%s", (_, field, min, max) => {
    expect(wireOf(field)).toMatchObject({ kind: "int", min, max });
  });
});

describe("optional, nullable and default", () => {
  test.each<[string, z.ZodType, object]>([
    ["required", z.string(), { optional: false, nullable: false, hasDefault: false }],
    ["optional", z.string().optional(), { optional: true, nullable: true, hasDefault: false }],
    ["nullable", z.string().nullable(), { optional: true, nullable: true, absentAsNull: true }],
    ["nullish", z.string().nullish(), { optional: true, nullable: true }],
    ["default", z.string().default("x"), { optional: true, nullable: false, hasDefault: true }],
    ["prefault", z.string().prefault("x"), { optional: true, nullable: false, hasDefault: true }],
    ["nullable with a default", z.string().nullable().default("x"), { nullable: false, hasDefault: true }],
    ["a default of null", z.string().nullable().default(null), { nullable: true, hasDefault: false }],
    ["nonoptional", z.string().optional().nonoptional(), { optional: false, nullable: false }],
    ["readonly", z.string().optional().readonly(), { optional: true, nullable: true }],
  ])("%s", (_, field, expected) => {
    expect(fieldOf(field)).toMatchObject(expected);
    expect(fieldOf(field)?.column.nullable).toBe(fieldOf(field)?.nullable);
  });

  test("the column of .meta() counts on whichever layer it stands", () => {
    const inner = z.number().meta({ column: "Decimal(9,2)" }).optional();
    const outer = z.number().optional().meta({ column: "Decimal(9,2)" });
    expect(columnOf(inner)).toEqual(columnOf(outer));
    expect(columnOf(outer)).toMatchObject({
      native: "Decimal(9, 2)",
      type: { kind: "decimal", precision: 9, scale: 2 },
      nullable: true,
    });
  });
});

describe("columns in the engine's words", () => {
  test.each<[string, object]>([
    ["String", { text: "String", type: { kind: "string" } }],
    ["Bool", { type: { kind: "boolean" } }],
    ["Float32", { type: { kind: "float", bits: 32 } }],
    ["Float64", { type: { kind: "float", bits: 64 } }],
    ["Date", { type: { kind: "date" }, narrow: true }],
    ["Date32", { type: { kind: "date" }, narrow: false }],
    ["UUID", { type: { kind: "uuid" } }],
    ["IPv4", { type: { kind: "ipv4" } }],
    ["IPv6", { type: { kind: "ipv6" } }],
    ["Int8", { type: { kind: "int", bits: 8, signed: true } }],
    ["UInt64", { type: { kind: "int", bits: 64, signed: false } }],
    ["Decimal(18,4)", { text: "Decimal(18, 4)", type: { kind: "decimal", precision: 18, scale: 4 } }],
    ["Decimal(9)", { text: "Decimal(9, 0)" }],
    ["DateTime", { text: "DateTime('UTC')", narrow: true }],
    ["DateTime64", { text: "DateTime64(3, 'UTC')" }],
    ["DateTime64(6)", { text: "DateTime64(6, 'UTC')", type: { kind: "datetime", precision: 6 } }],
    ["DateTime64( 9 , 'UTC' )", { text: "DateTime64(9, 'UTC')" }],
    ["Enum8('a' = 1, 'it\\'s' = 2)", { type: { kind: "enum", values: ["a", "it's"] } }],
    ["LowCardinality(String)", { type: { kind: "string" }, plain: false }],
    ["Array(Nullable(Int8))", { type: { kind: "array", nullable: true, element: { kind: "int" } } }],
    ["Map(String, Array(UUID))", { type: { kind: "map", nullable: false, value: { kind: "array" } } }],
    ["Map(LowCardinality(String), UInt8)", { text: "Map(LowCardinality(String), UInt8)", plain: false }],
  ])("%s is understood", (text, expected) => {
    expect(parseNativeType(text)).toMatchObject(expected);
  });

  test.each([
    "",
    "string",
    "Int7",
    "Int128",
    "FixedString(3)",
    "Decimal(77, 2)",
    "Decimal(4, 5)",
    "Decimal(0)",
    "DateTime64(10)",
    "DateTime('Europe/Zurich')",
    "Enum8()",
    "Enum8(a)",
    "LowCardinality(UInt8)",
    "Nullable(Array(String))",
    "Nullable(LowCardinality(String))",
    "Map(Int8, String)",
    "Array(Ring)",
    "String) ENGINE = Null --",
    "Tuple(a Int8)",
  ])("%j isn't taken", (text) => {
    expect(parseNativeType(text)).toBeUndefined();
  });
});
