import { randomInt } from "node:crypto";
import type { TextColumn } from "../../store/text-column.ts";
import { FingerprintSet } from "./fingerprint-set.ts";

/** The window is divided into so many slices; the oldest is dropped as a whole. */
const SLICES = 8;

/** The ids that were accepted in one stretch of time. */
interface Slice {
  /** Its time over its length. */
  readonly number: number;
  readonly ids: FingerprintSet;
}

export interface IdFilterOptions {
  /** Milliseconds in which a second event with an id is a duplicate. */
  readonly window: number;
  /** Ids held in memory at most. */
  readonly idsMax: number;
  /** Ids accepted before this time (milliseconds) will not be added. */
  readonly since: number;
}

/**
 * Which ids may be stored already: "no" is certain, "perhaps" is to be looked up. A wrong "perhaps" comes once in
 * 4.3 billion / ids held, so once in 430 at 10 million. When it can't know (more ids than it may hold, or a time whose
 * slice was dropped) it says "perhaps".
 */
export class IdFilter {
  readonly #sliceLength: number;
  readonly #window: number;
  readonly #idsMax: number;
  /** So that nobody can choose ids that fall on one place of the table. */
  readonly #seed = randomInt(2 ** 32 - 1);
  /** From the oldest on. A list, since walking a map makes an object for each step of each look. */
  #slices: Slice[] = [];
  /** Ids accepted before this time (milliseconds) may be missing. */
  #forgottenUntil: number;
  #size = 0;

  constructor(options: IdFilterOptions) {
    this.#window = options.window;
    this.#idsMax = options.idsMax;
    this.#forgottenUntil = options.since;
    this.#sliceLength = Math.max(1, Math.ceil(options.window / SLICES));
  }

  /** Ids that are held. */
  get size(): number {
    return this.#size;
  }

  /** What the filter knows of the id in a column's row. */
  fingerprintAt(ids: TextColumn, row: number): number {
    return hash(ids.bytes, ids.startOf(row), ids.endOf(row), this.#seed);
  }

  /** Whether an event with this id may have been accepted within the window before `acceptedAt`. */
  mayHave(fingerprint: number, acceptedAt: number): boolean {
    const since = acceptedAt - this.#window;
    if (since < this.#forgottenUntil) return true;
    const first = this.#sliceOf(since);
    for (let index = this.#slices.length - 1; index >= 0; index--) {
      const slice = this.#slices[index];
      if (slice === undefined || slice.number < first) return false;
      if (slice.ids.has(fingerprint)) return true;
    }
    return false;
  }

  add(fingerprint: number, acceptedAt: number): void {
    if (this.#slice(this.#sliceOf(acceptedAt)).ids.add(fingerprint)) this.#size += 1;
    while (this.#size > this.#idsMax) this.#dropOldest();
  }

  /** Drops the slices that no event accepted from now on can reach. */
  rotate(now: number): void {
    const first = this.#sliceOf(now - this.#window);
    while ((this.#slices[0]?.number ?? Infinity) < first) this.#dropOldest();
  }

  #dropOldest(): void {
    const oldest = this.#slices.shift();
    if (oldest === undefined) return;
    this.#size -= oldest.ids.size;
    this.#forgottenUntil = Math.max(this.#forgottenUntil, (oldest.number + 1) * this.#sliceLength);
  }

  /** The slice with this number, which is mostly the last. */
  #slice(number: number): Slice {
    const last = this.#slices.at(-1);
    if (last?.number === number) return last;
    const found = this.#slices.find((slice) => slice.number === number);
    if (found !== undefined) return found;
    const made = { number, ids: new FingerprintSet() };
    this.#slices = [...this.#slices, made].sort((a, b) => a.number - b.number);
    return made;
  }

  #sliceOf(time: number): number {
    return Math.floor(time / this.#sliceLength);
  }
}

/** MurmurHash3 (x86, 32 bits; public domain, Austin Appleby), one byte a block. */
function hash(bytes: Buffer, start: number, end: number, seed: number): number {
  let state = seed | 0;
  for (let index = start; index < end; index++) {
    let block = Math.imul(bytes[index] ?? 0, 0xcc9e2d51);
    block = (block << 15) | (block >>> 17);
    state ^= Math.imul(block, 0x1b873593);
    state = (state << 13) | (state >>> 19);
    state = (Math.imul(state, 5) + 0xe6546b64) | 0;
  }
  state ^= end - start;
  state = Math.imul(state ^ (state >>> 16), 0x85ebca6b);
  state = Math.imul(state ^ (state >>> 13), 0xc2b2ae35);
  return (state ^ (state >>> 16)) >>> 0;
}
