import { HeadraceError } from "../errors.ts";
import type { Log, LogBatch, Position } from "../log/log.ts";
import type { Stream } from "../project/declarations.ts";
import type { OffsetRange, Store, TableRebuild, TableSpec } from "../store/store.ts";
import { insertRejected } from "./insert-rejected.ts";
import { insertIsolating, refusalReason } from "./isolate.ts";
import { createJudgeAgain, type JudgedAgain } from "./judge-again.ts";
import { ledgerFile, ledgerPath } from "./ledger-file.ts";
import { openLedger, type Ledger } from "./ledger.ts";
import { withoutCounts, type RefusedEvent } from "./ledger-state.ts";
import { LOAD_LIMITS } from "./limits.ts";
import { firstOf, gapOf, missingRows, missingText, setBack } from "./reconcile.ts";
import { endOf, offsetsIn, planRows } from "./rows.ts";
import { extent, has, sizeOf, spansOf, subtract, within, type Spans } from "./spans.ts";
import { REJECTED_TABLE } from "../rejected/rejected-table.ts";

export interface RebuildOptions {
  readonly log: Log;
  readonly store: Store;
  readonly stream: Stream;
  readonly spec: TableSpec;
  /** Of the ledgers. No loader of the stream may be running. */
  readonly folder: string;
  /** Go on without the rows that are older than the log and don't fit. */
  readonly allowPartial: boolean;
  /** Called now and then with how many offsets of the log are done, of how many. */
  progress?(done: number, of: number): void;
}

export interface RebuildOutcome {
  /** Rows that were made anew from the log. */
  readonly fromLog: number;
  /** Rows that the log doesn't hold any more, copied from the old table. */
  readonly copied: number;
  /** Events that don't fit the declaration; they are kept as rejected. */
  readonly rejected: number;
  /** Rows that the log doesn't hold any more and that are gone; when the store lacks what was loaded, at most so many. */
  readonly lost: number;
  /** The store lacks what was loaded: the next start loads what it lacks of what the log holds, at most so many events. */
  readonly toLoad: number;
}

/**
 * Makes a stream's table anew under its declaration: an empty table beside the old one is filled and takes its place at once.
 * It gets the very events that the old table has, so what was erased, was a duplicate or has expired doesn't come back.
 * They are read from the log; what that doesn't hold any more is copied. Cut short at any point, it can be run again.
 * @throws HeadraceError `rebuild_refused` when rows would be lost, with nothing changed.
 */
export async function rebuildTable(options: RebuildOptions): Promise<RebuildOutcome> {
  const { log, store, stream, spec, folder } = options;
  if (log.capabilities.partitions !== 1 || !log.capabilities.replay) {
    throw new HeadraceError("rebuild_refused", "This log can't be read again from its beginning");
  }
  const path = ledgerPath(folder, stream.name, 0);
  const ledger = await openLedger(ledgerFile(path), path);
  try {
    const { state } = ledger;
    if (state !== undefined && state.storeId !== store.capabilities.storeId) {
      return await loadAgain(options, ledger, "the store was emptied or replaced");
    }
    const missing = await missingRows({ log, store, stream, partition: 0, ledger });
    if (missing > 0) return await loadAgain(options, ledger, missingText(missing));
    const anew = await store.beginRebuild(spec);
    if (anew === undefined) {
      throw new HeadraceError("rebuild_refused", `There is no table ${stream.name} yet: a start makes it`);
    }
    try {
      return await new Rebuilding(options, anew).run(ledger);
    } catch (error) {
      await anew.abandon();
      throw error;
    }
  } finally {
    await ledger.close();
  }
}

