import type { Logger } from "pino";
import { SECOND } from "../units.ts";
import type { Metrics } from "./metrics.ts";
import type { RecentFreshness } from "./recent-freshness.ts";

// What the parts tell of themselves, turned into metrics and log lines. The parts declare the shapes; compose.ts holds
// these against them. Durations come in milliseconds and go out in seconds.

export function httpObserver(metrics: Metrics) {
  return {
    answered(
      method: string,
      route: string | undefined,
      status: number,
      duration: number,
      caller: string | undefined,
    ) {
      metrics.httpDuration.observe({ method, route: route ?? "none", status }, duration / SECOND);
      metrics.httpRequests.inc({ caller: caller ?? "anyone", status: `${Math.floor(status / 100)}xx` });
    },
  };
}

export function accessObserver(metrics: Metrics) {
  return {
    refused(code: string) {
      metrics.accessRefused.inc({ code });
    },
  };
}

export function tokensObserver(
  metrics: Metrics,
  logger: Logger,
  audit: (outcome: "done" | "refused") => void,
) {
  return {
    reloaded(tokens: number) {
      metrics.tokenReloads.inc({ outcome: "done" });
      logger.info({ tokens }, "the tokens file changed and is in force");
      audit("done");
    },
    reloadFailed(reason: string) {
      metrics.tokenReloads.inc({ outcome: "failed" });
      logger.error({ reason }, "the tokens file can't be used; the tokens from before stay in force");
      audit("refused");
    },
    warned(warning: string) {
      logger.warn(warning);
    },
  };
}

export function ingestObserver(metrics: Metrics) {
  return {
    kept(stream: string, accepted: number, rejected: number, bytes: number) {
      metrics.ingestEvents.inc({ stream, outcome: "accepted" }, accepted);
      metrics.ingestEvents.inc({ stream, outcome: "rejected" }, rejected);
      metrics.ingestBytes.inc({ stream }, bytes);
    },
    answered(stream: string, status: number, duration: number) {
      metrics.ingestDuration.observe({ stream, status }, duration / SECOND);
    },
  };
}

export function replayObserver(metrics: Metrics) {
  return {
    replayed(stream: string, replayed: number, stillRejected: number) {
      metrics.rejectedReplayed.inc({ stream, outcome: "replayed" }, replayed);
      metrics.rejectedReplayed.inc({ stream, outcome: "still_rejected" }, stillRejected);
    },
  };
}

export function rejectedRetentionObserver(metrics: Metrics, logger: Logger) {
  return {
    dropped(events: number) {
      metrics.rejectedDropped.inc(events);
      logger.info({ events }, "retention dropped rejected events");
    },
    failed(reason: string) {
      logger.warn({ reason }, "the retention of rejected events could not be kept; it is tried again");
    },
  };
}

export function logObserver(metrics: Metrics, logger: Logger) {
  return {
    synced(stream: string, group: { batches: number; bytes: number; write: number; sync: number }) {
      metrics.logBatches.inc({ stream }, group.batches);
      metrics.logBytesWritten.inc({ stream }, group.bytes);
      metrics.logWriteDuration.observe({ stream }, group.write / SECOND);
      metrics.logSyncDuration.observe({ stream }, group.sync / SECOND);
    },
    recovered(stream: string, lost: { file: string; byte: number; bytes: number }) {
      logger.warn(
        { stream, ...lost },
        "the log had a torn tail, which was cut off: nothing of it had been acknowledged",
      );
    },
    tailLost(stream: string) {
      metrics.logFailures.inc({ stream, kind: "write" });
      logger.error(
        { stream },
        "the log's servers lost events that they had acknowledged: docs/SCALE.md says which settings keep them from that",
      );
    },
    dropped(stream: string, dropped: { segments: number; bytes: number }) {
      logger.info({ stream, ...dropped }, "retention dropped old segments of the log");
    },
    failed(stream: string, reason: string) {
      metrics.logFailures.inc({ stream, kind: "write" });
      logger.error({ stream, reason }, "the stream's log takes no more until a restart");
    },
    upkeepFailed(stream: string, reason: string) {
      metrics.logFailures.inc({ stream, kind: "upkeep" });
      logger.warn({ stream, reason }, "closing or dropping a segment of the log failed; it is tried again");
    },
  };
}

/** What the connection to NATS tells. */
export function natsObserver(logger: Logger) {
  return {
    disconnected(server: string) {
      logger.warn({ server }, "the connection to NATS is lost; the next server is tried");
    },
    reconnected(server: string) {
      logger.info({ server }, "connected to NATS again");
    },
    warned(reason: string) {
      logger.warn({ reason }, "NATS tells of an error");
    },
  };
}

export function loadObserver(metrics: Metrics, recent: RecentFreshness, logger: Logger) {
  return {
    inserted(stream: string, rows: number, bytes: number, duration: number) {
      metrics.loadEvents.inc({ stream, outcome: "stored" }, rows);
      metrics.insertRows.observe({ stream }, rows);
      metrics.insertBytes.observe({ stream }, bytes);
      metrics.insertDuration.observe({ stream }, duration / SECOND);
      logger.debug({ stream, rows, bytes, ms: Math.round(duration) }, "inserted");
    },
    duplicates(stream: string, count: number) {
      metrics.loadEvents.inc({ stream, outcome: "duplicate" }, count);
    },
    refused(stream: string, count: number) {
      metrics.loadEvents.inc({ stream, outcome: "refused" }, count);
      logger.warn({ stream, count }, "the store refused events; they are kept as rejected");
    },
    fresh(stream: string, freshness: number) {
      metrics.freshness.observe({ stream }, freshness / SECOND);
      recent.add(stream, freshness);
    },
    retrying(stream: string, reason: string, attempt: number) {
      metrics.loadRetries.inc({ stream });
      logger.warn({ stream, reason, attempt }, "loading failed and is tried again");
    },
  };
}

export function leaseObserver(metrics: Metrics, logger: Logger) {
  const count = (stream: string, event: string) => metrics.leases.inc({ stream, event });
  return {
    taken({ stream, partition }: { stream: string; partition: number }, epoch: number) {
      count(stream, "taken");
      logger.info({ stream, partition, epoch }, "this process loads the partition");
    },
    lost({ stream, partition }: { stream: string; partition: number }, reason: string) {
      count(stream, "lost");
      logger.warn({ stream, partition, reason }, "this process doesn't load the partition any more");
    },
    handedOn({ stream, partition }: { stream: string; partition: number }) {
      count(stream, "handed_on");
      logger.info({ stream, partition }, "the partition is handed on to another process");
    },
  };
}

export function tailObserver(metrics: Metrics) {
  return {
    opened(stream: string) {
      metrics.tails.inc({ stream });
    },
    ended(stream: string, end: string) {
      metrics.tails.dec({ stream });
      metrics.tailsEnded.inc({ stream, reason: end });
    },
  };
}

export function serveObserver(metrics: Metrics) {
  return {
    answered({
      endpoint,
      status,
      cache,
      duration,
    }: {
      endpoint: string;
      status: number | "cut";
      cache: string;
      duration: number;
    }) {
      metrics.endpointDuration.observe({ endpoint, status, cache }, duration / SECOND);
    },
  };
}
