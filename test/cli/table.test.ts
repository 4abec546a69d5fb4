import { expect, test } from "vitest";
import { formatTable } from "../../src/cli/table.ts";

test("columns are as wide as their widest cell, and numbers stand at the right", () => {
  const columns = [{ name: "origin" }, { name: "flights", align: "right" as const }];
  expect(
    formatTable(columns, [
      ["ATL", "1,234,567"],
      ["BOS", "9"],
    ]),
  ).toEqual(["origin    flights", "ATL     1,234,567", "BOS             9"]);
});

test("a table without rows is its header", () => {
  expect(formatTable([{ name: "a" }, { name: "b" }], [])).toEqual(["a  b"]);
});

test("a value can't move the cursor, and a long one is cut", () => {
  const [, line] = formatTable([{ name: "v" }, { name: "w" }], [["a\u001B[2J\nb", "x".repeat(100)]]);
  expect(line).toBe(`a\\x1b[2J\\x0ab  ${"x".repeat(59)}…`);
});
