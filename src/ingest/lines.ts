import type { Lines } from "../log/log.ts";
import { KIB } from "../units.ts";
import type { MemoryShare } from "./in-flight-bytes.ts";

const LF = 0x0a;
const SPACE = 0x20;
const NEWLINE = Buffer.from("\n");
/** Bytes between two events up to which they stay in one slice; the log needn't keep more of a producer's white space. */
const GAP_MAX = 64;
/** Bytes up to which a slice of the body is copied among rewritten lines, since many small buffers cost more than a copy. */
const COPY_MAX = 4 * KIB;
/** Sizes of the buffers for rewritten lines: each twice the last. */
const CHUNK_MIN = KIB;
const CHUNK_MAX = 256 * KIB;

/**
 * Collects accepted events as lines for the log. Events whose bytes are taken as they came stay where they are in the
 * body: what stands between two of them (a newline, a comma, white space) is overwritten with a newline and spaces, so
 * that the whole run is one slice and nothing is copied.
 */
export class LineCollector {
  readonly #body: Buffer;
  readonly #memory: MemoryShare;
  readonly #buffers: Buffer[] = [];
  #count = 0;
  /** The run of events in the body that is open: from the first's start to the last's end; none when start is -1. */
  #runStart = -1;
  #runEnd = -1;
  #chunk: Buffer = Buffer.alloc(0);
  #chunkFrom = 0;
  #chunkTo = 0;

  /** @param body Is written to, between the events. */
  constructor(body: Buffer, memory: MemoryShare) {
    this.#body = body;
    this.#memory = memory;
  }

  /** Takes the next event as it lies in the body. It holds no newline. */
  addRaw(start: number, end: number): void {
    this.#count += 1;
    if (this.#runStart >= 0) {
      const gap = start - this.#runEnd;
      if (gap >= 1 && gap <= GAP_MAX) {
        this.#body[this.#runEnd] = LF;
        if (gap > 1) this.#body.fill(SPACE, this.#runEnd + 1, start);
        this.#runEnd = end;
        return;
      }
      this.endRun();
    }
    this.#runStart = start;
    this.#runEnd = end;
  }

  /** Takes a line that was written for the event, without its newline. */
  addLine(line: Buffer): void {
    this.#count += 1;
    this.endRun();
    this.#copy(line);
  }

  /** Must be called when an event of the body is left out. */
  endRun(): void {
    if (this.#runStart < 0) return;
    const run = this.#body.subarray(this.#runStart, this.#runEnd);
    const terminated = this.#runEnd < this.#body.length;
    if (run.length <= COPY_MAX && this.#chunkTo > this.#chunkFrom) this.#copy(run);
    else {
      this.#flushChunk();
      if (terminated) {
        this.#body[this.#runEnd] = LF;
        this.#buffers.push(this.#body.subarray(this.#runStart, this.#runEnd + 1));
      } else this.#buffers.push(run, NEWLINE);
    }
    this.#runStart = -1;
  }

  finish(): Lines {
    this.endRun();
    this.#flushChunk();
    return { count: this.#count, bytes: this.#buffers };
  }

  #copy(line: Buffer): void {
    const needed = line.length + 1;
    if (this.#chunkTo + needed > this.#chunk.length) {
      this.#flushChunk();
      const size = Math.min(Math.max(CHUNK_MIN, this.#chunk.length * 2), CHUNK_MAX);
      this.#chunk = Buffer.allocUnsafeSlow(Math.max(size, needed));
      this.#memory.take(this.#chunk.length);
      this.#chunkFrom = 0;
      this.#chunkTo = 0;
    }
    line.copy(this.#chunk, this.#chunkTo);
    this.#chunk[this.#chunkTo + line.length] = LF;
    this.#chunkTo += needed;
  }

  #flushChunk(): void {
    if (this.#chunkTo > this.#chunkFrom) {
      this.#buffers.push(this.#chunk.subarray(this.#chunkFrom, this.#chunkTo));
    }
    this.#chunkFrom = this.#chunkTo;
  }
}
