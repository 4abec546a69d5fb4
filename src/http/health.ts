import type { FastifyInstance } from "fastify";
import type { Registry } from "prom-client";
import type { Loader, LoadStatus } from "../load/load.ts";
import type { Log, PartitionStatus } from "../log/log.ts";
import type { Stream } from "../project/declarations.ts";
import type { Role } from "../roles.ts";
import type { StoreState } from "../store/store.ts";
import { SECOND } from "../units.ts";

export type { StoreState };

export interface HealthDeps {
  readonly streams: Iterable<Stream>;
  /** What this process does: it is ready when it can do that. */
  readonly roles: ReadonlySet<Role>;
  readonly log: Pick<Log, "status" | "capabilities">;
  readonly loader: Pick<Loader, "status" | "held">;
  /** What is known of the store. Absent: this process has none. */
  readonly store?: () => StoreState;
  /** Aborted when the server stops. */
  readonly draining: AbortSignal;
  readonly registry: Pick<Registry, "metrics" | "contentType">;
}

/**
 * `GET /livez`: 200 as long as the process answers at all. `GET /readyz`: the state of each part, 200 when work can be
 * taken, else 503. `GET /metrics`: Prometheus's text format.
 *
 * Ready means: not draining, the store answers if there is one, and for each stream what the roles of this process need: to
 * ingest, the log is writable; to load, the loader of what this process loads has reconciled. A loader that is retrying doesn't
 * count against it: what is sent is kept and will be loaded.
 * @returns What gives the body of `/readyz`.
 */
export function registerHealth(app: FastifyInstance, deps: HealthDeps): () => Readiness {
  const open = { config: { scope: "open" } } as const;
  app.get("/livez", open, (_request, reply) =>
    reply.header("cache-control", "no-store").send({ status: "live" }),
  );
  app.get("/readyz", open, (_request, reply) => {
    const body = readiness(deps);
    return reply
      .code(body.ready ? 200 : 503)
      .header("cache-control", "no-store")
      .send(body);
  });
  app.get("/metrics", { config: { scope: "metrics" } }, async (_request, reply) => {
    const text = await deps.registry.metrics();
    return reply.header("content-type", deps.registry.contentType).send(text);
  });
  return () => readiness(deps);
}

/** The body of `/readyz`. Times in seconds. */
export interface Readiness {
  readonly ready: boolean;
  readonly draining: boolean;
  readonly roles: readonly Role[];
  /** Absent: this process has none. */
  readonly store?: StoreState;
  readonly streams: Readonly<Record<string, StreamReadiness>>;
}

export interface StreamReadiness {
  readonly ready: boolean;
  readonly log: readonly LogReadiness[];
  readonly load: LoadReadiness;
}

export interface LogReadiness {
  readonly partition: number;
  readonly writable: boolean;
  /** Why it isn't. */
  readonly reason?: string;
  readonly first_offset: number;
  readonly end_offset: number;
  readonly bytes: number;
  /** Idempotency keys that are remembered, and for how long at least. */
  readonly keys: number;
  readonly key_window_seconds: number;
}

export interface LoadReadiness {
  readonly state: LoadStatus["state"];
  readonly lag_events: number;
  readonly lag_seconds: number;
  readonly reason?: string;
}

function readiness({ streams, roles, log, loader, store, draining }: HealthDeps): Readiness {
  const states: [string, StreamReadiness][] = [];
  for (const stream of streams) {
    // A stream with ids has one partition, so that one loader decides which event with an id is the first.
    const count = stream.id === undefined ? log.capabilities.partitions : 1;
    const partitions = Array.from({ length: count }, (_, partition) =>
      logReadiness(partition, log.status(stream.name, partition)),
    );
    const load = loadReadiness(loader.status(stream.name));
    const takes = !roles.has("ingest") || partitions.every(({ writable }) => writable);
    const ready = takes && (!roles.has("load") || isLoading(loader, stream.name));
    states.push([stream.name, { ready, log: partitions, load }]);
  }
  const storeState = store?.();
  return {
    ready: !draining.aborted && storeState?.ready !== false && states.every(([, { ready }]) => ready),
    draining: draining.aborted,
    roles: [...roles],
    ...(storeState === undefined ? {} : { store: storeState }),
    streams: Object.fromEntries(states),
  };
}

/** Whether this process loads what it has of the stream, which may be nothing. */
function isLoading(loader: HealthDeps["loader"], stream: string): boolean {
  const own = loader.held === undefined ? loader.status(stream) : loader.held(stream);
  return own === undefined || own.state === "running" || own.state === "retrying";
}

function logReadiness(partition: number, status: PartitionStatus): LogReadiness {
  return {
    partition,
    writable: status.writable,
    ...(status.reason === undefined ? {} : { reason: status.reason }),
    first_offset: status.first.offset,
    end_offset: status.end.offset,
    bytes: status.bytes,
    keys: status.keys,
    key_window_seconds: status.keyWindow / SECOND,
  };
}

function loadReadiness({ state, lagEvents, lagAge, reason }: LoadStatus): LoadReadiness {
  return {
    state,
    lag_events: lagEvents,
    lag_seconds: lagAge / SECOND,
    ...(reason === undefined ? {} : { reason }),
  };
}
