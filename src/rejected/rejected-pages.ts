import { HeadraceError } from "../errors.ts";
import { sql, type Sql } from "../project/sql.ts";
import { sqlWords, type SqlWords } from "../store/sql-words.ts";
import type { Store } from "../store/store.ts";
import type { RejectedCursor } from "./rejected-cursor.ts";
import {
  acceptedAt,
  log,
  offset,
  partition,
  readRejectedRows,
  rowColumns,
  waiting,
  type RejectedRow,
} from "./rejected-rows.ts";
import { selectionCondition, type RejectedSelection } from "./rejected-selection.ts";
import { REJECTED_TABLE } from "./rejected-table.ts";

export interface PageWanted {
  readonly stream: string;
  readonly selection: RejectedSelection;
  readonly order: "newest first" | "oldest first";
  /** Where the page before ended. */
  readonly after: RejectedCursor | undefined;
  /** Only those that were accepted before this time: milliseconds since 1970. */
  readonly acceptedBefore?: number;
  /** Events to read; fewer are read when they are too large together. */
  readonly count: number;
}

export interface PageRows {
  readonly rows: readonly RejectedRow[];
  /** How many would have been read, had there been as many: with fewer rows, there are no more. */
  readonly count: number;
}

/** A page of a stream's rejected events that weren't replayed. */
export async function readPage(
  store: Store,
  wanted: PageWanted,
  signal: AbortSignal | undefined,
): Promise<PageRows> {
  for (let { count } = wanted; ; count = Math.floor(count / 2)) {
    try {
      const query = pageQuery(sqlWords(store.capabilities), { ...wanted, count });
      return { rows: await readRejectedRows(store, query, signal), count };
    } catch (error) {
      if (!(error instanceof HeadraceError) || error.code !== "query_too_large" || count === 1) throw error;
    }
  }
}

/** Where the rows end. */
export function placeOf(row: RejectedRow): RejectedCursor {
  return {
    time: Number(row.time),
    log: row.log,
    partition: Number(row.partition),
    offset: Number(row.offset),
  };
}

/** The inner query finds the page by small columns, so that the events of other pages aren't read. */
function pageQuery(
  words: SqlWords,
  { stream, selection, order, after, acceptedBefore, count }: PageWanted,
): Sql {
  const table = sql.identifier(REJECTED_TABLE);
  const isOldestFirst = order === "oldest first";
  const direction = isOldestFirst ? sql`ASC` : sql`DESC`;
  // Always the same order, whatever has the same time.
  const ordered = sql`ORDER BY ${acceptedAt} ${direction}, ${log} ${direction}, ${partition} ${direction}, ${offset} ${direction}`;
  const wanted = sql`${waiting(words, stream)} AND ${selectionCondition(words, selection)}
    ${acceptedBefore === undefined ? sql`` : sql`AND ${acceptedAt} < ${words.time(acceptedBefore)}`}
    ${after === undefined ? sql`` : sql`AND ${isBeyond(words, after, isOldestFirst ? sql`>` : sql`<`)}`}`;
  return sql`
    SELECT ${rowColumns(words)} FROM ${table}
    WHERE stream = ${stream} AND (${log}, ${partition}, ${offset}) IN (
      SELECT ${log}, ${partition}, ${offset} FROM ${table} WHERE ${wanted} ${ordered} LIMIT ${count})
    ${ordered}`;
}

function isBeyond(words: SqlWords, place: RejectedCursor, comparison: Sql): Sql {
  return sql`(${acceptedAt}, ${log}, ${partition}, ${offset})
    ${comparison} (${words.time(place.time)}, ${place.log}, ${place.partition}, ${place.offset})`;
}
