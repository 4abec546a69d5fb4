import { HeadraceError } from "../../errors.ts";
import { SYSTEM_COLUMNS } from "../../project/column.ts";
import { SECOND } from "../../units.ts";
import type { PlannedBatch } from "../store.ts";
import { checkLines } from "../check-lines.ts";
import { columnList } from "./column-types.ts";
import type { ClickHouseConnection, InsertStatement } from "./connection.ts";
import { idsTable } from "./ddl.ts";
import { insertError } from "./engine-errors.ts";
import type { TextColumn } from "../text-column.ts";
import { IDENTITY, IDENTITY_STRUCTURE, identifiedLines } from "./identified-lines.ts";
import { insertMark } from "./presence.ts";
import { quoteName, quoteText } from "./quote.ts";

const { log, partition, offset, acceptedAt } = SYSTEM_COLUMNS;

/**
 * Inserts a batch and its ids, both at once: they take a core each. An id without its row is found at the same position when the
 * row is tried again; a row without its id, which would let a duplicate in, gets it by `keepIds`. So an error of the ids comes first:
 * then nobody takes it for the rows' fault.
 */
export async function insertBatch(
  connection: ClickHouseConnection,
  table: string,
  batch: PlannedBatch,
): Promise<void> {
  if (batch.count === 0) return;
  checkLines(table, batch.lines, batch.count);
  const ids = batch.ids === undefined ? [] : [idsStatement(table, batch, batch.ids)];
  const rows =
    connection.lacksRowNumbers === true ? identifiedStatement(table, batch) : rowsStatement(table, batch);
  await insertCounted(connection, table, batch, [...ids, rows]);
}

/** Stores the ids of rows that are in the table, again if they are stored: of the same position they are the same. */
export async function keepIds(
  connection: ClickHouseConnection,
  table: string,
  batch: PlannedBatch,
): Promise<void> {
  if (batch.ids === undefined || batch.count === 0) return;
  await insertCounted(connection, table, batch, [idsStatement(table, batch, batch.ids)]);
}

/** Each of the statements has so many rows. */
async function insertCounted(
  connection: ClickHouseConnection,
  table: string,
  { log: logId, partition: of, count: rows }: PlannedBatch,
  statements: readonly InsertStatement[],
): Promise<void> {
  const count = rows * statements.length;
  const mark = insertMark(table, logId, of);
  let written: number;
  try {
    written = await connection.insert(...statements.map((statement) => ({ ...statement, rows, mark })));
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
        `INSERT INTO ${quoteName(table)} (${columns.join(", ")})`,
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

/** The rows, each with its identity in two fields of its own: nothing hangs on the order in which a server reads them. */
function identifiedStatement(table: string, batch: PlannedBatch): InsertStatement {
  const names = batch.schema.columns.map((column) => quoteName(column.name));
  const columns = [...names, ...[log, partition, offset, acceptedAt].map(quoteName)];
  const place = `assumeNotNull(${IDENTITY.offset}) + throwIf(isNull(${IDENTITY.offset}), 'more rows than lines')`;
  const values = [...names, quoteText(batch.log), `${batch.partition}`, place];
  return {
    sql: (input) =>
      [
        `INSERT INTO ${quoteName(table)} (${columns.join(", ")})`,
        `SELECT ${values.join(", ")}, fromUnixTimestamp64Milli(${IDENTITY.acceptedAt}, 'UTC') FROM ${input("rows")}`,
      ].join(" "),
    inputs: {
      rows: {
        format: "JSONEachRow",
        structure: [IDENTITY_STRUCTURE, columnList(batch.schema.columns)]
          .filter((part) => part !== "")
          .join(", "),
        bytes: identifiedLines(batch),
      },
    },
  };
}

/** Offset and accept time of each row, 8 bytes each. */
function identityBytes({ count, offsets, acceptedAt: times }: PlannedBatch): Buffer {
  const bytes = Buffer.allocUnsafeSlow(count * 16);
  for (let row = 0; row < count; row++) {
    writeUnsigned(bytes, row * 16, offsets[row] ?? 0);
    writeUnsigned(bytes, row * 16 + 8, times[row] ?? 0);
  }
  return bytes;
}

function idsStatement(table: string, batch: PlannedBatch, ids: TextColumn): InsertStatement {
  // By the clock that `forgetIds` goes by, which isn't the engine's when that is on another machine.
  const storedAt = `toDateTime(${Math.floor(Date.now() / SECOND)}, 'UTC')`;
  return {
    sql: (input) =>
      [
        `INSERT INTO ${quoteName(idsTable(table))} (id, log, offset, accepted_at, stored_at)`,
        `SELECT id, ${quoteText(batch.log)}, o, fromUnixTimestamp64Milli(a, 'UTC'), ${storedAt} FROM ${input("ids")}`,
      ].join(" "),
    inputs: {
      ids: {
        format: "RowBinary",
        structure: "id String, o UInt64, a Int64",
        bytes: [idBytes(batch, ids)],
      },
    },
  };
}

/** Bytes that a row of the ids takes beside the id itself, at most: the id's length, its offset and its time. */
const ID_ROW_BYTES = 5 + 8 + 8;

function idBytes({ offsets, acceptedAt: times }: PlannedBatch, ids: TextColumn): Buffer {
  const { bytes: texts } = ids;
  const bytes = Buffer.allocUnsafeSlow(texts.length + ids.count * ID_ROW_BYTES);
  let at = 0;
  let text = 0;
  for (let row = 0; row < ids.count; row++) {
    const end = ids.endOf(row);
    at = writeLength(bytes, at, end - text);
    for (; text < end; text++) bytes[at++] = texts[text] ?? 0;
    writeUnsigned(bytes, at, offsets[row] ?? 0);
    writeUnsigned(bytes, at + 8, times[row] ?? 0);
    at += 16;
  }
  return bytes.subarray(0, at);
}

/** A length as RowBinary has it before a text: in 7-bit groups, the lowest first. Gives the place after it. */
export function writeLength(bytes: Buffer, start: number, length: number): number {
  let at = start;
  let rest = length;
  for (; rest > 0x7f; rest >>>= 7) bytes[at++] = (rest & 0x7f) | 0x80;
  bytes[at++] = rest;
  return at;
}

/** An integer from 0 to 2^53 in 8 bytes, the lowest first. */
function writeUnsigned(bytes: Buffer, at: number, value: number): void {
  const high = Math.floor(value / 2 ** 32);
  const low = value >>> 0;
  bytes[at] = low;
  bytes[at + 1] = low >>> 8;
  bytes[at + 2] = low >>> 16;
  bytes[at + 3] = low >>> 24;
  bytes[at + 4] = high;
  bytes[at + 5] = high >>> 8;
  bytes[at + 6] = high >>> 16;
  bytes[at + 7] = 0;
}
