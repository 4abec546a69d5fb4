import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { DuckDBInstance } from "@duckdb/node-api";
import { tableFromIPC, type Table } from "apache-arrow";
import { parquetMetadata, parquetReadObjects } from "hyparquet";
import { compressors } from "hyparquet-compressors";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { defineEndpoint } from "../../src/project/define-endpoint.ts";
import { sql } from "../../src/project/sql.ts";
import { rows, serveProject, type ServedProject } from "./served-project.ts";

const PARQUET = "application/vnd.apache.parquet";
const ARROW = "application/vnd.apache.arrow.stream";

/** One row with the types that a format can get wrong. */
const types = defineEndpoint("types", {
  query: () => sql`SELECT
    toInt64('-9007199254740993') AS i64, toUInt64('18446744073709551615') AS u64,
    toInt128('170141183460469231731687303715884105727') AS i128,
    toDecimal64('12.3456', 4) AS decimal, toFloat64(0.5) AS float, true AS flag,
    'naïve ✈' AS text, toLowCardinality('JFK') AS airport,
    CAST(NULL AS Nullable(Int32)) AS nothing, CAST(5 AS Nullable(Int32)) AS something, NULL AS null, [] AS empty,
    toDateTime('2001-02-03 04:05:06') AS second, toDateTime64('2001-02-03 04:05:06.789', 3) AS milli,
    toDateTime64('2001-02-03 04:05:06.789123', 6, 'Asia/Tokyo') AS micro, toDate32('1950-02-03') AS day,
    toUUID('61f0c404-5cb3-11e7-907b-a6006ad3dba0') AS uuid, toIPv4('192.0.2.1') AS ipv4, toIPv6('2001:db8::1') AS ipv6,
    CAST('o''n (x)' AS Enum8('o''n (x)' = 1, 'off' = 2)) AS state,
    [toDateTime('2001-02-03 04:05:06')] AS list, map('a', [1, 2]) AS lists,
    CAST((1, 'off') AS Tuple(Time UInt8, state Enum8('off' = 2))) AS pair`,
});

const numbers = defineEndpoint("numbers", {
  params: z.object({ count: z.int().min(0) }),
  limits: { rows: 100_000_000, bytes: 1_000_000_000, time: 60_000 },
  query: ({ count }) => sql`
    SELECT number, toDateTime(number) AS at, sipHash64(number) AS hash FROM numbers(${count}) ORDER BY number DESC`,
});

const failing = defineEndpoint("failing", {
  limits: { rows: 100_000_000, bytes: 1_000_000_000, time: 60_000 },
  params: z.object({ at: z.int() }),
  query: ({ at }) =>
    sql`SELECT number, sipHash64(number) AS hash, throwIf(number = ${at}, 'late') AS y FROM numbers(2000000)`,
});

const limited = defineEndpoint("limited", {
  limits: { rows: 10 },
  query: () => sql`SELECT number FROM numbers(11)`,
});

const small = defineEndpoint("small", {
  limits: { bytes: 1000 },
  query: () => sql`SELECT sipHash64(number) FROM numbers(1000)`,
});

const untyped = defineEndpoint("untyped", { query: () => sql`SELECT sumState(1) AS state` });

