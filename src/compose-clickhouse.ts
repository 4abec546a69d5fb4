import type { Audit } from "./access/audit.ts";
import type { OpenTokens } from "./access/open-tokens.ts";
import { registerAccess } from "./access/register-access.ts";
import type { Config } from "./config.ts";
import { createServer, type HttpServer } from "./http/server.ts";
import type { Metrics } from "./observe/metrics.ts";
import { accessObserver, httpObserver } from "./observe/observers.ts";
import type { Project } from "./project/declarations.ts";
import { openProtocol } from "./serve/clickhouse-protocol/open-protocol.ts";
import type { Turns } from "./serve/sql/turns.ts";
import type { QueryLimits, Store } from "./store/store.ts";
import type { Logger } from "pino";

/** What the second server is made of. */
export interface ClickHouseParts {
  readonly project: Project;
  readonly config: Config;
  readonly store: Store;
  readonly access: OpenTokens | undefined;
  readonly audit: Audit;
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** Shared with `POST /v1/sql`. */
  readonly turns: Turns;
}

/**
 * The server that speaks ClickHouse's protocol, when there is a port for it: a shell like the first one's, under the same
 * tokens, checks and limits.
 * @throws HeadraceError `config_invalid` when the store isn't ClickHouse.
 */
export async function openClickHouse(parts: ClickHouseParts): Promise<HttpServer | undefined> {
  const { project, config, store, access, audit, metrics, logger, turns } = parts;
  const { host, clickhousePort: port, corsOrigins: origins } = config;
  if (port === undefined) return undefined;
  const { name, streams } = project;
  const protocol = await openProtocol({ project: name, streams, store, limits: sqlLimits(config), turns });
  const server = createServer({
    logger,
    host,
    port,
    ...(access === undefined ? { hosts: [host] } : {}),
    crossOrigin: { origins, refuseOthers: access === undefined },
    observer: httpObserver(metrics),
    sendError: protocol.sendError,
  });
  const { app } = server;
  const observer = accessObserver(metrics);
  registerAccess(app, { tokens: access?.tokens, audit, observer, tokenOf: protocol.tokenOf });
  protocol.register(app);
  return server;
}

/** What a query of anybody's SQL may cost. */
export function sqlLimits({ sqlTime, sqlMemory, sqlRows, sqlBytes }: Config): QueryLimits {
  return { time: sqlTime, memory: sqlMemory, rows: sqlRows, bytes: sqlBytes };
}
