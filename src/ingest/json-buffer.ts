import { KIB } from "../units.ts";

const FIRST_BYTES = 4 * KIB;
/** The longest escape of one byte: \u0000. */
const ESCAPE_BYTES = 6;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** What a byte becomes inside a JSON string, for those that can't stay as they are. */
const ESCAPES: readonly (readonly number[] | undefined)[] = Array.from({ length: 256 }, (_, byte) =>
  byte < 0x20 || byte === QUOTE || byte === BACKSLASH
    ? [...Buffer.from(JSON.stringify(String.fromCharCode(byte)).slice(1, -1))]
    : undefined,
);

/** JSON text that is written piece by piece, and cleared for the next. */
export class JsonBuffer {
  #bytes: Buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #length = 0;

  /** What was written, from 0 to `length`; good until the next write. */
  get bytes(): Buffer {
    return this.#bytes;
  }

  get length(): number {
    return this.#length;
  }

  clear(): void {
    this.#length = 0;
  }

  addByte(byte: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = byte;
  }

  /** Adds bytes as they are. */
  addBytes(from: Buffer, start: number, end: number): void {
    this.#reserve(end - start);
    this.#length += from.copy(this.#bytes, this.#length, start, end);
  }

  /** Adds text as a JSON string. Bytes that aren't UTF-8 stay what they are, for the validator to find. */
  addString(from: Buffer, start: number, end: number): void {
    this.#reserve(end - start + 2);
    let into = this.#bytes;
    let length = this.#length;
    into[length++] = QUOTE;
    for (let at = start; at < end; at++) {
      const byte = from[at] ?? 0;
      const escape = ESCAPES[byte];
      if (escape === undefined) into[length++] = byte;
      else {
        this.#length = length;
        // Room for the escape, the rest as it is, and the closing quote.
        this.#reserve(ESCAPE_BYTES + end - at);
        into = this.#bytes;
        // Shorter than what a call of copy costs.
        for (const part of escape) into[length++] = part;
      }
    }
    into[length++] = QUOTE;
    this.#length = length;
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.#bytes.length * 2));
    this.#bytes.copy(grown, 0, 0, this.#length);
    this.#bytes = grown;
  }
}
