import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { rebuildTable } from "../../src/load/rebuild/rebuild-table.ts";
import type { RebuildOutcome } from "../../src/load/rebuild/rebuilds.ts";
import type { Stream } from "../../src/project/declarations.ts";
import { defineStream } from "../../src/project/define-stream.ts";
import type { Store } from "../../src/store/store.ts";
import { tableSpec } from "../../src/store/table-spec.ts";
import { storeWith } from "../../src/store/store-with.ts";
import { until } from "../support/until.ts";
import { openTestStore, type TestStore } from "../support/test-store.ts";
import { append, openWorld, select, type World } from "./support.ts";

let shared: TestStore;
beforeAll(async () => {
  shared = await openTestStore([]);
});
afterAll(() => shared.destroy());

let world: World;
afterEach(() => world.close());

const declare = (name: string, schema: z.ZodObject, more: { id?: string; orderBy?: string[] } = {}) =>
  defineStream(name, {
    schema,
    freshness: "50 ms",
    table: { orderBy: more.orderBy ?? ["n"] },
    ...(more.id === undefined ? {} : { id: { field: more.id, window: "1 hour" } }),
  });

const refusedBy = async (stream: Stream) =>
  (await shared.store.migrate([tableSpec(stream)], { dryRun: true })).refused;

async function load(stream: Stream, store: Store = shared.store): Promise<void> {
  await world.reopenLog(undefined, [stream]);
  const loader = world.loader({ log: world.log, streams: [stream], store });
  await loader.start();
  await until(() => loader.status(stream.name).lagEvents === 0);
  await loader.stop();
}

async function rebuild(
  stream: Stream,
  options: { readonly store?: Store; readonly allowPartial?: boolean } = {},
): Promise<RebuildOutcome> {
  await world.reopenLog(undefined, [stream]);
  return rebuildTable({
    log: world.log,
    store: options.store ?? shared.store,
    stream,
    spec: tableSpec(stream),
    folder: join(world.folder, "load"),
    allowPartial: options.allowPartial ?? false,
  });
}

/** A world in which these events were loaded under a declaration. */
async function loaded(
  stream: Stream,
  events: readonly object[],
  rejected: readonly string[] = [],
): Promise<void> {
  const { refused } = await shared.store.migrate([tableSpec(stream)], { dryRun: false });
  expect(refused).toEqual([]);
  world = await openWorld(shared.store, [stream]);
  await append(world.log, stream.name, events, { rejected });
  await load(stream);
}

const count = async (table: string, where = "1") =>
  (await select(shared.store, `SELECT toUInt32(count()) AS c FROM ${table} WHERE ${where}`))[0]?.["c"];
const leftBehind = async () =>
  (await shared.store.migrate([], { dryRun: true })).changes.filter((line) =>
    line.includes("what a rebuild left behind"),
  );

async function cutShort(): Promise<never> {
  throw new Error("cut short");
}

test("a table with another order has the same rows after, and the loader goes on where it was", async () => {
  const before = declare("ordered", z.object({ n: z.int32(), m: z.int32(), gone: z.boolean() }));
  const after = declare("ordered", z.object({ n: z.int32(), m: z.int32() }), { orderBy: ["m", "n"] });
  await loaded(
    before,
    [
      { n: 1, m: 9, gone: true },
      { n: 2, m: 8, gone: false },
    ],
    ["bad"],
  );
  await append(world.log, "ordered", [{ n: 3, m: 7, gone: true }]);
  expect(await refusedBy(after)).toEqual([expect.stringContaining("headrace rebuild ordered")]);

  expect(await rebuild(after)).toEqual({ fromLog: 2, copied: 0, rejected: 0, lost: 0, toLoad: 0 });
  expect(await refusedBy(after)).toEqual([]);
  expect(await leftBehind()).toEqual([]);
  await append(world.log, "ordered", [{ n: 4, m: 6 }]);
  await load(after);
  expect(await select(shared.store, "SELECT n, m, gone, _offset FROM ordered ORDER BY n")).toEqual([
    { n: 1, m: 9, gone: true, _offset: 0 },
    { n: 2, m: 8, gone: false, _offset: 1 },
    { n: 3, m: 7, gone: true, _offset: 3 },
    { n: 4, m: 6, gone: null, _offset: 4 },
  ]);
  expect(await count("_rejected", "stream = 'ordered'")).toBe(1);
});

