import type { TextColumn } from "../../store/text-column.ts";

/** The ids of a plan's events, rising by offset, in columns: objects of their own would cost more than all the rest of the work. */
export interface EventIds {
  readonly ids: TextColumn;
  readonly offsets: Float64Array;
  /** Milliseconds since 1970. */
  readonly acceptedAt: Float64Array;
  /** Of each id, by the stream's `IdFilter`. */
  readonly fingerprints: Uint32Array;
}

/** The id of the event at an offset, if it is one of these. */
export function idAt(rows: EventIds, offset: number): string | undefined {
  const row = rowOf(rows, offset);
  return row === -1 ? undefined : rows.ids.at(row);
}

/** The row of an offset, or -1. */
function rowOf({ offsets }: EventIds, offset: number): number {
  let low = 0;
  let high = offsets.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((offsets[middle] ?? Infinity) < offset) low = middle + 1;
    else high = middle;
  }
  return offsets[low] === offset ? low : -1;
}
