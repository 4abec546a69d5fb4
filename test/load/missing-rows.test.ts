import { rm, writeFile, readFile, readdir, cp } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { rebuildTable } from "../../src/load/rebuild/rebuild-table.ts";
import { salvageLog } from "../../src/log/embedded/salvage/salvage-log.ts";
import { RECORD_MAGIC } from "../../src/log/record/record.ts";
import { defineStream } from "../../src/project/define-stream.ts";
import type { Store } from "../../src/store/store.ts";
import { tableSpec } from "../../src/store/table-spec.ts";
import { storeWith } from "../../src/store/store-with.ts";
import { openTestStore, type TestStore } from "../support/test-store.ts";
import { until } from "../support/until.ts";
import { append, emptyStore, offsetsIn, openWorld, select, type World } from "./support.ts";

/** A table of each test's own, since all its rows are counted. */
let counted = declare(0);
let shared: TestStore;
let world: World;
let tables = 0;

function declare(number: number) {
  return defineStream(`counted${number}`, {
    schema: z.object({ n: z.int32(), text: z.string().optional() }),
    freshness: "50 ms",
    table: { orderBy: ["n"] },
  });
}

beforeAll(async () => {
  shared = await openTestStore([]);
});
afterAll(() => shared.destroy());
beforeEach(async () => {
  counted = declare((tables += 1));
  await shared.store.migrate([tableSpec(counted)], { dryRun: false });
  world = await openWorld(shared.store, [counted]);
});
afterEach(() => world.close());

/** Rows go without the loader's knowledge, as with a part that vanishes. */
const vanish = (where: string) => shared.store.erase(counted.name, { where }, { dryRun: false });
const table = () => offsetsIn(shared.store, counted.name, world.log.status(counted.name, 0).end.log);
const upTo = (count: number) => Array.from({ length: count }, (_, offset) => offset);

/** A run of a loader that loads these batches of ten events; gives its state at the end. */
async function run(batches = 0, store: Store = shared.store): Promise<string> {
  const loader = world.loader({ store });
  await loader.start();
  const { state, reason } = loader.status(counted.name);
  if (state === "stopped") {
    await loader.stop();
    return reason ?? "";
  }
  for (let batch = 0; batch < batches; batch++) {
    const { offset } = world.log.status(counted.name, 0).end;
    await append(
      world.log,
      counted.name,
      upTo(10).map((n) => ({ n: offset + n, text: "x".repeat(400) })),
    );
    await until(() => loader.status(counted.name).lagEvents === 0);
  }
  await until(() => loader.status(counted.name).lagEvents === 0);
  await loader.stop();
  return "";
}

/** As `headrace rebuild` on a folder whose server is stopped. */
const rebuild = (allowPartial: boolean) =>
  rebuildTable({
    log: world.log,
    store: shared.store,
    stream: counted,
    spec: tableSpec(counted),
    folder: join(world.folder, "load"),
    allowPartial,
  });

test("rows that vanish from before the latest inserts are noticed at the next start and loaded again, once", async () => {
  await run(20);
  await vanish("n >= 10 AND n < 15");
  expect(await table()).toHaveLength(195);
  await run();
  expect(await table()).toEqual(upTo(200));
  await run(1);
  expect(await table()).toEqual(upTo(210));
});

test("a crash before rows are loaded again leaves nothing doubled or forgotten", async () => {
  await run(20);
  await vanish("n < 100");
  // It notices, and ends before it has loaded anything.
  const loader = world.loader({ store: failingInserts(shared.store) });
  await loader.start();
  await until(() => loader.status(counted.name).state === "retrying");
  await loader.stop();
  await run();
  expect(await table()).toEqual(upTo(200));
});

test("rows that were erased, or reset, aren't missed", async () => {
  const loader = world.loader();
  await loader.start();
  for (let n = 0; n < 3; n++) await append(world.log, counted.name, [{ n }]);
  await until(() => loader.status(counted.name).lagEvents === 0);
  await loader.erase(counted.name, { kind: "some", where: "n = 1" }, 10_000);
  await loader.stop();
  await run();
  expect(await table()).toEqual([0, 2]);
  await run(1);
  expect(await table()).toHaveLength(12);
});

