import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
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
  INSERT_SETTINGS,
  READ_SETTINGS,
  serverSettings,
  SESSION_SETTINGS,
  settingArguments,
} from "../engine-settings.ts";
import { quoteText } from "../quote.ts";
import { EngineSession, engineError } from "./engine-session.ts";
import { loadChdb, type Chdb } from "./load-chdb.ts";
import { cancelled, ReaderPool, type Reader } from "./reader-pool.ts";
import { makePipes, ResultPipe } from "./result-pipe.ts";
import { RunningRead } from "./running-read.ts";
import { TempFiles } from "./temp-files.ts";

/** How long `close` lets queries go on before it stops them. */
const CLOSE_GRACE = 5 * SECOND;

export interface EmbeddedOptions {
  /** The store's part of the data folder; one process at a time. */
  readonly folder: string;
  /** For what the engine reads of an insert. Default: memory (/dev/shm) where there is room, else in `folder`. */
  readonly tempFolder?: string;
  /** Queries that run at once. */
  readonly readers: number;
  /** Bytes that the engine may use in all. */
  readonly memory: number;
}

/** ClickHouse in this process, by chDB: the only file that opens it. One for each process, by the engine's nature. */
export class EmbeddedConnection implements ClickHouseConnection {
  readonly #chdb: Chdb;
  readonly #temp: TempFiles;
  /** Our own statements. */
  readonly #own: EngineSession;
  /** Only KILL, which must never wait. */
  readonly #killer: EngineSession;
  readonly #writer: EngineSession;
  readonly #readers: ReaderPool;
  readonly #reads = new Set<RunningRead>();
  #inserts: Promise<unknown> = Promise.resolve();
  #marks = 0;

  private constructor(parts: Parts) {
    this.#chdb = parts.chdb;
    this.#temp = parts.temp;
    this.#own = parts.own;
    this.#killer = parts.killer;
    this.#writer = parts.writer;
    this.#readers = parts.readers;
  }

  /** @throws HeadraceError `config_invalid` where the engine can't run, `store_failed` when it can't open the folder. */
  static async open(options: EmbeddedOptions): Promise<EmbeddedConnection> {
    const chdb = await loadChdb();
    const folder = resolve(options.folder);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const temp = await TempFiles.open(folder, options.tempFolder);
    const path = join(folder, "engine");
    const session = (settings: Readonly<Record<string, string | number>>): EngineSession =>
      openSession(chdb, path, settings);
    const own = session({ ...SESSION_SETTINGS, ...serverSettings(options.memory) });
    try {
      await own.run(createDatabase());
      await own.run(`USE ${DATABASE}`);
      const writer = session(INSERT_SETTINGS);
      await writer.run(`USE ${DATABASE}`);
      const readers = await openReaders(options.readers, temp, () =>
        session({ readonly: 2, ...READ_SETTINGS }),
      );
      return new EmbeddedConnection({ chdb, temp, own, killer: session(SESSION_SETTINGS), writer, readers });
    } catch (error) {
      throw error instanceof ClickHouseError ? openFailed(path, error) : error;
    }
  }

  async run(sql: string, format: AnswerFormat): Promise<Buffer> {
    return (await this.#own.run(sql, format)).bytes;
  }

  insert(statement: InsertStatement): Promise<number> {
    const written = this.#inserts.then(() => this.#insert(statement));
    this.#inserts = written.catch(() => undefined);
    return written;
  }

  async read(request: ReadRequest): Promise<ReadAnswer> {
    const reader = await this.#readers.acquire(request.signal);
    const read = new RunningRead(reader, request, `headrace-${++this.#marks}`, {
      kill: (mark) => this.#kill(mark),
      stuck: () => void this.#readers.replace(reader),
    });
    this.#reads.add(read);
    void this.#release(read, reader);
    if (request.signal?.aborted === true) read.stop(cancelled());
    await read.begin();
    return read;
  }

  async close(): Promise<void> {
    this.#readers.close();
    const reads = [...this.#reads];
    const ended = Promise.all(reads.map((read) => read.ended));
    await Promise.race([ended, sleep(reads.length === 0 ? 0 : CLOSE_GRACE)]);
    for (const read of reads) read.stop(new HeadraceError("draining", "The store is closing"));
    await ended;
    await this.#inserts;
    for (const session of [this.#writer, this.#own, this.#killer]) session.close();
    await this.#chdb.drainPending();
    await this.#temp.close();
  }

  async #release(read: RunningRead, reader: Reader): Promise<void> {
    await read.ended;
    this.#reads.delete(read);
    this.#readers.release(reader);
  }

  async #insert(insert: InsertStatement): Promise<number> {
    const { inputs } = insert;
    const paths = new Map<string, string>();
    try {
      for (const [name, { bytes }] of Object.entries(inputs)) paths.set(name, await this.#temp.write(bytes));
      const statement = insert.sql((name) => {
        const input = inputs[name];
        const path = paths.get(name);
        if (input === undefined || path === undefined)
          throw new RangeError(`the insert has no input ${name}`);
        return `file(${[path, input.format, input.structure].map(quoteText).join(", ")})`;
      });
      // The engine doesn't say how many rows an INSERT … SELECT wrote, but counts them, and this is the only writer.
      const { bytes } = await this.#writer.run(`${WRITTEN}; ${statement}; ${WRITTEN}`);
      const [before, after] = bytes.toString().split("\n").map(Number);
      return (after ?? 0) - (before ?? 0);
    } catch (error) {
      throw error instanceof ClickHouseError
        ? error
        : new ClickHouseError(messageOf(error), undefined, error);
    } finally {
      for (const path of paths.values()) await this.#temp.remove(path);
    }
  }

  async #kill(mark: string): Promise<void> {
    try {
      await this.#killer.run(`KILL QUERY WHERE Settings['log_comment'] = ${quoteText(mark)} ASYNC`);
    } catch {
      // It is tried again until the query has ended.
    }
  }
}

const WRITTEN = "SELECT sum(value) FROM system.events WHERE event = 'InsertedRows'";

interface Parts {
  readonly chdb: Chdb;
  readonly temp: TempFiles;
  readonly own: EngineSession;
  readonly killer: EngineSession;
  readonly writer: EngineSession;
  readonly readers: ReaderPool;
}

function openSession(
  chdb: Chdb,
  path: string,
  settings: Readonly<Record<string, string | number>>,
): EngineSession {
  try {
    return new EngineSession(new chdb.Session(path, { connectionArgs: settingArguments(settings) }));
  } catch (error) {
    throw openFailed(path, engineError(error));
  }
}

function openFailed(path: string, error: ClickHouseError): HeadraceError {
  return new HeadraceError("store_failed", `The embedded store can't open ${path}: ${error.message}`, {
    cause: error,
  });
}

async function openReaders(size: number, temp: TempFiles, session: () => EngineSession): Promise<ReaderPool> {
  const pipes = Array.from({ length: ReaderPool.readersMax(size) }, (_, index) =>
    join(temp.folder, `answers-${index}`),
  );
  await makePipes(pipes);
  return ReaderPool.create(size, async (index): Promise<Reader> => {
    const path = pipes[index];
    if (path === undefined) throw new RangeError(`there is no pipe for reader ${index}`);
    const reader = { session: session(), pipe: new ResultPipe(path) };
    await reader.session.run(`USE ${DATABASE}`);
    return reader;
  });
}
