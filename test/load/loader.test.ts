import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { HeadraceError } from "../../src/errors.ts";
import { defineStream } from "../../src/project/define-stream.ts";
import type { PlannedBatch, Store } from "../../src/store/store.ts";
import { HOUR } from "../../src/units.ts";
import { storeWith } from "../../src/store/store-with.ts";
import { until } from "../support/until.ts";
import { append, offsetsIn, openWorld, plain, select, unique, type World } from "./support.ts";
import { openTestStore, type TestStore } from "../support/test-store.ts";

const many = Array.from({ length: 20 }, (_, index) =>
  defineStream(`many_${index}`, {
    schema: z.object({ n: z.int32() }),
    freshness: "50 ms",
    table: { orderBy: ["n"] },
  }),
);
const slow = defineStream("slow", {
  schema: z.object({ n: z.int32() }),
  freshness: "600 ms",
  table: { orderBy: ["n"] },
});
const leisurely = defineStream("leisurely", {
  schema: z.object({ n: z.int32() }),
  freshness: "1h",
  table: { orderBy: ["n"] },
});
const STREAMS = [plain, unique, slow, leisurely, ...many];

let shared: TestStore;
let store: Store;
beforeAll(async () => {
  shared = await openTestStore(STREAMS);
  store = shared.store;
});
afterAll(() => shared.destroy());

let world: World;
beforeEach(async () => {
  world = await openWorld(store, STREAMS);
});
afterEach(() => world.close());

const tableOf = (stream: string) => offsetsIn(store, stream, world.log.status(stream, 0).end.log);
const upTo = (count: number) => Array.from({ length: count }, (_, offset) => offset);
const events = (count: number) => upTo(count).map((n) => ({ n }));

/** A store whose inserts wait until they are let go, and that tells what came. */
function gatedStore() {
  const batches: PlannedBatch[] = [];
  let gate = Promise.withResolvers<void>();
  return {
    batches,
    release() {
      gate.resolve();
      gate = Promise.withResolvers<void>();
    },
    open() {
      gate.resolve();
    },
    store: storeWith(store, {
      insert: async (table, batch) => {
        batches.push(batch);
        await gate.promise;
        await store.insert(table, batch);
      },
    }),
  };
}

test("what comes during an insert goes together into the next", async () => {
  const gated = gatedStore();
  const loader = world.loader({ store: gated.store });
  await loader.start();
  await append(world.log, "plain", [{ n: 0 }]);
  await until(() => gated.batches.length === 1);
  for (let n = 1; n <= 10; n++) await append(world.log, "plain", [{ n }]);
  gated.open();
  await until(async () => (await tableOf("plain")).length === 11);
  expect(gated.batches.map(({ count }) => count)).toEqual([1, 10]);
  await loader.stop();
});

test("a batch gathers for half the stream's freshness, counted from its oldest event", async () => {
  const gated = gatedStore();
  gated.open();
  // Of the half hour that the first event may wait, this is left; of the second's, nearly all.
  const left = 300;
  await append(world.log, "leisurely", [{ n: 0 }], { acceptedAt: Date.now() + left - HOUR / 2 });
  await append(world.log, "leisurely", [{ n: 1 }]);
  const from = performance.now();
  const loader = world.loader({ store: gated.store });
  await loader.start();
  await until(() => gated.batches.length > 0);
  // What the append took is gone already; timers may fire a millisecond early.
  expect(performance.now() - from).toBeGreaterThan(left / 2);
  expect(gated.batches.map(({ count }) => count)).toEqual([2]);
  await loader.stop();
});

test("an event from the future doesn't wait for its time, as after a clock that was set back", async () => {
  const loader = world.loader();
  await loader.start();
  await append(world.log, "slow", [{ n: 0 }], { acceptedAt: Date.now() + 10 * 24 * 3_600_000 });
  await until(() => loader.status("slow").lagEvents === 0, { timeout: 5_000 });
  expect(await tableOf("slow")).toEqual([0]);
  await loader.stop();
});

test("a batch is inserted at once when it has enough rows or bytes", async () => {
  for (const limits of [{ rows: 100 }, { bytes: 990 }]) {
    const gated = gatedStore();
    gated.open();
    for (let index = 0; index < 25; index++) await append(world.log, "slow", events(10));
    const loader = world.loader({ store: gated.store, limits });
    await loader.start();
    await until(() => loader.status("slow").lagEvents === 0);
    await loader.stop();
    // A line {"n":0} takes 8 bytes with its newline, a batch of ten 80.
    expect(Math.max(...gated.batches.map(({ count }) => count))).toBeLessThanOrEqual(limits.rows ?? 130);
    expect(gated.batches.slice(0, 2).map(({ count }) => count >= 100)).toEqual([true, true]);
  }
});

