import { request as httpRequest } from "node:http";
import { once } from "node:events";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { tableFromIPC } from "apache-arrow";
import { parquetReadObjects } from "hyparquet";
import { compressors } from "hyparquet-compressors";
import { Turns, WAITING_MAX } from "../../../src/serve/sql/turns.ts";
import { GIB, KIB, MIB, SECOND } from "../../../src/units.ts";
import { until } from "../../support/until.ts";
import { startSqlServer, type SqlServer } from "./sql-server.ts";

describe("POST /v1/sql", () => {
  let server: SqlServer;

  beforeAll(async () => {
    server = await startSqlServer();
  });

  afterAll(() => server.close());

  test("answers as endpoints do, in each format", async () => {
    const sql = "SELECT flight_id, delay FROM flights ORDER BY delay LIMIT 2";
    const json = await server.ask(sql);
    expect(json.json).toMatchObject({
      data: [
        { flight_id: "f2", delay: -5 },
        { flight_id: "f4", delay: 0 },
      ],
      meta: [
        { name: "flight_id", type: "String" },
        { name: "delay", type: "Int32" },
      ],
      rows: 2,
      statistics: { rows_read: expect.any(Number) as number },
    });
    expect(json.headers.get("content-type")).toBe("application/json; charset=utf-8");
    expect(json.headers.get("cache-control")).toBe("private, no-cache");
    const ndjson = await server.ask(sql, {}, "?format=ndjson");
    expect(ndjson.text).toBe('{"flight_id":"f2","delay":-5}\n{"flight_id":"f4","delay":0}\n');
    const csv = await server.ask(sql, {}, "?format=csv");
    expect(csv.text).toBe('"flight_id","delay"\n"f2",-5\n"f4",0\n');
    const accepted = await fetch(`${server.url}/v1/sql`, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "text/csv" },
      body: JSON.stringify({ sql: "SELECT 1 AS x" }),
    });
    expect(await accepted.text()).toBe('"x"\n1\n');
  });

  test("answers in Parquet and Arrow, whatever its columns are", async () => {
    const sql =
      "SELECT origin, toDateTime(f._accepted_at), toDateTime(date) AS `when it was`, toIPv4('127.0.0.1') AS ip FROM flights AS f ORDER BY flight_id";
    const parquet = await postFor(server.url, "parquet", sql);
    expect(parquet.headers.get("content-type")).toBe("application/vnd.apache.parquet");
    const rows = await parquetReadObjects({ file: await parquet.arrayBuffer(), compressors });
    expect(rows).toHaveLength(5);
    expect(rows[0]).toEqual({
      origin: "ATL",
      "toDateTime(_accepted_at)": new Date("2026-01-01T00:00:00Z"),
      "when it was": new Date("2001-01-01T06:00:00Z"),
      ip: "127.0.0.1",
    });
    const arrow = await postFor(server.url, "arrow", sql);
    expect(arrow.headers.get("content-type")).toBe("application/vnd.apache.arrow.stream");
    expect(tableFromIPC(new Uint8Array(await arrow.arrayBuffer())).numRows).toBe(5);
    for (const format of ["parquet", "arrow"]) {
      const refused = await postFor(server.url, format, "SELECT file('/etc/passwd')");
      expect([refused.status, ((await refused.json()) as { code: string }).code]).toEqual([
        403,
        "sql_refused",
      ]);
      const wrong = await postFor(server.url, format, "SELECT dely FROM flights");
      expect([wrong.status, ((await wrong.json()) as { code: string }).code]).toEqual([400, "sql_invalid"]);
    }
  });

  test("streams an answer that is larger than is put together", async () => {
    const { text, headers } = await server.ask(
      "SELECT number, repeat('x', 100) AS pad FROM numbers(100000)",
      {},
      "?format=ndjson",
    );
    expect(headers.get("content-length")).toBeNull();
    expect(text.length).toBeGreaterThan(10 * MIB);
    expect(text.trimEnd().split("\n")).toHaveLength(100_000);
  });

  test("a name that isn't a stream's is answered with the nearest", async () => {
    for (const sql of [
      "SELECT * FROM fligths",
      "DESCRIBE fligths",
      "WITH x AS (SELECT 1) SELECT * FROM fligths",
    ]) {
      const { status, json } = await server.ask(sql);
      expect([status, json.code, json["nearest"]]).toEqual([404, "unknown_stream", "flights"]);
    }
  });

  test.each([
    ["SELECT dely FROM flights", /dely/],
    ["SELECT 1 +", /Syntax error/],
    ["SELEC 1", /Syntax error: failed at position 1 \(SELEC\)/],
    ["SELECT 1\nFROM flights\nWHERE delay >", /line 3, col 14|position 3\d/],
    ["SELECT nosuchfunction(1)", /There is no function nosuchfunction/],
    ["SELECT toDate(1, 2, 3, 4)", /toDate/],
    ["SELECT {x:Int8}", /parameter x that params doesn't give/],
    ["SELECT count() FROM flights WHERE delay = 'late'", /late/],
    ["SELECT throwIf(1, 'as asked')", /as asked/],
    ["SELECT * FROM (SELECT 1) WHERE", /ends too early|Syntax error/],
  ])("%s: the engine's message, without its plumbing", async (sql, message) => {
    const { status, json } = await server.ask(sql, { params: {} });
    expect([status, json.code]).toEqual([400, "sql_invalid"]);
    expect(json.detail).toMatch(message);
    expect(json.detail).not.toMatch(
      /DB::Exception|headrace_text|formatQuery|OUTFILE|EXPLAIN|\/dev\/shm|headrace\./,
    );
  });

  test.each([
    ["no SQL", "{}", 400, "bad_parameter"],
    ["SQL that isn't a text", '{"sql":1}', 400, "bad_parameter"],
    ["empty SQL", '{"sql":"  "}', 400, "bad_parameter"],
    ["another member", '{"sql":"SELECT 1","limit":1}', 400, "bad_parameter"],
    ["no JSON", "SELECT 1", 400, "body_unreadable"],
    ["a list", "[]", 400, "body_unreadable"],
    ["params that are a list", '{"sql":"SELECT 1","params":[]}', 400, "bad_parameter"],
    ["a parameter's name with quotes", `{"sql":"SELECT 1","params":{"x'=1":1}}`, 400, "bad_parameter"],
    ["an object as parameter", '{"sql":"SELECT 1","params":{"x":{}}}', 400, "bad_parameter"],
    ["a number beyond 53 bits", '{"sql":"SELECT 1","params":{"x":9007199254740993}}', 400, "bad_parameter"],
    [
      "a list nested too deep",
      `{"sql":"SELECT 1","params":{"x":${"[".repeat(20)}${"]".repeat(20)}}}`,
      400,
      "bad_parameter",
    ],
    ["a huge body", JSON.stringify({ sql: "x".repeat(300 * KIB) }), 413, "body_too_large"],
  ])("%s is refused", async (_what, body, status, code) => {
    const response = await fetch(`${server.url}/v1/sql`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body,
    });
    expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([status, code]);
  });

  test("more parameters than may be are refused", async () => {
    const params = Object.fromEntries(Array.from({ length: 1001 }, (_, index) => [`p${index}`, 1]));
    const { status, json } = await server.ask("SELECT 1", { params });
    expect([status, json.code]).toEqual([400, "bad_parameter"]);
  });

  test("another media type, format or method is refused", async () => {
    const post = (headers: Record<string, string>, query = "") =>
      fetch(`${server.url}/v1/sql${query}`, { method: "POST", headers, body: '{"sql":"SELECT 1"}' });
    expect((await post({ "content-type": "text/plain" })).status).toBe(415);
    expect((await post({ "content-type": "application/json" }, "?format=xml")).status).toBe(406);
    expect((await post({ "content-type": "application/json" }, "?sql=1")).status).toBe(400);
    expect((await fetch(`${server.url}/v1/sql`)).status).toBe(405);
  });

  test.each([
    ["it's \\ a\ttab\nand 'quotes' -- {x:Int8} $$", "String"],
    ["9007199254740993", "Int64"],
    [["a'b", "c\\d", "e,f"], "Array(String)"],
    [[[1, 2], [3]], "Array(Array(Int8))"],
    [true, "Bool"],
    [1.5, "Float64"],
    [null, "Nullable(String)"],
  ])("a parameter comes out as it went in: %j", async (value, type) => {
    const { json } = await server.ask(`SELECT {x:${type}} AS x`, { params: { x: value } });
    expect(json.data).toEqual([{ x: value }]);
  });

  test("a parameter never becomes SQL", async () => {
    const hostile = "1' OR file('/etc/passwd') != '";
    const { json } = await server.ask("SELECT count() AS n FROM flights WHERE origin = {x:String}", {
      params: { x: hostile },
    });
    expect(json.data).toEqual([{ n: 0 }]);
  });
});

