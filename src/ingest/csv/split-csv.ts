import { HeadraceError } from "../../errors.ts";
import {
  EventRanges,
  SLICE_BYTES,
  SPLIT_DONE,
  textStart,
  type EventSplitter,
  type SplitLimits,
} from "../split/event-splitter.ts";
import { RowScanner, withoutReturn } from "./row-scanner.ts";

const LINE_FEED = 0x0a;

/**
 * Splits CSV into its rows, without what ends them. Rows end in LF or CRLF, the last one may end with the body; empty
 * lines are passed over. The first row is the header and goes to `readHeader`, the others are events, whatever they hold.
 *
 * `body_unreadable` for a body without a header row, and for a quoted cell that is never closed: it would take every row
 * behind it in, and which of them were meant can't be known.
 */
export function splitCsv(
  body: Buffer,
  limits: SplitLimits,
  readHeader: (start: number, end: number) => void,
): EventSplitter {
  const ranges = new EventRanges(limits);
  const scanner = new RowScanner();
  let at = textStart(body);
  let row = at;
  let hasHeader = false;

  function next(): number {
    if (at >= body.length) return finish();
    ranges.clear();
    const sliceEnd = Math.min(at + SLICE_BYTES, body.length);
    while (at < sliceEnd && !ranges.full) {
      const after = scanner.scan(body, at, sliceEnd);
      at = after < 0 ? sliceEnd : after;
      if (after >= 0) endRow(after - 1);
    }
    if (at === body.length && body[at - 1] !== LINE_FEED) endRow(at);
    return ranges.count;
  }

  function endRow(lineEnd: number): void {
    if (scanner.isQuoted) throw unclosed(row);
    const end = withoutReturn(body, row, lineEnd);
    if (end > row) {
      if (hasHeader) ranges.add(row, end);
      else readHeader(row, end);
      hasHeader = true;
    }
    row = at;
  }

  function finish(): number {
    if (scanner.isQuoted) throw unclosed(row);
    if (!hasHeader) throw new HeadraceError("body_unreadable", "The CSV has no header row");
    return SPLIT_DONE;
  }

  return {
    get ranges() {
      return ranges.places;
    },
    next,
  };
}

function unclosed(byte: number): HeadraceError {
  return new HeadraceError(
    "body_unreadable",
    `The body isn't readable CSV: in the row that begins at byte ${byte} a quoted cell is never closed`,
    { details: { byte } },
  );
}
