import { HeadraceError, messageOf } from "../../errors.ts";
import { SYSTEM_COLUMNS } from "../../project/column.ts";
import { MINUTE } from "../../units.ts";
import type { RowSelection, SelectionEnd } from "../store.ts";
import { checkCondition } from "./check-condition.ts";
import { idsTable } from "./ddl.ts";
import { eventCondition } from "./event-condition.ts";
import { sqlState, storeFailed } from "./engine-errors.ts";
import { rowsOf, type Connection } from "./connection.ts";
import type { PostgresPool } from "./pool.ts";
import { quoteName } from "./quote.ts";
import { timeText } from "./stored-ids.ts";

/** Deleting much takes its time. Milliseconds. */
const ERASE_TIMEOUT = 60 * MINUTE;

const [log, partition, offset, acceptedAt] = [
  SYSTEM_COLUMNS.log,
  SYSTEM_COLUMNS.partition,
  SYSTEM_COLUMNS.offset,
  SYSTEM_COLUMNS.acceptedAt,
].map(quoteName) as [string, string, string, string];

/** Deletes rows and their ids in one transaction. */
export async function eraseRows(
  pool: PostgresPool,
  table: string,
  rows: RowSelection,
  dryRun: boolean,
): Promise<number> {
  try {
    if (rows.where !== undefined) await checkCondition(pool, table, rows.where);
    if (rows.event !== undefined) await checkCondition(pool, rows.event.table, rows.event.where);
    const isEvent = rows.event === undefined ? [] : [await eventCondition(pool, table, rows.event)];
    // A text with this character is in no row: PostgreSQL's texts can't hold it.
    if (
      [...Object.values(rows.equal ?? {}), rows.containing?.text ?? ""].some((text) => text.includes("\0"))
    ) {
      return 0;
    }
    const selected = select(rows, isEvent);
    return await pool.transaction(async (connection) => {
      const from = `FROM ${quoteName(table)} WHERE ${selected.condition}`;
      if (dryRun) {
        const [[count] = []] = await rowsOf(connection, `SELECT count(*) ${from}`, selected.values);
        return Number(count);
      }
      await eraseIds(connection, table, rows, selected);
      const { rowCount } = await connection.query(`DELETE ${from}`, [...selected.values]);
      return rowCount ?? 0;
    }, ERASE_TIMEOUT);
  } catch (error) {
    throw eraseError(error, rows);
  }
}

/** What can't be computed is the condition's fault only when there is one from outside. */
function eraseError(error: unknown, rows: RowSelection): HeadraceError {
  const state = sqlState(error);
  const isFromOutside = rows.where !== undefined || rows.event !== undefined;
  if (isFromOutside && state !== undefined && /^(?:22|42)/.test(state)) {
    return new HeadraceError("condition_invalid", messageOf(error), { cause: error });
  }
  return storeFailed("Erasing failed", error);
}

interface Selected {
  readonly condition: string;
  readonly values: readonly string[];
}

function select(
  { where, equal = {}, containing, acceptedBefore, until }: RowSelection,
  more: readonly string[],
): Selected {
  const values: string[] = [];
  const bind = (value: string): string => `$${values.push(value)}`;
  const parts = [
    ...more,
    ...(where === undefined ? [] : [`(\n${where}\n)`]),
    ...Object.entries(equal).map(([column, value]) => `${quoteName(column)} = ${bind(value)}`),
    ...(containing === undefined
      ? []
      : [
          `(${containing.columns.map((one) => `position(${bind(containing.text)} in ${quoteName(one)}) > 0`).join(" OR ")})`,
        ]),
    ...(acceptedBefore === undefined
      ? []
      : [`${acceptedAt} < ${bind(timeText(acceptedBefore))}::timestamptz`]),
    ...(until === undefined
      ? []
      : [
          `${partition} = ${bind(`${until.partition}`)}::integer`,
          beforeEnd(until, { log, offset, acceptedAt }, bind),
        ]),
  ];
  return { condition: parts.length === 0 ? "true" : parts.join(" AND "), values };
}

function beforeEnd(
  until: SelectionEnd,
  names: { readonly log: string; readonly offset: string; readonly acceptedAt: string },
  bind: (value: string) => string,
): string {
  return (
    `(CASE WHEN ${names.log} = ${bind(until.log)} THEN ${names.offset} < ${bind(`${until.offset}`)}::bigint ` +
    `ELSE ${names.acceptedAt} <= ${bind(timeText(until.acceptedAt))}::timestamptz END)`
  );
}

/** The ids of the selected rows; all ids up to the end when all rows are selected, those of refused events too. */
async function eraseIds(
  connection: Connection,
  table: string,
  { until, ...others }: RowSelection,
  selected: Selected,
): Promise<void> {
  const ids = quoteName(idsTable(table));
  const [[there] = []] = await rowsOf(connection, "SELECT to_regclass($1)::text", [ids]);
  if (there === null) return;
  if (until !== undefined && Object.keys(others).length === 0) {
    const values: string[] = [];
    const bind = (value: string): string => `$${values.push(value)}`;
    const names = { log: "log", offset: '"offset"', acceptedAt: "accepted_at" };
    const condition = beforeEnd(until, names, bind);
    await rowsOf(connection, `DELETE FROM ${ids} WHERE ${condition}`, values);
    return;
  }
  await rowsOf(
    connection,
    `DELETE FROM ${ids} WHERE (log, "offset") IN (SELECT ${log}, ${offset} FROM ${quoteName(table)} WHERE ${selected.condition})`,
    selected.values,
  );
}
