import { createClient, type ClickHouseClient } from "@clickhouse/client";
import { afterAll, beforeAll, expect, test } from "vitest";
import { messageOf } from "../../../src/errors.ts";
import { until } from "../../support/until.ts";
import { startProtocolServer, type ProtocolServer } from "./protocol-server.ts";

// ClickHouse's own client against the protocol over a real engine.

let server: ProtocolServer;
let client: ClickHouseClient;

beforeAll(async () => {
  server = await startProtocolServer();
  client = createClient({ url: server.url, log: { level: 127 } });
});

afterAll(async () => {
  await client.close();
  await server.close();
});

async function rows(query: string, query_params: Record<string, unknown> = {}): Promise<unknown> {
  return (await client.query({ query, query_params, format: "JSONCompactEachRow" })).json();
}

test("both of its pings find the server", async () => {
  expect(await client.ping()).toEqual({ success: true });
  expect(await client.ping({ select: true })).toEqual({ success: true });
});

test("a query gives rows, columns with types and statistics as ClickHouse's JSON has them", async () => {
  const result = await client.query({
    query:
      "SELECT origin, count() AS flights, max(date) AS last FROM flights GROUP BY origin ORDER BY origin LIMIT 2",
  });
  expect(result.response_headers["x-clickhouse-format"]).toBe("JSON");
  expect(await result.json()).toMatchObject({
    meta: [
      { name: "origin", type: "String" },
      { name: "flights", type: "UInt64" },
      { name: "last", type: "DateTime64(3, 'UTC')" },
    ],
    data: [
      { origin: "ATL", flights: 2, last: "2001-01-01 07:00:00.000" },
      { origin: "BOS", flights: 2, last: "2001-01-03 09:00:00.000" },
    ],
    rows: 2,
    statistics: { rows_read: 5 },
  });
});

test("parameters of every kind arrive as they were sent", async () => {
  const text = "O'Reilly \\ \t \n \" {x} ü 🛫";
  const asked = {
    t: text,
    a: [text, "", "a,b"],
    n: null,
    i: 7n,
    b: true,
    d: new Date(Date.UTC(2001, 1, 3, 4, 5, 6)),
    m: new Map([["it's", 2]]),
    aa: [[1, 2], [3]],
  };
  const sql =
    "SELECT {t:String}, {a:Array(String)}, {n:Nullable(UInt8)}, {i:UInt64}, {b:Bool}, {d:DateTime('UTC')}, {m:Map(String, UInt8)}, {aa:Array(Array(UInt8))}";
  expect(await rows(sql, asked)).toEqual([
    [text, [text, "", "a,b"], null, 7, true, "2001-02-03 04:05:06", { "it's": 2 }, [[1, 2], [3]]],
  ]);
});

test("parameters that are too long for a URL arrive in a form", async () => {
  const long = Array.from({ length: 2000 }, (_, index) => `key-${index}`);
  const result = await client.query({
    query: "SELECT length({keys:Array(String)}) AS n, {keys:Array(String)}[2000] AS last",
    query_params: { keys: long },
    use_multipart_params: true,
    format: "JSONEachRow",
  });
  expect(await result.json()).toEqual([{ n: 2000, last: "key-1999" }]);
});

test.each([
  ["SELEC 1", 62],
  ["SELECT nope FROM flights", 47],
  ["SELECT * FROM nope", 60],
  ["SELECT nope(1)", 46],
  ["SELECT secret FROM removed", 497],
  ["INSERT INTO flights (flight_id) SELECT 'x'", 497],
  ["DROP TABLE flights", 497],
  ["SELECT 1; SELECT 2", 497],
  ["SELECT sleep(1)", 497],
  ["SELECT toUInt8('x')", 6],
  ["SELECT {missing:String}", 456],
])("%s fails with the exception's code", async (query, code) => {
  await expect(client.query({ query, format: "JSONEachRow" })).rejects.toMatchObject({ code: String(code) });
});

test("an insert is refused, and nothing of it is stored", async () => {
  const values = [{ flight_id: "f6" }];
  await expect(client.insert({ table: "flights", values, format: "JSONEachRow" })).rejects.toMatchObject({
    code: "497",
    type: "ACCESS_DENIED",
  });
  expect(await rows("SELECT count() FROM flights")).toEqual([[5]]);
});

test("a million rows are streamed whole", async () => {
  const result = await client.query({
    query: "SELECT number, toString(number) AS text FROM numbers(1000000)",
    format: "JSONCompactEachRow",
  });
  let count = 0;
  let last: unknown;
  for await (const some of result.stream()) {
    count += some.length;
    last = some.at(-1)?.json();
  }
  expect([count, last]).toEqual([1_000_000, [999_999, "999999"]]);
});

test.each(["gzip", "zstd"] as const)("answers come compressed with %s when it asks for it", async (codec) => {
  const query = "SELECT number FROM numbers(100000)";
  const compressing = createClient({ url: server.url, compression: { response: { codec } } });
  try {
    const result = await compressing.query({ query, format: "JSONCompactEachRow" });
    expect(result.response_headers["content-encoding"]).toBe(codec);
    expect((await result.json<unknown>()).length).toBe(100_000);
  } finally {
    await compressing.close();
  }
});

