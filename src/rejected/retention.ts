import { messageOf } from "../errors.ts";
import { SYSTEM_COLUMNS } from "../project/column.ts";
import { compileSql } from "../project/compile-sql.ts";
import { sql } from "../project/sql.ts";
import { sqlWords } from "../store/sql-words.ts";
import type { QueryLimits, Store } from "../store/store.ts";
import { GIB, MIB, MINUTE } from "../units.ts";
import { REJECTED_TABLE } from "./rejected-table.ts";

/** How often the rejected events' age and size are looked at, in milliseconds. */
const LOOK_INTERVAL = 10 * MINUTE;
const LIMITS: QueryLimits = { time: MINUTE, memory: GIB, rows: 1_000_000, bytes: 64 * MIB };

export interface RejectedRetention {
  readonly store: Pick<Store, "capabilities" | "query" | "erase">;
  /** Milliseconds after which a rejected event goes. */
  readonly age: number;
  /** Bytes of all streams' rejected events; past it the oldest go, by whole minutes. */
  readonly bytes: number;
  readonly observer?: RejectedRetentionObserver;
  /** Milliseconds. Default ten minutes. */
  readonly interval?: number;
  /** Milliseconds since 1970. Default Date.now. */
  readonly clock?: () => number;
}

/** Called by the retention; must not throw. */
export interface RejectedRetentionObserver {
  dropped?(events: number): void;
  failed?(reason: string): void;
}

/** Keeps the rejected events within their age and size, from now on. `close` waits for what is being done. */
export function keepRejectedWithin(retention: RejectedRetention): { close(): Promise<void> } {
  let work: Promise<unknown> = Promise.resolve();
  const look = (): void => {
    work = lookOnce(retention, work);
  };
  look();
  const timer = setInterval(look, retention.interval ?? LOOK_INTERVAL).unref();
  return {
    async close() {
      clearInterval(timer);
      await work;
    },
  };
}

/** Once the look before has ended. Never throws. */
async function lookOnce(retention: RejectedRetention, before: Promise<unknown>): Promise<void> {
  await before;
  try {
    await dropOldRejected(retention);
  } catch (error) {
    retention.observer?.failed?.(messageOf(error));
  }
}

/** Drops what is too old or too much, and gives how many. An event that the loader brings again after a crash goes the next time. */
export async function dropOldRejected(retention: RejectedRetention): Promise<number> {
  const { store, age, observer } = retention;
  const now = (retention.clock ?? Date.now)();
  const minutes = await readMinutes(store);
  const before = Math.max(now - age, cutBySize(minutes, retention.bytes));
  const oldest = minutes.at(-1);
  if (oldest === undefined || oldest.from >= before) return 0;
  const dropped = await store.erase(REJECTED_TABLE, { acceptedBefore: before }, { dryRun: false });
  if (dropped > 0) observer?.dropped?.(dropped);
  return dropped;
}

interface Minute {
  /** Milliseconds since 1970. */
  readonly from: number;
  readonly bytes: number;
}

/** The time before which events must go so that the rest is small enough. The newest minute always stays. */
function cutBySize(minutes: readonly Minute[], bytesMax: number): number {
  let bytes = 0;
  let kept = Infinity;
  for (const minute of minutes) {
    bytes += minute.bytes;
    if (bytes > bytesMax && kept !== Infinity) return kept;
    kept = minute.from;
  }
  return 0;
}

/** Newest first. */
async function readMinutes(store: RejectedRetention["store"]): Promise<Minute[]> {
  const words = sqlWords(store.capabilities);
  const minute = words.minute(sql.identifier(SYSTEM_COLUMNS.acceptedAt));
  const size = sql`${words.bytes(sql`event`)} + ${words.bytes(sql`errors`)}`;
  const { chunks } = await store.query({
    sql: compileSql(
      sql`SELECT ${minute} AS at, sum(${size}) AS bytes
        FROM ${sql.identifier(REJECTED_TABLE)} GROUP BY at ORDER BY at DESC`,
      store.capabilities.dialect,
    ),
    format: "ndjson",
    limits: LIMITS,
  });
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  const lines = Buffer.concat(parts).toString().split("\n");
  return lines
    .filter((line) => line !== "")
    .map((line) => {
      const { at, bytes } = JSON.parse(line) as { readonly at: number; readonly bytes: number | string };
      return { from: at * 1000, bytes: Number(bytes) };
    });
}
