import { expect, test } from "vitest";
import { RecentFreshness } from "../../src/observe/recent-freshness.ts";

test("quantiles are those of the latest batches, and none are told before the first", () => {
  const recent = new RecentFreshness();
  expect(recent.of("flights")).toBeUndefined();
  for (let value = 1; value <= 100; value++) recent.add("flights", value);
  expect(recent.of("flights")).toEqual({ p50: 51, p99: 100, batches: 100 });
  expect(recent.of("other")).toBeUndefined();
  for (let index = 0; index < 5_000; index++) recent.add("flights", 7);
  expect(recent.of("flights")).toEqual({ p50: 7, p99: 7, batches: 1_024 });
});
