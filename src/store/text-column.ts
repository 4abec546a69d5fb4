/** Texts one after the other in UTF-8: a string for each of a million rows would keep the garbage collector busy. */
export class TextColumn {
  readonly bytes: Buffer;
  /** Where each text ends; it begins where the one before it ends. */
  readonly ends: Uint32Array;

  constructor(bytes: Buffer, ends: Uint32Array) {
    this.bytes = bytes;
    this.ends = ends;
  }

  static of(texts: readonly string[]): TextColumn {
    const builder = new TextColumnBuilder(texts.length);
    for (const text of texts) builder.addText(text);
    return builder.finish();
  }

  get count(): number {
    return this.ends.length;
  }

  startOf(row: number): number {
    return row === 0 ? 0 : (this.ends[row - 1] ?? 0);
  }

  endOf(row: number): number {
    return this.ends[row] ?? 0;
  }

  at(row: number): string {
    return this.bytes.toString("utf8", this.startOf(row), this.endOf(row));
  }

  /** The first so many rows. */
  first(count: number): TextColumn {
    return new TextColumn(this.bytes, this.ends.subarray(0, count));
  }
}

/** Bytes of a text that there is room for at first. */
const EXPECTED_BYTES = 16;

/** Makes a column, text by text. */
export class TextColumnBuilder {
  #bytes: Buffer;
  #length = 0;
  #ends: Uint32Array;
  #count = 0;

  /** @param expected Texts that there is room for at first. */
  constructor(expected: number) {
    this.#bytes = Buffer.allocUnsafeSlow(Math.max(1, expected) * EXPECTED_BYTES);
    this.#ends = new Uint32Array(Math.max(1, expected));
  }

  /** Adds the UTF-8 from `start` to before `end`. */
  addBytes(from: Buffer, start: number, end: number): void {
    let at = this.#room(end - start);
    const into = this.#bytes;
    // Most texts are so short that a call of copy would take longer.
    for (let index = start; index < end; index++) into[at++] = from[index] ?? 0;
    this.#end(at);
  }

  addText(text: string): void {
    const at = this.#room(Buffer.byteLength(text));
    this.#end(at + this.#bytes.write(text, at));
  }

  finish(): TextColumn {
    return new TextColumn(this.#bytes.subarray(0, this.#length), this.#ends.subarray(0, this.#count));
  }

  /** Where so many bytes have room. */
  #room(bytes: number): number {
    const needed = this.#length + bytes;
    if (needed > this.#bytes.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#bytes.length));
      this.#bytes.copy(larger, 0, 0, this.#length);
      this.#bytes = larger;
    }
    return this.#length;
  }

  #end(at: number): void {
    if (this.#count === this.#ends.length) {
      const larger = new Uint32Array(2 * this.#count);
      larger.set(this.#ends);
      this.#ends = larger;
    }
    this.#ends[this.#count] = at;
    this.#count += 1;
    this.#length = at;
  }
}
