import type { Column } from "../../project/column.ts";
import { rowsOf, type Connection } from "./connection.ts";
import { KEPT_COLUMN, nestedOf, OWN_TABLES, TABLES_TABLE, type DeclaredOptions } from "./ddl.ts";
import type { StoredType } from "./widening.ts";

/** What a table looks like. */
export interface TableShape {
  readonly columns: ReadonlyMap<string, StoredColumn>;
  readonly comment: string;
  /** What it was declared with; undefined for a table that Headrace didn't make. */
  readonly declared: DeclaredOptions | undefined;
  readonly idField: string | undefined;
  /** Milliseconds. */
  readonly idWindow: number | undefined;
}

export interface StoredColumn extends StoredType {
  /** Stays although nothing declares it any more. */
  readonly kept: boolean;
  /** Has a value of its own for rows that were inserted without one. */
  readonly defaulted: boolean;
}

const TABLES_SQL = `
  SELECT c.relname, coalesce(obj_description(c.oid, 'pg_class'), ''), t.order_by, t.partition_by, t.ttl, t.id_field, t.id_window
  FROM pg_catalog.pg_class c LEFT JOIN ${TABLES_TABLE} t ON t.name = c.relname
  WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
  ORDER BY c.relname`;

const COLUMNS_SQL = `
  SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull::text, a.atthasdef::text,
    coalesce(col_description(c.oid, a.attnum), '')
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
  WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
    AND a.attnum > 0 AND NOT a.attisdropped
  ORDER BY c.relname, a.attnum`;

/** All tables that are there, by name, but for the store's own. */
export async function readTables(connection: Pick<Connection, "query">): Promise<Map<string, TableShape>> {
  const tables = await rowsOf(connection, TABLES_SQL);
  const columns = await rowsOf(connection, COLUMNS_SQL);
  const shapes = new Map<string, TableShape & { readonly columns: Map<string, StoredColumn> }>();
  for (const [name, comment, orderBy, partitionBy, ttl, idField, idWindow] of tables) {
    if (typeof name !== "string" || OWN_TABLES.has(name)) continue;
    const isOurs = typeof orderBy === "string";
    shapes.set(name, {
      columns: new Map(),
      comment: comment ?? "",
      declared: isOurs ? { orderBy, partitionBy: partitionBy ?? "", ttl: ttl ?? "" } : undefined,
      idField: idField ?? undefined,
      idWindow: typeof idWindow === "string" ? Number(idWindow) : undefined,
    });
  }
  for (const [table, name, type, notNull, hasDefault, comment] of columns) {
    const shape = shapes.get(table ?? "");
    if (shape === undefined) continue;
    shape.columns.set(
      name ?? "",
      storedColumn(type ?? "", notNull === "true", hasDefault === "true", comment ?? ""),
    );
  }
  return shapes;
}

function storedColumn(text: string, notNull: boolean, hasDefault: boolean, comment: string): StoredColumn {
  const nested: Column["type"] | undefined = text === "jsonb" ? nestedOf(comment) : undefined;
  return {
    text,
    // A list or map has no null; a kept one neither, as it has a default.
    nullable: !notNull,
    ...(nested === undefined ? {} : { nested }),
    kept: comment.startsWith(KEPT_COLUMN),
    defaulted: hasDefault,
  };
}
