import { SYSTEM_COLUMNS } from "../../project/column.ts";
import type { ClickHouseConnection } from "./connection.ts";
import { quoteName, quoteText } from "./quote.ts";
import { tsvRows } from "./stored-ids.ts";

const { log, partition, offset, acceptedAt } = SYSTEM_COLUMNS;
const PLACE = [log, partition, offset].map(quoteName).join(", ");
/** The event's text under a name that no declared column has. */
const EVENT = quoteName("_event");

/** Rows whose text in a column is the JSON of an event of another table, for which a condition over that is true. */
export interface EventCondition {
  readonly column: string;
  readonly table: string;
  readonly where: string;
}

/**
 * The condition for rows of `table` that hold such an event. Its fields are read as leniently as they can be: an event
 * that was rejected is wrong somewhere, and a number in a string is still somebody's number. A field that isn't there or
 * can't be read is NULL; a row without a JSON object in it is none of these.
 *
 * `where` must have been checked for the other table.
 */
export async function eventCondition(
  connection: ClickHouseConnection,
  table: string,
  { column, table: other, where }: EventCondition,
): Promise<string> {
  const types = await connection.run(
    `SELECT name, type FROM system.columns WHERE database = currentDatabase() AND table = ${quoteText(other)}`,
    "TabSeparated",
  );
  const fields = tsvRows(types.toString())
    .filter(([name = ""]) => !name.startsWith("_"))
    .map(([name = "", type = ""]) => `${fieldOf(name, type)} AS ${quoteName(name)}`);
  const kept = `${PLACE}, ${quoteName(acceptedAt)}`;
  const rows = `SELECT ${kept}, ${quoteName(column)} AS ${EVENT} FROM ${quoteName(table)}`;
  const events = `SELECT ${[kept, ...fields].join(", ")} FROM (${rows}) WHERE JSONType(${EVENT}) = 'Object'`;
  return `(${PLACE}) IN (SELECT ${PLACE} FROM (${events}) WHERE (\n${where}\n))`;
}

function fieldOf(name: string, declared: string): string {
  const path = `${EVENT}, ${quoteText(name)}`;
  const type = withoutNull(declared);
  // These have no NULL: what can't be read is empty.
  if (/^(Array|Map|Tuple)\(/.test(type)) return `JSONExtract(${path}, ${quoteText(type)})`;
  const text = `multiIf(JSONType(${path}) = 'Null', NULL, JSONType(${path}) = 'String', JSONExtractString(${path}), JSONExtractRaw(${path}))`;
  if (type === "String") return text;
  const precision = /^DateTime64\((\d)/.exec(type)?.[1];
  if (precision !== undefined) return `parseDateTime64BestEffortOrNull(${text}, ${precision}, 'UTC')`;
  return `accurateCastOrNull(${text}, ${quoteText(type)})`;
}

/** `LowCardinality(Nullable(String))` is `String`. */
function withoutNull(type: string): string {
  const inner = /^(?:LowCardinality|Nullable)\((.*)\)$/s.exec(type)?.[1];
  return inner === undefined ? type : withoutNull(inner);
}
