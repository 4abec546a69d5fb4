import type { Log, LogBatch, Position } from "../log/log.ts";
import { pause } from "./backoff.ts";
import { FRESHNESS_SHARE, GATHER_INTERVAL, READ_BYTES, type LoadLimits } from "./limits.ts";
import { endOf } from "./rows.ts";

export interface Gathering {
  readonly log: Log;
  readonly stream: string;
  readonly partition: number;
  /** Milliseconds. */
  readonly freshness: number;
  readonly limits: LoadLimits;
  readonly clock: () => number;
  readonly signal: AbortSignal;
  /** While it says so, what was gathered isn't flushed because of its age: it could not be inserted anyway. */
  isHeld(): boolean;
  /** The first batch has come: nothing that waits is older. */
  began(oldest: LogBatch): void;
}

/**
 * Waits for the log to hold something and gathers batches of one log id and one schema, with no offset missing between them, until there are enough rows or
 * bytes or half the stream's freshness is over since the oldest was accepted. What came during a long insert is over
 * its time already, and taken at once. Gives nothing when the signal aborts.
 */
export async function gather(work: Gathering, from: Position): Promise<readonly LogBatch[]> {
  const { log, stream, partition, limits, signal } = work;
  const batches: LogBatch[] = [];
  let [next, rows, bytes, flushAt, flushTo] = [from, 0, 0, Infinity, Infinity];
  while (!signal.aborted) {
    if (batches.length === 0) await log.wait(stream, partition, next, signal);
    const room = {
      bytes: Math.max(1, Math.min(READ_BYTES, limits.bytes - bytes)),
      events: Math.max(1, limits.rows - rows),
    };
    for (const batch of await log.read(stream, partition, next, room)) {
      const [first] = batches;
      if (first === undefined) {
        flushAt = flushTime(work, batch);
        work.began(batch);
      } else if (!fitsWith(first, batch) || batch.offset !== next.offset) return batches;
      batches.push(batch);
      next = { log: batch.log, offset: endOf(batch) };
      rows += batch.events.count + batch.rejected.count;
      bytes += batch.events.bytes.length + batch.rejected.bytes.length;
    }
    if (rows >= limits.rows || bytes >= limits.bytes) return batches;
    const left = work.isHeld() ? Infinity : flushAt - performance.now();
    const end = log.status(stream, partition).end.offset;
    // When the time is over, what has come until then is still taken, and not what comes during that.
    if (left <= 0) flushTo = Math.min(flushTo, end);
    if (next.offset >= flushTo) return batches;
    if (batches.length > 0 && next.offset >= end) await pause(Math.min(left, GATHER_INTERVAL), signal);
  }
  return [];
}

/** On the steady clock, so that a jump of the other one can't make a batch wait. */
function flushTime(work: Gathering, oldest: LogBatch): number {
  const share = work.freshness * FRESHNESS_SHARE;
  const age = Math.max(0, work.clock() - oldest.acceptedAt);
  return performance.now() + Math.max(0, share - age);
}

function fitsWith(first: LogBatch, batch: LogBatch): boolean {
  return batch.log === first.log && batch.schema.fingerprint === first.schema.fingerprint;
}
