import { HeadraceError } from "../../errors.ts";
import type { Log } from "../../log/log.ts";
import type { Stream } from "../../project/declarations.ts";
import type { Store } from "../../store/store.ts";
import { SECOND } from "../../units.ts";
import type { Calls } from "../calls.ts";
import type { Ledgers } from "../ledgers.ts";
import type { Lease, Leases } from "../leases.ts";
import { LOAD_LIMITS, type LoadLimits } from "../limits.ts";
import type { Loader, LoadObserver } from "../load.ts";
import { mergeStatus } from "../merge-status.ts";
import { LeasedPartition } from "./leased-partition.ts";
import { PartitionView } from "./partition-view.ts";
import { eraseRemotely } from "./remote-erase.ts";
import { remoteRebuilds } from "./remote-rebuilds.ts";
import { rejectedTable } from "../../rejected/rejected-table.ts";
import { tableSpec } from "../../store/table-spec.ts";
import { sumOfCounts } from "../sum-of-counts.ts";
import { VersionCounter } from "../version-counter.ts";

/** How long a start waits until it is known how far everything is loaded, in milliseconds. */
const START_PATIENCE = 30 * SECOND;

export interface SharedLoaderOptions {
  readonly log: Log;
  readonly streams: readonly Stream[];
  readonly leases: Leases;
  readonly ledgers: Ledgers;
  readonly calls: Calls;
  /** For processes that load; the others follow those that do. */
  readonly loads?: {
    /** Its tables, `rejectedTable` among them, are migrated already. */
    readonly store: Store;
    /** Defaults in `LOAD_LIMITS`. */
    readonly limits?: Partial<LoadLimits>;
    readonly observer?: LoadObserver;
    /** The time that has surely come, milliseconds since 1970. Default `clock`. */
    readonly sure?: () => number;
  };
  /** Milliseconds since 1970. Default `Date.now`. */
  readonly clock?: () => number;
}

/**
 * The loader of processes that share a log: what it tells of loading is followed from the ledgers and leases, whoever loads; what is to be
 * done is asked of who does. A process that loads takes its share of the partitions beside it. `stop` closes leases and ledgers too.
 */
export function createSharedLoader(options: SharedLoaderOptions): Loader {
  const { leases, ledgers, calls } = options;
  const closing = new AbortController();
  const streams = new Map(options.streams.map((stream) => [stream.name, followStream(options, stream)]));
  const find = (name: string): FollowedStream => {
    const found = streams.get(name);
    if (found === undefined) throw new HeadraceError("unknown_stream", `There is no stream ${name}`);
    return found;
  };
  const all = [...streams.values()].flatMap(({ views }) => views);
  const leased = new Set<LeasedPartition>();
  const specs = [...options.streams.map(tableSpec), rejectedTable];

  const take = (lease: Lease): void => {
    if (options.loads === undefined) return;
    const { stream, version } = find(lease.stream);
    const { store, limits, observer = {}, sure } = options.loads;
    const { log, clock = Date.now } = options;
    const one = new LeasedPartition(
      {
        log,
        store,
        stream,
        specs,
        ledgers,
        calls,
        observer,
        clock,
        sure: sure ?? clock,
        limits: { ...LOAD_LIMITS, ...limits },
        visible: () => version.raise(),
      },
      lease,
    );
    leased.add(one);
    void one.ended.finally(() => leased.delete(one));
  };

  return {
    async examine() {
      await within(START_PATIENCE, Promise.all([leases.current, ledgers.current]));
    },
    async start() {
      if (options.loads === undefined) return;
      const partitions = all.map(({ stream, partition }) => ({ stream, partition }));
      await leases.join(partitions, take);
      await Promise.all([...leased].map(({ started }) => started));
    },
    async stop() {
      closing.abort();
      await leases.close();
      for (const view of all) view.end();
      await ledgers.close();
    },
    async stored(stream, batch, timeout) {
      return find(stream).views[batch.partition]?.outcomes.of(batch, timeout);
    },
    async settled(stream, timeout) {
      const each = find(stream).views.map((view) => view.settled(timeout));
      return (await Promise.all(each)).every(Boolean);
    },
    async erase(stream, what, timeout) {
      const each = find(stream).views.map((view) => eraseRemotely(calls, view, view, what, timeout));
      return sumOfCounts(await Promise.all(each));
    },
    rebuilds: remoteRebuilds(calls, leases, closing.signal),
    version: (stream) => find(stream).version.now,
    status: (stream) => mergeStatus(find(stream).views.map((view) => view.status())),
    held: (stream) => {
      const held = [...leased].filter((one) => one.stream === stream).map((one) => one.status());
      return held.length === 0 ? undefined : mergeStatus(held);
    },
  };
}

interface FollowedStream {
  readonly stream: Stream;
  readonly views: readonly PartitionView[];
  readonly version: VersionCounter;
}

function followStream(options: SharedLoaderOptions, stream: Stream): FollowedStream {
  const { log, ledgers, leases, clock = Date.now } = options;
  const version = new VersionCounter(clock);
  // A stream with ids has one partition, so that one loader decides which event with an id is the first.
  const count = stream.id === undefined ? log.capabilities.partitions : 1;
  const common = { log, ledgers, leases, stream: stream.name, changed: () => version.raise() };
  const views = Array.from({ length: count }, (_, partition) => new PartitionView({ ...common, partition }));
  return { stream, views, version };
}

async function within(patience: number, known: Promise<unknown>): Promise<void> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    reject(new HeadraceError("log_unreachable", "NATS doesn't tell how far everything is loaded"));
  }, patience);
  try {
    await Promise.race([known, late]);
  } finally {
    clearTimeout(timer);
  }
}
