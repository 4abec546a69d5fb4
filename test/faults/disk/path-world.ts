import { createLoader } from "../../../src/load/create-loader.ts";
import type { Loader } from "../../../src/load/load.ts";
import { openEmbeddedLog } from "../../../src/log/embedded/embedded-log.ts";
import type { Log } from "../../../src/log/log.ts";
import type { FileSystem } from "../../../src/file-system.ts";
import type { Store } from "../../../src/store/store.ts";
import { defineStream } from "../../../src/project/define-stream.ts";
import { encodeRejected } from "../../../src/rejected/rejected-event.ts";
import { HeadraceError } from "../../../src/errors.ts";
import { KIB, SECOND } from "../../../src/units.ts";
import { storeWith } from "../../../src/store/store-with.ts";
import { z } from "zod";
import type { Random } from "../../support/random.ts";
import { until } from "../../support/until.ts";
import { firstRows } from "../../load/faults.ts";
import { select } from "../../load/support.ts";

/** A stream without ids: nothing hides an event that is there twice. */
export const plain = defineStream("plain", {
  schema: z.object({ n: z.int32(), text: z.string() }),
  freshness: "50 ms",
  table: { orderBy: ["n"] },
});
/** The same, and every event is sent twice. */
export const unique = defineStream("unique", {
  schema: z.object({ n: z.int32(), text: z.string() }),
  id: { field: "n", window: "1 hour" },
  freshness: "50 ms",
  table: { orderBy: ["n"] },
});
export const STREAMS = [plain, unique] as const;

/** A busy machine takes its time. */
const SETTLE_DEADLINE = 30 * SECOND;

/** Waits until all that the log holds is loaded; throws when a stream can't go on by itself. */
export async function settledPath({ log, loader }: PathLife): Promise<void> {
  for (const { name } of STREAMS) {
    const settled = (): boolean => {
      const { state, reason, lagEvents } = loader.status(name);
      if (state === "stopped") throw new Error(`${name} is stopped: ${reason}`);
      return state === "running" && lagEvents === 0 && log.status(name, 0).writable;
    };
    await until(settled, { timeout: SETTLE_DEADLINE }).catch((cause: unknown) => {
      const seen = JSON.stringify({ load: loader.status(name), log: log.status(name, 0) });
      throw new Error(`${name} doesn't settle: ${seen}`, { cause });
    });
  }
}

/** A batch that was handed to the log. */
export interface PathBatch {
  readonly stream: string;
  readonly events: readonly { readonly n: number; readonly text: string }[];
  /** Raw texts of its rejected events, each unique. */
  readonly rejected: readonly string[];
  /** "refused": the log went on and said that nothing was kept. */
  outcome: "unanswered" | "acknowledged" | "refused";
}

/** The log, the ledger and the loader over a disk that may fail, and a real store. */
export interface PathLife {
  readonly log: Log;
  readonly loader: Loader;
  stop(): Promise<void>;
}

export async function openPath(
  fileSystem: FileSystem,
  store: Store,
  folders: { readonly log: string; readonly ledger: string } = { log: "/log", ledger: "/ledger" },
): Promise<PathLife> {
  const log = await openEmbeddedLog({
    folder: folders.log,
    streams: STREAMS,
    segmentBytes: 8 * KIB,
    fileSystem,
  });
  const loader = createLoader({
    log,
    store,
    streams: STREAMS,
    folder: folders.ledger,
    fileSystem,
    limits: { retryFirst: 5, retryMax: 20 },
  });
  return {
    log,
    loader,
    async stop() {
      await loader.stop().catch(() => {});
      await log.close().catch(() => {});
    },
  };
}

/**
 * The store as the loader sees it while the power may fail: an insert that was under way then is there, in part, or not at all.
 * Every other call fails without power.
 */
export function storeUnderPower(store: Store, isOn: () => boolean, random: Random): Store {
  return storeWith(store, {
    insert: async (table, batch) => {
      if (!isOn()) {
        // It was handed in before, and the engine got as far as it got.
        const count = random.below(3) === 0 ? batch.count : random.below(batch.count + 1);
        if (random.chance(0.5) && count > 0)
          await store.insert(table, firstRows(store, batch, count)).catch(() => {});
        throw dead();
      }
      await store.insert(table, batch);
      if (!isOn()) throw dead();
    },
    present: async (...args) => {
      if (!isOn()) throw dead();
      return store.present(...args);
    },
    findIds: async (...args) => {
      if (!isOn()) throw dead();
      return store.findIds(...args);
    },
  });
}

const dead = (): HeadraceError => new HeadraceError("store_failed", "there is no power");

/** Makes batches, hands them to the log and remembers what became of them. */
export class PathWriter {
  readonly batches: PathBatch[] = [];
  readonly #random: Random;
  #next = 1;

  constructor(random: Random) {
    this.#random = random;
  }

