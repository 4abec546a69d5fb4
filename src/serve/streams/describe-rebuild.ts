import type { RebuildOutcome, RebuildStatus } from "../../load/rebuild/rebuilds.ts";

/** What answers say of a stream's latest rebuild; null when there was none since the start. */
export function describeRebuild(status: RebuildStatus | undefined) {
  if (status === undefined) return null;
  const { id, state, startedAt, endedAt, done, of, outcome, error } = status;
  return {
    id,
    state,
    started_at: new Date(startedAt).toISOString(),
    ended_at: endedAt === undefined ? null : new Date(endedAt).toISOString(),
    done,
    of,
    outcome: outcome === undefined ? null : outcomeOf(outcome),
    error: error === undefined ? null : { code: error.code, message: error.message },
  };
}

/** An outcome as it is written in JSON, here and by the command line. */
export function outcomeOf({ fromLog, copied, rejected, lost, toLoad }: RebuildOutcome) {
  return { from_log: fromLog, copied, rejected, lost, to_load: toLoad };
}
