import type { Store, StoredId } from "../../store/store.ts";
import type { RefusedPlace } from "../ledger-state.ts";
import { countInTurns } from "../in-turns.ts";
import { IDS_PER_QUESTION } from "../limits.ts";
import type { EventIds } from "./event-ids.ts";
import { FingerprintSet } from "./fingerprint-set.ts";
import type { IdFilter } from "./id-filter.ts";

/** An event whose id may be another's too. */
interface IdRow {
  readonly id: string;
  readonly offset: number;
  readonly acceptedAt: number;
}

export interface DuplicateSearch {
  readonly store: Pick<Store, "findIds">;
  readonly table: string;
  /** Milliseconds in which a second event with an id is a duplicate. */
  readonly window: number;
  /** The time that has surely come, milliseconds: an event accepted after it came while the clock was ahead, so it came now. */
  readonly now: number;
  readonly filter: IdFilter;
  /** Events that the store refused: their ids were written before it did, but aren't taken. */
  readonly refused: readonly RefusedPlace[];
}

/**
 * The offsets, rising, of events whose id another event had within the window before them: one in the store, or an
 * earlier one of the same rows. An id that the store has at the very same place is our own, from an insert that didn't
 * end.
 */
export async function findDuplicates(
  search: DuplicateSearch,
  log: string,
  rows: EventIds,
): Promise<number[]> {
  const suspects = await suspectRows(search, rows);
  if (suspects.length === 0) return [];
  const taken = await storedElsewhere(search, log, suspects);
  const duplicates: number[] = [];
  /** When the first event with an id was accepted. */
  const firsts = new Map<string, number>();
  for (const row of suspects) {
    const first = firsts.get(row.id);
    if (taken.has(row) || (first !== undefined && row.acceptedAt - first <= search.window)) {
      duplicates.push(row.offset);
    } else firsts.set(row.id, row.acceptedAt);
  }
  return duplicates;
}

/** All rows whose id may be another's too, in the store or among the rows. */
async function suspectRows(
  { filter, now }: DuplicateSearch,
  { ids, offsets, acceptedAt, fingerprints }: EventIds,
): Promise<IdRow[]> {
  // What seems to come from the future would seem to be out of the window of all that came just before it.
  const timeOf = (row: number): number => Math.min(acceptedAt[row] ?? 0, now);
  const seen = new FingerprintSet(ids.count);
  /** Of the ids that came before: by fingerprint, as equal ids have equal ones. */
  const perhaps = new Set<number>();
  await countInTurns(ids.count, (row) => {
    const fingerprint = fingerprints[row] ?? 0;
    if (!seen.add(fingerprint) || filter.mayHave(fingerprint, timeOf(row))) perhaps.add(fingerprint);
  });
  if (perhaps.size === 0) return [];
  // An id that repeats became a suspect at its second row: the first is one too.
  const suspects: IdRow[] = [];
  await countInTurns(ids.count, (row) => {
    if (!perhaps.has(fingerprints[row] ?? 0)) return;
    suspects.push({ id: ids.at(row), offset: offsets[row] ?? 0, acceptedAt: timeOf(row) });
  });
  return suspects;
}

/** The rows whose id the store has from another event, within the window of each. */
async function storedElsewhere(
  search: DuplicateSearch,
  log: string,
  rows: readonly IdRow[],
): Promise<Set<IdRow>> {
  const taken = new Set<IdRow>();
  for (let start = 0; start < rows.length; start += IDS_PER_QUESTION) {
    const page = rows.slice(start, start + IDS_PER_QUESTION);
    for (const row of await takenOfPage(search, log, page)) taken.add(row);
  }
  return taken;
}

async function takenOfPage(search: DuplicateSearch, log: string, rows: readonly IdRow[]): Promise<IdRow[]> {
  const times = rows.map((row) => row.acceptedAt);
  const [earliest, latest] = [Math.min(...times) - search.window, Math.max(...times) - search.window];
  const found = await search.store.findIds(search.table, idsOf(rows), earliest);
  const candidates = rows.filter((row) => found.has(row.id));
  if (candidates.length === 0) return [];
  // What is found within the narrowest window is in every row's; for the few others each row's own is asked.
  const sure =
    earliest === latest ? found : await search.store.findIds(search.table, idsOf(candidates), latest);
  const taken: IdRow[] = [];
  for (const row of candidates) {
    const first = sure.get(row.id) ?? (await findOne(search, row, row.acceptedAt - search.window));
    if (await isTaken(search, log, row, first)) taken.push(row);
  }
  return taken;
}

/** Steps over the places of refused events: a later event, or none, has the id by right. */
async function isTaken(
  search: DuplicateSearch,
  log: string,
  row: IdRow,
  first: StoredId | undefined,
): Promise<boolean> {
  let place = first;
  while (place !== undefined) {
    const { log: placeLog, offset } = place;
    if (placeLog === log && offset === row.offset) return false;
    const refused = search.refused.find((event) => event.log === placeLog && event.offset === offset);
    if (refused === undefined) return true;
    place =
      refused.heir === undefined
        ? await findOne(search, row, refused.acceptedAt + 1)
        : { log: placeLog, offset: refused.heir };
  }
  return false;
}

async function findOne(search: DuplicateSearch, row: IdRow, since: number): Promise<StoredId | undefined> {
  return (await search.store.findIds(search.table, [row.id], since)).get(row.id);
}

function idsOf(rows: readonly IdRow[]): string[] {
  return [...new Set(rows.map((row) => row.id))];
}
