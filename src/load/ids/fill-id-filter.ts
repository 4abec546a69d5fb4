import type { Store } from "../../store/store.ts";
import { countInTurns } from "../in-turns.ts";
import { IdFilter } from "./id-filter.ts";

export interface FillOptions {
  readonly store: Store;
  readonly table: string;
  /** Milliseconds in which a second event with an id is a duplicate. */
  readonly window: number;
  readonly idsMax: number;
  /** The time that has surely come, milliseconds since 1970. */
  readonly now: number;
  /** When the oldest event that isn't loaded was accepted, if there is one. */
  readonly oldest: number | undefined;
  readonly signal: AbortSignal;
}

/** A filter of the ids that the store has and that an event still to be loaded can repeat. */
export async function fillIdFilter(options: FillOptions): Promise<IdFilter> {
  const { store, table, window, idsMax, now, oldest = now, signal } = options;
  const since = Math.min(now, oldest) - window;
  const filter = new IdFilter({ window, idsMax, since });
  for await (const page of store.scanIds(table, since)) {
    // The store doesn't tell when each was accepted: as if it were now, they stay for longer than they need.
    await countInTurns(page.count, (row) => filter.add(filter.fingerprintAt(page, row), now));
    signal.throwIfAborted();
  }
  return filter;
}
