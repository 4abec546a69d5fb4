import { MIB } from "../../../src/units.ts";
import type { Sample } from "./samples.ts";

/** A figure that must stay flat: its median in the last quarter of the time that counts, held against that in the first. */
export interface Flatness {
  readonly name: "memory" | "files" | "freshness";
  readonly early: number;
  readonly late: number;
  /** The most that `late` may be. */
  readonly bound: number;
}

/** The most that a median may be in the last quarter, by that of the first. */
const BOUNDS: Readonly<Record<Flatness["name"], (early: number) => number>> = {
  memory: (early) => early * 1.1 + 32 * MIB,
  files: (early) => early * 1.1 + 16,
  freshness: (early) => Math.max(early * 1.5, early + 100),
};

export const RULE =
  "Flat means: the median of the last quarter is no more than that of the first quarter and a tenth, with 32 MiB more (memory) or " +
  "16 (file descriptors), a half or 100 ms, whichever is more (freshness).";

/** @param samples Of one server, without restarts in between. */
export function judgeFlatness(samples: readonly Sample[]): Flatness[] {
  const quarter = Math.floor(samples.length / 4);
  if (quarter < 3) throw new RangeError(`${samples.length} samples are too few to judge by`);
  return (["memory", "files", "freshness"] as const).map((name) => {
    const early = median(samples.slice(0, quarter).map((sample) => sample[name]));
    const late = median(samples.slice(-quarter).map((sample) => sample[name]));
    return { name, early, late, bound: BOUNDS[name](early) };
  });
}

export function isFlat({ late, bound }: Flatness): boolean {
  return late <= bound;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.floor(middle)] ?? 0) + (sorted[Math.ceil(middle) - 1] ?? 0)) / 2;
}
