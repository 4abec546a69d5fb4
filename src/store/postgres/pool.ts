import { setTimeout as sleep } from "node:timers/promises";
import { Client, Pool as PgPool, type ClientConfig, type PoolClient } from "pg";
import { HeadraceError, messageOf } from "../../errors.ts";
import { MINUTE, SECOND } from "../../units.ts";
import type { Login, PostgresTarget } from "./connect-options.ts";
import { isAway } from "./engine-errors.ts";
import type { Wire } from "./protocol.ts";
import { quoteName } from "./quote.ts";

/** Milliseconds to get a connection, a free one or a new one. */
const CONNECT_TIMEOUT = 10 * SECOND;
/** Milliseconds that a connection may be idle. */
const IDLE_TIMEOUT = 60 * SECOND;
/** Callers that wait for a connection at once, past which more are refused. */
const WAITING_MAX = 1_000;
/** A transaction of our own: inserting a batch takes seconds. Milliseconds. */
const TRANSACTION_TIMEOUT = 5 * MINUTE;
/** The oldest server that is supported. */
const VERSION_MIN = 150_000;
/** How often it is looked whether the database is back, and whether it is still there. Milliseconds. */
const LOOK_INTERVAL = { away: SECOND, there: 10 * SECOND };

export type Connection = PoolClient;

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
  #state: PoolState = { ready: true };
  #look: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(target: PostgresTarget, options: PoolOptions) {
    const config = {
      Client: clientOverHosts(target, clientConfig(target, options.login)) as unknown as new () => Client,
      connectionTimeoutMillis: CONNECT_TIMEOUT,
      idleTimeoutMillis: IDLE_TIMEOUT,
      onConnect: ((client: Client) => prepare(client, target, options)) as (client: unknown) => void,
    };
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

  /** A connection for one caller, who must release it; with an error or `true` when it may not be used again. */
  async acquire(): Promise<Connection> {
    if (this.#closed) throw new HeadraceError("draining", "The store is closing");
    if (this.#pool.waitingCount >= WAITING_MAX) {
      throw new HeadraceError("overloaded", `${WAITING_MAX} queries wait for a connection already`, {
        retryAfterSeconds: 1,
      });
    }
    try {
      const connection = await this.#pool.connect();
      this.#state = { ready: true };
      return connection;
    } catch (error) {
      this.#note(error);
      throw error;
    }
  }

  /** Runs one statement of our own and gives its rows, each value as text. */
  async run(sql: string, values: readonly (string | null)[] = []): Promise<(string | null)[][]> {
    return this.with((connection) => rowsOf(connection, sql, values));
  }

  /** Lends a connection. One that broke, or that is amid something, isn't used again. */
  async with<Value>(work: (connection: Connection) => Promise<Value>): Promise<Value> {
    const connection = await this.acquire();
    const ignore = (): void => {};
    // Without a listener an error event would end the process; the statement that runs fails with the same error.
    connection.on("error", ignore);
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
      connection.release(!reusable);
      connection.removeListener("error", ignore);
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

/** Ends a connection without a word: its statement fails. */
export function breakOff(connection: Connection): void {
  wireOf(connection).stream.destroy(new Error("The connection ended: it was given up"));
}

/** `pg`'s own connection, below its queries. */
export function wireOf(connection: Connection): Wire {
  return connection.connection as unknown as Wire;
}

export async function rowsOf(
  connection: Pick<Connection, "query">,
  sql: string,
  values: readonly (string | null)[] = [],
): Promise<(string | null)[][]> {
  const { rows } = await connection.query({
    text: sql,
    values: [...values],
    rowMode: "array",
    types: AS_TEXT,
  });
  return rows as (string | null)[][];
}

/** Values as the server writes them: what they mean is ours to say. */
const AS_TEXT = { getTypeParser: () => (text: string) => text };

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

function clientConfig(target: PostgresTarget, login: Login): ClientConfig {
  return {
    user: login.user,
    // pg would look for a password elsewhere; what the URL doesn't say isn't there.
    password: login.password ?? "",
    database: target.database,
    ssl: target.tls === false ? false : { ...target.tls },
    application_name: "headrace",
    keepAlive: true,
    keepAliveInitialDelayMillis: 10 * SECOND,
    client_encoding: "UTF8",
  };
}

/** `pg` knows one host: each new connection is to the one that last worked, or the next after it failed. */
function clientOverHosts(target: PostgresTarget, config: ClientConfig): typeof Client {
  let next = 0;
  return class extends Client {
    constructor() {
      const at = next;
      super({ ...config, ...target.hosts[at % target.hosts.length] });
      const failed = (): void => {
        if (next === at) next = at + 1;
      };
      this.once("error", failed);
      // What fails before it is connected is told to the caller alone.
      const connect = this.connect.bind(this) as (callback: (error: Error | null) => void) => void;
      Object.assign(this, {
        connect: (callback: (error: Error | null, client: Client) => void) =>
          connect((error) => {
            if (error) failed();
            callback(error, this);
          }),
        refuse: failed,
      });
    }
  };
}

/** The same settings for every connection, whatever the role's or the server's own are. */
async function prepare(client: Client, target: PostgresTarget, options: PoolOptions): Promise<void> {
  await client.query(
    [
      `SET search_path TO ${quoteName(target.schema)}, public`,
      "SET TimeZone TO 'UTC'",
      "SET DateStyle TO 'ISO, YMD'",
      "SET IntervalStyle TO 'iso_8601'",
      "SET extra_float_digits TO 1",
      "SET bytea_output TO 'hex'",
      "SET xmloption TO 'content'",
      "SET standard_conforming_strings TO on",
      "SET default_transaction_isolation TO 'read committed'",
      `SET default_transaction_read_only TO ${options.readOnly ? "on" : "off"}`,
      "SET statement_timeout TO 0",
      "SET lock_timeout TO 0",
      // A server that lost its client ends what it does for it.
      "SET client_connection_check_interval TO '2s'",
      `SET idle_in_transaction_session_timeout TO '60s'`,
    ].join("; "),
  );
  const [[version, recovering, commits] = []] = await rowsOf(
    client as unknown as Connection,
    "SELECT current_setting('server_version_num'), pg_is_in_recovery()::text, current_setting('synchronous_commit')",
  );
  if (Number(version) < VERSION_MIN) {
    throw new HeadraceError(
      "config_invalid",
      `HEADRACE_STORE_URL: the server is PostgreSQL ${Math.floor(Number(version) / 10_000)}; 15 or later is needed`,
    );
  }
  if (recovering === "true" && !options.readOnly) {
    (client as Client & { refuse?: () => void }).refuse?.();
    throw new HeadraceError("store_failed", `The server ${client.host} is a standby, which takes no writes`);
  }
  // What resolves is on disk; stricter settings, which wait for standbys, are left alone.
  if (commits === "off") await client.query("SET synchronous_commit TO on");
}