test("a batch larger than the store takes at once goes in pieces", async () => {
  const gated = gatedStore();
  gated.open();
  await append(world.log, "plain", events(25));
  const loader = world.loader({ store: gated.store, limits: { insertRows: 10 } });
  await loader.start();
  await until(() => loader.status("plain").lagEvents === 0);
  expect(gated.batches.map(({ count }) => count)).toEqual([10, 10, 5]);
  expect(await tableOf("plain")).toEqual(upTo(25));
  await loader.stop();
});

test("lag counts what waits and tells the age of the oldest", async () => {
  const gated = gatedStore();
  const loader = world.loader({ store: gated.store });
  await loader.start();
  expect(loader.status("plain")).toMatchObject({ state: "running", lagEvents: 0, lagAge: 0 });
  await append(world.log, "plain", events(3), { acceptedAt: Date.now() - 5_000, rejected: ["x"] });
  await until(() => gated.batches.length === 1);
  expect(loader.status("plain").lagEvents).toBe(4);
  expect(loader.status("plain").lagAge).toBeGreaterThanOrEqual(5_000);
  gated.open();
  await until(() => loader.status("plain").lagEvents === 0);
  expect(loader.status("plain")).toMatchObject({ lagAge: 0, loaded: { offset: 4 } });
  await loader.stop();
});

test("freshness, inserts, duplicates and refusals are observed with their counts", async () => {
  const seen = { fresh: 0, rows: 0, bytes: 0, duplicates: 0, refused: 0 };
  const loader = world.loader({
    observer: {
      fresh: (stream, freshness, count) => {
        expect([stream, freshness >= 1_000]).toEqual(["unique", true]);
        seen.fresh += count;
      },
      inserted: (_stream, rows, bytes, duration) => {
        seen.rows += rows;
        seen.bytes += bytes;
        expect(duration).toBeGreaterThan(0);
      },
      duplicates: (_stream, count) => (seen.duplicates += count),
      refused: (_stream, count) => (seen.refused += count),
    },
  });
  await loader.start();
  const id = `observed-${world.folder}`;
  const lines = [
    { id, n: 1 },
    { id, n: 2 },
    { id: `${id}-bad`, n: "bad" },
  ];
  const position = await append(world.log, "unique", lines, { acceptedAt: Date.now() - 1_000 });
  const counts = await loader.stored("unique", { partition: 0, position, events: 3, rejected: 0 }, 10_000);
  expect(counts).toEqual({ stored: 1, duplicates: 1, refused: 1 });
  await loader.stop();
  expect(seen).toEqual({
    fresh: 1,
    rows: 1,
    bytes: JSON.stringify(lines[0]).length + 1,
    duplicates: 1,
    refused: 1,
  });
});

test("20 streams load side by side", async () => {
  const loader = world.loader();
  await loader.start();
  await Promise.all(
    many.map(async ({ name }, index) => {
      for (let round = 0; round < 3; round++) await append(world.log, name, events(index + 1));
    }),
  );
  await until(() => many.every(({ name }) => loader.status(name).lagEvents === 0));
  for (const [index, { name }] of many.entries()) expect(await tableOf(name)).toEqual(upTo(3 * (index + 1)));
  await loader.stop();
});

test("a stream whose table fails retries by itself and holds up no other", async () => {
  let broken = true;
  const retries: string[] = [];
  const failing = storeWith(store, {
    insert: async (table, batch) => {
      if (broken && table === "plain") throw new HeadraceError("store_failed", "memory limit exceeded");
      await store.insert(table, batch);
    },
  });
  const loader = world.loader({
    store: failing,
    observer: { retrying: (stream, reason, attempt) => retries.push(`${stream} ${attempt} ${reason}`) },
  });
  await loader.start();
  await append(world.log, "plain", events(2));
  await until(() => retries.length >= 3);
  await append(world.log, "slow", events(2));
  await until(() => loader.status("slow").lagEvents === 0);
  await until(() => loader.status("plain").state === "retrying");
  expect(loader.status("plain")).toMatchObject({
    reason: "store_failed: memory limit exceeded",
    lagEvents: 2,
  });
  expect(retries.slice(0, 3)).toEqual([1, 2, 3].map((n) => `plain ${n} store_failed: memory limit exceeded`));
  broken = false;
  await until(() => loader.status("plain").lagEvents === 0);
  await until(() => loader.status("plain").state === "running");
  expect(await offsetsIn(store, "_rejected", world.log.status("plain", 0).end.log)).toEqual([]);
  await loader.stop();
});

