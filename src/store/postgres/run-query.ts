import { HeadraceError } from "../../errors.ts";
import type { BoundSql } from "../../project/sql.ts";
import { GIB, MIB, SECOND } from "../../units.ts";
import type { QueryLimits, QueryResult, ResultColumn, StoreQuery } from "../store.ts";
import { Answer } from "./answer.ts";
import { serverSql, type ServerSql } from "./bound-params.ts";
import { fencedError, isAway, queryError, timedOut } from "./engine-errors.ts";
import { backendOf } from "./loaded.ts";
import { breakOff, release, wireOf, type Connection } from "./connection.ts";
import type { PostgresPool } from "./pool.ts";
import { Describe, RowStream, type Field } from "./protocol.ts";
import type { ResultTypes } from "./result-types.ts";
import { singleSelect } from "./single-select.ts";

const DESCRIBE_LIMITS: QueryLimits = { time: 10 * SECOND, memory: GIB, rows: 100_000, bytes: 16 * MIB };
/** The server's own limit is a little later than ours, which can also end what waits for its reader. Milliseconds. */
const SERVER_DELAY = 250;

export interface Reading {
  /** Connections that can't write. */
  readonly pool: PostgresPool;
  readonly types: ResultTypes;
}

/** Runs one SELECT in a transaction that can't write and that leaves nothing behind. Resolves when the first rows are there, or the end. */
export async function runQuery(reading: Reading, query: StoreQuery): Promise<QueryResult> {
  const { limits, signal, format } = query;
  if (format !== "ndjson" && format !== "csv") {
    throw new HeadraceError(
      "not_acceptable",
      `A store on PostgreSQL gives no ${format}; ask for json, ndjson or csv`,
    );
  }
  const fenced = query.fence !== undefined;
  const failure = fenced ? fencedError : queryError;
  const sql = prepared(query.sql, fenced);
  if (signal?.aborted === true) throw cancelled();
  const run = new Run(reading, limits, (error) => failure(error, limits, sql));
  const abort = (): void => run.answer?.fail(cancelled());
  signal?.addEventListener("abort", abort, { once: true });
  try {
    const answer = await run.start(sql, format, signal);
    await answer.begin();
    return {
      chunks: answer,
      columns: () => (format === "csv" ? [] : answer.columns()),
      statistics: () => answer.statistics(),
    };
  } catch (error) {
    signal?.removeEventListener("abort", abort);
    throw failure(error, limits, sql);
  }
}

function cancelled(): HeadraceError {
  return new HeadraceError("query_cancelled", "The query was cancelled");
}

/** One query on a connection of its own, until its answer was read or left. */
class Run {
  answer: Answer | undefined;
  readonly #reading: Reading;
  readonly #limits: QueryLimits;
  readonly #failure: (error: unknown) => HeadraceError;

  constructor(reading: Reading, limits: QueryLimits, failure: (error: unknown) => HeadraceError) {
    this.#reading = reading;
    this.#limits = limits;
    this.#failure = failure;
  }

  async start(sql: ServerSql, format: "ndjson" | "csv", signal: AbortSignal | undefined): Promise<Answer> {
    const { pool, types } = this.#reading;
    const connection = await pool.acquire();
    try {
      await connection.query(
        `BEGIN READ ONLY; SET LOCAL statement_timeout TO ${Math.ceil(this.#limits.time) + SERVER_DELAY}`,
      );
      await learnTypes(connection, types, sql);
      if (signal?.aborted === true) throw cancelled();
    } catch (error) {
      release(connection, !isAway(error) && (await rolledBack(connection)));
      throw error;
    }
    const { stream } = wireOf(connection);
    const timer = setTimeout(() => answer.fail(timedOut(this.#limits)), this.#limits.time);
    const answer: Answer = new Answer(format, this.#limits, {
      pause: () => stream.pause(),
      resume: () => stream.resume(),
      columns: (fields) => types.columns(fields),
      failure: this.#failure,
      over: (how) => {
        clearTimeout(timer);
        if (how === "whole") void rolledBack(connection).then((done) => release(connection, done));
        else void this.#end(connection).finally(() => release(connection, false));
      },
    });
    this.answer = answer;
    connection.query(new RowStream(sql.serverText, sql.values, answer));
    return answer;
  }

  /** The server is told to stop; its connection isn't used again. */
  async #end(connection: Connection): Promise<void> {
    const backend = backendOf(connection);
    breakOff(connection);
    await this.#reading.pool.terminate(backend);
  }
}

/** Nothing that a query set outlives it: what it set is gone with its transaction. */
async function rolledBack(connection: Connection): Promise<boolean> {
  try {
    await connection.query("ROLLBACK");
    return true;
  } catch {
    return false;
  }
}

/** The server tells types by numbers: what they are is asked before the rows come, once for each text. */
async function learnTypes(connection: Connection, types: ResultTypes, sql: ServerSql): Promise<void> {
  if (!types.knowsText(sql.serverText)) await describeFields(connection, types, sql);
}

/** The fields of a SELECT, whose types are known afterwards. */
async function describeFields(
  connection: Connection,
  types: ResultTypes,
  { serverText }: ServerSql,
): Promise<readonly Field[]> {
  const describe = new Describe(serverText);
  connection.query(describe);
  const fields = await describe.done;
  if (fields === undefined) {
    throw new HeadraceError("query_failed", "The SQL isn't a SELECT: it gives no rows");
  }
  await types.learn(connection, fields, serverText);
  return fields;
}

function prepared({ text, params }: BoundSql, fenced: boolean): ServerSql {
  try {
    return serverSql({ text: singleSelect(text), params });
  } catch (error) {
    if (fenced && error instanceof HeadraceError && error.code === "query_failed") {
      throw new HeadraceError("sql_refused", error.message, { cause: error });
    }
    throw error;
  }
}

/** The columns that a SELECT would give. */
export async function describeQuery(reading: Reading, sql: BoundSql): Promise<readonly ResultColumn[]> {
  const asked = prepared(sql, false);
  const { pool, types } = reading;
  try {
    return await pool.with(async (connection) => {
      const fields = await describeFields(connection, types, asked);
      return types.columns(fields).map(({ column }) => column);
    });
  } catch (error) {
    throw queryError(error, DESCRIBE_LIMITS, asked);
  }
}
