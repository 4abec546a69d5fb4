import { setTimeout as sleep } from "node:timers/promises";
import { Pool as PgPool, type Client } from "pg";
import { HeadraceError, messageOf } from "../../errors.ts";
import { MINUTE, SECOND } from "../../units.ts";
import { clientConfig, clientOverHosts, prepare } from "./client.ts";
import type { Login, PostgresTarget } from "./connect-options.ts";
import { breakOff, ignore, release, rowsOf, type Connection } from "./connection.ts";
import { isAway } from "./engine-errors.ts";

/** Milliseconds to get a connection, a free one or a new one. */
const CONNECT_TIMEOUT = 10 * SECOND;
/** Milliseconds that a connection may be idle. */
const IDLE_TIMEOUT = 60 * SECOND;
/** Callers that wait for a connection at once, past which more are refused. */
const WAITING_MAX = 1_000;
/** A transaction of our own: inserting a batch takes seconds. Milliseconds. */
const TRANSACTION_TIMEOUT = 5 * MINUTE;
/** How often it is looked whether the database is back, and whether it is still there. Milliseconds. */
const LOOK_INTERVAL = { away: SECOND, there: 10 * SECOND };

export interface PoolOptions {
  readonly login: Login;
  /** Connections at most. */
  readonly max: number;
  /** Whether its transactions can't write. */
  readonly readOnly: boolean;
}

export interface PoolState {
  readonly ready: boolean;
  readonly reason?: string;
}

/**
 * Connections to the database, each with the settings that an answer's form depends on. A connection that broke is
 * not used again; the next one tries the hosts in turn and takes the first that may do what the pool is for.
 */
export class PostgresPool {
  readonly #pool: PgPool;
  readonly #control: PgPool;
  readonly #hosts: number;
  #state: PoolState = { ready: true };
  #look: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(target: PostgresTarget, options: PoolOptions) {
    const config = {
      Client: clientOverHosts(target, clientConfig(target, options.login)) as unknown as new () => Client,
      connectionTimeoutMillis: CONNECT_TIMEOUT,
      idleTimeoutMillis: IDLE_TIMEOUT,
      onConnect: ((client: Client) => prepare(client, target, options.readOnly)) as (client: unknown) => void,
    };
    this.#hosts = target.hosts.length;
    this.#pool = new PgPool({ ...config, max: options.max });
    this.#control = new PgPool({ ...config, max: 1 });
    // An idle connection that breaks: the pool has dropped it already.
    for (const pool of [this.#pool, this.#control]) pool.on("error", (error) => this.#note(error));
  }

  /** Whether the database could be reached when it was last needed, or looked for. */
  get state(): PoolState {
    return this.#state;
  }

  /** From now on looks now and then whether the database is there. */
  watch(): void {
    const look = (): void => {
      void this.run("SELECT 1")
        .catch(() => {})
        .finally(() => {
          if (this.#closed) return;
          this.#look = setTimeout(look, this.#state.ready ? LOOK_INTERVAL.there : LOOK_INTERVAL.away).unref();
        });
    };
    look();
  }

  /** A connection for one caller, who must `release` it. */
  async acquire(): Promise<Connection> {
    if (this.#closed) throw new HeadraceError("draining", "The store is closing");
    if (this.#pool.waitingCount >= WAITING_MAX) {
      throw new HeadraceError("overloaded", `${WAITING_MAX} queries wait for a connection already`, {
        retryAfterSeconds: 1,
      });
    }
    // Each try is at the next host.
    for (let left = this.#hosts; ;) {
      try {
        const connection = await this.#pool.connect();
        this.#state = { ready: true };
        // Without a listener an error event would end the process; the statement that runs fails with the same error.
        connection.on("error", ignore);
        return connection;
      } catch (error) {
        left -= 1;
        if (left > 0 && isAway(error)) continue;
        this.#note(error);
        throw error;
      }
    }
  }

  /** Runs one statement of our own and gives its rows, each value as text. */
  async run(sql: string, values: readonly (string | null)[] = []): Promise<(string | null)[][]> {
    return this.with((connection) => rowsOf(connection, sql, values));
  }

  /** Lends a connection. One that broke, or that is amid something, isn't used again. */
  async with<Value>(work: (connection: Connection) => Promise<Value>): Promise<Value> {
    const connection = await this.acquire();
    let reusable = false;
    try {
      const value = await work(connection);
      reusable = connection.getTransactionStatus() === "I";
      return value;
    } catch (error) {
      this.#note(error);
      reusable = !isAway(error) && connection.getTransactionStatus() === "I";
      throw error;
    } finally {
      release(connection, reusable);
    }
  }

  /**
   * The same in a transaction, which is rolled back when the work fails, and given up after `timeout` milliseconds: a network
   * that went silent would hold it for ever.
   */
  async transaction<Value>(
    work: (connection: Connection) => Promise<Value>,
    timeout = TRANSACTION_TIMEOUT,
  ): Promise<Value> {
    return this.with(async (connection) => {
      const giveUp = setTimeout(() => breakOff(connection), timeout).unref();
      try {
        await connection.query("BEGIN");
        const value = await work(connection);
        // Sent only now: until then nothing that comes late can become visible.
        await connection.query("COMMIT");
        return value;
      } catch (error) {
        if (!isAway(error)) await connection.query("ROLLBACK").catch(() => {});
        throw error;
      } finally {
        clearTimeout(giveUp);
      }
    });
  }

  /** Runs a statement over a connection of its own, which is there when all others are busy. */
  async control(sql: string, values: readonly string[]): Promise<void> {
    if (this.#closed) return;
    const connection = await this.#control.connect();
    try {
      await rowsOf(connection, sql, values);
      connection.release();
    } catch (error) {
      connection.release(true);
      throw error;
    }
  }

  /** Ends a server process that works for one of these connections. */
  async terminate(backend: number): Promise<void> {
    // If it can't be done now, it ends by itself: its client is gone, and it has a time limit.
    await this.control("SELECT pg_terminate_backend($1)", [`${backend}`]).catch(() => {});
  }

  /** Waits for what is lent and closes. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#look);
    await Promise.all([this.#pool.end(), this.#control.end()]);
  }

  #note(error: unknown): void {
    if (!isAway(error)) return;
    this.#state = { ready: false, reason: `The database can't be reached: ${messageOf(error)}` };
  }
}

/** Waits until the database takes connections, as it may start at the same time; other errors are final. */
export async function untilReachable(pool: PostgresPool, patience: number): Promise<void> {
  const deadline = performance.now() + patience;
  for (let delay = 100; ; delay = Math.min(2 * delay, 2 * SECOND)) {
    try {
      await pool.run("SELECT 1");
      return;
    } catch (error) {
      if (!isAway(error) || performance.now() + delay > deadline) throw error;
      await sleep(delay);
    }
  }
}
