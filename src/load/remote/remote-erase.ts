import { randomUUID } from "node:crypto";
import { HeadraceError } from "../../errors.ts";
import { SECOND } from "../../units.ts";
import { pause } from "../backoff.ts";
import type { Calls } from "../calls.ts";
import type { PartitionName } from "../leases.ts";
import type { ErasedCounts, WhatToErase } from "../load.ts";
import type { EraseCall } from "./leased-partition.ts";
import type { PartitionView } from "./partition-view.ts";

/** How much longer than the holder the caller waits for the answer, in milliseconds. */
const ANSWER_GRACE = 2 * SECOND;
/** Before the next holder is asked, in milliseconds. */
const NEXT_HOLDER_PAUSE = 0.2 * SECOND;

/** Has the holder of a partition erase; see `Loader.erase`. While there is none it waits for the next. */
export async function eraseRemotely(
  calls: Calls,
  view: PartitionView,
  partition: PartitionName,
  what: WhatToErase,
  timeout: number,
): Promise<ErasedCounts | undefined> {
  const id = randomUUID();
  const deadline = performance.now() + timeout;
  for (;;) {
    const left = Math.max(0, deadline - performance.now());
    const call: EraseCall = { kind: "erase", id, what, timeout: left };
    try {
      const counts = (await calls.ask(partition, call, left + ANSWER_GRACE)) as ErasedCounts | null;
      return counts ?? undefined;
    } catch (thrown) {
      // It is in the ledger: whoever holds it next will do it.
      if (view.hasErasure(id)) return undefined;
      const { code } = thrown as HeadraceError;
      if (code === "lease_lost") {
        throw new HeadraceError(
          "overloaded",
          "No loader has answered in time: ask again whether it is done",
          {
            cause: thrown,
            retryAfterSeconds: 1,
          },
        );
      }
      // That holder stops, or there is none: nothing is decided yet.
      const isBetween = code === "draining" || (code === "overloaded" && left > NEXT_HOLDER_PAUSE);
      if (!isBetween || left === 0) throw thrown;
    }
    await pause(NEXT_HOLDER_PAUSE, new AbortController().signal);
  }
}
