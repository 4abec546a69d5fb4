import { randomUUID } from "node:crypto";
import { SYSTEM_COLUMNS } from "../../project/column.ts";
import type { TableOptions } from "../../project/declarations.ts";
import type { TableSpec } from "../store.ts";
import { columnList } from "./column-types.ts";
import { quoteName, quoteText } from "./quote.ts";

/** All tables of the embedded store are in this database. Statements don't name it: it is the one that the connection uses. */
export const DATABASE = "headrace";

const STORE_COMMENT = "Headrace store ";

/** Makes the database if there is none. The store's id is in its comment: made in the same step, and gone with it. */
export function createDatabase(name = DATABASE): string {
  return `CREATE DATABASE IF NOT EXISTS ${quoteName(name)} COMMENT ${quoteText(storeComment())}`;
}

/** The comment of a new store's database, with an id of its own. */
export const storeComment = (): string => `${STORE_COMMENT}${randomUUID()}`;

export const isStoreComment = (comment: string): boolean => comment.startsWith(STORE_COMMENT);

export function storeIdOf(comment: string): string {
  return comment.trim().slice(STORE_COMMENT.length);
}

/** The table of a stream's ids. No stream can have such a name. */
export const idsTable = (table: string): string => `_ids_${table}`;

/** The comment of a column that is kept although nothing declares it any more. */
export const KEPT_COLUMN = "Not declared any more";

const { log, partition, offset, acceptedAt } = SYSTEM_COLUMNS;

const REBUILD_PREFIX = "_rebuild_";

/** The table that is being made anew beside another. No stream can have such a name. */
export const rebuildName = (table: string): string => `${REBUILD_PREFIX}${table}`;

/** The table of ids that belongs to a stream's new table, which has this UUID, wherever that stands. */
export const rebuildIdsName = (table: string, uuid: string): string =>
  `${rebuildName(idsTable(table))}_${uuid}`;

export const isRebuildName = (table: string): boolean => table.startsWith(REBUILD_PREFIX);

/** System columns with their types; `codec` where the engine's own choice costs more than a byte a row. */
export const SYSTEM_COLUMN_TYPES: readonly {
  readonly name: string;
  readonly type: string;
  readonly codec?: string;
}[] = [
  { name: log, type: "LowCardinality(String)" },
  { name: partition, type: "UInt16" },
  { name: offset, type: "UInt64", codec: "Delta, ZSTD" },
  { name: acceptedAt, type: "DateTime64(3, 'UTC')", codec: "Delta, ZSTD" },
];

const TABLE_SETTINGS = {
  // An insert is on disk when it resolves, and so is a merge before its sources go.
  fsync_after_insert: 1,
  fsync_part_directory: 1,
  min_rows_to_fsync_after_merge: 1,
  min_compressed_bytes_to_fsync_after_merge: 1,
  // Seconds that merged parts are kept, in case the disk loses the merge all the same.
  old_parts_lifetime: 480,
  // Fitting the small pool of merge threads: with the defaults large parts would never be merged.
  number_of_free_entries_in_pool_to_lower_max_size_of_merge: 2,
  number_of_free_entries_in_pool_to_execute_mutation: 2,
  number_of_free_entries_in_pool_to_execute_optimize_entire_partition: 2,
  // A changed TTL costs no rewriting: what is over goes with the merges.
  materialize_ttl_recalculate_only: 1,
  index_granularity: 8192,
};

export function createTable(spec: TableSpec): string {
  const { name, description, schema, table } = spec;
  const system = SYSTEM_COLUMN_TYPES.map(
    (column) =>
      `${quoteName(column.name)} ${column.type}${column.codec === undefined ? "" : ` CODEC(${column.codec})`}`,
  );
  // With it the question which offsets are there reads what it must and not the whole column.
  const index = `INDEX ${quoteName(offset)} ${quoteName(offset)} TYPE minmax GRANULARITY 1`;
  return [
    `CREATE TABLE IF NOT EXISTS ${quoteName(name)} (`,
    [columnList(schema.columns), ...system, index].filter((part) => part !== "").join(", "),
    `) ENGINE = MergeTree`,
    ...(table.partitionBy === undefined ? [] : [`PARTITION BY ${partitionExpression(table.partitionBy)}`]),
    `ORDER BY (${table.orderBy.map(quoteName).join(", ")})`,
    ...(table.ttl === undefined ? [] : [`TTL ${ttlExpression(table.ttl)}`]),
    `SETTINGS ${settings(TABLE_SETTINGS)}`,
    `COMMENT ${quoteText(description)}`,
  ].join(" ");
}

export const ID_PARTITION = "toYYYYMMDD(`accepted_at`)";

/**
 * First positions of ids. A day's are dropped whole, by `forgetIds` and by no TTL, since that would take a clock's word that
 * was set ahead by mistake. They go by when they were stored: what is loaded late must still find the ids of its time.
 */
export function createIdsTable(spec: TableSpec, table = idsTable(spec.name)): string {
  const { schema } = spec;
  return [
    `CREATE TABLE IF NOT EXISTS ${quoteName(table)} (`,
    "`id` String CODEC(ZSTD), `log` LowCardinality(String), `offset` UInt64 CODEC(Delta, ZSTD),",
    "`accepted_at` DateTime64(3, 'UTC') CODEC(Delta, ZSTD),",
    "`stored_at` DateTime('UTC') DEFAULT now() CODEC(Delta, ZSTD)",
    ") ENGINE = MergeTree",
    `PARTITION BY ${ID_PARTITION} ORDER BY (\`id\`)`,
    `SETTINGS ${settings(TABLE_SETTINGS)}`,
    `COMMENT ${quoteText(idsComment(schema.idField))}`,
  ].join(" ");
}

/** Says which field the ids are of: with another field the kept ones would mean something else. */
export function idsComment(idField: string | undefined): string {
  return `Ids of field ${idField ?? ""}`;
}

export function partitionExpression(by: NonNullable<TableOptions["partitionBy"]>): string {
  return PARTITION_EXPRESSIONS[by.unit](quoteName(by.column));
}

/** Plain numbers for all years; toStartOfMonth and its like give a Date, which knows only 1970 to 2149. */
const PARTITION_EXPRESSIONS = {
  day: (column: string) => `toYYYYMMDD(${column})`,
  week: (column: string) => `toYearWeek(${column}, 3)`,
  month: (column: string) => `toYYYYMM(${column})`,
  year: (column: string) => `toYear(${column})`,
};

export function ttlExpression(ttl: NonNullable<TableOptions["ttl"]>): string {
  const unit = `${ttl.unit.slice(0, 1).toUpperCase()}${ttl.unit.slice(1)}`;
  return `${quoteName(ttl.column)} + toInterval${unit}(${ttl.count})`;
}

function settings(values: Readonly<Record<string, number>>): string {
  return Object.entries(values)
    .map(([name, value]) => `${name} = ${value}`)
    .join(", ");
}
