import type { StreamSchema } from "../project/column.ts";
import type { LogObserver } from "./log.ts";

/** What every adapter of the log is opened with. */
export interface LogOptions {
  readonly streams: readonly LogStream[];
  readonly retention?: Partial<Retention>;
  /** Which idempotency keys are remembered: those of this window (milliseconds, default 24 h), and so many of a stream at most (default 1,000,000). */
  readonly keys?: { readonly window?: number; readonly count?: number };
  /** Bytes of a stream's appends that may wait. Default 64 MiB. */
  readonly queueBytes?: number;
  readonly observer?: LogObserver;
  /** Milliseconds since 1970. Default `Date.now`. */
  readonly clock?: () => number;
}

export interface LogStream {
  readonly name: string;
  readonly schema: StreamSchema;
  /** The field that names an event, if there is one: the stream has one partition then. */
  readonly id?: unknown;
}

export interface Retention {
  /** What is older than this, in milliseconds, may be dropped. Default 7 days. */
  readonly age: number;
  /** The oldest may be dropped while a stream has more bytes than this. Default 100 GiB. */
  readonly bytes: number;
}
