import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { compileSql } from "../../src/project/compile-sql.ts";
import { LIMITS_DEFAULT } from "../../src/project/define-endpoint.ts";
import { parseParams } from "../../src/project/params.ts";
import { type Sql, sql, type SqlInput } from "../../src/project/sql.ts";
import { openTemporaryStore } from "../../src/store/open-store.ts";
import type { Store } from "../../src/store/store.ts";

let store: Store;

beforeAll(async () => {
  store = await openTemporaryStore();
});

afterAll(async () => {
  await store.close();
});

async function run(query: Sql): Promise<unknown[]> {
  const result = await store.query({
    sql: compileSql(query, "clickhouse"),
    format: "ndjson",
    limits: LIMITS_DEFAULT,
  });
  const chunks: Uint8Array[] = [];
  for await (const chunk of result.chunks) chunks.push(chunk);
  const lines = Buffer.concat(chunks).toString().trimEnd();
  return lines === "" ? [] : lines.split("\n").map((line) => JSON.parse(line) as unknown);
}

describe("a value reaches the engine whole, with its type", () => {
  const moment = new Date("2001-02-03T04:05:06.789Z");

  test.each<[string, SqlInput, string, unknown]>([
    ["text of every kind", "a'b\\c\"\n\r\t\0`{p1:String}é🛫", "String", "a'b\\c\"\n\r\t\0`{p1:String}é🛫"],
    ["an integer", -5, "Int64", -5],
    ["an integer over 53 bits", 9007199254740993n, "Int64", "9007199254740993"],
    ["an integer over 63 bits", 2n ** 64n - 1n, "UInt64", "18446744073709551615"],
    ["a fraction", 0.1, "Float64", 0.1],
    ["a large number", 1e300, "Float64", 1e300],
    ["not a number", Number.NaN, "Float64", "nan"],
    ["infinity", -Infinity, "Float64", "-inf"],
    ["a boolean", true, "Bool", true],
    ["null", null, "Nullable(Nothing)", null],
    ["a Date", moment, "DateTime64(3, 'UTC')", "2001-02-03T04:05:06.789Z"],
    ["texts", ["a'", "\\", "\n"], "Array(String)", ["a'", "\\", "\n"]],
    ["numbers", [1, 2.5], "Array(Float64)", [1, 2.5]],
    ["texts and null", ["a", null], "Array(Nullable(String))", ["a", null]],
    ["nothing in an array", [], "Array(Nothing)", []],
    ["arrays", [[1], []], "Array(Array(Int64))", [[1], []]],
    ["Dates", [moment], "Array(DateTime64(3, 'UTC'))", ["2001-02-03T04:05:06.789Z"]],
    ["a type of one's own", sql.param("2001-02-03", "Date"), "Date", "2001-02-03"],
    ["null of a type", sql.param(null, "Date"), "Nullable(Date)", null],
  ])("%s", async (_, value, type, answer) => {
    expect(await run(sql`SELECT ${value} AS value, toTypeName(value) AS type`)).toEqual([
      { value: answer, type },
    ]);
  });
});

test("values stand wherever SQL takes them", async () => {
  const query = sql`SELECT number FROM numbers(${10}) WHERE number IN ${[3, 4, 5]} AND number NOT IN ${[]} LIMIT ${1} OFFSET ${1}`;
  expect(await run(query)).toEqual([{ number: 4 }]);
});

test("a parameter's datetime and date compare with columns of time", async () => {
  const schema = z.object({ from: z.iso.datetime({ offset: true }), day: z.iso.date() });
  const { from, day } = parseParams(schema, { from: "2001-02-03T04:05:06.7+01:00", day: "2001-02-03" });
  const times = sql`SELECT toDateTime64('2001-02-03 03:05:06.700', 3, 'UTC') AS d3, toDateTime64('2001-02-03 03:05:06.700', 6, 'UTC') AS d6, toDate32('2001-02-03') AS day`;
  const query = sql`SELECT d3 = ${from} AS a, d6 = ${from} AS b, d3 >= ${day} AS c, day = ${day} AS d FROM (${times})`;
  expect(await run(query)).toEqual([{ a: 1, b: 1, c: 1, d: 1 }]);
});

test("a name is a name, whatever it holds", async () => {
  const name = "a`b\\c'd";
  expect(await run(sql`SELECT 1 AS ${sql.identifier(name)}`)).toEqual([{ [name]: 1 }]);
});
