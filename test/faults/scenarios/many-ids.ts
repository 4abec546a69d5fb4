import { join } from "node:path";
import { z } from "zod";
import { createLoader } from "../../../src/load/create-loader.ts";
import type { Loader } from "../../../src/load/load.ts";
import type { Log } from "../../../src/log/log.ts";
import { openLog } from "../../../src/log/open-log.ts";
import { defineStream } from "../../../src/project/define-stream.ts";
import { rejectedTable } from "../../../src/rejected/rejected-table.ts";
import { openStore } from "../../../src/store/open-store.ts";
import type { Store } from "../../../src/store/store.ts";
import { tableSpec } from "../../../src/store/table-spec.ts";
import { MIB, MINUTE, SECOND } from "../../../src/units.ts";
import { seededRandom, type Random } from "../../support/random.ts";
import type { Scenario } from "../scenario.ts";
import { allRows } from "../support/all-rows.ts";
import { residentBytes } from "../support/slow-parts.ts";

const SCALES = {
  short: { ids: 20_000, batch: 2_000, restarts: 2 },
  full: { ids: 10_000_000, batch: 40_000, restarts: 4 },
};
/** One event of so many is a repeat of an earlier one: of this batch, or of any other. */
const ONE_IN = 20;
/** How far the log may run ahead of the loader, in batches. */
const AHEAD = 12;

const stream = defineStream("ids", {
  schema: z.object({ id: z.string(), n: z.int32(), again: z.boolean() }),
  id: { field: "id", window: "1 day" },
  freshness: "200 ms",
  table: { orderBy: ["n"] },
});

export const manyIds: Scenario = {
  group: "ids",
  name: "10 million ids, with repeats",
  what:
    "Two producers append events with ids of their own, and one event in 20 repeats an id: of the same batch, or any that was stored before, " +
    "seconds or millions of events ago, by either producer, before or after one of the restarts. Of each id the first event must be stored, once, " +
    "and every other must be counted as a duplicate. At the short scale 20,000 ids.",
  async run({ seed, scale, folder, progress, signal }) {
    const { ids, batch, restarts } = SCALES[scale];
    const store = await openStore("chdb:", { folder: join(folder, "store") });
    await store.migrate([tableSpec(stream), rejectedTable], { dryRun: false });
    const run = new Run(folder, store, seededRandom(seed));
    await run.start();
    const memory = await residentBytes(process.pid);
    const began = performance.now();
    const batches = ids / batch;
    for (let done = 0; done < batches; done++) {
      signal.throwIfAborted();
      await run.append(batch);
      if (done % Math.ceil(batches / (restarts + 1)) === 0) await run.restart();
      progress(done + 1, batches);
    }
    await run.settled();
    const seconds = (performance.now() - began) / SECOND;
    const restart = await run.restart();
    const grown = (await residentBytes(process.pid)) - memory;
    const again = await run.timeRepeats(Math.min(10_000, batch));
    const judged = await run.judge();
    const disk = await run.bytesOfIds();
    await run.stop();
    await store.close();
    return {
      ...judged,
      runs: run.repeats,
      changed: 0,
      torn: 0,
      note:
        `${ids.toLocaleString("en-US")} ids and ${run.repeats.toLocaleString("en-US")} repeats in ${seconds.toFixed(0)} s; a start with all of them took ` +
        `${restart.toFixed(1)} s; the process grew by ${Math.round(grown / MIB)} MiB, engine and all; a batch of repeats alone took ${again.toFixed(0)} µs an event; an id takes ${(disk / ids).toFixed(0)} bytes on disk`,
    };
  },
};

class Run {
  readonly #folder: string;
  readonly #store: Store;
  readonly #random: Random;
  #log: Log | undefined;
  #loader: Loader | undefined;
  #next = 0;
  #duplicates = 0;
  repeats = 0;

  constructor(folder: string, store: Store, random: Random) {
    this.#folder = folder;
    this.#store = store;
    this.#random = random;
  }

