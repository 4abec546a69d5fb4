import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openStore } from "../../../../src/store/open-store.ts";
import type { Store } from "../../../../src/store/store.ts";
import { startClickHouse, type ClickHouseServer, type Fault } from "../../../support/clickhouse-server.ts";
import { until } from "../../../support/until.ts";
import { batchOf, column, create, failureOf, rowsOf, tableOf, textOf } from "../../support.ts";

const SPEC = tableOf("events", [column("n", { kind: "int", bits: 32, signed: true })]);

describe("when a server's answer gets lost", () => {
  let server: ClickHouseServer;
  let store: Store;
  let next = 0;
  beforeAll(async () => {
    server = await startClickHouse();
    store = await openStore(server.url(), { folder: "" });
    await create(store, SPEC);
  });
  afterAll(async () => {
    await store.close();
    await server.remove();
  });

  const insert = (offset: number) =>
    store.insert("events", batchOf(SPEC.schema, [{ n: offset }], { offset }));
  const present = (offset: number, at = store) =>
    at.present("events", { log: "log-a", partition: 0, from: offset, to: offset + 1 });
  const countOf = async (offset: number) =>
    (await rowsOf(store, `SELECT count() AS n FROM events WHERE _offset = ${offset}`))[0]?.["n"];

  test.each([
    ["drop before", 0],
    ["drop after", 1],
    ["late", 0],
    ["busy", 0],
    ["garbage", 1],
  ] as const)(
    "an insert (%s) fails as unclear, and then what is there doesn't change any more",
    async (kind, rows) => {
      const offset = next++;
      await server.fault({ kind, on: "insert", times: 1 });
      expect(await failureOf(insert(offset))).toMatchObject({ code: "store_failed" });
      expect(await countOf(offset)).toBe(rows);
      // Longer than what was late would take: nothing may come after the answer.
      const before = performance.now();
      while (performance.now() - before < 600) expect(await countOf(offset)).toBe(rows);
      expect(await present(offset)).toHaveLength(rows);
      if (rows === 0) await insert(offset);
      expect(await countOf(offset)).toBe(1);
    },
  );

  test("who asks what is there ends the inserts of a process that died, and of no other partition", async () => {
    const [late, elsewhere] = [next++, next++];
    await server.fault({ kind: "late", on: "insert", times: 1, delay: 3_000 });
    // As a process sent it that has died since.
    const rows = `SELECT 1, 'log-a', 0, ${late}, now64(3)`;
    const sql = `INSERT INTO headrace_test.events (n, _log, _partition, _offset, _accepted_at) ${rows}`;
    await expect(server.run(sql, "headrace-insert events log-a 0 lost")).rejects.toThrow(
      /socket hang up|ECONNRESET/,
    );
    const began = performance.now();
    const slow = store.insert(
      "events",
      batchOf(
        SPEC.schema,
        Array.from({ length: 50_000 }, () => ({ n: 1 })),
        { offset: 1_000_000, partition: 7 },
      ),
    );
    await insert(elsewhere);
    expect(await present(late)).toEqual([]);
    await slow;
    while (performance.now() - began < 3_500) expect(await countOf(late)).toBe(0);
    expect(
      await store.present("events", { log: "log-a", partition: 7, from: 0, to: 2_000_000 }),
    ).toHaveLength(1);
  });

  test.each(["drop before", "busy", "drop after"] as const)(
    "a question of our own (%s) is asked again at the next host, and with none it is an error",
    async (kind) => {
      const twice = server.url().replace(/@127\.0\.0\.1:(\d+)/, "@127.0.0.1:$1,127.0.0.1:$1");
      const two = await openStore(twice, { folder: "" });
      await insert(next++);
      await server.fault({ kind, on: "query", times: 1 });
      expect(await present(next - 1, two)).toHaveLength(1);
      await two.close();
      await server.fault({ kind, on: "query", times: 3 });
      expect(await failureOf(present(next - 1))).toMatchObject({ code: "store_failed" });
      expect(store.status?.().ready).toBe(false);
      await until(async () => (await present(next - 1).catch(() => [])).length === 1);
    },
  );

  test("an answer that is cut is an error and never looks whole", async () => {
    for (const format of ["ndjson", "csv"] as const) {
      await server.fault({ kind: "cut", on: "query", times: 1 } satisfies Fault);
      const failure = await failureOf(
        textOf(store, "SELECT number FROM numbers(3000000)", { format, limits: { rows: 1e9 } }),
      );
      expect(failure).toMatchObject({ code: "store_failed", message: expect.stringContaining("broke off") });
      await until(async () => (await rowsOf(store, "SELECT 1 AS x").catch(() => [])).length === 1);
    }
  });

  test("an error after the first rows is the query's", async () => {
    const sql = "SELECT throwIf(number = 2000000, 'too far') FROM numbers(3000000)";
    for (const format of ["ndjson", "csv", "arrow"] as const) {
      const failure = await failureOf(textOf(store, sql, { format, limits: { rows: 1e9 } }));
      expect(failure).toMatchObject({ code: "query_failed", message: expect.stringContaining("too far") });
    }
  });
});
