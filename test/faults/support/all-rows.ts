import type { Store } from "../../../src/store/store.ts";
import { GIB, MINUTE } from "../../../src/units.ts";

/** The rows of a query of our own, whole in memory. */
export async function allRows(store: Store, text: string): Promise<Record<string, unknown>[]> {
  const { chunks } = await store.query({
    sql: { text, params: {} },
    format: "ndjson",
    limits: { time: 5 * MINUTE, memory: 2 * GIB, rows: 50_000_000, bytes: 8 * GIB },
  });
  const rows: Record<string, unknown>[] = [];
  for await (const chunk of chunks) {
    for (const line of Buffer.from(chunk).toString().split("\n"))
      if (line !== "") rows.push(JSON.parse(line) as Record<string, unknown>);
  }
  return rows;
}
