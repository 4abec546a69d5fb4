import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { jetstream, jetstreamManager, type JetStreamClient, type JetStreamManager } from "@nats-io/jetstream";
import {
  connect,
  credsAuthenticator,
  errors,
  type NatsConnection,
  type NodeConnectionOptions,
} from "@nats-io/transport-node";
import { HeadraceError, messageOf } from "../errors.ts";
import { SECOND } from "../units.ts";
import { checkPrefix, type NatsOptions } from "./nats-url.ts";

/** The process's one connection to NATS, which log, leases, ledgers and calls share. */
export interface Nats {
  readonly connection: NatsConnection;
  readonly jetstream: JetStreamClient;
  readonly manager: JetStreamManager;
  readonly options: NatsOptions;
  /** What the names of JetStream streams, subjects and buckets begin with: letters, digits, `-` and `_`. */
  readonly prefix: string;
  /** Whether a server is connected just now. */
  connected(): boolean;
  /** Tells that JetStream answered a request. */
  answered(): void;
  /**
   * Tells that JetStream did not answer a request. After a few seconds of that the next server is tried: one that is cut off from
   * the others still keeps its connections.
   */
  unanswered(): void;
  /** Sends what is written and closes. Safe to call twice. */
  close(): Promise<void>;
}

/** All are optional and must not throw. */
export interface NatsObserver {
  /** The connection is lost; the client tries all the servers until one answers. */
  disconnected?(server: string): void;
  reconnected?(server: string): void;
  /** Something that the server told: an error of permissions, for instance. */
  warned?(reason: string): void;
}

/** How long a start waits for the first server to answer, in milliseconds: processes and servers are often started together. */
export const CONNECT_PATIENCE = 15 * SECOND;
/** How long one attempt to connect may take, in milliseconds. */
const CONNECT_TIMEOUT = 4 * SECOND;
/** Between attempts to connect, in milliseconds. */
const RECONNECT_PAUSE = 250;
/** A server is asked for a sign of life this often, in milliseconds; after two that stay away the next server is tried. */
const PING_INTERVAL = 3 * SECOND;
const PINGS_UNANSWERED_MAX = 2;
/** How long a request to JetStream may take, in milliseconds. */
export const REQUEST_TIMEOUT = 3 * SECOND;
/** After JetStream has not answered for so long, another server is tried, in milliseconds. */
const UNANSWERED_MAX = 4 * SECOND;
/** How long closing waits for what is written to be sent, in milliseconds. */
const CLOSE_TIMEOUT = 2 * SECOND;

/**
 * Connects to one of the servers that the options name, and goes on to the next whenever one is lost.
 * `project` is the prefix when the options have none. Rejects with `log_unreachable` when no server answers in time,
 * and with `config_invalid` when they refuse us or have no JetStream.
 */
export async function openNats(
  options: NatsOptions,
  project: string,
  observer: NatsObserver = {},
  patience = CONNECT_PATIENCE,
): Promise<Nats> {
  const prefix = options.prefix ?? project;
  checkPrefix(prefix);
  const link: Link = { up: true, avoid: undefined };
  const settings: NodeConnectionOptions = {
    ...connectionOptions(options, project),
    // By itself the client would try the same one again first.
    reconnectToServer: (pool) =>
      pool.find(({ listen }) => link.avoid !== undefined && listen !== link.avoid) ?? null,
  };
  const connection = await firstConnection(settings, options, patience);
  void follow(connection, link, observer);
  try {
    const manager = await jetstreamManager(connection, { checkAPI: false, timeout: REQUEST_TIMEOUT });
    await checkJetStream(manager, options, patience);
    let closing: Promise<void> | undefined;
    return {
      connection,
      jetstream: jetstream(connection, { timeout: REQUEST_TIMEOUT }),
      manager,
      options,
      prefix,
      ...watchAnswers(connection, link),
      connected: () => link.up && !connection.isClosed(),
      close: () => (closing ??= closeSoon(connection)),
    };
  } catch (error) {
    await closeSoon(connection);
    throw error;
  }
}

