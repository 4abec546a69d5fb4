import { HeadraceError } from "../../errors.ts";
import { KIB } from "../../units.ts";
import { INGEST_LIMIT_SETTINGS } from "../limits.ts";

/**
 * Cuts a body into the bytes of its events, a slice at a time, so that the caller can let others run in between:
 *
 *     for (let count = splitter.next(); count !== SPLIT_DONE; count = splitter.next()) {
 *       for (let i = 0; i < count; i++) validate(body, splitter.ranges[2 * i], splitter.ranges[2 * i + 1]);
 *       await setImmediate();
 *     }
 *
 * A body can turn out unreadable after its first events, so nothing may be kept of it before `SPLIT_DONE`. What stands
 * between events may be overwritten up to the start of the last one that was given.
 */
export interface EventSplitter {
  /** Start and end (excluded) of each event of the last slice, without whitespace before it. Good until the call of `next` after. */
  readonly ranges: Int32Array;
  /**
   * Looks at the next slice of the body and answers how many events end in it, which can be 0, or `SPLIT_DONE` when the
   * body is at its end. Looks at SLICE_BYTES at most, each once. Throws `body_unreadable` and `body_too_large`.
   */
  next(): number;
}

export interface SplitLimits {
  /** The most events of a body. */
  readonly events: number;
}

/** The answer of `next` once the body is at its end. */
export const SPLIT_DONE = -1;

/** What one call of `next` does at most: well under a millisecond of work. */
export const SLICE_BYTES = 256 * KIB;
export const SLICE_EVENTS = 2000;

/** Ranges that there is room for at first: most bodies are one event, and so small an array takes no memory outside the heap. */
const FIRST_EVENTS = 8;

/** Collects the ranges of a slice and counts those of the body. */
export class EventRanges {
  #places = new Int32Array(2 * FIRST_EVENTS);
  readonly #eventsMax: number;
  #count = 0;
  #total = 0;

  constructor(limits: SplitLimits) {
    this.#eventsMax = limits.events;
  }

  /** Begins the next slice. */
  clear(): void {
    this.#count = 0;
  }

  /** Start and end of each; another array once there are more than it holds. */
  get places(): Int32Array {
    return this.#places;
  }

  get count(): number {
    return this.#count;
  }

  get full(): boolean {
    return this.#count === SLICE_EVENTS;
  }

  add(start: number, end: number): void {
    if (this.#total === this.#eventsMax) {
      const setting = INGEST_LIMIT_SETTINGS.eventsMax;
      throw new HeadraceError(
        "body_too_large",
        `The body has more than ${this.#eventsMax} events, the limit of one request (${setting})`,
        { details: { limit: setting, max: this.#eventsMax } },
      );
    }
    if (2 * this.#count === this.#places.length) this.#grow();
    this.#places[2 * this.#count] = start;
    this.#places[2 * this.#count + 1] = end;
    this.#count++;
    this.#total++;
  }

  #grow(): void {
    const grown = new Int32Array(2 * SLICE_EVENTS);
    grown.set(this.#places);
    this.#places = grown;
  }
}

/** Where the text begins: after a byte order mark, if there is one. */
export function textStart(body: Buffer): number {
  return body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf ? 3 : 0;
}
