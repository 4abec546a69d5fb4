import { describe, expect, it } from "vitest";
import { Story } from "./story.ts";

const SEEDS = Number(process.env["HEADRACE_TEST_SEEDS"] ?? 60);

describe("the embedded log on a disk that loses power, fills up and fails", () => {
  const first = Number(process.env["HEADRACE_TEST_SEED"] ?? 1);
  it(
    `keeps what it acknowledged, once and whole (${SEEDS} seeds from ${first})`,
    { timeout: 120_000 },
    async () => {
      const sums = { acknowledged: 0, refused: 0, logs: 0 };
      for (let seed = first; seed < first + SEEDS; seed += 1) {
        try {
          const story = await new Story(seed).run();
          sums.acknowledged += story.acknowledged;
          sums.refused += story.refused;
          sums.logs += story.logs;
        } catch (error) {
          throw new Error(`with HEADRACE_TEST_SEED=${seed} HEADRACE_TEST_SEEDS=1`, { cause: error });
        }
      }
      // It would prove nothing if nothing had happened.
      expect(sums.acknowledged).toBeGreaterThan(SEEDS * 30);
      expect(sums.refused).toBeGreaterThan(0);
      expect(sums.logs).toBeGreaterThan(SEEDS);
    },
  );
});
