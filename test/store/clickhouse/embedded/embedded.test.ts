import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { EmbeddedConnection } from "../../../../src/store/clickhouse/embedded/embedded-connection.ts";
import { WAITING_QUERIES_MAX } from "../../../../src/store/clickhouse/waiting-line.ts";
import { presenceSql } from "../../../../src/store/clickhouse/presence.ts";
import { openStore } from "../../../../src/store/open-store.ts";
import type { Store } from "../../../../src/store/store.ts";
import { GIB } from "../../../../src/units.ts";
import { until } from "../../../support/until.ts";
import { batchOf, bound, column, create, failureOf, LIMITS, rowsOf, tableOf } from "../../support.ts";

let folder = "";
const closing: (() => Promise<void>)[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "headrace-embedded-"));
});
afterEach(async () => {
  for (const each of closing.splice(0)) await each();
  await rm(folder, { recursive: true, force: true });
});

async function open(
  options: { folder?: string; readers?: number; tempFolder?: string } = {},
): Promise<Store> {
  const store = await openStore("chdb:", { folder: join(folder, "store"), ...options });
  closing.push(() => store.close());
  return store;
}

async function close(): Promise<void> {
  await closing.pop()?.();
}

/** Whether the engine that was open has ended: until then only its own folder can be opened. */
async function opensAgain(): Promise<boolean> {
  try {
    await open({ folder: join(folder, "other") });
    return true;
  } catch {
    return false;
  }
}

const FLIGHTS = tableOf("flights", [
  column("n", { kind: "int", bits: 64, signed: true }),
  column("origin", "string"),
]);
const ENDLESS = "SELECT count() FROM system.numbers WHERE number % 3 = 7";
const ENDLESS_ROWS = "SELECT number FROM system.numbers";
const query = (store: Store, text: string, limits: Partial<typeof LIMITS> = {}) =>
  store.query({ sql: bound(text), format: "ndjson", limits: { ...LIMITS, ...limits } });

describe("the data folder", () => {
  test("keeps rows and the store's id when it is opened again; an emptied one is another store", async () => {
    const first = await open();
    await create(first, FLIGHTS);
    await first.insert("flights", batchOf(FLIGHTS.schema, [{ n: 1, origin: "JFK" }]));
    const { storeId } = first.capabilities;
    await close();

    const second = await open();
    expect(second.capabilities.storeId).toBe(storeId);
    expect(await rowsOf(second, "SELECT n, origin FROM flights")).toEqual([{ n: 1, origin: "JFK" }]);
    expect((await second.migrate([FLIGHTS], { dryRun: false })).changes).toEqual([]);
    await close();

    await rm(join(folder, "store"), { recursive: true });
    const third = await open();
    expect(third.capabilities.storeId).not.toBe(storeId);
  });

  test("is one for each process: another is refused while it is open, and taken afterwards", async () => {
    await open();
    const other = join(folder, "other");
    expect(await failureOf(openStore("chdb:", { folder: other }))).toMatchObject({
      code: "store_failed",
      message: expect.stringContaining("one active data directory"),
    });
    await close();
    const store = await open({ folder: other });
    expect(await rowsOf(store, "SELECT 1 AS x")).toEqual([{ x: 1 }]);
  });

  test("that can't be written to is named", async () => {
    const path = join(folder, "file");
    await writeFile(path, "");
    expect(await failureOf(openStore("chdb:", { folder: join(path, "store") }))).toMatchObject({
      code: "data_folder_unusable",
      message: expect.stringContaining(path),
    });
  });

  test.each([
    "clickhouse://",
    "clickhouse://host:8123/system",
    "postgres://host",
    "sqlite:x",
    "chdb:/path",
    "",
  ])("a store at %j is refused", async (url) => {
    expect(await failureOf(openStore(url, { folder }))).toMatchObject({
      code: "config_invalid",
      message: expect.stringContaining("HEADRACE_STORE_URL"),
    });
  });

  test("leaves nothing behind for its inserts and answers, whether they fail or not", async () => {
    const store = await open({ tempFolder: folder });
    await create(store, FLIGHTS);
    await store.insert("flights", batchOf(FLIGHTS.schema, [{ n: 1, origin: "JFK" }]));
    await failureOf(
      store.insert("flights", batchOf(FLIGHTS.schema, [{ n: "x", origin: "JFK" }], { offset: 1 })),
    );
    const [temp = ""] = (await readdir(folder)).filter((name) => name !== "store");
    expect(await readdir(join(folder, temp))).toEqual([]);
    // The pipes of three readers.
    expect(await readdir(join(folder, "store", "tmp"))).toHaveLength(3);
    await close();
    expect(await readdir(folder)).toEqual(["store"]);
    expect(await readdir(join(folder, "store"))).toEqual(["engine"]);
  });
});

describe("the event loop", () => {
  test("goes on while a query is analysed, computes or is described", async () => {
    const store = await open();
    let last = performance.now();
    let longest = 0;
    const timer = setInterval(() => {
      longest = Math.max(longest, performance.now() - last);
      last = performance.now();
    }, 5);
    // The engine computes a scalar subquery while it analyses the query.
    const slow = "(SELECT max(cityHash64(number)) FROM numbers(1500000000))";
    const start = performance.now();
    await query(store, `SELECT ${slow} AS x`);
    await store.describe(bound(`SELECT ${slow} AS x`));
    const took = performance.now() - start;
    clearInterval(timer);
    expect(longest).toBeLessThan(took / 3);
  });
});

