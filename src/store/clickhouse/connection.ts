import type { BoundSql } from "../../project/sql.ts";
import type { StoreState } from "../store.ts";

/**
 * A way to reach ClickHouse. What it is told is plain ClickHouse SQL, so everything that isn't about the way
 * (types, DDL, statements, what errors mean) is shared by all ways. Fails with a ClickHouseError, or with a
 * HeadraceError for what only the way knows (`overloaded`, `query_cancelled`, `query_timeout`).
 */
export interface ClickHouseConnection {
  /** The rows of an input have no number here (`_row_number`): each must bring its identity with it. Default false. */
  readonly lacksRowNumbers?: boolean;

  /** Runs statements of our own, one after the other, and gives the answer of the last in this format. */
  run(sql: string, format: AnswerFormat): Promise<Buffer>;

  /**
   * Runs INSERTs that read the given inputs (over HTTP at most one each), side by side. When it settles, successful or not, none
   * of them is running any more; it fails with the error of the first in the list that failed. Resolves with the number of
   * rows written by all, before any TTL took some away.
   */
  insert(...inserts: readonly InsertStatement[]): Promise<number>;

  /**
   * Makes sure that no insert whose mark begins with this is running, whoever began it: those that are are ended. Absent where an
   * insert can't outlive the process.
   */
  endInserts?(mark: string): Promise<void>;

  /** A table expression that has every copy of a table's rows, where there are several. */
  copies?(table: string): string;

  /** Begins one SELECT from outside within limits. Errors of the query come with its bytes. */
  read(request: ReadRequest): Promise<ReadAnswer>;

  /** Whether the engine can be reached, as far as is known without asking. Absent: it is in this process. */
  status?(): StoreState;

  /** Waits for what is running and closes. */
  close(): Promise<void>;
}

/** Formats of answers, in ClickHouse's words. */
export type AnswerFormat =
  | "JSONCompactEachRowWithProgress"
  | "CSVWithNames"
  | "Parquet"
  | "ArrowStream"
  | "JSONEachRow"
  | "TabSeparated"
  | "RowBinary";

export interface InsertStatement {
  /** The statement, given how to name each input as a table expression. */
  sql(input: (name: string) => string): string;
  readonly inputs: Readonly<Record<string, InsertInput>>;
  /** Says what it writes, for `endInserts`. */
  readonly mark?: string;
  /** How many rows it should write, when that is known. */
  readonly rows?: number;
}

export interface InsertInput {
  readonly format: "JSONEachRow" | "RowBinary";
  /** Its columns with their types. */
  readonly structure: string;
  readonly bytes: readonly Uint8Array[];
}

export interface ReadRequest {
  readonly sql: BoundSql;
  /** One of ours, or any other that the engine knows. */
  readonly format: AnswerFormat | (string & {});
  /** Milliseconds, bytes and rows. */
  readonly limits: { readonly time: number; readonly memory: number; readonly rows: number };
  readonly signal?: AbortSignal;
  /** In a session of its own that is read-only and has its limits from the start: no text can change them. Default false. */
  readonly fenced?: boolean;
  /** Settings of a fenced query beside those that every one has. */
  readonly settings?: Readonly<Record<string, string | number>>;
  /** Whether the format writes nothing for no rows. Default false: no bytes at all are an error then. */
  readonly mayBeEmpty?: boolean;
}

export interface ReadAnswer {
  /** The next bytes, cut anywhere; undefined at the end. Throws for an error of the query. */
  next(): Promise<Buffer | undefined>;
  /** Stops the query if it still runs. Whoever doesn't read to the end must call it. */
  leave(): void;
  /** Seconds that the query took; known after the last bytes. */
  elapsed(): number;
}
