import type { ErasedCounts } from "./load.ts";

/** What was erased of all partitions of a stream; undefined when one isn't done. */
export function sumOfCounts(counts: readonly (ErasedCounts | undefined)[]): ErasedCounts | undefined {
  const done = counts.filter((one) => one !== undefined);
  if (done.length < counts.length) return undefined;
  return {
    rows: done.reduce((sum, { rows }) => sum + rows, 0),
    rejected: done.reduce((sum, { rejected }) => sum + rejected, 0),
  };
}
