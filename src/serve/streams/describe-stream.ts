import type { Loader } from "../../load/load.ts";
import type { Log } from "../../log/log.ts";
import { compileSql } from "../../project/compile-sql.ts";
import type { Stream } from "../../project/declarations.ts";
import { sql } from "../../project/sql.ts";
import type { Sql } from "../../project/sql.ts";
import type { Store } from "../../store/store.ts";
import { eventJsonSchema } from "../openapi/event-schema.ts";
import type { StreamCounts } from "./stream-counts.ts";

/** Where a stream's state is read from. */
export interface StreamFacts {
  readonly store: Store;
  readonly loader: Pick<Loader, "status" | "version">;
  readonly log: Pick<Log, "status" | "capabilities">;
  readonly counts: StreamCounts;
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
export type StreamDescription = Awaited<ReturnType<typeof describeStream>>;

export async function describeStream(stream: Stream, facts: StreamFacts) {
  const [counts, columns] = await Promise.all([facts.counts.of(stream), columnsOf(stream, facts.store)]);
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

/** The declared columns with the engine's types and the JSON Schema of their field in an event. */
async function columnsOf(stream: Stream, store: Store) {
  const { columns } = stream.schema;
  const list = columns
    .map((column) => sql.identifier(column.name))
    .reduce<Sql>((all, one) => sql`${all}, ${one}`, sql`1`);
  const types = await store.describe(
    compileSql(sql`SELECT ${list} FROM ${stream}`, store.capabilities.dialect),
  );
  const { properties } = eventJsonSchema(stream);
  return columns.map((column, index) => ({
    name: column.name,
    type: types[index + 1]?.type ?? "",
    nullable: column.nullable,
    schema: properties[column.name] ?? {},
  }));
}
