import type { LogBatch } from "../../log/log.ts";
import { createIdReader } from "../../project/fast-validator/id-reader.ts";
import { inTurns } from "../in-turns.ts";
import { linesOf, offsetsIn } from "../rows.ts";
import { has, type Spans } from "../spans.ts";
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
