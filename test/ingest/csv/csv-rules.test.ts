import { describe, expect, test } from "vitest";
import { z } from "zod";
import { defineStream } from "../../../src/project/define-stream.ts";
import { judgeText, type Judgement } from "./judge-text.ts";

const stream = defineStream("all", {
  schema: z.object({
    text: z.string().optional(),
    int: z.int32().optional(),
    big: z.int64().optional(),
    float: z.number().optional(),
    price: z.number().meta({ column: "Decimal(18, 4)" }).optional(),
    exact: z.string().meta({ column: "Decimal(18, 4)" }).optional(),
    yes: z.boolean().optional(),
    day: z.iso.date().optional(),
    at: z.iso.datetime({ offset: true }).optional(),
    kind: z.enum(["a", "b"]).optional(),
    tags: z.array(z.string()).default([]),
    scores: z.record(z.string(), z.number()).default({}),
    place: z.object({ city: z.string() }).default({ city: "none" }),
    any: z.unknown().optional(),
    counted: z.int32().default(7),
    one: z.literal(1).optional(),
  }),
  table: { orderBy: ["counted"] },
});

const judge = (text: string | Buffer): Judgement[] => judgeText(stream, "text/csv", text);

/** The one event of a CSV with one column, and one that keeps an empty cell from being an empty line. */
function cell(column: string, text: string): Judgement | undefined {
  const judgements = judge(`${column},counted\n${text},3\n`);
  expect(judgements).toHaveLength(1);
  return judgements[0];
}

function valueOf(column: string, text: string): unknown {
  const judged = cell(column, text);
  if (judged === undefined || "errors" in judged) throw new Error(JSON.stringify(judged));
  return (JSON.parse(judged.line) as Record<string, unknown>)[column];
}

function codeOf(column: string, text: string): string {
  const judged = cell(column, text);
  if (judged === undefined || "line" in judged) throw new Error(JSON.stringify(judged));
  return `${judged.errors[0]?.path} ${judged.errors[0]?.code}`;
}

