import { SYSTEM_COLUMNS } from "../../project/column.ts";
import type { RowSelection } from "../store.ts";
import type { PostgresPool } from "./pool.ts";
import { quoteName, quoteText } from "./quote.ts";
import { readTables } from "./read-tables.ts";

const { log, partition, offset, acceptedAt } = SYSTEM_COLUMNS;
const PLACE = [log, partition, offset].map(quoteName).join(", ");

/**
 * The condition for rows of `table` whose text is the JSON of an event of another table for which `where` is true. Its fields
 * are read as leniently as they can be: an event that was rejected is wrong somewhere. A field that isn't there or can't be
 * read is NULL; a row without a JSON object in it is none of these. `where` must have been checked for the other table.
 */
export async function eventCondition(
  pool: PostgresPool,
  table: string,
  { column, table: other, where }: NonNullable<RowSelection["event"]>,
): Promise<string> {
  const shape = (await pool.with(readTables)).get(other);
  const event = quoteName(column);
  const fields = [...(shape?.columns ?? [])]
    .filter(([name]) => !name.startsWith("_"))
    .map(
      ([name, { text }]) => `_event_field(${event}, ${quoteText(name)}, NULL::${text}) AS ${quoteName(name)}`,
    );
  const read = [PLACE, quoteName(acceptedAt), ...fields].join(", ");
  const events = `SELECT ${read} FROM ${quoteName(table)} WHERE _is_event(${event})`;
  return `(${PLACE}) IN (SELECT ${PLACE} FROM (${events}) AS _events WHERE (\n${where}\n))`;
}
