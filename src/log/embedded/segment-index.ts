import { INDEX_INTERVAL_BYTES } from "./limits.ts";

/** Where in a segment an offset lies, roughly: an entry for each 64 KiB, rising in both. */
export class SegmentIndex {
  readonly #offsets: number[] = [];
  readonly #positions: number[] = [];

  /** Tells of the record at a position; most are not worth an entry. */
  note(offset: number, position: number): void {
    const last = this.#positions.at(-1);
    if (last === undefined || position >= last + INDEX_INTERVAL_BYTES) {
      this.#offsets.push(offset);
      this.#positions.push(position);
    }
  }

  /** The position of a record at or before the one that holds the offset; undefined when the index is empty. */
  before(offset: number): number | undefined {
    let low = 0;
    let high = this.#offsets.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#offsets[middle] ?? 0) <= offset) low = middle + 1;
      else high = middle;
    }
    return this.#positions[Math.max(low - 1, 0)];
  }

  *entries(): Generator<readonly [offset: number, position: number]> {
    for (const [index, offset] of this.#offsets.entries()) {
      yield [offset, this.#positions[index] ?? 0];
    }
  }
}
