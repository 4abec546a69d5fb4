import { randomUUID } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { HeadraceError, messageOf } from "../../../errors.ts";
import { SECOND } from "../../../units.ts";
import { ClickHouseError } from "../clickhouse-error.ts";
import type {
  AnswerFormat,
  ClickHouseConnection,
  InsertStatement,
  ReadAnswer,
  ReadRequest,
} from "../connection.ts";
import { createDatabase, DATABASE } from "../ddl.ts";
import {
  fenceSettings,
  INSERT_SETTINGS,
  limitSettings,
  READ_SETTINGS,
  serverSettings,
  SESSION_SETTINGS,
  settingArguments,
} from "../engine-settings.ts";
import { quoteText } from "../quote.ts";
import { cancelled } from "../waiting-line.ts";
import { within } from "../within.ts";
import { EngineSession, engineError } from "./engine-session.ts";
import { loadChdb, type Chdb } from "./load-chdb.ts";
import { ReaderPool, type Reader } from "./reader-pool.ts";
import { ResultPipe } from "./result-pipe.ts";
import { RunningRead, STUCK_AFTER } from "./running-read.ts";
import { TempFiles } from "./temp-files.ts";

/** How long `close` lets queries go on before it stops them: whoever asked has gone by then. Milliseconds. */
const CLOSE_GRACE = SECOND;
/**
 * How long it then waits for them to stop. The engine looks for that between blocks only, and one that computes a single huge
 * value has none; nothing that a query does has to be finished. Milliseconds.
 */
const STOP_WAIT = SECOND;

export interface EmbeddedOptions {
  /** The store's part of the data folder; one process at a time. */
  readonly folder: string;
  /** For what the engine reads of an insert. Default: memory (/dev/shm) where there is room, else in `folder`. */
  readonly tempFolder?: string;
  /** Queries that run at once. */
  readonly readers: number;
  /** Bytes that the engine may use in all. */
  readonly memory: number;
  /** Milliseconds after which a query that was told to stop gets a stand-in for its session. Default 5 s. */
  readonly stuckAfter?: number;
}

/** ClickHouse in this process, by chDB: the only file that opens it. One for each process, by the engine's nature. */
export class EmbeddedConnection implements ClickHouseConnection {
  /** Our own statements. */
  readonly #own: EngineSession;
  /** Only KILL, which must never wait. */
  readonly #killer: EngineSession;
  readonly #writers: Writers;
  readonly #readers: ReaderPool;
  readonly #temp: TempFiles;
  /** All of the above, to be closed. */
  readonly #opened: AsyncDisposableStack;
  readonly #openSession: OpenSession;
  readonly #stuckAfter: number;
  /** What runs, and when its reader is free again. */
  readonly #reads = new Map<RunningRead, Promise<void>>();
  #inserts: Promise<unknown> = Promise.resolve();
  #marks = 0;

  private constructor(parts: Parts, opened: AsyncDisposableStack, stuckAfter: number) {
    this.#openSession = parts.open;
    this.#own = parts.own;
    this.#killer = parts.killer;
    this.#writers = parts.writers;
    this.#readers = parts.readers;
    this.#temp = parts.temp;
    this.#opened = opened;
    this.#stuckAfter = stuckAfter;
  }

  /**
   * @throws HeadraceError `config_invalid` where the engine can't run, `data_folder_unusable` when it can't write there,
   * `store_failed` when it can't open what is there.
   */
  static async open(options: EmbeddedOptions): Promise<EmbeddedConnection> {
    const chdb = await loadChdb();
    const folder = resolve(options.folder);
    // What is opened first is closed last, and all of it when something fails on the way.
    await using opened = new AsyncDisposableStack();
    const temp = await openFolder(folder, options.tempFolder);
    opened.defer(() => temp.close());
    opened.defer(() => chdb.drainPending());
    const path = join(folder, "engine");
    try {
      const parts = await openParts(options, temp, opened, (settings) => openSession(chdb, path, settings));
      return new EmbeddedConnection(parts, opened.move(), options.stuckAfter ?? STUCK_AFTER);
    } catch (error) {
      if (!(error instanceof ClickHouseError)) throw error;
      throw new HeadraceError("store_failed", `The embedded store can't open ${path}: ${error.message}`, {
        cause: error,
      });
    }
  }

