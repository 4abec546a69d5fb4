import type { Audit } from "./access/audit.ts";
import { sqlLimits } from "./compose-clickhouse.ts";
import type { Config } from "./config.ts";
import { registerHealth, type Readiness } from "./http/health.ts";
import { registerElsewhere } from "./http/role-routes.ts";
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
import type { StreamLocks } from "./rejected/stream-locks.ts";
import type { Role } from "./roles.ts";
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
  /** Of processes that load or serve. */
  readonly store: Store | undefined;
  readonly loader: Loader;
  readonly roles: ReadonlySet<Role>;
  /** One replay, erasure, reset or rebuild of a stream at a time. */
  readonly locks: Pick<StreamLocks, "hold">;
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

/** Registers the routes of this process's roles; those of the others answer where to ask. */
export function registerRoutes(parts: RouteParts): Served {
  const { roles, store } = parts;
  const limits = ingestLimits(parts.config);
  const streams: ReadonlyMap<string, IngestStream> = new Map(
    parts.project.streams.map((stream) => [
      stream.name,
      { stream, validator: compileValidator(stream, limits) },
    ]),
  );
  if (roles.has("ingest")) registerIn(parts, streams, limits);
  const served = roles.has("serve") && store !== undefined ? registerOut(parts, store) : undefined;
  if (served !== undefined && store !== undefined) registerAdmin(parts, store, streams);
  registerElsewhere(parts.http.app, roles);
  return { cacheBytes: () => served?.cacheBytes() ?? 0, readiness: registerHealthOf(parts) };
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

/** Answers out. */
function registerOut(
  { http, log, loader, project, config, metrics, recent, turns }: RouteParts,
  store: Store,
): { cacheBytes(): number } {
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
  return served;
}

/** What tells about the process. */
function registerHealthOf({
  http,
  log,
  store,
  loader,
  roles,
  project,
  metrics,
}: RouteParts): () => Readiness {
  return registerHealth(http.app, {
    streams: project.streams,
    roles,
    log,
    loader,
    // An embedded store is there as long as the process is; what it refuses shows in the loader's state.
    ...(store === undefined ? {} : { store: () => store.status?.() ?? { ready: true } }),
    draining: http.draining,
    registry: metrics.registry,
  });
}

/** What administrators do with what is kept: replay, delete, reset, rebuild. */
function registerAdmin(
  { http, log, loader, project, locks, metrics, audit }: RouteParts,
  store: Store,
  streams: ReadonlyMap<string, IngestStream>,
): void {
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
