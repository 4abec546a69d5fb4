import type { Log } from "../../log/log.ts";
import type { Stream } from "../../project/declarations.ts";
import { REJECTED_TABLE } from "../../rejected/rejected-table.ts";
import type { Store } from "../../store/store.ts";
import { insertRejected } from "../insert-rejected.ts";
import { createJudgeAgain, type JudgeAgain } from "../judge-again.ts";
import type { Misfits, RefusedEvent } from "../ledger-state.ts";
import { LOAD_LIMITS } from "../limits.ts";
import { linesOf } from "../rows.ts";
import { extent, sizeOf, subtract, within, type Spans } from "../spans.ts";
import { rangeOf, readGroup, type Group } from "./read-group.ts";

export interface MisfitWork {
  readonly log: Log;
  readonly store: Store;
  readonly stream: Stream;
}

/**
 * Keeps the events as rejected that the stream's table doesn't have any more since it was made anew. Those that it has stay as they are:
 * the old one is in place then. May be repeated.
 */
export async function keepMisfits(work: MisfitWork, misfits: readonly Misfits[]): Promise<void> {
  const judge = createJudgeAgain(work.stream);
  for (const one of misfits) {
    const { to } = extent(one.spans);
    for (let left = one.spans; left.length > 0;) {
      const { from } = extent(left);
      const group = await readGroup(work.log, work.stream.name, { log: one.log, offset: from }, to);
      if (group === undefined) throw new RangeError("events that are to be rejected are gone from the log");
      await keep(work, judge, group, one);
      left = subtract(left, [{ from, to: Math.max(rangeOf(group).to, from + 1) }]);
    }
  }
}

async function keep(
  { store, stream }: MisfitWork,
  judge: JudgeAgain,
  group: Group,
  misfits: Misfits,
): Promise<void> {
  const range = rangeOf(group);
  const own = within(misfits.spans, range);
  if (own.length === 0) return;
  const gone = subtract(own, await store.present(stream.name, { ...range, ...extent(own) }));
  if (gone.length === 0) return;
  await insertRejected({
    store,
    stream: stream.name,
    // What ingest rejected is none of this: it may have been replayed or forgotten since.
    batches: group.map((batch) => ({ ...batch, rejected: NO_LINES })),
    refused: await withReasons(group, gone, judge, misfits.refused),
    present: await store.present(REJECTED_TABLE, range),
    rowsMax: LOAD_LIMITS.insertRows,
    checkpoint: () => {},
  });
}

const NO_LINES = { count: 0, bytes: Buffer.alloc(0) };

async function withReasons(
  group: Group,
  gone: Spans,
  judge: JudgeAgain,
  refusedByStore: readonly RefusedEvent[],
): Promise<RefusedEvent[]> {
  const known = new Map(refusedByStore.map((event) => [event.offset, event]));
  const wanted = [...linesOf(group, "events", gone)];
  const judged = wanted.every(({ offset }) => known.has(offset)) ? [] : (await judge(group)).refused;
  const reasons = new Map(judged.map(({ offset, reason }) => [offset, reason]));
  return wanted.map(
    ({ offset, acceptedAt }) =>
      known.get(offset) ?? { offset, acceptedAt, reason: reasons.get(offset) ?? REASON },
  );
}

/** Of an event that fits again: the declaration has changed since. */
const REASON = { path: "", code: "store_refused", message: "the rebuilt table didn't take it" };

/** How many events these are. */
export function countMisfits(misfits: readonly Misfits[]): number {
  return misfits.reduce((sum, { spans }) => sum + sizeOf(spans), 0);
}
