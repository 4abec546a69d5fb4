import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { HeadraceError } from "../../src/errors.ts";
import type { Loader } from "../../src/load/load.ts";
import { defineStream } from "../../src/project/define-stream.ts";
import { tableSpec } from "../../src/store/table-spec.ts";
import { openTestStore, type TestStore } from "../support/test-store.ts";
import { until } from "../support/until.ts";
import { FaultyWorld, type Fault, type Moment } from "./faults.ts";
import { append, offsetsIn, openWorld, select } from "./support.ts";

let shared: TestStore;
beforeAll(async () => {
  shared = await openTestStore([]);
});
afterAll(() => shared.destroy());

const declare = (name: string, n: z.ZodType) =>
  defineStream(name, {
    schema: z.object({ n, id: z.string() }),
    id: { field: "id", window: "1 hour" },
    freshness: "50 ms",
    table: { orderBy: ["n"] },
  });

let names = 0;

/** Tables for so many runs. At once, since a start takes what it finds of rebuilds for left over, and these share a store. */
async function makeTables(count: number): Promise<string[]> {
  const made = Array.from({ length: count }, () => `faults_${names++}`);
  await shared.store.migrate(
    made.map((name) => tableSpec(declare(name, z.int64()))),
    { dryRun: false },
  );
  return made;
}

/**
 * Events 0 to 5 are loaded under an earlier declaration: 1 doesn't fit today's, 2 repeats 0, 3 is erased. Then the table is made
 * anew while 6 to 8 come: 6 repeats 0, 7 has the id of 1, 8 that of 3. At the fault the process dies and another takes over, or
 * goes on by itself. Gives the steps that were taken, from the rebuild on.
 */
async function run(name: string, fault: Fault): Promise<string[]> {
  const [before, after] = [declare(name, z.int64()), declare(name, z.int32())];
  const world = await openWorld(shared.store, [before]);
  const opened: Loader[] = [];
  const open = async (options: Parameters<typeof world.loader>[0]) => {
    const loader = world.loader({ log: world.log, streams: [after], ...options });
    opened.push(loader);
    await loader.start();
    return loader;
  };
  let faulty: FaultyWorld | undefined;
  try {
    const first = await open({ streams: [before] });
    await append(world.log, name, [
      { n: 1, id: "a" },
      { n: 5_000_000_000, id: "b" },
      { n: 2, id: "a" },
      { n: 3, id: "c" },
    ]);
    await append(world.log, name, [
      { n: 4, id: "d" },
      { n: 5, id: "e" },
    ]);
    expect(await first.settled(name, 20_000)).toBe(true);
    await first.erase(name, { kind: "some", where: "n = 3" }, 20_000);
    await first.stop();
    await world.reopenLog(undefined, [after]);

    const armed = { ...fault, step: Infinity };
    faulty = new FaultyWorld(world.log, shared.store, armed);
    const { log, store, ledgerFile } = faulty;
    const second = await open({ log, store, ledgerFile });
    const begins = faulty.steps.length;
    armed.step = begins + fault.step;
    const isOver = await Promise.race([scenario(second, name, world.log), faulty.died]);
    const steps = faulty.steps.slice(begins);
    if (isOver === "died") {
      // A start ends what is left over; so does this, and only for this stream.
      await (await shared.store.beginRebuild(tableSpec(after)))?.abandon();
      await world.reopenLog(undefined, [after]);
      await scenario(await open({}), name, world.log);
    }
    const { log: id } = world.log.status(name, 0).end;
    const found = {
      table: await offsetsIn(shared.store, name, id),
      rejected: await offsetsIn(shared.store, "_rejected", id),
      // The same position may stand there twice: what an insert may have left out is stored again.
      ids: (
        await select(shared.store, `SELECT id FROM _ids_${name} GROUP BY id, log, offset ORDER BY id`)
      ).map((row) => row["id"]),
    };
    expect({ found, fault, steps }).toMatchObject({
      found: { table: [0, 4, 5, 7, 8], rejected: [1], ids: ["a", "b", "c", "d", "e"] },
    });
    return steps;
  } finally {
    // What dies doesn't stop; it may do so only now.
    const stopOf = (loader: Loader) =>
      loader === opened[1] ? Promise.race([loader.stop(), faulty?.died]) : loader.stop();
    await Promise.all(opened.map(stopOf));
    await faulty?.bury();
    await world.close();
  }
}

/** Rebuilds until it is done, then the later events come, those that aren't there yet. */
async function scenario(loader: Loader, name: string, log: Parameters<typeof append>[0]): Promise<"over"> {
  await until(async () => {
    try {
      const { ended } = await loader.rebuilds.begin(name, { allowPartial: false });
      return (await ended).state === "done";
    } catch (error) {
      if (error instanceof HeadraceError) return false;
      throw error;
    }
  });
  const later = [
    { n: 6, id: "a" },
    { n: 7, id: "b" },
    { n: 8, id: "c" },
  ];
  const { end } = log.status(name, 0);
  if (end.offset < 9) await append(log, name, later.slice(end.offset - 6));
  expect(await loader.settled(name, 20_000)).toBe(true);
  await until(async () => (await log.cursor(name, 0, "loader")).offset === 9);
  return "over";
}

/** Worlds at one time. */
const LANES = 6;

for (const dies of [true, false]) {
  const what = dies ? "a crash" : "an error";
  test(
    `${what} at any step of a rebuild, before or after its effect, leaves the old table or the new one, and each event in one place`,
    { timeout: 240_000 },
    async () => {
      const [name = ""] = await makeTables(1);
      const steps = await run(name, { step: Infinity, moment: "before", dies });
      expect(steps).toEqual(
        expect.arrayContaining([
          "beginRebuild",
          "countOutside",
          "log.commit",
          "ledger.replace",
          "finish",
          "insert _rejected",
        ]),
      );
      const faults = steps.flatMap((_, step) =>
        (["before", "after"] satisfies Moment[]).map((moment) => ({ step, moment, dies })),
      );
      const tables = await makeTables(faults.length);
      const lane = async () => {
        for (let fault = faults.pop(); fault !== undefined; fault = faults.pop()) {
          await run(tables.pop() ?? "", fault);
        }
      };
      await Promise.all(Array.from({ length: LANES }, lane));
    },
  );
}
