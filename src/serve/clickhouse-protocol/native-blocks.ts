import { nativeLayout, type NativeLayout } from "./native-type.ts";

/** From this revision of the protocol on each column says whether its values are written in a way of their own. */
const REVISION_WITH_SERIALIZATION = 54454;
/** What stands before a block: fields 1 (overflows: no) and 2 (bucket: none), and the end of the fields. */
const BLOCK_INFO = Buffer.from([1, 0, 2, 0xff, 0xff, 0xff, 0xff, 0]);
const IN_NO_OTHER_WAY = Buffer.from([0]);

const OFFSET_BYTES = 8;
/** Before the dictionaries of a column: the version of how they are written. */
const DICTIONARY_PREFIX = 8;
/** In what a dictionary begins with, the size of its places: 0 to 3 for 1 to 8 bytes. */
const PLACE_SIZE_MASK = 0x3;

type Walk = Generator<void, void, void>;

/**
 * Puts into blocks of the format Native, written for no revision of the protocol, what clients of a revision expect there.
 * Everything else is passed on as it comes: memory doesn't grow with blocks.
 */
export class NativeBlocks {
  readonly #withSerialization: boolean;
  readonly #walk: Walk;
  #chunk: Buffer = Buffer.alloc(0);
  #at = 0;
  /** What of the chunk is passed on already. */
  #passed = 0;
  #out: Buffer[] = [];

  constructor(revision: number) {
    this.#withSerialization = revision >= REVISION_WITH_SERIALIZATION;
    this.#walk = this.#blocks();
  }

  /**
   * What is to be sent for these bytes.
   * @throws HeadraceError for a column that can't be followed.
   */
  push(chunk: Buffer): Buffer {
    this.#chunk = chunk;
    this.#at = 0;
    this.#passed = 0;
    this.#out = [];
    if (chunk.length > 0) this.#walk.next();
    this.#pass();
    return this.#out.length === 1 ? (this.#out[0] ?? chunk) : Buffer.concat(this.#out);
  }

  *#blocks(): Walk {
    for (;;) {
      // Only once there is something of the block.
      if (this.#at === this.#chunk.length) yield;
      this.#insert(BLOCK_INFO);
      const columns = yield* this.#varint();
      const rows = yield* this.#varint();
      for (let column = 0; column < columns; column++) {
        yield* this.#skip(yield* this.#varint());
        const type = yield* this.#text();
        if (this.#withSerialization) this.#insert(IN_NO_OTHER_WAY);
        if (rows === 0) continue;
        const layout = nativeLayout(type);
        yield* this.#skip(DICTIONARY_PREFIX * dictionariesIn(layout));
        yield* this.#values(layout, rows);
      }
    }
  }

  *#values(layout: NativeLayout, rows: number): Walk {
    if (rows === 0) return;
    switch (layout.kind) {
      case "fixed":
        yield* this.#skip(layout.size * rows);
        break;
      case "string":
        yield* this.#strings(rows);
        break;
      case "nullable":
        yield* this.#skip(rows);
        yield* this.#values(layout.inner, rows);
        break;
      case "lists": {
        yield* this.#skip(OFFSET_BYTES * (rows - 1));
        const items = yield* this.#number(OFFSET_BYTES);
        for (const inner of layout.inners) yield* this.#values(inner, items);
        break;
      }
      case "tuple":
        for (const inner of layout.inners) yield* this.#values(inner, rows);
        break;
      case "dictionary":
        yield* this.#dictionary(layout.keys);
        break;
    }
  }

  *#dictionary(layout: NativeLayout): Walk {
    const flags = yield* this.#number(OFFSET_BYTES);
    const keys = yield* this.#number(OFFSET_BYTES);
    yield* this.#values(layout, keys);
    const places = yield* this.#number(OFFSET_BYTES);
    yield* this.#skip(places * 2 ** (flags & PLACE_SIZE_MASK));
  }

  *#strings(rows: number): Walk {
    for (let row = 0; row < rows; row++) {
      const first = this.#chunk[this.#at];
      // Most are short and whole.
      if (first !== undefined && first < 0x80 && this.#at + first < this.#chunk.length) this.#at += 1 + first;
      else yield* this.#skip(yield* this.#varint());
    }
  }

  *#skip(bytes: number): Walk {
    let left = bytes;
    while (left > 0) {
      if (this.#at === this.#chunk.length) yield;
      const step = Math.min(left, this.#chunk.length - this.#at);
      this.#at += step;
      left -= step;
    }
  }

  *#byte(): Generator<void, number, void> {
    if (this.#at === this.#chunk.length) yield;
    return this.#chunk[this.#at++] ?? 0;
  }

  *#varint(): Generator<void, number, void> {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = yield* this.#byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  }

  /** Little-endian. */
  *#number(bytes: number): Generator<void, number, void> {
    let value = 0;
    for (let place = 0; place < bytes; place++) value += (yield* this.#byte()) * 2 ** (8 * place);
    return value;
  }

  *#text(): Generator<void, string, void> {
    const bytes: number[] = [];
    const length = yield* this.#varint();
    while (bytes.length < length) bytes.push(yield* this.#byte());
    return Buffer.from(bytes).toString("utf8");
  }

  #insert(bytes: Buffer): void {
    this.#pass();
    this.#out.push(bytes);
  }

  #pass(): void {
    if (this.#at > this.#passed) this.#out.push(this.#chunk.subarray(this.#passed, this.#at));
    this.#passed = this.#at;
  }
}

/** Each has a prefix, and all of them stand before the values. */
function dictionariesIn(layout: NativeLayout): number {
  if (layout.kind === "dictionary") return 1;
  if (layout.kind === "nullable") return dictionariesIn(layout.inner);
  if (layout.kind === "fixed" || layout.kind === "string") return 0;
  return layout.inners.reduce((sum, inner) => sum + dictionariesIn(inner), 0);
}
