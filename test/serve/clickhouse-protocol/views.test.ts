import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { columnFacts } from "../../../src/serve/clickhouse-protocol/column-facts.ts";
import { createTableText } from "../../../src/serve/clickhouse-protocol/create-table-text.ts";
import { startProtocolServer, type ProtocolServer } from "./protocol-server.ts";

let server: ProtocolServer;

beforeAll(async () => {
  server = await startProtocolServer();
});

afterAll(() => server.close());

async function ask(sql: string, query = ""): Promise<unknown> {
  const { status, text } = await server.post(`${sql} FORMAT JSONCompact`, query);
  if (status !== 200) throw new Error(text);
  return (JSON.parse(text) as { readonly data: unknown }).data;
}

test("what SQL asks of the server is answered for the database that the request names", async () => {
  const sql =
    "SELECT currentDatabase(), database(), currentUser(), timezone(), hostName(), revision() > 54460";
  expect(await ask(sql)).toEqual([["default", "default", "default", "UTC", "airport", 1]]);
  expect(await ask(sql, "?database=airport")).toEqual([
    ["airport", "airport", "default", "UTC", "airport", 1],
  ]);
  expect(await ask("SELECT database, name FROM system.tables ORDER BY name", "?database=airport")).toEqual([
    ["airport", "airports"],
    ["airport", "flights"],
  ]);
  expect(await ask("SHOW DATABASES", "?database=system")).toEqual([["default"]]);
  const { status, text } = await server.post("SELECT 1", "?database=other");
  expect([status, text]).toEqual([404, expect.stringContaining("UNKNOWN_DATABASE")]);
});

test("tables and their columns can be asked about with all of SQL", async () => {
  expect(
    await ask(
      "SELECT t.name, count() AS columns, any(t.sorting_key) AS k FROM system.tables AS t JOIN system.columns AS c ON c.table = t.name WHERE t.database = currentDatabase() GROUP BY t.name ORDER BY columns DESC LIMIT 1",
    ),
  ).toEqual([["flights", 12, "origin, date"]]);
  expect(
    await ask(
      "SELECT name, type, is_in_sorting_key FROM system.columns WHERE table = 'airports' AND position <= 3 ORDER BY position",
    ),
  ).toEqual([
    ["code", "String", 1],
    ["city", "String", 0],
    ["since", "DateTime64(3, 'UTC')", 0],
  ]);
  expect(
    await ask(
      "SELECT TABLE_NAME, table_type FROM INFORMATION_SCHEMA.TABLES WHERE table_schema = 'default' ORDER BY 1",
    ),
  ).toEqual([
    ["airports", "BASE TABLE"],
    ["flights", "BASE TABLE"],
  ]);
  expect(
    await ask(
      "SELECT column_name, IS_NULLABLE FROM information_schema.columns WHERE table_name = 'flights' AND column_name IN ('user', 'delay') ORDER BY 1",
    ),
  ).toEqual([
    ["delay", 0],
    ["user", 1],
  ]);
});

test.each([
  "databases",
  "tables",
  "columns",
  "functions",
  "data_type_families",
  "settings",
  "table_engines",
  "clusters",
  "dictionaries",
  "processes",
  "macros",
  "data_skipping_indices",
  "one",
])("system.%s can be read whole, and has columns of ClickHouse's own names and types", async (name) => {
  const sql = `SELECT * FROM system.${name} LIMIT 3 FORMAT JSONCompact`;
  const { status, text } = await server.post(sql);
  expect(status).toBe(200);
  const { meta } = JSON.parse(text) as {
    readonly meta: readonly { readonly name: string; readonly type: string }[];
  };
  const { chunks } = await server.store.query({
    sql: {
      text: `SELECT name, type FROM system.columns WHERE database = 'system' AND table = '${name}'`,
      params: {},
    },
    format: "csv",
    limits: { time: 5000, memory: 1e9, rows: 1000, bytes: 1e6 },
  });
  let engine = "";
  for await (const chunk of chunks) engine += Buffer.from(chunk).toString();
  // Enumerations of the engine's are texts here.
  const types = new Map(
    engine
      .split("\n")
      .slice(1, -1)
      .map((row) => {
        const [column = "", type = ""] = row.split(/,(.*)/s).map((cell) => cell.replace(/^"|"$/g, ""));
        return [column, /^(?:Nullable\()?(?:Enum|LowCardinality)/.test(type) ? "String" : type] as const;
      }),
  );
  for (const { name: column, type } of meta) expect([column, types.get(column)]).toEqual([column, type]);
});

test("numbers are there without an end, as far as they are read", async () => {
  expect(await ask("SELECT number FROM system.numbers LIMIT 2 OFFSET 5")).toEqual([[5], [6]]);
});

describe("a type's facts", () => {
  test.each([
    ["String", {}],
    ["Nullable(Int32)", { precision: 32, radix: 2, scale: 0 }],
    ["UInt64", { precision: 64, radix: 2, scale: 0 }],
    ["Float64", { precision: 64, radix: 2 }],
    ["Decimal(18, 4)", { precision: 18, radix: 10, scale: 4 }],
    ["DateTime", { fraction: 0 }],
    ["LowCardinality(Nullable(FixedString(3)))", { octets: 3 }],
    ["DateTime64(6, 'UTC')", { fraction: 6 }],
  ])("%s", (type, facts) => {
    const none = { octets: null, precision: null, radix: null, scale: null, fraction: null };
    expect(columnFacts(type)).toEqual({ ...none, ...facts });
  });
});

test("a table is written as its declaration says, with every name and text quoted", () => {
  const table = {
    name: "flights",
    comment: "it's one\\two",
    partitionKey: "toYYYYMM(date)",
    sortingKey: ["origin", "date"],
    columns: [
      { name: "origin", type: "String" },
      { name: "a`b", type: "Nullable(Int32)" },
    ],
  };
  expect(createTableText(table, "default")).toEqual({
    engine: "MergeTree PARTITION BY toYYYYMM(date) ORDER BY (origin, date)",
    whole:
      "CREATE TABLE `default`.`flights`\n(\n    `origin` String,\n    `a\\`b` Nullable(Int32)\n)\nENGINE = MergeTree\nPARTITION BY toYYYYMM(date)\nORDER BY (origin, date)\nCOMMENT 'it\\'s one\\\\two'",
  });
});
