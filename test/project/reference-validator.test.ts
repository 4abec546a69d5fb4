import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { ERRORS_PER_EVENT_MAX } from "../../src/project/event-validator.ts";
import { EVENT_ERROR_CODES } from "../../src/project/validate/event-error-codes.ts";
import { acceptedLine, defineTestStream, judge, judgeText, lineOf, referenceOf } from "./judging.ts";

const flights = defineTestStream(
  z.object({
    id: z.string(),
    delay: z.int32().optional(),
    tags: z.array(z.string()).default([]),
    extra: z.object({ city: z.string(), zip: z.string().nullable() }).default({ city: "?", zip: null }),
    any: z.unknown().optional(),
  }),
);

describe("an accepted event becomes the line that the store loads", () => {
  test.each([
    [
      "spaces and order go",
      ' {"delay" : 5,\n"id":"a"} ',
      '{"id":"a","delay":5,"tags":[],"extra":{"city":"?"}}',
    ],
    ["null is absent", '{"id":"a","delay":null,"any":null}', '{"id":"a","tags":[],"extra":{"city":"?"}}'],
    ["null gives the default", '{"id":"a","tags":null}', '{"id":"a","tags":[],"extra":{"city":"?"}}'],
    ["escapes are resolved", '{"id":"\\u0041\\n\\/"}', '{"id":"A\\n/","tags":[],"extra":{"city":"?"}}'],
    [
      "JSON keeps its characters",
      '{"id":"a","any":{"n": 1.0e400,"a":[ ]}}',
      '{"id":"a","tags":[],"extra":{"city":"?"},"any":"{\\"n\\": 1.0e400,\\"a\\":[ ]}"}',
    ],
  ])("%s", (_, text, line) => {
    expect(judgeText(flights, text)).toBe(line);
  });

  test("a part of a larger body is judged alone", () => {
    const body = Buffer.from('[{"id":"é"},{"id":"b"}]');
    const end = body.indexOf("}") + 1;
    expect(acceptedLine(judge(flights, body.subarray(1, end)))).toContain('"id":"é"');
  });

  test("a default that is a function is called for each event", () => {
    let count = 0;
    const stream = defineTestStream(z.object({ id: z.string(), n: z.int32().default(() => ++count) }));
    const validator = referenceOf(stream);
    const body = Buffer.from('{"id":"a"}');
    const lines = [1, 2].map(() => acceptedLine(lineOf(body, validator.validate(body, 0, body.length))));
    expect(lines).toEqual([`{"id":"a","n":${count - 1}}`, `{"id":"a","n":${count}}`]);
  });

  test("a default that a later call can't give rejects the event", () => {
    let works = true;
    const stream = defineTestStream(
      z.object({
        id: z.string(),
        n: z.int32().default(() => {
          if (works) return 1;
          throw new Error("no number left");
        }),
      }),
    );
    const validator = referenceOf(stream);
    works = false;
    const body = Buffer.from('{"id":"a"}');
    expect(validator.validate(body, 0, body.length)).toEqual([
      { path: "/n", code: "check_failed", message: "the default's function failed: no number left" },
    ]);
  });
});

const nested = (depth: number) => `{"id":"a","any":${"[".repeat(depth)}${"]".repeat(depth)}}`;

