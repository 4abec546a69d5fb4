import { HeadraceError } from "../../errors.ts";
import type { StreamSchema } from "../../project/column.ts";
import type { BoundSql } from "../../project/sql.ts";
import { SECOND } from "../../units.ts";
import type {
  MigrationPlan,
  OffsetRange,
  PlannedBatch,
  QueryResult,
  ResultColumn,
  RowSelection,
  Span,
  Store,
  StoreCapabilities,
  StoredId,
  StoreQuery,
  StoreState,
  TableRebuild,
  TableSpec,
} from "../store.ts";
import type { TextColumn } from "../text-column.ts";
import type { PostgresTarget } from "./connect-options.ts";
import { idsTable, STORE_STATEMENTS, STORE_TABLE, TABLES_TABLE } from "./ddl.ts";
import { storeFailed } from "./engine-errors.ts";
import { eraseRows } from "./erase-rows.ts";
import { Expiry } from "./expiry.ts";
import { fitsTable } from "./fits-table.ts";
import { insertBatch, type TableLayout } from "./insert-batch.ts";
import { readClock } from "./clock.ts";
import { migrateTables } from "./migrate.ts";
import { dayOf, Partitions, type PartitionUnit } from "./partitions.ts";
import { rowsOf } from "./connection.ts";
import { PostgresPool, untilReachable } from "./pool.ts";
import { presentOffsets } from "./presence.ts";
import { quoteName, quoteText } from "./quote.ts";
import { beginRebuild } from "./rebuild-table.ts";
import { ResultTypes } from "./result-types.ts";
import { describeQuery, runQuery } from "./run-query.ts";
import { findIds, scanIds } from "./stored-ids.ts";

/** Connections for our own work: an insert for each stream, questions, migrations. */
const WRITERS = 8;
/** How long a database is waited for that may just be starting. Milliseconds. */
const OPEN_PATIENCE = 30 * SECOND;

export interface PostgresStoreOptions {
  /** Queries that run at once. */
  readonly readers: number;
  /** Milliseconds that the database is waited for. Default 30 s. */
  readonly patience?: number;
}

/** The store in a schema of a PostgreSQL database. */
export class PostgresStore implements Store {
  readonly capabilities: StoreCapabilities;
  readonly #target: PostgresTarget;
  readonly #writing: PostgresPool;
  readonly #reading: PostgresPool;
  readonly #fenced: PostgresPool | undefined;
  readonly #types = new ResultTypes();
  readonly #partitions: Partitions;
  readonly #expiry: Expiry;
  readonly #layouts = new Map<string, Promise<TableLayout>>();

  private constructor(
    target: PostgresTarget,
    options: PostgresStoreOptions,
    writing: PostgresPool,
    storeId: string,
  ) {
    const { login, sqlLogin } = target;
    this.#target = target;
    this.#writing = writing;
    this.#reading = new PostgresPool(target, { login, max: options.readers, readOnly: true });
    this.#fenced =
      sqlLogin === undefined
        ? undefined
        : new PostgresPool(target, { login: sqlLogin, max: options.readers, readOnly: true });
    this.#partitions = new Partitions(writing);
    this.#expiry = new Expiry({ pool: writing, partitions: this.#partitions });
    this.capabilities = { dialect: "postgres", formats: ["ndjson", "csv"], storeId };
    writing.watch();
  }

  /** Opens the store, and makes its schema when there is none. */
  static async open(target: PostgresTarget, options: PostgresStoreOptions): Promise<PostgresStore> {
    const writing = new PostgresPool(target, { login: target.login, max: WRITERS, readOnly: false });
    try {
      await untilReachable(writing, options.patience ?? OPEN_PATIENCE);
      return new PostgresStore(target, options, writing, await openSchema(writing, target.schema));
    } catch (error) {
      await writing.close();
      throw storeFailed("The store can't be opened", error);
    }
  }

  status(): StoreState {
    return this.#writing.state;
  }

