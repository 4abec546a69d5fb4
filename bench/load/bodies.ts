import { openSync, readSync, closeSync, fstatSync } from "node:fs";
import type { Lines } from "./job.ts";

const PASS_DIGITS = 5;
const LINE_FEED = 0x0a;
/** A field name of every event of the bench, and what takes its place in those that are to be rejected. */
const FIELD = Buffer.from('"delay":');
const SPOILED = Buffer.from('"dalay":');

/**
 * Bodies out of prepared lines, without copying them. Each is a run of lines of the file; when the file has been gone
 * through, the ids get the next pass's number, in place, so that no event is ever sent twice.
 */
export class Bodies {
  readonly #bytes: Buffer;
  readonly #starts: Int32Array;
  readonly #passOf: Int32Array;
  readonly #passAt: number;
  readonly #perBody: number;
  readonly #bodies: number;
  #next = 0;
  #pass: number;

  constructor(lines: Lines, perBody: number, pass: number, spoilEvery = 0) {
    this.#bytes = readWhole(lines.file);
    this.#starts = startsOf(this.#bytes, lines.count);
    this.#passOf = new Int32Array(lines.count);
    this.#passAt = lines.passAt;
    this.#perBody = perBody;
    this.#bodies = Math.floor(lines.count / perBody);
    if (this.#bodies === 0) throw new Error(`${lines.file} has fewer than ${perBody} lines`);
    this.#pass = pass;
    if (spoilEvery > 0) this.#spoil(spoilEvery);
  }

  /** The next body, valid until the one after a whole pass: far longer than a request takes. */
  next(): Buffer {
    if (this.#next === this.#bodies) {
      this.#next = 0;
      this.#pass++;
    }
    const first = this.#next++ * this.#perBody;
    const end = first + this.#perBody;
    if (this.#passOf[first] !== this.#pass) this.#mark(first, end);
    return this.#bytes.subarray(this.#starts[first], this.#starts[end]);
  }

  #mark(first: number, end: number): void {
    const digits = Buffer.from(String(this.#pass).padStart(PASS_DIGITS, "0"), "latin1");
    for (let line = first; line < end; line++) {
      const at = (this.#starts[line] ?? 0) + this.#passAt;
      for (let digit = 0; digit < PASS_DIGITS; digit++) this.#bytes[at + digit] = digits[digit] ?? 0;
      this.#passOf[line] = this.#pass;
    }
  }

  #spoil(every: number): void {
    for (let line = 0; line < this.#starts.length - 1; line += every) {
      const at = this.#bytes.indexOf(FIELD, this.#starts[line]);
      if (at < 0 || at >= (this.#starts[line + 1] ?? 0)) throw new Error("an event without a field to spoil");
      SPOILED.copy(this.#bytes, at);
    }
  }
}

function startsOf(bytes: Buffer, count: number): Int32Array {
  const starts = new Int32Array(count + 1);
  for (let line = 0; line < count; line++) {
    const end = bytes.indexOf(LINE_FEED, starts[line]);
    if (end < 0) throw new Error(`there are only ${line} lines of ${count}`);
    starts[line + 1] = end + 1;
  }
  return starts;
}

function readWhole(file: string): Buffer {
  const descriptor = openSync(file, "r");
  try {
    const bytes = Buffer.allocUnsafe(fstatSync(descriptor).size);
    let at = 0;
    while (at < bytes.length) {
      const read = readSync(descriptor, bytes, at, bytes.length - at, at);
      if (read === 0) throw new Error(`${file} ended early`);
      at += read;
    }
    return bytes;
  } finally {
    closeSync(descriptor);
  }
}
