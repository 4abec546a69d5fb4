import type { IncomingHttpHeaders } from "node:http";
import { KIB } from "../../../units.ts";
import { ClickHouseError } from "../clickhouse-error.ts";

/** The longest text of an error that is kept. Bytes. */
export const EXCEPTION_BYTES_MAX = 64 * KIB;

/** What the header says, such as "62", and the text such as "Code: 62. DB::Exception: Syntax error: …". */
export function exceptionOf(headers: IncomingHttpHeaders, text: string): ClickHouseError | undefined {
  const code = Number(headers["x-clickhouse-exception-code"] ?? Number.NaN);
  return Number.isInteger(code) ? new ClickHouseError(messageIn(text), code) : undefined;
}

/** Without the version at its end, which says nothing about the error. */
function messageIn(text: string): string {
  return text.trim().replace(/ \(version [^()]*(?:\([^()]*\))?\)$/, "");
}

/**
 * Finds the error that a server sends amid an answer that has begun as a good one (ClickHouse 25.11 and later):
 * `\r\n__exception__\r\n<tag>\r\n<text>\n<length> <tag>\r\n__exception__\r\n`, with a tag that the answer's header has. Bytes that
 * may be the beginning of that wait for the next ones, so that nothing of an error is ever taken for rows.
 */
export class ExceptionWatch {
  readonly #mark: Buffer;
  readonly #tag: string;
  #held: Buffer = Buffer.alloc(0);
  #error: Buffer[] | undefined;
  #errorBytes = 0;

  constructor(tag: string) {
    this.#tag = tag;
    this.#mark = Buffer.from(`\r\n__exception__\r\n${tag}\r\n`);
  }

  /** The bytes of rows among these and those before; may be none. */
  push(chunk: Buffer): Buffer {
    if (this.#error !== undefined) {
      this.#keep(chunk);
      return Buffer.alloc(0);
    }
    const bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    const at = bytes.indexOf(this.#mark);
    if (at !== -1) {
      this.#error = [];
      this.#keep(bytes.subarray(at + this.#mark.length));
      this.#held = Buffer.alloc(0);
      return bytes.subarray(0, at);
    }
    const end = this.#beginOfMark(bytes);
    this.#held = Buffer.from(bytes.subarray(end));
    return bytes.subarray(0, end);
  }

  /** The error of the answer that has ended or broken off, if one was sent. */
  error(): ClickHouseError | undefined {
    if (this.#error === undefined) return undefined;
    const text = Buffer.concat(this.#error).toString();
    const end = text.search(new RegExp(`\\n\\d+ ${this.#tag}\\s*`));
    const message = messageIn(end === -1 ? text : text.slice(0, end));
    const code = /^Code: (\d+)\./.exec(message)?.[1];
    return new ClickHouseError(message, code === undefined ? undefined : Number(code));
  }

  /** At the end of an answer without an error: what looked like one's beginning. */
  rest(): Buffer {
    return this.#error === undefined ? this.#held : Buffer.alloc(0);
  }

  #keep(bytes: Buffer): void {
    if (this.#errorBytes < EXCEPTION_BYTES_MAX) this.#error?.push(bytes);
    this.#errorBytes += bytes.length;
  }

  /** Where the mark may begin at the end of the bytes; their length when it doesn't. */
  #beginOfMark(bytes: Buffer): number {
    const first = Math.max(0, bytes.length - this.#mark.length + 1);
    for (
      let at = bytes.indexOf(this.#mark[0] ?? 0, first);
      at !== -1;
      at = bytes.indexOf(this.#mark[0] ?? 0, at + 1)
    ) {
      if (this.#mark.subarray(0, bytes.length - at).equals(bytes.subarray(at))) return at;
    }
    return bytes.length;
  }
}
