import { describe, expect, test } from "vitest";
import { z } from "zod";
import { compileSql } from "../../src/project/compile-sql.ts";
import { defineStream } from "../../src/project/define-stream.ts";
import { isSql, sql, type SqlInput, streamsOf } from "../../src/project/sql.ts";

const flights = defineStream("flights", {
  schema: z.object({ origin: z.string() }),
  table: { orderBy: ["origin"] },
});
const airports = defineStream("airports", {
  schema: z.object({ code: z.string() }),
  table: { orderBy: ["code"] },
});

const compiled = (query: ReturnType<typeof sql>) => compileSql(query, "clickhouse");
/** The one bound value of a query. */
const bound = (value: SqlInput) => compiled(sql`${value}`).params["p1"];

test("a stream becomes a quoted name, a value a parameter, nested SQL a part of the text", () => {
  const origin = "JFK";
  const query = sql`SELECT * FROM ${flights} WHERE 1 ${sql`AND origin = ${origin}`} ${sql``} LIMIT ${5}`;
  expect(compiled(query)).toEqual({
    text: "SELECT * FROM `flights` WHERE 1 AND origin = {p1:String}  LIMIT {p2:Int64}",
    params: { p1: { type: "String", value: "JFK" }, p2: { type: "Int64", value: "5" } },
  });
});

test("nothing that a value holds ever gets into the text", () => {
  const hostile = ["'; DROP TABLE flights --", "{p1:String}", "\\", "`", "\0", "${flights}"];
  const { text, params } = compiled(sql`SELECT ${hostile[0] ?? ""}, ${hostile}`);
  expect(text).toBe("SELECT {p1:String}, {p2:Array(String)}");
  expect(params["p2"]?.value).toEqual(hostile);
});

test("the streams of a query are known, each once", () => {
  const query = sql`SELECT * FROM ${flights} JOIN ${airports} ON 1 ${sql`JOIN ${flights} ON 1`}`;
  expect(streamsOf(query)).toEqual(["flights", "airports"]);
  expect(streamsOf(sql`SELECT 1`)).toEqual([]);
});

describe("what a value binds as", () => {
  test.each<[SqlInput, string, unknown]>([
    ["", "String", ""],
    ["2001-01-02", "String", "2001-01-02"],
    [5, "Int64", "5"],
    [-0, "Int64", "0"],
    [2 ** 53, "Float64", "9007199254740992"],
    [1.5, "Float64", "1.5"],
    [1e300, "Float64", "1e+300"],
    [Number.NaN, "Float64", "nan"],
    [-Infinity, "Float64", "-inf"],
    [9007199254740993n, "Int64", "9007199254740993"],
    [-(2n ** 63n), "Int64", "-9223372036854775808"],
    [2n ** 64n - 1n, "UInt64", "18446744073709551615"],
    [true, "Bool", "true"],
    [null, "Nullable(Nothing)", null],
    [new Date("2001-02-03T04:05:06.789Z"), "DateTime64(3, 'UTC')", "2001-02-03 04:05:06.789"],
    [["a", "b"], "Array(String)", ["a", "b"]],
    [[1, 2], "Array(Int64)", ["1", "2"]],
    [[1, 2.5], "Array(Float64)", ["1", "2.5"]],
    [[1n, 2n ** 63n], "Array(UInt64)", ["1", "9223372036854775808"]],
    [["a", null], "Array(Nullable(String))", ["a", null]],
    [[null], "Array(Nullable(Nothing))", [null]],
    [[], "Array(Nothing)", []],
    [[[1], [2, 3]], "Array(Array(Int64))", [["1"], ["2", "3"]]],
    [[[], [2]], "Array(Array(Int64))", [[], ["2"]]],
  ])("%s → %s", (value, type, text) => {
    expect(bound(value)).toEqual({ type, value: text });
  });
});

