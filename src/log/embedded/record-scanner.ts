import { readFully, type File } from "../../file-system.ts";
import { decodeRecordHeader, RECORD_HEADER_BYTES, recordBytes, type RecordHeader } from "../record/record.ts";

/** A record that lies whole in `buffer`, from `at`; its body is not checked yet. */
export interface FoundRecord {
  readonly header: RecordHeader;
  /** Where in the segment it begins. */
  readonly position: number;
  readonly buffer: Buffer;
  readonly at: number;
}

/**
 * Walks a segment from record to record, a piece at a time. `peek` gives the record at `position` without waiting;
 * when it gives none, `fill` reads on, and is false when there is no whole record at `position`.
 */
export class RecordScanner {
  readonly #file: File;
  readonly #seed: number;
  readonly #chunkBytes: number;
  #to: number;
  #buffer: Buffer = Buffer.alloc(0);
  #bufferAt: number;
  #position: number;

  constructor(file: File, seed: number, range: { from: number; to: number }, chunkBytes: number) {
    this.#file = file;
    this.#seed = seed;
    this.#chunkBytes = chunkBytes;
    this.#to = range.to;
    this.#bufferAt = range.from;
    this.#position = range.from;
  }

  get position(): number {
    return this.#position;
  }

  peek(): FoundRecord | undefined {
    const at = this.#position - this.#bufferAt;
    const header = decodeRecordHeader(this.#buffer, this.#seed, at);
    if (header === undefined || at + recordBytes(header) > this.#buffer.length) return undefined;
    return { header, position: this.#position, buffer: this.#buffer, at };
  }

  advance(record: FoundRecord): void {
    this.#position = record.position + recordBytes(record.header);
  }

  async fill(): Promise<boolean> {
    const at = this.#position - this.#bufferAt;
    if (this.#bufferAt + this.#buffer.length >= this.#to && this.#buffer.length > 0) return false;
    const left = this.#to - this.#position;
    if (left < RECORD_HEADER_BYTES) return false;
    const header = decodeRecordHeader(this.#buffer, this.#seed, at);
    if (header === undefined && at + RECORD_HEADER_BYTES <= this.#buffer.length) return false;
    const wanted = Math.max(this.#chunkBytes, header === undefined ? 0 : recordBytes(header));
    this.#buffer = await readFully(this.#file, this.#position, Math.min(wanted, left));
    this.#bufferAt = this.#position;
    // Shorter than it was said to be: what isn't there can't be read again and again.
    if (this.#buffer.length < Math.min(wanted, left)) this.#to = this.#bufferAt + this.#buffer.length;
    return this.#buffer.length >= RECORD_HEADER_BYTES;
  }
}
