import type { LogBatch, Position } from "../../log/log.ts";
import { eventId } from "./event-id.ts";
import type { FieldFilter } from "./tail-filter.ts";

const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const SPACE = 0x20;

/** What was read of the log at once, cut into slices that are sent one after the other. */
export interface TailPage {
  readonly slices: readonly TailSlice[];
  /** Where the next page begins. */
  readonly next: Position;
  readonly bytes: number;
}

export function tailPage(batches: readonly LogBatch[], last: LogBatch, sliceBytes: number): TailPage {
  return {
    slices: batches.flatMap((batch) => [...slicesOf(batch, sliceBytes)]),
    next: { log: last.log, offset: last.offset + last.events.count + last.rejected.count },
    bytes: batches.reduce((sum, { events }) => sum + events.bytes.length, 0),
  };
}

/** Some events of one batch. What is made of them is made once for all clients. */
export class TailSlice {
  readonly log: string;
  /** The first event's. */
  readonly offset: number;
  readonly count: number;
  readonly #lines: Buffer;
  #frames: Buffer | undefined;
  readonly #texts = new Map<string, readonly (string | undefined)[]>();

  constructor(log: string, offset: number, count: number, lines: Buffer) {
    this.log = log;
    this.offset = offset;
    this.count = count;
    this.#lines = lines;
  }

  /** The position after its last event. */
  get end(): Position {
    return { log: this.log, offset: this.offset + this.count };
  }

  /** The server-sent events from an offset on that meet all filters, as bytes; empty when none does. */
  frames(from: number, filters: readonly FieldFilter[]): Buffer {
    const isWhole = from <= this.offset;
    if (!isWhole || filters.length > 0) return this.#build(from, filters);
    return (this.#frames ??= this.#build(from, filters));
  }

  #build(from: number, filters: readonly FieldFilter[]): Buffer {
    const texts = filters.map((filter) => ({ wanted: filter.text, found: this.#textsOf(filter) }));
    const frames: Buffer[] = [];
    for (const { index, start, end } of linesOf(this.#lines)) {
      if (this.offset + index < from) continue;
      if (texts.some(({ wanted, found }) => found[index] !== wanted)) continue;
      const head = `id: ${eventId(this.log, this.offset + index)}\ndata: `;
      frames.push(Buffer.from(head, "latin1"), this.#lines.subarray(start, end), EVENT_END);
    }
    return withoutReturns(Buffer.concat(frames));
  }

  /** The texts of a field, read once for all filters on it. */
  #textsOf({ field, read }: FieldFilter): readonly (string | undefined)[] {
    const known = this.#texts.get(field);
    if (known !== undefined) return known;
    const texts = Array.from(linesOf(this.#lines), ({ start, end }) => read(this.#lines, start, end));
    this.#texts.set(field, texts);
    return texts;
  }
}

const EVENT_END = Buffer.from("\n\n");

function* linesOf(lines: Buffer): Generator<{ index: number; start: number; end: number }> {
  let start = 0;
  for (let index = 0; start < lines.length; index++) {
    const end = lines.indexOf(NEWLINE, start);
    yield { index, start, end };
    start = end + 1;
  }
}

function* slicesOf(batch: LogBatch, sliceBytes: number): Generator<TailSlice> {
  const { bytes } = batch.events;
  let first = 0;
  let begin = 0;
  for (const { index, end } of linesOf(bytes)) {
    const isLast = end + 1 === bytes.length;
    if (!isLast && end + 1 - begin < sliceBytes) continue;
    yield new TailSlice(batch.log, batch.offset + first, index + 1 - first, bytes.subarray(begin, end + 1));
    first = index + 1;
    begin = end + 1;
  }
}

/**
 * A carriage return ends a line of server-sent events, and may stand between the tokens of an event as white space; within
 * its strings it is always escaped. The bytes are our own copy.
 */
function withoutReturns(bytes: Buffer): Buffer {
  for (let at = bytes.indexOf(CARRIAGE_RETURN); at !== -1; at = bytes.indexOf(CARRIAGE_RETURN, at + 1)) {
    bytes[at] = SPACE;
  }
  return bytes;
}