describe("limits", () => {
  let server: SqlServer;

  beforeAll(async () => {
    server = await startSqlServer({
      limits: { time: SECOND, memory: 128 * MIB, rows: 1000, bytes: MIB },
    });
  });

  afterAll(() => server.close());

  test.each([
    ["a cross join", "SELECT count() FROM numbers(100000000) AS a, numbers(100000) AS b"],
    [
      "many small steps",
      "SELECT sum(cityHash64(a.number, b.number)) FROM numbers(1000000) AS a, numbers(1000000) AS b",
    ],
  ])("time: %s", async (_what, sql) => {
    const from = performance.now();
    const { status, json } = await server.ask(sql);
    expect([status, json.code]).toEqual([504, "query_timeout"]);
    expect(performance.now() - from).toBeLessThan(8 * SECOND);
  });

  test("a recursion without end ends, by its depth or by the time", async () => {
    const { status, json } = await server.ask(
      "WITH RECURSIVE t AS (SELECT 1 AS x UNION ALL SELECT x FROM t) SELECT count() FROM t",
    );
    expect([
      [400, "sql_invalid"],
      [504, "query_timeout"],
    ]).toContainEqual([status, json.code]);
  });

  test.each([
    ["a long text", "SELECT length(repeat('x', 900000000))"],
    ["a long list", "SELECT length(range(400000000))"],
    ["the same value many times", "SELECT length(arrayWithConstant(40000000, 'xxxxxxxx'))"],
    ["many groups", "SELECT count() FROM (SELECT number FROM numbers(50000000) GROUP BY number)"],
    [
      "a sort",
      "SELECT * FROM (SELECT number, toString(number) AS s FROM numbers(50000000) ORDER BY s) LIMIT 1 OFFSET 10000000",
    ],
    ["a large aggregate", "SELECT length(groupArray(number)) FROM numbers(100000000)"],
  ])("memory: %s", async (_what, sql) => {
    const { status, json } = await server.ask(sql);
    expect([
      [507, "query_too_large"],
      [504, "query_timeout"],
    ]).toContainEqual([status, json.code]);
  });

  test("rows and bytes", async () => {
    const rows = await server.ask("SELECT number FROM numbers(1001)");
    expect([rows.status, rows.json.code, rows.json.detail]).toEqual([
      507,
      "query_too_large",
      "The answer has more than 1000 rows",
    ]);
    expect((await server.ask("SELECT number FROM numbers(1000)")).status).toBe(200);
    const bytes = await server.ask("SELECT repeat('x', 10000) FROM numbers(900)");
    expect([bytes.status, bytes.json.code]).toEqual([507, "query_too_large"]);
  });

  test("a regular expression that is a bomb elsewhere is none here", async () => {
    const { status, json } = await server.ask("SELECT match(repeat('a', 100000), '(a+)+$b') AS m");
    expect([status, json.data]).toEqual([200, [{ m: 0 }]]);
  });

  test("after all that, the next one works", async () => {
    expect((await server.ask("SELECT 1 AS x")).json.data).toEqual([{ x: 1 }]);
  });
});

