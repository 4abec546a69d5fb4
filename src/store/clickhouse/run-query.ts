import { HeadraceError } from "../../errors.ts";
import type { BoundSql } from "../../project/sql.ts";
import { GIB, MIB, SECOND } from "../../units.ts";
import type {
  QueryLimits,
  QueryResult,
  QueryStatistics,
  RawQuery,
  RawResult,
  ResultColumn,
  ResultFormat,
  StoreQuery,
} from "../store.ts";
import type { AnswerFormat, ClickHouseConnection, ReadAnswer } from "./connection.ts";
import { fencedError, queryError } from "./engine-errors.ts";
import type { Fence } from "./fence/fence.ts";
import { JsonRows } from "./json-rows.ts";
import { portableSql } from "./portable-columns.ts";
import { resultColumn } from "./result-columns.ts";
import { csvCutter, lineCutter } from "./row-cutter.ts";
import { singleSelect } from "./single-select.ts";
import { tsvRows } from "./stored-ids.ts";

/** What finding out the types may cost: the engine runs scalar subqueries for it. */
const DESCRIBE_LIMITS: QueryLimits = { time: 10 * SECOND, memory: GIB, rows: 100_000, bytes: 16 * MIB };

/** Parquet needs no seeking, and of Arrow's two forms the stream doesn't either: both go through a pipe as they are made. */
const ENGINE_FORMATS: Readonly<Record<ResultFormat, AnswerFormat>> = {
  ndjson: "JSONCompactEachRowWithProgress",
  csv: "CSVWithNames",
  parquet: "Parquet",
  arrow: "ArrowStream",
};

/** Runs one SELECT. Resolves when the first rows are there, or the end. */
export async function runQuery(
  connection: ClickHouseConnection,
  query: StoreQuery,
  fence: Fence,
): Promise<QueryResult> {
  const { limits, signal } = query;
  const fenced = query.fence !== undefined;
  const asked = query.fence ? await fence.admit(query, query.fence) : selectOf(query.sql);
  const failure = fenced ? fencedError : queryError;
  const isBinary = query.format === "parquet" || query.format === "arrow";
  const portable = isBinary ? portableSql(asked, await columnsOf(connection, asked, fenced)) : asked;
  // What runs is what was looked at, also when it was wrapped.
  const isNew = query.fence !== undefined && portable !== asked;
  const sql = isNew ? await fence.admit({ ...query, sql: portable }, query.fence) : portable;
  const format = ENGINE_FORMATS[query.format];
  let answer: ReadAnswer;
  try {
    answer = await connection.read({
      sql,
      format,
      limits,
      fenced,
      ...(signal === undefined ? {} : { signal }),
    });
  } catch (error) {
    throw failure(error, limits);
  }
  const rows = isBinary ? binaryRows() : query.format === "csv" ? csvRows() : jsonRows();
  const chunks = new RowChunks(answer, rows, limits, failure);
  await chunks.begin();
  return {
    chunks,
    columns: () => rows.columns(),
    statistics: () => ({ elapsed: answer.elapsed(), ...rows.counts() }),
  };
}

/** Runs one SELECT from outside, whose answer stays as the engine writes it. */
export async function runRawQuery(
  connection: ClickHouseConnection,
  query: RawQuery,
  fence: Fence,
): Promise<RawResult> {
  const { format, settings, limits, signal } = query;
  const sql = await fence.admit(query, query.fence);
  let answer: ReadAnswer;
  try {
    answer = await connection.read({
      sql,
      format,
      settings,
      limits,
      fenced: true,
      mayBeEmpty: true,
      ...(signal === undefined ? {} : { signal }),
    });
  } catch (error) {
    throw fencedError(error, limits);
  }
  const chunks = new RowChunks(answer, binaryRows(), limits, fencedError);
  await chunks.begin();
  return { chunks, elapsed: () => answer.elapsed() };
}

function selectOf({ text, params }: BoundSql): BoundSql {
  return { text: singleSelect(text), params };
}

