import { HeadraceError } from "../../errors.ts";
import type { Log, LogBatch, Position } from "../../log/log.ts";
import type { OffsetRange } from "../../store/store.ts";
import { LOAD_LIMITS, READ_BYTES } from "../limits.ts";
import { endOf } from "../rows.ts";

/** Batches of the log that follow each other without a gap, of one log id and one schema. */
export type Group = readonly [LogBatch, ...LogBatch[]];

/** The next batches from a position on, before an offset; about as many as the loader gathers. Undefined when there are none. */
export async function readGroup(
  log: Log,
  stream: string,
  from: Position,
  before: number,
): Promise<Group | undefined> {
  const group: LogBatch[] = [];
  let [next, bytes, events] = [from, 0, 0];
  while (next.offset < before && bytes < LOAD_LIMITS.bytes && events < LOAD_LIMITS.rows) {
    const limit = { bytes: READ_BYTES, events: LOAD_LIMITS.rows - events };
    const read = await log.read(stream, 0, next, limit);
    const taken = read.findIndex((batch, index) => {
      const last = index === 0 ? group.at(-1) : read[index - 1];
      const hasGap = last !== undefined && batch.offset !== endOf(last);
      return batch.offset >= before || hasGap || !isAlike(group[0] ?? read[0], batch);
    });
    for (const batch of taken === -1 ? read : read.slice(0, taken)) {
      group.push(batch);
      next = { log: batch.log, offset: endOf(batch) };
      bytes += batch.events.bytes.length + batch.rejected.bytes.length;
      events += batch.events.count + batch.rejected.count;
    }
    if (taken !== -1 || read.length === 0) break;
  }
  const [first, ...rest] = group;
  return first === undefined ? undefined : [first, ...rest];
}

export function rangeOf(group: Group): OffsetRange {
  const [first] = group;
  return { log: first.log, partition: first.partition, from: first.offset, to: endOf(group.at(-1) ?? first) };
}

/** Throws `rebuild_refused` for a log that can't be read again. */
export function checkReplayable(log: Log): void {
  if (log.capabilities.partitions === 1 && log.capabilities.replay) return;
  throw new HeadraceError("rebuild_refused", "This log can't be read again from its beginning");
}

function isAlike(first: LogBatch | undefined, batch: LogBatch): boolean {
  return batch.log === first?.log && batch.schema.fingerprint === first.schema.fingerprint;
}
