import { KIB } from "../units.ts";
import type { MemoryShare } from "./in-flight-bytes.ts";

export const LF = 0x0a;
/** Sizes of the buffers that lines are copied to: each twice the last. */
const CHUNK_MIN = KIB;
const CHUNK_MAX = 256 * KIB;
const EMPTY = Buffer.alloc(0);

/** Copies lines together, so that many of them are few buffers. */
export class LineChunks {
  readonly #into: Buffer[];
  readonly #memory: MemoryShare;
  #chunk: Buffer = EMPTY;
  #from = 0;
  #to = 0;

  /** @param into Gets the buffers, each when it is full or flushed. */
  constructor(into: Buffer[], memory: MemoryShare) {
    this.#into = into;
    this.#memory = memory;
  }

  /** Whether there are lines that aren't flushed. */
  get isOpen(): boolean {
    return this.#to > this.#from;
  }

  /** Takes a line without its newline. */
  add(line: Buffer): void {
    const needed = line.length + 1;
    if (this.#to + needed > this.#chunk.length) this.#next(needed);
    line.copy(this.#chunk, this.#to);
    this.#chunk[this.#to + line.length] = LF;
    this.#to += needed;
  }

  /** Hands over what was added. */
  flush(): void {
    if (this.isOpen) this.#into.push(this.#chunk.subarray(this.#from, this.#to));
    this.#from = this.#to;
  }

  #next(needed: number): void {
    this.flush();
    const size = Math.min(Math.max(CHUNK_MIN, this.#chunk.length * 2), CHUNK_MAX);
    this.#chunk = Buffer.allocUnsafeSlow(Math.max(size, needed));
    this.#memory.take(this.#chunk.length);
    this.#from = 0;
    this.#to = 0;
  }
}
