import { HeadraceError } from "../../errors.ts";
import { SECOND } from "../../units.ts";
import { pause } from "../backoff.ts";
import type { CallRequest, Calls } from "../calls.ts";
import type { Leases, PartitionName } from "../leases.ts";
import { REBUILD_TURN_TIMEOUT } from "../limits.ts";
import { fromWire, type WireRebuild } from "../rebuild/rebuild-wire.ts";
import type { RebuildPlan, Rebuilds, RebuildStatus } from "../rebuild/rebuilds.ts";

/** How much longer than the holder the caller waits for the answer, in milliseconds. */
const ANSWER_GRACE = 5 * SECOND;
/** How often it is looked how far a rebuild has got, in milliseconds. */
const LOOK_INTERVAL = 0.25 * SECOND;
/** A rebuild that its holder hasn't told of for so long has ended with that one. Milliseconds. */
const SILENCE_MAX = 30 * SECOND;

/** Rebuilds by calls to the process that loads the stream, and by what that one tells of them. */
export function remoteRebuilds(calls: Calls, leases: Leases, closing: AbortSignal): Rebuilds {
  const ask = async <Value>(stream: string, request: CallRequest): Promise<Value> =>
    (await calls.ask(placeOf(stream), request, REBUILD_TURN_TIMEOUT + ANSWER_GRACE)) as Value;
  const status = (stream: string): RebuildStatus | undefined => {
    const told = leases.holder(placeOf(stream))?.note.rebuild;
    return told === undefined ? undefined : fromWire(told);
  };

  async function ended(stream: string, begun: RebuildStatus): Promise<RebuildStatus> {
    let latest = begun;
    let heardAt = performance.now();
    while (latest.state === "running" && !closing.aborted) {
      await pause(LOOK_INTERVAL, closing);
      const told = status(stream);
      if (told?.id === begun.id) [latest, heardAt] = [told, performance.now()];
      else if (performance.now() - heardAt > SILENCE_MAX) {
        const error = new HeadraceError("lease_lost", "The process that made the table anew has gone");
        return { ...latest, state: "failed", error };
      }
    }
    return latest;
  }

  return {
    plan: (stream) => ask<RebuildPlan>(stream, { kind: "plan rebuild" }),
    async begin(stream, { allowPartial }) {
      const begun = fromWire(await ask<WireRebuild>(stream, { kind: "begin rebuild", allowPartial }));
      return { status: begun, ended: ended(stream, begun) };
    },
    async cancel(stream) {
      const latest = await ask<WireRebuild | null>(stream, { kind: "cancel rebuild" });
      return latest === null ? undefined : fromWire(latest);
    },
    status,
  };
}

/** A log of one partition is what can be rebuilt. */
function placeOf(stream: string): PartitionName {
  return { stream, partition: 0 };
}
