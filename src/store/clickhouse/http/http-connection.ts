import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { HeadraceError } from "../../../errors.ts";
import { MINUTE, SECOND } from "../../../units.ts";
import type { StoreState } from "../../store.ts";
import { paramFields } from "../bound-params.ts";
import { ClickHouseError } from "../clickhouse-error.ts";
import type {
  AnswerFormat,
  ClickHouseConnection,
  InsertInput,
  InsertStatement,
  ReadAnswer,
  ReadRequest,
} from "../connection.ts";
import { fenceSettings, INSERT_SETTINGS, limitSettings, READ_SETTINGS } from "../engine-settings.ts";
import { quoteName, quoteText } from "../quote.ts";
import { draining } from "../waiting-line.ts";
import { within } from "../within.ts";
import { ClusterLayout } from "./cluster.ts";
import type { ClickHouseTarget } from "./connect-options.ts";
import { readWhole, Unreachable, URL_BYTES_MAX } from "./exchange.ts";
import { HttpRead } from "./http-read.ts";
import { openDatabase } from "./open-database.ts";
import { Slots } from "./slots.ts";
import { Servers, untilReachable, type Server } from "./servers.ts";

/** How long a server is waited for that may just be starting. Milliseconds. */
const OPEN_PATIENCE = 30 * SECOND;
/** The longest that an insert may take; the server ends it then. Milliseconds. */
const INSERT_TIME_MAX = 5 * MINUTE;
/** A server that can't be reached has ended an insert by itself after so long. Milliseconds. */
const SETTLE_PATIENCE = INSERT_TIME_MAX + 10 * SECOND;
/** Inserts at once: of different streams, or of different partitions. */
const INSERTS_MAX = 8;
/** A query that is over its time is ended long before its connection is given up. Milliseconds. */
const READ_GRACE = 10 * SECOND;
/** How long `close` lets queries go on before it stops them, and then waits for them to stop. Milliseconds. */
const CLOSE_GRACE = SECOND;
const STOP_WAIT = SECOND;

/** For every query from outside, over what the embedded engine has. */
const OVER_HTTP = {
  /** Who closes the connection doesn't want the answer. */
  cancel_http_readonly_queries_on_client_close: 1,
  /** An error amid an answer comes in a way that no format's rows can be mistaken for. */
  http_write_exception_in_output_format: 0,
};

/** What goes to a cluster over that. */
const CLUSTER_SETTINGS = {
  // Rows that belong together are on the same shard: conditions over two tables of ours are each shard's own.
  run: { distributed_product_mode: "local" },
  // Somebody's own SQL knows nothing of shards.
  read: { distributed_product_mode: "global", skip_unavailable_shards: 0 },
  // On the shards when it resolves, not on its way there.
  insert: { distributed_foreground_insert: 1 },
} as const;

export interface HttpOptions {
  /** Queries that run at once. */
  readonly readers: number;
  /** Milliseconds that the server is waited for. Default 30 s. */
  readonly patience?: number;
}

/** ClickHouse on servers, over HTTP. */
export class HttpConnection implements ClickHouseConnection {
  readonly lacksRowNumbers = true;
  readonly #target: ClickHouseTarget;
  readonly #servers: Servers;
  readonly #layout: ClusterLayout | undefined;
  readonly #readers: Slots;
  readonly #writers = new Slots(INSERTS_MAX);
  readonly #reads = new Map<HttpRead, Promise<void>>();
  readonly #inserts = new Set<Promise<unknown>>();

  private constructor(
    target: ClickHouseTarget,
    { servers, layout }: { readonly servers: Servers; readonly layout: ClusterLayout | undefined },
    options: HttpOptions,
  ) {
    this.#target = target;
    this.#servers = servers;
    this.#layout = layout;
    this.#readers = new Slots(options.readers);
  }

  /**
   * Makes the database when there is none.
   * @throws HeadraceError `store_failed` when no server can be reached, or none may be used.
   */
  static async open(target: ClickHouseTarget, options: HttpOptions): Promise<HttpConnection> {
    const layout = target.cluster && new ClusterLayout(target.database, target.cluster);
    const servers = new Servers(target, layout);
    try {
      await untilReachable(servers, options.patience ?? OPEN_PATIENCE);
      servers.belongTo(await openDatabase(servers, target.database, layout));
      return new HttpConnection(target, { servers, layout }, options);
    } catch (error) {
      servers.close();
      throw error;
    }
  }

  async run(sql: string, format: AnswerFormat): Promise<Buffer> {
    const layout = this.#layout;
    if (layout === undefined) return this.#servers.run(sql, format, { database: this.#target.database });
    let answer: Buffer = Buffer.alloc(0);
    for (const { sql: text, database } of layout.place(sql)) {
      answer = await this.#servers.run(text, format, { database, settings: CLUSTER_SETTINGS.run });
    }
    return answer;
  }

