import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import type { ClockFile } from "./clock-file.ts";
import type { Config } from "./config.ts";
import { HeadraceError } from "./errors.ts";
import type { GuardedClock } from "./guarded-clock.ts";
import { createLoader } from "./load/create-loader.ts";
import type { Loader } from "./load/load.ts";
import { createSharedLoader } from "./load/remote/shared-loader.ts";
import type { Log } from "./log/log.ts";
import { openLog, type OpenLogOptions } from "./log/open-log.ts";
import { connectNats } from "./nats/connect.ts";
import type { Nats } from "./nats/open-nats.ts";
import type { Metrics } from "./observe/metrics.ts";
import { leaseObserver, loadObserver, logObserver, natsObserver } from "./observe/observers.ts";
import type { RecentFreshness } from "./observe/recent-freshness.ts";
import type { Project, Stream } from "./project/declarations.ts";
import { rejectedTable } from "./rejected/rejected-table.ts";
import { StreamLocks } from "./rejected/stream-locks.ts";
import type { Store } from "./store/store.ts";
import { tableSpec } from "./store/table-spec.ts";
import { SECOND } from "./units.ts";

export interface LoadInput {
  readonly project: Project;
  readonly config: Config;
  /** The data folder. */
  readonly folder: string;
  /** Of processes that load or serve. */
  readonly store: Store | undefined;
  readonly clock: GuardedClock;
  readonly clockFile: ClockFile;
  readonly metrics: Metrics;
  readonly recent: RecentFreshness;
  readonly logger: Logger;
}

/** The log, and what brings it into the store or tells of those that do. */
export interface LoadParts {
  readonly log: Log;
  readonly loader: Loader;
  readonly locks: Pick<StreamLocks, "hold">;
}

/** Opens log and loader, the tables being as they are declared; closed with what `opened` holds. */
export async function openLoad(input: LoadInput, opened: AsyncDisposableStack): Promise<LoadParts> {
  const { config, project, logger } = input;
  const nats = await connectNats(config.logUrl, project.name, natsObserver(logger));
  if (nats === undefined) return openAlone(input, opened);
  opened.defer(() => nats.close());
  return openTogether(input, nats, opened);
}

/** For a process that has all of it: the log in its data folder. */
async function openAlone(input: LoadInput, opened: AsyncDisposableStack): Promise<LoadParts> {
  const { project, config, folder, store, clock, metrics, recent, logger } = input;
  if (store === undefined) throw new RangeError("a process with a log of its own has a store");
  const { streams } = project;
  await migrate(store, streams, logger);
  const log = await openLog(config.logUrl, logOptions(input));
  opened.defer(() => log.close());
  const loader = createLoader({
    log,
    store,
    streams,
    folder: join(folder, "ledger"),
    observer: loadObserver(metrics, recent, logger),
    sure: clock.sure,
  });
  opened.defer(() => loader.stop());
  return { log, loader, locks: new StreamLocks() };
}

/** For one of the processes that share a log on servers. */
async function openTogether(input: LoadInput, nats: Nats, opened: AsyncDisposableStack): Promise<LoadParts> {
  const { project, config, store, clock, metrics, recent, logger } = input;
  const { streams } = project;
  const log = await openLog(config.logUrl, { ...logOptions(input), nats });
  opened.defer(() => log.close());
  const into = config.roles.includes("load") ? store : undefined;
  // Only who uses it needs NATS' client.
  const { openSharedLoading } = await import("./load/nats/open-shared-loading.ts");
  const shares = await openSharedLoading(nats, {
    ttl: config.leaseTtl,
    observer: leaseObserver(metrics, logger),
    ...(into === undefined ? {} : { storeClock: () => into.clock() }),
  });
  const loader = createSharedLoader({
    ...shares,
    log,
    streams,
    ...(into === undefined
      ? {}
      : { loads: { store: into, observer: loadObserver(metrics, recent, logger), sure: clock.sure } }),
  });
  opened.defer(() => loader.stop());
  const { partitions } = log.capabilities;
  const locks = shares.locks((stream) =>
    Array.from({ length: partitions }, (_, partition) => log.status(stream, partition).end.offset),
  );
  // The tables belong to those who load: another process may be older than they are.
  if (into !== undefined) {
    await loader.examine();
    await migrateAlone(into, streams, locks, logger);
  }
  return { log, loader, locks };
}

function logOptions(input: LoadInput): OpenLogOptions {
  const { project, config, folder, clock, clockFile, metrics, logger } = input;
  return {
    folder: join(folder, "log"),
    streams: project.streams,
    segmentBytes: config.logSegmentSize,
    retention: { age: config.logRetentionAge, bytes: config.logRetentionSize },
    keys: { window: config.keyWindow, count: config.keysMax },
    clock: clock.sure,
    observer: {
      ...logObserver(metrics, logger),
      opened: (newest) => clock.startedAfter(clockFile.noted ?? newest),
    },
  };
}

/** How long a start waits before it looks again whether another process has done with the tables, in milliseconds. */
const TABLES_PAUSE = 0.5 * SECOND;

/** While nobody makes a table anew: a migration drops what rebuilds leave behind. */
async function migrateAlone(
  store: Store,
  streams: readonly Stream[],
  locks: LoadParts["locks"],
  logger: Logger,
): Promise<void> {
  const work = streams.reduceRight<() => Promise<void>>(
    (inner, { name }) =>
      () =>
        locks.hold(name, inner),
    () => migrate(store, streams, logger),
  );
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof HeadraceError) || error.code !== "stream_busy") throw error;
      if (attempt === 1)
        logger.info({ reason: error.message }, "waiting for another process's work on the tables");
    }
    await sleep(TABLES_PAUSE);
  }
}

async function migrate(store: Store, streams: readonly Stream[], logger: Logger): Promise<void> {
  const plan = await store.migrate([...streams.map(tableSpec), rejectedTable], { dryRun: false });
  for (const change of plan.changes) logger.info({ change }, "table changed");
  if (plan.refused.length > 0) {
    throw new HeadraceError("schema_change_refused", plan.refused.join("\n"), {
      details: { refused: plan.refused },
    });
  }
}
