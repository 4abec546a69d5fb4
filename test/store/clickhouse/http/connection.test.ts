import { spawnSync } from "node:child_process";
import { createServer } from "node:http";
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openStore, openTemporaryStore } from "../../../../src/store/open-store.ts";
import { parseClickHouseUrl } from "../../../../src/store/clickhouse/http/connect-options.ts";
import { HttpConnection } from "../../../../src/store/clickhouse/http/http-connection.ts";
import type { Store } from "../../../../src/store/store.ts";
import {
  CLICKHOUSE_PASSWORD,
  startClickHouse,
  type ClickHouseServer,
} from "../../../support/clickhouse-server.ts";
import { until } from "../../../support/until.ts";
import { batchOf, column, create, failureOf, rowsOf, tableOf } from "../../support.ts";

const SPEC = tableOf("events", [column("n", { kind: "int", bits: 32, signed: true })]);
const hasOpenssl = spawnSync("openssl", ["version"]).status === 0;

const withStore = async (url: string, work: (store: Store) => Promise<void>): Promise<void> => {
  const store = await openStore(url, { folder: "" });
  try {
    await work(store);
  } finally {
    await store.close();
  }
};
const one = (store: Store) => rowsOf(store, "SELECT 1 AS x");
const batch = (n: number) => batchOf(SPEC.schema, [{ n }], { offset: n });

