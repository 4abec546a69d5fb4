import { beforeAll, describe, expect, test } from "vitest";
import { compileSql } from "../../../src/project/compile-sql.ts";
import { sql, type BoundValue, type SqlValue } from "../../../src/project/sql.ts";
import type { Store } from "../../../src/store/store.ts";
import { batchOf, bound, column, create, failureOf, LIMITS, rowsOf, tableOf, textOf } from "../support.ts";
import type { StoreWords } from "../words.ts";

const HOSTILE = [
  "'; DROP TABLE airports; --",
  "' OR 1 = 1 --",
  "\\'; SELECT 1; --",
  "\\",
  "\\\\'",
  "a\tb\nc\r\0d",
  "\\N",
  "{p1:String}",
  "NULL",
  '/* */ -- # $$ `" 🛫',
  "', param_p2='x",
  "]",
  "['a']",
];

/** The last row of a chunk: in CSV each takes two lines here. */
function lastRow(chunk: string, format: "ndjson" | "csv"): string {
  const lines = chunk.split("\n");
  return `${lines.slice(format === "csv" ? -3 : -2, -1).join("\n")}\n`;
}

export function describeQuery(store: () => Store, words: StoreWords): void {
  beforeAll(async () => {
    const spec = tableOf("airports", [
      column("code", "string"),
      column("flights", { kind: "int", bits: 64, signed: true }, true),
    ]);
    await create(store(), spec);
    await store().insert(
      "airports",
      batchOf(spec.schema, [
        { code: "JFK", flights: 3 },
        { code: "LAX", flights: 2 },
        { code: "it's", flights: null },
      ]),
    );
  });
  const param = async (value: SqlValue): Promise<unknown> => {
    const { text, params } = compileSql(sql`SELECT ${value} AS value`, store().capabilities.dialect);
    const [row] = await rowsOf(store(), text, { params });
    return row?.["value"];
  };

  describe("query", () => {
    test("finds tables by their plain names", async () => {
      expect(await rowsOf(store(), "SELECT code, flights FROM airports ORDER BY code")).toEqual([
        { code: "JFK", flights: 3 },
        { code: "LAX", flights: 2 },
        { code: "it's", flights: null },
      ]);
    });

    test.each(HOSTILE.filter((one) => words.holdsNul || !one.includes("\0")))(
      "binds %j as the text that it is",
      async (value) => {
        expect(await param(value)).toBe(value);
        expect(await param([value, "x", value])).toEqual([value, "x", value]);
        expect(await param([[value], [value]])).toEqual([[value], [value]]);
        expect(
          await rowsOf(store(), "SELECT count(*) AS n FROM airports WHERE code = {p1:String}", {
            params: { p1: { type: "String", value } },
          }),
        ).toEqual([{ n: 0 }]);
      },
    );

    test("binds numbers, booleans, dates, lists and null", async () => {
      expect(await param(42)).toBe(42);
      expect(await param(-0.1)).toBe(-0.1);
      expect(await param(2n ** 64n - 1n)).toBe("18446744073709551615");
      expect(await param(true)).toBe(true);
      expect(await param(null)).toBe(null);
      expect(await param(new Date(123))).toBe("1970-01-01T00:00:00.123Z");
      expect(await param([1, 2.5])).toEqual([1, 2.5]);
      expect(await param([true, false])).toEqual([true, false]);
      expect(await param([new Date(0)])).toEqual(["1970-01-01T00:00:00.000Z"]);
      expect(await param(["a", null])).toEqual(["a", null]);
    });

    // None where lists must be of one length.
    test.each(words.bindsJagged ? ["lists"] : [])(
      "binds %s of different lengths, and empty ones",
      async () => {
        expect(await param([["a"], []])).toEqual([["a"], []]);
        expect(await param([])).toEqual([]);
      },
    );

    test("a list of numbers can't smuggle in another item", async () => {
      const p1: BoundValue = { type: "Array(Int64)", value: ["1, 2"] };
      expect(
        await failureOf(rowsOf(store(), "SELECT {p1:Array(Int64)} AS value", { params: { p1 } })),
      ).toMatchObject({ code: "query_failed" });
    });

    test("parameters of one query are unknown to the next", async () => {
      const params = { secret: { type: "String", value: "mine" } };
      await Promise.all(
        Array.from({ length: 10 }, () => rowsOf(store(), "SELECT {secret:String} AS s", { params })),
      );
      const answers = await Promise.all(
        Array.from({ length: 10 }, (_, n) =>
          rowsOf(store(), "SELECT {secret:String} AS s", {
            params: { secret: { type: "String", value: `${n}` } },
          }),
        ),
      );
      expect(answers).toEqual(Array.from({ length: 10 }, (_, n) => [{ s: `${n}` }]));
    });

    test("gives CSV with one header line, where nothing is null and quotes are text", async () => {
      expect(
        await textOf(store(), "SELECT code, flights FROM airports ORDER BY code", { format: "csv" }),
      ).toBe('"code","flights"\n"JFK",3\n"LAX",2\n"it\'s",\n');
      expect(await textOf(store(), "SELECT code FROM airports WHERE 1 = 0", { format: "csv" })).toBe(
        '"code"\n',
      );
      expect(await textOf(store(), "SELECT '' AS a, 'x\"\n,' AS b", { format: "csv" })).toBe(
        '"a","b"\n"","x""\n,"\n',
      );
    });

    test("an answer without rows has no lines", async () => {
      expect(await textOf(store(), "SELECT code FROM airports WHERE 1 = 0")).toBe("");
    });

    test("an integer beyond 53 bits is a string, wherever it stands, and a number below", async () => {
      expect(await textOf(store(), words.integers.sql)).toBe(words.integers.answer);
    });

    test("what JSON has no number for comes as text", async () => {
      expect(await rowsOf(store(), words.infinities)).toEqual([{ a: "nan", b: "-inf", c: "inf" }]);
    });

    test("times are in UTC and ISO 8601, in lists too", async () => {
      expect(await rowsOf(store(), words.times.sql)).toEqual([words.times.answer]);
    });

    test.each(["ndjson", "csv"] as const)(
      "each chunk of %s holds whole rows, and together they are the answer",
      async (format) => {
        const count = 200_000;
        const result = await store().query({
          sql: bound(
            `SELECT number, concat('a\n"', ${words.text("number")}) AS text FROM ${words.series(count)}`,
          ),
          format,
          limits: LIMITS,
        });
        const chunks: string[] = [];
        for await (const chunk of result.chunks) chunks.push(Buffer.from(chunk).toString());
        expect(chunks.length).toBeGreaterThan(5);
        const row = (n: number): string =>
          format === "csv" ? `${n},"a\n""${n}"\n` : `${JSON.stringify({ number: n, text: `a\n"${n}` })}\n`;
        const header = format === "csv" ? '"number","text"\n' : "";
        expect(chunks.join("")).toBe(header + Array.from({ length: count }, (_, n) => row(n)).join(""));
        const end = format === "csv" ? /^\d+,"a\n""\d+"\n$/ : /^\{.*\}\n$/;
        expect(chunks.filter((chunk) => !end.test(lastRow(chunk, format)))).toEqual([]);
        expect(result.statistics().rows).toBe(count);
        expect(result.statistics().elapsed).toBeGreaterThan(0);
      },
    );

    test("an answer in JSON names its columns, also when it has no rows", async () => {
      const result = await store().query({
        sql: bound("SELECT code, count(*) AS n FROM airports WHERE 1 = 0 GROUP BY code"),
        format: "ndjson",
        limits: LIMITS,
      });
      for await (const chunk of result.chunks) expect(chunk).toHaveLength(0);
      expect(result.columns()).toEqual([
        { name: "code", ...words.columns.code },
        { name: "n", ...words.columns.n },
      ]);
    });

    test("statistics tell what was read to find the answer", async () => {
      const result = await store().query({
        sql: bound("SELECT sum(flights) AS n, 'x' AS progress FROM airports"),
        format: "ndjson",
        limits: LIMITS,
      });
      for await (const chunk of result.chunks)
        expect(Buffer.from(chunk).toString()).toBe('{"n":5,"progress":"x"}\n');
      expect(result.statistics()).toMatchObject({ rows: 1, rowsRead: words.tellsRead ? 3 : 0 });
      expect(result.statistics().bytesRead > 0).toBe(words.tellsRead);
    });

    test("a comment or a semicolon at the end does no harm", async () => {
      expect(await rowsOf(store(), "SELECT 1 AS x -- one;\n; -- two")).toEqual([{ x: 1 }]);
      expect(
        await rowsOf(store(), "/* first */ WITH y AS (SELECT ';' AS x) SELECT x, 'it''s;' AS z FROM y;"),
      ).toEqual([{ x: ";", z: "it's;" }]);
    });

    const bad: readonly (readonly [string, string])[] = [
      ["two statements", "SELECT 1; SELECT 2"],
      ["an insert", "INSERT INTO airports (code) VALUES ('x')"],
      ["a drop", "DROP TABLE airports"],
      ["a syntax error", "SELECT FROM WHERE"],
      ["an unknown column", "SELECT nothing FROM airports"],
      ["an unknown table", "SELECT 1 FROM nowhere"],
      ["an unknown function", "SELECT frobnicate(1)"],
      ...words.badStatements,
    ];
    test.each(bad)("%s is refused before anything is sent", async (_, text) => {
      const failure = await failureOf(store().query({ sql: bound(text), format: "ndjson", limits: LIMITS }));
      expect(failure.code).toBe("query_failed");
      expect(failure.message).not.toMatch(/OUTFILE|DB::Exception|Code:|Stack trace|In scope|\/dev\/shm/);
      expect(await rowsOf(store(), "SELECT count(*) AS n FROM airports")).toEqual([{ n: 3 }]);
    });

    test("an error after the first rows breaks the answer off", async () => {
      const failing = words.failsIf("number = 500000");
      const { chunks } = await store().query({
        sql: bound(`SELECT number, ${failing.sql} FROM ${words.series(1_000_000)}`),
        format: "ndjson",
        limits: { ...LIMITS, rows: 10_000_000 },
      });
      let rows = 0;
      const read = async (): Promise<void> => {
        for await (const chunk of chunks) rows += Buffer.from(chunk).toString().split("\n").length - 1;
      };
      expect(await failureOf(read())).toMatchObject({
        code: "query_failed",
        message: expect.stringContaining(failing.message),
      });
      expect(rows).toBeGreaterThan(0);
    });
  });

  describe("the columns of a query", () => {
    test("are told, with parameters bound", async () => {
      const { text, params } = compileSql(
        sql`SELECT code, count(*) AS n, ${"x'"} AS text FROM airports WHERE code = ${"a"} GROUP BY code -- end`,
        store().capabilities.dialect,
      );
      expect(await store().describe({ text, params })).toEqual([
        { name: "code", ...words.columns.code },
        { name: "n", ...words.columns.n },
        { name: "text", ...words.columns.text },
      ]);
    });

    test("aren't told of SQL that can't run", async () => {
      expect(await failureOf(store().describe(bound("SELECT nothing FROM airports")))).toMatchObject({
        code: "query_failed",
      });
      expect(await failureOf(store().describe(bound("SELECT 1) ; (SELECT 2")))).toMatchObject({
        code: "query_failed",
      });
    });
  });
}