describe("bytes that aren't one good JSON value are rejected, with the place", () => {
  test.each<[string, string | Buffer, string, string, string]>([
    ["nothing", "", "invalid_json", "", "the JSON ends too early"],
    ["spaces", "  \n", "invalid_json", "", "the JSON ends too early"],
    ["truncated in a field", '{"id', "invalid_json", "", "the JSON ends too early"],
    ["truncated after a field", '{"id":"a"', "invalid_json", "", "the JSON ends too early"],
    ["truncated in an escape", '{"id":"\\', "invalid_json", "", "the JSON ends too early"],
    [
      "two values",
      '{"id":"a"}{"id":"b"}',
      "invalid_json",
      "",
      'unexpected "{" at character 11 after the end of the value',
    ],
    [
      "a comma at the end",
      '{"id":"a",}',
      "invalid_json",
      "",
      'unexpected "}" at character 11 where a field\'s name should be',
    ],
    [
      "a comma in an array",
      '{"id":"a","tags":[1,]}',
      "invalid_json",
      "",
      'unexpected "]" at character 21 where a value should be',
    ],
    ["no colon", '{"id" "a"}', "invalid_json", "", "where a colon should be"],
    ["no comma", '{"id":"a" "delay":1}', "invalid_json", "", "where a comma or brace should be"],
    ["no comma in an array", '{"tags":["a" "b"]}', "invalid_json", "", "where a comma or bracket should be"],
    ["single quotes", "{'id':'a'}", "invalid_json", "", "where a field's name should be"],
    ["NaN", '{"id":"a","delay":NaN}', "invalid_json", "", 'unexpected "N" at character 19'],
    ["Infinity", '{"id":"a","delay":-Infinity}', "invalid_json", "", 'unexpected "-" at character 19'],
    ["a leading zero", '{"id":"a","delay":01}', "invalid_json", "", 'unexpected "1"'],
    ["a plus", '{"id":"a","delay":+1}', "invalid_json", "", 'unexpected "+"'],
    ["half a word", '{"id":"a","delay":nul}', "invalid_json", "", 'unexpected "n"'],
    [
      "an unknown escape",
      '{"id":"\\x41"}',
      "invalid_json",
      "",
      "a string has an unknown escape (at character 7)",
    ],
    [
      "a control character",
      '{"id":"a\tb"}',
      "invalid_json",
      "",
      'unexpected "\\t" at character 9 in a string',
    ],
    ["a raw NUL", '{"id":"a\0b"}', "invalid_json", "", "in a string, where it must be escaped"],
    ["a byte order mark", '\ufeff{"id":"a"}', "invalid_json", "", "at character 1"],
    [
      "invalid UTF-8",
      Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]),
      "invalid_utf8",
      "",
      "the bytes aren't UTF-8",
    ],
    [
      "a surrogate in UTF-8",
      Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]),
      "invalid_utf8",
      "",
      "the bytes aren't UTF-8",
    ],
    ["half a pair", '{"id":"\\ud83d"}', "invalid_utf8", "/id", "half of a surrogate pair"],
    ["the other half", '{"id":"\\udeab\\ud83d"}', "invalid_utf8", "/id", "half of a surrogate pair"],
    ["half a pair in a name", '{"\\ud83d":1}', "invalid_utf8", "", "half of a surrogate pair"],
    ["a field twice", '{"id":"a","id":"a"}', "duplicate_field", "/id", 'field "id" is there twice'],
    ["a field twice by an escape", '{"id":"a","\\u0069d":"a"}', "duplicate_field", "/id", "is there twice"],
    [
      "a field twice in any JSON",
      '{"id":"a","any":[{"x":1,"x":2}]}',
      "duplicate_field",
      "/any/0/x",
      "is there twice",
    ],
    [
      "__proto__ twice",
      '{"id":"a","any":{"__proto__":1,"__proto__":2}}',
      "duplicate_field",
      "/any/__proto__",
      "twice",
    ],
    [
      "a very long number",
      `{"id":"a","delay":${"1".repeat(1001)}}`,
      "too_long",
      "/delay",
      "a number of 1001 characters",
    ],
    ["another value", "[1]", "invalid_type", "", "expected an object, got an array"],
    ["null", "null", "invalid_type", "", "expected an object, got null"],
    ["a text", '"x"', "invalid_type", "", 'expected an object, got "x"'],
  ])("%s", (_, body, code, path, message) => {
    const errors = judge(flights, Buffer.from(body));
    expect(errors).toMatchObject([{ code, path }]);
    expect(JSON.stringify(errors)).toContain(JSON.stringify(message).slice(1, -1));
  });

  test("zeros without end cost no more than other characters", () => {
    const stream = defineTestStream(
      z.object({ id: z.string(), at: z.iso.datetime(), n: z.number().meta({ column: "Decimal(9, 2)" }) }),
    );
    const zeros = "0".repeat(900_000);
    const started = performance.now();
    expect(judgeText(stream, `{"id":"a","n":1,"at":"2001-01-01T00:00:00.${zeros}1Z"}`)).toMatchObject([
      { code: "not_exact" },
    ]);
    const numbers = Array.from({ length: 900 }, () => `0.${"0".repeat(900)}1`).join(",");
    const list = defineTestStream(
      z.object({ id: z.string(), list: z.array(z.number().meta({ column: "Decimal(9, 2)" })) }),
    );
    expect(judgeText(list, `{"id":"a","list":[${numbers}]}`)).toMatchObject(
      Array.from({ length: 10 }, () => ({ code: "not_exact" })),
    );
    // A square of 900,000 would take minutes.
    expect(performance.now() - started).toBeLessThan(5_000);
  });

  test("an event of too many bytes isn't read", () => {
    expect(judgeText(flights, '{"id":"a"}', { eventBytes: 9 })).toEqual([
      { path: "", code: "too_large", message: "the event has 10 bytes; at most 9 are taken" },
    ]);
    expect(judgeText(flights, '{"id":"a"}', { eventBytes: 10 })).toBeTypeOf("string");
  });

  test("nesting is counted with the event, and its limit is exact", () => {
    expect(judgeText(flights, nested(4), { nesting: 5 })).toBeTypeOf("string");
    expect(judgeText(flights, nested(5), { nesting: 5 })).toMatchObject([
      { code: "too_deep", path: "/any/0/0/0/0", message: "arrays and objects are nested deeper than 5" },
    ]);
    expect(judgeText(flights, "[".repeat(1_000_000))).toMatchObject([{ code: "too_deep" }]);
  });
});

