import type { TableSpec } from "../store.ts";
import { columnList } from "./column-types.ts";
import type { ClickHouseConnection } from "./connection.ts";
import { DATABASE, SYSTEM_COLUMN_TYPES } from "./ddl.ts";
import { quoteText } from "./quote.ts";

/** What a table looks like, all in the engine's own spelling. */
export interface TableShape {
  readonly columns: ReadonlyMap<string, string>;
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
  const tables = await rowsOf<{ name: string; engine_full: string; comment: string }>(
    connection,
    `SELECT name, engine_full, comment FROM system.tables WHERE database = '${DATABASE}' ORDER BY name`,
  );
  const columns = await rowsOf<{ table: string; name: string; type: string }>(
    connection,
    `SELECT table, name, type FROM system.columns WHERE database = '${DATABASE}' ORDER BY table, position`,
  );
  return new Map(
    tables.map(({ name, engine_full, comment }) => [
      name,
      {
        columns: new Map(
          columns.filter((column) => column.table === name).map((column) => [column.name, column.type]),
        ),
        engine: parseEngine(engine_full),
        comment,
      },
    ]),
  );
}

/** What the table of a CREATE statement would look like: the engine is asked to spell it, so that equal things are equal. */
export async function expectedShape(
  connection: ClickHouseConnection,
  create: string,
  columns: string,
  comment: string,
): Promise<TableShape> {
  const described = await rowsOf<{ name: string; type: string }>(
    connection,
    `DESCRIBE TABLE null(${quoteText(columns)})`,
  );
  const [formatted] = await rowsOf<{ text: string }>(
    connection,
    `SELECT formatQuerySingleLine(${quoteText(create)}) AS text`,
  );
  const engine = /\) ENGINE = (.*?)(?: COMMENT '.*)?$/s.exec(formatted?.text ?? "")?.[1] ?? "";
  return {
    columns: new Map(described.map(({ name, type }) => [name, type])),
    engine: parseEngine(engine),
    comment,
  };
}

/** The columns of a stream's table of ids. */
export const IDS_COLUMNS =
  "id String, log LowCardinality(String), offset UInt64, accepted_at DateTime64(3, 'UTC'), stored_at DateTime('UTC')";

/** The columns of a stream's table, declared ones first. */
export function tableColumns({ schema }: TableSpec): string {
  const system = SYSTEM_COLUMN_TYPES.map(({ name, type }) => `${name} ${type}`);
  return [columnList(schema.columns), ...system].filter((part) => part !== "").join(", ");
}

/** Names of columns hold no spaces, so a clause can't be mistaken for part of one. */
function parseEngine(text: string): EngineClauses {
  const match =
    /^(?<name>\w+)(?: PARTITION BY (?<partition>.*?))?(?: ORDER BY (?<order>.*?))?(?: TTL (?<ttl>.*?))?(?: SETTINGS (?<settings>.*))?$/s.exec(
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
