import type { StreamSchema } from "../project/column.ts";

/**
 * The port to the durable pub/sub between ingest and load. A stream has one or more partitions; a partition is a
 * sequence of batches; each event in it has an offset. Adapters: `embedded/`, `nats/`.
 *
 * Errors are HeadraceErrors: `log_failed`, `log_full`, `log_unreachable`, `log_corrupt`, `offset_gone`; `overloaded` when more waits than
 * may; `unknown_stream`; `draining` for every call on a closed log, and for who waits when it is closed.
 */
export interface Log {
  readonly capabilities: LogCapabilities;

  /**
   * Appends a batch: when it resolves, the whole batch is durable; when it rejects, nothing of it is or will be
   * there, except after a crash in between (then it is there whole or not at all). Batches of one partition keep the
   * order of their calls. With a key that the stream holds already, the batch's own or one of its events', nothing is
   * written, and what stands under the key comes back instead. The batch's buffers must not change until then.
   */
  append(stream: string, batch: NewBatch): Promise<Appended>;

  /** What stands under this key of a batch or of an event, if it is still remembered. */
  recall(stream: string, key: string): Promise<KeyedAnswer | undefined>;

  /**
   * Reads whole batches from the one that holds or follows `from`, in order, only what is durable; [] when there is
   * nothing yet. At least one batch comes when there is one, however large. `offset_gone` when retention dropped it.
   */
  read(stream: string, partition: number, from: Position, limit: ReadLimit): Promise<LogBatch[]>;

  /** Resolves when the partition holds something at or after `from`, or when the signal aborts. */
  wait(stream: string, partition: number, from: Position, signal: AbortSignal): Promise<void>;

  /** Where each subscription has got to: retention keeps what is at or after the furthest behind. Durable when resolved. */
  commit(stream: string, partition: number, subscription: string, position: Position): Promise<void>;

  /** The committed position of a subscription, or the partition's first when it has none. */
  cursor(stream: string, partition: number, subscription: string): Promise<Position>;

  /** The bounds and sizes of a partition, from memory: cheap enough for each scrape of the metrics. */
  status(stream: string, partition: number): PartitionStatus;

  /** Finishes what is in flight and closes. */
  close(): Promise<void>;
}

export interface LogCapabilities {
  /** A subscription can be set back. */
  readonly replay: boolean;
  /** Batches of a partition come in the order of their offsets. */
  readonly ordered: boolean;
  /** Partitions per stream. */
  readonly partitions: number;
}

/** A place in a partition: the next offset to read. Offsets of one log id are never used twice. */
export interface Position {
  /** The log's id: another one after a recovery that lost its tail, or in a new log. "" means from the very start. */
  readonly log: string;
  readonly offset: number;
}

/** A section of a batch: lines that each end in "\n", in one or more buffers. */
export interface Lines {
  readonly count: number;
  readonly bytes: readonly Buffer[];
}

export interface NewBatch {
  /** Milliseconds since 1970, UTC. */
  readonly acceptedAt: number;
  /** Accepted events: one JSON object a line, as the store loads them. */
  readonly events: Lines;
  /** Rejected events of the same request (`rejected/` has the codec). Their offsets follow those of the events. */
  readonly rejected: Lines;
  /** The idempotency key, unique within the stream, when the caller gave one. */
  readonly key?: NewKey;
  /**
   * Keys of single events, unique within the stream and the batch. They are remembered with the batch or not at all,
   * and the batch is appended only when none of them is held already.
   */
  readonly eventKeys?: readonly NewKey[];
}

export interface NewKey extends KeyedAnswer {
  readonly key: string;
}

export interface KeyedAnswer {
  /** A hash of what was sent with the key. */
  readonly bodyHash: string;
  /** The answer that the first request got, as JSON text. */
  readonly answer: string;
}

export type Appended =
  | { readonly kind: "appended"; readonly position: Position; readonly partition: number }
  | {
      readonly kind: "duplicate";
      /** What stands under the batch's key, or under the first of `seen`. */
      readonly first: KeyedAnswer;
      /** When it was for event keys: all of the batch's that the stream holds, with what stands under them. */
      readonly seen?: ReadonlyMap<string, KeyedAnswer>;
    };

export interface ReadLimit {
  /** Stop before a batch that would take the sum of bytes over this. */
  readonly bytes: number;
  /** Stop before a batch that would take the number of events over this. */
  readonly events: number;
}

/** A batch as it lies in the log. Its events have the offsets from `offset`, its rejected events those after them. */
export interface LogBatch {
  readonly log: string;
  readonly partition: number;
  readonly offset: number;
  readonly acceptedAt: number;
  readonly schema: StreamSchema;
  readonly events: { readonly count: number; readonly bytes: Buffer };
  readonly rejected: { readonly count: number; readonly bytes: Buffer };
}

/** Called by an adapter; all are optional. Must not throw. Durations are in milliseconds. */
export interface LogObserver {
  /** A start has read what is there: when the newest of it was accepted (milliseconds since 1970), if there is anything. */
  opened?(newest: number | undefined): void;
  /** A group of batches became durable with one write and one sync. */
  synced?(stream: string, group: { batches: number; bytes: number; write: number; sync: number }): void;
  /** A start cut off a torn tail: what a crash left of a group that was never acknowledged, unless the disk damaged it later. A new log id begins. */
  recovered?(stream: string, lost: { file: string; byte: number; bytes: number }): void;
  /** Servers don't have any more what they once said they had: the end of the stream's log. A new log id begins. */
  tailLost?(stream: string): void;
  /** Retention dropped this much from the beginning. */
  dropped?(stream: string, dropped: { segments: number; bytes: number }): void;
  /** The stream's log takes no more until a restart. */
  failed?(stream: string, reason: string): void;
  /** Closing or dropping a segment did not work; it is tried again. */
  upkeepFailed?(stream: string, reason: string): void;
}

export interface PartitionStatus {
  /** The oldest position that is kept. */
  readonly first: Position;
  /** The position after the last durable event. */
  readonly end: Position;
  /** Bytes on disk. */
  readonly bytes: number;
  /** Pieces that it lies in: files of the embedded log, messages in JetStream. */
  readonly segments: number;
  /** Offsets between `first` and `end` that the log doesn't have any more, after damage. Absent: none. */
  readonly lost?: number;
  /** Idempotency keys that are remembered. */
  readonly keys: number;
  /** For how long a key is remembered at least, in milliseconds: the window, or less when newer keys took its room. */
  readonly keyWindow: number;
  /** False while the disk is full, and for good once a write or sync failed; `reason` then says why. */
  readonly writable: boolean;
  readonly reason?: string;
}
