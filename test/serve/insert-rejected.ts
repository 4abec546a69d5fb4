import { REJECTED_SCHEMA, REJECTED_TABLE } from "../../src/rejected/rejected-table.ts";
import type { Store } from "../../src/store/store.ts";

/** Puts rejected events of a stream into the store, as the loader does. */
export async function insertRejected(store: Store, stream: string, events: readonly string[]): Promise<void> {
  const lines = events.map((event) => ({
    stream,
    event,
    encoding: "utf8",
    code: "invalid_type",
    errors: JSON.stringify([{ path: "/delay", code: "invalid_type", message: "expected an integer" }]),
    refused_by: "ingest",
  }));
  await store.insert(REJECTED_TABLE, {
    log: `rejected-${stream}`,
    partition: 0,
    schema: REJECTED_SCHEMA,
    lines: lines.map((line) => Buffer.from(`${JSON.stringify(line)}\n`)),
    count: events.length,
    offsets: Float64Array.from(events, (_, index) => index),
    acceptedAt: Float64Array.from(events, () => Date.now()),
  });
}
