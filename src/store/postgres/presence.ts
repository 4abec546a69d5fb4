import type { OffsetRange, Span } from "../store.ts";
import { storeFailed } from "./engine-errors.ts";
import { readSpans, takePlace } from "./loaded.ts";
import type { PostgresPool } from "./pool.ts";

/** The offsets of a range that are in the table. Waits for an insert of the same place that may still be running. */
export async function presentOffsets(
  pool: PostgresPool,
  table: string,
  range: OffsetRange,
): Promise<readonly Span[]> {
  try {
    return await pool.transaction(async (connection) => {
      const next = await takePlace(pool, connection, { ...range, table });
      // From there on nothing was ever loaded: this is the whole answer when what is asked for is new.
      const to = Math.min(range.to, next);
      return to <= range.from ? [] : readSpans(connection, table, { ...range, to });
    });
  } catch (error) {
    throw storeFailed("Asking which events are in the store failed", error);
  }
}
