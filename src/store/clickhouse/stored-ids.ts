import type { StoredId } from "../store.ts";
import { TextColumnBuilder, type TextColumn } from "../text-column.ts";
import type { ClickHouseConnection } from "./connection.ts";
import { ID_PARTITION, idsTable } from "./ddl.ts";
import { SECOND } from "../../units.ts";
import { storeFailed } from "./engine-errors.ts";
import { copiesOf } from "./presence.ts";
import { quoteName, quoteText } from "./quote.ts";

/** Ids that stand in one statement. */
const IDS_AT_ONCE = 5_000;
/** Ids of one page of a scan. */
const PAGE_SIZE = 100_000;

/** The first position of each of these ids, of those accepted since then (milliseconds). */
export async function findIds(
  connection: ClickHouseConnection,
  table: string,
  ids: readonly string[],
  since: number,
): Promise<Map<string, StoredId>> {
  const found = new Map<string, StoredId>();
  for (let start = 0; start < ids.length; start += IDS_AT_ONCE) {
    const list = ids
      .slice(start, start + IDS_AT_ONCE)
      .map(quoteText)
      .join(", ");
    const rows = await readLines(
      connection,
      `SELECT id, tupleElement(first, 1), tupleElement(first, 2) FROM (
        SELECT id, argMin((log, offset), (accepted_at, offset)) AS first
        FROM ${copiesOf(connection, idsTable(table))} WHERE id IN (${list}) AND ${acceptedSince(since)} GROUP BY id)`,
    );
    for (const [id = "", log = "", offset] of rows) found.set(id, { log, offset: Number(offset) });
  }
  return found;
}

/** All ids that were accepted since then, in pages, sorted; one that came twice may come twice. */
export async function* scanIds(
  connection: ClickHouseConnection,
  table: string,
  since: number,
): AsyncGenerator<TextColumn, void, undefined> {
  // By the sort key, so that a page reads little more than its own rows.
  const read = async (operator: ">=" | ">", after: string): Promise<TextColumn> => {
    const sql =
      `SELECT DISTINCT id FROM ${copiesOf(connection, idsTable(table))} ` +
      `WHERE id ${operator} ${quoteText(after)} AND ${acceptedSince(since)} ORDER BY id LIMIT ${PAGE_SIZE}`;
    return columnOf(await readIds(connection, sql, "RowBinary"));
  };
  let reading = read(">=", "");
  for (;;) {
    const page = await reading;
    const isLast = page.count < PAGE_SIZE;
    // The next one is read while this one is worked on.
    if (!isLast) reading = read(">", page.at(page.count - 1));
    // Whoever leaves early doesn't hear of its failure.
    reading.catch(() => {});
    if (page.count > 0) yield page;
    if (isLast) return;
  }
}

/** Strings as RowBinary has them: each its length in groups of 7 bits, the lowest first, and its bytes. */
function columnOf(bytes: Buffer): TextColumn {
  const column = new TextColumnBuilder(PAGE_SIZE);
  for (let at = 0; at < bytes.length;) {
    let length = 0;
    for (let shift = 0; ; shift += 7) {
      const group = bytes[at++] ?? 0;
      length |= (group & 0x7f) << shift;
      if (group < 0x80) break;
    }
    column.addBytes(bytes, at, at + length);
    at += length;
  }
  return column.finish();
}

/** Drops the days all of whose ids were stored before that time (milliseconds): whole partitions, which costs nothing. */
export async function forgetIds(
  connection: ClickHouseConnection,
  table: string,
  storedBefore: number,
): Promise<void> {
  const ids = quoteName(idsTable(table));
  const before = `toDateTime(${Math.max(0, Math.floor(storedBefore / SECOND))}, 'UTC')`;
  const days = await readLines(
    connection,
    `SELECT ${ID_PARTITION} AS day FROM ${ids} GROUP BY day HAVING max(stored_at) < ${before}`,
  );
  for (const [day = ""] of days) await readLines(connection, `ALTER TABLE ${ids} DROP PARTITION ${day}`);
}

function acceptedSince(since: number): string {
  return `accepted_at >= fromUnixTimestamp64Milli(${Math.floor(since)}, 'UTC')`;
}

async function readLines(connection: ClickHouseConnection, sql: string): Promise<string[][]> {
  return tsvRows((await readIds(connection, sql, "TabSeparated")).toString());
}

async function readIds(
  connection: ClickHouseConnection,
  sql: string,
  format: "TabSeparated" | "RowBinary",
): Promise<Buffer> {
  try {
    return await connection.run(sql, format);
  } catch (error) {
    throw storeFailed("Reading the stored ids failed", error);
  }
}

/** The fields of tab-separated rows. */
export function tsvRows(text: string): string[][] {
  const lines = text.split("\n");
  lines.pop();
  return lines.map((line) => line.split("\t").map(unescapeField));
}

const ESCAPES: Readonly<Record<string, string>> = { t: "\t", n: "\n", r: "\r", b: "\b", f: "\f", "0": "\0" };

function unescapeField(field: string): string {
  if (!field.includes("\\")) return field;
  return field.replaceAll(/\\(.)/gs, (_, char: string) => ESCAPES[char] ?? char);
}
