import type { Column, StreamSchema } from "../project/column.ts";
import type { TableOptions } from "../project/declarations.ts";
import type { BoundSql } from "../project/sql.ts";
import type { TextColumn } from "./text-column.ts";

/**
 * The port to the analytics database. Adapters: `clickhouse/` and `postgres/`.
 *
 * Errors are HeadraceErrors. An insert fails with `store_refused_events` when the data is at fault (`details.reason`, and
 * `details.row` when the store names it: the index in the batch), with `lease_lost` when its time was over, and with `store_failed` for anything else. A query fails
 * with `query_failed`, `query_timeout`, `query_too_large`, `query_cancelled`, `overloaded` (too many at once), `draining` (the
 * store is closing) or `store_failed`.
 */
export interface Store {
  readonly capabilities: StoreCapabilities;

  /**
   * Makes the tables fit the declarations: creates missing ones, adds new columns that rows may lack (nullable ones, lists,
   * maps, those with a default), widens types, keeps columns that aren't declared any more, follows a changed description
   * or TTL. Everything else that differs is in `refused`, and then nothing is changed at all. With `dryRun` nothing is
   * changed either way. Tables that nothing declares are kept.
   */
  migrate(tables: readonly TableSpec[], options: { readonly dryRun: boolean }): Promise<MigrationPlan>;

  /**
   * Inserts a planned batch: when it resolves, every row is on disk and visible to queries. When it rejects, any part
   * of the batch may be there, but no insert of it is still running: `present` then gives the truth.
   */
  insert(table: string, batch: PlannedBatch): Promise<void>;

  /**
   * Makes sure that the ids of these rows, which are in the table, are stored: an insert that was cut short may have left some without.
   * Absent: it can't.
   */
  keepIds?(table: string, batch: PlannedBatch): Promise<void>;

  /** Whether the table takes every row of this schema as it is: with all its columns, none narrower, and none else required. */
  fits(table: string, schema: StreamSchema): Promise<boolean>;

  /**
   * The offsets of a range that are in the table, as sorted, disjoint ranges (`to` excluded). Of inserts that another process began
   * before, none comes later: they are waited for, or ended.
   */
  present(table: string, range: OffsetRange): Promise<readonly Span[]>;

  /** For a table with ids: the first position stored for each of these ids that was accepted since then (milliseconds). */
  findIds(table: string, ids: readonly string[], since: number): Promise<ReadonlyMap<string, StoredId>>;

  /** For a table with ids: all ids that were accepted since then, in pages, to fill a filter at start. */
  scanIds(table: string, since: number): AsyncIterable<TextColumn>;

  /** For a table with ids: ids that were stored before this time (milliseconds) needn't be kept any more; it may keep some longer. */
  forgetIds(table: string, storedBefore: number): Promise<void>;

  /**
   * Deletes the selected rows, and the ids of a stream's rows with them; gives how many rows there were. When it
   * resolves no query sees them. May be repeated: what is gone is gone. With `dryRun` they are only counted. An engine
   * may keep the bytes for some minutes more. `condition_invalid` when `where` isn't surely harmless, or can't be computed;
   * on a row that came after they were counted, and then some may be gone.
   */
  erase(table: string, rows: RowSelection, options: { readonly dryRun: boolean }): Promise<number>;

  /** Runs one SELECT and streams the answer. Rejects for an error before the first chunk; the chunks throw for a later one. */
  query(query: StoreQuery): Promise<QueryResult>;

  /**
   * Runs one SELECT from outside and gives the answer's bytes as the engine itself writes them. Fails as `query` does; the `cause`
   * of what the engine refused has the engine's own `code` and `message`. Absent where the engine has no formats of its own.
   */
  rawQuery?(query: RawQuery): Promise<RawResult>;

  /** The columns that a query would give, without running it. */
  describe(sql: BoundSql): Promise<readonly ResultColumn[]>;

  /**
   * Begins an empty table beside a stream's, as the declaration wants it; with the columns that the old one has beyond. What an
   * earlier attempt left behind is dropped. `undefined` when the stream has no table yet.
   */
  beginRebuild(spec: TableSpec): Promise<TableRebuild | undefined>;

