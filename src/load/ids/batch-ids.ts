import type { LogBatch } from "../../log/log.ts";
import { createIdReader } from "../../project/fast-validator/id-reader.ts";
import { inTurns } from "../in-turns.ts";
import { linesOf, offsetsIn } from "../rows.ts";
import { has, type Spans } from "../spans.ts";
import type { RefusedEvent } from "../ledger-state.ts";
import type { IdRow } from "./find-duplicates.ts";

/** The id of each event of these batches, rising by offset. All have one schema. */
export async function readIds(batches: readonly LogBatch[], idField: string): Promise<IdRow[]> {
  const column = batches[0]?.schema.columns.find(({ name }) => name === idField);
  const read = createIdReader(idField, column?.type.kind);
  const rows: IdRow[] = [];
  await inTurns(linesOf(batches, "events", offsetsIn(batches, "events")), ({ line, offset, acceptedAt }) => {
    rows.push({ id: read(line, 0, line.length), offset, acceptedAt });
  });
  return rows;
}

/** The ids of some of the rows. Both rise by offset. */
export function idsAt(rows: readonly IdRow[], offsets: Float64Array): string[] {
  let next = 0;
  return Array.from(offsets, (offset) => {
    while ((rows[next]?.offset ?? Infinity) < offset) next += 1;
    const row = rows[next];
    if (row?.offset !== offset) throw new RangeError(`no id was read for offset ${offset}`);
    return row.id;
  });
}

/** The next duplicate with the id of a refused event: it was one of that event only, and now is the first. */
export function heirOf(rows: readonly IdRow[], duplicates: Spans, refused: number): number | undefined {
  const id = rows.find((row) => row.offset === refused)?.id;
  return rows.find((row) => row.offset > refused && row.id === id && has(duplicates, row.offset))?.offset;
}

/**
 * Events that are refused, rising, each with its heir. One that was a duplicate only counts when it is an heir itself:
 * then the next with its id is its heir.
 */
export function withHeirs(
  refused: readonly RefusedEvent[],
  rows: readonly IdRow[],
  duplicates: Spans,
): RefusedEvent[] {
  if (rows.length === 0) return [...refused];
  const idAt = new Map(rows.map(({ id, offset }) => [offset, id]));
  const waiting = Map.groupBy(
    rows.filter(({ offset }) => has(duplicates, offset)),
    ({ id }) => id,
  );
  const risen = new Set<number>();
  return refused.flatMap((event) => {
    if (has(duplicates, event.offset) && !risen.has(event.offset)) return [];
    const sameId = waiting.get(idAt.get(event.offset) ?? "") ?? [];
    const heir = sameId.find(({ offset }) => offset > event.offset)?.offset;
    if (heir === undefined) return [event];
    risen.add(heir);
    return [{ ...event, heir }];
  });
}