test("what was erased, and what was a duplicate, doesn't come back", async () => {
  const schema = z.object({ n: z.int32(), id: z.string() });
  const before = declare("erased", schema, { id: "id" });
  await loaded(before, [
    { n: 1, id: "a" },
    { n: 2, id: "a" },
    { n: 3, id: "b" },
    { n: 4, id: "c" },
  ]);
  // As an erasure leaves it: without the row of offset 2.
  const erasing = storeWith(shared.store, {
    present: async (table, range) =>
      (await shared.store.present(table, range)).flatMap((span) =>
        [
          { from: span.from, to: Math.min(span.to, 2) },
          { from: Math.max(span.from, 3), to: span.to },
        ].filter(({ from, to }) => from < to),
      ),
  });
  const after = declare("erased", schema, { id: "id", orderBy: ["id"] });
  expect(await rebuild(after, { store: erasing })).toMatchObject({ fromLog: 2 });
  expect(await select(shared.store, "SELECT n FROM erased ORDER BY n")).toEqual([{ n: 1 }, { n: 4 }]);
  await append(world.log, "erased", [
    { n: 5, id: "a" },
    { n: 6, id: "b" },
  ]);
  await load(after);
  // "a" is stored still, "b" isn't any more.
  expect(await select(shared.store, "SELECT n FROM erased ORDER BY n")).toEqual([
    { n: 1 },
    { n: 4 },
    { n: 6 },
  ]);
});

test("events that don't fit a narrower declaration are kept as rejected, once, and their ids are free", async () => {
  const before = declare("narrowed", z.object({ n: z.int64(), id: z.string() }), { id: "id" });
  const after = declare("narrowed", z.object({ n: z.int32(), id: z.string(), more: z.int32().default(7) }), {
    id: "id",
  });
  await loaded(before, [
    { n: 1, id: "a" },
    { n: 5_000_000_000, id: "b" },
    { n: 3, id: "c" },
  ]);
  await append(world.log, "narrowed", [
    { n: 6_000_000_000, id: "d" },
    { n: 4, id: "e" },
  ]);
  expect(await rebuild(after)).toMatchObject({ fromLog: 2, rejected: 1 });
  await load(after);
  await append(world.log, "narrowed", [{ n: 9, id: "b", more: 1 }]);
  await load(after);
  expect(await select(shared.store, "SELECT n, id, more FROM narrowed ORDER BY n")).toEqual([
    { n: 1, id: "a", more: 7 },
    { n: 3, id: "c", more: 7 },
    { n: 4, id: "e", more: 7 },
    { n: 9, id: "b", more: 1 },
  ]);
  expect(
    await select(
      shared.store,
      "SELECT event, code, _offset FROM _rejected WHERE stream = 'narrowed' ORDER BY _offset",
    ),
  ).toEqual([
    { event: '{"n":5000000000,"id":"b"}', code: "out_of_range", _offset: 1 },
    { event: '{"n":6000000000,"id":"d"}', code: "out_of_range", _offset: 3 },
  ]);
});

test("another id counts from the rebuild on, also against what is stored", async () => {
  const schema = z.object({ n: z.int32(), a: z.string(), b: z.uuid() });
  const first = "0f8fad5b-d9cb-469f-a165-70867728950e";
  const before = declare("ids_anew", schema, { id: "a" });
  const after = declare("ids_anew", schema, { id: "b" });
  await loaded(before, [{ n: 1, a: "x", b: first.toUpperCase() }]);
  expect(await refusedBy(after)).toEqual([expect.stringContaining("the id is field a")]);
  await rebuild(after);
  expect(await refusedBy(after)).toEqual([]);
  await append(world.log, "ids_anew", [
    { n: 2, a: "x", b: "7c9e6679-7425-40de-944b-e07fc1f90ae7" },
    { n: 3, a: "y", b: first },
  ]);
  await load(after);
  expect(await select(shared.store, "SELECT n FROM ids_anew ORDER BY n")).toEqual([{ n: 1 }, { n: 2 }]);
});

/** A stream whose log has lost its beginning: only the last batch is left. */
async function withoutBeginning(before: Stream, events: readonly object[], last: object): Promise<void> {
  await shared.store.migrate([tableSpec(before)], { dryRun: false });
  world = await openWorld(shared.store, [before]);
  await append(world.log, before.name, events);
  await load(before);
  // Another log in the first one's place, as after an import: its events have another log id.
  await world.close();
  world = await openWorld(shared.store, [before]);
  await append(world.log, before.name, [last]);
  await load(before);
}

test("rows that the log doesn't hold any more are copied", async () => {
  const before = declare("older", z.object({ n: z.int32(), m: z.int32() }));
  const after = declare(
    "older",
    z.object({ n: z.int32(), m: z.int64(), kind: z.string().default("k"), o: z.int32().optional() }),
    {
      orderBy: ["m"],
    },
  );
  await withoutBeginning(
    before,
    [
      { n: 1, m: 1 },
      { n: 2, m: 2 },
    ],
    { n: 3, m: 3 },
  );
  expect(await rebuild(after)).toEqual({ fromLog: 1, copied: 2, rejected: 0, lost: 0, toLoad: 0 });
  expect(await select(shared.store, "SELECT n, m, kind, o FROM older ORDER BY n")).toEqual(
    [1, 2, 3].map((n) => ({ n, m: n, kind: "k", o: null })),
  );
});