test("rows that vanish and that the log has dropped stop the stream; a rebuild that is told to goes on with what there is", async () => {
  await world.close();
  world = await openWorld(shared.store, [counted], { segmentBytes: 4096, retention: { bytes: 1 } });
  await run(20);
  await until(() => world.log.status(counted.name, 0).first.offset > 0);
  const { first, end } = world.log.status(counted.name, 0);
  await vanish(`n < 5 OR n = ${end.offset - 1}`);
  expect(await run()).toBe(
    `store_mismatch: ${counted.name}: 6 rows that were stored are missing, and the log begins at offset ${first.offset}: what it lacks can't be loaded again`,
  );
  await expect(rebuild(false)).rejects.toMatchObject({ code: "rebuild_refused" });
  expect(await rebuild(true)).toMatchObject({ lost: 5, toLoad: end.offset - first.offset });
  expect(await run()).toBe("");
  expect(await table()).toEqual(upTo(200).filter((offset) => offset >= 5));
  expect(await run(1)).toBe("");
});

test("a log that a salvage has left with gaps isn't taken for the whole one when the store is emptied", async () => {
  await run(3);
  const folder = join(world.folder, "log", counted.name);
  await world.reopenLog(async () => {
    const [name = ""] = (await readdir(folder)).filter((one) => one.endsWith(".log"));
    const bytes = await readFile(join(folder, name));
    const second = bytes.indexOf(RECORD_MAGIC, bytes.indexOf(RECORD_MAGIC) + 1);
    bytes[second + 80] = (bytes[second + 80] ?? 0) ^ 1;
    await writeFile(join(folder, name), bytes);
    const assumption = { schema: counted.schema, accepts: () => false, positions: [] };
    await salvageLog({ stream: counted.name, folder, assumption, mark: "1" });
  });
  expect(await run(1)).toBe("");
  // What was loaded before it was lost from the log is in the table, and stays there when that is made anew.
  const places = () => select(shared.store, `SELECT n, _log FROM ${counted.name} ORDER BY n`);
  const before = await places();
  expect(before.map(({ n }) => n)).toEqual(upTo(40));
  expect(await rebuild(false)).toMatchObject({ fromLog: 30, copied: 10, lost: 0 });
  expect(await places()).toEqual(before);
  expect(await run(0, emptyStore(shared.store, "another"))).toBe(
    `store_mismatch: ${counted.name}: the store was emptied or replaced, and the log lacks 10 offsets since a salvage: what it lacks can't be loaded again`,
  );
});

test("a log that lost a tail which was loaded tells the lag of what comes next, and loads it", async () => {
  await run(2);
  const before = world.log.status(counted.name, 0).end;
  const folder = join(world.folder, "log", counted.name);
  await world.reopenLog(async () => {
    const [name = ""] = (await readdir(folder)).filter((one) => one.endsWith(".log"));
    const bytes = await readFile(join(folder, name));
    await writeFile(join(folder, name), bytes.subarray(0, -3));
  });
  const { end } = world.log.status(counted.name, 0);
  expect(end).toMatchObject({ offset: 10, log: expect.not.stringMatching(before.log) });
  const loader = world.loader({ store: failingInserts(shared.store) });
  await loader.start();
  await append(world.log, counted.name, [{ n: 1 }]);
  expect(loader.status(counted.name)).toMatchObject({ loaded: end, lagEvents: 1 });
  expect(await loader.settled(counted.name, 50)).toBe(false);
  await loader.stop();
  await run();
  expect(await offsetsIn(shared.store, counted.name, before.log)).toEqual(upTo(20));
  expect(await table()).toEqual([10]);
});

test("store and ledger that are older than what the log still holds stop the stream", async () => {
  await world.close();
  world = await openWorld(shared.store, [counted], { segmentBytes: 4096, retention: { bytes: 1 } });
  await run(1);
  const ledgers = join(world.folder, "load");
  await cp(ledgers, join(world.folder, "older"), { recursive: true });
  await run(20);
  await until(() => world.log.status(counted.name, 0).first.offset > 20);
  await vanish("n >= 10");
  await rm(ledgers, { recursive: true });
  await cp(join(world.folder, "older"), ledgers, { recursive: true });
  expect(await run()).toMatch(
    /^store_mismatch: counted\d+: nothing of the offsets 10 to \d+ is stored, and the log doesn't hold them any more/,
  );
});

test("a ledger alone that is older than what the log still holds loads nothing twice", async () => {
  await world.close();
  world = await openWorld(shared.store, [counted], { segmentBytes: 4096, retention: { bytes: 1 } });
  await run(1);
  const ledgers = join(world.folder, "load");
  await cp(ledgers, join(world.folder, "older"), { recursive: true });
  await run(20);
  await until(() => world.log.status(counted.name, 0).first.offset > 20);
  await rm(ledgers, { recursive: true });
  await cp(join(world.folder, "older"), ledgers, { recursive: true });
  expect(await run(1)).toBe("");
  expect(await table()).toEqual(upTo(220));
});

const failingInserts = (store: Store): Store =>
  storeWith(store, { insert: () => Promise.reject(new Error("no inserts here")) });
