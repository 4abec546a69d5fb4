import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { HeadraceError } from "../../src/errors.ts";
import type { Loader } from "../../src/load/load.ts";
import { REJECTED_TABLE } from "../../src/rejected/rejected-table.ts";
import { storeWith } from "../../src/store/store-with.ts";
import { openTestStore, type TestStore } from "../support/test-store.ts";
import { until } from "../support/until.ts";
import { FaultyWorld, type Moment } from "./faults.ts";
import { append, emptyStore, offsetsIn, openWorld, otherLog, plain, unique, type World } from "./support.ts";

const TIMEOUT = 20_000;

let shared: TestStore;
let world: World;
let loader: Loader | undefined;

beforeAll(async () => {
  shared = await openTestStore([plain, unique]);
});
afterAll(() => shared.destroy());
beforeEach(async () => {
  world = await openWorld(shared.store, [plain, unique]);
});
afterEach(async () => {
  await loader?.stop();
  loader = undefined;
  await world.close();
});

async function start(options: Parameters<World["loader"]>[0] = {}): Promise<Loader> {
  loader = world.loader(options);
  await loader.start();
  return loader;
}

const logOf = (stream: string) => world.log.status(stream, 0).end.log;
const numbers = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, index) => ({ n: from + index }));

test("rows that were accepted before go, later ones that fit stay, and counts and version say so", async () => {
  const load = await start();
  await append(world.log, "plain", numbers(0, 10));
  const before = load.version("plain");
  expect(await load.erase("plain", { kind: "some", where: "n < 4" }, TIMEOUT)).toEqual({
    rows: 4,
    rejected: 0,
  });
  expect(load.version("plain")).toBeGreaterThan(before);
  await append(world.log, "plain", numbers(0, 2));
  expect(await load.settled("plain", TIMEOUT)).toBe(true);
  expect(await offsetsIn(shared.store, "plain", logOf("plain"))).toEqual([4, 5, 6, 7, 8, 9, 10, 11]);
});

test("rejected events go by a text in them, and no others", async () => {
  const load = await start();
  await append(world.log, "plain", [], { rejected: ['{"n":"ann"}', '{"n":"bob"}', '{"n":"ann?"}'] });
  const counts = await load.erase("plain", { kind: "some", rejected: '"ann"' }, TIMEOUT);
  expect(counts).toEqual({ rows: 0, rejected: 1 });
  expect(await offsetsIn(shared.store, REJECTED_TABLE, logOf("plain"))).toEqual([1, 2]);
});

test("an erased event's id may come again", async () => {
  const load = await start();
  await append(world.log, "unique", [{ id: `e-${logOf("unique")}`, n: 1 }]);
  await load.erase("unique", { kind: "some", where: "n = 1" }, TIMEOUT);
  await append(world.log, "unique", [{ id: `e-${logOf("unique")}`, n: 2 }]);
  expect(await load.settled("unique", TIMEOUT)).toBe(true);
  expect(await offsetsIn(shared.store, "unique", logOf("unique"))).toEqual([1]);
});

test("a condition takes the rejected events for which it is true too, as far as their fields can be read", async () => {
  const load = await start();
  const rejected = [
    '{"n":"1","text":7}',
    '{"n":1,"event":"x"}',
    '{"n":"one"}',
    '{"m":1}',
    '{"n":2,"text":"1"}',
    "{n:1}",
    "[1]",
    '{"n":null,"text":"n = 1"}',
  ];
  await append(world.log, "plain", numbers(0, 3), { rejected });
  await append(world.log, "unique", [], { rejected: ['{"n":1}'] });
  for (const stream of ["plain", "unique"]) expect(await load.settled(stream, TIMEOUT)).toBe(true);
  expect(await load.erase("plain", { kind: "some", where: "n = 1" }, TIMEOUT)).toMatchObject({ rejected: 2 });
  expect(await offsetsIn(shared.store, REJECTED_TABLE, logOf("plain"))).toEqual([5, 6, 7, 8, 9, 10]);
  expect(await offsetsIn(shared.store, REJECTED_TABLE, logOf("unique"))).toEqual([0]);
  const rest = { kind: "some", where: "text = '1' OR n = 2", rejected: '"m":1' } as const;
  expect(await load.erase("plain", rest, TIMEOUT)).toMatchObject({ rejected: 2 });
  expect(await offsetsIn(shared.store, REJECTED_TABLE, logOf("plain"))).toEqual([5, 8, 9, 10]);
  // The table is shared.
  for (const stream of ["plain", "unique"]) await load.erase(stream, { kind: "all" }, TIMEOUT);
});

