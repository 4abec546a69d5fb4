import { HeadraceError } from "../errors.ts";
import { realFileSystem, type FileSystem } from "../file-system.ts";
import type { Log } from "../log/log.ts";
import type { Stream } from "../project/declarations.ts";
import type { Store } from "../store/store.ts";
import { LOAD_LIMITS, type LoadLimits } from "./limits.ts";
import { ledgerFile, type LedgerFile } from "./ledger-file.ts";
import type { ErasedCounts, Loader, LoadObserver } from "./load.ts";
import { mergeStatus } from "./merge-status.ts";
import { PartitionLoader } from "./partition-loader.ts";

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

  return {
    async start() {
      try {
        await (options.fileSystem ?? realFileSystem).makeFolder(options.folder);
      } catch (cause) {
        throw new HeadraceError("data_folder_unusable", `${options.folder} can't be made`, { cause });
      }
      await Promise.all(all().map((partition) => partition.start()));
    },
    async stop() {
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
    version: (stream) => find(stream).version,
    status: (stream) => mergeStatus(find(stream).partitions.map((partition) => partition.status())),
  };
}

function loadStream(options: LoaderOptions, stream: Stream): StreamLoader {
  const { clock = Date.now, observer = {} } = options;
  const limits = { ...LOAD_LIMITS, ...options.limits };
  // Not a number of an earlier run either: an answer may outlive the process in somebody's cache.
  const loader: StreamLoader = { version: clock() * VERSIONS_PER_MILLISECOND, partitions: [] };
  const visible = () => {
    loader.version += 1;
  };
  const { log, store, folder } = options;
  const common = { log, store, stream, folder, limits, observer, clock, visible };
  for (let partition = 0; partition < log.capabilities.partitions; partition++) {
    const file = options.ledgerFile ?? ((path: string) => ledgerFile(path, options.fileSystem));
    loader.partitions.push(new PartitionLoader({ ...common, partition, ledgerFile: file }));
  }
  return loader;
}

/** Undefined when a partition isn't done. */
function sumOfCounts(counts: readonly (ErasedCounts | undefined)[]): ErasedCounts | undefined {
  const done = counts.filter((one) => one !== undefined);
  if (done.length < counts.length) return undefined;
  return {
    rows: done.reduce((sum, { rows }) => sum + rows, 0),
    rejected: done.reduce((sum, { rejected }) => sum + rejected, 0),
  };
}

/** More than a millisecond's inserts, and less than would leave the safe integers. */
const VERSIONS_PER_MILLISECOND = 1_000;

interface StreamLoader {
  version: number;
  readonly partitions: PartitionLoader[];
}
