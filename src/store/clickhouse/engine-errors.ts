import { HeadraceError, messageOf, type ErrorCode } from "../../errors.ts";
import type { QueryLimits } from "../store.ts";
import { MIB, SECOND } from "../../units.ts";
import { ClickHouseError } from "./clickhouse-error.ts";

/**
 * Codes with which the engine refuses what it reads of an event: names from its ErrorCodes.cpp. With any of them the
 * message names the place in the file too, so that the same code from elsewhere (a damaged part) isn't taken for it.
 */
const DATA_ERRORS = new Set([
  6, // CANNOT_PARSE_TEXT
  25, // CANNOT_PARSE_ESCAPE_SEQUENCE
  26, // CANNOT_PARSE_QUOTED_STRING
  27, // CANNOT_PARSE_INPUT_ASSERTION_FAILED
  33, // CANNOT_READ_ALL_DATA
  38, // CANNOT_PARSE_DATE
  41, // CANNOT_PARSE_DATETIME
  53, // TYPE_MISMATCH
  69, // ARGUMENT_OUT_OF_BOUND
  70, // CANNOT_CONVERT_TYPE
  72, // CANNOT_PARSE_NUMBER
  117, // INCORRECT_DATA
  128, // TOO_LARGE_ARRAY_SIZE
  130, // CANNOT_READ_ARRAY_FROM_TEXT
  131, // TOO_LARGE_STRING_SIZE
  190, // SIZES_OF_ARRAYS_DONT_MATCH
  321, // VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE
  349, // CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN
  376, // CANNOT_PARSE_UUID
  407, // DECIMAL_OVERFLOW
  467, // CANNOT_PARSE_BOOL
  675, // CANNOT_PARSE_IPV4
  676, // CANNOT_PARSE_IPV6
  691, // UNKNOWN_ELEMENT_OF_ENUM
]);
/** Where an error names the reader of events, or a conversion to the table's columns. */
const WHILE_READING = /JSONEachRow|while converting|Cannot convert NULL/i;

/** What an insert says that came when its time was over, as FUNCTION_THROW_IF_VALUE_IS_NON_ZERO. */
export const TIME_IS_OVER = "the lease is over";
const THROWN = 395;

const TIMEOUTS = new Set([159, 160, 209]); // TIMEOUT_EXCEEDED, TOO_SLOW, SOCKET_TIMEOUT
const TOO_LARGE = new Set([
  158, // TOO_MANY_ROWS
  173, // CANNOT_ALLOCATE_MEMORY
  191, // SET_SIZE_LIMIT_EXCEEDED
  307, // TOO_MANY_BYTES
]);
const MEMORY_LIMIT = 241; // MEMORY_LIMIT_EXCEEDED
const TOO_MANY_ROWS_OR_BYTES = 396;
const KILLED = 394; // QUERY_WAS_CANCELLED

/** What a failed insert means to the loader. `details.row` is the index of the row that is at fault, when it is known. */
export function insertError(table: string, error: unknown): HeadraceError {
  if (error instanceof HeadraceError) return error;
  const message = messageOf(error);
  if (error instanceof ClickHouseError && DATA_ERRORS.has(error.code ?? 0) && WHILE_READING.test(message)) {
    const row = /\(at row (\d+)\)/.exec(message)?.[1];
    const reason = cleanMessage(message);
    return new HeadraceError("store_refused_events", reason, {
      cause: error,
      details: { reason, ...(row === undefined ? {} : { row: Number(row) - 1 }) },
    });
  }
  if (error instanceof ClickHouseError && error.code === THROWN && message.includes(TIME_IS_OVER)) {
    return new HeadraceError("lease_lost", `The insert into table ${table} came too late`, { cause: error });
  }
  return storeFailed(`The insert into table ${table} failed`, error);
}

/** What a failed query means to whoever asked. */
export function queryError(error: unknown, limits: QueryLimits): HeadraceError {
  if (error instanceof HeadraceError) return error;
  if (!(error instanceof ClickHouseError)) return storeFailed("The query failed", error);
  const { code = 0 } = error;
  const failed = (name: ErrorCode, message: string): HeadraceError =>
    new HeadraceError(name, message, { cause: error });
  if (TIMEOUTS.has(code))
    return failed("query_timeout", `The query ran longer than ${limits.time / SECOND} s`);
  if (code === TOO_MANY_ROWS_OR_BYTES)
    return failed("query_too_large", `The answer has more than ${limits.rows} rows`);
  if (code === MEMORY_LIMIT) {
    // When the engine as a whole ran out of it, the same query may do with fewer others beside it.
    if (error.message.includes("(total)")) return failed("overloaded", "The store's memory is used up");
    return failed(
      "query_too_large",
      `The query needs more than ${Math.round(limits.memory / MIB)} MiB of memory`,
    );
  }
  if (TOO_LARGE.has(code)) return failed("query_too_large", cleanMessage(error.message));
  if (code === KILLED) return failed("query_cancelled", "The query was cancelled");
  return failed("query_failed", cleanMessage(error.message));
}

/** Logical errors and what isn't known: never the fault of who wrote the SQL. */
const ENGINE_FAULTS = new Set([0, 49, 1000, 1001, 1002]);
const REFUSALS = new Set([
  164, // READONLY
  452, // SETTING_CONSTRAINT_VIOLATION
  497, // ACCESS_DENIED
]);

/** What a failed query means to whoever wrote its SQL: what is wrong with the SQL is theirs to correct. */
export function fencedError(error: unknown, limits: QueryLimits): HeadraceError {
  const failed = queryError(error, limits);
  if (failed.code !== "query_failed" || !(error instanceof ClickHouseError)) return failed;
  const { code = 0 } = error;
  if (ENGINE_FAULTS.has(code)) return failed;
  const missing = /Substitution `(.*?)` is not set/.exec(error.message)?.[1];
  const message =
    missing === undefined ? failed.message : `The SQL has a parameter ${missing} that params doesn't give`;
  return new HeadraceError(REFUSALS.has(code) ? "sql_refused" : "sql_invalid", message, { cause: error });
}

export function storeFailed(what: string, error: unknown): HeadraceError {
  if (error instanceof HeadraceError) return error;
  return new HeadraceError("store_failed", `${what}: ${cleanMessage(messageOf(error))}`, { cause: error });
}

/** The engine's message without its code, its own plumbing and the lists of all that would have been right. */
export function cleanMessage(message: string): string {
  return message
    .replace(/^(?:Code: \d+\. )?(?:DB::Exception: )?/, "")
    .replace(/\s*\((?:in file\/uri|while reading from part)[^)]*\)/g, "")
    .replace(/\.? (?:I|i)n scope .*$/s, "")
    .replace(/: [Ww]hile executing .*$/s, "")
    .replace(/\. Expected one of: .*$/s, "")
    .replace(/,? ?Stack trace.*$/s, "")
    .replace(/\s*\([A-Z_0-9]+\)\s*$/, "")
    .replace(/\s*:\s*$/, "")
    .replaceAll(/\s+/g, " ")
    .trim();
}
