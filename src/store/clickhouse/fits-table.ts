import type { StreamSchema } from "../../project/column.ts";
import { columnList } from "./column-types.ts";
import type { ClickHouseConnection } from "./connection.ts";
import { SYSTEM_COLUMN_TYPES } from "./ddl.ts";
import { storeFailed } from "./engine-errors.ts";
import { describeColumns, readTables, type TableShape } from "./read-tables.ts";
import { widens } from "./widening.ts";

/** Whether the table takes every row of this schema as it is. */
export async function fitsTable(
  connection: ClickHouseConnection,
  table: string,
  schema: StreamSchema,
): Promise<boolean> {
  try {
    const shape = (await readTables(connection)).get(table);
    if (shape === undefined) return false;
    return fitsShape(shape, await describeColumns(connection, columnList(schema.columns)));
  } catch (error) {
    throw storeFailed("Asking what the table looks like failed", error);
  }
}

/** `columns` are names and types in the engine's own spelling. */
export function fitsShape(shape: TableShape, columns: ReadonlyMap<string, string>): boolean {
  for (const [name, type] of columns) {
    const is = shape.columns.get(name);
    if (is === undefined || !widens(type, is)) return false;
  }
  return [...shape.columns].every(
    ([name, type]) =>
      columns.has(name) ||
      isOurs(name) ||
      shape.kept.has(name) ||
      shape.defaulted.has(name) ||
      saysNone(type),
  );
}

function isOurs(name: string): boolean {
  return SYSTEM_COLUMN_TYPES.some((column) => column.name === name);
}

/** Whether a row without the column says so, instead of having an invented value. */
function saysNone(type: string): boolean {
  return /^(Nullable|Array|Map|LowCardinality\(Nullable)\(/.test(type);
}
