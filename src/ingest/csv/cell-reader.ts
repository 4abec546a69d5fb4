const QUOTE = 0x22;
const COMMA = 0x2c;
const CARRIAGE_RETURN = 0x0d;

/**
 * Reads the cells of one CSV row after the other (RFC 4180), without building strings:
 *
 *     for (cells.begin(start, end); cells.next(); ) use(cells.text, cells.start, cells.end);
 *     if (cells.fault !== undefined) …
 */
export class CellReader {
  readonly #body: Buffer;
  #at = 0;
  #rowEnd = 0;
  /** Whether there is one more cell: at the start of a row and after a comma. */
  #more = false;
  /** Holds the text of a cell whose doubled quotes had to become single ones. */
  #unescaped: Buffer = Buffer.alloc(0);

  /** The cell's text lies in `text` from `start` to before `end`, until the next call. */
  text: Buffer;
  start = 0;
  end = 0;
  /** Whether the cell is in quotes: then nothing in it is an empty string, and not an absent value. */
  quoted = false;
  /** What breaks the rules in the cell where reading ended, such as `a quote inside a cell`. */
  fault: string | undefined;

  constructor(body: Buffer) {
    this.#body = body;
    this.text = body;
  }

  begin(start: number, end: number): void {
    this.#at = start;
    this.#rowEnd = end;
    this.#more = true;
    this.fault = undefined;
  }

  /** Reads the next cell; false at the end of the row or at a fault. */
  next(): boolean {
    if (!this.#more) return false;
    this.quoted = this.#at < this.#rowEnd && this.#body[this.#at] === QUOTE;
    this.fault = this.quoted ? this.#readQuoted() : this.#readPlain();
    if (this.fault !== undefined) return false;
    this.#more = this.#at < this.#rowEnd;
    this.#at += 1;
    return true;
  }

  /** Reads to the comma or the row's end. */
  #readPlain(): string | undefined {
    const body = this.#body;
    let at = this.#at;
    while (at < this.#rowEnd && body[at] !== COMMA) {
      const byte = body[at];
      if (byte === QUOTE) return "a quote inside a cell: put the cell in quotes and double those inside it";
      if (byte === CARRIAGE_RETURN) return "a bare carriage return: rows end in LF or CRLF";
      at++;
    }
    this.#set(body, this.#at, at);
    this.#at = at;
    return undefined;
  }

  #readQuoted(): string | undefined {
    const body = this.#body;
    const first = this.#at + 1;
    let at = first;
    let doubled = 0;
    for (; at < this.#rowEnd; at++) {
      if (body[at] !== QUOTE) continue;
      if (at + 1 >= this.#rowEnd || body[at + 1] !== QUOTE) break;
      at++;
      doubled++;
    }
    if (at >= this.#rowEnd) return "a quote that is never closed";
    const after = at + 1;
    if (after < this.#rowEnd && body[after] !== COMMA) return "text after the closing quote of a cell";
    if (doubled === 0) this.#set(body, first, at);
    else this.#unescape(first, at);
    this.#at = after;
    return undefined;
  }

  #unescape(from: number, to: number): void {
    if (this.#unescaped.length < to - from) this.#unescaped = Buffer.allocUnsafeSlow(2 * (to - from));
    const into = this.#unescaped;
    let length = 0;
    for (let at = from; at < to; at++) {
      const byte = this.#body[at] ?? 0;
      into[length++] = byte;
      if (byte === QUOTE) at++;
    }
    this.#set(into, 0, length);
  }

  #set(text: Buffer, start: number, end: number): void {
    this.text = text;
    this.start = start;
    this.end = end;
  }
}
