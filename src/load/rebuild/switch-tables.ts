import type { Position } from "../../log/log.ts";
import type { TableRebuild } from "../../store/store.ts";
import { backoffDelay, pause } from "../backoff.ts";
import type { Ledger } from "../ledger.ts";
import { withoutCounts, type Misfits } from "../ledger-state.ts";
import { LOAD_LIMITS, SWITCH_ATTEMPTS_MAX } from "../limits.ts";
import { LOADER_SUBSCRIPTION } from "../load.ts";
import { keepMisfits, type MisfitWork } from "./keep-misfits.ts";

export interface SwitchWork extends MisfitWork {
  readonly ledger: Ledger;
}

/** Keeps the log from dropping anything that it holds now, until the loader's cursor moves on. Gives the first position. */
export async function pinLog({ log, stream }: MisfitWork): Promise<Position> {
  await log.commit(stream.name, 0, LOADER_SUBSCRIPTION, log.status(stream.name, 0).first);
  // What was dropped until then is gone.
  return log.status(stream.name, 0).first;
}

/**
 * Puts the new table in the old one's place; `endSwitch` then keeps as rejected what it didn't take. Nothing may be loaded meanwhile.
 * The ledger says durably what is to be done before anything is, so that a crash in between leaves nothing out.
 */
export async function switchTables(
  work: SwitchWork,
  anew: TableRebuild,
  misfits: readonly Misfits[],
  signal?: AbortSignal,
): Promise<void> {
  const { log, stream, ledger } = work;
  const { state } = ledger;
  if (state === undefined) throw new RangeError("the tables of a stream without a ledger aren't exchanged");
  const [waiting] = await log.read(stream.name, 0, state.loaded, { bytes: 1, events: 1 });
  // Neither the counts of the latest inserts nor that of the rows hold for the new table.
  await ledger.record({ kind: "state", state: { ...withoutCounts(state), switching: misfits } });
  await finish(anew, waiting?.acceptedAt, signal);
}

/** Ends what the ledger says of a switch, whichever of the tables is in place. */
export async function endSwitch(work: SwitchWork): Promise<void> {
  const { log, store, stream, ledger } = work;
  if (ledger.state?.switching === undefined) return;
  const { switching, ...state } = ledger.state;
  if (state.storeId === store.capabilities.storeId) await keepMisfits(work, switching);
  await ledger.record({ kind: "state", state });
  await log.commit(stream.name, 0, LOADER_SUBSCRIPTION, state.loaded);
}

/** Tried again a few times: the loader waits, and what was filled is worth it. */
async function finish(
  anew: TableRebuild,
  oldest: number | undefined,
  signal: AbortSignal = new AbortController().signal,
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await anew.finish(oldest);
    } catch (error) {
      if (attempt >= SWITCH_ATTEMPTS_MAX || signal.aborted) throw error;
      await pause(
        backoffDelay(attempt, { first: LOAD_LIMITS.retryFirst, max: LOAD_LIMITS.retryMax }),
        signal,
      );
    }
  }
}
