import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Loader } from "../../../src/load/load.ts";
import { openLedger } from "../../../src/load/ledger.ts";
import { NatsLedgers } from "../../../src/load/nats/nats-ledgers.ts";
import { openSharedLoading } from "../../../src/load/nats/open-shared-loading.ts";
import { createSharedLoader } from "../../../src/load/remote/shared-loader.ts";
import type { Nats } from "../../../src/nats/open-nats.ts";
import type { Store } from "../../../src/store/store.ts";
import { storeWith } from "../../../src/store/store-with.ts";
import { natsMissing, startNatsServer, type NatsServer } from "../../support/nats-server.ts";
import { openTestStore, type TestStore } from "../../support/test-store.ts";
import { until } from "../../support/until.ts";
import { natsWorld, type NatsWorld } from "../nats/support.ts";
import { append, offsetsIn, openWorld, plain, unique, type World } from "../support.ts";

const STREAMS = [plain, unique];
/** Well above a second, to which the engine rounds a lease's end. */
const TTL = 3_000;
const events = (count: number, from = 0): object[] =>
  Array.from({ length: count }, (_, n) => ({ n: from + n }));
const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

/** A process's loader with its own connection. */
interface Member {
  readonly loader: Loader;
  readonly nats: Nats;
}

describe.skipIf(natsMissing() !== undefined)("loaders that share a log", () => {
  let server: NatsServer;
  let shared: TestStore;
  let store: Store;
  let world: World;
  let net: NatsWorld;
  let members: Member[] = [];
  beforeAll(async () => {
    server = await startNatsServer();
    shared = await openTestStore(STREAMS);
    store = shared.store;
  });
  afterAll(async () => {
    await server.remove();
    await shared.destroy();
  });
  beforeEach(async () => {
    for (const { name } of STREAMS) await store.erase(name, {}, { dryRun: false });
    world = await openWorld(store, STREAMS);
    net = natsWorld(server);
  });
  afterEach(async () => {
    await Promise.all(members.map(({ loader }) => loader.stop()));
    members = [];
    await world.close();
    await net.close();
  });

  /** Without a store it doesn't load, as a process that only takes events or answers. */
  async function member(own?: Store, ttl = TTL): Promise<Member> {
    const nats = await net.connect();
    const clock = own === undefined ? {} : { storeClock: () => own.clock() };
    const loader = createSharedLoader({
      ...(await openSharedLoading(nats, { ttl, ...clock })),
      log: world.log,
      streams: STREAMS,
      ...(own === undefined ? {} : { loads: { store: own, limits: { retryFirst: 5, retryMax: 20 } } }),
    });
    const one = { loader, nats };
    members.push(one);
    await loader.examine();
    await loader.start();
    return one;
  }
  const tableOf = (stream: string): Promise<number[]> =>
    offsetsIn(store, stream, world.log.status(stream, 0).end.log);

  test("a process that doesn't load knows what became of each batch, and when something new is queryable", async () => {
    const { loader } = await member();
    const before = loader.version("unique");
    const batch = { partition: 0, events: 3, rejected: 1 };
    const sent = [
      { id: "a", n: 1 },
      { id: "b", n: 2 },
      { id: "a", n: 3 },
    ];
    const position = await append(world.log, "unique", sent, { rejected: ["bad"] });
    const stored = loader.stored("unique", { ...batch, position }, 9_000);
    expect(loader.status("unique")).toMatchObject({ lagEvents: 4, state: "retrying" });
    expect(loader.status("unique").reason).toMatch(/no process loads partition 0 of unique/);
    await member(store);
    expect(await stored).toEqual({ stored: 2, duplicates: 1, refused: 0 });
    expect(loader.version("unique")).toBeGreaterThan(before);
    expect(await loader.settled("unique", 5_000)).toBe(true);
    expect(loader.status("unique").lagEvents).toBe(0);
    await until(() => loader.status("unique").state === "running");
    expect(await tableOf("unique")).toEqual([0, 1]);
  });

  test("two that load share the streams, and when one stops the other has all at once", async () => {
    const one = await member(store, 60_000);
    const two = await member(store, 60_000);
    const follower = await member(undefined, 60_000);
    for (let n = 0; n < 5; n++) {
      await append(world.log, "plain", events(10, 10 * n));
      await append(world.log, "unique", [{ id: `i${n}`, n }]);
    }
    expect(await follower.loader.settled("plain", 9_000)).toBe(true);
    expect(await follower.loader.settled("unique", 9_000)).toBe(true);
    await one.loader.stop();
    await append(world.log, "plain", events(10, 50));
    await append(world.log, "unique", [{ id: "i0", n: 9 }]);
    expect(await follower.loader.settled("plain", 9_000)).toBe(true);
    expect(await follower.loader.settled("unique", 9_000)).toBe(true);
    expect(await tableOf("plain")).toEqual(upTo(60));
    // The successor knows the ids of those that the other stored.
    expect(await tableOf("unique")).toEqual(upTo(5));
    expect(two.loader.status("plain").lagEvents).toBe(0);
  });

  test("what a loader had in hand when it lost its lease leaves nothing, and its successor loads it once", async () => {
    const gate = Promise.withResolvers<void>();
    const reached = Promise.withResolvers<void>();
    const late: string[] = [];
    const slow = storeWith(store, {
      insert: async (table, batch) => {
        reached.resolve();
        await gate.promise;
        try {
          await store.insert(table, batch);
          late.push("stored");
        } catch (error) {
          late.push((error as { code: string }).code);
          throw error;
        }
      },
    });
    const stale = await member(slow);
    await append(world.log, "plain", events(100));
    await reached.promise;
    // It can't renew any more, and doesn't know of its successor.
    await stale.nats.close();
    const next = await member(store);
    expect(await next.loader.settled("plain", 9_500)).toBe(true);
    gate.resolve();
    await until(() => late.length > 0);
    expect(late[0]).toBe("lease_lost");
    await stale.loader.stop();
    await append(world.log, "plain", events(5));
    expect(await next.loader.settled("plain", 5_000)).toBe(true);
    expect(await tableOf("plain")).toEqual(upTo(105));
  }, 20_000);

  test("a loader that is shut out of its ledger isn't halted: it waits for its share, and loads on", async () => {
    const { loader } = await member(store);
    await append(world.log, "plain", events(3));
    expect(await loader.settled("plain", 5_000)).toBe(true);
    const nats = await net.connect();
    const ledgers = new NatsLedgers(nats);
    await ledgers.current;
    const usurper = await openLedger(
      ledgers.open({ stream: "plain", partition: 0 }, () => {}),
      "plain",
    );
    expect(usurper.state?.loaded.offset).toBe(3);
    await append(world.log, "plain", events(4));
    expect(await loader.settled("plain", 9_500)).toBe(true);
    expect(await tableOf("plain")).toEqual(upTo(7));
    await until(() => loader.status("plain").state === "running");
    await ledgers.close();
  }, 20_000);

  test("anyone can have something erased, also while nobody loads for a moment", async () => {
    const { loader } = await member();
    const first = await member(store, 60_000);
    await append(world.log, "plain", events(10));
    await loader.settled("plain", 5_000);
    const version = loader.version("plain");
    const counts = await loader.erase("plain", { kind: "some", where: "n < 4" }, 9_000);
    expect(counts).toEqual({ rows: 4, rejected: 0 });
    await until(() => loader.version("plain") > version);
    await first.loader.stop();
    const waiting = loader.erase("plain", { kind: "some", where: "n < 6" }, 9_000);
    await member(store, 60_000);
    expect(await waiting).toEqual({ rows: 2, rejected: 0 });
    expect(await tableOf("plain")).toEqual([6, 7, 8, 9]);
    const wrong = loader.erase("plain", { kind: "some", where: "nonsense(" }, 9_000);
    await expect(wrong).rejects.toMatchObject({ code: "condition_invalid" });
    expect(await loader.erase("plain", { kind: "all" }, 9_000)).toEqual({ rows: 4, rejected: 0 });
  }, 20_000);

  test("without anyone who loads, what is to be erased is refused in the end", async () => {
    const { loader } = await member();
    const asked = loader.erase("plain", { kind: "all" }, 500);
    await expect(asked).rejects.toMatchObject({ code: "overloaded" });
    await expect(loader.rebuilds.plan("plain")).rejects.toMatchObject({ code: "overloaded" });
  });

  test("anyone can have a table made anew, and sees how far that is", async () => {
    const { loader } = await member();
    await member(store);
    await append(world.log, "plain", events(10));
    await loader.settled("plain", 5_000);
    expect(await loader.rebuilds.plan("plain")).toMatchObject({ fromLog: 10, lost: 0, rows: 10 });
    const { status, ended } = await loader.rebuilds.begin("plain", { allowPartial: false });
    expect(await ended).toMatchObject({ id: status.id, state: "done", outcome: { fromLog: 10 } });
    expect(loader.rebuilds.status("plain")).toMatchObject({ state: "done" });
    expect(await loader.rebuilds.cancel("plain")).toMatchObject({ id: status.id, state: "done" });
    expect(await tableOf("plain")).toEqual(upTo(10));
  });

  test("a log that ends before what was loaded takes nothing, once it is sure that it isn't just seen late", async () => {
    const nats = await net.connect();
    const ledgers = new NatsLedgers(nats);
    await ledgers.current;
    const ledger = await openLedger(
      ledgers.open({ stream: "plain", partition: 0 }, () => {}),
      "plain",
    );
    const { end } = world.log.status("plain", 0);
    const { storeId } = store.capabilities;
    const loaded = { log: end.log, offset: 50 };
    await ledger.record({ kind: "state", state: { storeId, loaded, inserts: [], refused: [] } });
    const { loader } = await member();
    expect(loader.status("plain").closed).toBeUndefined();
    await until(() => loader.status("plain").closed !== undefined, { timeout: 9_000 });
    expect(loader.status("plain").closed).toMatch(/offset 50 was loaded, but the log ends at 0/);
    expect(await loader.settled("plain", 100)).toBe(false);
    await ledgers.close();
  });

  test("whoever takes over amid an exchange of tables ends it, before it loads", async () => {
    const nats = await net.connect();
    const ledgers = new NatsLedgers(nats);
    await ledgers.current;
    const ledger = await openLedger(
      ledgers.open({ stream: "plain", partition: 0 }, () => {}),
      "plain",
    );
    const { storeId } = store.capabilities;
    const loaded = world.log.status("plain", 0).end;
    const state = { storeId, loaded, inserts: [], refused: [], switching: [] };
    await ledger.record({ kind: "state", state });
    let migrated = 0;
    const watched = storeWith(store, {
      migrate: (...args) => {
        migrated += 1;
        return store.migrate(...args);
      },
    });
    const { loader } = await member(watched);
    expect(migrated).toBe(1);
    await append(world.log, "plain", events(2));
    expect(await loader.settled("plain", 5_000)).toBe(true);
    expect(await tableOf("plain")).toEqual([0, 1]);
    const after = await openLedger(
      ledgers.open({ stream: "plain", partition: 0 }, () => {}),
      "plain",
    );
    expect(after.state?.switching).toBeUndefined();
    await ledgers.close();
  });

  test("streams that aren't declared are none of its", async () => {
    const { loader } = await member();
    expect(() => loader.status("other")).toThrow(/no stream other/);
    expect(loader.held?.("plain")).toBeUndefined();
    const one = await member(store);
    expect(one.loader.held?.("plain")?.state).toBe("running");
  });
});
