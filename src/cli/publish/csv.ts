import { HeadraceError } from "../../errors.ts";
import { RowScanner, withoutReturn } from "../../ingest/csv/row-scanner.ts";
import type { EventChunk } from "./batches.ts";
import { EVENT_BYTES_MAX, tooLong } from "./ndjson.ts";

/**
 * Splits CSV into its rows, as they are, without what ends them; a newline in a quoted cell ends none. Empty lines are left
 * out. The first row is the header, which comes with every chunk of rows. Rows share the memory of the chunks they came in.
 * @throws HeadraceError `input_unreadable` for a row over EVENT_BYTES_MAX, and for a quoted cell that is never closed.
 */
export async function* readCsv(input: AsyncIterable<Buffer>, name: string): AsyncGenerator<EventChunk> {
  const scanner = new RowScanner();
  let header: Buffer | undefined;
  /** The pieces of a row that goes on. */
  let pieces: Buffer[] = [];
  let pieceBytes = 0;
  let rows = 0;

  const take = (last: Buffer, into: Buffer[]): void => {
    const text = pieces.length === 0 ? last : Buffer.concat([...pieces, last]);
    pieces = [];
    pieceBytes = 0;
    const row = text.subarray(0, withoutReturn(text, 0, text.length));
    if (row.length === 0) return;
    rows++;
    if (header === undefined) header = row;
    else into.push(row);
  };

  for await (const chunk of input) {
    const events: Buffer[] = [];
    let start = 0;
    for (
      let after = scanner.scan(chunk, 0, chunk.length);
      after >= 0;
      after = scanner.scan(chunk, start, chunk.length)
    ) {
      take(chunk.subarray(start, after - 1), events);
      start = after;
    }
    if (start < chunk.length) {
      pieces.push(chunk.subarray(start));
      pieceBytes += chunk.length - start;
      if (pieceBytes > EVENT_BYTES_MAX) throw tooLong(name);
    }
    if (header !== undefined && events.length > 0) yield { events, csvHeader: header };
  }
  if (scanner.isQuoted) {
    throw new HeadraceError(
      "input_unreadable",
      `${name}: a quoted cell is never closed; it begins in row ${rows + 1}, the header counted`,
    );
  }
  const events: Buffer[] = [];
  take(Buffer.alloc(0), events);
  if (header !== undefined && events.length > 0) yield { events, csvHeader: header };
}
