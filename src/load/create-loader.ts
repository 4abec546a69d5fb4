import { HeadraceError } from "../errors.ts";
import { realFileSystem, type FileSystem } from "../file-system.ts";
import type { Log } from "../log/log.ts";
import type { Stream } from "../project/declarations.ts";
import type { Store } from "../store/store.ts";
import { tableSpec } from "../store/table-spec.ts";
import { LOAD_LIMITS, type LoadLimits } from "./limits.ts";
import { ledgerFile, type LedgerFile } from "./ledger-file.ts";
import type { Loader, LoadObserver } from "./load.ts";
import { mergeStatus } from "./merge-status.ts";
import { PartitionLoader } from "./partition-loader.ts";
import { sumOfCounts } from "./sum-of-counts.ts";
import { VersionCounter } from "./version-counter.ts";
import { StreamRebuild } from "./rebuild/stream-rebuild.ts";

export interface LoaderOptions {
  readonly log: Log;
  /** Its tables, `rejectedTable` among them, are migrated already. */
  readonly store: Store;
  readonly streams: readonly Stream[];
  /** Of the ledgers: one file for each partition of a stream. Made when it isn't there. */
  readonly folder: string;
  /** Defaults in `LOAD_LIMITS`. */
  readonly limits?: Partial<LoadLimits>;
  readonly observer?: LoadObserver;
  /** Milliseconds since 1970. Default `Date.now`. */
  readonly clock?: () => number;
  /** The time that has surely come, whatever people do to the clock: the windows of ids go by it. Default `clock`. */
  readonly sure?: () => number;
  /** The disk that the ledgers are on. Default: the machine's. */
  readonly fileSystem?: FileSystem;
  /** Where a ledger is kept. Default: a file of that disk. */
  readonly ledgerFile?: (path: string) => LedgerFile;
}

/** Makes a loader of these streams; `start` sets it going. Close the log and the store only after `stop`. */
export function createLoader(options: LoaderOptions): Loader {
  const streams = new Map(options.streams.map((stream) => [stream.name, loadStream(options, stream)]));

  const all = () => [...streams.values()].flatMap(({ partitions }) => partitions);
  const find = (name: string): StreamLoader => {
    const found = streams.get(name);
    if (found === undefined) throw new HeadraceError("unknown_stream", `There is no stream ${name}`);
    return found;
  };

  const makeFolder = async (): Promise<void> => {
    try {
      await (options.fileSystem ?? realFileSystem).makeFolder(options.folder);
    } catch (cause) {
      throw new HeadraceError("data_folder_unusable", `${options.folder} can't be made`, { cause });
    }
  };

  return {
    async examine() {
      await makeFolder();
      await Promise.all(all().map((partition) => partition.examine()));
    },
    async start() {
      await makeFolder();
      await Promise.all(all().map((partition) => partition.start()));
    },
    async stop() {
      const stopping = new HeadraceError("draining", "The server is stopping: the table is as it was");
      await Promise.all([...streams.values()].map(({ rebuild }) => rebuild.cancel(stopping)));
      await Promise.all(all().map((partition) => partition.stop()));
    },
    async stored(stream, batch, timeout) {
      return find(stream).partitions[batch.partition]?.outcomes.of(batch, timeout);
    },
    async settled(stream, timeout) {
      const each = find(stream).partitions.map((partition) => partition.settled(timeout));
      return (await Promise.all(each)).every(Boolean);
    },
    async erase(stream, what, timeout) {
      const each = find(stream).partitions.map((partition) => partition.erasures.ask(what, timeout));
      return sumOfCounts(await Promise.all(each));
    },
    rebuilds: {
      plan: async (stream) => find(stream).rebuild.plan(),
      begin: async (stream, wanted) => find(stream).rebuild.begin(wanted),
      async cancel(stream) {
        const { rebuild } = find(stream);
        await rebuild.cancel();
        return rebuild.status;
      },
      status: (stream) => find(stream).rebuild.status,
    },
    version: (stream) => find(stream).version,
    status: (stream) => mergeStatus(find(stream).partitions.map((partition) => partition.status())),
  };
}

function loadStream(options: LoaderOptions, stream: Stream): StreamLoader {
  const { clock = Date.now, sure = clock, observer = {} } = options;
  const limits = { ...LOAD_LIMITS, ...options.limits };
  const version = new VersionCounter(clock);
  const visible = () => version.raise();
  const { log, store, folder } = options;
  const common = { log, store, stream, folder, limits, observer, clock, sure, visible };
  const file = options.ledgerFile ?? ((path: string) => ledgerFile(path, options.fileSystem));
  const load = (partition: number) => new PartitionLoader({ ...common, partition, ledgerFile: file });
  const first = load(0);
  const others = Array.from({ length: log.capabilities.partitions - 1 }, (_, index) => load(index + 1));
  // A log with more partitions is refused when it comes to it.
  const rebuild = new StreamRebuild({ log, store, stream, spec: tableSpec(stream), loader: first, clock });
  return {
    get version() {
      return version.now;
    },
    partitions: [first, ...others],
    rebuild,
  };
}

interface StreamLoader {
  readonly version: number;
  readonly partitions: readonly PartitionLoader[];
  readonly rebuild: StreamRebuild;
}
