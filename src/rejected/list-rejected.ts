import { HeadraceError } from "../errors.ts";
import { SYSTEM_COLUMNS } from "../project/column.ts";
import { compileSql } from "../project/compile-sql.ts";
import type { EventError } from "../project/event-validator.ts";
import { sql, type Sql } from "../project/sql.ts";
import type { QueryLimits, Store } from "../store/store.ts";
import { GIB, MIB, SECOND } from "../units.ts";
import { eventText } from "./page-text.ts";
import { decodeCursor, encodeCursor, type RejectedCursor } from "./rejected-cursor.ts";
import type { RefusedBy } from "./rejected-event.ts";
import { REJECTED_TABLE } from "./rejected-table.ts";

/** Rejected events of one page when nothing else is asked for, and at most. */
export const REJECTED_PAGE_DEFAULT = 50;
export const REJECTED_PAGE_MAX = 1_000;

/** What one page may cost the store. A page of large events that is over `bytes` is asked for again with a lower limit. */
const PAGE_LIMITS: QueryLimits = {
  time: 10 * SECOND,
  memory: GIB,
  rows: REJECTED_PAGE_MAX + 1,
  bytes: 64 * MIB,
};

export interface ListRejectedOptions {
  readonly stream: string;
  /** Only those whose first reason has this code. */
  readonly code?: string;
  /** 1 to 1000; default 50. */
  readonly limit?: number;
  /** `next` of the page before. */
  readonly cursor?: string;
  readonly signal?: AbortSignal;
}

export interface RejectedPage {
  readonly data: readonly ListedRejection[];
  /** For the next, older page; null when this is the last. */
  readonly next: string | null;
}

export interface ListedRejection {
  /** Unique over all streams: `<log>-<partition>-<offset>`. */
  readonly id: string;
  /** When it was accepted, ISO 8601 in UTC. */
  readonly time: string;
  /**
   * JSON text, to be written as it is (`pageText`): the event itself when it is JSON, else a string that holds its text,
   * or in base64 its bytes when they aren't UTF-8.
   */
  readonly event: string;
  readonly reasons: readonly EventError[];
  readonly refused_by: RefusedBy;
}

/** A page of a stream's rejected events, newest first. Throws `bad_parameter` for a limit or cursor that isn't one. */
export async function listRejected(store: Store, options: ListRejectedOptions): Promise<RejectedPage> {
  const limit = checkLimit(options.limit ?? REJECTED_PAGE_DEFAULT);
  const rows = await readRows(store, pageQuery(options, limit + 1), options.signal);
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  return {
    data: page.map(listed),
    next: rows.length > limit && last !== undefined ? encodeCursor(cursorOf(last)) : null,
  };
}

function checkLimit(limit: number): number {
  if (Number.isInteger(limit) && limit >= 1 && limit <= REJECTED_PAGE_MAX) return limit;
  throw new HeadraceError("bad_parameter", `limit must be a whole number from 1 to ${REJECTED_PAGE_MAX}`, {
    details: { parameter: "limit" },
  });
}

const log = sql.identifier(SYSTEM_COLUMNS.log);
const partition = sql.identifier(SYSTEM_COLUMNS.partition);
const offset = sql.identifier(SYSTEM_COLUMNS.offset);
const acceptedAt = sql.identifier(SYSTEM_COLUMNS.acceptedAt);
/** Newest first, and always the same order. */
const newestFirst = sql`ORDER BY ${acceptedAt} DESC, ${log} DESC, ${partition} DESC, ${offset} DESC`;

/** The inner query finds the page by small columns, so that the events of other pages aren't read. */
function pageQuery(options: ListRejectedOptions, count: number): Sql {
  const table = sql.identifier(REJECTED_TABLE);
  const { stream, code, cursor } = options;
  const wanted = sql`stream = ${stream} ${code === undefined ? sql`` : sql`AND code = ${code}`}`;
  return sql`
    SELECT ${log} AS log, ${partition} AS partition, ${offset} AS offset,
      toUnixTimestamp64Milli(${acceptedAt}) AS time, event, encoding, errors, refused_by
    FROM ${table}
    WHERE ${wanted} AND (${log}, ${partition}, ${offset}) IN (
      SELECT ${log}, ${partition}, ${offset} FROM ${table}
      WHERE ${wanted} ${cursor === undefined ? sql`` : olderThan(decodeCursor(cursor))}
      ${newestFirst} LIMIT ${count})
    ${newestFirst}`;
}

function olderThan(cursor: RejectedCursor): Sql {
  return sql`AND (${acceptedAt}, ${log}, ${partition}, ${offset})
    < (fromUnixTimestamp64Milli(${cursor.time}, 'UTC'), ${cursor.log}, ${cursor.partition}, ${cursor.offset})`;
}

interface RejectedRow {
  readonly log: string;
  readonly partition: number | string;
  readonly offset: number | string;
  readonly time: number | string;
  readonly event: string;
  readonly encoding: "utf8" | "base64";
  readonly errors: string;
  readonly refused_by: RefusedBy;
}

async function readRows(store: Store, query: Sql, signal: AbortSignal | undefined): Promise<RejectedRow[]> {
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

function cursorOf(row: RejectedRow): RejectedCursor {
  return {
    time: Number(row.time),
    log: row.log,
    partition: Number(row.partition),
    offset: Number(row.offset),
  };
}

function listed(row: RejectedRow): ListedRejection {
  return {
    id: `${row.log}-${row.partition}-${row.offset}`,
    time: new Date(Number(row.time)).toISOString(),
    event: row.encoding === "utf8" ? eventText(row.event) : JSON.stringify(row.event),
    reasons: JSON.parse(row.errors) as readonly EventError[],
    refused_by: row.refused_by,
  };
}
