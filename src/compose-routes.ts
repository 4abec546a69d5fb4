import type { Audit } from "./access/audit.ts";
import { sqlLimits } from "./compose-clickhouse.ts";
import type { Config } from "./config.ts";
import { registerHealth, type Readiness } from "./http/health.ts";
import type { HttpServer } from "./http/server.ts";
import { registerIngest, type IngestStream } from "./ingest/ingest.ts";
import type { IngestLimits } from "./ingest/limits.ts";
import type { Loader } from "./load/load.ts";
import type { Log } from "./log/log.ts";
import type { Metrics } from "./observe/metrics.ts";
import { ingestObserver, replayObserver, serveObserver, tailObserver } from "./observe/observers.ts";
import type { RecentFreshness } from "./observe/recent-freshness.ts";
import { ownPackage } from "./own-package.ts";
import { compileValidator } from "./project/compile-stream.ts";
import type { Project } from "./project/declarations.ts";
import { registerReplay } from "./rejected/register-replay.ts";
import { StreamLocks } from "./rejected/stream-locks.ts";
import { registerOpenApi } from "./serve/openapi/register-openapi.ts";
import { registerEndpoints } from "./serve/register-endpoints.ts";
import { registerSql } from "./serve/sql/register-sql.ts";
import type { Turns } from "./serve/sql/turns.ts";
import { registerErase } from "./serve/streams/register-erase.ts";
import { registerRebuild } from "./serve/streams/register-rebuild.ts";
import { registerStreams } from "./serve/streams/register-streams.ts";
import { registerTail } from "./serve/tail/register-tail.ts";
import { verifyEndpoints } from "./serve/verify-endpoints.ts";
import type { Store } from "./store/store.ts";

/** What the routes are made of: the open parts, and what was declared and set. */
export interface RouteParts {
  readonly http: HttpServer;
  readonly log: Log;
  readonly store: Store;
  readonly loader: Loader;
  readonly project: Project;
  readonly config: Config;
  readonly metrics: Metrics;
  readonly recent: RecentFreshness;
  readonly audit: Audit;
  /** For SQL that anybody wrote. */
  readonly turns: Turns;
}

/** What the routes tell those who made them. */
export interface Served {
  /** Bytes of answers that the endpoints' cache holds. */
  cacheBytes(): number;
  /** The body of `/readyz`. */
  readiness(): Readiness;
}

/** Registers every route. */
export function registerRoutes(parts: RouteParts): Served {
  const limits = ingestLimits(parts.config);
  const streams: ReadonlyMap<string, IngestStream> = new Map(
    parts.project.streams.map((stream) => [
      stream.name,
      { stream, validator: compileValidator(stream, limits) },
    ]),
  );
  registerIn(parts, streams, limits);
  const served = registerOut(parts);
  registerAdmin(parts, streams);
  return served;
}

/** Events in. */
function registerIn(
  { http, log, loader, metrics }: RouteParts,
  streams: ReadonlyMap<string, IngestStream>,
  limits: IngestLimits,
): void {
  registerIngest(http.app, {
    streams,
    log,
    loader,
    limits,
    draining: http.draining,
    observer: ingestObserver(metrics),
  });
}

/** Answers out, and what tells about the server. */
function registerOut(parts: RouteParts): Served {
  const { http, log, store, loader, project, config, metrics, recent, turns } = parts;
  const { streams, endpoints } = project;
  const served = registerEndpoints(http.app, {
    endpoints,
    streams,
    store,
    versions: (stream) => loader.version(stream),
    cacheBytes: config.cacheSize,
    observer: serveObserver(metrics),
  });
  registerSql(http.app, {
    streams,
    store,
    limits: sqlLimits(config),
    turns,
  });
  registerStreams(http.app, { streams, store, log, loader, freshness: (stream) => recent.of(stream) });
  registerTail(http.app, { streams, log, draining: http.draining, observer: tailObserver(metrics) });
  registerOpenApi(http.app, {
    project,
    version: ownPackage().version,
    checks: () => verifyEndpoints(project, store),
  });
  const readiness = registerHealth(http.app, {
    streams,
    log,
    loader,
    // An embedded store is there as long as the process is; what it refuses shows in the loader's state.
    store: () => store.status?.() ?? { ready: true },
    draining: http.draining,
    registry: metrics.registry,
  });
  return { cacheBytes: () => served.cacheBytes(), readiness };
}

/** What administrators do with what is kept: replay, delete, reset, rebuild. */
function registerAdmin(
  { http, log, store, loader, project, metrics, audit }: RouteParts,
  streams: ReadonlyMap<string, IngestStream>,
): void {
  const locks = new StreamLocks();
  registerReplay(http.app, {
    streams,
    log,
    store,
    loader,
    locks,
    audit,
    observer: replayObserver(metrics),
  });
  registerErase(http.app, { streams: project.streams, store, loader, locks, audit });
  registerRebuild(http.app, { streams: project.streams, loader, locks, audit });
}

function ingestLimits(config: Config): IngestLimits {
  return {
    bodyBytesMax: config.ingestBodyMax,
    decompressedBytesMax: config.ingestDecompressedMax,
    eventBytesMax: config.ingestEventMax,
    nestingMax: config.ingestNestingMax,
    eventsMax: config.ingestEventsMax,
    inFlightBytesMax: config.ingestInFlightMax,
    lagEventsMax: config.ingestLagMax,
  };
}
