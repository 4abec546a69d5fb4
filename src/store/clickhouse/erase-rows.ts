import { setTimeout as sleep } from "node:timers/promises";
import { HeadraceError, messageOf } from "../../errors.ts";
import { SYSTEM_COLUMNS } from "../../project/column.ts";
import type { RowSelection, SelectionEnd } from "../store.ts";
import { ClickHouseError } from "./clickhouse-error.ts";
import { checkCondition } from "./check-condition.ts";
import type { ClickHouseConnection } from "./connection.ts";
import { idsTable } from "./ddl.ts";
import { eventCondition } from "./event-condition.ts";
import { cleanMessage, storeFailed } from "./engine-errors.ts";
import { quoteName, quoteText } from "./quote.ts";

/** How often a mutation is looked after, in milliseconds; it works in the engine's background. */
const LOOK_INTERVAL = 20;

const { log, partition, offset, acceptedAt } = SYSTEM_COLUMNS;

/**
 * Deletes rows by mutations, the ids first: a row whose id is gone can be selected again, an id whose row is gone can't.
 * A mutation that a crash cut short goes on by itself at the next opening, and is waited for.
 */
export async function eraseRows(
  connection: ClickHouseConnection,
  table: string,
  rows: RowSelection,
  dryRun: boolean,
): Promise<number> {
  try {
    if (rows.where !== undefined) await checkCondition(connection, table, rows.where);
    if (rows.event !== undefined) await checkCondition(connection, rows.event.table, rows.event.where);
    const isEvent = rows.event === undefined ? [] : [await eventCondition(connection, table, rows.event)];
    const condition = conditionOf(rows, isEvent);
    const count = await countRows(connection, table, condition);
    // Nothing to do costs no mutation, but for ids that have no rows.
    if (dryRun || (count === 0 && !takesAllIds(rows))) return count;
    const ids = idsTable(table);
    try {
      if (await exists(connection, ids)) await mutate(connection, ids, idsCondition(table, rows, condition));
      await mutate(connection, table, condition);
    } catch (error) {
      // A row that came since can't be computed with: a mutation with a subquery doesn't always say so, counting does.
      await countRows(connection, table, condition);
      throw error;
    }
    return count;
  } catch (error) {
    throw eraseError(error, rows);
  }
}

/** What the engine can't compute is the condition's fault only when there is one from outside. */
function eraseError(error: unknown, rows: RowSelection): HeadraceError {
  const code = error instanceof ClickHouseError ? error.code : undefined;
  const isFromOutside = rows.where !== undefined || rows.event !== undefined;
  if (isFromOutside && code !== undefined && CONDITION_ERRORS.has(code)) {
    return new HeadraceError("condition_invalid", cleanMessage(messageOf(error)), { cause: error });
  }
  return storeFailed("Erasing failed", error);
}

/** Codes with which an expression fails on the values that it meets, or for its types. */
const CONDITION_ERRORS = new Set([
  6, // CANNOT_PARSE_TEXT
  36, // BAD_ARGUMENTS
  38, // CANNOT_PARSE_DATE
  41, // CANNOT_PARSE_DATETIME
  42, // NUMBER_OF_ARGUMENTS_DOESNT_MATCH
  43, // ILLEGAL_TYPE_OF_ARGUMENT
  44, // ILLEGAL_COLUMN
  47, // UNKNOWN_IDENTIFIER
  53, // TYPE_MISMATCH
  59, // ILLEGAL_TYPE_OF_COLUMN_FOR_FILTER
  69, // ARGUMENT_OUT_OF_BOUND
  70, // CANNOT_CONVERT_TYPE
  72, // CANNOT_PARSE_NUMBER
  153, // ILLEGAL_DIVISION
  376, // CANNOT_PARSE_UUID
  386, // NO_COMMON_TYPE
  407, // DECIMAL_OVERFLOW
  427, // CANNOT_COMPILE_REGEXP
  457, // BAD_QUERY_PARAMETER
  691, // UNKNOWN_ELEMENT_OF_ENUM
]);

