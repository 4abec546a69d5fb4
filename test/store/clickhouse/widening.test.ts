import { expect, test } from "vitest";
import { bareType, nullableType, widens } from "../../../src/store/clickhouse/widening.ts";

test.each([
  ["Int32", "Int64"],
  ["UInt32", "Int64"],
  ["Int32", "Float64"],
  ["Int16", "Float32"],
  ["Float32", "Float64"],
  ["String", "Nullable(String)"],
  ["Nullable(Int8)", "Nullable(Int16)"],
  ["LowCardinality(String)", "String"],
  ["String", "LowCardinality(Nullable(String))"],
  ["LowCardinality(String)", "LowCardinality(Nullable(String))"],
  ["Array(Int8)", "Array(Nullable(Int16))"],
  ["Map(String, Int8)", "Map(String, Int16)"],
  ["Decimal(10, 2)", "Decimal(18, 4)"],
  ["DateTime64(3, 'UTC')", "DateTime64(8, 'UTC')"],
  ["UUID", "String"],
  ["Nullable(IPv4)", "Nullable(String)"],
])("%s widens to %s, and not back", (from, to) => {
  expect(widens(from, to)).toBe(true);
  const sameValues =
    bareType(from) === bareType(to) && nullableType(from) === from && nullableType(to) === to;
  expect(widens(to, from)).toBe(
    sameValues || (!/Nullable|Array|Map/.test(to) && bareType(from) === bareType(to)),
  );
});

test.each([
  ["Int64", "Float64"],
  ["Int32", "UInt32"],
  ["UInt64", "Int64"],
  ["Int32", "Float32"],
  ["Float64", "Int64"],
  ["Int32", "String"],
  ["Bool", "UInt8"],
  ["Date32", "DateTime64(3, 'UTC')"],
  ["DateTime64(3, 'UTC')", "DateTime64(9, 'UTC')"],
  ["DateTime64(3, 'UTC')", "DateTime"],
  ["Decimal(10, 2)", "Decimal(10, 4)"],
  ["Int8", "Array(Int8)"],
  ["Nullable(Int8)", "Array(Nullable(Int8))"],
  ["Tuple(a Int8)", "Tuple(a Int16)"],
  ["Map(String, Int8)", "Array(Int8)"],
  ["Enum8('a' = 1)", "String"],
])("%s doesn't widen to %s", (from, to) => {
  expect(widens(from, to)).toBe(false);
});

test("a type gains null where it has no other way to say none", () => {
  expect(nullableType("Int32")).toBe("Nullable(Int32)");
  expect(nullableType("LowCardinality(String)")).toBe("LowCardinality(Nullable(String))");
  for (const type of ["Nullable(Int8)", "Array(Int8)", "Map(String, Int8)", "Tuple(a Int8)", "Dynamic"]) {
    expect(nullableType(type)).toBe(type);
  }
});
