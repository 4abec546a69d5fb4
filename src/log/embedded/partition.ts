import { HeadraceError, toHeadraceError } from "../../errors.ts";
import type { StreamSchema } from "../../project/column.ts";
import type {
  Appended,
  KeyedAnswer,
  LogBatch,
  LogObserver,
  NewBatch,
  PartitionStatus,
  Position,
  ReadLimit,
} from "../log.ts";
import { Appender } from "./appender.ts";
import type { CursorFile } from "./cursor-file.ts";
import type { FileSystem } from "../../file-system.ts";
import { FullDisk } from "./full-disk.ts";
import { heal } from "./heal.ts";
import { decodeKeysOfEntries } from "../record/key-entry.ts";
import { KeyLookup } from "./key-lookup.ts";
import type { KeyIndex } from "./key-index.ts";
import { checkSubscription } from "../check-subscription.ts";
import type { Lineage } from "../lineage.ts";
import { readBatches } from "./reader.ts";
import { RECORD_HEADER_BYTES, type RecordHeader } from "../record/record.ts";
import type { Inspected } from "./recovery.ts";
import type { Retention } from "../log-options.ts";
import type { Segment } from "./segment.ts";
import { SegmentList } from "./segment-list.ts";
import { Waiters } from "../waiters.ts";

export interface PartitionOptions {
  readonly fileSystem: FileSystem;
  readonly segmentBytes: number;
  readonly queueBytes: number;
  readonly groupBytes: number;
  readonly retention: Retention;
  readonly observer: LogObserver;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
}

/** One stream's log. The port's methods are documented in log.ts. */
export class Partition {
  readonly #stream: string;
  readonly #keys: KeyIndex;
  readonly #lookup: KeyLookup;
  readonly #cursors: CursorFile;
  readonly #lineage: Lineage;
  readonly #list: SegmentList;
  readonly #appender: Appender;
  readonly #fullDisk: FullDisk;
  readonly #waiters = new Waiters();
  #closed = false;

  private constructor(
    found: Inspected,
    list: SegmentList,
    lineage: Lineage,
    keys: KeyIndex,
    options: PartitionOptions,
  ) {
    this.#stream = found.stream;
    this.#cursors = found.cursors;
    this.#list = list;
    this.#lineage = lineage;
    this.#keys = keys;
    this.#lookup = new KeyLookup(options.fileSystem, keys);
    this.#fullDisk = new FullDisk(options.fileSystem, found.folder);
    this.#appender = new Appender(
      {
        stream: found.stream,
        segmentFor: (bytes) => list.segmentFor(bytes),
        durable: (segment, header, position, keyEntries) =>
          this.#durable(segment, header, position, keyEntries),
        synced: (group) => {
          this.#fullDisk.taken();
          options.observer.synced?.(found.stream, group);
        },
        full: (bytes, reason) => this.#fullDisk.refused(bytes, reason),
        failed: (reason) => options.observer.failed?.(found.stream, reason),
      },
      options,
    );
  }

  /** Heals what was found and opens it for appending. */
  static async open(
    found: Inspected,
    schema: StreamSchema,
    keys: KeyIndex,
    options: PartitionOptions,
  ): Promise<Partition> {
    const healed = await heal(options.fileSystem, found, schema, keys);
    const torn = found.segments.at(-1);
    if (torn !== undefined && found.tornBytes > 0) {
      const lost = { file: torn.path, byte: torn.bytes, bytes: found.tornBytes };
      options.observer.recovered?.(found.stream, lost);
    }
    const list = new SegmentList(found, healed, keys, options);
    const partition = new Partition(found, list, healed.lineage, keys, options);
    partition.upkeep();
    return partition;
  }

  append(batch: NewBatch): Promise<Appended> {
    this.#checkOpen();
    const { key, eventKeys = [] } = batch;
    if (key === undefined && eventKeys.length === 0) return this.#write(batch);
    const write = (): Promise<Appended> => this.#write(batch);
    return this.#lookup.first(
      key?.key,
      eventKeys.map((each) => each.key),
      write,
    );
  }

  async #write(batch: NewBatch): Promise<Appended> {
    this.#checkOpen();
    const offset = await this.#appender.append(batch);
    return { kind: "appended", position: { log: this.#lineage.current, offset }, partition: 0 };
  }

  #durable(segment: Segment, header: RecordHeader, position: number, keyEntries: Buffer | undefined): void {
    segment.add(header, position);
    if (keyEntries !== undefined) {
      const { path } = segment;
      for (const { key, acceptedAt, at, bytes } of decodeKeysOfEntries(keyEntries, 0, keyEntries.length)) {
        this.#keys.add(key, { acceptedAt, path, at: position + RECORD_HEADER_BYTES + at, bytes });
      }
    }
    this.#waiters.wake(segment.end);
  }

  recall(key: string): Promise<KeyedAnswer | undefined> {
    this.#checkOpen();
    return this.#lookup.recall(key);
  }

  async read(from: Position, limit: ReadLimit): Promise<LogBatch[]> {
    this.#checkOpen();
    const offset = this.#lineage.resolve(from, this.#list.first);
    try {
      return await readBatches([...this.#list.segments], offset, limit);
    } catch (error) {
      // Retention may have dropped the file meanwhile.
      this.#lineage.resolve(from, this.#list.first);
      throw toHeadraceError(error, "log_failed");
    }
  }

  async wait(from: Position, signal: AbortSignal): Promise<void> {
    this.#checkOpen();
    const offset = this.#lineage.resolve(from, this.#list.first);
    if (offset < this.#list.end || signal.aborted) return;
    await this.#waiters.wait(offset, signal);
  }

  async commit(subscription: string, position: Position): Promise<void> {
    this.#checkOpen();
    if (!this.#cursors.has(subscription)) checkSubscription(subscription, this.#stream, this.#cursors.size);
    const offset = this.#lineage.resolve(position, this.#list.first);
    if (offset > this.#list.end) {
      throw new HeadraceError(
        "internal_error",
        `${subscription} can't be at offset ${offset} of ${this.#stream}: the log ends at ${this.#list.end}`,
      );
    }
    await this.#cursors.commit(subscription, this.#lineage.at(offset));
    this.#list.tidy();
  }

  async cursor(subscription: string): Promise<Position> {
    this.#checkOpen();
    const position = this.#cursors.get(subscription);
    const first = this.#list.first;
    return this.#lineage.at(position === undefined ? first : this.#lineage.resolve(position, first));
  }

  status(): PartitionStatus {
    const reason = this.#appender.failure ?? this.#fullDisk.reason;
    return {
      first: this.#lineage.at(this.#list.first),
      end: this.#lineage.at(this.#list.end),
      bytes: this.#list.bytes,
      segments: this.#list.segments.length,
      lost: this.#list.lost,
      keys: this.#keys.size,
      keyWindow: this.#keys.realWindow,
      writable: reason === undefined,
      ...(reason === undefined ? {} : { reason }),
    };
  }

  /** Closes a segment that has grown old, and drops what retention lets go. */
  upkeep(): void {
    if (this.#list.hasAged()) this.#appender.nudge();
    this.#list.tidy();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#waiters.end(this.#closedError());
    await this.#appender.idle();
    await this.#fullDisk.close();
    await this.#cursors.close();
    await this.#list.close();
  }

  #checkOpen(): void {
    if (this.#closed) throw this.#closedError();
  }

  #closedError(): HeadraceError {
    return new HeadraceError("draining", `the log of ${this.#stream} is closed`);
  }
}