  /** Whether the database can be reached, as far as is known without asking it. Absent: it is in this process. */
  status?(): StoreState;

  /** The store's own clock, milliseconds since 1970: what `PlannedBatch.until` is measured by. */
  clock(): Promise<number>;

  /** Waits for what is running and closes. */
  close(): Promise<void>;
}

export interface StoreState {
  readonly ready: boolean;
  /** Why it isn't. */
  readonly reason?: string;
}

/** A table that is being made anew. Until `finish`, nobody sees anything of it, and a start or another attempt drops it. */
export interface TableRebuild {
  /** The name of the new table: for `insert`, `fits` and `present`. */
  readonly table: string;

  /** Columns that keep rows of the old table from being copied: the new table has them narrower, or requires them. */
  readonly narrower: readonly string[];

  /** Rows of the old table outside of these ranges. */
  countOutside(ranges: readonly OffsetRange[]): Promise<number>;

  /** Copies the rows of the old table outside of these ranges, in pieces between which other inserts come. Only when nothing is `narrower`. */
  copyOutside(ranges: readonly OffsetRange[], signal?: AbortSignal): Promise<void>;

  /**
   * Puts the new table in the place of the old one at once, with the ids of its rows that were accepted within the window before
   * `oldest` (milliseconds since 1970; now when it is later), and drops the old one. Nothing may be inserted meanwhile. After a
   * rejection either of the two may be in place, whole; it may be called again. Cut short by a crash, `migrate` ends it.
   */
  finish(oldest?: number): Promise<void>;

  /** Drops what isn't in place. May be repeated. */
  abandon(): Promise<void>;
}

export interface StoreCapabilities {
  /** The SQL dialect that endpoints are written in. */
  readonly dialect: "clickhouse" | "postgres";
  readonly formats: readonly ResultFormat[];
  /** A name for this very database: another one when the store was emptied or replaced. */
  readonly storeId: string;
}

/** What a table must look like. */
export interface TableSpec {
  /** The table's name: a stream's, or one of ours such as `_rejected`. */
  readonly name: string;
  readonly description: string;
  readonly schema: StreamSchema;
  readonly table: TableOptions;
  /** For how long (milliseconds) an id counts, when the stream has one: ids are kept until `forgetIds`. */
  readonly idWindow?: number;
  /** JSON text of declared defaults: what rows from before a column was added have in it. */
  readonly defaults?: ReadonlyMap<string, string>;
}

export interface MigrationPlan {
  /** One line for each change that is made or, with `dryRun`, would be: "flights: add column gate Nullable(String)". */
  readonly changes: readonly string[];
  /** One line for each difference that can't be followed, with the ways out. */
  readonly refused: readonly string[];
}

/** Rows to insert at once: the lines of one schema, with the identity of each. */
export interface PlannedBatch {
  readonly log: string;
  readonly partition: number;
  readonly schema: StreamSchema;
  /** JSON objects, one a line; row i is the i-th line. */
  readonly lines: readonly Buffer[];
  readonly count: number;
  /** Offset of each row, strictly rising. */
  readonly offsets: Float64Array;
  /** Accept time of each row, milliseconds since 1970. */
  readonly acceptedAt: Float64Array;
  /** Id of each row, when the table keeps ids. */
  readonly ids?: TextColumn;
  /**
   * When the right to insert it ends, by the store's own clock (`Store.clock`, milliseconds): an insert that waited for so long
   * fails with `lease_lost`, and leaves nothing. An engine may round it down to a second. Default: never.
   */
  readonly until?: number;
}

export interface OffsetRange {
  readonly log: string;
  readonly partition: number;
  readonly from: number;
  /** Excluded. */
  readonly to: number;
}

export interface Span {
  readonly from: number;
  /** Excluded. */
  readonly to: number;
}

