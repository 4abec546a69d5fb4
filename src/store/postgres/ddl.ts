import { createHash } from "node:crypto";
import { SYSTEM_COLUMNS, type Column } from "../../project/column.ts";
import type { TableOptions } from "../../project/declarations.ts";
import { DAY } from "../../units.ts";
import type { TableSpec } from "../store.ts";
import { columnProblem, emptyJson, postgresType } from "./column-types.ts";
import { quoteName, quoteText } from "./quote.ts";

/** The longest name that PostgreSQL keeps, in bytes; a longer one it would cut. */
export const NAME_BYTES_MAX = 63;

const { log, partition, offset, acceptedAt } = SYSTEM_COLUMNS;

/** Tables that the store keeps for itself. No stream can have such a name. */
export const STORE_TABLE = "_store";
export const LOADED_TABLE = "_loaded";
export const TABLES_TABLE = "_tables";
export const OWN_TABLES: ReadonlySet<string> = new Set([STORE_TABLE, LOADED_TABLE, TABLES_TABLE]);

/**
 * What every store has: its id; for each table, log and partition the offset before which anything was ever loaded, whose row
 * is also the lock of an insert; and what the tables were declared with beyond what PostgreSQL knows of them.
 */
export const STORE_STATEMENTS: readonly string[] = [
  `CREATE TABLE IF NOT EXISTS ${STORE_TABLE} (one boolean PRIMARY KEY DEFAULT true CHECK (one), id uuid NOT NULL DEFAULT gen_random_uuid())`,
  `INSERT INTO ${STORE_TABLE} DEFAULT VALUES ON CONFLICT DO NOTHING`,
  `CREATE TABLE IF NOT EXISTS ${LOADED_TABLE} (table_name text NOT NULL, log text NOT NULL, partition integer NOT NULL, next bigint NOT NULL, PRIMARY KEY (table_name, log, partition)) WITH (fillfactor = 50)`,
  `CREATE TABLE IF NOT EXISTS ${TABLES_TABLE} (name text PRIMARY KEY, order_by text NOT NULL, partition_by text NOT NULL, ttl text NOT NULL, id_field text, id_window bigint)`,
  // A field of a rejected event as its column would have it: NULL when it is missing or can't be read. U+0000, for which it
  // may have been rejected, must not hide the others.
  `CREATE OR REPLACE FUNCTION _event_field(event text, name text, sample anyelement) RETURNS anyelement LANGUAGE plpgsql STABLE AS $$
   DECLARE value json; field text; read ALIAS FOR $0;
   BEGIN
     value := replace(event, '\\u0000', '\\ufffd')::json -> name;
     IF value IS NULL OR json_typeof(value) = 'null' THEN RETURN NULL; END IF;
     field := CASE json_typeof(value) WHEN 'string' THEN value #>> '{}' ELSE value::text END;
     EXECUTE format('SELECT $1::%s', pg_typeof(sample)) INTO read USING field;
     RETURN read;
   EXCEPTION WHEN others THEN RETURN NULL;
   END $$`,
  `CREATE OR REPLACE FUNCTION _is_event(event text) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
   BEGIN RETURN json_typeof(event::json) = 'object';
   EXCEPTION WHEN others THEN RETURN false;
   END $$`,
];

export const SYSTEM_COLUMN_TYPES: readonly { readonly name: string; readonly type: string }[] = [
  { name: log, type: 'text COLLATE "C"' },
  { name: partition, type: "integer" },
  { name: offset, type: "bigint" },
  { name: acceptedAt, type: "timestamp(3) with time zone" },
];

/** The comment of a column that is kept although nothing declares it any more. */
export const KEPT_COLUMN = "Not declared any more";

const REBUILD_PREFIX = "_rebuild_";

/** The table of a stream's ids. */
export const idsTable = (table: string): string => derivedName("_ids_", table);

/** The table that is being made anew beside another. */
export const rebuildName = (table: string): string => derivedName(REBUILD_PREFIX, table);

