import type { BoundSql } from "../../project/sql.ts";
import type { QueryLimits } from "../../store/store.ts";
import type { Catalog } from "./catalog.ts";
import { CODES, refusal } from "./exceptions.ts";
import { DEFAULT_FORMAT, formatOf, type RawFormat } from "./formats.ts";
import { querySettings, type QuerySettings } from "./query-settings.ts";
import type { ProtocolRequest } from "./read-request.ts";
import { rewriteStatement, type Rewritten } from "./rewrite-statement.ts";
import { readStatement } from "./statement.ts";

/** The database's name for tools that name none. The project's own name means the same. */
export const DEFAULT_DATABASE = "default";

/** Databases that aren't the project's: what is in them are views. */
const RESERVED: ReadonlySet<string> = new Set(["system", "information_schema", "INFORMATION_SCHEMA"]);

/** What a server has, whoever asks. */
export interface ProtocolContext {
  readonly catalog: Catalog;
  /** All names of the database. */
  readonly databases: readonly string[];
  readonly limits: QueryLimits;
}

/** A query that can run. */
export interface PreparedQuery {
  readonly sql: BoundSql;
  readonly format: RawFormat;
  readonly settings: QuerySettings;
  /** The database's name, as the request has it. */
  readonly database: string;
}

/** Names that the database of a project goes by. */
export function databasesOf(project: string): readonly string[] {
  return RESERVED.has(project) ? [DEFAULT_DATABASE] : [...new Set([DEFAULT_DATABASE, project])];
}

/**
 * What is to run for a request; undefined when nothing is to be answered.
 * @param kill Stops a query of the same caller, and says whether there was one.
 * @throws HeadraceError
 */
export function prepareQuery(
  asked: ProtocolRequest,
  { catalog, databases, limits }: ProtocolContext,
  kill: (queryId: string) => boolean,
): PreparedQuery | undefined {
  const database = databaseOf(asked.database, databases);
  const statement = readStatement(asked.sql);
  const tables = catalog.tables.map(({ name }) => name);
  const rewritten = rewriteStatement(statement.text, { databases, tables });
  const set = rewritten?.kind === "set" ? rewritten.settings : {};
  const wanted = { ...asked.settings, ...statement.settings, ...set };
  const settings = querySettings(wanted, limits, catalog.outputSettings);
  const format = formatNamed(statement.format ?? asked.format ?? DEFAULT_FORMAT);
  if (rewritten?.kind === "done" || rewritten?.kind === "set") return undefined;
  const own = { text: statement.text, params: asked.params };
  const sql = rewritten === undefined ? own : sqlOf(rewritten, kill);
  return { sql, format, settings, database };
}

function sqlOf(
  rewritten: Extract<Rewritten, { kind: "select" | "kill" }>,
  kill: (queryId: string) => boolean,
): BoundSql {
  if (rewritten.kind === "select") return rewritten.sql;
  const { queryId } = rewritten;
  return killed(queryId, kill(queryId));
}

function databaseOf(name: string | undefined, databases: readonly string[]): string {
  if (name === undefined || RESERVED.has(name)) return DEFAULT_DATABASE;
  if (databases.includes(name)) return name;
  throw refusal(CODES.unknownDatabase, `Database ${name.slice(0, 80)} does not exist`);
}

function formatNamed(name: string): RawFormat {
  const format = formatOf(name);
  if (format !== undefined) return format;
  throw refusal(CODES.unknownFormat, `Unknown format ${name.slice(0, 80)} for answers here`);
}

/** As ClickHouse answers KILL QUERY: a row for each query that was found. */
function killed(queryId: string, found: boolean): BoundSql {
  const columns = "'finished' AS kill_status, {id:String} AS query_id, 'default' AS user, '' AS query";
  return {
    text: `SELECT ${columns} WHERE ${found ? 1 : 0}`,
    params: { id: { type: "String", value: queryId } },
  };
}
