import { describe, expect, test } from "vitest";
import type { Column, ColumnType } from "../../../src/project/column.ts";
import type { Store } from "../../../src/store/store.ts";
import { batchOf, bound, column, create, rowsOf, tableOf, textOf } from "../support.ts";
import type { StoreWords } from "../words.ts";

const int = (bits: 8 | 16 | 32 | 64, signed: boolean): ColumnType => ({ kind: "int", bits, signed });
const datetime = (precision: number): ColumnType => ({ kind: "datetime", precision });
const decimal = (precision: number, scale: number): ColumnType => ({ kind: "decimal", precision, scale });
const array = (element: ColumnType, nullable = false): ColumnType => ({ kind: "array", element, nullable });
const map = (value: ColumnType, nullable = false): ColumnType => ({ kind: "map", value, nullable });

interface Case {
  readonly name: string;
  readonly type: ColumnType;
  /** JSON texts that are sent. */
  readonly sent: readonly string[];
  /** JSON texts that come back, when they differ. */
  readonly answered?: readonly string[];
  readonly native?: string;
}

const SAFE = "9007199254740991";

/** Least, greatest and odd values of every type: what is sent comes back, character by character. */
const CASES: readonly Case[] = [
  {
    name: "string",
    type: { kind: "string" },
    sent: ['""', '"\\u0000\\t\\"\\\\/é🛫"', '"null"', '"\\\\N"', '"12"'],
    answered: ['""', '"\\u0000\\t\\"\\\\/é🛫"', '"null"', '"\\\\N"', '"12"'],
  },
  { name: "enum", type: { kind: "enum", values: ["on", "off"] }, sent: ['"on"', '"off"'] },
  { name: "boolean", type: { kind: "boolean" }, sent: ["true", "false"] },
  { name: "int8", type: int(8, true), sent: ["-128", "0", "127"] },
  { name: "uint8", type: int(8, false), sent: ["0", "255"] },
  { name: "int16", type: int(16, true), sent: ["-32768", "32767"] },
  { name: "uint16", type: int(16, false), sent: ["0", "65535"] },
  { name: "int32", type: int(32, true), sent: ["-2147483648", "2147483647"] },
  { name: "uint32", type: int(32, false), sent: ["0", "4294967295"] },
  {
    name: "int64",
    type: int(64, true),
    sent: [
      "-9223372036854775808",
      "9223372036854775807",
      SAFE,
      `-${SAFE}`,
      '"9007199254740992"',
      '"-9007199254740992"',
      "9007199254740993",
      "0",
      '"5"',
    ],
    answered: [
      '"-9223372036854775808"',
      '"9223372036854775807"',
      SAFE,
      `-${SAFE}`,
      '"9007199254740992"',
      '"-9007199254740992"',
      '"9007199254740993"',
      "0",
      "5",
    ],
  },
  {
    name: "uint64",
    type: int(64, false),
    sent: ["0", "18446744073709551615", SAFE, "9007199254740992"],
    answered: ["0", '"18446744073709551615"', SAFE, '"9007199254740992"'],
  },
  {
    name: "float32",
    type: { kind: "float", bits: 32 },
    sent: ["0", "0.1", "-3.4028235e38", "1e-45", "16777216"],
  },
  {
    name: "float64",
    type: { kind: "float", bits: 64 },
    sent: ["0", "0.1", "-1.7976931348623157e308", "5e-324", "9007199254740992", "100000000000000000"],
  },
  { name: "decimal9", type: decimal(9, 4), sent: ['"-99999.9999"', '"0"', '"0.0001"'] },
  { name: "decimal18", type: decimal(18, 0), sent: ['"999999999999999999"', '"-999999999999999999"'] },
  {
    name: "decimal38",
    type: decimal(38, 10),
    sent: ['"1234567890123456789012345678.0123456789"', '"-0.0000000001"'],
  },
  { name: "decimal76", type: decimal(76, 38), sent: [`"${"9".repeat(38)}.${"9".repeat(38)}"`] },
  {
    name: "date",
    type: { kind: "date" },
    sent: ['"1900-01-01"', '"1969-12-31"', '"2024-02-29"', '"2299-12-31"'],
  },
  { name: "datetime0", type: datetime(0), sent: ['"1900-01-01T00:00:00Z"', '"2299-12-31T23:59:59Z"'] },
  {
    name: "datetime3",
    type: datetime(3),
    sent: [
      '"1900-01-01T00:00:00.001Z"',
      '"1969-12-31T23:59:59.999Z"',
      '"2299-12-31T23:59:59.999Z"',
      '"2001-02-03T04:05:06.7+01:00"',
    ],
    answered: [
      '"1900-01-01T00:00:00.001Z"',
      '"1969-12-31T23:59:59.999Z"',
      '"2299-12-31T23:59:59.999Z"',
      '"2001-02-03T03:05:06.700Z"',
    ],
  },
  {
    name: "datetime9",
    type: datetime(9),
    sent: ['"1900-01-01T00:00:00.000000001Z"', '"2262-04-11T23:47:16.854775807Z"'],
  },
  {
    name: "uuid",
    type: { kind: "uuid" },
    sent: ['"00000000-0000-0000-0000-000000000000"', '"ffffffff-ffff-ffff-ffff-ffffffffffff"'],
  },
  { name: "ipv4", type: { kind: "ipv4" }, sent: ['"0.0.0.0"', '"255.255.255.255"'] },
  { name: "ipv6", type: { kind: "ipv6" }, sent: ['"::"', '"2001:db8::1"', '"::ffff:192.0.2.1"'] },
  {
    name: "json",
    type: { kind: "json" },
    sent: ['"{\\"a\\": [1, 9007199254740993]}"', '"\\"text\\""', '"null"'],
  },
  { name: "array", type: array(int(64, true), true), sent: ["[]", "[1,null]", '["9223372036854775807"]'] },
  { name: "array_array", type: array(array({ kind: "string" })), sent: ["[]", '[[],["a","b\\"]"]]'] },
  { name: "array_enum", type: array({ kind: "enum", values: ["a"] }, true), sent: ['["a",null]'] },
  { name: "array_datetime", type: array(datetime(3), true), sent: ['["2001-02-03T04:05:06.007Z",null]'] },
  { name: "array_decimal", type: array(decimal(18, 4)), sent: ['["1.5","-99999999999999.9999"]'] },
  {
    name: "map",
    type: map(int(64, false), true),
    sent: ["{}", '{"a":1,"b,}":null,"c":"18446744073709551615"}'],
  },
  { name: "map_map", type: map(map({ kind: "float", bits: 64 })), sent: ['{"a":{"b":100000000000000000}}'] },
  {
    name: "tuple",
    type: {
      kind: "tuple",
      fields: [
        { name: "big", type: int(64, true), nullable: false },
        { name: "float-", type: { kind: "float", bits: 64 }, nullable: false },
        { name: "text", type: { kind: "string" }, nullable: true },
        { name: "at", type: datetime(3), nullable: true },
        {
          name: "inner",
          type: { kind: "tuple", fields: [{ name: "n", type: int(64, false), nullable: true }] },
          nullable: false,
        },
      ],
    },
    sent: [
      '{"big":"9007199254740992","float-":100000000000000000,"text":"x","at":"2001-02-03T04:05:06.007Z","inner":{"n":"18446744073709551615"}}',
      '{"big":1,"float-":0.5,"text":null,"at":null,"inner":{"n":null}}',
    ],
  },
  {
    name: "native_enum",
    type: { kind: "enum", values: ["on", "it's"] },
    native: "Enum8('on' = 1, 'it\\'s' = 2)",
    sent: ['"on"', '"it\'s"'],
  },
  { name: "native_date", type: { kind: "date" }, native: "Date", sent: ['"1970-01-01"', '"2149-06-06"'] },
  {
    name: "native_datetime",
    type: datetime(0),
    native: "DateTime('UTC')",
    sent: ['"1970-01-01T00:00:00Z"', '"2106-02-07T06:28:15Z"'],
  },
  {
    name: "native_dictionary",
    type: { kind: "string" },
    native: "LowCardinality(String)",
    sent: ['""', '"JFK"'],
  },
];

