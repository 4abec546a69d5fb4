import { brotliDecompressSync, gunzipSync, inflateSync, zstdDecompressSync } from "node:zlib";
import { parquetReadObjects } from "hyparquet";
import { compressors } from "hyparquet-compressors";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { FORMAT_NAMES } from "../../../src/serve/clickhouse-protocol/formats.ts";
import { unframe } from "./frames.ts";
import { requestRaw } from "./request-raw.ts";
import { startProtocolServer, type ProtocolServer } from "./protocol-server.ts";

let server: ProtocolServer;

beforeAll(async () => {
  server = await startProtocolServer();
});

afterAll(() => server.close());

const TWO = "SELECT number AS n, concat('a', toString(number)) AS s FROM numbers(2)";

/** What two rows are in formats that tools ask for: texts, or bytes as latin-1. */
const WRITTEN: Readonly<Record<string, string>> = {
  TabSeparated: "0\ta0\n1\ta1\n",
  TSV: "0\ta0\n1\ta1\n",
  TabSeparatedWithNames: "n\ts\n0\ta0\n1\ta1\n",
  TabSeparatedWithNamesAndTypes: "n\ts\nUInt64\tString\n0\ta0\n1\ta1\n",
  CSV: '0,"a0"\n1,"a1"\n',
  CSVWithNames: '"n","s"\n0,"a0"\n1,"a1"\n',
  JSONEachRow: '{"n":0,"s":"a0"}\n{"n":1,"s":"a1"}\n',
  JSONStringsEachRow: '{"n":"0","s":"a0"}\n{"n":"1","s":"a1"}\n',
  JSONCompactEachRow: '[0, "a0"]\n[1, "a1"]\n',
  JSONCompactEachRowWithNamesAndTypes: '["n", "s"]\n["UInt64", "String"]\n[0, "a0"]\n[1, "a1"]\n',
  Values: "(0,'a0'),(1,'a1')",
  Null: "",
  RowBinary: "\0\0\0\0\0\0\0\0\x02a0\x01\0\0\0\0\0\0\0\x02a1",
  RowBinaryWithNamesAndTypes:
    "\x02\x01n\x01s\x06UInt64\x06String\0\0\0\0\0\0\0\0\x02a0\x01\0\0\0\0\0\0\0\x02a1",
  Native: "\x02\x02\x01n\x06UInt64\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x01s\x06String\x02a0\x02a1",
};

test.each(Object.entries(WRITTEN))("%s is written as ClickHouse writes it", async (format, expected) => {
  const { status, headers, bytes } = await server.post(`${TWO} FORMAT ${format}`);
  expect([status, headers.get("x-clickhouse-format")]).toEqual([200, format]);
  expect(bytes.toString("latin1")).toBe(expected);
});

test("Parquet and Arrow are whole documents", async () => {
  const parquet = await server.post(`${TWO} FORMAT Parquet`);
  const file = Uint8Array.from(parquet.bytes).buffer;
  expect(await parquetReadObjects({ file, compressors })).toEqual([
    { n: 0n, s: "a0" },
    { n: 1n, s: "a1" },
  ]);
  const arrow = await server.post(`${TWO} FORMAT Arrow`);
  expect(arrow.bytes.subarray(0, 6).toString()).toBe("ARROW1");
  expect(arrow.bytes.subarray(-6).toString()).toBe("ARROW1");
});

describe.each(FORMAT_NAMES)("%s", (format) => {
  test("rows and no rows are both answered", async () => {
    const some = await server.post(`${TWO} FORMAT ${format}`);
    expect([some.status, some.headers.get("x-clickhouse-format")]).toEqual([200, format]);
    expect(some.bytes.length > 0).toBe(format !== "Null");
    const none = await server.post(`${TWO} LIMIT 0 FORMAT ${format}`);
    expect(none.status).toBe(200);
  });
});

test.each(["Template", "Protobuf", "CapnProto", "Nope", "JSON; DROP TABLE flights"])(
  "%s is refused: there is no such format for answers",
  async (format) => {
    const { status, text } = await server.post("SELECT 1", `?default_format=${encodeURIComponent(format)}`);
    expect([status, text]).toEqual([404, expect.stringMatching(/^Code: 73\. .*\(UNKNOWN_FORMAT\)/)]);
  },
);

async function textOf(sql: string, query = "", headers = {}): Promise<string> {
  return (await server.post(sql, query, headers)).text;
}

test("the format is the statement's, else the header's, else the query string's, else TabSeparated", async () => {
  const ask = textOf;
  const header = { "x-clickhouse-format": "CSV" };
  expect(await ask("SELECT 'a'")).toBe("a\n");
  expect(await ask("SELECT 'a'", "?default_format=JSONEachRow")).toBe('{"\'a\'":"a"}\n');
  expect(await ask("SELECT 'a'", "?default_format=JSONEachRow", header)).toBe('"a"\n');
  expect(await ask("SELECT 'a' format Values;", "?default_format=JSONEachRow", header)).toBe("('a')");
});

const MANY = "SELECT number AS n, toString(number) AS s FROM numbers(600000) FORMAT TSV";
const UNPACK = {
  gzip: gunzipSync,
  deflate: inflateSync,
  br: brotliDecompressSync,
  zstd: zstdDecompressSync,
} as const;

test.each(Object.entries(UNPACK))(
  "%s packs answers, small and large, with enable_http_compression=1 only",
  async (name, unpack) => {
    for (const sql of [MANY, MANY.replace("600000", "1000")]) {
      const asked = { headers: { "accept-encoding": name }, body: sql };
      const plain = await requestRaw(server.url, { path: "/", ...asked });
      expect(plain.headers["content-encoding"]).toBeUndefined();
      const packed = await requestRaw(server.url, { path: "/?enable_http_compression=1", ...asked });
      expect(packed.headers["content-encoding"]).toBe(name);
      expect(packed.bytes.length).toBeLessThan(plain.bytes.length / 2);
      expect(unpack(packed.bytes).equals(plain.bytes)).toBe(true);
    }
  },
);

test("compress=1 packs answers, small and large, in ClickHouse's own frames, and errors too", async () => {
  for (const sql of [MANY, "SELECT 1", MANY.replace("600000", "1000")]) {
    const plain = await server.post(sql);
    const framed = await server.post(sql, "?compress=1&enable_http_compression=1");
    expect(framed.headers.get("content-encoding")).toBeNull();
    expect(unframe(framed.bytes).equals(plain.bytes)).toBe(true);
  }
  const wrong = await server.post("SELECT nope", "?compress=1");
  expect([wrong.status, unframe(wrong.bytes).toString()]).toEqual([
    404,
    expect.stringContaining("UNKNOWN_IDENTIFIER"),
  ]);
  // Who isn't allowed something is told so plainly, as clients expect it.
  const refused = await server.post("SELECT sleep(1)", "?compress=1");
  expect([refused.status, refused.text]).toEqual([403, expect.stringContaining("ACCESS_DENIED")]);
});
