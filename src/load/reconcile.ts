import { HeadraceError } from "../errors.ts";
import type { Log, LogBatch, Position } from "../log/log.ts";
import type { Stream } from "../project/declarations.ts";
import type { OffsetRange, Store } from "../store/store.ts";
import type { Ledger } from "./ledger.ts";
import type { LedgerInsert, LedgerState, OpenPlan } from "./ledger-state.ts";
import { countRows } from "./count-rows.ts";
import { LOADER_SUBSCRIPTION } from "./load.ts";
import { REJECTED_TABLE } from "../rejected/rejected-table.ts";
import { endOf } from "./rows.ts";
import { sizeOf } from "./spans.ts";

export interface Reconciling {
  readonly log: Log;
  readonly store: Store;
  readonly stream: Stream;
  readonly partition: number;
  readonly ledger: Ledger;
}

/** Without a ledger so many offsets before the cursor are searched for anything that is in the store. */
const TRACE_OFFSETS = 100_000;

/**
 * Finds out, at start, from where on the log is to be loaded, and writes it in the ledger. The ledger says it, unless
 * there is none, or the store isn't the one that it describes: then the log is loaded again from the first event that
 * the store may lack, when the log still holds it. Loading again is safe, since what the log held at start is inserted
 * only after asking the store which of it is there. Throws `store_mismatch` when the log doesn't reach back far enough.
 */
export async function reconcile(work: Reconciling): Promise<LedgerState> {
  const { state } = work.ledger;
  if (state === undefined) return setBack(work, await startWithoutLedger(work));
  if (state.storeId !== work.store.capabilities.storeId) {
    return setBack(work, wholeLog(work, "the store was emptied or replaced"));
  }
  // An erasure that was begun may have taken rows of any insert.
  const isErasing = (state.erasures ?? []).some((erasure) => !erasure.done);
  const latest = isErasing ? [] : state.inserts.filter((insert) => insert.stored > 0);
  const whole = await lastWholeInsert(work, latest);
  const missing = await missingRows(work);
  if (whole === latest.at(-1) && missing === 0) return keptPosition(work, state);
  const isHeldFrom = whole !== undefined && firstOf(work).offset <= whole.to;
  if (isHeldFrom && missing <= (await lackingAfter(work, latest, whole))) {
    return setBack(work, { log: whole.log, offset: whole.to });
  }
  const problem = missing > 0 ? missingText(missing) : "rows that were stored are missing";
  return setBack(work, wholeLog(work, problem));
}

/**
 * Rows that the ledger says are in the stream's table and aren't, wherever in it: parts of it that vanished, or an older copy. 0 when
 * nothing can be said: with a ttl, while something is being erased, and with a ledger that is older than the log's cursor.
 */
export async function missingRows(work: Reconciling): Promise<number> {
  const { log, store, stream, partition, ledger } = work;
  const { rows, plan, loaded, erasures = [] } = ledger.state ?? { rows: undefined, loaded: undefined };
  if (rows === undefined || loaded === undefined || !canCount(work)) return 0;
  const cursor = await log.cursor(stream.name, partition, LOADER_SUBSCRIPTION);
  if (erasures.some(({ done }) => !done) || cursor.offset > loaded.offset) return 0;
  const ofPlan = plan === undefined ? 0 : await countPresent(work, plan);
  return Math.max(0, rows - ((await countRows(store, stream.name)) - ofPlan));
}

/** Whether the number of a table's rows says anything: they don't go by themselves, and all are of one partition. */
export function canCount({ log, stream }: Pick<Reconciling, "log" | "stream">): boolean {
  return stream.table.ttl === undefined && log.capabilities.partitions === 1;
}

function missingText(rows: number): string {
  return `${rows} ${rows === 1 ? "row that was" : "rows that were"} stored ${rows === 1 ? "is" : "are"} missing`;
}

/** The batches of an open plan; none when the log doesn't hold exactly these: it is then planned again. */
export async function batchesOf(work: Reconciling, plan: OpenPlan): Promise<readonly LogBatch[]> {
  const batches: LogBatch[] = [];
  let next = plan.from;
  while (next < plan.to) {
    const limit = { bytes: Infinity, events: plan.to - next };
    const position = { log: plan.log, offset: next };
    const read = await work.log.read(work.stream.name, work.partition, position, limit);
    const schema = (batches[0] ?? read[0])?.schema.fingerprint;
    for (const batch of read) {
      const fits = batch.log === plan.log && batch.offset === next && batch.schema.fingerprint === schema;
      if (!fits) return [];
      batches.push(batch);
      next = endOf(batch);
    }
    if (read.length === 0) return [];
  }
  return next === plan.to ? batches : [];
}

/**
 * Without a ledger the log's cursor says how far the store is, unless the store has nothing of what is before it: then
 * the two were not made for each other.
 */
async function startWithoutLedger(work: Reconciling): Promise<Position> {
  const first = firstOf(work);
  const cursor = await work.log.cursor(work.stream.name, work.partition, LOADER_SUBSCRIPTION);
  if (cursor.offset <= first.offset) return first;
  const from = Math.max(first.offset, cursor.offset - TRACE_OFFSETS);
  const before = { log: cursor.log, from, to: cursor.offset };
  return (await countPresent(work, before)) > 0 ? cursor : first;
}

/** The latest insert whose rows are all there. With a ttl rows go away by themselves: then nothing can be said. */
async function lastWholeInsert(
  work: Reconciling,
  inserts: readonly LedgerInsert[],
): Promise<LedgerInsert | undefined> {
  if (work.stream.table.ttl !== undefined) return inserts.at(-1);
  for (const insert of inserts.toReversed()) {
    if ((await countPresent(work, insert)) >= insert.stored) return insert;
  }
  return undefined;
}

