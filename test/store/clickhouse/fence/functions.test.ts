import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  ALLOWED_FUNCTIONS,
  COMBINATORS,
  openFunctions,
  REFUSED_FUNCTIONS,
  type KnownFunctions,
} from "../../../../src/store/clickhouse/fence/functions.ts";
import type { ClickHouseConnection } from "../../../../src/store/clickhouse/connection.ts";
import { openTemporaryStore } from "../../../../src/store/open-store.ts";
import type { Store } from "../../../../src/store/store.ts";
import { MIB, SECOND } from "../../../../src/units.ts";

let store: Store;
let known: KnownFunctions;

beforeAll(async () => {
  store = await openTemporaryStore();
  // Only what asks for the functions is needed of a connection.
  const connection: Pick<ClickHouseConnection, "run"> = {
    run: async (sql) => Buffer.from((await rows(sql)).map((row) => `${row.join("\t")}\n`).join("")),
  };
  known = await openFunctions(connection);
});

afterAll(() => store.close());

async function rows(text: string): Promise<(string | number)[][]> {
  const { chunks } = await store.query({
    sql: { text, params: {} },
    format: "ndjson",
    limits: { time: 10 * SECOND, memory: 512 * MIB, rows: 10_000, bytes: 16 * MIB },
  });
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts)
    .toString()
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => Object.values(JSON.parse(line) as Record<string, string | number>));
}

describe("the lists of functions", () => {
  test("name every function of this engine, each in one of them: what an update brings must be reviewed", async () => {
    const listed = new Set([...ALLOWED_FUNCTIONS, ...REFUSED_FUNCTIONS]);
    const there = (await rows("SELECT name FROM system.functions")).map(([name]) => String(name));
    expect(there.filter((name) => !listed.has(name))).toEqual([]);
    expect([...listed].filter((name) => !there.includes(name))).toEqual([]);
    const refused = new Set(REFUSED_FUNCTIONS);
    expect(ALLOWED_FUNCTIONS.filter((name) => refused.has(name))).toEqual([]);
  });

  test("are sorted, without doubles, and never differ by case alone", () => {
    for (const list of [ALLOWED_FUNCTIONS, REFUSED_FUNCTIONS]) {
      expect(list).toEqual([...new Set(list)].sort());
    }
    const lower = new Set(REFUSED_FUNCTIONS.map((name) => name.toLowerCase()));
    expect(ALLOWED_FUNCTIONS.filter((name) => lower.has(name.toLowerCase()))).toEqual([]);
  });

  test("allow an alias only of what they allow", async () => {
    const aliases = await rows("SELECT name, alias_to FROM system.functions WHERE alias_to != ''");
    expect(aliases.length).toBeGreaterThan(100);
    const wrong = aliases.filter(
      ([name, target]) => known.isAllowed(String(name)) !== known.isAllowed(String(target)),
    );
    expect(wrong).toEqual([]);
  });

  test("refuse every function of a kind that reaches beyond its arguments", async () => {
    const kinds = ["AI", "Dictionary", "Embedded Dictionary", "Introspection", "Machine Learning"];
    const names = await rows(
      `SELECT name FROM system.functions WHERE categories IN (${kinds.map((kind) => `'${kind}'`).join(", ")})`,
    );
    expect(names.length).toBeGreaterThan(50);
    expect(names.filter(([name]) => known.isAllowed(String(name)))).toEqual([]);
  });

  test("know all endings of aggregate functions", async () => {
    const there = await rows("SELECT name FROM system.aggregate_function_combinators ORDER BY name");
    expect(there.map(([name]) => name)).toEqual(COMBINATORS);
  });
});

describe("isAllowed", () => {
  test.each([
    "count",
    "COUNT",
    "sumIf",
    "uniqExactIfOrNull",
    "quantilesArrayIf",
    "avgState",
    "exists",
    "grouping",
  ])("%s", (name) => {
    expect(known.isAllowed(name)).toBe(true);
  });

  test.each([
    "file",
    "FILE",
    "fileIf",
    "sleepArray",
    "flameGraphIf",
    "flameGraphArrayState",
    "lowerIf",
    "countIfIfIfIfIf",
    "nothing_such",
    "IfIf",
    "",
  ])("not %s", (name) => {
    expect(known.isAllowed(name)).toBe(false);
  });
});
