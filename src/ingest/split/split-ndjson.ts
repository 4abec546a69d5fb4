import {
  EventRanges,
  SLICE_BYTES,
  SPLIT_DONE,
  textStart,
  type EventSplitter,
  type SplitLimits,
} from "./event-splitter.ts";

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const SPACE = 0x20;
const TAB = 0x09;

/**
 * Splits NDJSON: each line that isn't blank is an event, whatever it holds. Lines end in LF or CRLF, the last one may end
 * with the body. A body of blank lines, or of nothing, has no events.
 */
export function splitNdjson(body: Buffer, limits: SplitLimits): EventSplitter {
  const ranges = new EventRanges(limits);
  let at = textStart(body);
  /** Where the line's text begins; -1 while only whitespace has come. */
  let line = -1;

  function next(): number {
    if (at >= body.length) return SPLIT_DONE;
    ranges.clear();
    const sliceEnd = Math.min(at + SLICE_BYTES, body.length);
    // Bounds the search for a line's end.
    const slice = body.subarray(0, sliceEnd);
    while (at < sliceEnd && !ranges.full) {
      if (line < 0) {
        while (at < sliceEnd && isBlank(body[at])) at++;
        if (at === sliceEnd) break;
        line = at;
      }
      const lineFeed = slice.indexOf(LINE_FEED, at);
      at = lineFeed < 0 ? sliceEnd : lineFeed + 1;
      if (lineFeed >= 0) endLine(lineFeed);
    }
    if (at === body.length && line >= 0) endLine(body.length);
    return ranges.count;
  }

  function endLine(lineEnd: number): void {
    ranges.add(line, body[lineEnd - 1] === CARRIAGE_RETURN ? lineEnd - 1 : lineEnd);
    line = -1;
  }

  return {
    get ranges() {
      return ranges.places;
    },
    next,
  };
}

/** Whether the byte is whitespace: within a line, or a line's end. */
function isBlank(byte: number | undefined): boolean {
  return byte === SPACE || byte === TAB || byte === CARRIAGE_RETURN || byte === LINE_FEED;
}
