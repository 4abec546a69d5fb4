import { describe, expect, test } from "vitest";
import { querySettings } from "../../../src/serve/clickhouse-protocol/query-settings.ts";
import { rewriteStatement } from "../../../src/serve/clickhouse-protocol/rewrite-statement.ts";
import { readStatement } from "../../../src/serve/clickhouse-protocol/statement.ts";

describe("what stands behind a statement is the request's, wherever it really stands behind it", () => {
  test.each([
    ["SELECT 1", "SELECT 1", undefined, {}],
    ["SELECT 1;", "SELECT 1", undefined, {}],
    ["  -- c\nSELECT 1 /* x */ ; ; # e\n", "SELECT 1", undefined, {}],
    ["SELECT 1 FORMAT JSON", "SELECT 1", "JSON", {}],
    ["SELECT 1\n format   JSONEachRow ;\n", "SELECT 1", "JSONEachRow", {}],
    ["SELECT 1 SETTINGS a = 1", "SELECT 1", undefined, { a: "1" }],
    [
      "SELECT 1 SETTINGS a=1, b = 'x''y', c=-2.5 FORMAT CSV",
      "SELECT 1",
      "CSV",
      { a: "1", b: "x'y", c: "-2.5" },
    ],
    ["SELECT 1 FORMAT CSV SETTINGS a = 1", "SELECT 1", "CSV", { a: "1" }],
    ["SELECT 'x FORMAT JSON'", "SELECT 'x FORMAT JSON'", undefined, {}],
    ["SELECT 1 -- FORMAT JSON", "SELECT 1", undefined, {}],
    ["SELECT 1 /* FORMAT JSON", "SELECT 1", undefined, {}],
    ["SELECT $x$ FORMAT JSON $x$", "SELECT $x$ FORMAT JSON $x$", undefined, {}],
    ["SELECT 1 AS FORMAT", "SELECT 1 AS FORMAT", undefined, {}],
    ["SELECT a AS format JSON", "SELECT a AS format JSON", undefined, {}],
    ["SELECT settings = 1", "SELECT settings = 1", undefined, {}],
    ["SELECT 'unended FORMAT JSON", "SELECT 'unended FORMAT JSON", undefined, {}],
    ["(SELECT 1 SETTINGS a = 1)", "(SELECT 1 SETTINGS a = 1)", undefined, {}],
  ])("%s", (sql, text, format, settings) => {
    expect(readStatement(sql)).toEqual({ text, format, settings });
  });

  test("no text takes longer than its length", () => {
    const begun = performance.now();
    for (const piece of ["/*", "'", "$a$$b", "`", '"', "$", "SETTINGS a=1,", "''"]) {
      readStatement(`SELECT ${piece.repeat(256_000 / piece.length)}`);
    }
    expect(performance.now() - begun).toBeLessThan(5000);
  });

  test("an empty text is an exception", () => {
    for (const sql of ["", "  ;; -- nothing", "/* */"])
      expect(() => readStatement(sql)).toThrow(/Empty query/);
  });
});

const NAMES = { databases: ["default", "airport"], tables: ["flights"] };

