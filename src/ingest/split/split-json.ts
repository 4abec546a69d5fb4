import { HeadraceError } from "../../errors.ts";
import {
  EventRanges,
  SLICE_BYTES,
  SPLIT_DONE,
  textStart,
  type EventSplitter,
  type SplitLimits,
} from "./event-splitter.ts";

/**
 * Splits a JSON document: an object is one event, an array holds one event an element. It looks at brackets, quotes and
 * the commas between elements only: an element can be anything that begins and ends as a JSON value does, and
 * validation judges the rest.
 *
 * `body_unreadable`, with the byte, for what has no certain events: an empty body, another document, one that is cut off,
 * brackets that don't match, a missing or spare comma, and anything after the document.
 *
 * @param only What the document must be, when one of the two won't do.
 */
export function splitJson(body: Buffer, limits: SplitLimits, only?: "object" | "array"): EventSplitter {
  const ranges = new EventRanges(limits);
  const scan = new JsonScan(body, ranges, only);
  return {
    get ranges() {
      return ranges.places;
    },
    next(): number {
      if (scan.done) return SPLIT_DONE;
      ranges.clear();
      scan.run();
      return ranges.count;
    },
  };
}

/** What the scan expects next. */
type Expected =
  /** The document's first byte. */
  | "document"
  /** An element, or the end of an empty array. */
  | "first element"
  /** An element after a comma. */
  | "element"
  /** More of an object or array, outside strings. */
  | "structure"
  /** More of a string. */
  | "string"
  /** More of a number or a word. */
  | "scalar"
  /** A comma or the array's end. */
  | "separator"
  /** Nothing but whitespace. */
  | "end";

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

const WHITESPACE = byteSet(" \t\r\n");
const SCALAR_STARTS = byteSet("-0123456789tfn");
/** Bytes that may be in a number or a word. */
const SCALAR = allBut(byteSet('"{}[]:, \t\r\n'));
/** Bytes inside an object or array that neither open nor close anything. */
const FLAT = allBut(byteSet('"{}[]'));

/** What a document may be, for messages. */
const EXPECTED = {
  object: "an object (several go in an array as a batch, by its media type)",
  array: "an array of objects",
  either: "an object or an array of objects",
};

/** Brackets are matched by kind up to this depth; deeper ones, which validation refuses, are only counted. */
const MATCHED_DEPTH = 256;

/** The scan's state between slices. */
class JsonScan {
  readonly #body: Buffer;
  readonly #ranges: EventRanges;
  /** The closing bracket of each open one, up to MATCHED_DEPTH. */
  readonly #closers: number[] = [];
  #expected: Expected = "document";
  #at: number;
  /** Whether the document is an array. */
  #array = false;
  /** Where the element begins that the scan is in. */
  #element = 0;
  /** Open brackets of the element. */
  #depth = 0;
  readonly #only: "object" | "array" | undefined;

  constructor(body: Buffer, ranges: EventRanges, only: "object" | "array" | undefined) {
    this.#body = body;
    this.#ranges = ranges;
    this.#only = only;
    this.#at = textStart(body);
  }

  get done(): boolean {
    return this.#expected === "end" && this.#at === this.#body.length;
  }

