import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ClickHouseStore } from "../../../../src/store/clickhouse/clickhouse-store.ts";
import type { ClickHouseConnection } from "../../../../src/store/clickhouse/connection.ts";
import { createIdsTable, createTable } from "../../../../src/store/clickhouse/ddl.ts";
import { EmbeddedConnection } from "../../../../src/store/clickhouse/embedded/embedded-connection.ts";
import { ClusterLayout } from "../../../../src/store/clickhouse/http/cluster.ts";
import { quoteText } from "../../../../src/store/clickhouse/quote.ts";
import { GIB } from "../../../../src/units.ts";
import { batchOf, column, create, schemaOf, tableOf } from "../../support.ts";

const layout = new ClusterLayout("events", { name: "main", quorum: "auto" });
const place = (sql: string) => layout.place(sql).map(({ sql: text, database }) => `${database}: ${text}`);

const COLUMNS = [column("id", "string"), column("n", { kind: "int", bits: 32, signed: true })];
const SPEC = tableOf("flights", COLUMNS, { schema: schemaOf(COLUMNS, "id"), idWindow: 1_000 });

describe("statements for a cluster", () => {
  test("a table is made replicated on each shard, with one in front of them", () => {
    const [shards = "", front] = place(createTable(SPEC));
    expect(shards).toMatch(
      /^events_shard: CREATE TABLE IF NOT EXISTS `flights` ON CLUSTER 'main' \( `id` String, /,
    );
    expect(shards).toContain(
      ") ENGINE = ReplicatedMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}') ORDER BY (`id`) SETTINGS fsync_after_insert = 1,",
    );
    expect(front).toBe(
      "events: CREATE OR REPLACE TABLE `flights` ON CLUSTER 'main' AS `events_shard`.`flights` " +
        "ENGINE = Distributed('main', 'events_shard', 'flights', intDiv(_offset, 1048576))",
    );
  });

  test("an id is on the shard of its row", () => {
    expect(place(createIdsTable(SPEC))[1]).toContain("'_ids_flights', intDiv(offset, 1048576))");
    expect(place(createIdsTable(SPEC, "_rebuild__ids_flights_x"))[1]).toContain("intDiv(offset, 1048576))");
  });

  test.each([
    [
      "ALTER TABLE `flights` ADD COLUMN `gate` String, MODIFY COMMENT 'ALTER TABLE `x`' SETTINGS alter_sync = 0",
      [
        "events_shard: ALTER TABLE `flights` ON CLUSTER 'main' ADD COLUMN `gate` String, MODIFY COMMENT 'ALTER TABLE `x`' SETTINGS alter_sync = 0",
        "events: CREATE OR REPLACE TABLE `flights`",
      ],
    ],
    [
      "ALTER TABLE `flights` DELETE WHERE n = 1",
      ["events_shard: ALTER TABLE `flights` ON CLUSTER 'main' DELETE WHERE n = 1"],
    ],
    [
      "ALTER TABLE `_ids_flights` DROP PARTITION 20240101",
      ["events_shard: ALTER TABLE `_ids_flights` ON CLUSTER 'main' DROP PARTITION 20240101"],
    ],
    [
      "DROP TABLE IF EXISTS `a` SYNC",
      [
        "events: DROP TABLE IF EXISTS `a` ON CLUSTER 'main' SYNC",
        "events_shard: DROP TABLE IF EXISTS `a` ON CLUSTER 'main' SYNC",
      ],
    ],
    [
      "RENAME TABLE `a` TO `b`",
      [
        "events_shard: RENAME TABLE `a` TO `b` ON CLUSTER 'main'",
        "events: DROP TABLE IF EXISTS `a` ON CLUSTER 'main' SYNC",
        "events: CREATE OR REPLACE TABLE `b`",
      ],
    ],
    [
      "EXCHANGE TABLES `a` AND `b`",
      [
        "events_shard: EXCHANGE TABLES `a` AND `b` ON CLUSTER 'main'",
        "events: CREATE OR REPLACE TABLE `a`",
        "events: CREATE OR REPLACE TABLE `b`",
      ],
    ],
    [
      "KILL MUTATION WHERE database = currentDatabase() SYNC",
      ["events_shard: KILL MUTATION ON CLUSTER 'main' WHERE database = 'events_shard' SYNC"],
    ],
    [
      "SELECT count() FROM system.mutations WHERE database = currentDatabase()",
      [
        "events_shard: SELECT count() FROM clusterAllReplicas('main', system.mutations) WHERE database = 'events_shard'",
      ],
    ],
    [
      "SELECT name FROM system.tables WHERE database = currentDatabase()",
      ["events_shard: SELECT name FROM system.tables WHERE database = 'events_shard'"],
    ],
    ["EXISTS TABLE `a`", ["events_shard: EXISTS TABLE `a`"]],
    ["SELECT count() FROM `flights` WHERE 1", ["events: SELECT count() FROM `flights` WHERE 1"]],
  ])("%s", (sql, expected) => {
    const placed = place(sql);
    expect(placed).toHaveLength(expected.length);
    for (const [index, text] of expected.entries()) expect(placed[index]?.slice(0, text.length)).toBe(text);
  });
});

describe("every statement that the store sends", () => {
  let folder: string;
  let engine: EmbeddedConnection;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "headrace-cluster-"));
    engine = await EmbeddedConnection.open({ folder, readers: 1, memory: 2 * GIB });
  });
  afterAll(async () => {
    await engine.close();
    await rm(folder, { recursive: true, force: true });
  });

  test.each([
    "ReplicatedMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')",
    "SharedMergeTree('/a', 'b')",
  ])("finds nothing to change in a table of %s", async (replicated) => {
    const server: ClickHouseConnection = {
      run: async (sql, format) => {
        const answer = await engine.run(sql, format);
        if (!sql.includes("engine_full")) return answer;
        return Buffer.from(
          answer.toString().replaceAll('"MergeTree ', `${JSON.stringify(replicated).slice(0, -1)} `),
        );
      },
      insert: async (...inserts) => engine.insert(...inserts),
      read: async (request) => engine.read(request),
      close: async () => {},
    };
    const store = await ClickHouseStore.open(server);
    const spec = {
      ...SPEC,
      name: "shaped",
      table: { ...SPEC.table, partitionBy: { unit: "day", column: "at" } },
    } as const;
    const dated = {
      ...spec,
      schema: schemaOf([...COLUMNS, column("at", { kind: "datetime", precision: 3 })], "id"),
    };
    await create(store, dated);
    expect(await store.migrate([dated], { dryRun: true })).toEqual({ changes: [], refused: [] });
    const moved = { ...dated, table: { ...dated.table, orderBy: ["n"] } };
    expect((await store.migrate([moved], { dryRun: true })).refused[0]).toContain("table.orderBy");
    await engine.run("DROP TABLE `shaped`; DROP TABLE `_ids_shaped`", "TabSeparated");
    await store.close();
  });

  test("is placed in the cluster as one that ClickHouse can read, and no change of tables is overlooked", async () => {
    const sent: string[] = [];
    const recording: ClickHouseConnection = {
      run: async (sql, format) => {
        sent.push(sql);
        return engine.run(sql, format);
      },
      insert: async (...inserts) => engine.insert(...inserts),
      read: async (request) => engine.read(request),
      close: async () => {},
    };
    const store = await ClickHouseStore.open(recording);
    await create(store, SPEC);
    await store.insert("flights", batchOf(SPEC.schema, [{ id: "a", n: 1 }], { acceptedAt: 1 }));
    const wider = [...COLUMNS, column("gate", "string", true)];
    const ttl = { count: 9, unit: "year", column: "at" } as const;
    const dated = [...wider, column("at", { kind: "datetime", precision: 3 }, true)];
    await create(store, { ...SPEC, description: "It's new", schema: schemaOf(wider, "id") });
    await store.migrate([{ ...SPEC, schema: schemaOf(dated, "id"), table: { ...SPEC.table, ttl } }], {
      dryRun: true,
    });
    await store.erase("flights", { where: "n = 7" }, { dryRun: true });
    await store.erase("flights", { where: "n = 1" }, { dryRun: false });
    const rebuild = await store.beginRebuild({ ...SPEC, schema: schemaOf(wider, "id") });
    await rebuild?.copyOutside([]);
    await rebuild?.finish();
    const abandoned = await store.beginRebuild({ ...SPEC, schema: schemaOf(wider, "id") });
    await abandoned?.abandon();
    await store.forgetIds("flights", Date.now() + 1e9);
    await store.close();

    const placed = sent.flatMap((sql) => layout.place(sql)).map(({ sql }) => sql);
    const more = [
      ...layout.create("Headrace store x"),
      layout.kill("initial_query_id = 'x'"),
      layout.unfronted,
    ];
    for (const sql of [...placed, ...more]) {
      await expect(
        engine.run(`SELECT formatQuery(${quoteText(sql)})`, "TabSeparated"),
      ).resolves.toBeDefined();
    }
    const changes = placed.filter((sql) =>
      /^(?:CREATE|ALTER|DROP|RENAME|EXCHANGE|KILL|TRUNCATE)\b/.test(sql),
    );
    for (const verb of ["CREATE", "ALTER", "DROP", "RENAME", "EXCHANGE"]) {
      expect(changes.some((sql) => sql.startsWith(verb))).toBe(true);
    }
    expect(changes.filter((sql) => !sql.includes(" ON CLUSTER 'main'"))).toEqual([]);
    expect(placed.filter((sql) => / ENGINE = MergeTree/.test(sql) && !/formatQuery/.test(sql))).toEqual([]);
  });
});