/** The store lacks what was loaded: the loader loads what the log holds, if it is told to. */
async function loadAgain(options: RebuildOptions, ledger: Ledger, problem: string): Promise<RebuildOutcome> {
  const { log, store, stream, allowPartial } = options;
  const work = { log, store, stream, partition: 0, ledger };
  const first = firstOf(work);
  const { end } = log.status(stream.name, 0);
  const gap = gapOf(work);
  if (gap !== undefined && !allowPartial) {
    throw new HeadraceError(
      "rebuild_refused",
      `${stream.name}: ${problem}, and ${gap.text}: that is lost unless the old store is restored`,
    );
  }
  await setBack(work, first);
  return {
    fromLog: 0,
    copied: 0,
    rejected: 0,
    lost: gap?.offsets ?? 0,
    toLoad: end.offset - first.offset,
  };
}

/** One read of the log: batches of one log id and one schema. */
type Group = readonly [LogBatch, ...LogBatch[]];

/** Of one group: as much as the loader gathers. */
const LIMIT = { bytes: LOAD_LIMITS.bytes, events: LOAD_LIMITS.rows };

class Rebuilding {
  readonly #options: RebuildOptions;
  readonly #anew: TableRebuild;
  readonly #judgeAgain;
  readonly #fits = new Map<string, boolean>();
  readonly #ranges: OffsetRange[] = [];
  readonly #misfits: Misfits[] = [];
  #rows = 0;

  constructor(options: RebuildOptions, anew: TableRebuild) {
    this.#options = options;
    this.#anew = anew;
    this.#judgeAgain = createJudgeAgain(options.stream);
  }

  async run(ledger: Ledger): Promise<RebuildOutcome> {
    const { log, stream } = this.#options;
    for await (const group of this.#groups(log.status(stream.name, 0).first)) await this.#fill(group);
    const { copied, lost } = await this.#copyRest();
    // The counts of the latest inserts don't hold for the new table.
    const { state } = ledger;
    if (state !== undefined) await ledger.record({ kind: "state", state: withoutCounts(state) });
    // As late as can be: until the tables are exchanged these events are in two places.
    let rejected = 0;
    for (const misfits of this.#misfits) rejected += await this.#reject(misfits);
    await this.#anew.finish();
    return { fromLog: this.#rows, copied, rejected, lost, toLoad: 0 };
  }

  async *#groups(from: Position): AsyncGenerator<Group> {
    const { log, stream } = this.#options;
    const [start, { end }] = [from.offset, log.status(stream.name, 0)];
    let next = from;
    while (next.offset < end.offset) {
      const read = await log.read(stream.name, 0, next, LIMIT);
      const [first] = read;
      if (first === undefined) return;
      const differs = read.findIndex(
        (batch, index) =>
          batch.log !== first.log ||
          batch.schema.fingerprint !== first.schema.fingerprint ||
          // What a salvage could not save isn't in a group's range.
          batch.offset !== (index === 0 ? first.offset : endOf(read[index - 1] ?? first)),
      );
      const group = differs === -1 ? read : read.slice(0, differs);
      const last = group.at(-1) ?? first;
      next = { log: last.log, offset: endOf(last) };
      yield [first, ...group.slice(1)];
      this.#options.progress?.(next.offset - start, end.offset - start);
    }
  }

  /** Brings the events of the group that the old table has into the new one. */
  async #fill(group: Group): Promise<void> {
    const range = rangeOf(group);
    this.#ranges.push(range);
    const wanted = await this.#wanted(group);
    if (wanted.length === 0) return;
    const judged = await this.#judged(group);
    const misfits = spansOf((judged?.refused ?? []).map(({ offset }) => offset));
    const refusedByStore: RefusedEvent[] = [];
    const { store } = this.#options;
    const { table } = this.#anew;
    const [{ log, partition }] = group;
    const rows = subtract(wanted, misfits);
    await insertIsolating({
      wanted: rows,
      rowsMax: LOAD_LIMITS.insertRows,
      insert: (offsets) => store.insert(table, planRows(judged?.batches ?? group, "events", offsets)),
      present: (offsets) => store.present(table, { log, partition, ...extent(offsets) }),
      refused: async (offset, error) => {
        refusedByStore.push({ offset, acceptedAt: acceptedAt(group, offset), reason: refusalReason(error) });
        return [];
      },
      checkpoint: () => {},
    });
    this.#rows += sizeOf(rows) - refusedByStore.length;
    if (sizeOf(wanted) > sizeOf(rows) || refusedByStore.length > 0)
      this.#misfits.push({ range, refusedByStore });
  }

  /** Events of the group that the old table has. */
  async #wanted(group: Group): Promise<Spans> {
    const { store, stream } = this.#options;
    const present = await store.present(stream.name, rangeOf(group));
    return offsetsIn(group, "events").flatMap((span) => within(present, span));
  }

