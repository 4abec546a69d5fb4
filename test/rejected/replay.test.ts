import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import type { Loader } from "../../src/load/load.ts";
import { compileValidator } from "../../src/project/compile-stream.ts";
import { defineStream } from "../../src/project/define-stream.ts";
import { listRejected } from "../../src/rejected/list-rejected.ts";
import { encodeRejected } from "../../src/rejected/rejected-event.ts";
import { replayRejected, type ReplayDeps, type ReplayOptions } from "../../src/rejected/replay.ts";
import { append, openWorld, plain, select, type World } from "../load/support.ts";
import { FaultyWorld } from "../load/faults.ts";
import { openTestStore, type TestStore } from "../support/test-store.ts";

const TIMEOUT = 20_000;
/** The schema after the fix: numbers in text are taken too. */
const fixed = compileValidator(
  defineStream("plain", {
    schema: z.object({ n: z.int64(), text: z.string().optional() }),
    table: { orderBy: ["n"] },
  }),
);

let shared: TestStore;
let world: World;
let loader: Loader;

beforeAll(async () => {
  shared = await openTestStore([plain]);
});
afterAll(() => shared.destroy());
beforeEach(async () => {
  world = await openWorld(shared.store, [plain]);
  loader = world.loader();
  await loader.start();
  // The table is shared: each test begins without rejected events of another.
  await shared.store.erase("_rejected", { equal: { stream: "plain" } }, { dryRun: false });
});
afterEach(async () => {
  await loader.stop();
  await world.close();
});

async function replay(options: Partial<ReplayOptions> = {}, deps: Partial<ReplayDeps> = {}) {
  return replayRejected(
    { store: shared.store, log: world.log, loader, ...deps },
    {
      stream: "plain",
      validator: fixed,
      selection: { before: Date.parse("9999-01-01") },
      ...options,
    },
  );
}

async function storedNumbers(): Promise<number[]> {
  const { log } = world.log.status("plain", 0).end;
  const rows = await select(shared.store, `SELECT n FROM plain WHERE _log = '${log}' ORDER BY n`);
  return rows.map((row) => Number(row["n"]));
}

const listedEvents = async () =>
  (await listRejected(shared.store, { stream: "plain", limit: 1000 })).data.map(
    ({ event }) => JSON.parse(event) as unknown,
  );

test("what passes now is stored and no longer listed; the rest stays, with today's reasons in the answer", async () => {
  await append(world.log, "plain", [{ n: 1 }], { rejected: ['{"n":"2"}', '{"n":"x"}', '{"n":"3"}', "{bad"] });
  const answer = await replay();
  expect(answer).toMatchObject({ replayed: 2, still_rejected: 2, next: null });
  expect(answer.errors.map(({ path }) => path)).toEqual(["/n", ""]);
  expect(await storedNumbers()).toEqual([1, 2, 3]);
  expect(await listedEvents()).toEqual(["{bad", { n: "x" }]);
});

test("an event is replayed once, however often it is asked for", async () => {
  await append(world.log, "plain", [], { rejected: ['{"n":"2"}', '{"n":"3"}'] });
  await loader.settled("plain", TIMEOUT);
  const ids = (await listRejected(shared.store, { stream: "plain" })).data.map(({ id }) => id);
  expect(await replay({ selection: { ids: ids.slice(0, 1) } })).toMatchObject({ replayed: 1 });
  expect(await replay({ selection: { ids } })).toMatchObject({ replayed: 1, still_rejected: 0 });
  expect(await replay({ selection: { ids } })).toMatchObject({ replayed: 0, still_rejected: 0 });
  expect(await storedNumbers()).toEqual([2, 3]);
});

test("code and before select, and a limit gives the way to go on", async () => {
  const start = Date.now();
  for (let n = 0; n < 5; n++) {
    await append(world.log, "plain", [], {
      rejected: [`{"n":"${n}"}`],
      acceptedAt: start - 10_000 + n * 1_000,
    });
  }
  expect(await replay({ selection: { code: "other" } })).toMatchObject({ replayed: 0, still_rejected: 0 });
  expect(await replay({ selection: { before: start - 9_000 } })).toMatchObject({ replayed: 1 });
  const first = await replay({ selection: { code: "invalid_type" }, limit: 3 });
  expect(first.replayed).toBe(3);
  const cursor = first.next ?? "";
  expect(await replay({ selection: { code: "invalid_type" }, limit: 3, cursor })).toMatchObject({
    replayed: 1,
    next: null,
  });
  expect(await storedNumbers()).toEqual([0, 1, 2, 3, 4]);
  await expect(replay({ cursor: "?" })).rejects.toMatchObject({ details: { parameter: "cursor" } });
  await expect(replay({ selection: { ids: ["x"] } })).rejects.toMatchObject({
    details: { parameter: "ids" },
  });
});