/** The columns that a SELECT would give. */
export async function describeQuery(
  connection: ClickHouseConnection,
  sql: BoundSql,
): Promise<readonly ResultColumn[]> {
  return columnsOf(connection, selectOf(sql), false);
}

async function columnsOf(
  connection: ClickHouseConnection,
  sql: BoundSql,
  fenced: boolean,
): Promise<readonly ResultColumn[]> {
  const text = `DESCRIBE TABLE (\n${sql.text}\n)`;
  const chunks: Buffer[] = [];
  try {
    const answer = await connection.read({
      sql: { text, params: sql.params },
      format: "TabSeparated",
      limits: DESCRIBE_LIMITS,
      fenced,
    });
    for (let chunk = await answer.next(); chunk !== undefined; chunk = await answer.next())
      chunks.push(chunk);
  } catch (error) {
    throw (fenced ? fencedError : queryError)(error, DESCRIBE_LIMITS);
  }
  return tsvRows(Buffer.concat(chunks).toString()).map(([name = "", type = ""]) => resultColumn(name, type));
}

/** Turns the engine's bytes into whole rows of the asked format. */
interface Rows {
  push(chunk: Buffer): Buffer | undefined;
  counts(): Omit<QueryStatistics, "elapsed">;
  columns(): readonly ResultColumn[];
}

/** An iterator that can be left before its first step, which a generator wouldn't notice. */
class RowChunks implements AsyncIterableIterator<Uint8Array, undefined> {
  readonly #answer: ReadAnswer;
  readonly #rows: Rows;
  readonly #limits: QueryLimits;
  readonly #failure: typeof queryError;
  #first: IteratorResult<Uint8Array, undefined> | undefined;
  #bytes = 0;

  constructor(answer: ReadAnswer, rows: Rows, limits: QueryLimits, failure: typeof queryError) {
    this.#failure = failure;
    this.#answer = answer;
    this.#rows = rows;
    this.#limits = limits;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Waits for the first rows: an error before them is one that can still be answered properly. */
  async begin(): Promise<void> {
    this.#first = await this.next();
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    const first = this.#first;
    this.#first = undefined;
    if (first !== undefined) return first;
    try {
      for (let chunk = await this.#answer.next(); chunk !== undefined; chunk = await this.#answer.next()) {
        const rows = this.#rows.push(chunk);
        if (rows === undefined || rows.length === 0) continue;
        this.#count(rows.length);
        return { done: false, value: rows };
      }
      return { done: true, value: undefined };
    } catch (error) {
      this.#answer.leave();
      throw this.#failure(error, this.#limits);
    }
  }

  async return(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.#first = undefined;
    this.#answer.leave();
    return { done: true, value: undefined };
  }

  #count(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes <= this.#limits.bytes) return;
    throw new HeadraceError("query_too_large", `The answer has more than ${this.#limits.bytes} bytes`);
  }
}

/** The header line isn't a row, and CSV has no place for what was read. */
function csvRows(): Rows {
  const cutter = csvCutter();
  return {
    push: (chunk) => cutter.push(chunk),
    columns: () => [],
    counts: () => ({ rows: Math.max(0, cutter.lines - 1), rowsRead: 0, bytesRead: 0 }),
  };
}

/** Parquet and Arrow: one document, whose bytes are passed on as they come and hold no rows that could be counted. */
function binaryRows(): Rows {
  return {
    push: (chunk) => chunk,
    columns: () => [],
    counts: () => ({ rows: 0, rowsRead: 0, bytesRead: 0 }),
  };
}

function jsonRows(): Rows {
  const cutter = lineCutter();
  const json = new JsonRows();
  let before = 0;
  return {
    push(chunk) {
      const lines = cutter.push(chunk);
      if (lines === undefined) return undefined;
      const count = cutter.lines - before;
      before = cutter.lines;
      return json.write(lines, count);
    },
    columns: () => json.columns.map(({ name, type }) => resultColumn(name, type)),
    counts: () => ({ rows: json.rows, rowsRead: json.rowsRead, bytesRead: json.bytesRead }),
  };
}
