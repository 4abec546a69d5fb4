import { crc32 } from "node:zlib";
import { HeadraceError, messageOf } from "../../errors.ts";
import type { Position } from "../log.ts";
import { corrupt } from "./corrupt.ts";
import {
  errorCode,
  isDiskFull,
  readFully,
  replaceFile,
  writeFully,
  type File,
  type FileSystem,
} from "../../file-system.ts";
import { CURSOR_FILE_BYTES_MAX } from "./limits.ts";

/**
 * The cursors of a stream's subscriptions: a line is added for each write (`<CRC-32 in hex> <JSON>`), the last word on
 * a subscription counts, and the file is written anew when it has grown. Commits that wait share one line and one sync.
 */
export class CursorFile {
  readonly #fileSystem: FileSystem;
  readonly #path: string;
  readonly #durable: Map<string, Position>;
  /** Being written, and to be written next. */
  #writing = new Map<string, Position>();
  #next = new Map<string, Position>();
  #scheduled: Promise<void> | undefined;
  #running: Promise<void> = Promise.resolve();
  /** The open file and where its next line goes; undefined when it must be written anew first. */
  #open: { file: File; bytes: number } | undefined;

  private constructor(fileSystem: FileSystem, path: string, cursors: Map<string, Position>) {
    this.#fileSystem = fileSystem;
    this.#path = path;
    this.#durable = cursors;
  }

  /** Reads the file, if there is one, and changes nothing. A line that was never finished is passed over. */
  static async read(fileSystem: FileSystem, path: string): Promise<CursorFile> {
    const { cursors, damagedAt } = await readCursors(fileSystem, path);
    if (damagedAt !== undefined) throw corrupt(path, damagedAt, "a line doesn't fit its checksum");
    return new CursorFile(fileSystem, path, cursors);
  }

  /** What is durable. */
  get(subscription: string): Position | undefined {
    return this.#durable.get(subscription);
  }

  has(subscription: string): boolean {
    return this.#durable.has(subscription) || this.#writing.has(subscription) || this.#next.has(subscription);
  }

  get size(): number {
    return new Set([...this.#durable.keys(), ...this.#writing.keys(), ...this.#next.keys()]).size;
  }

  /** All that a subscription may need: what is durable and what is about to be. */
  *needed(): Generator<Position> {
    yield* this.#durable.values();
    yield* this.#writing.values();
    yield* this.#next.values();
  }

  /** Durable when resolved. Rejects with `log_full` or `log_failed`; the cursor is then where it was, and may be tried again. */
  commit(subscription: string, position: Position): Promise<void> {
    this.#next.set(subscription, position);
    if (this.#scheduled === undefined) {
      this.#scheduled = this.#running.then(() => this.#flush());
      this.#running = this.#scheduled.catch(() => {});
    }
    return this.#scheduled;
  }

  /** Writes the file anew with what counts, so that what was read at the start is durable too. */
  async rewrite(map: (position: Position) => Position = (position) => position): Promise<void> {
    await this.#close();
    for (const [subscription, position] of this.#durable) this.#durable.set(subscription, map(position));
    const line = encode(this.#durable);
    await replaceFile(this.#fileSystem, this.#path, [line]);
    const file = await this.#fileSystem.open(this.#path, "write");
    this.#open = { file, bytes: line.length };
  }

  /** Resolves when the commits that were asked for are done. */
  async close(): Promise<void> {
    await this.#running;
    await this.#close();
  }

  async #flush(): Promise<void> {
    this.#scheduled = undefined;
    this.#writing = this.#next;
    this.#next = new Map();
    try {
      if (this.#open === undefined || this.#open.bytes > CURSOR_FILE_BYTES_MAX) await this.rewrite();
      await this.#add(encode(this.#writing));
      for (const [subscription, position] of this.#writing) this.#durable.set(subscription, position);
    } catch (error) {
      // The file's end is unknown now, and what a failed sync left in memory must not be trusted: begin another.
      await this.#close();
      throw new HeadraceError(
        isDiskFull(error) ? "log_full" : "log_failed",
        `a cursor can't be written to ${this.#path}: ${messageOf(error)}`,
        { cause: error },
      );
    } finally {
      this.#writing = new Map();
    }
  }

  async #add(line: Buffer): Promise<void> {
    const open = this.#open;
    if (open === undefined) return;
    await writeFully(open.file, [line], open.bytes);
    await open.file.sync();
    open.bytes += line.length;
  }

  async #close(): Promise<void> {
    const file = this.#open?.file;
    this.#open = undefined;
    await file?.close().catch(() => {});
  }
}

/**
 * The cursors that the whole lines of a file say, none without a file, and where its first damaged line begins. A line at the end
 * that was never finished isn't damage.
 */
export async function readCursors(
  fileSystem: FileSystem,
  path: string,
): Promise<{ readonly cursors: Map<string, Position>; readonly damagedAt: number | undefined }> {
  const cursors = new Map<string, Position>();
  const text = await readText(fileSystem, path);
  let damagedAt: number | undefined;
  for (let at = 0; at < text.length;) {
    const newline = text.indexOf(0x0a, at);
    const end = newline < 0 ? text.length : newline;
    const line = newline < 0 ? undefined : decode(text.toString("utf8", at, end));
    if (line === undefined && end < text.length - 1) damagedAt ??= at;
    for (const { subscription, log, offset } of line ?? []) cursors.set(subscription, { log, offset });
    at = end + 1;
  }
  return { cursors, damagedAt };
}

async function readText(fileSystem: FileSystem, path: string): Promise<Buffer> {
  let file: File;
  try {
    file = await fileSystem.open(path, "read");
  } catch (error) {
    if (errorCode(error) === "ENOENT") return Buffer.alloc(0);
    throw error;
  }
  try {
    return await readFully(file, 0, await file.size());
  } finally {
    await file.close();
  }
}

interface Cursor extends Position {
  readonly subscription: string;
}

function encode(cursors: ReadonlyMap<string, Position>): Buffer {
  const line: Cursor[] = [];
  for (const [subscription, { log, offset }] of cursors) line.push({ subscription, log, offset });
  const json = JSON.stringify(line);
  return Buffer.from(`${checksum(json)} ${json}\n`);
}

function decode(line: string): Cursor[] | undefined {
  const json = line.slice(CHECKSUM_DIGITS + 1);
  if (line.slice(0, CHECKSUM_DIGITS) !== checksum(json)) return undefined;
  // What passed the checksum is what `encode` wrote.
  return JSON.parse(json) as Cursor[];
}

const CHECKSUM_DIGITS = 8;

function checksum(text: string): string {
  return crc32(text).toString(16).padStart(CHECKSUM_DIGITS, "0");
}