  async #judged(group: Group): Promise<JudgedAgain | undefined> {
    const { store, stream } = this.#options;
    const { schema } = group[0];
    if (schema.fingerprint === stream.schema.fingerprint) return undefined;
    const fits = this.#fits.get(schema.fingerprint) ?? (await store.fits(this.#anew.table, schema));
    this.#fits.set(schema.fingerprint, fits);
    return fits ? undefined : this.#judgeAgain(group);
  }

  /** Keeps the events of a group that don't fit as rejected. Gives how many there are. */
  async #reject({ range, refusedByStore }: Misfits): Promise<number> {
    const { store, stream } = this.#options;
    const group = await this.#read(range);
    const wanted = await this.#wanted(group);
    const judged = await this.#judged(group);
    const refused = [
      ...(judged?.refused ?? []).filter(({ offset }) => has(wanted, offset)),
      ...refusedByStore,
    ].sort((a, b) => a.offset - b.offset);
    await insertRejected({
      store,
      stream: stream.name,
      // What ingest rejected is none of this: it may have been replayed or forgotten since.
      batches: group.map((batch) => ({ ...batch, rejected: NO_LINES })),
      refused,
      present: await store.present(REJECTED_TABLE, range),
      rowsMax: LOAD_LIMITS.insertRows,
      checkpoint: () => {},
    });
    return refused.length;
  }

  async #read(range: OffsetRange): Promise<Group> {
    const batches: LogBatch[] = [];
    let next = range.from;
    while (next < range.to) {
      const limit = { bytes: LOAD_LIMITS.bytes, events: range.to - next };
      const position = { log: range.log, offset: next };
      const read = await this.#options.log.read(this.#options.stream.name, range.partition, position, limit);
      batches.push(...read);
      const last = read.at(-1);
      if (last === undefined) break;
      next = endOf(last);
    }
    const [first, ...rest] = batches;
    if (first === undefined) throw new RangeError("a batch that was read is gone from the log");
    return [first, ...rest];
  }

  /** What the log doesn't hold any more. */
  async #copyRest(): Promise<{ readonly copied: number; readonly lost: number }> {
    const { stream, allowPartial } = this.#options;
    const count = await this.#anew.countOutside(this.#ranges);
    if (count === 0) return { copied: 0, lost: 0 };
    const columns = await this.#anew.copyOutside(this.#ranges);
    if (columns.length === 0) return { copied: count, lost: 0 };
    if (allowPartial) return { copied: 0, lost: count };
    throw new HeadraceError(
      "rebuild_refused",
      `${stream.name}: ${count} rows are older than what the log holds, and the new table can't take them as they are: ${columns.join(", ")} would be narrower or required`,
    );
  }
}

/** Events of a group that don't fit. */
interface Misfits {
  readonly range: OffsetRange;
  readonly refusedByStore: readonly RefusedEvent[];
}

const NO_LINES = { count: 0, bytes: Buffer.alloc(0) };

function rangeOf(group: Group): OffsetRange {
  const [first] = group;
  return { log: first.log, partition: first.partition, from: first.offset, to: endOf(group.at(-1) ?? first) };
}

function acceptedAt(group: Group, offset: number): number {
  return group.findLast((batch) => batch.offset <= offset)?.acceptedAt ?? 0;
}