test("a stream goes on to be called failing while it is tried again, until that has succeeded", async () => {
  const tries: PromiseWithResolvers<void>[] = [];
  const loader = world.loader({
    store: storeWith(store, {
      insert: async (table, batch) => {
        const one = Promise.withResolvers<void>();
        tries.push(one);
        await one.promise;
        await store.insert(table, batch);
      },
    }),
  });
  await loader.start();
  await append(world.log, "plain", events(1));
  await until(() => tries.length === 1);
  expect(loader.status("plain")).not.toHaveProperty("reason");
  tries[0]?.reject(new HeadraceError("store_failed", "no room"));
  await until(() => tries.length === 2);
  expect(loader.status("plain")).toMatchObject({ state: "retrying", reason: "store_failed: no room" });
  tries[1]?.resolve();
  await until(() => loader.status("plain").state === "running");
  expect(loader.status("plain")).not.toHaveProperty("reason");
  await loader.stop();
});

test("a rejected event that the store doesn't take as it is blocks nothing: its line is kept as text", async () => {
  const picky = storeWith(store, {
    insert: async (table, batch) => {
      const lines = Buffer.concat([...batch.lines])
        .toString()
        .split("\n");
      const row = lines.findIndex((line) => line.includes('"event":"odd"'));
      if (table === "_rejected" && row >= 0) {
        throw new HeadraceError("store_refused_events", "what is that?", { details: { row } });
      }
      await store.insert(table, batch);
    },
  });
  const loader = world.loader({ store: picky });
  await loader.start();
  await append(world.log, "plain", [{ n: 1 }], { rejected: ["first", "odd", "last"] });
  await until(() => loader.status("plain").lagEvents === 0);
  await loader.stop();
  const { log } = world.log.status("plain", 0).end;
  const rows = await select(
    store,
    `SELECT event, code, refused_by FROM _rejected WHERE _log = '${log}' ORDER BY _offset`,
  );
  expect(rows).toMatchObject([
    { event: "first", code: "invalid_type", refused_by: "ingest" },
    { code: "store_refused", refused_by: "store" },
    { event: "last", code: "invalid_type", refused_by: "ingest" },
  ]);
  expect(rows[1]?.["event"]).toContain('"event":"odd"');
});

test("stop doesn't wait until many refused events are isolated, and the next run goes on", async () => {
  const refused: number[] = [];
  const loader = world.loader({
    store: storeWith(store, {
      insert: async (table, batch) => {
        await store.insert(table, batch).catch((error: unknown) => {
          refused.push(batch.count);
          throw error;
        });
      },
    }),
  });
  await append(
    world.log,
    "plain",
    upTo(40).map((n) => ({ n: n % 2 === 0 ? n : "bad" })),
  );
  const started = loader.start();
  await until(() => refused.length === 5);
  await loader.stop();
  await started;
  expect(refused.length).toBeLessThan(20);
  const next = world.loader();
  await next.start();
  await until(() => next.status("plain").lagEvents === 0);
  await next.stop();
  expect(await tableOf("plain")).toEqual(upTo(20).map((n) => n * 2));
  const { log } = world.log.status("plain", 0).end;
  expect(await offsetsIn(store, "_rejected", log)).toEqual(upTo(20).map((n) => n * 2 + 1));
});

test("start doesn't wait for a stream that can't be reconciled", async () => {
  const failing = storeWith(store, {
    present: async (table, range) => {
      if (table === "plain") throw new HeadraceError("store_failed", "not now");
      return store.present(table, range);
    },
  });
  await append(world.log, "plain", events(1));
  const first = world.loader();
  await first.start();
  await until(() => first.status("plain").lagEvents === 0);
  await first.stop();
  await append(world.log, "plain", events(2), { acceptedAt: Date.now() - 1_000 });
  const loader = world.loader({ store: failing });
  expect(loader.status("plain")).toMatchObject({ state: "reconciling", lagEvents: 0 });
  await loader.start();
  // Only what isn't loaded counts as waiting, though reconciling didn't get that far.
  expect(loader.status("plain")).toMatchObject({ state: "retrying", lagEvents: 2 });
  expect(loader.status("plain").lagAge).toBeGreaterThanOrEqual(1_000);
  expect(loader.status("slow").state).toBe("running");
  await loader.stop();
});

