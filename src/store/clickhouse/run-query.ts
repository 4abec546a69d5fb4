import { HeadraceError } from "../../errors.ts";
import type { BoundSql } from "../../project/sql.ts";
import { GIB, MIB, SECOND } from "../../units.ts";
import type { QueryLimits, QueryResult, ResultColumn, StoreQuery } from "../store.ts";
import type { ClickHouseConnection, ReadAnswer } from "./connection.ts";
import { queryError } from "./engine-errors.ts";
import { JsonRowWriter } from "./json-integers.ts";
import { jsonShape } from "./json-shape.ts";
import { resultColumn } from "./result-columns.ts";
import { csvCutter, lineCutter, type RowCutter } from "./row-cutter.ts";
import { singleSelect } from "./single-select.ts";
import { tsvRows } from "./stored-ids.ts";

/** What finding out the types may cost: the engine runs scalar subqueries for it. */
const DESCRIBE_LIMITS: QueryLimits = { time: 10 * SECOND, memory: GIB, rows: 100_000, bytes: 16 * MIB };

/** Runs one SELECT. Resolves when the first row is there, or the end. */
export async function runQuery(connection: ClickHouseConnection, query: StoreQuery): Promise<QueryResult> {
  const { limits, signal } = query;
  const sql = { text: singleSelect(query.sql.text), params: query.sql.params };
  const format = query.format === "csv" ? "CSVWithNames" : "JSONCompactEachRowWithNamesAndTypes";
  let answer: ReadAnswer;
  try {
    answer = await connection.read({ sql, format, limits, ...(signal === undefined ? {} : { signal }) });
  } catch (error) {
    throw queryError(error, limits);
  }
  const rows = query.format === "csv" ? csvRows() : jsonRows();
  return new RunningQuery(answer, rows, limits);
}

/** The columns that a SELECT would give. */
export async function describeQuery(
  connection: ClickHouseConnection,
  sql: BoundSql,
): Promise<readonly ResultColumn[]> {
  const text = `DESCRIBE TABLE (\n${singleSelect(sql.text)}\n)`;
  const chunks: Buffer[] = [];
  try {
    const answer = await connection.read({
      sql: { text, params: sql.params },
      format: "TabSeparated",
      limits: DESCRIBE_LIMITS,
    });
    for (let chunk = await answer.next(); chunk !== undefined; chunk = await answer.next())
      chunks.push(chunk);
  } catch (error) {
    throw queryError(error, DESCRIBE_LIMITS);
  }
  return tsvRows(Buffer.concat(chunks).toString()).map(([name = "", type = ""]) => resultColumn(name, type));
}

/** Turns the engine's bytes into whole rows of the asked format. */
interface Rows {
  push(chunk: Buffer): Buffer | undefined;
  count(): number;
  columns(): readonly ResultColumn[];
}

/** Its iterator can be left before the first step, which a generator wouldn't notice. */
class RunningQuery implements QueryResult, AsyncIterableIterator<Uint8Array, undefined> {
  readonly #answer: ReadAnswer;
  readonly #rows: Rows;
  readonly #limits: QueryLimits;
  #bytes = 0;

  constructor(answer: ReadAnswer, rows: Rows, limits: QueryLimits) {
    this.#answer = answer;
    this.#rows = rows;
    this.#limits = limits;
  }

  get chunks(): AsyncIterable<Uint8Array> {
    return this;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  columns(): readonly ResultColumn[] {
    return this.#rows.columns();
  }

  statistics(): ReturnType<QueryResult["statistics"]> {
    const { elapsed, rowsRead, bytesRead } = this.#answer.summary();
    return { elapsed, rowsRead, bytesRead, rows: this.#rows.count() };
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
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
      throw queryError(error, this.#limits);
    }
  }

  async return(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.#answer.leave();
    return { done: true, value: undefined };
  }

  #count(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes <= this.#limits.bytes) return;
    throw new HeadraceError("query_too_large", `The answer has more than ${this.#limits.bytes} bytes`);
  }
}

/** The header line isn't a row. */
function csvRows(): Rows {
  const cutter = csvCutter();
  return {
    push: (chunk) => cutter.push(chunk),
    count: () => Math.max(0, cutter.rows - 1),
    columns: () => [],
  };
}

/** The first two lines are the names and the types of the columns. */
function jsonRows(): Rows {
  const cutter = lineCutter();
  const header: string[][] = [];
  let writer: JsonRowWriter | undefined;
  let written = 0;
  return {
    push(chunk) {
      let lines = cutter.push(chunk);
      while (lines !== undefined && header.length < 2) {
        const end = lines.indexOf("\n") + 1;
        if (end === 0) return undefined;
        header.push(JSON.parse(lines.toString("utf8", 0, end)) as string[]);
        lines = lines.subarray(end);
      }
      if (lines === undefined || lines.length === 0) return undefined;
      writer ??= rowWriter(header);
      const count = rowsOf(cutter) - written;
      written += count;
      return writer.write(lines, count);
    },
    count: () => rowsOf(cutter),
    columns: () => {
      const [names = [], types = []] = header;
      return names.map((name, index) => resultColumn(name, types[index] ?? ""));
    },
  };
}

function rowsOf(cutter: RowCutter): number {
  return Math.max(0, cutter.rows - 2);
}

function rowWriter([names = [], types = []]: readonly (readonly string[])[]): JsonRowWriter {
  return new JsonRowWriter(names.map((name, index) => ({ name, shape: jsonShape(types[index] ?? "") })));
}