  async insert(...inserts: readonly InsertStatement[]): Promise<number> {
    const written = inserts.map(async (insert) => this.#insertInTurn(insert));
    await Promise.allSettled(written);
    return (await Promise.all(written)).reduce((sum, rows) => sum + rows, 0);
  }

  async endInserts(mark: string): Promise<void> {
    // With what ends it: partition 1 isn't 10.
    const id = quoteText(`${insertId(mark)} `);
    const begins = (column: string): string => `startsWith(${column}, ${id})`;
    await this.#servers.end(begins, { patience: SETTLE_PATIENCE, own: false });
  }

  copies(table: string): string {
    return this.#layout?.copies(table) ?? quoteName(table);
  }

  async read(request: ReadRequest): Promise<ReadAnswer> {
    await this.#readers.acquire(request.signal);
    const queryId = `headrace-read ${randomUUID()}`;
    let used: Server | undefined;
    const read = new HttpRead(request, {
      send: async (signal) =>
        this.#servers.use((server) => {
          used = server;
          return this.#begin(server, request, queryId, signal);
        }, true),
      kill: async () => used !== undefined && this.#servers.kill(used, queryId),
    });
    this.#reads.set(read, this.#release(read));
    return read;
  }

  status(): StoreState {
    return this.#servers.state;
  }

  async close(): Promise<void> {
    this.#readers.close();
    this.#writers.close();
    const released = Promise.all(this.#reads.values());
    await within(CLOSE_GRACE, released);
    for (const read of this.#reads.keys()) read.stop(draining());
    await within(STOP_WAIT, released);
    await within(INSERT_TIME_MAX, Promise.allSettled(this.#inserts));
    this.#servers.close();
  }

  async #release(read: HttpRead): Promise<void> {
    await read.ended;
    this.#readers.release();
    this.#reads.delete(read);
  }

  async #begin(
    server: Server,
    request: ReadRequest,
    queryId: string,
    signal: AbortSignal,
  ): Promise<IncomingMessage> {
    const fields = paramFields(request.sql.params);
    const bytes = fields.reduce(
      (sum, [name, text]) => sum + name.length + encodeURIComponent(text).length,
      0,
    );
    if (bytes > URL_BYTES_MAX)
      throw new HeadraceError("query_too_large", "The query's parameters are too long");
    try {
      return await server.exchange.send({
        params: {
          ...(request.fenced === true ? fenceSettings(request.settings) : { readonly: 2, ...READ_SETTINGS }),
          ...OVER_HTTP,
          ...(this.#layout === undefined ? {} : CLUSTER_SETTINGS.read),
          ...limitSettings(request.limits),
          ...Object.fromEntries(fields),
          database: this.#target.database,
          query_id: queryId,
        },
        // On its own line, in case the text ends in a comment. A format of the text's own makes it an error.
        body: [Buffer.from(`${request.sql.text}\nFORMAT ${request.format}`)],
        timeout: request.limits.time + READ_GRACE,
        signal,
      });
    } catch (error) {
      throw withoutSuffix(error, request);
    }
  }

  async #insertInTurn(insert: InsertStatement): Promise<number> {
    await this.#writers.acquire();
    const written = this.#insert(insert);
    this.#inserts.add(written);
    try {
      return await written;
    } finally {
      this.#inserts.delete(written);
      this.#writers.release();
    }
  }

  async #insert(insert: InsertStatement): Promise<number> {
    const { inputs, mark = "", rows } = insert;
    const { cluster } = this.#target;
    const queryId = `${insertId(mark)} ${randomUUID()}`;
    const [input, ...others]: readonly [string, InsertInput][] = Object.entries(inputs);
    if (others.length > 0) throw new RangeError("an insert over HTTP has one input");
    const statement = insert.sql(() => `input(${quoteText(input?.[1].structure ?? "")})`);
    const format = input === undefined ? "" : ` FORMAT ${input[1].format}`;
    return this.#servers.use(async (server) => {
      try {
        const answer = await server.exchange.send({
          params: {
            ...INSERT_SETTINGS,
            ...(cluster === undefined ? {} : { ...CLUSTER_SETTINGS.insert, insert_quorum: cluster.quorum }),
            wait_end_of_query: 1,
            max_execution_time: INSERT_TIME_MAX / SECOND,
            database: this.#target.database,
            query_id: queryId,
            query: `${statement}${format}`,
          },
          body: input?.[1].bytes ?? [],
          timeout: INSERT_TIME_MAX + SECOND,
        });
        await readWhole(answer);
        const written = writtenRows(answer);
        // A Distributed table counts what it took, and the shards what they did.
        return cluster === undefined ? written : Math.min(written, rows ?? written);
      } catch (error) {
        const isUnclear = error instanceof Unreachable ? error.sent : cluster !== undefined;
        if (!isUnclear) throw error;
        // It may run, and commit after whoever asks next has been answered; of a cluster's shards one may when another has failed.
        const isThis = (column: string): string => `${column} = ${quoteText(queryId)}`;
        await this.#servers.end(isThis, { server, patience: SETTLE_PATIENCE, own: true });
        throw error;
      }
    }, false);
  }
}

const insertId = (mark: string): string => `headrace-insert ${mark}`;

/** What the server says that an insert has written. */
function writtenRows({ headers }: IncomingMessage): number {
  const summary = headers["x-clickhouse-summary"];
  try {
    const rows = Number((JSON.parse(String(summary)) as { written_rows?: unknown }).written_rows);
    if (Number.isInteger(rows)) return rows;
  } catch {
    // It is none of ClickHouse's.
  }
  throw new Unreachable("The answer doesn't say how many rows were written", true);
}

/** Takes what was put behind the SQL out of an error about it. */
function withoutSuffix(error: unknown, { sql, fenced }: ReadRequest): unknown {
  if (!(error instanceof ClickHouseError)) return error;
  const line = Number(/^Code: 62\..*\(line (\d+), col \d+\)/.exec(error.message)?.[1] ?? 1);
  // A fenced text has been parsed before; a line in an error about it is that of the text that it holds as a value.
  if (fenced === true || line <= sql.text.split("\n").length) return error;
  const message = "Syntax error: the SQL ends too early, or ends with a clause that isn't part of a SELECT";
  return new ClickHouseError(message, error.code, error);
}