export const isRebuildName = (table: string): boolean => table.startsWith(REBUILD_PREFIX);

/** A name that fits: of a long one the end is its hash. */
function derivedName(prefix: string, table: string): string {
  const name = `${prefix}${table}`;
  if (Buffer.byteLength(name) <= NAME_BYTES_MAX) return name;
  const hash = createHash("sha256").update(table).digest("hex").slice(0, 12);
  return `${prefix}${table.slice(0, NAME_BYTES_MAX - prefix.length - hash.length - 1)}_${hash}`;
}

/** The statements that make a stream's table. Indexes get names from the server, so that none is ever taken. */
export function createTable(spec: TableSpec): string[] {
  const { name, description, schema, table } = spec;
  const columns = [
    ...schema.columns.map((column) => columnDefinition(column)),
    ...SYSTEM_COLUMN_TYPES.map((column) => `${quoteName(column.name)} ${column.type} NOT NULL`),
  ];
  return [
    `CREATE TABLE ${quoteName(name)} (${columns.join(", ")})${partitionClause(table.partitionBy?.column)}`,
    ...indexes(spec),
    `COMMENT ON TABLE ${quoteName(name)} IS ${quoteText(description)}`,
    ...schema.columns.flatMap((column) => nestedComment(name, column)),
  ];
}

function partitionClause(column: string | undefined): string {
  return column === undefined ? "" : ` PARTITION BY RANGE (${quoteName(column)})`;
}

/** A column as CREATE TABLE and ADD COLUMN take it. */
export function columnDefinition(column: Column, fallback = jsonDefault(column)): string {
  const { name, type, nullable } = column;
  const required = nullable ? "" : " NOT NULL";
  return `${quoteName(name)} ${postgresType(type)}${required}${fallback === undefined ? "" : ` DEFAULT ${fallback}`}`;
}

/** What rows of an earlier schema have in a list or map: none. */
export function jsonDefault({ type }: Column): string | undefined {
  const json = emptyJson(type);
  return json === undefined ? undefined : quoteText(json);
}

const NESTED_PREFIX = "Holds ";

/** What a jsonb holds, which PostgreSQL doesn't know, so that a changed declaration is noticed. */
export function nestedComment(
  table: string,
  { name, type }: Pick<Column, "name" | "type">,
  kept = false,
): string[] {
  if (postgresType(type) !== "jsonb" && !kept) return [];
  const holds = postgresType(type) === "jsonb" ? `${NESTED_PREFIX}${JSON.stringify(type)}` : "";
  const text = [kept ? KEPT_COLUMN : "", holds].filter((part) => part !== "").join(". ");
  return [`COMMENT ON COLUMN ${quoteName(table)}.${quoteName(name)} IS ${quoteText(text)}`];
}

/** The declared type that a column's comment tells. */
export function nestedOf(comment: string): Column["type"] | undefined {
  const start = comment.indexOf(NESTED_PREFIX);
  if (start === -1) return undefined;
  try {
    return JSON.parse(comment.slice(start + NESTED_PREFIX.length)) as Column["type"];
  } catch {
    return undefined;
  }
}

/**
 * A B-tree for `orderBy`, unless it begins with a time: rows come about in that order, so a BRIN index, which costs next to
 * nothing, finds them as well. One of these over the place in the log answers which events are there.
 */
function indexes({ name, schema, table }: TableSpec): string[] {
  const isTime = (column: string): boolean => {
    const kind = schema.columns.find((one) => one.name === column)?.type.kind;
    return kind === "date" || kind === "datetime";
  };
  const [first] = table.orderBy;
  const times = [...table.orderBy, table.partitionBy?.column ?? "", table.ttl?.column ?? ""].filter(isTime);
  const brin = [offset, acceptedAt, ...new Set(times)].map(quoteName).join(", ");
  const on = `ON ${quoteName(name)} USING`;
  return [
    ...(first === undefined || isTime(first)
      ? []
      : [`CREATE INDEX ${on} btree (${table.orderBy.map(quoteName).join(", ")})`]),
    `CREATE INDEX ${on} brin (${brin}) WITH (autosummarize = on, pages_per_range = 32)`,
  ];
}

