import { jsonShape, PLAIN, type JsonShape } from "./json-shape.ts";

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

/** Bytes before the list in a row's line, {"row": */
const ROW_PREFIX = 7;
/** What tells a row's line, {"row":…}, from the others, such as {"rows_before_limit_at_least":…} */
const ROW_START = Buffer.from('{"row"');

/**
 * Turns what JSONCompactEachRowWithProgress gives into rows of JSON objects, in which an integer that a JSON number
 * can't hold exactly (beyond ±(2^53 - 1)) is a string. It works on the bytes, because the engine can only quote all
 * integers of 64 bits or none, and a `count()` shall be a number.
 */
export class JsonRows {
  /** Rows so far. */
  rows = 0;
  /** What the query has read so far. */
  rowsRead = 0;
  bytesRead = 0;
  /** Names and types, known before the first row. */
  columns: readonly { readonly name: string; readonly type: string }[] = [];
  /** What stands before each value: its key. */
  #keys: readonly Buffer[] = [];
  #shapes: readonly JsonShape[] = [];
  #in: Buffer = Buffer.alloc(0);
  #at = 0;
  #out: Buffer = Buffer.alloc(0);
  #end = 0;

  /** `lines` holds at most `count` lines, each whole with its newline. */
  write(lines: Buffer, count: number): Buffer {
    this.#in = lines;
    this.#at = 0;
    this.#end = 0;
    this.#notes();
    // A row gains its keys, and two quotes for each integer of at least 16 digits.
    const keyBytes = this.#keys.reduce((sum, key) => sum + key.length, 1);
    this.#out = Buffer.allocUnsafe(
      lines.length + count * keyBytes + 2 * Math.ceil(lines.length / SAFE_DIGITS),
    );
    while (this.#at < lines.length) {
      this.#row();
      this.#notes();
    }
    return this.#out.subarray(0, this.#end);
  }

  /** Takes in the lines that aren't rows, up to the next that is. */
  #notes(): void {
    while (this.#at < this.#in.length && !this.#startsRow()) {
      const end = this.#in.indexOf(NEWLINE, this.#at);
      if (end > this.#at) this.#note(JSON.parse(this.#in.toString("utf8", this.#at, end)) as Note);
      this.#at = end + 1;
    }
  }

  #startsRow(): boolean {
    for (let index = 0; index < ROW_START.length; index++) {
      if (this.#in[this.#at + index] !== ROW_START[index]) return false;
    }
    return true;
  }

  #note({ meta, progress }: Note): void {
    if (meta !== undefined) {
      this.columns = meta;
      this.#keys = meta.map(({ name }, index) =>
        Buffer.from(`${index === 0 ? "{" : ","}${JSON.stringify(name)}:`),
      );
      this.#shapes = meta.map(({ type }) => jsonShape(type));
    }
    if (progress !== undefined) {
      this.rowsRead = Number(progress.read_rows ?? 0);
      this.bytesRead = Number(progress.read_bytes ?? 0);
    }
  }

  #row(): void {
    this.#at += ROW_PREFIX + 1;
    for (const [column, key] of this.#keys.entries()) {
      this.#skipSpaces();
      key.copy(this.#out, this.#end);
      this.#end += key.length;
      this.#value(this.#shapes[column] ?? PLAIN);
      this.#at++; // the comma, or the bracket at the end
    }
    this.#out[this.#end++] = CLOSE_OBJECT;
    this.#out[this.#end++] = NEWLINE;
    this.#at += 2; // the brace and the newline
    this.rows++;
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

/** A line that isn't a row. Numbers come as text. */
interface Note {
  readonly meta?: readonly { readonly name: string; readonly type: string }[];
  readonly progress?: { readonly read_rows?: string; readonly read_bytes?: string };
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
