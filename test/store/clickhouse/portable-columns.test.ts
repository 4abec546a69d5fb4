import { expect, test } from "vitest";
import { portableSql, portableType } from "../../../src/store/clickhouse/portable-columns.ts";

test.each([
  ["Int64", "Int64"],
  ["Nullable(Decimal(18, 4))", "Nullable(Decimal(18, 4))"],
  ["DateTime64(3, 'UTC')", "DateTime64(3, 'UTC')"],
  ["DateTime", "DateTime64(0, 'UTC')"],
  ["Array(Nullable(DateTime('Asia/Tokyo')))", "Array(Nullable(DateTime64(0, 'UTC')))"],
  ["Map(Enum8('a)' = 1, 'DateTime' = 2), Int256)", "Map(String, String)"],
  ["Enum16('it\\'s' = 1, 'b''c' = 2)", "String"],
  ["Tuple(Time UInt8, `IPv4 of` IPv4)", "Tuple(Time UInt8, `IPv4 of` String)"],
  ["Array(Nothing)", "Array(String)"],
  ["LowCardinality(Nullable(IPv6))", "LowCardinality(Nullable(String))"],
  ["BFloat16", "Float32"],
  ["Tuple(UInt128, Time64(3))", "Tuple(String, String)"],
])("%s is written as %s", (type, portable) => {
  expect(portableType(type)).toBe(portable);
});

test("a query without such columns stays as it is", () => {
  const sql = { text: "SELECT 1 AS a", params: {} };
  expect(portableSql(sql, [{ name: "a", type: "UInt8", jsonSchema: {} }])).toBe(sql);
});

test("names are quoted, and a comment at the end of the text ends there", () => {
  const sql = { text: "SELECT now() -- what time", params: {} };
  expect(portableSql(sql, [{ name: "no`w()", type: "DateTime", jsonSchema: {} }]).text).toBe(
    "SELECT * REPLACE (CAST(`no\\`w()` AS DateTime64(0, 'UTC')) AS `no\\`w()`) FROM (\nSELECT now() -- what time\n)",
  );
});
