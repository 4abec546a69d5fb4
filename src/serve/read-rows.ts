import type { BoundSql } from "../project/sql.ts";
import type { QueryLimits, Store } from "../store/store.ts";

/** All rows of a small query of our own, as the JSON objects that the store gives. */
export async function readRows(
  store: Store,
  sql: BoundSql,
  limits: QueryLimits,
): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const { chunks } = await store.query({ sql, format: "ndjson", limits });
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  const lines = Buffer.concat(parts).toString("utf8").split("\n");
  return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as Record<string, unknown>);
}
