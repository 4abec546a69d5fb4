import { HeadraceError } from "../errors.ts";
import type { EventError } from "../project/event-validator.ts";
import { sql, type Sql } from "../project/sql.ts";
import { sqlWords, type SqlWords } from "../store/sql-words.ts";
import type { Store } from "../store/store.ts";
import { eventText } from "./page-text.ts";
import { decodeCursor, encodeCursor, type RejectedCursor } from "./rejected-cursor.ts";
import type { RefusedBy } from "./rejected-event.ts";
import {
  acceptedAt,
  log,
  offset,
  partition,
  readRejectedRows,
  rejectedId,
  rowColumns,
  waiting,
  type RejectedRow,
} from "./rejected-rows.ts";
import { REJECTED_TABLE } from "./rejected-table.ts";

/** Rejected events of one page when nothing else is asked for, and at most. */
export const REJECTED_PAGE_DEFAULT = 50;
export const REJECTED_PAGE_MAX = 1_000;

export interface ListRejectedOptions {
  readonly stream: string;
  /** Only those whose first reason has this code. */
  readonly code?: string;
  /** Only those that were accepted before this time: milliseconds since 1970. */
  readonly before?: number;
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
  const rows = await readRejectedRows(
    store,
    pageQuery(sqlWords(store.capabilities), options, limit + 1),
    options.signal,
  );
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

/** Newest first, and always the same order. */
const newestFirst = sql`ORDER BY ${acceptedAt} DESC, ${log} DESC, ${partition} DESC, ${offset} DESC`;

/** The inner query finds the page by small columns, so that the events of other pages aren't read. */
function pageQuery(words: SqlWords, options: ListRejectedOptions, count: number): Sql {
  const table = sql.identifier(REJECTED_TABLE);
  const { stream, code, before, cursor } = options;
  const wanted = sql`${waiting(words, stream)} ${code === undefined ? sql`` : sql`AND code = ${code}`}
    ${before === undefined ? sql`` : sql`AND ${acceptedAt} < ${words.time(before)}`}`;
  return sql`
    SELECT ${rowColumns(words)}
    FROM ${table}
    WHERE stream = ${stream} AND (${log}, ${partition}, ${offset}) IN (
      SELECT ${log}, ${partition}, ${offset} FROM ${table}
      WHERE ${wanted} ${cursor === undefined ? sql`` : olderThan(words, decodeCursor(cursor))}
      ${newestFirst} LIMIT ${count})
    ${newestFirst}`;
}

function olderThan(words: SqlWords, cursor: RejectedCursor): Sql {
  return sql`AND (${acceptedAt}, ${log}, ${partition}, ${offset})
    < (${words.time(cursor.time)}, ${cursor.log}, ${cursor.partition}, ${cursor.offset})`;
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
    id: rejectedId(row),
    time: new Date(Number(row.time)).toISOString(),
    event: row.encoding === "utf8" ? eventText(row.event) : JSON.stringify(row.event),
    reasons: JSON.parse(row.errors) as readonly EventError[],
    refused_by: row.refused_by,
  };
}