const FAILS_LATE = "SELECT number, intDiv(1, 1500000 - number) AS x FROM numbers(2000000)";

test("an answer that fails on its way is an exception with its code, after the rows before it", async () => {
  const result = await client.query({ query: FAILS_LATE, format: "JSONCompactEachRow" });
  let count = 0;
  const read = async (): Promise<void> => {
    for await (const some of result.stream()) count += some.length;
  };
  await expect(read()).rejects.toMatchObject({ code: "153", type: "ILLEGAL_DIVISION" });
  expect(count).toBeGreaterThan(0);
});

test("one that doesn't look for the exception sees a cut connection, never a whole answer", async () => {
  const response = await fetch(`${server.url}/?default_format=TSV`, { method: "POST", body: FAILS_LATE });
  expect(response.status).toBe(200);
  expect(response.headers.get("x-clickhouse-exception-tag")).toMatch(/^[0-9a-f]{16}$/);
  await expect(response.arrayBuffer()).rejects.toThrow(/terminated/);
});

test("a client that goes away stops its query", async () => {
  const gone = new AbortController();
  const asked = client.query({ query: `${ENDLESS} AS one`, abort_signal: gone.signal });
  const failure = asked.catch(messageOf);
  await until(async () => (await runningWith("one")) === 1);
  gone.abort();
  expect(await failure).toMatch(/abort/i);
  await until(async () => (await runningWith("one")) === 0);
});

/** How many queries the engine runs that name something so; asked of the engine itself. */
async function runningWith(name: string): Promise<number> {
  const found = `position(query, concat(' AS ', '${name}')) > 0`;
  const { chunks } = await server.store.query({
    sql: { text: `SELECT count() AS n FROM system.processes WHERE ${found}`, params: {} },
    format: "ndjson",
    limits: { time: 5000, memory: 1e9, rows: 10, bytes: 1e6 },
  });
  let text = "";
  for await (const chunk of chunks) text += Buffer.from(chunk).toString();
  return (JSON.parse(text) as { readonly n: number }).n;
}

const ENDLESS = "SELECT count() FROM numbers(100000000) AS a, numbers(100000000)";

test("a query is killed by its id, by the same caller", async () => {
  const query_id = "to-be-killed";
  const asked = client.query({ query: `${ENDLESS} AS two`, query_id });
  const failure = asked.catch((error: unknown) => error);
  const kill = "KILL QUERY WHERE query_id = 'to-be-killed'";
  await until(async () => ((await rows(kill)) as unknown[]).length === 1);
  expect(await failure).toMatchObject({ code: "394", type: "QUERY_WAS_CANCELLED" });
  expect(await rows(kill)).toEqual([]);
});

test("an id that is running isn't given to a second query", async () => {
  const query_id = "only-once";
  const gone = new AbortController();
  const asked = client.query({ query: `${ENDLESS} AS three`, query_id, abort_signal: gone.signal });
  const failure = asked.catch(messageOf);
  await until(async () => {
    const answer = await server.post("SELECT 1", `?query_id=${query_id}`);
    return answer.headers.get("x-clickhouse-exception-code") === "216";
  });
  gone.abort();
  expect(await failure).toMatch(/abort/i);
});

test("the id of a query is the one that was asked for, else a new one", async () => {
  const result = await client.query({ query: "SELECT 1", query_id: "mine", format: "JSONEachRow" });
  await result.text();
  expect(result.response_headers["x-clickhouse-query-id"]).toBe("mine");
  const { headers } = await server.post("SELECT 1");
  expect(headers.get("x-clickhouse-query-id")).toMatch(/^[0-9a-f-]{36}$/);
});

async function withSettings(clickhouse_settings: Record<string, number | string>): Promise<unknown> {
  const query = "SELECT toUInt64(1) AS n, toDateTime(0) AS d";
  return (await client.query({ query, clickhouse_settings, format: "JSONEachRow" })).json();
}

test("settings that are harmless are applied, limits only made lower", async () => {
  expect(await withSettings({})).toEqual([{ n: 1, d: "1970-01-01 00:00:00" }]);
  expect(
    await withSettings({ output_format_json_quote_64bit_integers: 1, session_timezone: "Asia/Tokyo" }),
  ).toEqual([{ n: "1", d: "1970-01-01 09:00:00" }]);
  expect(await withSettings({ date_time_output_format: "iso", max_execution_time: 1000 })).toEqual([
    { n: 1, d: "1970-01-01T00:00:00Z" },
  ]);
  await expect(withSettings({ readonly: "0", allow_ddl: 1 })).rejects.toMatchObject({
    code: "164",
    type: "READONLY",
  });
});

test("a lower limit holds", async () => {
  const limited = client.query({
    query: `${ENDLESS} AS four`,
    clickhouse_settings: { max_execution_time: 1 },
    format: "JSONEachRow",
  });
  await expect(limited).rejects.toMatchObject({ code: "159", type: "TIMEOUT_EXCEEDED" });
});

test("wait_end_of_query gives an error of a large answer before anything of it", async () => {
  const late = FAILS_LATE.replaceAll("00000", "0000");
  const { status, text } = await server.post(`${late} FORMAT TSV`, "?wait_end_of_query=1");
  expect([status, text]).toEqual([500, expect.stringContaining("ILLEGAL_DIVISION")]);
});
