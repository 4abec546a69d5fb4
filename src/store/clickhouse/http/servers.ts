import { setTimeout as sleep } from "node:timers/promises";
import { HeadraceError, messageOf } from "../../../errors.ts";
import { MINUTE, SECOND } from "../../../units.ts";
import type { StoreState } from "../../store.ts";
import { ClickHouseError } from "../clickhouse-error.ts";
import { storeIdOf } from "../ddl.ts";
import { SESSION_SETTINGS } from "../engine-settings.ts";
import { quoteText } from "../quote.ts";
import type { ClusterLayout } from "./cluster.ts";
import type { ClickHouseTarget } from "./connect-options.ts";
import { HttpExchange, readWhole, Unreachable } from "./exchange.ts";
import { draining } from "../waiting-line.ts";

/** A statement of our own: the longest wait for queries that still read a table which is dropped. Milliseconds. */
const STATEMENT_TIME_MAX = 10 * MINUTE;
/** A question that must be answered quickly or not at all. Milliseconds. */
const LOOK_TIME_MAX = 10 * SECOND;
/** How often it is looked whether the database is back, and whether it is still there. Milliseconds. */
const LOOK_INTERVAL = { away: SECOND, there: 10 * SECOND };
/** How often a query that is ended is looked after, at first and at most. Milliseconds. */
const SETTLE_INTERVAL = { first: 50, max: 2 * SECOND };

/** A server that stops refuses connections first, and then waits 5 s at most for what runs. Milliseconds. */
const STOPPING_MAX = 7 * SECOND;
const UNKNOWN_DATABASE = 81;

/** One of the hosts that a URL names. */
export interface Server {
  readonly exchange: HttpExchange;
  /** Since when nothing listens there, in milliseconds of the process's clock; undefined as soon as something does. */
  refusedSince?: number | undefined;
  /** Whether its database is known to be this store. Another one of that name must not be taken for it. */
  isOurs: boolean;
}

/** How a statement of our own is run. */
export interface Asking {
  /** Milliseconds. */
  readonly timeout?: number;
  /** The one whose tables it names. */
  readonly database?: string;
  readonly settings?: Readonly<Record<string, string | number>>;
}

const LOOKING: Asking = { timeout: LOOK_TIME_MAX };

export interface Ending {
  /** Default: all. */
  readonly server?: Server;
  /** Milliseconds after which a server that can't be reached is taken to have ended them. */
  readonly patience: number;
  /** They were begun by this process, just now. */
  readonly own: boolean;
}

/** The hosts of a store: the first that answers is used, until it doesn't. */
export class Servers {
  readonly #target: ClickHouseTarget;
  readonly #all: readonly Server[];
  #current = 0;
  #storeId: string | undefined;
  #state: StoreState = { ready: true };
  #look: NodeJS.Timeout | undefined;
  readonly #closing = new AbortController();

  readonly #layout: ClusterLayout | undefined;

  constructor(target: ClickHouseTarget, layout?: ClusterLayout) {
    this.#target = target;
    this.#layout = layout;
    this.#all = target.hosts.map((host) => ({ exchange: new HttpExchange(target, host), isOurs: false }));
  }

  /** Whether the database could be reached when it was last needed, or looked for. */
  get state(): StoreState {
    return this.#state;
  }

  /** From now on only databases with this store's id are used, and it is looked now and then whether one is there. */
  belongTo(storeId: string): void {
    this.#storeId = storeId;
    this.#lookIn(LOOK_INTERVAL.there);
  }

