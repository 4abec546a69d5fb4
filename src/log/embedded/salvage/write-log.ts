import { MIB } from "../../../units.ts";
import { realFileSystem, writeFully } from "../../../file-system.ts";
import type { StreamSchema } from "../../../project/column.ts";
import { SEGMENT_BYTES } from "../limits.ts";
import { Lineage } from "../../lineage.ts";
import { encodeRecordHeader, recordBytes, recordEnd } from "../../record/record.ts";
import { Segment } from "../segment.ts";
import type { Ended } from "../../lineage.ts";
import type { LostOffsets, SegmentHeader } from "../segment-header.ts";
import type { WholeRecord } from "./scan-segment.ts";

/** Records are written together up to so many bytes, and so many of them. */
const WRITE_BYTES = 8 * MIB;
const WRITE_RECORDS = 1_000;

/** Writes records, in the order of their offsets, into new segments: with their log ids and offsets, and with what is missing between them. */
export class LogWriter {
  readonly #stream: string;
  readonly #folder: string;
  readonly #lost: LostOffsets[] = [];
  #segment: Segment | undefined;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  /** Where in the segment the next write goes. */
  #position = 0;
  /** The offset of the first record; undefined without any. */
  first: number | undefined;
  /** The offset after the last. */
  end = 0;
  events = 0;
  rejected = 0;
  batches = 0;

  constructor(stream: string, folder: string) {
    this.#stream = stream;
    this.#folder = folder;
  }

  /** Offsets between the records that no record has. */
  get lost(): readonly LostOffsets[] {
    return this.#lost;
  }

  /** Adds a record; `segment` are the bytes of the file that it lies in, which must not change before `flush`. */
  async add(from: SegmentHeader, segment: Buffer, { header, at }: WholeRecord): Promise<void> {
    const bytes = recordBytes(header);
    const into = await this.#segmentFor(from, header.offset, bytes);
    const record = segment.subarray(at, at + bytes);
    const position = into.bytes;
    encodeRecordHeader({ ...header, groupStart: position }, into.placed.seed, record, 0);
    this.#waiting.push(record);
    this.#waitingBytes += bytes;
    into.add(header, position);
    this.first ??= header.offset;
    this.end = recordEnd(header);
    this.events += header.eventCount;
    this.rejected += header.rejectedCount;
    this.batches += 1;
    if (this.#waitingBytes >= WRITE_BYTES || this.#waiting.length >= WRITE_RECORDS) await this.flush();
  }

  async flush(): Promise<void> {
    const segment = this.#segment;
    if (segment === undefined || this.#waiting.length === 0) return;
    const [buffers, position] = [this.#waiting, this.#position];
    this.#position += this.#waitingBytes;
    this.#waiting = [];
    this.#waitingBytes = 0;
    await segment.use((file) => writeFully(file, buffers, position));
  }

  /** Ends with an empty segment of a new log id, behind the last record, or at `base` without any. `earlier` are the ids before it. */
  async finish(last: {
    readonly earlier: readonly Ended[];
    readonly log: string;
    readonly base: number;
    readonly schema: StreamSchema;
  }): Promise<Lineage> {
    await this.#close();
    if (this.first === undefined) this.end = last.base;
    const { end } = this;
    // No id ends behind what could be saved of it: the offsets from there on are the new one's.
    const ended = last.earlier.map((one) => ({ ...one, end: Math.min(one.end, end) }));
    const lineage = new Lineage(ended, last.log);
    const segment = await Segment.create(realFileSystem, this.#folder, {
      stream: this.#stream,
      log: last.log,
      base: end,
      previous: this.#segment?.asPrevious(),
      lineage: ended,
      schema: last.schema,
    });
    await segment.release();
    return lineage;
  }

  async #segmentFor(from: SegmentHeader, offset: number, bytes: number): Promise<Segment> {
    const current = this.#segment;
    const fits =
      current !== undefined &&
      offset === this.end &&
      current.placed.header.log === from.log &&
      current.placed.header.schema.fingerprint === from.schema.fingerprint &&
      current.bytes + bytes <= SEGMENT_BYTES;
    if (fits) return current;
    await this.#close();
    const lost = current !== undefined && offset > this.end ? { from: this.end, to: offset } : undefined;
    if (lost !== undefined) this.#lost.push(lost);
    this.#segment = await Segment.create(realFileSystem, this.#folder, {
      stream: this.#stream,
      log: from.log,
      base: offset,
      previous: current?.asPrevious(),
      lost,
      lineage: from.lineage,
      schema: from.schema,
    });
    this.#position = this.#segment.bytes;
    return this.#segment;
  }

  async #close(): Promise<void> {
    await this.flush();
    const segment = this.#segment;
    if (segment === undefined) return;
    await segment.use((file) => file.sync());
    await segment.release();
  }
}
