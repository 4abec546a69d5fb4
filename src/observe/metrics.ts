import { Gauge, Registry, collectDefaultMetrics } from "prom-client";
import { Counter, Histogram } from "./tallies.ts";

/** Seconds: from a fast fsync to a slow query. */
const DURATION_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const FRESHNESS_BUCKETS = [0.05, 0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 30, 60, 300];
const ROW_BUCKETS = [1, 10, 100, 1_000, 10_000, 50_000, 100_000, 250_000, 500_000, 1_000_000];
const SIZE_BUCKETS = [1e3, 1e4, 1e5, 1e6, 4e6, 8e6, 16e6, 32e6, 64e6];

/** Every metric of the server, in one registry of its own: `docs/METRICS.md` describes them from here. */
export type Metrics = ReturnType<typeof createMetrics>;

export interface MetricsOptions {
  /** Also the runtime's own metrics: CPU, memory, event loop, file descriptors. */
  readonly process: boolean;
  /** What is read off at each scrape, a sample for each stream. */
  readonly sample: () => readonly StreamSample[];
  /** Bytes that the cache of answers keeps. */
  readonly cacheBytes: () => number;
}

/** A stream's state at a scrape. Sizes in bytes, times in seconds. */
export interface StreamSample {
  readonly stream: string;
  readonly logBytes: number;
  readonly keys: number;
  readonly keyWindow: number;
  readonly lagEvents: number;
  readonly lagAge: number;
}

export function createMetrics(options: MetricsOptions) {
  const registry = new Registry();
  const registers = [registry];
  if (options.process) collectDefaultMetrics({ register: registry });
  sampledMetrics(registers, options);
  return {
    registry,
    ...httpMetrics(registers),
    ...ingestMetrics(registers),
    ...logMetrics(registers),
    ...loadMetrics(registers),
    ...serveMetrics(registers),
  };
}

/** Gauges that are read at the scrape instead of being kept up to date. */
function sampledMetrics(registers: Registry[], { sample, cacheBytes }: MetricsOptions): void {
  const gauge = (name: string, help: string, valueOf: (sample: StreamSample) => number) =>
    new Gauge({
      name,
      help,
      labelNames: ["stream"],
      registers,
      collect() {
        for (const one of sample()) this.set({ stream: one.stream }, valueOf(one));
      },
    });
  gauge("headrace_log_bytes", "Bytes of the log on disk.", ({ logBytes }) => logBytes);
  gauge("headrace_log_keys", "Idempotency keys that are remembered.", ({ keys }) => keys);
  gauge(
    "headrace_log_key_window_seconds",
    "For how long an Idempotency-Key is remembered at least: the real window.",
    ({ keyWindow }) => keyWindow,
  );
  gauge(
    "headrace_load_lag_events",
    "Events that are accepted and not queryable yet.",
    ({ lagEvents }) => lagEvents,
  );
  gauge(
    "headrace_load_lag_seconds",
    "Age of the oldest event that is accepted and not queryable yet.",
    ({ lagAge }) => lagAge,
  );
  void new Gauge({
    name: "headrace_endpoint_cache_bytes",
    help: "Bytes of answers that the cache keeps.",
    registers,
    collect() {
      this.set(cacheBytes());
    },
  });
}

function httpMetrics(registers: Registry[]) {
  return {
    httpDuration: new Histogram({
      name: "headrace_http_request_duration_seconds",
      help: "Time of one HTTP request, by route and status code.",
      labelNames: ["method", "route", "status"],
      buckets: DURATION_BUCKETS,
      registers,
    }),
    httpRequests: new Counter({
      name: "headrace_http_requests_total",
      help: "HTTP requests, by the name of the caller's token (anyone: none was needed, or none was good) and class of status: 2xx, 4xx.",
      labelNames: ["caller", "status"],
      registers,
    }),
    accessRefused: new Counter({
      name: "headrace_access_refused_total",
      help: "Requests that were refused for their token, by error code: token_missing, token_invalid, token_expired, scope_missing, rate_limited.",
      labelNames: ["code"],
      registers,
    }),
    tokenReloads: new Counter({
      name: "headrace_tokens_reloads_total",
      help: "Times that the tokens file changed, by outcome: done, failed (the tokens from before stay in force).",
      labelNames: ["outcome"],
      registers,
    }),
  };
}

