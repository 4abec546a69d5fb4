import { join } from "node:path";
import { HeadraceError, toHeadraceError } from "../../errors.ts";
import type { Log } from "../log.ts";
import type { LogOptions } from "../log-options.ts";
import { isDiskFull, realFileSystem, type FileSystem } from "../../file-system.ts";
import { KeyIndex } from "./key-index.ts";
import {
  KEY_COUNT,
  KEY_WINDOW,
  QUEUE_BYTES_MAX,
  RETENTION_AGE,
  RETENTION_BYTES,
  RETENTION_INTERVAL,
} from "../limits.ts";
import { GROUP_BYTES_MAX, SEGMENT_BYTES, SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN } from "./limits.ts";
import { Partition, type PartitionOptions } from "./partition.ts";
import { inspect, type Inspected } from "./recovery.ts";
import { refuseUnfinishedSalvage } from "./unfinished-salvage.ts";

export interface EmbeddedLogOptions extends LogOptions {
  /** Made when it isn't there. Nothing else may write to it: lock the data folder first. */
  readonly folder: string;
  /** A segment is closed at this size, 4 KiB to 1 GiB. Default 64 MiB. */
  readonly segmentBytes?: number;
  /** Default: the machine's. */
  readonly fileSystem?: FileSystem;
}

/**
 * Opens the log that lives in a folder: a folder for each stream, with one partition. docs/LOG-FORMAT.md has the
 * layout and what a start does. Rejects with `log_corrupt` before anything is changed, with `log_full` and `log_failed`.
 */
export async function openEmbeddedLog(options: EmbeddedLogOptions): Promise<Log> {
  const settings = checkedSettings(options);
  const { fileSystem, clock } = settings;
  const openings = [];
  const partitions = new Map<string, Partition>();
  try {
    for (const { name, schema } of options.streams) {
      const folder = join(options.folder, name);
      await fileSystem.makeFolder(options.folder);
      await refuseUnfinishedSalvage(fileSystem, options.folder, name);
      const keys = new KeyIndex({
        window: options.keys?.window ?? KEY_WINDOW,
        count: options.keys?.count ?? KEY_COUNT,
        clock,
      });
      await fileSystem.makeFolder(folder);
      openings.push({ schema, keys, found: await inspect(fileSystem, name, folder, keys) });
    }
    settings.observer.opened?.(newestOf(openings.map(({ found }) => found)));
    // Only now, when every stream is known to be sound, is anything changed.
    for (const { found, schema, keys } of openings) {
      partitions.set(found.stream, await Partition.open(found, schema, keys, settings));
    }
    return embeddedLog(partitions);
  } catch (error) {
    await closeAll(partitions);
    throw toHeadraceError(error, isDiskFull(error) ? "log_full" : "log_failed");
  }
}

function embeddedLog(partitions: ReadonlyMap<string, Partition>): Log {
  const upkeep = setInterval(() => {
    for (const partition of partitions.values()) partition.upkeep();
  }, RETENTION_INTERVAL);
  upkeep.unref();

  const at = (stream: string, partition = 0): Partition => {
    const found = partitions.get(stream);
    if (found === undefined) throw new HeadraceError("unknown_stream", `the log has no stream ${stream}`);
    if (partition !== 0) {
      throw new HeadraceError(
        "internal_error",
        `the stream ${stream} has one partition, 0, not ${partition}`,
      );
    }
    return found;
  };
  return {
    capabilities: { replay: true, ordered: true, partitions: 1 },
    append: async (stream, batch) => at(stream).append(batch),
    recall: async (stream, key) => at(stream).recall(key),
    read: async (stream, partition, from, limit) => at(stream, partition).read(from, limit),
    wait: async (stream, partition, from, signal) => at(stream, partition).wait(from, signal),
    commit: async (stream, partition, subscription, position) =>
      at(stream, partition).commit(subscription, position),
    cursor: async (stream, partition, subscription) => at(stream, partition).cursor(subscription),
    status: (stream, partition) => at(stream, partition).status(),
    close: async () => {
      clearInterval(upkeep);
      await closeAll(partitions);
    },
  };
}

/** When the newest of what a start found was accepted. */
function newestOf(streams: readonly Inspected[]): number | undefined {
  const parts = streams.flatMap(({ segments, keyFiles }) => [...segments, ...keyFiles]);
  const newest = Math.max(0, ...parts.map(({ lastAcceptedAt }) => lastAcceptedAt));
  return newest === 0 ? undefined : newest;
}

async function closeAll(partitions: ReadonlyMap<string, Partition>): Promise<void> {
  await Promise.all([...partitions.values()].map((partition) => partition.close()));
}

function checkedSettings(options: EmbeddedLogOptions): PartitionOptions {
  const segmentBytes = options.segmentBytes ?? SEGMENT_BYTES;
  if (!(segmentBytes >= SEGMENT_BYTES_MIN && segmentBytes <= SEGMENT_BYTES_MAX)) {
    throw new HeadraceError(
      "config_invalid",
      `a segment has ${SEGMENT_BYTES_MIN} to ${SEGMENT_BYTES_MAX} bytes, not ${segmentBytes}`,
    );
  }
  const age = options.retention?.age ?? RETENTION_AGE;
  const bytes = options.retention?.bytes ?? RETENTION_BYTES;
  if (!(age > 0 && bytes > 0)) {
    throw new HeadraceError("config_invalid", `the log can't keep events for ${age} ms and ${bytes} bytes`);
  }
  return {
    fileSystem: options.fileSystem ?? realFileSystem,
    segmentBytes,
    queueBytes: options.queueBytes ?? QUEUE_BYTES_MAX,
    groupBytes: Math.min(GROUP_BYTES_MAX, segmentBytes),
    retention: { age, bytes },
    observer: options.observer ?? {},
    clock: options.clock ?? Date.now,
  };
}
