import { join } from "node:path";
import type { Logger } from "pino";
import { createAudit, type Audit } from "./access/audit.ts";
import { openTokens } from "./access/open-tokens.ts";
import { registerAccess } from "./access/register-access.ts";
import { SERVER } from "./access/route-scope.ts";
import { openClickHouse } from "./compose-clickhouse.ts";
import { registerRoutes } from "./compose-routes.ts";
import { openClockFile } from "./clock-file.ts";
import { openLoad } from "./compose-load.ts";
import type { Config } from "./config.ts";
import { lockDataFolder } from "./data-folder.ts";
import { messageOf } from "./errors.ts";
import { GuardedClock } from "./guarded-clock.ts";
import type { Readiness } from "./http/health.ts";
import { checkAddress } from "./http/listen-error.ts";
import { createServer, type HttpServer } from "./http/server.ts";
import type { Loader } from "./load/load.ts";
import type { Log } from "./log/log.ts";
import { createLogger } from "./observe/logger.ts";
import { createMetrics, type Metrics, type StreamSample } from "./observe/metrics.ts";
import {
  accessObserver,
  httpObserver,
  rejectedRetentionObserver,
  tokensObserver,
} from "./observe/observers.ts";
import { RecentFreshness } from "./observe/recent-freshness.ts";
import type { Project, Stream } from "./project/declarations.ts";
import { keepRejectedWithin } from "./rejected/retention.ts";
import type { Role } from "./roles.ts";
import { Turns } from "./serve/sql/turns.ts";
import { verifyEndpoints } from "./serve/verify-endpoints.ts";
import { openStore } from "./store/open-store.ts";
import type { Store } from "./store/store.ts";
import { SECOND } from "./units.ts";

export interface ServerInput {
  readonly project: Project;
  readonly config: Config;
  /** Default: pino on standard output at `config.logLevel`. */
  readonly logger?: Logger;
}

export interface RunningServer {
  readonly url: string;
  /** Where ClickHouse's protocol is spoken, when it is. */
  readonly clickhouseUrl: string | undefined;
  /**
   * Resolves, with the body of `/readyz`, when work can be taken: what an earlier run left open is reconciled. When a part
   * is in trouble that doesn't pass, it resolves too, and the body says what it is. Never rejects.
   */
  readonly ready: Promise<Readiness>;
  /** Refuses new work, finishes what is in flight, closes every part. Safe to call twice. */
  close(): Promise<void>;
}

/**
 * Builds every part in the order in which an event meets it, listens, and sets the loader going. Resolves when requests
 * are answered, which may be before `ready`. Rejects with the first part's error after closing what was open already.
 */
export async function startServer({
  project,
  config,
  logger = createLogger(config.logLevel),
}: ServerInput): Promise<RunningServer> {
  const opened = new AsyncDisposableStack();
  try {
    // Before anything is opened, or made in the data folder.
    await checkAddress(config);
    const { host, clickhousePort } = config;
    if (clickhousePort !== undefined) await checkAddress({ host, port: clickhousePort });
    const parts = await openParts(project, config, logger, opened);
    await parts.loader.examine();
    const url = await parts.http.listen();
    const clickhouseUrl = await parts.clickhouse?.listen();
    const speaks = clickhouseUrl === undefined ? {} : { clickhouse: clickhouseUrl };
    const ready = startLoading(parts, logger).then((readiness) => {
      const counts = { streams: project.streams.length, endpoints: project.endpoints.length };
      const { roles, dataFolder: data } = config;
      if (readiness.ready) logger.info({ url, ...speaks, data, roles, ...counts }, "ready");
      return readiness;
    });
    if (config.roles.includes("serve") && parts.store !== undefined) {
      void warnOfBrokenEndpoints(project, parts.store, logger);
    }
    let closing: Promise<void> | undefined;
    return {
      url,
      clickhouseUrl,
      ready,
      close: () => (closing ??= close(opened, logger)),
    };
  } catch (error) {
    await opened.disposeAsync();
    throw error;
  }
}

interface Parts {
  readonly http: HttpServer;
  readonly clickhouse: HttpServer | undefined;
  readonly log: Log;
  /** Of processes that load or serve. */
  readonly store: Store | undefined;
  readonly loader: Loader;
  readonly readiness: () => Readiness;
}

