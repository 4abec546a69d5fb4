import type { LogBatch } from "../../log/log.ts";
import type { Stream } from "../../project/declarations.ts";
import type { Store } from "../../store/store.ts";
import { countInTurns } from "../in-turns.ts";
import type { RefusedPlace } from "../ledger-state.ts";
import { FORGET_IDS_INTERVAL } from "../limits.ts";
import { readIds } from "./batch-ids.ts";
import type { EventIds } from "./event-ids.ts";
import { fillIdFilter } from "./fill-id-filter.ts";
import { findDuplicates } from "./find-duplicates.ts";
import type { IdFilter } from "./id-filter.ts";

export interface StreamIdsOptions {
  readonly store: Store;
  readonly stream: Stream;
  /** Ids held in memory at most. */
  readonly idsMax: number;
  /** The time that has surely come, milliseconds since 1970: see `GuardedClock`. */
  readonly sure: () => number;
  readonly signal: AbortSignal;
}

/** Which ids of a stream are stored already. A stream without ids has none. */
export class StreamIds {
  readonly #options: StreamIdsOptions;
  #filter: IdFilter | undefined;
  /** When ids that are over were last let go. */
  #forgotAt = Number.NEGATIVE_INFINITY;

  constructor(options: StreamIdsOptions) {
    this.#options = options;
  }

  /** Reads what the store has. `oldest` is when the oldest event that isn't loaded was accepted, if there is one. */
  async fill(oldest: number | undefined): Promise<void> {
    const { store, stream, idsMax, sure, signal } = this.#options;
    if (stream.id === undefined) return;
    const { window } = stream.id;
    const table = stream.name;
    this.#filter = await fillIdFilter({ store, table, window, idsMax, now: sure(), oldest, signal });
  }

  /** The id of each event. Those of a schema without an id, or with another, have none, whatever is declared now. */
  async of(batches: readonly LogBatch[]): Promise<EventIds | undefined> {
    const field = batches[0]?.schema.idField;
    const filter = this.#filter;
    if (field === undefined || filter === undefined || this.#options.stream.id?.field !== field) {
      return undefined;
    }
    return readIds(batches, field, filter);
  }

  /** The offsets of duplicates, rising. */
  async duplicates(
    log: string,
    rows: EventIds | undefined,
    refused: readonly RefusedPlace[],
  ): Promise<number[]> {
    const { store, stream, sure } = this.#options;
    const filter = this.#filter;
    if (rows === undefined || filter === undefined || stream.id === undefined) return [];
    const { window } = stream.id;
    const search = { store, table: stream.name, window, now: sure(), filter, refused };
    return findDuplicates(search, log, rows);
  }

  /** These are stored now; the latest of them was accepted then. */
  async remember(rows: EventIds | undefined, latest: number): Promise<void> {
    const filter = this.#filter;
    if (filter === undefined) return;
    if (rows !== undefined) {
      await countInTurns(rows.ids.count, (row) => {
        filter.add(rows.fingerprints[row] ?? 0, rows.acceptedAt[row] ?? 0);
      });
    }
    filter.rotate(Math.min(latest, this.#options.sure()));
  }

  /** Tells the store, now and then, what it needn't keep. If that fails it is tried again only the next time: loading can do without. */
  async forget(): Promise<void> {
    const { store, stream, sure } = this.#options;
    const now = sure();
    if (stream.id === undefined || Math.abs(now - this.#forgotAt) < FORGET_IDS_INTERVAL) return;
    this.#forgotAt = now;
    await store.forgetIds(stream.name, now - stream.id.window);
  }
}
