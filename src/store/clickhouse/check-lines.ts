import { HeadraceError } from "../../errors.ts";

const NEWLINE = 0x0a;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/**
 * Throws `store_failed` unless the chunks hold `count` lines that each look like one object. The engine takes blank
 * lines and lists of objects too, and as a row's identity is its number, all rows after such a line would get another's.
 */
export function checkLines(table: string, chunks: readonly Uint8Array[], count: number): void {
  let lines = 0;
  for (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      if (!isObject(chunk, start, end)) break;
      lines++;
      start = end + 1;
    }
    if (start < chunk.length) {
      throw new HeadraceError(
        "store_failed",
        `Line ${lines + 1} of a batch for table ${table} isn't one JSON object and a newline`,
      );
    }
  }
  if (lines !== count) {
    throw new HeadraceError(
      "store_failed",
      `A batch for table ${table} has ${lines} lines but counts ${count}`,
    );
  }
}

function isObject(bytes: Uint8Array, start: number, end: number): boolean {
  let first = start;
  while (first < end && isSpace(bytes[first])) first++;
  let last = end - 1;
  while (last > first && isSpace(bytes[last])) last--;
  return bytes[first] === OPEN_OBJECT && bytes[last] === CLOSE_OBJECT;
}

/** Space, tab or carriage return. */
function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x09 || byte === 0x0d;
}