async function openParts(
  project: Project,
  config: Config,
  logger: Logger,
  opened: AsyncDisposableStack,
): Promise<Parts> {
  const { streams } = project;
  const roles: ReadonlySet<Role> = new Set(config.roles);
  const folder = await lockDataFolder(config.dataFolder);
  opened.defer(() => folder.release());

  const recent = new RecentFreshness();
  // Metrics come first since the parts report to them, and read off the parts at a scrape, when all are there.
  const late: { sample: () => readonly StreamSample[]; cacheBytes: () => number } = {
    sample: () => [],
    cacheBytes: () => 0,
  };
  const metrics = createMetrics({
    process: true,
    sample: () => late.sample(),
    cacheBytes: () => late.cacheBytes(),
  });
  const audit = createAudit(logger);
  const access = await openAccess(project, config, { metrics, audit, logger });
  opened.defer(() => access?.close());

  // Events can be taken without it.
  const needsStore = roles.has("load") || roles.has("serve");
  const store = needsStore ? await openStoreOf(config, folder.path, opened) : undefined;
  const clock = new GuardedClock();
  const clockFile = await openClockFile(folder.path, clock);
  opened.defer(() => clockFile.close());
  const { log, loader, locks } = await openLoad(
    { project, config, folder: folder.path, store, clock, clockFile, metrics, recent, logger },
    opened,
  );
  late.sample = () => streams.map((stream) => streamSample(stream, log, loader));
  if (roles.has("load") && store !== undefined) {
    const rejectedRetention = keepRejectedWithin({
      store,
      age: config.rejectedRetentionAge,
      bytes: config.rejectedRetentionSize,
      clock: clock.sure,
      observer: rejectedRetentionObserver(metrics, logger),
    });
    opened.defer(() => rejectedRetention.close());
  }

  // Whatever is set: a session is left for endpoints.
  const turns = new Turns(Math.min(config.sqlQueriesMax, config.queriesMax - 1));
  const asked = { project, config, metrics, audit, turns, access, logger };
  const isServed = roles.has("serve") && store !== undefined;
  const clickhouse = isServed ? await openClickHouse({ ...asked, store }) : undefined;
  const http = createServer({
    logger,
    host: config.host,
    port: config.port,
    // Without tokens it is on loopback, and these keep other sites' pages out.
    ...(access === undefined ? { hosts: [config.host] } : {}),
    crossOrigin: { origins: config.corsOrigins, refuseOthers: access === undefined },
    observer: httpObserver(metrics),
  });
  // Both at once: what is in flight at either has the same time.
  opened.defer(async () => void (await Promise.all([http.close(), clickhouse?.close()])));
  registerAccess(http.app, { tokens: access?.tokens, audit, observer: accessObserver(metrics) });
  const parts = { http, clickhouse, log, store, loader };
  const served = registerRoutes({ ...parts, turns, project, config, roles, locks, metrics, recent, audit });
  late.cacheBytes = () => served.cacheBytes();
  return { ...parts, readiness: () => served.readiness() };
}

async function openAccess(
  project: Project,
  config: Config,
  { metrics, audit, logger }: { readonly metrics: Metrics; readonly audit: Audit; readonly logger: Logger },
): Promise<Awaited<ReturnType<typeof openTokens>>> {
  const { streams, endpoints } = project;
  const access = await openTokens(config, {
    named: { streams: streams.map(({ name }) => name), endpoints: endpoints.map(({ name }) => name) },
    observer: tokensObserver(metrics, logger, (outcome) =>
      audit(SERVER, "tokens reload", config.tokensFile ?? "", outcome),
    ),
  });
  if (access === undefined && config.corsOrigins.includes("*")) {
    logger.warn("HEADRACE_CORS_ORIGINS is * and there are no tokens: any web page may use this server");
  }
  return access;
}

async function openStoreOf(config: Config, folder: string, opened: AsyncDisposableStack): Promise<Store> {
  const store = await openStore(config.storeUrl, {
    folder: join(folder, "store"),
    memory: config.storeMemory,
    readers: config.queriesMax,
  });
  opened.defer(() => store.close());
  return store;
}

/** What a scrape of the metrics reads off the log and the loader for a stream. */
function streamSample({ name }: Stream, log: Log, loader: Loader): StreamSample {
  const partitions = Array.from({ length: log.capabilities.partitions }, (_, partition) =>
    log.status(name, partition),
  );
  const load = loader.status(name);
  return {
    stream: name,
    logBytes: partitions.reduce((sum, { bytes }) => sum + bytes, 0),
    keys: partitions.reduce((sum, { keys }) => sum + keys, 0),
    keyWindow: Math.min(...partitions.map(({ keyWindow }) => keyWindow)) / SECOND,
    lagEvents: load.lagEvents,
    lagAge: load.lagAge / SECOND,
  };
}

/** After this a start that still reconciles says so, and again each time that as long has passed. Milliseconds. */
const STILL_RECONCILING = 3 * SECOND;

/** Events are taken while the loader still finds out what an earlier run left open. Gives what is ready then. */
async function startLoading({ loader, readiness }: Parts, logger: Logger): Promise<Readiness> {
  const since = performance.now();
  const timer = setInterval(() => {
    const waiting = Object.entries(readiness().streams).filter(
      ([, { load }]) => load.state === "reconciling",
    );
    const streams = Object.fromEntries(waiting.map(([stream, { load }]) => [stream, load.lag_events]));
    const seconds = Math.round((performance.now() - since) / SECOND);
    logger.info(
      { streams, seconds },
      "not ready yet: asking the store for what an earlier run may have left out",
    );
  }, STILL_RECONCILING);
  try {
    await loader.start();
  } catch (error) {
    logger.error({ reason: messageOf(error) }, "loading could not start");
  } finally {
    clearInterval(timer);
  }
  return readiness();
}

/** An endpoint that can't run is worth a line at the start, not a start that fails: the others work. */
async function warnOfBrokenEndpoints(project: Project, store: Store, logger: Logger): Promise<void> {
  try {
    const checks = await verifyEndpoints(project, store);
    for (const { endpoint, tried } of checks.filter(({ ok }) => !ok)) {
      const reason = tried.find(({ error }) => error !== undefined)?.error;
      logger.warn({ endpoint, reason }, "the endpoint doesn't pass `headrace check`");
    }
  } catch (error) {
    logger.warn({ reason: messageOf(error) }, "the endpoints could not be verified");
  }
}

async function close(opened: AsyncDisposableStack, logger: Logger): Promise<void> {
  logger.info("stopping");
  await opened.disposeAsync();
  logger.info("stopped");
}