describe("Parquet and Arrow answers", () => {
  let served: ServedProject;
  let folder: string;
  const get = (path: string, init: RequestInit = {}) => fetch(`${served.url}/v1/endpoints/${path}`, init);

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "headrace-formats-"));
    served = await serveProject([types, numbers, failing, limited, small, untyped, rows]);
    await served.insert({ origin: "JFK", big: "9007199254740993", note: "one" });
    await served.insert({ origin: "SFO", distance: 7 });
  });
  afterAll(async () => {
    await served.close();
    await rm(folder, { recursive: true, force: true });
  });

  async function bytesOf(path: string, init?: RequestInit): Promise<Buffer> {
    const response = await get(path, init);
    expect(response.status).toBe(200);
    return Buffer.from(await response.arrayBuffer());
  }

  async function parquet(path: string): Promise<{ file: ArrayBuffer; rows: Record<string, unknown>[] }> {
    const bytes = await bytesOf(path);
    const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer;
    return { file, rows: await parquetReadObjects({ file, compressors }) };
  }

  async function arrow(path: string): Promise<Table> {
    return tableFromIPC(await bytesOf(path));
  }

  /** Asks DuckDB about a Parquet answer; values as it prints them. */
  async function duckdb(path: string, select: string): Promise<Record<string, string | null>[]> {
    const file = join(folder, "answer.parquet");
    await writeFile(file, await bytesOf(path));
    const instance = await DuckDBInstance.create();
    const connection = await instance.connect();
    await connection.run("SET TimeZone = 'UTC'");
    const reader = await connection.runAndReadAll(`SELECT ${select} FROM read_parquet('${file}')`);
    const found = reader.getRowObjectsJson();
    connection.closeSync();
    instance.closeSync();
    return found as Record<string, string | null>[];
  }

  it("are Parquet whose types hyparquet reads back", async () => {
    const { file, rows: read } = await parquet("types?format=parquet");
    expect(read).toEqual([
      {
        i64: -9007199254740993n,
        u64: 18446744073709551615n,
        i128: "170141183460469231731687303715884105727",
        decimal: expect.closeTo(12.3456, 10),
        float: 0.5,
        flag: true,
        text: "naïve ✈",
        airport: "JFK",
        nothing: null,
        something: 5,
        null: null,
        empty: [],
        second: new Date("2001-02-03T04:05:06Z"),
        milli: new Date("2001-02-03T04:05:06.789Z"),
        micro: new Date("2001-02-02T19:05:06.789Z"),
        day: new Date("1950-02-03"),
        uuid: "61f0c404-5cb3-11e7-907b-a6006ad3dba0",
        ipv4: "192.0.2.1",
        ipv6: "2001:db8::1",
        state: "o'n (x)",
        list: [new Date("2001-02-03T04:05:06Z")],
        lists: { a: [1, 2] },
        pair: { Time: 1, state: "off" },
      },
    ]);
    const required = parquetMetadata(file).schema.filter(
      (one) => one.name === "i64" || one.name === "something",
    );
    expect(required.map((one) => one.repetition_type)).toEqual(["REQUIRED", "OPTIONAL"]);
  });

  it("are Parquet whose types DuckDB reads back, to the microsecond and the decimal digit", async () => {
    const [found] = await duckdb(
      "types?format=parquet",
      "i64, u64, i128, decimal, typeof(decimal) AS decimals, airport, nothing, something, " +
        "epoch_ms(second) AS second, epoch_us(micro) AS micro, day, uuid, state, lists['a'] AS a, pair.state AS second_of_pair, epoch_ms(list[1]) AS listed",
    );
    expect(found).toEqual({
      i64: "-9007199254740993",
      u64: "18446744073709551615",
      i128: "170141183460469231731687303715884105727",
      decimal: "12.3456",
      decimals: "DECIMAL(18,4)",
      airport: "JFK",
      nothing: null,
      something: 5,
      second: String(Date.parse("2001-02-03T04:05:06Z")),
      micro: String(Date.parse("2001-02-02T19:05:06.789Z") * 1000 + 123),
      day: "1950-02-03",
      uuid: "61f0c404-5cb3-11e7-907b-a6006ad3dba0",
      state: "o'n (x)",
      a: [1, 2],
      second_of_pair: "off",
      listed: String(Date.parse("2001-02-03T04:05:06Z")),
    });
  });

  it("are Arrow streams whose types apache-arrow reads back", async () => {
    const table = await arrow("types?format=arrow");
    expect(table.numRows).toBe(1);
    expect(
      Object.fromEntries(table.schema.fields.map(({ name, type }) => [name, String(type)])),
    ).toMatchObject({
      i64: "Int64",
      u64: "Uint64",
      i128: "Utf8",
      decimal: "Decimal[18e+4]",
      airport: "Utf8",
      second: "Timestamp<SECOND, UTC>",
      milli: "Timestamp<MILLISECOND, UTC>",
      micro: "Timestamp<MICROSECOND, Asia/Tokyo>",
      day: "Date32<DAY>",
      uuid: "FixedSizeBinary[16]",
      state: "Utf8",
      list: "List<Timestamp<SECOND, UTC>>",
      pair: "Struct<{Time:Uint8, state:Utf8}>",
    });
    const row = table.get(0)?.toJSON() as Record<string, unknown>;
    expect(row).toMatchObject({
      i64: -9007199254740993n,
      u64: 18446744073709551615n,
      i128: "170141183460469231731687303715884105727",
      text: "naïve ✈",
      airport: "JFK",
      nothing: null,
      something: 5,
      null: null,
      second: Date.parse("2001-02-03T04:05:06Z"),
      milli: Date.parse("2001-02-03T04:05:06.789Z"),
      ipv4: "192.0.2.1",
      ipv6: "2001:db8::1",
      state: "o'n (x)",
    });
    expect(String(row["decimal"])).toBe("123456");
    expect(String(row["lists"])).toBe('{"a": [1,2]}');
  });

  it("hold all rows in their order, over many row groups and batches", async () => {
    const count = 1_000_000;
    const { file, rows: read } = await parquet(`numbers?format=parquet&count=${count}`);
    expect(parquetMetadata(file).row_groups.length).toBeGreaterThan(2);
    expect(read.length).toBe(count);
    expect(read.every(({ number }, index) => number === BigInt(count - 1 - index))).toBe(true);
    const table = await arrow(`numbers?format=arrow&count=${count}`);
    const column = table.getChild("number");
    expect([table.numRows, column?.get(0), column?.get(count - 1)]).toEqual([count, BigInt(count - 1), 0n]);
  });

  it("hold the columns of an answer without rows", async () => {
    const { file, rows: read } = await parquet("numbers?format=parquet&count=0");
    expect(read).toEqual([]);
    expect(parquetMetadata(file).schema.map(({ name }) => name)).toEqual(["schema", "number", "at", "hash"]);
    const table = await arrow("numbers?format=arrow&count=0");
    expect([table.numRows, table.schema.names]).toEqual([0, ["number", "at", "hash"]]);
  });

  it("say their media type, and a file name", async () => {
    const asParquet = await get("rows", { headers: { accept: PARQUET } });
    expect(asParquet.headers.get("content-type")).toBe(PARQUET);
    expect(asParquet.headers.get("content-disposition")).toBe('attachment; filename="rows.parquet"');
    const asArrow = await get("rows", { headers: { accept: `application/json;q=0.5, ${ARROW}` } });
    expect(asArrow.headers.get("content-type")).toBe(ARROW);
    expect(asArrow.headers.get("content-disposition")).toBe('attachment; filename="rows.arrow"');
    expect(tableFromIPC(await asArrow.arrayBuffer()).numRows).toBe(2);
  });

  it.each(["parquet", "arrow"])("are kept, and revalidated by ETag, as %s", async (format) => {
    const first = await get(`rows?format=${format}`);
    const bytes = Buffer.from(await first.arrayBuffer());
    served.answered.length = 0;
    const second = await get(`rows?format=${format}`);
    expect(Buffer.from(await second.arrayBuffer()).equals(bytes)).toBe(true);
    const etag = first.headers.get("etag") ?? "";
    expect((await get(`rows?format=${format}`, { headers: { "if-none-match": etag } })).status).toBe(304);
    expect((await get("rows?format=json")).headers.get("etag")).not.toBe(etag);
    expect(served.answered.map(({ cache }) => cache).slice(0, 2)).toEqual(["hit", "hit"]);
    await served.insert({ origin: "LAX" });
    expect((await get(`rows?format=${format}`, { headers: { "if-none-match": etag } })).status).toBe(200);
  });

  it("are compressed when they are Arrow, and never twice when they are Parquet", async () => {
    const headers = { "accept-encoding": "gzip" };
    const response = await get("numbers?format=arrow&count=10000", { headers });
    expect(response.headers.get("content-encoding")).toBe("gzip");
    expect(tableFromIPC(await response.arrayBuffer()).numRows).toBe(10_000);
    for (const count of [10_000, 2_000_000]) {
      const plain = await get(`numbers?format=parquet&count=${count}`, { headers });
      expect(plain.headers.get("content-encoding")).toBe(null);
      const bytes = Buffer.from(await plain.arrayBuffer());
      expect(bytes.subarray(-4).toString()).toBe("PAR1");
      expect(() => gunzipSync(bytes)).toThrow("incorrect header check");
    }
  });

  it.each(["json", "ndjson", "csv", "parquet", "arrow"])("answer HEAD and OPTIONS, as %s", async (format) => {
    for (const path of [`rows?format=${format}`, `numbers?count=2000000&format=${format}`]) {
      const head = await get(path, { method: "HEAD" });
      const whole = await get(path);
      await whole.body?.cancel();
      expect(head.status).toBe(200);
      expect(head.headers.get("content-type")).toBe(whole.headers.get("content-type"));
      expect(head.headers.get("etag")).toBe(whole.headers.get("etag"));
      expect((await head.arrayBuffer()).byteLength).toBe(0);
    }
    const options = await get(`rows?format=${format}`, { method: "OPTIONS" });
    expect([options.status, options.headers.get("allow")]).toEqual([204, "GET, HEAD, OPTIONS, POST"]);
  });

  it.each(["parquet", "arrow"])(
    "are problem documents as long as nothing was sent, as %s",
    async (format) => {
      const problems = [];
      for (const path of ["failing?at=5&", "limited?", "small?", "untyped?"]) {
        const response = await get(`${path}format=${format}`);
        expect(response.headers.get("content-type")).toMatch("application/problem+json");
        problems.push([response.status, ((await response.json()) as { code: string }).code]);
      }
      expect(problems).toEqual([
        [500, "query_failed"],
        [507, "query_too_large"],
        [507, "query_too_large"],
        [500, "query_failed"],
      ]);
      // The sessions are fit for the next query.
      expect((await get("limited")).status).toBe(507);
      expect((await parquet("numbers?format=parquet&count=3")).rows.length).toBe(3);
    },
  );

  it.each(["parquet", "arrow"])("are cut when they fail after the first byte, as %s", async (format) => {
    const response = await get(`failing?at=1900000&format=${format}`);
    expect(response.status).toBe(200);
    await expect(response.arrayBuffer()).rejects.toThrow("terminated");
  });

  it("that can't be given are refused with a list of those that can", async () => {
    const response = await get("rows", { headers: { accept: "application/vnd.apache.arrow.file" } });
    expect(response.status).toBe(406);
    expect(await response.json()).toMatchObject({
      code: "not_acceptable",
      formats: ["json", "ndjson", "csv", "parquet", "arrow"],
      media_types: ["application/json", "application/x-ndjson", "text/csv", PARQUET, ARROW],
    });
  });
});
