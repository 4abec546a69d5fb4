import { afterAll, beforeAll, expect, test } from "vitest";
import { NativeBlocks } from "../../../src/serve/clickhouse-protocol/native-blocks.ts";
import { nativeLayout } from "../../../src/serve/clickhouse-protocol/native-type.ts";
import { startProtocolServer, type ProtocolServer } from "./protocol-server.ts";

let server: ProtocolServer;

beforeAll(async () => {
  server = await startProtocolServer();
});

afterAll(() => server.close());

const INFO = Buffer.from([1, 0, 2, 255, 255, 255, 255, 0]);

/** Every type whose values can be followed, in rows that differ in their lengths. */
const TYPES = [
  "toUInt8(n % 256)",
  "toInt16(n)",
  "toFloat32(n)",
  "n",
  "toFloat64(n)",
  "toInt128(n)",
  "toUInt256(n)",
  "toDecimal32(1, 2)",
  "toDecimal64(1, 2)",
  "toDecimal128(n, 2)",
  "toDecimal256(n, 2)",
  "toDate('2001-01-01')",
  "toDate32('2001-01-01')",
  "toDateTime(n)",
  "toDateTime64(n, 3, 'UTC')",
  "toUUID('61f0c404-5cb3-11e7-907b-a6006ad3dba0')",
  "toIPv4('1.2.3.4')",
  "toIPv6('::1')",
  "n % 2 = 0",
  "toFixedString('abc', 3)",
  "repeat('x', n % 300)",
  "CAST('a', 'Enum8(\\'a\\' = 1, \\'b(,)\\' = 2)')",
  "if(n % 3 = 0, NULL, toString(n))",
  "NULL",
  "range(n % 5)",
  "arrayMap(x -> range(x), range(n % 4))",
  "arrayMap(x -> if(x = 1, NULL, toString(x)), range(n % 4))",
  "map('k', n, toString(n), 2)",
  "(n, toString(n), [toString(n)])",
  "CAST((1, 'b'), 'Tuple(`a b` Int32, c String)')",
  "toLowCardinality(toString(n % 700))",
  "toLowCardinality(if(n % 3 = 0, NULL, toString(n % 70)))",
  "arrayMap(x -> toLowCardinality(toString(x)), range(n % 3))",
  "(toLowCardinality(toString(n % 3)), [toLowCardinality('q')])",
  "map(toLowCardinality(toString(n)), n)",
  "toIntervalDay(n)",
];

const ALL = `SELECT ${TYPES.map((type, index) => `${type} AS c${index}`).join(", ")} FROM (SELECT number AS n FROM numbers(1500)) SETTINGS max_block_size = 400 FORMAT Native`;

test("every type can be followed to its end, however the bytes are cut", async () => {
  const { status, bytes } = await server.post(ALL);
  expect(status).toBe(200);
  const whole = new NativeBlocks(54460).push(bytes);
  for (const size of [1, 7, 64, 1000, 65_536]) {
    const blocks = new NativeBlocks(54460);
    const parts: Buffer[] = [];
    for (let at = 0; at < bytes.length; at += size) parts.push(blocks.push(bytes.subarray(at, at + size)));
    expect(Buffer.concat(parts).equals(whole)).toBe(true);
  }
});

test("before each block stands its information, and behind each type that it is written in no other way", async () => {
  const { bytes } = await server.post(ALL);
  const whole = new NativeBlocks(54460).push(bytes);
  const plain = new NativeBlocks(54405).push(bytes);
  const blocks = countOf(plain, Buffer.concat([INFO, Buffer.from([TYPES.length])]));
  expect(blocks).toBeGreaterThan(0);
  expect(plain.length).toBe(bytes.length + blocks * INFO.length);
  expect(whole.length).toBe(plain.length + blocks * TYPES.length);
  expect(plain.subarray(8, 1000).equals(bytes.subarray(0, 992))).toBe(true);
});

function countOf(bytes: Buffer, part: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(part); at !== -1; at = bytes.indexOf(part, at + 1)) count++;
  return count;
}

test("a large answer is told apart block by block as it is streamed", async () => {
  const sql = "SELECT number, toString(number) AS s FROM numbers(500000) FORMAT Native";
  const plain = await server.post(sql);
  const { bytes } = await server.post(sql, "?client_protocol_version=54460");
  const blocks = countOf(bytes, Buffer.concat([INFO, Buffer.from([2])]));
  expect(blocks).toBeGreaterThan(3);
  expect(bytes.length).toBe(plain.bytes.length + blocks * (INFO.length + 2));
  expect(rowsOf(bytes)).toBe(500_000);
});

/** Reads blocks of a number and a text as clickhouse-go does. */
function rowsOf(bytes: Buffer): number {
  let at = 0;
  let sum = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++] ?? 0;
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
  };
  const text = (): void => {
    const length = varint();
    at += length;
  };
  while (at < bytes.length) {
    at += INFO.length;
    const [columns, rows] = [varint(), varint()];
    expect(columns).toBe(2);
    for (const kind of ["number", "text"]) {
      text();
      text();
      expect(bytes[at++]).toBe(0);
      if (kind === "number") at += 8 * rows;
      else for (let row = 0; row < rows; row++) text();
    }
    sum += rows;
  }
  return sum;
}

test("a type that can't be followed is refused, for such a client alone", async () => {
  const sql = "SELECT CAST(1, 'Dynamic') AS d FORMAT Native";
  const { status, text } = await server.post(sql, "?client_protocol_version=54460");
  expect([status, text]).toEqual([501, expect.stringContaining("NOT_IMPLEMENTED")]);
  expect((await server.post(sql)).status).toBe(200);
  expect(nativeLayout("SimpleAggregateFunction(sum, UInt64)")).toEqual({ kind: "fixed", size: 8 });
  expect(() => nativeLayout("AggregateFunction(sum, UInt64)")).toThrow(/toString/);
});
