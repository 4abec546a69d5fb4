import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Store, TableSpec } from "../../../src/store/store.ts";
import { DAY } from "../../../src/units.ts";
import { postgresMissing, startPostgres, type PostgresServer } from "../../support/postgres-server.ts";
import { until } from "../../support/until.ts";
import { batchOf, column, create, failureOf, rowsOf, schemaOf, tableOf } from "../support.ts";
import { openInSchema } from "./opened.ts";

const COLUMNS = [
  column("n", { kind: "int", bits: 32, signed: true }),
  column("at", { kind: "datetime", precision: 3 }),
];
const day = (ago: number): string => new Date(Date.now() - ago * DAY).toISOString();
const row = (n: number, at = "2024-01-01T00:00:00Z"): object => ({ n, at });

describe.skipIf(postgresMissing() !== undefined)("inserts into PostgreSQL", () => {
  let server: PostgresServer;
  let store: Store;
  let schema: string;
  beforeAll(async () => {
    server = await startPostgres({ settings: ["fsync = off"] });
    ({ store, schema } = await openInSchema(server));
  });
  afterAll(async () => {
    await store.close();
    await server.remove();
  });
  const table = async (name: string, more: Partial<TableSpec> = {}): Promise<TableSpec> => {
    const spec = tableOf(name, COLUMNS, more);
    await create(store, spec);
    return spec;
  };
  const countOf = async (name: string): Promise<unknown> => {
    const [first] = await rowsOf(store, `SELECT count(*) AS n FROM ${name}`);
    return first?.["n"];
  };
  const partitionsOf = async (name: string): Promise<number> => {
    const sql = `SELECT count(*)::int AS n FROM pg_inherits WHERE inhparent = '${schema}.${name}'::regclass`;
    return Number((await server.run(sql))[0]?.["n"]);
  };

  test("rows that are there already are left out, whoever brings them again, and their errors name the right row", async () => {
    const { schema: rows } = await table("again");
    await store.insert("again", batchOf(rows, [row(0), row(1), row(2)], { offsets: [0, 1, 5] }));
    await store.insert("again", batchOf(rows, [row(0), row(1), row(2), row(3)], { offsets: [0, 1, 4, 5] }));
    expect(await countOf("again")).toBe(4);
    expect(await store.present("again", { log: "log-a", partition: 0, from: 0, to: 9 })).toEqual([
      { from: 0, to: 2 },
      { from: 4, to: 6 },
    ]);
    const bad = batchOf(rows, [row(0), row(1), row(9, "2024-13-01T00:00:00Z")], { offsets: [0, 1, 2] });
    expect(await failureOf(store.insert("again", bad))).toMatchObject({ details: { row: 2 } });
  });

  test("of a transaction that a dead client left open nothing becomes visible once it was asked", async () => {
    const { schema: rows } = await table("straggler");
    await store.insert("straggler", batchOf(rows, [row(0)]));
    const lost = new Client({ connectionString: server.url(), options: `-c search_path=${schema}` });
    lost.on("error", () => {});
    await lost.connect();
    await lost.query("BEGIN");
    await lost.query("SELECT next FROM _loaded WHERE table_name = 'straggler' FOR UPDATE");
    await lost.query("INSERT INTO straggler VALUES (1, now(), 'log-a', 0, 1, now())");
    // It doesn't go by itself: who asks ends it.
    expect(await store.present("straggler", { log: "log-a", partition: 0, from: 0, to: 2 })).toEqual([
      { from: 0, to: 1 },
    ]);
    await expect(lost.query("COMMIT")).rejects.toThrow(/terminat|connection error/i);
    expect(await countOf("straggler")).toBe(1);
    await lost.end().catch(() => {});
  });

  test("an insert that waits for a lock until its time is over doesn't commit", async () => {
    const { schema: rows } = await table("waits");
    await store.insert("waits", batchOf(rows, [row(0)]));
    const holder = new Client({ connectionString: server.url(), options: `-c search_path=${schema}` });
    await holder.connect();
    await holder.query("BEGIN");
    await holder.query("SELECT next FROM _loaded WHERE table_name = 'waits' FOR UPDATE");
    const end = (await store.clock()) + 300;
    const waiting = failureOf(
      store.insert("waits", { ...batchOf(rows, [row(1)], { offset: 1 }), until: end }),
    );
    await until(async () => (await store.clock()) >= end);
    await holder.query("COMMIT");
    await holder.end();
    expect(await waiting).toMatchObject({ code: "lease_lost" });
    expect(await countOf("waits")).toBe(1);
  });

  test("an insert whose connection is broken off is whole or not there, and the next is as good as ever", async () => {
    const { schema: rows } = await table("broken");
    const many = Array.from({ length: 40_000 }, (_, n) => row(n));
    let ended = 0;
    for (let offset = 0; offset < 6 * many.length; offset += many.length) {
      let isOver = false;
      const insert = store.insert("broken", batchOf(rows, many, { offset })).then(
        () => true,
        () => false,
      );
      void insert.finally(() => (isOver = true));
      const busy =
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'COPY \"broken\"%'";
      await until(async () => (await server.run(busy)).length > 0 || isOver);
      const stored = await insert;
      if (!stored) ended++;
      const range = { log: "log-a", partition: 0, from: offset, to: offset + many.length };
      const present = await store.present("broken", range);
      expect(present).toEqual(stored ? [{ from: range.from, to: range.to }] : []);
      await store.insert("broken", batchOf(rows, many, { offset }));
    }
    expect(ended).toBeGreaterThan(0);
    expect(await countOf("broken")).toBe(6 * many.length);
  });

  test("partitions are made when rows come for them, and dropped whole when their time is over", async () => {
    const options = {
      orderBy: ["n"],
      partitionBy: { unit: "day", column: "at" },
      ttl: { count: 3, unit: "day", column: "at" },
    } as const;
    const spec = await table("divided", { table: options });
    expect(await partitionsOf("divided")).toBe(0);
    await store.insert("divided", batchOf(spec.schema, [row(1, day(0)), row(2, day(1)), row(3, day(30))]));
    expect(await partitionsOf("divided")).toBe(3);
    await store.migrate([spec], { dryRun: false });
    await until(async () => (await partitionsOf("divided")) === 2);
    expect(await rowsOf(store, "SELECT n FROM divided ORDER BY n")).toEqual([{ n: 1 }, { n: 2 }]);
    // A late event of that time is stored, and goes again.
    await store.insert("divided", batchOf(spec.schema, [row(4, day(30))], { offset: 3 }));
    expect(await partitionsOf("divided")).toBe(3);
  });

  test("without partitions what is over is deleted", async () => {
    const options = {
      orderBy: ["n"],
      partitionBy: undefined,
      ttl: { count: 1, unit: "hour", column: "at" },
    } as const;
    const spec = await table("deleted", { table: options });
    const rows = [row(1, "2001-01-01T00:00:00Z"), row(2, new Date().toISOString())];
    await store.insert("deleted", batchOf(spec.schema, rows));
    await store.migrate([spec], { dryRun: false });
    await until(async () => (await countOf("deleted")) === 1);
    expect(await rowsOf(store, "SELECT n FROM deleted")).toEqual([{ n: 2 }]);
  });

  test("ids are kept by days, and dropped when they are let go", async () => {
    const columns = [column("id", "string")];
    const ids = schemaOf(columns, "id");
    const spec = tableOf("kept_ids", columns, { schema: ids, idWindow: DAY });
    await create(store, spec);
    await store.insert("kept_ids", batchOf(ids, [{ id: "a" }], { ids: ["a"] }));
    await server.run(
      `CREATE TABLE ${schema}.old_ids PARTITION OF ${schema}._ids_kept_ids FOR VALUES FROM ('2020-01-01') TO ('2020-01-02')`,
    );
    expect(await partitionsOf("_ids_kept_ids")).toBe(2);
    await store.forgetIds("kept_ids", Date.now() - DAY);
    expect(await partitionsOf("_ids_kept_ids")).toBe(1);
    expect((await store.findIds("kept_ids", ["a"], 0)).size).toBe(1);
  });

  test("a value that the index of orderBy can't take is a refused event", async () => {
    const columns = [column("text", "string")];
    const spec = tableOf("long_key", columns);
    await create(store, spec);
    const random = Array.from({ length: 20_000 }, () =>
      String.fromCodePoint(0x4e00 + Math.floor(Math.random() * 20_000)),
    ).join("");
    const failure = await failureOf(
      store.insert("long_key", batchOf(spec.schema, [{ text: "a" }, { text: random }])),
    );
    expect(failure).toMatchObject({ code: "store_refused_events", details: { row: 1 } });
    expect(failure.message).toMatch(/index/);
  });

  test("names that PostgreSQL would cut, and those that are its own, are refused with the way out", async () => {
    const long = "x".repeat(64);
    const { refused } = await store.migrate(
      [tableOf(long, COLUMNS), tableOf("pg_mine", [column(long, "string")])],
      {
        dryRun: false,
      },
    );
    expect(refused).toEqual([
      expect.stringContaining("the stream's name is longer than the 63 bytes"),
      expect.stringContaining("begin with pg_"),
      expect.stringContaining("the name of column"),
    ]);
    const fits = "y".repeat(63);
    await create(store, tableOf(fits, COLUMNS, { schema: schemaOf(COLUMNS, "n"), idWindow: DAY }));
    await store.insert(fits, batchOf(schemaOf(COLUMNS, "n"), [row(1)], { ids: ["1"] }));
    expect((await store.findIds(fits, ["1"], 0)).size).toBe(1);
  });

  test("a table that somebody else made is left alone", async () => {
    await server.run(`CREATE TABLE ${schema}.foreign_table (n integer)`);
    const { refused } = await store.migrate([tableOf("foreign_table", COLUMNS)], { dryRun: false });
    expect(refused.join("\n")).toContain("Headrace didn't make");
  });
});
