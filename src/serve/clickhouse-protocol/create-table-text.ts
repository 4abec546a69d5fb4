import { clickhouseDialect } from "../../project/clickhouse-dialect.ts";
import type { CatalogTable } from "./catalog.ts";

const name = (text: string): string => clickhouseDialect.identifier(text);

/** A table as `SHOW CREATE TABLE` writes it: what is declared, for reading; the engine's own says more. */
export function createTableText(
  table: CatalogTable,
  database: string,
): { readonly engine: string; readonly whole: string } {
  const partition = table.partitionKey === "" ? "" : ` PARTITION BY ${table.partitionKey}`;
  const engine = `MergeTree${partition} ORDER BY (${table.sortingKey.join(", ")})`;
  const columns = table.columns.map((column) => `    ${name(column.name)} ${column.type}`).join(",\n");
  const comment = table.comment.replaceAll("\\", "\\\\").replaceAll("'", "\\'");
  const end = comment === "" ? "" : `\nCOMMENT '${comment}'`;
  const clauses = engine.replace(/ (PARTITION BY|ORDER BY)/g, "\n$1");
  return {
    engine,
    whole: `CREATE TABLE ${name(database)}.${name(table.name)}\n(\n${columns}\n)\nENGINE = ${clauses}${end}`,
  };
}