  /**
   * Does the work with the server in use, or else with the next. What may have been done already isn't done again elsewhere unless it
   * `mayRepeat`. Fails with `store_failed` when none can be reached.
   */
  async use<Value>(work: (server: Server) => Promise<Value>, mayRepeat: boolean): Promise<Value> {
    let failure: unknown;
    const first = this.#current;
    for (let tried = 0; tried < this.#all.length; tried++) {
      if (this.#closing.signal.aborted) throw draining();
      const index = (first + tried) % this.#all.length;
      const server = this.#all[index];
      if (server === undefined) break;
      try {
        await this.#recognise(server);
        const value = await work(server);
        this.#current = index;
        this.#state = { ready: true };
        return value;
      } catch (error) {
        const isGone = error instanceof ClickHouseError && error.code === UNKNOWN_DATABASE;
        server.isOurs &&= !(isGone || error instanceof Unreachable);
        if (isGone) this.#lookIn(0);
        if (!(error instanceof Unreachable)) throw error;
        failure = error;
        if (error.sent && !mayRepeat) break;
      }
    }
    if (this.#state.ready) this.#lookIn(LOOK_INTERVAL.away);
    this.#state = { ready: false, reason: `The database can't be reached: ${messageOf(failure)}` };
    this.#current = (first + 1) % this.#all.length;
    throw new HeadraceError("store_failed", this.#state.reason ?? "", { cause: failure });
  }

  /** Runs one statement of our own; in no database when none is named, as it may not be there yet. */
  async run(sql: string, format: string, asking: Asking = {}): Promise<Buffer> {
    return this.use((server) => this.#ask(server, sql, format, asking), isQuestion(sql));
  }

  /**
   * Ends the queries of ours whose id fulfils a condition, on one server or on all, and waits until they run no more. Of a cluster's
   * servers one that can be reached is enough: it sees them all.
   */
  async end(condition: (id: string) => string, ending: Ending): Promise<void> {
    if (this.#layout === undefined) {
      const servers = ending.server === undefined ? this.#all : [ending.server];
      await Promise.all(servers.map((server) => this.#endOn(server, condition("query_id"), ending)));
      return;
    }
    const over = new AbortController();
    const endOn = (server: Server) =>
      this.#endOn(server, condition("initial_query_id"), { ...ending, signal: over.signal });
    try {
      await Promise.any(this.#all.map(endOn));
    } finally {
      over.abort();
    }
  }

  /** Tells a query to stop; false when it isn't running. */
  async kill(server: Server, queryId: string): Promise<boolean> {
    const mine = `query_id = ${quoteText(queryId)}`;
    await this.#ask(server, `KILL QUERY WHERE ${mine} ASYNC`, "TabSeparated", LOOKING);
    return (await this.#count(server, "system.processes", mine)) > 0;
  }

  close(): void {
    this.#closing.abort();
    clearTimeout(this.#look);
    for (const { exchange } of this.#all) exchange.close();
  }

  #lookIn(time: number): void {
    clearTimeout(this.#look);
    if (this.#closing.signal.aborted || this.#storeId === undefined) return;
    this.#look = setTimeout(() => void this.#lookNow(), time).unref();
  }

  async #lookNow(): Promise<void> {
    // The database may have been replaced meanwhile.
    for (const server of this.#all) server.isOurs = false;
    await this.run("SELECT 1", "TabSeparated", LOOKING).catch(() => {});
    this.#lookIn(this.#state.ready ? LOOK_INTERVAL.there : LOOK_INTERVAL.away);
  }

  async #endOn(
    server: Server,
    condition: string,
    { patience, own, signal }: Ending & { readonly signal?: AbortSignal },
  ): Promise<void> {
    const deadline = performance.now() + patience;
    // A request of our own may arrive a moment after the first look.
    const looks = own ? 2 : 1;
    let gone = 0;
    for (let delay: number = SETTLE_INTERVAL.first; ; delay = Math.min(2 * delay, SETTLE_INTERVAL.max)) {
      if (this.#closing.signal.aborted) throw draining();
      if (signal?.aborted === true) return;
      try {
        gone = (await this.#killOn(server, condition)) === 0 ? gone + 1 : 0;
        server.refusedSince = undefined;
        if (gone >= looks) return;
      } catch (error) {
        gone = 0;
        if (hasStopped(server, error)) return;
        // Who has begun one must wait for its end, whatever keeps it from looking; who only asks may fail.
        if (!(error instanceof Unreachable) && !own) throw error;
      }
      if (performance.now() > deadline) return;
      await sleep(delay);
    }
  }

  /** Gives how many still run. */
  async #killOn(server: Server, condition: string): Promise<number> {
    const processes = this.#layout?.everywhere("system.processes") ?? "system.processes";
    const running = await this.#count(server, processes, condition);
    if (running === 0) return 0;
    const kill = this.#layout?.kill(condition) ?? `KILL QUERY WHERE ${condition} SYNC`;
    await this.#ask(server, kill, "TabSeparated", LOOKING);
    return this.#count(server, processes, condition);
  }

  async #count(server: Server, processes: string, condition: string): Promise<number> {
    const sql = `SELECT count() FROM ${processes} WHERE ${condition}`;
    return Number((await this.#ask(server, sql, "TabSeparated", LOOKING)).toString());
  }

  async #ask(
    server: Server,
    sql: string,
    format: string,
    { timeout = STATEMENT_TIME_MAX, database, settings = {} }: Asking,
  ): Promise<Buffer> {
    const answer = await server.exchange.send({
      params: {
        ...SESSION_SETTINGS,
        ...settings,
        ...(database === undefined ? {} : { database }),
        default_format: format,
        // An error comes as the answer's status, and not amid it.
        wait_end_of_query: 1,
        max_execution_time: timeout / SECOND,
      },
      body: [Buffer.from(sql)],
      timeout: timeout + SECOND,
    });
    return readWhole(answer);
  }

  /** A server that was away may have come back with another database, or none. */
  async #recognise(server: Server): Promise<void> {
    if (server.isOurs || this.#storeId === undefined) return;
    const found = await readStoreComment(
      (sql) => this.#ask(server, sql, "TabSeparated", LOOKING),
      this.#target.database,
    );
    if (found === undefined || storeIdOf(found) !== this.#storeId) {
      const { name } = server.exchange;
      const what = found === undefined ? "no such database" : "another store in it";
      throw new Unreachable(`${name} has ${what} (${this.#target.database})`, false);
    }
    server.isOurs = true;
  }
}

/** The comment of the database; undefined when it isn't there. */
export async function readStoreComment(
  ask: (sql: string) => Promise<Buffer>,
  database: string,
): Promise<string | undefined> {
  const sql = `SELECT comment FROM system.databases WHERE name = ${quoteText(database)}`;
  const [line, end] = (await ask(sql)).toString().split("\n");
  return end === undefined ? undefined : line;
}

/** Whether nothing has listened there for so long that the process must have ended. */
function hasStopped(server: Server, error: unknown): boolean {
  if (!(error instanceof Unreachable) || !error.refused) {
    server.refusedSince = undefined;
    return false;
  }
  server.refusedSince ??= performance.now();
  return performance.now() - server.refusedSince > STOPPING_MAX;
}

/** Whether asking twice changes nothing. */
function isQuestion(sql: string): boolean {
  return /^\s*(?:SELECT|WITH|DESCRIBE|EXPLAIN|EXISTS|SHOW)\b/.test(sql);
}

/** Waits until a server takes connections, as it may start at the same time; what it says then is final. */
export async function untilReachable(servers: Servers, patience: number): Promise<void> {
  const deadline = performance.now() + patience;
  for (let delay = 100; ; delay = Math.min(2 * delay, 2 * SECOND)) {
    try {
      await servers.run("SELECT 1", "TabSeparated", LOOKING);
      return;
    } catch (error) {
      if (error instanceof ClickHouseError || performance.now() + delay > deadline) throw error;
      await sleep(delay);
    }
  }
}