function withoutNul(texts: readonly string[]): string[] {
  return texts.map((text) => text.replace("\\u0000", ""));
}

/** What of a case an engine can hold. */
function casesFor(one: Case, words: StoreWords): Case | undefined {
  if (one.type.kind === "datetime" && one.type.precision > words.secondDigitsMax) return undefined;
  if (words.holdsNul) return one;
  const { sent, answered } = one;
  return {
    ...one,
    sent: withoutNul(sent),
    ...(answered === undefined ? {} : { answered: withoutNul(answered) }),
  };
}

/** The same for every order of an object's members; numbers stay letter by letter. */
function canonical(json: string): unknown {
  return JSON.parse(json, keepDigits);
}

/** The third argument, with what stands in the text, is newer than TypeScript's library. */
function keepDigits(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  return typeof value === "number" ? { number: context?.source } : value;
}

const COMPOSITE = new Set(["array", "map", "tuple"]);

const rowsWith = (values: readonly string[]): string[] => values.map((one) => `{"value":${one}}`);
const valueOf = ({ type, native }: Case, nullable: boolean): Column => ({
  ...column("value", type, nullable),
  ...(native === undefined ? {} : { native }),
});

export function describeValues(store: () => Store, words: StoreWords): void {
  /** What comes back of JSON texts in such a column, and what isn't as the described schema or the declaration says. */
  const roundTrip = async (
    table: string,
    value: Column,
    sent: readonly string[],
  ): Promise<{ readonly answered: readonly unknown[]; readonly misfits: readonly string[] }> => {
    const spec = tableOf(table, [column("n", int(32, true)), value]);
    await create(store(), spec);
    const rows = sent.map((text, n) => `{"n":${n},"value":${text}}`);
    await store().insert(table, batchOf(spec.schema, rows));
    const sql = `SELECT value FROM ${table} ORDER BY n`;
    const lines = (await textOf(store(), sql)).trimEnd().split("\n");
    const answered = lines.map(canonical);
    const [described] = await store().describe(bound(sql));
    const misfits = lines.filter((line) => {
      const row = JSON.parse(line) as { value: unknown };
      return !fits(described?.jsonSchema ?? {}, row.value);
    });
    const { changes } = await store().migrate([spec], { dryRun: true });
    return { answered, misfits: [...misfits, ...changes.filter((change) => change.startsWith(`${table}:`))] };
  };

  describe("values come back exactly as they were sent", () => {
    const cases = CASES.map((one) => casesFor(one, words)).filter((one) => one !== undefined);

    test.each(cases)("$name", async (one) => {
      const answered = rowsWith(one.answered ?? one.sent).map(canonical);
      expect(await roundTrip(`value_${one.name}`, valueOf(one, false), one.sent)).toEqual({
        answered,
        misfits: [],
      });
    });

    test.each(cases.filter(({ type }) => !COMPOSITE.has(type.kind)))("$name or null", async (one) => {
      const answered = rowsWith([...(one.answered ?? one.sent), "null"]).map(canonical);
      const sent = [...one.sent, "null"];
      expect(await roundTrip(`null_${one.name}`, valueOf(one, true), sent)).toEqual({
        answered,
        misfits: [],
      });
    });

    test("a field that is absent is null", async () => {
      const spec = tableOf("absent", [column("n", int(32, true)), column("value", "string", true)]);
      await create(store(), spec);
      await store().insert("absent", batchOf(spec.schema, [{ n: 1 }]));
      expect(await rowsOf(store(), "SELECT value FROM absent")).toEqual([{ value: null }]);
    });
  });
}

type Schema = Readonly<Record<string, unknown>>;

/** Whether a value is of the schema's types: as much of JSON Schema as results need. */
function fits(schema: Schema, value: unknown): boolean {
  const any = schema["anyOf"] as readonly Schema[] | undefined;
  if (any !== undefined) return any.some((one) => fits(one, value));
  const types = [schema["type"]].flat() as readonly (string | undefined)[];
  if (
    !types.includes(undefined) &&
    !types.includes(jsonType(value)) &&
    !(Number.isInteger(value) && types.includes("integer"))
  ) {
    return false;
  }
  if (
    typeof value === "string" &&
    typeof schema["pattern"] === "string" &&
    !new RegExp(schema["pattern"]).test(value)
  ) {
    return false;
  }
  if (Array.isArray(value)) return value.every((item) => fits((schema["items"] ?? {}) as Schema, item));
  if (typeof value !== "object" || value === null) return true;
  const properties = schema["properties"] as Readonly<Record<string, Schema>> | undefined;
  const rest = schema["additionalProperties"] as Schema | undefined;
  return Object.entries(value).every(([key, item]) => fits(properties?.[key] ?? rest ?? {}, item));
}

function jsonType(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}