  /** Goes on until the slice is full or over. */
  run(): void {
    const sliceEnd = Math.min(this.#at + SLICE_BYTES, this.#body.length);
    while (this.#at < sliceEnd && !this.#ranges.full) this.#step(sliceEnd);
    if (this.#at === this.#body.length && !this.done) throw this.#unreadable(this.#cutOff());
  }

  #step(sliceEnd: number): void {
    if (this.#expected === "structure") this.#skipStructure(sliceEnd);
    else if (this.#expected === "string") this.#skipString(sliceEnd);
    else if (this.#expected === "scalar") this.#skipScalar(sliceEnd);
    else {
      this.#at = skip(this.#body, this.#at, sliceEnd, WHITESPACE);
      if (this.#at < sliceEnd) this.#between(this.#body[this.#at] ?? 0);
    }
  }

  /** Takes a byte that is outside the elements and no whitespace. */
  #between(byte: number): void {
    if (this.#expected === "end") {
      throw this.#unreadable("something follows the document (several go as application/x-ndjson)");
    }
    if (this.#expected === "document") this.#startDocument(byte);
    else if (this.#expected === "separator") this.#endOrComma(byte);
    else if (byte === CLOSE_BRACKET && this.#expected === "first element") this.#endDocument();
    else this.#startElement(byte);
  }

  #startDocument(byte: number): void {
    if (byte === OPEN_BRACKET && this.#only !== "object") {
      this.#array = true;
      this.#expected = "first element";
      this.#at++;
    } else if (byte === OPEN_BRACE && this.#only !== "array") this.#startElement(byte);
    else throw this.#unreadable(`expected ${EXPECTED[this.#only ?? "either"]}`);
  }

  #endOrComma(byte: number): void {
    if (byte === CLOSE_BRACKET) this.#endDocument();
    else if (byte === COMMA) {
      this.#expected = "element";
      this.#at++;
    } else throw this.#unreadable('expected "," or "]" after an element of the array');
  }

  #endDocument(): void {
    this.#expected = "end";
    this.#at++;
  }

  #startElement(byte: number): void {
    this.#element = this.#at;
    if (byte === OPEN_BRACE || byte === OPEN_BRACKET) this.#expected = "structure";
    else if (byte === QUOTE) {
      this.#expected = "string";
      this.#at++;
    } else if (SCALAR_STARTS[byte] === 1) this.#expected = "scalar";
    else throw this.#unreadable("expected an element of the array");
  }

  #endElement(): void {
    this.#ranges.add(this.#element, this.#at);
    this.#expected = this.#array ? "separator" : "end";
  }

  #skipString(sliceEnd: number): void {
    const body = this.#body;
    let at = this.#at;
    while (at < sliceEnd && body[at] !== QUOTE) at += body[at] === BACKSLASH ? 2 : 1;
    // An escape can reach a byte into the next slice, or beyond a body that is cut off.
    this.#at = Math.min(at, body.length);
    if (at >= sliceEnd) return;
    this.#at++;
    if (this.#depth > 0) this.#expected = "structure";
    else this.#endElement();
  }

  #skipStructure(sliceEnd: number): void {
    while (this.#expected === "structure") {
      this.#at = skip(this.#body, this.#at, sliceEnd, FLAT);
      if (this.#at === sliceEnd) return;
      const byte = this.#body[this.#at] ?? 0;
      if (byte === QUOTE) {
        this.#expected = "string";
        this.#at++;
        this.#skipString(sliceEnd);
      } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) this.#open(byte);
      else this.#close(byte);
    }
  }

  #open(byte: number): void {
    if (this.#depth < MATCHED_DEPTH)
      this.#closers[this.#depth] = byte === OPEN_BRACE ? CLOSE_BRACE : CLOSE_BRACKET;
    this.#depth++;
    this.#at++;
  }

  #close(byte: number): void {
    const closer = this.#closers[this.#depth - 1] ?? byte;
    if (byte !== closer) throw this.#unreadable(`expected "${String.fromCharCode(closer)}"`);
    this.#depth--;
    this.#at++;
    if (this.#depth === 0) this.#endElement();
  }

  #skipScalar(sliceEnd: number): void {
    this.#at = skip(this.#body, this.#at, sliceEnd, SCALAR);
    if (this.#at < sliceEnd) this.#endElement();
  }

  #cutOff(): string {
    if (this.#expected === "document") return "it is empty";
    if (this.#expected === "string") return "it is cut off in a string";
    return this.#array && this.#depth === 0
      ? 'the array\'s "]" is missing'
      : "it is cut off in an object or array";
  }

  #unreadable(problem: string): HeadraceError {
    const byte = this.#at;
    return new HeadraceError(
      "body_unreadable",
      `The body isn't a readable JSON document: ${problem}, at byte ${byte}`,
      {
        details: { byte },
      },
    );
  }
}

/** The first place that holds none of these bytes; `end` when there is none before it. */
function skip(body: Buffer, start: number, end: number, bytes: Uint8Array): number {
  let at = start;
  while (at < end && bytes[body[at] ?? 0] === 1) at++;
  return at;
}

/** A table with 1 for each of these characters. */
function byteSet(characters: string): Uint8Array {
  const set = new Uint8Array(256);
  for (const byte of Buffer.from(characters)) set[byte] = 1;
  return set;
}

function allBut(set: Uint8Array): Uint8Array {
  return set.map((member) => 1 - member);
}
