import { describe, expect, test } from "vitest";
import { checkStatement } from "../../../../src/store/clickhouse/fence/check-statement.ts";
import { checkTree } from "../../../../src/store/clickhouse/fence/check-tree.ts";
import { listUnder, nodesIn, parseTree } from "../../../../src/store/clickhouse/fence/query-tree.ts";

const refused = expect.objectContaining({ code: "sql_refused" }) as unknown;

/** A tree as the engine prints it, of `SELECT <line> FROM flights`. */
function treeOf(...projection: readonly string[]): string[] {
  return [
    "QUERY id: 0",
    "  PROJECTION",
    `    LIST id: 1, nodes: ${projection.length}`,
    ...projection.map((line) => `      ${line}`),
    "  JOIN TREE",
    `    IDENTIFIER id: ${projection.length + 2}, identifier: flights`,
  ];
}

function check(lines: readonly string[]): void {
  checkTree(parseTree(lines), {
    fence: { tables: [{ name: "flights", columns: ["a", "old", "user"] }] },
    functions: {
      isAllowed: (name) => ["count", "in", "cast"].includes(name.toLowerCase()),
      exists: (name) => ["count", "in", "file", "user"].includes(name),
    },
    reserved: new Set(["flights", "system", "headrace", "old", "gone"]),
    columns: [],
  });
}

describe("a query tree is read line by line", () => {
  test("nodes stand under the headings of the node above", () => {
    const root = parseTree(treeOf("IDENTIFIER id: 2, identifier: a"));
    expect([...nodesIn(root)].map(({ kind }) => kind).sort()).toEqual([
      "IDENTIFIER",
      "IDENTIFIER",
      "LIST",
      "QUERY",
    ]);
    expect(listUnder(root, "PROJECTION").map(({ text }) => text)).toEqual(["identifier: a"]);
    expect(listUnder(root, "WHERE")).toEqual([]);
  });

  test.each([
    ["a number that is missing", ["QUERY id: 0", "  PROJECTION", "    LIST id: 2, nodes: 0"]],
    ["a number twice", ["QUERY id: 0", "  PROJECTION", "    LIST id: 0, nodes: 0"]],
    ["two roots", ["QUERY id: 0", "QUERY id: 1"]],
    ["a heading above all", ["PROJECTION"]],
    ["nothing", []],
  ])("with %s it is refused", (_what, lines) => {
    expect(() => parseTree(lines)).toThrow(refused);
  });
});

describe("a query tree is held against lists", () => {
  test.each([
    ["a known function", "FUNCTION id: 2, function_name: count, function_type: ordinary"],
    [
      "with its treatment of nulls",
      "FUNCTION id: 2, function_name: count, function_type: window, nulls_action : IGNORE_NULLS",
    ],
    ["a column", "IDENTIFIER id: 2, alias: x, identifier: a"],
    ["a column that is named as a removed stream is", "IDENTIFIER id: 2, identifier: old"],
    ["a column that is named as a harmless function is", "IDENTIFIER id: 2, identifier: user"],
    ["a field of any name behind a column", "IDENTIFIER id: 2, identifier: a._id"],
    ["our own column", "IDENTIFIER id: 2, identifier: _offset"],
  ])("%s passes", (_what, line) => {
    expect(() => check(treeOf(line))).not.toThrow();
  });

  test.each([
    ["another function", "FUNCTION id: 2, function_name: file, function_type: ordinary"],
    [
      "an alias that looks like a function",
      "FUNCTION id: 2, alias: x, function_name: count, function_type: ordinary, function_name: file, function_type: ordinary",
    ],
    ["an unknown kind of node", "TABLE id: 2, table_name: headrace.flights"],
    ["an unknown kind of function", "FUNCTION id: 2, function_name: count, function_type: magic"],
    ["a name without a name", "IDENTIFIER id: 2, identifier: "],
    ["a function's bare name", "IDENTIFIER id: 2, identifier: file"],
    ["a table that isn't declared", "IDENTIFIER id: 2, identifier: gone"],
    ["an alias of a table's name", "IDENTIFIER id: 2, alias: t, identifier: old"],
    ["a name with a database", "IDENTIFIER id: 2, identifier: system.users"],
    ["an engine's own column", "IDENTIFIER id: 2, identifier: _part"],
    ["an engine's own column behind an alias", "IDENTIFIER id: 2, identifier: f._part"],
    [
      "columns of a table that isn't declared",
      "MATCHER id: 2, matcher_type: ASTERISK, qualified_identifier: gone",
    ],
    [
      "an engine's own column in a list",
      "MATCHER id: 2, matcher_type: COLUMNS_LIST, column_identifiers: a, _part",
    ],
    ["an unknown table function", "TABLE_FUNCTION id: 2, table_function_name: file"],
    ["a table function without arguments", "TABLE_FUNCTION id: 2, table_function_name: numbers"],
  ])("%s is refused", (_what, line) => {
    expect(() => check(treeOf(line))).toThrow(refused);
  });

  test("an unknown heading is refused, and SETTINGS by name", () => {
    expect(() => check([...treeOf("IDENTIFIER id: 2, identifier: a"), "  MAGIC"])).toThrow(refused);
    expect(() => check([...treeOf("IDENTIFIER id: 2, identifier: a"), "  SETTINGS max_threads=1"])).toThrow(
      /SETTINGS can't/,
    );
  });

  test("a stream that isn't declared is named with the nearest one", () => {
    const lines = treeOf("IDENTIFIER id: 2, identifier: a");
    lines[5] = "    IDENTIFIER id: 3, identifier: flihgts";
    expect(() => check(lines)).toThrow(
      expect.objectContaining({ code: "unknown_stream", details: { nearest: "flights" } }) as Error,
    );
  });
});

describe("the words of a statement", () => {
  test.each([
    "SELECT 1",
    "WITH 1 AS x\nSELECT x",
    "(\n    SELECT 1\n)\nUNION ALL\n(\n    SELECT 2\n)",
    "SELECT 'INTO OUTFILE \\'x\\'', `SETTINGS`, 1.5e10, {p:String}, a.b, t.1",
    "SELECT 'a\\nb'",
    "SELECT 1 AS FORMAT",
  ])("%s passes", (text) => {
    expect(() => checkStatement(text)).not.toThrow();
  });

  test.each([
    "DROP TABLE x",
    "",
    "SELECT 1\nINTO OUTFILE 'x'",
    "SELECT 1\nSETTINGS a = 1",
    "SELECT 1\nFORMAT CSV",
    "SELECT 1\nPARALLEL WITH\nSELECT 2",
    "SELECT `a\\nb`",
    "SELECT `a\nb`",
    "SELECT COLUMNS('a\\n  FUNCTION')",
    "SELECT * EXCEPT 'a\\nb'",
    "SELECT * EXCEPT STRICT 'a\\nb'",
    "SELECT a FROM t ORDER BY a COLLATE 'a\\nb'",
    "SELECT * FROM system.one",
    "SELECT {x:AggregateFunction(uniq, String)}",
    "SELECT 'open",
    "SELECT ü",
  ])("%j is refused", (text) => {
    expect(() => checkStatement(text)).toThrow(refused);
  });
});
