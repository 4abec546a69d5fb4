import type { EventError } from "../event-validator.ts";
import type { EventErrorCode } from "./event-error-codes.ts";
import { describeText, type JsonNode, pointer } from "./json-node.ts";

/** Characters of a number: more than any column keeps, and few enough to compute with. */
export const NUMBER_LENGTH_MAX = 1_000;

/**
 * Reads one JSON value (RFC 8259) without changing anything: JSON.parse rounds numbers, takes the last of two equal
 * fields and lets halves of surrogate pairs pass. Returns the reason when it can't be taken.
 */
export function readJson(source: string, nestingMax: number): JsonNode | EventError {
  const reader = new JsonReader(source, nestingMax);
  try {
    return reader.read();
  } catch (error) {
    if (error instanceof JsonFault) return error.reason;
    throw error;
  }
}

/** Whether reading failed. */
export function isEventError(result: JsonNode | EventError): result is EventError {
  return "code" in result;
}

class JsonFault extends Error {
  readonly reason: EventError;

  constructor(reason: EventError) {
    super(reason.message);
    this.reason = reason;
  }
}

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const SPACES = /[ \t\n\r]*/y;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const CONTROL_END = 0x20;

class JsonReader {
  readonly #source: string;
  readonly #nestingMax: number;
  readonly #path: (string | number)[] = [];
  #at = 0;

  constructor(source: string, nestingMax: number) {
    this.#source = source;
    this.#nestingMax = nestingMax;
  }

  read(): JsonNode {
    this.#skipSpaces();
    const node = this.#value();
    this.#skipSpaces();
    if (this.#at < this.#source.length) throw this.#unexpected("after the end of the value");
    return node;
  }

  #value(): JsonNode {
    const start = this.#at;
    switch (this.#source.charAt(start)) {
      case "{":
        return this.#object();
      case "[":
        return this.#array();
      case '"': {
        const value = this.#string();
        return { kind: "string", value, source: this.#source, start, end: this.#at };
      }
      case "t":
        return { kind: "boolean", value: true, ...this.#word("true") };
      case "f":
        return { kind: "boolean", value: false, ...this.#word("false") };
      case "n":
        return { kind: "null", ...this.#word("null") };
      default:
        return this.#number();
    }
  }

  #object(): JsonNode {
    const start = this.#open();
    const members = new Map<string, JsonNode>();
    if (!this.#take("}")) {
      do {
        this.#skipSpaces();
        if (this.#source[this.#at] !== '"') throw this.#unexpected("where a field's name should be");
        const name = this.#string();
        this.#path.push(name);
        if (members.has(name))
          throw this.#fault("duplicate_field", `field ${describeText(name)} is there twice`);
        if (!this.#take(":")) throw this.#unexpected("where a colon should be");
        this.#skipSpaces();
        members.set(name, this.#value());
        this.#path.pop();
      } while (this.#take(","));
      if (!this.#take("}")) throw this.#unexpected("where a comma or brace should be");
    }
    return { kind: "object", members, source: this.#source, start, end: this.#at };
  }

  #array(): JsonNode {
    const start = this.#open();
    const items: JsonNode[] = [];
    if (!this.#take("]")) {
      do {
        this.#skipSpaces();
        this.#path.push(items.length);
        items.push(this.#value());
        this.#path.pop();
      } while (this.#take(","));
      if (!this.#take("]")) throw this.#unexpected("where a comma or bracket should be");
    }
    return { kind: "array", items, source: this.#source, start, end: this.#at };
  }

  #open(): number {
    if (this.#path.length >= this.#nestingMax) {
      throw this.#fault("too_deep", `arrays and objects are nested deeper than ${this.#nestingMax}`);
    }
    return this.#at++;
  }

  #string(): string {
    const start = this.#at++;
    let escaped = false;
    for (let unit = this.#unit(); unit !== QUOTE; unit = this.#unit()) {
      if (Number.isNaN(unit)) throw this.#unexpected("");
      if (unit < CONTROL_END) throw this.#unexpected("in a string, where it must be escaped");
      if (unit === BACKSLASH) {
        escaped = true;
        this.#at++;
      }
      this.#at++;
    }
    this.#at++;
    const value = escaped ? this.#unescape(start) : this.#source.slice(start + 1, this.#at - 1);
    if (!value.isWellFormed()) {
      throw this.#fault("invalid_utf8", "a string holds half of a surrogate pair, which has no UTF-8 form");
    }
    return value;
  }

  #unescape(start: number): string {
    try {
      return String(JSON.parse(this.#source.slice(start, this.#at)));
    } catch {
      throw this.#fault("invalid_json", `a string has an unknown escape (at character ${start + 1})`);
    }
  }

  #number(): JsonNode {
    const start = this.#at;
    NUMBER.lastIndex = start;
    const text = NUMBER.exec(this.#source)?.[0];
    if (text === undefined) throw this.#unexpected("where a value should be");
    if (text.length > NUMBER_LENGTH_MAX) {
      throw this.#fault(
        "too_long",
        `a number of ${text.length} characters; at most ${NUMBER_LENGTH_MAX} are taken`,
      );
    }
    this.#at += text.length;
    return { kind: "number", text, source: this.#source, start, end: this.#at };
  }

  #word(word: string): { readonly source: string; readonly start: number; readonly end: number } {
    const start = this.#at;
    if (!this.#source.startsWith(word, start)) throw this.#unexpected("where a value should be");
    this.#at += word.length;
    return { source: this.#source, start, end: this.#at };
  }

  /** Steps over a character, with spaces before it, if it comes next. */
  #take(character: string): boolean {
    this.#skipSpaces();
    if (this.#source[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #skipSpaces(): void {
    SPACES.lastIndex = this.#at;
    this.#at += SPACES.exec(this.#source)?.[0].length ?? 0;
  }

  #unit(): number {
    return this.#source.charCodeAt(this.#at);
  }

  #unexpected(where: string): JsonFault {
    if (this.#at >= this.#source.length) return this.#fault("invalid_json", "the JSON ends too early");
    const character = describeText(String.fromCodePoint(this.#source.codePointAt(this.#at) ?? 0));
    return this.#fault(
      "invalid_json",
      `unexpected ${character} at character ${this.#at + 1} ${where}`.trimEnd(),
    );
  }

  #fault(code: EventErrorCode, message: string): JsonFault {
    const path = code === "invalid_json" ? "" : pointer(this.#path);
    return new JsonFault({ path, code, message });
  }
}