test("what the store refuses again is rejected once more, and not tried again by the same replay", async () => {
  // The validator lets through what no Int32 holds.
  await append(world.log, "plain", [], { rejected: ['{"n":"2"}', '{"n":"late"}'] });
  const lenient = { validate: (): true => true };
  const answer = await replay({ validator: lenient });
  expect(answer).toMatchObject({ replayed: 1, still_rejected: 1, next: null });
  expect(await listedEvents()).toEqual([{ n: "late" }]);
});

test("a crash between log and store loses no mark: the event isn't replayed again after the next start", async () => {
  await append(world.log, "plain", [], { rejected: ['{"n":"2"}', '{"n":"3"}'] });
  expect(await loader.settled("plain", TIMEOUT)).toBe(true);
  await loader.stop();
  for (let step = 0; step < 40; step++) {
    for (const moment of ["before", "after"] as const) {
      const faulty = new FaultyWorld(world.log, shared.store, { step, moment, dies: true });
      const dying = world.loader({ log: faulty.log, store: faulty.store, ledgerFile: faulty.ledgerFile });
      const replayed = dying.start().then(() => replay({}, { loader: dying }));
      replayed.catch(() => {});
      await Promise.race([replayed, faulty.died]);
      // It may still die at a step of its stop.
      if (!faulty.isDead) await Promise.race([dying.stop(), faulty.died]);
      const died = faulty.isDead;
      await faulty.bury();
      loader = world.loader();
      await loader.start();
      await replay();
      expect({ step, moment, stored: await storedNumbers() }).toEqual({ step, moment, stored: [2, 3] });
      expect(await listedEvents()).toEqual([]);
      await loader.stop();
      if (!died) return;
      // Another round with fresh events and a fresh log.
      await world.close();
      world = await openWorld(shared.store, [plain]);
      loader = world.loader();
      await loader.start();
      await append(world.log, "plain", [], { rejected: ['{"n":"2"}', '{"n":"3"}'] });
      expect(await loader.settled("plain", TIMEOUT)).toBe(true);
      await loader.stop();
    }
  }
  throw new Error("the loader takes more steps than are tried");
}, 120_000);

test("an event of which only the beginning was kept stays rejected", async () => {
  const raw = Buffer.concat([Buffer.from('{"n":"1"}'), Buffer.alloc(100_000, " ")]);
  const errors = [{ path: "", code: "too_large", message: "too large" }];
  await world.log.append("plain", {
    acceptedAt: Date.now(),
    events: { count: 0, bytes: [] },
    rejected: { count: 1, bytes: [encodeRejected({ stream: "plain", raw, errors })] },
  });
  expect(await replay()).toMatchObject({ replayed: 0, still_rejected: 1 });
});

test("a replay of more than one page brings each event once, in the order of their acceptance, and ends", async () => {
  const count = 2_500;
  const rejected = Array.from({ length: count }, (_, n) => (n % 500 === 7 ? '{"n":"x"}' : `{"n":"${n}"}`));
  await append(world.log, "plain", [], { rejected });
  const asked: number[] = [];
  const answer = await replay({
    validator: {
      validate(buffer: Buffer, start: number, end: number) {
        const { n } = JSON.parse(buffer.toString("utf8", start, end)) as { n: string };
        if (n !== "x") asked.push(Number(n));
        return fixed.validate(buffer, start, end);
      },
    },
  });
  expect(answer).toMatchObject({ replayed: count - 5, still_rejected: 5, next: null });
  expect(asked).toEqual(asked.toSorted((one, other) => one - other));
  expect(await storedNumbers()).toEqual(asked);
  expect(await replay()).toMatchObject({ replayed: 0, still_rejected: 5, next: null });
});
