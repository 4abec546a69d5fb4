import type { LoadStatus } from "./load.ts";

/** The worst first. */
const STATES = ["stopped", "retrying", "reconciling", "running"] as const;

/** What a stream's partitions are doing together: the worst state with its reason, all that waits, and the first one's position. */
export function mergeStatus(statuses: readonly LoadStatus[]): LoadStatus {
  const [first] = statuses;
  if (first === undefined) throw new RangeError("a stream has at least one partition");
  const worst = statuses.reduce((a, b) => (STATES.indexOf(b.state) < STATES.indexOf(a.state) ? b : a));
  const closed = statuses.find((status) => status.closed !== undefined)?.closed;
  return {
    ...worst,
    ...(closed === undefined ? {} : { closed }),
    lagEvents: statuses.reduce((sum, { lagEvents }) => sum + lagEvents, 0),
    lagAge: Math.max(...statuses.map(({ lagAge }) => lagAge)),
    loaded: first.loaded,
  };
}
