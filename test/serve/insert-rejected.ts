import { REJECTED_SCHEMA, REJECTED_TABLE } from "../../src/rejected/rejected-table.ts";
import type { Store } from "../../src/store/store.ts";

/** Puts rejected events of a stream into the store, as the loader does. */
export async function insertRejected(store: Store, stream: string, count: number): Promise<void> {
  const indexes = Array.from({ length: count }, (_, index) => index);
  const lines = indexes.map((index) => ({
    stream,
    event: `{"delay":"late ${index}"}`,
    encoding: "utf8",
    code: "invalid_type",
    errors: JSON.stringify([{ path: "/delay", code: "invalid_type", message: "expected an integer" }]),
    refused_by: "ingest",
  }));
  await store.insert(REJECTED_TABLE, {
    log: "rejected",
    partition: 0,
    schema: REJECTED_SCHEMA,
    lines: lines.map((line) => Buffer.from(`${JSON.stringify(line)}\n`)),
    count,
    offsets: Float64Array.from(indexes),
    acceptedAt: Float64Array.from(indexes, () => Date.now()),
  });
}
