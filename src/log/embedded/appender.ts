import { setImmediate } from "node:timers/promises";
import { HeadraceError, messageOf } from "../../errors.ts";
import type { NewBatch } from "../log.ts";
import { isDiskFull, writeFully, type File } from "../../file-system.ts";
import { GroupPace } from "./group-pace.ts";
import { prepareBatch, type PreparedBatch } from "../record/prepared-batch.ts";
import { GroupEncoder, groupLength } from "./group.ts";
import { QUEUE_RETRY_AFTER_SECONDS } from "../limits.ts";
import type { RecordHeader } from "../record/record.ts";
import { recordBytes } from "../record/record.ts";
import type { Segment } from "./segment.ts";

/** Where the appender writes, and whom it tells. */
export interface AppendTarget {
  /** Names the stream in messages. */
  readonly stream: string;
  /** The segment to write to, after beginning a new one if this one has no room for so many bytes. */
  segmentFor(bytes: number): Promise<Segment>;
  /** A record is durable now; called in the order of the offsets, before its append resolves. */
  durable(segment: Segment, header: RecordHeader, position: number, keyEntries: Buffer | undefined): void;
  /** A whole group is durable now; durations in milliseconds. */
  synced(group: { batches: number; bytes: number; write: number; sync: number }): void;
  /** Nothing more can be appended until a restart. */
  failed(reason: string): void;
  /** A full disk refused a group of so many bytes. */
  full(bytes: number, reason: string): void;
}

export interface AppendLimits {
  /** Bytes that may wait. */
  readonly queueBytes: number;
  /** Bytes that are written together. */
  readonly groupBytes: number;
}

interface Waiting extends PreparedBatch {
  readonly resolve: (offset: number) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Group commit: the batches that wait are written at once and synced once, and then all of them are answered; the
 * next group gathers meanwhile. After a failed sync the kernel may have dropped what was to be written and call the
 * next sync a success, so that any such error ends all appending until a restart reads what is really there.
 */
export class Appender {
  readonly #target: AppendTarget;
  readonly #encoder = new GroupEncoder();
  readonly #limits: AppendLimits;
  #queue: Waiting[] = [];
  #queueBytes = 0;
  #running: Promise<void> | undefined;
  readonly #pace = new GroupPace();
  #failure: string | undefined;
  #nudged = false;

  constructor(target: AppendTarget, limits: AppendLimits) {
    this.#target = target;
    this.#limits = limits;
  }

  /** Why nothing can be appended any more, if so. */
  get failure(): string | undefined {
    return this.#failure;
  }

  /** Resolves with the batch's offset when it is durable. The buffers must not change until then. */
  append(batch: NewBatch): Promise<number> {
    if (this.#failure !== undefined) throw this.#failedError();
    const prepared = prepareBatch(batch);
    if (this.#queueBytes > 0 && this.#queueBytes + prepared.bytes > this.#limits.queueBytes) {
      throw new HeadraceError(
        "overloaded",
        `${this.#queueBytes} bytes of the stream ${this.#target.stream} wait for the disk already`,
        { retryAfterSeconds: QUEUE_RETRY_AFTER_SECONDS },
      );
    }
    return new Promise((resolve, reject) => {
      this.#queue.push({ ...prepared, resolve, reject });
      this.#queueBytes += prepared.bytes;
      this.#running ??= this.#run();
    });
  }

  /** Has the target asked for a segment between two groups, so that it can begin a new one when nothing is appended. */
  nudge(): void {
    this.#nudged = true;
    this.#running ??= this.#run();
  }

  /** Resolves when everything that was appended is answered. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  async #run(): Promise<void> {
    for (;;) {
      // Whoever was just answered, or has just arrived on a socket, joins the group.
      await setImmediate();
      const length = groupLength(this.#queue, this.#limits.groupBytes);
      const group = this.#queue.splice(0, this.#pace.begin(length));
      if (this.#nudged) await this.#answerNudge();
      if (group.length === 0) break;
      try {
        const offsets = await this.#commit(group);
        for (const [index, waiting] of group.entries()) waiting.resolve(offsets[index] ?? 0);
      } catch (error) {
        for (const waiting of group) waiting.reject(error);
      }
      for (const waiting of group) this.#queueBytes -= waiting.bytes;
      this.#pace.end();
    }
    this.#running = undefined;
  }

  async #answerNudge(): Promise<void> {
    this.#nudged = false;
    if (this.#failure !== undefined) return;
    // A failure is kept for the next append to tell; a full disk is tried again then.
    await this.#segmentFor(0).catch(() => {});
  }

  async #commit(group: readonly Waiting[]): Promise<number[]> {
    if (this.#failure !== undefined) throw this.#failedError();
    let bytes = 0;
    for (const waiting of group) bytes += waiting.bytes;
    const segment = await this.#segmentFor(bytes);
    const position = segment.bytes;
    const { buffers, headers } = this.#encoder.encode(group, {
      seed: segment.placed.seed,
      position,
      offset: segment.end,
    });
    const durations = await segment.use((file) => this.#write(file, buffers, position));
    let at = position;
    for (const [index, header] of headers.entries()) {
      const waiting = group[index];
      if (waiting !== undefined) this.#target.durable(segment, header, at, waiting.keyEntries);
      at += recordBytes(header);
    }
    this.#target.synced({ batches: group.length, bytes, ...durations });
    return headers.map((header) => header.offset);
  }

  async #segmentFor(bytes: number): Promise<Segment> {
    try {
      return await this.#target.segmentFor(bytes);
    } catch (error) {
      throw isDiskFull(error) ? this.#full(error, bytes) : this.#fail("a new segment can't be made", error);
    }
  }

  async #write(
    file: File,
    buffers: readonly Buffer[],
    position: number,
  ): Promise<{ write: number; sync: number }> {
    const began = performance.now();
    try {
      await writeFully(file, buffers, position);
    } catch (error) {
      await this.#takeBack(file, position, isDiskFull(error));
      throw isDiskFull(error) ? this.#full(error, bytesOf(buffers)) : this.#fail("a write failed", error);
    }
    const written = performance.now();
    try {
      await file.sync();
    } catch (error) {
      const failure = this.#fail("a sync failed", error);
      await this.#takeBack(file, position, false);
      throw failure;
    }
    return { write: written - began, sync: performance.now() - written };
  }

  /** Removes what was written of a group that is refused, so that it doesn't turn up after a restart. */
  async #takeBack(file: File, position: number, goesOn: boolean): Promise<void> {
    try {
      await file.truncate(position);
      await file.sync();
    } catch (error) {
      // A log that has failed has done what it could; one that is to go on must know where it ends.
      if (goesOn) throw this.#fail("what a full disk had taken can't be taken back", error);
    }
  }

  #full(cause: unknown, bytes: number): HeadraceError {
    const reason = `the disk is full: ${messageOf(cause)}`;
    this.#target.full(bytes, reason);
    return new HeadraceError("log_full", reason, { cause });
  }

  #fail(what: string, cause: unknown): HeadraceError {
    if (this.#failure === undefined) {
      this.#failure = `${what}: ${messageOf(cause)}`;
      this.#target.failed(this.#failure);
    }
    return this.#failedError(cause);
  }

  #failedError(cause?: unknown): HeadraceError {
    return new HeadraceError("log_failed", `the log of ${this.#target.stream} failed: ${this.#failure}`, {
      cause,
    });
  }
}

function bytesOf(buffers: readonly Buffer[]): number {
  return buffers.reduce((sum, buffer) => sum + buffer.length, 0);
}