/** How many rows the inserts after that one lack. */
async function lackingAfter(
  work: Reconciling,
  inserts: readonly LedgerInsert[],
  whole: LedgerInsert,
): Promise<number> {
  let lacking = 0;
  for (const insert of inserts.slice(inserts.indexOf(whole) + 1)) {
    lacking += Math.max(0, insert.stored - (await countPresent(work, insert)));
  }
  return lacking;
}

async function countPresent(work: Reconciling, range: Omit<OffsetRange, "partition">): Promise<number> {
  const { log, from, to } = range;
  return sizeOf(await work.store.present(work.stream.name, { log, partition: work.partition, from, to }));
}

/** The ledger's position, or the log's cursor when the log isn't the one that the ledger describes. */
async function keptPosition(work: Reconciling, state: LedgerState): Promise<LedgerState> {
  const { log, stream, partition } = work;
  const { end } = log.status(stream.name, partition);
  const { loaded } = state;
  const older = olderLog(stream.name, state, end);
  if (older !== undefined) throw new HeadraceError("store_mismatch", older);
  if (!(await isHeld(work, loaded))) return setBack(work, await oldestPosition(work, loaded));
  const cursor = await log.cursor(stream.name, partition, LOADER_SUBSCRIPTION);
  // A crash between the two leaves the log's cursor behind the ledger's.
  if (cursor.offset < loaded.offset) await log.commit(stream.name, partition, LOADER_SUBSCRIPTION, loaded);
  const standing = await log.cursor(stream.name, partition, LOADER_SUBSCRIPTION);
  if (standing.offset >= loaded.offset) return state;
  // The log lost the tail that it was in, and goes on before it.
  return work.ledger.record({ kind: "state", state: { ...state, loaded: standing } });
}

/**
 * The oldest position of the log, when the ledger's isn't in it any more: the ledger is an older copy, or the log a new one. What lies
 * between was loaded, or retention would have kept it; if the store has nothing of it, it is an older copy too.
 */
async function oldestPosition(work: Reconciling, loaded: Position): Promise<Position> {
  const first = firstOf(work);
  const gap = { log: loaded.log, from: loaded.offset, to: first.offset };
  if (gap.from >= gap.to || (await hasTrace(work, gap))) return first;
  throw new HeadraceError(
    "store_mismatch",
    `${work.stream.name}: nothing of the offsets ${gap.from} to ${gap.to - 1} is stored, and the log doesn't hold them any more: store and ledger are older copies than the log`,
  );
}

async function hasTrace(work: Reconciling, range: Omit<OffsetRange, "partition">): Promise<boolean> {
  if ((await countPresent(work, range)) > 0) return true;
  const spans = await work.store.present(REJECTED_TABLE, { ...range, partition: work.partition });
  return spans.length > 0;
}

/** What is wrong when the log ends before what the ledger, as far as there is one, says was loaded. */
export function olderLog(
  stream: string,
  state: Pick<LedgerState, "loaded"> | undefined,
  end: Position,
): string | undefined {
  const { loaded } = state ?? {};
  if (loaded?.log !== end.log || loaded.offset <= end.offset) return undefined;
  return `${stream}: offset ${loaded.offset} was loaded, but the log ends at ${end.offset}: it is an older copy than the store`;
}

async function isHeld({ log, stream, partition }: Reconciling, position: Position): Promise<boolean> {
  try {
    await log.read(stream.name, partition, position, { bytes: 1, events: 1 });
    return true;
  } catch (error) {
    if (error instanceof HeadraceError && error.code === "offset_gone") return false;
    throw error;
  }
}

/** The log's beginning, when it still holds everything since the first event. */
function wholeLog(work: Reconciling, problem: string): Position {
  const gap = gapOf(work);
  if (gap === undefined && work.log.capabilities.replay) return firstOf(work);
  throw new HeadraceError(
    "store_mismatch",
    `${work.stream.name}: ${problem}, and ${gap ?? "the log can't be read again"}: what it lacks can't be loaded again`,
  );
}

/** What the log doesn't hold of the events that are wanted; undefined when it holds all. */
function gapOf(work: Reconciling): string | undefined {
  const first = firstOf(work);
  const { lost = 0 } = work.log.status(work.stream.name, work.partition);
  const before = first === work.ledger.state?.origin ? 0 : first.offset;
  if (before + lost === 0) return undefined;
  return before > 0 ? `the log begins at offset ${before}` : `the log lacks ${lost} offsets since a salvage`;
}

/** The first event that is wanted: the log's, or the first after a reset. */
export function firstOf({ log, stream, partition, ledger }: Reconciling): Position {
  const { first, end } = log.status(stream.name, partition);
  const origin = ledger.state?.origin;
  const isHere = origin !== undefined && (origin.log === first.log || origin.log === end.log);
  return isHere && first.offset <= origin.offset && origin.offset <= end.offset ? origin : first;
}

/** The log's cursor goes first: what is to be loaded again must not be dropped by retention. */
export async function setBack(work: Reconciling, loaded: Position): Promise<LedgerState> {
  const { log, stream, partition, ledger, store } = work;
  await log.commit(stream.name, partition, LOADER_SUBSCRIPTION, loaded);
  const { refused = [], erasures = [], origin } = ledger.state ?? {};
  const { storeId } = store.capabilities;
  return ledger.record({
    kind: "state",
    state: {
      storeId,
      loaded,
      inserts: [],
      refused,
      // What was erased is erased again, once it is loaded again.
      erasures: erasures.map((erasure) => ({ ...erasure, done: false })),
      ...(origin === undefined ? {} : { origin }),
    },
  });
}