describe("cells become what their field takes", () => {
  test.each([
    ["text", "007", "007"],
    ["text", "true", "true"],
    ["text", "null", "null"],
    ["text", '"a ""b"", c"', 'a "b", c'],
    ["text", '"line 1\r\nline 2\n"', "line 1\r\nline 2\n"],
    ["text", " spaces stay ", " spaces stay "],
    ["text", "back\\slash\t\u0001 und Grüße 🛫", "back\\slash\t\u0001 und Grüße 🛫"],
    ["text", '""', ""],
    ["int", "-5", -5],
    ["int", '"5"', 5],
    ["float", "-1.5e3", -1500],
    ["price", "12.3400", 12.34],
    ["exact", "12.34", 12.34],
    ["yes", "true", true],
    ["yes", "false", false],
    ["day", "2024-02-29", "2024-02-29"],
    ["at", "2024-01-01T01:00:00+01:00", "2024-01-01T00:00:00.000Z"],
    ["kind", "a", "a"],
    ["tags", '"[""a"", ""b""]"', ["a", "b"]],
    ["tags", "[]", []],
    ["scores", '"{""x"": 1.5}"', { x: 1.5 }],
    ["place", '"{\n""city"":""Bern""\n}"', { city: "Bern" }],
    ["any", '"{""a"":[1]}"', '{"a":[1]}'],
    ["any", "5", "5"],
    ["any", '"""5"""', '"5"'],
    ["one", "1", 1],
  ])("%s: %s", (column, text, value) => {
    const got = valueOf(column, text);
    expect(got).toEqual(value);
  });

  test("64-bit integers keep every digit", () => {
    const judged = cell("big", "9223372036854775807");
    expect(judged).toMatchObject({ line: expect.stringContaining("9223372036854775807") });
  });

  test.each([
    ["int", "late", "/int invalid_type"],
    ["int", "+5", "/int invalid_type"],
    ["int", "05", "/int invalid_type"],
    ["int", " 5", "/int invalid_type"],
    ["int", "5.5", "/int invalid_type"],
    ["int", "99999999999", "/int out_of_range"],
    ["int", "null", "/int invalid_type"],
    ["int", '""', "/int invalid_type"],
    ["int", '"1,""text"":""y"', "/int invalid_type"],
    ["float", "NaN", "/float invalid_type"],
    ["float", ".5", "/float invalid_type"],
    ["float", "1.", "/float invalid_type"],
    ["float", "1e", "/float invalid_type"],
    ["float", "1e+", "/float invalid_type"],
    ["float", "-", "/float invalid_type"],
    ["float", '"1,5"', "/float invalid_type"],
    ["price", "1.23456", "/price not_exact"],
    ["yes", "TRUE", "/yes invalid_type"],
    ["yes", "1", "/yes invalid_type"],
    ["yes", "truefalse", "/yes invalid_type"],
    ["day", "2023-02-29", "/day invalid_format"],
    ["kind", "c", "/kind invalid_value"],
    ["tags", "a", "/tags invalid_json"],
    ["tags", '"{""a"":1}"', "/tags invalid_type"],
    ["scores", '"{""x"":1},""y"":2"', "/scores invalid_json"],
    ["any", "hello", "/any invalid_json"],
    ["any", '""', "/any invalid_json"],
    ["any", '"{""a"":1,""a"":2}"', "/any/a duplicate_field"],
    ["one", "2", "/one out_of_range"],
  ])("%s: %s is refused as in JSON", (column, text, code) => {
    expect(codeOf(column, text)).toBe(code);
  });

  test("a bare empty cell is absent: null, or the default; an empty string is one", () => {
    const [first, second] = judge('text,int,counted,tags\n,,,\n"",1,2,"[""x""]"');
    expect(JSON.parse("line" in (first ?? {}) ? (first as { line: string }).line : "")).toEqual({
      tags: [],
      scores: {},
      place: { city: "none" },
      counted: 7,
    });
    expect(second).toMatchObject({ line: expect.stringContaining('"text":""') });
  });

  test("bytes that aren't UTF-8 are refused, in their row only", () => {
    const body = Buffer.concat([Buffer.from("text,int\n"), Buffer.from([0xff]), Buffer.from(",1\nok,2\n")]);
    const judgements = judge(body);
    expect(judgements[0]).toMatchObject({ errors: [{ code: "invalid_utf8" }] });
    expect(judgements[1]).toMatchObject({ line: expect.stringContaining("ok") });
  });
});

