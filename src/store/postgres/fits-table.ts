import type { StreamSchema } from "../../project/column.ts";
import { SYSTEM_COLUMN_TYPES } from "./ddl.ts";
import { storeFailed } from "./engine-errors.ts";
import type { PostgresPool } from "./pool.ts";
import { readTables, type TableShape } from "./read-tables.ts";
import { storedType, widens } from "./widening.ts";

/** Whether the table takes every row of this schema as it is. */
export async function fitsTable(pool: PostgresPool, table: string, schema: StreamSchema): Promise<boolean> {
  try {
    const shape = (await pool.with(readTables)).get(table);
    return shape !== undefined && fitsShape(shape, schema);
  } catch (error) {
    throw storeFailed("Asking what the table looks like failed", error);
  }
}

function fitsShape(shape: TableShape, { columns }: StreamSchema): boolean {
  for (const { name, type, nullable } of columns) {
    const is = shape.columns.get(name);
    // What the column doesn't declare any more may be null.
    if (is === undefined || !widens(storedType(type, nullable), is)) return false;
  }
  const given = new Set([...columns, ...SYSTEM_COLUMN_TYPES].map(({ name }) => name));
  return [...shape.columns].every(
    ([name, { nullable, defaulted, kept }]) => given.has(name) || nullable || defaulted || kept,
  );
}
