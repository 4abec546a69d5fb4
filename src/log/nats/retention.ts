import { LOADER_SUBSCRIPTION } from "../limits.ts";
import type { Position } from "../log.ts";
import type { Retention } from "../log-options.ts";
import { boundsOf, locate } from "./anchor.ts";
import { decodeHead } from "./message.ts";
import type { StreamServer } from "./server.ts";
import type { PartitionView } from "./view.ts";

export interface PurgeTarget {
  readonly server: StreamServer;
  readonly subject: string;
  readonly view: PartitionView;
  /** Of the partition. */
  readonly size: { readonly bytes: number; readonly messages: number };
  readonly cursors: ReadonlyMap<string, Position>;
}

/**
 * Removes the oldest messages of a partition that are past their age, or that are too many, and that every subscription has
 * behind it. The first that stays always counts, which is what readers rely on. Gives how many were removed.
 */
export async function purgeOld(target: PurgeTarget, retention: Retention, now: number): Promise<number> {
  const { server, subject, view, size, cursors } = target;
  // The loader needs everything before its first commit.
  if (!cursors.has(LOADER_SUBSCRIPTION)) return 0;
  const needed = Math.min(...[...cursors.values()].map((cursor) => view.resolve(cursor)));
  if (needed <= view.first) return 0;
  const bounds = await boundsOf(server, subject);
  if (bounds === undefined) return 0;
  const { first, last } = bounds;
  const tooOld = await server.sequenceAt(now - retention.age);
  const excess = Math.max(0, size.bytes - retention.bytes) / Math.max(1, size.bytes);
  const tooMany = first.sequence + Math.floor((last.sequence - first.sequence) * excess);
  const wanted = Math.max(tooOld, tooMany);
  if (wanted <= first.sequence) return 0;

  const message = await server.next(subject, wanted);
  const head = decodeHead(message?.header);
  const old = message === undefined || head === undefined ? last : { sequence: message.seq, head };
  const read = await locate(server, subject, bounds, needed - 1);
  const named = Math.min(old.head?.prev ?? 0, read.head.prev);
  const start = await startOfGroup(server, named, first.sequence);
  return start > first.sequence ? await server.purge(subject, start) : 0;
}

/** Sequence number of the first message of the group that ends with a message which counts; 0 when it isn't there any more. */
async function startOfGroup(server: StreamServer, sequence: number, first: number): Promise<number> {
  for (let at = sequence; at > first;) {
    const head = decodeHead((await server.at(at))?.header);
    if (head === undefined) return 0;
    if (head.run === undefined || head.run.part === 0) return at;
    at = head.prev;
  }
  return 0;
}
