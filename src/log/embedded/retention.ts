import type { Retention } from "../log-options.ts";
import type { Segment } from "./segment.ts";

/**
 * How many segments, from the oldest on, retention lets go. The last one, which is written to, always stays, and so
 * does what holds an offset that some subscription still needs.
 */
export function countDroppable(
  segments: readonly Segment[],
  retention: Retention,
  needed: number,
  now: number,
): number {
  let bytes = segments.reduce((sum, segment) => sum + segment.bytes, 0);
  let count = 0;
  for (const segment of segments.slice(0, -1)) {
    const tooOld = segment.lastAcceptedAt + retention.age <= now;
    if (segment.end > needed || !(tooOld || bytes > retention.bytes)) break;
    bytes -= segment.bytes;
    count += 1;
  }
  return count;
}
