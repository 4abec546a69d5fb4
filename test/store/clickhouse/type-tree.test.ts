import { expect, test } from "vitest";
import { parseType } from "../../../src/store/clickhouse/type-tree.ts";
import { resultColumn } from "../../../src/store/clickhouse/result-columns.ts";

test("a type is taken apart however it nests and whatever its names hold", () => {
  expect(
    parseType(
      "Map(LowCardinality(String), Array(Tuple(`a, (b` Nullable(Int64), c Enum8('x)' = 1, 'it\\'s,' = 2))))",
    ),
  ).toEqual({
    name: "Map",
    inner: [
      { name: "LowCardinality", inner: [{ name: "String", inner: [] }] },
      {
        name: "Array",
        inner: [
          {
            name: "Tuple",
            names: ["a, (b", "c"],
            inner: [
              { name: "Nullable", inner: [{ name: "Int64", inner: [] }] },
              { name: "Enum8", inner: [] },
            ],
          },
        ],
      },
    ],
  });
  expect(parseType("Tuple(`a``b` Int8, `c\\`d` Int8)").names).toEqual(["a`b", "c`d"]);
  expect(parseType("Tuple(Int8, String)")).toEqual({
    name: "Tuple",
    inner: [
      { name: "Int8", inner: [] },
      { name: "String", inner: [] },
    ],
  });
});

const WIDE = { type: ["integer", "string"], pattern: "^-?\\d+$" };

test.each([
  ["UInt8", { type: "integer", minimum: 0, maximum: 255 }],
  ["Int32", { type: "integer", minimum: -2147483648, maximum: 2147483647 }],
  ["UInt64", WIDE],
  ["Int256", WIDE],
  ["Nullable(Int64)", { ...WIDE, type: ["integer", "string", "null"] }],
  ["SimpleAggregateFunction(sum, UInt64)", WIDE],
  ["Float64", { type: ["number", "string"], pattern: "^(nan|-?inf)$" }],
  ["Decimal(18, 4)", { type: "string", pattern: "^-?\\d+(\\.\\d+)?$" }],
  ["Bool", { type: "boolean" }],
  ["DateTime64(3, 'UTC')", { type: "string", format: "date-time" }],
  ["Date32", { type: "string", format: "date" }],
  ["LowCardinality(Nullable(String))", { type: ["string", "null"] }],
  ["UUID", { type: "string", format: "uuid" }],
  ["IPv4", { type: "string", format: "ipv4" }],
  ["IPv6", { type: "string", format: "ipv6" }],
  ["FixedString(3)", { type: "string" }],
  ["Nullable(Nothing)", { type: ["null", "null"] }],
  ["Array(Bool)", { type: "array", items: { type: "boolean" } }],
  ["Map(String, Bool)", { type: "object", additionalProperties: { type: "boolean" } }],
  [
    "Tuple(Bool, String)",
    { type: "array", prefixItems: [{ type: "boolean" }, { type: "string" }], items: false, minItems: 2 },
  ],
  [
    "Nested(a Bool)",
    {
      type: "array",
      items: {
        type: "object",
        properties: { a: { type: "boolean" } },
        required: ["a"],
        additionalProperties: false,
      },
    },
  ],
  [
    "Variant(Bool, String)",
    { anyOf: [{ anyOf: [{ type: "boolean" }, { type: "string" }] }, { type: "null" }] },
  ],
  ["Dynamic", {}],
  ["Nullable(Dynamic)", {}],
] as const)("the JSON Schema of %s", (type, schema) => {
  expect(resultColumn("x", type)).toEqual({ name: "x", type, jsonSchema: schema });
});