describe("connections to ClickHouse", () => {
  let server: ClickHouseServer;
  let other: ClickHouseServer;
  beforeAll(async () => {
    [server, other] = await Promise.all([startClickHouse(), startClickHouse()]);
  });
  afterAll(async () => {
    await Promise.all([server.remove(), other.remove()]);
  });

  test("a server that dies and comes back is used again, and the store's state says so", async () => {
    await withStore(server.url("", "died"), async (store) => {
      await create(store, SPEC);
      await store.insert("events", batch(1));
      expect(store.status?.()).toEqual({ ready: true });
      await server.kill();
      expect(await failureOf(store.insert("events", batch(2)))).toMatchObject({ code: "store_failed" });
      expect(await failureOf(one(store))).toMatchObject({ code: "store_failed" });
      await until(() => store.status?.().ready === false);
      expect(store.status?.().reason).toMatch(/^The database can't be reached: /);
      await server.start();
      await until(() => store.status?.().ready === true);
      await store.insert("events", batch(2));
      expect(await rowsOf(store, "SELECT n FROM events ORDER BY n")).toEqual([{ n: 1 }, { n: 2 }]);
    });
  });

  test("of several hosts the first that answers is taken", async () => {
    const url = server.url("", "hosts").replace("@127.0.0.1:", "@127.0.0.1:1,127.0.0.1:");
    await withStore(url, async (store) => {
      expect(await one(store)).toEqual([{ x: 1 }]);
      await create(store, SPEC);
      await store.insert("events", batch(1));
      // Where nothing has listened for a while no insert can be running; that isn't waited for twice.
      const range = { log: "log-a", partition: 0, from: 0, to: 9 };
      expect(await store.present("events", range)).toEqual([{ from: 1, to: 2 }]);
      const before = performance.now();
      await store.present("events", range);
      expect(performance.now() - before).toBeLessThan(5_000);
    });
  });

  test("another host's database of the same name isn't taken for the store", async () => {
    await withStore(other.url("", "twins"), async () => {});
    const url = server.url("", "twins").replace(/(@127\.0\.0\.1:\d+)/, `$1,127.0.0.1:${other.port}`);
    await withStore(url, async (store) => {
      expect(await one(store)).toEqual([{ x: 1 }]);
      await server.kill();
      const failure = await failureOf(one(store));
      expect(failure).toMatchObject({
        code: "store_failed",
        message: expect.stringContaining("another store"),
      });
      await server.start();
      await until(() => store.status?.().ready === true);
    });
  });

  test("a database that was emptied under a running store is noticed", async () => {
    await withStore(server.url("", "emptied"), async (store) => {
      await create(store, SPEC);
      await server.run("DROP DATABASE emptied SYNC");
      await server.kill();
      await server.start();
      expect(await failureOf(store.insert("events", batch(1)))).toMatchObject({ code: "store_failed" });
      await until(() => /no such database/.test(store.status?.().reason ?? ""));
    });
  });

  test("the store has the same id as long as its database is there", async () => {
    const ids: string[] = [];
    const note = async (store: Store): Promise<void> => void ids.push(store.capabilities.storeId);
    await withStore(server.url("", "same"), note);
    await withStore(server.url("", "same"), note);
    await server.run("DROP DATABASE same SYNC");
    await withStore(server.url("", "same"), note);
    expect(ids[0]).toMatch(/^[0-9a-f-]{36}$/);
    expect(ids[1]).toBe(ids[0]);
    expect(ids[2]).not.toBe(ids[0]);
  });

  test("an empty database that somebody made for it is taken, and one with tables isn't", async () => {
    await server.run("CREATE DATABASE made");
    await withStore(server.url("", "made"), async (store) => create(store, SPEC));
    await withStore(server.url("", "made"), async (store) => store.insert("events", batch(1)));
    await server.run("CREATE DATABASE taken");
    await server.run("CREATE TABLE taken.t (n Int8) ENGINE = MergeTree ORDER BY n");
    expect(await failureOf(openStore(server.url("", "taken"), { folder: "" }))).toMatchObject({
      code: "store_failed",
      message: expect.stringContaining("tables that aren't Headrace's"),
    });
  });

  test("a wrong password is an error at once, without secrets", async () => {
    const wrong = server.url().replace(encodeURIComponent(CLICKHOUSE_PASSWORD), "hunter2");
    const failure = await failureOf(openStore(wrong, { folder: "" }));
    expect(failure).toMatchObject({
      code: "store_failed",
      message: expect.stringContaining("password is incorrect"),
    });
    const all = JSON.stringify([failure, String((failure as unknown as Error).stack)]);
    expect(all).not.toContain("hunter2");
    expect(all).not.toContain(Buffer.from("headrace:hunter2").toString("base64"));
  });

  test("a server that isn't ClickHouse, or none, is an error that names it", async () => {
    const web = createServer((_request, response) => response.end("<html>hello</html>")).listen(
      0,
      "127.0.0.1",
    );
    await once(web, "listening");
    const address = web.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    for (const [at, message] of [
      [port, /isn't ClickHouse/],
      [1, /127\.0\.0\.1:1: .*ECONNREFUSED/],
    ] as const) {
      const target = parseClickHouseUrl(`clickhouse://127.0.0.1:${at}/db`);
      expect(await failureOf(HttpConnection.open(target, { readers: 1, patience: 0 }))).toMatchObject({
        message: expect.stringMatching(message),
      });
    }
    web.close();
  });

  test("queries beyond the number that may run at once wait, and are refused when it closes", async () => {
    const store = await openStore(server.url("", "turns"), { folder: "", readers: 2 });
    const sums = Array.from({ length: 8 }, async () =>
      rowsOf(store, "SELECT sum(number) AS s FROM numbers(1e7)"),
    );
    expect(await Promise.all(sums)).toHaveLength(8);
    const endless = Array.from({ length: 3 }, async () =>
      failureOf(
        rowsOf(store, "SELECT count() FROM system.numbers WHERE number % 3 = 7", {
          limits: { time: 60_000 },
        }),
      ),
    );
    await until(
      async () =>
        Number(
          await server.run(
            "SELECT count() FROM system.processes WHERE query LIKE '% = 7%' AND query NOT LIKE '%processes%'",
          ),
        ) === 2,
    );
    await store.close();
    expect((await Promise.all(endless)).map(({ code }) => code)).toEqual([
      "draining",
      "draining",
      "draining",
    ]);
    await until(
      async () =>
        (await server.run(
          "SELECT count() FROM system.processes WHERE query LIKE '% = 7%' AND query NOT LIKE '%processes%'",
        )) === "0",
    );
  });

  test("parameters of many bytes are bound, and too many are refused", async () => {
    await withStore(server.url("", "params"), async (store) => {
      const value = "x'\\\t\n %&=+é".repeat(10_000);
      const sql = "SELECT length({p1:String}) AS n";
      expect(await rowsOf(store, sql, { params: { p1: { type: "String", value } } })).toEqual([
        { n: Buffer.byteLength(value) },
      ]);
      const long = { type: "String", value: "x".repeat(800_000) };
      expect(await failureOf(rowsOf(store, sql, { params: { p1: long } }))).toMatchObject({
        code: "query_too_large",
      });
      expect(await one(store)).toEqual([{ x: 1 }]);
    });
  });

  test("a temporary store is in the embedded engine, which has the same SQL, and asks no server", async () => {
    const store = await openTemporaryStore({}, "clickhouse://nobody.invalid/db");
    expect(await one(store)).toEqual([{ x: 1 }]);
    await store.close();
  });
});

test.skipIf(!hasOpenssl)("TLS is used when it is asked for, and a server must prove who it is", async () => {
  const server = await startClickHouse({ tls: true });
  try {
    const ca = `ca=${encodeURIComponent(server.certificate ?? "")}`;
    await withStore(server.url(ca), async (store) => expect(await one(store)).toEqual([{ x: 1 }]));
    const secure = server.url(`secure=true&${ca}`).replace("clickhouses:", "clickhouse:");
    await withStore(secure, async (store) => expect(await one(store)).toEqual([{ x: 1 }]));
    const target = parseClickHouseUrl(server.url());
    expect(await failureOf(HttpConnection.open(target, { readers: 1, patience: 0 }))).toMatchObject({
      message: expect.stringContaining("self-signed certificate"),
    });
  } finally {
    await server.remove();
  }
});
