/** The most keys that the objects around a place in an event may have together. */
const OPEN_KEYS_MAX = 256;
/** The most keys of one object: each is compared with those before it. */
const OBJECT_KEYS_MAX = 48;

/** The keys of the maps and JSON objects that a scan is inside of, in order to notice one that comes twice. */
export class OpenKeys {
  /** Start and end of each key, those of inner objects after those of outer ones. */
  readonly #places = new Int32Array(2 * OPEN_KEYS_MAX);
  #top = 0;

  /** Forgets what a scan that gave up has left. */
  clear(): void {
    this.#top = 0;
  }

  /** Begins an object; what it returns is for `add` and `close`. */
  open(): number {
    return this.#top;
  }

  /** Notes a key of the object; false when it has it already, or when there are too many to keep. */
  add(object: number, body: Buffer, start: number, end: number): boolean {
    const places = this.#places;
    if (this.#top >= places.length || this.#top - object >= 2 * OBJECT_KEYS_MAX) return false;
    for (let index = object; index < this.#top; index += 2) {
      const other = places[index] ?? 0;
      if ((places[index + 1] ?? 0) - other === end - start && sameBytes(body, other, start, end - start)) {
        return false;
      }
    }
    places[this.#top] = start;
    places[this.#top + 1] = end;
    this.#top += 2;
    return true;
  }

  /** Ends the object. */
  close(object: number): void {
    this.#top = object;
  }
}

function sameBytes(body: Buffer, left: number, right: number, length: number): boolean {
  for (let index = 0; index < length; index++) {
    if (body[left + index] !== body[right + index]) return false;
  }
  return true;
}
