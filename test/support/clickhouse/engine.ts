import { randomUUID } from "node:crypto";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { EngineSession } from "../../../src/store/clickhouse/embedded/engine-session.ts";
import { loadChdb, type Chdb } from "../../../src/store/clickhouse/embedded/load-chdb.ts";
import { ResultPipe } from "../../../src/store/clickhouse/embedded/result-pipe.ts";
import { serverSettings, settingArguments } from "../../../src/store/clickhouse/engine-settings.ts";
import { ClickHouseError } from "../../../src/store/clickhouse/clickhouse-error.ts";
import { quoteText } from "../../../src/store/clickhouse/quote.ts";

const MEMORY = 4 * 1024 ** 3;
const WRITTEN = "SELECT sum(value) FROM system.events WHERE event = 'InsertedRows'";
/** The engine gives its queries ids of its own: ours stands in the text. */
const ID_OF_QUERY = String.raw`extract(query, '/\\* qid:(.*?) \\*/')`;

/** One statement as it came over HTTP. */
export interface Statement {
  readonly sql: string;
  readonly id: string;
  readonly format: string;
  readonly database: string | undefined;
  readonly settings: Readonly<Record<string, string>>;
  /** Names with `param_`, and the text of a field of a tab-separated file. */
  readonly params: Readonly<Record<string, string>>;
  /** What an INSERT reads. */
  readonly data: Buffer;
}

/** chDB, with a session for each statement. */
export class Engine {
  readonly #chdb: Chdb;
  readonly #folder: string;
  readonly #keeper: EngineSession;
  readonly #settings: ReadonlySet<string>;
  #inserts: Promise<unknown> = Promise.resolve();

  private constructor(chdb: Chdb, folder: string, keeper: EngineSession, settings: ReadonlySet<string>) {
    this.#chdb = chdb;
    this.#folder = folder;
    this.#keeper = keeper;
    this.#settings = settings;
  }

  static async open(folder: string): Promise<Engine> {
    const chdb = await loadChdb();
    await rm(join(folder, "tmp"), { recursive: true, force: true });
    await mkdir(join(folder, "tmp"), { recursive: true });
    const path = join(folder, "engine");
    const keeper = new EngineSession(
      new chdb.Session(path, { connectionArgs: settingArguments(serverSettings(MEMORY)) }),
    );
    const names = (await keeper.run("SELECT name FROM system.settings")).bytes.toString().split("\n");
    return new Engine(chdb, folder, keeper, new Set(names));
  }

  get temp(): string {
    return join(this.#folder, "tmp");
  }

  /** Runs a statement and gives its whole answer. */
  async run(statement: Statement): Promise<Buffer> {
    const session = await this.#open(statement);
    try {
      return (await session.run(marked(statement, byOurIds(statement.sql)), statement.format)).bytes;
    } finally {
      await session.close();
    }
  }

  /** Runs an INSERT and gives the rows that it wrote. The engine counts them for all, so one runs at a time. */
  insert(statement: Statement, isKilled: () => boolean): Promise<number> {
    const written = this.#inserts.then(() => {
      if (isKilled()) throw new ClickHouseError("Code: 394. DB::Exception: Query was cancelled.", 394);
      return this.#insert(statement);
    });
    this.#inserts = written.catch(() => undefined);
    return written;
  }

  /** Begins a query whose answer comes in pieces. */
  async stream(
    statement: Statement,
  ): Promise<{ next(): Promise<Buffer | undefined>; leave(): Promise<void> }> {
    const session = await this.#open(statement);
    const pipe = await ResultPipe.create(join(this.temp, randomUUID()));
    const { sql, format } = withoutFormat(statement);
    const text = `${byOurIds(sql)}\nINTO OUTFILE ${quoteText(pipe.path)} TRUNCATE FORMAT ${format}`;
    const call = session.run(marked(statement, text));
    const reading = pipe.begin(call);
    const ended = outcome(call, session);
    const closed = ended.then(() => pipe.close());
    return {
      next: async () => {
        const chunk = await reading.next();
        if (chunk !== undefined) return chunk;
        const error = await ended;
        if (error !== undefined) throw withoutPipe(error);
        return undefined;
      },
      leave: async () => {
        reading.cancel();
        await this.kill(statement.id);
        await closed;
      },
    };
  }

  async kill(id: string): Promise<void> {
    await this.#keeper.run(`KILL QUERY WHERE ${ID_OF_QUERY} = ${quoteText(id)} ASYNC`);
  }

  async #open({ settings, database, params }: Statement): Promise<EngineSession> {
    const unknown = Object.keys(settings).find((name) => !this.#settings.has(name));
    if (unknown !== undefined) {
      throw new ClickHouseError(
        `Code: 115. DB::Exception: Unknown setting '${unknown}'. (UNKNOWN_SETTING)`,
        115,
      );
    }
    const session = new EngineSession(
      new this.#chdb.Session(join(this.#folder, "engine"), { connectionArgs: settingArguments(settings) }),
    );
    try {
      if (database !== undefined) await session.run(`USE \`${database}\``);
      const set = Object.entries(params).map(([name, text]) => `${name}=${quoteText(text)}`);
      if (set.length > 0) await session.run(`SET ${set.join(", ")}`);
      return session;
    } catch (error) {
      await session.close();
      throw error;
    }
  }

  async #insert(statement: Statement): Promise<number> {
    const path = join(this.temp, randomUUID());
    await writeFile(path, statement.data);
    const session = await this.#open(statement);
    try {
      const sql = fromFile(statement.sql, path);
      const { bytes } = await session.run(`${WRITTEN}; ${marked(statement, sql)}; ${WRITTEN}`);
      const [before, after] = bytes.toString().split("\n").map(Number);
      return (after ?? 0) - (before ?? 0);
    } finally {
      await session.close();
      await rm(path, { force: true });
    }
  }
}

/** What it failed with, once its session is closed. */
async function outcome(call: Promise<unknown>, session: EngineSession): Promise<unknown> {
  try {
    await call;
    return undefined;
  } catch (error) {
    return error;
  } finally {
    await session.close();
  }
}

const marked = ({ id }: Statement, sql: string): string => `/* qid:${id} */ ${sql}`;

const byOurIds = (sql: string): string =>
  /\b(?:KILL QUERY|system\.processes)\b/.test(sql) ? sql.replaceAll(/\bquery_id\b/g, ID_OF_QUERY) : sql;

/** The data stands behind the statement over HTTP, and in a file here. */
function fromFile(sql: string, path: string): string {
  const [, statement, format] = /^(.*)\sFORMAT (\w+)$/s.exec(sql) ?? [];
  if (statement === undefined || format === undefined) return sql;
  return statement.replace(
    /\binput\(('(?:[^'\\]|\\.)*')\)$/s,
    (_, structure: string) => `file(${quoteText(path)}, '${format}', ${structure})`,
  );
}

function withoutFormat({ sql, format }: Statement): { readonly sql: string; readonly format: string } {
  const [, text, own] = /^(.*)\sFORMAT\s+(\w+)\s*$/s.exec(sql) ?? [];
  return text === undefined || own === undefined ? { sql, format } : { sql: text, format: own };
}

function withoutPipe(error: unknown): unknown {
  if (!(error instanceof ClickHouseError)) return error;
  const message = error.message.replaceAll(/INTO\s+OUTFILE '[^']*' TRUNCATE\s*/g, "");
  return new ClickHouseError(message, error.code, error);
}
