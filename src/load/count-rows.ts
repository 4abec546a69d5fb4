import { compileSql } from "../project/compile-sql.ts";
import { sql } from "../project/sql.ts";
import type { Store } from "../store/store.ts";
import { MIB, SECOND } from "../units.ts";

/** An engine knows the number of a table's rows without reading them. */
const LIMITS = { time: 30 * SECOND, memory: 256 * MIB, rows: 1, bytes: MIB };

/** How many rows a table has. */
export async function countRows(
  store: Pick<Store, "capabilities" | "query">,
  table: string,
): Promise<number> {
  const { chunks } = await store.query({
    sql: compileSql(sql`SELECT count(*) AS n FROM ${sql.identifier(table)}`, store.capabilities.dialect),
    format: "ndjson",
    limits: LIMITS,
  });
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  const { n } = JSON.parse(Buffer.concat(parts).toString()) as { readonly n: number | string };
  return Number(n);
}
