import { HeadraceError } from "../../errors.ts";
import { MIB } from "../../units.ts";

/** The longest row that is put together; the engine is far below it unless somebody aggregates a whole table into one value. */
export const ROW_BYTES_MAX = 256 * MIB;

const NEWLINE = 0x0a;
const QUOTE = 0x22;

/** Cuts a stream of bytes into pieces that each end with a whole row. */
export interface RowCutter {
  /** The whole rows that are complete with this chunk, or undefined when there are none yet. */
  push(chunk: Buffer): Buffer | undefined;
  /** Rows so far, headers and the like included. */
  readonly lines: number;
}

/** For formats in which each newline ends a row: JSON escapes those within values. */
export function lineCutter(): RowCutter {
  return new Cutter((chunk) => {
    let count = 0;
    for (let at = chunk.indexOf(NEWLINE); at !== -1; at = chunk.indexOf(NEWLINE, at + 1)) count++;
    return { end: chunk.lastIndexOf(NEWLINE) + 1, count };
  });
}

/** For CSV, where a newline within quotes is part of a value. A doubled quote toggles twice, which is right too. */
export function csvCutter(): RowCutter {
  let quoted = false;
  return new Cutter((chunk) => {
    let end = 0;
    let count = 0;
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at];
      if (byte === QUOTE) quoted = !quoted;
      else if (byte === NEWLINE && !quoted) {
        end = at + 1;
        count++;
      }
    }
    return { end, count };
  });
}

class Cutter implements RowCutter {
  lines = 0;
  /** The beginning of the row that isn't complete yet. */
  #begun: Buffer[] = [];
  #begunBytes = 0;
  readonly #scan: (chunk: Buffer) => { end: number; count: number };

  constructor(scan: (chunk: Buffer) => { end: number; count: number }) {
    this.#scan = scan;
  }

  push(chunk: Buffer): Buffer | undefined {
    const { end, count } = this.#scan(chunk);
    this.lines += count;
    const whole = end === 0 ? undefined : this.#join(chunk.subarray(0, end));
    if (end < chunk.length) this.#keep(chunk.subarray(end));
    return whole;
  }

  #join(rest: Buffer): Buffer {
    if (this.#begun.length === 0) return rest;
    const joined = Buffer.concat([...this.#begun, rest]);
    this.#begun = [];
    this.#begunBytes = 0;
    return joined;
  }

  #keep(part: Buffer): void {
    this.#begun.push(part);
    this.#begunBytes += part.length;
    if (this.#begunBytes > ROW_BYTES_MAX) {
      throw new HeadraceError("query_too_large", `A row of the answer is over ${ROW_BYTES_MAX / MIB} MiB`);
    }
  }
}
