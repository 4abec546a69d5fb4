import { HeadraceError, messageOf, type ErrorCode } from "../../errors.ts";
import { SECOND } from "../../units.ts";
import type { QueryLimits } from "../store.ts";
import { clickhouseHint } from "./clickhouse-words.ts";
import { placeOf } from "./text-place.ts";

/** The SQLSTATE of a server's error, such as "42601"; undefined when it wasn't the server that failed. */
export function sqlState(error: unknown): string | undefined {
  const code = field(error, "code");
  return code !== undefined && /^[0-9A-Z]{5}$/.test(code) && field(error, "severity") !== undefined
    ? code
    : undefined;
}

function field(error: unknown, name: string): string | undefined {
  if (typeof error !== "object" || error === null) return undefined;
  const value = (error as Readonly<Record<string, unknown>>)[name];
  return typeof value === "string" ? value : undefined;
}

/** Server states in which no connection can be had, or in which this one can't go on. */
const AWAY = new Set([
  "57P01", // admin_shutdown
  "57P02", // crash_shutdown
  "57P03", // cannot_connect_now
  "57P05", // idle_session_timeout
  "25006", // read_only_sql_transaction: the server became a standby
  "53300", // too_many_connections
]);

/** Whether the database couldn't be reached, or the connection broke: a later try may succeed. */
export function isAway(error: unknown): boolean {
  if (error instanceof HeadraceError) return error.code === "store_failed";
  const state = sqlState(error);
  if (state !== undefined) return state.startsWith("08") || AWAY.has(state);
  const code = field(error, "code");
  if (code !== undefined && /^E[A-Z]+$/.test(code)) return true;
  return /connection (?:terminated|ended)|timeout exceeded|connection timeout|before secure TLS/i.test(
    messageOf(error),
  );
}

/** Classes of errors that an event's values cause. */
const DATA_ERRORS = /^(?:22|23)|^54000$/;

/**
 * What a failed insert means to the loader. `rowOf` gives the index in the batch of the COPY's line, when it is known.
 */
export function insertError(
  table: string,
  error: unknown,
  rowOf: (line: number) => number | undefined,
): HeadraceError {
  if (error instanceof HeadraceError) return error;
  const where = field(error, "where") ?? "";
  const line = /^COPY .*?, line (\d+)/.exec(where)?.[1];
  if (line !== undefined && DATA_ERRORS.test(sqlState(error) ?? "")) {
    const row = rowOf(Number(line));
    const column = /, column ([^:]+)(?::|$)/.exec(where)?.[1];
    const reason = `${column === undefined ? "" : `${column}: `}${messageOf(error)}`;
    return refusedEvent(table, reason, row, error);
  }
  return storeFailed(`Inserting into ${table} failed`, error);
}

export function refusedEvent(
  table: string,
  reason: string,
  row: number | undefined,
  cause?: unknown,
): HeadraceError {
  const which = row === undefined ? "" : `: row ${row + 1} of a batch for ${table}`;
  return new HeadraceError("store_refused_events", `${reason}${which}`, {
    details: { reason, ...(row === undefined ? {} : { row }) },
    ...(cause === undefined ? {} : { cause }),
  });
}

export function storeFailed(what: string, error: unknown): HeadraceError {
  if (error instanceof HeadraceError) return error;
  return new HeadraceError("store_failed", `${what}: ${messageOf(error)}`, { cause: error });
}

/** What was asked, as its author wrote it, and how the text that ran maps to it. */
export interface AskedSql {
  readonly text: string;
  /** The position in `text` of one in the text that ran; both count characters from 0. */
  original(position: number): number;
}

const TOO_LARGE = new Set([
  "53200", // out_of_memory
  "53400", // configuration_limit_exceeded: temp_file_limit
  "54000", // program_limit_exceeded
]);

/** What a failed query means to its caller. */
export function queryError(error: unknown, limits: QueryLimits, asked: AskedSql): HeadraceError {
  if (error instanceof HeadraceError) return error;
  const failed = (code: ErrorCode, message: string): HeadraceError =>
    new HeadraceError(code, message, { cause: error });
  const state = sqlState(error);
  const message = messageOf(error);
  if (state === "57014" && message.includes("statement timeout")) return timedOut(limits, error);
  if (state === "57014") return failed("query_cancelled", "The query was cancelled");
  if (TOO_LARGE.has(state ?? "")) return failed("query_too_large", message);
  if (state === "53300") return failed("overloaded", "The database has no connection free");
  if (state === "25006") return failed("query_failed", "The SQL would write; a query can only read");
  if (state === undefined || isAway(error) || state.startsWith("XX") || state.startsWith("58"))
    return failed("store_failed", `The query failed: ${message}`);
  return failed("query_failed", describeMistake(error, message, asked));
}

export function timedOut(limits: QueryLimits, cause?: unknown): HeadraceError {
  return new HeadraceError("query_timeout", `The query ran longer than ${limits.time / SECOND} s`, {
    cause,
  });
}

/** What a failed query means to whoever wrote its SQL: what is wrong with the SQL is theirs to correct. */
export function fencedError(error: unknown, limits: QueryLimits, asked: AskedSql): HeadraceError {
  const failed = queryError(error, limits, asked);
  if (failed.code !== "query_failed" || error instanceof HeadraceError) return failed;
  const state = sqlState(error) ?? "";
  const refused = state === "42501" || state === "25006" || state === "0A000";
  return new HeadraceError(refused ? "sql_refused" : "sql_invalid", failed.message, { cause: error });
}

/** The server's message with the place in the author's text, and a word when that text is ClickHouse's SQL. */
function describeMistake(error: unknown, message: string, asked: AskedSql): string {
  const at = Number(field(error, "position") ?? Number.NaN) - 1;
  const known = Number.isInteger(at) && at >= 0;
  const position = known ? asked.original(at) : undefined;
  const hint = field(error, "hint");
  const place = position === undefined ? "" : ` at ${placeOf(asked.text, position)}`;
  const foreign = clickhouseHint(asked.text, position);
  if (foreign === undefined) return `${message}${place}${hint === undefined ? "" : `. ${hint}`}`;
  return `This is ClickHouse's SQL, and the store is PostgreSQL: ${foreign}. PostgreSQL says: ${message}${place}`;
}