function conditionOf(rows: RowSelection, more: readonly string[]): string {
  const { where, equal = {}, containing, acceptedBefore, until } = rows;
  const contains = (column: string) =>
    `position(${quoteName(column)}, ${quoteText(containing?.text ?? "")}) > 0`;
  const parts = [
    ...more,
    ...(where === undefined ? [] : [`(\n${where}\n)`]),
    ...Object.entries(equal).map(([column, value]) => `${quoteName(column)} = ${quoteText(value)}`),
    ...(containing === undefined ? [] : [`(${containing.columns.map(contains).join(" OR ")})`]),
    ...(acceptedBefore === undefined ? [] : [`${quoteName(acceptedAt)} < ${time(acceptedBefore)}`]),
    ...(until === undefined
      ? []
      : [`${quoteName(partition)} = ${until.partition}`, beforeEnd(until, { log, offset, acceptedAt })]),
  ];
  return parts.length === 0 ? "1" : parts.join(" AND ");
}

function beforeEnd(
  until: SelectionEnd,
  names: { readonly log: string; readonly offset: number | string; readonly acceptedAt: string },
): string {
  const isLog = `${quoteName(names.log)} = ${quoteText(until.log)}`;
  return `if(${isLog}, ${quoteName(String(names.offset))} < ${until.offset}, ${quoteName(names.acceptedAt)} <= ${time(until.acceptedAt)})`;
}

function time(milliseconds: number): string {
  return `fromUnixTimestamp64Milli(${Math.floor(milliseconds)}, 'UTC')`;
}

function takesAllIds({ until, ...others }: RowSelection): boolean {
  return until !== undefined && Object.keys(others).length === 0;
}

/** The ids of the selected rows; all ids up to the end when all rows are selected, those of refused events too. */
function idsCondition(table: string, rows: RowSelection, condition: string): string {
  const { until } = rows;
  if (until !== undefined && takesAllIds(rows)) {
    return beforeEnd(until, { log: "log", offset: "offset", acceptedAt: "accepted_at" });
  }
  const places = `SELECT ${quoteName(log)}, ${quoteName(offset)} FROM ${quoteName(table)}`;
  return `(log, offset) IN (${places} WHERE ${condition})`;
}

async function countRows(
  connection: ClickHouseConnection,
  table: string,
  condition: string,
): Promise<number> {
  const sql = `SELECT count() FROM ${quoteName(table)} WHERE ${condition}`;
  return Number(await textOf(connection, sql));
}

async function exists(connection: ClickHouseConnection, table: string): Promise<boolean> {
  return (await textOf(connection, `EXISTS TABLE ${quoteName(table)}`)) === "1";
}

/** Hands the mutation in and looks after it: waiting within the statement would hold up the session that others ask. */
async function mutate(connection: ClickHouseConnection, table: string, condition: string): Promise<void> {
  await connection.run(
    `ALTER TABLE ${quoteName(table)} DELETE WHERE ${condition} SETTINGS mutations_sync = 0, allow_nondeterministic_mutations = 1`,
    "TabSeparated",
  );
  const undone = `database = currentDatabase() AND table = ${quoteText(table)} AND NOT is_done`;
  for (;;) {
    const state = await textOf(
      connection,
      `SELECT count(), any(latest_fail_reason) FROM system.mutations WHERE ${undone}`,
    );
    const [count = "", reason = ""] = state.split("\t");
    if (count === "0") return;
    if (reason !== "") {
      // It would be tried for ever, and hold up all that come after it.
      await connection.run(`KILL MUTATION WHERE ${undone} SYNC`, "TabSeparated");
      const code = /^Code: (\d+)/.exec(reason)?.[1];
      throw new ClickHouseError(reason, code === undefined ? undefined : Number(code), undefined);
    }
    await sleep(LOOK_INTERVAL);
  }
}

async function textOf(connection: ClickHouseConnection, sql: string): Promise<string> {
  return (await connection.run(sql, "TabSeparated")).toString().trimEnd();
}
