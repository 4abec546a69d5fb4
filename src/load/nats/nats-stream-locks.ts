import { randomUUID } from "node:crypto";
import { HeadraceError } from "../../errors.ts";
import { SECOND } from "../../units.ts";
import { pause } from "../backoff.ts";
import type { LatestValues } from "./latest-values.ts";

/** How long a lock lasts when its holder has died, in milliseconds. */
export const LOCK_TTL = 10 * SECOND;
/** How long the log may take to show what the holder before had appended, in milliseconds. */
const LOG_PATIENCE = 10 * SECOND;
const LOOK_INTERVAL = 20;

export interface StreamLocksOptions {
  readonly subject: (stream: string) => string;
  /** Milliseconds. Default LOCK_TTL. */
  readonly ttl?: number;
  /** The offsets at which the partitions of a stream's log end, as far as this process has seen. */
  readonly ends: (stream: string) => readonly number[];
}

interface LockValue {
  /** "": nobody. */
  readonly owner: string;
  readonly ttl: number;
  /** Where the log ended when the last holder let go: whoever comes next must have seen that. */
  readonly ends: readonly number[];
}

/** `StreamLocks` over all processes that share a log. A holder that sleeps for longer than the lock lasts isn't kept from going on. */
export class NatsStreamLocks {
  readonly #values: LatestValues;
  readonly #options: StreamLocksOptions;

  constructor(values: LatestValues, options: StreamLocksOptions) {
    this.#values = values;
    this.#options = options;
  }

  /** @throws HeadraceError `stream_busy`, and `log_unreachable` when NATS doesn't answer. */
  async hold<Value>(stream: string, work: () => Promise<Value>): Promise<Value> {
    const { ttl = LOCK_TTL, ends } = this.#options;
    const subject = this.#options.subject(stream);
    const held = { owner: randomUUID(), ttl, ends: [] as readonly number[] };
    const before = this.#values.get(subject);
    const last = (before?.value ?? { owner: "", ttl, ends: [] }) as LockValue;
    const isHeld = before !== undefined && last.owner !== "" && performance.now() - before.seenAt <= last.ttl;
    let sequence = isHeld ? undefined : await this.#values.set(subject, held, before?.sequence ?? 0, ttl / 2);
    if (sequence === undefined) throw busy(stream);
    const renewing = setInterval(() => {
      void this.#values.set(subject, held, sequence ?? 0, ttl / 3).then(
        (renewed) => (sequence = renewed ?? sequence),
        () => {},
      );
    }, ttl / 3);
    try {
      await this.#seen(stream, last.ends);
      return await work();
    } finally {
      clearInterval(renewing);
      const free: LockValue = { owner: "", ttl, ends: ends(stream) };
      // If it can't be told, the others wait for its end.
      await this.#values.set(subject, free, sequence ?? 0, ttl / 3).catch(() => {});
    }
  }

  async #seen(stream: string, wanted: readonly number[]): Promise<void> {
    const deadline = performance.now() + LOG_PATIENCE;
    const behind = (): boolean => {
      const ends = this.#options.ends(stream);
      return wanted.some((end, partition) => (ends[partition] ?? end) < end);
    };
    while (behind() && performance.now() < deadline) {
      await pause(LOOK_INTERVAL, new AbortController().signal);
    }
  }
}

function busy(stream: string): HeadraceError {
  return new HeadraceError(
    "stream_busy",
    `A replay, erasure, reset or rebuild of ${stream} is running in some process`,
    { retryAfterSeconds: 1 },
  );
}
