import type { TableSpec } from "../store.ts";
import { columnList } from "./column-types.ts";
import type { ClickHouseConnection } from "./connection.ts";
import { KEPT_COLUMN, SYSTEM_COLUMN_TYPES } from "./ddl.ts";
import { quoteText } from "./quote.ts";

/** What a table looks like, all in the engine's own spelling. */
export interface TableShape {
  /** The engine's own name for the table, which stays with its rows when it is renamed; "" for one that isn't there. */
  readonly uuid: string;
  readonly columns: ReadonlyMap<string, string>;
  /** Columns that the rows are sorted or divided by. */
  readonly sortKeys: ReadonlySet<string>;
  /** Columns that the rows are sorted, divided or dropped by. */
  readonly keys: ReadonlySet<string>;
  /** Columns that stay although nothing declares them any more. */
  readonly kept: ReadonlySet<string>;
  /** Columns with a value of their own for rows that were inserted without one. */
  readonly defaulted: ReadonlySet<string>;
  readonly engine: EngineClauses;
  readonly comment: string;
}

export interface EngineClauses {
  /** "MergeTree". */
  readonly name: string;
  /** "" when there is none; the same for the TTL. */
  readonly partitionBy: string;
  readonly orderBy: string;
  readonly ttl: string;
  readonly settings: ReadonlyMap<string, string>;
}

/** All tables that are there, by name. */
export async function readTables(connection: ClickHouseConnection): Promise<Map<string, TableShape>> {
  const tables = await rowsOf<{ name: string; uuid: string; engine_full: string; comment: string }>(
    connection,
    `SELECT name, uuid, engine_full, comment FROM system.tables WHERE database = currentDatabase() ORDER BY name`,
  );
  const columns = await rowsOf<ColumnRow>(
    connection,
    `SELECT table, name, type, comment, default_kind, is_in_sorting_key, is_in_partition_key
     FROM system.columns WHERE database = currentDatabase() ORDER BY table, position`,
  );
  return new Map(
    tables.map(({ name, uuid, engine_full, comment }) => {
      const own = columns.filter(({ table }) => table === name);
      return [name, { ...columnsOf(own, parseEngine(engine_full)), uuid, comment }];
    }),
  );
}

interface ColumnRow {
  readonly table: string;
  readonly name: string;
  readonly type: string;
  readonly comment: string;
  readonly default_kind: string;
  readonly is_in_sorting_key: number;
  readonly is_in_partition_key: number;
}

function columnsOf(rows: readonly ColumnRow[], engine: EngineClauses): Omit<TableShape, "uuid" | "comment"> {
  const names = (test: (row: ColumnRow) => boolean): Set<string> =>
    new Set(rows.filter(test).map(({ name }) => name));
  const sortKeys = names((row) => row.is_in_sorting_key === 1 || row.is_in_partition_key === 1);
  const ttl = new Set(engine.ttl.match(/[\w-]+/g));
  return {
    columns: new Map(rows.map(({ name, type }) => [name, type])),
    sortKeys,
    keys: names(({ name }) => sortKeys.has(name) || ttl.has(name)),
    kept: names(({ comment }) => comment === KEPT_COLUMN),
    defaulted: names(({ default_kind }) => default_kind === "DEFAULT"),
    engine,
  };
}

/** What the table of a CREATE statement would look like: the engine is asked to spell it, so that equal things are equal. */
export async function expectedShape(
  connection: ClickHouseConnection,
  create: string,
  columns: string,
  comment: string,
): Promise<TableShape> {
  const [formatted] = await rowsOf<{ text: string }>(
    connection,
    `SELECT formatQuerySingleLine(${quoteText(create)}) AS text`,
  );
  const engine = /\) ENGINE = (.*?)(?: COMMENT '.*)?$/s.exec(formatted?.text ?? "")?.[1] ?? "";
  return {
    uuid: "",
    columns: await describeColumns(connection, columns),
    sortKeys: new Set(),
    keys: new Set(),
    kept: new Set(),
    defaulted: new Set(),
    engine: parseEngine(engine),
    comment,
  };
}

/** Names and types of a list of columns as the engine spells them. */
export async function describeColumns(
  connection: ClickHouseConnection,
  columns: string,
): Promise<Map<string, string>> {
  if (columns === "") return new Map();
  const described = await rowsOf<{ name: string; type: string }>(
    connection,
    `DESCRIBE TABLE null(${quoteText(columns)})`,
  );
  return new Map(described.map(({ name, type }) => [name, type]));
}

/** The columns of a stream's table of ids. */
export const IDS_COLUMNS =
  "id String, log LowCardinality(String), offset UInt64, accepted_at DateTime64(3, 'UTC'), stored_at DateTime('UTC')";

/** The columns of a stream's table, declared ones first. */
export function tableColumns({ schema }: TableSpec): string {
  const system = SYSTEM_COLUMN_TYPES.map(({ name, type }) => `${name} ${type}`);
  return [columnList(schema.columns), ...system].filter((part) => part !== "").join(", ");
}

/**
 * A replicated table's engine has a place and a replica in parentheses; otherwise it is the one that its name ends in.
 * Names of columns hold no spaces, so a clause can't be mistaken for part of one. */
function parseEngine(text: string): EngineClauses {
  const match =
    /^(?:Replicated|Shared)?(?<name>\w+)(?:\([^)]*\))?(?: PARTITION BY (?<partition>.*?))?(?: ORDER BY (?<order>.*?))?(?: TTL (?<ttl>.*?))?(?: SETTINGS (?<settings>.*))?$/s.exec(
      text,
    );
  const { name = "", partition = "", order = "", ttl = "", settings = "" } = match?.groups ?? {};
  const pairs = settings === "" ? [] : settings.split(", ").map((pair) => pair.split(" = "));
  return {
    name,
    partitionBy: partition,
    orderBy: order,
    ttl,
    settings: new Map(pairs.map(([key = "", value = ""]) => [key, value])),
  };
}

async function rowsOf<Row>(connection: ClickHouseConnection, sql: string): Promise<Row[]> {
  const text = (await connection.run(sql, "JSONEachRow")).toString();
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Row);
}
