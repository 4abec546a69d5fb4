import { randomInt } from "node:crypto";
import { FingerprintSet } from "./fingerprint-set.ts";

/** The window is divided into so many slices; the oldest is dropped as a whole. */
const SLICES = 8;

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
  readonly #slices = new Map<number, FingerprintSet>();
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

  fingerprint(id: string): number {
    return hash(id, this.#seed);
  }

  /** Whether an event with this id may have been accepted within the window before `acceptedAt`. */
  mayHave(fingerprint: number, acceptedAt: number): boolean {
    const since = acceptedAt - this.#window;
    if (since < this.#forgottenUntil) return true;
    const first = this.#sliceOf(since);
    for (const [slice, set] of this.#slices) if (slice >= first && set.has(fingerprint)) return true;
    return false;
  }

  add(fingerprint: number, acceptedAt: number): void {
    const slice = this.#sliceOf(acceptedAt);
    let set = this.#slices.get(slice);
    if (set === undefined) this.#slices.set(slice, (set = new FingerprintSet()));
    if (set.add(fingerprint)) this.#size += 1;
    while (this.#size > this.#idsMax) this.#dropOldest();
  }

  /** Drops the slices that no event accepted from now on can reach. */
  rotate(now: number): void {
    const first = this.#sliceOf(now - this.#window);
    for (const slice of this.#slices.keys()) if (slice < first) this.#drop(slice);
  }

  #dropOldest(): void {
    this.#drop(Math.min(...this.#slices.keys()));
  }

  #drop(slice: number): void {
    this.#size -= this.#slices.get(slice)?.size ?? 0;
    this.#slices.delete(slice);
    this.#forgottenUntil = Math.max(this.#forgottenUntil, (slice + 1) * this.#sliceLength);
  }

  #sliceOf(time: number): number {
    return Math.floor(time / this.#sliceLength);
  }
}

/** MurmurHash3 (x86, 32 bits; public domain, Austin Appleby) over the string's UTF-16 units, one a block. */
function hash(text: string, seed: number): number {
  let state = seed | 0;
  for (let index = 0; index < text.length; index++) {
    let block = Math.imul(text.charCodeAt(index), 0xcc9e2d51);
    block = (block << 15) | (block >>> 17);
    state ^= Math.imul(block, 0x1b873593);
    state = (state << 13) | (state >>> 19);
    state = (Math.imul(state, 5) + 0xe6546b64) | 0;
  }
  state ^= text.length;
  state = Math.imul(state ^ (state >>> 16), 0x85ebca6b);
  state = Math.imul(state ^ (state >>> 13), 0xc2b2ae35);
  return (state ^ (state >>> 16)) >>> 0;
}