test("rows that the log doesn't hold any more and that don't fit are lost only when that is asked for", async () => {
  const before = declare("partial", z.object({ n: z.int64() }));
  const after = declare("partial", z.object({ n: z.int32() }));
  await withoutBeginning(before, [{ n: 1 }, { n: 2 }], { n: 3 });
  await expect(rebuild(after)).rejects.toMatchObject({
    code: "rebuild_refused",
    message: expect.stringContaining("2 rows are older than what the log holds") as string,
  });
  expect(await count("partial")).toBe(3);
  expect(await leftBehind()).toEqual([]);
  expect(await rebuild(after, { allowPartial: true })).toMatchObject({ fromLog: 1, lost: 2 });
  expect(await count("partial")).toBe(1);
});

test.each(["insert", "present", "beginRebuild"] as const)(
  "a rebuild that is cut short at %s changes nothing, and can be run again",
  async (method) => {
    const name = `cut_${method.toLowerCase()}`;
    const before = declare(name, z.object({ n: z.int64() }));
    const after = declare(name, z.object({ n: z.int32() }));
    await loaded(before, [{ n: 1 }, { n: 5_000_000_000 }]);
    await expect(rebuild(after, { store: storeWith(shared.store, { [method]: cutShort }) })).rejects.toThrow(
      "cut short",
    );
    expect(await count(name)).toBe(2);
    await shared.store.migrate([tableSpec(before)], { dryRun: false });
    expect(await leftBehind()).toEqual([]);
    expect(await rebuild(after)).toMatchObject({ fromLog: 1, rejected: 1 });
    expect(await count("_rejected", `stream = '${name}'`)).toBe(1);
  },
);

test("a crash before the tables are exchanged leaves a table that the next start drops, and nobody rejected twice", async () => {
  const before = declare("crashed", z.object({ n: z.int64() }));
  const after = declare("crashed", z.object({ n: z.int32() }));
  await loaded(before, [{ n: 1 }, { n: 5_000_000_000 }]);
  const dying = storeWith(shared.store, {
    async beginRebuild(spec) {
      const anew = await shared.store.beginRebuild(spec);
      if (anew === undefined) return undefined;
      return {
        table: anew.table,
        narrower: anew.narrower,
        countOutside: (ranges) => anew.countOutside(ranges),
        copyOutside: (ranges) => anew.copyOutside(ranges),
        finish: cutShort,
        abandon: async () => {},
      };
    },
  });
  await expect(rebuild(after, { store: dying })).rejects.toThrow("cut short");
  expect(await count("crashed")).toBe(2);
  expect(await leftBehind()).toEqual([expect.stringContaining("drop what a rebuild left behind")]);
  await load(before);
  expect(await count("crashed")).toBe(2);
  expect(await rebuild(after)).toMatchObject({ fromLog: 1, rejected: 1 });
  expect(await count("_rejected", "stream = 'crashed'")).toBe(1);
  expect(await count("crashed")).toBe(1);
});

test("an event that the store itself refuses is kept as rejected", async () => {
  const before = declare("store_refuses", z.object({ n: z.int32(), e: z.string() }));
  const after = declare(
    "store_refuses",
    z.object({ n: z.int32(), e: z.string().meta({ column: "Enum8('ok' = 1)" }) }),
  );
  await loaded(before, [
    { n: 1, e: "ok" },
    { n: 2, e: "no" },
    { n: 3, e: "ok" },
  ]);
  expect(await rebuild(after)).toMatchObject({ fromLog: 2, rejected: 1 });
  expect(await select(shared.store, "SELECT n FROM store_refuses ORDER BY n")).toEqual([{ n: 1 }, { n: 3 }]);
});

test("with another store than the one that was loaded, the next start loads what the log holds", async () => {
  const stream = declare("moved", z.object({ n: z.int32() }));
  await loaded(stream, [{ n: 1 }, { n: 2 }]);
  const other = storeWith(shared.store, { capabilities: { ...shared.store.capabilities, storeId: "other" } });
  expect(await rebuild(stream, { store: other })).toMatchObject({ toLoad: 2, lost: 0 });
  await load(stream, other);
  expect(await count("moved")).toBe(2);
});

test("an id that an event waiting in the log may repeat is kept, however long ago it came", async () => {
  const hour = 3_600_000;
  const stream = declare("late_ids", z.object({ n: z.int32(), id: z.string() }), { id: "id" });
  await shared.store.migrate([tableSpec(stream)], { dryRun: false });
  world = await openWorld(shared.store, [stream]);
  await append(world.log, "late_ids", [{ n: 1, id: "a" }], { acceptedAt: Date.now() - 3 * hour });
  await load(stream);
  // Half an hour after the first.
  await append(world.log, "late_ids", [{ n: 2, id: "a" }], { acceptedAt: Date.now() - 2.5 * hour });
  await rebuild(stream);
  await load(stream);
  expect(await select(shared.store, "SELECT n FROM late_ids")).toEqual([{ n: 1 }]);
});

test("a stream without a table is refused", async () => {
  const stream = declare("tableless", z.object({ n: z.int32() }));
  world = await openWorld(shared.store, [stream]);
  await expect(rebuild(stream)).rejects.toMatchObject({ code: "rebuild_refused" });
});