  /** A batch of one to eight events; of `unique` some of an earlier batch come again. */
  make(stream: "plain" | "unique"): PathBatch {
    const batch: PathBatch = {
      stream,
      events: Array.from({ length: 1 + this.#random.below(8) }, () => {
        const n = this.#next++;
        return { n, text: `event ${n} ${"x".repeat(this.#random.below(100))}` };
      }),
      rejected:
        stream === "plain" && this.#random.chance(0.2) ? [`bad ${this.#next++}`, `bad ${this.#next++}`] : [],
      outcome: "unanswered",
    };
    this.batches.push(batch);
    return batch;
  }

  /** Resolves with false when nothing more can be appended. */
  async append(log: Log, batch: PathBatch): Promise<boolean> {
    const lines = batch.events.map((event) => Buffer.from(`${JSON.stringify(event)}\n`));
    const rejected = batch.rejected.map((raw) =>
      encodeRejected({
        stream: batch.stream,
        raw: Buffer.from(raw),
        errors: [{ path: "/n", code: "invalid_type", message: "expected an integer" }],
      }),
    );
    const key = this.#random.chance(0.5) ? `key of ${batch.events[0]?.n}` : undefined;
    try {
      await log.append(batch.stream, {
        acceptedAt: Date.now(),
        events: { count: lines.length, bytes: lines },
        rejected: { count: rejected.length, bytes: rejected },
        ...(key === undefined ? {} : { key: { key, bodyHash: "hash", answer: "{}" } }),
      });
      batch.outcome = "acknowledged";
      return true;
    } catch (error) {
      if (!(error instanceof HeadraceError) || error.code !== "log_full") return false;
      // A batch that was sent twice may have been taken the first time.
      if (batch.outcome === "unanswered") batch.outcome = "refused";
      return true;
    }
  }
}

export interface PathFindings {
  lost: number;
  doubled: number;
  changed: number;
  torn: number;
  problems: string[];
}

/** Holds what is stored against what was handed in. Everything that the log holds must be loaded. */
export async function judgePath(store: Store, batches: readonly PathBatch[]): Promise<PathFindings> {
  const found: PathFindings = { lost: 0, doubled: 0, changed: 0, torn: 0, problems: [] };
  const rejected = countTexts(await select(store, "SELECT event AS text FROM _rejected"));
  for (const { name } of STREAMS) {
    const rows = await select(store, `SELECT n, text FROM ${name}`);
    const texts = new Map(rows.map(({ n, text }) => [Number(n), text]));
    const counts = new Map<number, number>();
    for (const { n } of rows) counts.set(Number(n), (counts.get(Number(n)) ?? 0) + 1);
    for (const batch of batches.filter(({ stream }) => stream === name)) {
      judgeBatch(found, batch, { texts, counts, rejected });
    }
  }
  return found;
}

export function addFindings(to: PathFindings, more: PathFindings): void {
  to.lost += more.lost;
  to.doubled += more.doubled;
  to.changed += more.changed;
  to.torn += more.torn;
  to.problems.push(...more.problems);
}

/** Events and rejected events that were acknowledged. */
export function eventsOf(batches: readonly PathBatch[]): number {
  return batches
    .filter(({ outcome }) => outcome === "acknowledged")
    .reduce((sum, { events, rejected }) => sum + events.length + rejected.length, 0);
}

function judgeBatch(
  found: PathFindings,
  batch: PathBatch,
  stored: {
    readonly texts: ReadonlyMap<number, unknown>;
    readonly counts: ReadonlyMap<number, number>;
    readonly rejected: ReadonlyMap<string, number>;
  },
): void {
  const note = (kind: Exclude<keyof PathFindings, "problems">, what: string): void => {
    found[kind] += 1;
    if (found.problems.length < 10)
      found.problems.push(`${kind}: ${what}, ${batch.stream}, ${batch.outcome}`);
  };
  const counts = [
    ...batch.events.map(({ n }) => stored.counts.get(n) ?? 0),
    ...batch.rejected.map((text) => stored.rejected.get(text) ?? 0),
  ];
  const there = counts.filter((count) => count > 0).length;
  const name = `batch of ${batch.events[0]?.n}`;
  for (const count of counts) {
    if (count === 0 && batch.outcome === "acknowledged") note("lost", name);
    if (count > 1) note("doubled", name);
  }
  if (batch.outcome === "unanswered" && there > 0 && there < counts.length) note("torn", name);
  if (batch.outcome === "refused" && there > 0) note("torn", `${name} was refused and is there`);
  for (const { n, text } of batch.events) {
    const kept = stored.texts.get(n);
    if (kept !== undefined && kept !== text) note("changed", name);
  }
}

function countTexts(rows: readonly Record<string, unknown>[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { text } of rows) counts.set(String(text), (counts.get(String(text)) ?? 0) + 1);
  return counts;
}
