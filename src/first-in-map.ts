/** Puts after which the walk is begun anew at the earliest. */
const WALK_PUTS_MIN = 16;

/**
 * A map in the order in which its keys were put, whose oldest is found at once. A Map finds it by walking past every place that was
 * deleted before it, up to half of them: with a million keys, each time one makes room, 25 µs. A walk that is kept goes on
 * where it was: under 1 µs. It is begun anew after as many puts as there are keys: as long as it stands still, V8 keeps every
 * table that the map has had since.
 */
export class FirstInMap<Key, Value> {
  readonly #entries = new Map<Key, Value>();
  /** Goes through the keys as they were put, those of later too. All before where it is are gone, but for #oldest. */
  #walk: Iterator<Key> | undefined;
  #oldest: { readonly key: Key } | undefined;
  /** Puts since the walk was begun. */
  #puts = 0;

  get size(): number {
    return this.#entries.size;
  }

  get(key: Key): Value | undefined {
    return this.#entries.get(key);
  }

  /** Puts it as the newest, also when the key is there already. */
  put(key: Key, value: Value): void {
    this.delete(key);
    this.#entries.set(key, value);
    if (++this.#puts > Math.max(WALK_PUTS_MIN, this.#entries.size)) this.#endWalk();
  }

  /** Gives a key that is there another value, and leaves it where it is. */
  replace(key: Key, value: Value): void {
    if (this.#entries.has(key)) this.#entries.set(key, value);
  }

  delete(key: Key): void {
    if (this.#oldest?.key === key) this.#oldest = undefined;
    this.#entries.delete(key);
  }

  /** The key that was put before all others, undefined when there is none. */
  get oldest(): { readonly key: Key } | undefined {
    if (this.#oldest !== undefined) return this.#oldest;
    this.#walk ??= this.#entries.keys();
    const { done, value } = this.#walk.next();
    if (done === true) this.#endWalk();
    else this.#oldest = { key: value };
    return this.#oldest;
  }

  clear(): void {
    this.#entries.clear();
    this.#endWalk();
  }

  #endWalk(): void {
    this.#walk = undefined;
    this.#oldest = undefined;
    this.#puts = 0;
  }
}