describe("turns", () => {
  const LONG = "SELECT count() FROM numbers(100000000) AS a, numbers(100000000) AS b";
  let server: SqlServer | undefined;

  afterEach(() => server?.close());

  test("a client that goes away stops its query and gives its turn on", async () => {
    server = await startSqlServer({
      queriesMax: 1,
      limits: { time: 60 * SECOND, memory: GIB, rows: 1000, bytes: MIB },
    });
    const body = JSON.stringify({ sql: LONG });
    const request = httpRequest(`${server.url}/v1/sql`, {
      method: "POST",
      headers: { "content-type": "application/json" },
    });
    request.on("error", () => {});
    request.end(body);
    const { store } = server;
    await until(async () => (await runningQueries(store)) === 1);
    const waiting = server.ask("SELECT 1 AS x");
    request.destroy();
    expect((await waiting).json.data).toEqual([{ x: 1 }]);
    await until(async () => (await runningQueries(store)) === 0);
  });

  test("one after the other, and who leaves isn't waited for", async () => {
    const turns = new Turns(1);
    const signal = new AbortController().signal;
    const first = await turns.take(signal);
    const gone = new AbortController();
    const left = turns.take(gone.signal);
    const order: string[] = [];
    const second = turns.take(signal).then((end) => {
      order.push("second");
      return end;
    });
    gone.abort();
    await expect(left).rejects.toMatchObject({ code: "query_cancelled" });
    expect(order).toEqual([]);
    first();
    first();
    const end = await second;
    expect(order).toEqual(["second"]);
    end();
    const aborted = AbortSignal.abort();
    const third = await turns.take(signal);
    await expect(turns.take(aborted)).rejects.toMatchObject({ code: "query_cancelled" });
    third();
  });

  test("more than may wait are refused", async () => {
    const turns = new Turns(1);
    const gone = new AbortController();
    await turns.take(gone.signal);
    const waiting = Array.from({ length: WAITING_MAX }, () => turns.take(gone.signal));
    await expect(turns.take(gone.signal)).rejects.toMatchObject({ code: "overloaded" });
    gone.abort();
    const ended = await Promise.allSettled(waiting);
    expect(ended.every(({ status }) => status === "rejected")).toBe(true);
  });
});