  async start(): Promise<void> {
    this.#log = await openLog("file:", { folder: join(this.#folder, "log"), streams: [stream] });
    this.#loader = createLoader({
      log: this.#log,
      store: this.#store,
      streams: [stream],
      folder: join(this.#folder, "ledger"),
      observer: { duplicates: (_stream, count) => (this.#duplicates += count) },
    });
    await this.#loader.start();
  }

  async stop(): Promise<void> {
    await this.#loader?.stop();
    await this.#log?.close();
  }

  /** Gives how many seconds the start took, which reads all ids. */
  async restart(): Promise<number> {
    await this.stop();
    const began = performance.now();
    await this.start();
    return (performance.now() - began) / SECOND;
  }

  async settled(): Promise<void> {
    if ((await this.#loader?.settled("ids", 10 * MINUTE)) !== true) throw new Error("not loaded in time");
  }

  /** A batch of each of two producers, with as many new ids together. */
  async append(events: number): Promise<void> {
    await Promise.all([this.#appendOne(events / 2), this.#appendOne(events / 2)]);
    const { end } = this.#log?.status("ids", 0) ?? { end: { offset: 0 } };
    const loaded = this.#loader?.status("ids").loaded.offset ?? 0;
    if (end.offset - loaded > AHEAD * events) await this.settled();
  }

  async #appendOne(fresh: number): Promise<void> {
    const lines: string[] = [];
    const from = this.#next;
    this.#next += fresh;
    for (let n = from; n < this.#next; n++) {
      lines.push(lineOf(n, false));
      if (this.#random.below(ONE_IN) !== 0) continue;
      const isNear = this.#random.chance(0.3);
      lines.push(lineOf(isNear ? n : this.#random.below(from + 1), true));
      this.repeats += 1;
    }
    await this.#write(lines);
  }

  async #write(lines: readonly string[]): Promise<void> {
    await this.#log?.append("ids", {
      acceptedAt: Date.now(),
      events: { count: lines.length, bytes: [Buffer.from(lines.join(""))] },
      rejected: { count: 0, bytes: [] },
    });
  }

  /** Microseconds an event. */
  async timeRepeats(events: number): Promise<number> {
    await this.settled();
    const lines = Array.from({ length: events }, () => lineOf(this.#random.below(this.#next), true));
    this.repeats += events;
    const began = performance.now();
    await this.#write(lines);
    await this.settled();
    return ((performance.now() - began) / events) * 1_000;
  }

  /** Bytes on disk. */
  async bytesOfIds(): Promise<number> {
    const text = "SELECT sum(bytes_on_disk) AS bytes FROM system.parts WHERE table = '_ids_ids' AND active";
    const [row = {}] = await allRows(this.#store, text);
    return Number(row["bytes"]);
  }

  async judge(): Promise<{ events: number; lost: number; doubled: number; problems: string[] }> {
    const [row = {}] = await allRows(
      this.#store,
      "SELECT count() AS rows, uniqExact(id) AS ids, sum(n) AS total, countIf(again) AS again FROM ids",
    );
    const [rows, ids, total] = [Number(row["rows"]), Number(row["ids"]), Number(row["total"])];
    const problems: string[] = [];
    if (Number(row["again"]) > 0)
      problems.push(`${String(row["again"])} repeats were stored in place of the first`);
    if (this.#duplicates !== this.repeats)
      problems.push(`${this.#duplicates} duplicates were counted instead of ${this.repeats}`);
    const expected = (this.#next * (this.#next - 1)) / 2;
    if (rows === ids && total !== expected) problems.push(`the numbers add up to ${total}, not ${expected}`);
    return { events: this.#next + this.repeats, lost: this.#next - ids, doubled: rows - ids, problems };
  }
}

function lineOf(n: number, again: boolean): string {
  return `{"id":"${idOf(n)}","n":${n},"again":${again}}\n`;
}

/** Another id for each number, in no order and as hard to compress as random ones: both factors are odd. */
function idOf(n: number): string {
  const hex = (factor: number): string => (Math.imul(n, factor) >>> 0).toString(16).padStart(8, "0");
  return `${hex(0x9e3779b1)}-${hex(0x85ebca6b)}`;
}
