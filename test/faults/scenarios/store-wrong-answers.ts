import { setTimeout as sleep } from "node:timers/promises";
import { HeadraceError } from "../../../src/errors.ts";
import { REJECTED_TABLE } from "../../../src/rejected/rejected-table.ts";
import type { PlannedBatch, Store } from "../../../src/store/store.ts";
import { MINUTE } from "../../../src/units.ts";
import { storeWith } from "../../../src/store/store-with.ts";
import { firstHalf } from "../../load/faults.ts";
import { seededRandom, type Random } from "../../support/random.ts";
import type { Scenario } from "../scenario.ts";
import { days, once, openLoadWorld } from "../support/load-world.ts";

const FAULTS = { short: 40, full: 2_000 };
const EVENTS = 60;
const PARTITIONS = 3;
/** In milliseconds: how late an insert commits that its caller has waited for in vain. */
const LATE_MAX = 150;

const FATES = ["well", "before", "half", "after", "late"] as const;

/** The store works, but what it says isn't what it did. */
export const storeWrongAnswers: Scenario = {
  group: "store",
  name: "inserts whose answer isn't what they did",
  what:
    "At random, an insert fails before it does anything, in its middle, or after all of it is stored; or it commits only when its " +
    "caller has waited for long, and then answers with an error; questions about what is there fail too. With and without " +
    "ids. No question and no other insert of a table may begin while an insert of it still runs.",
  async run({ seed, scale, folder, progress, signal }) {
    const world = await openLoadWorld(folder, [days, once]);
    const liar = new Liar(world.store, seededRandom(seed), FAULTS[scale]);
    const loader = world.loader({ store: liar.store });
    await loader.start();
    while (liar.faults < liar.faultsMax) {
      signal.throwIfAborted();
      await Promise.all([days, once].map((stream) => world.append(stream, EVENTS, PARTITIONS)));
      await Promise.all([days, once].map(({ name }) => loader.settled(name, MINUTE)));
      progress(Math.min(liar.faults, liar.faultsMax), liar.faultsMax);
    }
    await loader.stop();
    const judged = await world.judge();
    await world.close();
    const fates = [...liar.fates].map(([fate, count]) => `${count} ${fate}`).join(", ");
    return { ...judged, runs: liar.faults, problems: liar.problems, note: `inserts: ${fates}` };
  },
};

class Liar {
  readonly store: Store;
  readonly faultsMax: number;
  readonly fates = new Map<string, number>();
  readonly problems: string[] = [];
  readonly #real: Store;
  readonly #random: Random;
  /** Tables with an insert that runs. */
  readonly #running = new Set<string>();
  faults = 0;

  constructor(real: Store, random: Random, faultsMax: number) {
    this.#real = real;
    this.#random = random;
    this.faultsMax = faultsMax;
    this.store = storeWith(real, {
      insert: (table, batch) => this.#insert(table, batch),
      present: (table, range) => {
        this.#checkIdle(table, "asked what is there");
        return this.#ask(() => real.present(table, range));
      },
      findIds: (...args) => this.#ask(() => real.findIds(...args)),
    });
  }

  async #insert(table: string, batch: PlannedBatch): Promise<void> {
    if (isShared(table)) return this.#meetFate(table, batch);
    this.#checkIdle(table, "inserted");
    this.#running.add(table);
    try {
      await this.#meetFate(table, batch);
    } finally {
      this.#running.delete(table);
    }
  }

  async #meetFate(table: string, batch: PlannedBatch): Promise<void> {
    const fate = this.faults < this.faultsMax ? (FATES[this.#random.below(FATES.length)] ?? "well") : "well";
    this.fates.set(fate, (this.fates.get(fate) ?? 0) + 1);
    if (fate === "half" && batch.count > 1) await this.#real.insert(table, firstHalf(this.#real, batch));
    if (fate === "late") await sleep(this.#random.below(LATE_MAX));
    if (fate === "well" || fate === "after" || fate === "late") await this.#real.insert(table, batch);
    if (fate === "well") return;
    this.faults += 1;
    throw new HeadraceError("store_failed", `injected: ${fate}`);
  }

  async #ask<Answer>(question: () => Promise<Answer>): Promise<Answer> {
    if (this.faults >= this.faultsMax || !this.#random.chance(0.1)) return question();
    this.faults += 1;
    throw new HeadraceError("store_failed", "injected: no answer");
  }

  #checkIdle(table: string, what: string): void {
    if (this.#running.has(table)) this.problems.push(`${what} while an insert into ${table} ran`);
  }
}

/** All streams insert into the table of rejected events, so that there one says nothing of another. */
function isShared(table: string): boolean {
  return table === REJECTED_TABLE;
}
