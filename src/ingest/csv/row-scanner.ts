const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const QUOTE = 0x22;
const COMMA = 0x2c;

/** Where in a row the scan is. */
type Place = typeof CELL_START | typeof PLAIN | typeof QUOTED | typeof AFTER_QUOTE;
/** At the beginning of a cell, where a quote opens it. */
const CELL_START = 0;
/** In a cell without quotes, or behind the end of one with them. */
const PLAIN = 1;
/** In a quoted cell. */
const QUOTED = 2;
/** After a quote in a quoted cell: its end, or the first of two that stand for one. */
const AFTER_QUOTE = 3;

/**
 * Finds the ends of CSV rows (RFC 4180), byte by byte and in as many pieces as the text comes in. A line feed ends a row unless it
 * is in a quoted cell; a quote opens a cell only at its very beginning, so that where rows end is certain even when a
 * row breaks the rules.
 */
export class RowScanner {
  #place: Place = CELL_START;

  /** Whether the text so far ends within a quoted cell. */
  get isQuoted(): boolean {
    return this.#place === QUOTED;
  }

  /** The place after the line feed that ends the row, or -1 when the row goes on beyond `end`. */
  scan(text: Buffer, from: number, end: number): number {
    let place = this.#place;
    for (let at = from; at < end; at++) {
      const byte = text[at];
      if (place === QUOTED) {
        if (byte === QUOTE) place = AFTER_QUOTE;
      } else if (byte === LINE_FEED) {
        this.#place = CELL_START;
        return at + 1;
      } else if (byte === COMMA) place = CELL_START;
      else if (byte === QUOTE && place !== PLAIN) place = QUOTED;
      else place = PLAIN;
    }
    this.#place = place;
    return -1;
  }
}

/** The end of a row's text that ends before `end`: without the carriage return of a CRLF. */
export function withoutReturn(text: Buffer, start: number, end: number): number {
  return end > start && text[end - 1] === CARRIAGE_RETURN ? end - 1 : end;
}
