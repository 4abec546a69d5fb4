/** Why a line can't become a row, beyond its being wrong JSON. */
export class ValueProblem extends Error {
  /** The column's name; undefined when it is about the whole line. */
  readonly column: string | undefined;

  constructor(message: string, column?: string) {
    super(message);
    this.name = "ValueProblem";
    this.column = column;
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/**
 * Reads a JSON text from left to right without building values, so that numbers keep their digits. The text is JSON
 * already: it was validated, by this declaration or an earlier one.
 */
export class JsonCursor {
  readonly text: string;
  at = 0;

  constructor(text: string) {
    this.text = text;
  }

  /** The next character that isn't a space, which stays the next. */
  peek(): string {
    const { text } = this;
    for (;;) {
      const code = text.charCodeAt(this.at);
      if (code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09) this.at++;
      else return text.charAt(this.at);
    }
  }

  /** Takes the character if it is the next. */
  takes(character: string): boolean {
    if (this.peek() !== character) return false;
    this.at++;
    return true;
  }

  expect(character: string): void {
    if (!this.takes(character)) throw new ValueProblem(`The JSON lacks a ${character}`);
  }

  /** The string that is next, decoded. */
  string(): string {
    const start = this.at;
    const escaped = this.skipString();
    return escaped
      ? (JSON.parse(this.text.slice(start, this.at)) as string)
      : this.text.slice(start + 1, this.at - 1);
  }

  /** Moves behind the string that is next, and tells whether it has escapes. */
  skipString(): boolean {
    const { text } = this;
    let escaped = false;
    for (let at = this.at + 1; at < text.length; at++) {
      const code = text.charCodeAt(at);
      if (code === BACKSLASH) {
        escaped = true;
        at++;
      } else if (code === QUOTE) {
        this.at = at + 1;
        return escaped;
      }
    }
    throw new ValueProblem("A string has no end");
  }

  /** The number, true, false or null that is next, as it is written. */
  word(): string {
    const { text } = this;
    const start = this.at;
    let at = start;
    for (; at < text.length; at++) {
      const code = text.charCodeAt(at);
      // A comma, a bracket, a brace or a space ends it.
      if (code === 0x2c || code === 0x5d || code === 0x7d || code <= 0x20) break;
    }
    this.at = at;
    return text.slice(start, at);
  }

  /** Whatever is next, as it is written. */
  raw(): string {
    const first = this.peek();
    const start = this.at;
    this.#skip(first);
    return this.text.slice(start, this.at);
  }

  #skip(first: string): void {
    if (first === '"') {
      this.skipString();
      return;
    }
    if (first !== "{" && first !== "[") {
      this.word();
      return;
    }
    let depth = 0;
    do {
      const next = this.peek();
      if (next === '"') {
        this.skipString();
        continue;
      }
      if (next === "") throw new ValueProblem("An object or a list has no end");
      if (next === "{" || next === "[") depth++;
      else if (next === "}" || next === "]") depth--;
      this.at++;
    } while (depth > 0);
  }
}