describe("names that mean something to JavaScript are names like any other", () => {
  test("they are unknown fields, and change nothing", () => {
    const errors = judgeText(flights, '{"id":"a","__proto__":{"polluted":1},"constructor":2,"toString":3}');
    expect(errors).toMatchObject([
      { path: "/__proto__", code: "unknown_field" },
      { path: "/constructor", code: "unknown_field" },
      { path: "/toString", code: "unknown_field" },
    ]);
    expect({}).not.toHaveProperty("polluted");
  });

  test("an absent field isn't found on a prototype", () => {
    const stream = defineTestStream(z.object({ id: z.string(), constructor: z.string().optional() }));
    expect(judgeText(stream, '{"id":"a"}')).toBe('{"id":"a"}');
    expect(judgeText(stream, '{"id":"a","constructor":"x"}')).toBe('{"id":"a","constructor":"x"}');
  });

  test("as keys of a record they are kept", () => {
    const stream = defineTestStream(z.object({ id: z.string(), map: z.record(z.string(), z.int32()) }));
    const line = '{"id":"a","map":{"__proto__":1,"constructor":2}}';
    expect(judgeText(stream, line)).toBe(line);
  });
});

describe("errors are for people", () => {
  const stream = defineTestStream(
    z.object({
      id: z.string().min(2),
      mode: z.enum(["on", "off"]),
      url: z.url("a link, please"),
      count: z.number().gt(0).lt(10),
      steps: z.number().multipleOf(5),
      code: z
        .string()
        .regex(/^[A-Z]+$/)
        .startsWith("A")
        .endsWith("Z")
        .includes("M"),
      list: z.array(z.string()).min(1),
      key: z.record(z.string().max(2), z.int32()),
      lit: z.literal(true),
      same: z.string().refine((text) => text === "same"),
    }),
  );
  const good = {
    id: "ab",
    mode: "on",
    url: "http://a",
    count: 1,
    steps: 5,
    code: "AMZ",
    list: ["a"],
    key: {},
    lit: true,
    same: "same",
  };

  test("the good one is good", () => {
    expect(judgeText(stream, JSON.stringify(good))).toBe(JSON.stringify(good));
  });

  test.each<[object, string, string, string]>([
    [{ id: "a" }, "/id", "too_short", 'expected at least 2 characters, got "a"'],
    [{ id: 5 }, "/id", "invalid_type", "expected a string, got 5"],
    [{ id: "x".repeat(50), mode: 5 }, "/mode", "invalid_type", 'expected one of "on", "off", got 5'],
    [
      { mode: "x".repeat(50) },
      "/mode",
      "invalid_value",
      `expected one of "on", "off", got "${"x".repeat(40)}…"`,
    ],
    [{ url: "x" }, "/url", "invalid_format", "a link, please"],
    [{ count: 0 }, "/count", "out_of_range", "expected a number of more than 0, got 0"],
    [{ count: 10 }, "/count", "out_of_range", "expected a number of less than 10, got 10"],
    [{ steps: 7 }, "/steps", "check_failed", "expected a multiple of 5, got 7"],
    [{ code: "AMmZ" }, "/code", "invalid_format", 'expected a string that matches /^[A-Z]+$/, got "AMmZ"'],
    [{ code: "BMZ" }, "/code", "invalid_format", 'expected a string that starts with "A", got "BMZ"'],
    [{ code: "AMB" }, "/code", "invalid_format", 'expected a string that ends with "Z", got "AMB"'],
    [{ code: "ABZ" }, "/code", "invalid_format", 'expected a string with "M" in it, got "ABZ"'],
    [{ list: [] }, "/list", "too_short", "expected at least 1 item, got 0"],
    [{ list: [true] }, "/list/0", "invalid_type", "expected a string, got true"],
    [{ key: { abc: 1 } }, "/key/abc", "check_failed", "the schema takes no such key"],
    [{ key: { "a/": "x" } }, "/key/a~1", "invalid_type", 'expected an integer, got "x"'],
    [{ key: [] }, "/key", "invalid_type", "expected an object, got an array"],
    [{ lit: false }, "/lit", "invalid_value", "expected true, got false"],
    [{ same: "other" }, "/same", "check_failed", "a check of the schema fails"],
    [{ moed: "on" }, "/moed", "unknown_field", 'there is no field "moed"; did you mean "mode"?'],
    [{ mode: undefined }, "/mode", "required", "the field is required"],
    [{ mode: null }, "/mode", "required", "the field is required, got null"],
  ])("%j", (change, path, code, message) => {
    expect(judgeText(stream, JSON.stringify({ ...good, ...change }))).toEqual([{ path, code, message }]);
  });

  test("everything that is wrong is told at once, by the column's rules and by Zod's", () => {
    const errors = judgeText(
      stream,
      JSON.stringify({ ...good, id: "a", mode: 5, list: ["a", 1], same: "x" }),
    );
    expect(errors).toMatchObject([
      { path: "/mode" },
      { path: "/list/1" },
      { path: "/id" },
      { path: "/same" },
    ]);
  });

  test("at most so many reasons are given", () => {
    const many = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`x${index}`, 1]));
    expect(judgeText(stream, JSON.stringify({ ...good, ...many }))).toHaveLength(ERRORS_PER_EVENT_MAX);
    const key = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`k${index}`, "x"]));
    expect(judgeText(stream, JSON.stringify({ ...good, key }))).toHaveLength(ERRORS_PER_EVENT_MAX);
  });

  test("a refinement of the whole event has no path of its own", () => {
    const whole = defineTestStream(
      z.object({ a: z.int32(), b: z.int32() }).refine((event) => event.a < event.b, "a comes before b"),
    );
    expect(judgeText(whole, '{"a":2,"b":1}')).toEqual([
      { path: "", code: "check_failed", message: "a comes before b" },
    ]);
    // What the check would say of half an event isn't told.
    expect(judgeText(whole, '{"a":"x","b":1}')).toMatchObject([{ path: "/a", code: "invalid_type" }]);
  });

  test("a check that throws or waits rejects the event, and never more", () => {
    const throws = defineTestStream(
      z.object({
        id: z.string().refine(() => {
          throw new Error("oops");
        }),
      }),
    );
    expect(judgeText(throws, '{"id":"a"}')).toMatchObject([
      { code: "check_failed", message: "a check of the schema throws: oops" },
    ]);
    const waits = defineTestStream(z.object({ id: z.string().refine(async () => Promise.resolve(true)) }));
    expect(judgeText(waits, '{"id":"a"}')).toMatchObject([{ code: "check_failed" }]);
    expect(JSON.stringify(judgeText(waits, '{"id":"a"}'))).toContain("asynchronous");
  });
});

