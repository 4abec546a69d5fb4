import { copyFile, cp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { defineStream } from "../../src/project/define-stream.ts";
import type { Store } from "../../src/store/store.ts";
import { storeWith } from "../../src/store/store-with.ts";
import { until } from "../support/until.ts";
import { append, emptyStore, offsetsIn, openWorld, otherLog, plain, unique, type World } from "./support.ts";
import { openTestStore, type TestStore } from "../support/test-store.ts";

const evolving = defineStream("evolving", {
  schema: z.object({ n: z.int32() }),
  freshness: "50 ms",
  table: { orderBy: ["n"] },
});
/** Its next version. */
const wider = defineStream("evolving", {
  schema: z.object({ n: z.int32(), more: z.int32().optional() }),
  freshness: "50 ms",
  table: { orderBy: ["n"] },
});
const fading = defineStream("fading", {
  schema: z.object({ at: z.iso.datetime() }),
  freshness: "50 ms",
  table: { orderBy: ["at"], ttl: { after: "100 years", column: "at" } },
});
const STREAMS = [plain, unique, evolving, fading];

let shared: TestStore;
beforeAll(async () => {
  shared = await openTestStore([plain, unique, wider, fading]);
});
afterAll(() => shared.destroy());

let world: World;
beforeEach(async () => {
  world = await openWorld(shared.store, STREAMS);
});
afterEach(() => world.close());

const ledgerPath = (stream = "plain") => join(world.folder, "load", `${stream}-0.ledger`);
const upTo = (count: number) => Array.from({ length: count }, (_, offset) => offset);
const logOf = (stream: string) => world.log.status(stream, 0).end.log;
const tableOf = (stream = "plain") => offsetsIn(shared.store, stream, logOf(stream));
const otherTable = () => offsetsIn(shared.store, "plain", otherLog(logOf("plain")));

/** Appends one batch of each size in turn and loads each before the next. */
async function loadAll(sizes: readonly number[], store: Store = shared.store): Promise<void> {
  const loader = world.loader({ store });
  await loader.start();
  for (const size of sizes) {
    await append(
      world.log,
      "plain",
      upTo(size).map((n) => ({ n })),
      { rejected: ["x"] },
    );
    await until(() => loader.status("plain").lagEvents === 0);
  }
  await loader.stop();
}

async function restart(store: Store = shared.store): Promise<void> {
  const loader = world.loader({ store });
  await loader.start();
  await until(() => loader.status("plain").lagEvents === 0);
  await loader.stop();
}

test("without its ledger nothing is doubled", async () => {
  await loadAll([3, 2]);
  await rm(ledgerPath());
  await restart();
  expect(await tableOf()).toEqual([0, 1, 2, 4, 5]);
});

test("without its ledger an event that was refused before stays refused, and its id free", async () => {
  const id = (name: string) => `${world.folder}-${name}`;
  await append(world.log, "unique", [
    { id: id("a"), n: "bad" },
    { id: id("a"), n: 1 },
    { id: id("b"), n: "bad" },
  ]);
  const loader = world.loader();
  await loader.start();
  await until(() => loader.status("unique").lagEvents === 0);
  await loader.stop();
  await rm(ledgerPath("unique"));
  // As if the log's cursor had not been written either.
  await world.log.commit("unique", 0, "loader", world.log.status("unique", 0).first);
  const inserts: string[] = [];
  const watched = storeWith(shared.store, {
    insert: (table, batch) => {
      inserts.push(`${table} ${[...batch.offsets].join(" ")}`);
      return shared.store.insert(table, batch);
    },
  });
  const next = world.loader({ store: watched });
  await next.start();
  await append(world.log, "unique", [{ id: id("b"), n: 2 }]);
  await until(() => next.status("unique").lagEvents === 0);
  await next.stop();
  expect(inserts).toEqual(["unique 3"]);
  expect(await tableOf("unique")).toEqual([1, 3]);
  expect(await offsetsIn(shared.store, "_rejected", logOf("unique"))).toEqual([0, 2]);
});

test("with a ledger from before the last inserts nothing is doubled", async () => {
  await loadAll([3]);
  await copyFile(ledgerPath(), `${ledgerPath()}.old`);
  await loadAll([2, 4]);
  await copyFile(`${ledgerPath()}.old`, ledgerPath());
  await loadAll([1]);
  expect(await tableOf()).toEqual([0, 1, 2, 4, 5, 7, 8, 9, 10, 12]);
  const { log } = world.log.status("plain", 0).end;
  expect(await offsetsIn(shared.store, "_rejected", log)).toEqual([3, 6, 11, 13]);
});

test("a damaged ledger stops its stream with the file and byte, and no other", async () => {
  await loadAll([1, 1]);
  const bytes = await readFile(ledgerPath());
  bytes[20] = (bytes[20] ?? 0) ^ 1;
  await writeFile(ledgerPath(), bytes);
  const loader = world.loader();
  await loader.start();
  expect(loader.status("plain")).toMatchObject({
    state: "stopped",
    reason: `ledger_corrupt: ${ledgerPath()} is damaged at byte 0`,
  });
  // What waits is seen all the same.
  await append(world.log, "plain", [{ n: 1 }], { acceptedAt: Date.now() - 1_000 });
  expect(loader.status("plain").lagEvents).toBe(1);
  const position = await append(world.log, "unique", [{ id: world.folder, n: 1 }]);
  const counts = await loader.stored("unique", { partition: 0, position, events: 1, rejected: 0 }, 10_000);
  expect(counts).toMatchObject({ stored: 1 });
  await loader.stop();
});

test("an emptied store is filled again from a log that holds everything", async () => {
  await loadAll([3, 2]);
  const empty = emptyStore(shared.store, "another");
  await append(world.log, "plain", [{ n: 9 }]);
  await restart(empty);
  expect(await otherTable()).toEqual([0, 1, 2, 4, 5, 7]);
  // And the filling is as safe as any loading: once more nothing happens.
  await restart(empty);
  expect(await otherTable()).toEqual([0, 1, 2, 4, 5, 7]);
  const { log } = world.log.status("plain", 0).end;
  expect(await offsetsIn(shared.store, "_rejected", otherLog(log))).toEqual([3, 6]);
});

test("an emptied store is refused when the log has dropped its beginning, and nothing is loaded into it", async () => {
  const small = await openWorld(shared.store, STREAMS, { segmentBytes: 4096, retention: { bytes: 1 } });
  try {
    const loader = small.loader();
    await loader.start();
    const text = "x".repeat(500);
    for (let n = 0; n < 20; n++) await append(small.log, "plain", [{ n, text }]);
    await until(
      () => loader.status("plain").lagEvents === 0 && small.log.status("plain", 0).first.offset > 0,
    );
    await loader.stop();
    const { end } = small.log.status("plain", 0);
    const next = small.loader({ store: emptyStore(shared.store, "another") });
    await next.start();
    expect(next.status("plain").state).toBe("stopped");
    expect(next.status("plain").reason).toMatch(
      /^store_mismatch: plain: the store was emptied or replaced, and the log begins at offset [1-9]\d*: what it lacks can't be loaded again$/,
    );
    await next.stop();
    expect(await offsetsIn(shared.store, "plain", otherLog(end.log))).toEqual([]);
    // The right store goes on where it was.
    const right = small.loader();
    await right.start();
    expect(right.status("plain")).toMatchObject({ state: "running", lagEvents: 0 });
    await right.stop();
  } finally {
    await small.close();
  }
});

test("rows that the ledger says are stored and the store lacks are loaded again", async () => {
  await loadAll([3, 2]);
  // An older copy of the same store: it has its id, and not its rows.
  await restart(emptyStore(shared.store, shared.store.capabilities.storeId));
  expect(await otherTable()).toEqual([0, 1, 2, 4, 5]);
});

test("when only the latest inserts are lost, loading resumes after the last that is whole", async () => {
  const copy = emptyStore(shared.store, shared.store.capabilities.storeId);
  await loadAll([3, 2], copy);
  // The copy doesn't see what comes now.
  await loadAll([4, 1], storeWith(shared.store, { present: copy.present.bind(copy) }));
  const asked: number[] = [];
  const watched = storeWith(copy, {
    present: (table, range) => {
      asked.push(range.from);
      return copy.present(table, range);
    },
  });
  await restart(watched);
  expect(await otherTable()).toEqual([0, 1, 2, 4, 5, 7, 8, 9, 10, 12]);
  // The first insert isn't even looked at.
  expect(Math.min(...asked)).toBe(4);
});

test("rows that a ttl may have taken aren't missed", async () => {
  const { log, end } = await fadingLoaded();
  const loader = world.loader({ store: emptyStore(shared.store, shared.store.capabilities.storeId) });
  await loader.start();
  expect(loader.status("fading")).toMatchObject({ state: "running", lagEvents: 0 });
  await loader.stop();
  expect(await offsetsIn(shared.store, "fading", otherLog(log))).toEqual([]);
  expect(end).toBe(1);
});

async function fadingLoaded(): Promise<{ log: string; end: number }> {
  const loader = world.loader();
  await loader.start();
  await append(world.log, "fading", [{ at: "2026-01-01T00:00:00Z" }]);
  await until(() => loader.status("fading").lagEvents === 0);
  await loader.stop();
  const { log, offset } = world.log.status("fading", 0).end;
  return { log, end: offset };
}

test("a log that is older than the store stops its stream: its offsets would be taken for stored ones", async () => {
  await loadAll([3]);
  const folder = join(world.folder, "log");
  const saved = join(world.folder, "saved");
  await world.reopenLog(() => cp(folder, saved, { recursive: true }));
  await loadAll([3]);
  await world.reopenLog(async () => {
    await rm(folder, { recursive: true });
    await cp(saved, folder, { recursive: true });
  });
  const loader = world.loader();
  await loader.start();
  expect(loader.status("plain")).toMatchObject({ state: "stopped" });
  expect(loader.status("plain").reason).toContain(
    "store_mismatch: plain: offset 8 was loaded, but the log ends at 4",
  );
  await loader.stop();
});

test("a new log in the place of the old one is loaded from its beginning, beside what is stored", async () => {
  await loadAll([3]);
  const before = world.log.status("plain", 0).end.log;
  await world.reopenLog(() => rm(join(world.folder, "log"), { recursive: true }));
  await loadAll([2]);
  expect(await offsetsIn(shared.store, "plain", before)).toEqual([0, 1, 2]);
  expect(await tableOf()).toEqual([0, 1]);
});

test("batches are loaded by the schema that they were validated with", async () => {
  await append(world.log, "evolving", [{ n: 1 }]);
  await world.reopenLog(undefined, [...STREAMS.filter(({ name }) => name !== "evolving"), wider]);
  await append(world.log, "evolving", [{ n: 2, more: 3 }]);
  const inserts: string[] = [];
  const loader = world.loader({
    store: storeWith(shared.store, {
      insert: (table, batch) => {
        inserts.push(`${batch.count} row of ${batch.schema.columns.length} columns`);
        return shared.store.insert(table, batch);
      },
    }),
  });
  await loader.start();
  await until(() => loader.status("evolving").lagEvents === 0);
  await loader.stop();
  expect(inserts).toEqual(["1 row of 1 columns", "1 row of 2 columns"]);
  expect(await tableOf("evolving")).toEqual([0, 1]);
});
