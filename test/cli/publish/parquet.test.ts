import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openParquet, type ParquetOptions } from "../../../src/cli/publish/parquet.ts";

let folder: string;
let instance: DuckDBInstance;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "headrace-parquet-"));
  instance = await DuckDBInstance.create();
});

afterAll(async () => {
  instance.closeSync();
  await rm(folder, { recursive: true, force: true });
});

let files = 0;

/** Lets DuckDB write the rows of a SELECT as Parquet. */
async function write(select: string, options = "COMPRESSION zstd"): Promise<string> {
  const path = join(folder, `${files++}.parquet`);
  const connection = await instance.connect();
  await connection.run(`COPY (${select}) TO '${path}' (FORMAT parquet, ${options})`);
  connection.closeSync();
  return path;
}

async function read(path: string, options?: ParquetOptions): Promise<readonly string[]> {
  const { chunks } = await openParquet(path, options);
  const events: string[] = [];
  for await (const chunk of chunks) events.push(...chunk.map(String));
  return events;
}

const one = async (expression: string) => (await read(await write(`SELECT ${expression} AS v`)))[0];

test.each([
  ["TIMESTAMP '2001-01-01 00:01:00'", '"2001-01-01T00:01:00Z"'],
  ["TIMESTAMP '1969-12-31 23:59:59.5'", '"1969-12-31T23:59:59.5Z"'],
  ["TIMESTAMP '2001-01-01 00:01:00.000001'", '"2001-01-01T00:01:00.000001Z"'],
  ["TIMESTAMP_MS '2001-01-01 00:01:00.120'", '"2001-01-01T00:01:00.12Z"'],
  ["TIMESTAMP_NS '2001-01-01 00:01:00.123456789'", '"2001-01-01T00:01:00.123456789Z"'],
  ["TIMESTAMPTZ '2001-01-01 00:01:00+02'", '"2000-12-31T22:01:00Z"'],
  ["DATE '1969-07-20'", '"1969-07-20"'],
  ["9223372036854775807::BIGINT", "9223372036854775807"],
  ["(-9223372036854775808)::BIGINT", "-9223372036854775808"],
  ["18446744073709551615::UBIGINT", "18446744073709551615"],
  ["4294967295::UINTEGER", "4294967295"],
  ["(-7)::TINYINT", "-7"],
  ["1.15::DECIMAL(4,2)", "1.15"],
  ["(-0.05)::DECIMAL(4,2)", "-0.05"],
  ["123456789012345678.12::DECIMAL(20,2)", "123456789012345678.12"],
  ["(-99999999999999999999999999999999999.999)::DECIMAL(38,3)", "-99999999999999999999999999999999999.999"],
  ["12345678.9012::DECIMAL(18,4)", "12345678.9012"],
  ["0.1::DOUBLE", "0.1"],
  ["1.5::FLOAT", "1.5"],
  // Not JSON numbers: as strings they are rejected with the reason, where null would pass.
  ["'NaN'::DOUBLE", '"NaN"'],
  ["'-Infinity'::DOUBLE", '"-Infinity"'],
  ["true", "true"],
  ["'a\"é\n'", String.raw`"a\"é\n"`],
  ["'text'::BLOB", '"text"'],
  ["'6f9619ff-8b86-4011-b42d-00c04fc964ff'::UUID", '"6f9619ff-8b86-4011-b42d-00c04fc964ff"'],
  ["'{\"a\": [1, 12345678901234567890]}'::JSON", '{"a": [1, 12345678901234567890]}'],
  ["[1, 2]::BIGINT[]", "[1,2]"],
  ["{'a': 1::BIGINT, 'b': [DATE '2001-01-01']}", '{"a":1,"b":["2001-01-01"]}'],
])("%s comes out as %s", async (expression, json) => {
  expect(await one(expression)).toBe(`{"v":${json}}`);
});

test("nulls are left out, and a row of nulls is an empty event", async () => {
  const path = await write("SELECT * FROM (VALUES (1, NULL), (NULL, 'x'), (NULL, NULL)) AS t(a, b)");
  expect(await read(path)).toEqual(['{"a":1}', '{"b":"x"}', "{}"]);
});

test.each(["uncompressed", "snappy", "gzip", "zstd"])(
  "rows keep their order over row groups, compressed with %s",
  async (codec) => {
    const path = await write(
      "SELECT range AS n FROM range(10000)",
      `COMPRESSION ${codec}, ROW_GROUP_SIZE 4096`,
    );
    const { rows } = await openParquet(path);
    expect(rows).toBe(10_000);
    expect(await read(path)).toEqual(Array.from({ length: 10_000 }, (_, n) => `{"n":${n}}`));
  },
);

test("a limit reads so many rows from the start, and each event can get more members", async () => {
  const path = await write("SELECT range AS n FROM range(10000)", "ROW_GROUP_SIZE 2048");
  const events = await read(path, { limit: 3_000, extraMembers: (row) => `"id":"${row}",` });
  expect(events).toHaveLength(3_000);
  expect(events.at(-1)).toBe('{"id":"2999","n":2999}');
});

test.each([
  ["not Parquet at all", "hello, this is no Parquet file", "can't be read as Parquet"],
  ["an empty file", "", "can't be read as Parquet"],
])("%s is refused", async (_, content, message) => {
  const path = join(folder, `${files++}.parquet`);
  await writeFile(path, content);
  await expect(openParquet(path)).rejects.toMatchObject({
    code: "input_unreadable",
    message: expect.stringContaining(message) as string,
  });
});

test("bytes that aren't text are refused with the column, not replaced", async () => {
  const path = await write(String.raw`SELECT '\xFF\xFE'::BLOB AS raw`);
  await expect(read(path)).rejects.toMatchObject({
    code: "input_unreadable",
    message: expect.stringContaining('column "raw"') as string,
  });
});

test("a decimal inside a nested column is refused, not rounded", async () => {
  const path = await write("SELECT {'price': 1.15::DECIMAL(4,2)} AS item");
  await expect(openParquet(path)).rejects.toThrow('"price" is a decimal inside a nested column');
});