function connectionOptions(options: NatsOptions, project: string): NodeConnectionOptions {
  const { user, password, token, credentials, ca, certificate, key } = options;
  if (credentials !== undefined) readText(credentials, "creds");
  const tls = {
    ...(ca === undefined ? {} : { ca: readText(ca, "ca") }),
    ...(certificate === undefined ? {} : { cert: readText(certificate, "cert") }),
    ...(key === undefined ? {} : { key: readText(key, "key") }),
  };
  return {
    servers: [...options.servers],
    name: `headrace ${project}`,
    ...(options.tls ? { tls } : {}),
    ...(user === undefined ? {} : { user, pass: password ?? "" }),
    ...(token === undefined ? {} : { token }),
    // Read at each connection: credentials are renewed by replacing the file.
    ...(credentials === undefined
      ? {}
      : {
          authenticator: credsAuthenticator(() => new TextEncoder().encode(readText(credentials, "creds"))),
        }),
    timeout: CONNECT_TIMEOUT,
    maxReconnectAttempts: -1,
    reconnectTimeWait: RECONNECT_PAUSE,
    // Servers that are restarted with new users refuse the old ones for a moment.
    ignoreAuthErrorAbort: true,
    pingInterval: PING_INTERVAL,
    maxPingOut: PINGS_UNANSWERED_MAX,
  };
}

function readText(path: string, option: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new HeadraceError(
      "config_invalid",
      `${option}=${path} of the log's URL can't be read: ${messageOf(error)}`,
      {
        cause: error,
      },
    );
  }
}

async function firstConnection(
  settings: NodeConnectionOptions,
  { servers }: NatsOptions,
  patience: number,
): Promise<NatsConnection> {
  const deadline = performance.now() + patience;
  for (;;) {
    try {
      return await connect(settings);
    } catch (error) {
      if (error instanceof errors.AuthorizationError) {
        throw new HeadraceError(
          "config_invalid",
          `NATS at ${servers.join(", ")} refuses the connection: ${error.message}`,
        );
      }
      if (performance.now() > deadline) throw unreachable(servers, error);
    }
    await sleep(RECONNECT_PAUSE);
  }
}

/** A cluster that is starting has no leader for a moment, which looks like a server without JetStream. */
async function checkJetStream(
  manager: JetStreamManager,
  { servers }: NatsOptions,
  patience: number,
): Promise<void> {
  const deadline = performance.now() + patience;
  for (;;) {
    try {
      await manager.getAccountInfo();
      return;
    } catch (error) {
      if (performance.now() > deadline) {
        throw new HeadraceError(
          "log_unreachable",
          `NATS at ${servers.join(", ")} answers, but its JetStream doesn't: ${messageOf(error)}`,
          { cause: error },
        );
      }
    }
    await sleep(RECONNECT_PAUSE);
  }
}

function unreachable(servers: readonly string[], cause: unknown): HeadraceError {
  return new HeadraceError(
    "log_unreachable",
    `no NATS server answers at ${servers.join(", ")}: ${messageOf(cause)}`,
    {
      cause,
    },
  );
}

async function follow(connection: NatsConnection, link: Link, observer: NatsObserver): Promise<void> {
  for await (const status of connection.status()) {
    if (status.type === "disconnect") {
      link.up = false;
      observer.disconnected?.(status.server);
    } else if (status.type === "reconnect") {
      link.up = true;
      link.avoid = undefined;
      observer.reconnected?.(status.server);
    } else if (status.type === "error") {
      observer.warned?.(status.error.message);
    }
  }
}

interface Link {
  /** Whether a server is connected. */
  up: boolean;
  /** The server that doesn't answer, as `host:port`: the next connection goes elsewhere if there is another. */
  avoid: string | undefined;
}

function watchAnswers(connection: NatsConnection, link: Link): Pick<Nats, "answered" | "unanswered"> {
  let since: number | undefined;
  return {
    answered: () => (since = undefined),
    unanswered: () => {
      since ??= performance.now();
      if (performance.now() - since < UNANSWERED_MAX || connection.isClosed()) return;
      since = undefined;
      link.avoid = connection.getServer();
      // What is being tried anyway can't be tried again.
      connection.reconnect().catch(() => {});
    },
  };
}

async function closeSoon(connection: NatsConnection): Promise<void> {
  if (connection.isClosed()) return;
  const timeout = new AbortController();
  // A server that doesn't answer must not hold up the end.
  await Promise.race([
    connection.flush().catch(() => {}),
    sleep(CLOSE_TIMEOUT, undefined, { signal: timeout.signal }).catch(() => {}),
  ]);
  timeout.abort();
  await connection.close();
}
