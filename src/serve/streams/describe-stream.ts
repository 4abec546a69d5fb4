import type { Loader } from "../../load/load.ts";
import type { Log } from "../../log/log.ts";
import type { Stream } from "../../project/declarations.ts";
import { describeRebuild } from "./describe-rebuild.ts";
import type { StreamColumn } from "./stream-columns.ts";
import type { Counts } from "./stream-counts.ts";

/** Where a stream's state is read from. */
export interface StreamFacts {
  readonly loader: Pick<Loader, "status" | "version" | "rebuilds">;
  readonly log: Pick<Log, "status" | "capabilities">;
  /** What has been measured since the start; undefined before anything was. */
  readonly freshness?: (stream: string) => MeasuredFreshness | undefined;
}

export interface MeasuredFreshness {
  /** Milliseconds. */
  readonly p50: number;
  /** Milliseconds. */
  readonly p99: number;
  readonly batches: number;
}

/** What `GET /v1/streams/{stream}` answers. */
export type StreamDescription = ReturnType<typeof describeStream>;

export function describeStream(
  stream: Stream,
  counts: Counts,
  columns: readonly StreamColumn[],
  facts: StreamFacts,
) {
  const load = facts.loader.status(stream.name);
  const measured = facts.freshness?.(stream.name);
  return {
    name: stream.name,
    description: stream.description,
    events: counts.events,
    rejected: counts.rejected,
    lag: {
      events: load.lagEvents,
      age_ms: load.lagAge,
      state: load.state,
      ...(load.reason === undefined ? {} : { reason: load.reason }),
    },
    freshness: {
      promise_ms: stream.freshness,
      measured:
        measured === undefined
          ? null
          : { p50_ms: measured.p50, p99_ms: measured.p99, batches: measured.batches },
    },
    id: stream.id === undefined ? null : { field: stream.id.field, window_ms: stream.id.window },
    table: {
      order_by: stream.table.orderBy,
      partition_by: stream.table.partitionBy ?? null,
      ttl: stream.table.ttl ?? null,
    },
    log: logOf(stream.name, facts.log),
    rebuild: describeRebuild(facts.loader.rebuilds.status(stream.name)),
    columns,
  };
}

function logOf(stream: string, log: StreamFacts["log"]) {
  const sum = { bytes: 0, segments: 0, keys: 0, writable: true };
  for (let partition = 0; partition < log.capabilities.partitions; partition++) {
    const status = log.status(stream, partition);
    sum.bytes += status.bytes;
    sum.segments += status.segments;
    sum.keys += status.keys;
    sum.writable &&= status.writable;
  }
  return sum;
}
