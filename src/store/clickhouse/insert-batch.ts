import { HeadraceError } from "../../errors.ts";
import { SYSTEM_COLUMNS } from "../../project/column.ts";
import type { PlannedBatch } from "../store.ts";
import { checkLines } from "../check-lines.ts";
import { columnList } from "./column-types.ts";
import type { ClickHouseConnection, InsertStatement } from "./connection.ts";
import { DATABASE, idsTable } from "./ddl.ts";
import { insertError } from "./engine-errors.ts";
import { quoteName, quoteText } from "./quote.ts";

const { log, partition, offset, acceptedAt } = SYSTEM_COLUMNS;

/**
 * Inserts a batch, its ids first: an id without its row is found at the same position when the row is tried again, but a
 * row without its id would let a duplicate in.
 */
export async function insertBatch(
  connection: ClickHouseConnection,
  table: string,
  batch: PlannedBatch,
): Promise<void> {
  if (batch.count === 0) return;
  checkLines(table, batch.lines, batch.count);
  if (batch.ids !== undefined)
    await insertCounted(connection, table, batch.count, idsStatement(table, batch, batch.ids));
  await insertCounted(connection, table, batch.count, rowsStatement(table, batch));
}

async function insertCounted(
  connection: ClickHouseConnection,
  table: string,
  count: number,
  statement: InsertStatement,
): Promise<void> {
  let written: number;
  try {
    written = await connection.insert(statement);
  } catch (error) {
    throw insertError(table, error);
  }
  if (written === count) return;
  throw new HeadraceError("store_failed", `The store took ${written} rows of ${count} for table ${table}`);
}

/**
 * The rows of the file with the identity of each by its number. `_row_number` is exact because one thread reads the
 * file. One row more than there are identities fails before anything is written.
 */
function rowsStatement(table: string, batch: PlannedBatch): InsertStatement {
  const names = batch.schema.columns.map((column) => quoteName(column.name));
  const place = `_row_number + 1 + throwIf(_row_number >= ${batch.count}, 'more rows than lines')`;
  const columns = [...names, ...[log, partition, offset, acceptedAt].map(quoteName)];
  return {
    sql: (input) =>
      [
        `INSERT INTO ${DATABASE}.${quoteName(table)} (${columns.join(", ")})`,
        `WITH (SELECT groupArray(o) FROM ${input("identity")}) AS _offsets,`,
        `(SELECT groupArray(a) FROM ${input("identity")}) AS _times`,
        `SELECT ${[
          ...names,
          quoteText(batch.log),
          `${batch.partition}`,
          `_offsets[${place}]`,
          `fromUnixTimestamp64Milli(_times[_row_number + 1], 'UTC')`,
        ].join(", ")}`,
        `FROM ${input("lines")}`,
      ].join(" "),
    inputs: {
      lines: { format: "JSONEachRow", structure: columnList(batch.schema.columns), bytes: batch.lines },
      identity: { format: "RowBinary", structure: "o UInt64, a Int64", bytes: [identityBytes(batch)] },
    },
  };
}

function identityBytes({ count, offsets, acceptedAt: times }: PlannedBatch): Buffer {
  const bytes = Buffer.allocUnsafe(count * 16);
  for (let row = 0; row < count; row++) {
    bytes.writeBigUInt64LE(BigInt(offsets[row] ?? 0), row * 16);
    bytes.writeBigInt64LE(BigInt(times[row] ?? 0), row * 16 + 8);
  }
  return bytes;
}

function idsStatement(table: string, batch: PlannedBatch, ids: readonly string[]): InsertStatement {
  return {
    sql: (input) =>
      [
        `INSERT INTO ${DATABASE}.${quoteName(idsTable(table))} (id, log, offset, accepted_at)`,
        `SELECT id, ${quoteText(batch.log)}, o, fromUnixTimestamp64Milli(a, 'UTC') FROM ${input("ids")}`,
      ].join(" "),
    inputs: {
      ids: {
        format: "RowBinary",
        structure: "id String, o UInt64, a Int64",
        bytes: [
          Buffer.concat(
            ids.map((id, row) => idBytes(id, batch.offsets[row] ?? 0, batch.acceptedAt[row] ?? 0)),
          ),
        ],
      },
    },
  };
}

function idBytes(id: string, at: number, time: number): Buffer {
  const text = rowBinaryText(id);
  const bytes = Buffer.allocUnsafe(text.length + 16);
  text.copy(bytes);
  bytes.writeBigUInt64LE(BigInt(at), text.length);
  bytes.writeBigInt64LE(BigInt(time), text.length + 8);
  return bytes;
}

/** A string as RowBinary has it: its length in bytes in 7-bit groups, lowest first, then the bytes. */
export function rowBinaryText(text: string): Buffer {
  const bytes = Buffer.from(text);
  const length: number[] = [];
  let rest = bytes.length;
  for (; rest > 0x7f; rest >>>= 7) length.push((rest & 0x7f) | 0x80);
  return Buffer.concat([Buffer.of(...length, rest), bytes]);
}
