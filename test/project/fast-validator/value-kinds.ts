import * as fc from "fast-check";
import { z } from "zod";
import {
  oddAddresses,
  oddDates,
  oddJson,
  oddMixed,
  oddNumbers,
  oddTexts,
  oddTimes,
  oddUuids,
} from "./odd-values.ts";

/** A type of a declaration with texts of values for it. */
export interface ValueKind {
  readonly name: string;
  readonly schema: z.ZodType;
  /** JSON of good values in the usual spelling. */
  readonly good: fc.Arbitrary<string>;
  /** JSON, or nearly, at the edges of the type: some good, some not. */
  readonly odd: fc.Arbitrary<string>;
  /** Whether the fast path must take every good value by itself. */
  readonly fast: boolean;
}

/** Well-formed text without NUL, which no fast path takes. */
const text = fc
  .oneof(
    fc.string({ maxLength: 12 }),
    fc.string({ unit: "grapheme", maxLength: 12 }),
    fc.string({ unit: "binary", maxLength: 6 }),
  )
  .filter((value) => !value.includes("\0") && value.isWellFormed());
const json = (value: unknown): string => JSON.stringify(value);
/** As Python writes it by default: everything beyond ASCII escaped. */
const ascii = (value: string): string =>
  json(value).replaceAll(
    /[\u0080-\uFFFF]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );

const date = fc
  .date({ min: new Date("1901-01-01"), max: new Date("2261-12-31"), noInvalidDate: true })
  .map((value) => value.toISOString().slice(0, 10));
const time = fc
  .date({ min: new Date("2000-01-01"), max: new Date("2000-01-02"), noInvalidDate: true })
  .map((value) => value.toISOString().slice(11, 19));
const digits = (max: number): fc.Arbitrary<string> =>
  fc.stringMatching(new RegExp(`^(?:\\.[0-9]{1,${max}})?$`));
