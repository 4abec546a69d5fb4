import type { HeadraceError } from "../errors.ts";
import type { LogBatch } from "../log/log.ts";
import { encodeRejected } from "../rejected/rejected-event.ts";
import { REJECTED_SCHEMA, REJECTED_TABLE } from "../rejected/rejected-table.ts";
import type { Store } from "../store/store.ts";
import { insertIsolating, refusalReason } from "./isolate.ts";
import type { RefusedEvent } from "./ledger-state.ts";
import { linesOf, offsetsIn, planRows } from "./rows.ts";
import { extent, NO_SPANS, spansOf, subtract, type Spans } from "./spans.ts";

export interface RejectedInsert {
  readonly store: Store;
  readonly stream: string;
  readonly batches: readonly LogBatch[];
  /** Events of the batches that the store refused, rising. */
  readonly refused: readonly RefusedEvent[];
  /** What is in the table of rejected events already. */
  readonly present: Spans;
  readonly rowsMax: number;
  checkpoint(): void;
}

/** Keeps the rejected events of the batches, and those that the store refused. */
export async function insertRejected(work: RejectedInsert): Promise<void> {
  const batches = withRefused(work);
  const odd: { readonly offset: number; readonly error: HeadraceError }[] = [];
  await insertIsolating({
    wanted: subtract(offsetsIn(batches, "rejected"), work.present),
    rowsMax: work.rowsMax,
    insert: (offsets) => insert(work, batches, offsets),
    present: async (offsets) => {
      const { log, partition } = batches[0] ?? { log: "", partition: 0 };
      return work.store.present(REJECTED_TABLE, { log, partition, ...extent(offsets) });
    },
    refused: async (offset, error) => {
      odd.push({ offset, error });
      return NO_SPANS;
    },
    checkpoint: () => work.checkpoint(),
  });
  // A rejected event that can't be kept as it is must not block the rest: its whole line is kept instead, as an event.
  for (const { offset, error } of odd) {
    for (const { line, acceptedAt } of linesOf(batches, "rejected", spansOf([offset]))) {
      const kept = encodeRejected({
        stream: work.stream,
        raw: line,
        errors: [refusalReason(error)],
        refusedBy: "store",
      });
      await insert(work, [alone(work, { offset, acceptedAt }, kept)], spansOf([offset]));
    }
  }
}

async function insert(work: RejectedInsert, batches: readonly LogBatch[], offsets: Spans): Promise<void> {
  await work.store.insert(REJECTED_TABLE, {
    ...planRows(batches, "rejected", offsets),
    schema: REJECTED_SCHEMA,
  });
}

/** The batches with the refused events among their rejected ones, each as a batch of its own at its offset. */
function withRefused(work: RejectedInsert): LogBatch[] {
  const { batches, refused } = work;
  if (refused.length === 0) return [...batches];
  const lines = linesOf(batches, "events", spansOf(refused.map((event) => event.offset)));
  const reasons = new Map(refused.map((event) => [event.offset, event.reason]));
  const own: LogBatch[] = [];
  for (const { offset, line, acceptedAt } of lines) {
    const reason = reasons.get(offset);
    if (reason === undefined) continue;
    const kept = encodeRejected({ stream: work.stream, raw: line, errors: [reason], refusedBy: "store" });
    own.push(alone(work, { offset, acceptedAt }, kept));
  }
  return [...batches, ...own].sort((a, b) => firstRejected(a) - firstRejected(b));
}

function firstRejected(batch: LogBatch): number {
  return batch.offset + batch.events.count;
}

function alone(
  work: RejectedInsert,
  place: { readonly offset: number; readonly acceptedAt: number },
  line: Buffer,
): LogBatch {
  const [first] = work.batches;
  if (first === undefined) throw new RangeError("a plan has at least one batch");
  const events = { count: 0, bytes: Buffer.alloc(0) };
  return { ...first, ...place, events, rejected: { count: 1, bytes: line } };
}