describe("what isn't a SELECT becomes one", () => {
  test.each([
    ["SHOW DATABASES", /FROM system\.databases ORDER BY name$/, {}],
    [
      "show tables from `airport` like 'fl%' limit 2",
      /LIKE \{pattern:String\} ORDER BY name LIMIT 2$/,
      { pattern: "fl%" },
    ],
    ["SHOW TABLES NOT ILIKE 'a''b'", /NOT ILIKE/, { pattern: "a'b" }],
    ["SHOW FULL TABLES IN default", /FROM system\.tables/, {}],
    ["SHOW COLUMNS FROM flights", /FROM system\.columns/, { name: "flights" }],
    ["SHOW FUNCTIONS LIKE 'to%'", /FROM system\.functions/, { pattern: "to%" }],
    ["SHOW SETTINGS ILIKE '%time%'", /FROM system\.settings/, { pattern: "%time%" }],
    ["SHOW PROCESSLIST", /FROM system\.processes/, {}],
    ["SHOW DICTIONARIES", /FROM system\.dictionaries/, {}],
    ["SHOW CREATE TABLE default.flights", /create_table_query/, { name: "flights" }],
    ["SHOW CREATE flights", /create_table_query/, { name: "flights" }],
    ["SHOW CREATE DATABASE airport", /CREATE DATABASE/, {}],
    ['DESC "airport"."flights"', /FROM system\.columns/, { name: "flights" }],
    ["DESCRIBE flights", /FROM system\.columns/, { name: "flights" }],
    ["EXISTS flights", /toUInt8\(1\)/, {}],
    ["EXISTS TABLE nope.flights", /toUInt8\(0\)/, {}],
    ["EXISTS DATABASE airport", /toUInt8\(1\)/, {}],
    ["EXISTS DICTIONARY flights", /toUInt8\(0\)/, {}],
  ])("%s", (sql, text, params) => {
    const rewritten = rewriteStatement(sql, NAMES);
    if (rewritten?.kind !== "select") throw new Error(`${sql} is ${rewritten?.kind}`);
    expect(rewritten.sql.text).toMatch(text);
    const values = Object.entries(rewritten.sql.params).map(([name, { value }]) => [name, value]);
    expect(Object.fromEntries(values)).toEqual(params);
  });

  test("or it is done without one", () => {
    expect(rewriteStatement("USE airport", NAMES)).toEqual({ kind: "done" });
    expect(rewriteStatement("SET a = 1, b = 'x'", NAMES)).toEqual({
      kind: "set",
      settings: { a: "1", b: "x" },
    });
    expect(rewriteStatement("KILL QUERY WHERE query_id = 'q' SYNC", NAMES)).toEqual({
      kind: "kill",
      queryId: "q",
    });
    expect(rewriteStatement("SELECT 1", NAMES)).toBeUndefined();
    expect(rewriteStatement("INSERT INTO flights VALUES (1)", NAMES)).toBeUndefined();
  });

  test.each([
    ["USE nope", /Database nope does not exist/],
    ["SHOW TABLES FROM nope", /Database nope does not exist/],
    ["DESCRIBE nope", /Table nope does not exist/],
    ["DESCRIBE nope.flights", /Table nope\.flights does not exist/],
    ["DESCRIBE (SELECT 1)", /LIMIT 0/],
    ["SHOW", /ends too early/],
    ["SHOW GRANTS", /failed at word 2 \(GRANTS\)/],
    ["SHOW TABLES NOT", /ends too early/],
    ["SHOW TABLES LIMIT x", /Syntax error/],
    ["DESCRIBE flights INTO OUTFILE 'x'", /failed at word 3 \(INTO\)/],
    ["KILL QUERY WHERE 1", /Syntax error/],
    ["KILL MUTATION WHERE query_id = 'x'", /Syntax error/],
    ["SET a", /ends too early/],
  ])("%s is an exception", (sql, message) => {
    expect(() => rewriteStatement(sql, NAMES)).toThrow(message);
  });
});

const LIMITS = { time: 10_000, memory: 1000, rows: 100, bytes: 100 };
const OUTPUTS = new Map([
  ["output_format_json_quote_decimals", "Bool"],
  ["output_format_pretty_max_rows", "UInt64"],
  ["output_format_schema", "String"],
  ["output_format_parquet_row_group_size", "UInt64"],
]);
const settle = (asked: Record<string, string>) => querySettings(asked, LIMITS, OUTPUTS);

describe("settings", () => {
  test("limits are made lower, never higher, and 0 is none", () => {
    const lower = {
      max_execution_time: "2.5",
      max_memory_usage: "10",
      max_result_rows: "5",
      max_result_bytes: "6",
    };
    expect(settle(lower).limits).toEqual({ time: 2500, memory: 10, rows: 5, bytes: 6 });
    const higher = {
      max_execution_time: "60",
      max_memory_usage: "5000",
      max_result_rows: "0",
      max_result_bytes: "0",
    };
    expect(settle(higher).limits).toEqual(LIMITS);
    expect(settle({ max_execution_time: "0.0000001" }).limits.time).toBe(1);
  });

  test("an answer is cut short only at the number of rows that was asked for", () => {
    expect(settle({ result_overflow_mode: "break", max_result_rows: "5" }).engine).toEqual({
      result_overflow_mode: "break",
    });
    expect(settle({ result_overflow_mode: "break" }).engine).toEqual({});
    expect(settle({ result_overflow_mode: "break", max_result_rows: "500" }).engine).toEqual({});
  });

  test("what only changes the answer is the engine's, what a server may do as it likes is ignored", () => {
    const applied = {
      join_use_nulls: "1",
      output_format_json_quote_decimals: "true",
      output_format_pretty_max_rows: "7",
    };
    expect(settle(applied).engine).toEqual({ ...applied, output_format_json_quote_decimals: 1 });
    const ignored = {
      session_id: "x",
      max_threads: "8",
      log_comment: "y",
      readonly: "0",
      quota_key: "",
      role: "r",
    };
    expect(settle(ignored).engine).toEqual({});
  });

  test.each([
    [{ allow_introspection_functions: "1" }, /Cannot modify 'allow_introspection_functions'/],
    [{ max_ast_depth: "1" }, /Cannot modify/],
    [{ additional_table_filters: "{}" }, /Cannot modify/],
    [{ output_format_schema: "x" }, /Cannot modify/],
    [{ output_format_parquet_row_group_size: "1" }, /Cannot modify/],
    [{ output_format_nope: "1" }, /Unknown setting/],
    [{ nope: "1" }, /Cannot modify 'nope'/],
    [{ join_use_nulls: "x" }, /can't be 'x'/],
    [{ max_execution_time: "-1" }, /can't be '-1'/],
    [{ session_timezone: "Nowhere/Else" }, /can't be/],
    [{ format_csv_null_representation: "a\0b" }, /can't be/],
  ])("%s is refused", (asked, message) => {
    expect(() => settle(asked as unknown as Record<string, string>)).toThrow(message);
  });
});