  async run(sql: string, format: AnswerFormat): Promise<Buffer> {
    return (await this.#own.run(sql, format)).bytes;
  }

  insert(...statements: readonly InsertStatement[]): Promise<number> {
    const written = this.#inserts.then(() => this.#insert(statements));
    this.#inserts = written.catch(() => undefined);
    return written;
  }

  async read(request: ReadRequest): Promise<ReadAnswer> {
    const reader = await this.#readers.acquire(request.signal);
    const mark = `headrace-${++this.#marks}`;
    let session: EngineSession;
    try {
      session = request.fenced === true ? await this.#openFenced(request) : reader.session;
    } catch (error) {
      await this.#readers.release(reader);
      throw error;
    }
    const read = new RunningRead({ session, pipe: reader.pipe }, request, mark, {
      kill: (killed) => this.#kill(killed),
      stuckAfter: this.#stuckAfter,
      stuck: () => void this.#readers.replace(reader),
    });
    this.#reads.set(read, this.#release(read, reader, session));
    if (request.signal?.aborted === true) read.stop(cancelled());
    return read;
  }

  async close(): Promise<void> {
    await this.#readers.close();
    const released = Promise.all(this.#reads.values());
    await within(CLOSE_GRACE, released);
    for (const read of this.#reads.keys()) read.stop(new HeadraceError("draining", "The store is closing"));
    await within(STOP_WAIT, released);
    await this.#inserts;
    const disposed = released.then(() => this.#opened.disposeAsync());
    // Neither a session nor the engine can be closed under a query: they end after it, or with the process.
    if (this.#reads.size === 0) await disposed;
    else disposed.catch(() => undefined);
  }

  /** A session for one query: its limits are given when it is opened, and nothing can change them. Takes 1 ms. */
  async #openFenced(request: ReadRequest): Promise<EngineSession> {
    const session = this.#openSession({
      ...fenceSettings(request.settings),
      ...limitSettings(request.limits),
    });
    await session.run(`USE ${DATABASE}`);
    return session;
  }

  async #release(read: RunningRead, reader: Reader, session: EngineSession): Promise<void> {
    await read.ended;
    if (session !== reader.session) await session.close();
    await this.#readers.release(reader);
    this.#reads.delete(read);
  }

  async #insert(inserts: readonly InsertStatement[]): Promise<number> {
    await using files = new AsyncDisposableStack();
    try {
      const statements: string[] = [];
      for (const insert of inserts) statements.push(await this.#statement(insert, files));
      // The engine doesn't say how many rows an INSERT … SELECT wrote, but counts them, and nothing else writes meanwhile.
      const before = await this.#written();
      const [first, second] = this.#writers;
      const runs = statements.map(async (statement, index) =>
        (index % 2 === 0 ? first : second).run(statement),
      );
      await Promise.allSettled(runs);
      await Promise.all(runs);
      return (await this.#written()) - before;
    } catch (error) {
      throw error instanceof ClickHouseError
        ? error
        : new ClickHouseError(messageOf(error), undefined, error);
    }
  }

  /** Puts what it reads in files, which go with `files`. */
  async #statement(insert: InsertStatement, files: AsyncDisposableStack): Promise<string> {
    const tables = new Map<string, string>();
    for (const [name, { bytes, format, structure }] of Object.entries(insert.inputs)) {
      const path = await this.#temp.write(bytes);
      files.defer(() => this.#temp.remove(path));
      tables.set(name, `file(${[path, format, structure].map(quoteText).join(", ")})`);
    }
    return insert.sql((name) => {
      const table = tables.get(name);
      if (table === undefined) throw new RangeError(`there is no input ${name}`);
      return table;
    });
  }

  /** Rows that were inserted since the engine started. */
  async #written(): Promise<number> {
    return Number((await this.#writers[0].run(WRITTEN)).bytes.toString());
  }

  async #kill(mark: string): Promise<void> {
    try {
      // The statement itself must not hold what it looks for.
      const found = `position(query, concat('/* ', ${quoteText(mark)}, ' */')) > 0`;
      await this.#killer.run(`KILL QUERY WHERE ${found} ASYNC`);
    } catch {
      // It is tried again until the query has ended.
    }
  }
}

/** For a batch's rows and its ids. */
type Writers = readonly [EngineSession, EngineSession];

const WRITTEN = "SELECT sum(value) FROM system.events WHERE event = 'InsertedRows'";

type Settings = Readonly<Record<string, string | number>>;
type OpenSession = (settings: Settings) => EngineSession;

interface Parts {
  readonly open: OpenSession;
  readonly own: EngineSession;
  readonly killer: EngineSession;
  readonly writers: Writers;
  readonly readers: ReaderPool;
  readonly temp: TempFiles;
}

async function openFolder(folder: string, tempFolder: string | undefined): Promise<TempFiles> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    return await TempFiles.open(folder, tempFolder);
  } catch (error) {
    throw new HeadraceError(
      "data_folder_unusable",
      `The store can't write to ${folder}: ${messageOf(error)}`,
      { cause: error },
    );
  }
}

function openSession(chdb: Chdb, path: string, settings: Settings): EngineSession {
  try {
    return new EngineSession(new chdb.Session(path, { connectionArgs: settingArguments(settings) }));
  } catch (error) {
    throw engineError(error);
  }
}

async function openParts(
  options: EmbeddedOptions,
  temp: TempFiles,
  opened: AsyncDisposableStack,
  open: OpenSession,
): Promise<Parts> {
  const openOne = async (settings: Settings, database?: string): Promise<EngineSession> => {
    const one = open(settings);
    opened.defer(() => one.close());
    if (database !== undefined) await one.run(`USE ${database}`);
    return one;
  };
  // The first session starts the engine.
  const own = await openOne({ ...SESSION_SETTINGS, ...serverSettings(options.memory) });
  await own.run(createDatabase());
  await own.run(`USE ${DATABASE}`);
  const killer = await openOne(SESSION_SETTINGS);
  const writers: Writers = [
    await openOne(INSERT_SETTINGS, DATABASE),
    await openOne(INSERT_SETTINGS, DATABASE),
  ];
  const readers = await ReaderPool.create(options.readers, () => openReader(temp, open));
  return { open, own, killer, writers, readers, temp };
}

async function openReader(temp: TempFiles, open: OpenSession): Promise<Reader> {
  const one = open({ readonly: 2, ...READ_SETTINGS });
  try {
    await one.run(`USE ${DATABASE}`);
    return { session: one, pipe: await openPipe(temp) };
  } catch (error) {
    await one.close();
    throw error;
  }
}

/** In the data folder, since what is in /dev/shm may be removed when its user logs out; there where the disk knows no pipes. */
async function openPipe(temp: TempFiles): Promise<ResultPipe> {
  const name = randomUUID();
  try {
    return await ResultPipe.create(join(temp.diskFolder, name));
  } catch {
    return ResultPipe.create(join(temp.folder, name));
  }
}
