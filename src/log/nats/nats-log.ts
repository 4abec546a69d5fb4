import { HeadraceError, toHeadraceError } from "../../errors.ts";
import type { Nats } from "../../nats/open-nats.ts";
import {
  KEY_COUNT,
  KEY_WINDOW,
  QUEUE_BYTES_MAX,
  RETENTION_AGE,
  RETENTION_BYTES,
  RETENTION_INTERVAL,
} from "../limits.ts";
import type { Log } from "../log.ts";
import type { LogOptions } from "../log-options.ts";
import { LOSS_PATIENCE, PAYLOAD_BYTES_MIN, REFRESH_INTERVAL } from "./limits.ts";
import type { Partition } from "./partition.ts";
import { Remembered } from "./remembered.ts";
import { StreamLog } from "./stream-log.ts";

export interface NatsLogOptions extends LogOptions {
  /** Stays open when the log is closed. Its options say how many replicas and partitions there are. */
  readonly nats: Nats;
  /** How long servers must lack what they once had until it is taken for lost, in milliseconds. Default 30 s. */
  readonly lossPatience?: number;
}

/**
 * Opens the log on NATS JetStream, and makes the streams there that aren't yet. docs/SCALE.md has the layout and what the servers
 * must be set to. Several processes may append to and read from the same one. Rejects with `log_unreachable`, `log_failed`,
 * `log_corrupt` and `config_invalid`.
 */
export async function openNatsLog(options: NatsLogOptions): Promise<Log> {
  const { nats, observer = {}, clock = Date.now } = options;
  checkPayload(nats);
  const streams = new Map<string, StreamLog>();
  try {
    const shared = {
      nats,
      remembered: await Remembered.open(nats),
      retention: {
        age: options.retention?.age ?? RETENTION_AGE,
        bytes: options.retention?.bytes ?? RETENTION_BYTES,
      },
      keys: { window: options.keys?.window ?? KEY_WINDOW, count: options.keys?.count ?? KEY_COUNT },
      queueBytes: options.queueBytes ?? QUEUE_BYTES_MAX,
      lossPatience: options.lossPatience ?? LOSS_PATIENCE,
      observer,
      clock,
    };
    for (const stream of options.streams) streams.set(stream.name, await StreamLog.open(stream, shared));
    const newest = Math.max(0, ...[...streams.values()].map((stream) => stream.newest));
    observer.opened?.(newest === 0 ? undefined : newest);
    return natsLog(streams, options);
  } catch (error) {
    await closeAll(streams);
    throw toHeadraceError(error, "log_failed");
  }
}

function natsLog(streams: ReadonlyMap<string, StreamLog>, { nats, observer = {} }: NatsLogOptions): Log {
  let closed = false;
  const upkeep = (what: (stream: StreamLog) => Promise<void>) => (): void => {
    for (const [name, stream] of streams) {
      what(stream).catch((error: unknown) => {
        const { code, message } = toHeadraceError(error);
        // That the servers don't answer is told by the status.
        if (code !== "log_unreachable") observer.upkeepFailed?.(name, message);
      });
    }
  };
  const timers = [
    setInterval(
      upkeep((stream) => stream.refresh()),
      REFRESH_INTERVAL,
    ),
    setInterval(
      upkeep((stream) => stream.tidy()),
      RETENTION_INTERVAL,
    ),
  ];
  for (const timer of timers) timer.unref();

  const streamAt = (name: string): StreamLog => {
    if (closed) throw new HeadraceError("draining", `the log of ${name} is closed`);
    const found = streams.get(name);
    if (found === undefined) throw new HeadraceError("unknown_stream", `the log has no stream ${name}`);
    return found;
  };
  const at = (name: string, partition: number): Partition => {
    const found = streamAt(name).at(partition);
    if (found === undefined) {
      throw new HeadraceError("internal_error", `the stream ${name} has no partition ${partition}`);
    }
    return found;
  };
  return {
    capabilities: { replay: true, ordered: true, partitions: nats.options.partitions },
    append: async (stream, batch) => streamAt(stream).append(batch),
    recall: async (stream, key) => streamAt(stream).recall(key),
    read: async (stream, partition, from, limit) => at(stream, partition).read(from, limit),
    wait: async (stream, partition, from, signal) => at(stream, partition).wait(from, signal),
    commit: async (stream, partition, subscription, position) =>
      at(stream, partition).commit(subscription, position),
    cursor: async (stream, partition, subscription) => at(stream, partition).cursor(subscription),
    status: (name, partition) => {
      const found = streams.get(name);
      const status = found?.at(partition)?.status();
      if (found === undefined || status === undefined) {
        throw new HeadraceError("unknown_stream", `the log has no partition ${partition} of ${name}`);
      }
      return { ...status, keys: found.keys.size, keyWindow: found.keys.realWindow };
    },
    close: async () => {
      closed = true;
      for (const timer of timers) clearInterval(timer);
      await closeAll(streams);
    },
  };
}

async function closeAll(streams: ReadonlyMap<string, StreamLog>): Promise<void> {
  await Promise.all([...streams.values()].map((stream) => stream.close()));
}

function checkPayload(nats: Nats): void {
  const payload = nats.connection.info?.max_payload ?? 0;
  if (payload < PAYLOAD_BYTES_MIN) {
    throw new HeadraceError(
      "config_invalid",
      `the NATS server takes messages of ${payload} bytes at most: set max_payload to ${PAYLOAD_BYTES_MIN} or more`,
    );
  }
}
