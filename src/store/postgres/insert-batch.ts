import { SYSTEM_COLUMNS } from "../../project/column.ts";
import { HeadraceError } from "../../errors.ts";
import { checkLines } from "../check-lines.ts";
import type { OffsetRange, PlannedBatch, Span } from "../store.ts";
import { copyColumns, copyIds, copyRows, type CopyRows } from "./copy-rows.ts";
import { idsTable, IDS_PARTITION_COLUMN, idsUnit } from "./ddl.ts";
import { insertError, sqlState, storeFailed } from "./engine-errors.ts";
import { movePlace, readSpans, takePlace, type Place } from "./loaded.ts";
import { dayOf, type Partitions, type PartitionUnit } from "./partitions.ts";
import { checkTime } from "./clock.ts";
import { rowsOf, type Connection } from "./connection.ts";
import type { PostgresPool } from "./pool.ts";
import { CopyIn } from "./protocol.ts";
import { quoteName } from "./quote.ts";

/** How a table is divided, and for how long its ids are kept. */
export interface TableLayout {
  readonly partitionBy: { readonly unit: PartitionUnit; readonly column: string } | undefined;
  /** Milliseconds. */
  readonly idWindow: number | undefined;
}

export interface Inserting {
  readonly pool: PostgresPool;
  readonly partitions: Partitions;
  layout(table: string): Promise<TableLayout>;
}

const NO_PARTITION = "23514";

/**
 * Inserts a batch in one transaction: the rows, their ids, and how far the table is. Rows that are there already are left
 * out, so that what was tried before, by whomever, is never there twice.
 */
export async function insertBatch(work: Inserting, table: string, batch: PlannedBatch): Promise<void> {
  if (batch.count === 0) return;
  checkLines(table, batch.lines, batch.count);
  let rowOf = unknownRow;
  try {
    const layout = await work.layout(table);
    const watch = layout.partitionBy?.column;
    const encode = (without: readonly Span[]) => copyRows(batch, { table, without, watch });
    const all = await encode([]);
    const today = dayOf(Date.now());
    if (layout.partitionBy !== undefined) {
      await work.partitions.ensure(table, layout.partitionBy.unit, all.watched);
    }
    if (batch.ids !== undefined) {
      await work.partitions.ensure(idsTable(table), idsUnit(layout.idWindow ?? 0), new Set([today]));
    }
    await work.pool.transaction(async (connection) => {
      const place: Place = { table, log: batch.log, partition: batch.partition };
      const range = rangeOf(batch);
      const next = await takePlace(work.pool, connection, place);
      const there = next <= range.from ? [] : await readSpans(connection, table, range);
      const rows = there.length === 0 ? all : await encode(there);
      rowOf = rows.rowOf;
      await copyInto(connection, table, rowColumns(batch), rows);
      if (batch.ids !== undefined) {
        const chunks = await copyIds(batch, batch.ids, rows, today);
        await copyInto(connection, idsTable(table), ID_COLUMNS, { ...rows, chunks });
      }
      await movePlace(connection, place, range.to);
      // Its place is held until it is committed: whoever has the right to insert by then waits for it.
      await checkTime((sql) => rowsOf(connection, sql), table, batch.until);
    });
  } catch (error) {
    if (sqlState(error) === NO_PARTITION) {
      // Dropped in between, since all its rows are over: it is made again for the next try.
      work.partitions.forget(table);
      work.partitions.forget(idsTable(table));
      throw storeFailed(`Inserting into ${table} failed`, error);
    }
    throw insertError(table, error, rowOf);
  }
}

function unknownRow(_line: number): number | undefined {
  return undefined;
}

function rangeOf({ log, partition, offsets }: PlannedBatch): OffsetRange {
  return { log, partition, from: offsets[0] ?? 0, to: (offsets.at(-1) ?? -1) + 1 };
}

function rowColumns({ schema }: PlannedBatch): readonly string[] {
  const { log, partition, offset, acceptedAt } = SYSTEM_COLUMNS;
  return [...copyColumns(schema.columns), log, partition, offset, acceptedAt];
}

const ID_COLUMNS = ["id", "log", "offset", "accepted_at", IDS_PARTITION_COLUMN];

async function copyInto(
  connection: Connection,
  table: string,
  columns: readonly string[],
  { chunks, count }: Pick<CopyRows, "chunks" | "count">,
): Promise<void> {
  if (count === 0) return;
  const copy = new CopyIn(
    `COPY ${quoteName(table)} (${columns.map(quoteName).join(", ")}) FROM STDIN`,
    chunks,
  );
  connection.query(copy);
  const written = await copy.done;
  if (written === count) return;
  throw new HeadraceError("store_failed", `The store took ${written} rows of ${count} for table ${table}`);
}
