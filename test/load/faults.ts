import { HeadraceError } from "../../src/errors.ts";
import { ledgerFile, type LedgerFile } from "../../src/load/ledger-file.ts";
import type { Log } from "../../src/log/log.ts";
import type { PlannedBatch, Store, TableRebuild } from "../../src/store/store.ts";

/**
 * What happens at one step of the loader:
 * - before: it fails and has no effect; - after: it has its effect, but its answer is an error;
 * - half: an insert takes the first half of its rows, then fails.
 */
export type Moment = "before" | "half" | "after";

export interface Fault {
  /** The how manieth step, counted from 0. */
  readonly step: number;
  readonly moment: Moment;
  /** Whether the process dies there: nothing that it does afterwards has an effect, or an answer. */
  readonly dies: boolean;
}

/** The log, store and ledger as a loader sees them that meets one fault. */
export class FaultyWorld {
  /** Names of the steps that were taken. */
  readonly steps: string[] = [];
  readonly log: Log;
  readonly store: Store;
  readonly ledgerFile: (path: string) => LedgerFile;
  /** Resolves when the process has died. */
  readonly died: Promise<"died">;
  readonly #fault: Fault;
  readonly #die: () => void;
  readonly #files: LedgerFile[] = [];
  /** Steps that have begun: the loader reads ahead while it inserts. */
  readonly #inFlight = new Set<Promise<unknown>>();
  #dead = false;

  constructor(log: Log, store: Store, fault: Fault) {
    const { promise, resolve } = Promise.withResolvers<"died">();
    this.died = promise;
    this.#die = () => resolve("died");
    this.#fault = fault;
    this.log = {
      ...log,
      read: (...args) => this.#step("log.read", () => log.read(...args)),
      commit: (...args) => this.#step("log.commit", () => log.commit(...args)),
      cursor: (...args) => this.#step("log.cursor", () => log.cursor(...args)),
    };
    this.store = {
      capabilities: store.capabilities,
      migrate: (...args) => store.migrate(...args),
      insert: (table, batch) =>
        this.#step(
          `insert ${table}`,
          () => store.insert(table, batch),
          () => store.insert(table, firstHalf(store, batch)),
        ),
      fits: (...args) => store.fits(...args),
      present: (...args) => this.#step("present", () => store.present(...args)),
      findIds: (...args) => this.#step("findIds", () => store.findIds(...args)),
      keepIds: (...args) => this.#step("keepIds", async () => store.keepIds?.(...args)),
      scanIds: (...args) => store.scanIds(...args),
      forgetIds: (...args) => store.forgetIds(...args),
      erase: (table, ...args) => this.#step(`erase ${table}`, () => store.erase(table, ...args)),
      query: (...args) => store.query(...args),
      describe: (...args) => store.describe(...args),
      beginRebuild: (spec) =>
        this.#step("beginRebuild", async () => {
          const anew = await store.beginRebuild(spec);
          return anew === undefined ? undefined : this.#faulty(anew);
        }),
      clock: () => store.clock(),
      close: () => store.close(),
    };
    this.ledgerFile = (path) => {
      const file = ledgerFile(path);
      this.#files.push(file);
      return {
        read: () => this.#step("ledger.read", () => file.read()),
        append: (bytes) =>
          this.#step(
            "ledger.append",
            () => file.append(bytes),
            () => file.append(bytes.subarray(0, bytes.length / 2)),
          ),
        replace: (bytes) => this.#step("ledger.replace", () => file.replace(bytes)),
        close: () => file.close(),
      };
    };
  }

  get isDead(): boolean {
    return this.#dead;
  }

  /** Gives back what a process that dies gives back. */
  async bury(): Promise<void> {
    await Promise.all(this.#files.map((file) => file.close()));
  }

  #faulty(anew: TableRebuild): TableRebuild {
    return {
      table: anew.table,
      narrower: anew.narrower,
      countOutside: (...args) => this.#step("countOutside", () => anew.countOutside(...args)),
      copyOutside: (...args) => this.#step("copyOutside", () => anew.copyOutside(...args)),
      finish: (...args) => this.#step("finish", () => anew.finish(...args)),
      abandon: () => this.#step("abandon", () => anew.abandon()),
    };
  }

  async #track<Value>(work: Promise<Value>): Promise<Value> {
    this.#inFlight.add(work);
    try {
      return await work;
    } finally {
      this.#inFlight.delete(work);
    }
  }

  async #step<Value>(
    name: string,
    work: () => Promise<Value>,
    half?: () => Promise<unknown>,
  ): Promise<Value> {
    if (this.#dead) return new Promise(() => {});
    this.steps.push(name);
    if (this.steps.length - 1 !== this.#fault.step) {
      const value = await this.#track(work());
      // Its answer comes too late for a process that has died meanwhile.
      return this.#dead ? new Promise(() => {}) : value;
    }
    this.#dead = this.#fault.dies;
    if (this.#fault.moment === "half") await half?.().catch(() => {});
    // An insert that the store refuses has that for its answer, fault or not.
    if (this.#fault.moment === "after") await work().catch(() => {});
    if (this.#fault.dies) {
      // What a process had begun ends with it; here it has to end by itself.
      await Promise.allSettled(this.#inFlight);
      this.#die();
      return new Promise(() => {});
    }
    throw new HeadraceError("store_failed", `injected at ${name}`);
  }
}

/** What an insert takes that fails in its middle. */
export function firstHalf(store: Store, batch: PlannedBatch): PlannedBatch {
  return firstRows(store, batch, Math.floor(batch.count / 2));
}

/** What an insert that was cut short leaves: first rows, in every other case without their ids when the store writes those beside. */
export function firstRows(store: Store, batch: PlannedBatch, count: number): PlannedBatch {
  const { ids, ...bare } = batch;
  const isBare = ids === undefined || (store.keepIds !== undefined && (batch.offsets[0] ?? 0) % 2 === 0);
  const lines = Buffer.concat([...batch.lines])
    .toString()
    .split("\n")
    .slice(0, count);
  return {
    ...bare,
    count,
    lines: [Buffer.from(lines.map((line) => `${line}\n`).join(""))],
    offsets: batch.offsets.slice(0, count),
    acceptedAt: batch.acceptedAt.slice(0, count),
    ...(isBare ? {} : { ids: ids.first(count) }),
  };
}