test("stop finishes the insert in flight and what comes next has nothing left of it", async () => {
  const gated = gatedStore();
  const loader = world.loader({ store: gated.store });
  await loader.start();
  const position = await append(world.log, "plain", events(3));
  await until(() => gated.batches.length === 1);
  const waiting = loader.stored("plain", { partition: 0, position, events: 3, rejected: 0 }, 60_000);
  const stopped = loader.stop();
  gated.open();
  await stopped;
  expect(await waiting).toEqual({ stored: 3, duplicates: 0, refused: 0 });
  expect(loader.status("plain")).toMatchObject({ state: "stopped", lagEvents: 0 });
  expect(await world.log.cursor("plain", 0, "loader")).toMatchObject({ offset: 3 });
});

test("stop doesn't wait for a store that keeps failing, and who waits is told that it isn't known", async () => {
  const failing = storeWith(store, {
    insert: async () => {
      throw new HeadraceError("store_failed", "gone");
    },
  });
  const loader = world.loader({ store: failing, limits: { retryFirst: 60_000, retryMax: 60_000 } });
  await loader.start();
  const position = await append(world.log, "plain", events(1));
  const waiting = loader.stored("plain", { partition: 0, position, events: 1, rejected: 0 }, 60_000);
  await until(() => loader.status("plain").state === "retrying");
  await loader.stop();
  expect(await waiting).toBeUndefined();
  const next = world.loader();
  await next.start();
  await until(() => next.status("plain").lagEvents === 0);
  expect(await tableOf("plain")).toEqual([0]);
  await next.stop();
});

test("a batch that isn't loaded in time has no counts", async () => {
  const gated = gatedStore();
  const loader = world.loader({ store: gated.store });
  await loader.start();
  const position = await append(world.log, "plain", events(1));
  expect(
    await loader.stored("plain", { partition: 0, position, events: 1, rejected: 0 }, 20),
  ).toBeUndefined();
  gated.open();
  await loader.stop();
});

test("the version changes when rows become visible, after a failed insert too, and differs between runs", async () => {
  let fail = true;
  const flaky = storeWith(store, {
    insert: async (table, batch) => {
      await store.insert(table, batch);
      if (fail) throw new HeadraceError("store_failed", "the answer was lost");
    },
  });
  const loader = world.loader({ store: flaky });
  await loader.start();
  const before = loader.version("plain");
  await append(world.log, "plain", [{ n: 1 }]);
  await until(() => loader.version("plain") !== before);
  const other = loader.version("slow");
  fail = false;
  await until(() => loader.status("plain").lagEvents === 0);
  expect(loader.version("slow")).toBe(other);
  expect(await tableOf("plain")).toEqual([0]);
  await loader.stop();
  // A new run comes some milliseconds later.
  const stopped = Date.now();
  await until(() => Date.now() > stopped);
  expect(world.loader().version("plain")).toBeGreaterThan(loader.version("plain"));
});

test("ids are remembered across restarts, and none is taken twice", async () => {
  for (let round = 0; round < 3; round++) {
    const loader = world.loader();
    await loader.start();
    const lines = upTo(4).map((n) => ({ id: `restart-${world.folder}-${round + n}`, n }));
    const position = await append(world.log, "unique", lines);
    const counts = await loader.stored("unique", { partition: 0, position, events: 4, rejected: 0 }, 10_000);
    const fresh = round === 0 ? 4 : 1;
    expect(counts).toEqual({ stored: fresh, duplicates: 4 - fresh, refused: 0 });
    await loader.stop();
  }
  expect(await tableOf("unique")).toEqual([0, 1, 2, 3, 7, 11]);
});

test("an id counts again when its window is over", async () => {
  const id = `window-${world.folder}`;
  const loader = world.loader();
  await loader.start();
  // In the past: an event from the future would be taken for one of now.
  const now = Date.now() - 2 * 3_600_000;
  for (const minutes of [0, 60, 61, 62]) {
    const acceptedAt = now + minutes * 60_000;
    const position = await append(world.log, "unique", [{ id, n: 1 }], { acceptedAt });
    await loader.stored("unique", { partition: 0, position, events: 1, rejected: 0 }, 10_000);
  }
  expect(await tableOf("unique")).toEqual([0, 2]);
  await loader.stop();
});

test("an unknown stream is named", () => {
  const loader = world.loader();
  expect(() => loader.status("nothing")).toThrow("There is no stream nothing");
});