const offset = fc.oneof(fc.constant("Z"), fc.stringMatching(/^[+-](?:0[1-9]|1[0-3]):[0-5][0-9]$/));
const datetime = (fraction: number, zone: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc
    .tuple(date, time, digits(fraction), zone)
    .map(([day, clock, rest, at]) => json(`${day}T${clock}${rest}${at}`));

function kind(
  name: string,
  schema: z.ZodType,
  good: fc.Arbitrary<string>,
  odd: fc.Arbitrary<string> = oddMixed,
  fast = true,
): ValueKind {
  return {
    name,
    schema,
    good,
    odd: fc.oneof({ weight: 3, arbitrary: odd }, { weight: 1, arbitrary: oddMixed }),
    fast,
  };
}

const integer = (min: bigint, max: bigint): fc.Arbitrary<string> => fc.bigInt({ min, max }).map(String);
const double = fc.double({ noNaN: true, noDefaultInfinity: true });
/** What a float holds exactly when it is an integer; larger ones are a matter for the slow path. */
const small = (limit: number) => (value: number) => !Number.isInteger(value) || Math.abs(value) < limit;
const usualDouble = fc.oneof(
  double
    .filter((value) => value === 0 || (Math.abs(value) > 1e-80 && Math.abs(value) < 1e80))
    .filter(small(2 ** 53)),
  fc.maxSafeInteger(),
  fc.integer().map((value) => value / 100),
);
const float32 = fc.oneof(
  fc
    .float({ noNaN: true, noDefaultInfinity: true })
    .filter((value) => Math.abs(value) > 1e-12)
    .filter(small(2 ** 24)),
  fc.integer({ min: -(2 ** 24), max: 2 ** 24 }),
  fc
    .integer()
    .map((value) => value / 1000)
    .filter(small(2 ** 24)),
);

const plainKey = fc.stringMatching(/^[a-z ]{0,8}$/);
const jsonValue = fc.oneof(
  fc.string().filter((value) => !value.includes("\0")),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.integer(),
  fc.boolean(),
  fc.constant(null),
);
/** Objects and arrays of anything, with spaces that are a part of what is stored. */
const jsonContainer = fc
  .oneof(
    fc.dictionary(plainKey, jsonValue),
    fc.array(fc.object({ key: plainKey, maxDepth: 2, values: [jsonValue] })),
    fc.object({ key: plainKey, maxDepth: 3, values: [jsonValue] }),
  )
  .map((value) => JSON.stringify(value, null, "\t").replaceAll("\n", " "));
export const SCALARS: readonly ValueKind[] = [
  kind("string", z.string(), fc.oneof(text.map(json), text.map(ascii)), oddTexts),
  kind(
    "string of 3",
    z.string().length(3),
    fc.stringMatching(/^[A-Z]{3}$/).map(json),
    fc.oneof(
      oddTexts,
      text.map(json),
      fc.constantFrom('"é1"', '"éé"', '"éé1"', '"éééé"', '"\\u00e91a"', '"😀1"', '"😀12"', '"\\n12"'),
    ),
  ),
  kind(
    "string of 1 to 40",
    z.string().min(1).max(40),
    fc.stringMatching(/^[ -!#-[\]-~]{1,40}$/).map(json),
    fc.oneof(oddTexts, text.map(json)),
  ),
  kind(
    "enum",
    z.enum(["a", "ab", 'b"c', "é", ""]),
    fc.constantFrom("a", "ab", 'b"c', "é", "").map(json),
    fc.constantFrom('"A"', '"abc"', '"\\u0061"', '"a', '"a "'),
  ),
  kind("literal", z.literal("on"), fc.constant('"on"'), fc.constantFrom('"off"', '"o\\u006e"')),
  kind("boolean", z.boolean(), fc.boolean().map(json)),
  kind("int32", z.int32(), integer(-(2n ** 31n), 2n ** 31n - 1n), oddNumbers),
  kind("uint32", z.uint32(), integer(0n, 2n ** 32n - 1n), oddNumbers),
  kind("uint8", z.int().meta({ column: "UInt8" }), integer(0n, 255n), oddNumbers),
  kind(
    "int -5 to 5",
    z.int().min(-5).max(5),
    integer(-5n, 5n),
    fc.oneof(oddNumbers, fc.constantFrom("-6", "6", "5", "-5")),
  ),
  kind("int", z.int(), integer(-(2n ** 53n) + 1n, 2n ** 53n - 1n), oddNumbers),
  kind(
    "int64",
    z.int64(),
    fc.oneof(
      integer(-(2n ** 63n), 2n ** 63n - 1n),
      integer(-(2n ** 63n), 2n ** 63n - 1n).map((value) => `"${value}"`),
    ),
    oddNumbers,
  ),
  kind(
    "uint64",
    z.uint64(),
    fc.oneof(
      integer(0n, 2n ** 64n - 1n),
      integer(0n, 2n ** 64n - 1n).map((value) => `"${value}"`),
    ),
    oddNumbers,
  ),
  kind(
    "number",
    z.number(),
    usualDouble.map((value) => json(value)),
    fc.oneof(oddNumbers, double.map(json)),
  ),
  kind(
    "latitude",
    z.number().min(-90).max(90),
    fc
      .oneof(
        fc.double({ min: -90, max: 90, noNaN: true }).filter((value) => Math.abs(value) > 1e-20),
        fc.integer({ min: -90, max: 90 }),
        fc.integer({ min: -9e6, max: 9e6 }).map((value) => value / 1e5),
      )
      .map(json),
    oddNumbers,
  ),
  kind("float32", z.float32(), float32.map(json), oddNumbers),
  kind(
    "decimal",
    z.number().meta({ column: "Decimal(18, 4)" }),
    fc.integer({ min: -1e9, max: 1e9 }).map((value) => (value / 10_000).toFixed(4)),
    oddNumbers,
  ),
  kind("date", z.iso.date(), date.map(json), oddDates),
  kind("datetime", z.iso.datetime(), datetime(3, fc.constant("Z")), oddTimes),
  kind("datetime with offset", z.iso.datetime({ offset: true }), datetime(3, offset), oddTimes),
  kind("local datetime", z.iso.datetime({ local: true }), datetime(3, fc.constantFrom("", "Z")), oddTimes),
  kind(
    "microseconds",
    z.iso.datetime({ offset: true }).meta({ column: "DateTime64(6)" }),
    datetime(6, offset),
    oddTimes,
  ),
  kind(
    "nanoseconds",
    z.iso.datetime({ offset: true }).meta({ column: "DateTime64(9)" }),
    datetime(9, offset),
    oddTimes,
  ),
  kind(
    "DateTime",
    z.iso.datetime({ offset: true }).meta({ column: "DateTime" }),
    fc.constant('"2024-01-01T00:00:00Z"'),
    oddTimes,
    false,
  ),
  kind("Date", z.iso.date().meta({ column: "Date" }), fc.constant('"2024-01-01"'), oddDates, false),
  kind("uuid", z.uuid(), fc.uuid().map(json), oddUuids),
  kind("ipv4", z.ipv4(), fc.ipV4().map(json), oddAddresses),
  kind(
    "ipv6",
    z.ipv6(),
    fc
      .ipV6()
      .filter((value) => !value.includes("."))
      .map(json),
    oddAddresses,
  ),
  kind("email", z.email(), fc.constant('"a@example.org"'), oddTexts, false),
  kind(
    "unknown",
    z.unknown(),
    fc.json().filter((value) => value !== "null" && !value.includes("\\u0000")),
    oddMixed,
    false,
  ),
  kind("json", z.unknown(), jsonContainer, fc.oneof(fc.json(), oddJson)),
  kind("low cardinality", z.string().meta({ column: "LowCardinality(String)" }), text.map(json), oddTexts),
];
