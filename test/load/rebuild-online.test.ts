import { cp, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import type { Loader } from "../../src/load/load.ts";
import type { RebuildStatus } from "../../src/load/rebuild/rebuilds.ts";
import type { Stream } from "../../src/project/declarations.ts";
import { defineStream } from "../../src/project/define-stream.ts";
import type { Store } from "../../src/store/store.ts";
import { tableSpec } from "../../src/store/table-spec.ts";
import { storeWith } from "../../src/store/store-with.ts";
import { openTestStore, type TestStore } from "../support/test-store.ts";
import { until } from "../support/until.ts";
import { append, openWorld, select, type World } from "./support.ts";

const TIMEOUT = 20_000;

let shared: TestStore;
beforeAll(async () => {
  shared = await openTestStore([]);
});
afterAll(() => shared.destroy());

let world: World;
let loader: Loader | undefined;
afterEach(async () => {
  await loader?.stop();
  loader = undefined;
  await world.close();
});

const declare = (name: string, n: z.ZodType, more: { id?: "id" } = {}) =>
  defineStream(name, {
    schema: z.object({ n, id: z.string() }),
    freshness: "50 ms",
    table: { orderBy: ["id"] },
    ...(more.id === undefined ? {} : { id: { field: more.id, window: "1 hour" } }),
  });

/** A world with a loader that runs; the table stays as it is when it is there. */
async function start(stream: Stream, store: Store = shared.store): Promise<Loader> {
  await loader?.stop();
  const plan = await shared.store.migrate([tableSpec(stream)], { dryRun: true });
  if (plan.refused.length === 0) await shared.store.migrate([tableSpec(stream)], { dryRun: false });
  await world.reopenLog(undefined, [stream]);
  loader = world.loader({ log: world.log, streams: [stream], store });
  await loader.start();
  return loader;
}

async function rebuild(load: Loader, stream: string, allowPartial = false): Promise<RebuildStatus> {
  const { ended } = await load.rebuilds.begin(stream, { allowPartial });
  return ended;
}

const rowsOf = async (table: string) =>
  (await select(shared.store, `SELECT n, id FROM ${table} ORDER BY n, id`)).map(
    ({ n, id }) => `${String(id)}${String(n)}`,
  );
const rejectedOf = async (stream: string) =>
  (
    await select(
      shared.store,
      `SELECT event FROM _rejected WHERE stream = '${stream}' AND _log = '${world.log.status(stream, 0).end.log}' ORDER BY _offset`,
    )
  ).map(({ event }) => event);
const leftBehind = async () =>
  (await shared.store.migrate([], { dryRun: true })).changes.filter((line) => line.includes("rebuild"));
const settle = async (load: Loader, stream: string) => expect(await load.settled(stream, TIMEOUT)).toBe(true);

async function full(): Promise<never> {
  throw new Error("the disk is full");
}

/** A store whose first insert into a new table waits until it is let go. */
function gated(): { readonly store: Store; readonly reached: Promise<void>; readonly open: () => void } {
  const reached = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  const store = storeWith(shared.store, {
    async insert(table, batch) {
      if (table.startsWith("_rebuild_")) {
        reached.resolve();
        await gate.promise;
      }
      await shared.store.insert(table, batch);
    },
  });
  return { store, reached: reached.promise, open: gate.resolve };
}

test("while a table is made anew events are loaded and queried, and afterwards each is there once", async () => {
  const stream = declare("online", z.int32(), { id: "id" });
  world = await openWorld(shared.store, [stream]);
  const gate = gated();
  const load = await start(stream, gate.store);
  await append(world.log, "online", [
    { n: 1, id: "a" },
    { n: 2, id: "b" },
    { n: 3, id: "a" },
  ]);
  await settle(load, "online");
  await load.erase("online", { kind: "some", where: "id = 'b'" }, TIMEOUT);

  const { status, ended } = await load.rebuilds.begin("online", { allowPartial: false });
  expect(status.state).toBe("running");
  await gate.reached;
  await append(world.log, "online", [
    { n: 4, id: "d" },
    { n: 5, id: "a" },
  ]);
  await settle(load, "online");
  expect(await rowsOf("online")).toEqual(["a1", "d4"]);
  const version = load.version("online");
  gate.open();
  expect(await ended).toMatchObject({
    state: "done",
    outcome: { fromLog: 2, copied: 0, rejected: 0, lost: 0, toLoad: 0 },
  });
  expect(load.version("online")).toBeGreaterThan(version);
  expect(load.rebuilds.status("online")).toMatchObject({ id: status.id, done: 5, of: 5 });
  // The erased event's id is free, the others' aren't.
  await append(world.log, "online", [
    { n: 6, id: "a" },
    { n: 7, id: "b" },
    { n: 8, id: "d" },
  ]);
  await settle(load, "online");
  expect(await rowsOf("online")).toEqual(["a1", "d4", "b7"]);
  expect(await leftBehind()).toEqual([]);
  expect(await rejectedOf("online")).toEqual([]);
  expect((await world.log.cursor("online", 0, "loader")).offset).toBe(8);
});

test("a rebuild that begins while an erasure waits to be done doesn't bring back what it erases", async () => {
  const stream = declare("erasing", z.int32());
  world = await openWorld(shared.store, [stream]);
  const gate = Promise.withResolvers<void>();
  const slow = storeWith(shared.store, {
    async insert(table, batch) {
      if (table === "erasing" && batch.offsets[0] === 1) await gate.promise;
      await shared.store.insert(table, batch);
    },
  });
  const load = await start(stream, slow);
  await append(world.log, "erasing", [{ n: 1, id: "a" }]);
  await settle(load, "erasing");
  await append(world.log, "erasing", [{ n: 2, id: "a" }]);
  const erased = load.erase("erasing", { kind: "some", where: "id = 'a'" }, TIMEOUT);
  const done = rebuild(load, "erasing");
  gate.resolve();
  expect(await erased).toMatchObject({ rows: 2 });
  expect(await done).toMatchObject({ state: "done", outcome: { fromLog: 0 } });
  expect(await rowsOf("erasing")).toEqual([]);
});

test("events that don't fit are rejected once the new table is in place, and their ids are free", async () => {
  const before = declare("misfit", z.int64(), { id: "id" });
  const after = declare("misfit", z.int32(), { id: "id" });
  world = await openWorld(shared.store, [before]);
  await append(world.log, "misfit", [
    { n: 1, id: "a" },
    { n: 5_000_000_000, id: "b" },
  ]);
  await settle(await start(before), "misfit");
  const load = await start(after);
  expect(await load.rebuilds.plan("misfit")).toEqual({ rows: 2, fromLog: 2, copied: 0, lost: 0, toLoad: 0 });
  expect(await rebuild(load, "misfit")).toMatchObject({
    state: "done",
    outcome: { fromLog: 1, rejected: 1 },
  });
  await append(world.log, "misfit", [{ n: 9, id: "b" }]);
  await settle(load, "misfit");
  expect(await rowsOf("misfit")).toEqual(["a1", "b9"]);
  expect(await rejectedOf("misfit")).toEqual(['{"n":5000000000,"id":"b"}']);
});

test("rows that are older than the log are copied, or refused with their number, and left out only when asked", async () => {
  const before = declare("older_online", z.int64());
  world = await openWorld(shared.store, [before]);
  await append(world.log, "older_online", [
    { n: 1, id: "a" },
    { n: 2, id: "b" },
  ]);
  await settle(await start(before), "older_online");
  await loader?.stop();
  loader = undefined;
  await world.close();
  // Another log in the first one's place.
  world = await openWorld(shared.store, [before]);
  await append(world.log, "older_online", [{ n: 3, id: "c" }]);
  let load = await start(before);
  await settle(load, "older_online");
  expect(await rebuild(load, "older_online")).toMatchObject({ outcome: { fromLog: 1, copied: 2, lost: 0 } });

  load = await start(declare("older_online", z.int32()));
  expect(await load.rebuilds.plan("older_online")).toMatchObject({
    rows: 3,
    fromLog: 1,
    lost: 2,
    refused: expect.stringContaining("2 rows are older") as string,
  });
  await expect(rebuild(load, "older_online")).rejects.toMatchObject({ code: "rebuild_refused" });
  expect(await rowsOf("older_online")).toEqual(["a1", "b2", "c3"]);
  expect(await leftBehind()).toEqual([]);
  expect(await rebuild(load, "older_online", true)).toMatchObject({ outcome: { fromLog: 1, lost: 2 } });
  expect(await rowsOf("older_online")).toEqual(["c3"]);
});

test("cancelled, failed or ended by a stop it leaves the old table alone, and can be run again", async () => {
  const stream = declare("cancelled", z.int32());
  world = await openWorld(shared.store, [stream]);
  let gate = gated();
  let load = await start(stream, gate.store);
  await append(world.log, "cancelled", [{ n: 1, id: "a" }]);
  await settle(load, "cancelled");
  expect(await load.rebuilds.cancel("cancelled")).toBeUndefined();

  let begun = await load.rebuilds.begin("cancelled", { allowPartial: false });
  await gate.reached;
  const cancelled = load.rebuilds.cancel("cancelled");
  gate.open();
  expect(await cancelled).toMatchObject({ state: "cancelled" });
  expect(await leftBehind()).toEqual([]);
  expect((await world.log.cursor("cancelled", 0, "loader")).offset).toBe(1);

  gate = gated();
  load = await start(stream, gate.store);
  begun = await load.rebuilds.begin("cancelled", { allowPartial: false });
  await gate.reached;
  const stopped = load.stop();
  gate.open();
  await stopped;
  expect(await begun.ended).toMatchObject({ state: "cancelled" });
  await expect(load.rebuilds.begin("cancelled", { allowPartial: false })).rejects.toMatchObject({
    code: "draining",
  });

  const failing = storeWith(shared.store, {
    insert: (table, batch) => (table.startsWith("_rebuild_") ? full() : shared.store.insert(table, batch)),
  });
  load = await start(stream, failing);
  expect(await rebuild(load, "cancelled")).toMatchObject({
    state: "failed",
    error: { code: "internal_error" },
  });
  await append(world.log, "cancelled", [{ n: 2, id: "b" }]);
  await settle(load, "cancelled");
  expect(await rowsOf("cancelled")).toEqual(["a1", "b2"]);
  expect(await leftBehind()).toEqual([]);
  load = await start(stream);
  expect(await rebuild(load, "cancelled")).toMatchObject({ state: "done", outcome: { fromLog: 2 } });
});

const MISMATCHES = {
  "a store that was emptied under a shortened log": withEmptiedStore,
  "a log that is older than the store": withOlderLog,
};

test.each(Object.entries(MISMATCHES))(
  "a stream that %s has stopped is reset, and goes on",
  async (_, stop) => {
    const { stream, load } = await stop(declare(`reset_${stop.name.toLowerCase()}`, z.int32(), { id: "id" }));
    const { name } = stream;
    await expect(load.erase(name, { kind: "some", where: "n = 1" }, TIMEOUT)).rejects.toMatchObject({
      code: "store_mismatch",
    });
    await load.erase(name, { kind: "all" }, TIMEOUT);
    await until(() => load.status(name).state === "running");
    expect(await rowsOf(name)).toEqual([]);
    await append(world.log, name, [{ n: 7, id: "a" }]);
    await append(world.log, name, [{ n: 8, id: "b" }]);
    await settle(load, name);
    expect(await rowsOf(name)).toEqual(["a7", "b8"]);
  },
);

test("a stream that an emptied store has stopped is loaded from what the log holds, when that is asked for", async () => {
  const { stream, load } = await withEmptiedStore(declare("again_emptied", z.int32(), { id: "id" }));
  const { name } = stream;
  const { first, end } = world.log.status(name, 0);
  const counts = { lost: first.offset, toLoad: end.offset - first.offset };
  expect(await load.rebuilds.plan(name)).toMatchObject({ rows: 0, ...counts });
  await expect(rebuild(load, name)).rejects.toMatchObject({ code: "rebuild_refused" });
  await until(() => load.status(name).state === "stopped");
  expect(await rebuild(load, name, true)).toMatchObject({ outcome: counts });
  await settle(load, name);
  expect(load.status(name).state).toBe("running");
  expect(await rowsOf(name)).toHaveLength(counts.toLoad);
  expect(await load.rebuilds.plan(name)).toMatchObject({ fromLog: counts.toLoad, lost: 0 });
});

test("a log that is older than the store is not loaded into it: the places of new events are taken", async () => {
  const { stream, load } = await withOlderLog(declare("again_older", z.int32(), { id: "id" }));
  await expect(load.rebuilds.plan(stream.name)).rejects.toMatchObject({ code: "rebuild_refused" });
  await expect(rebuild(load, stream.name, true)).rejects.toMatchObject({ code: "rebuild_refused" });
});

test("into a log that is older than the store nothing may be appended, from before the loader is started until a reset", async () => {
  const { stream, load } = await withOlderLog(declare("older_closed", z.int32(), { id: "id" }));
  const { name } = stream;
  const closed = expect.stringContaining("it is an older copy than the store") as string;
  expect(load.status(name)).toMatchObject({ closed });
  expect(await load.settled(name, 0)).toBe(false);
  await load.stop();
  const next = world.loader({ log: world.log, streams: [stream], store: shared.store });
  loader = next;
  await next.examine();
  expect(next.status(name)).toMatchObject({ closed });

  await next.start();
  await next.erase(name, { kind: "all" }, 10_000);
  expect(next.status(name).closed).toBeUndefined();
  await append(world.log, name, [{ n: 9, id: "z" }]);
  await settle(next, name);
  expect(await rowsOf(name)).toHaveLength(1);
});

test("into any other log events may be appended at once", async () => {
  const stream = declare("older_open", z.int32(), { id: "id" });
  world = await openWorld(shared.store, [stream]);
  loader = world.loader({ log: world.log, streams: [stream], store: shared.store });
  await loader.examine();
  expect(loader.status(stream.name).closed).toBeUndefined();
});

async function withOlderLog(stream: Stream) {
  world = await openWorld(shared.store, [stream]);
  const [folder, saved] = [join(world.folder, "log"), join(world.folder, "saved")];
  await append(world.log, stream.name, [{ n: 1, id: "a" }]);
  await settle(await start(stream), stream.name);
  await loader?.stop();
  await world.reopenLog(() => cp(folder, saved, { recursive: true }), [stream]);
  await append(world.log, stream.name, [
    { n: 2, id: "b" },
    { n: 3, id: "c" },
  ]);
  await settle(await start(stream), stream.name);
  await loader?.stop();
  await world.reopenLog(async () => {
    await rm(folder, { recursive: true });
    await cp(saved, folder, { recursive: true });
  }, [stream]);
  return halted(stream, shared.store);
}

async function withEmptiedStore(stream: Stream) {
  world = await openWorld(shared.store, [stream], { segmentBytes: 4096, retention: { bytes: 1 } });
  const load = await start(stream);
  const { name } = stream;
  for (let n = 0; n < 20; n++) await append(world.log, name, [{ n, id: `${n}${"x".repeat(500)}` }]);
  await settle(load, name);
  await until(() => world.log.status(name, 0).first.offset > 0);
  await load.stop();
  await shared.store.erase(name, {}, { dryRun: false });
  const storeId = `other-${name}`;
  return halted(stream, storeWith(shared.store, { capabilities: { ...shared.store.capabilities, storeId } }));
}

async function halted(stream: Stream, store: Store) {
  loader = world.loader({ log: world.log, streams: [stream], store });
  await loader.start();
  expect(loader.status(stream.name)).toMatchObject({
    state: "stopped",
    reason: expect.stringContaining("store_mismatch") as string,
  });
  return { stream, load: loader };
}
