import { join } from "node:path";
import { SegmentIndex } from "./segment-index.ts";
import { encodeSegmentHeader, type PlacedHeader, type SegmentHeader } from "./segment-header.ts";
import { TEMPORARY_SUFFIX, writeFully, type File, type FileSystem } from "../../file-system.ts";
import { recordBytes, recordEnd, type RecordHeader } from "../record/record.ts";
import type { SideMeta } from "./side-file.ts";

/** One file of the log. Its figures tell of what is durable; only the appender moves them, and only for the last one. */
export class Segment {
  readonly path: string;
  readonly placed: PlacedHeader;
  readonly index = new SegmentIndex();
  readonly #fileSystem: FileSystem;
  /** Where the records end. */
  bytes: number;
  /** The offset after the last. */
  end: number;
  /** Accept times of the first record and the latest one, milliseconds. */
  firstAcceptedAt: number | undefined;
  lastAcceptedAt = 0;
  /** How many records have keys, or how many keys there are once that is known: 0 when there are none. */
  keys = 0;
  /** Whether the side file is there. */
  sealed = false;
  #file: Promise<File> | undefined;
  #users = 0;

  constructor(fileSystem: FileSystem, path: string, placed: PlacedHeader) {
    this.#fileSystem = fileSystem;
    this.path = path;
    this.placed = placed;
    this.bytes = placed.bytes;
    this.end = placed.header.base;
  }

  /** Puts a new, empty segment in place, durably, with its file held open once for the caller. */
  static async create(fileSystem: FileSystem, folder: string, header: SegmentHeader): Promise<Segment> {
    const path = segmentPath(folder, header.base);
    const temporary = `${path}${TEMPORARY_SUFFIX}`;
    const { placed, buffer } = encodeSegmentHeader(header);
    const file = await fileSystem.open(temporary, "create");
    try {
      await writeFully(file, [buffer], 0);
      await file.sync();
      await fileSystem.rename(temporary, path);
      await fileSystem.syncFolder(folder);
    } catch (error) {
      await file.close();
      throw error;
    }
    const segment = new Segment(fileSystem, path, placed);
    segment.#file = Promise.resolve(file);
    segment.#users = 1;
    return segment;
  }

  get base(): number {
    return this.placed.header.base;
  }

  get empty(): boolean {
    return this.bytes === this.placed.bytes;
  }

  /** Counts a record that is durable now. */
  add(header: RecordHeader, position: number): void {
    this.index.note(header.offset, position);
    this.bytes = position + recordBytes(header);
    this.end = recordEnd(header);
    this.firstAcceptedAt ??= header.acceptedAt;
    this.lastAcceptedAt = Math.max(this.lastAcceptedAt, header.acceptedAt);
    if (header.keyBytes > 0) this.keys += 1;
  }

  /** Takes over what the side file says, instead of reading the records. */
  restore(side: SideMeta): void {
    this.bytes = side.bytes;
    this.end = side.end;
    this.firstAcceptedAt = side.firstAcceptedAt;
    this.lastAcceptedAt = side.lastAcceptedAt;
    this.keys = side.keys;
    this.sealed = true;
  }

  /** How the segment after this one names it. An empty one is replaced, so that it is never named. */
  asPrevious(): SegmentHeader["previous"] {
    return this.empty ? this.placed.header.previous : { base: this.base, bytes: this.bytes };
  }

  /** Opens the file, or shares the open one; each hold must be released. */
  hold(): Promise<File> {
    this.#users += 1;
    this.#file ??= this.#fileSystem.open(this.path, "write");
    return this.#file;
  }

  async release(): Promise<void> {
    this.#users -= 1;
    if (this.#users > 0) return;
    const file = this.#file;
    this.#file = undefined;
    // One that could not be opened has told whoever held it.
    const opened = await file?.catch(() => undefined);
    await opened?.close();
  }

  /** Whoever holds the file can read on. */
  remove(): Promise<void> {
    return this.#fileSystem.remove(this.path);
  }

  async use<Result>(work: (file: File) => Promise<Result>): Promise<Result> {
    try {
      return await work(await this.hold());
    } finally {
      await this.release();
    }
  }
}

const NAME = /^(\d{20})\.(log|side)$/;

export function segmentPath(folder: string, base: number): string {
  return join(folder, `${String(base).padStart(20, "0")}.log`);
}

export function sidePath(folder: string, base: number): string {
  return join(folder, `${String(base).padStart(20, "0")}.side`);
}

/** What a file in a stream's folder is, by its name. */
export function parseName(name: string): { base: number; kind: "log" | "side" } | undefined {
  const match = NAME.exec(name);
  if (match === null) return undefined;
  return { base: Number(match[1]), kind: match[2] === "log" ? "log" : "side" };
}
