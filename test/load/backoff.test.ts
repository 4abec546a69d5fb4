import { expect, test } from "vitest";
import { backoffDelay, pause } from "../../src/load/backoff.ts";

test("waits grow to a bound and are spread over all that is below it", () => {
  const options = { first: 100, max: 15_000 };
  for (const [attempt, bound] of [
    [1, 100],
    [2, 200],
    [5, 1_600],
    [9, 15_000],
    [5_000, 15_000],
  ] as const) {
    const delays = Array.from({ length: 300 }, () => backoffDelay(attempt, options));
    expect(Math.max(...delays)).toBeLessThanOrEqual(bound);
    // All 300 in one half would come once in 2^300 runs.
    expect(Math.min(...delays)).toBeLessThan(bound / 2);
    expect(Math.max(...delays)).toBeGreaterThan(bound / 2);
  }
});

test("a pause ends when it is called off, even before it began", async () => {
  const stop = new AbortController();
  const waiting = pause(60_000, stop.signal);
  stop.abort();
  await expect(waiting).resolves.toBeUndefined();
  await expect(pause(60_000, stop.signal)).resolves.toBeUndefined();
});
