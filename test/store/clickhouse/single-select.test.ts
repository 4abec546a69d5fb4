import { expect, test } from "vitest";
import { singleSelect } from "../../../src/store/clickhouse/single-select.ts";

test.each([
  "SELECT 1",
  "select ';' AS a, \"b;\" AS b, `c;` AS c",
  "-- first;\n/* second; */ WITH 1 AS x SELECT x",
  "(SELECT 1) UNION ALL (SELECT 2)",
  "FROM flights SELECT count()",
  "SELECT 'it''s; \\'; ' AS a",
  "SELECT $$;$$, $tag$ ; $$ ; $tag$",
  "SELECT 1 # comment; here",
  "SELECT 1 --; nothing",
])("%j is one SELECT", (text) => {
  expect(singleSelect(text)).toBe(text);
});

test.each([
  ["SELECT 1;", "SELECT 1"],
  ["SELECT 1 ; \n", "SELECT 1 "],
  ["SELECT 1;;", "SELECT 1"],
  ["SELECT 1; -- end; of it", "SELECT 1"],
  ["SELECT ';'; /* ; */", "SELECT ';'"],
])("%j ends before its semicolon", (text, expected) => {
  expect(singleSelect(text)).toBe(expected);
});

test.each([
  "SELECT 1; SELECT 2",
  "SELECT 1;\n-- x\nDROP TABLE flights",
  "SELECT '\\'; SELECT 1; --'; SELECT 2",
  "SELECT 1; 'x'",
  "KILL QUERY WHERE 1",
  "SET readonly = 0",
  "/* SELECT */ DROP TABLE flights",
  "-- SELECT\nINSERT INTO flights SELECT 1",
  "selector",
  "",
])("%j isn't", (text) => {
  expect(() => singleSelect(text)).toThrow(/SELECT/);
});