function ingestMetrics(registers: Registry[]) {
  return {
    ingestEvents: new Counter({
      name: "headrace_ingest_events_total",
      help: "Events of answered ingest requests, by outcome: accepted, rejected.",
      labelNames: ["stream", "outcome"],
      registers,
    }),
    ingestBytes: new Counter({
      name: "headrace_ingest_bytes_total",
      help: "Bytes of ingest bodies after decompression.",
      labelNames: ["stream"],
      registers,
    }),
    ingestDuration: new Histogram({
      name: "headrace_ingest_duration_seconds",
      help: "Time from the start of an ingest request to its answer, by status code.",
      labelNames: ["stream", "status"],
      buckets: DURATION_BUCKETS,
      registers,
    }),
  };
}

function logMetrics(registers: Registry[]) {
  return {
    logBatches: new Counter({
      name: "headrace_log_batches_total",
      help: "Batches that became durable.",
      labelNames: ["stream"],
      registers,
    }),
    logBytesWritten: new Counter({
      name: "headrace_log_written_bytes_total",
      help: "Bytes written to the log.",
      labelNames: ["stream"],
      registers,
    }),
    logWriteDuration: new Histogram({
      name: "headrace_log_append_duration_seconds",
      help: "Time of one write to the log; one takes all appends that wait.",
      labelNames: ["stream"],
      buckets: DURATION_BUCKETS,
      registers,
    }),
    logFailures: new Counter({
      name: "headrace_log_failures_total",
      help: "Times that a stream's log stopped taking more, or that its upkeep failed.",
      labelNames: ["stream", "kind"],
      registers,
    }),
    logSyncDuration: new Histogram({
      name: "headrace_log_fsync_duration_seconds",
      help: "Time of one sync of the log to disk; one serves all appends that wait.",
      labelNames: ["stream"],
      buckets: DURATION_BUCKETS,
      registers,
    }),
  };
}

function loadMetrics(registers: Registry[]) {
  return {
    loadEvents: new Counter({
      name: "headrace_load_events_total",
      help: "Events that the loader has dealt with, by outcome: stored, duplicate, refused.",
      labelNames: ["stream", "outcome"],
      registers,
    }),
    rejectedReplayed: new Counter({
      name: "headrace_rejected_replayed_total",
      help: "Rejected events that were tried again, by outcome: replayed, still_rejected.",
      labelNames: ["stream", "outcome"],
      registers,
    }),
    rejectedDropped: new Counter({
      name: "headrace_rejected_dropped_total",
      help: "Rejected events that retention dropped, of all streams.",
      registers,
    }),
    loadRetries: new Counter({
      name: "headrace_load_retries_total",
      help: "Times that the loader had to try a stream's insert again.",
      labelNames: ["stream"],
      registers,
    }),
    leases: new Counter({
      name: "headrace_load_leases_total",
      help: "Partitions that this process took over (taken), handed on (handed_on), or was found not to hold any more (lost), where several processes load.",
      labelNames: ["stream", "event"],
      registers,
    }),
    freshness: new Histogram({
      name: "headrace_freshness_seconds",
      help: "Time from accept to queryable, one observation for each batch.",
      labelNames: ["stream"],
      buckets: FRESHNESS_BUCKETS,
      registers,
    }),
    insertRows: new Histogram({
      name: "headrace_store_insert_rows",
      help: "Rows of one insert into the store.",
      labelNames: ["stream"],
      buckets: ROW_BUCKETS,
      registers,
    }),
    insertBytes: new Histogram({
      name: "headrace_store_insert_bytes",
      help: "Bytes of events of one insert into the store.",
      labelNames: ["stream"],
      buckets: SIZE_BUCKETS,
      registers,
    }),
    insertDuration: new Histogram({
      name: "headrace_store_insert_duration_seconds",
      help: "Time of one insert into the store.",
      labelNames: ["stream"],
      buckets: DURATION_BUCKETS,
      registers,
    }),
  };
}

function serveMetrics(registers: Registry[]) {
  return {
    tails: new Gauge({
      name: "headrace_tails",
      help: "Tails that are open.",
      labelNames: ["stream"],
      registers,
    }),
    tailsEnded: new Counter({
      name: "headrace_tails_ended_total",
      help: "Tails that ended, by reason: gone (the client went), dropped (it was too slow), draining, token_ended, failed (the log did).",
      labelNames: ["stream", "reason"],
      registers,
    }),
    endpointDuration: new Histogram({
      name: "headrace_endpoint_duration_seconds",
      help: "Time of one endpoint request, by status code and by whether the cache answered.",
      labelNames: ["endpoint", "status", "cache"],
      buckets: DURATION_BUCKETS,
      registers,
    }),
  };
}
