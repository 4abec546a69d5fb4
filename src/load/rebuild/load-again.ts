import { HeadraceError } from "../../errors.ts";
import { firstOf, olderLog, setBack, type Reconciling } from "../reconcile.ts";
import { sizeOf } from "../spans.ts";
import type { RebuildOutcome } from "./rebuilds.ts";

/** The store isn't the one that was loaded, or lacks rows: what would be loaded again, and what is gone. */
export async function planLoadAgain(
  work: Reconciling,
): Promise<{ readonly lost: number; readonly toLoad: number; readonly refused?: string }> {
  const { log, store, stream, partition } = work;
  const { first: held, end, lost: gaps = 0 } = log.status(stream.name, partition);
  if (olderLog(stream.name, work.ledger.state, end) !== undefined) {
    throw new HeadraceError(
      "rebuild_refused",
      `${stream.name}: the log is an older copy than the store, so new events would take the places of stored ones: restore the log, or reset the stream`,
    );
  }
  const first = firstOf(work);
  // What was before a reset isn't wanted.
  const isReset = first === work.ledger.state?.origin;
  const before = { log: held.log, partition, from: 0, to: isReset ? 0 : first.offset };
  const lost = before.to - sizeOf(await store.present(stream.name, before)) + gaps;
  const toLoad = end.offset - first.offset;
  if (lost === 0) return { lost, toLoad };
  const refused = `${stream.name}: the store was emptied, replaced or set back, and the log begins at offset ${first.offset}${gaps > 0 ? ` and lacks ${gaps} offsets since a salvage` : ""}: up to ${lost} events are lost unless the old store is restored`;
  return { lost, toLoad, refused };
}

/** Sets the loader to the first event that the log holds. What the store has stays, and what was erased is erased again. */
export async function loadAgain(work: Reconciling, allowPartial: boolean): Promise<RebuildOutcome> {
  const { lost, toLoad, refused } = await planLoadAgain(work);
  if (refused !== undefined && !allowPartial) throw new HeadraceError("rebuild_refused", refused);
  await setBack(work, firstOf(work));
  return { fromLog: 0, copied: 0, rejected: 0, lost, toLoad };
}
