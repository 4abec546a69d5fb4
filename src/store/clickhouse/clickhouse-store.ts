import type { StreamSchema } from "../../project/column.ts";
import type { BoundSql } from "../../project/sql.ts";
import type {
  MigrationPlan,
  OffsetRange,
  PlannedBatch,
  QueryResult,
  RawQuery,
  RawResult,
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
import type { ClickHouseConnection } from "./connection.ts";
import { storeIdOf } from "./ddl.ts";
import { storeFailed } from "./engine-errors.ts";
import { Fence } from "./fence/fence.ts";
import { eraseRows } from "./erase-rows.ts";
import { fitsTable } from "./fits-table.ts";
import { insertBatch, keepIds } from "./insert-batch.ts";
import { migrateTables } from "./migrate.ts";
import { presentOffsets } from "./presence.ts";
import { beginRebuild } from "./rebuild-table.ts";
import { describeQuery, runQuery, runRawQuery } from "./run-query.ts";
import { findIds, forgetIds, scanIds } from "./stored-ids.ts";

/** The store in ClickHouse, over whichever connection. */
export class ClickHouseStore implements Store {
  readonly capabilities: StoreCapabilities;
  readonly #connection: ClickHouseConnection;
  readonly #fence: Fence;

  private constructor(connection: ClickHouseConnection, storeId: string) {
    this.#connection = connection;
    this.#fence = new Fence(connection);
    this.capabilities = { dialect: "clickhouse", formats: ["ndjson", "csv", "parquet", "arrow"], storeId };
  }

  static async open(opening: ClickHouseConnection | Promise<ClickHouseConnection>): Promise<ClickHouseStore> {
    let connection: ClickHouseConnection | undefined;
    try {
      connection = await opening;
      return new ClickHouseStore(connection, await readStoreId(connection));
    } catch (error) {
      await connection?.close();
      throw storeFailed("The store can't be opened", error);
    }
  }

  migrate(tables: readonly TableSpec[], options: { readonly dryRun: boolean }): Promise<MigrationPlan> {
    return migrateTables(this.#connection, tables, options.dryRun);
  }

  insert(table: string, batch: PlannedBatch): Promise<void> {
    return insertBatch(this.#connection, table, batch);
  }

  fits(table: string, schema: StreamSchema): Promise<boolean> {
    return fitsTable(this.#connection, table, schema);
  }

  present(table: string, range: OffsetRange): Promise<readonly Span[]> {
    return presentOffsets(this.#connection, table, range);
  }

  keepIds(table: string, batch: PlannedBatch): Promise<void> {
    return keepIds(this.#connection, table, batch);
  }

  findIds(table: string, ids: readonly string[], since: number): Promise<ReadonlyMap<string, StoredId>> {
    return findIds(this.#connection, table, ids, since);
  }

  scanIds(table: string, since: number): AsyncIterable<TextColumn> {
    return scanIds(this.#connection, table, since);
  }

  forgetIds(table: string, storedBefore: number): Promise<void> {
    return forgetIds(this.#connection, table, storedBefore);
  }

  erase(table: string, rows: RowSelection, options: { readonly dryRun: boolean }): Promise<number> {
    return eraseRows(this.#connection, table, rows, options.dryRun);
  }

  query(query: StoreQuery): Promise<QueryResult> {
    return runQuery(this.#connection, query, this.#fence);
  }

  rawQuery(query: RawQuery): Promise<RawResult> {
    return runRawQuery(this.#connection, query, this.#fence);
  }

  describe(sql: BoundSql): Promise<readonly ResultColumn[]> {
    return describeQuery(this.#connection, sql);
  }

  beginRebuild(spec: TableSpec): Promise<TableRebuild | undefined> {
    return beginRebuild(this.#connection, spec);
  }

  status(): StoreState {
    return this.#connection.status?.() ?? { ready: true };
  }

  async clock(): Promise<number> {
    try {
      const answer = await this.#connection.run("SELECT toUnixTimestamp64Milli(now64(3))", "TabSeparated");
      return Number(answer.toString());
    } catch (error) {
      throw storeFailed("The store can't tell the time", error);
    }
  }

  close(): Promise<void> {
    return this.#connection.close();
  }
}

/** The store's id: it is in the comment of the connection's database. */
async function readStoreId(connection: ClickHouseConnection): Promise<string> {
  const comment = await connection.run(
    "SELECT comment FROM system.databases WHERE name = currentDatabase()",
    "TabSeparated",
  );
  return storeIdOf(comment.toString());
}
