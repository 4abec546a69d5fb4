import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { PlannedBatch, Store } from "../../../src/store/store.ts";
import { MINUTE } from "../../../src/units.ts";
import { storeWith } from "../../../src/store/store-with.ts";
import { seededRandom } from "../../support/random.ts";
import type { Scenario } from "../scenario.ts";
import { days, once, openLoadWorld } from "../support/load-world.ts";
import { openSaboteur } from "../support/saboteur.ts";

const KILLS = { short: 5, full: 300 };
const EVENTS = 2_000;
/** More than the engine lets into one insert by itself (error 252). */
const PARTITIONS = 110;
/** In milliseconds: about what such an insert takes. */
const LONGEST_WAIT = 500;

/** Ends inserts in the engine itself, from another of its sessions. */
export const storeKilledInserts: Scenario = {
  group: "store",
  name: "inserts that the engine ends at a random moment",
  what:
    `Batches that fall into ${PARTITIONS} partitions of a table, of which the engine commits one after the other, with and ` +
    "without ids. Another session of the engine ends the insert at a random moment (KILL QUERY), so that some of the partitions " +
    "are there and others not. What is present when the insert has failed must still be all that is present later.",
  async run({ seed, scale, folder, progress, signal }) {
    const random = seededRandom(seed);
    const world = await openLoadWorld(folder, [days, once]);
    const saboteur = await openSaboteur(join(folder, "store"));
    const kills = KILLS[scale];
    const tally = { killed: 0, partial: 0, late: 0 };
    const store = storeWith(world.store, {
      async insert(table, batch) {
        if (tally.killed >= kills) return world.store.insert(table, batch);
        const present = () => countPresent(world.store, table, batch);
        const had = await present();
        const insert = world.store.insert(table, batch);
        const failed = insert.then(
          () => false,
          () => true,
        );
        await Promise.race([sleep(random.below(LONGEST_WAIT)), failed]);
        await saboteur.killInserts();
        if (await failed) {
          tally.killed += 1;
          progress(tally.killed, kills);
          const left = await present();
          if (left > had && left < had + batch.count) tally.partial += 1;
          // An insert that still runs would go on in this time.
          await sleep(50);
          if ((await present()) !== left) tally.late += 1;
        }
        return insert;
      },
    });
    const loader = world.loader({ store });
    await loader.start();
    while (tally.killed < kills) {
      signal.throwIfAborted();
      await Promise.all([days, once].map((stream) => world.append(stream, EVENTS, PARTITIONS)));
      await Promise.all([days, once].map(({ name }) => loader.settled(name, 2 * MINUTE)));
    }
    await loader.stop();
    const judged = await world.judge();
    await saboteur.close();
    await world.close();
    const { killed, partial, late } = tally;
    return {
      ...judged,
      runs: killed,
      problems: [
        ...(late > 0 ? [`${late} inserts that had failed committed more afterwards`] : []),
        ...(partial === 0 ? ["no insert was ended in its middle"] : []),
      ],
      note: `${partial} of the inserts had stored a part of their rows`,
    };
  },
};

/** Rows of the range that a batch lies in. */
async function countPresent(store: Store, table: string, batch: PlannedBatch): Promise<number> {
  const { log, partition, offsets } = batch;
  const range = { log, partition, from: offsets[0] ?? 0, to: (offsets.at(-1) ?? 0) + 1 };
  return (await store.present(table, range)).reduce((sum, { from, to }) => sum + to - from, 0);
}
