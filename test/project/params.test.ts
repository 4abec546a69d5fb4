import { describe, expect, test } from "vitest";
import { z } from "zod";
import { HeadraceError } from "../../src/errors.ts";
import { parseParams } from "../../src/project/params.ts";

/** One parameter of this type, given as text or as a value. */
const parse = (type: z.ZodType, value: unknown): unknown =>
  parseParams(z.object({ p: type }), { p: value })["p"];

function refusalOf(schema: z.ZodObject, values: Record<string, unknown>): HeadraceError {
  try {
    parseParams(schema, values);
  } catch (error) {
    if (error instanceof HeadraceError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

describe("text is converted as the schema says", () => {
  test.each<[string, z.ZodType, unknown, unknown]>([
    ["a string", z.string(), "5", "5"],
    ["an empty string", z.string(), "", ""],
    ["an integer", z.int(), "50", 50],
    ["a float", z.number(), "-1.5e3", -1500],
    ["a 64-bit integer", z.int64(), "9223372036854775807", 9223372036854775807n],
    ["a 64-bit integer as a JSON number", z.int64(), 5, 5n],
    ["a 64-bit integer written with an exponent", z.int64(), "1e3", 1000n],
    ["true", z.boolean(), "true", true],
    ["false", z.boolean(), "false", false],
    ["an enum", z.enum(["asc", "desc"]), "asc", "asc"],
    ["a numeric enum", z.enum({ A: 1, B: 2 }), "2", 2],
    ["a literal number", z.literal([7, 30]), "30", 30],
    ["a date", z.iso.date(), "2001-02-03", "2001-02-03"],
    ["a z.date() from a datetime", z.date(), "2001-02-03T04:05:06Z", new Date("2001-02-03T04:05:06Z")],
    [
      "a z.date() without a zone, which is UTC",
      z.date(),
      "2001-02-03T04:05:06.7",
      new Date("2001-02-03T04:05:06.700Z"),
    ],
    ["a z.date() from a day", z.date(), "2001-02-03", new Date("2001-02-03")],
    ["one text for an array", z.array(z.int()), "1", [1]],
    ["a repeated key", z.array(z.int()), ["1", "2"], [1, 2]],
    ["a JSON array", z.array(z.string()), ["a"], ["a"]],
    ["an object as JSON", z.object({ a: z.int() }), '{"a":1}', { a: 1 }],
    ["a record as JSON", z.record(z.string(), z.int()), '{"a":1}', { a: 1 }],
    ["any JSON", z.unknown(), "[1]", [1]],
    ["any text that isn't JSON", z.unknown(), "x", "x"],
    ["the first option that fits", z.union([z.int(), z.literal("all")]), "5", 5],
    ["the second option", z.union([z.int(), z.literal("all")]), "all", "all"],
    ["what a transform makes", z.string().transform((text) => text.length), "abc", 3],
    ["what coerce makes", z.coerce.number(), "5", 5],
    ["what a pipe makes", z.int().pipe(z.int().transform((n) => n + 1)), "5", 6],
    ["an optional one", z.int().optional(), "5", 5],
    ["a lazy one", z.lazy(() => z.int()), "5", 5],
    ["a caught one", z.int().catch(1), "x", 1],
    ["null for an optional one", z.int().optional(), null, undefined],
    ["null for a default", z.int().default(7), null, 7],
  ])("%s", (_, type, value, expected) => {
    expect(parse(type, value)).toEqual(expected);
  });

  test("what is absent has its default", () => {
    expect(parseParams(z.object({ limit: z.int().default(50), from: z.iso.date().optional() }), {})).toEqual({
      limit: 50,
    });
  });

  test("a key of JavaScript's own is a name like any other", () => {
    const schema = z.object({ constructor: z.string().optional() });
    expect(parseParams(schema, {})).toEqual({});
    expect(refusalOf(schema, JSON.parse('{"__proto__":"x"}') as Record<string, unknown>).message).toContain(
      "__proto__",
    );
  });

  test("a strict object refuses others by name, as a plain one does", () => {
    expect(refusalOf(z.strictObject({ limit: z.int() }), { limti: "1" }).message).toContain(
      'did you mean "limit"?',
    );
  });

  test("a loose object takes any other parameter as it came", () => {
    expect(parseParams(z.looseObject({ a: z.int() }), { a: "1", b: "2" })).toEqual({ a: 1, b: "2" });
  });
});

describe("datetimes reach the query in UTC, in the form that the engine compares", () => {
  test.each<[z.ZodType, unknown, unknown]>([
    [z.iso.datetime(), "2001-02-03T04:05:06Z", "2001-02-03 04:05:06"],
    [z.iso.datetime(), "2001-02-03T04:05:06.789Z", "2001-02-03 04:05:06.789"],
    [z.iso.datetime({ offset: true }), "2001-02-03T04:05:06.120+05:30", "2001-02-02 22:35:06.12"],
    [z.iso.datetime({ local: true }), "2001-02-03T04:05", "2001-02-03 04:05:00"],
    [z.string().datetime(), "2001-02-03T04:05:06Z", "2001-02-03 04:05:06"],
    [z.iso.datetime().optional(), "2001-02-03T04:05:06Z", "2001-02-03 04:05:06"],
    [z.iso.datetime().default("2001-02-03T04:05:06Z"), undefined, "2001-02-03 04:05:06"],
    [z.array(z.iso.datetime()), ["2001-02-03T04:05:06Z"], ["2001-02-03 04:05:06"]],
    [
      z.object({ from: z.iso.datetime() }),
      '{"from":"2001-02-03T04:05:06Z"}',
      { from: "2001-02-03 04:05:06" },
    ],
    [z.string(), "2001-02-03T04:05:06Z", "2001-02-03T04:05:06Z"],
  ])("%#: %s", (type, value, expected) => {
    expect(parse(type, value)).toEqual(expected);
  });

  test("a plus that a query string turned into a space is put back", () => {
    expect(parse(z.iso.datetime({ offset: true }), "2001-02-03T04:05:06 01:00")).toBe("2001-02-03 03:05:06");
  });
});

describe("a bad parameter is refused by name, with what was expected", () => {
  const schema = z.object({
    limit: z.int().min(1).max(1000).default(50),
    origin: z.string().length(3).optional(),
    exact: z.boolean().optional(),
    id: z.int64().optional(),
    kinds: z.array(z.enum(["a", "b"])).optional(),
  });

  test.each<[Record<string, unknown>, string, string]>([
    [{ limit: "late" }, "limit", 'Parameter "limit": expected a number, got "late"'],
    [{ limit: "1.5" }, "limit", 'Parameter "limit": expected an integer, got 1.5'],
    [{ limit: "" }, "limit", 'Parameter "limit": expected a number, got ""'],
    [{ limit: "0x10" }, "limit", 'Parameter "limit": expected a number, got "0x10"'],
    [{ limit: " 5" }, "limit", 'Parameter "limit": expected a number, got " 5"'],
    [{ limit: "NaN" }, "limit", 'Parameter "limit": expected a number, got "NaN"'],
    [{ limit: "0" }, "limit", 'Parameter "limit": expected a number of at least 1, got 0'],
    [{ limit: ["1", "2"] }, "limit", 'Parameter "limit": expected a number, got an array of 2'],
    [{ origin: "x" }, "origin", 'Parameter "origin": expected at least 3 characters, got "x"'],
    [{ exact: "1" }, "exact", 'Parameter "exact": expected true or false, got "1"'],
    [{ id: "1.5" }, "id", 'Parameter "id": expected an integer, got "1.5"'],
    [{ id: 2 ** 53 }, "id", 'Parameter "id": expected an integer, got 9007199254740992'],
    [{ id: "9".repeat(100) }, "id", 'Parameter "id": expected an integer'],
    [{ id: "9223372036854775808" }, "id", 'Parameter "id": expected a number of at most 9223372036854775807'],
    [{ kinds: ["a", "c"] }, "kinds", 'Parameter "kinds": expected "a" or "b", got "c"'],
    [{ limti: "5" }, "limti", 'There is no parameter "limti"; did you mean "limit"?'],
    [{ toString: "5" }, "toString", 'There is no parameter "toString"'],
  ])("%o", (values, parameter, message) => {
    const error = refusalOf(schema, values);
    expect(error.code).toBe("bad_parameter");
    expect(error.message).toContain(message);
    expect(error.details).toMatchObject({
      parameter,
      errors: [{ path: expect.stringContaining(`/${parameter}`) as string }],
    });
  });

  test("all that is wrong is in the details", () => {
    expect(refusalOf(schema, { limit: "x", origin: "y" }).details["errors"]).toMatchObject([
      { path: "/limit", code: "invalid_type" },
      { path: "/origin", code: "too_short" },
    ]);
  });

  test("a missing one is named", () => {
    expect(refusalOf(z.object({ day: z.iso.date() }), {}).message).toBe(
      'Parameter "day": expected a string, got nothing',
    );
  });

  test("an endpoint without parameters says so", () => {
    expect(refusalOf(z.object({}), { day: "x" }).message).toBe(
      'There is no parameter "day"; the endpoint takes none',
    );
  });

  test("a check of all parameters has no parameter to name", () => {
    const whole = z
      .object({ from: z.int(), to: z.int() })
      .refine(({ from, to }) => from < to, "from comes before to");
    expect(refusalOf(whole, { from: "2", to: "1" })).toMatchObject({
      message: "from comes before to",
      details: { parameter: "" },
    });
  });

  test("a schema that throws is a refusal too", () => {
    const throws = z.object({
      a: z.string().transform((): string => {
        throw new Error("oops");
      }),
    });
    expect(refusalOf(throws, { a: "x" }).message).toContain("oops");
  });
});