describe("rows", () => {
  test.each([
    ["too few cells", "1", "the row has 1 cell, the header 2"],
    ["too many cells", "1,a,b", "the row has 3 cells, the header 2"],
    ["a comma too many at the end", "1,a,", "the row has 3 cells, the header 2"],
    ["a quote inside a cell", '1,a"b', "there is a quote inside a cell"],
    ["text behind a quoted cell", '1,"a"b', "there is text after the closing quote"],
    ["space before a quote", '1, "a"', "there is a quote inside a cell"],
    ["a bare carriage return", "1,a\rb", "there is a bare carriage return"],
  ])("with %s is one rejected event, kept as its text, and spoils no other", (_name, row, message) => {
    const judgements = judge(`int,text\n1,good\n${row}\r\n2,good\n`);
    expect(judgements).toEqual([
      { line: expect.stringContaining('"int":1') },
      {
        errors: [expect.objectContaining({ code: "invalid_csv", message: expect.stringContaining(message) })],
        raw: row,
      },
      { line: expect.stringContaining('"int":2') },
    ]);
  });

  test("an event that is rejected for a value is kept as the JSON that it was made, so that it can be replayed", () => {
    expect(judge('int,text\nlate,"a ""b"""\n')).toMatchObject([
      { errors: [{ path: "/int", code: "invalid_type" }], raw: '{"int":"late","text":"a \\"b\\""}' },
    ]);
  });

  test("a row larger than an event may be is refused without being read", () => {
    const judgements = judge(`text,int\n"${"x".repeat(1_100_000)}",1\nok,2\n`);
    expect(judgements[0]).toMatchObject({ errors: [{ code: "too_large" }] });
    expect(judgements[1]).toMatchObject({ line: expect.stringContaining("ok") });
  });

  test("with several cells that should be JSON names each of them", () => {
    const columns = ["tags", "scores", "place", "any"];
    expect(judge(`${columns.join(",")}\na,b,c,d\n`)[0]).toMatchObject({
      errors: columns.map((name) => ({ path: `/${name}`, code: "invalid_json" })),
    });
  });

  test.each([
    ["LF", "int,text\n1,a\n2,b\n"],
    ["CRLF", "int,text\r\n1,a\r\n2,b\r\n"],
    ["no end of the last line", "int,text\n1,a\n2,b"],
    ["a byte order mark", "\uFEFFint,text\n1,a\n2,b\n"],
    ["empty lines", "\n\r\nint,text\n\n1,a\n\r\n\n2,b\n\n"],
    ["a quoted header", '"int","text"\n1,a\n2,b\n'],
  ])("with %s are read", (_name, text) => {
    expect(judge(text)).toEqual([
      { line: expect.stringMatching(/"int":1.*"text":"a"|"text":"a".*"int":1/) },
      { line: expect.stringMatching(/"int":2.*"text":"b"|"text":"b".*"int":2/) },
    ]);
  });
});

/** What a whole body is refused with. */
const refusal = (text: string): unknown => {
  try {
    judge(text);
    return undefined;
  } catch (error) {
    return error;
  }
};

describe("the header row", () => {
  test.each([
    [
      "an unknown column",
      "int,tixt\n",
      'no field "tixt"; did you mean "text"?',
      { header: "tixt", nearest: "text" },
    ],
    ["a column twice", "int,text,int\n", 'column "int" is there twice', { header: "int" }],
    ["a column without a name", "int,,text\n", "column 2 has no name", {}],
    ["another separator", "int;text\n", "cells are separated by commas", { header: "int;text" }],
    ["broken quotes", 'int,te"xt\n', "in column 2 there is a quote inside a cell", {}],
  ])("with %s is refused, naming it", (_name, text, message, details) => {
    expect(refusal(text)).toMatchObject({
      code: "csv_header_invalid",
      status: 400,
      message: expect.stringContaining(message),
      details,
    });
  });

  test("that isn't UTF-8 or goes on and on is refused", () => {
    expect(refusal("x".repeat(1_100_000))).toMatchObject({ code: "csv_header_invalid" });
    expect(() => judge(Buffer.from([0x69, 0xff, 0x0a]))).toThrow("it isn't UTF-8");
  });

  test.each(["", "\n\r\n", "\uFEFF"])("must be there: %j", (text) => {
    expect(refusal(text)).toMatchObject({ code: "body_unreadable", message: "The CSV has no header row" });
  });

  test("alone is a body of no events", () => {
    expect(judge("int,text")).toEqual([]);
  });

  test("may name no unknown column either where unknown fields of JSON are dropped", () => {
    const loose = defineStream("loose", {
      schema: z.looseObject({ n: z.int32() }),
      table: { orderBy: ["n"] },
    });
    expect(() => judgeText(loose, "text/csv", "n,x\n1,hello\n")).toThrow(
      expect.objectContaining({ code: "csv_header_invalid", details: { header: "x" } }),
    );
    expect(judgeText(loose, "application/json", '{"n": 1, "x": "hello"}')).toHaveLength(1);
  });
});

test("a quoted cell that is never closed makes the body unreadable, wherever it is opened", () => {
  expect(() => judge('int,text\n1,a\n2,"b\n3,c\n')).toThrow(
    expect.objectContaining({ code: "body_unreadable", details: { byte: 13 } }),
  );
  expect(() => judge('int,"text')).toThrow("never closed");
});
