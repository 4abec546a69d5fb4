import { SYSTEM_COLUMNS } from "../project/column.ts";
import { compileSql } from "../project/compile-sql.ts";
import { sql, type Sql } from "../project/sql.ts";
import type { SqlWords } from "../store/sql-words.ts";
import type { QueryLimits, Store } from "../store/store.ts";
import { GIB, MIB, SECOND } from "../units.ts";
import type { RefusedBy } from "./rejected-event.ts";
import { REPLAYED } from "./replay-mark.ts";
import { REJECTED_TABLE } from "./rejected-table.ts";

/** What one page may cost the store. */
const PAGE_LIMITS: QueryLimits = { time: 30 * SECOND, memory: GIB, rows: 1_001, bytes: 64 * MIB };

/** A row of the table of rejected events, as ROW_COLUMNS selects it. */
export interface RejectedRow {
  readonly log: string;
  readonly partition: number | string;
  readonly offset: number | string;
  /** Milliseconds since 1970. */
  readonly time: number | string;
  readonly event: string;
  readonly encoding: "utf8" | "base64";
  readonly errors: string;
  readonly refused_by: RefusedBy;
}

export const log = sql.identifier(SYSTEM_COLUMNS.log);
export const partition = sql.identifier(SYSTEM_COLUMNS.partition);
export const offset = sql.identifier(SYSTEM_COLUMNS.offset);
export const acceptedAt = sql.identifier(SYSTEM_COLUMNS.acceptedAt);

/** A quoted name, since PostgreSQL reads `offset` as its own word. */
const offsetName = sql.identifier("offset");

export function rowColumns(words: SqlWords): Sql {
  return sql`${log} AS log, ${partition} AS partition, ${offset} AS ${offsetName},
  ${words.milliseconds(acceptedAt)} AS time, event, encoding, errors, refused_by`;
}

/** Unique over all streams. */
export function rejectedId(row: Pick<RejectedRow, "log" | "partition" | "offset">): string {
  return `${row.log}-${row.partition}-${row.offset}`;
}

/** The id of a row, as `rejectedId` makes it. */
export function idExpression(words: SqlWords): Sql {
  return sql`concat(${log}, '-', ${words.text(partition)}, '-', ${words.text(offset)})`;
}

/** The condition for a stream's rejected events that weren't replayed. */
export function waiting(words: SqlWords, stream: string): Sql {
  return waitingOf(words, [stream]);
}

/** The same for several streams. Hashes, since there may be millions of marks. */
export function waitingOf(words: SqlWords, streams: readonly string[]): Sql {
  const table = sql.identifier(REJECTED_TABLE);
  const ofStreams = words.isOneOf(sql`stream`, streams);
  const replayed = sql`SELECT ${words.hash(sql`event`)} FROM ${table} WHERE ${ofStreams} AND code = ${REPLAYED}`;
  return sql`${ofStreams} AND code != ${REPLAYED} AND ${words.isNoneOf(words.hash(idExpression(words)), replayed)}`;
}

export async function readRejectedRows(
  store: Store,
  query: Sql,
  signal: AbortSignal | undefined,
): Promise<RejectedRow[]> {
  const { chunks } = await store.query({
    sql: compileSql(query, store.capabilities.dialect),
    format: "ndjson",
    limits: PAGE_LIMITS,
    ...(signal === undefined ? {} : { signal }),
  });
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  const lines = Buffer.concat(parts).toString().split("\n");
  return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as RejectedRow);
}