test("a reset takes everything, what isn't loaded yet too, and what comes later is stored", async () => {
  const load = await start();
  await append(world.log, "unique", [{ id: `r-${logOf("unique")}`, n: 1 }], { rejected: ['{"n":"x"}'] });
  expect(await load.settled("unique", TIMEOUT)).toBe(true);
  const counts = await load.erase("unique", { kind: "all" }, TIMEOUT);
  // The table has rows of other tests' logs too.
  expect(counts?.rows).toBeGreaterThanOrEqual(1);
  expect(counts?.rejected).toBe(1);
  await load.stop();
  await append(world.log, "unique", [{ id: `r-${logOf("unique")}`, n: 2 }]);
  const again = await start();
  expect(await again.settled("unique", TIMEOUT)).toBe(true);
  expect(await offsetsIn(shared.store, "unique", logOf("unique"))).toEqual([2]);
  expect(await offsetsIn(shared.store, REJECTED_TABLE, logOf("unique"))).toEqual([]);
});

test("erased rows are not taken for lost ones at the next start", async () => {
  const load = await start();
  await append(world.log, "plain", numbers(0, 10));
  await load.erase("plain", { kind: "some", where: "n < 10" }, TIMEOUT);
  await load.stop();
  const again = await start();
  expect(again.status("plain")).toMatchObject({ state: "running", loaded: { offset: 10 } });
  expect(await offsetsIn(shared.store, "plain", logOf("plain"))).toEqual([]);
});

test("when the store is lost, what was erased or reset isn't brought back from the log", async () => {
  const load = await start();
  await append(world.log, "plain", numbers(0, 4));
  await load.erase("plain", { kind: "all" }, TIMEOUT);
  await append(world.log, "plain", numbers(4, 10));
  await load.erase("plain", { kind: "some", where: "n < 7" }, TIMEOUT);
  await append(world.log, "plain", numbers(5, 6));
  expect(await load.settled("plain", TIMEOUT)).toBe(true);
  await load.stop();
  const log = logOf("plain");
  const renamed = emptyStore(shared.store, "another");
  const store = storeWith(renamed, {
    erase: (table, rows, options) =>
      shared.store.erase(
        table,
        rows.until === undefined
          ? rows
          : { ...rows, until: { ...rows.until, log: otherLog(rows.until.log) } },
        options,
      ),
  });
  const again = await start({ store });
  expect(await again.settled("plain", TIMEOUT)).toBe(true);
  await until(async () => (await offsetsIn(shared.store, "plain", otherLog(log))).length === 4);
  expect(await offsetsIn(shared.store, "plain", otherLog(log))).toEqual([7, 8, 9, 10]);
});

test("a condition that fails on a later row ends with an error, and loading goes on", async () => {
  let failing = true;
  const store = storeWith(shared.store, {
    erase: async (...args) => {
      if (failing) throw new HeadraceError("condition_invalid", "not for this row");
      return shared.store.erase(...args);
    },
  });
  const load = await start({ store });
  await append(world.log, "plain", numbers(0, 2));
  await expect(load.erase("plain", { kind: "some", where: "n = 1" }, TIMEOUT)).rejects.toMatchObject({
    code: "condition_invalid",
  });
  failing = false;
  await append(world.log, "plain", numbers(2, 3));
  expect(await load.settled("plain", TIMEOUT)).toBe(true);
  expect(await offsetsIn(shared.store, "plain", logOf("plain"))).toEqual([0, 1, 2]);
});

