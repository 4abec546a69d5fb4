import type { Lines } from "../log/log.ts";
import { KIB } from "../units.ts";
import type { MemoryShare } from "./in-flight-bytes.ts";
import { LF, LineChunks } from "./line-chunks.ts";

const SPACE = 0x20;
const NEWLINE = Buffer.from("\n");
/** Bytes between two events up to which they stay in one slice; the log needn't keep more of a producer's white space. */
const GAP_MAX = 64;
/** Bytes up to which a slice of the body is copied among rewritten lines, since many small buffers cost more than a copy. */
const COPY_MAX = 4 * KIB;

/**
 * Collects accepted events as lines for the log. Events whose bytes are taken as they came stay where they are in the
 * body: what stands between two of them (a newline, a comma, white space) is overwritten with a newline and spaces, so
 * that the whole run is one slice and nothing is copied.
 */
export class LineCollector {
  readonly #body: Buffer;
  readonly #buffers: Buffer[] = [];
  readonly #chunks: LineChunks;
  #count = 0;
  /** The run of events in the body that is open: from the first's start to the last's end; none when start is -1. */
  #runStart = -1;
  #runEnd = -1;

  /** @param body Is written to, between the events. */
  constructor(body: Buffer, memory: MemoryShare) {
    this.#body = body;
    this.#chunks = new LineChunks(this.#buffers, memory);
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
    this.#chunks.add(line);
  }

  /** Must be called when an event of the body is left out. */
  endRun(): void {
    if (this.#runStart < 0) return;
    const run = this.#body.subarray(this.#runStart, this.#runEnd);
    const terminated = this.#runEnd < this.#body.length;
    if (run.length <= COPY_MAX && this.#chunks.isOpen) this.#chunks.add(run);
    else {
      this.#chunks.flush();
      if (terminated) {
        this.#body[this.#runEnd] = LF;
        this.#buffers.push(this.#body.subarray(this.#runStart, this.#runEnd + 1));
      } else this.#buffers.push(run, NEWLINE);
    }
    this.#runStart = -1;
  }

  finish(): Lines {
    this.endRun();
    this.#chunks.flush();
    return { count: this.#count, bytes: this.#buffers };
  }
}
