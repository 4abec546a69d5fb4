import { afterAll, beforeAll, expect, test } from "vitest";
import { encodeRejected } from "../../src/rejected/rejected-event.ts";
import { REJECTED_SCHEMA, REJECTED_TABLE } from "../../src/rejected/rejected-table.ts";
import { dropOldRejected, keepRejectedWithin } from "../../src/rejected/retention.ts";
import { DAY, GIB, KIB, MINUTE } from "../../src/units.ts";
import { openTestStore, type TestStore } from "../support/test-store.ts";
import { until } from "../support/until.ts";

const NOW = Date.UTC(2026, 5, 1);
let shared: TestStore;
beforeAll(async () => {
  shared = await openTestStore([]);
});
afterAll(() => shared.destroy());

/** One event of about 1 KiB for each age in minutes. */
async function keep(log: string, ages: readonly number[]): Promise<void> {
  await shared.store.insert(REJECTED_TABLE, {
    log,
    partition: 0,
    schema: REJECTED_SCHEMA,
    lines: ages.map(() =>
      encodeRejected({
        stream: "s",
        raw: Buffer.alloc(KIB, "x"),
        errors: [{ path: "", code: "c", message: "" }],
      }),
    ),
    count: ages.length,
    offsets: Float64Array.from(ages.keys()),
    acceptedAt: Float64Array.from(ages, (age) => NOW - age * MINUTE),
  });
}

const kept = async (log: string) =>
  shared.store.present(REJECTED_TABLE, { log, partition: 0, from: 0, to: 100 });
const retention = { age: 30 * DAY, bytes: GIB, clock: () => NOW };

test("what is too old goes, and is counted", async () => {
  await keep("age", [31 * 24 * 60, 29 * 24 * 60, 1]);
  const dropped: number[] = [];
  const observer = { dropped: (events: number) => void dropped.push(events) };
  expect(await dropOldRejected({ store: shared.store, ...retention, observer })).toBe(1);
  expect(await dropOldRejected({ store: shared.store, ...retention, observer })).toBe(0);
  expect(dropped).toEqual([1]);
  expect(await kept("age")).toEqual([{ from: 1, to: 3 }]);
  await shared.store.erase(REJECTED_TABLE, {}, { dryRun: false });
});

test("when there is too much the oldest go, and the newest minute stays", async () => {
  await keep("size", [50, 40, 30, 20]);
  const closing = keepRejectedWithin({ store: shared.store, ...retention, bytes: 2.5 * KIB });
  await until(async () => (await kept("size"))[0]?.from === 2);
  await closing.close();
  expect(await dropOldRejected({ store: shared.store, ...retention, bytes: 10 })).toBe(1);
  expect(await kept("size")).toEqual([{ from: 3, to: 4 }]);
});