test("a client that takes nothing of a large answer is cut off, and its turn goes on", async () => {
  const server = await startSqlServer({ queriesMax: 1, stalledMax: 300 });
  try {
    const request = httpRequest(`${server.url}/v1/sql?format=ndjson`, {
      method: "POST",
      headers: { "content-type": "application/json" },
    });
    request.on("error", () => {});
    request.end(JSON.stringify({ sql: "SELECT number, repeat('x', 500) AS pad FROM numbers(100000)" }));
    const [response] = (await once(request, "response")) as [
      NodeJS.ReadableStream & { on: typeof request.on },
    ];
    response.on("error", () => {});
    response.pause();
    expect((await server.ask("SELECT 1 AS x")).json.data).toEqual([{ x: 1 }]);
    request.destroy();
  } finally {
    await server.close();
  }
});

async function runningQueries(store: SqlServer["store"]): Promise<number> {
  const { chunks } = await store.query({
    sql: {
      text: "SELECT count() AS n FROM system.processes WHERE query LIKE '%100000000%' AND query NOT LIKE '%system.processes%' AND query NOT LIKE 'EXPLAIN%'",
      params: {},
    },
    format: "ndjson",
    limits: { time: 10 * SECOND, memory: GIB, rows: 10, bytes: MIB },
  });
  let text = "";
  for await (const chunk of chunks) text += Buffer.from(chunk).toString();
  return (JSON.parse(text) as { readonly n: number }).n;
}

function postFor(url: string, format: string, sql: string): Promise<Response> {
  return fetch(`${url}/v1/sql?format=${format}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ sql }),
  });
}
