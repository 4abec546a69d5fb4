import { setImmediate as setImmediatePromise } from "node:timers/promises";
import { MINUTE } from "../../src/units.ts";

/** What no request may hold the event loop for. Milliseconds. */
export const HELD_MAX = 50;
/**
 * The time limit of a test that measures turns. It says nothing of them: counting each byte's branches for the coverage,
 * the work takes ten times as long, and on a machine that is busy with other things longer still. Milliseconds.
 */
export const HELD_TEST_TIMEOUT = 3 * MINUTE;
/** A garbage collection can fall into a turn, so the best of a few tries counts. */
const TRIES = 3;

/**
 * The longest turn of the event loop while the work is done, in milliseconds of this thread's processor time, in the
 * best of a few tries. Time on the clock (`monitorEventLoopDelay`) would measure the machine's other processes too.
 */
export async function held(work: () => Promise<void>): Promise<number> {
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < TRIES && best >= HELD_MAX; i++) best = Math.min(best, await longestTurn(work));
  return best;
}

export async function longestTurn(work: () => Promise<void>): Promise<number> {
  let longest = 0;
  let isWorking = true;
  let last = process.threadCpuUsage();
  const turn = (): void => {
    const { user, system } = process.threadCpuUsage(last);
    longest = Math.max(longest, (user + system) / 1000);
    last = process.threadCpuUsage();
    if (isWorking) setImmediate(turn);
  };
  setImmediate(turn);
  await work();
  isWorking = false;
  // Until the turn that the work ended in is over and measured.
  await setImmediatePromise();
  await setImmediatePromise();
  return longest;
}