test("every code that is given is in the registry", () => {
  const codes = new Set<string>();
  const broken = [
    "",
    '{"id":5}',
    '{"id":"a","delay":1e9}',
    '{"id":"a","x":1}',
    "{}",
    '{"id":"a","id":1}',
    "[[",
    '"\\ud800"',
  ];
  for (const text of broken) {
    const errors = judgeText(flights, text);
    if (typeof errors !== "string") for (const error of errors) codes.add(error.code);
  }
  expect(codes.size).toBeGreaterThan(5);
  expect(Object.keys(EVENT_ERROR_CODES)).toEqual(expect.arrayContaining([...codes]));
});

test("JSON is read as JSON.parse reads it, or rejected where JSON.parse would change something", () => {
  const stream = defineTestStream(z.object({ id: z.string().default("a"), any: z.unknown() }));
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 6, noUnicodeString: false }), fc.boolean(), (value, spaced) => {
      const text = `{"any":${JSON.stringify(value, null, spaced ? 1 : 0)}}`;
      const line = judgeText(stream, text);
      const wellFormed = JSON.stringify(value).isWellFormed() && !/\\ud[89a-f]/.test(JSON.stringify(value));
      if (!wellFormed) return;
      const stored: unknown = JSON.parse((JSON.parse(acceptedLine(line)) as { any: string }).any);
      expect(JSON.stringify(stored)).toBe(JSON.stringify(value));
    }),
    { numRuns: 2000 },
  );
});

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

test("broken JSON is rejected exactly when JSON.parse rejects it", () => {
  const stream = defineTestStream(z.object({ id: z.string().default("a"), any: z.unknown() }));
  const pieces = fc.constantFrom(
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    '"a"',
    '"any"',
    "1",
    "-",
    "0",
    ".5",
    "e1",
    "null",
    "true",
    " ",
    "\\",
    '"',
    "\n",
  );
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 12 }), (parts) => {
      const text = `{"any":${parts.join("")}}`;
      const result = judgeText(stream, text);
      const codes = typeof result === "string" ? [] : result.map((error) => error.code);
      // A field twice, or one that the stream hasn't, is no fault of the JSON's.
      fc.pre(!codes.includes("duplicate_field") && !codes.includes("unknown_field"));
      expect(codes.length > 0).toBe(!isJson(text));
    }),
    { numRuns: 5000 },
  );
});
