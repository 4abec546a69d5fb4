import { join } from "node:path";
import { z } from "zod";
import { createLoader, type LoaderOptions } from "../../../src/load/create-loader.ts";
import type { Loader } from "../../../src/load/load.ts";
import type { Log } from "../../../src/log/log.ts";
import { openLog } from "../../../src/log/open-log.ts";
import type { Stream } from "../../../src/project/declarations.ts";
import { defineStream } from "../../../src/project/define-stream.ts";
import { rejectedTable } from "../../../src/rejected/rejected-table.ts";
import { openStore } from "../../../src/store/open-store.ts";
import type { Store } from "../../../src/store/store.ts";
import { tableSpec } from "../../../src/store/table-spec.ts";
import { DAY } from "../../../src/units.ts";
import { append } from "../../load/support.ts";
import type { Figures } from "../scenario.ts";
import { allRows } from "./all-rows.ts";

const schema = z.object({ n: z.int32(), day: z.iso.date(), text: z.string() });

/** No id: nothing hides an event that is stored twice. A table in many partitions, so that an insert is many steps. */
export const days = defineStream("days", {
  schema,
  freshness: "50 ms",
  table: { orderBy: ["n"], partitionBy: "day(day)" },
});

/** With an id: what is decided about duplicates must not change between a failed insert and the next. */
export const once = defineStream("once", {
  schema,
  id: { field: "n", window: "1 day" },
  freshness: "50 ms",
  table: { orderBy: ["n"], partitionBy: "day(day)" },
});

/** Appends a batch whose events fall on so many days; ends with a bad event every third time. */
export interface LoadWorld {
  readonly store: Store;
  readonly log: Log;
  loader(options?: Partial<LoaderOptions>): Loader;
  /** Events that weren't sent before, and as many that were, when the stream has ids. */
  append(stream: Stream, events: number, days: number): Promise<void>;
  /** Holds what is stored of these streams against what was appended. */
  judge(): Promise<Omit<Figures, "runs" | "note">>;
  close(): Promise<void>;
}

/** The real log and engine in a folder, and a loader over them that can be given others. */
export async function openLoadWorld(folder: string, streams: readonly Stream[]): Promise<LoadWorld> {
  const store = await openStore("chdb:", { folder: join(folder, "store") });
  await store.migrate([...streams.map(tableSpec), rejectedTable], { dryRun: false });
  const log = await openLog("file:", { folder: join(folder, "log"), streams });
  const books = new Map(streams.map((stream) => [stream.name, new Book()]));
  return {
    store,
    log,
    loader: (options = {}) =>
      createLoader({
        log,
        store,
        streams,
        folder: join(folder, "ledger"),
        limits: { retryFirst: 5, retryMax: 50 },
        ...options,
      }),
    async append(stream, events, spread) {
      const book = books.get(stream.name);
      if (book === undefined) throw new RangeError(`no stream ${stream.name}`);
      const numbers = book.numbers(events, stream.id !== undefined);
      const rejected = book.next % 3 === 0 ? [`{"bad":${book.next}}`] : [];
      const lines = numbers.map((n) => eventOf(n, spread));
      book.batches.push({ position: await append(log, stream.name, lines, { rejected }), rejected, lines });
    },
    async judge() {
      const sum = { events: 0, lost: 0, doubled: 0, changed: 0, torn: 0, problems: [] };
      for (const stream of streams) {
        const judged = await judge(store, stream, books.get(stream.name)?.batches ?? []);
        for (const key of ["events", "lost", "doubled", "changed"] as const) sum[key] += judged[key];
      }
      return sum;
    },
    async close() {
      await log.close();
      await store.close();
    },
  };
}

interface Event {
  readonly n: number;
  readonly day: string;
  readonly text: string;
}

interface AppendedBatch {
  readonly position: { readonly log: string; readonly offset: number };
  readonly lines: readonly Event[];
  readonly rejected: readonly string[];
}

/** What was appended to a stream. */
class Book {
  readonly batches: AppendedBatch[] = [];
  next = 0;

  numbers(count: number, withRepeats: boolean): number[] {
    const from = this.next;
    this.next += count;
    const fresh = Array.from({ length: count }, (_, index) => from + index);
    // Every other event of the batch and some of the one before, once more.
    const again = fresh.filter((n) => n % 2 === 0).map((n) => (n % 4 === 0 ? n : Math.max(0, n - count)));
    return withRepeats ? [...fresh, ...again] : fresh;
  }
}

function eventOf(n: number, spread: number): Event {
  const day = new Date(Date.UTC(2001, 0, 1) + (n % spread) * DAY).toISOString().slice(0, 10);
  return { n, day, text: `text of ${n} ✈` };
}

/** Each offset of an event exactly once in the table, or a repeat; each rejected one among the rejected events. */
async function judge(
  store: Store,
  stream: Stream,
  batches: readonly AppendedBatch[],
): Promise<{ events: number; lost: number; doubled: number; changed: number }> {
  const found = { events: 0, lost: 0, doubled: 0, changed: 0 };
  const stored = Map.groupBy(
    await allRows(store, `SELECT toString(_offset) AS at, n, day, text FROM ${stream.name}`),
    ({ at }) => Number(at),
  );
  const kept = Map.groupBy(
    await allRows(store, `SELECT event FROM _rejected WHERE stream = '${stream.name}'`),
    ({ event }) => String(event),
  );
  const seen = new Set<number>();
  for (const { position, lines, rejected } of batches) {
    for (const [index, line] of lines.entries()) {
      const rows = stored.get(position.offset + index) ?? [];
      stored.delete(position.offset + index);
      const isRepeat = stream.id !== undefined && seen.has(line.n);
      seen.add(line.n);
      tally(found, rows.length, isRepeat ? 0 : 1);
      const [row] = rows;
      if (row !== undefined && (row["n"] !== line.n || row["day"] !== line.day || row["text"] !== line.text))
        found.changed += 1;
    }
    for (const raw of rejected) tally(found, kept.get(raw)?.length ?? 0, 1);
  }
  // Rows at offsets that no event has.
  found.changed += stored.size;
  return found;
}

function tally(found: { events: number; lost: number; doubled: number }, rows: number, wanted: number): void {
  found.events += 1;
  if (rows < wanted) found.lost += 1;
  if (rows > wanted) found.doubled += 1;
}
