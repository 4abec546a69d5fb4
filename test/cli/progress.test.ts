import { expect, test } from "vitest";
import { liveLines, progressBar } from "../../src/cli/progress.ts";
import { memoryIo } from "./support/run.ts";

test("on a terminal the lines are rewritten in place, at most ten times a second, and cut at its width", () => {
  const { io, stderr } = memoryIo({ terminal: true });
  let now = 0;
  const live = liveLines(io.stderr, () => now);
  live.update(() => ["one", "two"]);
  now = 50;
  live.update(() => ["not shown"]);
  now = 150;
  live.update(() => ["x".repeat(200)]);
  live.finish(() => ["done"]);
  expect(stderr()).toBe(
    `\r\u001B[Jone\ntwo\n\u001B[2A\r\u001B[J${"x".repeat(99)}\n\u001B[1A\r\u001B[Jdone\n`,
  );
});

test("elsewhere the first line is printed every few seconds, and all at the end", () => {
  const { io, stderr } = memoryIo();
  let now = 0;
  const live = liveLines(io.stderr, () => now);
  for (now = 0; now < 7_000; now += 500) live.update(() => [`at ${now}`, "detail"]);
  live.finish(() => ["done", "detail"]);
  expect(stderr()).toBe("at 3000\nat 6000\ndone\ndetail\n");
});

test.each([
  [0, `${"░".repeat(24)}   0 %`],
  [0.999, `${"█".repeat(23)}░  99 %`],
  [1.2, `${"█".repeat(24)} 100 %`],
  [undefined, ""],
])("the bar of %s", (fraction, bar) => {
  expect(progressBar(fraction)).toBe(bar);
});
