import { expect, test } from "vitest";
import { TokenBucket } from "../../src/access/token-bucket.ts";

test("a bucket gives its burst at once and then its rate, and says how long to wait", () => {
  const bucket = new TokenBucket({ requestsPerSecond: 2, burst: 3 }, 0);
  expect([1, 2, 3].map(() => bucket.take(0).allowed)).toEqual([true, true, true]);
  expect(bucket.take(0)).toEqual({ allowed: false, remaining: 0, wait: 500 });
  expect(bucket.take(499).allowed).toBe(false);
  expect(bucket.take(501)).toMatchObject({ allowed: true, remaining: 0 });
});

test("a pause fills it to its burst and no further", () => {
  const bucket = new TokenBucket({ requestsPerSecond: 1, burst: 2 }, 0);
  bucket.take(0);
  expect(bucket.take(1_000_000)).toMatchObject({ allowed: true, remaining: 1 });
  expect(bucket.take(1_000_000).allowed).toBe(true);
  expect(bucket.take(1_000_000).allowed).toBe(false);
});

test("over an hour as many get through as the rate says, however hard it is tried", () => {
  const bucket = new TokenBucket({ requestsPerSecond: 0.5, burst: 10 }, 0);
  let allowed = 0;
  for (let now = 0; now < 3_600_000; now += 100) if (bucket.take(now).allowed) allowed += 1;
  expect(allowed).toBeGreaterThanOrEqual(1808);
  expect(allowed).toBeLessThanOrEqual(1810);
});
