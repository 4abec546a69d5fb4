import { expect, test } from "vitest";
import type { LoadStatus } from "../../src/load/load.ts";
import { mergeStatus } from "../../src/load/merge-status.ts";

const status = (state: LoadStatus["state"], lagEvents: number, lagAge: number): LoadStatus => ({
  state,
  lagEvents,
  lagAge,
  loaded: { log: "l1", offset: lagEvents },
});

test("partitions together are as bad as the worst, have all that waits, and the age of the oldest", () => {
  const retrying = { ...status("retrying", 5, 10), reason: "store_failed: not now" };
  expect(mergeStatus([status("running", 1, 30), retrying, status("reconciling", 2, 20)])).toEqual({
    state: "retrying",
    reason: "store_failed: not now",
    lagEvents: 8,
    lagAge: 30,
    loaded: { log: "l1", offset: 1 },
  });
});

test("a reason isn't another partition's", () => {
  const merged = mergeStatus([{ ...status("retrying", 0, 0), reason: "old" }, status("stopped", 0, 0)]);
  expect(merged.state).toBe("stopped");
  expect(merged.reason).toBeUndefined();
});

test("a stream without partitions is a mistake", () => {
  expect(() => mergeStatus([])).toThrow(RangeError);
});
