import { pino } from "pino";
import { registerAccess, type AccessDeps } from "../../../src/access/register-access.ts";
import { createServer } from "../../../src/http/server.ts";
import { openProtocol, type ProtocolDeps } from "../../../src/serve/clickhouse-protocol/open-protocol.ts";
import { Turns } from "../../../src/serve/sql/turns.ts";
import type { Store } from "../../../src/store/store.ts";
import { GIB, MIB, SECOND } from "../../../src/units.ts";
import { airports, flights, startSqlServer } from "../sql/sql-server.ts";

export interface ProtocolServer {
  readonly url: string;
  readonly store: Store;
  /** A POST of SQL, as curl sends it. */
  post(sql: string, query?: string, headers?: Readonly<Record<string, string>>): Promise<ProtocolAnswer>;
  /** Opens a second server over the same store. */
  open(options: ProtocolOptions): Promise<{ readonly url: string; close(): Promise<void> }>;
  close(): Promise<void>;
}

export interface ProtocolAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Buffer;
  readonly text: string;
}

export type ProtocolOptions = Partial<ProtocolDeps> & { readonly tokens?: AccessDeps["tokens"] };

/** ClickHouse's protocol over a real store with a few rows, as `startSqlServer` has them. */
export async function startProtocolServer(options: ProtocolOptions = {}): Promise<ProtocolServer> {
  const sql = await startSqlServer();
  const opened = new AsyncDisposableStack();
  opened.defer(() => sql.close());
  const open = async (others: ProtocolOptions): Promise<{ readonly url: string; close(): Promise<void> }> => {
    const server = await openServer(sql.store, others);
    opened.defer(() => server.close());
    return server;
  };
  const { url } = await open(options);
  return {
    url,
    store: sql.store,
    open,
    post: (text, query, headers) => post(url, text, query, headers),
    close: () => opened.disposeAsync(),
  };
}

async function openServer(store: Store, { tokens, ...options }: ProtocolOptions) {
  const protocol = await openProtocol({
    project: "airport",
    streams: [flights, airports],
    store,
    limits: { time: 10 * SECOND, memory: GIB, rows: 100_000_000, bytes: 1024 * MIB },
    turns: new Turns(2),
    ...options,
  });
  const server = createServer({
    logger: pino({ level: "silent" }),
    host: "127.0.0.1",
    port: 0,
    limits: { idleGrace: 0 },
    ...(tokens === undefined ? { hosts: ["127.0.0.1"] } : {}),
    sendError: protocol.sendError,
  });
  registerAccess(server.app, { tokens, tokenOf: protocol.tokenOf });
  protocol.register(server.app);
  return { url: await server.listen(), close: () => server.close() };
}

export async function post(
  url: string,
  sql: string,
  query = "",
  headers: Readonly<Record<string, string>> = {},
): Promise<ProtocolAnswer> {
  const response = await fetch(`${url}/${query}`, { method: "POST", body: sql, headers });
  const bytes = Buffer.from(await response.arrayBuffer());
  return { status: response.status, headers: response.headers, bytes, text: bytes.toString() };
}