/** Rows that fulfil all of these. */
export interface RowSelection {
  /**
   * From outside, in the store's SQL: one boolean expression of the table's declared columns and `_accepted_at`, made of
   * functions that give the same at any time.
   */
  readonly where?: string;
  /**
   * The text in the column is the JSON of an event for which this condition, as `where` of the stream's table, is true. A
   * field that is missing or can't be read as its column is NULL.
   */
  readonly event?: { readonly column: string; readonly table: string; readonly where: string };
  /** Columns of text with their value. */
  readonly equal?: Readonly<Record<string, string>>;
  /** One of these columns contains the text. */
  readonly containing?: { readonly columns: readonly string[]; readonly text: string };
  /** Accepted before this time (milliseconds). */
  readonly acceptedBefore?: number;
  /** Of one partition, and before this place: a smaller offset of its log, or of another log and not accepted after its time. */
  readonly until?: SelectionEnd;
}

export interface SelectionEnd {
  readonly log: string;
  readonly partition: number;
  /** Excluded. */
  readonly offset: number;
  /** Milliseconds since 1970. */
  readonly acceptedAt: number;
}

export interface StoredId {
  readonly log: string;
  readonly offset: number;
}

/** `arrow` is the IPC stream, not the file. */
export type ResultFormat = "ndjson" | "csv" | "parquet" | "arrow";

export interface StoreQuery {
  readonly sql: BoundSql;
  readonly format: ResultFormat;
  readonly limits: QueryLimits;
  /** Aborting stops the query in the engine too. */
  readonly signal?: AbortSignal;
  /**
   * For SQL from outside, which may be hostile: it is looked at before anything of it runs, and may read these tables and
   * nothing else, in a session that can change nothing. Fails with `sql_refused`, `sql_invalid` or `unknown_stream` too.
   */
  readonly fence?: QueryFence;
}

export interface QueryFence {
  /** What may be read, by its plain name, with the names of its columns. */
  readonly tables: readonly { readonly name: string; readonly columns: readonly string[] }[];
  /** What else may be named, and what is read in its place. It is looked at as the rest of the SQL is. */
  readonly standIns?: StandIns;
}

export interface StandIns {
  /** Databases whose name may stand before a table's. */
  readonly databases: readonly string[];
  /** A SELECT for a table of another database: by "database.table" in lower case. */
  readonly tables: ReadonlyMap<string, StandInTable>;
  /** An expression for a function without arguments, by its name in lower case. */
  readonly calls: ReadonlyMap<string, BoundSql>;
}

export type StandInTable = BoundSql & { readonly columns: readonly string[] };

/** A query whose answer is wanted as the engine writes it. */
export interface RawQuery {
  readonly sql: BoundSql;
  /** In the engine's words, such as "TabSeparatedWithNames". */
  readonly format: string;
  /** The engine's settings for this query. Only such as can do no harm: they are not looked at. */
  readonly settings: Readonly<Record<string, string | number>>;
  readonly limits: QueryLimits;
  readonly signal?: AbortSignal;
  readonly fence: QueryFence;
}

export interface RawResult {
  /** One document, cut anywhere. */
  readonly chunks: AsyncIterable<Uint8Array>;
  /** Seconds; known after the last chunk. */
  elapsed(): number;
}

export interface QueryLimits {
  /** Milliseconds. */
  readonly time: number;
  /** Bytes. */
  readonly memory: number;
  readonly rows: number;
  /** Bytes of the answer. */
  readonly bytes: number;
}

export interface QueryResult {
  /**
   * The asked format: whole rows of ndjson, each chunk ending in "\n", and of csv, with one header line; parquet and arrow
   * are one document, cut anywhere.
   */
  readonly chunks: AsyncIterable<Uint8Array>;
  /** After the last chunk of ndjson: the columns of this very result. [] for other formats. */
  columns(): readonly ResultColumn[];
  /** After the last chunk. */
  statistics(): QueryStatistics;
}

export interface QueryStatistics {
  /** Seconds, as in ClickHouse's JSON format. */
  readonly elapsed: number;
  /** What the query read to find the answer; 0 for all but ndjson, with which alone the engine says. */
  readonly rowsRead: number;
  readonly bytesRead: number;
  /** Of the answer; 0 for parquet and arrow, which aren't looked into. */
  readonly rows: number;
}

export interface ResultColumn {
  readonly name: string;
  /** The engine's type, such as "Nullable(Int64)". */
  readonly type: string;
  /** The JSON Schema of its value in a JSON answer. */
  readonly jsonSchema: Readonly<Record<string, unknown>>;
}

export type { Column };