/** The column by which ids are divided and dropped. */
export const IDS_PARTITION_COLUMN = "stored_on";

/** First positions of ids. The index is of hashes: an id may be longer than a B-tree takes. */
export function createIdsTable(spec: TableSpec, table = idsTable(spec.name)): string[] {
  return [
    `CREATE TABLE ${quoteName(table)} (id text COLLATE "C" NOT NULL, log text COLLATE "C" NOT NULL, "offset" bigint NOT NULL, ` +
      `accepted_at timestamp(3) with time zone NOT NULL, ${IDS_PARTITION_COLUMN} date NOT NULL)${partitionClause(IDS_PARTITION_COLUMN)}`,
    `CREATE INDEX ON ${quoteName(table)} USING hash (id)`,
    `COMMENT ON TABLE ${quoteName(table)} IS ${quoteText(`Ids of field ${spec.schema.idField ?? ""}`)}`,
  ];
}

/** Ids of a long window by months, so that there are never hundreds of partitions to look in. */
export function idsUnit(window: number): "day" | "month" {
  return window > 60 * DAY ? "month" : "day";
}

export interface DeclaredOptions {
  readonly orderBy: string;
  readonly partitionBy: string;
  readonly ttl: string;
}

/** What of a declaration PostgreSQL doesn't know, spelled. */
export function declaredOptions({ orderBy, partitionBy, ttl }: TableOptions): DeclaredOptions {
  return {
    orderBy: `(${orderBy.join(", ")})`,
    partitionBy: partitionBy === undefined ? "" : `${partitionBy.unit}(${partitionBy.column})`,
    ttl: ttl === undefined ? "" : `${ttl.count} ${ttl.unit}s after ${ttl.column}`,
  };
}

/** Remembers what a table was declared with. */
export function rememberTable(spec: TableSpec): string {
  const { orderBy, partitionBy, ttl } = declaredOptions(spec.table);
  const [idField, idWindow] =
    spec.idWindow === undefined
      ? ["NULL", "NULL"]
      : [quoteText(spec.schema.idField ?? ""), `${spec.idWindow}`];
  return (
    `INSERT INTO ${TABLES_TABLE} VALUES (${[spec.name, orderBy, partitionBy, ttl].map(quoteText).join(", ")}, ${idField}, ${idWindow}) ` +
    `ON CONFLICT (name) DO UPDATE SET (order_by, partition_by, ttl, id_field, id_window) = ` +
    `(EXCLUDED.order_by, EXCLUDED.partition_by, EXCLUDED.ttl, coalesce(EXCLUDED.id_field, ${TABLES_TABLE}.id_field), coalesce(EXCLUDED.id_window, ${TABLES_TABLE}.id_window))`
  );
}

function isLong(name: string): boolean {
  return Buffer.byteLength(name) > NAME_BYTES_MAX;
}

/** What PostgreSQL can't make of a declaration. */
export function declarationProblems({ name, schema }: TableSpec): string[] {
  const tooLong = (what: string): string =>
    `${name}: ${what} is longer than the ${NAME_BYTES_MAX} bytes that PostgreSQL keeps of a name. Choose a shorter one`;
  return [
    ...(isLong(name) ? [tooLong("the stream's name")] : []),
    ...(name.startsWith("pg_")
      ? [`${name}: names that begin with pg_ are PostgreSQL's own. Choose another`]
      : []),
    ...schema.columns.flatMap((column) => {
      if (isLong(column.name)) return [tooLong(`the name of column ${column.name}`)];
      const problem = columnProblem(column);
      return problem === undefined ? [] : [`${name}: ${problem}`];
    }),
  ];
}