  async migrate(tables: readonly TableSpec[], options: { readonly dryRun: boolean }): Promise<MigrationPlan> {
    const plan = await migrateTables(this.#writing, tables, options.dryRun);
    if (options.dryRun || plan.refused.length > 0) return plan;
    this.#layouts.clear();
    this.#types.forget();
    await this.#openToSql(tables);
    this.#expiry.keep(tables);
    return plan;
  }

  async insert(table: string, batch: PlannedBatch): Promise<void> {
    const work = {
      pool: this.#writing,
      partitions: this.#partitions,
      layout: (name: string) => this.#layout(name),
    };
    return insertBatch(work, table, batch);
  }

  fits(table: string, schema: StreamSchema): Promise<boolean> {
    return fitsTable(this.#writing, table, schema);
  }

  present(table: string, range: OffsetRange): Promise<readonly Span[]> {
    return presentOffsets(this.#writing, table, range);
  }

  findIds(table: string, ids: readonly string[], since: number): Promise<ReadonlyMap<string, StoredId>> {
    return findIds(this.#writing, table, ids, since);
  }

  scanIds(table: string, since: number): AsyncIterable<TextColumn> {
    return scanIds(this.#writing, table, since);
  }

  /** By the day on which they were stored: a partition of which a part is wanted stays. */
  async forgetIds(table: string, storedBefore: number): Promise<void> {
    try {
      await this.#partitions.dropBefore(idsTable(table), dayOf(storedBefore));
    } catch (error) {
      throw storeFailed("Dropping old ids failed", error);
    }
  }

  erase(table: string, rows: RowSelection, options: { readonly dryRun: boolean }): Promise<number> {
    return eraseRows(this.#writing, table, rows, options.dryRun);
  }

  async query(query: StoreQuery): Promise<QueryResult> {
    const pool = query.fence === undefined ? this.#reading : this.#fenced;
    if (pool === undefined) {
      throw new HeadraceError(
        "sql_refused",
        "SQL from outside needs a role of its own on PostgreSQL: name it in HEADRACE_STORE_URL with sql_user and sql_password",
      );
    }
    return runQuery({ pool, types: this.#types }, query);
  }

  describe(sql: BoundSql): Promise<readonly ResultColumn[]> {
    return describeQuery({ pool: this.#reading, types: this.#types }, sql);
  }

  beginRebuild(spec: TableSpec): Promise<TableRebuild | undefined> {
    const forget = (table: string): void => {
      this.#layouts.delete(table);
      this.#partitions.forget(table);
      this.#types.forget();
    };
    return beginRebuild({ pool: this.#writing, partitions: this.#partitions, forget }, spec);
  }

  async clock(): Promise<number> {
    try {
      return await readClock((sql) => this.#writing.run(sql));
    } catch (error) {
      throw storeFailed("The store can't tell the time", error);
    }
  }

  /** Drops everything of the store: for one that was made to be tried. */
  async dropSchema(): Promise<void> {
    await this.#expiry.close();
    await this.#writing.run(`DROP SCHEMA IF EXISTS ${quoteName(this.#target.schema)} CASCADE`);
  }

  async close(): Promise<void> {
    await this.#expiry.close();
    await Promise.all([this.#reading.close(), this.#fenced?.close(), this.#writing.close()]);
  }

  #layout(table: string): Promise<TableLayout> {
    const known = this.#layouts.get(table);
    if (known !== undefined) return known;
    const layout = readLayout(this.#writing, table);
    this.#layouts.set(table, layout);
    layout.catch(() => this.#layouts.delete(table));
    return layout;
  }

  /** The role for SQL from outside may read these tables and nothing else of the schema. */
  async #openToSql(tables: readonly TableSpec[]): Promise<void> {
    const { sqlLogin, schema } = this.#target;
    if (sqlLogin === undefined) return;
    const role = quoteName(sqlLogin.user);
    const named = tables.filter(({ name }) => !name.startsWith("_")).map(({ name }) => quoteName(name));
    try {
      await this.#writing.transaction(async (connection) => {
        await connection.query(`REVOKE ALL ON ALL TABLES IN SCHEMA ${quoteName(schema)} FROM ${role}`);
        await connection.query(`GRANT USAGE ON SCHEMA ${quoteName(schema)} TO ${role}`);
        if (named.length > 0) await connection.query(`GRANT SELECT ON ${named.join(", ")} TO ${role}`);
      });
    } catch (error) {
      throw storeFailed(`The role ${sqlLogin.user} can't be given its rights`, error);
    }
  }
}

/** Makes the schema when there is none, and gives the store's id. */
async function openSchema(pool: PostgresPool, schema: string): Promise<string> {
  return pool.transaction(async (connection) => {
    // Two servers that start at the same time would both make it.
    await connection.query(`SELECT pg_advisory_xact_lock(hashtext(${quoteText(`headrace ${schema}`)}))`);
    const [[there] = []] = await rowsOf(connection, "SELECT to_regnamespace($1)::text", [quoteName(schema)]);
    if (there === null) await connection.query(`CREATE SCHEMA ${quoteName(schema)}`);
    const [[own] = []] = await rowsOf(connection, "SELECT to_regclass($1)::text", [
      `${quoteName(schema)}.${quoteName(TABLES_TABLE)}`,
    ]);
    // Not asked for when it is there: a role may be allowed to use a schema and not to make tables.
    if (own === null) for (const statement of STORE_STATEMENTS) await connection.query(statement);
    const [[id] = []] = await rowsOf(connection, `SELECT id::text FROM ${STORE_TABLE}`);
    if (typeof id !== "string")
      throw new HeadraceError("store_failed", `Schema ${schema} isn't a store of Headrace`);
    return id;
  });
}

async function readLayout(pool: PostgresPool, table: string): Promise<TableLayout> {
  const [row] = await pool.run(`SELECT partition_by, id_window FROM ${TABLES_TABLE} WHERE name = $1`, [
    table,
  ]);
  if (row === undefined) throw new HeadraceError("store_failed", `There is no table ${table}`);
  const [, unit, column] = /^(day|week|month|year)\((.*)\)$/.exec(row[0] ?? "") ?? [];
  return {
    partitionBy:
      unit === undefined || column === undefined ? undefined : { unit: unit as PartitionUnit, column },
    idWindow: typeof row[1] === "string" ? Number(row[1]) : undefined,
  };
}
