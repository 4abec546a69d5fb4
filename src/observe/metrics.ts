import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from "prom-client";

/** Seconds: from a fast fsync to a slow query. */
const DURATION_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const FRESHNESS_BUCKETS = [0.05, 0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 30, 60, 300];
const ROW_BUCKETS = [1, 10, 100, 1_000, 10_000, 50_000, 100_000, 250_000, 500_000, 1_000_000];
const SIZE_BUCKETS = [1e3, 1e4, 1e5, 1e6, 4e6, 8e6, 16e6, 32e6, 64e6];

/** Every metric of the server, in one registry of its own: `docs/METRICS.md` describes them from here. */
export type Metrics = ReturnType<typeof createMetrics>;

/** @param options.process Also the runtime's own metrics: CPU, memory, event loop, file descriptors. */
export function createMetrics(options: { readonly process: boolean }) {
  const registry = new Registry();
  const registers = [registry];
  if (options.process) collectDefaultMetrics({ register: registry });
  return {
    registry,
    ...ingestMetrics(registers),
    ...logMetrics(registers),
    ...loadMetrics(registers),
    ...serveMetrics(registers),
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
    logAppendDuration: new Histogram({
      name: "headrace_log_append_duration_seconds",
      help: "Time from an append to the moment when it is durable.",
      labelNames: ["stream"],
      buckets: DURATION_BUCKETS,
      registers,
    }),
    logSyncDuration: new Histogram({
      name: "headrace_log_fsync_duration_seconds",
      help: "Time of one sync of the log to disk; one serves all appends that wait.",
      labelNames: ["stream"],
      buckets: DURATION_BUCKETS,
      registers,
    }),
    logBytes: new Gauge({
      name: "headrace_log_bytes",
      help: "Bytes of the log on disk.",
      labelNames: ["stream"],
      registers,
    }),
    logKeys: new Gauge({
      name: "headrace_log_keys",
      help: "Idempotency keys that are remembered.",
      labelNames: ["stream"],
      registers,
    }),
    logKeyWindow: new Gauge({
      name: "headrace_log_key_window_seconds",
      help: "For how long an Idempotency-Key is remembered at least: the real window.",
      labelNames: ["stream"],
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
    loadLagEvents: new Gauge({
      name: "headrace_load_lag_events",
      help: "Events that are accepted and not queryable yet.",
      labelNames: ["stream"],
      registers,
    }),
    loadLagSeconds: new Gauge({
      name: "headrace_load_lag_seconds",
      help: "Age of the oldest event that is accepted and not queryable yet.",
      labelNames: ["stream"],
      registers,
    }),
    loadRetries: new Counter({
      name: "headrace_load_retries_total",
      help: "Times that the loader had to try a stream's insert again.",
      labelNames: ["stream"],
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
    endpointDuration: new Histogram({
      name: "headrace_endpoint_duration_seconds",
      help: "Time of one endpoint request, by status code and by whether the cache answered.",
      labelNames: ["endpoint", "status", "cache"],
      buckets: DURATION_BUCKETS,
      registers,
    }),
    cacheBytes: new Gauge({
      name: "headrace_endpoint_cache_bytes",
      help: "Bytes of answers that the cache keeps.",
      registers,
    }),
  };
}