test("what can't be done in time is decided all the same, and done later", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const store = storeWith(shared.store, {
    erase: async (...args) => {
      await promise;
      return shared.store.erase(...args);
    },
  });
  const load = await start({ store });
  await append(world.log, "plain", numbers(0, 3));
  expect(await load.settled("plain", TIMEOUT)).toBe(true);
  expect(await load.erase("plain", { kind: "some", where: "n = 1" }, 200)).toBeUndefined();
  await expect(load.erase("plain", { kind: "some", where: "n = 2" }, 50)).rejects.toMatchObject({
    code: "overloaded",
  });
  resolve();
  await until(async () => (await offsetsIn(shared.store, "plain", logOf("plain"))).length === 2);
  // The request that gave up keeps nobody from loading.
  await append(world.log, "plain", numbers(3, 4));
  expect(await load.settled("plain", TIMEOUT)).toBe(true);
  await load.stop();
  await expect(load.erase("plain", { kind: "all" }, TIMEOUT)).rejects.toMatchObject({ code: "draining" });
});

const SOME = { kind: "some", where: "n % 2 = 0", rejected: "even" } as const;
const ALL = { kind: "all" } as const;

/** Erases in a world that dies at a step, and gives the steps that were taken and what is left after another start. */
async function eraseAndDie(what: typeof SOME | typeof ALL, fault: { step: number; moment: Moment }) {
  const own = await openWorld(shared.store, [plain]);
  const { log } = own.log.status("plain", 0).end;
  const first = own.loader();
  await first.start();
  await append(own.log, "plain", numbers(0, 6), { rejected: ['{"n":"even"}', '{"n":"odd"}'] });
  expect(await first.settled("plain", TIMEOUT)).toBe(true);
  await first.stop();

  const faulty = new FaultyWorld(own.log, shared.store, { ...fault, dies: true });
  const dying = own.loader({ log: faulty.log, store: faulty.store, ledgerFile: faulty.ledgerFile });
  const erased = dying.start().then(() => dying.erase("plain", what, TIMEOUT));
  erased.catch(() => {});
  await Promise.race([erased, faulty.died]);
  // What comes after the erasing may be where it dies.
  if (!faulty.isDead) await Promise.race([dying.stop(), faulty.died]);
  await faulty.bury();

  await append(own.log, "plain", numbers(0, 2));
  const last = own.loader();
  await last.start();
  expect(await last.settled("plain", TIMEOUT)).toBe(true);
  // A pending erasure comes before anything that is loaded, so this one is behind it.
  await last.erase("plain", { kind: "some", where: "n = 100" }, TIMEOUT);
  await last.stop();
  const left = {
    rows: await offsetsIn(shared.store, "plain", log),
    rejected: await offsetsIn(shared.store, REJECTED_TABLE, log),
  };
  await own.close();
  return { steps: faulty.steps, died: faulty.isDead, left };
}

for (const [what, gone] of [
  [SOME, { rows: [1, 3, 5, 8, 9], rejected: [7] }],
  [ALL, { rows: [8, 9], rejected: [] }],
] as const) {
  test(`${what.kind}: a crash at any step leaves all erased or, before it was decided, nothing; later rows stay`, async () => {
    const { steps, left } = await eraseAndDie(what, { step: Infinity, moment: "before" });
    expect(left).toEqual(gone);
    const decided = steps.findIndex((name) => name.startsWith("erase ")) - 1;
    expect(steps[decided]).toMatch(/^ledger\./);
    expect(steps.slice(decided)).toEqual(expect.arrayContaining(["erase plain", "erase _rejected"]));
    const faults = steps.flatMap((name, step) =>
      step >= decided && /^(erase|ledger\.|log\.commit)/.test(name)
        ? (["before", "after"] as const).map((moment) => ({ step, moment }))
        : [],
    );
    // One after the other: an erasure takes the rows of other logs in the table too.
    for (const fault of faults) {
      const run = await eraseAndDie(what, fault);
      const isDecided = fault.step > decided || fault.moment === "after";
      const kept = { rows: [0, 1, 2, 3, 4, 5, 8, 9], rejected: [6, 7] };
      expect({ fault, died: run.died, ...run.left }).toEqual({
        fault,
        died: true,
        ...(isDecided ? gone : kept),
      });
    }
  }, 120_000);
}
