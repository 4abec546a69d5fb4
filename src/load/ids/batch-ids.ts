import { setImmediate } from "node:timers/promises";
import type { LogBatch } from "../../log/log.ts";
import { createIdCopier, type IdCopier } from "../../project/fast-validator/id-reader.ts";
import { countInTurns } from "../in-turns.ts";
import { ROWS_PER_TURN } from "../limits.ts";
import type { RefusedEvent } from "../ledger-state.ts";
import { has, offsetsOf, type Spans } from "../spans.ts";
import { TextColumnBuilder, type TextColumn } from "../../store/text-column.ts";
import { idAt, type EventIds } from "./event-ids.ts";
import type { IdFilter } from "./id-filter.ts";

const NEWLINE = 0x0a;

/** The id of each event of these batches, rising by offset. All have one schema. */
export async function readIds(
  batches: readonly LogBatch[],
  idField: string,
  filter: Pick<IdFilter, "fingerprintAt">,
): Promise<EventIds> {
  const type = batches[0]?.schema.columns.find(({ name }) => name === idField)?.type;
  const copyId = createIdCopier(idField, type?.kind);
  const count = batches.reduce((sum, { events }) => sum + events.count, 0);
  const ids = new TextColumnBuilder(count);
  const offsets = new Float64Array(count);
  const acceptedAt = new Float64Array(count);
  let row = 0;
  let untilTurn = ROWS_PER_TURN;
  for (const batch of batches) {
    acceptedAt.fill(batch.acceptedAt, row, row + batch.events.count);
    for (let index = 0, at = 0; index < batch.events.count;) {
      const part = Math.min(batch.events.count, index + untilTurn);
      untilTurn -= part - index;
      at = copyIds(batch.events.bytes, at, part - index, copyId, ids);
      for (; index < part; index++) offsets[row++] = batch.offset + index;
      if (untilTurn > 0) continue;
      await setImmediate();
      untilTurn = ROWS_PER_TURN;
    }
  }
  const column = ids.finish();
  const fingerprints = new Uint32Array(count);
  await countInTurns(count, (index) => {
    fingerprints[index] = filter.fingerprintAt(column, index);
  });
  return { ids: column, offsets, acceptedAt, fingerprints };
}

/** Copies the ids of so many lines, and gives where the next line begins. */
function copyIds(
  bytes: Buffer,
  start: number,
  count: number,
  copyId: IdCopier,
  ids: TextColumnBuilder,
): number {
  let at = start;
  for (let line = 0; line < count; line++) {
    const end = bytes.indexOf(NEWLINE, at);
    if (end === -1) throw new RangeError("a batch has fewer lines than its count says");
    copyId(bytes, at, end, ids);
    at = end + 1;
  }
  return at;
}

/** The ids of some of the rows. Both rise by offset. */
export function idsAt(rows: EventIds, offsets: Float64Array): TextColumn {
  // Mostly all of them are wanted.
  if (isSame(offsets, rows.offsets)) return rows.ids;
  const { ids } = rows;
  const some = new TextColumnBuilder(offsets.length);
  let row = 0;
  for (const offset of offsets) {
    while ((rows.offsets[row] ?? Infinity) < offset) row += 1;
    if (rows.offsets[row] !== offset) throw new RangeError(`no id was read for offset ${offset}`);
    some.addBytes(ids.bytes, ids.startOf(row), ids.endOf(row));
  }
  return some.finish();
}

function isSame(a: Float64Array, b: Float64Array): boolean {
  if (a.length !== b.length) return false;
  for (let row = 0; row < a.length; row++) if (a[row] !== b[row]) return false;
  return true;
}

/** The next duplicate with the id of a refused event: it was one of that event only, and now is the first. */
export function heirOf(rows: EventIds, duplicates: Spans, refused: number): number | undefined {
  const id = idAt(rows, refused);
  if (id === undefined) return undefined;
  for (const offset of offsetsOf(duplicates))
    if (offset > refused && idAt(rows, offset) === id) return offset;
  return undefined;
}

/**
 * Events that are refused, rising, each with its heir. One that was a duplicate only counts when it is an heir itself:
 * then the next with its id is its heir.
 */
export function withHeirs(
  refused: readonly RefusedEvent[],
  rows: EventIds | undefined,
  duplicates: Spans,
): RefusedEvent[] {
  if (rows === undefined) return [...refused];
  const waiting = Map.groupBy(offsetsOf(duplicates), (offset) => idAt(rows, offset));
  const risen = new Set<number>();
  return refused.flatMap((event) => {
    if (has(duplicates, event.offset) && !risen.has(event.offset)) return [];
    const id = idAt(rows, event.offset);
    const heir = id === undefined ? undefined : waiting.get(id)?.find((offset) => offset > event.offset);
    if (heir === undefined) return [event];
    risen.add(heir);
    return [{ ...event, heir }];
  });
}