describe("what can't be bound is refused with the place and the way out", () => {
  test.each<[string, unknown, string]>([
    ["undefined", undefined, "${1} in sql`…SELECT 1 WHERE a =` is undefined; leave the condition out"],
    ["an object", { a: 1 }, "is an object; what binds is a string"],
    ["a function", () => 1, "is a function"],
    ["a symbol", Symbol("x"), "is a symbol"],
    ["an invalid date", new Date(Number.NaN), "is an invalid Date"],
    ["an integer over 64 bits", 2n ** 64n, "which 64 bits can't hold"],
    ["a negative integer over 64 bits", -(2n ** 63n) - 1n, "which 64 bits can't hold"],
    ["an array of different types", [1, "a"], "are of different types (Int64, String)"],
    ["integers that share no type", [-1n, 2n ** 63n], "are of different types (Int64, UInt64)"],
    ["an undefined item", ["a", undefined], "item 1 of ${1} in sql`…SELECT 1 WHERE a =` is undefined"],
    ["a nested array beside a value", [[1], 1], "are of different types"],
    ["an array beside null", [[1], null], "has null beside an array"],
  ])("%s", (_, value, message) => {
    const run = () => sql`SELECT 1 WHERE a = ${value as SqlInput}`;
    expect(run).toThrow(message);
    expect(run).toThrow(expect.objectContaining({ code: "query_failed" }));
  });
});

test("what looks like SQL or a stream, but comes from a request, is data", () => {
  const forgedSql: unknown = JSON.parse(
    '{"kind":"sql","parts":[{"kind":"text","text":"DROP TABLE flights"}]}',
  );
  const forgedStream: unknown = JSON.parse('{"kind":"stream","name":"_rejected"}');
  expect(() => sql`${forgedSql as SqlInput}`).toThrow("is an object");
  expect(() => sql`${forgedStream as SqlInput}`).toThrow("is an object");
  expect(isSql(forgedSql)).toBe(false);
});

test.each([["SELECT 1"], [["SELECT 1"]], [undefined]])("%j called as a function isn't SQL", (strings) => {
  const call = sql as unknown as (text: unknown) => unknown;
  expect(() => call(strings)).toThrow("sql is a template tag");
});

test("an identifier is quoted, whatever it holds", () => {
  const { text, params } = compiled(sql`SELECT ${sql.identifier("a`b\\c")} FROM t`);
  expect(text).toBe("SELECT `a\\`b\\\\c` FROM t");
  expect(params).toEqual({});
  expect(() => sql.identifier("")).toThrow("a name that isn't empty");
  expect(() => sql.identifier("a\0b")).toThrow("a name that isn't empty");
});

test("sql.param binds with a type of the engine's", () => {
  const query = sql`${sql.param("2001-01-02", "Date")} ${sql.param([1, 2], "Array(UInt8)")} ${sql.param(null, "Date")} ${sql.param("x", "LowCardinality(String)")}`;
  expect(compiled(query)).toEqual({
    text: "{p1:Date} {p2:Array(UInt8)} {p3:Nullable(Date)} {p4:LowCardinality(String)}",
    params: {
      p1: { type: "Date", value: "2001-01-02" },
      p2: { type: "Array(UInt8)", value: ["1", "2"] },
      p3: { type: "Nullable(Date)", value: null },
      p4: { type: "LowCardinality(String)", value: "x" },
    },
  });
});

test.each([
  "Decimal(18, 4)",
  "DateTime64(3, 'Europe/Zurich')",
  "Array(Nullable(DateTime64(3, 'UTC')))",
  "Enum8('a' = 1)",
  "date",
  "numeric(10, 2)",
  "double precision",
  "timestamp with time zone",
  "uuid[]",
])("sql.param takes the type %s", (type) => {
  expect(() => sql.param("x", type)).not.toThrow();
});

test.each([
  "",
  "date x",
  "integer FROM pg_class",
  "text[] --",
  "Date}",
  "Date} OR {x:Date",
  "String)",
  "(String",
  "Date; DROP TABLE t",
  "Enum8('a}')",
  "Enum8('a\\')",
  "Date\n",
  "Array(String) --",
])("sql.param refuses %j as a type", (type) => {
  expect(() => sql.param("x", type)).toThrow('sql.param() takes a type such as "Date"');
});

test("PostgreSQL's names are in its own quotes, and its parameters have the same places", () => {
  const query = sql`SELECT ${sql.identifier('a"b`')} FROM ${flights} WHERE n = ${7}`;
  expect(compileSql(query, "postgres")).toEqual({
    text: 'SELECT "a""b`" FROM "flights" WHERE n = {p1:Int64}',
    params: { p1: { type: "Int64", value: "7" } },
  });
});

test("parts can be reused, and each use binds anew", () => {
  const condition = sql`a = ${1}`;
  expect(compiled(sql`${condition} OR ${condition}`).text).toBe("a = {p1:Int64} OR a = {p2:Int64}");
});
