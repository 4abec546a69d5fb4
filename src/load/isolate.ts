import { HeadraceError } from "../errors.ts";
import type { EventError } from "../project/event-validator.ts";
import { extent, has, NO_SPANS, sizeOf, split, subtract, union, within, type Spans } from "./spans.ts";

export interface Isolation {
  /** Offsets to insert. */
  readonly wanted: Spans;
  /** Rows in one insert at most. */
  readonly rowsMax: number;
  /** Throws `store_refused_events` when the data is at fault; anything else ends the isolation. */
  insert(offsets: Spans): Promise<void>;
  /** Which offsets of a range are in the table: after a failed insert any part of it may be. */
  present(offsets: Spans): Promise<Spans>;
  /** The store refused this row when it was alone. Gives offsets that are to be inserted for it, if any. */
  refused(offset: number, error: HeadraceError): Promise<Spans>;
  /** Called after each refusal: throws when the loader is to stop, since isolating may take long. */
  checkpoint(): void;
}

/**
 * Inserts all rows but those that the store refuses. A row counts as refused only when the store refuses it alone. When
 * the store names the row, what stands before it waits and is inserted in one go at the end; else the rows are halved
 * until the bad one is alone. So n bad rows cost about 2n + 2 inserts, or n·log₂(rows) unnamed ones.
 */
export async function insertIsolating(isolation: Isolation): Promise<void> {
  const queue = chunks(isolation.wanted, isolation.rowsMax);
  let waiting = NO_SPANS;
  for (;;) {
    const piece = queue.shift();
    if (piece === undefined) {
      if (waiting.length === 0) return;
      queue.push(...chunks(waiting, isolation.rowsMax));
      waiting = NO_SPANS;
      continue;
    }
    const error = await refusal(() => isolation.insert(piece));
    if (error === undefined) continue;
    isolation.checkpoint();
    const absent = subtract(piece, await isolation.present(piece));
    const [only] = absent;
    if (only === undefined) continue;
    if (sizeOf(piece) === 1) {
      queue.push(...chunks(await isolation.refused(only.from, error), isolation.rowsMax));
      continue;
    }
    const parts = cut(absent, namedOffset(piece, error));
    waiting = union(waiting, parts.good);
    queue.unshift(...parts.suspect);
  }
}

/** Why an event that the store refused is rejected. */
export function refusalReason(error: HeadraceError): EventError {
  return { path: "", code: "store_refused", message: error.message };
}

async function refusal(insert: () => Promise<void>): Promise<HeadraceError | undefined> {
  try {
    await insert();
    return undefined;
  } catch (error) {
    if (error instanceof HeadraceError && error.code === "store_refused_events") return error;
    throw error;
  }
}

/** The offset of the row that the store's error names by its index (`details.row`). */
function namedOffset(piece: Spans, error: HeadraceError): number | undefined {
  const row = error.details["row"];
  if (typeof row !== "number" || !Number.isInteger(row) || row < 0 || row >= sizeOf(piece)) return undefined;
  return split(piece, row)[1][0]?.from;
}

function cut(absent: Spans, bad: number | undefined): { good: Spans; suspect: Spans[] } {
  const { from, to } = extent(absent);
  const named = bad !== undefined && has(absent, bad);
  const suspect = named
    ? [[{ from: bad, to: bad + 1 }], within(absent, { from: bad + 1, to })]
    : split(absent, Math.ceil(sizeOf(absent) / 2));
  return {
    good: named ? within(absent, { from, to: bad }) : NO_SPANS,
    suspect: suspect.filter((part) => part.length > 0),
  };
}

function chunks(offsets: Spans, size: number): Spans[] {
  const parts: Spans[] = [];
  let rest = offsets;
  while (rest.length > 0) {
    const [part, after] = split(rest, size);
    parts.push(part);
    rest = after;
  }
  return parts;
}
