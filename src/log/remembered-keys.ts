import { FirstInMap } from "../first-in-map.ts";

/** The idempotency keys of a stream that are remembered: those of a window of time, and a number at most. */
export class RememberedKeys<Place extends { readonly acceptedAt: number }> {
  readonly #window: number;
  readonly #count: number;
  readonly #clock: () => number;
  /** In the order of the log, so that the first is the oldest. */
  readonly #places = new FirstInMap<string, Place>();
  /** When the latest key was accepted that had to make room for a newer one. */
  #forgotten = Number.NEGATIVE_INFINITY;

  constructor(options: { window: number; count: number; clock: () => number }) {
    this.#window = options.window;
    this.#count = options.count;
    this.#clock = options.clock;
  }

  add(key: string, place: Place): void {
    // At the end even when an expired one of the same name is there.
    this.#places.put(key, place);
    this.#expire();
  }

  find(key: string): Place | undefined {
    const place = this.#places.get(key);
    if (place === undefined || this.#isOver(place)) return undefined;
    return place;
  }

  /** Forgets all, since what they stand for isn't there any more. */
  clear(): void {
    this.#places.clear();
  }

  /** Tells that what stood under a key is gone. */
  forget(key: string): void {
    const place = this.#places.get(key);
    if (place === undefined) return;
    this.#forgotten = Math.max(this.#forgotten, place.acceptedAt);
    this.#places.delete(key);
  }

  /** Tells that an entry lies elsewhere now, if it lies where `from` says. */
  move(key: string, from: (place: Place) => boolean, place: Place): void {
    const current = this.#places.get(key);
    if (current !== undefined && from(current)) this.#places.replace(key, place);
  }

  /** Whether what was accepted then can't be remembered any more. */
  isOver(lastAcceptedAt: number): boolean {
    return lastAcceptedAt + this.#window <= this.#clock();
  }

  get size(): number {
    this.#expire();
    return this.#places.size;
  }

  /** For how long a key is remembered at least, in milliseconds: less than the window when keys had to make room. */
  get realWindow(): number {
    return Math.max(0, Math.min(this.#window, this.#clock() - this.#forgotten));
  }

  #isOver(place: Place): boolean {
    return this.isOver(place.acceptedAt);
  }

  #expire(): void {
    for (let { oldest } = this.#places; oldest !== undefined; { oldest } = this.#places) {
      const place = this.#places.get(oldest.key);
      const over = place === undefined || this.#isOver(place);
      if (this.#places.size <= this.#count && !over) return;
      if (!over) this.#forgotten = place.acceptedAt;
      this.#places.delete(oldest.key);
    }
  }
}
