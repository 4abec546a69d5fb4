import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, test } from "vitest";
import { cpuSeconds, residentBytes } from "../../bench/measure/process-tree.ts";
import { figureOf, quantile, ratioOf } from "../../bench/measure/stats.ts";
import { MIB } from "../../src/units.ts";
import { until } from "../support/until.ts";

describe("figures", () => {
  test("a figure is the median of the rounds with the least and the greatest; rounds that failed don't count", () => {
    expect(figureOf([3, 1, 2])).toMatchObject({ median: 2, min: 1, max: 3 });
    expect(figureOf([4, Number.NaN, 1, 2, 3])).toMatchObject({ median: 2.5, min: 1, max: 4 });
    expect(figureOf([]).median).toBeNaN();
  });

  test("a ratio is the median of the rounds' own ratios, so that a slow round is slow for both", () => {
    expect(ratioOf(figureOf([100, 10, 100]), figureOf([50, 5, 40])).median).toBe(2);
  });

  test("a quantile of one value is that value", () => {
    expect(quantile([7], 0.99)).toBe(7);
    expect(quantile([1, 2, 3, 4], 0.5)).toBe(3);
  });
});

describe.runIf(process.platform === "linux")("a process and its children", () => {
  test("CPU and memory of children are counted with their parent", async () => {
    // A shell that does nothing while its child burns CPU and holds memory.
    const script = `const held = Buffer.alloc(${64 * MIB}, 1); for (;;) held[0]++;`;
    const shell = spawn("sh", ["-c", `"$0" -e '${script}'; true`, process.execPath], { detached: true });
    const pid = shell.pid ?? 0;
    try {
      await until(() => cpuSeconds([pid]) > 0.3 && residentBytes([pid]) > 64 * MIB);
    } finally {
      process.kill(-pid, "SIGKILL");
      await once(shell, "exit");
    }
    expect(cpuSeconds([pid])).toBe(0);
  });
});
