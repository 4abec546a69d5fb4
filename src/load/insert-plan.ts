import type { LogBatch } from "../log/log.ts";
import { REJECTED_TABLE } from "../rejected/rejected-table.ts";
import type { OffsetRange, PlannedBatch, Store } from "../store/store.ts";
import { heirOf, idsAt, withHeirs } from "./ids/batch-ids.ts";
import type { EventIds } from "./ids/event-ids.ts";
import { insertRejected } from "./insert-rejected.ts";
import { insertIsolating, refusalReason } from "./isolate.ts";
import type { JudgedAgain } from "./judge-again.ts";
import type { Ledger } from "./ledger.ts";
import type { OpenPlan } from "./ledger-state.ts";
import { linesOf, offsetsIn, planRows, sectionOf } from "./rows.ts";
import { extent, has, NO_SPANS, spansOf, subtract, union, within, type Spans } from "./spans.ts";

export interface PlanInsert {
  readonly store: Store;
  readonly stream: string;
  readonly ledger: Ledger;
  /** The open plan's batches, whole; at least one. */
  readonly batches: readonly LogBatch[];
  /** The same as the table takes them, when it doesn't take their schema. */
  readonly judged: JudgedAgain | undefined;
  /** Those of its events, when the stream has ids. */
  readonly ids: EventIds | undefined;
  /** Ask first what is in the store already: an insert of this range may have been tried before. */
  readonly askFirst: boolean;
  /** Rows in one insert at most. */
  readonly rowsMax: number;
  /** Rows of the stream's table may have become visible. */
  visible(): void;
  /** An insert into the stream's table ended, after so many milliseconds. */
  inserted(batch: PlannedBatch, duration: number): void;
  /** Called after each refusal: throws when the loader is to stop. */
  checkpoint(): void;
}

/**
 * Brings the ledger's open plan into the store: afterwards each of its offsets is in the stream's table, in the table
 * of rejected events, or a duplicate. Gives the offsets that this call inserted into the stream's table.
 */
export async function insertPlan(work: PlanInsert): Promise<Spans> {
  const range = rangeOf(work, openPlan(work.ledger));
  const inTable = work.askFirst ? await work.store.present(work.stream, range) : NO_SPANS;
  const inRejected = work.askFirst ? await work.store.present(REJECTED_TABLE, range) : NO_SPANS;
  if (inTable.length > 0) await keepIds(work, inTable);
  await rememberRefused(work, inRejected);
  if (work.judged !== undefined) await refuseMisfits(work, work.judged, inTable);

  const { duplicates, refused } = openPlan(work.ledger);
  const elsewhere = union(union(duplicates, offsetsOf(refused)), inTable);
  const wanted = subtract(offsetsIn(work.batches, "events"), elsewhere);
  await insertEvents(work, wanted);
  await insertRejected({ ...work, refused: openPlan(work.ledger).refused, present: inRejected });
  return subtract(wanted, offsetsOf(openPlan(work.ledger).refused));
}

export function openPlan(ledger: Ledger): OpenPlan {
  const plan = ledger.state?.plan;
  if (plan === undefined) throw new RangeError("an insert needs an open plan in the ledger");
  return plan;
}

async function keepIds(work: PlanInsert, inTable: Spans): Promise<void> {
  if (work.ids === undefined) return;
  const rows = planRows(work.batches, "events", inTable);
  await work.store.keepIds?.(work.stream, { ...rows, ids: idsAt(work.ids, rows.offsets) });
}

/** Events that are kept as rejected although the ledger doesn't know: the one that knew was lost. */
async function rememberRefused(work: PlanInsert, inRejected: Spans): Promise<void> {
  const inEvents = work.batches.flatMap((batch) => within(inRejected, sectionOf(batch, "events")));
  const unknown = subtract(inEvents, offsetsOf(openPlan(work.ledger).refused));
  if (unknown.length === 0) return;
  const reason = { path: "", code: "store_refused", message: "refused by the store before" };
  const refused = [...linesOf(work.batches, "events", unknown)].map(({ offset, acceptedAt }) => ({
    offset,
    acceptedAt,
    reason,
  }));
  await work.ledger.record({ kind: "refused", refused });
}

/** Events that today's declaration doesn't take, in one entry: there may be many. */
async function refuseMisfits(work: PlanInsert, judged: JudgedAgain, inTable: Spans): Promise<void> {
  const { duplicates, refused } = openPlan(work.ledger);
  const decided = union(inTable, offsetsOf(refused));
  const misfits = judged.refused.filter(({ offset }) => !has(decided, offset));
  const entries = withHeirs(misfits, work.ids, duplicates);
  if (entries.length > 0) await work.ledger.record({ kind: "refused", refused: entries });
}

async function insertEvents(work: PlanInsert, wanted: Spans): Promise<void> {
  await insertIsolating({
    wanted,
    rowsMax: work.rowsMax,
    insert: (offsets) => insertRows(work, offsets),
    present: async (offsets) => work.store.present(work.stream, rangeOf(work, extent(offsets))),
    refused: async (offset, error) => {
      const { duplicates } = openPlan(work.ledger);
      const heir = work.ids === undefined ? undefined : heirOf(work.ids, duplicates, offset);
      const acceptedAt = work.batches.findLast((batch) => batch.offset <= offset)?.acceptedAt ?? 0;
      const event = { offset, acceptedAt, reason: refusalReason(error) };
      const refused = [heir === undefined ? event : { ...event, heir }];
      await work.ledger.record({ kind: "refused", refused });
      return heir === undefined ? NO_SPANS : spansOf([heir]);
    },
    checkpoint: () => work.checkpoint(),
  });
}

async function insertRows(work: PlanInsert, offsets: Spans): Promise<void> {
  const rows = planRows(work.judged?.batches ?? work.batches, "events", offsets);
  const batch = work.ids === undefined ? rows : { ...rows, ids: idsAt(work.ids, rows.offsets) };
  const start = performance.now();
  try {
    await work.store.insert(work.stream, batch);
  } finally {
    // A failed insert may have made rows visible too.
    work.visible();
  }
  work.inserted(batch, performance.now() - start);
}

function rangeOf(work: PlanInsert, span: { readonly from: number; readonly to: number }): OffsetRange {
  const [batch] = work.batches;
  if (batch === undefined) throw new RangeError("a plan has at least one batch");
  return { log: batch.log, partition: batch.partition, from: span.from, to: span.to };
}

function offsetsOf(events: readonly { readonly offset: number }[]): Spans {
  return spansOf(events.map((event) => event.offset));
}
