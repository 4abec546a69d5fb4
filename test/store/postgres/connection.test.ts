import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openStore, openTemporaryStore } from "../../../src/store/open-store.ts";
import type { Store } from "../../../src/store/store.ts";
import {
  PASSWORD_OF_TESTS,
  postgresMissing,
  startPostgres,
  type PostgresServer,
} from "../../support/postgres-server.ts";
import { until } from "../../support/until.ts";
import { batchOf, column, create, failureOf, rowsOf, tableOf } from "../support.ts";

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

describe.skipIf(postgresMissing() !== undefined)("connections to PostgreSQL", () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres({ tls: hasOpenssl });
  });
  afterAll(() => server.remove());
  test("a database that dies and comes back is used again, and the store's state says so", async () => {
    await withStore(server.url("schema=died"), async (store) => {
      await create(store, SPEC);
      await store.insert("events", batchOf(SPEC.schema, [{ n: 1 }]));
      expect(store.status?.()).toEqual({ ready: true });
      await server.kill();
      expect(
        await failureOf(store.insert("events", batchOf(SPEC.schema, [{ n: 2 }], { offset: 1 }))),
      ).toMatchObject({
        code: "store_failed",
      });
      expect(await failureOf(one(store))).toMatchObject({ code: "store_failed" });
      await until(() => store.status?.().ready === false);
      expect(store.status?.().reason).toMatch(/^The database can't be reached: /);
      await server.start();
      await until(() => store.status?.().ready === true, { timeout: 15_000 });
      await store.insert("events", batchOf(SPEC.schema, [{ n: 2 }], { offset: 1 }));
      expect(await rowsOf(store, "SELECT n FROM events ORDER BY n")).toEqual([{ n: 1 }, { n: 2 }]);
    });
  });

  test("of several hosts the first that answers is taken", async () => {
    const url = server.url("schema=hosts").replace("@127.0.0.1:", "@127.0.0.1:1,127.0.0.1:");
    await withStore(url, async (store) => expect(await one(store)).toEqual([{ x: 1 }]));
  });

  test("a Unix socket will do", async () => {
    await withStore(server.socketUrl("schema=socket"), async (store) =>
      expect(await one(store)).toEqual([{ x: 1 }]),
    );
  });

  test("the store has the same id as long as its schema is there", async () => {
    const ids: string[] = [];
    const note = async (store: Store): Promise<void> => {
      ids.push(store.capabilities.storeId);
    };
    await withStore(server.url("schema=same"), note);
    await withStore(server.url("schema=same"), note);
    await server.run("DROP SCHEMA same CASCADE");
    await withStore(server.url("schema=same"), note);
    expect(ids[1]).toBe(ids[0]);
    expect(ids[2]).not.toBe(ids[0]);
  });

  test("a temporary store leaves nothing in the database", async () => {
    const store = await openTemporaryStore({}, server.url());
    await create(store, SPEC);
    await store.close();
    expect(
      await server.run("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'headrace_check_%'"),
    ).toEqual([]);
  });

  test("a wrong password, a database that isn't there and a server that is none are errors without secrets", async () => {
    const wrong = server.url().replace(encodeURIComponent(PASSWORD_OF_TESTS), "hunter2");
    for (const [url, message] of [
      [wrong, "password authentication failed"],
      [server.url().replace("/postgres", "/nowhere"), 'database "nowhere" does not exist'],
    ] as const) {
      const failure = await failureOf(openStore(url, { folder: "" }));
      expect(failure).toMatchObject({ code: "store_failed", message: expect.stringContaining(message) });
      const all = JSON.stringify([failure, String((failure as unknown as Error).stack)]);
      expect(all).not.toContain("hunter2");
      expect(all).not.toContain(PASSWORD_OF_TESTS);
    }
  });

  test.skipIf(!hasOpenssl)(
    "TLS is used when it is asked for, and a server must prove who it is",
    async () => {
      const encrypted = "SELECT ssl::text AS tls FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
      await withStore(server.url("schema=tls&sslmode=require"), async (store) =>
        expect(await rowsOf(store, encrypted)).toEqual([{ tls: "true" }]),
      );
      const [{ data_directory: folder } = {}] = await server.run("SHOW data_directory");
      const certificate = `${String(folder)}/server.crt`;
      expect(readFileSync(certificate, "utf8")).toContain("BEGIN CERTIFICATE");
      const trusted = `schema=tls&sslmode=verify-full&sslrootcert=${encodeURIComponent(certificate)}`;
      await withStore(server.url(trusted), async (store) =>
        expect(await rowsOf(store, encrypted)).toEqual([{ tls: "true" }]),
      );
      expect(await failureOf(openStore(server.url("sslmode=verify-full"), { folder: "" }))).toMatchObject({
        code: "store_failed",
        message: expect.stringContaining("self-signed certificate"),
      });
    },
  );
});
