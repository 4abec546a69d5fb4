import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compileSql } from "../../../src/project/compile-sql.ts";
import { sql } from "../../../src/project/sql.ts";
import { pureInPostgres } from "../../../src/serve/cache/pure-in-postgres.ts";
import { sqlTraits } from "../../../src/serve/cache/sql-traits.ts";
import type { QueryFence, Store } from "../../../src/store/store.ts";
import { postgresMissing, startPostgres, type PostgresServer } from "../../support/postgres-server.ts";
import { batchOf, bound, column, create, failureOf, LIMITS, rowsOf, tableOf } from "../support.ts";
import { openInSchema } from "./opened.ts";

const FLIGHTS = tableOf("flights", [
  column("origin", "string"),
  column("delay", { kind: "int", bits: 32, signed: true }, true),
  column("at", { kind: "datetime", precision: 3 }),
  column("tags", { kind: "array", element: { kind: "string" }, nullable: false }),
]);
const FENCE: QueryFence = { tables: [{ name: "flights", columns: ["origin", "delay", "at", "tags"] }] };

describe.skipIf(postgresMissing() !== undefined)("queries on PostgreSQL", () => {
  let server: PostgresServer;
  let store: Store;
  beforeAll(async () => {
    server = await startPostgres({ settings: ["fsync = off"] });
    await server.run(
      "CREATE ROLE reader LOGIN PASSWORD 'only reads'; CREATE TABLE public.secrets AS SELECT 'x' AS x",
    );
    const readers = "sql_user=reader&sql_password=only%20reads";
    ({ store } = await openInSchema(server, readers));
    await create(store, FLIGHTS);
    const rows = [
      { origin: "JFK", delay: 5, at: "2024-01-01T10:00:00Z", tags: ["a", "b"] },
      { origin: "LAX", delay: null, at: "2024-02-01T10:00:00Z", tags: [] },
    ];
    await store.insert("flights", batchOf(FLIGHTS.schema, rows));
  });
  afterAll(async () => {
    await store.close();
    await server.remove();
  });

  const asked = async (query: ReturnType<typeof sql>) => {
    const { text, params } = compileSql(query, "postgres");
    return rowsOf(store, text, { params });
  };
  const flights = sql.identifier("flights");
  const fenced = async (text: string, other = store): Promise<unknown[]> => {
    const { chunks } = await other.query({
      sql: bound(text),
      format: "ndjson",
      limits: LIMITS,
      fence: FENCE,
    });
    const parts: Uint8Array[] = [];
    for await (const chunk of chunks) parts.push(chunk);
    const lines = Buffer.concat(parts).toString().trimEnd().split("\n");
    return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as unknown);
  };
  const traits = async (text: string) =>
    sqlTraits(text, ["flights"], await pureInPostgres(store), "postgres").deterministic;

  test("a value stands beside a date, a number, in a function, in a list and in a LIMIT", async () => {
    expect(
      await asked(sql`SELECT origin FROM ${flights} WHERE at >= ${"2024-01-15"} AND at < ${new Date("2030-01-01")}
        AND origin = ANY (${["LAX", "SFO"]}) AND left(origin, ${2}) = ${"LA"} LIMIT ${10}`),
    ).toEqual([{ origin: "LAX" }]);
    expect(await asked(sql`SELECT origin FROM ${flights} WHERE delay = ANY (${[]})`)).toEqual([]);
    expect(await asked(sql`SELECT ${"2024-01-01"}::date + ${1} AS day, ${2n ** 62n} AS big`)).toEqual([
      { day: "2024-01-02", big: "4611686018427387904" },
    ]);
    expect(await asked(sql`SELECT ${sql.param("a", "varchar(10)")} AS x`)).toEqual([{ x: "a" }]);
  });

  test("a value with U+0000 is the caller's mistake", async () => {
    expect(await failureOf(asked(sql`SELECT ${"a\0"} AS x`))).toMatchObject({ code: "bad_parameter" });
  });

  test("lists, objects, times of no zone and intervals come out as JSON has them", async () => {
    expect(
      await asked(sql`SELECT tags, array_agg(origin) AS origins, '{"a": [1.50, null]}'::json AS object,
        at AT TIME ZONE 'Asia/Tokyo' AS there, interval '90 minutes' AS span, '\\x0aff'::bytea AS bytes, sum(delay) AS s,
        avg(delay) AS mean, '{{1,2},{3,4}}'::int[] AS grid, 'infinity'::timestamptz AS never
        FROM ${flights} WHERE delay IS NOT NULL GROUP BY tags, at`),
    ).toEqual([
      {
        tags: ["a", "b"],
        origins: ["JFK"],
        object: { a: [1.5, null] },
        there: "2024-01-01T19:00:00",
        span: "PT1H30M",
        bytes: "\\x0aff",
        s: 5,
        mean: "5",
        grid: [
          [1, 2],
          [3, 4],
        ],
        never: "infinity",
      },
    ]);
  });

  test("a mistake is shown with its place in the author's own text, whatever is bound before it", async () => {
    const { text, params } = compileSql(
      sql`SELECT ${"some value"} AS x,\n  nothing FROM ${flights}`,
      "postgres",
    );
    expect(await failureOf(store.describe({ text, params }))).toMatchObject({
      code: "query_failed",
      message: 'column "nothing" does not exist at line 2, column 3',
    });
  });

  test.each([
    ["SELECT origin, count() FROM flights GROUP BY origin", "count() is count(*) (line 1, column 16)"],
    [
      "SELECT\n countIf(delay > 5) FROM flights",
      "countIf(…) is count(*) FILTER (WHERE …) (line 2, column 2)",
    ],
    ["SELECT toStartOfHour(at) FROM flights", "toStartOfHour(…) is date_trunc('hour', t) (line 1, column 8)"],
    ["SELECT origin FROM `flights`", 'names are quoted as "name", not with backticks (line 1, column 20)'],
    ["SELECT origin FROM flights WHERE 1", "WHERE 1 is WHERE true (line 1, column 28)"],
    ["SELECT origin FROM flights PREWHERE delay > 1", "PREWHERE is WHERE (line 1, column 28)"],
    ["SELECT windowFunnel(1)(at) FROM flights", "PostgreSQL has no function windowFunnel (line 1, column 8)"],
    ["SELECT tag FROM flights ARRAY JOIN tags AS tag", "ARRAY JOIN is CROSS JOIN LATERAL"],
    [
      "SELECT origin FROM flights FINAL WHERE delay > 1 SETTINGS max_threads = 1",
      "SETTINGS can't be set in a query (line 1, column 50)",
    ],
  ])("ClickHouse's SQL is told as such: %s", async (text, hint) => {
    const failure = await failureOf(store.describe(bound(text)));
    expect(failure.message).toContain("This is ClickHouse's SQL, and the store is PostgreSQL: ");
    expect(failure.message).toContain(hint);
    expect(failure.message).toContain("PostgreSQL says: ");
  });

  test("formats that this store doesn't have are refused clearly", async () => {
    for (const format of ["parquet", "arrow"] as const) {
      expect(store.capabilities.formats).not.toContain(format);
      const query = { sql: bound("SELECT 1 AS x"), format, limits: LIMITS };
      expect(await failureOf(store.query(query))).toMatchObject({
        code: "not_acceptable",
        message: `A store on PostgreSQL gives no ${format}; ask for json, ndjson or csv`,
      });
    }
  });

  describe("SQL from outside", () => {
    test("runs as a role that may read the streams and nothing else", async () => {
      expect(await fenced("SELECT origin, current_user::text AS who FROM flights ORDER BY 1")).toEqual([
        { origin: "JFK", who: "reader" },
        { origin: "LAX", who: "reader" },
      ]);
    });

    test.each([
      ["another table of the store", "SELECT * FROM _loaded"],
      ["a table of somebody else", "SELECT * FROM public.secrets"],
      ["passwords", "SELECT * FROM pg_authid"],
      ["a file", "SELECT pg_read_file('/etc/passwd')"],
      ["a delete", "WITH gone AS (DELETE FROM flights RETURNING 1) SELECT * FROM gone"],
      ["another role", "SELECT set_config('role', 'headrace', false)"],
      ["two statements", "SELECT 1; SELECT 2"],
      ["a copy to a program", "COPY (SELECT 1) TO PROGRAM 'id'"],
      ["a procedure", "DO 'BEGIN END'"],
      [
        "the end of another's connection",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'headrace'",
      ],
    ])("%s is refused", async (_, text) => {
      expect((await failureOf(fenced(text))).code).toMatch(/^sql_(refused|invalid)$/);
      expect(await fenced("SELECT count(*) AS n FROM flights")).toEqual([{ n: 2 }]);
    });

    test("leaves nothing behind for the next, whatever it sets", async () => {
      await fenced(
        "SELECT set_config('search_path', 'pg_temp', false), set_config('TimeZone', 'Asia/Tokyo', false)",
      );
      const answers = await Promise.all(
        Array.from({ length: 8 }, () => fenced("SELECT min(at) AS at FROM flights")),
      );
      expect(new Set(answers.map((one) => JSON.stringify(one)))).toEqual(
        new Set(['[{"at":"2024-01-01T10:00:00Z"}]']),
      );
    });

    test("without a role of its own it is refused with the way out", async () => {
      const { store: plain } = await openInSchema(server);
      try {
        expect(await failureOf(fenced("SELECT 1", plain))).toMatchObject({
          code: "sql_refused",
          message: expect.stringContaining("sql_user and sql_password"),
        });
      } finally {
        await plain.close();
      }
    });
  });

  describe("what the cache keeps", () => {
    test.each([
      "SELECT origin, count(*) FILTER (WHERE delay > 5) AS n FROM flights GROUP BY origin ORDER BY n DESC LIMIT {p1:Int64}",
      "SELECT date_trunc('hour', at), percentile_cont(0.5) WITHIN GROUP (ORDER BY delay) FROM flights GROUP BY 1",
      "SELECT t, coalesce(f.delay, 0)::numeric(10, 2) FROM flights f CROSS JOIN LATERAL jsonb_array_elements_text(tags) AS t",
      "WITH a AS (SELECT * FROM flights) SELECT extract(year FROM at), to_char(at, 'YYYY') FROM a WHERE delay IS DISTINCT FROM 5",
      "SELECT $$random()$$ AS x, /* now() */ 'it''s' AS y FROM \"flights\"",
    ])("is deterministic: %s", async (text) => {
      await store.describe(bound(text, { p1: { type: "Int64", value: "1" } }));
      expect(await traits(text)).toBe(true);
    });

    test.each([
      "SELECT now() FROM flights",
      "SELECT current_date FROM flights",
      "SELECT * FROM flights WHERE at > CURRENT_TIMESTAMP - interval '1 day'",
      "SELECT random() FROM flights",
      "SELECT gen_random_uuid() FROM flights",
      "SELECT * FROM flights WHERE at >= 'today'",
      "SELECT * FROM flights WHERE at >= timestamptz $$ yesterday $$",
      "SELECT age(at) FROM flights",
      "SELECT pg_catalog.clock_timestamp() FROM flights",
      'SELECT "now"() FROM flights',
      "SELECT * FROM flights TABLESAMPLE BERNOULLI (10)",
      "SELECT * FROM pg_stat_activity",
      "SELECT * FROM flights, public.secrets",
      "SELECT current_user, session_user FROM flights",
      "SELECT nextval('x')",
      "SELECT 'no end",
    ])("is not: %s", async (text) => {
      expect(await traits(text)).toBe(false);
    });
  });
});
