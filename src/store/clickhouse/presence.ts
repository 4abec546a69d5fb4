import { SYSTEM_COLUMNS } from "../../project/column.ts";
import type { OffsetRange, Span } from "../store.ts";
import type { ClickHouseConnection } from "./connection.ts";
import { storeFailed } from "./engine-errors.ts";
import { quoteName, quoteText } from "./quote.ts";

/** Offsets that are asked for at once: 8 bytes each in the answer. */
const OFFSETS_AT_ONCE = 1_000_000;

/** The offsets of a range that are in the table, as sorted, disjoint ranges. */
export async function presentOffsets(
  connection: ClickHouseConnection,
  table: string,
  range: OffsetRange,
): Promise<Span[]> {
  const spans: Span[] = [];
  // An insert of a process that died may still run in a server, and would come after the answer.
  await endInserts(connection, table, range);
  for (let from = range.from; from < range.to; from += OFFSETS_AT_ONCE) {
    const to = Math.min(range.to, from + OFFSETS_AT_ONCE);
    appendOffsets(
      spans,
      await readOffsets(connection, presenceSql(table, { ...range, from, to }, copiesOf(connection, table))),
    );
  }
  return spans;
}

async function endInserts(
  connection: ClickHouseConnection,
  table: string,
  { log, partition }: OffsetRange,
): Promise<void> {
  try {
    await connection.endInserts?.(insertMark(table, log, partition));
  } catch (error) {
    throw storeFailed("Ending earlier inserts failed", error);
  }
}

/** What all inserts of a table's rows from one partition of a log are marked with, their ids' as well. */
export function insertMark(table: string, log: string, partition: number): string {
  return `${table} ${log} ${partition}`;
}

/** Where all of a table's rows are asked for, also those that a replica hasn't got yet. */
export function copiesOf(connection: ClickHouseConnection, table: string): string {
  return connection.copies?.(table) ?? quoteName(table);
}

export function presenceSql(
  table: string,
  { log, partition, from, to }: OffsetRange,
  source = quoteName(table),
): string {
  const column = quoteName(SYSTEM_COLUMNS.offset);
  return (
    `SELECT ${column} FROM ${source} ` +
    `WHERE ${column} >= ${from} AND ${column} < ${to} ` +
    `AND ${quoteName(SYSTEM_COLUMNS.log)} = ${quoteText(log)} AND ${quoteName(SYSTEM_COLUMNS.partition)} = ${partition}`
  );
}

/** Sorted: an order by the engine would cost it more. */
async function readOffsets(connection: ClickHouseConnection, sql: string): Promise<Float64Array> {
  let bytes: Buffer;
  try {
    bytes = await connection.run(sql, "RowBinary");
  } catch (error) {
    throw storeFailed("Asking which events are in the store failed", error);
  }
  const offsets = new Float64Array(bytes.length / 8);
  for (let row = 0; row < offsets.length; row++) offsets[row] = Number(bytes.readBigUInt64LE(row * 8));
  return offsets.sort();
}

function appendOffsets(spans: Span[], offsets: Float64Array): void {
  for (const offset of offsets) {
    const last = spans.at(-1);
    if (last !== undefined && offset < last.to) continue;
    if (last?.to === offset) spans[spans.length - 1] = { from: last.from, to: offset + 1 };
    else spans.push({ from: offset, to: offset + 1 });
  }
}
