import { FirstInMap } from "../../first-in-map.ts";

/** A map that keeps a limited number of entries: the one used longest ago goes first. */
export class RecentMap<V> {
  readonly #entries = new FirstInMap<string, V>();
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  get(key: string): V | undefined {
    const value = this.#entries.get(key);
    if (value === undefined) return undefined;
    this.#entries.put(key, value);
    return value;
  }

  set(key: string, value: V): void {
    this.#entries.put(key, value);
    const { oldest, size } = this.#entries;
    if (size > this.#max && oldest !== undefined) this.#entries.delete(oldest.key);
  }
}
