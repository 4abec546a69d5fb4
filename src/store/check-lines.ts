import { HeadraceError } from "../errors.ts";

const NEWLINE = 0x0a;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/**
 * Throws unless the chunks hold `count` lines that each look like one object. The engine takes blank lines and lists of
 * objects too, and as a row's identity is its number, all rows after such a line would get another's.
 *
 * A line that isn't an object is its event's fault (`store_refused_events` with its index); another number of lines is
 * nobody's event's, as then no line can be told for whose it is (`store_failed`).
 */
export function checkLines(table: string, chunks: readonly Uint8Array[], count: number): void {
  let lines = 0;
  let bad: number | undefined;
  for (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      if (bad === undefined && !isObject(chunk, start, end)) bad = lines;
      lines++;
      start = end + 1;
    }
    if (start < chunk.length) {
      throw new HeadraceError("store_failed", `A batch for table ${table} has a line without a newline`);
    }
  }
  if (lines !== count) {
    throw new HeadraceError(
      "store_failed",
      `A batch for table ${table} has ${lines} lines but counts ${count}`,
    );
  }
  if (bad !== undefined) {
    const reason = "The line isn't one JSON object";
    throw new HeadraceError("store_refused_events", `${reason}: row ${bad + 1} of a batch for ${table}`, {
      details: { reason, row: bad },
    });
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
