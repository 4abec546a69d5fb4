import type { StoredId } from "../store.ts";
import { TextColumn } from "../text-column.ts";
import { idsTable } from "./ddl.ts";
import { storeFailed } from "./engine-errors.ts";
import { release, rowsOf } from "./connection.ts";
import type { PostgresPool } from "./pool.ts";
import { quoteName } from "./quote.ts";

/** Ids that are asked for at once. */
const IDS_AT_ONCE = 5_000;
/** Ids of one page of a scan. */
const PAGE_SIZE = 50_000;

/** The first position of each of these ids, of those accepted since then (milliseconds). */
export async function findIds(
  pool: PostgresPool,
  table: string,
  ids: readonly string[],
  since: number,
): Promise<Map<string, StoredId>> {
  const found = new Map<string, StoredId>();
  // An id with this character was never stored: PostgreSQL's texts can't hold it.
  const possible = ids.filter((id) => !id.includes("\0"));
  try {
    for (let start = 0; start < possible.length; start += IDS_AT_ONCE) {
      const rows = await pool.run(
        `SELECT DISTINCT ON (s.id) s.id, s.log, s."offset" FROM unnest($1::text[]) AS asked (id)
         JOIN ${quoteName(idsTable(table))} AS s ON s.id = asked.id COLLATE "C"
         WHERE s.accepted_at >= $2 ORDER BY s.id, s.accepted_at, s."offset"`,
        [arrayText(possible.slice(start, start + IDS_AT_ONCE)), timeText(since)],
      );
      for (const [id, log, offset] of rows) found.set(id ?? "", { log: log ?? "", offset: Number(offset) });
    }
  } catch (error) {
    throw storeFailed("Reading the stored ids failed", error);
  }
  return found;
}

/** All ids that were accepted since then, in pages; one that came twice comes twice. */
export async function* scanIds(
  pool: PostgresPool,
  table: string,
  since: number,
): AsyncGenerator<TextColumn, void, undefined> {
  const connection = await pool.acquire().catch((error: unknown) => {
    throw storeFailed("Reading the stored ids failed", error);
  });
  // A scan that is left or fails leaves its cursor open: the connection goes with it.
  let done = false;
  try {
    await connection.query("BEGIN READ ONLY");
    await rowsOf(
      connection,
      `DECLARE ids NO SCROLL CURSOR FOR SELECT id FROM ${quoteName(idsTable(table))} WHERE accepted_at >= $1`,
      [timeText(since)],
    );
    for (;;) {
      const page = (await rowsOf(connection, `FETCH ${PAGE_SIZE} FROM ids`)).map(([id]) => id ?? "");
      if (page.length > 0) yield TextColumn.of(page);
      if (page.length < PAGE_SIZE) break;
    }
    await connection.query("COMMIT");
    done = true;
  } catch (error) {
    throw storeFailed("Reading the stored ids failed", error);
  } finally {
    release(connection, done);
  }
}

export function timeText(milliseconds: number): string {
  return new Date(Math.floor(milliseconds)).toISOString();
}

function arrayText(texts: readonly string[]): string {
  return `{${texts.map((text) => `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`).join(",")}}`;
}