describe("queries", () => {
  test("an error says nothing of what it had given to the next answer", async () => {
    const connection = await EmbeddedConnection.open({
      folder: join(folder, "store"),
      readers: 1,
      memory: GIB,
    });
    closing.push(() => connection.close());
    await failureOf(
      connection.run("SELECT 'secret', throwIf(number = 200000) FROM numbers(300000)", "TabSeparated"),
    );
    expect((await connection.run("SELECT 'mine'", "TabSeparated")).toString()).toBe("mine\n");
  });

  test("an answer whose pipe was taken away is an error, never an empty answer", async () => {
    const store = await open();
    await rm(join(folder, "store", "tmp"), { recursive: true });
    await mkdir(join(folder, "store", "tmp"));
    for (const format of ["ndjson", "csv"] as const) {
      const lost = store.query({ sql: bound("SELECT 1 AS x"), format, limits: LIMITS });
      expect(await failureOf(lost)).toMatchObject({
        code: "store_failed",
        message: expect.stringContaining("got lost"),
      });
    }
  });

  test("one that overrides its limits in its own text is stopped all the same", async () => {
    const store = await open();
    const text = `${ENDLESS} SETTINGS max_execution_time = 0, log_comment = 'x'`;
    expect(await failureOf(query(store, text, { time: 100 }))).toMatchObject({ code: "query_timeout" });
    await until(async () => {
      const like = "query LIKE '%log_comment = %' AND query NOT LIKE '%processes%'";
      return (await rowsOf(store, `SELECT query FROM system.processes WHERE ${like}`)).length === 0;
    });
  });

  test("that nobody has a session for wait, up to a limit; one that is aborted leaves the queue", async () => {
    const store = await open({ readers: 1 });
    const running = query(store, ENDLESS, { time: 1500 });
    const abort = new AbortController();
    const aborted = failureOf(
      store.query({ sql: bound("SELECT 1"), format: "ndjson", limits: LIMITS, signal: abort.signal }),
    );
    const waiting = Array.from({ length: WAITING_QUERIES_MAX - 1 }, () => rowsOf(store, "SELECT 1 AS x"));
    expect(await failureOf(query(store, "SELECT 1"))).toMatchObject({
      code: "overloaded",
      retryAfterSeconds: 1,
    });
    abort.abort();
    expect(await aborted).toMatchObject({ code: "query_cancelled" });
    expect(await failureOf(running)).toMatchObject({ code: "query_timeout" });
    expect(new Set((await Promise.all(waiting)).map((rows) => rows[0]?.["x"]))).toEqual(new Set([1]));
  });

  test("one that can't be stopped keeps neither its session's place nor a store from closing", async () => {
    const connection = await EmbeddedConnection.open({
      folder: join(folder, "store"),
      readers: 1,
      memory: GIB,
      stuckAfter: 100,
    });
    closing.push(() => connection.close());
    const read = (text: string, time: number) =>
      connection.read({ sql: bound(text), format: "TabSeparated", limits: { ...LIMITS, time } });
    // Calls of a function on a single row: the engine looks at nothing until they are done, seconds later.
    const call = "levenshteinDistance(repeat('a', 65000), repeat('b', 65000))";
    const stuck = await read(`SELECT ${call}, ${call} + 1`, 50);
    expect(await failureOf(stuck.next())).toMatchObject({ code: "query_timeout" });
    const answer = await read("SELECT 1", 5000);
    expect((await answer.next())?.toString()).toBe("1\n");
    const start = performance.now();
    await connection.close();
    closing.pop();
    expect(performance.now() - start).toBeLessThan(3000);
    expect(await opensAgain()).toBe(false);
    await until(() => opensAgain(), { timeout: 50_000 });
  }, 60_000);
});

describe("closing", () => {
  test("ends what runs, refuses what waits and what comes", async () => {
    const store = await open({ readers: 1 });
    await create(store, FLIGHTS);
    const endless = await query(store, ENDLESS_ROWS, { time: 60_000, rows: 1e12, bytes: 1e12 });
    const waiting = failureOf(query(store, "SELECT 1"));
    const insert = store.insert("flights", batchOf(FLIGHTS.schema, [{ n: 1, origin: "JFK" }]));
    const closed = store.close();
    closing.pop();
    expect(await waiting).toMatchObject({ code: "draining" });
    expect(await failureOf(query(store, "SELECT 1"))).toMatchObject({ code: "draining" });
    await insert;
    const read = async (): Promise<void> => {
      for await (const chunk of endless.chunks) expect(chunk.length).toBeGreaterThan(0);
    };
    expect(await failureOf(read())).toMatchObject({ code: "draining" });
    await closed;
    expect(
      await failureOf(store.insert("flights", batchOf(FLIGHTS.schema, [{ n: 2, origin: "JFK" }]))),
    ).toMatchObject({ code: "store_failed" });

    const again = await open();
    expect(await rowsOf(again, "SELECT n FROM flights")).toEqual([{ n: 1 }]);
  });
});

describe("presence", () => {
  test("reads by the index of offsets, not the whole table", async () => {
    const store = await open();
    await create(store, FLIGHTS);
    for (let batch = 0; batch < 3; batch++) {
      const rows = Array.from({ length: 100_000 }, (_, n) => ({ n: n * 7919, origin: "JFK" }));
      await store.insert("flights", batchOf(FLIGHTS.schema, rows, { offset: batch * 100_000 }));
    }
    const range = { log: "log-a", partition: 0, from: 150_000, to: 150_100 };
    const plan = await rowsOf(
      store,
      `SELECT explain FROM (EXPLAIN indexes = 1 ${presenceSql("flights", range)})`,
    );
    const text = plan.map((row) => String(row["explain"])).join("\n");
    expect(text).toMatch(/Skip\s+Name: _offset/);
    expect(await store.present("flights", range)).toEqual([{ from: 150_000, to: 150_100 }]);
  });
});
