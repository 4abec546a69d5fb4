import { compileSql } from "../../project/compile-sql.ts";
import type { Stream } from "../../project/declarations.ts";
import { sql } from "../../project/sql.ts";
import type { QueryLimits, Store } from "../../store/store.ts";
import { MIB, SECOND } from "../../units.ts";
import { readRows } from "../read-rows.ts";

/** What tools ask for of a server: what is declared, and what the engine has. */
export interface Catalog {
  /** The engine's version, such as 26.7.2.1. */
  readonly version: string;
  /** Its revision of the native protocol. */
  readonly revision: number;
  readonly tables: readonly CatalogTable[];
  readonly functions: readonly CatalogFunction[];
  readonly types: readonly CatalogType[];
  /** Settings of how answers are written, with their types. */
  readonly outputSettings: ReadonlyMap<string, string>;
}

export interface CatalogTable {
  readonly name: string;
  readonly comment: string;
  readonly partitionKey: string;
  readonly sortingKey: readonly string[];
  /** What may be selected, in the order of the table. */
  readonly columns: readonly { readonly name: string; readonly type: string }[];
}

export interface CatalogFunction {
  readonly name: string;
  readonly is_aggregate: number;
  readonly case_insensitive: number;
  readonly alias_to: string;
}

export interface CatalogType {
  readonly name: string;
  readonly case_insensitive: number;
  readonly alias_to: string;
}

const LIMITS: QueryLimits = { time: 10 * SECOND, memory: 256 * MIB, rows: 10_000, bytes: 16 * MIB };

/** Asks the store, once: tables and the engine change only at a start. */
export async function readCatalog(store: Store, streams: readonly Stream[]): Promise<Catalog> {
  const rows = (text: string) => readRows(store, { text, params: {} }, LIMITS);
  const [server] = await rows("SELECT version() AS version, revision() AS revision");
  const functions = await rows(
    "SELECT name, is_aggregate, case_insensitive, alias_to FROM system.functions ORDER BY name",
  );
  const types = await rows(
    "SELECT name, case_insensitive, alias_to FROM system.data_type_families ORDER BY name",
  );
  const settings = await rows(
    "SELECT name, type FROM system.settings WHERE name LIKE 'output\\\\_format\\\\_%' ORDER BY name",
  );
  return {
    version: String(server?.["version"]),
    revision: Number(server?.["revision"]),
    tables: await Promise.all(streams.map((stream) => tableOf(store, stream))),
    functions: functions.map((row) => ({ ...named(row), is_aggregate: Number(row["is_aggregate"]) })),
    types: types.map(named),
    outputSettings: new Map(settings.map((row) => [String(row["name"]), String(row["type"])])),
  };
}

async function tableOf(store: Store, stream: Stream): Promise<CatalogTable> {
  const { name, description, table } = stream;
  const columns = await store.describe(compileSql(sql`SELECT * FROM ${stream}`, store.capabilities.dialect));
  const { orderBy, partitionBy } = table;
  return {
    name,
    comment: description,
    partitionKey: partitionBy === undefined ? "" : `${PARTITION[partitionBy.unit]}(${partitionBy.column})`,
    sortingKey: orderBy,
    columns: columns.map(({ name: column, type }) => ({ name: column, type })),
  };
}

const PARTITION = { day: "toYYYYMMDD", week: "toMonday", month: "toYYYYMM", year: "toYear" } as const;

function named(row: Readonly<Record<string, unknown>>): CatalogType {
  return {
    name: String(row["name"]),
    case_insensitive: Number(row["case_insensitive"]),
    alias_to: String(row["alias_to"]),
  };
}
