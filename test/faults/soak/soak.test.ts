import { expect, test } from "vitest";
import { MIB } from "../../../src/units.ts";
import { plotSvg } from "./plot.ts";
import type { Sample } from "./samples.ts";
import { isFlat, judgeFlatness } from "./verdict.ts";

const steady = (at: number): Sample => ({ at, memory: 500 * MIB, files: 80, freshness: 400 });
const over = (change: (sample: Sample) => Partial<Sample>) =>
  Array.from({ length: 100 }, (_, at) => ({ ...steady(at), ...change(steady(at)) }));
const notFlat = (samples: readonly Sample[]) =>
  judgeFlatness(samples)
    .filter((one) => !isFlat(one))
    .map(({ name }) => name);

test("what stays as it is, or has a peak, is flat", () => {
  expect(notFlat(over(() => ({})))).toEqual([]);
  expect(
    notFlat(over(({ at }) => (at % 20 === 0 ? { memory: 5_000 * MIB, freshness: 60_000 } : {}))),
  ).toEqual([]);
});

test("what grows all the time isn't", () => {
  expect(notFlat(over(({ at }) => ({ memory: (500 + 2 * at) * MIB })))).toEqual(["memory"]);
  expect(notFlat(over(({ at }) => ({ files: 80 + Math.floor(at / 2) })))).toEqual(["files"]);
  expect(notFlat(over(({ at }) => ({ freshness: 400 + 10 * at })))).toEqual(["freshness"]);
});

test("a time with too few samples isn't judged", () => {
  expect(() => judgeFlatness(over(() => ({})).slice(0, 11))).toThrow(RangeError);
});

test("the plot has a line for each figure and each life, and every point is within it", () => {
  const svg = plotSvg({ samples: over(({ at }) => ({ files: at })), restarts: [20.5, 60.5], judgedFrom: 66 });
  const lines = [...svg.matchAll(/<polyline points="([^"]*)"/g)].map(([, points = ""]) => points.split(" "));
  expect(lines.map((points) => points.length)).toEqual([21, 40, 39, 21, 40, 39, 21, 40, 39]);
  for (const [x = 0, y = 0] of lines.flat().map((point) => point.split(",").map(Number))) {
    expect(x).toBeGreaterThanOrEqual(60);
    expect(x).toBeLessThanOrEqual(840);
    expect(y).toBeGreaterThanOrEqual(0);
    expect(y).toBeLessThanOrEqual(450);
  }
});
