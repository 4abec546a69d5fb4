import { PLAIN, type JsonShape } from "./json-shape.ts";

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const SPACE = 0x20;
const NEWLINE = 0x0a;
const MINUS = 0x2d;

/** Digits of Number.MAX_SAFE_INTEGER, 9007199254740991. */
const SAFE_DIGITS = 16;

/**
 * Turns rows of JSONCompactEachRow, which are lists, into rows of JSON objects, in which an integer that a JSON number
 * can't hold exactly (beyond ±(2^53 - 1)) is a string. It works on the bytes, for the engine can only quote all
 * integers of 64 bits or none, and a `count()` shall be a number.
 */
export class JsonRowWriter {
  readonly #keys: readonly Buffer[];
  readonly #shapes: readonly JsonShape[];
  readonly #keyBytes: number;
  #in: Buffer = Buffer.alloc(0);
  #at = 0;
  #out: Buffer = Buffer.alloc(0);
  #end = 0;

  constructor(columns: readonly { readonly name: string; readonly shape: JsonShape }[]) {
    this.#keys = columns.map(({ name }, index) =>
      Buffer.from(`${index === 0 ? "{" : ","}${JSON.stringify(name)}:`),
    );
    this.#shapes = columns.map(({ shape }) => shape);
    this.#keyBytes = this.#keys.reduce((sum, key) => sum + key.length, 0);
  }

  /** `lines` holds `count` whole rows, each with its newline. */
  write(lines: Buffer, count: number): Buffer {
    this.#in = lines;
    this.#at = 0;
    // Two quotes for each integer of at least 16 digits, and a row's braces instead of its brackets.
    this.#out = Buffer.allocUnsafe(
      lines.length + count * this.#keyBytes + 2 * Math.ceil(lines.length / SAFE_DIGITS),
    );
    this.#end = 0;
    while (this.#at < lines.length) this.#row();
    return this.#out.subarray(0, this.#end);
  }

  #row(): void {
    this.#at++; // [
    for (let column = 0; column < this.#keys.length; column++) {
      this.#skipSpaces();
      const key = this.#keys[column] ?? this.#out;
      key.copy(this.#out, this.#end);
      this.#end += key.length;
      this.#value(this.#shapes[column] ?? PLAIN);
      this.#at++; // the comma or the closing bracket
    }
    this.#out[this.#end++] = CLOSE_OBJECT;
    this.#out[this.#end++] = NEWLINE;
    this.#at++; // \n
  }

  #value(shape: JsonShape): void {
    const byte = this.#in[this.#at];
    if (byte === QUOTE) this.#text();
    else if (byte === OPEN_LIST) this.#container(shape, CLOSE_LIST);
    else if (byte === OPEN_OBJECT) this.#container(shape, CLOSE_OBJECT);
    else this.#word(shape.kind === "integer" || shape.kind === "any");
  }

  #text(): void {
    const input = this.#in;
    const out = this.#out;
    let at = this.#at;
    let end = this.#end;
    out[end++] = QUOTE;
    for (at++; ; at++) {
      const byte = input[at];
      if (byte === undefined) break;
      out[end++] = byte;
      if (byte === QUOTE) break;
      if (byte === BACKSLASH) out[end++] = input[++at] ?? 0;
    }
    this.#at = at + 1;
    this.#end = end;
  }

  /** A list or an object; in an object each value follows a key. */
  #container(shape: JsonShape, close: number): void {
    this.#copy();
    for (let place = 0; this.#at < this.#in.length;) {
      this.#skipSpaces();
      const byte = this.#in[this.#at];
      if (byte === close) return this.#copy();
      if (byte === COMMA) {
        this.#copy();
        continue;
      }
      if (close === CLOSE_OBJECT) {
        this.#text();
        this.#skipSpaces();
        if (this.#in[this.#at] === COLON) this.#copy();
        this.#skipSpaces();
      }
      this.#value(inner(shape, place++));
    }
  }

  /** A number, true, false or null. */
  #word(integer: boolean): void {
    const input = this.#in;
    const out = this.#out;
    const start = this.#at;
    let at = start;
    let end = this.#end;
    for (; at < input.length; at++) {
      const byte = input[at];
      if (byte === undefined || byte === COMMA || byte === CLOSE_LIST || byte === CLOSE_OBJECT) break;
      if (byte === SPACE || byte === NEWLINE) break;
      out[end++] = byte;
    }
    this.#at = at;
    if (integer && at - start >= SAFE_DIGITS && isUnsafe(input, start, at)) {
      out.copyWithin(this.#end + 1, this.#end, end);
      out[this.#end] = QUOTE;
      out[end + 1] = QUOTE;
      end += 2;
    }
    this.#end = end;
  }

  #copy(): void {
    this.#out[this.#end++] = this.#in[this.#at++] ?? SPACE;
  }

  #skipSpaces(): void {
    while (this.#in[this.#at] === SPACE) this.#at++;
  }
}

function inner(shape: JsonShape, place: number): JsonShape {
  if (shape.kind === "each") return shape.item;
  if (shape.kind === "places") return shape.items[place] ?? PLAIN;
  return shape;
}

/** Whether these bytes are an integer beyond ±(2^53 - 1). Anything with a point or an exponent isn't. */
function isUnsafe(bytes: Buffer, start: number, end: number): boolean {
  const first = bytes[start] === MINUS ? start + 1 : start;
  for (let at = first; at < end; at++) {
    const byte = bytes[at] ?? 0;
    if (byte < 0x30 || byte > 0x39) return false;
  }
  if (end - first !== SAFE_DIGITS) return end - first > SAFE_DIGITS;
  return Number(bytes.toString("latin1", first, end)) > Number.MAX_SAFE_INTEGER;
}
