import { HeadraceError, messageOf } from "../../../errors.ts";
import type { BoundSql } from "../../../project/sql.ts";
import { KIB, MIB, SECOND } from "../../../units.ts";
import type { QueryFence, QueryLimits, StoreQuery } from "../../store.ts";
import { ClickHouseError } from "../clickhouse-error.ts";
import type { ClickHouseConnection } from "../connection.ts";
import { fencedError, queryError } from "../engine-errors.ts";
import { checkStatement } from "./check-statement.ts";
import { checkTree } from "./check-tree.ts";
import { openFunctions, type KnownFunctions } from "./functions.ts";
import { parseTree } from "./query-tree.ts";
import { withStandIns, type Exchanged } from "./stand-ins.ts";

/** The longest text that is looked at. Bytes. */
export const FENCED_SQL_MAX = 64 * KIB;
/** What looking at it may cost; nothing of it runs for that. */
const LOOK_LIMITS: QueryLimits = { time: 5 * SECOND, memory: 256 * MIB, rows: 500_000, bytes: 64 * MIB };

const SYNTAX_ERROR = 62;

/**
 * Lets SQL from outside through that is one SELECT over the given tables and uses nothing but what is known to be
 * harmless; whatever isn't known is refused. Nothing of the text runs before all of it was looked at:
 *
 * 1. `formatQuery` parses the text, which it gets as a value, and writes it anew: without comments, with one way of
 *    quoting. A text that is read differently here than there can't exist from then on.
 *    Where other names may stand for what there is, they are exchanged in it, and it is written anew once more.
 * 2. What the new text's words tell is checked: one SELECT, no clause that writes or sets.
 * 3. `EXPLAIN QUERY TREE run_passes = 0` shows what the engine makes of it before anything is resolved or computed. The text stands in
 *    parentheses there, where a SELECT and nothing else can stand. Every node, function, table and name is held against a list.
 *
 * The text that is given back is the one that was checked, and so the only one that may run. It runs in a session that is
 * read-only and has its limits from the start, which no text can change.
 */
export class Fence {
  readonly #connection: ClickHouseConnection;
  /** Asked once: functions come and go with the engine alone. */
  #functions: Promise<KnownFunctions> | undefined;

  constructor(connection: ClickHouseConnection) {
    this.#connection = connection;
  }

  /**
   * The text to run in place of the query's own.
   * @throws HeadraceError `sql_refused`, `sql_invalid`, `unknown_stream`
   */
  async admit(query: Pick<StoreQuery, "sql" | "signal">, fence: QueryFence): Promise<BoundSql> {
    if (Buffer.byteLength(query.sql.text) > FENCED_SQL_MAX) {
      throw new HeadraceError("sql_refused", `The SQL is longer than ${FENCED_SQL_MAX / KIB} KiB`);
    }
    const look = new Look(this.#connection, query.signal);
    const { sql, columns } = await look.written(query.sql, fence);
    const { text, params } = sql;
    checkStatement(text);
    const tree = parseTree(await look.tree({ text, params }));
    const reserved = await namesInStore(this.#connection);
    checkTree(tree, { fence, functions: await this.#known(), reserved, columns });
    return { text, params };
  }

  #known(): Promise<KnownFunctions> {
    const known = this.#functions ?? openFunctions(this.#connection);
    this.#functions = known;
    known.catch(() => (this.#functions = undefined));
    return known;
  }
}

/** The two questions about a text. */
class Look {
  readonly #connection: ClickHouseConnection;
  readonly #signal: AbortSignal | undefined;

  constructor(connection: ClickHouseConnection, signal: AbortSignal | undefined) {
    this.#connection = connection;
    this.#signal = signal;
  }

  /** The text as the engine writes it; with stand-ins in it, written anew again, so that what is looked at is always its own. */
  async written(sql: BoundSql, { standIns, tables }: QueryFence): Promise<Exchanged> {
    const own = { text: await this.formatted(sql.text), params: sql.params };
    if (standIns === undefined) return { sql: own, columns: [] };
    const names = tables.map(({ name }) => name);
    const { sql: other, columns } = withStandIns(own, standIns, names);
    if (other.text === own.text) return { sql: own, columns };
    return { sql: { text: await this.formatted(other.text), params: other.params }, columns };
  }

  async formatted(text: string): Promise<string> {
    const params = { headrace_text: { type: "String", value: text } };
    const sql = { text: "SELECT formatQuery({headrace_text:String}) AS line", params };
    try {
      const [line = ""] = await this.#ask(sql);
      return line;
    } catch (error) {
      if (!isSyntaxError(error) || !messageOf(error).includes("Multi-statements")) throw error;
      throw new HeadraceError("sql_refused", "There are several statements; the SQL must be one SELECT", {
        cause: error,
      });
    }
  }

  async tree(sql: BoundSql): Promise<readonly string[]> {
    const text = `EXPLAIN QUERY TREE run_passes = 0 SELECT * FROM (\n${sql.text}\n)`;
    try {
      return await this.#ask({ text, params: sql.params });
    } catch (error) {
      if (!isSyntaxError(error)) throw error;
      throw new HeadraceError("sql_refused", "The SQL must be one SELECT and nothing else", { cause: error });
    }
  }

  async #ask(sql: BoundSql): Promise<readonly string[]> {
    try {
      const answer = await this.#connection.read({
        sql,
        format: "JSONEachRow",
        limits: LOOK_LIMITS,
        fenced: true,
        ...(this.#signal === undefined ? {} : { signal: this.#signal }),
      });
      const chunks: Buffer[] = [];
      for (let chunk = await answer.next(); chunk !== undefined; chunk = await answer.next())
        chunks.push(chunk);
      return valuesOf(Buffer.concat(chunks).toString());
    } catch (error) {
      throw fencedError(error, LOOK_LIMITS);
    }
  }
}

/** The only value of each row. */
function valuesOf(rows: string): string[] {
  return rows
    .split("\n")
    .filter((row) => row !== "")
    .map((row) => Object.values(JSON.parse(row) as Readonly<Record<string, string>>)[0] ?? "");
}

function isSyntaxError(error: unknown): boolean {
  const cause = error instanceof HeadraceError ? error.cause : error;
  return cause instanceof ClickHouseError && cause.code === SYNTAX_ERROR;
}

/** Names of all tables and databases there are, whether declared or not. */
async function namesInStore(connection: ClickHouseConnection): Promise<ReadonlySet<string>> {
  const sql =
    "SELECT name FROM system.databases UNION ALL " +
    `SELECT name FROM system.tables WHERE database = currentDatabase()`;
  try {
    const rows = await connection.run(sql, "JSONEachRow");
    return new Set(valuesOf(rows.toString()));
  } catch (error) {
    throw queryError(error, LOOK_LIMITS);
  }
}
